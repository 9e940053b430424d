"""The schema of the table against the readers, and against every table of docs and examples."""

from __future__ import annotations

import functools
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import ProjectFacts, known_keys, parse_config
from hatch_multiplat.config.schema import ID, table_schema, tool_schema
from hatch_multiplat.targets.platforms import Platform, short_names
from hatch_multiplat.targets.python import known_pythons
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host
from tests.support.commands import check_jsonschema, run_command

ROOT = Path(__file__).resolve().parents[3]


@functools.cache
def validator() -> Any:
    # To import it takes a second, which each process of the tests would spend at collection.
    from jsonschema import Draft7Validator  # type: ignore[import-untyped] # noqa: PLC0415

    Draft7Validator.check_schema(table_schema())
    return Draft7Validator(table_schema())


def tables() -> list[Any]:
    """Return every [tool.multiplat] of the examples, and what pages show of one."""
    found = []
    paths = [ROOT / "pyproject.toml", *sorted((ROOT / "example_project").rglob("pyproject.toml"))]
    for path in paths:
        data = tomllib.loads(path.read_text("utf-8"))
        found.append(pytest.param(data["tool"]["multiplat"], id=str(path.relative_to(ROOT))))
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for number, block in enumerate(blocks):
            data = tomllib.loads(block)
            table = data.get("tool", {}).get("multiplat", data)
            if isinstance(table, dict) and table and table.keys() <= set(known_keys()):
                shown = {"platforms": ["linux-x86_64"], **table}
                found.append(pytest.param(shown, id=f"{page.relative_to(ROOT)}-{number}"))
    return found


def test_it_is_a_schema_and_has_every_key_with_a_line() -> None:
    assert validator()
    properties = table_schema()["properties"]
    assert list(properties) == list(known_keys())
    assert all(schema["description"].endswith(".") for schema in properties.values())
    assert tool_schema("multiplat")["$id"] == ID


def test_editors_and_linters_take_every_table_of_docs_and_examples(tmp_path: Path) -> None:
    """The two programs themselves, all tables in one run of each."""
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(table_schema()), "utf-8")
    alone, whole = [], []
    for number, shown in enumerate(tables()):
        (table,) = shown.values
        alone.append(tmp_path / f"{number}.toml")
        alone[-1].write_text(tomlkit.dumps(table), "utf-8")
        whole.append(tmp_path / str(number) / "pyproject.toml")
        whole[-1].parent.mkdir()
        project = {"name": "demo", "version": "1.0"}
        document = {"project": project, "tool": {"multiplat": table}}
        whole[-1].write_text(tomlkit.dumps(document), "utf-8")
    told = check_jsonschema("--schemafile", schema, *alone)
    assert told.exit_code == 0, told.output
    run_command(sys.executable, "-m", "validate_pyproject", *whole, cwd=tmp_path)

    bad = {"platforms": ["linux_x64"], "scirpt": "x"}
    alone[0].write_text(tomlkit.dumps(bad), "utf-8")
    whole[0].write_text(tomlkit.dumps({"tool": {"multiplat": bad}}), "utf-8")
    told = check_jsonschema("--schemafile", schema, alone[0])
    assert told.exit_code == 1
    assert "linux_x64" in told.output
    assert "scirpt" in told.output
    text = run_command(sys.executable, "-m", "validate_pyproject", whole[0], cwd=tmp_path, code=1)
    assert "tool.multiplat" in text


@pytest.mark.parametrize("table", tables())
def test_every_table_of_docs_and_examples_is_valid(table: dict[str, Any]) -> None:
    validator().validate(table)


def refuse(path: str) -> str:
    raise FileNotFoundError(2, "No such file", path)


def is_read(table: dict[str, Any]) -> bool:
    host = Host(read_text=refuse, current=lambda: Target.parse("cp312-win_amd64"))
    try:
        parse_config(table, project=ProjectFacts(name="demo"), host=host)
    except ConfigError:
        return False
    return True


