"""What the commands that edit `pyproject.toml` share: the diff, the writing, and what is next."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.base.text_diff import unified_diff
from hatch_multiplat.base.toml_file import TomlFile, read_toml_file, write_toml_file
from hatch_multiplat.config.config import DEFAULT_LOCK
from hatch_multiplat.config.validation import check_pyproject
from hatch_multiplat.index.local_files import project_host
from hatch_multiplat.init.init_table import TABLE, table_at
from hatch_multiplat.init.platform_list import Edited, Names, Vocabulary
from hatch_multiplat.resolve.lock_file import RENEW, UV_LOCK, read_lock
from hatch_multiplat.resolve.project import open_project, requires_python_of
from hatch_multiplat.targets.platforms import caution

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_multiplat.frontends.commands.terminal import Terminal

names_argument = click.argument("names", metavar="[NAME]...", nargs=-1)
python_option = click.option(
    "--python",
    "pythons",
    metavar="VERSION",
    multiple=True,
    help="A Python, such as 3.13, 3.14t or pp311; may be given several times.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Write nothing; print what would change as a diff."
)
project_option = click.option(
    "--project",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, readable=False, path_type=Path),
    default=".",
    help="The project's folder. Default: the current one.",
)


def edit_table(
    project: Path,
    names: Names,
    edit: Callable[[str, Names, Vocabulary], Edited],
    *,
    dry_run: bool,
    terminal: Terminal,
) -> None:
    """Edit a project's `pyproject.toml` and say what it lists; a failed edit writes nothing."""
    if not (names.platforms or names.pythons):
        raise click.UsageError("name a platform, or a Python by --python")
    file = read_toml_file(project / "pyproject.toml")
    pyproject = tomllib.loads(file.text)
    check_pyproject(pyproject)
    requires_python = requires_python_of(pyproject)
    vocabulary = Vocabulary(host=project_host(project), requires_python=requires_python)
    edited = edit(file.text, names, vocabulary)
    text = edited.text
    for note in (*edited.notes, *filter(None, map(caution, names.platforms))):
        terminal.display_info(note)
    if dry_run:
        show_diff(file, text)
        return
    if text == file.text:
        terminal.display_success("Nothing to change")
        return
    write_toml_file(file, text)
    table = table_at(tomllib.loads(text), TABLE)
    for key in ("platforms", "python"):
        if key in table:
            terminal.display_success(f"{key}: {', '.join(table[key])}")
    _say_what_is_stale(project, str(table.get("lock", DEFAULT_LOCK)), terminal)


def show_diff(file: TomlFile, text: str) -> None:
    """Print what would change: in colour on a terminal only, and not where NO_COLOR is set."""
    in_colour = is_in_colour()
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in unified_diff(file.text, text, name=file.path.name):
        plain = not in_colour or line.startswith(("+++", "---"))
        click.echo(line if plain else click.style(line, fg=colours.get(line[0])), nl=False)


def is_in_colour() -> bool:
    """Tell whether stdout is a terminal whose user has nothing against colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _say_what_is_stale(project: Path, name: str, terminal: Terminal) -> None:
    """Name the command that renews the project's lock, if it has one that has to be renewed."""
    # A uv.lock is for every platform that there is.
    if Path(name).name == UV_LOCK or not (project / name).is_file():
        return
    how = f"renew it with: {RENEW}"
    try:
        locked = read_lock(open_project(project))
    except MultiplatError:
        locked = None
    terminal.display_info(f"{name} is stale now; {locked.renewal if locked else how}")
