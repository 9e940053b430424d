from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.base.errors import ExecutableError, ToolError
from hatch_multiplat.config.config import Config
from hatch_multiplat.config.run import Run
from hatch_multiplat.executable.boot import BootTable
from hatch_multiplat.executable.pex_file import (
    Parts,
    pex_environment,
    platform_label,
    render_local_lock,
    run_pex,
)
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import lock_environment, parse_lock
from hatch_multiplat.wheels.selection import (
    Selection,
    Wheel,
    WheelSet,
    parse_wheel,
    select_all,
)
from hatch_multiplat.wheels.wheel_file import WheelTexts

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

APP = "demo_app-1.0-py3-none-any.whl"
RICH = "rich-13.0-py3-none-any.whl"
LINUX = "native-2.0-cp312-cp312-manylinux_2_17_x86_64.whl"
MUSL = "native-1.0-cp312-cp312-musllinux_1_1_x86_64.whl"


def wheels(*names: str) -> tuple[Wheel, ...]:
    return tuple(
        parse_wheel(name, f"https://files.test/{name}", {"sha256": f"{len(name):064}"})
        for name in names
    )


def selection(target: str, *names: str) -> Selection:
    return Selection(
        target=Target.parse(target), sets=(WheelSet(from_patch=0, wheels=wheels(*names)),)
    )


def parts(*selections: Selection) -> Parts:
    names = {wheel.filename for found in selections for wheel in found.wheels}
    return Parts(
        requirements=(Requirement("Demo.App[fast]==1.0"),),
        selections=selections,
        paths={name: Path("/store/it's here") / name for name in sorted(names)},
        texts=dict.fromkeys(names, WheelTexts()),
        table=BootTable(name="demo", version="1.0", run={}, wheels=(), targets=()),
        run=Run(kind="interpreter"),
        config=Config(targets=tuple(found.target for found in selections)),
    )


def groups(found: Parts) -> list[tuple[Selection, WheelSet]]:
    return [(one, group) for one in found.selections for group in one.sets]


def test_from_the_local_lock_each_platform_takes_exactly_its_selection() -> None:
    """The lock is valid by PEP 751, and a `platform_version` is all that tells platforms apart."""
    found = parts(
        selection("cp312-manylinux_2_28_x86_64", APP, LINUX, RICH),
        selection("cp312-musllinux_1_2_x86_64", APP, MUSL, RICH),
        selection("cp312-win_amd64", APP, RICH),
    )

    lock = parse_lock(render_local_lock(found, groups(found)), where="pylock.toml")

    for number, one in enumerate(found.selections):
        environment: dict[str, str | AbstractSet[str]] = {
            **lock_environment(one.target, 0),
            "platform_version": platform_label(number),
        }
        applicable = [
            package
            for package in lock.packages
            if package.marker is None or package.marker.evaluate(environment, context="lock_file")
        ]
        taken = [wheel.filename for package in applicable for wheel in package.wheels or ()]
        assert sorted(taken) == sorted(wheel.filename for wheel in one.wheels)


def test_the_local_lock_names_files_on_disk_and_their_hashes() -> None:
    found = parts(selection("cp312-win_amd64", APP))

    lock = parse_lock(render_local_lock(found, groups(found)), where="pylock.toml")

    (wheel,) = lock.packages[0].wheels or ()
    assert wheel.path == f"/store/it's here/{APP}"
    assert wheel.hashes == {"sha256": f"{len(APP):064}"}
    assert lock.packages[0].marker is None


def test_the_project_depends_on_all_else() -> None:
    found = parts(
        selection("cp312-manylinux_2_28_x86_64", APP, LINUX, RICH),
        selection("cp312-musllinux_1_2_x86_64", APP, MUSL, RICH),
    )

    lock = parse_lock(render_local_lock(found, groups(found)), where="pylock.toml")

    by_name = {str(package.name): package for package in lock.packages}
    assert by_name["demo-app"].dependencies == [
        {"name": "native", "version": "1.0"},
        {"name": "native", "version": "2.0"},
        {"name": "rich", "version": "13.0"},
    ]
    assert by_name["rich"].dependencies is None


def test_the_local_lock_can_be_selected_from_again() -> None:
    found = parts(selection("cp312-win_amd64", APP, RICH))
    lock = parse_lock(render_local_lock(found, groups(found)), where="pylock.toml")

    outcome = select_all(lock, [found.selections[0].target], base=Path("/"))

    assert [wheel.filename for wheel in outcome.selections[0].wheels] == [APP, RICH]


def test_no_label_is_part_of_another() -> None:
    labels = [platform_label(number) for number in (0, 1, 10, 100, 1000)]

    assert not any(one in other for one in labels for other in labels if one != other)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("OSError: [Errno 28] No space left on device: '/out/built.pex'\n  gone", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("OSError: [Errno 13] Permission denied", False),
    ],
)
def test_a_full_disk_is_told_from_other_failures_of_pex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, *, shown: bool
) -> None:
    def run_tool(*args: object, **options: object) -> None:
        raise ToolError(f"pex failed with exit code 1\n  ran: pex\n  {said}")

    monkeypatch.setattr("hatch_multiplat.executable.pex_file.run_tool", run_tool)

    with pytest.raises(ExecutableError if shown else ToolError) as caught:
        run_pex(parts(), tmp_path, output=tmp_path / "demo.pex", pex_root=tmp_path)

    if shown:
        assert str(caught.value) == (
            f"pex cannot write its files: {said.splitlines()[0]}; "
            "free some space, make the folder writable, or name another in 'output-dir'"
        )
    else:
        assert said in str(caught.value)


def test_pex_runs_for_a_user_without_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pex_environment(tmp_path)["XDG_CACHE_HOME"] == str(Path.home() / ".cache")
    # What it does for a user whom the system does not know, without HOME.
    monkeypatch.setattr(os.path, "expanduser", str)
    found = pex_environment(tmp_path)
    assert found["XDG_CACHE_HOME"] is None
    assert found["PEX_ROOT"] == str(tmp_path)
