"""Every key of `[tool.multiplat]`: how it is read, and what its JSON schema is.

The schema is for editors and linters. It says what shape a table has, and how platforms and Pythons
are written. What else words mean is said by the readers, and a test compares both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hatch_multiplat.config.formats import (
    FORMATS,
    LAYOUTS,
    STYLES,
    ExeOptions,
    ScieOptions,
    WheelhouseOptions,
    ZipOptions,
)
from hatch_multiplat.config.readers import KeyReader
from hatch_multiplat.config.run import (
    EXECUTABLE_KEYS,
    RUN_KEYS,
    read_executables,
    read_templates,
    read_variables,
)
from hatch_multiplat.targets.platforms import ARCHS, Platform, short_names
from hatch_multiplat.targets.python import CPYTHONS, FREE_THREADED_CPYTHONS, PYPYS, known_pythons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Schema: TypeAlias = "dict[str, Any]"
Reader: TypeAlias = Callable[[KeyReader, str, object], Any]

ID: Final = "https://json.schemastore.org/hatch-multiplat.json"
DOCUMENTATION: Final = (
    "https://hatch-multiplat.readthedocs.io/en/latest/reference/configuration.html"
)

DEFAULT_LOCK: Final = "pylock.multiplat.toml"
DEFAULT_OUTPUT: Final = "{name}-{version}.pex"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table: what reads its value, and the schema of that."""

    read: Reader
    schema: Schema


def read_keys(
    reader: KeyReader, where: str, table: Mapping[str, Any], keys: Mapping[str, Key]
) -> dict[str, Any]:
    """Read a table with these keys; returns the values that are right, by attribute."""
    reader.reject_unknown(where, table, tuple(keys))
    values = {
        key.replace("-", "_"): keys[key].read(reader, f"{where}.{key}", table[key])
        for key in keys
        if key in table
    }
    return {attribute: value for attribute, value in values.items() if value is not None}


def table_schema() -> Schema:
    """Return the schema of `[tool.multiplat]`: JSON Schema draft 7, as SchemaStore takes it."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ID,
        "title": "hatch-multiplat",
        "description": f"One executable for every platform a project lists. See {DOCUMENTATION}",
        "type": "object",
        "additionalProperties": False,
        "required": ["platforms"],
        **_at_most_one(RUN_KEYS),
        "properties": {key: found.schema for key, found in KEYS.items()},
    }


def tool_schema(tool_name: str) -> Schema:
    """Return the schema for validate-pyproject, which calls this by an entry point."""
    return {**table_schema(), "$id": ID, "title": f"tool.{tool_name}"}


def _text(description: str, read: Reader = KeyReader.text, **more: Any) -> Key:
    return Key(read, {"type": "string", "description": description, **more})


def _filled(description: str, read: Reader = KeyReader.string, **more: Any) -> Key:
    return _text(description, read, pattern=r"\S", **more)


def _texts(description: str, read: Reader = KeyReader.strings) -> Key:
    items = {"type": "string"}
    return Key(read, {"type": "array", "items": items, "description": description, "default": []})


def _some(description: str, read: Reader, items: Schema, **more: Any) -> Key:
    """Return the key of an array that must not be empty."""
    schema = {"type": "array", "minItems": 1, "items": items, "description": description, **more}
    return Key(read, schema)


def _flag(description: str) -> Key:
    schema = {"type": "boolean", "description": description, "default": False}
    return Key(KeyReader.boolean, schema)


def _choice(description: str, of: tuple[str, ...], default: str) -> Key:
    schema = {"enum": list(of), "description": description, "default": default}
    return Key(functools.partial(KeyReader.choice, of=of), schema)


def _variables(description: str, read: Reader) -> Key:
    values = {"type": "string"}
    schema = {"type": "object", "additionalProperties": values, "description": description}
    return Key(read, schema)


def _options(make: Callable[..., object], description: str, **options: Key) -> Key:
    """Return the key of a table of options; an underscore stands for the dash of an option."""
    keys = {option.replace("_", "-"): key for option, key in options.items()}

    def read(reader: KeyReader, where: str, value: object) -> object:
        return make(**read_keys(reader, where, reader.table(where, value), keys))

    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {option: key.schema for option, key in keys.items()},
        "description": description,
    }
    return Key(read, schema)


def _at_most_one(keys: tuple[str, ...]) -> Schema:
    pairs = [[one, other] for place, one in enumerate(keys) for other in keys[place + 1 :]]
    return {"not": {"anyOf": [{"required": pair} for pair in pairs]}}


def _one_of(forms: Iterable[object]) -> str:
    return f"({'|'.join(map(str, forms))})"


def _platform_pattern() -> str:
    """Return the form of an entry of `platforms`; the schema does not check the floor's range."""
    version = "[0-9]{1,2}[._][0-9]{1,2}"
    linux = f"(many|musl)linux_{version}|manylinux(1|20(10|14))"
    forms = [Platform.parse(f"windows-{arch}").tag for arch in ARCHS["windows"]]
    for system, floor, tag in (
        ("linux", f"-musl|-(glibc|musl){version}", f"({linux})_"),
        ("macos", f"-{version}", f"macosx_{version}_"),
        ("windows", "", ""),
    ):
        archs = _one_of(ARCHS[system])
        forms += [f"{system}-{archs}({floor})?", *([f"{tag}{archs}"] if tag else [])]
    pex = ".+-(cp|pp)-[0-9.]+-[a-z0-9_]+"
    return f"^{_one_of([*forms, pex, '.+[.]json', 'current'])}$"


