"""A project on disk: its pyproject.toml, its table, its wheel, and its requirements."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import (
    ConfigError,
    ExecutableError,
    VerificationError,
    explain_unreadable,
)
from hatch_multiplat.base.toml_table import TomlFile, read_toml_file
from hatch_multiplat.base.urls import Credentials, explain_url, redact_text
from hatch_multiplat.config.config import (
    IN_PROJECT,
    Config,
    ProjectFacts,
    known_keys,
    parse_config,
    widen_targets,
)
from hatch_multiplat.config.pyproject_shapes import check_pyproject, misplaced_options
from hatch_multiplat.index.local_files import project_host
from hatch_multiplat.index.project_settings import take_credentials
from hatch_multiplat.index.wheel_cache import hash_file
from hatch_multiplat.wheels.metadata import (
    ProjectMetadata,
    parse_metadata,
    root_requirements,
    unknown_extras,
)
from hatch_multiplat.wheels.selection import Wheel, parse_wheel
from hatch_multiplat.wheels.wheel_file import REMEDY, open_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName

    from hatch_multiplat.config.config import Overrides


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A project's folder, its `pyproject.toml` as data, and its `[tool.multiplat]` parsed.

    `requires_python` is the bound by which its Pythons were read: that of `[project]`, or of its
    wheel, once there is one.
    """

    folder: Path
    pyproject: Mapping[str, Any]
    config: Config
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    credentials: Credentials = field(default_factory=Credentials, hash=False, compare=False)
    """The secrets from the URLs of `pyproject`, which no longer has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectWheel:
    """The project's own wheel: its path, its facts, and its scripts."""

    path: Path
    locked: Wheel
    metadata: ProjectMetadata
    scripts: Mapping[str, str]


def open_project(folder: Path) -> Project:
    """Read a project; raises ConfigError with every problem found in its table."""
    return make_project(folder, read_pyproject(folder))


def make_project(folder: Path, pyproject: Mapping[str, Any]) -> Project:
    """Return the project that these words of a `pyproject.toml` make, written there or not yet.

    Raises ConfigError with every mistake in its table, or in the shape of others that are read.
    """
    check_pyproject(pyproject)
    credentials = Credentials()
    pyproject = take_credentials(pyproject, credentials)
    bound = requires_python_of(pyproject)
    config = _read_config(folder, pyproject, bound, IN_PROJECT)
    return Project(
        folder=folder,
        pyproject=pyproject,
        config=config,
        requires_python=bound,
        credentials=credentials,
    )


def apply_metadata(project: Project, metadata: ProjectMetadata) -> Project:
    """Return a project with the Requires-Python of its wheel in place of what `[project]` says.

    A backend may find it elsewhere, such as in `setup.cfg`. By it go the Pythons of a table that
    names none. Raises ConfigError with each one that the table names and the wheel does not admit.
    """
    bound = metadata.requires_python
    if bound == project.requires_python:
        return project
    where = f"the Requires-Python of {metadata.name} {metadata.version},"
    config = _read_config(project.folder, project.pyproject, bound, where)
    return replace(project, config=config, requires_python=bound)


def widen_project(project: Project, overrides: Overrides) -> Project:
    """Return a project as if its table had more platforms and Pythons.

    Paths of complete-platform files start from the current folder. Raises ConfigError with every
    problem of the words that ask for them.
    """
    targets = widen_targets(
        project.config,
        overrides,
        project=ProjectFacts(requires_python=project.requires_python),
        host=project_host(Path()),
    )
    return replace(project, config=replace(project.config, targets=targets))


def read_pyproject_file(folder: Path) -> TomlFile:
    """Read `pyproject.toml`; raises ConfigError if it does not exist or is not TOML."""
    path = folder / "pyproject.toml"
    older = next((n for n in ("setup.cfg", "setup.py") if (folder / n).is_file()), None)
    if older is not None and not path.exists():
        raise ConfigError(
            [f"{path}: no such file; beside {older} an empty one is enough: make it, and run again"]
        )
    return read_toml_file(path, missing="no such file; name the project's folder")


def read_pyproject(folder: Path) -> dict[str, Any]:
    return read_pyproject_file(folder).data


def read_hatch_toml(folder: Path) -> dict[str, Any]:
    """Read `hatch.toml`, which may have Hatch's tables; empty if there is none."""
    path = folder / "hatch.toml"
    return read_toml_file(path).data if path.is_file() else {}


