"""The matrix for programs: JSON-ready data with every cell and every missing wheel."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from hatch_multiplat.wheels.matrix_layout import describe_floor

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from hatch_multiplat.wheels.incompatibility import Floor
    from hatch_multiplat.wheels.matrix import Cell, Matrix
    from hatch_multiplat.wheels.selection import MissingWheel


def matrix_to_json(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as JSON-ready data; targets are named as in `targets`, sizes in bytes.

    What does not apply is null: a floor where any does, a size that the index does not give.
    """
    lacking, asked = set(matrix.uncovered), set(matrix.asked)
    wheels: dict[NormalizedName, list[dict[str, Any]]] = defaultdict(list)
    for cell in matrix.cells:
        wheels[cell.name].append(_cell(cell))
    missing: dict[NormalizedName, list[dict[str, Any]]] = defaultdict(list)
    for missing_wheel in matrix.missing_wheels:
        missing[missing_wheel.name].append(_missing(missing_wheel))
    return {
        "project": matrix.project,
        "covered": not matrix.missing_wheels,
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
                "wheels": wheels.get(name, []),
                "gaps": missing.get(name, []),
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
        "prereleases": [
            {"name": name, "version": str(version), "targets": list(map(str, targets))}
            for name, version, targets in matrix.prereleases
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


def _missing(missing_wheel: MissingWheel) -> dict[str, Any]:
    return {
        "target": str(missing_wheel.target),
        "version": str(missing_wheel.version) if missing_wheel.version else None,
        "kind": missing_wheel.kind,
        "reason": missing_wheel.reason,
        "floor": _floor(missing_wheel.floor),
        "newest": missing_wheel.newest or None,
        "to_do": missing_wheel.to_do,
    }


def _floor(floor: Floor | None) -> str | None:
    return describe_floor(floor) if floor else None
