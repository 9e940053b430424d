"""A virtual environment made without the `venv` module, which some Pythons lack."""

import importlib.util
import marshal
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import warnings
from typing import Any, Callable, Dict, List

from . import cache, enter, install, pythons, rules, windows

# What starts in an environment: the lines of a script, beside which run.py does the rest.
SCRIPT = """\
CONFIG = %a
if __name__ == "__main__":
    import os
    import sys

    sys.path.insert(0, os.path.join(os.fsdecode(CONFIG["root"]), CONFIG["code"]))
    import %s

    sys.exit(%s.main(CONFIG, __file__)())
"""
GROWTH = 8  # how many times its size a module of many small functions takes when compiled
MULTIPLAT = ".multiplat"  # where a folder that MULTIPLAT=venv made has what starts in it
PACKAGE = "_multiplat"  # the name of run.py's package, in an executable and beside an environment
INHERIT = "_multiplat_inherit"
# What of it an environment needs, by the names that it has there: one import is enough.
CODE = {"__init__": "run", "enter": "enter", "options": "options"}
if os.name == "nt":
    CODE["windows"] = "windows"


def find_folders() -> rules.Folders:
    """Where a virtual environment of this interpreter has each kind of a wheel's files."""
    names = sysconfig.get_scheme_names()
    if "venv" in names:
        scheme = "venv"
    elif os.name == "nt":
        scheme = "nt"
    else:
        old_pypy = sys.implementation.name == "pypy" and sys.version_info < (3, 8)
        scheme = "pypy" if old_pypy else "posix_prefix"
    bases = ("base", "platbase", "installed_base", "installed_platbase")
    found = sysconfig.get_paths(scheme, vars=dict.fromkeys(bases, os.curdir))
    purelib, platlib = (found[kind].replace(os.sep, "/") for kind in ("purelib", "platlib"))
    headers = "include/site/python%d.%d" % sys.version_info[:2]
    return rules.Folders(purelib, platlib, enter.VENV_PYTHON[0], headers)


def write_python(root: str, base: str, inherit: bool) -> bool:
    """Make `root` a virtual environment of the interpreter `base`; False if that cannot be."""
    python = os.path.join(root, *enter.VENV_PYTHON)
    os.makedirs(os.path.dirname(python), exist_ok=True)
    config = [
        "home = " + os.path.dirname(base),
        "include-system-site-packages = " + ("true" if inherit else "false"),
        "version = %d.%d.%d" % sys.version_info[:3],
    ]
    path = os.path.join(root, "pyvenv.cfg")
    if os.path.lexists(path) or os.path.lexists(python):
        raise rules.BadWheel("it wants to replace the interpreter")
    install.write_file(path, [("\n".join(config) + "\n").encode("utf-8")])
    if os.name == "nt":
        done = write_windows_python(python, base) and works(python, root)
    else:
        done = link_python(python, base)
    if not done and os.path.lexists(python):
        os.unlink(python)
    return done


def link_python(python: str, base: str) -> bool:
    """Link the interpreter under its usual names; False where the filesystem has no links."""
    try:
        os.symlink(base, python)
        for name in ("python3", "python%d.%d" % sys.version_info[:2]):
            os.symlink("python", os.path.join(os.path.dirname(python), name))
    except OSError:
        return False
    return True


def write_windows_python(python: str, base: str) -> bool:
    """Put the redirector that comes with CPython in place, or the interpreter itself."""
    folder, scripts = os.path.dirname(base), os.path.dirname(python)
    redirectors = os.path.join(sys.base_prefix, "Lib", "venv", "scripts", "nt")
    suffix = "t" if "free-threading" in sys.version else ""
    pairs = [("venvlauncher%s.exe" % suffix, "venvwlauncher%s.exe" % suffix)]
    pairs += [] if suffix else [("python.exe", "pythonw.exe")]
    for pair in pairs:
        sources = [os.path.join(redirectors, name) for name in pair]
        if os.path.isfile(sources[0]):
            for source, target in zip(sources, ("python.exe", "pythonw.exe")):
                if os.path.isfile(source):
                    shutil.copyfile(source, os.path.join(scripts, target))
            return True
    for name in os.listdir(folder):
        lower = name.lower()
        # The zip file is the embeddable build's standard library; it is looked for beside the DLL.
        if (lower.startswith("python") and lower.endswith((".exe", ".dll", ".zip"))) or (
            lower.startswith(("vcruntime", "msvcp")) and lower.endswith(".dll")
        ):
            link_or_copy(os.path.join(folder, name), os.path.join(scripts, name))
    return os.path.isfile(python)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def works(python: str, root: str) -> bool:
    """Whether the Python of a new virtual environment starts, and as part of it."""
    code = "import os, sys; sys.exit(not os.path.samefile(sys.prefix, %r))" % root
    try:
        return not subprocess.call(
            [python, "-I", "-c", code], stderr=subprocess.DEVNULL, creationflags=pythons.NO_WINDOW
        )
    except OSError:
        return False


