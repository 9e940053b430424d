from __future__ import annotations

import pytest

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.index_trouble import OFFLINE, explain_trouble
from hatch_multiplat.index.sources import Sources

OWN = "https://own.test/simple"
KEY = "tool.multiplat.index-url"
FETCH = f"error: Request failed after 3 retries in 3.9s\n  cause: Failed to fetch: {OWN}/attrs/\n"
CONNECT = (
    f"  cause: error sending request for url ({OWN}/attrs/)\n  cause: client error (Connect)\n"
)
UNSATISFIABLE = (
    "error: No solution found when resolving dependencies\n"
    "  cause: Because attrs was not found in the package registry and your project depends on "
    "attrs==21.1.0, we can conclude that your requirements are unsatisfiable.\n\n"
)


def explain(said: str, *, index_url: str = OWN, **others: object) -> str | None:
    sources = Sources(index_url=index_url, origins={index_url: KEY}, **others)  # type: ignore[arg-type]
    return explain_trouble(said, sources)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(
            FETCH + CONNECT + "  cause: tcp connect\n  cause: Connection refused (os error 111)",
            "cannot be reached (Connection refused); correct the address, or check the network",
            id="connection",
        ),
        pytest.param(
            FETCH + CONNECT + "  cause: dns error\n  cause: failed to lookup address information: "
            "Name or service not known",
            "is at a host that cannot be looked up (failed to lookup address information: Name or "
            "service not known): there is no network, or its name is wrong; without network, "
            "UV_OFFLINE=1 builds from what earlier builds have kept",
            id="name",
        ),
        pytest.param(
            FETCH + CONNECT + "  cause: invalid peer certificate: UnknownIssuer\n\n"
            "hint: Consider enabling use of system TLS certificates with the `--system-certs` "
            "command-line flag",
            "has a certificate that is not trusted (UnknownIssuer); name the file with your CA "
            "certificates in SSL_CERT_FILE",
            id="certificate",
        ),
        pytest.param(
            FETCH + CONNECT + "  cause: tunnel error: failed to create underlying connection\n"
            "  cause: Connection refused (os error 111)",
            "is not reached through the proxy (Connection refused); see HTTPS_PROXY, HTTP_PROXY, "
            "NO_PROXY",
            id="proxy",
        ),
        pytest.param(
            FETCH + "  cause: HTTP status server error (500 Internal Server Error) for url (x)",
            "answered 500 Internal Server Error; try again later, or ask the people who run it",
            id="status",
        ),
        pytest.param(
            FETCH + "  cause: operation timed out",
            "does not answer in time; try again, or check the network",
            id="time",
        ),
        pytest.param(
            f"{UNSATISFIABLE}hint: An index URL ({OWN}) could not be queried due to a lack of "
            "valid authentication credentials (401 Unauthorized)",
            "refused us (401 Unauthorized); give user and password in netrc, or in the keyring, "
            "with UV_KEYRING_PROVIDER=subprocess and a user in the URL",
            id="401",
        ),
        pytest.param(
            f"{UNSATISFIABLE}hint: An index ({OWN}) returned a 403 Forbidden error. Check that "
            "the index URL is correct and the credentials are valid.",
            "refused us (403 Forbidden); give user and password in netrc, or in the keyring, "
            "with UV_KEYRING_PROVIDER=subprocess and a user in the URL",
            id="403",
        ),
    ],
)
def test_what_is_wrong_with_an_index_is_told_by_its_key(said: str, reason: str) -> None:
    assert explain(said) == f"{KEY}: {OWN} {reason}"


@pytest.mark.parametrize(
    "said",
    [
        f"error: Missing `Content-Type` header for `{OWN}/attrs/`\n",
        f'error: Unsupported `Content-Type` "text/plain" for {OWN}/attrs/\n',
    ],
)
def test_what_is_no_page_of_an_index_is_told(said: str) -> None:
    assert "sends something other than an index page" in (explain(said) or "")


def test_a_certificate_file_that_is_not_there_is_not_advised() -> None:
    said = FETCH + "  cause: invalid peer certificate: UnknownIssuer"
    told = explain_trouble(said, Sources(index_url=OWN), {"SSL_CERT_FILE": "/no/such.pem"})
    assert told is not None
    assert told.endswith("; SSL_CERT_FILE names /no/such.pem, which is not there")


def test_a_proxy_may_have_refused_in_place_of_a_server() -> None:
    url = "http://own.test/simple"
    said = f"{UNSATISFIABLE}hint: An index ({url}) returned a 403 Forbidden error."
    told = explain_trouble(said, Sources(index_url=url), {"HTTP_PROXY": "http://a:b@proxy.test"})
    assert "or the proxy http://proxy.test did" in (told or "")


def test_an_index_with_a_name_has_variables_for_user_and_password() -> None:
    said = f"{UNSATISFIABLE}hint: An index URL ({OWN}) could not be queried due to (401 No)"
    told = explain(said, named=(("in-house", OWN),), keyring=True)
    assert told == (
        f"{KEY}: {OWN} refused us (401 No); give user and password in netrc, or in "
        "UV_INDEX_IN_HOUSE_USERNAME and UV_INDEX_IN_HOUSE_PASSWORD"
    )


def test_credentials_that_are_wrong_are_not_shown() -> None:
    said = f"{UNSATISFIABLE}hint: An index URL ({OWN}) could not be queried due to (401 No)"
    told = explain(said, credentials=Credentials({OWN: ("ada", "secret")}))
    assert told == (
        f"{KEY}: {OWN} refused us (401 No); check the user and the password that are given for it"
    )


def test_a_file_that_lies_elsewhere_is_told_by_its_own_address() -> None:
    said = FETCH.replace(OWN, "https://files.test") + "  cause: operation timed out"
    assert explain(said) == (
        "https://files.test/attrs/ does not answer in time; try again, or check the network"
    )


def test_an_index_whose_url_only_begins_alike_is_another_one() -> None:
    said = FETCH.replace(OWN, "https://own.test/simpler") + "  cause: operation timed out"
    assert str(explain(said)).startswith("https://own.test/simpler/attrs/ does not")


def test_offline_it_is_said_what_to_do() -> None:
    hint = "hint: Packages were unavailable because the network was disabled."
    assert explain(UNSATISFIABLE + hint) == OFFLINE


def test_another_failure_is_none_of_an_index() -> None:
    assert explain(UNSATISFIABLE) is None
    assert explain("error: Failed to parse: 'pyproject.toml'") is None
    conflict = "error: No solution found when resolving dependencies\n  cause: Because a needs b>1"
    assert explain(f"{conflict}\nhint: An index ({OWN}) returned a 403 Forbidden error.") is None
