"""Wheels are installed by the binary distribution format's rules, whole or not at all."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_multiplat.runtime import install as install_module
from hatch_multiplat.runtime.install import Archive, Interpreter, install_wheel, write_script
from hatch_multiplat.runtime.rules import BadWheel, Folders
from hatch_multiplat.runtime.verify import DamagedFile, OwnFile, Section

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")

INFO = "demo-1.0.dist-info"
PYTHON = Interpreter(sys.executable)
LAYOUT = Folders("pure", "plat", "bin", "include/site/python3.12")
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make(members: dict[str, str | bytes], modes: dict[str, int] | None = None) -> io.BytesIO:
    """A wheel with these members, in this order, and the two that it must have."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {f"{INFO}/WHEEL": WHEEL, f"{INFO}/RECORD": "", **members}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (modes or {}).get(name, 0o644 | stat.S_IFREG) << 16
            archive.writestr(info, data)
    buffer.seek(0)
    return buffer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def install(root: Path, members: dict[str, str | bytes], **modes: int) -> None:
    install_wheel(Archive(make(members, modes)), str(root), LAYOUT, PYTHON)


def test_purelib_or_platlib(root: Path) -> None:
    install(root, {"demo.py": "x"})
    assert (root / "pure" / "demo.py").read_text() == "x"
    native = WHEEL.replace("true", "false")
    install(root, {"demo.so": "y", f"{INFO}/WHEEL": native})
    assert (root / "plat" / "demo.so").read_text() == "y"


def test_every_kind_of_data(root: Path) -> None:
    data = "demo-1.0.data"
    install(
        root,
        {
            f"{data}/purelib/a.py": "a",
            f"{data}/platlib/b.so": "b",
            f"{data}/headers/demo.h": "h",
            f"{data}/data/share/man/man1/demo.1": "m",
            f"{data}/scripts/plain.sh": "#!/bin/sh\nexit 0\n",
            f"{data}/scripts/tool": "#!python\nprint(1)\n",
            f"{data}/scripts/gtool": b"#!pythonw -x\r\nprint(1)\n",
        },
    )
    assert (root / "pure/a.py").read_text() == "a"
    assert (root / "plat/b.so").read_text() == "b"
    assert (root / "include/site/python3.12/demo/demo.h").read_text() == "h"
    assert (root / "share/man/man1/demo.1").read_text() == "m"
    assert (root / "bin/plain.sh").read_text() == "#!/bin/sh\nexit 0\n"
    assert (root / "bin/tool").read_text() == f"#!{sys.executable}\nprint(1)\n"
    assert (root / "bin/gtool").read_text() == f"#!{sys.executable}\nprint(1)\n"
    for name in ("plain.sh", "tool", "gtool"):
        assert os.access(root / "bin" / name, os.X_OK)


def test_console_and_gui_scripts_run(root: Path) -> None:
    text = (
        "# a comment\n[console_scripts]\ndemo = demo:main\n"
        "sub = demo:A.run [extra]\n\n[gui_scripts]\nwin=demo : main\n[other]\nx = y\n"
    )
    code = "import sys\ndef main():\n    return 5\nclass A:\n    run = staticmethod(lambda: 6)\n"
    found = install_wheel(
        Archive(make({"demo.py": code, f"{INFO}/entry_points.txt": text})),
        str(root),
        LAYOUT,
        PYTHON,
    )
    assert found["console_scripts"] == {"demo": "demo:main", "sub": "demo:A.run"}
    assert found["other"] == {"x": "y"}
    environ = {**os.environ, "PYTHONPATH": str(root / "pure")}
    for name, code_of in (("demo", 5), ("sub", 6), ("win", 5)):
        path = root / "bin" / name
        assert subprocess.run([path], env=environ, check=False).returncode == code_of


