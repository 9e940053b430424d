"""Go to a finished environment: where it is, whose files count, and how it is started.

The launcher imports this at every start that gets to Python, so it imports next to nothing; the
build makes lines of the shell header from `PLACES`.

ROOT/ID/KEY/         an environment and what starts in it: see venv.py
ROOT/ID/from/PATH    for the interpreter at PATH: KEY, how it is started, by which Python, what PATH
                     led to, and where in KEY the packages are
"""

import os
import stat
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional, Tuple

FOLDER = "multiplat"  # ROOT's own name, below whatever a user or the system names
NAMED, HOME, SHARED = "named", "home", "shared"
# ROOT's parent is the first of these that is an absolute path: the kind of place, the systems it
# is for, a variable, and what follows it. A file's `runtime-root` comes second.
PLACES = (
    (NAMED, "", "PEX_ROOT", ""),
    (HOME, "posix", "XDG_CACHE_HOME", ""),
    (HOME, "darwin", "HOME", "/Library/Caches"),
    (HOME, "posix", "HOME", "/.cache"),
    (HOME, "nt", "LOCALAPPDATA", ""),
    (HOME, "nt", "USERPROFILE", "/AppData/Local"),
)
# What an environment cannot start without; run.py looks after the rest of it.
FILES = (
    *("files", "used", "base", "venv/pyvenv.cfg"),
    *("code/_multiplat/" + name for name in ("__init__.py", "enter.py", "options.py")),
)
# What one start tells the next: do not go there again, do not search again, who was searched for.
MESSAGES = ("_MULTIPLAT_AGAIN", "_MULTIPLAT_SEARCHED", "_MULTIPLAT_FROM")
COERCED = ("c.utf-8", "c.utf8", "utf-8")
PARTICULAR = {"-P", "-Xgil=0"}  # options that some Pythons do not start with
UNBUFFERED = ("FileIO", "_WindowsConsoleIO")  # what is below stdout under -u
# What options of Python set in `sys.flags`, and leave at 0 else: their letters, and the variables
# that do the same.
FLAGS = {
    "debug": ("d", "PYTHONDEBUG"),
    "inspect": ("i", "PYTHONINSPECT"),
    "optimize": ("O", "PYTHONOPTIMIZE"),
    "dont_write_bytecode": ("B", "PYTHONDONTWRITEBYTECODE"),
    "no_site": ("S", ""),
    "verbose": ("v", "PYTHONVERBOSE"),
    "bytes_warning": ("b", ""),
    "quiet": ("q", ""),
    "isolated": ("I", ""),
    "ignore_environment": ("E", ""),
    "no_user_site": ("s", "PYTHONNOUSERSITE"),
    "safe_path": ("P", "PYTHONSAFEPATH"),
}


class Place:
    """A folder for environments, and its kind: it says whose files count there."""

    def __init__(self, root: str, kind: str) -> None:
        self.root, self.kind, self.private = root, kind, False

    def trusts(self, path: str) -> bool:
        """Whether all from ROOT down to `path` is real, and nobody else can have written it.

        Whose files count: in every place the user's own; in one that the user named also root's,
        if all folders above are root's alone, so that an image can hold an environment for all.
        """
        try:
            if os.name == "nt":  # the user's profile is the system's affair
                if self.kind == NAMED and not self.private:
                    from . import windows

                    self.private = windows.is_private(self.root)
                return os.path.exists(path or self.root) and (self.private or self.kind == HOME)
            owner = os.lstat(self.root).st_uid
            if owner != os.geteuid() and not (self.kind == NAMED and is_roots_alone(self.root)):
                return False
            at = self.root
            for name in ["", *path[len(self.root) :].strip(os.sep).split(os.sep)]:
                at = os.path.join(at, name) if name else at
                status = os.lstat(at)
                if stat.S_ISLNK(status.st_mode) or status.st_uid != owner:
                    return False
                if status.st_mode & 0o022:
                    return False
        except (ImportError, OSError):
            return False
        return True


def is_roots_alone(path: str) -> bool:
    """Whether a folder and all above it are real, root's, and writable by nobody else."""
    while True:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid or status.st_mode & 0o022:
            return False
        if path == os.path.dirname(path):
            return True
        path = os.path.dirname(path)


