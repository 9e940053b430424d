"""What the commands on executables share: their argument, their options, how they print."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.errors import (
    ConfigError,
    ExecutableError,
    LockError,
    MultiplatError,
    WriteError,
)
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.commands.terminal import complete_words
from hatch_multiplat.inspection.inspection import compare_with_lock
from hatch_multiplat.inspection.verification import executable_selections
from hatch_multiplat.wheels.pylock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.frontends.commands.terminal import Completer
    from hatch_multiplat.inspection.inspection import LockComparison
    from hatch_multiplat.targets.target import Target

# A file that is missing, or cannot be read, is told by who reads it, with one exit code.
file_type = click.Path(readable=False, path_type=Path)
file_argument = click.argument("file", type=file_type)
lock_option = click.option(
    "--lock",
    "lock_path",
    metavar="LOCK",
    type=file_type,
    help="Compare every wheel, byte for byte, with this PEP 751 lock.",
)


def _complete(word_of: Callable[[Target], str]) -> Completer:
    """Return what completes words that name targets of the file, if the line has it already."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        file = context.params.get("file")
        if file is None:
            return []
        with suppress(MultiplatError):
            selections = executable_selections(read_executable(file))
            return complete_words((word_of(found.target) for found in selections), incomplete)
        return []

    return complete


target_option = click.option(
    "--target",
    "targets",
    metavar="NAME",
    multiple=True,
    help="One target; may be repeated.",
    shell_complete=_complete(str),
)
platform_option = click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM",
    multiple=True,
    help="All targets of a platform.",
    shell_complete=_complete(lambda target: str(target.platform)),
)
python_option = click.option(
    "--python",
    "pythons",
    metavar="PYTHON",
    multiple=True,
    help="All targets of a Python.",
    shell_complete=_complete(lambda target: str(target.python)),
)


def compare(executable: Executable, lock_path: Path | None) -> LockComparison | None:
    """Compare an executable with a lock; raises LockError if it is none that can be read."""
    if lock_path is None:
        return None
    try:
        text = lock_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LockError(f"{lock_path} cannot be read: {reason}") from error
    lock = parse_lock(text, where=str(lock_path))
    return compare_with_lock(executable, lock, name=str(lock_path))


def read_part(path: Path) -> Executable:
    """Read an executable that is to be cut or joined: ours, one file, and whole."""
    executable = read_executable(path)
    if executable.layout != "zipapp":
        raise ExecutableError(f"{path} is a folder; name an executable that is one file")
    executable.check_whole()
    executable.own_table()
    return executable


def check_output(output: Path, inputs: Iterable[Path]) -> None:
    """Raise ConfigError if an output would be written over an input, or is a folder.

    Raises WriteError for a path that no file can have.
    """
    try:
        is_folder = output.is_dir()
    except OSError as error:
        raise WriteError.of(output, error, instead="--output") from error
    if is_folder:
        raise ConfigError([f"--output: {output} is a folder; name a file in it"])
    for path in inputs:
        if output.resolve() == path.resolve():
            raise ConfigError([f"--output: {output} is what is read; name another file"])
