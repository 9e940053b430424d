from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.build.outputs import _publish, _temporary_folder, size_of
from hatch_multiplat.build.report import Output

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    return folder


def made_file(temporary: Path, name: str, text: str) -> Output:
    path = temporary / name
    path.write_text(text, "utf-8")
    return Output(format="zip", path=str(path), size=size_of(path))


def made_folder(temporary: Path, name: str) -> Output:
    path = temporary / name
    path.mkdir()
    (path / "PEX-INFO").write_text("new", "utf-8")
    return Output(format="pex", path=str(path), size=size_of(path))


def test_a_file_with_several_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").write_bytes(b"12345")
    assert size_of(tmp_path) == 10
    assert size_of(tmp_path / "a") == 5


def test_what_was_there_before_is_replaced(temporary: Path, dist: Path, tmp_path: Path) -> None:
    (dist / "a.zip").write_text("old", "utf-8")
    (dist / "app.pex").mkdir()
    (dist / "app.pex" / "PEX-INFO").write_text("old", "utf-8")
    (dist / "app.pex" / "left-over").touch()
    made = [made_file(temporary, "a.zip", "new"), made_folder(temporary, "app.pex")]
    outputs = _publish(made, dist, gone=tmp_path / "gone")
    assert [(output.path, output.size) for output in outputs] == [
        (str(dist / "a.zip"), 3),
        (str(dist / "app.pex"), 3),
    ]
    assert (dist / "a.zip").read_text("utf-8") == "new"
    assert [path.name for path in (dist / "app.pex").iterdir()] == ["PEX-INFO"]


def test_a_folder_of_somebody_else_stops_all_of_it(
    temporary: Path, dist: Path, tmp_path: Path
) -> None:
    (dist / "app.pex").mkdir()
    (dist / "app.pex" / "thesis.txt").touch()
    made = [made_file(temporary, "a.zip", "new"), made_folder(temporary, "app.pex")]
    with pytest.raises(ExecutableError, match="a folder that no build of this kind has made"):
        _publish(made, dist, gone=tmp_path / "gone")
    assert [path.name for path in dist.iterdir()] == ["app.pex"]


def test_an_empty_folder_is_nobodys(temporary: Path, dist: Path, tmp_path: Path) -> None:
    (dist / "app.pex").mkdir()
    _publish([made_folder(temporary, "app.pex")], dist, gone=tmp_path / "gone")
    assert (dist / "app.pex" / "PEX-INFO").is_file()


def test_a_failure_leaves_no_folder_that_was_made_for_it(tmp_path: Path) -> None:
    def fail() -> None:
        with _temporary_folder(tmp_path / "new" / "out") as temporary:
            (temporary / "half").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_folders_that_were_there_or_are_not_empty(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()

    def fail(folder: Path) -> None:
        with _temporary_folder(folder):
            (folder.parent / "other").touch()
            raise KeyError

    for folder in (there, tmp_path / "new" / "out"):
        with pytest.raises(KeyError):
            fail(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "other", "other", "there"]


@pytest.mark.parametrize("failing", ["a.zip", "app.pex", "new.zip"])
def test_when_a_rename_fails_everything_is_as_it_was(
    temporary: Path, dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    (dist / "a.zip").write_text("old", "utf-8")
    (dist / "app.pex").mkdir()
    (dist / "app.pex" / "PEX-INFO").write_text("old", "utf-8")
    made = [
        made_file(temporary, "a.zip", "new"),
        made_folder(temporary, "app.pex"),
        made_file(temporary, "fresh.zip", "new"),
        made_file(temporary, "new.zip", "new"),
    ]
    replace = type(temporary).replace

    def fail(self: Path, target: Path) -> Path:
        if self == temporary / failing:
            raise PermissionError(13, "in use", str(target))
        return replace(self, target)

    monkeypatch.setattr(type(temporary), "replace", fail)
    with pytest.raises(PermissionError):
        _publish(made, dist, gone=tmp_path / "gone")
    found = {
        path.relative_to(dist).as_posix(): path.read_text("utf-8")
        for path in dist.rglob("*")
        if path.is_file()
    }
    assert found == {"a.zip": "old", "app.pex/PEX-INFO": "old"}
