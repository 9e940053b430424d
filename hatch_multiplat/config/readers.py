"""How the values of `[tool.multiplat]` are read: each with its type, and every mistake in it."""

from __future__ import annotations

import difflib
import re
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from hatch_multiplat.base.toml_table import TableReader, is_file_name
from hatch_multiplat.base.urls import explain_url, redact_text
from hatch_multiplat.config.formats import FORMATS
from hatch_multiplat.config.pex_options import refused_words
from hatch_multiplat.runtime.rules import NAMES
from hatch_multiplat.targets.platforms import Platform, PlatformError
from hatch_multiplat.targets.python import Python, TargetError, admits
from hatch_multiplat.targets.tag_constraint import (
    TagConstraint,
    TagConstraintError,
    has_bracket,
    parse_tag_constraint,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import parse_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.config.config import ProjectFacts
    from hatch_multiplat.targets.target_list import Host, PlatformEntry

OUTPUT_FIELDS: Final = ("name", "version")

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_OUTPUT_FIELD: Final = re.compile(rf"\{{({'|'.join(OUTPUT_FIELDS)})\}}")
_PREFIX: Final = re.compile(r"[\w.-]+(/[\w.-]+)*")
# The launcher takes everything up to the first space as the name of a program on PATH.
_COMMAND: Final = re.compile(r"[A-Za-z0-9_.-]+( +[\w.=:-]+)*")
# Options of pex's scies that the build decides.
_DECIDED: Final = frozenset({"--scie-only", "--scie-platform", "--scie-name-style"})


class KeyReader(TableReader):
    """Reads the keys of the table; the words of the packaging specs are parsed on the way."""

    def __init__(self, *, project: ProjectFacts, host: Host) -> None:
        super().__init__()
        self.project = project
        self.host = host
        self.tag_constraints: list[TagConstraint] = []

    # -- targets ---------------------------------------------------------------------------------

    def platforms(self, where: str, value: object) -> tuple[PlatformEntry, ...]:
        entries: list[PlatformEntry] = []
        seen: dict[Platform | Target, str] = {}
        names: dict[str, str] = {}
        for here, text in self.items(where, value, empty=False):
            try:
                entry = parse_entry(text, self.host)
            except PlatformError as error:
                self.problem(f"{here}: {error}")
                continue
            except TargetError as error:
                self.problems += [f"{here}: {problem}" for problem in error.problems]
                continue
            meant = entry.meant
            if meant in seen:
                self.problem(f"{here}: {text!r} is the same platform as {seen[meant]}; drop one")
            elif str(meant) in names:
                self.problem(
                    f"{here}: {text!r} goes by the name {str(meant)!r}, as {names[str(meant)]} "
                    "does; rename the file"
                )
            elif isinstance(meant, Target):
                self.check_admitted(here, meant.python)
            seen.setdefault(meant, here)
            names.setdefault(str(meant), here)
            entries.append(entry)
        return tuple(entries)

    def pythons(self, where: str, value: object) -> tuple[Python, ...]:
        parsed: dict[Python, str] = {}
        quotes = '; put it in quotes, as "3.12"'
        for here, text in self.items(where, value, empty=False, hint=quotes):
            try:
                python = Python.parse(text)
            except TargetError as error:
                self.problem(f"{here}: {error}")
                continue
            if python in parsed:
                self.problem(f"{here}: {text!r} is the same Python as {parsed[python]}; drop one")
            else:
                self.check_admitted(here, python)
            parsed.setdefault(python, here)
        return tuple(parsed)

    def check_admitted(self, where: str, python: Python) -> None:
        bound = self.project.requires_python
        if not admits(bound, python):
            self.problem(
                f"{where}: Python {python} is not allowed by {self.project.requires_python_in} "
                f"'{bound}'; change one of them"
            )

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
        """Read requirements; the constraints on tags among them go to `tag_constraints`."""
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

    # -- formats ---------------------------------------------------------------------------------

    def formats(self, where: str, value: object) -> tuple[str, ...]:
        """Read `formats`: each once, in the order of `FORMATS`."""
        found = {
            word
            for here, text in self.items(where, value, empty=False)
            if (word := self.choice(here, text, of=FORMATS)) is not None
        }
        return tuple(name for name in FORMATS if name in found)

    def zip_prefix(self, where: str, value: object) -> str | None:
        prefix = self.text(where, value)
        if prefix is None:
            return None
        clean = prefix.strip("/")
        if clean and (not _PREFIX.fullmatch(clean) or {".", ".."} & set(clean.split("/"))):
            self.problem(f"{where}: {prefix!r} is not a folder such as 'python'")
        return clean

    def exe_python(self, where: str, value: object) -> str | None:
        python = self.text(where, value)
        if python and not _COMMAND.fullmatch(python):
            self.problem(
                f"{where}: {python!r} is not a command that is looked for on PATH, "
                "such as 'py', 'py -3.12' or 'python'"
            )
        return python

    def scie_args(self, where: str, value: object) -> tuple[str, ...]:
        items = self.items(where, value)
        for here, text in items:
            option = text.partition("=")[0]
            if text.startswith("-") and (not text.startswith("--scie-") or option in _DECIDED):
                self.problem(
                    f"{here}: {text!r} cannot be used here; "
                    "take pex's --scie-... options, except those that the build decides"
                )
        return tuple(text for _, text in items)


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
