"""Write the man page from the commands' own help: docs/man/hatch-multiplat.1.

With `--check`, as scripts/check.py calls it, nothing is written; the exit code is 1 if the page
would be another one.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from typing import TYPE_CHECKING

import click

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.frontends.cli import main as hatch_multiplat
from hatch_multiplat.frontends.commands.terminal import DOCUMENTATION, Command
from venvs import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "man" / "hatch-multiplat.1"
CODES = ROOT / "docs" / "reference" / "exit-codes.md"
NAME = "hatch-multiplat"


def escape(text: str) -> str:
    """Write text so that roff shows it as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def render() -> str:
    group = click.Context(hatch_multiplat, info_name=NAME, **hatch_multiplat.context_settings)
    assert isinstance(hatch_multiplat, click.Group)
    summary = (hatch_multiplat.help or "").rstrip(".")
    lines = [
        f'.TH {NAME.upper()} 1 "" "{NAME} {__version__}" "User Commands"',
        ".SH NAME",
        rf"{NAME} \- {escape(summary[0].lower() + summary[1:])}",
        ".SH SYNOPSIS",
        rf".B {NAME}",
        r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGS\fR]...",
        ".SH OPTIONS",
        *render_options(hatch_multiplat, group),
        ".SH COMMANDS",
    ]
    for name in hatch_multiplat.list_commands(group):
        command = hatch_multiplat.get_command(group, name)
        assert isinstance(command, Command)
        lines += render_command(command, click.Context(command, info_name=name, parent=group))
    lines.append(".SH EXIT STATUS")
    for code, meaning in exit_codes():
        lines += [".TP", f".B {code}", escape(meaning)]
    lines += [
        ".SH SEE ALSO",
        escape("Environment variables, the table [tool.multiplat] and how-to guides are at"),
        escape(DOCUMENTATION.removesuffix("reference/command-line.html")),
    ]
    return "\n".join(lines) + "\n"


def render_command(command: Command, context: click.Context) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "{escape(context.command_path)} {escape(usage)}"'
    for place, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if place:
            yield ".PP"
        yield escape(paragraph)
    yield from render_options(command, context)
    yield from (".PP", "Examples:", ".PP", ".nf", ".RS")
    yield from map(escape, command.examples)
    yield from (".RE", ".fi")


def render_options(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record is not None and option.param_type_name == "option":
            yield from (".TP", rf"\fB{escape(record[0])}\fR", escape(" ".join(record[1].split())))


def exit_codes() -> list[tuple[str, str]]:
    """Return each exit code with what it means, from the reference."""
    rows = re.findall(r"^\| (\d+) \|[^|]*\| (.*) \|$", CODES.read_text("utf-8"), re.MULTILINE)
    meanings: dict[str, list[str]] = {}
    for code, meaning in rows:
        meanings.setdefault(code, []).append(meaning.replace("`", ""))
    return [(code, " ".join(found)) for code, found in meanings.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    page = render()
    if not parser.parse_args().check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, "utf-8")
    elif page != PAGE.read_text("utf-8"):
        sys.exit(f"{PAGE.relative_to(ROOT)} is not today's; run scripts/man_page.py")


if __name__ == "__main__":
    main()
