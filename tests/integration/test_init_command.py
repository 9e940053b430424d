"""`init` on real files, against an index on loopback."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main
from hatch_multiplat.init import detection
from tests.support.caches import make_cache
from tests.support.wheels import write_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

FIVE = ("linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64")
TAGS = {
    "linux-x86_64": "manylinux_2_17_x86_64",
    "linux-aarch64": "manylinux_2_17_aarch64",
    "macos-arm64": "macosx_11_0_arm64",
    "macos-x86_64": "macosx_11_0_x86_64",
    "windows-x86_64": "win_amd64",
}
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11,<3.14"
dependencies = ["native>=1"]
"""

pytestmark = pytest.mark.usefixtures("plain_network")


class Folder:
    """A project in a folder, and the commands run on it."""

    def __init__(self, root: Path, index: IndexServer) -> None:
        self.root = root
        self.index = index

    @property
    def path(self) -> Path:
        return self.root / "pyproject.toml"

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode()

    @property
    def table(self) -> dict[str, Any]:
        table: dict[str, Any] = tomllib.loads(self.text)["tool"]["multiplat"]
        return table

    def write(self, text: str = PYPROJECT) -> None:
        self.path.write_bytes(text.encode())

    def run(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, list(words))
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def folder(tmp_path: Path, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> Folder:
    root = tmp_path / "demo"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.index_url)
    found = Folder(root, index_server)
    found.write()
    return found


@pytest.fixture
def native(folder: Folder) -> Callable[..., None]:
    """Return a function that puts wheels of a package onto the index."""

    def add(name: str = "native", *, pythons: tuple[str, ...], platforms: tuple[str, ...]) -> None:
        for python in pythons:
            for platform in platforms:
                tags = f"{python}-{python}-{TAGS[platform]}"
                folder.index.add_wheel(name, "1.18", tags=tags)

    return add


# -- init ------------------------------------------------------------------------------------------


def test_wheels_on_the_index_decide_what_is_left_out(
    folder: Folder, native: Callable[..., None]
) -> None:
    native(pythons=("cp311", "cp312", "cp313"), platforms=("linux-x86_64", "windows-x86_64"))
    native(pythons=("cp311",), platforms=("macos-arm64",))
    result = folder.run("init")
    assert "without macos-arm64: native has no wheel for it" in result.stderr
    assert folder.table == {
        "platforms": ["linux-x86_64", "windows-x86_64"],
        "python": ["3.11", "3.12", "3.13"],
    }
    assert result.stdout == "Changed pyproject.toml\n"


def test_a_chosen_platform_stays_and_pythons_follow_it(
    folder: Folder, native: Callable[..., None]
) -> None:
    native(pythons=("cp311", "cp312", "cp313"), platforms=("linux-x86_64",))
    native(pythons=("cp311",), platforms=("macos-arm64",))
    folder.run("init", "--platform", "linux-x86_64", "--platform", "macos-arm64")
    assert folder.table["platforms"] == ["linux-x86_64", "macos-arm64"]
    assert folder.table["python"] == ["3.11"]


def test_a_chosen_python_stays_and_platforms_follow_it(
    folder: Folder, native: Callable[..., None]
) -> None:
    native(pythons=("cp311", "cp312"), platforms=("linux-x86_64",))
    native(pythons=("cp311",), platforms=("macos-arm64",))
    folder.run("init", "--python", "cp312")
    assert folder.table == {"platforms": ["linux-x86_64"], "python": ["cp312"]}


