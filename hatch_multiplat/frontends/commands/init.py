"""`hatch-multiplat init`: add the table and the hook to a project."""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import click

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.toml_table import TomlFile, read_toml_file, table_at
from hatch_multiplat.frontends.commands.opening import build_aside
from hatch_multiplat.frontends.commands.terminal import (
    Command,
    Terminal,
    complete_platforms,
    complete_pythons,
    project_argument,
    quiet_option,
    repeated_option,
    verbose_option,
    write_file,
)
from hatch_multiplat.frontends.frontend import make_invocation
from hatch_multiplat.frontends.render.screen import is_in_colour
from hatch_multiplat.index.project_settings import find_workspace
from hatch_multiplat.init.detection import detect_settings
from hatch_multiplat.init.init_table import (
    ENABLE,
    TABLE,
    Settings,
    add_hook,
    add_requirement,
    add_settings,
    brings_plugin,
    needs_request,
    remove_requirement,
    uses_hatchling,
)
from hatch_multiplat.resolve.project import make_project, read_pyproject_file
from hatch_multiplat.targets.platforms import caution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@click.command(
    cls=Command,
    short_help="Add the table and the hook to a project.",
    examples=[
        "hatch-multiplat init",
        "hatch-multiplat init --platform linux-x86_64 --platform macos-arm64 --python 3.13",
    ],
)
@project_argument
@repeated_option(
    "--platform",
    "NAME",
    "A platform, instead of those that init would choose; may be given several times.",
    complete_platforms,
)
@repeated_option(
    "--python",
    "VERSION",
    "A Python, such as 3.13 or 3.14t, instead of those that init would choose; "
    "may be given several times.",
    complete_pythons,
)
@click.option(
    "--on-request",
    is_flag=True,
    help=f"Build the executable only if {ENABLE}=true; no other build gets the plugin.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; print the change as a diff.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking, even on a terminal.")
@quiet_option
@verbose_option
def init(
    *,
    project: Path,
    platforms: tuple[str, ...],
    pythons: tuple[str, ...],
    on_request: bool,
    dry_run: bool,
    yes: bool,
    quiet: bool,
) -> None:
    """Add the table and the hook to the pyproject.toml of PROJECT. All its text stays."""
    terminal = Terminal(quiet=quiet)
    file = read_pyproject_file(project)
    settings = _choose(project, file.text, Settings(platforms=platforms, pythons=pythons), terminal)
    text, changes = _add_plugin(project, file.text, on_request=on_request, terminal=terminal)
    text = add_settings(text, settings)
    make_project(project, tomllib.loads(text))  # It finds every mistake that would be there.
    for hint in filter(None, map(caution, platforms)):
        terminal.display_info(hint)
    if text != file.text:
        changes.insert(0, (file, text))
    if not changes:
        terminal.display_success("Nothing to add: all of it is there")
        return
    if dry_run:
        for changed, new in changes:
            _show_diff(changed, new)
        return
    names = " and ".join(changed.path.name for changed, _ in changes)
    asks = not (yes or quiet or platforms or pythons) and is_somebody_there()
    if asks:
        for changed, new in changes:
            _show_diff(changed, new)
    if asks and not click.confirm(f"Change {names}?", default=True, err=True):
        terminal.abort("Nothing was written")
    for changed, new in changes:
        write_file(changed.path, new)
    terminal.display_success(f"Changed {names}")
    terminal.display_info(
        "Edit [tool.multiplat] to change the lists; renew a lock then with: hatch-multiplat lock"
    )


def is_somebody_there() -> bool:
    """Tell whether somebody can read and answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _choose(project: Path, text: str, chosen: Settings, terminal: Terminal) -> Settings:
    """Return the keys of the table: those that were chosen, and guesses, which it prints."""
    pyproject = tomllib.loads(text)
    present = table_at(pyproject, *TABLE)
    _reject_other("platforms", chosen.platforms, present)
    _reject_other("python", chosen.pythons, present)
    if "platforms" in present:  # What such a table does not say has its default: it is whole.
        return chosen
    detected = detect_settings(
        project,
        pyproject,
        chosen,
        make_invocation(terminal),
        build=lambda: build_aside(project, terminal),
    )
    for reason in detected.reasons:
        terminal.display_info(reason)
    return detected.settings


def _reject_other(key: str, names: tuple[str, ...], present: Mapping[str, Any]) -> None:
    """Raise ConfigError for names that an existing table does not list."""
    other = [name for name in names if name not in present.get(key, names)]
    if other:
        listed = ", ".join(f'"{name}"' for name in other)
        raise ConfigError([f"tool.multiplat.{key} is there already; add {listed} to that list"])


def _add_plugin(
    project: Path, text: str, *, on_request: bool, terminal: Terminal
) -> tuple[str, list[tuple[TomlFile, str]]]:
    """Add the hook to hatchling's settings; returns the text, and other files that change."""
    pyproject = tomllib.loads(text)
    if not uses_hatchling(pyproject):
        backend = table_at(pyproject, "build-system").get("build-backend", "setuptools")
        terminal.display_info(f"no hook: {backend} builds this project, and hatchling runs hooks")
        terminal.display_info("build it with: hatch-multiplat build")
        return text, []
    changes = []
    hatch_toml = _hatch_toml(project)
    root: tuple[str, ...] = ("tool", "hatch") if hatch_toml is None else ()
    hooked = add_hook(hatch_toml.text if hatch_toml else text, root=root, on_request=on_request)
    # tomlkit, which edits the requirements, cannot read every layout that the hook makes.
    if not brings_plugin(tomllib.loads(hooked), root):
        text = add_requirement(text)
    elif on_request:
        text = remove_requirement(text)
    if hatch_toml is None:
        text = hooked = add_hook(text, root=root, on_request=on_request)
    elif hooked != hatch_toml.text:
        changes = [(hatch_toml, hooked)]
    variable = f"{ENABLE}=true " if needs_request(tomllib.loads(hooked), root) else ""
    # The sdist, which a wheel is built from otherwise, has no other member of a workspace.
    only = " --wheel" if find_workspace(project, pyproject) is not None else ""
    terminal.display_info(f"build it with: {variable}python -m build{only}")
    return text, changes


def _hatch_toml(project: Path) -> TomlFile | None:
    """Return `hatch.toml` if it has build settings, which replace those of pyproject.toml."""
    path = project / "hatch.toml"
    if not path.is_file():
        return None
    file = read_toml_file(path)
    return file if "build" in file.data else None


def _show_diff(file: TomlFile, text: str) -> None:
    """Print the changes, in colour only on a terminal and without NO_COLOR."""
    in_colour = is_in_colour(sys.stdout)
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in _unified_diff(file.text, text, name=file.path.name):
        plain = not in_colour or line.startswith(("+++", "---"))
        shown = line if plain else click.style(line, fg=colours.get(line[0]))
        click.echo(shown, nl=False, color=in_colour)


def _unified_diff(old: str, new: str, *, name: str) -> list[str]:
    """Return the lines of a unified diff for `patch -p1`, each with its own line end."""
    # str.splitlines knows many more line ends.
    before, after = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (old, new))
    diff = difflib.unified_diff(before, after, fromfile=f"a/{name}", tofile=f"b/{name}")
    return [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff
    ]
