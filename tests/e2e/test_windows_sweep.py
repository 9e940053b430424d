"""What a process inherits on Windows, and what the program sees of it: as `tests/sweep.py` has it.

The right answer is that of the same module under the same Python, with the folder that it is in on
`sys.path`: the embeddable Python has no module `venv`.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from hatch_multiplat.config.formats import ExeOptions
from hatch_multiplat.executable.writer import write_windows_exe
from hatch_multiplat.targets.platforms import Platform
from tests.support.app import build_app, host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lab

PROGRAM: Final = """
import json, os, sys


def main():
    flags = [n for n in dir(sys.flags) if n[0] != "_" and n[:2] != "n_"]
    with open(sys.argv.pop(1), "w") as stream:
        json.dump({
            "argv": sys.argv[1:],
            "cwd": os.getcwd(),
            "environ": dict(os.environ),
            "flags": {n: getattr(sys.flags, n) for n in flags if n not in ("count", "index")},
            "encoding": [sys.getfilesystemencoding(), getattr(sys.stdout, "encoding", None)],
            "streams": [s is None for s in (sys.stdin, sys.stdout, sys.stderr)],
            "options": [sorted(sys._xoptions), sys.warnoptions],
        }, stream)
"""
DRIVER: Final = """
import base64, json, os, shutil, subprocess, sys
home = os.path.join(os.environ["TEMP"], "sweep")
os.makedirs(os.path.join(home, "library"))
os.makedirs(os.path.join(home, "größe & x"))
with open(os.path.join(home, "library", "demo.py"), "w") as stream:
    stream.write(PROGRAM)
script = os.path.join(home, "script.py")
with open(script, "w") as stream:
    stream.write("import sys\\nsys.path.insert(0, %r)\\nimport demo\\ndemo.main()\\n"
                 % os.path.join(home, "library"))
files = [os.path.join(home, name) for name in ("app.exe", "app.pex")]
for path, data in zip(files, FILES):
    with open(path, "wb") as stream:
        stream.write(base64.b64decode(data))
path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
report = os.path.join(home, "report")
ways = {
    "plain": [sys.executable, script], "exe, first": files[:1], "exe": files[:1],
    "python, first": [sys.executable, files[1]], "python": [sys.executable, files[1]],
}
for name, case in CASES.items():
    options = dict(case.get("options", {}))
    if "cwd" in options:
        options["cwd"] = options["cwd"].replace("HOME", home)
    found = {}
    for way, command in ways.items():
        if "first" in way:
            shutil.rmtree(os.path.join(home, "cache"), ignore_errors=True)
        environ = dict(os.environ, PATH=path, LOCALAPPDATA=os.path.join(home, "cache"))
        environ["USERPROFILE"] = os.path.dirname(os.environ["TEMP"])  # as it is for users
        for key, value in case.get("env", {}).items():
            environ.pop(key, None)
            if value is not None:
                environ[key] = value
        if os.path.exists(report):
            os.remove(report)
        words = [*command, report, *case.get("words", ["x"])]
        if "creationflags" in options:
            done = subprocess.run(words, env=environ, **options)
        else:
            done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        found[way] = "exit %d: %s" % (done.returncode, (done.stdout or b"")[-300:])
        if os.path.exists(report):
            with open(report) as stream:
                found[way] = json.load(stream)
    print(json.dumps([name, found]), flush=True)
