"""The matrix for programs: JSON-ready data, every cell and every gap by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_multiplat.wheels.matrix_layout import describe_floor

if TYPE_CHECKING:
    from hatch_multiplat.wheels.floors import Floor
    from hatch_multiplat.wheels.matrix import Cell, Matrix, Missing


def matrix_to_json(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as JSON-ready data; targets are named as in `targets`, sizes in bytes.

    What does not apply is null: a floor where any does, a size that the index does not give.
    """
    lacking, asked = set(matrix.uncovered), set(matrix.asked)
    return {
        "project": matrix.project,
        "covered": not matrix.gaps,
        "targets": [
            {
                "name": str(target),
                "platform": column.label,
                "python": str(target.python),
                "asked": target in asked,
                "covered": target not in lacking,
            }
            for column in matrix.columns
            for target in column.targets
        ],
        "packages": [
            {
                "name": name,
                "wheels": [_cell(cell) for cell in matrix.cells if cell.name == name],
                "gaps": [_gap(gap) for gap in matrix.gaps if gap.name == name],
            }
            for name in matrix.packages
        ],
        "floors": [
            {
                "platform": need.column.label,
                "asked": describe_floor(need.asked),
                "lowest": _floor(need.lowest),
                "forced_by": list(need.forced_by),
                "packages": {name: describe_floor(floor) for name, floor in need.packages},
                "unknown": list(need.unknown),
            }
            for need in matrix.floors
        ],
        "differences": [
            {
                "name": name,
                "versions": [
                    {
                        "version": str(variant.version),
                        "targets": [str(target) for target in variant.targets],
                        "not": list(variant.reasons),
                    }
                    for variant in variants
                ],
            }
            for name, variants in matrix.differences
        ],
        "explanation": matrix.explanation or None,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "target": str(cell.target),
        "version": str(cell.version) if cell.version else None,
        "wheel": cell.wheel or None,
        "kind": cell.kind,
        "floor": _floor(cell.floor),
        "size": cell.size,
        "patches": cell.patches or None,
    }


def _gap(gap: Missing) -> dict[str, Any]:
    return {
        "target": str(gap.target),
        "version": str(gap.version) if gap.version else None,
        "kind": gap.kind,
        "reason": gap.reason,
        "floor": _floor(gap.floor),
        "newest": gap.newest or None,
        "to_do": gap.to_do,
    }


def _floor(floor: Floor | None) -> str | None:
    return describe_floor(floor) if floor else None
