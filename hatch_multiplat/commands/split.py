"""`hatch-multiplat split`: the same executable for fewer targets, where size counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.commands.executables import (
    check_output,
    file_argument,
    platform_option,
    python_option,
    read_part,
    target_option,
)
from hatch_multiplat.commands.terminal import Terminal, ends_cleanly, json_option, quiet_option
from hatch_multiplat.errors import ConfigError
from hatch_multiplat.parts import write_part
from hatch_multiplat.report import format_size
from hatch_multiplat.target_choice import Choice, choose_targets, group_targets
from hatch_multiplat.verification import executable_selections

if TYPE_CHECKING:
    from hatch_multiplat.target import Target
    from hatch_multiplat.target_choice import Axis


@click.command()
@file_argument
@target_option
@platform_option
@python_option
@click.option(
    "--each",
    type=click.Choice(["target", "platform", "python"]),
    help="Write a file for each target, platform or Python of those chosen.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write; with --each, the folder for them [default: beside FILE].",
)
@json_option
@quiet_option
@ends_cleanly
def split(
    *,
    file: Path,
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    pythons: tuple[str, ...],
    each: Axis | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the executable FILE anew for some of its targets, without resolving or network."""
    choice = Choice(targets=targets, platforms=platforms, pythons=pythons)
    if not choice and each is None:
        raise ConfigError(
            ["name what to keep by --target, --platform or --python, or ask for --each of them"]
        )
    executable = read_part(file)
    known = [selection.target for selection in executable_selections(executable)]
    chosen = choose_targets(known, choice)
    parts: dict[Path, tuple[Target, ...]] = {}
    if each is not None:
        folder = output or file.parent
        if folder.exists() and not folder.is_dir():
            raise ConfigError([f"--output: {folder} is no folder, which --each wants"])
        for word, group in group_targets(chosen, each).items():
            parts[folder / f"{file.stem}-{word}{file.suffix}"] = group
    else:
        default = file.with_name(f"{file.stem}-{choice.label}{file.suffix}")
        parts[output or default] = chosen
    for path in parts:
        check_output(path, [file])
    written = []
    for path, group in parts.items():
        names = [str(target) for target in group]
        write_part(executable, names, path)
        written.append({"path": str(path), "size": path.stat().st_size, "targets": names})
    if as_json:
        click.echo(json.dumps({"whole": str(file), "parts": written}, indent=2))
        return
    terminal = Terminal(quiet=quiet)
    for path, group in parts.items():
        many = f"{len(group)} target{'s' if len(group) != 1 else ''}"
        terminal.display_success(f"{path}  {format_size(path.stat().st_size)}, {many}")