def test_executable_bits(root: Path) -> None:
    modes = {"demo/tool": 0o755 | stat.S_IFREG, "demo/data": 0o600 | stat.S_IFREG}
    install_wheel(
        Archive(make({"demo/tool": "", "demo/data": ""}, modes)), str(root), LAYOUT, PYTHON
    )
    mask = os.umask(0)
    os.umask(mask)
    for name, mode in (("tool", 0o777), ("data", 0o666)):
        path = root / "pure" / "demo" / name
        assert stat.S_IMODE(path.stat().st_mode) == mode & ~mask


def test_record_lists_what_was_installed(root: Path) -> None:
    install(
        root,
        {
            "demo.py": "x" * 100,
            f"{INFO}/entry_points.txt": "[console_scripts]\ndemo = demo:main\n",
            f"{INFO}/RECORD.jws": "signature",
            f"{INFO}/INSTALLER": "liar",
            "demo-1.0.data/scripts/tool": "#!python\n",
            "odd, name.txt": "",
        },
    )
    pure = root / "pure"
    assert (pure / INFO / "INSTALLER").read_text() == "hatch-multiplat\n"
    with (pure / INFO / "RECORD").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[0] for row in rows] == sorted(
        [
            "../bin/demo",
            "../bin/tool",
            "demo.py",
            "odd, name.txt",
            *(f"{INFO}/{n}" for n in ("INSTALLER", "RECORD", "WHEEL", "entry_points.txt")),
        ]
    )
    for name, digest, size in rows:
        data = (pure / name).read_bytes()
        if digest:
            raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            assert (digest, size) == (f"sha256={raw.decode()}", str(len(data)))


def test_what_the_wheels_own_record_knows_is_not_computed_again(root: Path) -> None:
    install(root, {"demo.py": "x", f"{INFO}/RECORD": f"demo.py,sha256=abc,1\n{INFO}/RECORD,,\n"})
    record = root / "pure" / INFO / "RECORD"
    assert "demo.py,sha256=abc,1\n" in record.read_text()


