"""The script that a set-up starts with: checks that it still fits, then runs the application.

It runs at every start, under the set-up's own Python, so it imports next to nothing. `CONFIG` is
filled in when the set-up is made.
"""

import os
import sys

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


def is_unusual(environ) -> bool:  # type: ignore[no-untyped-def]
    """Whether a variable asks for something else than a plain run."""
    for name in environ:
        if name.startswith("PEX_") and name != "PEX_ROOT" or name == "MULTIPLAT":
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


def start(arguments) -> None:  # type: ignore[no-untyped-def]
    """Become another process; where that cannot be, wait for it and leave with its exit code."""
    if os.name != "nt":
        os.execv(arguments[0], arguments)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.call(arguments))


def interpreter_flags():  # type: ignore[no-untyped-def]
    """The options that this Python was started with."""
    original = getattr(sys, "orig_argv", None)
    if original:
        return original[1 : len(original) - len(sys.argv)]
    import subprocess

    return subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]


def inherit(how: str, library: str) -> None:
    """Order `sys.path` so that what is outside comes after our packages, or before them."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    before = [path for path in sys.path if path in given]
    own = [path for path in sys.path if path == library or path.startswith(library + os.sep)]
    sites = [
        path
        for path in sys.path
        if os.path.basename(path) in ("site-packages", "dist-packages") and path not in own + before
    ]
    outer = before + sites
    standard = [path for path in sys.path if path not in own + outer]
    sys.path[:] = standard + (outer + own if how == "prefer" else own + outer)


def main():  # type: ignore[no-untyped-def]
    """Check, set the scene, and run what the file runs."""
    environ = os.environ
    file = environ.pop("_MULTIPLAT_FILE", None)
    again = environ.pop("_MULTIPLAT_AGAIN", None)
    config = CONFIG
    if file is not None:
        fits = config["signature"] == signature() and config["stamp"] == stamp(config["base"])
        fits = fits and not is_unusual(environ)
        fits = hold(config["used"]) and fits
        if not fits and not again:
            environ["_MULTIPLAT_FILE"], environ["_MULTIPLAT_AGAIN"] = file, "1"
            start([config["base"]] + interpreter_flags() + [file] + sys.argv[1:])
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] in (here, os.path.realpath(here)):
        del sys.path[0]
    if sys.flags.no_site or config["plain"]:
        import site

        if config["plain"]:
            environ["PYTHONPATH"] = config["library"]
            known = len(sys.path)
            site.addsitedir(config["library"])
            sys.path[:] = sys.path[known:] + sys.path[:known]
        else:
            site.main()
    if config["inherit"] != "false":
        inherit(config["inherit"], config["library"])
    path = environ.get("PATH")
    environ["PATH"] = config["scripts"] + (os.pathsep + path if path else "")
    if file is not None:
        environ["PEX"] = os.path.realpath(file)
        sys.argv[0] = file
    for name, value in config["inject_env"].items():
        environ.setdefault(name, value)
    sys.argv[1:1] = [inject(text) for text in config["inject_args"]]
    run = config["run"]
    if not run:
        start([sys.executable] + interpreter_flags() + sys.argv[1:])
    if "path" in run:
        import runpy

        runpy.run_path(run["path"], run_name="__main__")
        return None
    module, _, attribute = run["entry_point"].partition(":")
    if not attribute:
        import runpy

        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return None
    __import__(module)
    function = sys.modules[module]
    for name in attribute.split("."):
        function = getattr(function, name)
    return function()  # type: ignore[operator]


def inject(text: str) -> str:
    """An injected argument with `{pex.env[NAME]}` filled in, as pex does it."""
    if "{" not in text:
        return text

    class Pex:
        env = dict(os.environ)

    return text.format(pex=Pex)


if __name__ == "__main__":
    sys.exit(main())
