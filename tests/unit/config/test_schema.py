"""The schema of the table against the readers, and against every table of docs and examples."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import ProjectFacts, known_keys, parse_config
from hatch_multiplat.config.schema import ID, table_schema, tool_schema
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

ROOT = Path(__file__).resolve().parents[3]
VALIDATOR = jsonschema.Draft7Validator(table_schema())


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
    jsonschema.Draft7Validator.check_schema(table_schema())
    properties = table_schema()["properties"]
    assert list(properties) == list(known_keys())
    assert all(schema["description"].endswith(".") for schema in properties.values())
    assert tool_schema("multiplat")["$id"] == ID


@pytest.mark.parametrize("table", tables())
def test_every_table_of_docs_and_examples_is_valid(table: dict[str, Any]) -> None:
    VALIDATOR.validate(table)


def refuse(path: str) -> str:
    raise FileNotFoundError(2, "No such file", path)


def is_read(table: dict[str, Any]) -> bool:
    host = Host(read_text=refuse, current=lambda: Target.parse("cp312-win_amd64"))
    try:
        parse_config(table, project=ProjectFacts(name="demo"), host=host)
    except ConfigError:
        return False
    return True


OTHER_TYPES: list[object] = [3, True, "text", ["text"], [3], {"a": "b"}, {"a": 3}, "", [], {}]


@pytest.mark.parametrize("key", known_keys())
def test_what_the_schema_refuses_no_reader_takes(key: str) -> None:
    """The other way round a reader knows more: what a word means."""
    for value in OTHER_TYPES:
        table = {"platforms": ["windows-x86_64"], "python": ["3.12"], key: value}
        if not VALIDATOR.is_valid(table):
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
    assert not VALIDATOR.is_valid(table)
    assert not is_read(table)
