"""`python -m git_inspect` is the command too."""

from __future__ import annotations

import sys

from git_inspect.cli import main

if __name__ == "__main__":
    sys.exit(main())
