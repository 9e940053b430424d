from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import COMMANDS, main, run_main
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python

ROOT = Path(__file__).resolve().parents[3]


def command_lines(shown: str) -> list[str]:
    return shown.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_by_its_name(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()


def test_the_help_lists_all_commands_in_their_order() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    listed = [line.split()[0] for line in command_lines(shown)]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bild", "did you mean 'build'?"),
        ("chek", "did you mean 'check'?"),
        ("xyzzy", "there are: init"),
    ],
)
def test_a_command_that_there_is_not_is_named_with_the_one_that_is_meant(
    name: str, hint: str
) -> None:
    result = CliRunner().invoke(main, [name])
    assert result.exit_code == 2
    assert f"no command {name!r}; {hint}" in result.output


@pytest.mark.parametrize(
    ("words", "in_colour"),
    [
        (["targets", "x"], False),
        (["--color", "always", "targets", "x"], True),
        (["--color", "never", "targets", "x"], False),
    ],
)
def test_errors_begin_with_the_word_and_are_red_where_colours_are_wanted(
    words: list[str], tmp_path: Path, *, in_colour: bool
) -> None:
    (tmp_path / "x").mkdir()
    environ = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "NO_COLOR"}}
    done = subprocess.run(
        [sys.executable, "-m", "hatch_multiplat", *words],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    start = "\x1b[31merror: " if in_colour else "error: "
    assert done.stderr.startswith(f"{start}{Path('x') / 'pyproject.toml'}: no such file")


def test_a_mistake_in_the_words_of_a_command_looks_like_every_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatch_multiplat", "check", "--nonsense"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: no such option")


NO_PROJECT = {
    "build dist/demo-1.0-py3-none-any.whl": "'dist/demo-1.0-py3-none-any.whl' is a file, not a "
    "folder; a wheel is named by an option: "
    "hatch-multiplat build --wheel dist/demo-1.0-py3-none-any.whl",
    "build gone.whl": "there is no folder 'gone.whl'; a wheel is named by an option: "
    "hatch-multiplat build --wheel gone.whl",
    "lock dist/demo-1.0-py3-none-any.whl": "'dist/demo-1.0-py3-none-any.whl' is a file, not a "
    "folder; name the folder that has the project's pyproject.toml",
    "build dist/demo-1.0.tar.gz": "'dist/demo-1.0.tar.gz' is a file, not a folder; "
    "unpack it, and name the folder that has its pyproject.toml",
    "check dist/demo-1.0.pex": "'dist/demo-1.0.pex' is a file, not a folder; name the folder that "
    "has the project's pyproject.toml; finished files are read by the commands 'inspect' and "
    "'verify'",
    "targets pyproject.toml": "'pyproject.toml' is a file, not a folder; "
    "name the folder that has the project's pyproject.toml",
    "build dits": "there is no folder 'dits'; did you mean 'dist'?",
    "check linux-x86_64": "there is no folder 'linux-x86_64'; "
    "other platforms and Pythons are named by --platform and --python",
    "check cp312-win_amd64": "there is no folder 'cp312-win_amd64'; "
    "other platforms and Pythons are named by --platform and --python",
    "init 3.12": "there is no folder '3.12'; platforms and Pythons stand in [tool.multiplat]",
    "lock requests": "there is no folder 'requests'; for a newer version of a package: "
    "hatch-multiplat lock --upgrade-package requests",
    "check nowhere/at/all": "there is no folder 'nowhere/at/all'; "
    "name the folder that has the project's pyproject.toml",
    "build --platform linux-x86_64": "no such option '--platform'; "
    "[tool.multiplat] has the key 'platforms'",
    "check --target cp312-win_amd64": "no such option '--target'; "
    "these commands have it: targets, split, verify",
    "check --nonsense": "no such option '--nonsense'",
}


