"""The first lines of an executable's `__main__.py`: go to the finished set-up, or make it.

`boot.py` puts a `_MULTIPLAT` dict in front of this source and calls `_multiplat_start` behind it.
All of it is compiled at every start of `python app.pex`, so that what a first run needs stays text
until then. Any Python has to parse it, 2.7 too, if only to say what it lacks.
"""

import os
import sys


def _multiplat_caches(root, environ):
    """The folders that may hold set-ups: the one to use, then the one to fall back to."""
    if environ.get("PEX_ROOT"):
        first = os.path.join(os.path.expanduser(environ["PEX_ROOT"]), "multiplat")
    elif root:
        first = os.path.expanduser(os.path.expandvars(root))
    elif os.name == "nt":
        local = environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
        first = os.path.join(local, "multiplat")
    elif os.path.isabs(environ.get("XDG_CACHE_HOME", "")):
        first = os.path.join(environ["XDG_CACHE_HOME"], "multiplat")
    else:
        caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
        first = os.path.join(os.path.expanduser(caches), "multiplat")
    if os.name == "nt":
        temporary = environ.get("TEMP") or environ.get("TMP") or "C:\\Temp"
        return [os.path.abspath(first), os.path.join(temporary, "multiplat")]
    temporary = os.path.join(environ.get("TMPDIR") or "/tmp", "multiplat-%d" % os.geteuid())
    return [os.path.abspath(first), os.path.abspath(temporary)]


def _multiplat_base():
    """The interpreter that this one is, or was made from if it is a virtual environment's."""
    path = getattr(sys, "_base_executable", None) or sys.executable or ""
    return _multiplat_twin(path, "pythonw", "python") if os.name == "nt" else os.path.realpath(path)


def _multiplat_twin(path, name, other):
    """The interpreter beside this one that differs from it in having a console, or not."""
    folder, file = os.path.split(path)
    if file.lower().startswith(name):
        twin = os.path.join(folder, other + file[len(name) :])
        if os.path.exists(twin):
            return twin
    return path


def _multiplat_flags():
    """The options given to Python itself, such as `-X dev`."""
    original = getattr(sys, "orig_argv", None)
    if original is not None:
        end = len(original) - len(sys.argv)
        if end >= 1 and original[end] == sys.argv[0]:
            return original[1:end]
    flags = ["-W" + option for option in sys.warnoptions]
    for name, value in sorted(getattr(sys, "_xoptions", {}).items()):
        flags.append("-X" + name + ("" if value is True else "=" + value))
    for name, letter in _MULTIPLAT_FLAGS:
        flags.extend(["-" + letter] * int(getattr(sys.flags, name, 0) or 0))
    return flags


_MULTIPLAT_FLAGS = (
    ("debug", "d"),
    ("inspect", "i"),
    ("optimize", "O"),
    ("dont_write_bytecode", "B"),
    ("verbose", "v"),
    ("bytes_warning", "b"),
    ("quiet", "q"),
)


def _multiplat_record(folder, executable):
    """What is noted for an interpreter: a set-up's folder, how to start it; None if nothing is."""
    path = folder + os.sep + "from" + os.sep + executable.replace(":", "").lstrip(os.sep)
    try:
        with open(path, "rb") as stream:
            if os.name != "nt" and os.fstat(stream.fileno()).st_uid not in (0, os.geteuid()):
                return None
            lines = os.fsdecode(stream.read()).split("\n")
    except (IOError, OSError):
        return None
    return lines if len(lines) > 3 and os.path.exists(lines[1]) else None


def _multiplat_run(arguments):
    """Become another process; where that cannot be, wait for it and return its exit code."""
    if os.name != "nt":
        os.execv(arguments[0], arguments)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(arguments)


