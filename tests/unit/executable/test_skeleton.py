from __future__ import annotations

import io
import os
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.config.config import Config
from hatch_multiplat.executable import skeleton
from hatch_multiplat.executable.pex_info import dump_info, with_hash
from hatch_multiplat.executable.skeleton import (
    KEPT,
    PREAMBLE,
    can_shape,
    find_skeleton,
    parse_skeleton,
)

if TYPE_CHECKING:
    from pathlib import Path

INFO = with_hash({"distributions": {}, "requirements": [], "venv": False})


def make_pex(
    info: dict[str, Any] = INFO, *, compression: int = zipfile.ZIP_STORED, **texts: str
) -> bytes:
    stream = io.BytesIO(b"#!/usr/bin/env python3\n")
    stream.seek(0, os.SEEK_END)
    files = {
        "PEX-INFO": dump_info(info),
        "__main__.py": f"#!python\n{PREAMBLE}\nboot(pex_hash={info.get('pex_hash')!r})\n",
        **{name.replace("main", "__main__.py"): text for name, text in texts.items()},
    }
    with zipfile.ZipFile(stream, "a", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_a_pex_without_wheels_is_a_skeleton() -> None:
    found = parse_skeleton(make_pex())
    assert found is not None
    assert found.prefix == b"#!/usr/bin/env python3\n"
    assert found.info == INFO
    assert [info.filename for info, _ in found.members] == ["PEX-INFO", "__main__.py"]


@pytest.mark.parametrize("written", ["'/scratch/somebody/pex'", "'C:\\\\Users\\\\somebody\\\\pex'"])
def test_a_cache_folder_of_the_build_machine_gives_way_to_the_usual_one(written: str) -> None:
    start = f"{PREAMBLE}boot(\n    pex_root={{}},\n    pex_hash={INFO['pex_hash']!r},\n)\n"
    found = parse_skeleton(make_pex(main=start.format(written)))
    assert found is not None
    texts = {info.filename: data.decode() for info, data in found.members}
    assert texts["__main__.py"] == start.format("'~/.cache/pex'")


def test_a_cache_folder_that_the_table_names_stays() -> None:
    info = with_hash({**INFO, "pex_root": "/var/cache/demo"})
    start = f"{PREAMBLE}boot(\n    pex_root='/var/cache/demo',\n    {info['pex_hash']!r},\n)\n"
    found = parse_skeleton(make_pex(info, main=start))
    assert found is not None
    assert start.encode() in [data for _, data in found.members]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(make_pex()[:-9], id="half"),
        pytest.param(make_pex({**INFO, "pex_hash": "0" * 40}), id="another hash"),
        pytest.param(make_pex({"distributions": {}, "requirements": []}), id="no hash"),
        pytest.param(make_pex(with_hash({**INFO, "distributions": {"a": "b"}})), id="wheels"),
        pytest.param(make_pex(with_hash({**INFO, "requirements": ["a"]})), id="requirements"),
        pytest.param(make_pex(main=f"boot({INFO['pex_hash']!r})"), id="no place for the preamble"),
        pytest.param(make_pex(main=f"{PREAMBLE}{PREAMBLE}{INFO['pex_hash']}"), id="two of them"),
        pytest.param(make_pex(main=PREAMBLE), id="a start that does not know the hash"),
        pytest.param(make_pex(compression=zipfile.ZIP_DEFLATED), id="compressed"),
    ],
)
def test_what_is_not_written_as_known_is_none(content: bytes) -> None:
    assert parse_skeleton(content) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", True),
        ("--venv --no-strip-pex-env", True),
        ("--venv prepend", False),
        ("--build-property answer=42 --emit-warnings", True),
        ("--build-property=answer=42", True),
        ("--build-property", False),
        ("--validate-entry-point", False),
        ("--build-property a=1 --compile", False),
        ("-v", False),
    ],
)
def test_options_that_end_in_pex_info_alone_shape_a_skeleton(words: str, *, expected: bool) -> None:
    assert can_shape(words.split()) is expected


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the arguments for each skeleton that had to be made; none is made by pex."""
    found: list[tuple[str, ...]] = []

    def make(arguments: tuple[str, ...], _: Path) -> bytes:
        found.append(arguments)
        return make_pex()

    monkeypatch.setattr(skeleton, "_make", make)
    return found


def find(folder: Path, **options: Any) -> None:
    assert find_skeleton(Config(targets=(), **options), pex_root=folder) is not None


def test_all_that_shapes_a_skeleton_names_it(
    made: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        find(tmp_path)
    assert len(made) == 1
    find(tmp_path, pex_args=("--venv",))
    find(tmp_path, inject_args=("--venv",))
    monkeypatch.setenv("PEX_MAX_INSTALL_JOBS", "2")
    find(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    find(tmp_path)
    monkeypatch.setattr(metadata, "distribution", lambda _: OtherPex())
    find(tmp_path)
    assert len(made) == 6
    assert len(list((tmp_path / "skeletons").iterdir())) == 6


class OtherPex:
    version = "2.999"

    def read_text(self, _: str) -> None:
        return None


def test_those_used_last_are_kept(made: list[tuple[str, ...]], tmp_path: Path) -> None:
    find(tmp_path)
    find(tmp_path, pex_args=("--build-property=old=1",))
    folder = tmp_path / "skeletons"
    (folder / ".left-by-a-killed-build").write_text("half", "utf-8")
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    find(tmp_path)  # It is used, and stays.
    for number in range(KEPT - 1):
        find(tmp_path, pex_args=(f"--build-property=number={number}",))
    assert len(made) == 2 + KEPT - 1
    assert len(list(folder.iterdir())) == KEPT
    find(tmp_path)
    assert len(made) == 2 + KEPT - 1
    find(tmp_path, pex_args=("--build-property=old=1",))
    assert len(made) == 2 + KEPT


@pytest.mark.parametrize("damage", [b"", b"\n", b"0" * 64 + b"\n" + make_pex()])
def test_a_damaged_one_is_made_anew(
    made: list[tuple[str, ...]], tmp_path: Path, damage: bytes
) -> None:
    find(tmp_path)
    (kept,) = (tmp_path / "skeletons").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    find(tmp_path)
    assert len(made) == 2
    assert kept.read_bytes() == whole
