"""The wheels of a build on this machine, each fetched once, and what is found in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hatch_multiplat.index.fetch import Artifact, fetch_files
from hatch_multiplat.wheels.dependency_proof import heed_user
from hatch_multiplat.wheels.elf import find_bare_gaps
from hatch_multiplat.wheels.python_bounds import find_refused_by_python
from hatch_multiplat.wheels.wheel_file import read_wheel_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.resolve.build_context import Market
    from hatch_multiplat.resolve.project import ProjectWheel
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.dependency_proof import Demands
    from hatch_multiplat.wheels.selection import MissingWheel, Selection
    from hatch_multiplat.wheels.wheel_file import WheelTexts


class Downloads:
    """The wheels that have been fetched so far, for a search that may fetch others next."""

    def __init__(self, market: Market, demands: Demands) -> None:
        self._market = market
        self._demands = demands
        self._paths: dict[str, Path] = {}
        # By path: a wheel of the project may have the name of one that was fetched.
        self._texts: dict[Path, WheelTexts] = {}
        self._proven: set[tuple[Path, Target]] = set()

    def bring(
        self, selections: Sequence[Selection], own: Sequence[ProjectWheel] = ()
    ) -> dict[str, Path]:
        """Bring all wheels of these selections onto disk; returns their paths by file name.

        `own` are the project's, which are on this machine already. Raises FetchError.
        """
        # A wheel lies in the output folder; whoever rebuilds there must not change it under us.
        added = {wheel.locked.filename: self._market.wheel_cache.add(wheel.path) for wheel in own}
        self._fetch(selections, added)
        taken = {wheel.filename for selection in selections for wheel in selection.wheels}
        return {name: added.get(name) or self._paths[name] for name in sorted(taken)}

    def look_into(self, selections: Sequence[Selection]) -> tuple[MissingWheel, ...]:
        """Open the wheels of these selections; returns a gap for each that does not do after all.

        It refuses a Python, or needs a newer C library than its tag `linux_ARCH` lets one know.
        """
        paths = self.bring(selections)
        texts = self.read_texts(paths)
        bounds = {name: text.requires_python for name, text in texts.items()}
        heeded = heed_user(selections, bounds, self._demands)
        refused = find_refused_by_python(selections, self._demands.requires_python, heeded)
        new = self.unproven(selections, paths)
        missing_wheels = find_bare_gaps(new, paths)
        left = {(missing_wheel.name, missing_wheel.target) for missing_wheel in missing_wheels}
        self._proven |= {
            (paths[wheel.filename], selection.target)
            for selection in new
            for wheel in selection.wheels
            if (wheel.name, selection.target) not in left
        }
        return (*refused, *missing_wheels)

    def read_texts(self, paths: Mapping[str, Path]) -> dict[str, WheelTexts]:
        """Read each of these wheels, by file name, unless it has been read before."""
        new = {name: path for name, path in paths.items() if path not in self._texts}
        self._texts |= {paths[name]: texts for name, texts in read_wheel_texts(new).items()}
        return {name: self._texts[path] for name, path in paths.items()}

    def unproven(
        self, selections: Sequence[Selection], paths: Mapping[str, Path]
    ) -> tuple[Selection, ...]:
        """Return the selections without the wheels that were opened, and do for their target."""
        return tuple(
            replace(
                selection,
                sets=tuple(
                    replace(
                        found,
                        wheels=tuple(
                            wheel
                            for wheel in found.wheels
                            if (paths[wheel.filename], selection.target) not in self._proven
                        ),
                    )
                    for found in selection.sets
                ),
            )
            for selection in selections
        )

    def _fetch(self, selections: Sequence[Selection], own: Collection[str]) -> None:
        wanted = {found.filename: found for selection in selections for found in selection.wheels}
        artifacts = {
            filename: Artifact(
                filename=filename, url=found.url, hashes=dict(found.hashes), size=found.size
            )
            for filename, found in sorted(wanted.items())
            if filename not in self._paths and filename not in own
        }
        paths = fetch_files(
            list(artifacts.values()),
            wheel_cache=self._market.wheel_cache,
            client=self._market.client,
            offline=self._market.offline,
            progress=self._market.progress,
        )
        self._paths |= {name: paths[artifact.key] for name, artifact in artifacts.items()}
