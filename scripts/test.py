"""Run the tests, all or as pytest's arguments say: `python3 scripts/test.py -m "not network"`."""

from __future__ import annotations

import sys

from venvs import make_environment, run


def main() -> None:
    # That of check.py, too: CI runs both, and to install twice takes it half a minute longer.
    python = make_environment("dev", "--editable", ".[cli]", "--group", "dev")
    # A file's tests stay with one process: what they share is built once.
    run(python, "-m", "pytest", "--numprocesses=auto", "--dist=loadfile", *sys.argv[1:])


if __name__ == "__main__":
    main()
