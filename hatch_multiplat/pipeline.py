"""The straight line from a wheel and a table to one executable for every platform."""

from __future__ import annotations

import os
import shutil
import time
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name

from hatch_multiplat.boot_table import make_boot_table
from hatch_multiplat.config import Config, Project, Run, parse_config
from hatch_multiplat.coverage import Covered, Market, cover_targets, select_locked
from hatch_multiplat.errors import ConfigError, CoverageError, ExecutableError
from hatch_multiplat.fetch import Artifact, fetch_files
from hatch_multiplat.host import project_host
from hatch_multiplat.lock import parse_lock
from hatch_multiplat.metadata import (
    ProjectMetadata,
    parse_metadata,
    parse_scripts,
    root_requirements,
    unknown_extras,
)
from hatch_multiplat.pex_file import Parts, write_executable
from hatch_multiplat.report import Advice, DependencyShare, Report, render_gaps
from hatch_multiplat.selection import (
    Gap,
    LockedWheel,
    Outcome,
    Selection,
    WheelSet,
    best_wheel,
    explain_misfit,
    locked_wheel,
)
from hatch_multiplat.session import make_session
from hatch_multiplat.solve import Question, read_uv_table
from hatch_multiplat.sources import choose_sources, credentials_of
from hatch_multiplat.store import Store, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_multiplat.progress import ProgressSink

OFFLINE_VARIABLES: Final = ("HATCH_MULTIPLAT_OFFLINE", "UV_OFFLINE")
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One build: a project folder, its wheel, and where the executable goes.

    `output_dir` overrides the table's `output-dir`; where neither is given, the executable goes
    to `default_dir`, or beside the wheel. `say` hears a line at a time about what is going on.
    """

    project_dir: Path
    wheel: Path
    progress: ProgressSink
    say: Callable[[str], object]
    output_dir: Path | None = None
    default_dir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def build_executable(request: Request) -> Report:
    """Build the executable of a project from its wheel, and report what it holds.

    Raises a MultiplatError of the kind that fits; then nothing was written to the output folder.
    """
    started = time.monotonic()
    pyproject = read_pyproject(request.project_dir)
    config = read_config(request.project_dir, pyproject)
    wheel = _read_wheel(request.wheel)
    market = open_market(request, config, pyproject)
    covered = _cover(request, config, pyproject, wheel=wheel, market=market)
    selections = _add_project_wheel(covered.outcome.selections, wheel.locked, config)
    paths = _fetch(selections, wheel, market)
    run = choose_run(config, wheel, paths)
    table = make_boot_table(
        metadata=wheel.metadata,
        config=config,
        run=run,
        selections=selections,
        contents={name: (path.parent.name, path.stat().st_size) for name, path in paths.items()},
    )
    output = _output_path(request, config, wheel.metadata)
    parts = Parts(
        requirement=_root_requirement(wheel.metadata, config),
        selections=selections,
        paths=paths,
        table=table,
        run=run,
        config=config,
    )
    write_executable(parts, output, pex_root=market.store.root / "pex")
    return _report(output, selections, paths, covered, config, time.monotonic() - started)


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectWheel:
    """The wheel that was just built: its place, what it is, and its scripts."""

    path: Path
    locked: LockedWheel
    metadata: ProjectMetadata
    scripts: Mapping[str, str]


def read_pyproject(project_dir: Path) -> dict[str, Any]:
    """Read `pyproject.toml`; raises ConfigError when there is none or it is no TOML."""
    path = project_dir / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: no such file; name the project's folder"]) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}"]) from error


def read_config(project_dir: Path, pyproject: Mapping[str, Any]) -> Config:
    """Parse `[tool.multiplat]` of a project; raises ConfigError with every problem found."""
    table = pyproject.get("tool", {}).get("multiplat")
    if not isinstance(table, dict):
        raise ConfigError(
            [
                "tool.multiplat: there is no such table in pyproject.toml; add one, "
                'such as\n\n  [tool.multiplat]\n  platforms = ["linux-x86_64", "macos-arm64"]'
            ]
        )
    project = pyproject.get("project", {})
    try:
        requires_python = SpecifierSet(str(project.get("requires-python", "")))
    except InvalidSpecifier as error:
        raise ConfigError([f"project.requires-python: {error}"]) from error
    facts = Project(
        name=str(project.get("name", "")),
        requires_python=requires_python,
        dependency_groups=tuple(
            canonicalize_name(name) for name in pyproject.get("dependency-groups", {})
        ),
    )
    return parse_config(table, project=facts, host=project_host(project_dir))


def is_offline(environ: Mapping[str, str]) -> bool:
    """Tell whether the user asked for a build without network."""
    return any(environ.get(name, "").lower() not in _FALSE for name in OFFLINE_VARIABLES)


def open_market(request: Request, config: Config, pyproject: Mapping[str, Any]) -> Market:
    """Return the way to the packages: sources with their credentials, session and store."""
    uv_table = read_uv_table(request.project_dir, pyproject)
    sources = choose_sources(config, uv_table=uv_table, environ=request.environ)
    return Market(
        sources=sources,
        session=make_session(credentials_of(sources, request.environ)),
        store=Store.default(request.environ),
        offline=is_offline(request.environ),
        progress=request.progress,
        say=request.say,
    )


def _read_wheel(path: Path) -> ProjectWheel:
    try:
        sha256 = hash_file(path, "sha256")
        locked = locked_wheel(
            path.name, path.resolve().as_uri(), {"sha256": sha256}, path.stat().st_size
        )
        with zipfile.ZipFile(path) as archive:
            texts = _dist_info_texts(archive)
    except InvalidWheelFilename as error:
        raise ExecutableError(f"{path}: {error}; name a wheel") from error
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ExecutableError(
            f"{path} cannot be read as a wheel: {error}; build it anew"
        ) from error
    return ProjectWheel(
        path=path,
        locked=locked,
        metadata=parse_metadata(texts["METADATA"], where=path.name),
        scripts=parse_scripts(texts.get("entry_points.txt", "")),
    )


def _dist_info_texts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return METADATA and entry_points.txt from the `.dist-info` folder of a wheel."""
    texts = {}
    for name in archive.namelist():
        folder, _, file = name.partition("/")
        if folder.endswith(".dist-info") and file in {"METADATA", "entry_points.txt"}:
            texts[file] = archive.read(name).decode("utf-8", errors="replace")
    if "METADATA" not in texts:
        raise KeyError("it has no METADATA")
    return texts


