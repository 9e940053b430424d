"""`hatch-multiplat cache`, on a cache that a build has filled and other people's files lie in."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main
from tests.support.project import make_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

# What somebody may keep in a folder that he names for the cache.
STRANGERS = (
    "thesis.txt",
    "wheels/my-1.0-py3-none-any.whl",
    "wheels/ab/notes.txt",
    "pages/index.html",
    "pex/pyproject.toml",
    "pex/src/ab/abcdef.py",
    "tmp/letter.part",
    "blocks/house.xz",
    "built/2026/report.pdf",
    "built/2026/.report.pdf.a1b2c3d4",
)


@pytest.fixture
def root(tmp_path: Path, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache after a build, with files of other people."""
    root = tmp_path / "cache"
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", str(root))
    index_server.add_wheel("dep")
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["dep"],
        table={"platforms": ["linux-x86_64"], "python": ["3.12"], "formats": ["pex", "pyz"]},
        environ={"HATCH_MULTIPLAT_CACHE": str(root)},
    )
    project.build()
    # Other tests have a part of theirs in common, by a link: here it is a copy.
    shutil.copytree(root, tmp_path / "as-built")
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "as-built", root)
    for name in STRANGERS:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", "utf-8")
    return root


def run(*words: str) -> Any:
    result = CliRunner().invoke(main, ["cache", *words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_dir_is_the_folder(root: Path) -> None:
    result = CliRunner().invoke(main, ["cache", "dir"])
    assert result.output == f"{root}\n"


def test_size_counts_what_builds_have_put_there(root: Path, tmp_path: Path) -> None:
    built = tmp_path / "as-built"
    names = files(built) - {"CACHEDIR.TAG"}
    shown = run("size")
    assert sum(kind["files"] for kind in shown["kinds"].values()) == len(names)
    assert shown["bytes"] == sum((built / name).stat().st_size for name in names)
    assert {"wheels", "pages", "pex", "blocks"} <= set(shown["kinds"])
    text = CliRunner().invoke(main, ["cache", "size"]).output
    assert text.splitlines()[0] == str(root)
    assert text.splitlines()[-1].endswith("in all")


def test_clean_removes_what_builds_have_put_there_and_nothing_else(root: Path) -> None:
    assert run("clean")["removed"]["files"] > 0
    assert files(root) == {*STRANGERS, "CACHEDIR.TAG"}
    assert run("size")["bytes"] == 0


def test_prune_keeps_what_was_used(root: Path, tmp_path: Path) -> None:
    long_ago = time.time() - 40 * 24 * 3600
    built = files(tmp_path / "as-built") - {"CACHEDIR.TAG"}
    (kept,) = (name for name in built if name.endswith("dep-1.0-py3-none-any.whl"))
    for name in built - {kept}:
        os.utime(root / name, (long_ago, long_ago))
    assert run("prune", "--days", "60")["removed"]["files"] == 0
    assert run("prune")["removed"]["files"] == len(built) - 1
    assert files(root) == {*STRANGERS, "CACHEDIR.TAG", kept}


def test_a_build_notes_that_it_has_used_a_wheel(
    root: Path, tmp_path: Path, index_server: IndexServer
) -> None:
    long_ago = time.time() - 40 * 24 * 3600
    (wheel,) = root.rglob("dep-1.0-py3-none-any.whl")
    os.utime(wheel, (long_ago, long_ago))
    make_project(
        tmp_path / "again",
        index_url=index_server.index_url,
        requires=["dep"],
        table={"platforms": ["linux-x86_64"], "python": ["3.12"]},
        environ={"HATCH_MULTIPLAT_CACHE": str(root)},
    ).build()
    run("prune")
    assert wheel.exists()


def test_a_cache_that_is_not_there_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", str(tmp_path / "none"))
    assert run("size")["bytes"] == 0
    assert run("clean")["removed"] == {"files": 0, "bytes": 0}
    assert not (tmp_path / "none").exists()