@pytest.mark.parametrize("how", ["offline", "unreachable", "broken"])
def test_without_the_index_the_rest_decides_and_it_says_so(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "offline":
        monkeypatch.setenv("UV_OFFLINE", "1")
    elif how == "unreachable":
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    else:
        folder.index.fail("native", 503)
    result = folder.run("init")
    assert "guessed without the wheels of 1 dependency: " in result.stderr
    assert folder.table == {"platforms": list(FIVE), "python": ["3.11", "3.12", "3.13"]}


def test_an_index_that_does_not_answer_is_not_waited_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections, as a machine behind a firewall may not even do, and says nothing."""
    monkeypatch.setattr(detection, "LIMIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        result = folder.run("init")
    assert "guessed without the wheels of 1 dependency: the index has not answered" in result.stderr
    assert folder.table == {"platforms": list(FIVE), "python": ["3.11", "3.12", "3.13"]}


def test_who_stops_waiting_is_obeyed_at_once(folder: Folder) -> None:
    """Ctrl-C while an index does not answer: no traceback, and nothing was written."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        words = [sys.executable, "-m", "hatch_multiplat", "init", str(folder.root)]
        process = subprocess.Popen(
            words,
            env={**os.environ, "UV_DEFAULT_INDEX": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=detection.LIMIT)
        connection.close()
    assert (out, process.returncode) == ("", 130)
    assert err.splitlines()[-1] == "hatch-multiplat: stopped"
    assert "Traceback" not in err
    assert folder.text == PYPROJECT


def test_what_the_dependencies_require_counts_too(
    folder: Folder, native: Callable[..., None]
) -> None:
    native("core", pythons=("cp311", "cp312"), platforms=("linux-x86_64", "windows-x86_64"))
    folder.index.add_wheel("front", requires=["core"])
    folder.write(PYPROJECT.replace("native>=1", "front"))
    result = folder.run("init")
    assert "without macos-arm64: core has no wheel for it" in result.stderr
    assert "without Python 3.13: core has no wheel for it on linux-x86_64" in result.stderr
    assert folder.table == {
        "platforms": ["linux-x86_64", "windows-x86_64"],
        "python": ["3.11", "3.12"],
    }


@pytest.mark.parametrize("how", ["workspace", "path"])
@pytest.mark.parametrize("marker", ["", "; sys_platform != 'win32'"])
def test_what_a_member_of_the_workspace_requires_counts(
    folder: Folder, native: Callable[..., None], marker: str, how: str
) -> None:
    """A member is of no index, what it requires is: in turn, and where its marker says so."""
    native("core", pythons=("cp311", "cp312"), platforms=FIVE[:3])
    member = folder.root / "packages" / "near"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text(
        f'[project]\nname = "near"\nversion = "1.0"\ndependencies = ["core{marker}"]\n', "utf-8"
    )
    source = "workspace = true" if how == "workspace" else 'path = "packages/near"'
    folder.write(
        PYPROJECT.replace("native>=1", "near")
        + f"[tool.uv.sources]\nnear = {{ {source} }}\n"
        + ('[tool.uv.workspace]\nmembers = ["packages/*"]\n' if how == "workspace" else "")
    )
    result = folder.run("init")
    assert "without macos-x86_64: core has no wheel for it" in result.stderr
    kept = [*FIVE[:3], *(["windows-x86_64"] if marker else [])]
    assert folder.table["platforms"] == kept
    assert folder.table["python"] == ["3.11", "3.12"]


def test_pythons_that_nothing_has_a_wheel_for_are_not_guessed(
    folder: Folder, native: Callable[..., None]
) -> None:
    native(pythons=("cp311", "cp312"), platforms=tuple(FIVE))
    named = 'classifiers = ["Programming Language :: Python :: 3.13"]\ndependencies'
    folder.write(PYPROJECT.replace("dependencies", named))
    result = folder.run("init")
    assert folder.table["python"] == ["3.11", "3.12"]
    assert "those with wheels; for what the classifiers name there are none" in result.stderr


def test_a_floor_is_raised_where_only_that_is_in_the_way(folder: Folder) -> None:
    for tag in (TAGS | {"macos-arm64": "macosx_14_0_arm64"}).values():
        for python in ("cp311", "cp312", "cp313"):
            folder.index.add_wheel("native", tags=f"{python}-{python}-{tag}")
    result = folder.run("init")
    assert "macos-arm64-14.0 instead of macos-arm64: native has no wheel" in result.stderr
    assert "macos-arm64-14.0" in folder.table["platforms"]


def test_what_an_index_cannot_know_is_not_asked_for(
    folder: Folder, native: Callable[..., None]
) -> None:
    native("near", pythons=("cp311",), platforms=("linux-x86_64",))
    needs = f'["near", "far @ {folder.index.index_url}/far-1.0-py3-none-any.whl"]'
    sources = '\n[tool.uv.sources]\nNear = { path = "../near" }\n'
    folder.write(PYPROJECT.replace('["native>=1"]', needs) + sources)
    result = folder.run("init")
    assert "what the dependencies themselves require was not looked at" in result.stderr
    assert folder.table["platforms"] == list(FIVE)
    assert all("near" not in request.path for request in folder.index.requests)


def use_backend(folder: Folder, wheel: Path) -> None:
    """Give the project a backend of its own, whose wheel is this one."""
    folder.write(tomlkit.dumps({"build-system": write_backend(folder.root, wheel)}))


def test_dynamic_dependencies_are_learned_by_building_the_wheel(
    folder: Folder, native: Callable[..., None], make_wheel: MakeFile
) -> None:
    """Its backend knows the dependencies, the Pythons and the scripts; `[project]` does not."""
    native(pythons=("cp39", "cp310"), platforms=("linux-x86_64",))
    wheel = make_wheel(
        "demo", requires=["native"], requires_python="<3.11", scripts={"one": "a:b", "two": "a:c"}
    )
    use_backend(folder, wheel)
    result = folder.run("init")
    assert "Building the wheel of demo" in result.stderr
    assert folder.table == {
        "platforms": ["linux-x86_64"],
        "python": ["3.9", "3.10"],
        "script": "one",
    }
    left = {path.name for path in folder.root.iterdir()} - {"__pycache__"}
    assert left == {"backend.py", "pyproject.toml"}


def test_dynamic_dependencies_of_what_cannot_be_built_are_not_looked_at(folder: Folder) -> None:
    folder.write(PYPROJECT.replace("dependencies = [", 'dynamic = ["dependencies"] # ['))
    result = folder.run("init")
    assert (
        "the dependencies are dynamic, and building the wheel to learn them failed, so their "
        "wheels were not looked at"
    ) in result.stderr


@pytest.mark.parametrize(
    ("backend", "missing"),
    [
        ("", ", and there is no setup.py, and there is no setup.cfg"),
        ('build-backend = "setuptools.build_meta"', ", and there is no setup.py"),
        ('build-backend = "hatchling.build"', ""),
    ],
)
@pytest.mark.parametrize("command", ["init", "check", "build"])
def test_a_project_of_which_nothing_says_the_name_is_an_error(
    folder: Folder, command: str, backend: str, missing: str
) -> None:
    """setuptools makes a wheel of UNKNOWN 0.0.0 of it."""
    folder.write(f"[build-system]\nrequires = []\n{backend}\n")
    if command != "init":
        folder.write(f'{folder.text}[tool.multiplat]\nplatforms = ["linux-x86_64"]\n')
    result = folder.run(command, code=2)
    assert f"pyproject.toml: no table [project]{missing}" in result.stderr
    assert "add the table, with the name and version of the project" in result.stderr
    assert not (folder.root / "dist").exists()


def test_a_wheel_of_unknown_is_an_error(folder: Folder, make_wheel: MakeFile) -> None:
    """As setuptools makes one of a `setup.cfg` without a name."""
    use_backend(folder, make_wheel("UNKNOWN", "0.0.0"))
    assert "has no name; add [project] with one" in folder.run("init", code=2).stderr


def test_the_name_may_stand_where_another_backend_has_it(folder: Folder) -> None:
    folder.write('[build-system]\nrequires = []\nbuild-backend = "poetry.core.masonry.api"\n')
    assert "no table [project]" not in folder.run("init").stderr


def test_a_project_for_older_pythons_alone_gets_these(
    folder: Folder, native: Callable[..., None]
) -> None:
    native(pythons=("cp39",), platforms=FIVE)
    folder.write(PYPROJECT.replace(">=3.11,<3.14", "==3.9.*"))
    result = folder.run("init")
    assert "python: 3.9 (what requires-python '==3.9.*' allows; upstream supports" in result.stderr
    assert folder.table == {"platforms": list(FIVE), "python": ["3.9"]}
    assert "Nothing to add" in folder.run("init").stdout


def test_who_writes_win32_is_told_what_it_is(folder: Folder) -> None:
    hint = "win32 is 32-bit Windows; windows-x86_64 is the usual one\n"
    assert hint in folder.run("init", "--platform", "win32").stderr
    assert folder.table["platforms"] == ["win32"]
    assert hint in folder.run("targets").stderr


def test_a_platform_with_a_python_of_its_own_gets_no_others(folder: Folder) -> None:
    folder.run("init", "--platform", "current", "--platform", "win_amd64-cp-312-cp312")
    assert folder.table == {"platforms": ["current", "win_amd64-cp-312-cp312"]}
    assert folder.index.requests == []


def test_a_package_with_a_main_runs_where_there_is_no_script(folder: Folder) -> None:
    (folder.root / "src" / "demo").mkdir(parents=True)
    (folder.root / "src" / "demo" / "__main__.py").touch()
    folder.run("init")
    assert folder.table["module"] == "demo"


def test_a_second_run_asks_nobody_and_changes_nothing(folder: Folder) -> None:
    folder.run("init")
    text, asked = folder.text, len(folder.index.requests)
    result = folder.run("init")
    assert result.stdout == "Nothing to add: all of it is there\n"
    assert folder.text == text
    assert len(folder.index.requests) == asked


def test_every_byte_of_the_file_stays(folder: Folder) -> None:
    text = PYPROJECT.replace("\n", "\r\n").replace('["h', '[\r\n\t"h').rstrip() + " # end: größer"
    folder.write(text)
    folder.run("init")
    kept = text.replace('ling"]', 'ling",\r\n\t"hatch-multiplat"]')
    assert folder.text.startswith(f"{kept}\r\n\r\n")
    assert "\n" not in folder.text.replace("\r\n", "")


def test_the_hook_goes_where_hatch_looks_for_it(folder: Folder) -> None:
    hatch_toml = folder.root / "hatch.toml"
    hatch_toml.write_text("[envs.x]\n", "utf-8")
    folder.run("init", "--yes")
    assert hatch_toml.read_text("utf-8") == "[envs.x]\n"
    folder.write()
    hatch_toml.write_text('[build]\ninclude = ["x"]\n', "utf-8")
    result = folder.run("init", "--on-request")
    assert result.stdout == "Changed pyproject.toml and hatch.toml\n"
    assert "hatch-multiplat" not in folder.text.replace("# Run hatch-multiplat", "")
    assert tomllib.loads(hatch_toml.read_text("utf-8"))["build"]["hooks"]["multiplat"] == {
        "enable-by-default": False,
        "dependencies": ["hatch-multiplat[build]"],
    }
    assert folder.run("init", "--on-request").stdout.startswith("Nothing to add")


def test_other_hooks_may_be_dotted_keys(folder: Folder) -> None:
    """As in tox and pipx: a table below such keys is valid TOML, which tomlkit cannot read."""
    dotted = "\n[tool.hatch]\nbuild.hooks.custom = {}\nbuild.targets.sdist.include = ['a']\n"
    folder.write(f"{PYPROJECT}{dotted}[tool.other]\na = 1\n")
    folder.run("init", "--yes")
    hooks = tomllib.loads(folder.text)["tool"]["hatch"]["build"]["hooks"]
    assert hooks.keys() == {"custom", "multiplat"}
    assert "hatch-multiplat" in tomllib.loads(folder.text)["build-system"]["requires"]
    assert folder.run("init", "--yes").stdout.startswith("Nothing to add")
    before = folder.text.replace('"hatch-multiplat"', '"hatchling"')
    folder.write(before)
    result = CliRunner().invoke(main, ["init", "--yes"])
    assert result.exit_code == 2, result.output
    assert "add 'hatch-multiplat' to build-system.requires by hand" in " ".join(
        result.output.split()
    )
    assert folder.text == before


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        (["--platform", "linux_x64", "--python", "3.31"], PYPROJECT, "'linux-x86_64'?\n"),
        (["--python", "3.10"], PYPROJECT, "Python 3.10 is not allowed"),
        ([], PYPROJECT.replace(">=3.11,<3.14", ">=4"), "tool.multiplat.python is required"),
        ([], PYPROJECT.replace(">=3.11,<3.14", "3.11"), "write a comparison, such as '>=3.11'"),
        (
            [],
            PYPROJECT.replace("native>=1", "native>>1"),
            "project.dependencies[0]: 'native>>1' is not a requirement: ",
        ),
        ([], PYPROJECT.replace("requires = [", "# ["), "build-system.requires must be an array"),
        ([], PYPROJECT + "\n[tool.multiplat]\nscirpt = 'x'\n", "did you mean 'script'?"),
        (
            ["--platform", "windows-arm64"],
            PYPROJECT + "\n[tool.multiplat]\nplatforms = ['linux-x86_64']\n",
            'tool.multiplat.platforms is there already; add "windows-arm64" to that list',
        ),
        (["--dry-run"], "[project\n", "is not TOML"),
    ],
)
def test_a_mistake_ends_with_exit_code_2_and_writes_nothing(
    folder: Folder, words: list[str], text: str, message: str
) -> None:
    folder.write(text)
    result = folder.run("init", *words, code=2)
    assert message in result.stderr
    assert folder.text == text


