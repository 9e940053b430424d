"""Wheels on disk to proof: what each says of itself, then `closure.find_faults`."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from hatch_multiplat.closure import (
    Demands,
    find_faults,
    parse_requires,
    render_faults,
    valid_requirements,
)
from hatch_multiplat.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.selection import Selection


def prove_selections(
    selections: Sequence[Selection], paths: Mapping[str, Path], demands: Demands
) -> None:
    """Prove that the wheels of each target are all that it needs.

    `paths` maps the file name of every wheel to the file on disk. Raises VerificationError with
    every fault.
    """
    faults = find_faults(selections, _read_requires(paths), demands)
    if faults:
        targets = {fault.target for fault in faults}
        lines = "\n".join(render_faults(faults, total=len(selections)))
        raise VerificationError(
            f"{len(targets)} of {len(selections)} targets would lack something; nothing was "
            f"written.\n\n{lines}\n\n"
            "to do: write the lock anew; if a version is meant, name it in "
            "override-dependencies of [tool.uv]"
        )


def read_demands(
    roots: Iterable[Requirement], *, requires_python: SpecifierSet, uv_table: Mapping[str, Any]
) -> Demands:
    """Return what a set has to satisfy, with the overrides and exclusions that uv heeds too."""
    return Demands(
        roots=tuple(roots),
        requires_python=requires_python,
        overrides=tuple(valid_requirements(uv_table.get("override-dependencies", ()))),
        excluded=frozenset(
            canonicalize_name(item.name)
            for item in valid_requirements(uv_table.get("exclude-dependencies", ()))
        ),
    )


def _read_requires(paths: Mapping[str, Path]) -> dict[str, tuple[Requirement, ...]]:
    """Read METADATA of each wheel; those of one version mostly share a text, parsed once."""
    parsed: dict[bytes, tuple[Requirement, ...]] = {}
    found = {}
    for filename, path in paths.items():
        data = _metadata_bytes(path)
        if data not in parsed:
            parsed[data] = parse_requires(data.decode("utf-8", "replace"))
        found[filename] = parsed[data]
    return found


def _metadata_bytes(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            # It stands near the end of most wheels.
            for name in reversed(archive.namelist()):
                folder, _, file = name.partition("/")
                if file == "METADATA" and folder.endswith(".dist-info"):
                    return archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise VerificationError(f"{path} cannot be read as a wheel: {error}") from error
    raise VerificationError(f"{path} is no wheel: it has no METADATA")
