"""Wheels for plain `linux_x86_64`, which promise no C library: what is in them decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hatch_multiplat.base.errors import CoverageError
from hatch_multiplat.frontends.cli import main
from tests.support.caches import make_cache
from tests.support.elf import glibc_object
from tests.support.project import make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

PLATFORMS = ["linux-x86_64", "linux-x86_64-glibc2.36"]
BARE = "cp312-cp312-linux_x86_64"


@pytest.fixture
def served(
    index_server: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> IndexServer:
    """An index whose newest `native` needs glibc 2.36, which nothing says but its files."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index_server.index_url)
    for version, symbol in {"1.0": "GLIBC_2.17", "2.0": "GLIBC_2.36"}.items():
        files = {"native/_part.so": glibc_object(symbol)}
        index_server.add_wheel("native", version, tags=BARE, files=files)
    return index_server


def project(served: IndexServer, folder: Path, *, requires: str, **table: Any) -> ProjectFolder:
    settings = {"platforms": PLATFORMS, "python": ["3.12"], **table}
    return make_project(folder, index_url=served.index_url, table=settings, requires=[requires])


def test_a_target_with_an_older_glibc_takes_an_older_version(
    served: IndexServer, tmp_path: Path
) -> None:
    made = project(served, tmp_path, requires="native")
    report = made.build()
    assert "Stepping back for wheels: native 2.0 -> 1.0 (1 target)" in made.said
    (share,) = [share for share in report.dependencies if share.name == "native"]
    assert share.versions == ("1.0", "2.0")


def test_where_no_version_does_the_symbol_is_named(served: IndexServer, tmp_path: Path) -> None:
    made = project(served, tmp_path, requires="native>=2")
    with pytest.raises(CoverageError) as caught:
        made.build()
    said = " ".join(str(caught.value).split())
    assert "1 of 2 targets cannot be covered; no executable was written." in said
    assert "native 2.0: native-2.0-cp312-cp312-linux_x86_64.whl: linux_x86_64 promises no" in said
    assert "native/_part.so in it needs GLIBC_2.36 (glibc 2.36 or newer)" in said
    assert "raise the floor to 'linux-x86_64-glibc2.36'" in said
    assert not made.dist.exists()


def test_a_version_that_needs_too_much_is_not_locked(served: IndexServer, tmp_path: Path) -> None:
    made = project(served, tmp_path, requires="native>=2")
    table = {"index-url": served.index_url, "platforms": PLATFORMS, "python": ["3.12"]}
    made.write(table, project={"dependencies": ["native>=2"]})
    locked = CliRunner().invoke(main, ["lock", str(made.root)])
    assert locked.exit_code == 4, locked.output
    assert "GLIBC_2.36" in locked.output


def test_check_does_not_call_it_the_oldest_floor(served: IndexServer, tmp_path: Path) -> None:
    made = project(served, tmp_path, requires="native")
    table = {"index-url": served.index_url, "platforms": PLATFORMS, "python": ["3.12"]}
    made.write(table, project={"dependencies": ["native"]})
    checked = CliRunner().invoke(main, ["check", str(made.root)])
    assert checked.exit_code == 0, checked.output
    assert "unknown  unknown native" in checked.stdout
    assert "2.5" not in checked.stdout
