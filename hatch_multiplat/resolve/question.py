"""The question to resolve for a project, and the staged pyproject.toml that puts it to uv."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.index.project_settings import require_by_token, valid_requirements
from hatch_multiplat.resolve.project import all_requirements, without_credentials
from hatch_multiplat.targets.platforms import MACHINES_OF_32_BITS
from hatch_multiplat.wheels.metadata import root_requirements, unknown_own_extras
from hatch_multiplat.wheels.proof import read_requirements
from hatch_multiplat.wheels.pylock import target_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.metadata import ProjectMetadata
    from hatch_multiplat.wheels.proof import Requirements

    Constraint = tuple[NormalizedName, SpecifierSet]
    # The versions of a package that a target accepts, as the search for wheels has found.
    Steps = Mapping[tuple[NormalizedName, Target], SpecifierSet]
    _Family = tuple[str, tuple[str, ...], str]


_ELSEWHERE: Final = frozenset({"path", "url", "git", "workspace"})
"""The keys of uv's sources that do not lead to an index."""

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
class Question:
    """The question to solve; while the index does not change, its answer does not either."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    targets: tuple[Target, ...]
    requires_python: SpecifierSet
    uv_table: Mapping[str, Any] = field(hash=False, compare=False)
    project_dir: Path
    build_sdists: bool = True
    """Whether a package without any wheel may be built here, if its wheel is for any platform."""
    tag_constraints: tuple[TagConstraint, ...] = ()
    """The tags that wheels may have; not for uv, but for the search that runs it."""
    own: OwnProject | None = None
    """The project itself, which others may require."""
    title: str = field(default="the project", compare=False)
    """The name of the project in messages."""

    @property
    def direct(self) -> frozenset[NormalizedName]:
        """The packages that uv's sources apply to; not the indirect dependencies."""
        return frozenset(canonicalize_name(requirement.name) for requirement in self.requirements)

    @property
    def elsewhere(self) -> frozenset[NormalizedName]:
        """The packages of no index: those with a URL or a path, and the project itself."""
        asked = (*self.requirements, *self.constraints)
        found = {canonicalize_name(item.name) for item in asked if item.url is not None}
        for name, value in self.uv_table.get("sources", {}).items():
            entries = value if isinstance(value, list) else [value]
            if any(not _ELSEWHERE.isdisjoint(entry) for entry in entries):
                found.add(canonicalize_name(name))
        return frozenset(found | ({self.own.name} if self.own else set()))

    @property
    def required(self) -> Requirements:
        """The requirements that every target's wheels satisfy, without the project's own."""
        return read_requirements(
            self.requirements, requires_python=self.requires_python, uv_table=self.uv_table
        )

    def constraints_on(self, name: NormalizedName) -> list[Requirement]:
        """Return the constraints on a package: the project's, and those of uv's settings."""
        for_uv = valid_requirements(self.uv_table.get("constraint-dependencies", ()))
        return [one for one in (*self.constraints, *for_uv) if canonicalize_name(one.name) == name]

    def excludes_newer(self, context: BuildContext) -> bool:
        """Tell whether uv's settings exclude files by their upload time."""
        sources = context.sources
        tables = (self.uv_table, sources.user_settings, *sources.details.values())
        keys = {key for table in tables for key in table}
        return bool(context.environ.get("UV_EXCLUDE_NEWER")) or not keys.isdisjoint(
            {"exclude-newer", "exclude-newer-package"}
        )

    def wants_newest(self, context: BuildContext) -> bool:
        """Tell whether each target gets the newest versions, which uv's settings may forbid."""
        environ, settings = context.environ, {**context.sources.user_settings, **self.uv_table}
        return (
            (environ.get("UV_RESOLUTION") or settings.get("resolution", "highest")) == "highest"
            and (environ.get("UV_FORK_STRATEGY") or settings.get("fork-strategy")) != "fewest"
            and not self.excludes_newer(context)
        )


def make_question(project: Project, metadata: ProjectMetadata, context: BuildContext) -> Question:
    """Return the question of a project."""
    requires = (without_credentials(item, project.credentials) for item in metadata.requires)
    metadata = replace(metadata, requires=tuple(requires))
    for extra in unknown_own_extras(metadata):
        known = ", ".join(metadata.extras) or "none"
        context.say(
            f"Warning: {metadata.name} requires its own extra {extra!r}, which it does not have "
            f"(it has: {known})"
        )
    requirements, uv_table = require_by_token(
        all_requirements(project, metadata), context.uv_table, project.credentials
    )
    return Question(
        requirements=requirements,
        constraints=project.config.constraints,
        tag_constraints=project.config.tag_constraints,
        targets=project.config.targets,
        requires_python=metadata.requires_python,
        uv_table=uv_table,
        project_dir=project.folder.resolve(),
        build_sdists=project.config.sdists == "universal",
        own=describe_own(project, metadata),
        title=metadata.name or project.folder.resolve().name,
    )


def describe_own(project: Project, metadata: ProjectMetadata) -> OwnProject:
    """Return what others get who require the project."""
    table = project.pyproject.get("project", {})
    version: Version | None = metadata.version
    if not metadata.version.release or metadata.version == Version("0"):
        try:  # The metadata was made without the version, which is no matter to requirements.
            version = Version(str(table["version"]))
        except (KeyError, InvalidVersion):
            version = None
    base = root_requirements(metadata, ())
    known = set(map(str, base))
    return OwnProject(
        name=canonicalize_name(metadata.name),
        version=version,
        requires=base,
        extras={
            extra: tuple(
                requirement
                for requirement in root_requirements(metadata, (extra,))
                if str(requirement) not in known
            )
            for extra in metadata.extras
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverEnvironment:
    """Targets that uv solves as one: the marker that holds for just them."""

    marker: str
    targets: tuple[Target, ...]
    constraints: frozenset[Constraint]


def solver_environments(
    targets: Sequence[Target], steps: Steps | None = None
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
    for (name, target), versions in (steps or {}).items():
        by_target[target].add((name, versions))
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
