"""The files beside the executable that a build writes on request: inventory and checksums."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.build.checksums import write_checksums
from hatch_multiplat.index.wheel_cache import hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.build.report import Output
    from hatch_multiplat.config.config import Config
    from hatch_multiplat.resolve.project import ProjectWheel
    from hatch_multiplat.wheels.selection import Selection, Wheel
    from hatch_multiplat.wheels.wheel_file import WheelFile

EPOCH: Final = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The files to write beside an executable; made by `check_wanted`."""

    checksums: bool = False
    write_sboms: Callable[..., list[Path]] | None = None
    timestamp: datetime | None = None


def check_wanted(
    *, checksums: bool, sbom: bool, config: Config, environ: Mapping[str, str]
) -> Wanted:
    """Check at the beginning that all the wanted files can be written at the end.

    Raises ConfigError where no output is one file that an inventory can be of, the library for
    inventories is not installed, or SOURCE_DATE_EPOCH is no number.
    """
    if not sbom:
        return Wanted(checksums=checksums)
    is_file = "pex" in config.formats and config.layout == "zipapp"
    if not is_file and not {"pyz", "exe"}.intersection(config.formats):
        problem = (
            "tool.multiplat.sbom: an inventory describes one file; it needs 'pex' in 'formats' "
            "with the layout 'zipapp', 'pyz' or 'exe'"
        )
        raise ConfigError([problem])
    try:
        # An inventory is an extra: its library is as large as all of our own code many times over.
        module = importlib.import_module("hatch_multiplat.build.sbom")
    except ModuleNotFoundError as error:
        problem = (
            "an inventory (--sbom, or 'sbom' in the table) needs cyclonedx-python-lib: have "
            "'hatch-multiplat[sbom]' where 'hatch-multiplat' is now, be it installed or named in "
            "build-system.requires"
        )
        raise ConfigError([problem]) from error
    return Wanted(
        checksums=checksums, write_sboms=module.write_sboms, timestamp=_read_epoch(environ)
    )


def write_side_outputs(
    wanted: Wanted,
    outputs: Sequence[Output],
    *,
    wheels: Sequence[ProjectWheel],
    selections: Sequence[Selection],
    files: Mapping[str, WheelFile],
    lock: Pylock,
) -> tuple[Path, ...]:
    """Write what is wanted beside the outputs, which lie in one folder, and return the paths.

    `wheels` are the project's own that the executable holds. `files` has every wheel by its file
    name. The checksums cover the executable and its inventory, and of the project's wheels and
    sdist what lies there too.
    """
    written: list[Path] = []
    made = [Path(output.path) for output in outputs if Path(output.path).is_file()]
    folder = Path(outputs[0].path).parent
    if wanted.write_sboms is not None:
        written += wanted.write_sboms(
            _executables(outputs, made),
            wheels[0],
            selections=selections,
            files=files,
            lock=lock,
            timestamp=wanted.timestamp,
        )
    if wanted.checksums:
        made += [*written, *_own_distributions(wheels, folder)]
        written.append(write_checksums(folder, made))
    return tuple(written)


def _executables(outputs: Sequence[Output], made: Sequence[Path]) -> list[Path]:
    """Return the files that get an inventory: the PEX and the pyz, or a program for Windows."""
    named = {item.format: Path(item.path) for item in reversed(outputs)}
    whole = [named[name] for name in ("pex", "pyz") if name in named and named[name] in made]
    return whole or [named["exe"]]


def _own_distributions(wheels: Sequence[ProjectWheel], folder: Path) -> list[Path]:
    """Return the project's wheels and its sdist that are in the folder.

    A wheel counts if it has the same content as the one that was taken, which may lie elsewhere.
    An sdist is known by its name alone and taken as it lies there: no build reads it.
    """
    metadata = wheels[0].metadata
    name = canonicalize_name(metadata.name).replace("-", "_")
    sdist = folder / f"{name}-{metadata.version}.tar.gz"
    found = [
        path for wheel in wheels if _has_content(path := folder / wheel.path.name, wheel.locked)
    ]
    return [*found, *([sdist] if sdist.is_file() else [])]


def _has_content(path: Path, wheel: Wheel) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == wheel.size
        and hash_file(path, "sha256") == wheel.sha256
    )


def _read_epoch(environ: Mapping[str, str]) -> datetime | None:
    text = environ.get(EPOCH, "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError([f"{EPOCH} must be a number of seconds (got {text!r})"]) from error
