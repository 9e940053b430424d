"""Check everything that is no test: lint, layout, types, layers and documentation."""

from __future__ import annotations

import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from venvs import capture, make_environment

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    python = make_environment("dev", "--editable", ".[cli]", "--group", "dev")
    checks: dict[str, tuple[str | Path, ...]] = {
        "lint": (python, "-m", "ruff", "check", "."),
        "layout": (python, "-m", "ruff", "format", "--check", "."),
        "types": (python, "-m", "mypy"),
        "layers": (python.with_name("lint-imports"), "--no-cache"),
        "pictures": (python, "scripts/drawings.py", "--check"),
        "man page": (python, "scripts/man_page.py", "--check"),
        # Warnings are errors, and a link to a page or heading that is not there is a warning.
        "documentation": (
            *(python, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"),
            *("--fresh-env", "docs", "site"),
        ),
    }
    failed = []
    # As many at a time as there are processors; what they print is shown in order.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(checks, pool.map(capture, checks.values()), strict=True):
            print(f"$ {shlex.join(done.args)}\n{done.stdout}", flush=True)
            failed += [name] if done.returncode else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    print(f"all well: {', '.join(checks)}")


if __name__ == "__main__":
    main()
