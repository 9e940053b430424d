"""Which of pex's options may be passed on, and which arguments it can fill in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import resources

import pytest

from hatch_multiplat.config import pex_options
from hatch_multiplat.config.pex_options import is_template, refuse_option, refused_words


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
        ("--compress", "wheels are in the file unchanged, so that they can be checked"),
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
    "words",
    [
        "",
        "--venv --no-strip-pex-env",
        "--venv prepend --venv-copies",
        "--venv=append --build-property answer=42 --emit-warnings",
        "--build-property=answer=42 --max-install-jobs 2 --no-emit-warnings",
        "--interpreter-selection-strategy newest --ignore-errors",
    ],
)
def test_options_that_end_in_pex_info_are_passed_on(words: str) -> None:
    assert list(refused_words(words.split())) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "--venv always",
            {1: "only these options of pex have an effect on the file: --emit-warnings, "},
        ),
        ("prepend", {0: "only these options of pex have an effect on the file: "}),
        ("--build-property", {0: "--build-property needs a value"}),
        ("--build-property -v", {0: "--build-property needs a value", 1: "pex's output is shown"}),
        ("--build-property a=1 --compile -j 4", {2: "each machine", 3: "pex loads"}),
        ("--venv=always", {0: "only these options"}),
        ("@options.txt", {0: "only these options"}),
        ("-o mine.pex other", {0: "use the keys 'output'", 2: "only these options"}),
        ("--venv-copies prepend", {1: "only these options"}),
        ("-- --venv", {0: "only these options"}),
        (
            "--intransitive -vvv",
            {0: "everything that a wheel requires is included", 1: "pex's output"},
        ),
    ],
)
def test_every_other_word_is_refused_where_it_stands(words: str, expected: dict[int, str]) -> None:
    found = dict(refused_words(words.split()))
    assert found.keys() == expected.keys()
    for place, start in expected.items():
        assert found[place].startswith(start)


@pytest.fixture(scope="module")
def options_of_pex() -> set[str]:
    command = [sys.executable, "-m", "pex", "--help"]
    # Its own folder comes first on PATH: see run_pex.
    path = os.pathsep.join([str(resources.files("pex")), os.environ["PATH"]])
    environ = {**os.environ, "COLUMNS": "1000", "PATH": path}
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout
    lines = re.findall(r"^  (-.*?)(?:   |$)", shown, re.MULTILINE)
    return {word for line in lines for word in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", line)}


def test_every_option_that_is_named_is_one_of_pex(options_of_pex: set[str]) -> None:
    """A new pex that renames an option is noticed here."""
    assert set(pex_options._REFUSED) | set(pex_options._KNOWN) <= options_of_pex


def test_every_option_of_pex_is_passed_on_or_has_a_reason(options_of_pex: set[str]) -> None:
    """A new pex that has more of them is noticed here."""
    known = set(pex_options._REFUSED) | set(pex_options._KNOWN)
    assert {
        word for word in options_of_pex - known if not word.startswith(("--scie-", "--no-scie-"))
    } == set()


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
