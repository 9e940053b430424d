from __future__ import annotations

from pathlib import Path

import pytest

from hatch_multiplat.base.urls import display_url, local_path, split_credentials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://a.example/simple/", ("https://a.example/simple/", None), id="none"),
        pytest.param(
            "https://ann:s%40crt@a.example:8/simple/",
            ("https://a.example:8/simple/", ("ann", "s@crt")),
            id="user and password, quoted",
        ),
        pytest.param(
            "https://token@a.example/", ("https://a.example/", ("token", "")), id="a token alone"
        ),
    ],
)
def test_credentials_are_split_from_a_url(
    url: str, expected: tuple[str, tuple[str, str] | None]
) -> None:
    assert split_credentials(url) == expected


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
