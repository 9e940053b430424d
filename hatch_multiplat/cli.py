"""The command line, for projects that hatchling does not build and for wheels given by path."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click
import uv

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.door import SWITCH, end_with, run_build
from hatch_multiplat.errors import MultiplatError, ToolError
from hatch_multiplat.process import run_tool
from hatch_multiplat.report import report_to_json


class _Terminal:
    """Speaks to a person through stderr; stdout is for what a script may want."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def display_info(self, message: str = "") -> None:
        if not self.quiet:
            click.echo(message, err=True)

    def display_success(self, message: str = "") -> None:
        if not self.quiet:
            click.echo(message)

    def abort(self, message: str = "", code: int = 1) -> NoReturn:
        click.echo(message, err=True)
        sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hatch-multiplat")
def main() -> None:
    """Build one executable that runs on every platform a project lists."""


@main.command()
@click.argument(
    "project", type=click.Path(exists=True, file_okay=False, path_type=Path), default="."
)
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The project's wheel; without it, the wheel is built by the project's own backend.",
)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the executable goes [default: output-dir of the table, beside --wheel, or dist/].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def build(
    *, project: Path, wheel: Path | None, output_dir: Path | None, as_json: bool, quiet: bool
) -> None:
    """Build the executable of PROJECT (the folder with its pyproject.toml)."""
    terminal = _Terminal(quiet=quiet or as_json)
    default_dir = None
    with tempfile.TemporaryDirectory(prefix="hatch-multiplat-") as folder:
        if wheel is None:
            wheel = _build_wheel(terminal, project, Path(folder).resolve())
            default_dir = project / "dist"
        report = run_build(
            terminal,
            project_dir=project,
            wheel=wheel,
            output_dir=output_dir,
            default_dir=default_dir,
        )
    if as_json:
        click.echo(json.dumps(report_to_json(report), indent=2))


def _build_wheel(terminal: _Terminal, project: Path, folder: Path) -> Path:
    terminal.display_info(f"Building the wheel of {project.resolve().name}")
    try:
        run_tool(
            "uv build",
            [uv.find_uv_bin(), "build", "--wheel", "--out-dir", folder, project.resolve()],
            cwd=folder,
            environ={SWITCH: "0", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
        )
        wheels = sorted(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise ToolError(f"the project's backend built {len(wheels)} wheels; name one: --wheel")
    except MultiplatError as error:
        end_with(terminal, error)
    return wheels[0]
