"""The rules for a table in a file: checked like a user's table, because anybody can write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.toml_table import is_file_name
from hatch_multiplat.config.pex_options import is_template
from hatch_multiplat.targets.python import MAX_PATCH, in_spans, make_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hatch_multiplat.executable.table import Table, TableTarget

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TARGET: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
_LONGEST: Final = 255
_RUNS: Final = frozenset({"script", "entry_point", "module"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def find_breaches(table: Table) -> Iterator[str]:
    """Yield every value in a table that no build would have written."""
    names = [target.name for target in table.targets]
    rules = (
        (_NAME.fullmatch(table.name), "its name is not a project's name"),
        (_VERSION.fullmatch(table.version), "its version is none"),
        (not _CONTROL.search(table.options.runtime_root or ""), "its runtime-root is not a path"),
        (not _CONTROL.search(table.options.shebang or ""), "its shebang is not a line"),
        (all(map(_is_name, table.executables)), "a command has a name that is not a file name"),
        (all(_is_wheel(item.file) for item in table.wheels), "a wheel has an invalid name"),
        (
            all(_SHA256.fullmatch(item.sha256) and item.size >= 0 for item in table.wheels),
            "a wheel has an invalid hash or size",
        ),
        (not table.contents or _SHA256.fullmatch(table.contents), "its contents have no hash"),
        (all(map(_TARGET.fullmatch, names)), "a target has an invalid name"),
        (
            table.anywhere is None or {*table.anywhere.wheels} <= {x.file for x in table.wheels},
            "the wheels for any machine are not in it",
        ),
        (len(set(names)) == len(names), "two targets have the same name"),
        (all(map(_has_patches, table.targets)), "a target has invalid patch releases"),
        (
            all(_is_version(version) for _, version, _ in (*table.metadata, *table.pythons)),
            "it replaces the metadata of an invalid version",
        ),
    )
    yield from (breach for holds, breach in rules if not holds)
    yield from _check_command("it", table.run, table.inject_args, table.inject_env)
    for item in table.executables.values():
        yield from _check_command("a command", item.run, item.inject_args, item.inject_env)


def _check_command(
    who: str, run: Mapping[str, str], arguments: Sequence[str], variables: Mapping[str, str]
) -> Iterator[str]:
    if len(run) > 1 or not run.keys() <= _RUNS:
        yield f"{who} runs something of an unknown kind"
    if not all(value and not _CONTROL.search(value) for value in run.values()):
        yield f"{who} runs something with an invalid name"
    if not all(map(is_template, arguments)):
        yield f"{who} injects an argument with braces that are not a placeholder"
    if any(not name or re.search("[=\x00]", name) for name in variables):
        yield f"{who} injects a variable with an invalid name"


def _has_patches(target: TableTarget) -> bool:
    """Tell whether a build could have written a target's spans of patch releases."""
    spans = target.patches
    return spans == make_spans(patch for patch in range(MAX_PATCH) if in_spans(spans, patch))


def _is_name(text: str) -> bool:
    return is_file_name(text) and len(text) <= _LONGEST and not _CONTROL.search(text)


def _is_version(text: str) -> bool:
    try:
        return not text or bool(Version(text))
    except InvalidVersion:
        return False


def _is_wheel(text: str) -> bool:
    try:
        parse_wheel_filename(text)
    except InvalidWheelFilename:
        return False
    return _is_name(text)
