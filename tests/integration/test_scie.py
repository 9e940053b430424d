"""Scies by the real pex; the program `science` is a stand-in, as the real one needs GitHub."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import FetchError, ToolError
from tests.support.project import ProjectFolder, make_project
from tests.support.science import write_stand_in
from tests.support.server import Server, refused_port, send

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")


class FileServer(Server):
    """Answers everything with one file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, self.path.read_bytes())


@pytest.fixture
def science(tmp_path: Path) -> Path:
    return write_stand_in(tmp_path / "tools" / "science")


@pytest.fixture
def project(index_server: IndexServer, tmp_path: Path) -> ProjectFolder:
    for python in ("cp312", "cp313"):
        for platform in ("manylinux_2_17_x86_64", "musllinux_1_2_x86_64", "win_amd64"):
            index_server.add_wheel("native", tags=f"{python}-{python}-{platform}")
    return make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["native"],
        table=table(),
    )


def table(**scie: Any) -> dict[str, Any]:
    return {
        "platforms": ["linux-x86_64", "linux-x86_64-musl", "windows-x86_64"],
        "python": ["3.12", "3.13"],
        "formats": ["scie"],
        "scie": scie,
    }


def ask(project: ProjectFolder, index_server: IndexServer, **scie: Any) -> None:
    project.write({"index-url": index_server.index_url, **table(**scie)})


def read(path: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return found


def test_with_a_stand_in_for_science_each_platform_gets_the_wheels_of_its_newest_python(
    project: ProjectFolder, index_server: IndexServer, science: Path
) -> None:
    ask(project, index_server, science=str(science))
    report = project.build()
    assert sorted(path.name for path in project.dist.iterdir()) == [
        "demo-1.0-linux-x86_64",
        "demo-1.0-musl-linux-x86_64",
        "demo-1.0-windows-x86_64.exe",
    ]
    assert {output.target: Path(output.path).name for output in report.outputs} == {
        "cp313-manylinux_2_28_x86_64": "demo-1.0-linux-x86_64",
        "cp313-musllinux_1_2_x86_64": "demo-1.0-musl-linux-x86_64",
        "cp313-win_amd64": "demo-1.0-windows-x86_64.exe",
    }
    windows = read(project.dist / "demo-1.0-windows-x86_64.exe")
    assert windows["wheels"] == [
        "demo-1.0-py3-none-any.whl",
        "native-1.0-cp313-cp313-win_amd64.whl",
    ]
    (interpreter,) = windows["lift"]["interpreters"]
    assert (interpreter["version"], interpreter["lazy"]) == ("3.13", False)


def test_with_a_stand_in_for_science_options_and_variables_reach_pex(
    project: ProjectFolder, index_server: IndexServer, science: Path, tmp_path: Path
) -> None:
    ask(
        project,
        index_server,
        style="lazy",
        targets=["cp312-*linux*"],
        science=os.path.relpath(science, project.root),
        args=["--scie-pbs-stripped", "--scie-pbs-release", "20260101"],
    )
    project.build(HATCH_MULTIPLAT_SCIE_ASSETS_URL="https://mirror.example.org/scie")
    lift = read(project.dist / "demo-1.0-linux-x86_64")["lift"]
    (interpreter,) = lift["interpreters"]
    assert interpreter["version"] == "3.12"
    assert interpreter["lazy"]
    assert interpreter["release"] == "20260101"
    assert interpreter["flavor"] == "install_only_stripped"
    assert interpreter["base_url"].startswith("https://mirror.example.org/scie/providers/")
    assert lift["ptex"]["base_url"] == "https://mirror.example.org/scie/ptex"
    assert not (project.dist / "demo-1.0-windows-x86_64.exe").exists()


def test_a_stand_in_for_science_is_loaded_from_a_server(
    project: ProjectFolder, index_server: IndexServer, science: Path
) -> None:
    ask(project, index_server, targets=["cp313-manylinux*"])
    with FileServer(science) as server:
        project.build(HATCH_MULTIPLAT_SCIENCE=f"{server.url}/science")
    assert [path.name for path in project.dist.iterdir()] == ["demo-1.0-linux-x86_64"]


def test_a_network_that_says_no_is_told_with_the_ways_around_it(
    project: ProjectFolder, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(project, index_server, targets=["cp313-manylinux*"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no `science` there
    with refused_port() as address:
        monkeypatch.setenv("https_proxy", f"http://{address}")
        with pytest.raises(ToolError) as raised:
            project.build()
    message = str(raised.value)
    assert message.startswith("cannot make the scie for linux-x86_64 with CPython 3.13: pex failed")
    assert "Connection refused" in message
    assert "tool.multiplat.scie.science or HATCH_MULTIPLAT_SCIENCE" in message
    assert "tool.multiplat.scie.assets-url" in message
    assert not project.dist.exists()


def test_when_a_stand_in_for_science_fails_nothing_is_left(
    project: ProjectFolder,
    index_server: IndexServer,
    science: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask(project, index_server, science=str(science))
    monkeypatch.setenv("STAND_IN_SCIENCE_FAILS", "1")
    with pytest.raises(ToolError, match="cannot load the Python: no route to host"):
        project.build()
    assert not project.dist.exists()


def test_a_program_that_is_none_is_no_matter_of_the_network(
    project: ProjectFolder, index_server: IndexServer, tmp_path: Path
) -> None:
    science = tmp_path / "science"
    science.write_text("no program", "utf-8")
    ask(project, index_server, science=str(science))
    with pytest.raises(ToolError, match="is not an executable") as raised:
        project.build()
    assert "GitHub" not in str(raised.value)


def test_offline_a_scie_is_refused_before_anything_is_asked_for(
    project: ProjectFolder, index_server: IndexServer
) -> None:
    ask(project, index_server)
    with pytest.raises(FetchError, match="cannot be made offline"):
        project.build(HATCH_MULTIPLAT_OFFLINE="1")
    assert not index_server.requests
