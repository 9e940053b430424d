"""What a set-up starts with: checks that it still fits, then finds what the application runs.

It runs at every start, under the set-up's own Python, so it imports next to nothing. `CONFIG` is
filled in when the set-up is made. In a folder made by `MULTIPLAT=venv` this is the script itself.
"""

import os
import sys

from hatch_multiplat.runtime.becoming import multiplat_asks_pex, multiplat_become, multiplat_flags
from hatch_multiplat.runtime.flags import guess_flags

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


def hold(path: str) -> bool:
    """Mark this set-up as in use for as long as we run; False if it is just being removed."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def is_whole(root: str) -> bool:
    """Whether no file of a set-up is missing.

    The time of last access of each is set, as some systems remove old files from a temporary
    folder, one by one.
    """
    import time

    try:
        with open(os.path.join(root, "files"), "rb") as stream:
            names = os.fsdecode(stream.read()).split("\0")
        now = int(time.time() * 10**9)
        for name in names:
            path = os.path.join(root, name)
            status = os.lstat(path)
            if not os.path.islink(path):
                try:
                    os.utime(path, ns=(now, status.st_mtime_ns))
                except OSError:
                    pass  # another user's, or on a disk that is read only
    except OSError:
        return False
    return True


def look_after(used: str, library: str) -> bool:
    """Whether this set-up seems to be whole, which is looked into once a day.

    And whenever something has come or gone at the top of the library. The file `used` has the time
    of the last look.
    """
    import time

    try:
        changed, seen = os.stat(library).st_mtime_ns, os.stat(used).st_mtime_ns
    except OSError:
        return False
    if changed < seen and abs(time.time() - seen / 10**9) < 86400:
        return True
    if not os.access(used, os.W_OK):
        return True  # another user's, or on a disk that is read only: who could mend it?
    if not is_whole(os.path.dirname(used)):
        return False
    try:
        os.utime(used)
    except OSError:
        return False  # another process has just removed it
    return True


def check(file: str, again: bool) -> None:
    """Start over under the base interpreter if this set-up does not fit it any more."""
    environ = os.environ
    fits = CONFIG["signature"] == signature() and CONFIG["stamp"] == stamp(CONFIG["base"])
    fits = fits and "MULTIPLAT" not in environ and not multiplat_asks_pex(environ)
    fits = hold(CONFIG["used"]) and fits and look_after(CONFIG["used"], CONFIG["library"])
    if not fits and not again:
        flags = multiplat_flags(guess_flags)
        environ["_MULTIPLAT_FILE"], environ["_MULTIPLAT_AGAIN"] = file, "1"
        multiplat_become([CONFIG["base"], *flags, file, *sys.argv[1:]])


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


def inject_arguments() -> None:
    """Put the injected arguments first, unless this is our program that starts itself anew.

    A server does at an upgrade, and so do reloaders, with the whole of `sys.argv`, which has them.
    """
    import zlib

    def mark() -> str:
        words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
        return "%d" % zlib.crc32(ascii(words).encode("ascii"))

    if os.environ.get("MULTIPLAT_ARGV") != mark():
        sys.argv[1:1] = [inject(text) for text in CONFIG["inject_args"]]
        os.environ["MULTIPLAT_ARGV"] = mark()


def run_path(path: str) -> None:
    import runpy

    runpy.run_path(path, run_name="__main__")


def run_module(name: str) -> None:
    import runpy

    runpy.run_module(name, run_name="__main__", alter_sys=True)


def find(what: "dict[str, str]", flags: "list[str]") -> "Callable[[], object]":
    """What to call for a script's path or an entry point; for neither, become an interpreter."""
    if not what:
        multiplat_become([sys.executable, *flags, *sys.argv[1:]])
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
    flags = [] if CONFIG["run"] else multiplat_flags(guess_flags)
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
    if CONFIG["run"] and CONFIG["inject_args"]:
        inject_arguments()
    return find(CONFIG["run"], flags)


if __name__ == "__main__":
    sys.exit(main()())  # type: ignore[arg-type]
