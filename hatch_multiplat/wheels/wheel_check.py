"""Find wheels that start-up could not install, and files that would overwrite each other.

The rules are those of `runtime/rules.py`, by which the installer inside an executable goes, judged
for the system of each target. Nothing is written before this has been asked.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.base.threads import map_in_threads
from hatch_multiplat.runtime.rules import Folders, fold, join, judge_wheel
from hatch_multiplat.targets.python import dotted
from hatch_multiplat.wheels.wheel_file import REMEDY, find_damages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.runtime.rules import Placed
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection, Wheel
    from hatch_multiplat.wheels.wheel_file import WheelFile

_SHOWN: Final = 5
"""The number of problems of one wheel in a message."""
_LIBRARY: Final = "site-packages"

_Files = dict[str, tuple[str, object]]
"""A wheel's files by their folded path: the path itself, and a digest of the contents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelProblem:
    """Why a wheel cannot be installed on some targets."""

    filename: str
    reason: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collision:
    """Files of two wheels that go to the same place, with different contents.

    `kept` is the file name of the wheel whose files stay, `lost` that of the other; `paths` are
    their places in the environment. Where the one has a file in place of a folder of the other,
    neither can be: `blocked` says so.
    """

    kept: str
    lost: str
    paths: tuple[str, ...]
    targets: tuple[Target, ...]
    blocked: str = ""


def install_order(
    selections: Sequence[Selection],
    *,
    own: Collection[NormalizedName],
    direct: Collection[NormalizedName],
) -> tuple[Selection, ...]:
    """Return the selections with their wheels in the order of installation.

    If two wheels have the same file, the one installed last wins. So the project's wheels, with the
    names `own`, come last, its direct dependencies, `direct`, before them, and all others first.
    Among equals, the first by name comes last.
    """

    def order(wheels: Sequence[Wheel]) -> list[Wheel]:
        named = sorted(wheels, key=lambda wheel: (wheel.name, wheel.filename), reverse=True)
        return sorted(named, key=lambda wheel: (wheel.name in own, wheel.name in direct))

    return tuple(selection.map_wheels(order) for selection in selections)


def check_wheels(
    selections: Sequence[Selection], files: Mapping[str, WheelFile], *, checked: Path | None = None
) -> tuple[Collision, ...]:
    """Raise VerificationError with everything that keeps start-up from installing these wheels.

    `files` has the wheels by file name; those of a selection are in the order of installation.
    Below the folder `checked`, wheels that were read and found whole are noted by their SHA-256,
    so that the next build need not read them again. Returns the collisions that are left.
    """
    problems, collisions = find_wheel_problems(selections, files, checked=checked)
    if problems:
        raise VerificationError("\n".join(render_wheel_problems(problems, len(selections))))
    return collisions


def find_wheel_problems(
    selections: Sequence[Selection], files: Mapping[str, WheelFile], *, checked: Path | None = None
) -> tuple[tuple[WheelProblem, ...], tuple[Collision, ...]]:
    """Return all that keeps start-up from installing these wheels, and their collisions.

    Parameters are those of `check_wheels`; wheels that `files` lacks are left out.
    """
    judge = _Judge(files)
    takers: dict[str, list[Target]] = defaultdict(list)
    for selection in selections:
        for wheel in selection.wheels:
            if wheel.filename in files:
                takers[wheel.filename].append(selection.target)
    damages = _find_all_damages([files[name] for name in takers], checked)
    problems: list[WheelProblem] = []
    for filename, targets in takers.items():
        found = {damage: list(targets) for damage in damages[filename]}
        for target in targets:
            for breach in judge.place(filename, target)[1]:
                found.setdefault(breach, []).append(target)
        problems += [
            WheelProblem(filename=filename, reason=reason, targets=tuple(dict.fromkeys(where)))
            for reason, where in found.items()
        ]
    if problems:
        return tuple(problems), ()
    collisions = _find_collisions(selections, takers, judge)
    return (
        tuple(
            WheelProblem(filename=item.lost, reason=item.blocked, targets=item.targets)
            for item in collisions
            if item.blocked
        ),
        tuple(item for item in collisions if not item.blocked),
    )


