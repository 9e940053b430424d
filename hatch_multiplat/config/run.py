"""The keys that say what runs, in the table and in each of its `executables`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from hatch_multiplat.base.toml_table import is_file_name
from hatch_multiplat.config.pex_options import is_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.base.toml_table import TableReader

RunKind = Literal["script", "entry-point", "module", "interpreter"]
RUN_KEYS: Final[tuple[RunKind, ...]] = ("script", "entry-point", "module")
EXECUTABLE_KEYS: Final = (*RUN_KEYS, "inject-args", "inject-env")

_ENTRY_POINT: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What an executable starts: a console script, `pkg.mod:func`, `python -m`, or Python."""

    kind: RunKind
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """The command that runs if the file is called by a certain name."""

    run: Run
    inject_args: tuple[str, ...] = ()
    inject_env: tuple[tuple[str, str], ...] = ()


def read_run(reader: TableReader, where: str, table: Mapping[str, Any]) -> Run | None:
    """Read the one key, of those that exclude each other, that is set, if any.

    Problems go to the reader, except for values that are not strings.
    """
    keys: list[RunKind] = [key for key in RUN_KEYS if key in table]
    if len(keys) > 1:
        reader.problem(f"{where}: {' and '.join(keys)} exclude each other; keep one")
    if len(keys) != 1:
        return None
    kind, text = keys[0], table[keys[0]]
    if not isinstance(text, str):
        return None  # Its reader has said so.
    if kind == "entry-point" and not _ENTRY_POINT.fullmatch(text):
        hint = "; for `python -m` use the key 'module'" if _MODULE.fullmatch(text) else ""
        reader.problem(
            f"{where}.{kind}: {text!r} is not of the form 'package.module:function'{hint}"
        )
    if kind == "module" and not _MODULE.fullmatch(text):
        reader.problem(f"{where}.{kind}: {text!r} is not a module name such as 'pkg.mod'")
    return Run(kind=kind, value=text) if text else Run(kind="interpreter")


def read_executables(
    reader: TableReader, where: str, value: object
) -> tuple[tuple[str, Command], ...]:
    """Read the table `executables`: the command for each name, sorted by name."""
    found = []
    for name, item in reader.table(where, value, of=" of tables").items():
        here = f"{where}.{name}"
        table = reader.table(here, item)
        if not is_file_name(name):
            reader.problem(f"{here}: {name!r} must be a file name")
        reader.reject_unknown(here, table, EXECUTABLE_KEYS)
        for key in RUN_KEYS:
            if key in table:
                reader.text(f"{here}.{key}", table[key])
        command = Command(
            run=read_run(reader, here, table) or Run(kind="script", value=name),
            inject_args=read_templates(reader, f"{here}.inject-args", table.get("inject-args", [])),
            inject_env=read_variables(reader, f"{here}.inject-env", table.get("inject-env", {})),
        )
        found.append((name, command))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def read_templates(reader: TableReader, where: str, value: object) -> tuple[str, ...]:
    """Read arguments, whose braces have to be placeholders that pex knows."""
    items = reader.items(where, value)
    for here, text in items:
        if not is_template(text):
            reader.problem(
                f"{here}: {text!r} has braces that are not a placeholder such as "
                "'{pex.env.HOME}'; write '{{' and '}}' for braces"
            )
    return tuple(text for _, text in items)


def read_variables(reader: TableReader, where: str, value: object) -> tuple[tuple[str, str], ...]:
    """Read a table of environment variables."""
    pairs = reader.string_table(where, value)
    for name, _ in pairs:
        if not name or "=" in name:
            reader.problem(f"{where}: {name!r} is not a name of an environment variable")
    return pairs
