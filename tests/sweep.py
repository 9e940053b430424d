"""What a process inherits, times first and later start, times ways to start, against a plain venv.

    python -m tests.sweep            # the table, differences only
    python -m tests.sweep --all      # every row
    python -m tests.sweep --only IFS # of what is called so

The program of a venv that holds the same module is started under the same conditions: what it sees
is the right answer. Known differences are named in KNOWN, with the page that documents them.
Windows has its own, in tests/e2e/test_windows_sweep.py.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.startup.conftest import ANY, MINORS, PYTHONS
from tests.support.app import build_app, host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROGRAM: Final = """
import json, os, resource, signal, sys


def main():
    inherited = [fd for fd in range(64) if is_open(fd)]
    names = ("NOFILE", "CORE", "STACK", "FSIZE", "NPROC", "AS")
    flags = [n for n in dir(sys.flags) if n[0] != "_" and n[:2] != "n_"]
    flags = [n for n in flags if n not in ("count", "index")]
    print(json.dumps({
        "argv": sys.argv[1:],
        "cwd": cwd(),
        "environ": dict(os.environ),
        "flags": {n: getattr(sys.flags, n) for n in flags},
        "files": inherited,
        "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
        "ignored": [int(s) for s in signal.Signals if signal.getsignal(s) == signal.SIG_IGN],
        "limits": {n: resource.getrlimit(getattr(resource, "RLIMIT_" + n)) for n in names},
        "path": [p for p in sys.path if "site-packages" not in p],
        "umask": oct(mask()),
        "encoding": [sys.getfilesystemencoding(), getattr(sys.stdout, "encoding", None)],
        "xoptions": sorted(sys._xoptions),
        "warnings": sys.warnoptions,
    }))


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def cwd():
    try:
        return os.getcwd()
    except OSError as error:
        return str(error)


def mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
"""
# What is meant to differ: by key, and by variable. docs/explanation/start-up.md says each.
KNOWN: Final = {
    "environ": {
        "PEX",
        "PATH",
        "PYTHONPATH",
        "PYTHONHOME",
        "MULTIPLAT_ARGV",
        "_",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "LC_CTYPE",
        # What a shell sets, and what it does not pass on.
        "IFS",
        "X Y",
        "a-b",
    },
    "cases": {"OPTIND empty", "__PYVENV_LAUNCHER__=1", "SIGCHLD ignored"},
    "path": set(),
    "files": {"the lock on the environment's folder"},
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that a process inherits."""

    name: str
    env: Mapping[str, str | None] = field(default_factory=dict)
    prepare: Callable[[], object] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ("x",)


def be_nowhere(gone: Path) -> None:
    os.chdir(gone)
    gone.rmdir()


def be_another() -> None:
    os.setgroups([])
    os.setgid(23010)
    os.setuid(23010)


def cases(folder: Path) -> Iterator[Case]:
    """Yield variables of Python, of the shell and of the loader, set, empty and odd, and the rest."""
    for name in (
        *(
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONSTARTUP",
            "PYTHONOPTIMIZE",
            "PYTHONDEBUG",
            "PYTHONINSPECT",
        ),
        *("PYTHONUNBUFFERED", "PYTHONVERBOSE", "PYTHONDONTWRITEBYTECODE"),
        *("PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONUTF8"),
        *("PYTHONWARNINGS", "PYTHONFAULTHANDLER", "PYTHONTRACEMALLOC", "PYTHONASYNCIODEBUG"),
        *(
            "PYTHONMALLOC",
            "PYTHONCOERCECLOCALE",
            "PYTHONDEVMODE",
            "PYTHONSAFEPATH",
            "PYTHONPLATLIBDIR",
        ),
        *(
            "PYTHONINTMAXSTRDIGITS",
            "PYTHONEXECUTABLE",
            "__PYVENV_LAUNCHER__",
            "PYTHONNODEBUGRANGES",
        ),
        *(
            "ENV",
            "BASH_ENV",
            "CDPATH",
            "IFS",
            "PS4",
            "POSIXLY_CORRECT",
            "SHELLOPTS",
            "ZDOTDIR",
            "OPTIND",
        ),
        *(
            "LD_LIBRARY_PATH",
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_BIND_NOW",
            "GCONV_PATH",
            "LOCPATH",
            "TZ",
        ),
        *(
            "HOME",
            "XDG_CACHE_HOME",
            "TMPDIR",
            "TEMP",
            "USER",
            "LOGNAME",
            "SHELL",
            "TERM",
            "COLUMNS",
        ),
        *(
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "APPDIR",
            "PIP_TARGET",
            "LANG",
            "LC_ALL",
            "LANGUAGE",
            "NO_COLOR",
        ),
    ):
        yield Case(name=f"{name} empty", env={name: ""})
        yield Case(name=f"{name} unset", env={name: None})
        if name not in {"LD_PRELOAD", "LD_AUDIT", "PYTHONHOME", "PYTHONPLATLIBDIR", "SHELLOPTS"}:
            yield Case(name=f"{name}=1", env={name: "1"})
    for name, value in (
        ("HOME", "relative"),
        ("PATH", ""),
        ("PATH", None),
        ("TZ", "\udcff"),
        ("X Y", "odd"),
        ("a-b", "="),
    ):
        yield Case(name=f"{name}={value!a}", env={name: value})
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD):
        yield Case(
            name=f"{signum.name} ignored",
            prepare=functools.partial(signal.signal, signum, signal.SIG_IGN),
        )
    for mask in (0, 0o002, 0o077, 0o777):
        yield Case(name=f"umask {mask:03o}", prepare=functools.partial(os.umask, mask))
    for limit, number in (
        ("NOFILE", 32),
        ("CORE", 0),
        ("STACK", 1 << 22),
        ("NPROC", 64),
        ("FSIZE", 1 << 22),
    ):
        kind = getattr(resource, f"RLIMIT_{limit}")
        hard = resource.getrlimit(kind)[1]
        yield Case(
            name=f"limit {limit} {number}",
            prepare=functools.partial(resource.setrlimit, kind, (number, hard)),
        )
    for stream in ("stdin", "stdout", "stderr"):
        if stream != "stdout":
            position = ("stdin", "stdout", "stderr").index(stream)
            yield Case(name=f"{stream} closed", prepare=functools.partial(os.close, position))
    yield Case(
        name="a descriptor of the parent",
        options={"pass_fds": (os.open("/dev/null", os.O_RDONLY),)},
    )
    gone = folder / "gone"
    gone.mkdir(exist_ok=True)
    yield Case(name="current folder removed", prepare=functools.partial(be_nowhere, gone))
    yield Case(name="current folder /", options={"cwd": "/"})
    for words in (
        (),
        ("",),
        ("-c", "x"),
        ("--", "-x"),
        ("a b", "*", "$HOME", "'", '"'),
        ("\udcff",),
        ("x" * 100_000,),
    ):
        yield Case(name=f"argv {ascii(words)[:30]}", words=words)
    if os.geteuid() == 0 and shutil.which("setpriv"):
        yield Case(name="effective user only", prepare=functools.partial(os.seteuid, 0))
        yield Case(
            name="another user",
            prepare=be_another,
        )


