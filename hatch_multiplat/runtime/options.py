"""The options that this Python was started with, told by what they did.

A wrapper that runs us has words of its own on the command line. What a variable did, as
PYTHONOPTIMIZE, is left to the variable.
"""

import os
import sys

from .enter import FLAGS, UNBUFFERED, read_pyc_check

TYPE_CHECKING = False  # as in enter.py
if TYPE_CHECKING:
    from typing import List, Mapping

ISOLATION = ("ignore_environment", "no_user_site", "safe_path")  # what -I implies


def guess_options() -> "List[str]":
    """The options, in an order of ours."""
    environ: "Mapping[str, str]" = {} if sys.flags.ignore_environment else os.environ
    found = []
    for name, (letter, variable) in FLAGS.items():
        level = int(getattr(sys.flags, name, 0))
        if sys.flags.isolated and name in ISOLATION:
            continue
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
