"""Selections to the inventory of an executable: each wheel, its licence, and its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_multiplat.base.urls import display_url
from hatch_multiplat.wheels.metadata import Licensing, read_licensing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.wheels.selection import Selection, Wheel


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The source of a wheel: its URL without credentials, or that of its sdist."""

    url: str
    hashes: tuple[tuple[str, str], ...]
    is_source: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelComponent:
    """One wheel in an executable; `origin` is None if it only exists on this machine."""

    name: str
    version: str
    filename: str
    sha256: str
    licensing: Licensing
    targets: tuple[str, ...]
    origin: Origin | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """An executable and all its wheels, sorted by file name."""

    name: str
    version: str
    filename: str
    sha256: str
    licensing: Licensing
    targets: tuple[str, ...]
    components: tuple[WheelComponent, ...]


def list_components(
    selections: Sequence[Selection],
    *,
    lock: Pylock,
    digests: Mapping[str, str],
    metadata: Mapping[str, str],
) -> tuple[WheelComponent, ...]:
    """List every wheel that some selection takes, each once.

    `digests` and `metadata` map file names to the SHA-256 and the METADATA text of the wheels.
    The lock says which sdist a wheel was built from.
    """
    targets: dict[str, list[str]] = {}
    wheels: dict[str, Wheel] = {}
    for selection in selections:
        for wheel in selection.wheels:
            wheels[wheel.filename] = wheel
            targets.setdefault(wheel.filename, []).append(str(selection.target))
    return tuple(
        WheelComponent(
            name=str(wheel.name),
            version=str(wheel.version),
            filename=filename,
            sha256=digests[filename],
            licensing=read_licensing(metadata[filename]),
            targets=tuple(targets[filename]),
            origin=_find_origin(wheel, lock),
        )
        for filename, wheel in sorted(wheels.items())
    )


def _find_origin(wheel: Wheel, lock: Pylock) -> Origin | None:
    if _is_remote(wheel.url):
        return Origin(url=display_url(wheel.url), hashes=wheel.hashes)
    for package in lock.packages:
        sdist = package.sdist or package.archive
        is_it = package.name == wheel.name and package.version == wheel.version
        if is_it and not package.wheels and sdist is not None and _is_remote(sdist.url or ""):
            return Origin(
                url=display_url(sdist.url or ""),
                hashes=tuple(sorted(sdist.hashes.items())),
                is_source=True,
            )
    return None


def _is_remote(url: str) -> bool:
    return url.startswith(("http://", "https://"))
