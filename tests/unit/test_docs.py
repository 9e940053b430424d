"""What the documentation says is what the code and the example projects have."""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
import pytest
from click.testing import CliRunner

from hatch_multiplat.base import errors
from hatch_multiplat.config import config, formats
from hatch_multiplat.frontends import cli
from hatch_multiplat.runtime import rules
from hatch_multiplat.runtime.enter import PLACES
from hatch_multiplat.targets import platforms
from hatch_multiplat.wheels import incompatibility, matrix_layout
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("example_project/*.md"),
        *ROOT.glob("example_project/classic/*.md"),
    ]
)
REFERENCE = ROOT / "docs" / "reference"
SOURCES = [path.read_text("utf-8") for path in sorted(ROOT.glob("hatch_multiplat/**/*.py"))]

# <!-- from example_project/pyproject.toml --> and the code block under it.
QUOTE = re.compile(
    r"^<!-- from (?P<file>\S+) -->\n+```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_quoted_block_stands_in_the_file_that_it_is_from(page: Path) -> None:
    text = page.read_text("utf-8")
    quotes = list(QUOTE.finditer(text))
    assert len(quotes) == text.count("<!-- from ")
    for quote in quotes:
        assert "\n" + quote["text"] in "\n" + (ROOT / quote["file"]).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_outside_are_https_and_links_in_the_repository_have_a_target(page: Path) -> None:
    for link in LINK.finditer(page.read_text("utf-8")):
        target = link["target"].partition("#")[0]
        if "://" in target:
            assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/[\w.,~%+/-]*)?", target), target
        elif target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, *sorted(ROOT.glob("docs/sessions/*.txt"))], ids=relative)
def test_no_page_waits_for_something_to_be_filled_in(page: Path) -> None:
    assert not re.search(r"\b(TO BE|TODO|TBD|FIXME|XXX)\b", page.read_text("utf-8"))


def test_the_reference_describes_every_key_of_the_table_and_no_other() -> None:
    page = (REFERENCE / "configuration.md").read_text("utf-8")
    described = re.findall(r"^### `([a-z-]+)`$", page, re.MULTILINE)
    assert sorted(described) == sorted(config.known_keys())


def test_the_reference_has_every_error_with_its_exit_code() -> None:
    page = (REFERENCE / "exit-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE)
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.MultiplatError)
    ]
    assert {(int(code), name) for code, name in rows} == {
        (error.exit_code, error.__name__) for error in classes
    }


def test_the_reference_has_every_environment_variable_of_ours_and_no_other() -> None:
    page = (REFERENCE / "environment.md").read_text("utf-8")
    described = set(re.findall(r"(?<!\w)HATCH_MULTIPLAT\w*", page))
    used = {name for text in SOURCES for name in re.findall(r"(?<!\w)HATCH_MULTIPLAT\w*", text)}
    assert described == used


def test_the_reference_has_every_environment_variable_that_the_code_reads_or_sets() -> None:
    pages = ("environment.md", "tool-settings.md")
    page = "".join((REFERENCE / name).read_text("utf-8") for name in pages)
    families = r"(?:UV|PIP|HATCH|PYENV|XDG|SSL|REQUESTS|CURL)_[A-Z0-9_]*[A-Z0-9]"
    words = rf"[\"'](?P<name>{families}|\w+_PROXY|NO_COLOR|NETRC|SOURCE_DATE_EPOCH)[\"']"
    used = {match["name"] for text in SOURCES for match in re.finditer(words, text)}
    assert {"UV_OFFLINE", "PIP_INDEX_URL", "SSL_CERT_FILE", "SOURCE_DATE_EPOCH"} <= used
    # What `init` writes into a table is described where it is offered.
    missing = {name for name in used if name not in page} - {"HATCH_BUILD_HOOK_ENABLE_MULTIPLAT"}
    assert not missing


