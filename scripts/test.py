"""Run the tests, all or as pytest's arguments say: `python3 scripts/test.py -m "not network"`."""

from __future__ import annotations

import os
import sys

from venvs import make_environment, run


def main() -> None:
    # That of check.py, too: CI runs both, and to install twice takes it half a minute longer.
    python = make_environment("dev", "--editable", ".[cli]", "--group", "dev")
    # A file's tests stay with one process, as what they share is built once, and the files keep the
    # order of tests/conftest.py. Some wait for the network, hence more processes than processors.
    workers = f"--numprocesses={2 * (os.cpu_count() or 1)}"
    words = ("--dist=loadfile", "--no-loadscope-reorder", *sys.argv[1:])
    run(python, "-m", "pytest", workers, *words)


if __name__ == "__main__":
    main()
