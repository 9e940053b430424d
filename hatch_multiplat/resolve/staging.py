"""Targets and requirements to the staged pyproject.toml that uv solves in one universal run."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import tomlkit
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from hatch_multiplat.targets.platforms import MACHINES_OF_32_BITS
from hatch_multiplat.wheels.pylock import target_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.requirements import Requirement

    from hatch_multiplat.targets.target import Target

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
    "cache-dir",
    "http-proxy",
    "https-proxy",
    "native-tls",
    "no-index",
    "no-proxy",
    "system-certs",
    "prerelease",
    "prerelease-package",
    "resolution",
    "fork-strategy",
    "sources",
)
"""The keys of `[tool.uv]` that say what is resolved and where from."""


_COMMON: Final = (
    ("linux", "x86_64"),
    ("windows", "x86_64"),
    ("macos", "arm64"),
    ("linux", "aarch64"),
    ("macos", "x86_64"),
)
"""The kinds of machines that most wheels are made for, the most first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnProject:
    """The project that is built: what requires it by name gets it, and not one of an index.

    `version` is None while nothing says it; then it satisfies whatever is required of it.
    """

    name: NormalizedName
    version: Version | None
    requires: tuple[Requirement, ...]
    extras: Mapping[NormalizedName, tuple[Requirement, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetConstraint:
    """Versions of one package that one target accepts, as the search for wheels has found."""

    name: NormalizedName
    target: Target
    versions: SpecifierSet


Constraint: TypeAlias = tuple[NormalizedName, SpecifierSet]
_Family: TypeAlias = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverEnvironment:
    """Targets that uv solves as one: the marker that holds for just them."""

    marker: str
    targets: tuple[Target, ...]
    constraints: frozenset[Constraint]


def solver_environments(
    targets: Sequence[Target], constraints: Iterable[TargetConstraint] = ()
) -> tuple[SolverEnvironment, ...]:
    """Group targets into as few disjoint markers as tell them apart for uv.

    Every target is in an environment at each of its patch releases, and in one only. Minors that
    follow each other share one, and so do targets that no real marker tells apart, unless a
    constraint concerns only some of them. uv prefers in each environment the versions it chose in
    those before. So unconstrained ones come first, and among them those of the systems for which
    there are the most wheels, whatever the order of the targets.

    A 32-bit Python may be on a 64-bit system, and then is of two machines: that of its markers, and
    that of its wheels, which uv drops from the lock unless an environment names it. Such a target,
    and those of either machine, share one.
    """
    by_target: dict[Target, set[Constraint]] = defaultdict(set)
    for constraint in constraints:
        by_target[constraint.target].add((constraint.name, constraint.versions))
    families: dict[_Family, list[Target]] = defaultdict(list)
    machines = _join_machines(targets)
    for target in targets:
        families[_family(target, machines)].append(target)
    environments: list[SolverEnvironment] = []
    for family, members in families.items():
        labels: dict[str, list[Target]] = defaultdict(list)
        for target in members:
            labels[target_label(target)].append(target)
        if len(labels) > 1 and any(by_target[target] for target in members):
            for label, labelled in labels.items():
                environments += _environments(family, labelled, by_target, label=label)
        else:
            environments += _environments(family, members, by_target, label=None)
    return tuple(sorted(environments, key=_rank))


def _rank(environment: SolverEnvironment) -> tuple[object, ...]:
    """Rank environments: few constraints, then many wheels, then a new Python before an old one."""
    targets = environment.targets
    kinds = {(target.platform.system, target.platform.arch) for target in targets}
    newest = max(target.python.version for target in targets)
    return (
        len(environment.constraints),
        all(target.python.implementation != "cpython" for target in targets),
        min(_COMMON.index(kind) if kind in _COMMON else len(_COMMON) for kind in kinds),
        min(kinds),
        tuple(-part for part in newest),
        environment.marker,
    )


def stage_pyproject(
    *,
    requirements: Sequence[Requirement],
    constraints: Sequence[Requirement],
    environments: Sequence[SolverEnvironment],
    requires_python: str,
    uv_table: Mapping[str, Any],
    restricted: bool,
    own: OwnProject | None = None,
    own_url: str = "",
    yanked: Sequence[tuple[str, str]] = (),
) -> str:
    """Render the pyproject.toml that uv gets.

    `uv_table` is the project's own `[tool.uv]`; with `restricted`, uv is told to solve for these
    environments only, and that packages without an sdist must have wheels for each. `own_url` is
    where what `stage_own` has rendered lies. `yanked` are versions that uv is to admit although
    they are yanked, which it does for those that the project pins, on whatever system.
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
        *(f"{name}=={version} ; sys_platform == 'no system'" for name, version in yanked),
    ]
    if own is not None:
        # A constraint keeps the versions that others require of it, an override replaces them.
        key = "constraint-dependencies" if own.version else "override-dependencies"
        uv[key] = [*uv.get(key, []), f"{own.name} @ {own_url}"]
    if restricted:
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


def stage_own(own: OwnProject, *, requires_python: str) -> str:
    """Render a pyproject.toml with the metadata that the project's wheel will have."""
    project = {
        "name": str(own.name),
        "version": str(own.version or 0),
        "requires-python": requires_python,
        "dependencies": [str(requirement) for requirement in own.requires],
        "optional-dependencies": {
            str(extra): [str(requirement) for requirement in requires]
            for extra, requires in sorted(own.extras.items())
        },
    }
    return tomlkit.dumps({"project": project})


def lowest_python(targets: Sequence[Target], requires_python: SpecifierSet) -> str:
    """Return the lowest Python version that a target admits and the project too, `3.11` or so."""
    lowest = min(Version(target.full_versions[0]) for target in targets)
    first = lowest.micro
    for patch in range(first, first + 50):
        if requires_python.contains(f"{lowest.major}.{lowest.minor}.{patch}"):
            return f"{lowest.major}.{lowest.minor}.{patch}" if patch else str(lowest)
    return str(lowest)


def _join_machines(targets: Iterable[Target]) -> dict[tuple[str, str], frozenset[str]]:
    """Return the machines that share an environment, by system and each of them."""
    joined: dict[tuple[str, str], frozenset[str]] = {}
    for target in targets:
        environment = target.environment()
        system = environment["sys_platform"]
        own = {environment["platform_machine"], target.platform.platform_machine}
        own |= {other for one in own for other in MACHINES_OF_32_BITS.get((system, one), ())}
        known = frozenset().union(*(joined.get((system, one), {one}) for one in own))
        joined |= {(system, one): known for one in known}
    return joined


def _family(target: Target, machines: Mapping[tuple[str, str], frozenset[str]]) -> _Family:
    environment = target.environment()
    system, machine = environment["sys_platform"], environment["platform_machine"]
    return (
        system,
        tuple(sorted(machines[system, machine])),
        environment["implementation_name"],
    )


def _environments(
    family: _Family,
    targets: Sequence[Target],
    by_target: Mapping[Target, set[Constraint]],
    *,
    label: str | None,
) -> list[SolverEnvironment]:
    """Cut the Pythons of targets where one begins or ends, and join what has one answer."""
    cuts = sorted({cut for target in targets for cut in target.full_versions}, key=Version)
    joined: list[tuple[str, str, frozenset[Constraint], list[Target]]] = []
    for first, end in itertools.pairwise(cuts):
        covering = [target for target in targets if _covers(target, first)]
        if not covering:
            continue
        wanted = frozenset().union(*(by_target[target] for target in covering))
        if joined and joined[-1][1:3] == (first, wanted):
            begin, _, _, members = joined.pop()
            joined.append((begin, end, wanted, list(dict.fromkeys([*members, *covering]))))
        else:
            joined.append((first, end, wanted, covering))
    return [
        SolverEnvironment(
            marker=_marker(family, first, end, label=label),
            targets=tuple(members),
            constraints=wanted,
        )
        for first, end, wanted, members in joined
    ]


def _covers(target: Target, version: str) -> bool:
    first, end = target.full_versions
    return Version(first) <= Version(version) < Version(end)


def _marker(family: _Family, first: str, end: str, *, label: str | None) -> str:
    sys_platform, machines, implementation = family
    either = " or ".join(f"platform_machine == '{machine}'" for machine in machines)
    atoms = [
        f"sys_platform == '{sys_platform}'",
        f"({either})" if len(machines) > 1 else either,
        f"implementation_name == '{implementation}'",
        f"python_full_version >= '{first}'",
        f"python_full_version < '{end}'",
    ]
    if label is not None:
        atoms.append(f"platform_version == '{label}'")
    return " and ".join(atoms)
