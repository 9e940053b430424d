"""Wheels that no start could install are refused by the build, and those that one can are run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.executable.executable_file import read_executable
from hatch_multiplat.inspection.verification import executable_selections, prove_executable
from tests.support.project import ProjectFolder, make_project
from tests.support.wheels import change_members, make_wheel, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.usefixtures("plain_network", "uv_cache"),
    pytest.mark.skipif(sys.platform != "linux", reason="runs what is built for Linux"),
]

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
INFO = "evil-1.0.dist-info"
DATA = "evil-1.0.data"
LINK = {"evil/link": stat.S_IFLNK | 0o777}
PLATFORMS = ["linux-x86_64", "macos-arm64", "windows-x86_64"]


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


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("evil/__init__.py", "import os\n")


def scripts(text: str | bytes) -> Callable[[Path], None]:
    return changed({f"{INFO}/entry_points.txt": text})


METADATA = "Metadata-Version: 2.1\n"
RECORD = f"evil/__init__.py,,\n{INFO}/METADATA,,\n{INFO}/WHEEL,,\n{INFO}/RECORD,,\n"
HOSTILE = {
    "wrong CRC": (with_wrong_crc, "'evil/__init__.py' is damaged"),
    "a bit changed": (with_a_bit_changed, "'evil/data.bin' is damaged"),
    "encrypted": (lambda path: change_members(path, flags=1), "is encrypted"),
    "unknown compression": (lambda path: change_members(path, compression=99), "compressed in a"),
    "another local name": (with_another_name_before_the_data, "is not where it should be"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read"),
    "no zip file": (lambda path: path.write_bytes(b"<html>login</html>"), "cannot be read"),
    "a member twice": (twice, "would be one file with"),
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
        "its hash is another",
    ),
    "wrong size": (
        changed({f"{INFO}/RECORD": RECORD.replace("py,,", "py,,3")}, record=False),
        "its size is another",
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
ELSEWHERE = {
    "colon": (changed({"evil/a:b": ""}), "that Windows forbids", {"windows-x86_64"}),
    "reserved": (changed({"evil/NUL.txt": ""}), "that Windows reserves", {"windows-x86_64"}),
    "dot at the end": (changed({"evil/a.": ""}), "dot or a space", {"windows-x86_64"}),
    "case": (
        changed({"evil/A.py": "1", "evil/a.py": "2"}),
        "would be one file",
        {"macos-arm64", "windows-x86_64"},
    ),
    "spelling": (
        changed({"evil/caf\u00e9": "1", "evil/cafe\u0301": "2"}),
        "would be one file",
        {"macos-arm64"},
    ),
    "link inside": (changed({"evil/link": "__init__.py"}, modes=LINK), "link", {"windows-x86_64"}),
    "script with a colon": (
        scripts("[console_scripts]\na:b = evil:c\n"),
        "a:b",
        {"windows-x86_64"},
    ),
}
HARMLESS = {
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


@pytest.fixture
def ask(index_server: IndexServer, tmp_path: Path) -> Ask:
    """Return a function for a project that requires `evil`, which has been damaged.

    The index serves its METADATA as it was before.
    """

    def ask(damage: Callable[[Path], None], platforms: list[str], **table: Any) -> ProjectFolder:
        wheel = make_wheel(tmp_path / "made", "evil")
        index_server.add(wheel)
        damage(wheel)
        return make_project(
            tmp_path,
            index_url=index_server.index_url,
            requires=["evil"],
            table={"platforms": platforms, "python": [MINOR], **table},
            files={"demo.py": "import evil\n\n\ndef main():\n    print('demo ran')\n"},
        )

    return ask


class Ask(Protocol):
    """What the fixture `ask` returns."""

    def __call__(
        self, damage: Callable[[Path], None], platforms: list[str], **table: Any
    ) -> ProjectFolder: ...


def refuse(project: ProjectFolder) -> str:
    """The message with which a build ends that leaves nothing behind."""
    with pytest.raises(MultiplatError) as caught:
        project.build()
    assert not project.dist.exists() or not list(project.dist.iterdir())
    message = str(caught.value)
    assert "evil-1.0-py3-none-any.whl" in message
    return message


@pytest.mark.parametrize("case", HOSTILE)
def test_a_wheel_that_no_start_could_install(ask: Ask, case: str) -> None:
    damage, reason = HOSTILE[case]
    message = refuse(ask(damage, PLATFORMS))
    assert reason in message
    assert "cannot be installed" in message
    assert "pin another version" in message


@pytest.mark.parametrize("case", ["wrong CRC", "link outside", "Wheel-Version 2.0", "wrong hash"])
def test_an_index_without_metadata_changes_nothing(
    ask: Ask, index_server: IndexServer, case: str
) -> None:
    index_server.metadata = False
    refuse(ask(HOSTILE[case][0], PLATFORMS))


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_wheel_that_some_systems_cannot_store(ask: Ask, case: str) -> None:
    damage, reason, systems = ELSEWHERE[case]
    project = ask(damage, PLATFORMS)
    message = refuse(project)
    assert reason in message
    for platform, tag in zip(PLATFORMS, ("manylinux", "macosx", "win_amd64"), strict=True):
        assert (tag in message) == (platform in systems)
    left = [platform for platform in PLATFORMS if platform not in systems]
    project.write({**project.table, "platforms": left})
    app = project.build().path
    assert run(app) == "demo ran\n"


def run(app: str) -> str:
    environ = {**os.environ, "PEX_ROOT": f"{app}-root"}
    done = subprocess.run(
        [sys.executable, app], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", HARMLESS)
def test_what_harms_nobody_is_installed(ask: Ask, case: str) -> None:
    assert run(ask(HARMLESS[case], ["linux-x86_64"]).build().path) == "demo ran\n"


def test_the_other_formats_refuse_the_same(ask: Ask) -> None:
    for formats in (["zip"], ["wheelhouse"]):
        refuse(ask(HOSTILE["backslash"][0], PLATFORMS, formats=formats))


def test_a_zip_has_no_name_that_leaves_its_folder(ask: Ask) -> None:
    project = ask(HARMLESS["doubled slashes"], ["linux-x86_64"], formats=["zip"])
    (path,) = [output.path for output in project.build().outputs if output.format == "zip"]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert "tmp/x" in names
    assert "evil/y.py" in names
    assert not [name for name in names if name.startswith("/") or ".." in name or "//" in name]


@pytest.mark.parametrize("case", ["climbing", "wrong hash", "a bit changed", "another name"])
def test_verify_finds_in_a_file_what_a_build_refuses(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The file is as a release would have built it that did not look."""
    monkeypatch.setattr("hatch_multiplat.build.pipeline.check_wheels", lambda *_, **__: ())
    damage, reason = HOSTILE[case]
    executable = read_executable(Path(ask(damage, PLATFORMS).build().path))
    faults = prove_executable(executable, executable_selections(executable))
    assert len(faults) == len(PLATFORMS)
    assert all(
        fault.reason.startswith("evil-1.0-py3-none-any.whl cannot be installed: ")
        and reason in fault.reason
        for fault in faults
    )


