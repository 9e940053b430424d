"""Build example_project/ with one ordinary build, and run the executable that it leaves."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from venvs import ROOT, VENVS, make_environment, run

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "example_project"


def main() -> None:
    python = make_environment("example", "build")
    constraints = make_constraints(python)
    shutil.rmtree(EXAMPLE / "dist", ignore_errors=True)
    run(python, "-m", "build", EXAMPLE, extra_env={"PIP_CONSTRAINT": constraints})
    (executable,) = (EXAMPLE / "dist").glob("*.pex")
    run(sys.executable, executable, ROOT)


def make_constraints(python: Path) -> str:
    """Return the URL of a constraints file by which pip takes hatch-multiplat from this checkout.

    It is not on PyPI yet, and an isolated build installs what the project requires for building.
    """
    wheels = VENVS / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT)
    (wheel,) = wheels.glob("*.whl")
    constraints = wheels / "constraints.txt"
    constraints.write_text(f"hatch-multiplat @ {wheel.as_uri()}\n", "utf-8")
    return constraints.as_uri()  # A URL, as pip takes a path with a space in it for two.


if __name__ == "__main__":
    main()
