"""`[tool.multiplat]` to Config: every key, every default, and every mistake in one message."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from hatch_multiplat.errors import ConfigError
from hatch_multiplat.platforms import SUPPORTED_CPYTHONS, Platform, PlatformError
from hatch_multiplat.target import Python, Target, TargetError

T = TypeVar("T")

TABLE: Final = "tool.multiplat"
DEFAULT_LOCK: Final = "pylock.multiplat.toml"
DEFAULT_OUTPUT: Final = "{name}-{version}.pex"

RunKind = Literal["script", "entry-point", "module", "interpreter"]
RUN_KEYS: Final[tuple[RunKind, ...]] = ("script", "entry-point", "module")
EXECUTABLE_KEYS: Final = (*RUN_KEYS, "inject-args", "inject-env")
OUTPUT_FIELDS: Final = ("name", "version")

_NORMALIZED_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ENTRY_POINT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_TAG_BRACKET = re.compile(r"\[[^\]]*(linux|macosx|win_|win32|abi3|cp\d|pp\d|py\d)[^\]]*\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What an executable starts: a console script, `pkg.mod:func`, `python -m MODULE`, or Python."""

    kind: RunKind
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Executable:
    """What runs when the file is called by a certain name."""

    run: Run
    inject_args: tuple[str, ...] = ()
    inject_env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What Config needs to know of the project: its name and its `requires-python`."""

    name: str
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    dependency_groups: tuple[NormalizedName, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """`[tool.multiplat]`, parsed; the keys' meanings are in docs/reference/configuration.md."""

    targets: tuple[Target, ...]
    run: Run | None = None
    extras: tuple[NormalizedName, ...] = ()
    dependency_groups: tuple[NormalizedName, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    lock: str = DEFAULT_LOCK
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    sdists: Literal["universal", "never"] = "universal"
    output: str = DEFAULT_OUTPUT
    output_dir: str | None = None
    inject_args: tuple[str, ...] = ()
    inject_env: tuple[tuple[str, str], ...] = ()
    shebang: str | None = None
    inherit_path: Literal["false", "fallback", "prefer"] = "false"
    include_tools: bool = False
    runtime_root: str | None = None
    executables: tuple[tuple[str, Executable], ...] = ()
    pex_args: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Complete-platform files that the table names, relative to the project."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What a table may ask of the machine: the text of a project file, and this very interpreter.

    `read_text` takes a path relative to the project and raises OSError or UnicodeDecodeError;
    `current` gives the Target of the interpreter that runs the build.
    """

    read_text: Callable[[str], str]
    current: Callable[[], Target]


def parse_config(table: Mapping[str, Any], *, project: Project, host: Host) -> Config:
    """Parse `[tool.multiplat]` and raise one ConfigError that carries every problem in it."""
    return _Parser(project=project, host=host).parse(table)


def known_keys() -> tuple[str, ...]:
    """Return every key the table may have, in the order of the reference."""
    return tuple(_READERS)


class _Parser:
    """Collects problems while it reads, so that three mistakes give three lines."""

    def __init__(self, *, project: Project, host: Host) -> None:
        self.project = project
        self.host = host
        self.problems: list[str] = []

    def parse(self, table: Mapping[str, Any]) -> Config:
        self.reject_unknown(TABLE, table, tuple(_READERS))
        values: dict[str, Any] = {}
        for key, reader in _READERS.items():
            if key in table:
                value = reader(self, f"{TABLE}.{key}", table[key])
                if value is not None:
                    values[key.replace("-", "_")] = value
        values["run"] = self.parse_run(TABLE, {k: v for k, v in table.items() if k in RUN_KEYS})
        for key in RUN_KEYS:
            values.pop(key.replace("-", "_"), None)
        entries = values.pop("platforms", ())
        pythons = values.pop("python", None)
        if "platforms" not in table:
            self.problem(
                f"{TABLE}.platforms is required: the platforms to build for, "
                'such as ["linux-x86_64", "macos-arm64", "windows-x86_64"]'
            )
        targets = self.expand(entries, pythons) if not self.problems else ()
        if self.problems:
            raise ConfigError(self.problems)
        files = tuple(entry.file for entry in entries if entry.file)
        return Config(targets=targets, files=files, **values)

    def problem(self, text: str) -> None:
        self.problems.append(text)

    # -- types ---------------------------------------------------------------------------------

    def reject_unknown(self, where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
                self.problem(f"{where}: unknown key {key!r}{hint}")

    def string(self, where: str, value: object) -> str | None:
        if not isinstance(value, str):
            self.problem(f"{where} must be a string (got {_toml_type(value)})")
            return None
        if not value.strip():
            self.problem(f"{where} must not be empty")
            return None
        return value

    def boolean(self, where: str, value: object) -> bool | None:
        if not isinstance(value, bool):
            self.problem(f"{where} must be true or false (got {_toml_type(value)})")
            return None
        return value

    def strings(self, where: str, value: object, *, empty: bool = True) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.problem(f"{where} must be an array of strings (got {_toml_type(value)})")
            return ()
        if not value and not empty:
            self.problem(f"{where} must not be empty")
        good = []
        for position, item in enumerate(value):
            if isinstance(item, str):
                good.append(item)
            else:
                self.problem(f"{where}[{position}] must be a string (got {_toml_type(item)})")
        return tuple(good)

    def string_table(self, where: str, value: object) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            self.problem(f"{where} must be a table of strings (got {_toml_type(value)})")
            return ()
        pairs = []
        for key, item in value.items():
            if isinstance(item, str):
                pairs.append((key, item))
            else:
                self.problem(f"{where}.{key} must be a string (got {_toml_type(item)})")
        return tuple(sorted(pairs))

    def choice(self, where: str, value: object, *, of: tuple[str, ...]) -> str | None:
        if value not in of:
            listed = ", ".join(repr(word) for word in of)
            got = repr(value) if isinstance(value, str) else _toml_type(value)
            self.problem(f"{where} must be one of {listed} (got {got})")
            return None
        return str(value)

    # -- words of the packaging specs ------------------------------------------------------------

    def names(self, where: str, value: object) -> tuple[NormalizedName, ...]:
        names = []
        for position, text in enumerate(self.strings(where, value)):
            if _NORMALIZED_NAME.fullmatch(text):
                names.append(canonicalize_name(text))
            else:
                self.problem(f"{where}[{position}]: {text!r} is not a valid name")
        return tuple(dict.fromkeys(names))

    def groups(self, where: str, value: object) -> tuple[NormalizedName, ...]:
        names = self.names(where, value)
        for position, name in enumerate(names):
            if name not in self.project.dependency_groups:
                close = difflib.get_close_matches(name, self.project.dependency_groups, n=1)
                hint = (
                    f"; did you mean {close[0]!r}?" if close else " in [dependency-groups]; add it"
                )
                self.problem(f"{where}[{position}]: no dependency group {name!r}{hint}")
        return names

    def requirements(self, where: str, value: object) -> tuple[Requirement, ...]:
        parsed = []
        for position, text in enumerate(self.strings(where, value)):
            try:
                parsed.append(Requirement(text))
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                self.problem(f"{where}[{position}]: {text!r} is not a requirement: {reason}")
        return tuple(parsed)

    def constraints(self, where: str, value: object) -> tuple[Requirement, ...]:
        texts = self.strings(where, value)
        for position, text in enumerate(texts):
            if _TAG_BRACKET.search(text):
                self.problem(
                    f"{where}[{position}]: tag constraints such as {text!r} are not supported "
                    "yet; name the platform's floor in 'platforms' instead"
                )
        if any(_TAG_BRACKET.search(text) for text in texts):
            return ()
        parsed = self.requirements(where, value)
        for requirement in parsed:
            if requirement.extras:
                self.problem(f"{where}: a constraint takes no extras: '{requirement}'")
        return parsed

    def url(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is not None and not re.match(r"(https?|file)://", text):
            self.problem(f"{where}: {text!r} is not an http, https or file URL")
            return None
        return text

    def urls(self, where: str, value: object) -> tuple[str, ...]:
        items = enumerate(self.strings(where, value))
        return tuple(
            url for index, text in items if (url := self.url(f"{where}[{index}]", text)) is not None
        )

    # -- platforms and Pythons -------------------------------------------------------------------

    def platforms(self, where: str, value: object) -> tuple[_Entry, ...]:
        entries: list[_Entry] = []
        seen: dict[str, int] = {}
        for position, text in enumerate(self.strings(where, value, empty=False)):
            here = f"{where}[{position}]"
            entry = self.platform_entry(here, text)
            if entry is None:
                continue
            key = str(entry.target or entry.platform)
            if key in seen:
                self.problem(
                    f"{here}: {text!r} is the same platform as entry {seen[key]}; drop one"
                )
            seen.setdefault(key, position)
            entries.append(entry)
        return tuple(entries)

    def platform_entry(self, where: str, text: str) -> _Entry | None:
        try:
            if text.endswith(".json"):
                return _Entry(target=self.complete_platform(where, text), file=text)
            if text == "current":
                return _Entry(target=self.host.current())
            if _is_abbreviated(text):
                return _Entry(target=Target.parse(text))
            return _Entry(platform=Platform.parse(text))
        except (PlatformError, TargetError) as error:
            self.problem(f"{where}: {error}")
            return None

    def complete_platform(self, where: str, path: str) -> Target:
        try:
            data = json.loads(self.host.read_text(path))
        except OSError as error:
            raise TargetError(
                f"cannot read the complete-platform file {path!r}: "
                f"{error.strerror or error}; the path is relative to pyproject.toml"
            ) from error
        except ValueError as error:
            raise TargetError(f"{path!r} is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise TargetError(
                f"{path!r} must hold one JSON object, as `pex3 interpreter inspect --markers "
                "--tags` prints it"
            )
        return Target.from_complete_platform(data, name=path.rsplit("/", 1)[-1][: -len(".json")])

    def pythons(self, where: str, value: object) -> tuple[Python, ...]:
        parsed: list[Python] = []
        for position, text in enumerate(self.strings(where, value, empty=False)):
            try:
                python = Python.parse(text)
            except TargetError as error:
                self.problem(f"{where}[{position}]: {error}")
                continue
            if python in parsed:
                self.problem(f"{where}[{position}]: {text!r} is listed twice; drop one")
            elif not _admits(self.project.requires_python, python):
                self.problem(
                    f"{where}[{position}]: Python {text} is not admitted by "
                    f"project.requires-python '{self.project.requires_python}'; change one of them"
                )
            parsed.append(python)
        return tuple(parsed)

    def expand(
        self, entries: Sequence[_Entry], pythons: Sequence[Python] | None
    ) -> tuple[Target, ...]:
        """Multiply platforms by Pythons, in the order of the table."""
        if pythons is None:
            pythons = [
                python
                for version in SUPPORTED_CPYTHONS
                if _admits(
                    self.project.requires_python,
                    python := Python(implementation="cpython", version=version),
                )
            ]
            if not pythons and any(entry.platform for entry in entries):
                self.problem(
                    f"{TABLE}.python is required: project.requires-python "
                    f"'{self.project.requires_python}' admits no CPython that upstream still "
                    "supports"
                )
        targets: list[Target] = []
        for entry in entries:
            if entry.target is not None:
                targets.append(entry.target)
            elif entry.platform is not None:
                targets += [Target(python=python, platform=entry.platform) for python in pythons]
        return tuple(dict.fromkeys(targets))

    # -- what runs -------------------------------------------------------------------------------

    def parse_run(self, where: str, table: Mapping[str, Any]) -> Run | None:
        if len(table) > 1:
            self.problem(f"{where}: {' and '.join(table)} exclude each other; keep one")
            return None
        for key, value in table.items():
            text = value if isinstance(value, str) else None
            if text is None:
                return None
            if key == "entry-point":
                return self.entry_point(f"{where}.{key}", text)
            if key == "module":
                if not _MODULE.fullmatch(text):
                    self.problem(f"{where}.module: {text!r} is not a module name such as 'pkg.mod'")
                return Run(kind="module", value=text)
            if text == "":
                return Run(kind="interpreter")
            return Run(kind="script", value=text)
        return None

    def entry_point(self, where: str, text: str) -> Run | None:
        if not _ENTRY_POINT.fullmatch(text):
            hint = "; for `python -m` use the key 'module'" if _MODULE.fullmatch(text) else ""
            self.problem(f"{where}: {text!r} is not of the form 'package.module:function'{hint}")
            return None
        return Run(kind="entry-point", value=text)

    def run_word(self, where: str, value: object) -> str | None:
        if not isinstance(value, str):
            self.problem(f"{where} must be a string (got {_toml_type(value)})")
            return None
        return value

    def executables(self, where: str, value: object) -> tuple[tuple[str, Executable], ...]:
        if not isinstance(value, dict):
            self.problem(f"{where} must be a table of tables (got {_toml_type(value)})")
            return ()
        found = []
        for name, table in value.items():
            here = f"{where}.{name}"
            if not isinstance(table, dict):
                self.problem(f"{here} must be a table (got {_toml_type(table)})")
                continue
            self.reject_unknown(here, table, EXECUTABLE_KEYS)
            for key in RUN_KEYS:
                if key in table:
                    self.run_word(f"{here}.{key}", table[key])
            run = self.parse_run(here, {k: v for k, v in table.items() if k in RUN_KEYS})
            executable = Executable(
                run=run or Run(kind="script", value=name),
                inject_args=self.strings(f"{here}.inject-args", table.get("inject-args", [])),
                inject_env=self.string_table(f"{here}.inject-env", table.get("inject-env", {})),
            )
            found.append((name, executable))
        return tuple(sorted(found, key=lambda pair: pair[0]))

    # -- files -----------------------------------------------------------------------------------

    def output(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        if "/" in text or "\\" in text:
            self.problem(f"{where}: {text!r} must be a file name; put the folder in 'output-dir'")
            return None
        unknown = [word for word in re.findall(r"\{([^}]*)\}", text) if word not in OUTPUT_FIELDS]
        if unknown or re.sub(r"\{\w+\}", "", text).strip("{}") != re.sub(r"\{\w+\}", "", text):
            listed = ", ".join(f"{{{word}}}" for word in OUTPUT_FIELDS)
            self.problem(f"{where}: {text!r} may only use the fields {listed}")
            return None
        return text

    def shebang(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        text = text.removeprefix("#!").strip()
        if "\n" in text or not text.startswith("/"):
            self.problem(
                f"{where}: {text!r} must be one line with an absolute path, "
                "such as '/usr/bin/env python3.12'"
            )
            return None
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One entry of `platforms`: a platform that is multiplied by the Pythons, or one target."""

    platform: Platform | None = None
    target: Target | None = None
    file: str | None = None


_READERS: Final[dict[str, Callable[[_Parser, str, object], Any]]] = {
    "platforms": _Parser.platforms,
    "python": _Parser.pythons,
    "script": _Parser.run_word,
    "entry-point": _Parser.run_word,
    "module": _Parser.run_word,
    "extras": _Parser.names,
    "dependency-groups": _Parser.groups,
    "requirements": _Parser.requirements,
    "constraints": _Parser.constraints,
    "lock": _Parser.string,
    "index-url": _Parser.url,
    "extra-index-urls": _Parser.urls,
    "find-links": _Parser.strings,
    "sdists": functools.partial(_Parser.choice, of=("universal", "never")),
    "output": _Parser.output,
    "output-dir": _Parser.string,
    "inject-args": _Parser.strings,
    "inject-env": _Parser.string_table,
    "shebang": _Parser.shebang,
    "inherit-path": functools.partial(_Parser.choice, of=("false", "fallback", "prefer")),
    "include-tools": _Parser.boolean,
    "runtime-root": _Parser.string,
    "executables": _Parser.executables,
    "pex-args": _Parser.strings,
}


def _is_abbreviated(text: str) -> bool:
    """Tell pex's abbreviated platform (`PLATFORM-IMPL-VERSION-ABI`) from our own words."""
    return re.fullmatch(r".+-(cp|pp|cpython|pypy)-[\d.]+-\w+", text) is not None


def _admits(requires_python: SpecifierSet, python: Python) -> bool:
    """Tell whether some patch release of this minor is admitted."""
    major, minor = python.version
    patches = range(50) if python.patch is None else (python.patch,)
    return any(requires_python.contains(f"{major}.{minor}.{patch}") for patch in patches)


def _toml_type(value: object) -> str:
    names = {bool: "bool", str: "str", int: "int", float: "float", list: "array", dict: "table"}
    return names.get(type(value), type(value).__name__)