def test_verify_finds_nothing_in_what_a_build_lets_in(ask: Ask) -> None:
    executable = read_executable(Path(ask(HARMLESS["plain"], PLATFORMS).build().path))
    assert prove_executable(executable, executable_selections(executable)) == ()


def test_the_projects_file_stays_where_a_dependency_has_one_too(
    index_server: IndexServer, tmp_path: Path
) -> None:
    """A stray `utils/` of a dependency does not replace the project's own, nor does `deep`'s."""
    for name, requires in (("direct", ["aaa-deep"]), ("aaa-deep", [])):
        files = {f"utils/{part}.py": f"who = {name!r}\n" for part in ("__init__", "more")}
        index_server.add(make_wheel(tmp_path / "made", name, requires=requires, files=files))
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["direct"],
        table={"platforms": ["linux-x86_64"], "python": [MINOR], "formats": ["pex", "zip"]},
        files={
            "demo.py": "def main():\n    import utils, utils.more\n"
            "    print(utils.who, utils.more.who)\n",
            "utils/__init__.py": "who = 'demo itself'\n",
        },
    )
    report = project.build()
    assert run(report.path) == "demo itself direct\n"
    assert [line for line in project.said if "both have" in line] == [
        (
            "aaa_deep-1.0-py3-none-any.whl and direct-1.0-py3-none-any.whl both have "
            "utils/__init__.py and 1 more, with different contents: that of "
            "direct-1.0-py3-none-any.whl stays"
        ),
        (
            "direct-1.0-py3-none-any.whl and demo-1.0-py3-none-any.whl both have "
            "utils/__init__.py, with different contents: that of demo-1.0-py3-none-any.whl stays"
        ),
    ]
    (path,) = [output.path for output in report.outputs if output.format == "zip"]
    code = f"import sys; sys.path.insert(0, {path!r}); import demo; demo.main()"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "demo itself direct\n"