def _find_collisions(
    selections: Sequence[Selection], takers: Collection[str], judge: _Judge
) -> tuple[Collision, ...]:
    """Return the files of one set that overwrite each other, and those that block each other."""
    found: dict[tuple[str, str, str], tuple[dict[str, None], list[Target]]] = {}
    for selection in selections:
        for group in selection.sets:
            names = [wheel.filename for wheel in group.wheels if wheel.filename in takers]
            for path, kept, lost, blocked in judge.compare(names, selection.target):
                paths, targets = found.setdefault((kept, lost, blocked), ({}, []))
                paths[path] = None
                targets.append(selection.target)
    return tuple(
        Collision(
            kept=kept,
            lost=lost,
            paths=tuple(paths),
            targets=tuple(dict.fromkeys(targets)),
            blocked=blocked,
        )
        for (kept, lost, blocked), (paths, targets) in found.items()
    )


def render_wheel_problems(problems: Sequence[WheelProblem], targets: int) -> list[str]:
    """List the problems of wheels, one for each line, with the targets unless all are affected."""
    by_wheel: dict[str, list[WheelProblem]] = defaultdict(list)
    for problem in problems:
        by_wheel[problem.filename].append(problem)
    lines = []
    for filename, found in by_wheel.items():
        lines += [
            f"{filename} cannot be installed{_where(item.targets, targets)}: {item.reason}"
            for item in found[:_SHOWN]
        ]
        if len(found) > _SHOWN:
            lines.append(f"{filename} has {len(found) - _SHOWN} further problems")
    lines[-1] += f"; {REMEDY}"
    return lines


def render_collisions(collisions: Sequence[Collision], targets: int) -> list[str]:
    """List the overwritten files, a line for each pair of wheels."""
    lines = []
    for item in collisions:
        more = f" and {len(item.paths) - 1} more" if len(item.paths) > 1 else ""
        path = item.paths[0].removeprefix(f"{_LIBRARY}/")
        lines.append(
            f"{item.lost} and {item.kept} both have {path}{more}{_where(item.targets, targets)}, "
            f"with different contents: that of {item.kept} stays"
        )
    return lines


def folders_of(target: Target) -> Folders:
    """Return where start-up puts the kinds of a wheel's files for a target."""
    python = target.python
    version = dotted(python.version)
    if target.platform.system == "windows":
        return Folders("Lib/site-packages", "Lib/site-packages", "Scripts", "include/site")
    name = "pypy" if python.implementation == "pypy" else "python"
    suffix = "t" if python.abi_flavour == "t" else ""
    library = f"lib/{name}{version}{suffix}/site-packages"
    return Folders(library, library, "bin", f"include/site/python{version}")