def check_described(folder: Path, pyproject: Mapping[str, Any]) -> None:
    """Raise ConfigError for a project without a name.

    setuptools would build a wheel of UNKNOWN 0.0.0 from it. Other backends have their own tables.
    """
    check_pyproject(pyproject)
    backend = str(pyproject.get("build-system", {}).get("build-backend", "setuptools"))
    known = {"hatchling": (), "setuptools": ("setup.py", "setup.cfg")}
    needed = known.get(backend.partition(".")[0])
    if "project" in pyproject or needed is None or any((folder / n).is_file() for n in needed):
        return
    missing = "".join(f", and there is no {name}" for name in needed)
    to_do = "add the table, with the name and version of the project"
    if "workspace" in pyproject.get("tool", {}).get("uv", {}):
        to_do = "this is the root of a workspace: name the folder of a member"
    raise ConfigError([f"{folder / 'pyproject.toml'}: no table [project]{missing}; {to_do}"])


def read_wheel(path: Path) -> ProjectWheel:
    """Read the project's wheel; raises ExecutableError if it is not a wheel."""
    try:
        sha256 = hash_file(path, "sha256")
        locked = parse_wheel(
            path.name, path.resolve().as_uri(), {"sha256": sha256}, path.stat().st_size
        )
        file = open_wheel(path, sha256=sha256)
    except InvalidWheelFilename as error:
        raise ExecutableError(f"{path}: {error}; name a wheel") from error
    except OSError as error:
        told = f"{path} cannot be read as a wheel: {explain_unreadable(error)}"
        raise ExecutableError(told) from error
    except VerificationError as error:
        reason = str(error).removesuffix(f"; {REMEDY}")
        raise ExecutableError(f"{reason}; build it anew") from error
    return ProjectWheel(
        path=path,
        locked=locked,
        metadata=parse_metadata(file.metadata, where=path.name),
        scripts=file.texts.scripts,
    )


def static_metadata(project: Project) -> ProjectMetadata | None:
    """Return the project's metadata, only from `[project]`; None if it is dynamic.

    The version does not matter to what the project requires, so it may be dynamic.
    """
    table = project.pyproject.get("project", {})
    dynamic = set(table.get("dynamic", ()))
    if "name" not in table or dynamic & {
        "dependencies",
        "optional-dependencies",
        "requires-python",
    }:
        return None
    optional = table.get("optional-dependencies", {})
    problems: list[str] = []
    requires = _parse_all(table.get("dependencies", ()), "project.dependencies", problems)
    for extra, texts in optional.items():
        where = f"project.optional-dependencies.{extra}"
        requires += [_with_extra(item, extra) for item in _parse_all(texts, where, problems)]
    if problems:
        raise ConfigError(problems)
    # hatchling fills in its fields, such as {root:uri}, when it builds.
    if any("{" in (requirement.url or "") for requirement in requires):
        return None
    return ProjectMetadata(
        name=table["name"],
        version=Version("0"),
        requires_python=SpecifierSet(table.get("requires-python", "")),
        requires=tuple(requires),
        extras=tuple(canonicalize_name(extra) for extra in optional),
    )


def _parse_all(texts: Sequence[str], where: str, problems: list[str]) -> list[Requirement]:
    """Parse the requirements of an array; adds a problem for each text that is none."""
    found = []
    for number, text in enumerate(texts):
        try:
            found.append(Requirement(text))
        except InvalidRequirement as error:
            reason = redact_text(str(error).splitlines()[0])
            told = f"{where}[{number}]: {redact_text(text)!r} is not a requirement: {reason}"
            problems.append(told)
    return found


def all_requirements(project: Project, metadata: ProjectMetadata) -> tuple[Requirement, ...]:
    """Return the requirements of the executable: the project's own, extras, groups, and others.

    Raises ConfigError for an extra that the project does not have and for a bad group.
    """
    config = project.config
    unknown = unknown_extras(metadata, config.extras)
    if unknown:
        known = ", ".join(metadata.extras) or "none"
        raise ConfigError(
            f"tool.multiplat.extras: {metadata.name} has no extra {extra!r} (it has: {known})"
            for extra in unknown
        )
    required = (*root_requirements(metadata, config.extras), *added_requirements(project))
    wrong = [(item, said) for item in required if (said := explain_url(item.url))]
    if wrong:
        raise ConfigError(
            f"{metadata.name} requires {redact_text(str(item))!r}: {said}" for item, said in wrong
        )
    return tuple(without_credentials(item, project.credentials) for item in required)


