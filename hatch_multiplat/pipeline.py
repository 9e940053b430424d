"""The straight line from a wheel and a table to one executable for every platform."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.beside import check_wanted, write_beside
from hatch_multiplat.boot_table import make_boot_table
from hatch_multiplat.coverage import Covered, Market, cover_targets, select_locked
from hatch_multiplat.libc_need import check_bare_wheels
from hatch_multiplat.local_files import check_find_links, is_unpacked_sdist
from hatch_multiplat.lock_file import check_fresh, require_lock
from hatch_multiplat.outputs import write_outputs
from hatch_multiplat.own_wheels import add_own_wheels, find_own_wheels, own_wheels_of
from hatch_multiplat.pex_file import Parts
from hatch_multiplat.project import (
    Project,
    added_requirements,
    all_requirements,
    heed_metadata,
    members_of,
    open_project,
    read_members,
    scripts_of,
)
from hatch_multiplat.proof import prove_selections, read_demands
from hatch_multiplat.report import DependencyShare, Output, Report
from hatch_multiplat.scie import settle_options
from hatch_multiplat.session import make_session
from hatch_multiplat.solve import Question, read_uv_table
from hatch_multiplat.sources import choose_sources, credentials_of, pip_environment
from hatch_multiplat.starting import check_functions, check_modules, choose_run
from hatch_multiplat.stock import Stock
from hatch_multiplat.store import Store
from hatch_multiplat.user_settings import read_pip_config, read_user_table
from hatch_multiplat.wheel_texts import read_wheel_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_multiplat.config import Config
    from hatch_multiplat.metadata import ProjectMetadata
    from hatch_multiplat.progress import ProgressSink
    from hatch_multiplat.search import LookInto
    from hatch_multiplat.selection import Selection

OFFLINE_VARIABLES: Final = ("HATCH_MULTIPLAT_OFFLINE", "UV_OFFLINE")
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a run is surrounded by: the environment's variables, and who hears how it goes on.

    `say` hears one line at a time.
    """

    progress: ProgressSink
    say: Callable[[str], object]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One build: a project folder, its wheel, and where the executable goes.

    Without a `wheel`, those that the table's `project-wheels` names are all there are. `output_dir`
    overrides the table's `output-dir`; where neither is given, the executable goes to
    `default_dir`, or beside the wheel, or to `dist` in the project. `checksums` and `sbom` ask for
    these files beside it, as the keys of that name in the table do.
    """

    project_dir: Path
    wheel: Path | None = None
    output_dir: Path | None = None
    default_dir: Path | None = None
    checksums: bool = False
    sbom: bool = False


def build_executable(request: Request, around: Surroundings) -> Report:
    """Build the executable of a project from its wheel, and report what it holds.

    Raises a MultiplatError of the kind that fits; then nothing was written to the output folder.
    """
    started = time.monotonic()
    project = open_project(request.project_dir)
    own = find_own_wheels(project, request.wheel, around.environ)
    project = heed_metadata(project, own.metadata)
    config = project.config
    wanted = check_wanted(
        checksums=request.checksums or config.checksums,
        sbom=request.sbom or config.sbom,
        config=config,
        environ=around.environ,
    )
    scie = settle_options(
        config.options.scie,
        environ=around.environ,
        project_dir=project.folder,
        offline="scie" in config.formats and is_offline(around.environ),
    )
    market = open_market(project, around)
    requirements = (_root_requirement(own.metadata, config), *added_requirements(project))
    uv_table = read_uv_table(project.folder, project.pyproject)
    demands = read_demands(
        requirements, requires_python=own.metadata.requires_python, uv_table=uv_table
    )
    stock = Stock(market, demands)
    covered = cover_project(project, own.metadata, market, look_into=stock.look_into)
    unpacked = is_unpacked_sdist(project.folder)
    selections = add_own_wheels(covered.outcome.selections, own, config, unpacked=unpacked)
    wheels = own_wheels_of(selections, own)
    paths = stock.bring(selections, wheels)
    check_bare_wheels(selections, paths)
    run = choose_run(
        config,
        name=own.metadata.name,
        own_scripts=own.scripts,
        all_scripts=lambda: scripts_of(paths.values()),
    )
    check_modules(config, selections, members=lambda filename: members_of(paths[filename]))
    check_functions(config, read=lambda place: read_members(wheels, place))
    texts = read_wheel_texts(paths)
    selections = prove_selections(selections, texts, demands)
    table = make_boot_table(
        metadata=own.metadata,
        config=config,
        run=run,
        selections=selections,
        scripts=own.scripts,
        contents={name: (path.parent.name, path.stat().st_size) for name, path in paths.items()},
        demands=demands,
    )
    output = _output_path(request, config, own.metadata)
    parts = Parts(
        requirements=requirements,
        selections=selections,
        paths=paths,
        texts=texts,
        table=table,
        run=run,
        config=config,
        pip_environment=pip_environment(
            market.sources, credentials_of(market.sources, around.environ)
        ),
    )
    outputs = write_outputs(
        parts, output, pex_root=market.store.root / "pex", scie=scie, say=around.say
    )
    beside = write_beside(
        wanted, outputs, wheels=wheels, selections=selections, paths=paths, lock=covered.lock
    )
    seconds = time.monotonic() - started
    return _report(
        outputs,
        selections=selections,
        paths=paths,
        lock=config.lock if covered.runs == 0 else None,
        solver_runs=covered.runs,
        seconds=seconds,
        beside=tuple(str(path) for path in beside),
    )


def open_market(project: Project, around: Surroundings) -> Market:
    """Return the way to the packages: sources with their credentials, session and store."""
    check_find_links(project.config, project.folder)
    uv_table = read_uv_table(project.folder, project.pyproject)
    sources = choose_sources(
        project.config,
        uv_table=uv_table,
        environ=around.environ,
        project_dir=project.folder.resolve(),
        cwd=Path.cwd(),
        user_table=read_user_table(around.environ),
        pip_config=read_pip_config(around.environ),
    )
    return Market(
        sources=sources,
        session=make_session(credentials_of(sources, around.environ)),
        store=Store.default(around.environ),
        offline=is_offline(around.environ),
        progress=around.progress,
        say=around.say,
        rules=project.config.tag_constraints,
    )


def is_offline(environ: Mapping[str, str]) -> bool:
    """Tell whether the user asked for a build without network."""
    return any(environ.get(name, "").lower() not in _FALSE for name in OFFLINE_VARIABLES)


def cover_project(
    project: Project, metadata: ProjectMetadata, market: Market, *, look_into: LookInto
) -> Covered:
    """Cover every target: from the lock where the project has one, else by solving.

    Raises LockError for a lock that does not fit the project any more.
    """
    config = project.config
    build_sdists = config.sdists == "universal"
    question = make_question(project, metadata, market)
    locked = require_lock(project)
    if locked is None:
        return cover_targets(
            question, market=market, build_sdists=build_sdists, look_into=look_into
        )
    check_fresh(locked, question)
    outcome = select_locked(
        locked.lock,
        config.targets,
        base=locked.base,
        market=market,
        build_sdists=build_sdists,
    )
    return Covered(lock=locked.lock, base=locked.base, outcome=outcome, runs=0)


def make_question(project: Project, metadata: ProjectMetadata, market: Market) -> Question:
    """Return what is to be solved for a project."""
    return Question(
        requirements=all_requirements(project, metadata),
        constraints=project.config.constraints,
        tag_constraints=project.config.tag_constraints,
        targets=project.config.targets,
        requires_python=metadata.requires_python,
        sources=market.sources,
        uv_table=read_uv_table(project.folder, project.pyproject),
        project_dir=project.folder.resolve(),
        offline=market.offline,
    )


def _root_requirement(metadata: ProjectMetadata, config: Config) -> Requirement:
    extras = f"[{','.join(config.extras)}]" if config.extras else ""
    return Requirement(f"{canonicalize_name(metadata.name)}{extras}=={metadata.version}")


def _output_path(request: Request, config: Config, metadata: ProjectMetadata) -> Path:
    name = config.output.format(name=metadata.name, version=metadata.version)
    named = request.project_dir / config.output_dir if config.output_dir else None
    beside = request.wheel.parent if request.wheel else request.project_dir / "dist"
    folder = request.output_dir or named or request.default_dir or beside
    return folder.resolve() / name


def _report(
    outputs: tuple[Output, ...],
    *,
    selections: Sequence[Selection],
    paths: Mapping[str, Path],
    lock: str | None,
    solver_runs: int,
    seconds: float,
    beside: tuple[str, ...],
) -> Report:
    wheels = {wheel.filename: wheel for selection in selections for wheel in selection.wheels}
    shares = []
    for name in sorted({wheel.name for wheel in wheels.values()}):
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
        path=outputs[0].path,
        size=outputs[0].size,
        targets=tuple(str(selection.target) for selection in selections),
        wheels=len(wheels),
        dependencies=tuple(sorted(shares, key=lambda share: -share.size)),
        solver_runs=solver_runs,
        lock=lock,
        seconds=seconds,
        outputs=outputs,
        beside=beside,
    )