def _multiplat_enter(record, app, flags, names, keep_path):
    """Run the application's entry script in a finished set-up. Does not return."""
    root, python, how = record[:3]
    if os.path.basename(sys.executable or "").lower().startswith("pythonw"):
        python = _multiplat_twin(python, "python", "pythonw")
    environ = os.environ
    known = dict((os.path.normcase(name), name) for name in names)  # noqa: C402
    called = os.path.normcase(os.path.basename(app))
    name = known.get(called) or known.get(os.path.splitext(called)[0]) or names[0]
    script = os.path.join(root, "app", name)
    if not keep_path:
        environ.pop("PYTHONPATH", None)
    environ.pop("PYTHONHOME", None)
    environ.pop("__PYVENV_LAUNCHER__", None)
    environ["_MULTIPLAT_FILE"] = app
    if how == "direct" and not flags:
        arguments = [script] + sys.argv[1:]  # noqa: RUF005 - for Python 2.7
    else:
        arguments = [python] + flags + [script] + sys.argv[1:]  # noqa: RUF005 - for Python 2.7
    sys.exit(_multiplat_run(arguments))


def _multiplat_old_python(data, app):
    """Run under a newer Python from PATH, or say what is needed. Does not return."""
    import subprocess

    environ = dict(os.environ, MULTIPLAT="probe", _MULTIPLAT_SEARCHED="1")
    names = data["pythons"] if "_MULTIPLAT_SEARCHED" not in os.environ else ()
    with open(os.devnull, "r+b") as null:
        for name in names:
            for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
                path = os.path.join(folder, name + (".exe" if os.name == "nt" else ""))
                if not os.path.isfile(path) or os.path.realpath(path) == _multiplat_base():
                    continue
                try:
                    code = subprocess.call(
                        [path, app], env=environ, stdin=null, stdout=null, stderr=null
                    )
                except OSError:
                    continue
                if code == 0:
                    arguments = [path, app] + sys.argv[1:]  # noqa: RUF005 - as above
                    sys.exit(_multiplat_run(arguments))
    sys.exit(
        "%s: needs %s; this is Python %d.%d"
        % ((data["name"], data["needs"]) + tuple(sys.version_info[:2]))  # noqa: RUF005
    )


def _multiplat_load(sources):
    """Make modules of the sources that a first run needs; returns the last one."""
    parent = "hatch_multiplat.runtime"
    kind = type(sys)
    module = package = kind(parent)
    outer = kind("hatch_multiplat")
    outer.__dict__.update(__path__=[], runtime=package)
    package.__dict__.update(__path__=[], sources=dict(sources))
    sys.modules.update({"hatch_multiplat": outer, parent: package})
    for name, source in sources:
        module = sys.modules[parent + "." + name] = kind(parent + "." + name)
        setattr(package, name, module)
        exec(compile(source, "<%s.%s>" % (parent, name), "exec"), module.__dict__)
    return module


def _multiplat_is(path, base):
    """Whether two paths lead to one interpreter."""
    try:
        return os.path.samefile(path, base)
    except OSError:
        return False


def _multiplat_start(data):
    """Hand over to this machine's set-up; returns only if pex's own runtime is asked for."""
    environ = os.environ
    found = environ.pop("_MULTIPLAT_SH", "")  # the interpreter as the header found it on PATH
    for name in environ:
        if name == "__PEX_EXE__" or (name.startswith("PEX_") and name != "PEX_ROOT"):
            return
    app = getattr(globals().get("__loader__"), "archive", None) or os.path.dirname(
        os.path.abspath(__file__)
    )
    if _multiplat_is(sys.argv[0], app):
        app = sys.argv[0]  # as it was called; newer Pythons make the other one absolute
    if sys.version_info < (3, 6):
        _multiplat_old_python(data, app)
    caches = _multiplat_caches(data["root"], environ)
    base = _multiplat_base()
    flags = _multiplat_flags()
    keep_path = data["inherit"] != "false"
    if not any(name == "MULTIPLAT" or name.startswith("_MULTIPLAT_") for name in environ):
        # If the header found this very interpreter, it wants a record by the name it knows.
        known = found if found and _multiplat_is(found, base) else base
        for cache in caches:
            folder = os.path.join(cache, data["id"])
            record = _multiplat_record(folder, base)
            if record and (known == base or _multiplat_record(folder, known)):
                _multiplat_enter(record, app, flags, data["names"], keep_path)
    launch = _multiplat_load(data["sources"])
    record = launch.main(data, app, base, found, caches)
    _multiplat_enter(record, app, flags, data["names"], keep_path)
