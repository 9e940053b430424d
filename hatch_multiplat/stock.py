"""The wheels of a build on this machine, each fetched once, and what is found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_multiplat.closure import heed_user
from hatch_multiplat.fetch import Artifact, fetch_files
from hatch_multiplat.libc_need import find_bare_gaps
from hatch_multiplat.python_bounds import find_unwilling
from hatch_multiplat.wheel_texts import read_wheel_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from hatch_multiplat.closure import Demands
    from hatch_multiplat.market import Market
    from hatch_multiplat.project import ProjectWheel
    from hatch_multiplat.selection import Gap, Selection


class Stock:
    """The wheels that have been fetched so far, for a search that may fetch others next."""

    def __init__(self, market: Market, demands: Demands) -> None:
        self._market = market
        self._demands = demands
        self._paths: dict[str, Path] = {}

    def bring(
        self, selections: Sequence[Selection], own: Sequence[ProjectWheel] = ()
    ) -> dict[str, Path]:
        """Bring all wheels of these selections onto disk; returns their paths by file name.

        `own` are the project's, which are on this machine already. Raises FetchError.
        """
        # A wheel lies in the output folder; whoever rebuilds there must not change it under us.
        added = {wheel.locked.filename: self._market.store.add(wheel.path) for wheel in own}
        self._fetch(selections, added)
        taken = {wheel.filename for selection in selections for wheel in selection.wheels}
        return {name: added.get(name) or self._paths[name] for name in sorted(taken)}

    def look_into(self, selections: Sequence[Selection]) -> tuple[Gap, ...]:
        """Open the wheels of these selections; returns a gap for each that does not do after all.

        It refuses a Python, or needs a newer C library than its tag `linux_ARCH` lets one know.
        """
        paths = self.bring(selections)
        texts = read_wheel_texts(paths)
        bounds = {name: text.requires_python for name, text in texts.items()}
        heeded = heed_user(selections, bounds, self._demands)
        refused = find_unwilling(selections, self._demands.requires_python, heeded)
        return (*refused, *find_bare_gaps(selections, paths))

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
            store=self._market.store,
            session=self._market.session,
            offline=self._market.offline,
            progress=self._market.progress,
        )
        self._paths |= {name: paths[artifact.key] for name, artifact in artifacts.items()}