class _Judge:
    """The problems of each wheel on each kind of target, found once."""

    def __init__(self, files: Mapping[str, WheelFile]) -> None:
        self._files = files
        self._placed: dict[tuple[str, Folders, str], tuple[list[Placed], list[str]]] = {}
        self._names_of: dict[tuple[str, str], set[str]] = {}
        self._tops_of: dict[tuple[str, Folders, str], dict[str, _Files]] = {}

    def place(self, filename: str, target: Target) -> tuple[list[Placed], list[str]]:
        key = self._key(filename, target)
        if key not in self._placed:
            self._placed[key] = judge_wheel(self._files[filename].facts, key[1], key[2])
        return self._placed[key]

    def compare(self, filenames: Sequence[str], target: Target) -> list[tuple[str, str, str, str]]:
        """Compare wheels that are installed in this order.

        Returns path, the wheel whose file stays, the other, and why neither can be, if so.
        """
        tops: dict[str, list[str]] = defaultdict(list)
        for filename in filenames:
            for top in self._top_names(filename, target):
                tops[top].append(filename)
        found = []
        for top, sharing in tops.items():
            if len(sharing) > 1:
                held = [(name, self._tops(name, target).get(top, {})) for name in sharing]
                found += _compare_files(held)
        return found

    def _key(self, filename: str, target: Target) -> tuple[str, Folders, str]:
        """The inputs of the result; the folders matter to few wheels."""
        folders, system = folders_of(target), target.platform.system
        if not self._files[filename].has_data:
            folders = folders._replace(purelib="lib", platlib="lib", headers="include")
        return filename, folders, system

    def _top_names(self, filename: str, target: Target) -> Collection[str]:
        """Return the keys of `_tops`, without a look at every file where the wheel is plain."""
        file = self._files[filename]
        if file.has_data or file.texts.scripts:
            return self._tops(filename, target)
        system = target.platform.system
        if (filename, system) not in self._names_of:
            names = [member.name for member in file.facts.members]
            tops = {name.partition("/")[0] for name in names}
            if tops & {"", "."}:
                tops = {join("", name).partition("/")[0] for name in names}
            self._names_of[filename, system] = {fold(f"{_LIBRARY}/{top}", system) for top in tops}
        return self._names_of[filename, system]

    def _tops(self, filename: str, target: Target) -> dict[str, _Files]:
        """Return the files that a wheel puts into the environment, by their top folder.

        Paths are folded, with one name for the library of every target.
        """
        key = self._key(filename, target)
        if key not in self._tops_of:
            _, folders, system = key
            tops: dict[str, _Files] = defaultdict(dict)
            placed: list[tuple[str, object]] = [
                (item.path, item.member[2:]) for item in self.place(filename, target)[0]
            ]
            scripts = self._files[filename].texts.scripts.items()
            placed += [(f"{folders.scripts}/{name}", reference) for name, reference in scripts]
            for path, contents in placed:
                inside = path.removeprefix(folders.purelib + "/")
                shown = path if inside == path else f"{_LIBRARY}/{inside}"
                depth = 1 if inside == path and not path.startswith(folders.scripts) else 2
                top = "/".join(shown.split("/", depth)[:depth])
                tops[fold(top, system)][fold(shown, system)] = shown, contents
            self._tops_of[key] = dict(tops)
        return self._tops_of[key]


def _compare_files(held: Sequence[tuple[str, _Files]]) -> list[tuple[str, str, str, str]]:
    """Compare the files of wheels, the last of which is installed last."""
    last: dict[str, str] = {}
    kept: _Files = {}
    found = []
    for filename, files in held:
        for path, (shown, contents) in files.items():
            if path in last and kept[path][1] != contents:
                found.append((shown, filename, last[path], ""))
            last[path], kept[path] = filename, (shown, contents)
    for filename, files in held:
        for path in files:
            parent = path.rpartition("/")[0]
            while parent:
                if last.get(parent, filename) != filename:
                    shown, other = kept[parent][0], last[parent]
                    blocked = f"it has a folder where {other} has the file {shown!r}"
                    found.append((shown, other, filename, blocked))
                parent = parent.rpartition("/")[0]
    return found


def _where(targets: Sequence[Target], count: int) -> str:
    if len(targets) == count:
        return ""
    return f" for {', '.join(map(str, targets))}"


def _find_all_damages(
    files: Sequence[WheelFile], checked: Path | None
) -> dict[str, tuple[str, ...]]:
    """Read every member of these wheels, but of those that were found whole before."""
    found = map_in_threads(lambda file: _find_damages(file, checked), files, os.cpu_count() or 1)
    return {file.filename: damages for file, damages in zip(files, found, strict=True)}


def _find_damages(file: WheelFile, checked: Path | None) -> tuple[str, ...]:
    note = None
    if checked is not None and file.sha256:
        note = checked / _rules_digest() / file.sha256[:2] / file.sha256
        if note.exists():
            return ()
    damages = tuple(find_damages(file))
    if note is not None and not damages:
        with suppress(OSError):  # Whatever that is: the next build reads it again.
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
    return damages


@functools.cache
def _rules_digest() -> str:
    """The key of a note on an undamaged wheel: the code that has checked it."""
    digest = hashlib.sha256()
    for name in ("runtime/rules.py", "runtime/install.py", "wheels/wheel_file.py"):
        digest.update(resources.files("hatch_multiplat").joinpath(name).read_bytes())
    return digest.hexdigest()[:16]