def test_namespace_packages_and_pth_files(root: Path) -> None:
    pure = root / "pure"
    install(root, {"ns/a/__init__.py": "", "demo.pth": "import sys\n"})
    install(root, {"ns/b/__init__.py": "", "ns/pkg.py": ""})
    assert not (pure / "ns" / "__init__.py").exists()
    assert (pure / "demo.pth").read_text() == "import sys\n"
    code = f"import site; site.addsitedir({str(pure)!r}); import ns.a, ns.b, ns.pkg"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_each_way_to_compress(root: Path, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(f"{INFO}/WHEEL", WHEEL)
        archive.writestr("demo.py", "x" * 1000)
        archive.writestr("empty", "")
    install_wheel(Archive(buffer), str(root), LAYOUT, PYTHON)
    assert (root / "pure" / "demo.py").read_text() == "x" * 1000
    assert (root / "pure" / "empty").read_text() == ""


def test_a_member_with_a_wrong_checksum(root: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{INFO}/WHEEL", WHEEL)
        archive.writestr("demo.py", "marker")
    data = buffer.getvalue().replace(b"marker", b"masker")
    with pytest.raises(BadWheel, match=r"'demo\.py' is damaged"):
        install_wheel(Archive(io.BytesIO(data)), str(root), LAYOUT, PYTHON)


def test_a_big_member_is_written_in_blocks(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_module, "BLOCK", 64)
    data = bytes(range(256)) * 20
    install(root, {"big": data})
    assert (root / "pure" / "big").read_bytes() == data


BAD_NAMES = [
    "../evil",
    "a/../../evil",
    "/evil",
    "a\\..\\evil",
    "demo-1.0.data/data/../../evil",
    "demo-1.0.data/scripts/../evil",
    "..",
    "a/..",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leads_elsewhere(root: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadWheel, match=r"leads out of|absolute path|backslash"):
        install(root, {"fine.py": "", name: "x"})
    assert not (tmp_path / "root").exists()
    assert list(tmp_path.rglob("evil")) == []


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"demo-1.0.data/odd/x": ""}, "of an unknown kind"),
        ({"demo-1.0.data/x": ""}, "of an unknown kind"),
        ({f"{INFO}/WHEEL": "Wheel-Version: 2.0\n"}, "Wheel-Version 2.0 is unknown"),
        ({f"{INFO}/WHEEL": "Tag: py3-none-any\n"}, "no Wheel-Version"),
        ({f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: caf\xe9\n"}, "not in UTF-8"),
        ({f"{INFO}/RECORD": b"caf\xe9,,\n"}, "not in UTF-8"),
        ({f"{INFO}/entry_points.txt": b"# caf\xe9\n"}, "not in UTF-8"),
        ({"other-1.0.dist-info/WHEEL": WHEEL}, "more than one .dist-info"),
        ({"demo-1.0.data/scripts/python": "#!python\n"}, "would replace the interpreter"),
        ({"demo-1.0.data/data/pyvenv.cfg": ""}, "would replace the interpreter"),
    ],
)
def test_other_breaches(
    root: Path, tmp_path: Path, members: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(BadWheel, match=message):
        install(root, {"demo.py": "", **members})
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("name", ["python", "python3", "python3.12", "../x", "a/b", ".."])
def test_scripts_with_bad_names(root: Path, name: str) -> None:
    text = f"[console_scripts]\n{name} = demo:main\n"
    with pytest.raises(BadWheel, match=f"its script '{name}' "):
        install(root, {f"{INFO}/entry_points.txt": text})


def test_what_pip_installs_is_installed(root: Path) -> None:
    """Wheel-Version below 1.0, a script with a colon, one in a folder, and doubled slashes."""
    install(
        root,
        {
            f"{INFO}/WHEEL": WHEEL.replace("1.0", "0.9"),
            f"{INFO}/entry_points.txt": "[console_scripts]\npip:pip = demo:main\n",
            "demo-1.0.data/scripts/sub/tool": "#!python\nprint(1)\n",
            "demo-1.0.data/data//share/./x": "x",
            "demo//a.py": "a",
        },
    )
    assert (root / "bin/pip:pip").is_file()
    assert (root / "bin/sub/tool").read_text() == f"#!{sys.executable}\nprint(1)\n"
    assert (root / "share/x").read_text() == "x"
    assert (root / "pure/demo/a.py").read_text() == "a"
    rows = (root / "pure" / INFO / "RECORD").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows][:3] == [
        "../bin/pip:pip",
        "../bin/sub/tool",
        "../share/x",
    ]


def test_an_entry_point_takes_the_place_of_a_script_file(root: Path, tmp_path: Path) -> None:
    text = "[console_scripts]\ntool = demo:main\n[gui_scripts]\ntool = demo:other\n"
    members = {"demo-1.0.data/scripts/tool": "#!/bin/sh\n", f"{INFO}/entry_points.txt": text}
    install(root, {**members})
    assert "import other" in (tmp_path / "root/bin/tool").read_text()
    record = (tmp_path / "root/pure" / INFO / "RECORD").read_text()
    assert record.count("bin/tool") == 1


def test_links_that_stay_inside(root: Path) -> None:
    mode = stat.S_IFLNK | 0o777
    links = {"demo/lib.so": "libs/lib.so.1", "demo/libs/up": "../data", "demo/data/v": "../libs"}
    members = {**links, "demo/libs/lib.so.1": "code", "demo/data/d": "d"}
    for _ in range(2):  # Two wheels may have the same.
        install_wheel(
            Archive(make({**members}, dict.fromkeys(links, mode))), str(root), LAYOUT, PYTHON
        )
    demo = root / "pure" / "demo"
    assert (demo / "lib.so").read_text() == "code"
    assert (demo / "libs/up/d").read_text() == "d"
    assert (demo / "data/v").readlink() == Path("../libs")


@pytest.mark.parametrize(
    "link", ["/etc/passwd", "../../x", "..", "a/../../../x", "", "a\\b", "sub/..", "../"]
)
def test_links_that_lead_outside(root: Path, tmp_path: Path, link: str) -> None:
    wheel = make({"demo/link": link, "x": ""}, {"demo/link": stat.S_IFLNK | 0o777})
    with pytest.raises(BadWheel, match="symbolic link that leads out"):
        install_wheel(Archive(wheel), str(root), LAYOUT, PYTHON)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_pipes_and_devices(root: Path, tmp_path: Path, kind: int) -> None:
    with pytest.raises(BadWheel, match="a device or a pipe"):
        install_wheel(
            Archive(make({"link": "/etc/passwd"}, {"link": kind | 0o777})),
            str(root),
            LAYOUT,
            PYTHON,
        )
    assert list((tmp_path / "root").rglob("link")) == []


def test_a_file_where_a_link_lies_is_not_written_through_it(root: Path, tmp_path: Path) -> None:
    (root / "pure").mkdir(parents=True)
    (root / "pure" / "demo.py").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        install(root, {"demo.py": "x"})
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("data", [b"", b"not a zip"])
def test_what_is_no_wheel(root: Path, data: bytes) -> None:
    with pytest.raises(BadWheel):
        install_wheel(Archive(io.BytesIO(data)), str(root), LAYOUT, PYTHON)


def test_a_zip_file_without_metadata(root: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo.py", "")
    with pytest.raises(BadWheel, match=r"no \.dist-info/WHEEL"):
        install_wheel(Archive(buffer), str(root), LAYOUT, PYTHON)


FOLDERS = [
    b"simple",
    b"with space",
    b"quo'te",
    b"'''",
    b'double"quote',
    b"dol$lar`x`",
    b"per%cent\\0",
    b"x" * 150,
    "größe".encode(),
    "größe".encode("latin-1"),
    b"tab\tnew\nline",
]


@pytest.mark.parametrize("body", [b"", b"# -*- coding: latin-1 -*-\nword = 'gr\xf6\xdfe'\n"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_scripts_find_their_python_wherever_it_is(
    tmp_path: Path, folder: bytes, body: bytes
) -> None:
    """In a folder whose name is in no encoding, too, and with a text in any."""
    home = tmp_path / os.fsdecode(folder)
    home.mkdir()
    python = home / "python"
    python.symlink_to(sys.executable)
    body += b"import sys\nprint(sys.argv[1:])\n" + (b"print(ascii(word))\n" if body else b"")
    write_script(str(tmp_path), "script", Interpreter(str(python)), body)
    shown = subprocess.run([tmp_path / "script", "a b"], capture_output=True, text=True, check=True)
    assert shown.stdout == "['a b']\n" + ("'gr\\xf6\\xdfe'\n" if b"word" in body else "")


def nested(tmp_path: Path, method: int = zipfile.ZIP_STORED) -> tuple[Path, dict[str, str]]:
    data = make({"demo.py": "x"}).getvalue()
    path = tmp_path / "app"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(".deps/demo.whl", data)
    return path, {"file": "demo.whl", "sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wheel_is_read_from_inside_the_executable(tmp_path: Path, method: int) -> None:
    path, item = nested(tmp_path, method)
    executable = OwnFile(str(path))
    with executable.open_wheel(item) as stream, zipfile.ZipFile(stream) as archive:
        assert archive.read("demo.py") == b"x"
    executable.close()


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    path, item = nested(tmp_path)
    executable = OwnFile(str(path))
    with pytest.raises(DamagedFile, match=r"demo\.whl is not the wheel"):
        executable.open_wheel({**item, "sha256": "0" * 64})
    with pytest.raises(DamagedFile, match="missing"):
        executable.open_wheel({**item, "file": "other.whl"})
    executable.close()


def test_a_section_reads_like_a_file_of_its_own() -> None:
    section = Section(io.BytesIO(b"0123456789"), 2, 5)
    assert section.read() == b"23456"
    assert section.read() == b""
    section.seek(-2, os.SEEK_END)
    assert section.tell() == 3
    assert section.read(10) == b"56"
    section.seek(1)
    section.seek(1, os.SEEK_CUR)
    assert section.read(1) == b"4"
    buffer = bytearray(3)
    section.seek(4)
    assert section.readinto(buffer) == 1
