"""Start-up on Windows: console scripts are programs, and a program ends with its start."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from hatch_multiplat.executable.table import TableTarget
from tests.support.app import build_app
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.lab

CODE: Final = """\
import json, os, subprocess, sys, time

def main():
    what, *words = sys.argv[1:]
    vars(sys.modules[__name__])[what](*words)

def tool(*words):
    print(json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:]]))

def call(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout.decode("utf-8", "replace").strip())
    sys.exit(done.returncode)

def write(handle):
    import msvcrt
    with os.fdopen(msvcrt.open_osfhandle(int(handle), 0), "w") as stream:
        stream.write("arrived")

def end(code):
    import ctypes
    ctypes.windll.kernel32.ExitProcess(int(code))

def stay(folder):
    code = "import os, time; open('daemon', 'w').write(str(os.getpid())); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code], cwd=folder)
    path = os.path.join(folder, "program")
    with open(path + ".new", "w") as stream:
        stream.write(str(os.getpid()))
    os.rename(path + ".new", path)
    time.sleep(600)

def say(word):
    print("stdout has", word)
    print("stderr has", word, file=sys.stderr)
"""

DRIVER: Final = """\
TEMP = os.environ["TEMP"]
HOME = os.path.join(TEMP, HOME_NAME)
FILE = os.path.join(TEMP, "demo.pex")
os.makedirs(HOME)
with open(FILE, "wb") as stream:
    stream.write(base64.b64decode(PROGRAM))
ENVIRON = dict(os.environ, LOCALAPPDATA=HOME, PYTHONUTF8="1")
PYTHONW = os.path.join(os.path.dirname(sys.executable), "pythonw.exe")