def _python_pattern() -> str:
    """Return the form of an entry of `python`: a minor or patch release, with or without tag."""
    minor = _one_of(minor for _, minor in CPYTHONS)
    free = _one_of(minor for _, minor in FREE_THREADED_CPYTHONS)
    pypy = _one_of(minor for _, minor in PYPYS)
    patch = "[.][0-9]{1,2}"
    forms = [
        *(f"(3[.]{m}({patch})?|cp3{m}|cp3[.]{m}{patch}){t}" for m, t in ((minor, ""), (free, "t"))),
        f"(pp3{pypy}|pp3[.]{pypy}{patch})",
        f"pypy3({pypy}|[.]{pypy}{patch})_pp[0-9]+",
    ]
    return f"^{_one_of(forms)}$"


def _words(known: Iterable[object], pattern: str) -> Schema:
    """Return a text that is one of the known words, which editors offer, or has a form."""
    return {"anyOf": [{"enum": list(map(str, known))}, {"type": "string", "pattern": pattern}]}


_RUNS: Final[dict[str, Key]] = {
    "script": _text("A console script of the project or of a dependency; empty for Python itself."),
    "entry-point": _text("A function that is called: package.module:function."),
    "module": _text("A module that is run, as by python -m."),
    "inject-args": _texts("Arguments that come before those of the user.", read_templates),
    "inject-env": _variables(
        "Environment variables that start-up sets, unless they are set.", read_variables
    ),
}
_PATTERNS: Final = "Targets by name or pattern, such as cp312-*; all by default."

KEYS: Final[dict[str, Key]] = {
    "platforms": _some(
        "The platforms to build for; each is multiplied by each Python.",
        KeyReader.platforms,
        _words([*short_names(), "current"], _platform_pattern()),
    ),
    "python": _some(
        "The Pythons to build for; by default those that requires-python allows.",
        KeyReader.pythons,
        _words(known_pythons(), _python_pattern()),
    ),
    "exclude": _texts("Targets that are left out, by name or pattern, such as cp315-*."),
    "script": _RUNS["script"],
    "entry-point": _RUNS["entry-point"],
    "module": _RUNS["module"],
    "extras": _texts("Extras of the project whose dependencies are added.", KeyReader.extras),
    "dependency-groups": _texts(
        "Groups of [dependency-groups] whose requirements are added.", KeyReader.groups
    ),
    "requirements": _texts("Requirements (PEP 508) that are added.", KeyReader.requirements),
    "constraints": _texts(
        "Bounds on versions, or on tags: cryptography[abi3].", KeyReader.constraints
    ),
    "lock": _filled("The lock file, relative to pyproject.toml.", default=DEFAULT_LOCK),
    "index-url": _filled("The index to ask.", KeyReader.url, default="https://pypi.org/simple"),
    "extra-index-urls": _texts("Indexes to ask before that one.", KeyReader.urls),
    "find-links": _texts("Folders or pages with packages.", KeyReader.locations),
    "sdists": _choice(
        "Whether packages without wheels are built.", ("universal", "never"), "universal"
    ),
    "project-wheels": _texts(
        "Wheels of the project from other machines, by path or pattern.", KeyReader.locations
    ),
    "output": _filled("The name of the file.", KeyReader.output, default=DEFAULT_OUTPUT),
    "output-dir": _filled("The folder of the file; by default that of the wheel."),
    "checksums": _flag("Write SHA256SUMS beside the executable."),
    "sbom": _flag("Write an inventory (CycloneDX) beside the executable."),
    "inject-args": _RUNS["inject-args"],
    "inject-env": _RUNS["inject-env"],
    "shebang": _filled(
        "The first line of the file, such as /usr/bin/env python3.12.", KeyReader.shebang
    ),
    "inherit-path": _choice(
        "Whether the packages of the machine's own Python can be imported.",
        ("false", "fallback", "prefer"),
        "false",
    ),
    "path": _choice(
        "Where the console scripts go in PATH.", ("prepend", "append", "none"), "prepend"
    ),
    "include-tools": _flag("Have pex's tools in the file."),
    "strict": _flag("Start on the listed targets alone, and nowhere else."),
    "runtime-root": _filled("The folder in which start-up keeps its environments."),
    "executables": Key(
        read_executables,
        {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                **_at_most_one(RUN_KEYS),
                "properties": {key: _RUNS[key].schema for key in EXECUTABLE_KEYS},
            },
            "description": "What else the file runs, by the name that it is called by.",
        },
    ),
    "formats": _some(
        "What a build makes.", KeyReader.formats, {"enum": list(FORMATS)}, default=["pex"]
    ),
    "layout": _choice("The PEX as one file, or as a folder.", LAYOUTS, "zipapp"),
    "wheelhouse": _options(WheelhouseOptions, "Options of wheelhouses.", targets=_texts(_PATTERNS)),
    "zip": _options(
        ZipOptions,
        "Options of zip files.",
        targets=_texts(_PATTERNS),
        prefix=_text("The folder inside that everything is in.", KeyReader.zip_prefix, default=""),
    ),
    "exe": _options(
        ExeOptions,
        "Options of programs for Windows.",
        python=_text("What starts it: py, py -3.12 or python.", KeyReader.exe_python, default=""),
        windowed=_flag("Open no console."),
    ),
    "scie": _options(
        ScieOptions,
        "Options of scies, which bring their own Python.",
        style=_choice("Whether Python is in the file or is fetched.", STYLES, "eager"),
        targets=_texts(_PATTERNS),
        science=_filled("The program science, by path or URL."),
        assets_url=_filled("A mirror of the Pythons."),
        args=_texts("Further options of pex for scies.", KeyReader.scie_args),
    ),
    "runners": _variables(
        "Commands by which verify runs the file for a target or pattern.", KeyReader.runners
    ),
    "pex-args": _texts("Further options of pex that end in PEX-INFO.", KeyReader.pex_args),
}
"""Every key of the table, in the order of the reference."""
