"""What a build admits, a start installs: random wheels on models of three systems' filesystems."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import os
import re
import stat
import sys
import tempfile
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.runtime import install
from hatch_multiplat.runtime.install import Archive, install_wheel
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_check import check_wheels, folders_of
from hatch_multiplat.wheels.wheel_file import open_archive, read_wheel_file

if TYPE_CHECKING:
    from collections.abc import Iterable

FILENAME = "demo-1.0-py3-none-any.whl"
TARGETS = {
    "linux": Target.parse("cp312-manylinux_2_28_x86_64"),
    "macos": Target.parse("cp312-macosx_13_0_arm64"),
    "windows": Target.parse("cp312-win_amd64"),
}

PARTS = st.one_of(
    st.sampled_from(
        [
            *("a", "A", "b.py", "B.PY", "demo", "x.y", "con", "NUL.txt", "com1", "aux.", "lpt¹"),
            *("a.", "a ", " a", "..", ".", "", "a:b", "a\\b", "a?", "a\n", "...", "python3", "t"),
            *("caf\u00e9", "cafe\u0301", "CAF\u00c9", "x" * 255, "x" * 256, "\u00f6" * 128),
            *("pyvenv.cfg", "bin", "Scripts", "python.exe", "_multiplat.py", "tool", "K", "\u212a"),
        ]
    ),
    st.text(max_size=4),
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
STARTS = st.sampled_from(
    [
        *("", "", "", "", "demo/", "demo-1.0.data/data/", "demo-1.0.data/data/bin/"),
        *("demo-1.0.data/scripts/", "demo-1.0.data/purelib/", "demo-1.0.data/platlib/"),
        *("demo-1.0.data/headers/", "demo-1.0.data/odd/", "Demo-1.0.data/data/"),
        *("demo-1.0.dist-info/", "demo-1.0.dist-info/RECORD/", "other-1.dist-info/"),
        *("demo-1.0.data/data/Scripts/", "demo-1.0.data/data/lib/python3.12/site-packages/"),
    ]
)
NAMES = st.builds(str.__add__, STARTS, PATHS)
MODES = st.sampled_from([0o100644] * 6 + [0o100755, 0, 0o120777, 0o120777, 0o010644])
CONTENTS = st.one_of(
    st.sampled_from([b"", b"1", b"#!python\n", b"a", b"../a", b"/etc", b"../../a", b".."]),
    PATHS.map(lambda path: path.encode("utf-8", "replace")),
)
SCRIPTS = st.lists(PARTS.filter(lambda part: part.isprintable() and "=" not in part), max_size=2)


@dataclass
class Model:
    """The filesystem of a system below one folder: what it refuses, and what is one file in it."""

    system: str
    files: dict[str, object] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def key(self, path: bytes) -> str:
        # The start writes as this machine does: on Windows by paths that may be long.
        path = path.replace(os.fsencode(os.sep), b"/")
        path = re.sub(rb"^//\?/[A-Z]:", b"", path)
        assert path.startswith(b"/root/"), path
        parts = [part for part in path.decode().removeprefix("/root/").split("/") if part != "."]
        for part in parts:
            assert part not in ("", "..")
            assert "\0" not in part
            assert len(part.encode()) <= 255
            if self.system == "windows":
                assert not set(part) & {*'<>:"/\\|?*', *map(chr, range(32))}, part
                assert not part.endswith((".", " ")), part
                # As `ntpath.isreserved` has it, which this Python may lack or have deprecated.
                stem = part.partition(".")[0].rstrip(" ").upper()
                assert stem not in {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
                assert not (
                    len(stem) == 4 and stem[:3] in {"COM", "LPT"} and stem[3] in "0123456789¹²³"
                )
                assert PureWindowsPath(part).name == part
        key = "/".join(parts)
        if self.system == "macos":
            return unicodedata.normalize("NFD", unicodedata.normalize("NFD", key).casefold())
        return key.lower() if self.system == "windows" else key

    def add(self, path: bytes, what: object) -> None:
        key = self.key(path)
        parents = key.split("/")[:-1]
        for count in range(1, len(parents) + 1):
            parent = "/".join(parents[:count])
            assert parent not in self.files, f"{key} lies below a file"
            self.folders.add(parent)
        assert key not in self.folders, f"{key} is a folder"
        assert self.files.get(key, what) == what, f"{key} would be lost"
        self.files[key] = what

    def write_file(
        self, path: bytes, blocks: Iterable[bytes], *_: object, **__: object
    ) -> tuple[str, int]:
        data = b"".join(blocks)
        self.add(path, data)
        return "sha256=x", len(data)

    def write_link(self, path: bytes, link: str) -> None:
        assert self.system != "windows"
        self.add(path, ("link", link))
        folder = path.rpartition(b"/")[0].decode()
        steps: list[str] = []
        for step in f"{folder}/{link}".split("/"):
            steps = steps[:-1] if step == ".." else [*steps, *([step] if step else [])]
        assert not link.startswith("/")
        assert steps[0] == "root", link


def make_wheel(members: list[tuple[str, bytes, int]], scripts: list[str]) -> bytes:
    """A wheel of these members (name, contents, mode), with a RECORD that has them."""
    info = "demo-1.0.dist-info"
    lines = "".join(f"{name} = demo:f{number}\n" for number, name in enumerate(scripts))
    texts = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{lines}",
    }
    held = [*members, *((name, text.encode(), 0o100644) for name, text in texts.items())]
    buffer, record = io.BytesIO(), io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents, mode in held:
            entry = zipfile.ZipInfo("x")
            entry.filename = entry.orig_filename = name
            entry.external_attr = mode << 16
            archive.writestr(entry, contents)
            digest = base64.urlsafe_b64encode(hashlib.sha256(contents).digest()).rstrip(b"=")
            rows.writerow([name, f"sha256={digest.decode()}", len(contents)])
        archive.writestr(f"{info}/RECORD", f"{record.getvalue()}{info}/RECORD,,\n")
    return buffer.getvalue()


def admitted(wheel: bytes, target: Target) -> bool:
    """Whether a build for this target alone lets the wheel in."""
    locked = parse_wheel(FILENAME, "https://files.test/", {})
    selection = Selection(target=target, sets=(WheelSet(from_patch=0, wheels=(locked,)),))
    try:
        file = read_wheel_file(
            functools.partial(open_archive, functools.partial(io.BytesIO, wheel)), FILENAME
        )
        check_wheels([selection], {FILENAME: file})
    except VerificationError:
        return False
    return True


MEMBERS = st.lists(st.tuples(NAMES, CONTENTS, MODES), max_size=5).map(
    lambda members: list({name: (name, data, mode) for name, data, mode in members}.values())
)


@pytest.mark.parametrize("system", ["windows"] if sys.platform == "win32" else TARGETS)
@given(members=MEMBERS, scripts=SCRIPTS)
@example(members=[("demo/A", b"1", 0), ("demo/a", b"2", 0)], scripts=[])
@example(members=[("demo-1.0.data/data//tmp/x", b"1", 0)], scripts=["pip:pip"])
@example(members=[("demo-1.0.data/scripts/t/x", b"#!python\n", 0)], scripts=["t"])
@example(members=[], scripts=["tool", "Tool"])
@example(members=[], scripts=["tool", "tool.py"])
def test_what_the_build_admits_the_start_installs(
    system: str, members: list[Any], scripts: list[str]
) -> None:
    wheel = make_wheel(members, scripts)
    target = TARGETS[system]
    if not admitted(wheel, target):
        event("refused")
        return
    event("admitted")
    model = Model(system)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(install, "SYSTEM", system)
        patch.setattr(install, "write_file", model.write_file)
        patch.setattr(install, "write_link", model.write_link)
        install_wheel(
            Archive(io.BytesIO(wheel)),
            "/root",
            folders_of(target),
            install.Interpreter("/root/bin/python"),
        )
    ours = {"pyvenv.cfg", "bin/python", "bin/python3", "bin/python3.12", "scripts/python.exe"}
    assert not model.files.keys() & ours


@given(members=MEMBERS, scripts=SCRIPTS)
@example(members=[("a", b"a", 0o120777)], scripts=[])
def test_what_the_build_admits_is_really_installed_here(
    members: list[Any], scripts: list[str]
) -> None:
    wheel = make_wheel(members, scripts)
    target = TARGETS["linux"]
    if install.SYSTEM != "linux" or not admitted(wheel, target):
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        install_wheel(
            Archive(io.BytesIO(wheel)),
            str(root),
            folders_of(target),
            install.Interpreter("/usr/bin/python3"),
        )
        assert [path.name for path in Path(folder).iterdir()] == ["root"]
        for path in root.rglob("*"):
            if path.is_symlink():  # It may lead to itself, or to nothing.
                end = os.path.normpath(path.parent / path.readlink())
                assert Path(end).is_relative_to(root)
            else:
                assert path.is_dir() or stat.S_ISREG(path.lstat().st_mode)
