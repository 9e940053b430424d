"""A 32-bit Python on a 64-bit system: its markers name one machine, its wheels another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.targets.target import Target
from tests.support.caches import make_cache
from tests.support.project import make_project

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")


@pytest.mark.parametrize("others", [[], ["windows-x86_64", "windows-i686"]])
def test_it_gets_the_wheels_of_its_own_machine(
    index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    """uv alone drops the wheels for win32 where the markers say AMD64."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    for tag in ("win32", "win_amd64"):
        needs = ["big; platform_machine == 'AMD64'", "small; platform_machine == 'x86'"]
        index_server.add_native("native", "1.0", tag, requires=needs)
    for name in ("big", "small"):
        index_server.add_wheel(name)
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["native"],
        table={"platforms": ["windows-x86_64"], "python": ["3.12"]},
    )
    data = Target.parse("cp312-win32").to_complete_platform(label="", patch=3)
    data["marker_environment"]["platform_machine"] = "AMD64"
    (project.root / "office.json").write_text(json.dumps(data), "utf-8")
    platforms = ["office.json", *others]
    project.write({"index-url": index_server.index_url, "platforms": platforms, "python": ["3.12"]})
    table = read_executable(Path(project.build().path)).own_table()
    assert table is not None
    files = [wheel.file for wheel in table.wheels]
    held = {
        target.name: sorted({files[index].partition("-1.0")[0] for index in taken} - {"demo"})
        for target in table.targets
        for _, taken in target.sets
    }
    assert held["office"] == ["big", "native"]
    native = {
        target.name: files[index]
        for target in table.targets
        for _, taken in target.sets
        for index in taken
        if files[index].startswith("native")
    }
    assert native["office"] == "native-1.0-cp312-cp312-win32.whl"
    if others:
        # A 32-bit Python may be on a system of 64 bits: it takes along what either asks for.
        assert held["cp312-win32"] == ["big", "native", "small"]
        assert native["cp312-win_amd64"] == "native-1.0-cp312-cp312-win_amd64.whl"
