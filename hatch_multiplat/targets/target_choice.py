"""Targets of an executable, chosen by name, platform or Python."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.targets.platforms import Platform, PlatformError
from hatch_multiplat.targets.python import Python, TargetError
from hatch_multiplat.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Axis = Literal["target", "platform", "python"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The given words; no words on an axis mean all of it."""

    targets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.platforms or self.pythons)

    @property
    def label(self) -> str:
        """The choice as a part of a file name."""
        return "-".join((*self.targets, *self.platforms, *self.pythons))


def choose_targets(targets: Sequence[Target], choice: Choice) -> tuple[Target, ...]:
    """Return the targets that are chosen on every axis, in their order.

    A target may be named in any form that `Target.parse` reads, a platform without its floor.
    Raises ConfigError for each word that no target answers to.
    """
    problems: list[str] = []
    found = list(targets)
    axes: tuple[tuple[Axis, tuple[str, ...], Callable[[Target, str], bool]], ...] = (
        ("target", choice.targets, _is_target),
        ("platform", choice.platforms, _is_platform),
        ("python", choice.pythons, _is_python),
    )
    for axis, words, fits in axes:
        problems += [
            _explain_word(axis, word, targets)
            for word in words
            if not any(fits(target, word) for target in targets)
        ]
        if words:
            found = [target for target in found if any(fits(target, word) for word in words)]
    if targets and not found and not problems:
        problems.append("no target is of these platforms and Pythons at once")
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def group_targets(targets: Sequence[Target], axis: Axis) -> dict[str, tuple[Target, ...]]:
    """Return the targets by their word on an axis, which can be a part of a file name."""
    groups: dict[str, list[Target]] = {}
    for target in targets:
        word = target.python.tag if axis == "python" else _WORDS[axis](target)
        groups.setdefault(word, []).append(target)
    return {word: tuple(group) for word, group in groups.items()}


def is_named(target: Target, patterns: Iterable[str]) -> bool:
    """Tell whether one of these patterns, such as `cp315-*`, matches a target's name."""
    return any(fnmatchcase(str(target), pattern) for pattern in patterns)


def name_targets(named: Collection[Target], targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the fewest patterns that match these targets and no others.

    Whole platforms come first, such as `*-win_amd64`, then whole Pythons, then names.
    """
    kept = [_halves(target) for target in targets if target not in named]
    pythons, platforms = {python for python, _ in kept}, {platform for _, platform in kept}
    patterns: dict[str, None] = {}
    for target in named:
        python, platform = _halves(target)
        if platform and platform not in platforms:
            patterns[f"*-{platform}"] = None
        elif platform and python not in pythons:
            patterns[f"{python}-*"] = None
        else:
            patterns[str(target)] = None
    return tuple(patterns)


def _halves(target: Target) -> tuple[str, str]:
    """Return the parts of a name before and after its first hyphen."""
    python, _, platform = str(target).partition("-")
    return python, platform


def unknown_patterns(where: str, patterns: Sequence[str], targets: Sequence[Target]) -> list[str]:
    """Return a problem for each pattern of an array that matches no target.

    `where` is the array's path.
    """
    listed = ", ".join(map(str, targets[:_LISTED])) + ", ..." * (len(targets) > _LISTED)
    return [
        f"{where}[{position}]: no target is called {pattern!r}"
        + (
            _suggest_patterns(pattern.strip("*"), targets)
            or suggest_target(pattern, targets)
            or f"; there are: {listed}"
        )
        for position, pattern in enumerate(patterns)
        if not any(is_named(target, [pattern]) for target in targets)
    ]


def _suggest_patterns(word: str, targets: Sequence[Target]) -> str:
    """Return "; did you mean ...?" with the patterns of a platform or a Python; "" for others."""
    named = [
        target
        for target in targets
        if word in (str(target.python), target.python.tag)
        or f"{target.platform}-".startswith(f"{word}-")
    ]
    patterns = " and ".join(map(repr, name_targets(named, targets)))
    return f"; did you mean {patterns}?" if patterns else ""


def suggest_target(word: str, targets: Iterable[Target]) -> str:
    """Return "; did you mean ...?" with the target that a word is most like; "" if none is near.

    A platform counts by its tag and by its short name, and before the Python: who writes
    `cp311-linux` is on Linux first of all.
    """
    first, dash, rest = word.partition("-")
    python, platform = (first, rest) if dash else ("", word)
    ranked = [
        (
            max(
                _likeness(text, (target.platform.tag, str(target.platform)))
                for text in (platform, word)
            ),
            _likeness(python, (target.python.tag, str(target.python))),
            str(target),
        )
        for target in targets
    ]
    best = max(ranked, key=lambda item: item[:2], default=None)
    return f"; did you mean {best[2]!r}?" if best and best[0] >= _NEAR else ""


_NEAR: Final = 0.6
_LISTED: Final = 12
"""The number of targets in a message if none is similar."""


def _likeness(word: str, names: Iterable[str]) -> float:
    """Return a rank of similarity: 1 for the beginning of a name, less for others."""
    word = word.strip("*?").lower()
    return max(
        1.0 if word and name.startswith(word) else difflib.SequenceMatcher(None, word, name).ratio()
        for name in names
    )


_WORDS: Final[Mapping[Axis, Callable[[Target], str]]] = {
    "target": str,
    "platform": lambda target: str(target.platform),
    "python": lambda target: str(target.python),
}
_NOUNS: Final[Mapping[Axis, str]] = {"target": "target", "platform": "platform", "python": "Python"}


def _explain_word(axis: Axis, word: str, targets: Sequence[Target]) -> str:
    """Say that no target answers to a word, and what is like it or what there is."""
    known = list(dict.fromkeys(map(_WORDS[axis], targets)))
    # One Python is as near to a word as another: what there is says more.
    close = difflib.get_close_matches(word, known, n=1) if axis == "platform" else []
    hint = f"; did you mean {close[0]!r}?" if close else ""
    if axis == "target":
        hint = suggest_target(word, targets)
    return f"--{axis}: the file has no {_NOUNS[axis]} {word!r}" + (
        hint or f"; it has {', '.join(known)}"
    )


def _is_target(target: Target, word: str) -> bool:
    if str(target) == word:
        return True
    try:
        return target.name is None and Target.parse(word) == target
    except TargetError:
        return False


def _is_platform(target: Target, word: str) -> bool:
    if word in {str(target.platform), target.platform.tag}:
        return True
    try:
        asked = Platform.parse(word)
    except PlatformError:
        return False
    if asked == target.platform:
        return True
    # A word without a floor means any; one with the default floor prints without it as well.
    stem = "-".join(filter(None, (asked.system, asked.arch, "musl" * (asked.libc == "musl"))))
    return word == stem and (asked.system, asked.arch, asked.libc) == (
        target.platform.system,
        target.platform.arch,
        target.platform.libc,
    )


def _is_python(target: Target, word: str) -> bool:
    try:
        return Python.parse(word) == target.python
    except TargetError:
        return False
