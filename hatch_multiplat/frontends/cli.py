"""The command line: `hatch-multiplat`, or `python -m hatch_multiplat`."""

from __future__ import annotations

import difflib
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.temporary import Terminated

if TYPE_CHECKING:
    from types import ModuleType

COMMANDS: Final = (
    "init",
    "build",
    "check",
    "lock",
    "platforms",
    "targets",
    "inspect",
    "merge",
    "split",
    "verify",
    "schema",
    "cache",
)
"""The commands in the order of the help; each is a function in a module of its name."""


class Commands(click.Group):
    """A group that only imports the module of the command that is called.

    Importing all of them takes half a second, mostly for libraries that only some commands need.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            close = difflib.get_close_matches(cmd_name, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {cmd_name!r}; {hint}", ctx)
        command: click.Command = getattr(_load(cmd_name), cmd_name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        examples = ["hatch-multiplat init", "hatch-multiplat check"]
        _load("terminal").write_epilog(formatter, examples, ctx.command_path)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hatch-multiplat")
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="When to print in colour [default: auto, on terminals].",
)
def main(*, color: str) -> None:
    """Build one executable that runs on every platform a project lists."""
    # What prints goes by these variables, ours and other libraries'.
    if color != "auto":
        wanted, other = ("FORCE_COLOR", "NO_COLOR")[:: 1 if color == "always" else -1]
        os.environ[wanted] = "1"
        os.environ.pop(other, None)


def run_main() -> None:
    """Run the command line in this process: `main`, with an exit code for every end.

    Raises KeyboardInterrupt if the user stops it, also at a question.
    """
    try:
        code = main(prog_name="hatch-multiplat", standalone_mode=False)
    except click.Abort as error:
        # click says the same of SIGTERM, which is told by another exit code.
        stopped = error.__cause__
        raise type(stopped) if isinstance(stopped, Terminated) else KeyboardInterrupt from error
    except click.ClickException as error:
        _load("terminal").show_usage_error(error)
        code = error.exit_code
    except OSError as error:
        _load("terminal").end_output(error)
    sys.exit(code if isinstance(code, int) else 0)


def _load(name: str) -> ModuleType:
    return import_module(f"hatch_multiplat.frontends.commands.{name}")
