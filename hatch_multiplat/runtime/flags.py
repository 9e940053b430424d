"""Which options this Python was started with, where it does not say: before 3.10.

boot.py puts this text into entry.py. What an option did can be seen; what a variable did, as
PYTHONOPTIMIZE, is left to the variable.
"""

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import List, Mapping

# An option's name in `sys.flags`, its letter, and the variable that does the same.
FLAGS = (
    ("debug", "d", "PYTHONDEBUG"),
    ("inspect", "i", "PYTHONINSPECT"),
    ("optimize", "O", "PYTHONOPTIMIZE"),
    ("dont_write_bytecode", "B", "PYTHONDONTWRITEBYTECODE"),
    ("no_site", "S", ""),
    ("verbose", "v", "PYTHONVERBOSE"),
    ("bytes_warning", "b", ""),
    ("quiet", "q", ""),
    ("isolated", "I", ""),
)
ISOLATION = (  # what -I implies
    ("ignore_environment", "E", ""),
    ("no_user_site", "s", "PYTHONNOUSERSITE"),
    ("safe_path", "P", "PYTHONSAFEPATH"),
)


def guess_flags() -> "List[str]":
    """The options, in an order of ours."""
    environ: "Mapping[str, str]" = {} if sys.flags.ignore_environment else os.environ
    flags = []
    for name, letter, variable in FLAGS + (() if sys.flags.isolated else ISOLATION):
        level = int(getattr(sys.flags, name, 0))
        value = environ.get(variable, "")
        if level > (int(value) if value.isdigit() else bool(value)):
            flags.append("-" + letter * level)
    if is_unbuffered() and not environ.get("PYTHONUNBUFFERED"):
        flags.append("-u")
    options = getattr(sys, "_xoptions", {})
    for name, text in sorted(options.items()):
        flags.append("-X" + name + ("" if text is True else "=" + text))
    # In front is what -X dev and PYTHONWARNINGS ask for, behind what -b does.
    warnings = list(sys.warnoptions)
    given = environ.get("PYTHONWARNINGS")
    for implied in (["default"] if "dev" in options else [], given.split(",") if given else []):
        if implied and warnings[: len(implied)] == implied:
            del warnings[: len(implied)]
    if sys.flags.bytes_warning and warnings and warnings[-1].endswith("::BytesWarning"):
        del warnings[-1]
    return flags + ["-W" + text for text in warnings]


def is_unbuffered() -> bool:
    """Whether what is written to stdout goes to the file at once."""
    stream = sys.__stdout__ or sys.__stderr__
    kind = type(getattr(stream, "buffer", None)).__name__
    return kind in ("FileIO", "_WindowsConsoleIO")
