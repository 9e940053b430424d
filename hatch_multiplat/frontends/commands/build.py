"""`hatch-multiplat build`: the executable of a project with any backend, or from a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.build.own_wheels import has_project_wheels
from hatch_multiplat.build.pipeline import Request, build_executable, check_beforehand, prepare
from hatch_multiplat.build.report import render_report, report_to_json
from hatch_multiplat.frontends.commands.opening import build_wheel, say_what_is_missing
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    output_options,
    print_json,
    project_argument,
    verbose_option,
)
from hatch_multiplat.frontends.frontend import make_invocation, say_what_takes_time
from hatch_multiplat.resolve.project import open_project


@click.command(
    cls=Command,
    short_help="Build the executable of a project.",
    examples=[
        "hatch-multiplat build",
        "hatch-multiplat build --wheel dist/demo-1.0-py3-none-any.whl --checksums",
    ],
)
@project_argument
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=(
        "The project's wheel [default: those of project-wheels, "
        "or one that the project's own backend builds]."
    ),
)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the executable [default: output-dir, beside --wheel, or dist/].",
)
@click.option("--checksums", is_flag=True, help="Write SHA256SUMS beside the executable.")
@click.option("--sbom", is_flag=True, help="Write an inventory (CycloneDX) beside the executable.")
@output_options
@verbose_option
def build(
    *,
    project: Path,
    wheel: Path | None,
    output_dir: Path | None,
    checksums: bool,
    sbom: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build the executable of PROJECT (the folder with its pyproject.toml)."""
    terminal = Terminal(quiet=quiet or as_json)
    with temporary_folder() as folder:
        opened = open_project(project)
        say_what_is_missing(opened, terminal)
        builds_wheel = wheel is None and not has_project_wheels(opened, os.environ)
        request = Request(
            project=opened,
            output_dir=output_dir,
            default_dir=project / "dist" if builds_wheel else None,
            checksums=checksums,
            sbom=sbom,
        )
        prepared = prepare(request, make_invocation(terminal))
        if builds_wheel:
            check_beforehand(prepared)
            wheel = build_wheel(project, folder, terminal)
        say_what_takes_time(terminal, opened)
        report = build_executable(prepared, wheel)
    if as_json:
        print_json(report_to_json(report))
    else:
        terminal.display_success(render_report(report))
