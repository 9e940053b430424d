"""The first lines of an executable's `__main__.py`: go to the finished set-up, or make it.

`boot.py` puts a `_MULTIPLAT` dict in front of this source and calls `_multiplat_start` behind it.
All of it is compiled at every start of `python app.pex`, so that what a first run needs stays text
until then. Any Python has to parse it, 2.7 too, if only to say what it lacks.
"""

import os
import sys

from hatch_multiplat.runtime.becoming import (
    multiplat_asks_pex,
    multiplat_become,
    multiplat_flags,
    multiplat_twin,
)


def _multiplat_caches(root, environ):
    """The folders that may hold set-ups: the one to use, then the one to fall back to.

    A root that is not whole, as one that names a variable which is not set, counts as none.
    """
    root = os.path.expanduser(os.path.expandvars(root or ""))
    if environ.get("PEX_ROOT"):
        first = os.path.join(os.path.expanduser(environ["PEX_ROOT"]), "multiplat")
    elif os.path.isabs(root) and "$" not in root:
        first = root
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
    return multiplat_twin(path, "pythonw", "python") if os.name == "nt" else os.path.realpath(path)


def _multiplat_record(folder, executable, name):
    """What is noted for an interpreter: a set-up's folder, how to start it; None if nothing is.

    Nor if the set-up lacks what it takes to start; entry.py looks after the rest of it.
    """
    path = folder + os.sep + "from" + os.sep + executable.replace(":", "").lstrip(os.sep)
    try:
        with open(path, "rb") as stream:
            if os.name != "nt" and os.fstat(stream.fileno()).st_uid not in (0, os.geteuid()):
                return None
            lines = os.fsdecode(stream.read()).split("\n")
    except (IOError, OSError):
        return None
    if len(lines) < 5 or not os.path.exists(lines[1]):
        return None
    for part in ("pyvenv.cfg", "entry.py", "app" + os.sep + name):
        if not os.path.exists(lines[0] + os.sep + part):
            return None
    return lines


def _multiplat_stands_in(data, record, first):
    """Whether a set-up in the folder to fall back to is still the one to take.

    It is where the first folder cannot be used, and for a day where that was found out by trying.
    """
    import time

    if record[4] == first and time.time() - int(record[5]) < 86400:
        return True
    places = _multiplat_part(data, "places")
    chosen = bool(os.environ.get("PEX_ROOT"))
    return places["is_noexec"](first) or not places["is_usable"](first, chosen)


def _multiplat_name(app, names):
    """What runs if the file goes by this name."""
    known = dict((os.path.normcase(name), name) for name in names)  # noqa: C402
    called = os.path.normcase(os.path.basename(app))
    return known.get(called) or known.get(os.path.splitext(called)[0]) or names[0]


def _multiplat_enter(record, app, flags, name, keep_path):
    """Run the application's entry script in a finished set-up. Does not return."""
    root, python, how = record[:3]
    environ = os.environ
    script = os.path.join(root, "app", name)
    if not keep_path:
        environ.pop("PYTHONPATH", None)
    environ.pop("PYTHONHOME", None)
    environ.pop("__PYVENV_LAUNCHER__", None)
    environ["_MULTIPLAT_FILE"] = app
    start = [script] if how == "direct" and not flags else [python] + flags + [script]  # noqa: RUF005
    multiplat_become(start + sys.argv[1:])


def _multiplat_old_python(data, app):
    """Run under a newer Python from PATH, or say what is needed. Does not return."""
    import subprocess

    find = _multiplat_part(data, "places")["find_command"]
    environ = dict(os.environ, MULTIPLAT="probe", _MULTIPLAT_SEARCHED="1")
    names = data["pythons"] if "_MULTIPLAT_SEARCHED" not in os.environ else ()
    with open(os.devnull, "r+b") as null:
        for name in names:
            for path in find(name, os.environ.get("PATH", os.defpath)):
                if os.path.realpath(path) == _multiplat_base():
                    continue
                try:
                    code = subprocess.call(
                        [path, app], env=environ, stdin=null, stdout=null, stderr=null
                    )
                except OSError:
                    continue
                if code == 0:
                    multiplat_become([path, app] + sys.argv[1:])  # noqa: RUF005 - for Python 2.7
    sys.exit(
        "%s: needs %s; this is Python %d.%d"
        % ((data["name"], data["needs"]) + tuple(sys.version_info[:2]))  # noqa: RUF005
    )


def _multiplat_part(data, name):
    """What one of the sources defines that a first run needs."""
    parts = {"__name__": "multiplat"}
    exec(compile(dict(data["sources"])[name], "<%s>" % name, "exec"), parts)
    return parts


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
    if "__PEX_EXE__" in environ or multiplat_asks_pex(environ):
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

    def guess():
        return _multiplat_part(data, "flags")["guess_flags"]()

    flags = multiplat_flags(guess)
    name = _multiplat_name(app, data["names"])
    keep_path = data["inherit"] != "false"
    if not any(key == "MULTIPLAT" or key.startswith("_MULTIPLAT_") for key in environ):
        # If the header found this very interpreter, it wants a record by the name it knows.
        known = found if found and _multiplat_is(found, base) else base
        for cache in caches:
            folder = os.path.join(cache, data["id"])
            record = _multiplat_record(folder, base, name)
            if not record or (known != base and not _multiplat_record(folder, known, name)):
                continue
            if cache == caches[0] or _multiplat_stands_in(data, record, caches[0]):
                _multiplat_enter(record, app, flags, name, keep_path)
    launch = _multiplat_load(data["sources"])
    record = launch.main(data, app, base, found, caches)
    _multiplat_enter(record, app, flags, name, keep_path)
