from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3 import HTTPResponse

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.http_session import read_retry_after
from tests.support.server import basic_auth

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("plain_network")

ANN = ("ann", "secret")
BOB = ("bob", "geheim")


def find(credentials: dict[str, tuple[str, str]], url: str) -> str | bytes | None:
    """Return the Authorization header that a request would have."""
    with HttpClient(Credentials(credentials), environ=os.environ).session as session:
        request = session.prepare_request(requests.Request("GET", url))
    return request.headers.get("Authorization")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://a.example/simple/x/", ANN, id="below the index"),
        pytest.param("https://a.example:443/simple/x/", ANN, id="default port written out"),
        pytest.param("https://a.example/files/x.whl", ANN, id="elsewhere on the server"),
        pytest.param("https://a.example/other/x/", BOB, id="below another index of the server"),
        pytest.param("https://a.example/other", BOB, id="the other index itself"),
        pytest.param("https://a.example/otherwise/", ANN, id="a longer word is another folder"),
        pytest.param("http://a.example/simple/x/", None, id="never without TLS"),
        pytest.param("https://a.example:8443/simple/x/", None, id="another port"),
        pytest.param("https://b.example/simple/x/", None, id="another host"),
    ],
)
def test_credentials_go_to_their_index_and_its_server_only(
    url: str, expected: tuple[str, str] | None
) -> None:
    known = {"https://a.example/simple/": ANN, "https://a.example/other": BOB}
    assert find(known, url) == (basic_auth(*expected) if expected else None)


def test_netrc_is_asked_where_no_credentials_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine a.example login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert find({}, "https://a.example/simple/") == basic_auth(*ANN)
    assert find({"https://a.example/": BOB}, "https://a.example/simple/") == basic_auth(*BOB)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, True, id="none"),
        pytest.param({"SSL_CERT_FILE": "/f.pem"}, "/f.pem", id="SSL_CERT_FILE"),
        pytest.param({"PIP_CERT": "/p.pem", "SSL_CERT_FILE": "/f.pem"}, "/p.pem", id="PIP_CERT"),
        pytest.param({"SSL_CERT_DIR": f"/no/such{os.pathsep}{os.sep}"}, os.sep, id="SSL_CERT_DIR"),
        pytest.param({"SSL_CERT_DIR": "/no/such"}, True, id="an SSL_CERT_DIR that is not there"),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "/r.pem", "PIP_CERT": "/p.pem", "SSL_CERT_DIR": "/d"},
            "/r.pem",
            id="REQUESTS_CA_BUNDLE",
        ),
    ],
)
def test_a_ca_bundle_may_be_named_as_in_other_tools(
    environ: dict[str, str], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with HttpClient(Credentials(), environ=os.environ).session as session:
        settings = session.merge_environment_settings("https://a.example", {}, None, None, None)
    assert settings["verify"] == expected


@pytest.mark.parametrize(("wished", "waited"), [("7", 7.0), ("86400", 30.0), (None, None)])
def test_a_server_cannot_make_us_wait_for_long(wished: str | None, waited: float | None) -> None:
    response = requests.Response()
    response.raw = HTTPResponse(headers={"Retry-After": wished} if wished else {})
    assert read_retry_after(response) == waited


def redirected(old: str, new: str, credentials: dict[str, tuple[str, str]]) -> str | bytes | None:
    """Return the Authorization header after a redirect from one URL to another."""
    with HttpClient(Credentials(credentials), environ=os.environ).session as session:
        response = requests.Response()
        response.request = session.prepare_request(requests.Request("GET", old))
        following = response.request.copy()
        following.url = new
        session.rebuild_auth(following, response)
    return following.headers.get("Authorization")


def test_netrc_does_not_win_over_given_credentials_after_a_redirect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login bob password geheim\n")
    monkeypatch.setenv("NETRC", str(netrc))
    known = {"https://a.example/": ANN}
    old = "https://a.example/simple/a"
    assert redirected(old, "https://a.example/simple/a/", known) == basic_auth(*ANN)
    assert redirected(old, "https://b.example/simple/a/", known) == basic_auth(*BOB)