def test_a_folder_without_a_project_is_an_error(folder: Folder) -> None:
    folder.path.unlink()
    assert "no such file" in folder.run("init", code=2).stderr


def test_a_python_is_added_to_a_table_that_has_none(folder: Folder) -> None:
    folder.write(PYPROJECT + "\n[tool.multiplat]\nplatforms = ['linux-x86_64']\n")
    folder.run("init", "--python", "3.12")
    assert folder.table == {"platforms": ["linux-x86_64"], "python": ["3.12"]}


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[object, str]]:
    """Return a function that runs a command on a terminal where somebody types.

    It returns the command's exit code, and what is to be seen on the terminal.
    """
    pty = pytest.importorskip("pty")

    def run(*words: str, typed: str = "") -> tuple[object, str]:
        above, below = pty.openpty()
        os.write(above, typed.encode())
        with ExitStack() as stack, monkeypatch.context() as patch:
            for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
                patch.setattr(sys, name, stack.enter_context(os.fdopen(os.dup(below), mode)))
            with pytest.raises(SystemExit) as ended:
                main(words)
        os.close(below)
        said = b""
        with suppress(OSError):  # Linux's word for the end.
            while part := os.read(above, 4096):
                said += part
        os.close(above)
        return ended.value.code, said.decode()

    return run


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 0), ("n\n", 1)])
def test_somebody_on_a_terminal_is_asked_once(
    folder: Folder, on_terminal: Callable[..., tuple[object, str]], answer: str, code: int
) -> None:
    ended, said = on_terminal("init", typed=answer)
    assert ended == code
    assert said.count("Change pyproject.toml? [Y/n]") == 1
    assert (folder.text == PYPROJECT) is (code == 1)


