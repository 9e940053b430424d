from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker

from hatch_multiplat.build.bundles import is_wheelhouses, patch_markers, render_requirements
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet, parse_wheel

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target.parse("cp312-manylinux_2_28_x86_64")
DEMO, OLD, NEW, LOCAL = (
    parse_wheel(f"{name}-py3-none-any.whl", "file:///x", {})
    for name in ("demo-1.0", "lib-1.0", "lib-2.0", "torch-2.0+cpu")
)


def selection(*sets: tuple[int, tuple[Wheel, ...]]) -> Selection:
    return Selection(
        target=TARGET,
        sets=tuple(WheelSet(from_patch=patch, wheels=wheels) for patch, wheels in sets),
    )


def test_every_wheel_has_its_version_and_its_hash() -> None:
    text = render_requirements(
        selection((0, (DEMO, LOCAL))),
        title="demo 1.0",
        digests={DEMO.filename: "aa", LOCAL.filename: "bb"},
    )
    assert text == (
        "# demo 1.0 for cp312-manylinux_2_28_x86_64, made by hatch-multiplat.\n"
        "# pip install --no-index --find-links . --require-hashes -r requirements.txt\n"
        "demo==1.0 \\\n"
        "    --hash=sha256:aa\n"
        "torch==2.0+cpu \\\n"
        "    --hash=sha256:bb\n"
    )


@pytest.mark.parametrize(
    ("sets", "taken"),
    [
        pytest.param([(0, (DEMO, OLD))], range(12), id="always"),
        pytest.param([(0, (DEMO, OLD)), (3, (DEMO, NEW))], range(3), id="before"),
        pytest.param([(0, (NEW,)), (3, (DEMO, OLD))], range(3, 12), id="since"),
        pytest.param(
            [(0, (OLD,)), (2, (OLD, DEMO)), (4, (NEW,)), (7, (OLD,))],
            [*range(4), *range(7, 12)],
            id="with a gap",
        ),
        pytest.param([(0, ()), (5, (OLD,)), (6, ())], [5], id="one release"),
    ],
)
def test_markers_hold_for_exactly_the_patch_releases_that_take_a_wheel(
    sets: list[tuple[int, tuple[Wheel, ...]]], taken: range | list[int]
) -> None:
    markers = patch_markers(selection(*sets), OLD)
    for patch in range(12):
        environment = {"python_full_version": f"3.12.{patch}"}
        holding = [m for m in markers if not m or Marker(m).evaluate(environment)]
        assert len(holding) == (patch in taken), patch


def test_only_folders_of_our_own_making_are_wheelhouses(tmp_path: Path) -> None:
    own = tmp_path / "cp312"
    own.mkdir()
    requirements = own / "requirements.txt"
    requirements.write_text("# demo 1.0 for x, made by hatch-multiplat.\n", "utf-8")
    assert is_wheelhouses(tmp_path)
    requirements.write_text("requests\n# made by hatch-multiplat.\n", "utf-8")
    assert not is_wheelhouses(tmp_path)
    requirements.unlink()
    assert not is_wheelhouses(tmp_path)
