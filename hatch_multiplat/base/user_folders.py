"""The user's folders on this system."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "hatch-multiplat"


def user_cache(environ: Mapping[str, str]) -> Path:
    """Return our folder below the user's caches, by the system's own rules.

    A user without a home, as in containers, gets one in the folder for temporary files.
    """
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / NAME / "Cache"
    named = environ.get("XDG_CACHE_HOME", "")
    if sys.platform != "darwin" and Path(named).is_absolute():
        return Path(named) / NAME
    home = user_home(environ)
    if home is None:
        return _temporary_folder()
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / NAME


def user_home(environ: Mapping[str, str]) -> Path | None:
    """Return the user's home: from HOME, else from the system; None if it is not a folder."""
    named = [environ.get("HOME", "")]
    with suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 - Windows has none

        named.append(pwd.getpwuid(os.getuid()).pw_dir)
    found = (path for path in map(Path, named) if path.is_absolute() and path.is_dir())
    return next(found, None)


def _temporary_folder() -> Path:
    """Return a folder for temporary files that no other user can have made or can write to."""
    folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
