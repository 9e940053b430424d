"""Reading projects from real index servers on loopback, well-behaved and otherwise."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.http_limits import TRIES
from hatch_multiplat.index.simple_api import Catalog
from hatch_multiplat.index.sources import Sources
from tests.support.server import refused_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_multiplat.index.index_page import IndexFile
    from hatch_multiplat.index.wheel_cache import WheelCache
    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network")


class Read(Protocol):
    """Reads a project with the test's store; further keywords are those of Sources."""

    def __call__(
        self,
        *index_urls: str,
        name: str = "a",
        offline: bool = False,
        client: HttpClient = ...,
        find_links: tuple[str, ...] = (),
    ) -> tuple[IndexFile, ...]: ...


@pytest.fixture
def read(wheel_cache: WheelCache, client: HttpClient) -> Read:
    """Return a function that reads a project; the last of the index URLs is the default one."""

    def read(
        *index_urls: str,
        name: str = "a",
        offline: bool = False,
        client: HttpClient = client,
        find_links: tuple[str, ...] = (),
    ) -> tuple[IndexFile, ...]:
        *extra, default = index_urls
        sources = Sources(index_url=default, extra_index_urls=tuple(extra), find_links=find_links)
        catalog = Catalog(sources, client=client, wheel_cache=wheel_cache, offline=offline)
        return catalog.read(canonicalize_name(name)).files

    return read


def failure_of(read: Read, *index_urls: str, **options: Any) -> str:
    with pytest.raises(FetchError) as raised:
        read(*index_urls, **options)
    return str(raised.value)


def names(files: tuple[IndexFile, ...]) -> list[str]:
    return [file.filename for file in files]


