"""The wheels of a build on this machine, each downloaded once, and the facts read from them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hatch_multiplat.base.urls import local_path
from hatch_multiplat.index.fetch import Artifact, fetch_files, fetch_metadata
from hatch_multiplat.wheels.elf import find_newer_libc
from hatch_multiplat.wheels.incompatibility import promises_floor
from hatch_multiplat.wheels.metadata import parse_wheel_texts
from hatch_multiplat.wheels.proof import find_refused_by_python, list_requirements
from hatch_multiplat.wheels.wheel_file import open_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.wheel_cache import CachedFile
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import ProjectWheel
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.elf import LibcNeed
    from hatch_multiplat.wheels.metadata import WheelTexts
    from hatch_multiplat.wheels.proof import Requirements
    from hatch_multiplat.wheels.selection import MissingWheel, Selection, Wheel
    from hatch_multiplat.wheels.wheel_file import WheelFile


class Downloads:
    """The wheels that have been downloaded so far; a search may download others next.

    With `whole`, every wheel is fetched before it is judged, as a build needs them all. Without,
    what a wheel says of itself is read from the METADATA that its index serves, and only those
    wheels are fetched whose index serves none, or whose tag promises no C library.
    """

    def __init__(self, context: BuildContext, *, whole: bool) -> None:
        self.whole = whole
        self.unopened: set[str] = set()
        """The wheels that were judged by the METADATA that an index serves, by file name."""
        self.seconds = 0.0
        """The seconds that downloads have taken."""
        self._context = context
        self._fetched: dict[str, CachedFile] = {}
        # By path: a wheel of the project may have the name of one that was fetched.
        self._files: dict[Path, WheelFile] = {}
        self._served: dict[str, WheelTexts] = {}
        self._libc_needs: dict[str, dict[str, LibcNeed]] = {}

    def bring(
        self, selections: Sequence[Selection], own: Sequence[ProjectWheel] = ()
    ) -> dict[str, CachedFile]:
        """Download all wheels of these selections; returns their paths by file name.

        `own` are the project's, which are on this machine already. Raises FetchError.
        """
        # A wheel lies in the output folder; whoever rebuilds there must not change it under us.
        cache = self._context.wheel_cache
        added = {wheel.locked.filename: cache.add(wheel.path, in_place=True) for wheel in own}
        taken = {wheel.filename: wheel for found in selections for wheel in found.wheels}
        self._fetch([wheel for name, wheel in taken.items() if name not in added])
        return {name: added.get(name) or self._fetched[name] for name in sorted(taken)}

    def examine(
        self, selections: Sequence[Selection], required: Requirements
    ) -> tuple[MissingWheel, ...]:
        """Read the wheels of these selections; returns a missing wheel for each that does not fit.

        Such a wheel does not allow the Python, or needs a newer C library than its tag `linux_ARCH`
        tells.
        """
        if self.whole:
            self.bring(selections)
        refused = find_refused_by_python(selections, self._texts_of(selections), required)
        bare = {
            wheel.filename: wheel
            for selection in selections
            for wheel in selection.wheels
            if not promises_floor(wheel.tags, selection.target)
        }
        self._fetch(bare.values())
        self.unopened -= bare.keys()
        files = self.open({name: self._fetched[name] for name in bare})
        return (*refused, *find_newer_libc(selections, files, self._libc_needs))

    def requirements_on(
        self, selections: Sequence[Selection], required: Requirements
    ) -> dict[Target, dict[NormalizedName, list[tuple[str, Requirement]]]]:
        """Return, for each target, the requirements on each package, with what requires it.

        Only those wheels are fetched for it whose METADATA no index serves.
        """
        texts = self._texts_of(selections)
        return {one.target: list_requirements(one, texts, required) for one in selections}

    def _texts_of(self, selections: Sequence[Selection]) -> dict[str, WheelTexts]:
        """Return what each wheel says of itself, by file name; opens those without METADATA."""
        wheels = {wheel.filename: wheel for found in selections for wheel in found.wheels}
        # What lies on this machine is read where it is, and not copied for a look.
        here = {
            name: path
            for name, wheel in wheels.items()
            if name not in self._fetched
            and (path := local_path(wheel.url)) is not None
            and path.is_file()
        }
        known = self._served.keys() | self._fetched.keys() | here.keys()
        new = [_artifact(wheel) for name, wheel in sorted(wheels.items()) if name not in known]
        context = self._context
        if new and not context.offline:
            context.client.prepare()
        served = fetch_metadata(
            new,
            wheel_cache=context.wheel_cache,
            client=context.client,
            offline=context.offline,
        )
        made: dict[str, WheelTexts] = {}
        for name, text in served.items():
            made.setdefault(text, parse_wheel_texts(text))
            self._served[name] = made[text]
        rest = {name for name in wheels if name not in self._served and name not in here}
        self._fetch([wheels[name] for name in rest])
        for path in here.values():
            if path not in self._files:
                self._files[path] = open_wheel(path)
        opened = self.open({name: self._fetched[name] for name in sorted(rest)})
        opened |= {name: self._files[path] for name, path in here.items()}
        served_ones = {name: self._served[name] for name in wheels if name in self._served}
        self.unopened |= served_ones.keys() - self._fetched.keys()
        return served_ones | {name: file.texts for name, file in opened.items()}

    def open(self, files: Mapping[str, CachedFile]) -> dict[str, WheelFile]:
        """Open each of these wheels, by file name, unless it has been opened before."""
        for file in files.values():
            if file.path not in self._files:
                self._files[file.path] = open_wheel(file.path, sha256=file.sha256)
        return {name: self._files[file.path] for name, file in files.items()}

    def _fetch(self, wheels: Iterable[Wheel]) -> None:
        artifacts = {
            wheel.filename: _artifact(wheel)
            for wheel in sorted(wheels, key=lambda wheel: wheel.filename)
            if wheel.filename not in self._fetched
        }
        context = self._context
        started = time.monotonic()
        files = fetch_files(
            list(artifacts.values()),
            wheel_cache=context.wheel_cache,
            client=context.client,
            offline=context.offline,
            progress=context.progress,
        )
        self.seconds += time.monotonic() - started
        self._fetched |= {name: files[artifact.key] for name, artifact in artifacts.items()}


def _artifact(wheel: Wheel) -> Artifact:
    return Artifact(
        filename=wheel.filename, url=wheel.url, hashes=dict(wheel.hashes), size=wheel.size
    )
