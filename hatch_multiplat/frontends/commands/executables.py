"""The common parts of the commands on executables: their argument, options and output."""

from __future__ import annotations

import os
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
    explain_unreadable,
)
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.executable.blocks import MEMBERS, list_members
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.commands.terminal import (
    Terminal,
    argument_before,
    complete_words,
    repeated_option,
)
from hatch_multiplat.frontends.frontend import make_invocation
from hatch_multiplat.index.fetch import fetch_files
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.wheel_cache import WheelCache
from hatch_multiplat.inspection.inspection import compare_with_lock, locked_files
from hatch_multiplat.inspection.verification import executable_selections
from hatch_multiplat.resolve.build_context import is_offline, open_context
from hatch_multiplat.resolve.project import open_project
from hatch_multiplat.wheels.pylock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from packaging.pylock import Pylock

    from hatch_multiplat.executable.executable import Executable, HeldMember
    from hatch_multiplat.frontends.commands.terminal import Completer
    from hatch_multiplat.inspection.inspection import LockComparison
    from hatch_multiplat.resolve.build_context import Invocation
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
fetch_option = click.option(
    "--fetch",
    is_flag=True,
    help="Fetch the lock's wheels that are not in the wheel cache, to compare a pyz with them.",
)


def _complete(word_of: Callable[[Target], str]) -> Completer:
    """Return completions for targets of the file, if the command line already names the file."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        file = argument_before(context, "file")
        if file is None:
            return []
        with suppress(MultiplatError):
            selections = executable_selections(read_executable(file))
            return complete_words((word_of(found.target) for found in selections), incomplete)
        return []

    return complete


target_option = repeated_option("--target", "NAME", "One target; may be repeated.", _complete(str))
platform_option = repeated_option(
    "--platform",
    "PLATFORM",
    "All targets of a platform.",
    _complete(lambda target: str(target.platform)),
)
python_option = repeated_option(
    "--python",
    "PYTHON",
    "All targets of a Python.",
    _complete(lambda target: str(target.python)),
)


def compare(
    executable: Executable, lock_path: Path | None, *, fetch: bool
) -> LockComparison | None:
    """Compare an executable with a lock; raises LockError if the lock cannot be read.

    A file without wheels is compared with the lock's wheels in the wheel cache. With `fetch`,
    missing ones are downloaded; raises FetchError if one cannot be.
    """
    if lock_path is None:
        return None
    try:
        text = lock_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{lock_path} cannot be read: {explain_unreadable(error)}") from error
    lock = parse_lock(text, where=str(lock_path))
    members = _locked_members(executable, lock, lock_path.parent, fetch=fetch)
    return compare_with_lock(executable, lock, name=str(lock_path), members=members)


def _locked_members(
    executable: Executable, lock: Pylock, folder: Path, *, fetch: bool
) -> dict[str, tuple[HeldMember, ...]]:
    """Return the contents of the lock's wheels that a file without wheels names, by file name."""
    if not executable.is_pyz:
        return {}
    digests = {name: held.sha256 for name, held in executable.wheels.items()}
    wanted = [
        item
        for item in locked_files(lock, folder)
        if (sha256 := item.hashes.get("sha256")) and digests.get(item.filename) == sha256
    ]
    cache = WheelCache.default(os.environ)
    invocation = make_invocation(Terminal(quiet=True))
    if fetch:
        files = fetch_files(
            wanted,
            wheel_cache=cache,
            client=_open_client(folder, invocation),
            offline=is_offline(os.environ),
            progress=invocation.progress,
        )
        found = {item.filename: files[item.key] for item in wanted}
    else:
        kept = {item.filename: cache.find_verified(item.filename, item.hashes) for item in wanted}
        found = {name: file for name, file in kept.items() if file is not None}
    return {
        name: list_members(file.path, file.sha256, cache=cache.root / MEMBERS)
        for name, file in found.items()
    }


def _open_client(folder: Path, invocation: Invocation) -> HttpClient:
    """Return a client with the credentials of the project in a folder, if one is there."""
    try:
        return open_context(open_project(folder), invocation).client
    except ConfigError:
        return HttpClient(Credentials(), environ=os.environ)


def read_part(path: Path) -> Executable:
    """Read an executable to split or merge: it must be ours, one file, and complete."""
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
            raise ConfigError([f"--output: {output} is the input; name another file"])
