"""Build example_project/ with one ordinary build, and run the executable that it leaves."""

from __future__ import annotations

import shutil
import sys

from venvs import ROOT, VENVS, make_environment, run

EXAMPLE = ROOT / "example_project"


def main() -> None:
    python = make_environment("example", "build")

    # hatch-multiplat is not on PyPI yet: the build's pip is told to take this checkout's wheel.
    wheels = VENVS / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT)
    (wheel,) = wheels.glob("*.whl")
    constraints = wheels / "constraints.txt"
    constraints.write_text(f"hatch-multiplat @ {wheel.as_uri()}\n", "utf-8")

    shutil.rmtree(EXAMPLE / "dist", ignore_errors=True)
    run(python, "-m", "build", EXAMPLE, extra_env={"PIP_CONSTRAINT": constraints.as_uri()})

    (executable,) = (EXAMPLE / "dist").glob("*.pex")
    run(sys.executable, executable, ROOT)


if __name__ == "__main__":
    main()