# -- deciding --------------------------------------------------------------------------------------


def _cover(
    request: Request,
    config: Config,
    pyproject: Mapping[str, Any],
    *,
    wheel: ProjectWheel,
    market: Market,
) -> Covered:
    build_sdists = config.sdists == "universal"
    lock_path = request.project_dir / config.lock
    if lock_path.is_file():
        lock = parse_lock(_read_lock_text(lock_path), where=config.lock)
        base = lock_path.resolve().parent
        outcome = select_locked(
            lock, config.targets, base=base, market=market, build_sdists=build_sdists
        )
        return Covered(lock=lock, base=base, outcome=outcome, runs=0)
    question = Question(
        requirements=_all_requirements(config, pyproject, wheel.metadata),
        constraints=config.constraints,
        targets=config.targets,
        requires_python=wheel.metadata.requires_python,
        sources=market.sources,
        uv_table=read_uv_table(request.project_dir, pyproject),
        project_dir=request.project_dir.resolve(),
        offline=market.offline,
    )
    return cover_targets(question, market=market, build_sdists=build_sdists)


def _read_lock_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"tool.multiplat.lock: {path.name} cannot be read: {error}"]) from error


def _all_requirements(
    config: Config, pyproject: Mapping[str, Any], metadata: ProjectMetadata
) -> tuple[Requirement, ...]:
    unknown = unknown_extras(metadata, config.extras)
    if unknown:
        known = ", ".join(metadata.extras) or "none"
        raise ConfigError(
            [
                f"tool.multiplat.extras: {metadata.name} has no extra {extra!r} (it has: {known})"
                for extra in unknown
            ]
        )
    groups = pyproject.get("dependency-groups", {})
    try:
        from_groups = [
            Requirement(text)
            for text in resolve_dependency_groups(groups, *config.dependency_groups)
        ]
    except Exception as error:  # An ExceptionGroup or a ValueError, by packaging's own account.
        raise ConfigError([f"dependency-groups: {error}"]) from error
    return (*root_requirements(metadata, config.extras), *from_groups, *config.requirements)


def _add_project_wheel(
    selections: Sequence[Selection], wheel: LockedWheel, config: Config
) -> tuple[Selection, ...]:
    gaps = []
    for selection in selections:
        if best_wheel([wheel], selection.target) is None:
            kind, reason, needs = explain_misfit(wheel.tags, selection.target)
            gaps.append(
                Gap(
                    name=wheel.name,
                    version=wheel.version,
                    target=selection.target,
                    kind=kind,
                    reason=f"the project's own wheel {wheel.filename}: {reason}",
                    needs=needs,
                )
            )
    if gaps:
        raise CoverageError(render_gaps(gaps, config.targets, advice=Advice.OWN_WHEEL))
    return tuple(
        Selection(
            target=selection.target,
            sets=tuple(
                WheelSet(
                    from_patch=group.from_patch,
                    wheels=tuple(sorted((*group.wheels, wheel), key=lambda wheel: wheel.filename)),
                )
                for group in selection.sets
            ),
        )
        for selection in selections
    )