def variables_of(tree: ast.AST) -> Iterator[str]:
    """Yield what is looked up, set or dropped in an environment by a name written in the code."""
    for node in ast.walk(tree):
        name: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            owner, name = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner, name = node.func.value, node.args[0]
        elif isinstance(node, ast.Compare):
            owner, name = node.comparators[0], node.left
        if name and ast.unparse(owner).endswith("environ") and isinstance(name, ast.Constant):
            yield str(name.value)


def test_the_reference_has_every_environment_variable_that_is_looked_up_by_name() -> None:
    page = (REFERENCE / "environment.md").read_text("utf-8")
    used = {name for text in SOURCES for name in variables_of(ast.parse(text))}
    assert {"MULTIPLAT", "PYTHONPATH", "TMPDIR"} <= used
    used |= {variable for _, _, variable, _ in PLACES}
    # What begins with a line below is between processes of ours, or of Python's.
    assert not {name for name in used if name[0] != "_" and not re.search(rf"\b{name}\b", page)}


def test_the_reference_has_the_options_of_every_format_and_no_other() -> None:
    page = (REFERENCE / "configuration.md").read_text("utf-8")
    tables = {
        field.name: options
        for field in dataclasses.fields(config.Config)
        if dataclasses.is_dataclass(options := getattr(config.Config(targets=()), field.name))
    }
    assert sorted(tables) == ["exe", "scie", "wheelhouse", "zip"]
    for name, options in tables.items():
        start = page.index(f"### `{name}`\n")
        section = page[start : page.find("\n### ", start)]
        described = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
        given = [option.name.replace("_", "-") for option in dataclasses.fields(options)]
        assert sorted(described) == sorted(given)


def test_the_reference_has_every_format_layout_and_architecture() -> None:
    page = (REFERENCE / "configuration.md").read_text("utf-8")
    section = page[page.index("### `formats`") :]
    assert re.findall(r"^\| `\"([a-z-]+)\"` \|", section, re.MULTILINE) == list(formats.FORMATS)
    section = page[page.index("### `layout`") : page.index("### `wheelhouse`")]
    assert set(formats.LAYOUTS) == set(re.findall(r'`"([a-z]+)"`', section))
    for system in ("linux", "macos", "windows"):
        (row,) = re.findall(rf"^\| `{system}` \| (.+?) \| (.*?) ?\|$", page, re.MULTILINE)
        for arch in re.findall(r"`(\w+)`", row[0]):
            platform = platforms.Platform.parse(f"{system}-{arch}")
            assert str(platform) == f"{system}-{arch}"
            own = dict(re.findall(r"`(\w+)` ([\d.]+)", row[1]))
            usual = re.findall(r"[\d.]+", row[1])[:1]
            assert own.get(arch, *usual) == dotted(platform.floor) if usual else not platform.floor


def test_pages_name_the_default_floors() -> None:
    glibc, musl, macos = (
        dotted(platforms.DEFAULT_FLOORS[name]) for name in ("glibc", "musl", "macos")
    )
    for page, words in {
        "glossary": f"glibc {glibc}, musl {musl} or macOS {macos}.",
        "how-to/choose-platforms": f"a version of glibc ({glibc} by default), on macOS a version "
        f"of the system itself ({macos}).",
        "how-to/native-code": f"the floor of each target (glibc {glibc} for `linux-x86_64`).",
    }.items():
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        assert words in " ".join(text.split()), page


def dotted(floor: tuple[int, int] | None) -> str:
    return ".".join(map(str, floor or ()))


def test_the_page_of_missing_wheels_has_every_reason_and_no_other() -> None:
    page = (ROOT / "docs" / "how-to" / "missing-wheels.md").read_text("utf-8")
    described = re.findall(r"^`(.+)`\n:", page, re.MULTILINE)
    reasons = [matrix_layout.WORDS[kind][1] for kind in get_args(incompatibility.MissingKind)]
    assert len(described) == len(reasons)
    for reason in reasons:
        assert any(reason.startswith(words) for words in described), reason