@pytest.mark.parametrize("word", ["--yes", "--quiet", "--python=3.12", "--platform=linux-x86_64"])
def test_who_has_said_what_to_do_is_not_asked(
    folder: Folder, on_terminal: Callable[..., tuple[object, str]], word: str
) -> None:
    ended, said = on_terminal("init", word)
    assert (ended, said.count("[Y/n]")) == (0, 0)
    assert folder.text != PYPROJECT


def test_a_diff_has_colours_on_a_terminal_alone(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[" not in CliRunner().invoke(main, ["init", "--dry-run"], color=True).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = CliRunner().invoke(main, ["init", "--dry-run"], color=True).stdout
    assert '\x1b[32m+requires = ["hatchling", "hatch-multiplat"]\n\x1b[0m' in shown
    assert folder.text == PYPROJECT


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither modes nor plain links")
def test_a_file_keeps_its_mode_and_a_link_stays_a_link(folder: Folder) -> None:
    real = folder.root.parent / "real.toml"
    folder.path.rename(real)
    folder.path.symlink_to(real)
    real.chmod(0o640)
    folder.run("init")
    assert folder.path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in folder.root.iterdir()] == ["pyproject.toml"]


def test_a_file_that_cannot_be_written_stays_and_nothing_is_left_beside_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: object) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    result = folder.run("init", code=8)
    assert result.stderr.endswith(
        "cannot write pyproject.toml: Permission denied; make its folder writable\n"
    )
    assert folder.text == PYPROJECT
    assert [path.name for path in folder.root.iterdir()] == ["pyproject.toml"]


