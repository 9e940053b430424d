"""`[tool.multiplat]` as a JSON schema, for editors and linters.

It says what shape a table has, and how platforms and Pythons are written; whatever else words mean
is said by `parse_config`. The words to choose from and the keys are those that the readers use, and
a test compares the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hatch_multiplat.config.config import (
    DEFAULT_LOCK,
    DEFAULT_OUTPUT,
    INHERIT_PATHS,
    PATHS,
    SDISTS,
    known_keys,
)
from hatch_multiplat.config.formats import FORMATS, LAYOUTS, STYLES
from hatch_multiplat.config.run import EXECUTABLE_KEYS, RUN_KEYS
from hatch_multiplat.targets.platforms import ARCHS, Platform, short_names
from hatch_multiplat.targets.python import CPYTHONS, FREE_THREADED_CPYTHONS, PYPYS, known_pythons

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema: TypeAlias = "dict[str, Any]"

ID: Final = "https://json.schemastore.org/hatch-multiplat.json"
DOCUMENTATION: Final = (
    "https://hatch-multiplat.readthedocs.io/en/latest/reference/configuration.html"
)


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
        "properties": {key: _KEYS[key] for key in known_keys()},
    }


def tool_schema(tool_name: str) -> Schema:
    """Return the schema for validate-pyproject, which calls this by an entry point."""
    return {**table_schema(), "$id": ID, "title": f"tool.{tool_name}"}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _filled(description: str, **more: Any) -> Schema:
    return _text(description, pattern=r"\S", **more)


def _texts(description: str, **more: Any) -> Schema:
    items = {"type": "string"}
    return {"type": "array", "items": items, "description": description, "default": [], **more}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description, "default": False}


def _choice(description: str, of: tuple[str, ...], default: str) -> Schema:
    return {"enum": list(of), "description": description, "default": default}


def _variables(description: str) -> Schema:
    values = {"type": "string"}
    return {"type": "object", "additionalProperties": values, "description": description}


def _options(description: str, **keys: Schema) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.replace("_", "-"): schema for key, schema in keys.items()},
        "description": description,
    }


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


_RUNS: Final[dict[str, Schema]] = {
    "script": _text("A console script of the project or of a dependency; empty for Python itself."),
    "entry-point": _text("A function that is called: package.module:function."),
    "module": _text("A module that is run, as by python -m."),
    "inject-args": _texts("Arguments that come before those of the user."),
    "inject-env": _variables("Environment variables that start-up sets, unless they are set."),
}
_PATTERNS: Final = "Targets by name or pattern, such as cp312-*; all by default."

_KEYS: Final[dict[str, Schema]] = {
    **_RUNS,
    "platforms": {
        "type": "array",
        "minItems": 1,
        "items": _words([*short_names(), "current"], _platform_pattern()),
        "description": "The platforms to build for; each is multiplied by each Python.",
    },
    "python": {
        "type": "array",
        "minItems": 1,
        "items": _words(known_pythons(), _python_pattern()),
        "description": "The Pythons to build for; by default those that requires-python allows.",
    },
    "exclude": _texts("Targets that are left out, by name or pattern, such as cp315-*."),
    "extras": _texts("Extras of the project whose dependencies are added."),
    "dependency-groups": _texts("Groups of [dependency-groups] whose requirements are added."),
    "requirements": _texts("Requirements (PEP 508) that are added."),
    "constraints": _texts("Bounds on versions, or on tags: cryptography[abi3]."),
    "lock": _filled("The lock file, relative to pyproject.toml.", default=DEFAULT_LOCK),
    "index-url": _filled("The index to ask.", default="https://pypi.org/simple"),
    "extra-index-urls": _texts("Indexes to ask before that one."),
    "find-links": _texts("Folders or pages with packages."),
    "sdists": _choice("Whether packages without wheels are built.", SDISTS, "universal"),
    "project-wheels": _texts("Wheels of the project from other machines, by path or pattern."),
    "output": _filled("The name of the file.", default=DEFAULT_OUTPUT),
    "output-dir": _filled("The folder of the file; by default that of the wheel."),
    "checksums": _flag("Write SHA256SUMS beside the executable."),
    "sbom": _flag("Write an inventory (CycloneDX) beside the executable."),
    "shebang": _filled("The first line of the file, such as /usr/bin/env python3.12."),
    "inherit-path": _choice(
        "Whether the packages of the machine's own Python can be imported.", INHERIT_PATHS, "false"
    ),
    "path": _choice("Where the console scripts go in PATH.", PATHS, "prepend"),
    "include-tools": _flag("Have pex's tools in the file."),
    "strict": _flag("Start on the listed targets alone, and nowhere else."),
    "runtime-root": _filled("The folder in which start-up keeps its environments."),
    "executables": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            **_at_most_one(RUN_KEYS),
            "properties": {key: _RUNS[key] for key in EXECUTABLE_KEYS},
        },
        "description": "What else the file runs, by the name that it is called by.",
    },
    "formats": {
        "type": "array",
        "minItems": 1,
        "items": {"enum": list(FORMATS)},
        "description": "What a build makes.",
        "default": ["pex"],
    },
    "layout": _choice("The PEX as one file, or as a folder.", LAYOUTS, "zipapp"),
    "wheelhouse": _options("Options of wheelhouses.", targets=_texts(_PATTERNS)),
    "zip": _options(
        "Options of zip files.",
        targets=_texts(_PATTERNS),
        prefix=_text("The folder inside that everything is in.", default=""),
    ),
    "exe": _options(
        "Options of programs for Windows.",
        python=_text("What starts it: py, py -3.12 or python.", default=""),
        windowed=_flag("Open no console."),
    ),
    "scie": _options(
        "Options of scies, which bring their own Python.",
        style=_choice("Whether Python is in the file or is fetched.", STYLES, "eager"),
        targets=_texts(_PATTERNS),
        science=_filled("The program science, by path or URL."),
        assets_url=_filled("A mirror of the Pythons."),
        args=_texts("Further options of pex for scies."),
    ),
    "runners": _variables("Commands by which verify runs the file for a target or pattern."),
    "pex-args": _texts("Further options of pex that end in PEX-INFO."),
}
