"""How one Python becomes another; boot.py puts this text into the preamble and into entry.py.

Any Python has to parse it, as it has to parse the preamble, so that types stand in comments.
"""

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Callable, Iterable, List, NoReturn  # noqa: F401 - comments name them


def multiplat_asks_pex(names):
    # type: (Iterable[str]) -> bool
    """Whether a variable asks for pex's own runtime: any of pex's but the one for a folder.

    A shell cannot list variables without starting a process. The header knows those that pex has
    today, and goes on with others, until it comes to us.
    """
    return any(name.startswith("PEX_") and name != "PEX_ROOT" for name in names)


def multiplat_flags(guess):
    # type: (Callable[[], List[str]]) -> List[str]
    """The options that this Python was started with, such as `-X dev`.

    Call it before `sys.argv` is changed. Python has a list of them since 3.10; else `guess` counts.
    """
    original = getattr(sys, "orig_argv", None)
    if original is not None:
        end = len(original) - len(sys.argv)
        if end >= 1 and original[end] == sys.argv[0]:
            return list(original[1:end])
    return guess()


def multiplat_twin(path, name, other):
    # type: (str, str, str) -> str
    """The interpreter beside this one that differs from it in having a console, or not."""
    folder, file = os.path.split(path)
    if file.lower().startswith(name):
        twin = os.path.join(folder, other + file[len(name) :])
        if os.path.exists(twin):
            return twin
    return path


def multiplat_become(arguments):
    # type: (List[str]) -> NoReturn
    """Become another process; where that cannot be, wait for it and leave with its exit code.

    Under a Python of Windows that has no console, the next one is of that kind too.
    """
    if os.name != "nt":
        os.execv(arguments[0], arguments)
    import signal
    import subprocess

    python = arguments[0]
    if os.path.basename(sys.executable or "").lower().startswith("pythonw"):
        python = multiplat_twin(python, "python", "pythonw")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.call([python] + arguments[1:]))  # noqa: RUF005 - for Python 2.7
