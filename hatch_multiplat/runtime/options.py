"""The options that this Python was started with, told by what they did.

A wrapper that runs us has words of its own on the command line. What a variable did, as
PYTHONOPTIMIZE, is left to the variable.
"""

import os
import sys

from .enter import UNBUFFERED, read_pyc_check

TYPE_CHECKING = False  # as in enter.py
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


def guess_options() -> "List[str]":
    """The options, in an order of ours."""
    environ: "Mapping[str, str]" = {} if sys.flags.ignore_environment else os.environ
    found = []
    for name, letter, variable in FLAGS + (() if sys.flags.isolated else ISOLATION):
        level = int(getattr(sys.flags, name, 0))
        value = environ.get(variable, "")
        if level > (int(value) if value.isdigit() else bool(value)):
            found.append("-" + letter * level)
    stream = sys.__stdout__ or sys.__stderr__
    kind = type(getattr(stream, "buffer", None)).__name__
    if kind in UNBUFFERED and not environ.get("PYTHONUNBUFFERED"):
        found.append("-u")
    options = getattr(sys, "_xoptions", {})
    for name, text in sorted(options.items()):
        found.append("-X" + name + ("" if text is True else "=" + text))
    if read_pyc_check() != "default":
        found += ["--check-hash-based-pycs", read_pyc_check()]
    # In front is what -X dev and PYTHONWARNINGS ask for, behind what -b does.
    warnings = list(sys.warnoptions)
    given = environ.get("PYTHONWARNINGS")
    for implied in (["default"] if "dev" in options else [], given.split(",") if given else []):
        if implied and warnings[: len(implied)] == implied:
            del warnings[: len(implied)]
    if sys.flags.bytes_warning and warnings and warnings[-1].endswith("::BytesWarning"):
        del warnings[-1]
    found += ["-W" + text for text in warnings]
    return [word for word in found if word not in ("-X", "-W")]  # without a text