def _root_requirement(metadata: ProjectMetadata, config: Config) -> str:
    extras = f"[{','.join(config.extras)}]" if config.extras else ""
    return f"{canonicalize_name(metadata.name)}{extras}=={metadata.version}"


def choose_run(config: Config, wheel: ProjectWheel, paths: Mapping[str, Path]) -> Run:
    """Choose what the executable starts, and check that it is there.

    Without a word in the table it is the script named like the project, else the only one, else
    an interpreter. Raises ConfigError for a script that no wheel has.
    """
    if config.run is None:
        named = {canonicalize_name(name): name for name in wheel.scripts}
        own = named.get(canonicalize_name(wheel.metadata.name))
        if own is None and len(wheel.scripts) == 1:
            own = next(iter(wheel.scripts))
        return Run(kind="script", value=own) if own else Run(kind="interpreter")
    wanted = [("script", config.run)]
    wanted += [(f"executables.{name}.script", item.run) for name, item in config.executables]
    scripts = [(key, run.value) for key, run in wanted if run.kind == "script"]
    if any(value not in wheel.scripts for _, value in scripts):
        known = set(wheel.scripts) | _scripts_of(paths.values())
        problems = [
            f"tool.multiplat.{key}: no wheel has a console script {value!r}; "
            f"there are: {', '.join(sorted(known)) or 'none'}"
            for key, value in scripts
            if value not in known
        ]
        if problems:
            raise ConfigError(problems)
    return config.run


def _scripts_of(paths: Sequence[Path] | Any) -> set[str]:
    """Return the names of all scripts in these wheels: entry points, and files in `.data`."""
    names: set[str] = set()
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            names |= parse_scripts(_dist_info_texts(archive).get("entry_points.txt", "")).keys()
            names |= {
                entry.rsplit("/", 1)[1]
                for entry in archive.namelist()
                if entry.partition("/")[0].endswith(".data") and "/scripts/" in entry
            }
    return names


# -- doing -----------------------------------------------------------------------------------------


def _fetch(selections: Sequence[Selection], wheel: ProjectWheel, market: Market) -> dict[str, Path]:
    """Bring all wheels onto disk; returns their paths by file name."""
    wanted = {
        found.filename: found
        for selection in selections
        for found in selection.wheels
        if found != wheel.locked
    }
    artifacts = {
        filename: Artifact(
            filename=filename, url=found.url, hashes=dict(found.hashes), size=found.size
        )
        for filename, found in sorted(wanted.items())
    }
    paths = fetch_files(
        list(artifacts.values()),
        store=market.store,
        session=market.session,
        offline=market.offline,
        progress=market.progress,
    )
    found_paths = {filename: paths[artifact.key] for filename, artifact in artifacts.items()}
    # The wheel lies in the output folder; whoever rebuilds there must not change it under us.
    found_paths[wheel.locked.filename] = market.store.add(wheel.path)
    return found_paths


def _output_path(request: Request, config: Config, metadata: ProjectMetadata) -> Path:
    name = config.output.format(name=metadata.name, version=metadata.version)
    named = request.project_dir / config.output_dir if config.output_dir else None
    folder = request.output_dir or named or request.default_dir or request.wheel.parent
    return folder.resolve() / name


def _report(
    output: Path,
    selections: Sequence[Selection],
    paths: Mapping[str, Path],
    covered: Covered,
    config: Config,
    seconds: float,
) -> Report:
    wheels = {wheel.filename: wheel for selection in selections for wheel in selection.wheels}
    names = sorted({wheel.name for wheel in wheels.values()})
    shares = []
    for name in names:
        own = [wheel for wheel in wheels.values() if wheel.name == name]
        shares.append(
            DependencyShare(
                name=name,
                versions=tuple(str(version) for version in sorted({w.version for w in own})),
                wheels=len(own),
                size=sum(paths[wheel.filename].stat().st_size for wheel in own),
            )
        )
    return Report(
        path=str(output),
        size=output.stat().st_size,
        targets=tuple(str(selection.target) for selection in selections),
        wheels=len(wheels),
        dependencies=tuple(sorted(shares, key=lambda share: -share.size)),
        solver_runs=covered.runs,
        lock=config.lock if covered.runs == 0 else None,
        seconds=seconds,
    )