def test_a_diff_keeps_line_ends_and_tells_a_missing_one(folder: Folder) -> None:
    folder.write("# a\r\n" + PYPROJECT.replace("\n", "\r\n") + "# end")
    diff = folder.run("init", "--dry-run").stdout
    assert "\n-# end\n\\ No newline at end of file\n+# end\n" in diff


def test_who_is_asked_sees_the_change_first(
    folder: Folder, on_terminal: Callable[..., tuple[object, str]]
) -> None:
    _, said = on_terminal("init", typed="n\n")
    assert 0 < said.find("+[tool.multiplat]") < said.find("Change pyproject.toml?")
    assert folder.text == PYPROJECT


def test_beside_a_setup_cfg_an_empty_file_is_enough(folder: Folder) -> None:
    folder.path.unlink()
    (folder.root / "setup.cfg").write_text("[metadata]\nname = demo\n", "utf-8")
    for command in ("init", "build", "check"):
        said = folder.run(command, code=2).stderr
        assert "no such file; beside setup.cfg an empty one is enough: make it" in said


def test_a_member_of_a_workspace_is_built_without_an_sdist(folder: Folder) -> None:
    (folder.root.parent / "pyproject.toml").write_text(
        "[tool.uv.workspace]\nmembers = ['*']\n", "utf-8"
    )
    assert "build it with: python -m build --wheel\n" in folder.run("init").stderr


def test_the_root_of_a_workspace_names_its_members(folder: Folder) -> None:
    folder.write("[tool.uv.workspace]\nmembers = ['*']\n")
    assert "name the folder of a member" in folder.run("init", code=2).stderr
