"""What people on Windows click and type: a launcher in front of the same archive."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.archive import replace_prefix
from hatch_multiplat.errors import ToolError

if TYPE_CHECKING:
    from hatch_multiplat.formats import ExeOptions
    from hatch_multiplat.platforms import Platform

# distlib's launchers, by architecture: with a console ("t") or without ("w") before these.
_LAUNCHERS: Final = {"x86_64": "64", "arm64": "64-arm", "i686": "32"}


def write_windows_exe(pex: Path, output: Path, *, platform: Platform, options: ExeOptions) -> Path:
    """Write a program for Windows that runs an executable's archive; returns `output`.

    It is distlib's launcher, a line that says what to start, and the archive: the launcher reads
    the line, and starts that Python with its own file and arguments. Any system can make it, and
    the same inputs give the same bytes. Raises OSError, and ToolError if distlib lacks a launcher.
    """
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".exe-") as folder:
        archive = Path(folder) / pex.name
        shutil.copyfile(pex, archive)
        # The launcher finds its line right before where the archive's offsets count from, so
        # they have to count from the archive's own start. Python reads such a file as well.
        replace_prefix(archive, b"")
        with archive.open("rb") as source, output.open("wb") as target:
            target.write(read_launcher(platform, options) + shebang(options))
            shutil.copyfileobj(source, target)
    output.chmod(0o755)
    return output


def shebang(options: ExeOptions) -> bytes:
    """Return the launcher's line: a program that it looks for on PATH.

    Python's own installers put the launcher `py` there, and `python` only if one ticks a box; on
    a fresh Windows, `python` is a stub that opens a shop.
    """
    return f"#!/usr/bin/env {options.python or ('pyw' if options.windowed else 'py')}\n".encode()


def read_launcher(platform: Platform, options: ExeOptions) -> bytes:
    """Return distlib's launcher for a platform."""
    name = f"{'w' if options.windowed else 't'}{_LAUNCHERS[platform.arch]}.exe"
    try:
        return resources.files("distlib").joinpath(name).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise ToolError(
            f"cannot read distlib's launcher {name}: {error}; "
            "some systems package distlib without its launchers, install it from PyPI"
        ) from error