def run(*words, **options):
    command = [str(word) for word in words]
    options = {"env": ENVIRON, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    done = subprocess.run(command, **options)
    return [done.returncode, (done.stdout or b"").decode("utf-8", "replace").strip()]

def kill_start(name, command, in_job=False):
    folder = os.path.join(TEMP, name)
    os.makedirs(folder)
    process = subprocess.Popen([*command, "stay", folder], env=ENVIRON)
    if in_job:
        job = kernel.CreateJobObjectW(None, None)
        assert kernel.AssignProcessToJobObject(job, int(process._handle))
    program, daemon = read_pid(folder + "/program"), read_pid(folder + "/daemon")
    before = [runs(program), runs(daemon)]
    process.terminate()
    process.wait()
    after = [wait(lambda: not runs(program)), runs(daemon)]
    kernel.TerminateProcess(kernel.OpenProcess(1, False, daemon), 0)
    return before + after

def write_to_handle():
    reader, writer = os.pipe()
    handle = msvcrt.get_osfhandle(writer)
    os.set_handle_inheritable(handle, True)
    command = [sys.executable, FILE, "write", str(handle)]
    done = subprocess.call(command, env=ENVIRON, close_fds=False)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return [done, stream.read()]

def redirect(python):
    paths = [os.path.join(TEMP, name) for name in ("stdout.txt", "stderr.txt")]
    with open(paths[0], "w") as out, open(paths[1], "w") as err:
        code = subprocess.call([python, FILE, "say", "it"], env=ENVIRON, stdout=out, stderr=err)
    return [code] + [open(path).read().strip() for path in paths]

def find(root, pattern):
    (path,) = glob.glob(os.path.join(glob.escape(root), "multiplat", pattern), recursive=True)
    return path

def read(path):
    with open(path, "rb") as stream:
        return stream.read()

def start_while_open(path):
    # As a virus scanner does: a file that is open can be neither replaced nor renamed.
    stream = open(path, "rb")
    timer = threading.Timer(1.5, stream.close)
    timer.start()
    result = run(sys.executable, FILE, "tool")
    timer.join()
    return result

def scan():
    found = [run(sys.executable, FILE, "tool")]
    record, module = find(HOME, "*/from/**/python.exe"), find(HOME, "*/*/venv/Lib/*/demo.py")
    before = read(record), read(module)
    with open(record, "wb") as stream:
        stream.write(b"damaged")
    found.append(start_while_open(record))
    os.remove(module)
    found.append(start_while_open(find(HOME, "*/*/files")))
    return [*found, before == (read(record), read(module))]

def start_in_long_home(size):
    # In a home that makes the path of demo's own RECORD this long.
    run(sys.executable, FILE, "tool")
    record = find(HOME, "*/*/venv/Lib/*/demo-1.0.dist-info/entry_points.txt")
    size -= len(TEMP) + 1 + len(record[len(HOME):])
    home = os.path.join(TEMP, "h" * 30, "h" * (size - 31))
    longest = home + record[len(HOME):]
    environ = dict(ENVIRON, LOCALAPPDATA=home, TEMP="C:\\nowhere", TMP="C:\\nowhere")
    found = run(sys.executable, FILE, "tool", env=environ)
    left = [name for _, _, names in os.walk(home) for name in names if not name.endswith(".lock")]
    return [*found, longest, left]

def plant(name, *rights):
    # Start with a PEX_ROOT of ours, give others rights to it, change it, start again.
    root = os.path.join(TEMP, name)
    environ = dict(ENVIRON, PEX_ROOT=root, USERPROFILE=os.path.dirname(TEMP))
    found = [run(sys.executable, FILE, "tool", env=environ)]
    folder = os.path.join(root, "multiplat")
    for at, _, files in os.walk(folder):
        if os.path.basename(at) == "app":
            for name in files:
                with open(os.path.join(at, name), "w") as stream:
                    stream.write("print('planted')")
    if rights:
        everyone = bytes.fromhex("010100000000000100000000")
        entries = [(0, 3, 20, int(mask)) for mask in rights]
        body = b"".join(struct.pack("<BBHL", *entry) + everyone for entry in entries)
        acl = struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body
        descriptor = struct.pack("<BBHLLLL", 1, 0, 0x9004, 0, 0, 0, 20) + acl
        assert ctypes.windll.advapi32.SetFileSecurityW(folder, 4, descriptor)
    return [*found, run(sys.executable, FILE, "tool", env=environ), os.path.isdir(folder)]
"""
HOME_NAME: Final = "größe & 100% (new) %PATH%"
ODD: Final = ["two words", "%PATH%", "&echo X&", "größe", 'a "quote"', "(x)", "^"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An executable for Windows, as base64."""
    folder = tmp_path_factory.mktemp("program")
    wheel = make_wheel(
        folder,
        "demo",
        files={"demo.py": CODE},
        scripts={"demo": "demo:main", "tool": "demo:tool"},
        entry_points={"gui_scripts": {"wtool": "demo:tool"}},
        data={"scripts/pytool.py": "#!python\nimport demo\ndemo.tool()\n"},
    )
    target = TableTarget(
        name="cp312-win_amd64",
        implementation="cpython",
        python=(3, 12),
        system="windows",
        arch="x86_64",
        sets=((0, (0,)),),
    )
    path = build_app(folder / "demo.pex", [wheel], [target])
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture
def drive(program: str, drive_windows: Callable[..., Any]) -> Callable[[str], Any]:
    """Return a function that evaluates an expression on Windows, among what DRIVER has."""
    return partial(drive_windows, DRIVER, PROGRAM=program, HOME_NAME=HOME_NAME, ODD=ODD)


def test_scripts_are_programs_that_get_their_arguments_as_they_are(
    drive: Callable[[str], Any],
) -> None:
    """Found by their names alone, with and without a console, in a home with an odd name."""
    tools = ["tool", "wtool", "pytool"]
    found = drive(f'[run(sys.executable, FILE, "call", name, *ODD) for name in {tools}]')
    for (code, said), name in zip(found, tools, strict=True):
        assert code == 0, said
        assert json.loads(said)[1] == ODD
        assert json.loads(said)[0].partition(".")[0] == name


def test_a_folder_that_it_leaves_has_programs_for_the_scripts_and_for_itself(
    drive: Callable[[str], Any],
) -> None:
    made, *found = drive(
        '[run(sys.executable, FILE, HOME + "/of its own", env={**ENVIRON, "MULTIPLAT": "venv"})] + '
        '[run(HOME + "/of its own/Scripts/" + name + ".exe", *words, *ODD) for name, words in '
        '[("demo", ["tool"]), ("tool", []), ("wtool", []), ("pytool", [])]]'
    )
    assert made[0] == 0, made
    for code, said in found:
        assert code == 0, said
        assert json.loads(said)[1][-len(ODD) :] == ODD


@pytest.mark.parametrize("in_job", [False, True])
def test_a_program_ends_with_its_start_and_what_it_started_lives_on(
    drive: Callable[[str], Any],
    in_job: bool,  # noqa: FBT001
) -> None:
    start = f"[sys.executable, FILE], in_job={in_job}"
    found = drive(f'[kill_start("first", {start}), kill_start("later", {start})]')
    program_ran, daemon_ran, program_ended, daemon_runs = True, True, True, True
    assert found == [[program_ran, daemon_ran, program_ended, daemon_runs]] * 2


def test_handles_streams_and_exit_codes_arrive(drive: Callable[[str], Any]) -> None:
    code = 0xC0000005
    handles, console, window, ended = drive(
        "[write_to_handle(), redirect(sys.executable), redirect(PYTHONW), "
        f"run(sys.executable, FILE, 'end', {code})]"
    )
    assert handles == [0, "arrived"]
    assert console == window == [0, "stdout has it", "stderr has it"]
    assert ended == [code, ""]


def test_a_named_folder_counts_only_if_nobody_else_can_write_to_it(
    drive: Callable[[str], Any],
) -> None:
    """Its owner and its access list say so; where others only read, what lies there is run."""
    alone, read, write = drive("[plant('a'), plant('b', 0x1200A9), plant('c', 0x1F01FF)]")
    right = [0, '["demo.pex", ["tool"]]']
    assert alone == read == [right, [0, "planted"], True]
    first, (code, said), _ = write
    assert first == right
    assert code == 0
    assert "planted" not in said
    assert said.startswith("demo: ")
    assert "is not used: others can write to it" in said
    assert said.endswith(right[1])


def test_a_file_that_a_virus_scanner_has_open_is_replaced_a_little_later(
    drive: Callable[[str], Any],
) -> None:
    """A record that is renewed, and the list of files of an environment that is mended."""
    right = [0, '["demo.pex", ["tool"]]']
    assert drive("scan()") == [right, right, right, True]


def test_a_path_that_is_too_long_for_windows_is_named_with_the_limit(
    drive: Callable[[str], Any],
) -> None:
    fits, too_long = drive("[start_in_long_home(259), start_in_long_home(260)]")
    assert fits[:2] == [0, '["demo.pex", ["tool"]]']
    code, said, path, left = too_long
    assert code == 1
    assert said.startswith("demo: cannot store its files in ")
    assert f"({path} has 260 characters, and Windows allows 259)" in said
    assert len(said.splitlines()) == 1
    assert left == []