@pytest.mark.parametrize("line", NO_PROJECT)
def test_a_word_that_a_command_cannot_take_is_told_with_its_place(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").touch()
    Path("dist").mkdir()
    for name in ("-py3-none-any.whl", ".tar.gz", ".pex"):
        Path(f"dist/demo-1.0{name}").touch()
    monkeypatch.setattr(sys, "argv", ["hatch-multiplat", *line.split()])
    with pytest.raises(SystemExit) as ended:
        run_main()
    assert ended.value.code == 2
    said = " ".join(capfd.readouterr().err.partition("error: ")[2].split())
    assert said == NO_PROJECT[line]


def test_no_command_is_imported_that_is_not_called() -> None:
    code = (
        "import sys; from hatch_multiplat.frontends.cli import main\n"
        "main(['--version'], 'x', None, False)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('hatch_multiplat.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    modules = done.stdout.splitlines()[-1].split()
    ours = ["__about__", "base", "base.errors", "base.temporary", "base.text"]
    ours += ["frontends", "frontends.cli"]
    assert modules == [f"hatch_multiplat.{name}" for name in ours]


def test_the_line_of_each_command_is_whole() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    lines = command_lines(shown)
    assert len(lines) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_two_examples_that_it_takes_and_a_page_that_is_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = CliRunner().invoke(main, [name, "--help"], prog_name="hatch-multiplat").output
    examples, _, address = shown.partition("Examples:\n")[2].partition("\n\nDocumentation: ")
    assert len(examples.splitlines()) == 2
    page, _, heading = address.strip().rpartition("#")
    assert page.endswith("/reference/command-line.html")
    reference = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    assert f"\n## `{heading.replace('hatch-multiplat-', 'hatch-multiplat ')}`\n" in reference

    monkeypatch.chdir(tmp_path)
    Path("dist").mkdir()
    Path("dist/demo-1.0-py3-none-any.whl").touch()
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for line in examples.splitlines():
        program, called, *words = shlex.split(line.partition("|")[0].partition(">")[0])
        assert (program, called) == ("hatch-multiplat", name)
        with command.make_context(name, words):
            pass


def test_the_help_of_all_ends_with_two_examples_and_the_page() -> None:
    shown = CliRunner().invoke(main, ["--help"], prog_name="hatch-multiplat").output
    examples, _, address = shown.partition("Examples:\n")[2].partition("\n\nDocumentation: ")
    assert [line.split()[1] in COMMANDS for line in examples.splitlines()] == [True, True]
    assert address.strip().endswith("/reference/command-line.html")


def test_every_platform_and_python_that_is_shown_may_be_written() -> None:
    shown = json.loads(CliRunner().invoke(main, ["platforms", "--json"]).output)
    for platform in shown["platforms"]:
        parsed = Platform.parse(platform["name"])
        assert parsed == Platform.parse(platform["tag"])
        assert (platform["floor"] is None) == (parsed.floor is None)
    pythons = [Python.parse(text) for text in shown["python"]]
    assert list(map(str, pythons)) == shown["python"]
    for floor in shown["floors"]:
        kind, version = floor["floor"].split()
        name = {"glibc": "linux-x86_64-glibc", "musl": "linux-x86_64-musl"}.get(kind)
        Platform.parse(f"{name or 'macos-arm64-'}{version}")
    text = CliRunner().invoke(main, ["platforms"]).output
    entries = text.partition("These may be")[2].partition("Entries of")[0].splitlines()
    forms = [line.split()[0] for line in entries if line.startswith("  ")]
    assert [form for form in forms if form not in text] == []
    for word in re.findall(r"^  (?:linux|macos).*", text, re.MULTILINE)[-1].split():
        Platform.parse(word)


def test_what_runs_is_told_on_request(tmp_path: Path) -> None:
    """Whoever is not asked for it hears nothing of it."""
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "no_such_backend"\n'
        '[project]\nname = "demo"\ndynamic = ["version", "dependencies"]\n'
        '[tool.multiplat]\nplatforms = ["linux-x86_64"]\npython = ["3.12"]\n',
        "utf-8",
    )
    said = {}
    for words in ([], ["--verbose"]):
        done = subprocess.run(
            [sys.executable, "-m", "hatch_multiplat", "check", *words],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "UV_OFFLINE": "1"},
        )
        assert done.returncode == 7
        said[len(words)] = re.findall(
            r"^(?:run \S+uv\S* build|uv build ended with \d) ", done.stderr, re.MULTILINE
        )
    assert [len(found) for found in said.values()] == [0, 2]
