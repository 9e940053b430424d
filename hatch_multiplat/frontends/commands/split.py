"""`hatch-multiplat split`: the same executable for fewer targets, to save space."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.text import format_count, format_size
from hatch_multiplat.build.output_paths import PEX, PYZ
from hatch_multiplat.executable.blocks import FOLDER
from hatch_multiplat.frontends.commands.executables import (
    check_output,
    file_argument,
    platform_option,
    python_option,
    read_part,
    target_option,
)
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    output_options,
    print_json,
)
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.inspection.parts import write_parts
from hatch_multiplat.inspection.verification import executable_selections
from hatch_multiplat.targets.target_choice import Choice, choose_targets, group_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.targets.target_choice import Axis

EXE: Final = ".exe"


@click.command(
    cls=Command,
    short_help="Write a smaller executable with some of the targets.",
    examples=[
        "hatch-multiplat split dist/demo-1.0.pex --platform linux-x86_64",
        "hatch-multiplat split dist/demo-1.0.pex --each platform -o parts",
    ],
)
@file_argument
@target_option
@platform_option
@python_option
@click.option(
    "--each",
    type=click.Choice(["target", "platform", "python"]),
    help="Write one file for each chosen target, platform or Python.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write; with --each, the folder for them [default: beside FILE].",
)
@output_options
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
    """Write a smaller executable with some of FILE's targets. Nothing is resolved or downloaded."""
    choice = Choice(targets=targets, platforms=platforms, pythons=pythons)
    if not choice and each is None:
        raise ConfigError(
            ["name the targets to keep by --target, --platform or --python, or use --each"]
        )
    executable = read_part(file)
    known = [selection.target for selection in executable_selections(executable)]
    chosen = choose_targets(known, choice)
    parts: dict[Path, tuple[Target, ...]] = {}
    if each is not None:
        folder = output or file.parent
        if folder.exists() and not folder.is_dir():
            raise ConfigError(
                [f"--output: {folder} is not a folder, but --each writes several files"]
            )
        for word, group in group_targets(chosen, each).items():
            parts[folder / f"{file.stem}-{word}{_suffix(executable, group)}"] = group
    else:
        default = file.with_name(f"{file.stem}-{choice.label}{_suffix(executable, chosen)}")
        parts[output or default] = chosen
        _check_suffix(output or default, chosen)
    for path in parts:
        check_output(path, [file])
    named = {path: [str(target) for target in group] for path, group in parts.items()}
    write_parts(executable, named, cache=WheelCache.default(os.environ).root / FOLDER)
    written = [
        {"path": str(path), "size": path.stat().st_size, "targets": names}
        for path, names in named.items()
    ]
    if as_json:
        print_json({"whole": str(file), "parts": written})
        return
    terminal = Terminal(quiet=quiet)
    for path, group in parts.items():
        size = format_size(path.stat().st_size)
        terminal.display_success(f"{path}  {size}, {format_count(len(group), 'target')}")


def _suffix(executable: Executable, group: Sequence[Target]) -> str:
    """Return the suffix of a part: without Windows targets, it is not a program for Windows."""
    suffix = executable.path.suffix
    if _is_for_windows(group) or suffix.lower() != EXE:
        return suffix
    return PYZ if executable.is_pyz else PEX


def _check_suffix(output: Path, group: Sequence[Target]) -> None:
    """Raise ConfigError for the name of a program for Windows if no target is for Windows."""
    if output.suffix.lower() == EXE and not _is_for_windows(group):
        raise ConfigError(
            [f"--output: {output} would be for Windows, but none of its targets is; name a {PEX}"]
        )


def _is_for_windows(group: Sequence[Target]) -> bool:
    return any(target.platform.system == "windows" for target in group)
