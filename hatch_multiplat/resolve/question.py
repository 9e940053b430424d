"""The question to resolve for a project, without the sources of packages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.index.project_settings import require_by_token
from hatch_multiplat.resolve.project import all_requirements, without_credentials
from hatch_multiplat.resolve.staging import OwnProject
from hatch_multiplat.wheels.metadata import root_requirements, unknown_own_extras
from hatch_multiplat.wheels.proof import read_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.dependency_proof import Requirements
    from hatch_multiplat.wheels.metadata import ProjectMetadata

_ELSEWHERE: Final = frozenset({"path", "url", "git", "workspace"})
"""The keys of uv's sources that do not lead to an index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """The question to solve; while the index does not change, its answer does not either."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    targets: tuple[Target, ...]
    requires_python: SpecifierSet
    sources: Sources
    uv_table: Mapping[str, Any] = field(hash=False, compare=False)
    project_dir: Path
    offline: bool = False
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

    def excludes_newer(self, environ: Mapping[str, str]) -> bool:
        """Tell whether uv's settings exclude files by their upload time."""
        tables = (self.uv_table, self.sources.user_settings, *self.sources.details.values())
        keys = {key for table in tables for key in table}
        return bool(environ.get("UV_EXCLUDE_NEWER")) or not keys.isdisjoint(
            {"exclude-newer", "exclude-newer-package"}
        )

    def wants_newest(self, environ: Mapping[str, str]) -> bool:
        """Tell whether each target gets the newest versions, which uv's settings may forbid."""
        settings = {**self.sources.user_settings, **self.uv_table}
        return (
            (environ.get("UV_RESOLUTION") or settings.get("resolution", "highest")) == "highest"
            and (environ.get("UV_FORK_STRATEGY") or settings.get("fork-strategy")) != "fewest"
            and not self.excludes_newer(environ)
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
        sources=context.sources,
        uv_table=uv_table,
        project_dir=project.folder.resolve(),
        offline=context.offline,
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
