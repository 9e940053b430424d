from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.base.errors import ToolError, WriteError
from hatch_multiplat.config.config import Config
from hatch_multiplat.executable import pex
from hatch_multiplat.executable.executable import MAIN
from hatch_multiplat.executable.pex import (
    KEPT,
    dump_info,
    find_skeleton,
    lacks_skeleton,
    normalize,
    own_pex_root,
    parse_skeleton,
    pex_environment,
    with_hash,
)
from tests.support.whole_pex import pex_home

if TYPE_CHECKING:
    from collections.abc import Mapping

INFO = with_hash({"distributions": {}, "requirements": [], "venv": False})


def start_of(info: Mapping[str, Any]) -> bytes:
    return f"#!python\n\nboot(pex_hash={info.get('pex_hash')!r})\n".encode()


def make_pex(
    info: Mapping[str, Any] = INFO,
    *,
    compression: int = zipfile.ZIP_STORED,
    texts: Mapping[str, str] | None = None,
) -> bytes:
    stream = io.BytesIO(b"#!/usr/bin/env python3\n")
    stream.seek(0, os.SEEK_END)
    files: dict[str, str | bytes] = {
        "PEX-INFO": dump_info(info),
        MAIN: start_of(info),
        "__pex__/__init__.py": str(info.get("pex_hash")),
        ".bootstrap/": "",
        ".bootstrap/pex.py": "runtime " * 99,
        **(texts or {}),
    }
    with zipfile.ZipFile(stream, "a", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_the_hash_is_over_everything_but_itself() -> None:
    info = with_hash({"b": [1], "a": {"y": True, "x": None}})
    assert dump_info(info) == (
        '{"a":{"x":null,"y":true},"b":[1],"pex_hash":"daddd95fb1d5fcde8768fb82e1d2970904039f3f"}'
    )
    assert with_hash({**info, "pex_hash": "another"}) == info
    assert with_hash({**info, "b": [2]})["pex_hash"] != info["pex_hash"]


def test_a_pex_without_wheels_is_a_skeleton() -> None:
    found = parse_skeleton(normalize(make_pex()))
    assert found.info == with_hash({**INFO, "pex_path": ""})
    assert found.texts == {
        MAIN: start_of(found.info),
        "__pex__/__init__.py": found.info["pex_hash"].encode(),
    }
    assert [member.name for member in found.others] == [".bootstrap/", ".bootstrap/pex.py"]


def test_a_filled_skeleton_has_the_hash_of_what_is_filled_in() -> None:
    found = parse_skeleton(normalize(make_pex())).fill({"requirements": ["demo"]})
    assert found.info == with_hash({**INFO, "pex_path": "", "requirements": ["demo"]})
    assert found.texts[MAIN] == start_of(found.info)


def test_what_hosts_write_otherwise_is_brought_into_one_form() -> None:
    """Windows' PEX-INFO lacks a key, and Pythons before 3.12 put in what no runtime needs."""
    vendored = ".bootstrap/pex/vendor/_vendored/setuptools"
    old = make_pex(texts={f"{vendored}/": "", f"{vendored}/pkg_resources/__init__.py": "x"})
    unix = make_pex(with_hash({**INFO, "pex_path": ""}), compression=zipfile.ZIP_DEFLATED)
    assert normalize(make_pex()) == normalize(old) == normalize(unix)


@pytest.mark.parametrize("written", ["'/scratch/somebody/pex'", "'C:\\\\Users\\\\somebody\\\\pex'"])
def test_a_cache_folder_of_the_build_machine_gives_way_to_the_usual_one(written: str) -> None:
    start = "boot(\n    pex_root={},\n    pex_hash={!r},\n)\n"
    pex = make_pex(texts={MAIN: start.format(written, INFO["pex_hash"])})
    found = parse_skeleton(normalize(pex))
    assert found.texts[MAIN].decode() == start.format("'~/.cache/pex'", found.info["pex_hash"])


def test_a_cache_folder_that_the_table_names_stays() -> None:
    info = with_hash({**INFO, "pex_path": "", "pex_root": "/var/cache/demo"})
    start = f"boot(\n    pex_root='/var/cache/demo',\n    {info['pex_hash']!r},\n)\n"
    found = parse_skeleton(normalize(make_pex(info, texts={MAIN: start})))
    assert found.texts[MAIN].decode() == start


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(make_pex()[:-9], id="half"),
        pytest.param(make_pex({**INFO, "pex_hash": "0" * 40}), id="another hash"),
        pytest.param(make_pex({"distributions": {}, "requirements": []}), id="no hash"),
        pytest.param(make_pex(with_hash({**INFO, "distributions": {"a": "b"}})), id="wheels"),
        pytest.param(make_pex(with_hash({**INFO, "requirements": ["a"]})), id="requirements"),
        pytest.param(make_pex(texts={MAIN: "boot()"}), id="a start that does not know the hash"),
        pytest.param(make_pex(texts={"PEX-INFO": "[]"}), id="no table"),
    ],
)
def test_what_pex_writes_otherwise_than_known_is_its_error(content: bytes) -> None:
    with pytest.raises(ToolError, match="writes a file that is not known here"):
        normalize(content)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the arguments for each skeleton that had to be made; none is made by pex."""
    found: list[tuple[str, ...]] = []

    def make(arguments: tuple[str, ...], _: Path) -> bytes:
        found.append(arguments)
        return make_pex()

    monkeypatch.setattr(pex, "_make", make)
    return found


def find(folder: Path, **options: Any) -> None:
    find_skeleton(Config(targets=(), **options), pex_home(folder))


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
    other = {"pex": Requirement("pex==2.999")}
    monkeypatch.setattr(pex, "own_requirements", lambda _: other)
    find(tmp_path)
    assert len(made) == 6
    assert len(list((tmp_path / "skeletons").iterdir())) == 6


def test_one_that_is_kept_is_known_and_a_damaged_one_is_not(
    made: list[tuple[str, ...]], tmp_path: Path
) -> None:
    config = Config(targets=())
    assert lacks_skeleton(config, pex_home(tmp_path))
    find(tmp_path)
    assert not lacks_skeleton(config, pex_home(tmp_path))
    (kept,) = (tmp_path / "skeletons").iterdir()
    kept.write_bytes(b"damaged")
    assert lacks_skeleton(config, pex_home(tmp_path))


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


def test_pex_runs_for_a_user_without_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pex_environment(pex_home(tmp_path))["XDG_CACHE_HOME"] == str(Path.home() / ".cache")
    # What it does for a user whom the system does not know, without HOME.
    monkeypatch.setattr(os.path, "expanduser", str)
    found = pex_environment(pex_home(tmp_path))
    assert found["XDG_CACHE_HOME"] is None
    assert found["PEX_ROOT"] == str(tmp_path)


def test_builds_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as first, own_pex_root(tmp_path) as second:
        assert first != second
    with own_pex_root(tmp_path) as again:
        assert again == first


def test_the_copies_of_wheels_go_and_the_rest_stays(tmp_path: Path) -> None:
    with own_pex_root(tmp_path) as root:
        (root / "downloads").mkdir()
        (root / "downloads" / "wheel").write_text("copy")
        (root / "pip").mkdir()
    assert [path.name for path in root.iterdir()] == ["pip"]


def test_a_failed_build_leaves_its_folder_to_the_next(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), own_pex_root(tmp_path) as root:
        raise RuntimeError
    with own_pex_root(tmp_path) as again:
        assert again == root


def test_a_cache_that_cannot_be_written_is_not_taken_for_the_output(tmp_path: Path) -> None:
    (tmp_path / "pex").write_text("in the way")
    with (
        pytest.raises(WriteError, match=r"cannot write .*pex: .*HATCH_MULTIPLAT_CACHE"),
        own_pex_root(tmp_path / "pex"),
    ):
        pytest.fail("there is no folder")
    with pytest.raises(PermissionError), own_pex_root(tmp_path):
        raise PermissionError  # of whoever uses it