print(json.dumps([os.listdir(home), os.listdir(os.path.join(home, "größe & x"))]))
"""
VARIABLES: Final = (
    *("PYTHONPATH", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONDEBUG", "PYTHONUNBUFFERED"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONUTF8"),
    *("PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONSAFEPATH", "PYTHONLEGACYWINDOWSFSENCODING"),
    *("PYTHONLEGACYWINDOWSSTDIO", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__", "PYTHONVERBOSE"),
    *("PATHEXT", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "COMSPEC", "HOME"),
)
# The launcher of the program needs the first, which its page says; TMP is the last place for files.
KEPT: Final = {"PATHEXT", "TMP"}
NO_WINDOW = 0x08000000
PARTS: Final = 6  # each in a fresh copy of the system
CASES: Final[dict[str, dict[str, Any]]] = {
    "as it is": {},
    **{f"{name}=1": {"env": {name: "1"}} for name in VARIABLES},
    "all are empty": {"env": dict.fromkeys(sorted({*VARIABLES} - KEPT), "")},
    "none is set": {"env": dict.fromkeys(sorted({*VARIABLES} - KEPT))},
    **{f"LOCALAPPDATA={v}": {"env": {"LOCALAPPDATA": v}} for v in ("\\cache", "C:cache", "Q:\\x")},
    "USERPROFILE=\\x": {"env": {"LOCALAPPDATA": None, "USERPROFILE": "\\x", "TEMP": "\\x\\t"}},
    "PYTHONIOENCODING=ascii": {"env": {"PYTHONIOENCODING": "ascii"}},
    "an odd folder": {"options": {"cwd": "HOME\\größe & x"}},
    "the root folder": {"options": {"cwd": "C:\\"}},
    "no window": {"options": {"creationflags": NO_WINDOW}},
    "odd words": {
        "words": ["two words", "%PATH%", "&echo X&", "größe", 'a "quote"', "^", "", "\\"]
    },
    "words like options": {"words": ["-c", "x", "--", "-x"]},
}
KNOWN: Final = {"PEX", "PATH", "PYTHONPATH", "__PYVENV_LAUNCHER__", "PYTHONHOME"}
"""The variables that are meant to differ: docs/explanation/start-up.md says so of each."""
KNOWN_OF_EXE: Final = {"PATHEXT=1"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A program for Windows and the file that it is made of, as base64."""
    folder = tmp_path_factory.mktemp("files")
    wheel = make_wheel(folder, "demo", files={"demo.py": PROGRAM}, scripts={"demo": "demo:main"})
    target = host_target((3, 12), system="windows", arch="x86_64", libc=None, macos=None)
    app = build_app(folder / "app.pex", [wheel], [target])
    exe = write_windows_exe(
        app,
        folder / "app.exe",
        platform=Platform.parse("windows-x86_64"),
        options=ExeOptions(python="python"),
    )
    return [base64.b64encode(path.read_bytes()).decode() for path in (exe, app)]


def differences(right: Any, seen: Any) -> list[str]:
    if isinstance(right, str) or isinstance(seen, str):
        return (
            []
            if isinstance(right, str) and isinstance(seen, str)
            else [f"{right!s:.200} / {seen!s:.400}"]
        )
    before, after = right.pop("environ"), seen.pop("environ")
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    found = [f"{n}: {before.get(n)!r} / {after.get(n)!r}" for n in sorted(names - KNOWN)]
    found += [f"{key}: {right[key]} / {seen[key]}" for key in right if right[key] != seen[key]]
    right["environ"] = before
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_the_program_sees_what_it_would_see_in_a_plain_environment(
    files: list[str],
    tmp_path: Path,
    run_in_lab: Callable[..., subprocess.CompletedProcess[str]],
    part: int,
) -> None:
    cases = dict(list(CASES.items())[part::PARTS])
    driver = tmp_path / "driver.py"
    names = f"PROGRAM, FILES, CASES = {PROGRAM!r}, {files!r}, {cases!r}\n"
    driver.write_text(names + DRIVER, "utf-8")
    done = run_in_lab("win-py312", driver)
    *rows, (left, here) = [json.loads(x) for x in done.stdout.splitlines() if x[:1] == "["]
    assert done.returncode == 0, done.stderr
    assert [name for name, _ in rows] == list(cases)
    found = [
        f"{name}, {way}: {problem}"
        for name, ways in rows
        for way in ways
        if way != "plain" and not (name in KNOWN_OF_EXE and way.startswith("exe"))
        for problem in differences(ways["plain"], ways[way])
    ]
    assert not found, "\n".join(found)
    assert here == []
    known = {"app.exe", "app.pex", "library", "script.py", "größe & x", "report"}
    assert set(left) - known <= {"cache"}
