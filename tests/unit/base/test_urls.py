from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from hatch_multiplat.base.urls import (
    Credentials,
    display_url,
    file_url,
    local_path,
    redact,
    redact_text,
)

TOKEN = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "expected", "login"),
    [
        pytest.param("https://a.example/simple/", "https://a.example/simple/", None, id="none"),
        pytest.param(
            "https://ann:s%40crt@a.example:8/simple/",
            "https://a.example:8/simple/",
            ("ann", "s@crt"),
            id="user and password, quoted",
        ),
        pytest.param(
            "https://token@a.example/", "https://a.example/", ("token", ""), id="a token alone"
        ),
        pytest.param(
            "https://ann:a@b:c%d@a.example/",
            "https://a.example/",
            ("ann", "a@b:c%d"),
            id="@, : and % as they are",
        ),
        pytest.param("htps://ann:x@a.example/", "htps://a.example/", ("ann", "x"), id="mistyped"),
        pytest.param(
            "a[b] @ https://ann:x@a.example/a.whl#sha256=1 ; python_version > '3'",
            "a[b] @ https://a.example/a.whl#sha256=1 ; python_version > '3'",
            ("ann", "x"),
            id="requirement",
        ),
        pytest.param(
            "git+https://ann:x@a.example/r.git@v1",
            "git+https://a.example/r.git@v1",
            ("ann", "x"),
            id="git",
        ),
        pytest.param("git+https://a.example/r@v1", "git+https://a.example/r@v1", None, id="rev"),
        pytest.param("git+ssh://git@a.example/r", "git+ssh://git@a.example/r", None, id="ssh"),
        pytest.param(r"C:\ann@home\wheels", r"C:\ann@home\wheels", None, id="a folder"),
        pytest.param("a>=1 ; python_version > '3'", "a>=1 ; python_version > '3'", None, id="text"),
    ],
)
def test_credentials_are_taken_off(text: str, expected: str, login: tuple[str, str] | None) -> None:
    credentials = Credentials()
    assert credentials.take(text) == expected
    assert list(credentials.logins.values()) == ([login] if login else [])
    assert credentials.take(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://ann:s3/cr3ts3cr3t@a.example/", id="slash"),
        pytest.param("https://ann:#s3cr3t@a.example/", id="hash"),
        pytest.param("https://ann:s3cr3t?x@a.example/", id="question mark"),
        pytest.param("https://ann:p@s/s3cr3t@a.example/", id="@ and slash"),
        pytest.param("https://12:3/s3cr3t@a.example/", id="like a port"),
        pytest.param("https://john.doe:1/s3cr3t@a.example/", id="like a host and a port"),
        pytest.param("https:/ann:s3cr3t@a.example/", id="one slash"),
        pytest.param("https:ann:s3cr3t@a.example", id="no slash"),
        pytest.param("ann:s3cr3t@a.example/simple", id="no scheme"),
        pytest.param("//ann:s3cr3t@a.example/simple", id="no scheme, slashes"),
        pytest.param("https://ann:s3cr3t@[::1", id="open bracket"),
        pytest.param("a @@ https://ann:s3cr3t@a.example/", id="no requirement"),
    ],
)
def test_what_cannot_be_read_is_refused_without_its_secret(text: str) -> None:
    credentials = Credentials()
    with pytest.raises(ValueError, match=r"percent-encoded|is not a URL|neither a URL") as raised:
        credentials.take(text)
    assert TOKEN not in str(raised.value)
    assert TOKEN not in redact(text)
    assert TOKEN not in redact_text(f"see '{text}', or {text}: no")


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("token=s3cr3t", ""),
        ("a=1&access_token=s3cr3t&b=2", "?a=1&b=2"),
        ("X-Amz-Signature=s3cr3t&X-Amz-Credential=s3cr3t", ""),
        ("private_token=s3cr3t", ""),
        ("sv=1&sig=s3cr3t", "?sv=1"),
        ("key=s3cr3t", ""),
        ("t=0123456789abcdefs3cr3t", ""),
        ("file=a_long_name_1-1.0-py3-none-any.whl", "?file=a_long_name_1-1.0-py3-none-any.whl"),
    ],
)
def test_secret_words_of_a_query_are_taken_off_and_restored(query: str, left: str) -> None:
    credentials = Credentials()
    url = "https://a.example/a.whl"
    clean = credentials.take(f"{url}?{query}#sha256=1")
    assert clean == f"{url}{left}#sha256=1"
    assert set(credentials.restore_query(clean).partition("?")[2].partition("#")[0].split("&")) == {
        *query.split("&")
    }
    assert TOKEN not in redact_text(f"GET {url}?{query} failed")


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://a:b", "https://a.example:99999/"),
        *("file://[::1/a.whl", "file://[host]/a.whl", "git+file://[host]/a"),
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        Credentials().take(url)


def test_everything_in_a_table_is_told_by_its_path() -> None:
    problems: list[str] = []
    table = {"a": ["https://ann:x@b.example/", 1], "b": {"c": "https://ann:#x@b.example/"}}
    taken = Credentials().take_all(table, "tool.uv", problems)
    assert taken == {"a": ["https://b.example/", 1], "b": {"c": "https://***@b.example/"}}
    (problem,) = problems
    assert problem.startswith("tool.uv.b.c: 'https://***@b.example/': write the special")


def test_a_shown_url_has_no_password_no_signature_and_no_fragment() -> None:
    url = "https://ann:secret@a.example/w.whl?X-Signature=abc#sha256=def"
    assert display_url(url) == "https://a.example/w.whl"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://a.example/w.whl", None, id="server"),
        pytest.param("file:///srv/my%20wheels/w.whl", Path("/srv/my wheels/w.whl"), id="file URL"),
        pytest.param("file://localhost/srv/w.whl", Path("/srv/w.whl"), id="file URL with a host"),
        pytest.param("wheels/w.whl", Path("wheels/w.whl"), id="relative path"),
        pytest.param("/srv/w.whl", Path("/srv/w.whl"), id="absolute path"),
    ],
)
def test_what_lies_on_this_machine_is_told_from_what_a_server_has(
    url: str, expected: Path | None
) -> None:
    assert local_path(url) == expected


def test_a_drive_letter_is_no_scheme() -> None:
    assert local_path(r"C:\wheels\w.whl") == Path(r"C:\wheels\w.whl")


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            PurePosixPath("/wheels/größe & 1#.whl"),
            "file:///wheels/gr%C3%B6%C3%9Fe%20%26%201%23.whl",
        ),
        (PureWindowsPath(r"C:\wheels\a b.whl"), "file:///C:/wheels/a%20b.whl"),
        (PureWindowsPath(r"\\server\share\w.whl"), "file://server/share/w.whl"),
    ],
)
def test_a_path_of_any_system_has_a_url(path: PurePath, url: str) -> None:
    assert file_url(path) == url


def test_a_path_of_this_system_has_the_url_that_python_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "a b%20ü"
    assert file_url(path) == path.as_uri()
    assert local_path(file_url(path)) == path


def test_behind_the_at_of_a_local_repository_is_a_revision() -> None:
    url = "git+file:///srv/repositories/x@v1.0"
    credentials = Credentials()
    assert credentials.take(f"x @ {url}") == f"x @ {url}"
    assert credentials.logins == {}
    assert redact(url) == redact_text(url) == url
