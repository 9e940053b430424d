"""What runs inside an environment before the program: checks that it still fits, finds the program.

It runs at every start, under the environment's own Python, so it imports next to nothing. It lies
beside the environment, compiled; the scripts that venv.py writes call `main`.
"""

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

PRIME = 2**30 - 35
DAMAGED = "this file is damaged, download it again"


def signature() -> str:
    """What an environment depends on: this interpreter, this kind of machine, this C library."""
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


def open_lock(root: str) -> int:
    """Open what a lock on an environment is held on: its folder, which keeps systemd-tmpfiles away.

    Where folders cannot be opened it is the file `used`.
    """
    return os.open(root if os.name != "nt" else os.path.join(root, "used"), os.O_RDONLY)


def hold(root: str) -> bool:
    """Mark an environment as in use for as long as we run; False if it is just being removed."""
    try:
        handle = open_lock(root)
    except OSError:
        return False
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return os.path.exists(os.path.join(root, "used"))


def read_bytes(path: str) -> bytes:
    """What is in a file; nothing if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def read_base(root: str) -> str:
    """The interpreter that an environment is of; "" if it does not say."""
    return os.fsdecode(read_bytes(os.path.join(root, "base")))


def has_all_files(root: str) -> bool:
    """Whether no file of an environment is missing.

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
    """Whether this environment seems to be whole.

    That is looked into once a day, and whenever something has come or gone at the top of the
    library. The file `used` has the time of the last look.
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
    if not has_all_files(os.path.dirname(used)):
        return False
    try:
        os.utime(used)
    except OSError:
        return False  # another process has just removed it
    return True


def is_open_to_others(root: str, library: str) -> bool:
    """Whether others can write to a folder of an environment or above: the header cannot see that.

    Who owns them, and that they are real, is looked at before anything is started here.
    """
    names = ("app", "bin", "code", "code/_multiplat", "venv", "venv/bin")
    paths = [root, library, os.path.dirname(library), os.path.dirname(os.path.dirname(root))]
    paths += [os.path.dirname(root), *(os.path.join(root, name) for name in names)]
    try:
        return os.name != "nt" and any(os.lstat(path).st_mode & 0o022 for path in paths)
    except OSError:
        return True


def is_header_intact(file: str, header: str) -> bool:
    """Whether the shell header of our file, but for its first line, is as it was built.

    `header` is its size and its remainder by PRIME: a digest that takes no import. A file that
    begins as a program of Windows does, or with one line of a packager's, has none.
    """
    size, digest = (int(text, 16) for text in header.split())
    try:
        with open(file, "rb") as stream:
            first, lines = stream.readline(), stream.read(size)
    except OSError:
        return False
    has_none = first[:2] == b"MZ" or lines[:2] == b"PK"
    return has_none or int.from_bytes(lines, "big") % PRIME == digest


def check(config: "Dict[str, Any]", root: str, file: str, again: bool, found: str) -> None:
    """Start over under the base interpreter if this environment does not fit it any more.

    Also if the header that led here (by the interpreter `found`) is damaged: launch.py says so.
    """
    environ = os.environ
    library = os.path.join(root, "venv", config["library"])
    asks_pex = any(name.startswith("PEX_") and name != "PEX_ROOT" for name in environ)
    fits = config["signature"] == signature() and config["stamp"] == stamp(read_base(root))
    fits = fits and "MULTIPLAT" not in environ and not asks_pex
    fits = fits and not is_open_to_others(root, library)
    fits = fits and (not found or is_header_intact(file, config["header"]))
    fits = hold(root) and fits and look_after(os.path.join(root, "used"), library)
    if not fits and not again:
        try:
            from . import enter
        except ImportError:  # another process has just removed the environment
            name = os.path.basename(file)
            sys.exit("%s: its environment was removed meanwhile; start it again" % name)

        environ["_MULTIPLAT_FILE"], environ["_MULTIPLAT_AGAIN"] = file, "1"
        if found:
            environ["_MULTIPLAT_SH"] = found
        enter.become([read_base(root), *enter.read_options(), file, *sys.argv[1:]])


def set_path(config: "Dict[str, Any]", venv: str) -> None:
    """Make `sys.path` what an installed application would find."""
    library = os.path.join(venv, config["library"])
    if config["plain"]:
        import site

        known = len(sys.path)
        site.addsitedir(library)
        sys.path[:] = sys.path[known:] + sys.path[:known]
        given = ""
        if config["inherit"] != "false":
            import _multiplat_inherit  # type: ignore[import-not-found]

            given = os.environ.get("PYTHONPATH", "")
            _multiplat_inherit.order(config["inherit"], os.fsencode(venv))
        parts = [given, library] if config["inherit"] == "prefer" else [library, given]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, parts))
    elif sys.flags.no_site:
        import site

        site.main()


def has_room(root: str, size: int) -> bool:
    """Whether a disk has room for what Python compiles: it does not notice if a file is cut short.

    Each later start would then end at that file.
    """
    try:
        status = os.statvfs(root)
    except (AttributeError, OSError):
        return True
    return status.f_bavail * status.f_frsize >= size


def extend_path(how: str, scripts: str) -> None:
    """Put the folder of console scripts on PATH, and the system's own where there is no PATH."""
    parts = [os.environ.get("PATH") or os.defpath]
    if how == "append":
        parts.append(scripts)
    elif how == "prepend":
        parts.insert(0, scripts)
    os.environ["PATH"] = os.pathsep.join(parts)


