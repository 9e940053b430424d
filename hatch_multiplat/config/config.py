"""`[tool.multiplat]` to Config: every key, every default, and every mistake in one message."""

from __future__ import annotations

import difflib
import functools
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from hatch_multiplat.base.toml_table import TableReader, is_file_name
from hatch_multiplat.base.urls import explain_url, redact_text
from hatch_multiplat.config.formats import (
    LAYOUTS,
    OPTION_TABLES,
    FormatOptions,
    Layout,
    format_problems,
    read_exe,
    read_formats,
    read_scie,
    read_wheelhouse,
    read_zip,
)
from hatch_multiplat.config.pex_options import refused_words
from hatch_multiplat.config.pyproject_shapes import TABLE
from hatch_multiplat.config.run import (
    RUN_KEYS,
    Command,
    Run,
    read_executables,
    read_run,
    read_templates,
    read_variables,
)
from hatch_multiplat.runtime.rules import NAMES
from hatch_multiplat.targets.tag_constraint import (
    TagConstraint,
    TagConstraintError,
    has_bracket,
    parse_tag_constraint,
)
from hatch_multiplat.targets.target_choice import is_named, unknown_patterns
from hatch_multiplat.targets.target_list import (
    IN_PROJECT,
    Host,
    PlatformEntry,
    default_pythons,
    expand,
    old_pythons,
    read_platforms,
    read_pythons,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_multiplat.targets.python import Python
    from hatch_multiplat.targets.target import Target

DEFAULT_LOCK: Final = "pylock.multiplat.toml"
DEFAULT_OUTPUT: Final = "{name}-{version}.pex"

SDISTS: Final = ("universal", "never")
INHERIT_PATHS: Final = ("false", "fallback", "prefer")
PATHS: Final = ("prepend", "append", "none")
OUTPUT_FIELDS: Final = ("name", "version")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_OUTPUT_FIELD = re.compile(rf"\{{({'|'.join(OUTPUT_FIELDS)})\}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectFacts:
    """Facts of the project, from its other tables, that Config needs."""

    name: str
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    requires_python_in: str = IN_PROJECT
    """The place of that value, for messages."""
    dependency_groups: tuple[NormalizedName, ...] = ()
    extras: tuple[NormalizedName, ...] | None = None
    """None if only the wheel can tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """`[tool.multiplat]`, parsed; the keys' meanings are in docs/reference/configuration.md."""

    targets: tuple[Target, ...]
    platforms: tuple[PlatformEntry, ...] = ()
    pythons: tuple[Python, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns of targets that the two above would make, and that are left out."""
    run: Run | None = None
    extras: tuple[NormalizedName, ...] = ()
    dependency_groups: tuple[NormalizedName, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    tag_constraints: tuple[TagConstraint, ...] = ()
    lock: str = DEFAULT_LOCK
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    sdists: Literal["universal", "never"] = "universal"
    project_wheels: tuple[str, ...] = ()
    output: str = DEFAULT_OUTPUT
    output_dir: str | None = None
    checksums: bool = False
    sbom: bool = False
    inject_args: tuple[str, ...] = ()
    inject_env: tuple[tuple[str, str], ...] = ()
    shebang: str | None = None
    inherit_path: Literal["false", "fallback", "prefer"] = "false"
    path: Literal["prepend", "append", "none"] = "prepend"
    include_tools: bool = False
    strict: bool = False
    runtime_root: str | None = None
    executables: tuple[tuple[str, Command], ...] = ()
    formats: tuple[str, ...] = ("pex",)
    layout: Layout = "zipapp"
    options: FormatOptions = field(default_factory=FormatOptions)
    runners: tuple[tuple[str, str], ...] = ()
    pex_args: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The complete-platform files that the table names, relative to the project."""
        return tuple(entry.file for entry in self.platforms if entry.file)


def parse_config(table: Mapping[str, Any], *, project: ProjectFacts, host: Host) -> Config:
    """Parse `[tool.multiplat]` and raise one ConfigError that carries every problem in it."""
    return _Parser(project=project, host=host).parse(table)


def known_keys() -> tuple[str, ...]:
    """Return every key the table may have, in the order of the reference."""
    return tuple(_READERS)


class _Parser(TableReader):
    """Reads each key of the table; the words of the packaging specs are parsed on the way."""

    def __init__(self, *, project: ProjectFacts, host: Host) -> None:
        super().__init__()
        self.project = project
        self.host = host
        self.tag_constraints: list[TagConstraint] = []

    def parse(self, table: Mapping[str, Any]) -> Config:
        self.reject_unknown(TABLE, table, known_keys())
        values: dict[str, Any] = {}
        for key, read in _READERS.items():
            if key in table:
                value = read(self, f"{TABLE}.{key}", table[key])
                if value is not None:
                    values[key.replace("-", "_")] = value
        values["run"] = read_run(self, TABLE, table)
        for key in RUN_KEYS:
            values.pop(key.replace("-", "_"), None)
        values["pythons"] = values.pop("python", None)
        if values["pythons"] is None:
            values["pythons"] = default_pythons(self.project.requires_python)
        if "platforms" not in table:
            self.problem(
                f"{TABLE}.platforms is required: the platforms to build for, "
                'such as ["linux-x86_64", "macos-arm64", "windows-x86_64"]'
            )
        tables = {key: values.pop(key) for key in OPTION_TABLES if key in values}
        values["options"] = FormatOptions(**tables)
        targets = (
            ()
            if self.problems
            else self.expand(
                values.get("platforms", ()), values["pythons"], values.get("exclude", ())
            )
        )
        if not self.problems:
            formats = values.get("formats", ())
            self.problems += format_problems(
                TABLE, formats=formats, options=values["options"], targets=targets
            )
        self.finish()
        return Config(targets=targets, tag_constraints=tuple(self.tag_constraints), **values)

    # -- targets ---------------------------------------------------------------------------------

    def platforms(self, where: str, value: object) -> tuple[PlatformEntry, ...]:
        return read_platforms(
            self,
            where,
            value,
            requires_python=self.project.requires_python,
            said_by=self.project.requires_python_in,
            host=self.host,
        )

    def pythons(self, where: str, value: object) -> tuple[Python, ...]:
        return read_pythons(
            self,
            where,
            value,
            requires_python=self.project.requires_python,
            said_by=self.project.requires_python_in,
        )

    def expand(
        self,
        platforms: tuple[PlatformEntry, ...],
        pythons: tuple[Python, ...],
        exclude: tuple[str, ...] = (),
    ) -> tuple[Target, ...]:
        targets = expand(platforms, pythons)
        if not targets:
            old = old_pythons(self.project.requires_python)
            listed = ", ".join(f'"{python}"' for python in old)
            self.problem(
                f"{TABLE}.python is required: {self.project.requires_python_in} "
                f"'{self.project.requires_python}' allows no CPython that upstream still supports; "
                + f"name the Pythons to build for, as in python = [{listed}]" * bool(old)
                + "change requires-python, or name Pythons" * (not old)
            )
            return ()
        self.problems += unknown_patterns(f"{TABLE}.exclude", exclude, targets)
        left = tuple(target for target in targets if not is_named(target, exclude))
        if not left:
            self.problem(f"{TABLE}.exclude leaves out every target; shorten that list")
        return left

    # -- words of the packaging specs ------------------------------------------------------------

    def name_items(self, where: str, value: object) -> list[tuple[str, NormalizedName]]:
        found = []
        for here, text in self.items(where, value):
            if _NAME.fullmatch(text):
                found.append((here, canonicalize_name(text)))
            else:
                self.problem(f"{here}: {text!r} is not a valid name")
        return found

    def extras(self, where: str, value: object) -> tuple[NormalizedName, ...]:
        names = self.name_items(where, value)
        known = self.project.extras
        unknown = [] if known is None else [pair for pair in names if pair[1] not in known]
        for here, name in unknown:
            hint = _near(name, known or ())
            self.problem(f"{here}: {self.project.name} has no extra {name!r}{hint}")
        return tuple(dict.fromkeys(name for _, name in names))

    def groups(self, where: str, value: object) -> tuple[NormalizedName, ...]:
        names = self.name_items(where, value)
        known = self.project.dependency_groups
        for here, name in names:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = (
                    f"; did you mean {close[0]!r}?" if close else " in [dependency-groups]; add it"
                )
                self.problem(f"{here}: no dependency group {name!r}{hint}")
        return tuple(dict.fromkeys(name for _, name in names))

    def requirements(self, where: str, value: object) -> tuple[Requirement, ...]:
        parsed = [self.requirement(here, text) for here, text in self.items(where, value)]
        return tuple(requirement for requirement in parsed if requirement is not None)

    def requirement(self, where: str, text: str) -> Requirement | None:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = redact_text(str(error).splitlines()[0])
            self.problem(f"{where}: {redact_text(text)!r} is not a requirement: {reason}")
            return None
        if wrong := explain_url(requirement.url):
            self.problem(f"{where}: {redact_text(text)!r}: {wrong}")
            return None
        return requirement

    def constraints(self, where: str, value: object) -> tuple[Requirement, ...]:
        parsed = []
        for here, text in self.items(where, value):
            requirement: Requirement | None
            if has_bracket(text):
                try:
                    rule, requirement = parse_tag_constraint(text)
                except TagConstraintError as error:
                    self.problem(f"{here}: {redact_text(str(error))}")
                    continue
                self.tag_constraints.append(rule)
            else:
                requirement = self.requirement(here, text)
            if requirement is not None:
                parsed.append(requirement)
        return tuple(parsed)

    def url(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None or _is_url(text):
            return text
        # In what is no URL, anything before the last @ can be a password.
        shown = f"***@{text.rpartition('@')[2]}" if "@" in text else text
        self.problem(f"{where}: {shown!r} is not an http, https or file URL")
        return None

    def urls(self, where: str, value: object) -> tuple[str, ...]:
        found = [self.url(here, text) for here, text in self.items(where, value)]
        return tuple(url for url in found if url is not None)

    def locations(self, where: str, value: object) -> tuple[str, ...]:
        found = [self.string(here, text) for here, text in self.items(where, value)]
        return tuple(text for text in found if text is not None)

    # -- lines of commands -----------------------------------------------------------------------

    def pex_args(self, where: str, value: object) -> tuple[str, ...]:
        items = self.items(where, value)
        whole = isinstance(value, list) and len(items) == len(value)  # All are strings.
        for place, instead in refused_words([text for _, text in items]) if whole else ():
            here, text = items[place]
            self.problem(f"{here}: {text!r} cannot be used here: {instead}")
        return tuple(text for _, text in items)

    def runners(self, where: str, value: object) -> tuple[tuple[str, str], ...]:
        pairs = self.string_table(where, value)
        for pattern, command in pairs:
            try:
                empty = not shlex.split(command)
            except ValueError as error:
                self.problem(f"{where}.{pattern}: {command!r} is not a command: {error}")
            else:
                if empty:
                    self.problem(f"{where}.{pattern} must not be empty")
        return pairs

    # -- files -----------------------------------------------------------------------------------

    def output(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        if not is_file_name(text):
            self.problem(f"{where}: {text!r} must be a file name; put the folder in 'output-dir'")
        elif re.search("[{}]", _OUTPUT_FIELD.sub("", text)):
            listed = ", ".join(f"{{{word}}}" for word in OUTPUT_FIELDS)
            self.problem(f"{where}: {text!r} may only use the fields {listed}")
        elif refused := next((rule for rule in NAMES if rule.breaks(text)), None):
            self.problem(f"{where}: {text!r} {refused.reason}; take a name that any system allows")
        return text

    def shebang(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        text = text.removeprefix("#!").strip()
        if len(text.splitlines()) != 1 or not text.startswith("/"):
            self.problem(
                f"{where}: {text!r} must be one line with an absolute path, "
                "such as '/usr/bin/env python3.12'"
            )
        return text


_READERS: Final[dict[str, Callable[[_Parser, str, object], Any]]] = {
    "platforms": _Parser.platforms,
    "python": _Parser.pythons,
    "exclude": _Parser.strings,
    "script": _Parser.text,
    "entry-point": _Parser.text,
    "module": _Parser.text,
    "extras": _Parser.extras,
    "dependency-groups": _Parser.groups,
    "requirements": _Parser.requirements,
    "constraints": _Parser.constraints,
    "lock": _Parser.string,
    "index-url": _Parser.url,
    "extra-index-urls": _Parser.urls,
    "find-links": _Parser.locations,
    "sdists": functools.partial(_Parser.choice, of=SDISTS),
    "project-wheels": _Parser.locations,
    "output": _Parser.output,
    "output-dir": _Parser.string,
    "checksums": _Parser.boolean,
    "sbom": _Parser.boolean,
    "inject-args": read_templates,
    "inject-env": read_variables,
    "shebang": _Parser.shebang,
    "inherit-path": functools.partial(_Parser.choice, of=INHERIT_PATHS),
    "path": functools.partial(_Parser.choice, of=PATHS),
    "include-tools": _Parser.boolean,
    "strict": _Parser.boolean,
    "runtime-root": _Parser.string,
    "executables": read_executables,
    "formats": read_formats,
    "layout": functools.partial(_Parser.choice, of=LAYOUTS),
    "wheelhouse": read_wheelhouse,
    "zip": read_zip,
    "exe": read_exe,
    "scie": read_scie,
    "runners": _Parser.runners,
    "pex-args": _Parser.pex_args,
}


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f" (it has: {', '.join(known) or 'none'})"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if parts.scheme == "file":
        return bool(parts.path)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