class TestFormats:
    @pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
    @pytest.mark.parametrize("json", [False, True], ids=["html", "json"])
    def test_both_formats_of_an_index_say_the_same(
        self,
        *,
        json: bool,
        relative: bool,
        start_index: Callable[..., IndexServer],
        make_wheel: MakeFile,
        make_sdist: MakeFile,
        read: Read,
    ) -> None:
        index = start_index(json=json, html=not json, relative=relative)
        wheel = make_wheel("a", requires_python=">=3.8,<4")
        sdist = make_sdist("a", "0.9")
        index.add(wheel)
        index.add(sdist, yanked="too <old>")
        first, second = read(index.index_url)
        assert first.filename == wheel.name
        assert first.url == index.file_url(wheel)
        assert first.hashes["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
        assert first.size == (wheel.stat().st_size if json else None)
        assert first.requires_python == SpecifierSet(">=3.8,<4")
        assert not first.yanked
        assert {str(tag) for tag in first.tags} == {"py3-none-any"}
        assert (second.filename, second.tags) == (sdist.name, frozenset())
        assert (second.yanked, second.yanked_reason) == (True, "too <old>")

    def test_json_is_preferred(self, index_server: IndexServer, read: Read) -> None:
        index_server.add_wheel("a")
        (file,) = read(index_server.index_url)
        assert file.size is not None

    def test_an_index_may_have_other_hashes_or_none(
        self, start_index: Callable[..., IndexServer], read: Read
    ) -> None:
        for hashes in ((), ("sha512",)):
            index = start_index(hashes=hashes, sizes=False)
            index.add_wheel("a")
            (file,) = read(index.index_url)
            assert (tuple(file.hashes), file.hashes.get("sha256"), file.size) == (
                hashes,
                None,
                None,
            )

    def test_an_index_url_may_end_without_a_slash(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        assert len(read(index_server.index_url.rstrip("/"))) == 1

    def test_relative_links_start_where_a_redirect_ends(
        self, start_index: Callable[..., IndexServer], read: Read
    ) -> None:
        mirror, index = start_index(), start_index(relative=True)
        wheel = index.add_wheel("a")
        mirror.redirect("a", f"{index.index_url}a/")
        (file,) = read(mirror.index_url)
        assert file.url == index.file_url(wheel)

    def test_what_is_no_index_is_said_so(self, index_server: IndexServer, read: Read) -> None:
        wheel = index_server.add_wheel("a")
        index_server.redirect("a", index_server.file_url(wheel))
        assert failure_of(read, index_server.index_url) == (
            f"{index_server.file_url(wheel)}: "
            "a page of type 'application/octet-stream' is not one of an index"
        )


class TestSeveralIndexes:
    @pytest.fixture
    def indexes(self, start_index: Callable[..., IndexServer]) -> tuple[IndexServer, IndexServer]:
        """A private index with `a` 1.0, and a public one with `a` 2.0 and `b` 1.0."""
        private, public = start_index(), start_index()
        private.add_wheel("a", "1.0")
        public.add_wheel("a", "2.0")
        public.add_wheel("b")
        return private, public

    def test_the_first_index_that_has_a_project_is_the_only_one(
        self, indexes: tuple[IndexServer, IndexServer], read: Read
    ) -> None:
        private, public = indexes
        urls = [private.index_url, public.index_url]
        assert names(read(*urls)) == ["a-1.0-py3-none-any.whl"]
        assert public.requests == []
        assert names(read(*urls, name="b")) == ["b-1.0-py3-none-any.whl"]
        assert read(*urls, name="c") == ()

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_an_index_that_does_not_answer_is_not_passed_over(
        self, *, status: int, indexes: tuple[IndexServer, IndexServer], read: Read
    ) -> None:
        private, public = indexes
        private.fail("a", status)
        message = failure_of(read, private.index_url, public.index_url)
        assert message.startswith(f"{private.index_url}a/: the server ")
        assert str(status) in message
        assert public.requests == []

    def test_offline_remembers_which_index_did_not_have_a_project(
        self, indexes: tuple[IndexServer, IndexServer], read: Read
    ) -> None:
        urls = [index.index_url for index in indexes]
        online = read(*urls, name="b")
        assert read(*urls, name="b", offline=True) == online

    def test_find_links_add_to_an_index(
        self, indexes: tuple[IndexServer, IndexServer], make_wheel: MakeFile, read: Read
    ) -> None:
        private, public = indexes
        folder, *_ = {make_wheel("a", version).parent for version in ("1.0", "2.0", "3.0")}
        files = read(private.index_url, find_links=(public.find_links_url, str(folder)))
        assert names(files) == [f"a-{v}-py3-none-any.whl" for v in ("2.0", "1.0", "3.0")]
        assert [file.url.partition(":")[0] for file in files] == ["http", "file", "file"]

    def test_a_find_links_page_that_is_not_there_is_an_error(
        self, index_server: IndexServer, read: Read
    ) -> None:
        location = f"{index_server.url}/nowhere"
        assert failure_of(read, index_server.index_url, find_links=(location,)) == (
            f"find-links {location}: there is no such page; correct the address"
        )


class TestCache:
    def test_a_page_that_has_not_changed_is_not_sent_again(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        first = read(index_server.index_url)
        assert read(index_server.index_url) == first
        asked = [request.headers.get("If-None-Match") for request in index_server.requests]
        assert asked[0] is None
        assert asked[1] is not None

    def test_a_page_that_has_changed_is_read_again(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        read(index_server.index_url)
        index_server.add_wheel("a", "2.0")
        assert len(read(index_server.index_url)) == 2
        assert len(read(index_server.index_url, offline=True)) == 2

    def test_a_project_that_was_removed_is_gone(
        self, index_server: IndexServer, read: Read
    ) -> None:
        wheel = index_server.add_wheel("a")
        read(index_server.index_url)
        index_server.remove(wheel)
        assert read(index_server.index_url) == ()
        index_server.add(wheel)
        assert len(read(index_server.index_url)) == 1

    def test_offline_uses_the_page_of_last_time(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        online = read(index_server.index_url)
        seen = len(index_server.requests)
        assert read(index_server.index_url, offline=True) == online
        assert len(index_server.requests) == seen

    def test_offline_without_the_page_says_what_to_do(
        self, index_server: IndexServer, wheel_cache: WheelCache, read: Read
    ) -> None:
        url = index_server.with_credentials(index_server.index_url, "ann", "secret")
        assert failure_of(read, url, offline=True) == (
            f"offline, and the page {index_server.index_url}a/ is not in the wheel cache "
            f"{wheel_cache.root}; "
            "build once without UV_OFFLINE and HATCH_MULTIPLAT_OFFLINE to fetch it"
        )


class TestTrouble:
    def test_a_store_that_cannot_be_written_does_not_keep_pages_from_being_read(
        self, index_server: IndexServer, wheel_cache: WheelCache, read: Read
    ) -> None:
        index_server.add_wheel("a")
        wheel_cache.root.write_text("a file where the folder should be")
        assert len(read(index_server.index_url)) == 1

    def test_a_page_that_breaks_off_is_asked_for_again(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        index_server.drop("a", after=20, times=2)
        assert len(read(index_server.index_url)) == 1
        assert len(index_server.requests) == 3

    def test_a_page_that_always_breaks_off_is_given_up(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        index_server.drop("a", after=20)
        message = failure_of(read, index_server.index_url)
        assert message.startswith(f"{index_server.index_url}a/: it broke off each time (")
        assert len(index_server.requests) == TRIES

    def test_a_server_in_trouble_is_asked_again(
        self, index_server: IndexServer, read: Read
    ) -> None:
        index_server.add_wheel("a")
        index_server.fail("a", 503, times=3, retry_after=0)
        assert len(read(index_server.index_url)) == 1

    def test_a_server_that_cannot_be_reached_is_said_so(self, read: Read) -> None:
        with refused_port() as address:
            message = failure_of(read, f"http://ann:s3cr3t@{address}/simple/")
        reason = "cannot connect (Connection refused)"
        to_do = "check the address and the network, or try again later"
        assert message == f"http://{address}/simple/a/: {reason}; {to_do}"


class TestSecrets:
    def test_the_credentials_of_an_index_url_are_used_and_appear_nowhere(
        self, start_index: Callable[..., IndexServer], read: Read, wheel_cache: WheelCache
    ) -> None:
        index = start_index(auth=("ann", "s3cr3t"), relative=True, json=False)
        wheel = index.add_wheel("a")
        url = index.with_credentials(index.index_url, "ann", "s3cr3t")
        (file,) = read(url)
        assert file.url == index.file_url(wheel)
        for path in wheel_cache.root.rglob("*"):
            assert path.is_dir() or b"s3cr3t" not in path.read_bytes()

    def test_credentials_given_apart_are_used(
        self, start_index: Callable[..., IndexServer], read: Read
    ) -> None:
        index = start_index(auth=("ann", "s3cr3t"))
        index.add_wheel("a")
        message = failure_of(read, index.index_url)
        assert message == (
            f"{index.index_url}a/: the server refused us (401 Unauthorized); "
            "check the user and password in the index URL or in netrc"
        )
        with HttpClient(
            Credentials({index.index_url: ("ann", "s3cr3t")}), environ=os.environ
        ) as client:
            assert len(read(index.index_url, client=client)) == 1


class TestFolders:
    def test_an_index_may_be_a_folder(
        self, make_wheel: MakeFile, read: Read, tmp_path: Path
    ) -> None:
        wheel = make_wheel("a")
        project = tmp_path / "simple" / "a"
        project.mkdir(parents=True)
        (project / "index.html").write_text(f'<a href="../../built/{wheel.name}#sha256=00">x</a>')
        for url in (str(tmp_path / "simple"), (tmp_path / "simple").as_uri()):
            (file,) = read(url)
            assert (file.url, file.hashes["sha256"]) == (wheel.as_uri(), "00")
            assert read(url, name="b") == ()
        (project / "index.html").unlink()
        wheel.rename(project / wheel.name)
        assert names(read(str(tmp_path / "simple"), offline=True)) == [wheel.name]
