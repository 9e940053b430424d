"""Which of pex's options may be passed on, and which arguments it can fill in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hatch_multiplat.config import pex_options
from hatch_multiplat.config.pex_options import is_template, refuse_option


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("-o", "use the keys 'output' and 'output-dir'"),
        ("-oapp.pex", "use the keys 'output' and 'output-dir'"),
        ("--output-file=app.pex", "use the keys 'output' and 'output-dir'"),
        # pex's parser takes a beginning for the whole.
        ("--output", "use the keys 'output' and 'output-dir'"),
        ("--outp=app.pex", "use the keys 'output' and 'output-dir'"),
        ("--pylock", "use the key 'lock'"),
        ("--complete-platform=x.json", "use the keys 'platforms' and 'python'"),
        ("--compress", "wheels lie in the file as they came, so that they can be checked"),
        ("--exclude", "use exclude-dependencies of [tool.uv]"),
        ("--inject-args=-q", "use the key 'inject-args'"),
        ("-c", "use the key 'script'"),
        ("-mhttp.server", "use the keys 'entry-point' and 'module'"),
        ("--scie-platform", "use the key 'formats'"),
        ("--venv-system-site-packages", "use the key 'inherit-path'"),
        ("--version", "nothing would be built"),
    ],
)
def test_what_the_build_decides_is_refused_with_what_to_do_instead(word: str, instead: str) -> None:
    assert refuse_option(word) == instead


@pytest.mark.parametrize(
    "word",
    [
        *("--venv", "--venv=prepend", "--venv-copies", "--no-strip-pex-env", "--pre", "--no-pre"),
        *("--rc", "-v", "-vvv", "-j", "4", "prepend", "output-file", "", "-", "--"),
        *("--non-hermetic-venv-scripts", "--max-install-jobs=2", "--no-emit-warnings"),
    ],
)
def test_every_other_word_is_passed_on(word: str) -> None:
    assert refuse_option(word) is None


def test_every_option_that_is_named_is_one_of_pex() -> None:
    """A new pex that renames an option is noticed here."""
    command = [sys.executable, "-m", "pex", "--help"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = {word.strip(",") for word in shown.split() if word.startswith("-")}
    assert set(pex_options._REFUSED) <= words


@pytest.mark.parametrize(
    "text",
    ["", "-v", "a b", "{pex.env.HOME}/x", "{pex.env[MY_APP]}", "{{}}", '{{"a": {{}}}}', "100%"],
)
def test_what_can_be_filled_in_is_a_template(text: str) -> None:
    assert is_template(text)


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "{", "}", '{"a": 1}', "{0}", "{HOME}", "{pex}", "{pex.env}", "{pex.env.A.b}"),
        *("{pex.env.A!r}", "{pex.env.A:>10}", "{pex.__class__}"),
    ],
)
def test_other_braces_are_no_template(text: str) -> None:
    assert not is_template(text)
