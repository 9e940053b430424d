"""The straight line from a wheel and a table to one executable for every platform."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.build.output_folder import choose_folder
from hatch_multiplat.build.outputs import write_outputs
from hatch_multiplat.build.own_wheels import add_own_wheels, find_own_wheels, own_wheels_of
from hatch_multiplat.build.scie import settle_options
from hatch_multiplat.build.side_outputs import check_wanted, write_side_outputs
from hatch_multiplat.executable.boot_table import make_boot_table
from hatch_multiplat.executable.starting import check_modules, choose_run, script_warnings
from hatch_multiplat.executable.writer import BuildInputs
from hatch_multiplat.index.local_files import is_unpacked_sdist
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.lock_file import name_renewal
from hatch_multiplat.resolve.preparation import cover_project, is_offline, open_market
from hatch_multiplat.resolve.project import (
    added_requirements,
    apply_metadata,
)
from hatch_multiplat.wheels.elf import check_bare_wheels
from hatch_multiplat.wheels.proof import prove_selections, read_demands
from hatch_multiplat.wheels.report import DependencyShare, Output, Report
from hatch_multiplat.wheels.wheel_check import check_wheels, install_order, render_collisions
from hatch_multiplat.wheels.wheel_file import open_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.build.own_wheels import OwnWheels
    from hatch_multiplat.build.side_outputs import Wanted
    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.formats import ScieOptions
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.resolve.build_context import Market
    from hatch_multiplat.resolve.preparation import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.wheels.dependency_proof import Demands
    from hatch_multiplat.wheels.metadata import ProjectMetadata
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import WheelFile, WheelTexts


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One build: a project, its wheel, and where the executable goes.

    Without a `wheel`, those that the table's `project-wheels` names are all there are. `output_dir`
    overrides the table's `output-dir`; where neither is given, the executable goes to
    `default_dir`, or beside the wheel, or to `dist` in the project. `checksums` and `sbom` ask for
    these files beside it, as the keys of that name in the table do. `by_frontend`: a build frontend
    has chosen the project's folder, which may be a copy that is gone after the build.
    """

    project: Project
    wheel: Path | None = None
    output_dir: Path | None = None
    default_dir: Path | None = None
    checksums: bool = False
    sbom: bool = False
    by_frontend: bool = False


def build_executable(request: Request, context: BuildContext) -> Report:
    """Build the executable of a project from its wheel, and report what it holds.

    Raises a MultiplatError of the kind that fits; then nothing was written to the output folder.
    """
    started = time.monotonic()
    own = find_own_wheels(request.project, request.wheel, context.environ)
    project = apply_metadata(request.project, own.metadata)
    wanted = _settle_wanted(request, project.config, context)
    scie = _settle_scie(project, context)
    output = _choose_output(request, project.config, own.metadata, context)
    market = open_market(project, context)
    demands = _read_demands(project, own.metadata, market)
    downloads = Downloads(market, demands)
    covered = cover_project(project, own.metadata, market, look_into=downloads.look_into)
    selections = add_own_wheels(
        covered.outcome.selections,
        own,
        project.config,
        unpacked=is_unpacked_sdist(project.folder),
    )
    wheels = own_wheels_of(selections, own)
    paths = downloads.bring(selections, wheels)
    check_bare_wheels(downloads.unproven(selections, paths), paths)
    files = {name: open_wheel(path, sha256=path.parent.name) for name, path in paths.items()}
    run = _choose_run(project.config, own, selections, files=files)
    inputs = _make_inputs(
        project,
        own,
        selections,
        demands=demands,
        run=run,
        paths=paths,
        texts={name: file.texts for name, file in files.items()},
        renewal=name_renewal(project.config.lock) if covered.runs == 0 else "",
    )
    collisions = check_wheels(inputs.selections, files, checked=market.wheel_cache.root / "checked")
    for line in render_collisions(collisions, len(selections)):
        context.say(line)
    for line in script_warnings(project.config, run, inputs.selections, files):
        context.say(line)
    outputs = write_outputs(
        inputs, output, pex_root=market.wheel_cache.root / "pex", scie=scie, say=context.say
    )
    side_outputs = write_side_outputs(
        wanted,
        outputs,
        wheels=wheels,
        selections=inputs.selections,
        paths=paths,
        lock=covered.lock,
    )
    return _report(
        outputs,
        selections=inputs.selections,
        paths=paths,
        lock=project.config.lock if covered.runs == 0 else None,
        solver_runs=covered.runs,
        seconds=time.monotonic() - started,
        side_outputs=tuple(str(path) for path in side_outputs),
    )


