"""What wheels say of themselves to proof: `closure.find_faults`, and its faults as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.wheels.dependency_proof import (
    Demands,
    find_faults,
    heed_user,
    parse_bound,
    render_faults,
    valid_requirements,
)
from hatch_multiplat.wheels.python_bounds import narrow_selections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.wheels.dependency_proof import Fault
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import WheelTexts


def prove_selections(
    selections: Sequence[Selection],
    texts: Mapping[str, WheelTexts],
    demands: Demands,
    *,
    renewal: str = "",
) -> tuple[Selection, ...]:
    """Prove that the wheels of each target are all that it needs, and that they admit its Python.

    `texts` has what every wheel says of itself, by its file name. Returns the selections, each for
    those patch releases of its Python that all of its wheels admit. `renewal` says how the lock
    is renewed that the wheels are from, if they are from one. Raises VerificationError with every
    fault.
    """
    requires = {filename: text.requires for filename, text in texts.items()}
    bounds = {filename: text.requires_python for filename, text in texts.items()}
    heeded = heed_user(selections, bounds, demands)
    narrowed = narrow_selections(selections, demands.requires_python, heeded)
    faults = find_faults(narrowed, requires, demands, bounds)
    if faults:
        targets = {fault.target for fault in faults}
        lines = "\n".join(render_faults(faults, total=len(selections)))
        to_do = "\n".join(f"to do: {way}" for way in _ways(faults, renewal))
        raise VerificationError(
            f"{len(targets)} of {len(selections)} targets would not be complete; nothing was "
            f"written.\n\n{lines}\n\n{to_do}"
        )
    return narrowed


def _ways(faults: Sequence[Fault], renewal: str) -> list[str]:
    """Say what to do about these kinds of faults."""
    ways = []
    if any(fault.kind != "python" for fault in faults):
        override = "if a version is meant, name it in override-dependencies of [tool.uv]"
        ways.append(f"{renewal}; {override}" if renewal else override)
    if any(fault.kind == "python" for fault in faults):
        ways.append(
            "allow a version that is for this Python, by 'constraints', or drop the Python from "
            "'python'; if what the package says is wrong, correct it in dependency-metadata of "
            "[tool.uv]"
        )
    return ways


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
        pythons={
            (canonicalize_name(entry["name"]), _version(entry)): parse_bound(
                entry["requires-python"]
            )
            for entry in uv_table.get("dependency-metadata", ())
            if "name" in entry and "requires-python" in entry
        },
    )


def _version(entry: Mapping[str, Any]) -> Version | None:
    return Version(entry["version"]) if "version" in entry else None
