"""What start-up could not install is found by the build, for each target's system."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_check import (
    check_wheels,
    find_wheel_problems,
    folders_of,
    install_order,
    render_collisions,
)
from hatch_multiplat.wheels.wheel_file import open_wheel
from tests.support.wheels import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.conftest import MakeFile

LINUX, MACOS, WINDOWS = (
    Target.parse(f"cp312-{name}")
    for name in ("manylinux_2_28_x86_64", "macosx_13_0_arm64", "win_amd64")
)
TARGETS = (LINUX, MACOS, WINDOWS)


def select(wheels: Iterable[Path], targets: Iterable[Target] = TARGETS) -> tuple[Selection, ...]:
    """Every target takes all of these wheels."""
    found = tuple(parse_wheel(path.name, path.as_uri(), {}) for path in wheels)
    group = WheelSet(from_patch=0, wheels=found)
    return tuple(Selection(target=target, sets=(group,)) for target in targets)


def check(*wheels: Path, targets: Iterable[Target] = TARGETS, own: str = "app") -> list[str]:
    """Check wheels for these targets; returns the lines on their collisions.

    The project is `app`, and requires the second wheel and none of the others itself.
    """
    direct = {canonicalize_name(wheel.name.partition("-")[0]) for wheel in wheels[1:2]}
    selections = install_order(select(wheels, targets), own={canonicalize_name(own)}, direct=direct)
    files = {path.name: open_wheel(path) for path in wheels}
    return render_collisions(check_wheels(selections, files), len(selections))


def refused(*wheels: Path, targets: Iterable[Target] = TARGETS) -> list[str]:
    with pytest.raises(VerificationError) as caught:
        check(*wheels, targets=targets)
    return str(caught.value).splitlines()


END = "; pin another version, or tell its authors"


def test_a_member_that_one_system_cannot_store(make_wheel: MakeFile) -> None:
    wheel = make_wheel("app", files={"app.py": "", "app/con.txt": ""})
    assert refused(wheel) == [
        (
            "app-1.0-py3-none-any.whl cannot be installed for cp312-win_amd64: 'app/con.txt' has a "
            f"name that Windows reserves{END}"
        )
    ]
    assert check(wheel, targets=(LINUX, MACOS)) == []


def test_what_no_system_can_install_names_no_target(make_wheel: MakeFile) -> None:
    wheel = make_wheel("app", files={"app.py": ""}, data={"odd/x": ""})
    assert refused(wheel) == [
        (
            "app-1.0-py3-none-any.whl cannot be installed: 'app-1.0.data/odd/x' is of an unknown "
            f"kind of data{END}"
        )
    ]


def test_names_that_differ_by_case_alone(make_wheel: MakeFile) -> None:
    wheel = make_wheel("app", files={"app/A.py": "1", "app/a.py": "2"})
    assert refused(wheel) == [
        (
            "app-1.0-py3-none-any.whl cannot be installed for cp312-macosx_13_0_arm64, "
            "cp312-win_amd64: 'app/a.py' would be the same file as 'app/A.py', which has other "
            f"contents{END}"
        )
    ]


def test_every_problem_is_told_at_once(make_wheel: MakeFile) -> None:
    app = make_wheel("app", files={f"app/{name}": "" for name in ("con", "nul", "a:b", "c?", "d.")})
    lib = make_wheel("lib", files={f"lib/a{n}:b": "" for n in range(7)})
    rewrite(lib, {"lib-1.0.dist-info/METADATA": "Name: other\nVersion: 1.0\n"}, record=True)
    lines = refused(app, lib)
    assert len(lines) == 5 + 5 + 1
    assert "its METADATA has the name 'other'" in lines[5]
    assert lines[-1] == f"lib-1.0-py3-none-any.whl has 3 further problems{END}"


def test_a_link_is_installed_where_the_system_has_links(make_wheel: MakeFile) -> None:
    wheel = make_wheel("app")
    mode = {"app/link.py": stat.S_IFLNK | 0o777}
    rewrite(wheel, {"app/link.py": "__init__.py"}, modes=mode, record=True)
    assert check(wheel, targets=(LINUX, MACOS)) == []
    assert "is a symbolic link, which Windows lets few users make" in refused(wheel)[0]
    rewrite(wheel, {"app/link.py": "../../x"}, modes=mode, record=True)
    assert "for" not in refused(wheel)[0].partition(":")[0]


def test_a_damaged_wheel_is_refused_for_all(make_wheel: MakeFile) -> None:
    wheel = make_wheel("app")
    rewrite(wheel, {"app/more.py": ""})
    assert refused(wheel) == [
        f"app-1.0-py3-none-any.whl cannot be installed: its RECORD does not list 'app/more.py'{END}"
    ]


def test_a_wheel_that_was_read_is_not_read_again(make_wheel: MakeFile, tmp_path: Path) -> None:
    wheel = make_wheel("app")
    selections = select([wheel])

    def problems(path: Path, sha256: str) -> list[str]:
        files = {wheel.name: open_wheel(path, sha256=sha256)}
        found, _ = find_wheel_problems(selections, files, checked=tmp_path / "checked")
        return [problem.reason for problem in found]

    assert problems(wheel, "a" * 64) == []
    rewrite(wheel, {"app/more.py": ""})
    assert problems(wheel, "a" * 64) == []
    for _ in range(2):
        assert problems(wheel, "b" * 64) == ["its RECORD does not list 'app/more.py'"]
        assert problems(wheel, "") == ["its RECORD does not list 'app/more.py'"]


def test_a_cache_that_cannot_be_written_is_no_error(make_wheel: MakeFile, tmp_path: Path) -> None:
    wheel = make_wheel("app")
    (tmp_path / "checked").write_text("a file")
    files = {wheel.name: open_wheel(wheel, sha256="a" * 64)}
    assert check_wheels(select([wheel]), files, checked=tmp_path / "checked") == ()


def test_the_project_stays_then_what_it_requires_itself(make_wheel: MakeFile) -> None:
    shared = {"utils/__init__.py": "x = 1\n"}
    app = make_wheel("app", files={"app.py": "", **shared})
    zebra = make_wheel("zebra", files={"utils/__init__.py": "x = 'zebra'\n", "same.py": ""})
    deep = make_wheel("deep", files={"utils/__init__.py": "x = 'deep one'\n", "same.py": ""})
    assert check(app, zebra, deep) == [
        (
            "deep-1.0-py3-none-any.whl and zebra-1.0-py3-none-any.whl both have utils/__init__.py, "
            "with different contents: that of zebra-1.0-py3-none-any.whl stays"
        ),
        (
            "zebra-1.0-py3-none-any.whl and app-1.0-py3-none-any.whl both have utils/__init__.py, "
            "with different contents: that of app-1.0-py3-none-any.whl stays"
        ),
    ]


def test_among_equals_the_first_by_name_stays(make_wheel: MakeFile) -> None:
    wheels = [make_wheel(name) for name in ("app", "direct", "b", "a", "c")]
    (selection,) = install_order(
        select(wheels, [LINUX]),
        own={canonicalize_name("app")},
        direct={canonicalize_name("direct")},
    )
    assert [wheel.name for wheel in selection.sets[0].wheels] == ["c", "b", "a", "direct", "app"]


def test_collisions_by_case_are_those_of_some_systems(make_wheel: MakeFile) -> None:
    app = make_wheel("app", files={"app.py": "", "README": "one"})
    lib = make_wheel("lib", files={"lib.py": "", "readme": "other", "LIB.PY/x": ""})
    rewrite(lib, {"LIB.PY/x": None}, record=True)
    assert check(app, lib) == [
        (
            "lib-1.0-py3-none-any.whl and app-1.0-py3-none-any.whl both have README for "
            "cp312-macosx_13_0_arm64, cp312-win_amd64, with different contents: that of "
            "app-1.0-py3-none-any.whl stays"
        )
    ]


def test_many_files_are_one_line(make_wheel: MakeFile) -> None:
    one, two = (
        make_wheel(name, files={f"cv/{n}.py": name * n for n in range(1, 6)})
        for name in ("app", "other")
    )
    assert "both have cv/1.py and 4 more, with different contents" in check(one, two)[0]


def test_scripts_and_data_collide_too(make_wheel: MakeFile) -> None:
    app = make_wheel("app", scripts={"tool": "app:main"}, data={"data/share/x": "1"})
    lib = make_wheel("lib", scripts={"tool": "lib:main"}, data={"data/share/x": "22"})
    same = make_wheel("same", scripts={"tool": "app:main"}, data={"data/share/x": "1"})
    assert "both have share/x and 1 more, " in check(app, lib, targets=[LINUX])[0]
    other = make_wheel("other", scripts={"tool": "other:main"})
    assert "both have bin/tool, " in check(app, other, targets=[LINUX])[0]
    assert "both have Scripts/tool, " in check(app, other, targets=[WINDOWS])[0]
    assert check(app, same) == []


def test_data_that_lies_in_the_library_collides_with_it(make_wheel: MakeFile) -> None:
    path = "data/lib/python3.12/site-packages/app/__init__.py"
    app, lib = make_wheel("app"), make_wheel("lib", data={path: "# other\n"})
    assert "both have app/__init__.py, " in check(app, lib, targets=[LINUX])[0]
    assert check(app, lib, targets=[WINDOWS]) == []


def test_a_file_where_another_wheel_has_a_folder(make_wheel: MakeFile) -> None:
    app = make_wheel("app", files={"app.py": "", "tools": "a file"})
    lib = make_wheel("lib", files={"lib.py": "", "Tools/a.py": "", "tools/b.py": ""})
    assert refused(app, lib) == [
        (
            "lib-1.0-py3-none-any.whl cannot be installed: it has a folder where "
            f"app-1.0-py3-none-any.whl has the file 'site-packages/tools'{END}"
        )
    ]


def test_namespace_packages_do_not_collide(make_wheel: MakeFile) -> None:
    init = {"ns/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, 'ns')\n"}
    wheels = [make_wheel(name, files={**init, f"ns/{name}.py": name}) for name in ("app", "b", "c")]
    assert check(*wheels) == []


def test_folders_of_targets() -> None:
    assert folders_of(LINUX).purelib == "lib/python3.12/site-packages"
    assert folders_of(WINDOWS).scripts == "Scripts"
    assert folders_of(Target.parse("3.14t-macos-arm64")).platlib == "lib/python3.14t/site-packages"
    assert folders_of(Target.parse("pp311-linux-x86_64")).purelib == "lib/pypy3.11/site-packages"
