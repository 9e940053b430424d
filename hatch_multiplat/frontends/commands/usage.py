"""What is said of words on a command line that a command cannot take: where they belong."""

from __future__ import annotations

import difflib
import re
import shlex
from contextlib import suppress
from pathlib import Path

import click

from hatch_multiplat.config.config import known_keys
from hatch_multiplat.targets.platforms import Platform, PlatformError
from hatch_multiplat.targets.python import Python, TargetError


def explain_no_project(word: str, command: str) -> str:
    """Say why a word is not the folder of a project, and what to write in its place."""
    path, is_file = Path(word), False
    with suppress(OSError):
        is_file = path.exists()
    to_do = "name the folder that has the project's pyproject.toml"
    if path.suffix == ".whl" and command == "build":
        to_do = f"a wheel is named by an option: hatch-multiplat build --wheel {shlex.quote(word)}"
    elif not is_file:
        to_do = _hint_for_missing(path, command) or to_do
    elif word.endswith((".tar.gz", ".zip")):
        to_do = "unpack it, and name the folder that has its pyproject.toml"
    elif path.suffix in {".pex", ".pyz", ".exe"}:
        to_do += "; finished files are read by the commands 'inspect' and 'verify'"
    if is_file:
        return f"{word!r} is a file, not a folder; {to_do}"
    return f"there is no folder {word!r}; {to_do}"


def _hint_for_missing(path: Path, command: str) -> str:
    folders: list[str] = []
    with suppress(OSError):
        folders = [str(item) for item in path.parent.iterdir() if item.is_dir()]
    if close := difflib.get_close_matches(str(path), folders, n=1):
        return f"did you mean {close[0]!r}?"
    word = str(path)
    if any(map(_is_of_target, (word, word.partition("-")[0]))):
        if command == "check":
            return "other platforms and Pythons are named by --platform and --python"
        return "platforms and Pythons stand in [tool.multiplat]"
    if command == "lock" and re.fullmatch(r"[A-Za-z0-9][\w-]*", word):
        return f"for a newer version of a package: hatch-multiplat lock --upgrade-package {word}"
    return ""


def _is_of_target(word: str) -> bool:
    """Tell whether a word is a platform or a Python, as a table has them."""
    for parse, error in ((Platform.parse, PlatformError), (Python.parse, TargetError)):
        try:
            parse(word)
        except error:
            continue
        return True
    return False


def explain_no_option(option: str, context: click.Context) -> str:
    """Say where an option belongs that a command does not have: the table, or other commands.

    Returns "" for one that is known nowhere.
    """
    word = option.lstrip("-")
    for key in known_keys():
        if word in {key, key.removesuffix("s")}:
            return f"; [tool.multiplat] has the key {key!r}"
    group = context.parent.command if context.parent else None
    if not isinstance(group, click.Group):
        return ""
    commands = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    have = [name for name, it in commands if it and any(option in p.opts for p in it.params)]
    return f"; these commands have it: {', '.join(have)}" if have else ""
