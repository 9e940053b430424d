"""`pyproject.toml` with the plugin in it: text in, text out, nothing of the old text lost.

Where `hatch.toml` has the build settings, the hook goes there, so each step is a function of its
own. What is there already is not written again, so a second time changes nothing.

New tables are appended as a block of lines. Tables and arrays that are there already are edited by
tomlkit. Every edit is parsed again before it counts: it says what was said, the addition, no more.
"""

from __future__ import annotations

import functools
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.toml_table import table_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KeyPath: TypeAlias = "tuple[str, ...]"
Plain: TypeAlias = "str | bool | tuple[str, ...]"

PLUGIN: Final = "hatch-multiplat"
HOOK: Final = "multiplat"
ENABLE: Final = "HATCH_BUILD_HOOK_ENABLE_MULTIPLAT"
"""hatchling's own variable for a hook that is not enabled by default."""

TABLE: Final = ("tool", "multiplat")
REQUIRES: Final = ("build-system", "requires")
RUN_KEYS: Final = ("script", "entry-point", "module")

MAX_LINE: Final = 72
"""Longer arrays get a line for each item."""

_REPAIR: Final = "add it with: hatch-multiplat init"
_BACKENDS: Final = frozenset({"hatchling.build", "hatchling.ouroboros"})
_TABLE_COMMENT: Final = (
    "# The executable runs on each of these platforms, with each of these Pythons.",
)
_HOOK_COMMENT: Final = ("# Run hatch-multiplat in every build of the wheel.",)
_ON_REQUEST_COMMENT: Final = (
    f"# Run hatch-multiplat in builds with {ENABLE}=true.",
    "# Nobody who installs the sdist, and no other build, downloads it.",
)
# A hook that is not installed yet cannot be asked what it needs, so all of that is named.
_WHOLE_PLUGIN: Final = f"{PLUGIN}[build]"
_ON_REQUEST: Final[dict[str, Plain]] = {
    "enable-by-default": False,
    "dependencies": (_WHOLE_PLUGIN,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The keys for `[tool.multiplat]`; `run` is a key and its value, as `script` and a name."""

    platforms: tuple[str, ...]
    pythons: tuple[str, ...] = ()
    run: tuple[str, str] | None = None


def uses_hatchling(pyproject: Mapping[str, Any]) -> bool:
    """Tell whether hatchling builds this project, and so runs hooks."""
    system = table_at(pyproject, "build-system")
    return system.get("build-backend") in _BACKENDS


def add_settings(text: str, settings: Settings) -> str:
    """Add `[tool.multiplat]`, or the keys that it lacks."""
    present = table_at(tomllib.loads(text), *TABLE)
    pairs: dict[str, Plain] = {"platforms": settings.platforms}
    if settings.pythons:
        pairs["python"] = settings.pythons
    if settings.run and not present.keys() & set(RUN_KEYS):
        pairs[settings.run[0]] = settings.run[1]
    missing = {key: value for key, value in pairs.items() if key not in present}
    return _add_pairs(text, TABLE, missing, comment=_TABLE_COMMENT) if missing else text


def add_hook(text: str, *, root: KeyPath, on_request: bool = False) -> str:
    """Add the hook to the table of Hatch, which is at `root`: `tool.hatch`, in hatch.toml nothing.

    With `on_request`, it gets the form in which it is neither run nor downloaded unless the
    variable ENABLE is set, also where it was there in the other form.
    """
    data = tomllib.loads(text)
    path = _find_hook(data, root)
    if path is None:
        comment = _ON_REQUEST_COMMENT if on_request else _HOOK_COMMENT
        pairs = _ON_REQUEST if on_request else {}
        return _add_pairs(text, (*root, "build", "hooks", HOOK), pairs, comment=comment)
    if not on_request:
        return text
    hook = table_at(data, *path)
    if hook.get("enable-by-default", False) is not False:
        raise ConfigError([f"{'.'.join(path)}.enable-by-default is not false; remove it"])
    text = _replace_comment(text, path)
    missing = {key: value for key, value in _ON_REQUEST.items() if key not in hook}
    text = _add_pairs(text, path, missing) if missing else text
    if not any(_is_plugin(item) for item in strings_in(hook.get("dependencies", [PLUGIN]))):
        text = _add_to(text, (*path, "dependencies"), _WHOLE_PLUGIN)
    return text


def _replace_comment(text: str, hook: KeyPath) -> str:
    """Replace our own earlier comment by the one that is right now."""
    newline = "\r\n" if _has_crlf(text) else "\n"
    header = f"[{'.'.join(hook)}]"
    old, new = (
        newline.join([*comment, header]) for comment in (_HOOK_COMMENT, _ON_REQUEST_COMMENT)
    )
    return text.replace(f"\n{old}", f"\n{new}")


def brings_plugin(data: Mapping[str, Any], root: KeyPath) -> bool:
    """Tell whether something in the table of Hatch says that a build needs the plugin."""
    build = (*root, "build")
    hook = _find_hook(data, root)
    tables = [build, (*build, "targets", "wheel"), *([hook] if hook else [])]
    return any(
        _is_plugin(item)
        for path in tables
        for item in strings_in(table_at(data, *path).get("dependencies"))
    )


def needs_request(data: Mapping[str, Any], root: KeyPath) -> bool:
    """Tell whether the hook only runs if the variable ENABLE is set."""
    hook = _find_hook(data, root)
    return hook is not None and table_at(data, *hook).get("enable-by-default") is False


def describe_missing(pyproject: Mapping[str, Any], hatch_toml: Mapping[str, Any]) -> list[str]:
    """Say why a build by hatchling would not make the executable, in the words of its errors.

    The result is empty for other backends, which run no hooks, and for a build target of our own.
    """
    root: KeyPath = () if "build" in hatch_toml else ("tool", "hatch")
    data = hatch_toml if "build" in hatch_toml else pyproject
    hook = _find_hook(data, root)
    if not uses_hatchling(pyproject) or HOOK in table_at(data, *root, "build", "targets"):
        return []
    if hook is None:
        table = ".".join((*root, "build", "hooks", HOOK))
        return [f"no build makes the executable, as [{table}] is missing; {_REPAIR}"]
    requires = strings_in(table_at(pyproject, "build-system").get("requires"))
    if brings_plugin(data, root) or any(map(_is_plugin, requires)):
        return []
    error = f"Unknown build hook: {HOOK}"
    return [f"builds end with '{error}', as build-system.requires lacks {PLUGIN!r}; {_REPAIR}"]


def add_requirement(text: str) -> str:
    """Add the plugin to the build requirements, if it is missing."""
    if any(_is_plugin(item) for item in _requires(tomllib.loads(text))):
        return text
    return _add_to(text, REQUIRES, PLUGIN)


def remove_requirement(text: str) -> str:
    """Remove the plugin from the build requirements, if the hook itself asks for it."""
    expected = tomllib.loads(text)
    requires = _requires(expected)
    left = [item for item in requires if not _is_plugin(item)]
    if left == requires:
        return text
    expected["build-system"]["requires"] = left
    new = ""
    with suppress(TOMLKitError):
        document = tomlkit.parse(text)
        array = _value_at(document, REQUIRES)
        for item in requires:
            if item not in left:
                array.remove(item)
        new = _with_line_ends(document.as_string(), text)
    if tomllib.loads(new) != expected:
        raise _refuse(f"take {PLUGIN!r} out of build-system.requires, as the hook brings it,")
    return new


def _requires(data: Mapping[str, Any]) -> list[str]:
    requires = table_at(data, "build-system").get("requires")
    if not isinstance(requires, list) or not all(isinstance(item, str) for item in requires):
        rule = "build-system.requires must be an array of strings"
        raise ConfigError([f'{rule}; write: requires = ["hatchling", "{PLUGIN}"]'])
    return requires


def _find_hook(data: Mapping[str, Any], root: KeyPath) -> KeyPath | None:
    """Return the hook's place: for every build target, or only for the wheel."""
    for path in (("build", "hooks"), ("build", "targets", "wheel", "hooks")):
        if HOOK in table_at(data, *root, *path):
            return (*root, *path, HOOK)
    return None


def _is_plugin(text: str) -> bool:
    try:
        return canonicalize_name(Requirement(text).name) == PLUGIN
    except InvalidRequirement:
        return False


def strings_in(value: object) -> list[str]:
    """Return the strings of an array; nothing of another value."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


# -- edits of the text -----------------------------------------------------------------------------


def _add_pairs(
    text: str, path: KeyPath, pairs: Mapping[str, Plain], *, comment: Sequence[str] = ()
) -> str:
    """Add keys to the table at a path, or the table with them; raises ConfigError if neither works.

    A table with a header of its own gets them below that. A new table goes to the end of the text,
    with its comment; inside an inline table it becomes one itself.
    """
    expected = tomllib.loads(text)
    table = expected
    for key in path:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError([f"{'.'.join(path)}: {key!r} must be a table; make it one"])
    table |= {key: list(item) if isinstance(item, tuple) else item for key, item in pairs.items()}
    header = f"[{'.'.join(path)}]"
    lines = [f"{key} = {_render(value)}" for key, value in pairs.items()]

    def edit() -> Iterator[str]:
        for match in _header_pattern(path).finditer(text):
            yield _insert_lines(text, match.end(), lines)
        yield _insert_lines(text, len(text), ["", *comment, header, *lines])
        with suppress(ValueError, TOMLKitError):
            yield _edit_table(text, path, pairs)

    for edited in edit():
        if _is_right(edited, text, expected):
            return _with_line_ends(edited, text)
    raise _refuse(f"write {'; '.join([header, *lines])}")


def _add_to(text: str, path: KeyPath, item: str) -> str:
    """Add an item to the array at a path, in the layout that the array has.

    It goes to the end; where commas begin the lines, tomlkit would put it into a comment there, so
    it goes to the front.
    """
    count = len(_value_at(tomllib.loads(text), path))
    for position in (count, 0):
        expected = tomllib.loads(text)
        try:
            document = tomlkit.parse(text)
        except TOMLKitError:
            break
        _value_at(expected, path).insert(position, item)
        _value_at(document, path).insert(position, item)
        if _is_right(document.as_string(), text, expected):
            return _with_line_ends(document.as_string(), text)
    raise _refuse(f"add {item!r} to {'.'.join(path)}")


def _is_right(new: str, old: str, expected: Mapping[str, Any]) -> bool:
    """Tell whether a text means what is expected and has every character of the old one."""
    try:
        means_it = tomllib.loads(new) == expected
    except tomllib.TOMLDecodeError:
        return False
    characters = iter(new)
    return means_it and all(character in characters for character in old.replace("\r\n", "\n"))


def _refuse(to_do: str) -> ConfigError:
    return ConfigError([f"the file has a layout that init cannot edit; {to_do} by hand"])


def _edit_table(text: str, path: KeyPath, pairs: Mapping[str, Plain]) -> str:
    document = tomlkit.parse(text)
    table: Any = document
    for key in path:
        if key not in table:
            is_inline = isinstance(table, InlineTable)
            table[key] = tomlkit.inline_table() if is_inline else tomlkit.table()
        table = table[key]
    for key, value in pairs.items():
        table[key] = list(value) if isinstance(value, tuple) else value
    return document.as_string()


def _insert_lines(text: str, position: int, lines: Sequence[str]) -> str:
    """Insert lines below the line of a position; at most one empty line before them."""
    end = text.find("\n", position) + 1 or len(text)
    before, behind = text[:end], text[end:]
    if before and not before.endswith("\n"):
        before += "\n"
    if lines[:1] == [""] and (not before.strip() or re.search(r"\n[ \t\r]*\n\Z", before)):
        lines = lines[1:]
    return before + "".join(f"{line}\n" for line in lines) + behind


def _header_pattern(path: KeyPath) -> re.Pattern[str]:
    space = r"[ \t]*"
    keys = rf"{space}\.{space}".join(rf"""["']?{re.escape(key)}["']?""" for key in path)
    return re.compile(rf"^{space}\[{space}{keys}{space}\][^\n]*", re.MULTILINE)


def _render(value: Plain) -> str:
    if isinstance(value, tuple):
        items = [_render(item) for item in value]
        line = f"[{', '.join(items)}]"
        return line if len(line) <= MAX_LINE else "\n".join(["[", *(f"  {i}," for i in items), "]"])
    return tomlkit.item(value).as_string()


def _value_at(data: Any, path: KeyPath) -> Any:
    return functools.reduce(lambda found, key: found[key], path, data)


def _has_crlf(text: str) -> bool:
    """Tell whether every line of a text has the line end of Windows."""
    return "\r\n" in text and "\n" not in text.replace("\r\n", "")


def _with_line_ends(new: str, old: str) -> str:
    return re.sub(r"(?<!\r)\n", "\r\n", new) if _has_crlf(old) else new
