"""What a set-up starts with: checks that it still fits, then finds what the application runs.

It runs at every start, under the set-up's own Python, so it imports next to nothing. `CONFIG` is
filled in when the set-up is made. In a folder made by `MULTIPLAT=venv` this is the script itself.
"""

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Callable

CONFIG = {}  # type: ignore[var-annotated]


def signature() -> str:
    """What a set-up depends on: this interpreter, this kind of machine, this C library."""
    implementation = sys.implementation
    parts = [
        str(implementation.cache_tag),
        "%x" % sys.hexversion,
        ".".join(map(str, implementation.version[:3])),
        str(getattr(sys, "abiflags", "")),
        str(getattr(implementation, "_multiarch", "")),
        str(sys.maxsize.bit_length() + 1),
    ]
    if hasattr(os, "uname"):
        uname = os.uname()
        parts.append(uname.machine)
        if sys.platform == "darwin":
            parts.append(uname.release.split(".")[0])
    try:
        parts.append(os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, ValueError, OSError):
        pass
    return " ".join(parts)


def stamp(base: str) -> str:
    """What changes when a Python is replaced that Windows made us copy parts of."""
    if os.name != "nt":
        return ""
    try:
        status = os.stat(base)
    except OSError:
        return "gone"
    return "%d %d" % (status.st_size, status.st_mtime)


def is_unusual(environ: "os._Environ[str]") -> bool:
    """Whether a variable asks for something else than a plain run."""
    for name in environ:
        if (name.startswith("PEX_") and name != "PEX_ROOT") or name == "MULTIPLAT":
            return True
    return False


def hold(path: str) -> bool:
    """Mark this set-up as in use for as long as we run; False if it is just being removed."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except PermissionError:
        return True  # prepared by another user, who looks after it
    except OSError:
        return False
    try:
        import time

        if time.time() - os.fstat(handle).st_mtime > 86400:
            os.utime(path)
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def start(arguments: "list[str]") -> None:
    """Become another process; where that cannot be, wait for it and leave with its exit code.

    Under a Python that opens no window, the next one is of that kind too.
    """
    if os.name != "nt":
        os.execv(arguments[0], arguments)
    import signal
    import subprocess

    folder, name = os.path.split(arguments[0])
    windowless = os.path.join(folder, "pythonw" + name[len("python") :])
    if is_windowless(sys.executable) and not is_windowless(name) and os.path.exists(windowless):
        arguments = [windowless, *arguments[1:]]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.call(arguments))


def is_windowless(python: str) -> bool:
    """Whether this is the Python of Windows that has no console."""
    return os.path.basename(python).lower().startswith("pythonw")


def interpreter_flags() -> "list[str]":
    """The options that this Python was started with."""
    original = getattr(sys, "orig_argv", None)
    if original:
        flags: "list[str]" = original[1 : len(original) - len(sys.argv)]
        return flags
    import subprocess

    return list(subprocess._args_from_interpreter_flags())  # type: ignore[attr-defined] # noqa: SLF001


def check(file: str, again: bool) -> None:
    """Start over under the base interpreter if this set-up does not fit it any more."""
    environ = os.environ
    fits = CONFIG["signature"] == signature() and CONFIG["stamp"] == stamp(CONFIG["base"])
    fits = fits and not is_unusual(environ)
    fits = hold(CONFIG["used"]) and fits
    if not fits and not again:
        environ["_MULTIPLAT_FILE"], environ["_MULTIPLAT_AGAIN"] = file, "1"
        start([CONFIG["base"], *interpreter_flags(), file, *sys.argv[1:]])


def set_path() -> None:
    """Make `sys.path` what an installed application would find."""
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] in (here, os.path.realpath(here)):
        del sys.path[0]
    library = CONFIG["library"]
    if CONFIG["plain"]:
        import site

        known = len(sys.path)
        site.addsitedir(library)
        sys.path[:] = sys.path[known:] + sys.path[:known]
        given = ""
        if CONFIG["inherit"] != "false":
            import _multiplat_inherit  # type: ignore[import-not-found]

            given = os.environ.get("PYTHONPATH", "")
            _multiplat_inherit.order()
        parts = [given, library] if CONFIG["inherit"] == "prefer" else [library, given]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, parts))
    elif sys.flags.no_site:
        import site

        site.main()


class Environ:
    """The environment as pex's placeholders ask for it: by attribute or by item, else empty."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name, "")

    __getattr__ = __getitem__


def inject(text: str) -> str:
    """An injected argument with `{pex.env.NAME}` filled in as pex does it; `{{` is a brace."""
    return text.format(pex=type("pex", (), {"env": Environ()}))


def run_path(path: str) -> None:
    import runpy

    runpy.run_path(path, run_name="__main__")


def run_module(name: str) -> None:
    import runpy

    runpy.run_module(name, run_name="__main__", alter_sys=True)


def find(what: "dict[str, str]") -> "Callable[[], object]":
    """What to call for a script's path or an entry point; for neither, become an interpreter."""
    if not what:
        start([sys.executable, *interpreter_flags(), *sys.argv[1:]])
    if "missing" in what:
        name, script = os.path.basename(sys.argv[0]), what["missing"]
        sys.exit("%s: no wheel for this platform and Python has a script %r" % (name, script))
    if "path" in what:
        return lambda: run_path(what["path"])
    module, _, attribute = what["entry_point"].partition(":")
    if not attribute:
        return lambda: run_module(module)
    __import__(module)
    function: object = sys.modules[module]
    for name in attribute.split("."):
        function = getattr(function, name)
    return function  # type: ignore[return-value]


def main() -> "Callable[[], object]":
    """Check, set the scene, and find what the file runs.

    The caller calls it, so that its tracebacks begin as those of a console script do.
    """
    environ = os.environ
    file = environ.pop("_MULTIPLAT_FILE", None)
    again = environ.pop("_MULTIPLAT_AGAIN", None)
    if file is not None:
        check(file, again is not None)
    set_path()
    path = environ.get("PATH")
    environ["PATH"] = CONFIG["scripts"] + (os.pathsep + path if path else "")
    if file is not None:
        environ["PEX"] = os.path.realpath(file)
        sys.argv[0] = file
    for name, value in CONFIG["inject_env"].items():
        environ.setdefault(name, value)
    if CONFIG["run"]:
        sys.argv[1:1] = [inject(text) for text in CONFIG["inject_args"]]
    return find(CONFIG["run"])


if __name__ == "__main__":
    sys.exit(main()())  # type: ignore[arg-type]
