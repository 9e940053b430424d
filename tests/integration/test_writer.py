"""Executables of real wheels, held against what pex itself makes of the same wheels."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ConfigError, ExecutableError, ToolError, WriteError
from hatch_multiplat.build.outputs import write_outputs
from hatch_multiplat.config.run import Run
from hatch_multiplat.executable import pex, zip_writer
from hatch_multiplat.executable.pex import lacks_skeleton, run_pex
from hatch_multiplat.executable.writer import write_executable
from tests.support.parts import INTERPRETER, make_parts
from tests.support.project import make_project
from tests.support.whole_pex import make_whole_pex, pex_home, plain_info, read_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_multiplat.config.formats import Layout
    from hatch_multiplat.executable.writer import BuildInputs
    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network")

LINUX, MUSL, WINDOWS, MAC = (
    "cp312-manylinux_2_28_x86_64",
    "cp312-musllinux_1_2_x86_64",
    "cp311-win_amd64",
    "cp313-macosx_13_0_arm64",
)
CONSOLE = "Console>=1; sys_platform=='win32'"


@pytest.fixture(scope="module")
def pex_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pex's caches that the tests of this module share."""
    return tmp_path_factory.mktemp("pex")


@pytest.fixture
def make(make_wheel: MakeFile, tmp_path: Path) -> Callable[..., BuildInputs]:
    """Return `make_parts` for a program on four targets, two of them with an older dependency."""
    folders = {name: tmp_path / "folders" / name for name in ("lib", "inner")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    scripts = {"demo": "demo.cli : main", "other": "demo.cli:other [fast]"}
    app = make_wheel(
        "demo",
        requires=[
            "Native_Code>=1",
            f"lib @ {folders['lib'].as_uri()}",
        ],
        extras={"fast": ["speed"]},
        scripts=scripts,
        entry_points={"gui_scripts": {"window": "demo.gui:main", "demo": "demo.gui:main"}},
    )
    lib = make_wheel("lib")
    inner = make_wheel("inner")
    speed = make_wheel("speed", data={"scripts/quick": "#!python\nprint('quick')\n"})
    tool = make_wheel("tool", scripts={"tool": "tool:run", "twice": "tool:twice"})
    same = make_wheel("same.tool", scripts={"twice": "same:twice"})
    console = make_wheel("console")
    old, new = (
        make_wheel("native-code", version, tags=tags, scripts={"native": f"native:{function}"})
        for version, tags, function in (
            ("1.0", "cp312-cp312-musllinux_1_1_x86_64", "main"),
            ("2.0", "cp312-cp312-manylinux_2_17_x86_64", "main2"),
        )
    )
    pure = make_wheel(
        "native-code",
        "1.5",
        requires=[f"inner @ {folders['inner'].as_uri()}"],
        scripts={"native": "native:main"},
    )

    def build(
        *, run: Run = INTERPRETER, requirements: Sequence[str] = (), **options: Any
    ) -> BuildInputs:
        common = (app, lib, speed, tool, same)
        return make_parts(
            {
                LINUX: (*common, new),
                MUSL: (*common, old),
                WINDOWS: (*common, pure, inner, console),
                MAC: (*common, pure, inner),
            },
            turns={LINUX: (4, (*common, pure, inner))},
            run=run,
            requirements=["demo[fast]==1.0", "tool", "same-tool", CONSOLE, *requirements],
            **options,
        )

    return build


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_equal(made: dict[str, bytes], whole: dict[str, bytes]) -> None:
    """Assert that these members are those that pex wrote, what differs by host apart."""
    vendored = ".bootstrap/pex/vendor/_vendored/setuptools/"
    whole = {name: data for name, data in whole.items() if not name.startswith(vendored)}
    hashes = [json.loads(members["PEX-INFO"])["pex_hash"].encode() for members in (made, whole)]
    assert plain_info(made.pop("PEX-INFO")) == plain_info(whole.pop("PEX-INFO"), labels=False)
    launcher = made.pop("__main__.py")
    assert b"made by hatch-multiplat" in launcher[:200]
    made["__main__.py"] = made.pop(".multiplat/pex.py")
    made = {name: data for name, data in made.items() if not name.startswith(".multiplat/")}
    made = {name: data.replace(hashes[0], b"HASH") for name, data in made.items()}
    whole = {name: data.replace(hashes[1], b"HASH") for name, data in whole.items()}
    assert sorted(made) == sorted(whole)
    assert made == whole


OPTIONS: dict[str, dict[str, Any]] = {
    "nothing runs": {},
    "a script": {"run": Run(kind="script", value="demo")},
    "a script with extras": {"run": Run(kind="script", value="other")},
    "a script with a window": {"run": Run(kind="script", value="window")},
    "a dependency's script": {"run": Run(kind="script", value="tool")},
    "a file in a wheel": {"run": Run(kind="script", value="quick")},
    "an entry point": {"run": Run(kind="entry-point", value="demo.cli:main")},
    "a module": {"run": Run(kind="module", value="demo")},
    "injected": {
        "inject_args": ("--two words", "-x", "{pex.env.HOME}"),
        "inject_env": (("WORD", "b c"), ("EQUALS", "a=b")),
    },
    "include-tools": {"include_tools": True},
    "inherit-path": {"inherit_path": "fallback"},
    "runtime-root and shebang": {"runtime_root": "~/x y", "shebang": "/usr/bin/python3.12 -E"},
    "pex-args": {
        "pex_args": ("--build-property", "answer=42", "--no-strip-pex-env", "--venv=append")
    },
    "requirements": {
        "requirements": (
            "Speed<2,>=0.5",
            "tool>=0.1; python_version < '3'",
            "Native.Code [a,B] >=1,!=3",
            "lib~=1.0; python_version>='3.6' and (os_name=='nt' or os_name==\"posix\")",
        )
    },
}


@pytest.mark.usefixtures("pex_resolves")
@pytest.mark.parametrize("options", [pytest.param(item, id=name) for name, item in OPTIONS.items()])
def test_an_executable_is_member_for_member_what_pex_makes_of_the_same_wheels(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path, *, options: dict[str, Any]
) -> None:
    inputs = make(**options)
    made = write_executable(inputs, tmp_path / "out" / "made.pex", home=pex_home(pex_root))
    whole = make_whole_pex(inputs, tmp_path / "whole")
    assert made.stat().st_mode == whole.stat().st_mode
    assert [path.name for path in made.parent.iterdir()] == ["made.pex"]
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        stored = {i.filename for i in archive.infolist() if i.compress_type == zipfile.ZIP_STORED}
        assert {name for name in archive.namelist() if name.endswith(".whl")} <= stored
        runtime = archive.getinfo(".bootstrap/pex/pex.py")
        assert runtime.compress_size < runtime.file_size / 2
    assert_equal(read_zip(made), read_zip(whole))


def read_folder(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.usefixtures("pex_resolves")
@pytest.mark.parametrize("layout", ["packed", "loose"])
def test_a_folder_has_the_members_of_the_one_file(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path, layout: Layout
) -> None:
    inputs = make(run=Run(kind="script", value="demo"))
    folder = write_executable(inputs, tmp_path / "made.pex", home=pex_home(pex_root), layout=layout)
    whole = make_whole_pex(inputs, tmp_path / "whole", layout=layout)
    names = {path.name for path in whole.iterdir()}
    assert {path.name for path in folder.iterdir()} == names | {".multiplat"}
    assert (folder / "__main__.py").stat().st_mode & 0o777 == 0o755
    made, by_pex = read_folder(folder), read_folder(whole)
    if layout == "packed":
        for members, path in ((made, folder), (by_pex, whole)):
            members.pop(".bootstrap")
            inner = read_zip(path / ".bootstrap")
            members |= {f".bootstrap/{name}": data for name, data in inner.items()}
    assert_equal(dict(made), by_pex)
    one_file = write_executable(inputs, tmp_path / "one-file.pex", home=pex_home(pex_root))
    members = read_zip(one_file)
    files = {name: data for name, data in members.items() if not name.endswith("/")}
    assert {name: data for name, data in made.items() if not name.endswith("/")} == files


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no plain links")
def test_a_cache_folder_that_leads_elsewhere_is_not_in_the_file(
    make: Callable[..., BuildInputs],
    pex_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digests = set()
    for home in (tmp_path / "plain", tmp_path / "linked"):
        home.mkdir()
        if home.name == "linked":
            (tmp_path / "scratch").mkdir()
            (home / ".cache").symlink_to(tmp_path / "scratch")
        monkeypatch.setenv("HOME", str(home))
        output = home / "demo.pex"
        write_executable(make(), output, home=pex_home(pex_root))
        digests.add(digest(output))
    assert len(digests) == 1
    assert str(tmp_path).encode() not in output.read_bytes()


def test_a_script_that_differs_by_target_is_looked_for_where_it_runs(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path
) -> None:
    inputs = make(run=Run(kind="script", value="native"))
    made = write_executable(inputs, tmp_path / "out.pex", home=pex_home(pex_root))
    info = read_zip(made)["PEX-INFO"]
    assert json.loads(info)["script"] == "native"
    assert "entry_point" not in json.loads(info)


def test_a_script_of_two_projects_is_an_error(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path
) -> None:
    inputs = make(run=Run(kind="script", value="twice"))
    with pytest.raises(ConfigError) as caught:
        write_executable(inputs, tmp_path / "out" / "out.pex", home=pex_home(pex_root))
    assert str(caught.value) == (
        "tool.multiplat.script: 'twice' is a script of same-tool and tool; "
        "name the function by the key 'entry-point' instead"
    )
    assert not (tmp_path / "out").exists()


def test_a_url_is_no_word_in_the_file(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path
) -> None:
    url = "https://user:secret@files.test/speed-1.0-py3-none-any.whl?token=secret"
    inputs = make(requirements=(f"speed[x] @ {url} ; python_version > '3'",))
    made = write_executable(inputs, tmp_path / "out.pex", home=pex_home(pex_root))
    members = read_zip(made)
    assert 'speed[x]; python_version > "3"' in json.loads(members["PEX-INFO"])["requirements"]
    assert not any(b"secret" in data for data in members.values())


def test_pex_runs_once_for_all_builds_with_the_same_options(
    make: Callable[..., BuildInputs], tmp_path: Path
) -> None:
    """Other wheels, targets and programs need no other skeleton, other options do."""

    def skeletons() -> set[tuple[str, int]]:
        return {
            (path.name, path.stat().st_ino) for path in (tmp_path / "pex" / "skeletons").iterdir()
        }

    home = pex_home(tmp_path / "pex")
    first = write_executable(make(), tmp_path / "first.pex", home=home)
    made = skeletons()
    again = write_executable(make(), tmp_path / "again.pex", home=home)
    assert digest(again) == digest(first)
    script = make(run=Run(kind="script", value="demo"))
    write_executable(script, tmp_path / "script.pex", home=home)
    assert skeletons() == made
    assert not lacks_skeleton(script.config, home=home)
    assert lacks_skeleton(make(include_tools=True).config, home=home)


def test_the_folders_of_whoever_builds_are_not_in_the_file(
    make: Callable[..., BuildInputs],
    pex_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pex would write its cache's path into the file, as it is for the user who builds."""
    first = write_executable(make(), tmp_path / "first.pex", home=pex_home(pex_root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    again = write_executable(make(), tmp_path / "again.pex", home=pex_home(tmp_path / "pex"))
    assert digest(first) == digest(again)


@pytest.mark.parametrize("damage", [b"", b"x", b"\n", b"0" * 64 + b"\nPK"])
def test_a_damaged_skeleton_is_made_anew(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path, damage: bytes
) -> None:
    root = tmp_path / "pex"
    first = digest(write_executable(make(), tmp_path / "first.pex", home=pex_home(pex_root)))
    shutil.copytree(pex_root, root)
    for kept in (root / "skeletons").iterdir():
        kept.write_bytes(damage or kept.read_bytes()[:-1])
    again = write_executable(make(), tmp_path / "again.pex", home=pex_home(root))
    assert digest(again) == first


def test_a_cache_that_cannot_be_written_costs_time_only(
    make: Callable[..., BuildInputs], tmp_path: Path, pex_root: Path
) -> None:
    root = tmp_path / "pex"
    root.mkdir()
    (root / "skeletons").write_text("in the way", "utf-8")
    built = write_executable(make(), tmp_path / "out.pex", home=pex_home(root))
    assert digest(built) == digest(
        write_executable(make(), tmp_path / "other.pex", home=pex_home(pex_root))
    )


def test_a_wheel_that_is_not_the_one_of_the_table_is_refused(
    make: Callable[..., BuildInputs], pex_root: Path, tmp_path: Path
) -> None:
    parts = make()
    (cut,) = (path for name, path in parts.paths.items() if name.startswith("speed"))
    cut.write_bytes(cut.read_bytes()[:-1])
    with pytest.raises(ExecutableError, match=r"speed-1\.0.* bytes instead of .*; build again"):
        write_executable(parts, tmp_path / "out" / "out.pex", home=pex_home(pex_root))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("OSError: [Errno 28] No space left on device: '/out/built.pex'\n  gone", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("OSError: [Errno 13] Permission denied", False),
    ],
)
def test_a_full_disk_is_told_from_other_failures_of_pex(
    tmp_path: Path, said: str, *, shown: bool
) -> None:
    """A module of the folder that pex is run in comes before the one that is installed."""
    (tmp_path / "pex.py").write_text(f"raise SystemExit({said!r})", "utf-8")

    with pytest.raises(ExecutableError if shown else ToolError) as caught:
        run_pex([], folder=tmp_path, home=pex_home(tmp_path))

    if shown:
        assert str(caught.value) == (
            f"pex cannot write its files: {said.splitlines()[0]}; "
            "free some space there, or name other folders in HATCH_MULTIPLAT_CACHE and TMPDIR"
        )
    else:
        assert said in str(caught.value)


def test_what_pex_has_in_hand_lies_in_its_folder(tmp_path: Path) -> None:
    """A build that is killed has no time to remove it elsewhere."""
    code = "import pathlib, tempfile\npathlib.Path('place').write_text(tempfile.mkdtemp())"
    (tmp_path / "pex.py").write_text(code, "utf-8")
    run_pex([], folder=tmp_path, home=pex_home(tmp_path / "root"))
    assert Path((tmp_path / "place").read_text("utf-8")).parent == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is always full")
def test_a_full_disk_is_told(
    make: Callable[..., BuildInputs],
    pex_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = make()
    write_executable(parts, tmp_path / "before.pex", home=pex_home(pex_root))
    monkeypatch.setattr(
        zip_writer, "write_members", lambda *_, **__: Path("/dev/full").write_bytes(b"x")
    )
    output = tmp_path / "out" / "out.pex"
    with pytest.raises(WriteError) as caught:
        write_outputs(
            parts,
            output,
            cache=pex_root.parent,
            home=pex_home(pex_root),
            scie=parts.config.scie,
            say=pytest.fail,
        )
    assert str(caught.value) == (
        f"cannot write {output}: No space left on device; "
        "free some space there, or remove files where there are too many for the disk, "
        "or name another in 'output-dir'"
    )
    assert not output.parent.exists()


def find_package(name: str) -> Path:
    """Return the folder of a package that this Python has."""
    spec = find_spec(name)
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def find_new_python() -> str | None:
    """Return a CPython for which pex brings no pip of its own: 3.12 or newer."""
    if sys.version_info >= (3, 12):
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = [*sorted(root.glob("versions/3.*/bin")), *map(Path, os.get_exec_path())]
    for place in places:
        for path in sorted(place.glob("python3.*")):
            if re.fullmatch(r"python3\.(1[2-9]|[2-9]\d)", path.name):
                done = subprocess.run([path, "-c", ""], check=False, capture_output=True)
                if done.returncode == 0:
                    return str(path)
    return None


def test_a_first_build_offline_needs_no_pip_from_an_index(
    index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under Python 3.12 and newer pex loads a pip at its first use, where it needs one at all."""
    python = find_new_python()
    if python is None:
        pytest.skip("there is no Python 3.12 or newer here")
    index_server.add_wheel("greeting")
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["greeting"],
        table={"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"]},
    )
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    first = digest(Path(project.build().path))
    shutil.rmtree(tmp_path / "cache" / "pex")
    new = SimpleNamespace(
        executable=python,
        implementation=sys.implementation,
        version="3.12",
        platform=sys.platform,
    )
    monkeypatch.setattr(pex, "sys", new)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "pex").symlink_to(find_package("pex"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    # Nobody listens there: whoever looks for a pip fails.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    asked = len(index_server.requests)
    report = project.build(HATCH_MULTIPLAT_OFFLINE="1")
    assert digest(Path(report.path)) == first
    assert len(index_server.requests) == asked
