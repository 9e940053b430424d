"""The error tree: every failure a user can meet, and the exit code each kind owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class MultiplatError(Exception):
    """A failure with a message made for the user: where, what, and what to do next."""

    exit_code = 1


class ConfigError(MultiplatError):
    """`[tool.multiplat]` or a command-line value is wrong; carries every problem found."""

    exit_code = 2

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class LockError(MultiplatError):
    """A lock file cannot be read, is not valid PEP 751, or no longer fits the project."""

    exit_code = 3


class CoverageError(MultiplatError):
    """Some target lacks a wheel; the message is the whole matrix of gaps."""

    exit_code = 4


class SolveError(MultiplatError):
    """The requirements cannot be resolved for the targets."""

    exit_code = 5


class FetchError(MultiplatError):
    """A wheel could not be had, or is not the file that the lock names."""

    exit_code = 6


class ToolError(MultiplatError):
    """A tool that we run (uv, pex, a build backend) failed; the message has its output."""

    exit_code = 7


class ExecutableError(MultiplatError):
    """An executable cannot be written, or a file is not the executable it should be."""

    exit_code = 8


class VerificationError(MultiplatError):
    """A target's set is not complete, the program failed on it, or a wheel is not the lock's."""

    exit_code = 9
