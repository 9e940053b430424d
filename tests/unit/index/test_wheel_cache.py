from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.index.wheel_cache import (
    CachedFile,
    Page,
    WheelCache,
    WheelCacheError,
    check_filename,
    choose_algorithm,
    hash_file,
    list_entries,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"a wheel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA512 = hashlib.sha512(CONTENT).hexdigest()
NAME = "a-1.0-py3-none-any.whl"


@pytest.fixture
def wheel_cache(tmp_path: Path) -> WheelCache:
    return WheelCache(tmp_path / "store")


def put(
    wheel_cache: WheelCache, content: bytes = CONTENT, *, algorithms: tuple[str, ...] = ()
) -> Path:
    with wheel_cache.receive(NAME, algorithms=algorithms) as incoming:
        incoming.write(content)
        return incoming.keep().path


def list_files(wheel_cache: WheelCache) -> list[str]:
    return sorted(p.relative_to(wheel_cache.root).as_posix() for p in wheel_cache.root.rglob("*.*"))


def test_an_entry_lies_under_its_sha256_with_its_own_name(wheel_cache: WheelCache) -> None:
    path = put(wheel_cache)
    assert path == wheel_cache.root / "wheels" / SHA256[:2] / SHA256 / NAME
    assert path.read_bytes() == CONTENT
    assert wheel_cache.find_verified(NAME, {"sha256": SHA256}) == CachedFile(path, SHA256)


def test_a_file_of_this_machine_can_be_added(wheel_cache: WheelCache, tmp_path: Path) -> None:
    source = tmp_path / NAME
    source.write_bytes(CONTENT)
    assert wheel_cache.add(source) == CachedFile(wheel_cache.path_of(SHA256, NAME), SHA256)
    assert wheel_cache.find_verified(NAME, {"sha256": SHA256})


def test_what_was_never_kept_is_no_entry_and_leaves_nothing(wheel_cache: WheelCache) -> None:
    with wheel_cache.receive(NAME) as incoming:
        incoming.write(CONTENT)
    assert wheel_cache.find_verified(NAME, {"sha256": SHA256}) is None
    assert list_files(wheel_cache) == ["CACHEDIR.TAG"]


def test_a_damaged_entry_counts_as_missing_until_it_is_written_again(
    wheel_cache: WheelCache,
) -> None:
    path = put(wheel_cache)
    path.write_bytes(CONTENT[:-1] + b"?")
    assert wheel_cache.find_verified(NAME, {"sha256": SHA256}) is None
    put(wheel_cache)
    assert wheel_cache.find_verified(NAME, {"sha256": SHA256}) == CachedFile(path, SHA256)


def test_two_writers_of_the_same_content_do_not_disturb_each_other(wheel_cache: WheelCache) -> None:
    with wheel_cache.receive(NAME) as first, wheel_cache.receive(NAME) as second:
        first.write(CONTENT)
        second.write(CONTENT)
        assert first.keep() == second.keep()
    assert list_files(wheel_cache) == ["CACHEDIR.TAG", f"wheels/{SHA256[:2]}/{SHA256}/{NAME}"]


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "blake2b", "sha3_256"])
def test_an_entry_is_found_by_another_algorithm_too(
    wheel_cache: WheelCache, algorithm: str
) -> None:
    path = put(wheel_cache, algorithms=(algorithm,))
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    assert wheel_cache.find_verified(NAME, {algorithm: digest}) == CachedFile(path, SHA256)


def test_an_entry_is_checked_by_the_algorithm_that_was_asked_for(wheel_cache: WheelCache) -> None:
    other = put(wheel_cache, b"another wheel")
    wheel_cache.remember_alias("sha512", SHA512, other.parent.name)
    assert wheel_cache.find_verified(NAME, {"sha512": SHA512}) is None


def test_a_digest_that_nobody_has_met_is_missing(wheel_cache: WheelCache) -> None:
    assert wheel_cache.find_verified(NAME, {"sha512": SHA512}) is None


def test_sha256_is_preferred_and_unsafe_algorithms_do_not_count() -> None:
    assert choose_algorithm({"md5": "00", "sha512": SHA512, "sha256": SHA256}) == "sha256"
    assert choose_algorithm({"md5": "00", "sha512": SHA512}) == "sha512"


@pytest.mark.parametrize(
    ("hashes", "message"),
    [
        pytest.param(
            {"md5": "00"},
            "its only hash is md5, which proves nothing; "
            "lock it again from an index that gives sha256",
            id="md5",
        ),
        pytest.param(
            {},
            "it has no hash; lock it again from an index that gives sha256",
            id="none",
        ),
        pytest.param({"sha256": "../../x"}, "'../../x' is not a sha256 digest", id="no digest"),
        pytest.param(
            {"sha256": SHA256.upper()}, f"{SHA256.upper()!r} is not a sha256 digest", id="case"
        ),
    ],
)
def test_hashes_that_prove_nothing_are_refused(hashes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        choose_algorithm(hashes)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a.whl", "a/b.whl", "a\\b.whl", "C:a.whl", "\n"]
)
def test_no_name_leads_out_of_the_store(wheel_cache: WheelCache, name: str) -> None:
    with pytest.raises(ValueError, match="is not a file name"):
        wheel_cache.path_of(SHA256, name)