def test_the_reference_has_every_rule_for_wheels_with_its_systems_and_no_other() -> None:
    found = {}
    for line in (REFERENCE / "wheels.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and not cells[0].startswith(("-", "A member")):
            found[cells[0]] = cells[1]
    shown = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
    wanted = {
        rule.reason: "all"
        if rule.systems == rules.ALL
        else ", ".join(shown[system] for system in rule.systems)
        for rule in rules.NAMES
    }
    wanted |= dict.fromkeys(
        [
            *(rules.OTHER_INFO, rules.OTHER_DATA, rules.UNKNOWN_KIND, rules.NO_FILE),
            *(rules.LINK_OUTSIDE, rules.INTERPRETER_REPLACED, rules.STARTUP_REPLACED),
            rules.SAME_FILE.replace("%r", "another"),
            rules.FILE_AND_FOLDER.replace("%r", "another"),
        ],
        "all",
    )
    wanted[rules.LINK_ON_WINDOWS] = "Windows"
    assert found == wanted


def test_the_reference_has_the_line_that_completes_commands_in_each_shell() -> None:
    page = (REFERENCE / "command-line.md").read_text("utf-8")
    variable = "_HATCH_MULTIPLAT_COMPLETE"
    for shell in ("bash", "zsh", "fish"):
        assert f"{variable}={shell}_source hatch-multiplat" in page
        runner = CliRunner(env={variable: f"{shell}_source"})
        result = runner.invoke(cli.main, prog_name="hatch-multiplat")
        # Where bash is too old or missing, it says so.
        assert variable in result.output or "Bash" in result.output


def test_the_reference_has_every_option_of_the_command_line_and_no_other() -> None:
    page = (REFERENCE / "command-line.md").read_text("utf-8")
    assert isinstance(cli.main, click.Group)
    context = click.Context(cli.main)
    for name in cli.main.list_commands(context):
        command = cli.main.get_command(context, name)
        assert command is not None
        start = page.index(f"## `hatch-multiplat {name}`")
        section = page[start : page.find("\n## ", start)]
        described = set(re.findall(r"`(--?[A-Za-z-]+)", section))
        given = {word for option in command.params for word in option.opts if word[0] == "-"}
        assert described == given | {"-h", "--help"}


def test_the_page_on_floors_has_the_systems_that_the_command_prints() -> None:
    page = (ROOT / "docs" / "explanation" / "targets.md").read_text("utf-8")
    rows = re.findall(r"^\| (glibc|musl) ([0-9]+)\.([0-9]+)[^|]* \| (.*) \|$", page, re.MULTILINE)
    shown = {(kind, (int(major), int(minor))): systems for kind, major, minor, systems in rows}
    known = platforms.FLOOR_SYSTEMS
    assert shown == {floor: known[floor] for floor in known if floor[0] != "macos"}


def table_rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each row of the first table in a text, by the first cell's words."""
    rows = [line.strip("| ").split(" | ") for line in text.partition("\n| ")[2].split("\n")]
    until = next(at for at, row in enumerate(rows) if row == [""])
    return {row[0].strip("*"): row[1:] for row in rows[:until]}


def rounded(cell: str) -> float:
    """Return the number of seconds that a cell begins with, as pages quote it: two digits."""
    number, unit = cell.split()[:2]
    return float(f"{float(number) / (1000 if unit == 'ms' else 1):.2g}")


def test_the_figures_that_pages_quote_are_those_of_the_benchmarks() -> None:
    measured = (ROOT / "docs" / "explanation" / "benchmarks.md").read_text("utf-8")
    build = table_rows(measured.partition("## Building\n")[2])
    start = table_rows(measured.partition("\ngit-inspect, 15 targets:\n")[2])
    by_hand = next(cells for name, cells in build.items() if name.startswith("pex `--pip"))
    for page in (ROOT / "README.md", ROOT / "docs" / "index.md"):
        quoted = table_rows(page.read_text("utf-8"))
        ours, theirs = map(rounded, quoted["build, warm caches"])
        assert (ours, theirs) == (rounded(build["hatch-multiplat"][0]), rounded(by_hand[0]))
        ours, theirs = map(rounded, quoted["first start"])
        assert (ours, theirs) == (rounded(start["hatch-multiplat"][1]), rounded(start["pex"][1]))
        assert all(size.strip() in measured for size in quoted["size"])
    page = ROOT / "docs" / "comparison.md"
    quoted = table_rows(page.read_text("utf-8").partition("## Size and speed\n")[2])
    for name, (size, first, later, disk) in list(quoted.items())[2:]:
        cells = start[{"a plain virtual environment": "plain venv"}.get(name, name)]
        assert (disk, rounded(later)) == (cells[2], rounded(cells[3])), name
        assert size in measured, name
        assert first == "-" or rounded(first) == rounded(cells[1]), name


def test_the_man_page_is_made_of_the_commands_help() -> None:
    run_command(sys.executable, "scripts/man_page.py", "--check", cwd=ROOT)


def test_the_page_of_messages_is_true() -> None:
    """Each place that makes an error has its message there, and the test that shows it exists."""
    run_command(sys.executable, "scripts/messages.py", "--check", cwd=ROOT)


def test_readme_and_install_page_tell_alike_how_to_install_what_is_not_on_pypi() -> None:
    command = re.compile(r"^\$ .*(?:file://|CONSTRAINT).*$", re.MULTILINE)
    pages = (ROOT / "README.md", ROOT / "docs" / "install.md")
    readme, install = (command.findall(page.read_text("utf-8")) for page in pages)
    assert readme == install
    assert len(readme) == 4
    where = "install.md#before-the-first-release"
    for page in ("tutorial.md", "how-to/add-to-a-project.md", "how-to/without-hatch.md"):
        assert where in (ROOT / "docs" / page).read_text("utf-8")


def test_every_address_of_ours_is_one_of_the_project_s_and_leads_to_a_file() -> None:
    """README is read on PyPI too, where a relative link leads nowhere."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    source, documentation = urls["Source"], urls["Documentation"]
    raw = source.replace("github.com", "raw.githubusercontent.com")
    folders = {f"{source}/blob/main/": ROOT, f"{raw}/main/": ROOT, documentation: ROOT / "docs"}
    address = re.compile(r"https://[^\s)\"]*hatch-multiplat[^\s)\"]*")
    for page in [*PAGES, *ROOT.glob("docs/**/*.md")]:
        for found in address.findall(page.read_text("utf-8")):
            for start, folder in folders.items():
                if found.startswith(start):
                    path = folder / found.removeprefix(start).partition("#")[0]
                    path = path.with_suffix(".md") if path.suffix == ".html" else path
                    assert path.exists(), found
                    break
            else:
                others = (
                    *urls.values(),
                    "https://pypi.org/project/",
                    "https://img.shields.io/pypi/",
                )
                assert found.startswith(others), found
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = [match["target"] for match in LINK.finditer(readme)]
    targets += re.findall(r"(?:src|srcset)=\"([^\"]+)\"", readme)
    assert all(target.startswith("https://") for target in targets)


# What build frontends, Python, pip and operating systems say, and what is no message.
FOREIGN = {
    "Unknown build hook: multiplat",
    "No matching distribution found for hatch-multiplat",
    "hatch-multiplat was not found in the package registry",
    "dist/",
    "twine",
    "not a zip file",
    "can't find '__main__' module",
    "Permission denied",
}


def test_a_message_in_the_troubleshooting_page_is_one_that_we_write() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)
    quoted = {part for heading in headings for part in re.findall(r"`([^`]+)`", heading)}
    assert len(quoted - FOREIGN) > 8
    texts = "\n".join(
        node.value
        for text in SOURCES
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for message in quoted - FOREIGN:
        assert message in texts, message


def test_the_readme_names_the_two_commands_and_they_are_there() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    named = re.findall(r"python3 (scripts/\w+\.py)", readme)
    assert set(named) >= {"scripts/example.py", "scripts/test.py"}
    assert all((ROOT / name).is_file() for name in named)
