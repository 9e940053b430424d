"""`pyproject.toml` with the plugin in it: text in, text out, nothing of the old text lost.

Where `hatch.toml` has the build settings, the hook goes there, so each step is a function of its
own. What is there already is not written again, so a second time changes nothing.
"""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, MultiplatError
from hatch_multiplat.init.toml_edit import Plain, add_items, add_pairs, remove_items
from hatch_multiplat.init.toml_text import TomlText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.init.toml_text import KeyPath

PLUGIN: Final = "hatch-multiplat"
HOOK: Final = "multiplat"
ENABLE: Final = "HATCH_BUILD_HOOK_ENABLE_MULTIPLAT"
"""hatchling's own variable for a hook that is not enabled by default."""

TABLE: Final = ("tool", "multiplat")
REQUIRES: Final = ("build-system", "requires")
RUN_KEYS: Final = ("script", "entry-point", "module")

_BACKENDS: Final = frozenset({"hatchling.build", "hatchling.ouroboros"})
_TABLE_COMMENT: Final = (
    "# The executable runs on each of these platforms, with each of these Pythons.",
)
_HOOK_COMMENT: Final = ("# Run hatch-multiplat in every build of the wheel.",)
_ON_REQUEST_COMMENT: Final = (
    f"# Run hatch-multiplat in builds with {ENABLE}=true.",
    "# No other build, and nobody who installs the sdist, so much as downloads it.",
)
_ON_REQUEST: Final[dict[str, Plain]] = {"enable-by-default": False, "dependencies": (PLUGIN,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What goes into `[tool.multiplat]`; `run` is a key and its value, as `script` and a name."""

    platforms: tuple[str, ...]
    pythons: tuple[str, ...] = ()
    run: tuple[str, str] | None = None


def uses_hatchling(pyproject: Mapping[str, Any]) -> bool:
    """Tell whether hatchling builds this project, and so runs hooks."""
    system = table_at(pyproject, ("build-system",))
    return system.get("build-backend") in _BACKENDS


def table_at(data: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
    """Return the table at a path; empty where there is none."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def add_settings(text: str, settings: Settings) -> str:
    """Add `[tool.multiplat]`, or those of its keys that it lacks."""
    present = table_at(tomllib.loads(text), TABLE)
    pairs: dict[str, Plain] = {"platforms": settings.platforms}
    if settings.pythons:
        pairs["python"] = settings.pythons
    if settings.run and not present.keys() & set(RUN_KEYS):
        pairs[settings.run[0]] = settings.run[1]
    missing = {key: value for key, value in pairs.items() if key not in present}
    return _add_checked(text, TABLE, missing, comment=_TABLE_COMMENT) if missing else text


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
        return _add_checked(text, (*root, "build", "hooks", HOOK), pairs, comment=comment)
    if not on_request:
        return text
    hook = table_at(data, path)
    if hook.get("enable-by-default", False) is not False:
        raise ConfigError([f"{'.'.join(path)}.enable-by-default is not false; remove it"])
    text = _replace_comment(text, path)
    missing = {key: value for key, value in _ON_REQUEST.items() if key not in hook}
    text = _add_checked(text, path, missing) if missing else text
    if not any(_is_plugin(item) for item in _strings(hook.get("dependencies", [PLUGIN]))):
        text = add_items(text, (*path, "dependencies"), [PLUGIN])
    return text


def _replace_comment(text: str, hook: KeyPath) -> str:
    """Put the comment that is right now in place of the one that we once wrote."""
    newline = TomlText(text).newline
    header = f"[{'.'.join(hook)}]"
    old, new = (
        newline.join([*comment, header]) for comment in (_HOOK_COMMENT, _ON_REQUEST_COMMENT)
    )
    return _check(text.replace(f"\n{old}", f"\n{new}"), tomllib.loads(text))


def brings_plugin(data: Mapping[str, Any], root: KeyPath) -> bool:
    """Tell whether something in the table of Hatch says that a build needs the plugin."""
    build = (*root, "build")
    hook = _find_hook(data, root)
    tables = [build, (*build, "targets", "wheel"), *([hook] if hook else [])]
    return any(
        _is_plugin(item)
        for path in tables
        for item in _strings(table_at(data, path).get("dependencies"))
    )


def needs_request(data: Mapping[str, Any], root: KeyPath) -> bool:
    """Tell whether the hook runs only where the variable ENABLE is set."""
    hook = _find_hook(data, root)
    return hook is not None and table_at(data, hook).get("enable-by-default") is False


def add_requirement(text: str) -> str:
    """Add the plugin to what the build requires, if it is not there."""
    data = tomllib.loads(text)
    requires = _requires(data)
    if any(_is_plugin(item) for item in requires):
        return text
    return _check(add_items(text, REQUIRES, [PLUGIN]), _with_requires(data, [*requires, PLUGIN]))


def remove_requirement(text: str) -> str:
    """Remove the plugin from what the build requires, where the hook brings it."""
    data = tomllib.loads(text)
    requires = _requires(data)
    ours = [position for position, item in enumerate(requires) if _is_plugin(item)]
    left = [item for item in requires if not _is_plugin(item)]
    return _check(remove_items(text, REQUIRES, ours), _with_requires(data, left)) if ours else text


def _requires(data: Mapping[str, Any]) -> list[str]:
    requires = table_at(data, ("build-system",)).get("requires")
    if not isinstance(requires, list) or not all(isinstance(item, str) for item in requires):
        rule = "build-system.requires must be an array of strings"
        raise ConfigError([f'{rule}; write: requires = ["hatchling", "{PLUGIN}"]'])
    return requires


def _with_requires(data: dict[str, Any], requires: list[str]) -> dict[str, Any]:
    return {**data, "build-system": {**data["build-system"], "requires": requires}}


def _find_hook(data: Mapping[str, Any], root: KeyPath) -> KeyPath | None:
    """Return where the hook is: for every build target, or for the wheel alone."""
    for path in (("build", "hooks"), ("build", "targets", "wheel", "hooks")):
        if HOOK in table_at(data, (*root, *path)):
            return (*root, *path, HOOK)
    return None


def _is_plugin(text: str) -> bool:
    try:
        return canonicalize_name(Requirement(text).name) == PLUGIN
    except InvalidRequirement:
        return False


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _add_checked(
    text: str, path: KeyPath, pairs: Mapping[str, Plain], *, comment: tuple[str, ...] = ()
) -> str:
    """Add pairs, and see that the text means just what it meant, and these."""
    expected = copy.deepcopy(tomllib.loads(text))
    table = expected
    for key in path:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError([f"{'.'.join(path)}: {key!r} must be a table; make it one"])
    table |= {key: list(item) if isinstance(item, tuple) else item for key, item in pairs.items()}
    return _check(add_pairs(text, path, pairs, comment=comment), expected)


def _check(text: str, expected: Mapping[str, Any]) -> str:
    """Return a text that was edited if it means what it should; we write no other."""
    if tomllib.loads(text) != expected:
        raise MultiplatError(
            "this would change more than it should, which is a bug; nothing was written"
        )
    return text
