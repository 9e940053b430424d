"""Errors for people and for programs; every frontend imports this, so it imports little itself."""

# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO, cast

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.text import Line, to_lines
from hatch_multiplat.frontends.render.screen import width_of

if TYPE_CHECKING:
    from hatch_multiplat.base.errors import MultiplatError
    from hatch_multiplat.wheels.matrix import Matrix


def render_error(error: MultiplatError, stream: TextIO, *, by: str = "") -> list[Line]:
    """Return the lines of an error: its message in red, and the matrix if it has one.

    `by` names the speaker, if other programs print too.
    """
    lines = to_lines(f"error: {by}{error.head}", "red")
    if error.matrix is not None:
        from hatch_multiplat.wheels.matrix_text import render_matrix

        matrix = cast("Matrix", error.matrix)
        lines += [Line(), *render_matrix(matrix, width=width_of(stream))]
    return lines


def error_to_json(error: MultiplatError) -> dict[str, Any]:
    """Return an error as `--json` prints it: its kind, exit code and message, and its details."""
    described: dict[str, Any] = {
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "message": error.head,
    }
    if isinstance(error, ConfigError):
        described["problems"] = list(error.problems)
    matrix = {}
    if error.matrix is not None:
        from hatch_multiplat.frontends.render.matrix_json import matrix_to_json

        matrix = matrix_to_json(cast("Matrix", error.matrix))
    return {"error": described, **error.details, **matrix}
