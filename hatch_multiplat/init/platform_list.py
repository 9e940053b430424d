"""The arrays `platforms` and `python` with entries added or removed: text in, text out."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.toml_table import TableReader
from hatch_multiplat.init.init_table import TABLE, table_at
from hatch_multiplat.init.toml_edit import add_items, add_pairs, remove_items
from hatch_multiplat.targets.target_list import default_pythons, read_platforms, read_pythons

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch_multiplat.targets.target_list import Host

PLATFORMS: Final = "platforms"
PYTHON: Final = "python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What a person named: entries of `platforms`, and of `python`."""

    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """What the words in a table mean depends on: the machine, and what Pythons are admitted."""

    host: Host
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)

    def meaning(self, key: str, name: str) -> object:
        """Return what a name means, the same for all its spellings; raises ConfigError."""
        reader = TableReader()
        found: Sequence[object]
        if key == PLATFORMS:
            entries = read_platforms(
                reader, "", [name], requires_python=self.requires_python, host=self.host
            )
            found = [entry.meant for entry in entries]
        else:
            found = read_pythons(reader, "", [name], requires_python=self.requires_python)
        if reader.problems:
            raise ConfigError(problem.removeprefix("[0]: ") for problem in reader.problems)
        return found[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Edited:
    """A text with its arrays as they were asked for, and which names needed no change."""

    text: str
    notes: tuple[str, ...] = ()


def add_names(text: str, names: Names, vocabulary: Vocabulary) -> Edited:
    """Add names to their arrays, at the end; raises ConfigError with all that is wrong.

    What is listed already, in whatever spelling, is not listed again.
    """
    listed = _listed(text, vocabulary)
    problems: list[str] = []
    notes: list[str] = []
    added: dict[str, list[str]] = {PLATFORMS: [], PYTHON: []}
    for key, wanted in _by_key(names):
        meanings = _meanings(key, listed[key], vocabulary)
        for name in wanted:
            try:
                meaning = vocabulary.meaning(key, name)
            except ConfigError as error:
                problems += error.problems
                continue
            if meaning in meanings:
                other = meanings[meaning]
                same = "" if other == name else f" as {other!r}, which is the same"
                notes.append(f"{name!r} is in {_dotted(key)} already{same}")
            else:
                meanings[meaning] = name
                added[key].append(name)
    if problems:
        raise ConfigError(problems)
    for key, new in added.items():
        if new and _has(text, key):
            text = add_items(text, (*TABLE, key), new)
        elif new:
            text = add_pairs(text, TABLE, {key: (*listed[key], *new)}, after=PLATFORMS)
    return Edited(text=text, notes=tuple(notes))


def remove_names(text: str, names: Names, vocabulary: Vocabulary) -> Edited:
    """Remove names, in whatever spelling they are listed; raises ConfigError with all problems.

    What means something and is not listed needs no change; no array is left empty.
    """
    listed = _listed(text, vocabulary)
    problems: list[str] = []
    notes: list[str] = []
    gone: dict[str, set[int]] = {PLATFORMS: set(), PYTHON: set()}
    for key, unwanted in _by_key(names):
        for name in unwanted:
            found = _find(key, name, listed[key], vocabulary)
            if not found and _means_something(key, name, vocabulary):
                notes.append(f"{name!r} is not in {_dotted(key)}")
            elif not found:
                problems.append(_not_listed(key, name, listed[key]))
            gone[key] |= found
        if gone[key] and len(gone[key]) == len(listed[key]):
            problems.append(f"{_dotted(key)} would be empty; add what is to stay first")
    if problems:
        raise ConfigError(problems)
    for key, places in gone.items():
        if places and _has(text, key):
            text = remove_items(text, (*TABLE, key), places)
        elif places:
            left = [name for at, name in enumerate(listed[key]) if at not in places]
            text = add_pairs(text, TABLE, {key: tuple(left)}, after=PLATFORMS)
    return Edited(text=text, notes=tuple(notes))


def _by_key(names: Names) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ((PLATFORMS, names.platforms), (PYTHON, names.pythons))


def _dotted(key: str) -> str:
    return ".".join((*TABLE, key))


def _has(text: str, key: str) -> bool:
    return key in table_at(tomllib.loads(text), TABLE)


def _listed(text: str, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """Return what both arrays have; where `python` is missing, the Pythons that it stands for."""
    table = table_at(tomllib.loads(text), TABLE)
    if PLATFORMS not in table:
        raise ConfigError([f"{_dotted(PLATFORMS)} is missing; add it with: hatch-multiplat init"])
    defaults = [str(python) for python in default_pythons(vocabulary.requires_python)]
    found = {PLATFORMS: table[PLATFORMS], PYTHON: table.get(PYTHON, defaults)}
    problems = [
        f"{_dotted(key)} must be an array of strings"
        for key, value in found.items()
        if not _is_array_of_strings(value)
    ]
    if problems:
        raise ConfigError(problems)
    return found


def _is_array_of_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _meanings(key: str, listed: Iterable[str], vocabulary: Vocabulary) -> dict[object, str]:
    """Return the names that are listed by what they mean; one that means nothing, by itself."""
    found: dict[object, str] = {}
    for name in listed:
        try:
            found.setdefault(vocabulary.meaning(key, name), name)
        except ConfigError:
            found.setdefault(name, name)
    return found


def _find(key: str, name: str, listed: Sequence[str], vocabulary: Vocabulary) -> set[int]:
    """Return the positions of a name: as it is written, else of all that mean the same."""
    literal = {position for position, item in enumerate(listed) if item == name}
    if literal:
        return literal
    try:
        meaning = vocabulary.meaning(key, name)
    except ConfigError:
        return set()
    return {
        position
        for position, item in enumerate(listed)
        if meaning in _meanings(key, [item], vocabulary)
    }


def _means_something(key: str, name: str, vocabulary: Vocabulary) -> bool:
    try:
        vocabulary.meaning(key, name)
    except ConfigError:
        return False
    return True


def _not_listed(key: str, name: str, listed: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, listed, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(listed)}"
    return f"{name!r} is not in {_dotted(key)}; {hint}"
