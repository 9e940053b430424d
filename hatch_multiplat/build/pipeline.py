"""The straight way from a wheel and a table to one executable for every platform."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.build.output_paths import choose_folder
from hatch_multiplat.build.outputs import write_outputs
from hatch_multiplat.build.own_wheels import (
    add_own_wheels,
    find_own_wheels,
    own_wheels_of,
    place_own_wheels,
)
from hatch_multiplat.build.report import DependencyShare, Output, Report
from hatch_multiplat.build.scie import check_places, settle_options
from hatch_multiplat.build.side_outputs import check_wanted, write_side_outputs
from hatch_multiplat.executable.pex import PexHome, making_skeleton
from hatch_multiplat.executable.run_choice import (
    check_modules,
    choose_run,
    describe_interpreter,
    script_warnings,
)
from hatch_multiplat.executable.table_maker import make_table
from hatch_multiplat.executable.writer import BuildInputs
from hatch_multiplat.index.local_files import is_unpacked_sdist
from hatch_multiplat.resolve.build_context import is_offline, open_context
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.lock_file import check_fresh, name_renewal, require_lock
from hatch_multiplat.resolve.project import (
    added_requirements,
    apply_metadata,
    static_metadata,
)
from hatch_multiplat.resolve.question import make_question
from hatch_multiplat.resolve.resolver import Resolution, Unresolved, resolve
from hatch_multiplat.wheels.proof import prove_selections, read_requirements
from hatch_multiplat.wheels.wheel_check import check_wheels, install_order, render_collisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.build.own_wheels import OwnWheels
    from hatch_multiplat.build.side_outputs import Wanted
    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.formats import ScieOptions
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.resolve.build_context import BuildContext, Invocation
    from hatch_multiplat.resolve.lock_file import LockFile
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.wheels.metadata import ProjectMetadata
    from hatch_multiplat.wheels.proof import Requirements
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import WheelFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One build: a project, and where the executable goes.

    `output_dir` overrides the table's `output-dir`; where neither is given, the executable goes to
    `default_dir`, or beside the wheel, or to `dist` in the project. `checksums` and `sbom` ask for
    these files beside it, as the keys of that name in the table do. `by_frontend`: a build frontend
    has chosen the project's folder, which may be a copy that is gone after the build.
    """

    project: Project
    output_dir: Path | None = None
    default_dir: Path | None = None
    checksums: bool = False
    sbom: bool = False
    by_frontend: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A request with what a build has found out for it before there is a wheel."""

    request: Request
    wanted: Wanted
    scie: ScieOptions
    locked: LockFile | None
    context: BuildContext


def prepare(request: Request, invocation: Invocation) -> Prepared:
    """Read the lock and the settings of a build.

    Raises a MultiplatError for outputs that cannot be made, a lock that is missing or cannot be
    read, and settings that are wrong.
    """
    project, config = request.project, request.project.config
    return Prepared(
        request=request,
        wanted=check_wanted(
            checksums=request.checksums or config.checksums,
            sbom=request.sbom or config.sbom,
            config=config,
            environ=invocation.environ,
        ),
        scie=settle_options(
            config.scie,
            environ=invocation.environ,
            project_dir=project.folder,
            offline="scie" in config.formats and is_offline(invocation.environ),
        ),
        locked=require_lock(project, invocation.environ),
        context=open_context(project, invocation),
    )


def check_beforehand(prepared: Prepared) -> None:
    """Raise a MultiplatError for a build that is certain to fail, before its wheel is written.

    It fails by a lock that is stale by what `[project]` says, if that says it all, and by files for
    scies that do not exist.
    """
    project, context = prepared.request.project, prepared.context
    if "scie" in project.config.formats:
        check_places(prepared.scie, in_table=project.config.scie)
    metadata = static_metadata(project)
    if metadata is not None:
        # The build itself will say what there is to say.
        silent = replace(context, run=replace(context.run, say=lambda _: None))
        question = make_question(project, metadata, silent)
        if prepared.locked is not None:
            check_fresh(prepared.locked, question)


def build_executable(prepared: Prepared, wheel: Path | None) -> Report:
    """Build the executable of a project from its wheel, and return a report.

    Without a `wheel`, those that the table's `project-wheels` names are all there are. Raises a
    MultiplatError of the kind that fits; then nothing was written to the output folder.
    """
    started = time.monotonic()
    request, context = prepared.request, prepared.context
    own = find_own_wheels(request.project, wheel, context.environ)
    project = apply_metadata(request.project, own.metadata)
    output = _choose_output(request, wheel, project.config, own.metadata, context)
    required = _read_requirements(project, own.metadata, context)
    downloads = Downloads(context, whole=True)
    resolving = time.monotonic()
    cache = context.wheel_cache.root
    home = PexHome(root=cache / "pex", environ=context.environ)
    with making_skeleton(project.config, home):
        found = _resolve(project, own, prepared, downloads)
        selections = add_own_wheels(found, own, unpacked=is_unpacked_sdist(project.folder))
        wheels = own_wheels_of(selections, own)
        brought = downloads.bring(selections, wheels)
    paths = {name: file.path for name, file in brought.items()}
    fetched = time.monotonic()
    files = downloads.open(brought)
    run = _choose_run(project.config, own, selections, files=files)
    inputs = _make_inputs(
        project,
        own,
        selections,
        required=required,
        run=run,
        paths=paths,
        files=files,
        renewal=name_renewal(project.config.lock) if found.runs == 0 else "",
    )
    collisions = check_wheels(inputs.selections, files, checked=cache / "checked")
    name, scripts = own.metadata.name, own.scripts
    for line in (
        *render_collisions(collisions, len(selections)),
        *describe_interpreter(project.config, run, name=name, scripts=scripts),
        *script_warnings(project.config, run, inputs.selections, files),
    ):
        context.say(line)
    writing = time.monotonic()
    outputs = write_outputs(
        inputs, output, cache=cache, home=home, scie=prepared.scie, say=context.say
    )
    side_outputs = write_side_outputs(
        prepared.wanted,
        outputs,
        wheels=wheels,
        selections=inputs.selections,
        files=files,
        lock=found.lock,
    )
    written = time.monotonic()
    return _report(
        outputs,
        phases=(
            ("resolved", fetched - resolving - downloads.seconds),
            ("fetched", downloads.seconds),
            ("written", written - writing),
        ),
        project=canonicalize_name(own.metadata.name),
        selections=inputs.selections,
        paths=paths,
        lock=project.config.lock if found.runs == 0 else None,
        solver_runs=found.runs,
        seconds=time.monotonic() - started,
        side_outputs=tuple(str(path) for path in side_outputs),
    )


def _resolve(
    project: Project, own: OwnWheels, prepared: Prepared, downloads: Downloads
) -> Resolution:
    """Find the wheels of every target: in the project's lock if there is one, else by asking uv."""
    locked, context = prepared.locked, prepared.context
    question = make_question(project, own.metadata, context)
    if locked is not None:
        check_fresh(locked, question)
    lock = None if locked is None else (locked.lock, locked.base)
    found = resolve(question, context, locked=lock, downloads=downloads)
    if isinstance(found, Unresolved):
        # `check` has a row for the project where the table names wheels of its own, too.
        raise found.error(own=place_own_wheels(own, question.targets) if own.named else None)
    return found


