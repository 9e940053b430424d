from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import Finished
from hatch_multiplat.index import http_session
from hatch_multiplat.index.http_session import ask_keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

URL = "https://a.example:8443/simple/"
HOST = "a.example:8443"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], list[str]]:
    """Return a function that gives the command answers by its arguments; others fail."""

    def install(answers: Mapping[str, str]) -> list[str]:
        asked: list[str] = []

        def run(_: str, words: list[str], **options: Any) -> Finished:
            said = " ".join(words[1:])
            asked.append(said)
            found = answers.get(said)
            return Finished(returncode=found is None, stdout=found or "", stderr="")

        monkeypatch.setattr(http_session, "run_tool", run)
        return asked

    return install


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
    user: str,
    answers: dict[str, str],
    expected: tuple[str, str] | None,
    answer: Callable[[Mapping[str, str]], list[str]],
) -> None:
    asked = answer(answers)
    assert ask_keyring(URL, user) == expected
    assert asked[0].startswith(f"get {URL} ")


def test_a_keyring_that_is_not_there_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Finished:
        raise ToolError("cannot start keyring")

    monkeypatch.setattr(http_session, "run_tool", fail)
    assert ask_keyring(URL, "ann") is None
