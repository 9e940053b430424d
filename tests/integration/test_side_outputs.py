"""What a build writes beside the executable, by the real pipeline."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ConfigError, WriteError
from hatch_multiplat.build.checksums import FILENAME
from tests.support.inventory import parse_inventory
from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

EXECUTABLE = "demo-1.0.pex"
SBOM = f"{EXECUTABLE}.cdx.json"


@pytest.fixture
def project(index_server: IndexServer, tmp_path: Path) -> ProjectFolder:
    index_server.add_native("native", "1.0", "manylinux_2_17_x86_64")
    index_server.add_native("native", "1.0", "win_amd64")
    index_server.add_sdist("source", "0.6")
    project = make_project(
        tmp_path, index_url=index_server.index_url, requires=["native", "source"], table={}
    )
    ask(project, checksums=True, sbom=True)
    return project


def ask(project: ProjectFolder, **wanted: bool) -> None:
    text = (project.root / "pyproject.toml").read_text("utf-8")
    (index_line,) = (line for line in text.splitlines() if line.startswith("index-url"))
    project.write(
        {
            "index-url": index_line.partition('"')[2].rstrip('"'),
            "platforms": ["linux-x86_64", "windows-x86_64"],
            "python": ["3.12"],
            **wanted,
        }
    )


def sums(folder: Path) -> dict[str, str]:
    lines = (folder / FILENAME).read_text("utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_sbom(project: ProjectFolder) -> dict[str, Any]:
    return parse_inventory((project.dist / SBOM).read_text("utf-8"))


def test_nothing_is_beside_the_executable_unless_asked_for(project: ProjectFolder) -> None:
    ask(project)
    report = project.build()
    assert report.side_outputs == ()
    assert [path.name for path in project.dist.iterdir()] == [EXECUTABLE]


def test_the_inventory_has_every_wheel_with_its_source(
    project: ProjectFolder, index_server: IndexServer, tmp_path: Path
) -> None:
    report = project.build()
    assert report.side_outputs == (str(project.dist / SBOM), str(project.dist / FILENAME))
    document = read_sbom(project)
    sources = {
        component["bom-ref"]: [
            (reference["type"], reference["url"])
            for reference in component.get("externalReferences", [])
        ]
        for component in document["components"]
    }
    linux = "native-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    windows = "native-1.0-cp312-cp312-win_amd64.whl"
    assert sources == {
        "demo-1.0-py3-none-any.whl": [],
        linux: [("distribution", index_server.file_url(linux))],
        windows: [("distribution", index_server.file_url(windows))],
        "source-0.6-py3-none-any.whl": [
            ("source-distribution", index_server.file_url("source-0.6.tar.gz"))
        ],
    }
    (application,) = document["metadata"]["component"]["hashes"]
    assert application["content"] == digest(project.dist / EXECUTABLE)
    assert str(tmp_path) not in json.dumps(document)


def test_the_checksums_hold_for_all_that_lies_there(project: ProjectFolder) -> None:
    project.build()
    assert sums(project.dist) == {name: digest(project.dist / name) for name in (EXECUTABLE, SBOM)}


def test_the_projects_own_wheel_and_sdist_have_checksums_where_they_lie(
    project: ProjectFolder, make_sdist: MakeFile
) -> None:
    """As under an ordinary build: sdist and wheel are there first."""
    project.dist.mkdir()
    project.wheel = project.wheel.rename(project.dist / project.wheel.name)
    make_sdist("demo", "1.0").rename(project.dist / "demo-1.0.tar.gz")
    (project.dist / "other-1.0.tar.gz").write_bytes(b"of another project")
    project.build()
    names = (EXECUTABLE, SBOM, project.wheel.name, "demo-1.0.tar.gz")
    assert sums(project.dist) == {name: digest(project.dist / name) for name in names}


def test_both_are_the_same_in_every_build(project: ProjectFolder) -> None:
    project.build()
    before = {path.name: path.read_bytes() for path in project.dist.iterdir()}
    for path in project.dist.iterdir():
        path.unlink()
    project.build()
    assert {path.name: path.read_bytes() for path in project.dist.iterdir()} == before
    project.build(SOURCE_DATE_EPOCH="1600000000")
    assert read_sbom(project)["metadata"]["timestamp"] == "2020-09-13T12:26:40+00:00"


def test_a_missing_library_is_told_before_anything_is_built(
    project: ProjectFolder, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "hatch_multiplat.build.sbom", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cyclonedx"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cyclonedx", None)
    with pytest.raises(
        ConfigError, match=r"have 'hatch-multiplat\[sbom\]' where 'hatch-multiplat'"
    ):
        project.build()
    assert not index_server.requests
    assert not project.dist.exists()


def test_a_folder_in_the_place_of_the_inventory_is_named(project: ProjectFolder) -> None:
    (project.dist / SBOM).mkdir(parents=True)
    with pytest.raises(WriteError, match=f"cannot write .*{SBOM}: it is a folder; move it away"):
        project.build()


def test_a_time_that_is_no_number_is_told_before_anything_is_built(project: ProjectFolder) -> None:
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH must be a number of seconds"):
        project.build(SOURCE_DATE_EPOCH="yesterday")
    assert not project.dist.exists()


def test_a_wheel_made_elsewhere_has_a_checksum_where_its_twin_lies(
    project: ProjectFolder, make_sdist: MakeFile
) -> None:
    """As under the command, which builds the wheel aside: that in dist/ may be the same, or not."""
    project.dist.mkdir()
    twin = project.dist / project.wheel.name
    shutil.copy(project.wheel, twin)
    make_sdist("demo", "0.9").rename(project.dist / "demo-0.9.tar.gz")
    project.build()
    assert set(sums(project.dist)) == {EXECUTABLE, SBOM, twin.name}
    content = twin.read_bytes()
    for other in (content + b"\0", content[:-1] + b"\1"):  # longer; and as long, but not the same
        twin.write_bytes(other)
        project.build()
        assert set(sums(project.dist)) == {EXECUTABLE, SBOM}
