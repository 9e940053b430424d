from __future__ import annotations

import io
import struct
import zipfile

import pytest

from hatch_multiplat.executable.executable import LAUNCHERS
from hatch_multiplat.executable.rendering import digest_members, read_launcher, render_members
from hatch_multiplat.executable.table import Table, TableTarget, TableWheel
from hatch_multiplat.runtime.rules import LINUX, MACOS, WINDOWS, script_candidates, script_file
from hatch_multiplat.runtime.windows import (
    ADMINISTRATORS,
    ALL,
    MIGHTY,
    OWNERS,
    READ,
    USERS,
    is_private_to,
    make_descriptor,
    make_program,
    sid,
)


def test_a_program_is_a_launcher_the_line_with_its_python_and_the_script() -> None:
    python = "C:\\Users\\größe & 100% (x)\\Scripts\\python.exe"
    data = make_program(b"MZlauncher", python, b"print(1)\n", gui=False)
    assert data.startswith(b'MZlauncher#!"' + python.encode() + b'"\r\nPK')
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "__main__.py": b"print(1)\n"
        }
    assert data == make_program(b"MZlauncher", python, b"print(1)\n", gui=False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tool", "tool.exe"),
        ("tool.py", "tool.exe"),
        ("tool.pyw", "tool.exe"),
        ("tool.v2", "tool.v2.exe"),
    ],
)
def test_on_windows_a_script_is_a_program_by_the_name_that_pip_gives_it(
    name: str, file: str
) -> None:
    assert script_file(name, WINDOWS) == file
    assert file in script_candidates(name, WINDOWS)
    assert script_file(name, LINUX) == script_file(name, MACOS) == name


def target(system: str, arch: str, *wheels: int) -> TableTarget:
    return TableTarget(
        name=f"{system}-{arch}",
        implementation="cpython",
        python=(3, 12),
        system=system,
        arch=arch,
        sets=((0, wheels),),
    )


WHEELS = (
    TableWheel(file="console-1.0-py3-none-any.whl", sha256="0" * 64, size=1),
    TableWheel(file="window-1.0-py3-none-any.whl", sha256="1" * 64, size=1, gui=True),
)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ([target("linux", "x86_64", 0, 1), target("macos", "arm64", 0, 1)], []),
        ([target("linux", "x86_64", 0, 1), target("windows", "x86_64", 0)], ["t64.exe"]),
        ([target("windows", "x86_64", 0, 1)], ["t64.exe", "w64.exe"]),
        (
            [target("windows", "x86_64", 0), target("windows", "arm64", 1)],
            ["t64-arm.exe", "t64.exe", "w64-arm.exe"],
        ),
        ([target("windows", "i686", 0)], ["t32.exe"]),
    ],
)
def test_a_file_carries_the_launchers_that_its_targets_and_scripts_want(
    targets: list[TableTarget], names: list[str]
) -> None:
    table = Table(name="demo", version="1.0", run={}, wheels=WHEELS, targets=tuple(targets))
    members = render_members(table)
    there = {name: data for name, data in members.items() if name.startswith(LAUNCHERS)}
    assert there == {LAUNCHERS + name: read_launcher(name) for name in names}
    for name in there:
        changed = {**members, name: members[name] + b"x"}
        assert digest_members(changed) != digest_members(members)


ME, OTHER = sid(5, 21, 1, 2, 3, 1001), sid(5, 21, 1, 2, 3, 1002)
MINE = [(ME, ALL), (ADMINISTRATORS, ALL)]


def descriptor(owner: bytes, rights: list[tuple[bytes, int]]) -> bytes:
    """A security descriptor as Windows returns it, with its owner behind its list."""
    made = make_descriptor(rights)
    return made[:4] + struct.pack("<L", len(made)) + made[8:] + owner


@pytest.mark.parametrize(
    ("owner", "rights", "expected"),
    [
        pytest.param(ME, MINE, True, id="mine"),
        pytest.param(ADMINISTRATORS, [*MINE, (USERS, READ)], True, id="an administrator's"),
        pytest.param(ME, [*MINE, *((user, ALL) for user in (*MIGHTY, *OWNERS))], True, id="mighty"),
        pytest.param(ME, [], True, id="nobody"),
        pytest.param(OTHER, MINE, False, id="another's"),
        pytest.param(USERS, MINE, False, id="a group's"),
        pytest.param(ME, [*MINE, (OTHER, READ | 2)], False, id="another may write"),
        pytest.param(ME, [(USERS, 4), *MINE], False, id="users may append"),
        pytest.param(ME, [*MINE, (sid(1, 0), 0x10000000)], False, id="everyone"),
        pytest.param(ME, [*MINE, (OTHER, 0x40000)], False, id="another may change the list"),
    ],
)
def test_a_folder_is_private_if_nobody_else_owns_it_or_may_write(
    owner: bytes,
    rights: list[tuple[bytes, int]],
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_private_to(descriptor(owner, rights), [ME, *MIGHTY]) is expected


def test_a_folder_without_an_access_list_is_everybodys() -> None:
    without = struct.pack("<BBHLLLL", 1, 0, 0x8000, 20, 0, 0, 0) + ME
    assert not is_private_to(without, [ME, *MIGHTY])


def test_rights_that_are_denied_are_none() -> None:
    made = bytearray(descriptor(ME, [(OTHER, ALL)]))
    made[28] = 1
    assert is_private_to(bytes(made), [ME, *MIGHTY])