def find_place(runtime_root: "Optional[str]") -> "Optional[Place]":
    """The place that environments belong in; a path that is not absolute does not count."""
    places = list(PLACES)
    if runtime_root:
        root = os.fsdecode(runtime_root.encode("utf-8"))  # as the shell header has it
        places.insert(1, (NAMED, "", "", root))
    for kind, only, variable, rest in places:
        if only not in ("", os.name, sys.platform):
            continue
        path = os.environ.get(variable, "")
        if variable == "HOME" and not path:
            path = read_home()
        elif not variable:
            path = os.path.expandvars(os.path.expanduser(rest))
            path = "" if "$" in path else path  # a variable that is not set
        if is_absolute(path):
            path += rest if variable else ""
            return Place(os.path.join(os.path.normpath(path), FOLDER), kind)
    return None


def is_absolute(path: str) -> bool:
    r"""Whether a path means the same in every folder: on Windows, `\path` depends on the disk."""
    return os.path.isabs(path) and (os.name != "nt" or bool(os.path.splitdrive(path)[0]))


def read_home() -> str:
    """The home that the system notes for this user; "" if it knows none."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""


def find_interpreter() -> str:
    """The path of this interpreter, or of the one that a virtual environment is of; or "".

    Python itself goes by the name that it was called by, which a parent may have made up.
    """
    path = getattr(sys, "_base_executable", None) or sys.executable or ""
    if os.name == "nt":
        return find_twin(path, "pythonw", "python")
    path = os.path.realpath(path) if path else ""
    own = os.path.realpath("/proc/self/exe")
    known = os.path.basename(own).startswith(("python", "pypy"))
    if known and os.path.exists(own) and not is_same(path, own):  # it may be replaced by now
        path = own
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else ""


def find_twin(path: str, name: str, other: str) -> str:
    """The interpreter beside this one that differs from it in having a console, or not."""
    folder, file = os.path.split(path)
    if file.lower().startswith(name):
        twin = os.path.join(folder, other + file[len(name) :])
        if os.path.exists(twin):
            return twin
    return path


def record_path(folder: str, python: str) -> str:
    """Where the record for an interpreter is; the shell header knows this rule too."""
    return folder + os.sep + "from" + os.sep + python.replace(":", "").lstrip(os.sep)


def read_record(
    place: "Place", build: str, python: str, command: str
) -> "Optional[Tuple[str, str, str]]":
    """An environment's folder, how to start it, and its interpreter.

    None if there is no environment yet, or if it lacks what a start needs.
    """
    folder = os.path.join(place.root, build)
    path = record_path(folder, python)
    if not place.trusts(path):
        return None
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as stream:
            key, how, base, _, library = os.fsdecode(stream.read()).split("\n")[:5]
    except (OSError, ValueError):
        return None
    root = os.path.join(folder, key)
    good = is_trusted(place, root, (library, "app/" + command))
    return (root, how, base) if good and os.path.exists(start_of(root, how, base)) else None


def is_trusted(place: "Place", root: str, more: "Tuple[str, ...]") -> bool:
    """Whether an environment has all that a start needs, and nobody else can have written it."""
    parts = (*FILES, "bin", "venv/" + VENV_PYTHON[0], *more)
    return all(place.trusts(os.path.join(root, *part.split("/"))) for part in parts)


def start_of(root: str, how: str, base: str) -> str:
    """The interpreter to start in an environment: its own, or the base where it has none."""
    if how == "base":
        return base
    return os.path.join(root, "venv", *VENV_PYTHON)


VENV_PYTHON = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")


def enter(about: "Dict[str, Any]", record: "Tuple[str, str, str]", app: str) -> "NoReturn":
    """Run the application's script in a finished environment."""
    root, how, base = record
    options = read_options()
    environ = os.environ
    given = environ.pop("_MULTIPLAT_PYTHONPATH", None)
    if about["inherit_path"] == "false":
        environ.pop("PYTHONPATH", None)
    elif given is not None:
        environ["PYTHONPATH"] = given
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        environ.pop(name, None)
    forget_coercion()
    environ["_MULTIPLAT_FILE"] = app
    if PARTICULAR.intersection(options) and not is_same(base, find_interpreter()):
        options = [word for word in options if is_known(word, root)]
    script = os.path.join(root, "app", name_of(app, about["commands"]))
    direct = how == "direct" and not options
    start = [script] if direct else [start_of(root, how, base), *options, script]
    become(start + sys.argv[1:])


