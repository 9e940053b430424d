"""Outputs beside the PEX, by the real pipeline; each is installed or run as its users do."""

from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ConfigError, ExecutableError, ToolError
from hatch_multiplat.build.checksums import FILENAME
from hatch_multiplat.build.report import render_report
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.inspection.parts import write_parts
from tests.support.commands import make_venv
from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
HERE = f"cp{sys.version_info.major}{sys.version_info.minor}-manylinux_2_28_x86_64"
OTHER = "cp310-win_amd64"
_TAG = HERE.partition("-")[0]
PLATFORMS = [f"manylinux_2_28_x86_64-cp-{_TAG[2:]}-{_TAG}", "win_amd64-cp-310-cp310"]

linux_x86_64 = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="runs what is built for Linux on x86_64",
)


@pytest.fixture
def ask(index_server: IndexServer, tmp_path: Path) -> Callable[..., ProjectFolder]:
    """Return a function that makes a project whose table has further keys."""
    version = sys.version_info
    for number in ("1.0", "2.0"):
        index_server.add_wheel(
            "greeting", number, files={"greeting.py": f"said = 'hello {number}'\n"}
        )
    index_server.add_wheel(
        "native",
        tags=f"{_TAG}-{_TAG}-manylinux_2_17_x86_64",
        files={"native.py": "where = 'linux'\n", "native_data/run.sh": "#!/bin/sh\n"},
        data={
            "scripts/native-tool": "#!python\nprint('tool')\n",
            "data/share/native.txt": "shared\n",
            "purelib/pure_part.py": "x = 1\n",
            "headers/native.h": "\n",
        },
    )
    index_server.add_wheel(
        "native", tags="cp310-cp310-win_amd64", files={"native.py": "where = 'win'\n"}
    )

    def make(boundary: int = version.micro, **table: Any) -> ProjectFolder:
        here = f"{MINOR}.{boundary}"
        return make_project(
            tmp_path,
            index_url=index_server.index_url,
            requires=[
                f"greeting<2; python_full_version < '{here}'",
                f"greeting; python_full_version >= '{here}'",
                "native",
            ],
            table={"platforms": PLATFORMS, **table},
            files={
                "demo.py": (
                    "import sys\n"
                    "def main():\n"
                    "    import greeting, native\n"
                    "    print(greeting.said, native.where, sys.argv[1:])\n"
                    "if __name__ == '__main__':\n"
                    "    main()\n"
                )
            },
        )

    return make


