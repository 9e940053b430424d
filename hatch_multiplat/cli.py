"""The command line: `hatch-multiplat`, or `python -m hatch_multiplat`."""

from __future__ import annotations

import sys

import click

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.commands.add_platform import add_platform
from hatch_multiplat.commands.build import build
from hatch_multiplat.commands.check import check
from hatch_multiplat.commands.init import init
from hatch_multiplat.commands.inspect import inspect
from hatch_multiplat.commands.lock import lock
from hatch_multiplat.commands.merge import merge
from hatch_multiplat.commands.remove_platform import remove_platform
from hatch_multiplat.commands.split import split
from hatch_multiplat.commands.targets import targets
from hatch_multiplat.commands.terminal import end_output
from hatch_multiplat.commands.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hatch-multiplat")
def main() -> None:
    """Build one executable that runs on every platform a project lists."""


main.add_command(init)
main.add_command(add_platform)
main.add_command(remove_platform)
main.add_command(build)
main.add_command(check)
main.add_command(lock)
main.add_command(targets)
main.add_command(inspect)
main.add_command(merge)
main.add_command(split)
main.add_command(verify)


def run_main() -> None:
    """Run the command line as this process's own: `main`, and an exit code for every end.

    Raises KeyboardInterrupt where the user stops it, also at a question.
    """
    try:
        code = main(prog_name="hatch-multiplat", standalone_mode=False)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except OSError as error:
        end_output(error)
    sys.exit(code if isinstance(code, int) else 0)
