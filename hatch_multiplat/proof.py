"""What wheels say of themselves to proof: `closure.find_faults`, and its faults as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.closure import Demands, find_faults, render_faults, valid_requirements
from hatch_multiplat.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.selection import Selection
    from hatch_multiplat.wheel_texts import WheelTexts


def prove_selections(
    selections: Sequence[Selection], texts: Mapping[str, WheelTexts], demands: Demands
) -> None:
    """Prove that the wheels of each target are all that it needs.

    `texts` has what every wheel says of itself, by its file name. Raises VerificationError with
    every fault.
    """
    requires = {filename: text.requires for filename, text in texts.items()}
    faults = find_faults(selections, requires, demands)
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
    """Return what a set has to satisfy, with the user's own words on it that uv heeds too."""
    return Demands(
        roots=tuple(roots),
        requires_python=requires_python,
        overrides=tuple(valid_requirements(uv_table.get("override-dependencies", ()))),
        excluded=frozenset(
            canonicalize_name(item.name)
            for item in valid_requirements(uv_table.get("exclude-dependencies", ()))
        ),
        metadata={
            (canonicalize_name(entry["name"]), _version(entry)): tuple(
                valid_requirements(entry.get("requires-dist", ()))
            )
            for entry in uv_table.get("dependency-metadata", ())
            if "name" in entry
        },
    )


def _version(entry: Mapping[str, Any]) -> Version | None:
    return Version(entry["version"]) if "version" in entry else None
