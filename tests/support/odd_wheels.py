"""Wheels of a project `evil` 1.0, each broken or odd in one way: what is done to a good one.

HOSTILE ones no system installs, ELSEWHERE ones some do not, HARMLESS ones Linux does.
"""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from tests.support.wheels import change_members, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

INFO = "evil-1.0.dist-info"
DATA = "evil-1.0.data"
LINK = {"evil/link": stat.S_IFLNK | 0o777}


def changed(members: dict[str, str | bytes | None], **options: Any) -> Callable[[Path], None]:
    """Change members of a wheel, with a RECORD that has them unless told otherwise."""
    return lambda path: rewrite(path, members, **{"record": True, **options})


def with_wrong_crc(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("evil/__init__.py")
        directory = archive.start_dir
    content[info.header_offset + 14] ^= 1
    content[content.index(b"PK\x01\x02", directory) + 16] ^= 1
    path.write_bytes(content)


def with_a_bit_changed(path: Path) -> None:
    rewrite(path, {"evil/data.bin": os.urandom(1000)}, record=True)
    content = bytearray(path.read_bytes())
    content[content.index(b"evil/data.bin") + 500] ^= 1
    path.write_bytes(content)


def with_another_name_before_the_data(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"evil/__init__.py", b"evil/__hello__.p", 1))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def replaced_by_a_page(path: Path) -> None:
    path.write_bytes(b"<html>login</html>")


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("evil/__init__.py", "import os\n")


def scripts(text: str | bytes) -> Callable[[Path], None]:
    return changed({f"{INFO}/entry_points.txt": text})