def without_credentials(requirement: Requirement, credentials: Credentials) -> Requirement:
    """Return a requirement without the secrets that a wheel's METADATA may have in its URL."""
    if not requirement.url:
        return requirement
    try:
        return Requirement(credentials.take(str(requirement)))
    except ValueError as error:
        raise ConfigError([f"{requirement.name}: {error}"]) from error


def added_requirements(project: Project) -> tuple[Requirement, ...]:
    """Return the requirements that the table adds to the project's own: groups and requirements."""
    groups = project.pyproject.get("dependency-groups", {})
    try:
        texts = resolve_dependency_groups(groups, *project.config.dependency_groups)
        from_groups = [Requirement(text) for text in texts]
    except Exception as error:  # An ExceptionGroup or a ValueError, by packaging's own account.
        raise ConfigError(_group_problems(error)) from error
    return (*from_groups, *project.config.requirements)


def _group_problems(error: BaseException) -> list[str]:
    """Return a line for each error within what packaging raises, with the group that has it."""
    if not isinstance(error, BaseExceptionGroup):
        said = [line.strip() for line in str(error).splitlines()]
        if isinstance(error, InvalidRequirement):  # The second line is what it could not read.
            return [f"[dependency-groups]: {said[1]!r} is not a requirement: {said[0]}"]
        return [f"[dependency-groups]: {said[0]}"]
    named = re.search("data for ('[^']*')", str(error))
    group = f"[dependency-groups] {named[1]}:" if named else "[dependency-groups]:"
    return [
        problem.replace("[dependency-groups]:", group, 1)
        for inner in error.exceptions
        for problem in _group_problems(inner)
    ]


def _read_config(
    folder: Path, pyproject: Mapping[str, Any], requires_python: SpecifierSet, said_by: str
) -> Config:
    tool = pyproject.get("tool", {})
    table = tool.get("multiplat")
    misplaced = misplaced_options(pyproject, read_hatch_toml(folder), known_keys())
    if misplaced:
        raise ConfigError(misplaced)
    if not isinstance(table, dict):
        tables = [name for name, value in tool.items() if isinstance(value, dict)]
        close = difflib.get_close_matches("multiplat", tables, n=1, cutoff=0.7)
        hint = (
            f"there is [tool.{close[0]}], did you mean [tool.multiplat]?"
            if close
            else "add one with: hatch-multiplat init"
        )
        raise ConfigError([f"tool.multiplat: no such table in pyproject.toml; {hint}"])
    project = pyproject.get("project", {})
    groups = pyproject.get("dependency-groups", {})
    facts = ProjectFacts(
        name=str(project.get("name", "")),
        requires_python=requires_python,
        requires_python_in=said_by,
        dependency_groups=tuple(canonicalize_name(name) for name in groups),
        extras=_static_extras(project),
    )
    return parse_config(table, project=facts, host=project_host(folder))


def _static_extras(project: Mapping[str, Any]) -> tuple[NormalizedName, ...] | None:
    """Return the extras of `[project]`; None if they are dynamic, or there is no `[project]`."""
    if "name" not in project or "optional-dependencies" in project.get("dynamic", ()):
        return None
    return tuple(canonicalize_name(name) for name in project.get("optional-dependencies", {}))


def requires_python_of(pyproject: Mapping[str, Any]) -> SpecifierSet:
    """Return `project.requires-python`; raises ConfigError if it is invalid."""
    try:
        return SpecifierSet(str(pyproject.get("project", {}).get("requires-python", "")))
    except InvalidSpecifier as error:
        told = f"project.requires-python: {error}; write a comparison, such as '>=3.11'"
        raise ConfigError([told]) from error


def _with_extra(requirement: Requirement, extra: str) -> Requirement:
    """Add to a requirement that it is only for an extra."""
    marker = f'extra == "{canonicalize_name(extra)}"'
    if requirement.marker is not None:
        marker = f"({requirement.marker}) and {marker}"
    requirement.marker = Marker(marker)
    return requirement
