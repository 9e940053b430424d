"""BuildInputs of an executable from wheels on disk, without a lock, a solver or an index."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from hatch_multiplat.config.config import Config
from hatch_multiplat.config.run import Run
from hatch_multiplat.executable.table import Table, TableWheel
from hatch_multiplat.executable.writer import BuildInputs
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_file import open_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from hatch_multiplat.wheels.selection import Wheel

INTERPRETER = Run(kind="interpreter")


def make_parts(
    sets: Mapping[str, Sequence[Path]],
    *,
    requirements: Sequence[str] = ("demo==1.0",),
    run: Run = INTERPRETER,
    turns: Mapping[str, tuple[int, Sequence[Path]]] | None = None,
    **options: Any,
) -> BuildInputs:
    """Return the parts of targets with their wheels; `options` are fields of the Config.

    `turns` are targets that take other wheels from a patch release on.
    """
    later = turns or {}
    paths = {
        path.name: path
        for wheels in (*sets.values(), *(wheels for _, wheels in later.values()))
        for path in wheels
    }
    locked = {name: _locked(path) for name, path in sorted(paths.items())}

    def make_set(from_patch: int, wheels: Sequence[Path]) -> WheelSet:
        names = sorted(path.name for path in wheels)
        return WheelSet(from_patch=from_patch, wheels=tuple(locked[name] for name in names))

    selections = tuple(
        Selection(
            target=Target.parse(name),
            sets=(
                make_set(0, wheels),
                *((make_set(*later[name]),) if name in later else ()),
            ),
        )
        for name, wheels in sets.items()
    )
    return BuildInputs(
        requirements=tuple(map(Requirement, requirements)),
        selections=selections,
        paths={name: paths[name] for name in locked},
        texts={name: open_wheel(path).texts for name, path in paths.items()},
        table=Table(
            name="demo",
            version="1.0",
            run={},
            wheels=tuple(
                TableWheel(file=name, sha256=dict(wheel.hashes)["sha256"], size=wheel.size or 0)
                for name, wheel in locked.items()
            ),
            targets=(),
        ),
        run=run,
        config=replace(Config(targets=tuple(item.target for item in selections)), **options),
    )


def _locked(path: Path) -> Wheel:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return parse_wheel(path.name, path.as_uri(), {"sha256": sha256}, path.stat().st_size)
