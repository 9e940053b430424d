"""Wheels are opened once: what they say, what they hold, and every way in which they are broken."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.wheels.wheel_file import find_damages, open_wheel
from tests.support.wheels import change_members, rewrite

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile


def test_wheels_say_what_they_require_and_which_scripts_they_have(make_wheel: MakeFile) -> None:
    plain = make_wheel("plain")
    full = make_wheel("full", requires=["plain>=1"], scripts={"full": "full:main"})
    texts = {path.name: open_wheel(path).texts for path in (plain, full)}
    assert texts[plain.name].requires == ()
    assert texts[plain.name].entry_points == {}
    assert [str(requirement) for requirement in texts[full.name].requires] == ["plain>=1"]
    assert texts[full.name].entry_points == {"console_scripts": {"full": "full:main"}}
    assert texts[full.name].scripts == {"full": "full:main"}


SCRIPTS = """
[console_scripts]
DeMo = demo:main [fast]
a%b = demo : main
both = demo:console
[gui_scripts]
both = demo:gui
win = demo:gui
[pytest11]
demo = demo.plugin
"""


def test_scripts_are_those_of_both_groups(make_wheel: MakeFile) -> None:
    path = make_wheel("demo", files={"demo-1.0.dist-info/entry_points.txt": SCRIPTS})
    file = open_wheel(path)
    assert file.texts.scripts == {
        "DeMo": "demo:main",
        "a%b": "demo:main",
        "both": "demo:console",
        "win": "demo:gui",
    }
    assert file.texts.entry_points["pytest11"] == {"demo": "demo.plugin"}


def test_a_wheel_is_told_by_its_members(make_wheel: MakeFile) -> None:
    data = {"scripts/run.sh": "#!/bin/sh\n", "purelib/x.py": "", "data/share/y": "1"}
    file = open_wheel(make_wheel("demo", scripts={"demo": "demo:main"}, data=data))
    assert file.all_scripts() == {"demo", "run.sh"}
    assert file.script_files() == {"run.sh": "demo-1.0.data/scripts/run.sh"}
    assert file.libraries()["x.py"] == "demo-1.0.data/purelib/x.py"
    assert not {name for name in file.libraries() if "share" in name or "run.sh" in name}
    assert file.has_data
    assert not open_wheel(make_wheel("plain")).has_data
    assert file.read("demo-1.0.data/data/share/y") == b"1"
    assert "Name: demo" in file.metadata


def test_metadata_elsewhere_than_in_dist_info_is_none(tmp_path: Path) -> None:
    path = tmp_path / "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("app/app.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("METADATA", "Name: top")
    with pytest.raises(
        VerificationError, match=r"app-1\.0.* cannot be installed: it has no \.dist"
    ):
        open_wheel(path)
    path.write_bytes(b"no zip file")
    with pytest.raises(
        VerificationError, match=r"app-1\.0.* cannot be installed: it cannot be read"
    ):
        open_wheel(path)
    with pytest.raises(VerificationError, match=r"cannot be read as a wheel: .*No such file"):
        open_wheel(tmp_path / "gone-1.0-py3-none-any.whl")


@pytest.mark.parametrize("left_out", ["METADATA", "RECORD", "WHEEL"])
def test_a_wheel_without_one_of_its_texts(make_wheel: MakeFile, left_out: str) -> None:
    path = make_wheel("app")
    rewrite(path, {f"app-1.0.dist-info/{left_out}": None})
    with pytest.raises(VerificationError, match=rf"app-1\.0.* cannot be installed: .*{left_out}"):
        open_wheel(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"compression": 99}, "compressed in a way", id="odd compression"),
        pytest.param({"flags": 1}, "is encrypted", id="encrypted"),
        pytest.param({"compression": zipfile.ZIP_STORED}, "is damaged", id="damaged"),
    ],
)
def test_a_wheel_that_cannot_be_unpacked_is_named(
    make_wheel: MakeFile, changes: dict[str, int], said: str
) -> None:
    path = make_wheel("app")
    change_members(path, **changes)
    with pytest.raises(VerificationError, match=rf"app-1\.0.* cannot be installed: .*{said}"):
        open_wheel(path)


INFO = "app-1.0.dist-info"


def damages(path: Path) -> list[str]:
    return find_damages(open_wheel(path))


def test_a_whole_wheel_has_no_damage(make_wheel: MakeFile) -> None:
    assert damages(make_wheel("app", files={"größe, x.py": "1", "empty": ""}, blob=1 << 21)) == []
    assert damages(make_wheel("App.Ext", "1.0.post1+local")) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "app/__init__.py,sha256=AAAA,22",
            "'app/__init__.py' is not what its RECORD says",
        ),
        ("app/__init__.py,md5=AAAA,22", "'app/__init__.py' is not what its RECORD says"),
        ("app/__init__.py,,7", "'app/__init__.py' is not what its RECORD says: its size"),
        ("app/__init__.py,unknown=AAAA,", ""),
        ("app/__init__.py,,", ""),
        ("app/__init__.py,,,,", "its RECORD has a line without three columns"),
        ("app/__init__.py", "its RECORD has a line without three columns"),
        ("", "its RECORD does not list 'app/__init__.py'"),
        ("app/__init__.py,,\napp/more.py,,", "its RECORD lists 'app/more.py', which it does not"),
        ("app/__init__.py,,\napp/,,", ""),
    ],
)
def test_record(make_wheel: MakeFile, line: str, message: str) -> None:
    path = make_wheel("app")
    rows = "".join(f"{INFO}/{name},,\n" for name in ("METADATA", "WHEEL", "RECORD"))
    rewrite(path, {f"{INFO}/RECORD": f"{line}\n{rows}"})
    found = damages(path)
    assert [problem[: len(message)] for problem in found][:1] == [message][: bool(message)]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("Name: other\nVersion: 1.0\n", "its METADATA has the name 'other'"),
        ("Version: 1.0\n", "its METADATA has the name ''"),
        ("Name: app\nVersion: 2.0\n", "its METADATA has the version '2.0'"),
        ("Name: app\nVersion: 1.0+local\n", "its METADATA has the version '1.0+local'"),
        ("Name: app\nVersion: x\n", "its METADATA has the version 'x'"),
        ("Name: app\n", "its METADATA has the version ''"),
        ("Name: APP\nVersion: 1.0.0\n", ""),
    ],
)
def test_name_and_version(make_wheel: MakeFile, metadata: str, message: str) -> None:
    path = make_wheel("app")
    rewrite(path, {f"{INFO}/METADATA": f"Metadata-Version: 2.1\n{metadata}"}, record=True)
    assert damages(path) == ([message] if message else [])


def test_a_dist_info_folder_of_another_project(make_wheel: MakeFile) -> None:
    path = make_wheel("app")
    other = path.rename(path.with_name("other-1.0-py3-none-any.whl"))
    assert damages(other) == [
        "its METADATA has the name 'app'",
        "its .dist-info folder is called 'app-1.0.dist-info'",
    ]


def test_every_member_is_read(make_wheel: MakeFile) -> None:
    path = make_wheel("app", files={"a.txt": "a" * 50, "b.txt": "b" * 50}, blob=3 << 20)
    content = bytearray(path.read_bytes())
    content[content.index(b"app.blob") + 2_000_000] ^= 1
    path.write_bytes(content)
    assert damages(path) == ["'app.blob' is damaged"]
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("b.txt").header_offset
    content[at + 30] ^= 1  # The name that stands before its data.
    path.write_bytes(content)
    assert damages(path) == ["'b.txt' is not where it should be", "'app.blob' is damaged"]
