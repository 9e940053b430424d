"""The targets that the keys `platforms` and `python` mean."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import (
    CPYTHONS,
    SUPPORTED_CPYTHONS,
    Python,
    TargetError,
    admits,
)
from hatch_multiplat.targets.target import Target, is_pex_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from packaging.specifiers import SpecifierSet

_FILE_NAME: Final = re.compile(r"[\w.+-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What a table may ask of the machine: the text of a project file, and this very interpreter.

    `read_text` takes a path relative to the project and raises OSError or UnicodeDecodeError;
    `current` gives the Target of the interpreter that runs the build.
    """

    read_text: Callable[[str], str]
    current: Callable[[], Target]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformEntry:
    """One entry of `platforms`: a platform that is multiplied by the Pythons, or one target.

    `file` is the path of the complete-platform file that the target comes from.
    """

    meant: Platform | Target
    file: str | None = None


def default_pythons(requires_python: SpecifierSet) -> tuple[Python, ...]:
    """Return every CPython that a project allows and upstream still supports."""
    cpythons = [Python(implementation="cpython", version=minor) for minor in SUPPORTED_CPYTHONS]
    return tuple(python for python in cpythons if admits(requires_python, python))


def old_pythons(requires_python: SpecifierSet) -> tuple[Python, ...]:
    """Return every CPython that a project allows and upstream no longer supports."""
    old = [minor for minor in CPYTHONS if minor < SUPPORTED_CPYTHONS[0]]
    cpythons = [Python(implementation="cpython", version=minor) for minor in old]
    return tuple(python for python in cpythons if admits(requires_python, python))


def expand(entries: Sequence[PlatformEntry], pythons: Sequence[Python]) -> tuple[Target, ...]:
    """Multiply platforms by Pythons, in the order of the table, each target once."""
    targets: list[Target] = []
    for entry in entries:
        if isinstance(entry.meant, Target):
            targets.append(entry.meant)
        else:
            targets += [Target(python=python, platform=entry.meant) for python in pythons]
    return tuple(dict.fromkeys(targets))


def parse_entry(text: str, host: Host) -> PlatformEntry:
    """Return what an entry of `platforms` means; raises PlatformError and TargetError."""
    if text.endswith(".json"):
        return PlatformEntry(meant=_read_complete_platform(text, host), file=text)
    if text == "current":
        return PlatformEntry(meant=host.current())
    if is_pex_platform(text):
        return PlatformEntry(meant=Target.parse(text))
    return PlatformEntry(meant=Platform.parse(text))


def _read_complete_platform(path: str, host: Host) -> Target:
    name = re.split(r"[/\\]", path)[-1].removesuffix(".json")
    if not _FILE_NAME.fullmatch(name):
        raise TargetError(
            f"{path!r} gives its target a name other than letters, digits and '._+-'; "
            "rename the file"
        )
    try:
        data = json.loads(host.read_text(path))
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
    try:
        return Target.from_complete_platform(data, name=name)
    except TargetError as error:
        raise TargetError(*(f"{path!r}: {problem}" for problem in error.problems)) from error