@given(st.text(max_size=20))
def test_every_accepted_name_stays_in_its_folder(name: str) -> None:
    wheel_cache = WheelCache(Path("/store"))
    try:
        check_filename(name)
    except ValueError:
        return
    path = os.path.normpath(wheel_cache.path_of(SHA256, name))
    assert Path(path).parent == Path("/store/wheels") / SHA256[:2] / SHA256


def test_the_environment_may_say_where_the_store_is(tmp_path: Path) -> None:
    assert WheelCache.default({"HATCH_MULTIPLAT_CACHE": str(tmp_path)}).root == tmp_path
    assert "hatch-multiplat" in WheelCache.default({}).root.parts[-2:]


def test_leftovers_of_killed_builds_go_after_a_day(wheel_cache: WheelCache) -> None:
    put(wheel_cache)
    old, fresh = wheel_cache.root / "tmp" / "old.part", wheel_cache.root / "tmp" / "fresh.part"
    for path in (old, fresh):
        path.touch()
    yesterday = path.stat().st_mtime - 25 * 60 * 60
    os.utime(old, (yesterday, yesterday))
    wheel_cache.sweep()
    assert not old.exists()
    assert fresh.exists()


@pytest.mark.parametrize(
    "name",
    [
        f"resolved/{SHA256[:2]}/{SHA256}.json",
        f"built/{SHA256[:2]}/{SHA256}",
        f"members/{SHA256[:2]}/{SHA256}",
        f"blocks/{SHA256}",
        f"blocks/{SHA256}.xz",
        f"merged/{SHA256[:32]}/demo/index.html",
    ],
)
def test_what_a_killed_writer_left_is_an_entry(
    wheel_cache: WheelCache, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = wheel_cache.root / name
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(Path, "replace", lambda *_: None)  # It was killed before that.
    write_atomically(path, CONTENT)
    (left,) = path.parent.iterdir()
    assert left.name != path.name
    assert [entry.path for entry in list_entries(wheel_cache.root)] == [left]


def test_a_store_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.touch()
    with pytest.raises(WheelCacheError) as raised:
        put(WheelCache(root))
    assert str(raised.value) == (
        f"cannot write to the wheel cache {root}: the file {root} is in the way; remove it, "
        "or name another folder in HATCH_MULTIPLAT_CACHE"
    )


def test_a_folder_where_a_file_belongs_is_named(wheel_cache: WheelCache) -> None:
    (path := wheel_cache.path_of(SHA256, NAME)).mkdir(parents=True)
    with pytest.raises(
        WheelCacheError, match=re.escape(f"the folder {path} is in the way; remove it")
    ):
        put(wheel_cache)


@pytest.mark.parametrize(
    ("number", "todo"),
    [
        (errno.ENOSPC, "No space left on device; free some space there, or remove files"),
        (errno.EROFS, "Read-only file system; mount it for writing, or name another"),
        (errno.EACCES, "Permission denied; make it writable, or name another"),
    ],
)
def test_what_helps_depends_on_what_is_wrong(
    number: int, todo: str, wheel_cache: WheelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(WheelCacheError, match=todo):
        put(wheel_cache)


def test_a_cache_that_cannot_be_written_serves_what_it_has_and_what_lies_elsewhere(
    wheel_cache: WheelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, new = tmp_path / "known.whl", tmp_path / "new.whl"
    known.write_bytes(b"known")
    new.write_bytes(b"new")
    cached = wheel_cache.add(known)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", fail)
    assert wheel_cache.add(known) == cached
    assert wheel_cache.add(new, in_place=True) == CachedFile(new, hash_file(new, "sha256"))
    with pytest.raises(WheelCacheError, match="Read-only file system"):
        wheel_cache.add(new)


def refuse(self: Path, target: Path) -> None:
    raise PermissionError(13, "in use")


def test_an_entry_that_windows_holds_open_is_taken_if_it_is_whole(
    wheel_cache: WheelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(wheel_cache)
    monkeypatch.setattr(Path, "replace", refuse)
    assert put(wheel_cache) == path


def test_a_damaged_entry_that_windows_holds_open_is_an_error(
    wheel_cache: WheelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(wheel_cache).write_bytes(b"damaged")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(WheelCacheError, match="in use"):
        put(wheel_cache)


PAGE = Page(
    url="https://a.example/simple/a/",
    content_type="text/html",
    etag='"1"',
    last_modified="Sun, 02 Feb 2020 02:02:02 GMT",
    body=b"line\nline\n",
)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE, id="all of it"),
        pytest.param(Page(url="https://a.example/", body=b""), id="empty body"),
        pytest.param(Page(url="https://a.example/"), id="absent"),
    ],
)
def test_a_page_comes_back_as_it_was_written(wheel_cache: WheelCache, page: Page) -> None:
    wheel_cache.write_page("https://a.example/simple/a/", page)
    assert wheel_cache.read_page("https://a.example/simple/a/") == page
    assert wheel_cache.read_page("https://a.example/simple/b/") is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="cut"),
        pytest.param(lambda content: content[10:], id="head"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_damaged_page_counts_as_missing(
    wheel_cache: WheelCache, damage: Callable[[bytes], bytes]
) -> None:
    wheel_cache.write_page(PAGE.url, PAGE)
    (path,) = (path for path in (wheel_cache.root / "pages").rglob("*") if path.is_file())
    path.write_bytes(damage(path.read_bytes()))
    assert wheel_cache.read_page(PAGE.url) is None
