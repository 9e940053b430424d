"""The entry of the command: a stopped run ends cleanly even while its commands are imported."""

from __future__ import annotations

import sys

from hatch_multiplat.base.temporary import Terminated, stopped_by_sigterm


def run() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130, SIGTERM with 143."""
    try:
        # The imports take most of the first second: Ctrl-C then is a user's, too.
        from hatch_multiplat.frontends.cli import run_main  # noqa: PLC0415

        with stopped_by_sigterm():
            run_main()
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in {"", "hatch_multiplat"}:
            raise
        sys.stderr.write(
            f"error: the command needs {name}, which is not installed here; "
            "install it with: pip install 'hatch-multiplat[cli]'\n"
        )
        sys.exit(7)
    except KeyboardInterrupt as error:
        # click has ended the line already that the terminal's "^C" is in.
        start = "" if error.__cause__ else "\n"
        sys.stderr.write(f"{start}hatch-multiplat: stopped\n")
        sys.exit(143 if isinstance(error, Terminated) else 130)


if __name__ == "__main__":
    run()