def run(*words: str | Path, cwd: Path | None = None, **environ: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        # A first line finds the Python of the tests, for which the files are.
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -- wheelhouse ------------------------------------------------------------------------------------


@linux_x86_64
@pytest.mark.parametrize(
    ("ahead", "greeting"), [(0, "hello 2.0"), (1, "hello 1.0")], ids=["since", "before"]
)
def test_pip_installs_a_wheelhouse_without_an_index_and_with_hashes(
    ask: Callable[..., ProjectFolder], tmp_path: Path, ahead: int, greeting: str
) -> None:
    """Where patch releases take different wheels, each takes its own from the same folder."""
    project = ask(sys.version_info.micro + ahead, formats=["wheelhouse"])
    project.build()
    venv = tmp_path / "venv"
    programs = make_venv(venv)
    run(
        *(sys.executable, "-m", "pip", "--python", venv, "install", "--quiet", "--no-index"),
        *("--find-links", ".", "--require-hashes", "-r", "requirements.txt"),
        cwd=project.dist / "demo-1.0-wheelhouse" / HERE,
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    assert run(programs / "demo", "a", cwd=tmp_path) == f"{greeting} linux ['a']\n"


def test_a_wheelhouse_has_a_folder_of_exactly_its_wheels_for_each_target(
    ask: Callable[..., ProjectFolder],
) -> None:
    project = ask(boundary=1, formats=["wheelhouse"])
    report = project.build()
    folder = project.dist / "demo-1.0-wheelhouse"
    assert [path.name for path in project.dist.iterdir()] == [folder.name]
    assert {path.name for path in (folder / HERE).iterdir()} == {
        "demo-1.0-py3-none-any.whl",
        "greeting-1.0-py3-none-any.whl",
        "greeting-2.0-py3-none-any.whl",
        f"native-1.0-{_TAG}-{_TAG}-manylinux_2_17_x86_64.whl",
        "requirements.txt",
    }
    shared = [folder / name / "demo-1.0-py3-none-any.whl" for name in (HERE, OTHER)]
    assert shared[0].samefile(shared[1])
    (output,) = report.outputs
    assert (output.format, output.path) == ("wheelhouse", str(folder))
    unique = {path.stat().st_ino: path.stat().st_size for path in folder.rglob("*.*")}
    assert output.size == sum(
        size
        for inode, size in unique.items()
        if inode in {path.stat().st_ino for path in folder.rglob("*") if path.is_file()}
    )


def test_what_is_changed_in_a_wheelhouse_does_not_reach_the_store(
    ask: Callable[..., ProjectFolder],
) -> None:
    project = ask(formats=["wheelhouse"])
    project.build()
    wheel = project.dist / "demo-1.0-wheelhouse" / HERE / "greeting-2.0-py3-none-any.whl"
    whole = wheel.read_bytes()
    wheel.write_bytes(b"changed")
    project.build()
    assert wheel.read_bytes() == whole


def test_a_folder_that_is_no_wheelhouse_is_left_alone(ask: Callable[..., ProjectFolder]) -> None:
    project = ask(formats=["wheelhouse", "zip"])
    own = project.dist / "demo-1.0-wheelhouse" / "mine"
    own.mkdir(parents=True)
    with pytest.raises(ExecutableError, match="no build of this kind has made; move it away"):
        project.build()
    assert own.is_dir()
    assert [path.name for path in project.dist.iterdir()] == ["demo-1.0-wheelhouse"]


def test_a_wheelhouse_zip_has_what_the_folder_has(ask: Callable[..., ProjectFolder]) -> None:
    project = ask(formats=["wheelhouse", "wheelhouse-zip"], wheelhouse={"targets": ["*linux*"]})
    report = project.build()
    folder = project.dist / "demo-1.0-wheelhouse"
    path = project.dist / f"demo-1.0-wheelhouse-{HERE}.zip"
    assert [path.name for path in folder.iterdir()] == [HERE]
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents(folder / HERE)
    assert [(output.format, output.target) for output in report.outputs] == [
        ("wheelhouse", ""),
        ("wheelhouse-zip", HERE),
    ]


# -- zip -------------------------------------------------------------------------------------------


@linux_x86_64
@pytest.mark.parametrize("prefix", ["", "python"])
def test_an_installed_tree_runs_from_its_folder(
    ask: Callable[..., ProjectFolder], tmp_path: Path, prefix: str
) -> None:
    project = ask(formats=["zip"], zip={"targets": [HERE], "prefix": prefix})
    project.build()
    (path,) = project.dist.iterdir()
    assert path.name == f"demo-1.0-{HERE}.zip"
    task = tmp_path / "task"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(task)
    library = task / prefix
    assert run(sys.executable, "-m", "demo", "x", PYTHONPATH=str(library)) == (
        "hello 2.0 linux ['x']\n"
    )
    found = run(
        *(sys.executable, "-c"),
        "from importlib.metadata import *; print(version('native'), len(files('native')),"
        " all(f.locate().exists() for f in files('native')))",
        PYTHONPATH=str(library),
    )
    assert found == "1.0 8 True\n"
    assert (library / "share" / "native.txt").read_text("utf-8") == "shared\n"
    assert (library / "pure_part.py").is_file()
    assert not list(task.rglob("native-tool")) + list(task.rglob("native.h"))


def test_a_zip_file_is_the_same_in_every_build_and_says_nothing_of_the_moment(
    ask: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ask(formats=["zip", "wheelhouse", "wheelhouse-zip"])
    project.build()
    before = contents(project.dist)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    umask = os.umask(0o077)
    try:
        project.build()
    finally:
        os.umask(umask)
    assert contents(project.dist) == before
    with zipfile.ZipFile(project.dist / f"demo-1.0-{HERE}.zip") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        modes = {info.external_attr >> 16 for info in archive.infolist()}
        assert modes == {stat.S_IFREG | 0o644}


def test_a_zip_file_that_is_too_large_for_lambda_is_told(
    ask: Callable[..., ProjectFolder], index_server: IndexServer
) -> None:
    index_server.add_wheel("heavy", blob=51 * 2**20)
    project = ask(formats=["zip"], zip={"targets": [HERE]}, requirements=["heavy"])
    project.build()
    (said,) = (line for line in project.said if "Lambda" in line)
    assert said.startswith(f"demo-1.0-{HERE}.zip has 53.5 MB: AWS Lambda takes 50 MiB by direct")


# -- layouts ---------------------------------------------------------------------------------------


@linux_x86_64
@pytest.mark.parametrize("layout", ["packed", "loose"])
def test_a_folder_runs_as_the_file_does(
    ask: Callable[..., ProjectFolder], tmp_path: Path, layout: str
) -> None:
    project = ask(layout=layout)
    report = project.build()
    folder = project.dist / "demo-1.0.pex"
    home = str(tmp_path / "home")
    assert (folder / ".bootstrap").is_file() == (layout == "packed")
    assert report.size == sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file()
    )
    for words in ([sys.executable, folder], [folder / "__main__.py"]):
        for _ in range(2):  # a first run and another
            assert run(*words, "x", HOME=home) == "hello 2.0 linux ['x']\n"
    assert "fits " + HERE in run(sys.executable, folder, HOME=home, MULTIPLAT="info")
    run(sys.executable, folder, tmp_path / "made", HOME=home, MULTIPLAT="venv")
    assert run(tmp_path / "made" / "bin" / "demo") == "hello 2.0 linux []\n"
    # pex's own runtime works from it, too.
    said = run(sys.executable, folder, "-c", "print(6 * 7)", HOME=home, PEX_INTERPRETER="1")
    assert said == "42\n"


@linux_x86_64
def test_a_damaged_wheel_in_a_folder_stops_the_run(
    ask: Callable[..., ProjectFolder], tmp_path: Path
) -> None:
    project = ask(layout="packed")
    project.build()
    folder = project.dist / "demo-1.0.pex"
    (folder / ".deps" / "greeting-2.0-py3-none-any.whl").write_bytes(b"damaged")
    done = subprocess.run(
        [sys.executable, folder],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "this file is damaged" in done.stderr


def test_file_and_folder_take_each_others_place(ask: Callable[..., ProjectFolder]) -> None:
    ask(layout="packed").build()
    project = ask(layout="loose")
    project.build()
    assert (project.dist / "demo-1.0.pex" / ".bootstrap").is_dir()
    project = ask()
    project.build()
    assert (project.dist / "demo-1.0.pex").is_file()
    project = ask(layout="packed")
    project.build()
    assert (project.dist / "demo-1.0.pex" / ".bootstrap").is_file()
    assert [path.name for path in project.dist.iterdir()] == ["demo-1.0.pex"]


# -- exe -------------------------------------------------------------------------------------------


def test_a_program_for_windows_is_a_launcher_a_line_and_the_archive(
    ask: Callable[..., ProjectFolder], tmp_path: Path
) -> None:
    project = ask(formats=["pex", "exe"])
    project.build()
    exe, pex = (project.dist / f"demo-1.0.{suffix}" for suffix in ("exe", "pex"))
    data = exe.read_bytes()
    assert data[:2] == b"MZ"
    machine = data[int.from_bytes(data[60:64], "little") + 4 :][:2]
    assert machine == b"\x64\x86"
    with zipfile.ZipFile(exe) as archive, zipfile.ZipFile(pex) as other:
        start = min(info.header_offset for info in archive.infolist())
        assert data[:start].endswith(b"\x00#!/usr/bin/env py\n")
        assert archive.testzip() is None
        held, all_held = ({i.filename: i.CRC for i in a.infolist()} for a in (archive, other))
        wheels = {name: crc for name, crc in held.items() if name.endswith(".whl")}
        assert wheels.items() < all_held.items(), "it has the wheels of Windows alone"
        assert held.keys() < all_held.keys()
        table = json.loads(archive.read(".multiplat/table.json"))
        assert {target["system"] for target in table["targets"]} == {"windows"}
    assert archive_start(data) == start


def archive_start(data: bytes) -> int:
    """Return where the archive's offsets count from, which is where the launcher's line ends."""
    end = data.rindex(b"PK\x05\x06")
    directory_size, directory_at = (
        int.from_bytes(data[end + at : end + at + 4], "little") for at in (12, 16)
    )
    return end - directory_size - directory_at


def test_a_part_of_a_program_for_windows_is_one_too(
    ask: Callable[..., ProjectFolder], tmp_path: Path
) -> None:
    project = ask(formats=["exe"])
    project.build()
    (exe,) = project.dist.iterdir()
    part = tmp_path / "part.exe"
    whole = read_executable(exe)
    assert whole.damages == ()
    write_parts(whole, {part: {OTHER}}, cache=part.parent / "cache")
    data = part.read_bytes()
    with zipfile.ZipFile(part) as archive:
        start = min(info.header_offset for info in archive.infolist())
        wheels = [name for name in archive.namelist() if name.endswith(".whl")]
    assert data[:start] == exe.read_bytes()[:start]
    assert archive_start(data) == start
    assert len(wheels) == 3


@linux_x86_64
@pytest.mark.skipif(sys.platform == "win32", reason="there it runs")
def test_a_program_for_windows_says_elsewhere_what_it_is_for(
    ask: Callable[..., ProjectFolder], tmp_path: Path
) -> None:
    project = ask(formats=["exe"], layout="packed")
    project.build()
    (exe,) = project.dist.iterdir()
    done = subprocess.run(
        [sys.executable, exe, "x"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "demo: this file has nothing for this machine."
    assert done.stderr.splitlines()[-1].startswith("    Windows x86_64: Python ")


def test_each_architecture_of_windows_gets_a_program_of_its_own(
    index_server: IndexServer, tmp_path: Path
) -> None:
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        table={
            "platforms": ["windows-x86_64", "windows-arm64", "linux-x86_64"],
            "python": ["3.12"],
            "formats": ["exe"],
            "exe": {"windowed": True, "python": "pyw -3.12"},
            "checksums": True,
        },
    )
    report = project.build()
    names = ["demo-1.0-windows-arm64.exe", "demo-1.0-windows-x86_64.exe"]
    assert sorted(path.name for path in project.dist.iterdir()) == [FILENAME, *names]
    for name, machine in zip(names, (b"\x64\xaa", b"\x64\x86"), strict=True):
        data = (project.dist / name).read_bytes()
        at = int.from_bytes(data[60:64], "little")
        assert data[at + 4 : at + 6] == machine
        assert data[at + 24 + 68 : at + 24 + 70] == b"\x02\x00"  # no console
        assert b"#!/usr/bin/env pyw -3.12\nPK" in data
        assert name in (project.dist / FILENAME).read_text("utf-8")
        assert name in render_report(report)


# -- all of them -----------------------------------------------------------------------------------


def test_when_a_format_fails_all_outputs_stay_as_they_were(
    ask: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ask(formats=["wheelhouse", "zip"])
    project.build()
    before = contents(project.dist)
    monkeypatch.setattr("hatch_multiplat.runtime.windows.CPUS", {"x86_64": "64-missing"})
    project = ask(formats=["wheelhouse", "zip", "exe"], requirements=["greeting==1.0"], boundary=99)
    with pytest.raises(ToolError, match=r"distlib's launcher t64-missing\.exe"):
        project.build()
    assert contents(project.dist) == before


def test_mistakes_are_told_before_anything_is_asked_for(
    ask: Callable[..., ProjectFolder], index_server: IndexServer
) -> None:
    project = ask(formats=["wheelhouse"], sbom=True)
    with pytest.raises(ConfigError, match="an inventory describes one file; it needs 'pex'"):
        project.build()
    assert not index_server.requests


def test_the_summary_has_a_line_for_every_output(ask: Callable[..., ProjectFolder]) -> None:
    project = ask(formats=["wheelhouse", "zip", "wheelhouse-zip"])
    report = project.build()
    lines = render_report(report).splitlines()
    assert [line.split("  ")[0] for line in lines[:5]] == [
        str(project.dist / "demo-1.0-wheelhouse"),
        *(str(project.dist / f"demo-1.0-wheelhouse-{name}.zip") for name in (HERE, OTHER)),
        *(str(project.dist / f"demo-1.0-{name}.zip") for name in (HERE, OTHER)),
    ]


def test_the_metadata_of_an_installed_tree_is_that_of_the_wheels(
    ask: Callable[..., ProjectFolder],
) -> None:
    project = ask(formats=["zip"], zip={"targets": [OTHER]})
    project.build()
    with zipfile.ZipFile(project.dist / f"demo-1.0-{OTHER}.zip") as archive:
        text = archive.read("native-1.0.dist-info/METADATA").decode()
        assert HeaderParser().parsestr(text)["Name"] == "native"
        assert archive.read("native.py") == b"where = 'win'\n"
        assert archive.read("native-1.0.dist-info/INSTALLER") == b"hatch-multiplat\n"
