"""The launcher of an executable: go to the environment that this machine has, or make it.

Any Python has to parse it, 2.7 too, if only to say what it lacks. Every start by `python FILE`
compiles it, so that what a first start needs is in other members, `.multiplat/*.py`.
"""

import os
import sys

ABOUT = {}  # type: ignore[var-annotated]  # the build fills it in: see rendering.py

LOADER = globals()["__loader__"]
APP = getattr(LOADER, "archive", None) or os.path.dirname(os.path.abspath(__file__))
MEMBERS = {}  # type: ignore[var-annotated]  # what was read, by name
CHECKED = ("enter", "windows")  # what is_intact looks at, so that every start may import it
DAMAGED = "this file is damaged, download it again"


def read_member(name):
    """The bytes of one of the file's members, by a name of ours; read once."""
    if name not in MEMBERS:
        MEMBERS[name] = LOADER.get_data(os.path.join(APP, *name.split("/")))
    return MEMBERS[name]


class Importer(object):
    """Imports `_multiplat`'s modules from members: what runs is the very bytes that were checked.

    (zipimport would compile each of them twice.)
    """

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002
        if name.startswith("_multiplat."):
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, self)  # type: ignore[arg-type]
        return None

    def create_module(self, spec):  # noqa: ARG002
        return None

    def exec_module(self, module):
        name = module.__name__.replace("_multiplat.", ".multiplat/") + ".py"
        if module.__name__.partition(".")[2] not in CHECKED:
            check_file(is_whole)
        run_source(read_member(name), name, module.__dict__)


def run_source(source, name, names):
    exec(compile(source, os.path.join(APP, *name.split("/")), "exec", 0, True), names)


def fail(message):
    sys.exit("%s: %s" % (ABOUT["name"], message))


def read_blank(*names):
    """This text as it was before the build put these digests in, without its first line."""
    text = read_member("__main__.py").partition(b"\n")[2]
    for name in names:
        text = text.replace(ABOUT[name].encode("ascii"), b"")
    return text


def is_intact():
    """Whether this text and what every start imports are as they were built."""
    from zlib import crc32  # a zip file has loaded it

    data = read_blank("check")
    for name in CHECKED:
        data += read_member(".multiplat/%s.py" % name)
    return ABOUT["check"] == "%08x" % (crc32(data) & 0xFFFFFFFF)


def is_whole():
    """Whether all that a first start uses of the file, but for wheels, is as it was built.

    The same digest names the environments, so that another start-up or table makes others.
    """
    from hashlib import sha256

    if "" in MEMBERS:
        return True  # it was asked before
    digest = sha256()
    for name in ABOUT["members"]:
        data = read_blank("id", "header", "check") if name == "__main__.py" else read_member(name)
        digest.update(("%s %d\n" % (name, len(data))).encode("ascii"))
        digest.update(data)
    if digest.hexdigest() == ABOUT["id"]:
        MEMBERS[""] = b""
    return "" in MEMBERS


def check_file(question):
    """Go on only if the file is as it was built, as far as one of the questions above knows."""
    try:
        good = question()
    except OSError as error:
        if error.errno:
            fail("cannot read %s: %s" % (APP, error.strerror))
        good = False
    except (ImportError, MemoryError):
        raise
    except Exception:  # a damaged member can break zlib, zipimport, codecs
        good = False
    if not good:
        fail(DAMAGED)


def is_standard(path):
    """Whether an entry of `sys.path` is of the interpreter's own library, where no packages are."""
    library = os.path.dirname(os.__file__)
    folder, name = os.path.split(path)
    prefixes = (sys.base_prefix, sys.base_exec_prefix)
    if path == library or (os.name == "nt" and folder in prefixes and name in ("DLLs", "Lib")):
        return True
    if name == "python%d%d.zip" % sys.version_info[:2]:
        own = os.path.dirname(sys.executable or "")
        return folder in prefixes or folder in (os.path.dirname(library), own)
    if name == "lib-dynload":
        return os.path.basename(folder) == os.path.basename(library) and folder.startswith(prefixes)
    return name in ("lib_pypy", "__extensions__") or (os.name == "nt" and path in prefixes)


def keep_standard_library():
    """Import from nowhere but the interpreter's own library, until the program is entered."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [path for path in sys.path if sys.version_info >= (3, 6) and is_standard(path)]
    if os.path.dirname(os.__file__) not in kept:  # a layout that is not known
        kept = [path for path in sys.path if path and path not in given and path != APP]
    sys.path[:] = kept


def end_by_interrupt():
    """End as Ctrl-C ends a program that knows nothing of it: by the signal, without a word."""
    import signal

    if os.name != "nt":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(130)


def run_pex():
    """Run pex's own `__main__.py`, which lies under another name, as if it were here."""
    if not ABOUT["pex"]:
        name = min(pex_variables())
        fail("%s is for a PEX, which this file is not; formats = ['pex'] makes one" % name)
    os.environ.pop("_MULTIPLAT_SH", None)
    given = os.environ.pop("_MULTIPLAT_PYTHONPATH", None)
    if given is not None:
        os.environ["PYTHONPATH"] = given
    MEMBERS["__main__.py"] = read_member(".multiplat/pex.py")
    run_source(MEMBERS["__main__.py"], "__main__.py", globals())


def pex_variables():
    """The variables that ask for pex's own runtime: any of pex's but the one for a folder."""
    own = ["__PEX_EXE__"] if ABOUT["pex"] else []
    return [v for v in os.environ if v in own or (v.startswith("PEX_") and v != "PEX_ROOT")]


def start():
    """Hand over to this machine's environment. Does not return."""
    keep_standard_library()
    if sys.version_info < (3, 6):
        run_source(read_member(".multiplat/older.py"), ".multiplat/older.py", globals())
    check_file(is_intact)
    found = os.environ.get("_MULTIPLAT_SH", "")  # the interpreter as the header found it on PATH
    package = type(sys)("_multiplat")
    package.__path__ = []
    sys.modules["_multiplat"] = package
    sys.meta_path.insert(0, Importer())
    from _multiplat import enter  # type: ignore[import-not-found]

    # As it was called, where that leads here; newer Pythons make the other one absolute.
    app = sys.argv[0] if enter.is_same(sys.argv[0], APP) else APP
    base = enter.find_interpreter()
    if not base:
        fail("cannot find the Python that runs it; start it by that Python's full path")
    enter.enter_finished(ABOUT, app, base, found)
    from _multiplat import launch

    launch.main(ABOUT, lambda name: read_member(".multiplat/" + name), app, base, found)


if __name__ == "__main__" and not pex_variables():
    try:
        start()
    except KeyboardInterrupt:
        end_by_interrupt()
    except (ImportError, MemoryError) as error:
        fail("this Python cannot start it: %s" % (str(error) or "there is too little memory"))
run_pex()