def forget_coercion() -> None:
    """Take out what this Python has set in the locale C (PEP 538), as the next one does again."""
    environ, flags = os.environ, sys.flags
    plain = not environ.get("LC_ALL") and environ.get("LC_CTYPE", "").lower() in COERCED
    asked = "PYTHONUTF8" in environ or "utf8" in getattr(sys, "_xoptions", {})
    if plain and not asked and sys.version_info < (3, 15) and getattr(flags, "utf8_mode", False):
        del environ["LC_CTYPE"]


def is_known(option: str, root: str) -> bool:
    """Whether an environment's Python starts with an option.

    -P came with 3.11; from 3.13 on, only a free-threaded Python takes -X gil=0.
    """
    with open(os.path.join(root, "venv", "pyvenv.cfg"), "rb") as stream:
        minor = int(stream.read().rpartition(b"version = 3.")[2].partition(b".")[0])
    if option == "-P":
        return minor >= 11
    free = os.path.join(root, "venv", "lib", "python3.%dt" % minor)
    return option != "-Xgil=0" or minor < 13 or os.path.exists(free)


def become(arguments: "List[str]") -> "NoReturn":
    """Become another process, or what comes closest to it.

    Under a Python of Windows that has no console, the next one is of that kind too.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()  # a wrapper that runs us may have written something
        except (AttributeError, OSError, ValueError):
            pass
    if os.name != "nt":
        os.execv(arguments[0], arguments)
    from . import windows

    python = arguments[0]
    if os.path.basename(sys.executable or "").lower().startswith("pythonw"):
        python = find_twin(python, "python", "pythonw")
    windows.become([python, *arguments[1:]])


def read_pyc_check() -> str:
    """What `--check-hash-based-pycs` says, which came with 3.7."""
    return str(getattr(sys.modules.get("_imp"), "check_hash_based_pycs", "default"))


def read_options() -> "List[str]":
    """The options that this Python was started with, such as `-X dev`; most starts have none."""
    plain = not any(getattr(sys.flags, name, 0) for name in FLAGS)
    kind = type(getattr(sys.__stdout__ or sys.__stderr__, "buffer", None)).__name__
    if (
        plain
        and not sys.warnoptions
        and not getattr(sys, "_xoptions", {})
        and read_pyc_check() == "default"
        and kind not in UNBUFFERED
    ):
        return []
    from . import options

    return options.guess_options()


def name_of(app: str, commands: "List[str]") -> str:
    """The command that runs if the file goes by this name."""
    known = {os.path.normcase(name): name for name in commands}
    called = os.path.normcase(os.path.basename(app))
    return known.get(called) or known.get(os.path.splitext(called)[0]) or commands[0]


def enter_finished(about: "Dict[str, Any]", app: str, base: str, found: str) -> None:
    """Go to this interpreter's environment; returns if there is none, or more is asked for.

    Whether the fallback is to be used is never read from there, but seen from the first place.
    """
    if any(name in os.environ for name in ("MULTIPLAT", *MESSAGES)):
        return
    command = name_of(app, about["commands"])
    # If the header found this very interpreter, it wants a record by the name it knows.
    known = found if found and is_same(found, base) else base
    place = find_place(about["runtime_root"])
    for is_last in (False, True):
        record = place and read_record(place, about["id"][:16], base, command)
        if (
            place
            and record
            and (known == base or read_record(place, about["id"][:16], known, command))
        ):
            enter(about, record, app)
        if not is_last:
            from . import places

            place = None if place and places.is_good(place) else places.find_fallback()


def is_same(path: str, base: str) -> bool:
    """Whether two paths lead to one interpreter."""
    try:
        return os.path.samefile(path, base)
    except OSError:
        return False
