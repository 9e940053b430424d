"""Prove from the metadata of wheels that the sets of all targets are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.wheels.dependency_proof import (
    Requirements,
    apply_user_bounds,
    find_problems,
    parse_bound,
    render_problems,
    valid_requirements,
)
from hatch_multiplat.wheels.python_bounds import narrow_selections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.wheels.dependency_proof import Problem
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import WheelTexts


def prove_selections(
    selections: Sequence[Selection],
    texts: Mapping[str, WheelTexts],
    required: Requirements,
    *,
    renewal: str = "",
) -> tuple[Selection, ...]:
    """Prove that the wheels of each target are all that it needs, and that they admit its Python.

    `texts` has what every wheel says of itself, by its file name. Returns the selections, each for
    those patch releases of its Python that all of its wheels admit. `renewal` says how the lock
    is renewed that the wheels are from, if they are from one. Raises VerificationError with every
    problem.
    """
    requires = {filename: text.requires for filename, text in texts.items()}
    bounds = {filename: text.requires_python for filename, text in texts.items()}
    heeded = apply_user_bounds(selections, bounds, required)
    narrowed = narrow_selections(selections, required.requires_python, heeded)
    problems = find_problems(narrowed, requires, required, bounds)
    if problems:
        targets = {problem.target for problem in problems}
        lines = "\n".join(render_problems(problems, total=len(selections)))
        to_do = "\n".join(f"to do: {way}" for way in _ways(problems, renewal))
        raise VerificationError(
            f"{len(targets)} of {len(selections)} targets would not be complete; nothing was "
            f"written.\n\n{lines}\n\n{to_do}"
        )
    return narrowed


def _ways(problems: Sequence[Problem], renewal: str) -> list[str]:
    """Return the remedies for these kinds of problems."""
    ways = []
    if any(problem.kind != "python" for problem in problems):
        override = "if a version is meant, name it in override-dependencies of [tool.uv]"
        ways.append(f"{renewal}; {override}" if renewal else override)
    if any(problem.kind == "python" for problem in problems):
        ways.append(
            "allow a version that is for this Python, by 'constraints', or leave these targets out "
            "by 'exclude'; if what the package says is wrong, correct it in dependency-metadata of "
            "[tool.uv]"
        )
    return ways


def read_requirements(
    roots: Iterable[Requirement], *, requires_python: SpecifierSet, uv_table: Mapping[str, Any]
) -> Requirements:
    """Return what a set has to satisfy, with the user's own words on it that uv heeds too."""
    return Requirements(
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
