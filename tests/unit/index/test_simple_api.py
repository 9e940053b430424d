from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.http_limits import Limits
from hatch_multiplat.index.http_session import Answer
from hatch_multiplat.index.simple_api import Catalog, _is_absent
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_multiplat.index.index_page import IndexFile


def read_folders(
    tmp_path: Path, *, default: str = "empty", extra: tuple[str, ...] = (), links: str = ""
) -> tuple[IndexFile, ...]:
    """Read project `a` from folders below `tmp_path`; nothing here leads to a server."""
    (tmp_path / "empty").mkdir(exist_ok=True)
    with HttpClient(Credentials(), environ={}) as client:
        catalog = Catalog(
            Sources(
                index_url=str(tmp_path / default),
                extra_index_urls=tuple(str(tmp_path / name) for name in extra),
                find_links=(str(tmp_path / links),) if links else (),
            ),
            client=client,
            wheel_cache=WheelCache(tmp_path / "store"),
            offline=True,
        )
        return catalog.read(canonicalize_name("a")).files


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Indexes `one` and `two`, each with an `a`, and a folder `links` with two more."""
    for path in ("one/a/a-1.0.tar.gz", "two/a/a-2.0.tar.gz", "links/a-1.0.tar.gz", "links/a-3.zip"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"1234")
    return tmp_path


def test_further_indexes_are_asked_before_the_default_one(folders: Path) -> None:
    (file,) = read_folders(folders, default="one", extra=("empty", "two"))
    assert (file.filename, file.size) == ("a-2.0.tar.gz", 4)
    assert file.url == (folders / "two/a/a-2.0.tar.gz").as_uri()


def test_of_two_files_with_the_same_name_that_of_find_links_stays(folders: Path) -> None:
    files = read_folders(folders, default="one", links="links")
    assert [file.url for file in files] == [
        (folders / "links" / name).as_uri() for name in ("a-1.0.tar.gz", "a-3.zip")
    ]


def test_a_project_that_nobody_has_is_empty(tmp_path: Path) -> None:
    assert read_folders(tmp_path) == ()


def test_an_index_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError) as raised:
        read_folders(tmp_path, default="nowhere")
    folder = tmp_path / "nowhere"
    assert str(raised.value) == f"index {folder}: there is no such folder; correct the address"


def test_find_links_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError) as raised:
        read_folders(tmp_path, links="nowhere")
    assert str(raised.value) == (
        f"{tmp_path / 'nowhere'} cannot be read: No such file or directory; correct the path"
    )


@pytest.mark.parametrize(
    ("url", "status", "expected"),
    [
        pytest.param("https://a.example/simple/a/", 404, True, id="not found"),
        pytest.param("https://a.example/simple/a/", 410, True, id="gone"),
        pytest.param("https://a.example/simple/a/", 403, False, id="forbidden"),
        pytest.param("https://a.example/simple/a/", 500, False, id="in trouble"),
        pytest.param("https://download.pytorch.org/whl/cpu/a/", 403, True, id="PyTorch's way"),
    ],
)
def test_a_project_that_an_index_lacks_is_told_from_one_that_we_may_not_see(
    *, url: str, status: int, expected: bool
) -> None:
    response = requests.Response()
    response.url, response.status_code = url, status
    assert _is_absent(Answer(response, Limits())) is expected