def run(command: list[object], case: Case, env: dict[str, str]) -> Any:
    environ = {**env, **{k: v for k, v in case.env.items() if v is not None}}
    for name in [name for name, value in case.env.items() if value is None]:
        environ.pop(name, None)
    result = subprocess.run(
        [os.fspath(str(word)) for word in (*command, *case.words)],
        env=environ,
        preexec_fn=case.prepare,
        capture_output=True,
        check=False,
        timeout=60,
        **{"stdin": subprocess.DEVNULL, **case.options},
    )
    try:
        return json.loads(result.stdout)
    except ValueError:
        lines = result.stderr.decode("utf-8", "replace").splitlines()
        return f"exit {result.returncode}: {lines[-1] if lines else ''}"


def differences(right: Any, seen: Any) -> list[str]:
    if isinstance(right, str) or isinstance(seen, str):
        return [] if type(right) is type(seen) else [f"{right!s:.60} / {seen!s:.80}"]
    found = []
    for key, value in right.items():
        if key == "environ":
            names = {n for n in {*value, *seen[key]} if value.get(n) != seen[key].get(n)}
            found += [
                f"{n}: {value.get(n)!r} / {seen[key].get(n)!r}" for n in sorted(names - KNOWN[key])
            ]
        elif key == "files":
            if len(seen[key]) > len(value) + 1:  # the lock
                found.append(f"files: {value} / {seen[key]}")
        elif key == "path":
            # A console script's own folder; and PYTHONPATH, which is shut out.
            given = right["environ"].get("PYTHONPATH", "").split(os.pathsep)
            known = {str(Path(entry).absolute()) for entry in given if entry}
            rest = [entry for entry in value if entry[-9:] != "/venv/bin" and entry not in known]
            if rest != seen[key]:
                found.append(f"{key}: {rest} / {seen[key]}")
        elif value != seen[key]:
            found.append(f"{key}: {value} / {seen[key]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every row")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases that have this text")
    wanted = parser.parse_args()
    python = (
        os.path.realpath("/usr/bin/python3") if Path("/usr/bin/python3").exists() else PYTHONS[ANY]
    )
    with tempfile.TemporaryDirectory(prefix="sweep-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        wheel = make_wheel(
            folder / "wheels", "demo", files={"demo.py": PROGRAM}, scripts={"demo": "demo:main"}
        )
        app = build_app(folder / "app", [wheel], [host_target(minor) for minor in MINORS])
        subprocess.run(
            [python, "-m", "venv", "--without-pip", folder / "venv"],
            check=True,
        )
        (library,) = (folder / "venv").glob("lib/*/site-packages")
        (library / "demo.py").write_text(PROGRAM)
        script = folder / "venv" / "bin" / "demo"
        script.write_text(f"#!{folder}/venv/bin/python\nimport demo\ndemo.main()\n")
        script.chmod(0o755)
        (folder / "bin").mkdir()
        (folder / "bin" / "python3").symlink_to(python)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        count = bad = 0
        print("| inherited | start | right answer / seen |\n| --- | --- | --- |")
        for case in (case for case in cases(folder) if wanted.only in case.name):
            for way, command in (("./app", [app]), ("python app", [python, app])):
                home = folder / "home"
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                home.chmod(0o777)
                env = {
                    "HOME": str(home),
                    "PATH": f"{folder}/bin:/usr/bin:/bin",
                    "LANG": "C.UTF-8",
                    "TMPDIR": str(folder / "tmp"),
                }
                for start in ("first", "later"):
                    (folder / "gone").mkdir(exist_ok=True)
                    right = run([script], case, env)
                    (folder / "gone").mkdir(exist_ok=True)
                    found = differences(right, run(list(command), case, env))
                    known = case.name in KNOWN["cases"]
                    count, bad = count + 1, bad + (bool(found) and not known)
                    if (found and not known) or wanted.all:
                        print(
                            f"| {case.name} | {way}, {start} | {'; '.join(found) or 'the same'} |",
                            flush=True,
                        )
        print(f"\n{count} starts, {bad} with a difference")


if __name__ == "__main__":
    main()
