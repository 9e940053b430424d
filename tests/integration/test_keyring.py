"""The keyring's command on PATH: when it is asked, for what, and which of its answers count."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.http_session import ask_keyring
from tests.support.server import basic_auth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Keyring

pytestmark = [
    pytest.mark.usefixtures("plain_network"),
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script"),
]

URL = "https://a.example:8443/simple/"
HOST = "a.example:8443"


@pytest.mark.parametrize(
    ("user", "answers", "expected"),
    [
        pytest.param("ann", {f"get {URL} ann": "pw\n"}, ("ann", "pw"), id="by URL"),
        pytest.param("ann", {f"get {HOST} ann": "pw\n"}, ("ann", "pw"), id="by host"),
        pytest.param("ann", {f"get {URL} bob": "pw\n"}, None, id="another user"),
        pytest.param("ann", {f"get {URL} ann": ""}, None, id="nothing said"),
        pytest.param("", {f"get {URL} --mode creds": "bob\npw\n"}, ("bob", "pw"), id="no user"),
        pytest.param("", {f"get {URL} --mode creds": "bob\n"}, None, id="a user alone"),
    ],
)
def test_the_keyring_is_asked_for_the_url_and_then_for_the_host(
    user: str, answers: dict[str, str], expected: tuple[str, str] | None, keyring: Keyring
) -> None:
    keyring.answer(answers)
    assert ask_keyring(URL, user, os.environ) == expected
    assert keyring.asked[0].startswith(f"get {URL} ")


def test_a_keyring_that_is_not_there_has_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_keyring(URL, "ann", os.environ) is None


def test_the_keyring_is_asked_once_and_after_netrc(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.answer({" ann": "secret\n"})
    netrc = tmp_path / "netrc"
    netrc.write_text("machine b.example login bob password geheim\n")
    monkeypatch.setenv("NETRC", str(netrc))
    logins: dict[str, tuple[str, str | None]] = {
        "https://a.example/simple/": ("ann", None),
        "https://b.example/simple/": ("bob", None),
        "https://c.example/simple/": ("token", None),
        "https://d.example/simple/": ("", None),
    }
    with HttpClient(Credentials(logins), environ=os.environ).session as session:
        headers = [
            session.prepare_request(requests.Request("GET", f"https://{host}.example/x")).headers
            for host in "aabcd"
        ]
    assert [header.get("Authorization") for header in headers] == [
        basic_auth("ann", "secret"),
        basic_auth("ann", "secret"),
        basic_auth("bob", "geheim"),
        basic_auth("token", ""),
        None,
    ]
    assert keyring.asked == [
        "get https://a.example/simple/ ann",
        *(f"get {place} token" for place in ("https://c.example/simple/", "c.example")),
        *(f"get {place} --mode creds" for place in ("https://d.example/simple/", "d.example")),
    ]
