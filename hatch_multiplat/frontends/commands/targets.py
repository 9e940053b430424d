"""`hatch-multiplat targets`: the table's targets, to read and as files for pex and Pants."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import ConfigError, MultiplatError, WriteError
from hatch_multiplat.base.text import format_count
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    argument_before,
    complete_words,
    find_project,
    output_options,
    print_json,
    project_argument,
)
from hatch_multiplat.frontends.render.screen import width_of
from hatch_multiplat.frontends.render.target_text import (
    render_target,
    render_targets,
    targets_to_json,
)
from hatch_multiplat.resolve.project import open_project
from hatch_multiplat.targets.platforms import caution
from hatch_multiplat.targets.target_choice import suggest_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.targets.target import Target


def _complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    with suppress(MultiplatError):
        opened = open_project(argument_before(context, "project") or find_project())
        return complete_words(map(str, opened.config.targets), incomplete)
    return []


@click.command(
    cls=Command,
    short_help="Show the machines that the targets of a project stand for.",
    examples=[
        "hatch-multiplat targets",
        "hatch-multiplat targets --target cp313-macosx_13_0_arm64",
    ],
)
@project_argument
@click.option(
    "-t",
    "--target",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=_complete,
    help="Only this target, with every tag; may be given several times.",
)
@click.option(
    "--complete-platform",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write a complete-platform file for each target, for pex and Pants.",
)
@output_options
def targets(
    *, project: Path, names: tuple[str, ...], folder: Path | None, as_json: bool, quiet: bool
) -> None:
    """Show the targets of PROJECT: the machines that they stand for, and the wheels they accept."""
    opened = open_project(project)
    chosen = opened.config.targets
    terminal = Terminal(quiet=quiet)
    for hint in filter(None, map(caution, opened.pyproject["tool"]["multiplat"]["platforms"])):
        terminal.display_info(hint)
    if names:
        chosen = _pick(chosen, names)
    if folder is not None:
        _write_files(chosen, folder)
    if as_json:
        print_json(targets_to_json(chosen))
    elif folder is not None:
        count = format_count(len(chosen), "complete-platform file")
        terminal.display_success(f"Wrote {count} to {folder}")
    elif not quiet:
        width = width_of(sys.stdout)
        if names:
            lines = [line for target in chosen for line in render_target(target, width=width)]
        else:
            lines = render_targets(chosen, width=width)
        terminal.show(lines)


def _pick(known: Sequence[Target], names: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets of these names; raises ConfigError for each unknown name."""
    by_name = {str(target): target for target in known}
    problems = []
    for name in names:
        if name not in by_name:
            hint = suggest_target(name, known) or "; `hatch-multiplat targets` lists them"
            problems.append(f"--target: the project has no target {name!r}{hint}")
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(by_name[name] for name in names))


def _write_files(chosen: Sequence[Target], folder: Path) -> None:
    """Write NAME.json for each target; raises WriteError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in chosen:
            path = folder / f"{target}.json"
            patch = target.python.patch or 0
            data = target.to_complete_platform(label="", patch=patch)
            write_atomically(path, json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise WriteError.of(folder, error, instead="--complete-platform") from error
