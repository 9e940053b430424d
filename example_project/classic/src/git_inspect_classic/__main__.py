"""`python -m git_inspect_classic` is the command too."""

import sys

from git_inspect_classic import main

if __name__ == "__main__":
    sys.exit(main())
