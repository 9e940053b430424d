"""Targets and requirements to the staged pyproject.toml that uv solves in one universal run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.specifiers import SpecifierSet

from hatch_multiplat.lock import target_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from hatch_multiplat.target import Target

STAGED_NAME: Final = "multiplat-staged-project"

UV_KEYS: Final = (
    "constraint-dependencies",
    "override-dependencies",
    "exclude-dependencies",
    "dependency-metadata",
    "exclude-newer",
    "exclude-newer-package",
    "extra-index-url",
    "find-links",
    "index",
    "index-strategy",
    "index-url",
    "keyring-provider",
    "allow-insecure-host",
    "no-index",
    "prerelease",
    "resolution",
    "fork-strategy",
    "sources",
)
"""The keys of `[tool.uv]` that say what is resolved and where from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetConstraint:
    """Versions of one package that one target accepts, as the search for wheels has found."""

    name: NormalizedName
    target: Target
    versions: SpecifierSet


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverEnvironment:
    """Targets that uv solves as one: the marker that holds for just them."""

    marker: str
    targets: tuple[Target, ...]
    constraints: frozenset[tuple[NormalizedName, SpecifierSet]]


def solver_environments(
    targets: Sequence[Target], constraints: Iterable[TargetConstraint] = ()
) -> tuple[SolverEnvironment, ...]:
    """Group targets into as few disjoint markers as tell them apart for uv.

    Minors of one platform that follow each other share a marker, unless a constraint concerns
    only some of them. Unconstrained environments come first: uv prefers in each environment the
    versions it chose in those before, so that a step back stays where it is needed.
    """
    by_target: dict[Target, set[tuple[NormalizedName, SpecifierSet]]] = defaultdict(set)
    for constraint in constraints:
        by_target[constraint.target].add((constraint.name, constraint.versions))
    labels: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for target in targets:
        labels[_family(target)].add(target_label(target))
    groups: dict[tuple[object, ...], list[Target]] = defaultdict(list)
    for target in targets:
        key = (_family(target), target_label(target), frozenset(by_target[target]))
        groups[key].append(target)
    environments = []
    for members in groups.values():
        told_apart = len(labels[_family(members[0])]) > 1
        for run in _runs(members):
            environments.append(
                SolverEnvironment(
                    marker=_marker(run, told_apart=told_apart),
                    targets=tuple(run),
                    constraints=frozenset(by_target[run[0]]),
                )
            )
    return tuple(sorted(environments, key=lambda environment: len(environment.constraints)))


def stage_pyproject(
    *,
    requirements: Sequence[Requirement],
    constraints: Sequence[Requirement],
    environments: Sequence[SolverEnvironment],
    requires_python: str,
    uv_table: Mapping[str, Any],
    confined: bool,
) -> str:
    """Render the pyproject.toml that uv gets.

    `uv_table` is the project's own `[tool.uv]`; with `confined`, uv is told to solve for these
    environments only, and that packages without an sdist must have wheels for each.
    """
    uv: dict[str, Any] = {key: uv_table[key] for key in UV_KEYS if key in uv_table}
    uv["constraint-dependencies"] = [
        *uv.get("constraint-dependencies", []),
        *(str(constraint) for constraint in constraints),
        *(
            f"{name}{versions} ; {environment.marker}"
            for environment in environments
            for name, versions in sorted(environment.constraints, key=str)
        ),
    ]
    if confined:
        markers = [environment.marker for environment in environments]
        uv["environments"] = markers
        uv["required-environments"] = markers
    document = {
        "project": {
            "name": STAGED_NAME,
            "version": "0",
            "requires-python": requires_python,
            "dependencies": [str(requirement) for requirement in requirements],
        },
        "tool": {"uv": uv},
    }
    return tomlkit.dumps(document)


def lowest_python(targets: Sequence[Target], requires_python: SpecifierSet) -> str:
    """Return the lowest Python version that a target admits and the project too, `3.11` or so."""
    lowest = min(targets, key=lambda target: target.python.version)
    major, minor = lowest.python.version
    if lowest.python.patch is not None:
        return f"{major}.{minor}.{lowest.python.patch}"
    for patch in range(50):
        if requires_python.contains(f"{major}.{minor}.{patch}"):
            return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"
    return f"{major}.{minor}"


def _family(target: Target) -> tuple[str, ...]:
    environment = target.environment()
    return (
        environment["sys_platform"],
        environment["platform_machine"],
        environment["implementation_name"],
    )


def _runs(targets: Iterable[Target]) -> list[list[Target]]:
    """Split targets into runs whose Python ranges follow each other without a hole."""
    runs: list[list[Target]] = []
    for target in sorted(targets, key=lambda target: (target.python.version, str(target))):
        if runs and runs[-1][-1].full_versions[1] == target.full_versions[0]:
            runs[-1].append(target)
        else:
            runs.append([target])
    return runs


def _marker(run: Sequence[Target], *, told_apart: bool) -> str:
    sys_platform, machine, implementation = _family(run[0])
    atoms = [
        f"sys_platform == '{sys_platform}'",
        f"platform_machine == '{machine}'",
        f"implementation_name == '{implementation}'",
        f"python_full_version >= '{run[0].full_versions[0]}'",
        f"python_full_version < '{run[-1].full_versions[1]}'",
    ]
    if told_apart:
        atoms.append(f"platform_version == '{target_label(run[0])}'")
    return " and ".join(atoms)
