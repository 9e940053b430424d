"""Which of a project's own wheels count, whether they belong together, and who takes which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, CoverageError
from hatch_multiplat.build.own_wheels import (
    OwnWheels,
    add_own_wheels,
    describe_own_wheels,
    find_own_wheels,
    has_project_wheels,
    own_wheels_of,
)
from hatch_multiplat.config.config import Config
from hatch_multiplat.resolve.project import Project, read_wheel
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.resolve.resolver import Resolution
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.matrix import OwnWheel
from hatch_multiplat.wheels.selection import Outcome, Selection, WheelSet
from tests.support.elf import glibc_object
from tests.support.matrix import BASE, make_lock
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
OLD_LINUX = Target.parse("cp312-manylinux_2_17_x86_64")
MAC = Target.parse("cp312-macosx_13_0_arm64")
WINDOWS = Target.parse("cp312-win_amd64")


def make_project(folder: Path, *globs: str, name: str = "demo") -> Project:
    config = Config(targets=(LINUX, MAC, WINDOWS), project_wheels=globs)
    return Project(folder=folder, pyproject={"project": {"name": name}}, config=config)


def native(folder: Path, platform: str, version: str = "1.0", **options: Any) -> Path:
    return make_wheel(folder, "demo", version, tags=f"cp312-cp312-{platform}", **options)


def names(own: OwnWheels) -> list[str]:
    return [wheel.path.name for wheel in own.wheels]


def resolved(*targets: Target) -> Resolution:
    """Return what resolving finds for a project without dependencies."""
    empty = (WheelSet(from_patch=0, wheels=()), WheelSet(from_patch=4, wheels=()))
    selections = tuple(Selection(target=target, sets=empty) for target in targets)
    question = Question(
        requirements=(),
        constraints=(),
        targets=targets,
        requires_python=SpecifierSet(),
        uv_table={},
        project_dir=Path("/project"),
        title="demo",
    )
    return Resolution(
        question=question,
        lock=make_lock(),
        base=BASE,
        outcome=Outcome(selections=selections, missing_wheels=()),
        runs=0,
    )


def test_the_wheel_just_built_comes_first_and_the_globs_add_theirs(tmp_path: Path) -> None:
    built = native(tmp_path / "dist", "linux_x86_64")
    native(tmp_path / "wheelhouse" / "mac", "macosx_11_0_arm64")
    native(tmp_path / "wheelhouse", "win_amd64")
    own = find_own_wheels(make_project(tmp_path, "wheelhouse/**/*.whl"), built, {})
    assert names(own) == [
        "demo-1.0-cp312-cp312-linux_x86_64.whl",
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0-cp312-cp312-macosx_11_0_arm64.whl",
    ]
    assert own.idle == ()


def test_without_a_wheel_just_built_the_globs_are_all(tmp_path: Path) -> None:
    native(tmp_path / "wheelhouse", "win_amd64")
    project = make_project(tmp_path, "wheelhouse/*.whl", "other/*.whl")
    assert has_project_wheels(project, {})
    own = find_own_wheels(project, None, {})
    assert names(own) == ["demo-1.0-cp312-cp312-win_amd64.whl"]
    assert own.idle == ("other/*.whl",)


def test_a_glob_may_be_absolute(tmp_path: Path) -> None:
    native(tmp_path / "elsewhere", "win_amd64")
    project = make_project(tmp_path / "project", str(tmp_path / "elsewhere" / "*"))
    assert names(find_own_wheels(project, None, {})) == ["demo-1.0-cp312-cp312-win_amd64.whl"]


def test_the_variable_takes_the_place_of_the_key(tmp_path: Path) -> None:
    native(tmp_path / "wheelhouse", "win_amd64")
    native(tmp_path / "ci", "macosx_11_0_arm64")
    project = make_project(tmp_path, "wheelhouse/*.whl")
    environ = {"HATCH_MULTIPLAT_PROJECT_WHEELS": "ci/*.whl"}
    assert names(find_own_wheels(project, None, environ)) == [
        "demo-1.0-cp312-cp312-macosx_11_0_arm64.whl"
    ]


def test_wheels_of_others_and_other_files_are_passed_over(tmp_path: Path) -> None:
    native(tmp_path / "wheelhouse", "win_amd64")
    make_wheel(tmp_path / "wheelhouse", "stranger", "7.0")
    (tmp_path / "wheelhouse" / "notes.whl").write_text("not named like a wheel")
    (tmp_path / "wheelhouse" / "demo-1.0.tar.gz").write_text("an sdist")
    own = find_own_wheels(make_project(tmp_path, "wheelhouse/*"), None, {})
    assert names(own) == ["demo-1.0-cp312-cp312-win_amd64.whl"]


def test_a_project_whose_name_only_its_wheel_tells_is_named_by_that(tmp_path: Path) -> None:
    built = native(tmp_path / "dist", "linux_x86_64")
    native(tmp_path / "wheelhouse", "win_amd64")
    make_wheel(tmp_path / "wheelhouse", "stranger")
    project = make_project(tmp_path, "wheelhouse/*", name="")
    assert len(find_own_wheels(project, built, {}).wheels) == 2
    with pytest.raises(ConfigError, match="they belong to two projects; name the wheels of one"):
        find_own_wheels(project, None, {})


def test_no_wheel_at_all_is_an_error_that_names_the_globs(tmp_path: Path) -> None:
    project = make_project(tmp_path, "wheelhouse/*.whl", "more/*.whl")
    assert not has_project_wheels(project, {})
    message = "project-wheels: there is no wheel of demo at wheelhouse/.*, more/"
    with pytest.raises(ConfigError, match=message):
        find_own_wheels(project, None, {})


def test_the_wheel_of_another_project_is_an_error_that_names_both(tmp_path: Path) -> None:
    built = make_wheel(tmp_path, "Upper_Case")
    with pytest.raises(ConfigError) as caught:
        find_own_wheels(make_project(tmp_path, name="Plain.App"), built, {})
    assert caught.value.problems == (f"{built.name} is a wheel of upper-case, not of plain-app",)


def test_of_two_with_one_name_the_one_just_built_counts(tmp_path: Path) -> None:
    built = native(tmp_path / "dist", "win_amd64", files={"demo.py": "new = True\n"})
    native(tmp_path / "wheelhouse", "win_amd64", files={"demo.py": "new = False\n"})
    own = find_own_wheels(make_project(tmp_path, "wheelhouse/*.whl"), built, {})
    assert [wheel.path for wheel in own.wheels] == [built]


def test_a_glob_may_name_the_wheel_just_built(tmp_path: Path) -> None:
    built = native(tmp_path / "dist", "win_amd64")
    own = find_own_wheels(make_project(tmp_path, "dist/*.whl", "dist/*"), built, {})
    assert [wheel.path for wheel in own.wheels] == [built]


def test_two_files_of_one_name_that_differ_are_an_error(tmp_path: Path) -> None:
    native(tmp_path / "a", "win_amd64", files={"demo.py": "old = 1\n"})
    native(tmp_path / "b", "win_amd64", files={"demo.py": "new = 1\n"})
    with pytest.raises(ConfigError, match=r"a.demo-1.0-.* and .*b.demo-1.0-.* differ; keep one"):
        find_own_wheels(make_project(tmp_path, "a/*", "b/*"), None, {})


@pytest.mark.parametrize(
    ("version", "options", "message"),
    [
        pytest.param(
            "0.9", {"requires": ["x"]}, "version 0.9 and 1.0; build all from the same sources",
            id="version",
        ),
        pytest.param(
            "1.0", {"requires": ["same", "x>2"]}, "only one of them has Requires-Dist x>2; build",
            id="requirement",
        ),
        pytest.param(
            "1.0", {"requires": ["same<2"]},
            "only one of them has Requires-Dist same, same<2; build", id="other requirement",
        ),
        pytest.param(
            "1.0", {"requires": ["same"], "requires_python": ">=3.12"},
            "only one of them has Requires-Python >=3.12; build", id="Requires-Python",
        ),
        pytest.param(
            "1.0", {"requires": ["same"], "extras": {"fast": ()}},
            "only one of them has Provides-Extra fast; build", id="extra",
        ),
        pytest.param(
            "1.0", {"requires": ["same"], "scripts": {"demo": "demo:other"}},
            "only one of them has the console script demo = demo:other; build", id="script",
        ),
    ],
)  # fmt: skip
def test_wheels_that_do_not_say_the_same_are_an_error(
    tmp_path: Path, *, version: str, options: dict[str, Any], message: str
) -> None:
    native(tmp_path / "a", "linux_x86_64", requires=["same"])
    native(tmp_path / "b", "win_amd64", version, **options)
    with pytest.raises(ConfigError) as caught:
        find_own_wheels(make_project(tmp_path, "a/*", "b/*"), None, {})
    (problem,) = caught.value.problems
    start = f"demo-{version}-cp312-cp312-win_amd64.whl and demo-1.0-cp312-cp312-linux_x86_64.whl"
    assert problem.startswith(
        f"tool.multiplat.project-wheels: {start} do not belong together: {message}"
    )


def own_wheels(folder: Path, *platforms: str, idle: Sequence[str] = ()) -> OwnWheels:
    wheels = tuple(read_wheel(native(folder, platform)) for platform in platforms)
    return OwnWheels(wheels=wheels, idle=tuple(idle))


def test_each_target_takes_the_wheel_that_fits_it_best(tmp_path: Path) -> None:
    own = own_wheels(
        tmp_path,
        *("linux_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
        *("macosx_11_0_arm64", "win_amd64", "win_arm64"),
    )
    targets = (LINUX, OLD_LINUX, MAC, WINDOWS)
    added = add_own_wheels(resolved(*targets), own)
    taken = [[found.filename for found in group.wheels] for one in added for group in one.sets]
    assert [found.rpartition("cp312-")[2] for (found,) in taken[::2]] == [
        "manylinux_2_28_x86_64.whl",
        "manylinux_2_17_x86_64.whl",
        "macosx_11_0_arm64.whl",
        "win_amd64.whl",
    ]
    # The same wheel for every patch release of a Python.
    assert taken[::2] == taken[1::2]
    # What no target takes is not among those that go into the file.
    unused = {"demo-1.0-cp312-cp312-linux_x86_64.whl", "demo-1.0-cp312-cp312-win_arm64.whl"}
    assert {w.path.name for w in own.wheels} - unused == {
        wheel.path.name for wheel in own_wheels_of(added, own)
    }


def test_targets_that_no_own_wheel_fits_are_named_with_the_reason_and_the_idle_globs(
    tmp_path: Path,
) -> None:
    own = own_wheels(tmp_path, "manylinux_2_28_x86_64", "win_amd64", idle=["mac/*.whl"])
    targets = (LINUX, OLD_LINUX, MAC, Target.parse("cp313-win_amd64"))
    with pytest.raises(CoverageError) as caught:
        add_own_wheels(resolved(*targets), own)
    said = str(caught.value)
    assert said.startswith(
        "3 of 4 targets cannot be covered; no executable was written.\n"
        "tool.multiplat.project-wheels: no wheel of this project is at mac/*.whl\n\n"
        "demo: 1 package for 4 targets"
    )
    whole = "build one for these targets too and name it in 'project-wheels'"
    out = (
        'leave these targets out: exclude = ["*-manylinux_2_17_x86_64", "*-macosx_13_0_arm64", '
        '"*-win_amd64"]'
    )
    assert (
        "demo 1.0: the project's own 2 wheels: floor too old: its wheels need glibc 2.28 or newer\n"
        "  on linux-x86_64-glibc2.17\n"
        f"  to do: {whole}, or raise the floor to 'linux-x86_64-glibc2.28', or {out}\n"
        "demo 1.0: the project's own 2 wheels: no wheel for this platform "
        "(has linux x86_64, win_amd64)\n"
        "  on macos-arm64\n"
        f"  to do: {whole}, or {out}\n"
        "demo 1.0: the project's own 2 wheels: no wheel for this Python (has cp312)\n"
        "  on windows-x86_64\n"
        f"  to do: {whole}, or {out}\n"
    ) in said


def test_what_is_there_is_told_from_what_is_yet_to_be_built(tmp_path: Path) -> None:
    """The wheel of the machine that asks is made by the build; another one is a gap."""
    native(tmp_path / "wheelhouse", "macosx_11_0_arm64")
    project = make_project(tmp_path, "wheelhouse/*.whl")
    targets = (LINUX, OLD_LINUX, MAC, WINDOWS)
    own = describe_own_wheels(project, targets, here=LINUX, environ={})
    assert own is not None
    assert (own.name, str(own.version)) == ("demo", "1.0")
    assert {target: wheel.filename for target, wheel in own.wheels.items()} == {
        MAC: "demo-1.0-cp312-cp312-macosx_11_0_arm64.whl"
    }
    assert own.unbuilt == (LINUX, OLD_LINUX)
    assert [(missing_wheel.target, missing_wheel.kind) for missing_wheel in own.missing_wheels] == [
        (WINDOWS, "platform")
    ]


def test_another_python_or_libc_is_not_built_here(tmp_path: Path) -> None:
    native(tmp_path / "wheelhouse", "macosx_11_0_arm64")
    project = make_project(tmp_path, "wheelhouse/*.whl")
    others = (
        Target.parse("cp313-manylinux_2_28_x86_64"),
        Target.parse("cp312-musllinux_1_2_x86_64"),
        Target.parse("cp312-manylinux_2_28_aarch64"),
    )
    own = describe_own_wheels(project, others, here=LINUX, environ={})
    assert own is not None
    assert own.unbuilt == ()
    assert [missing_wheel.target for missing_wheel in own.missing_wheels] == list(others)


def test_before_any_wheel_was_built_all_are_yet_to_be_built(tmp_path: Path) -> None:
    project = make_project(tmp_path, "wheelhouse/*.whl")
    own = describe_own_wheels(project, (LINUX, WINDOWS), here=LINUX, environ={})
    name = canonicalize_name("demo")
    assert own == OwnWheel(name=name, version=None, wheels={}, unbuilt=(LINUX, WINDOWS))


def test_a_project_that_names_no_wheels_of_its_own_has_no_row(tmp_path: Path) -> None:
    assert describe_own_wheels(make_project(tmp_path), (LINUX,), here=LINUX, environ={}) is None


def compiled(folder: Path, platform: str, symbol: str) -> Path:
    return native(folder, platform, files={"demo/_native.so": glibc_object(symbol)})


def test_a_wheel_that_needs_a_newer_glibc_than_a_target_has_does_not_fit_it(tmp_path: Path) -> None:
    """What it is compiled for stands in it; `linux_x86_64` promises nothing."""
    wheel = compiled(tmp_path, "linux_x86_64", "GLIBC_2.34")
    own = OwnWheels(wheels=(read_wheel(wheel),))
    new = Target.parse("cp312-manylinux_2_34_x86_64")
    targets = (LINUX, OLD_LINUX, new)
    with pytest.raises(CoverageError) as caught:
        add_own_wheels(resolved(*targets), own)
    said = " ".join(str(caught.value).split())
    assert "2 of 3 targets cannot be covered" in said
    assert (
        f"demo 1.0: the project's own wheel {wheel.name}: linux_x86_64 promises no version of the "
        "C library, and demo/_native.so in it needs GLIBC_2.34 (glibc 2.34 or newer); build it on "
        "an older system, as cibuildwheel does "
        "on linux-x86_64, linux-x86_64-glibc2.17 to do: build one for these targets too and name "
        "it in 'project-wheels', or raise the floor to 'linux-x86_64-glibc2.34', or leave"
    ) in said


def test_a_wheel_whose_tag_promises_too_much_leaves_its_place_to_another(tmp_path: Path) -> None:
    wheels = (
        compiled(tmp_path, "manylinux_2_28_x86_64", "GLIBC_2.34"),
        compiled(tmp_path, "manylinux_2_17_x86_64", "GLIBC_2.17"),
    )
    own = OwnWheels(wheels=tuple(map(read_wheel, wheels)))
    (added,) = add_own_wheels(resolved(LINUX), own)
    assert [wheel.filename for wheel in added.wheels] == [wheels[1].name]


def test_check_reads_the_lowest_floor_from_a_wheel_without_a_promise(tmp_path: Path) -> None:
    compiled(tmp_path / "wheelhouse", "linux_x86_64", "GLIBC_2.27")
    project = make_project(tmp_path, "wheelhouse/*.whl")
    own = describe_own_wheels(project, (LINUX, OLD_LINUX), here=LINUX, environ={})
    assert own is not None
    assert own.measured == {LINUX: (2, 27)}
    assert own.unbuilt == ()
    assert [(missing_wheel.target, missing_wheel.kind) for missing_wheel in own.missing_wheels] == [
        (OLD_LINUX, "floor")
    ]