METADATA = "Metadata-Version: 2.1\n"
RECORD = f"evil/__init__.py,,\n{INFO}/METADATA,,\n{INFO}/WHEEL,,\n{INFO}/RECORD,,\n"
HOSTILE: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "wrong CRC": (with_wrong_crc, "'evil/__init__.py' is damaged"),
    "a bit changed": (with_a_bit_changed, "'evil/data.bin' is damaged"),
    "encrypted": (lambda path: change_members(path, flags=1), "is encrypted"),
    "unknown compression": (lambda path: change_members(path, compression=99), "compressed in a"),
    "another local name": (with_another_name_before_the_data, "is not where it should be"),
    "cut short": (cut_short, "cannot be read"),
    "no zip file": (replaced_by_a_page, "cannot be read"),
    "a member twice": (twice, "would be the same file as"),
    "Wheel-Version 2.0": (changed({f"{INFO}/WHEEL": "Wheel-Version: 2.0\n"}), "2.0 is unknown"),
    "no Wheel-Version": (changed({f"{INFO}/WHEEL": "Tag: py3-none-any\n"}), "no Wheel-Version"),
    "no WHEEL": (changed({f"{INFO}/WHEEL": None}), "no .dist-info/WHEEL"),
    "no METADATA": (changed({f"{INFO}/METADATA": None}), "no METADATA"),
    "another name": (
        changed({f"{INFO}/METADATA": f"{METADATA}Name: good\nVersion: 1.0\n"}),
        "has the name 'good'",
    ),
    "another version": (
        changed({f"{INFO}/METADATA": f"{METADATA}Name: evil\nVersion: 9.0\n"}),
        "has the version '9.0'",
    ),
    "no RECORD": (changed({f"{INFO}/RECORD": None}), "no RECORD"),
    "wrong hash": (
        changed({f"{INFO}/RECORD": RECORD.replace("py,,", "py,sha256=AAAA,")}, record=False),
        "its hash differs",
    ),
    "wrong size": (
        changed({f"{INFO}/RECORD": RECORD.replace("py,,", "py,,3")}, record=False),
        "its size differs",
    ),
    "not in RECORD": (changed({"evil/more.py": ""}, record=False), "does not list 'evil/more.py'"),
    "gone from RECORD": (
        changed({f"{INFO}/RECORD": f"{RECORD}evil/gone.py,,\n"}, record=False),
        "lists 'evil/gone.py'",
    ),
    "RECORD in no encoding": (changed({f"{INFO}/RECORD": b"caf\xe9,,\n"}, record=False), "UTF-8"),
    "second dist-info": (
        changed({"good-1.0.dist-info/METADATA": f"{METADATA}Name: good\nVersion: 1.0\n"}),
        "second .dist-info",
    ),
    "absolute": (changed({"/tmp/evil.py": ""}), "is an absolute path"),
    "climbing": (changed({"../../evil.py": ""}), "leads out of the folder"),
    "data that climbs": (changed({f"{DATA}/data/../../x": ""}), "leads out of the folder"),
    "backslash": (changed({"evil\\x.py": ""}), "has a backslash"),
    "control character": (changed({"evil/a\nb": ""}), "control character"),
    "link outside": (changed({"evil/link": "/etc/passwd"}, modes=LINK), "leads out of the folder"),
    "pipe": (changed({"evil/link": ""}, modes={"evil/link": stat.S_IFIFO | 0o644}), "pipe"),
    "unknown scheme": (changed({f"{DATA}/odd/x": ""}), "unknown kind of data"),
    "no scheme": (changed({f"{DATA}/x": ""}), "unknown kind of data"),
    "data of another name": (changed({"Evil-1.0.data/data/x": ""}), "not named like the .dist"),
    "pyvenv.cfg": (changed({f"{DATA}/data/pyvenv.cfg": "home = /\n"}), "replace the interpreter"),
    "bin/python3": (changed({f"{DATA}/data/bin/python3": "#!/bin/sh\n"}), "replace the interp"),
    "scripts/python": (changed({f"{DATA}/scripts/python": "#!/bin/sh\n"}), "replace the interp"),
    "start-up": (changed({"_multiplat_inherit.py": ""}), "replace a part of start-up"),
    "file and folder": (changed({"evil/p": "", "evil/p/q.py": ""}), "is a file where"),
    "entry points in no encoding": (scripts(b"[console_scripts]\ncaf\xe9 = a:b\n"), "UTF-8"),
    "script python3": (scripts("[console_scripts]\npython3 = evil:main\n"), "replace the interp"),
    "script without a name": (scripts("[console_scripts]\n = evil:main\n"), "cannot be read"),
    "script that climbs": (scripts("[console_scripts]\n../x = evil:main\n"), "'../x'"),
    "script without function": (scripts("[console_scripts]\nx = evil\n"), "not name a function"),
    "script with code": (scripts("[console_scripts]\nx = evil:a();import os\n"), "not name a fun"),
    "script with a comment": (scripts("[console_scripts]\nx = evil:a # b\n"), "not name a fun"),
    "script over two lines": (scripts("[console_scripts]\nx =\n  evil:a\n"), "not name a fun"),
    "name too long": (changed({"evil/" + "x" * 256: ""}), "more than 255 bytes"),
}
ELSEWHERE: Mapping[str, tuple[Callable[[Path], None], str, set[str]]] = {
    "colon": (changed({"evil/a:b": ""}), "that Windows forbids", {"windows-x86_64"}),
    "reserved": (changed({"evil/NUL.txt": ""}), "that Windows reserves", {"windows-x86_64"}),
    "dot at the end": (changed({"evil/a.": ""}), "dot or a space", {"windows-x86_64"}),
    "case": (
        changed({"evil/A.py": "1", "evil/a.py": "2"}),
        "would be the same file",
        {"macos-arm64", "windows-x86_64"},
    ),
    "spelling": (
        changed({"evil/caf\u00e9": "1", "evil/cafe\u0301": "2"}),
        "would be the same file",
        {"macos-arm64"},
    ),
    "link inside": (changed({"evil/link": "__init__.py"}, modes=LINK), "link", {"windows-x86_64"}),
    "script with a colon": (
        scripts("[console_scripts]\na:b = evil:c\n"),
        "a:b",
        {"windows-x86_64"},
    ),
}
HARMLESS: Mapping[str, Callable[[Path], None]] = {
    "plain": changed({}),
    "Wheel-Version 0.9": changed({f"{INFO}/WHEEL": "Wheel-Version: 0.9\nRoot-Is-Purelib: true\n"}),
    "script in a folder": changed({f"{DATA}/scripts/sub/tool": "#!python\nprint(1)\n"}),
    "link": changed({"evil/link": "__init__.py"}, modes=LINK),
    "script pip:pip": scripts("[console_scripts]\npip:pip = evil:main\n"),
    "data named like ours": changed({f"{DATA}/data/{n}": "x" for n in ("files", "used", "app/x")}),
    "more of them": changed({f"{DATA}/data/{n}": "x" for n in ("entry.py", "table.json", "venv")}),
    "doubled slashes": changed({f"{DATA}/data//tmp/x": "1", "evil//y.py": ""}),
    "names of Windows": changed({"evil/con": "", "evil/a:b": "", "evil/c.": ""}),
    "RECORD without hashes": changed({f"{INFO}/RECORD": RECORD}, record=False),
    "signatures": changed({f"{INFO}/RECORD.jws": "{}", f"{INFO}/RECORD.p7s": ""}, record=False),
    "indented entry points": scripts("[console_scripts]\n    x = evil:a\n    y = evil:b [z]\n"),
}
