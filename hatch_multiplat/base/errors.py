"""The error tree: every failure that a user can meet, and the exit code of each kind."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.text import show_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PIPE_CLOSED: Final = 141
"""The exit code of a command whose reader went away, as shells have it for a closed pipe."""


class MultiplatError(Exception):
    """A failure with a message made for the user: where, what, and what to do next.

    `details` is what `--json` prints beside the error, ready for JSON. `matrix` is what a frontend
    prints below the head of the message in a way of its own; `below` is the same in plain text.
    """

    exit_code = 1

    def __init__(
        self,
        message: str = "",
        *,
        details: Mapping[str, Any] | None = None,
        matrix: object = None,
        below: str = "",
    ) -> None:
        self.head = show_plain(message)
        super().__init__(f"{self.head}\n\n{show_plain(below)}" if below else self.head)
        self.details: Mapping[str, Any] = details or {}
        self.matrix = matrix
        self.below = below


class ConfigError(MultiplatError):
    """`[tool.multiplat]` or a command-line value is wrong; carries every problem found."""

    exit_code = 2

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(map(show_plain, problems))
        super().__init__("\n".join(self.problems))


class LockError(MultiplatError):
    """A lock file cannot be read, is not valid PEP 751, or no longer fits the project."""

    exit_code = 3


class CoverageError(MultiplatError):
    """Some target lacks a wheel; its matrix is the one that `check` shows."""

    exit_code = 4


class SolveError(MultiplatError):
    """The requirements cannot be resolved for the targets.

    `explanation` is all that the solver said, of which the message may have a part.
    """

    exit_code = 5

    def __init__(self, message: str, *, explanation: str = "") -> None:
        super().__init__(message)
        self.explanation = explanation or message


class FetchError(MultiplatError):
    """A wheel cannot be downloaded, or is not the file that the lock names."""

    exit_code = 6


class ToolError(MultiplatError):
    """A tool (uv, pex, a build backend) failed; the message has its output."""

    exit_code = 7


class ExecutableError(MultiplatError):
    """A file cannot be written, or is not the executable it should be."""

    exit_code = 8


_IN_USE: Final = "end the programs that use it"
_CURES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free some space there, or remove files where there are too many for the disk",
    errno.EDQUOT: "free some space there, or ask for a larger quota",
    errno.EROFS: "mount it for writing",
    errno.ENAMETOOLONG: "use a shorter name or a folder nearer to the root",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "end programs that have many files open",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or use a disk without one",
    errno.EIO: "the disk itself fails: the system's log says more",
    errno.ELOOP: "remove links that lead in a circle",
    errno.ETXTBSY: _IN_USE,
    errno.EBUSY: _IN_USE,
    errno.EINVAL: "take a name that its file system allows",
    errno.ESTALE: "mount its network drive anew",
    errno.ENOTCONN: "mount its network drive anew",
}


def find_cure(error: OSError, place: str) -> str:
    """Advise what to do if something cannot be written; `place` is the path that failed."""
    if _is_denied(error):
        return f"make {place} writable"
    return _CURES.get(error.errno or 0, "see what keeps the system from it")


_READ_CURES: Final[Mapping[int, str]] = {
    errno.ENOENT: "correct the path",
    errno.ENOTDIR: "correct the path",
    errno.EISDIR: "a folder is in the place of the file: move it away, or name a file",
}


def explain_unreadable(error: OSError | UnicodeDecodeError, *, missing: str = "") -> str:
    """Say why a file cannot be read, and what helps; `missing` is for one that is not there."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8; save it as that, or write it anew"
    number = error.errno or 0
    if missing and number in {errno.ENOENT, errno.ENOTDIR}:
        cure = missing
    else:
        cure = _READ_CURES.get(number) or find_cure(error, "it").replace("writable", "readable")
    return f"{error.strerror or error}; {cure}"


def _is_denied(error: OSError) -> bool:
    """Tell whether this is the error that Windows gives for several causes."""
    return error.errno in {errno.EACCES, errno.EPERM}


class WriteError(ExecutableError):
    """A file or folder cannot be written, in any command."""

    @classmethod
    def of(cls, path: object, error: OSError, *, instead: str = "") -> WriteError:
        """Return the error for a path: the system's reason, and what to do about it.

        `instead` names where another place can be given: a key of the table, or an option.
        """
        where = f", or name another in {instead}" if instead else ""
        if error.errno in {errno.EEXIST, errno.ENOTDIR}:
            in_the_way = error.filename if error.errno == errno.EEXIST else None
            reason = f"{in_the_way or 'what should be its folder'} is a file, not a folder"
            # The file may be one that nobody wants moved: first comes the other place.
            todo = f"name another place in {instead}" if instead else "move that file away"
        elif error.errno == errno.EISDIR or (_is_denied(error) and Path(str(path)).is_dir()):
            reason, todo = "it is a folder", f"move it away{where}"
        elif error.errno == errno.ENOENT:
            reason, todo = "there is no such folder", f"make it{where}"
        else:
            in_use = _is_denied(error) and sys.platform == "win32" and Path(str(path)).is_file()
            reason = error.strerror or str(error)
            todo = f"{_IN_USE if in_use else find_cure(error, 'its folder')}{where}"
        return cls(f"cannot write {path}: {reason}; {todo}")


class VerificationError(MultiplatError):
    """A target's set is not complete, the program failed on it, or a wheel is not the lock's."""

    exit_code = 9


class FirstLineError(MultiplatError):
    """A file is undamaged, but its first line is not the build's: a packager changed it, say."""

    exit_code = 10
