"""Wheels built here from sdists that have none: each once, and why others were not built."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hatch_multiplat.resolve.sdist import NotUniversalError, build_universal_wheel
from hatch_multiplat.wheels.incompatibility import explain_incompatibility
from hatch_multiplat.wheels.selection import select_all, tag_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.tags import Tag

    from hatch_multiplat.resolve.build_context import Market
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import LockedSource, MissingWheel, Outcome, Wheel

_OWN_PLATFORM: Final = {"darwin": "macosx", "win32": "win"}.get(sys.platform, sys.platform)


@dataclass(kw_only=True, slots=True)
class BuiltSdists:
    """Builds what is needed and can be built, and remembers what cannot.

    `native` tells whether a gap's package has wheels for its target's platform in other versions.
    `listed` gives the tags of the wheels that an index has beside the gap's sdist: a lock that was
    solved for some platforms has no others, and then looks as if there were only an sdist.
    """

    market: Market
    enabled: bool
    native: Callable[[MissingWheel], bool]
    listed: Callable[[MissingWheel], Collection[Tag]]
    built: dict[str, Wheel] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def filenames(self) -> frozenset[str]:
        return frozenset(wheel.filename for wheel in self.built.values())

    def select(self, lock: Pylock, targets: Sequence[Target], base: PurePath) -> Outcome:
        """Select from a lock, building what it has as an sdist only."""
        outcome = self.select_ready(lock, targets, base)
        new = [
            source
            for source in outcome.sources
            if source.url not in self.built and source.url not in self.refused
        ]
        if not new:
            return outcome
        for source in new:
            missing_wheels = [
                missing_wheel
                for missing_wheel in outcome.missing_wheels
                if missing_wheel.source == source
            ]
            self.build(source, missing_wheels)
        return self.select_ready(lock, targets, base)

    def select_ready(self, lock: Pylock, targets: Sequence[Target], base: PurePath) -> Outcome:
        """Select from a lock without building anything further."""
        return select_all(lock, targets, base=base, built=self.built, rules=self.market.rules)

    def build(self, source: LockedSource, missing_wheels: Sequence[MissingWheel]) -> None:
        if not self.enabled:
            self.refused[source.url] = 'and sdists = "never"'
            return
        if source.kind == "sdist" and any(
            self.native(missing_wheel) for missing_wheel in missing_wheels
        ):
            self.refused[source.url] = "while other versions have wheels for this platform"
            return
        if source.kind == "sdist" and any(
            _is_native_here(self.listed(missing_wheel)) for missing_wheel in missing_wheels
        ):
            self.refused[source.url] = ""
            return
        market = self.market
        try:
            self.built[source.url] = build_universal_wheel(
                source,
                sources=market.sources,
                wheel_cache=market.wheel_cache,
                client=market.client,
                offline=market.offline,
                progress=market.progress,
                say=market.say,
            )
        except NotUniversalError as error:
            self.refused[source.url] = str(error)

    def annotate(self, missing_wheel: MissingWheel) -> MissingWheel:
        """Add to a gap which wheels there are, and why its sdist was not built."""
        source = missing_wheel.source
        if source is None:
            return missing_wheel
        tags = self.listed(missing_wheel) if missing_wheel.kind == "sdist" else ()
        if tags and tag_ranks(missing_wheel.target).keys().isdisjoint(tags):
            kind, reason, needs = explain_incompatibility(tags, missing_wheel.target)
            missing_wheel = replace(missing_wheel, kind=kind, reason=reason, needs=needs)
        why = self.refused.get(source.url)
        return (
            replace(missing_wheel, reason=f"{missing_wheel.reason}, {why}")
            if why
            else missing_wheel
        )


def _is_native_here(tags: Collection[Tag]) -> bool:
    """Tell whether these wheels are native ones for this machine's system too, as a built one is.

    The system counts and not the machine's architecture: whoever compiles for one does for all.
    """
    return any(_OWN_PLATFORM in tag.platform for tag in tags) and all(
        tag.platform != "any" for tag in tags
    )