class Environ:
    """The environment as pex's placeholders ask for it: by attribute or by item, else empty."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name, "")

    __getattr__ = __getitem__


def inject(text: str) -> str:
    """An injected argument with `{pex.env.NAME}` filled in as pex does it; `{{` is a brace."""
    return text.format(pex=type("pex", (), {"env": Environ()}))


def inject_arguments(arguments: "List[str]") -> None:
    """Put the injected arguments first, unless this is our program that starts itself anew.

    A server does at an upgrade, and so do reloaders, with the whole of `sys.argv`, which has them.
    """
    import zlib

    def mark() -> str:
        words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
        return "%d" % zlib.crc32(ascii(words).encode("ascii"))

    if os.environ.get("MULTIPLAT_ARGV") != mark():
        sys.argv[1:1] = [inject(text) for text in arguments]
        os.environ["MULTIPLAT_ARGV"] = mark()


def run_path(path: str) -> None:
    import runpy

    runpy.run_path(path, run_name="__main__")


def run_module(name: str) -> None:
    import runpy

    runpy.run_module(name, run_name="__main__", alter_sys=True)


def find(what: "Dict[str, str]", venv: str) -> "Callable[[], object]":
    """What to call for an entry point or a script's path.

    A program takes our place; so does an interpreter where there is nothing to run.
    """
    if "entry_point" in what:
        module, _, attribute = what["entry_point"].partition(":")
        if not attribute:
            return lambda: run_module(module)
        __import__(module)
        function: object = sys.modules[module]
        for part in attribute.split("."):
            function = getattr(function, part)
        return function  # type: ignore[return-value]
    if "path" in what:
        return lambda: run_path(os.path.join(venv, what["path"]))
    name = os.path.basename(sys.argv[0])
    if "missing" in what:
        sys.exit(
            "%s: no wheel for this platform and Python has a script %r" % (name, what["missing"])
        )
    if "unfit" in what:
        sys.exit("%s: its script is %s, which cannot run here" % (name, what["unfit"]))
    from . import enter

    if not what:
        enter.become([sys.executable, *enter.read_options(), *sys.argv[1:]])
    path = os.path.join(venv, what["program"])
    try:
        enter.become([path, *sys.argv[1:]])
    except OSError as error:
        sys.exit("%s: cannot run %s: %s" % (name, path, error.strerror or error))


def main(config: "Dict[str, Any]", script: str) -> "Callable[[], object]":
    """Check, set the scene, and find what the file runs.

    The script calls it, so that its tracebacks begin as those of a console script do. The first two
    entries of `sys.path` are those that it needed itself, one less under -P and -I.
    """
    environ = os.environ
    root = os.fsdecode(config["root"])
    venv = os.path.join(root, config["venv"]) if config["venv"] else root
    del sys.path[0]
    here = os.path.dirname(os.path.abspath(script))
    if sys.path and sys.path[0] in (here, os.path.realpath(here)):
        del sys.path[0]
    file = environ.pop("_MULTIPLAT_FILE", None)
    again = environ.pop("_MULTIPLAT_AGAIN", None)
    found = environ.pop("_MULTIPLAT_SH", "")
    if file is not None:
        check(config, root, file, again is not None, found)
    elif found:  # the header did not say whose start this is
        sys.exit("%s: %s" % (os.path.basename(script), DAMAGED))
    set_path(config, venv)
    if config["room"] and not sys.dont_write_bytecode:
        sys.dont_write_bytecode = not has_room(root, config["room"])
    extend_path(config["path"], os.path.join(root, config["scripts"]))
    if file is not None:
        environ["PEX"] = os.path.realpath(file)
        sys.argv[0] = file
    for name, value in config["inject_env"].items():
        environ.setdefault(name, value)
    if config["run"] and config["inject_args"]:
        inject_arguments(config["inject_args"])
    return find(config["run"], venv)