def _settle_wanted(request: Request, config: Config, context: BuildContext) -> Wanted:
    return check_wanted(
        checksums=request.checksums or config.checksums,
        sbom=request.sbom or config.sbom,
        config=config,
        environ=context.environ,
    )


def _settle_scie(project: Project, context: BuildContext) -> ScieOptions:
    return settle_options(
        project.config.options.scie,
        environ=context.environ,
        project_dir=project.folder,
        offline="scie" in project.config.formats and is_offline(context.environ),
    )


def _choose_output(
    request: Request, config: Config, metadata: ProjectMetadata, context: BuildContext
) -> Path:
    """Return the path of the executable."""
    side_outputs = request.wheel.parent if request.wheel else request.project.folder / "dist"
    folder = request.output_dir or choose_folder(
        config.output_dir,
        project_dir=request.project.folder,
        side_outputs=request.default_dir or side_outputs,
        copied=request.by_frontend,
        environ=context.environ,
        say=context.say,
    )
    return folder.resolve() / config.output.format(name=metadata.name, version=metadata.version)


def _choose_run(
    config: Config,
    own: OwnWheels,
    selections: Sequence[Selection],
    *,
    files: Mapping[str, WheelFile],
) -> Run:
    """Choose what runs, and look whether the wheels have it."""
    run = choose_run(
        config,
        name=own.metadata.name,
        own_scripts=own.scripts,
        all_scripts={name for file in files.values() for name in file.all_scripts()},
    )
    check_modules(config, selections, members=lambda filename: files[filename].libraries())
    return run


def _make_inputs(
    project: Project,
    own: OwnWheels,
    selections: Sequence[Selection],
    *,
    demands: Demands,
    run: Run,
    paths: Mapping[str, Path],
    texts: Mapping[str, WheelTexts],
    renewal: str,
) -> BuildInputs:
    """Prove that every target has all that it needs; return what the executable is made of."""
    config, metadata = project.config, own.metadata
    proven = install_order(
        prove_selections(selections, texts, demands, renewal=renewal),
        own={canonicalize_name(metadata.name)},
        direct={
            canonicalize_name(item.name)
            for item in (*metadata.requires, *added_requirements(project))
        },
    )
    table = make_boot_table(
        metadata=metadata,
        config=config,
        run=run,
        selections=proven,
        scripts=own.scripts,
        contents={name: (path.parent.name, path.stat().st_size) for name, path in paths.items()},
        demands=demands,
        texts=texts,
    )
    return BuildInputs(
        requirements=demands.roots,
        selections=proven,
        paths=paths,
        texts=texts,
        table=table,
        run=run,
        config=config,
    )


def _read_demands(project: Project, metadata: ProjectMetadata, market: Market) -> Demands:
    """Return what every target has to satisfy."""
    return read_demands(
        (_root_requirement(metadata, project.config), *added_requirements(project)),
        requires_python=metadata.requires_python,
        uv_table=market.uv_table,
    )


def _root_requirement(metadata: ProjectMetadata, config: Config) -> Requirement:
    extras = f"[{','.join(config.extras)}]" if config.extras else ""
    return Requirement(f"{canonicalize_name(metadata.name)}{extras}=={metadata.version}")


def _report(
    outputs: tuple[Output, ...],
    *,
    selections: Sequence[Selection],
    paths: Mapping[str, Path],
    lock: str | None,
    solver_runs: int,
    seconds: float,
    side_outputs: tuple[str, ...],
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
        targets=tuple(selection.target for selection in selections),
        wheels=len(wheels),
        dependencies=tuple(sorted(shares, key=lambda share: -share.size)),
        solver_runs=solver_runs,
        lock=lock,
        seconds=seconds,
        outputs=outputs,
        side_outputs=side_outputs,
    )
