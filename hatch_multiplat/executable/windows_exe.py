"""A program for Windows: a launcher in front of the same archive."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.executable.zip_writer import read_members, write_archive
from hatch_multiplat.runtime.windows import launcher_name

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_multiplat.config.formats import ExeOptions
    from hatch_multiplat.targets.platforms import Platform


def write_windows_exe(pex: Path, output: Path, *, platform: Platform, options: ExeOptions) -> Path:
    """Write a program for Windows that runs an executable's archive; returns `output`.

    It is distlib's launcher, a line that says what to start, and the archive: the launcher reads
    the line, and starts that Python with its own file and arguments. Any system can make it, and
    the same inputs give the same bytes. Raises OSError, and ToolError if distlib lacks a
    launcher.
    """
    name = launcher_name(platform.arch, options.windowed)
    prefix = read_launcher(name) + shebang(options)
    write_archive(read_members(pex).values(), output, prefix=prefix, mode=0o755)
    return output


def shebang(options: ExeOptions) -> bytes:
    """Return the launcher's line: a program that it looks for on PATH.

    Python's own installers put the launcher `py` there, and `python` only if one ticks a box; on
    a fresh Windows, `python` is a stub that opens a shop.
    """
    return f"#!/usr/bin/env {options.python or ('pyw' if options.windowed else 'py')}\n".encode()


def read_launcher(name: str) -> bytes:
    """Return one of distlib's launchers, `t64.exe` and the like; raises ToolError."""
    try:
        return resources.files("distlib").joinpath(name).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise ToolError(
            f"cannot read distlib's launcher {name}: {error}; "
            "some systems package distlib without its launchers, install it from PyPI"
        ) from error