def resolve_run(
    run: Dict[str, str], groups: List[install.EntryPoints], root: str
) -> Dict[str, str]:
    """What `run.py` has to do for a table's `run`: an entry point, a script's path, or nothing.

    A script's path is relative to `root`. A script that no wheel of this target has is noted as
    missing, one that cannot run here as unfit: other commands of the same file still run.
    """
    if "module" in run:
        return {"entry_point": run["module"]}
    if "script" not in run:
        return dict(run)
    name = run["script"]
    for group in reversed(groups):  # What is installed last stays.
        for kind in rules.SCRIPT_GROUPS:
            if name in group.get(kind, {}):
                return {"entry_point": group[kind][name]}
    for candidate in rules.script_candidates(name, install.SYSTEM):
        path = os.path.join(root, enter.VENV_PYTHON[0], candidate)
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                found = rules.script_kind(candidate, stream.read(rules.SCRIPT_START))
            if install.SYSTEM not in found.systems:
                return {"unfit": found.name}
            how = "path" if found is rules.PYTHON else "program"
            return {how: os.path.relpath(path, root)}
    return {"missing": name}


def keep_replaced(runs: Dict[str, Dict[str, str]], root: str) -> None:
    """Move the scripts that those of these commands will replace, if something runs them."""
    for name in runs:
        # On Windows there may be no launchers in the file, see install.write_script.
        other = name + ".py" if os.name == "nt" else name
        for file in {rules.script_file(name, install.SYSTEM), other}:
            path = os.path.join(enter.VENV_PYTHON[0], file)
            kept = os.path.join(MULTIPLAT, "scripts", file)
            if any(path in run.values() for run in runs.values()):
                os.renames(os.path.join(root, path), os.path.join(root, kept))
                for run in runs.values():
                    run.update({how: kept for how in run if run[how] == path})


def write_scripts(
    folder: str,
    python: install.Interpreter,
    commands: Dict[str, Dict[str, Any]],
    common: Dict[str, Any],
    runs: Dict[str, Dict[str, str]],
) -> None:
    """Write the script of each command, by the name that the file has to go by.

    In the folder of scripts they take the place of the console scripts of their names, and are
    programs on Windows.
    """
    for name, command in commands.items():
        config = dict(common, run=runs[name])
        config["inject_args"] = command.get("inject_args", [])
        config["inject_env"] = command.get("inject_env", {})
        body = (SCRIPT % (config, PACKAGE, PACKAGE)).encode("ascii")
        if common["kind"]:
            path = os.path.join(folder, name)
            install.write_file(path, [install.shebang(python.path) + body], 0o777)
        else:
            install.write_script(folder, name, python, body)


def write_code(folder: str, final: str, read: Callable[[str], bytes]) -> None:
    """Put run.py and what it imports below `folder`, compiled for where it will be: `final`."""
    for name, source in CODE.items():
        path = os.path.join(folder, PACKAGE, name + ".py")
        install.write_file(path, [read(source)])
        if source == "run":  # most starts need nothing else
            compile_file(path, os.path.join(final, PACKAGE, name + ".py"))


def link_scripts(scripts: str, folder: str) -> None:
    """Make a folder for PATH: of what is in the folder of scripts, all but the interpreters."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(scripts):
        lower = name.lower()
        if rules.INTERPRETER.fullmatch(lower) or lower.endswith((".dll", ".zip")):
            continue
        source, target = os.path.join(scripts, name), os.path.join(folder, name)
        try:
            os.symlink(os.path.relpath(source, folder), target)
        except (OSError, AttributeError, NotImplementedError):
            if os.path.isfile(source):
                link_or_copy(source, target)


def find_sources(root: str) -> List[str]:
    """The modules below a folder, by their paths in it."""
    return [path for path in cache.list_tree(root) if path.endswith(".py")]


def prepare_bytecode(root: str) -> int:
    """Make the folders that Python puts compiled modules into, as it would by the program's umask.

    Returns the room, in bytes, that these modules can take at most.
    """
    size, root = 0, windows.verbatim(root)
    for path in find_sources(root):
        folder, name = os.path.split(os.path.join(root, path))
        os.makedirs(os.path.join(folder, "__pycache__"), exist_ok=True)
        size += os.path.getsize(os.path.join(folder, name)) * GROWTH + (1 << 12)
    return size


def compile_all(root: str, final: str) -> bool:
    """Compile all modules, for an environment that its programs cannot or may not write to.

    False if the disk has no room for all of them.
    """
    root = windows.verbatim(root)
    try:
        for path in find_sources(root):
            compile_file(os.path.join(root, path), os.path.join(final, path))
    except OSError:
        return False
    return True


def compile_file(path: str, final: str) -> None:
    """Write a module's .pyc, for when it lies at `final`; a short one could not be told later.

    CPython's own way to write one does not notice that a disk is full.
    """
    with open(path, "rb") as stream:
        source = stream.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = marshal.dumps(compile(source, final, "exec", 0, True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # it may be no Python of this version, and never be imported
    head = importlib.util.MAGIC_NUMBER + (b"\0" * 4 if sys.version_info >= (3, 7) else b"")
    status = os.stat(path)
    head += struct.pack("<LL", int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    # Beside the module, also where PYTHONPYCACHEPREFIX sends what Python itself compiles.
    name = os.path.basename(importlib.util.cache_from_source(path))
    target = os.path.join(os.path.dirname(path), "__pycache__", name)
    try:
        install.write_file(target, [head + code], hashed=False)
    except OSError:
        os.unlink(target)
        raise


def write_inherit(library: str, final: str, how: str, source: bytes) -> None:
    """Put inherit.py where every start of the environment that will be at `final` imports it."""
    install.write_file(os.path.join(library, INHERIT + ".py"), [source])
    words = (INHERIT, INHERIT, how, os.fsencode(final))
    line = "import %s; %s.order_when_complete(%a, %a)\n" % words
    install.write_file(os.path.join(library, INHERIT + ".pth"), [line.encode("ascii")])