def test_the_schema_finds_each_mistake_that_the_documentation_shows() -> None:
    session = (ROOT / "docs" / "sessions" / "mistakes.txt").read_text("utf-8")
    text = session.partition("\n")[2].partition("\n$ ")[0]
    told = re.findall(r"tool\.multiplat\S*:? .*", session.rpartition("\nerror: ")[2])
    table = tomllib.loads(text)["tool"]["multiplat"]
    found = [[*map(str, error.path)] for error in validator().iter_errors(table)]
    assert len(told) == 4
    assert sorted(found) == [[], ["inject-args"], ["platforms", "0"], ["python", "1"]]


WORDS = {
    "platforms": (
        *short_names(),
        *(Platform.parse(name).tag for name in short_names()),
        *(
            "linux-x86_64-glibc2.17",
            "linux-aarch64-musl1.1",
            "macos-x86_64-10.15",
            "macos-arm64-14.0",
        ),
        *("manylinux1_x86_64", "manylinux2014_aarch64", "manylinux2014_x86_64-cp-39-cp39"),
        *("macosx-10.13-x86_64-cp-3.8.10-cp38", "current", "macos-arm64-14.0"),
        # Mistakes.
        *("linux_x64", "linux-x64", "linux", "macos-aarch64", "win_x86", "windows-x86_64-10", ""),
        *("manylinux2_28_x86_64", "linux-x86_64-2.28", "linux-x86_64-glibc", " linux-x86_64"),
    ),
    "python": (
        *(
            word
            for python in known_pythons()
            for word in (str(python), python.tag, python.full_tag)
        ),
        *("3.8.10", "3.14.1t", "cp3.8.10", "pp3.9.1", "pypy311_pp73", "pypy3.11.2_pp80"),
        # Mistakes.
        *("3.31", "3", "2.7", "3.12t", "cp27", "py3", "pp27", "python3.12", ">=3.11", "3.11.*", ""),
    ),
}


@pytest.mark.parametrize(
    ("key", "word"), [(key, word) for key, words in WORDS.items() for word in dict.fromkeys(words)]
)
def test_the_schema_knows_how_platforms_and_pythons_are_written(key: str, word: str) -> None:
    table = {"platforms": ["windows-x86_64"], "python": ["3.12"], key: [word]}
    assert validator().is_valid(table) == is_read(table)


OTHER_TYPES: list[object] = [3, True, "text", ["text"], [3], {"a": "b"}, {"a": 3}, "", [], {}]


@pytest.mark.parametrize("key", known_keys())
def test_what_the_schema_refuses_no_reader_takes(key: str) -> None:
    """The other way round a reader knows more: what a word means."""
    for value in OTHER_TYPES:
        table = {"platforms": ["windows-x86_64"], "python": ["3.12"], key: value}
        if not validator().is_valid(table):
            assert not is_read(table), (key, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "platforms = []",
        'platforms = "linux-x86_64"',
        'platforms = ["linux-x86_64"]\nscirpt = "x"',
        'platforms = ["linux-x86_64"]\nscript = "x"\nmodule = "y"',
        'platforms = ["linux-x86_64"]\nformats = ["tar"]',
        'platforms = ["linux-x86_64"]\nlayout = "flat"',
        'platforms = ["linux-x86_64"]\nchecksums = "yes"',
        'platforms = ["linux-x86_64"]\nlock = " "',
        'platforms = ["linux-x86_64"]\nzip = {targets = "x"}',
        'platforms = ["linux-x86_64"]\nexe = {console = true}',
        'platforms = ["linux-x86_64"]\nexecutables = {x = {run = "y"}}',
        'platforms = ["linux-x86_64"]\ninject-env = {A = 1}',
    ],
)
def test_mistakes_are_found_by_the_schema_as_by_the_readers(text: str) -> None:
    table = tomllib.loads(text)
    assert not validator().is_valid(table)
    assert not is_read(table)