def _choose_output(
    request: Request,
    wheel: Path | None,
    config: Config,
    metadata: ProjectMetadata,
    context: BuildContext,
) -> Path:
    """Return the path of the executable."""
    beside = wheel.parent if wheel else request.project.folder / "dist"
    folder = request.output_dir or choose_folder(
        config.output_dir,
        project_dir=request.project.folder,
        default=request.default_dir or beside,
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
    """Choose the program to run, and check that the wheels have it."""
    run = choose_run(
        config,
        name=own.metadata.name,
        own_scripts=own.scripts,
        all_scripts={name for file in files.values() for name in file.all_scripts()},
    )
    check_modules(
        config,
        run,
        selections,
        scripts={**_all_scripts(files), **own.scripts},
        members=lambda filename: files[filename].libraries(),
    )
    return run


def _all_scripts(files: Mapping[str, WheelFile]) -> dict[str, str]:
    return {name: value for file in files.values() for name, value in file.texts.scripts.items()}


def _make_inputs(
    project: Project,
    own: OwnWheels,
    selections: Sequence[Selection],
    *,
    required: Requirements,
    run: Run,
    paths: Mapping[str, Path],
    files: Mapping[str, WheelFile],
    renewal: str,
) -> BuildInputs:
    """Prove that every target has everything it needs; return the content of the executable."""
    config, metadata = project.config, own.metadata
    texts = {name: file.texts for name, file in files.items()}
    proven = install_order(
        prove_selections(selections, texts, required, renewal=renewal),
        own={canonicalize_name(metadata.name)},
        direct={
            canonicalize_name(item.name)
            for item in (*metadata.requires, *added_requirements(project))
        },
    )
    table = make_table(
        metadata=metadata,
        config=config,
        run=run,
        selections=proven,
        scripts=own.scripts,
        contents={name: (file.sha256, paths[name].stat().st_size) for name, file in files.items()},
        gui={name for name, file in files.items() if file.has_gui_scripts()},
        required=required,
        texts=texts,
    )
    return BuildInputs(
        requirements=required.roots,
        selections=proven,
        paths=paths,
        texts=texts,
        table=table,
        run=run,
        config=config,
    )


def _read_requirements(
    project: Project, metadata: ProjectMetadata, context: BuildContext
) -> Requirements:
    """Return the requirements that every target has to satisfy."""
    return read_requirements(
        (_root_requirement(metadata, project.config), *added_requirements(project)),
        requires_python=metadata.requires_python,
        uv_table=context.uv_table,
    )


def _root_requirement(metadata: ProjectMetadata, config: Config) -> Requirement:
    extras = f"[{','.join(config.extras)}]" if config.extras else ""
    return Requirement(f"{canonicalize_name(metadata.name)}{extras}=={metadata.version}")


def _report(
    outputs: tuple[Output, ...],
    *,
    phases: tuple[tuple[str, float], ...],
    project: str,
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
        phases=phases,
        prereleases=tuple(
            f"{share.name} {version}"
            for share in sorted(shares, key=lambda share: share.name)
            for version in share.versions
            if share.name != project and Version(version).is_prerelease
        ),
        side_outputs=side_outputs,
    )
