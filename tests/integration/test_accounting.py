"""verify on tampered files: nothing can be put in, left out or changed without being told."""

from __future__ import annotations

import io
import json
import re
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hatch_multiplat.executable import accounting
from hatch_multiplat.executable.accounting import account_for, pex_digests, read_releases
from hatch_multiplat.executable.pex import dump_info, with_hash
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.executable.rendering import digest_checked, digest_members
from hatch_multiplat.executable.zip_writer import Member, read_members, write_archive
from hatch_multiplat.frontends.cli import main
from tests.support.project import ProjectFolder, make_project
from tests.support.wheels import make_wheel
from tests.support.whole_pex import pex_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Change = Callable[[dict[str, bytes]], None]

    from tests.support.index_server import IndexServer


@pytest.fixture(scope="module")
def project(module_index: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    """Return a project with an executable for two targets, one of Windows, in every format."""
    folder = tmp_path_factory.mktemp("whole")
    module_index.add(make_wheel(folder / "wheels", "helper"))
    project = make_project(
        folder,
        index_url=module_index.index_url,
        requires=["helper"],
        table={
            "platforms": ["linux-x86_64", "windows-x86_64"],
            "python": ["3.12"],
            "formats": ["pex", "exe"],
            "pex-args": ["--venv=append"],
            "inject-env": {"WORD": "b c"},
        },
    )
    project.build()
    return project


@pytest.fixture(scope="module")
def whole(project: ProjectFolder) -> Path:
    return project.dist / "demo-1.0.pex"


def verify(path: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["verify", str(path), "--no-run", *words])


def bad_parts(path: Path) -> dict[str, str]:
    found = account_for(read_executable(path))
    return {account.part: account.state for account in found if account.state != "known"}


def tamper(whole: Path, output: Path, change: Change, *, prefix: bytes | None = None) -> Path:
    """Write the file anew with other members, as one would who knows the format."""
    content = whole.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = min(info.header_offset for info in archive.infolist())
        plain = {
            name: archive.read(name) for name in archive.namelist() if not name.startswith(".deps/")
        }
    before = dict(plain)
    change(plain)
    members = {name: m for name, m in read_members(content).items() if name not in before}
    members |= {
        name: Member(name=name, data=data, mode=0o755 if name == "__main__.py" else 0o644)
        for name, data in plain.items()
    }
    prefix = content[:start] if prefix is None else prefix
    write_archive(members.values(), output, prefix=prefix, mode=0o755)
    return output


def test_a_build_is_accounted_for_in_every_part(project: ProjectFolder, whole: Path) -> None:
    for path in (whole, project.dist / "demo-1.0.exe"):
        result = verify(path)
        assert result.exit_code == 0, result.output
        assert "CANNOT" not in result.output
    found = json.loads(verify(whole, "--json").output)["accounts"]
    assert {account["state"] for account in found} == {"known"}
    assert [account["part"] for account in found] == [
        *("header", "launcher", "runtime", "Windows launchers", "table"),
        *("pex's runtime", "pex's start"),
    ]


@pytest.mark.parametrize("layout", ["packed", "loose"])
def test_a_folder_is_accounted_for_too(project: ProjectFolder, tmp_path: Path, layout: str) -> None:
    table = (project.root / "pyproject.toml").read_text("utf-8")
    text = table.replace('formats = ["pex", "exe"]', f'formats = ["pex"]\nlayout = "{layout}"')
    (project.root / "pyproject.toml").write_text(text, "utf-8")
    try:
        (project.dist / "demo-1.0.pex").rename(tmp_path / "kept")
        project.build()
        folder = project.dist / "demo-1.0.pex"
        assert bad_parts(folder) == {}
        (folder / "json.py").write_text("import os\n", "utf-8")
        assert bad_parts(folder) == {"members": "wrong"}
        (folder / "json.py").unlink()
        main_py = folder / "__main__.py"
        main_py.write_bytes(
            main_py.read_bytes().replace(b"#!/usr/bin/env python3", b"#!/nix/py", 1)
        )
        assert bad_parts(folder) == {"launcher": "rewritten"}
        folder.rename(tmp_path / "folder")
    finally:
        (tmp_path / "kept").rename(project.dist / "demo-1.0.pex")
        (project.root / "pyproject.toml").write_text(table, "utf-8")


def edit(name: str, old: bytes, new: bytes) -> Change:
    def change(contents: dict[str, bytes]) -> None:
        assert old in contents[name]
        contents[name] = contents[name].replace(old, new, 1)

    return change


def put(name: str, data: bytes = b"import os\n") -> Change:
    return lambda contents: contents.update({name: data})


def renew_id(contents: dict[str, bytes]) -> None:
    """Write the digests of launcher, runtime and table anew, as a forger would."""
    own = {
        name: data
        for name, data in contents.items()
        if name.startswith(".multiplat/") and name not in {".multiplat/pex.py", ".multiplat/"}
    }
    launcher = contents["__main__.py"]
    (old,) = re.findall(rb"    'id': '([0-9a-f]{64})'", launcher)
    names = re.sub(
        rb"    'members': \[.*\],",
        b"    'members': " + ascii(sorted(["__main__.py", *own])).encode() + b",",
        launcher,
    )
    digest = digest_members({**own, "__main__.py": names}).encode()
    names = names.replace(old, digest)
    (old,) = re.findall(rb"    'check': '([0-9a-f]{8})'", launcher)
    check = digest_checked({**own, "__main__.py": names}).encode()
    contents["__main__.py"] = names.replace(old, check)


def forge(*changes: Change) -> Change:
    def change(contents: dict[str, bytes]) -> None:
        for one in (*changes, renew_id):
            one(contents)

    return change


def change_table(key: str, value: Any) -> Change:
    def change(contents: dict[str, bytes]) -> None:
        table = json.loads(contents[".multiplat/table.json"])
        table[key] = value
        text = json.dumps(table, sort_keys=True, separators=(",", ":"))
        contents[".multiplat/table.json"] = text.encode()

    return change


def change_info(**values: Any) -> Change:
    def change(contents: dict[str, bytes]) -> None:
        info = with_hash({**json.loads(contents["PEX-INFO"]), **values})
        contents["PEX-INFO"] = dump_info(info).encode()

    return change


ENTER = ".multiplat/enter.py"
PEX = ".multiplat/pex.py"
PYTHON = b"import os\nimport sys\n"

TAMPERED: dict[str, tuple[Change, dict[str, str]]] = {
    "code in front of the launcher": (
        lambda contents: contents.update(
            {"__main__.py": b"import evil\n" + contents["__main__.py"]}
        ),
        {"launcher": "wrong"},
    ),
    "code in the launcher's first line": (
        edit("__main__.py", b"#!/usr/bin/env python3\n", b"import evil\n"),
        {"launcher": "wrong"},
    ),
    "code in the launcher": (
        edit("__main__.py", PYTHON, PYTHON + b"import evil\n"),
        {"launcher": "wrong"},
    ),
    "code in the launcher, its digest renewed": (
        forge(edit("__main__.py", PYTHON, PYTHON + b"import evil\n")),
        {"header": "unknown", "launcher": "unknown"},
    ),
    "code in the launcher's values": (
        forge(edit("__main__.py", b"    'name': 'demo'", b"    'name': 'evil'")),
        {"launcher": "unknown"},
    ),
    "the check in the launcher": (
        edit("__main__.py", b"    'check': '", b"    'check': '0"),
        {"launcher": "wrong"},
    ),
    "the digest of the header in the launcher": (
        forge(edit("__main__.py", b"    'header': '1", b"    'header': '2")),
        {"launcher": "wrong"},
    ),
    "code in the launcher's title": (
        edit("__main__.py", b": made by hatch-multiplat.", b"\nimport evil"),
        {"launcher": "wrong"},
    ),
    "a changed runtime": (edit(ENTER, b"import os", b"import evil, os"), {"launcher": "wrong"}),
    "a changed runtime, its digest renewed": (
        forge(edit(ENTER, b"import os", b"import evil, os")),
        {"runtime": "unknown"},
    ),
    "a module more in the runtime": (put(".multiplat/json.py"), {"launcher": "wrong"}),
    "a module more in the runtime, its digest renewed": (
        forge(put(".multiplat/json.py")),
        {"runtime": "unknown"},
    ),
    "a changed table": (change_table("inject_env", {"WORD": "evil"}), {"launcher": "wrong"}),
    "a changed table, its digest renewed": (
        forge(change_table("inject_env", {"WORD": "evil"})),
        {"pex's start": "wrong"},
    ),
    "a table that says more": (
        forge(change_table("more", 1)),
        {"table": "unknown"},
    ),
    "another runtime of pex": (
        edit(".bootstrap/pex/pex.py", b"import", b"import evil\nimport"),
        {"pex's runtime": "wrong"},
    ),
    "a module more in pex's runtime": (
        put(".bootstrap/pex/json.py"),
        {"pex's runtime": "wrong"},
    ),
    "pex's start": (edit(PEX, b"import os", b"import evil, os"), {"pex's start": "wrong"}),
    "pex's other start": (
        edit("__pex__/__init__.py", b"import os", b"import evil, os"),
        {"pex's start": "wrong"},
    ),
    "PEX-INFO": (change_info(entry_point="evil:main"), {"pex's start": "wrong"}),
    "a module beside the launcher": (put("json.py"), {"members": "wrong"}),
    "a package beside pex's": (
        put("__pex__/json.py"),
        {"members": "wrong", "pex's start": "known"},
    ),
    "a wheel that the table does not name": (put(".deps/evil-1.0-py3-none-any.whl"), {}),
}


@pytest.mark.parametrize(
    ("change", "expected"), [pytest.param(*item, id=name) for name, item in TAMPERED.items()]
)
def test_what_is_changed_in_a_member_is_told(
    whole: Path, tmp_path: Path, change: Change, expected: dict[str, str]
) -> None:
    path = tamper(whole, tmp_path / "tampered.pex", change)
    result = verify(path)
    assert result.exit_code == 9, result.output
    if expected:
        found = bad_parts(path)
        wanted = {part: state for part, state in expected.items() if state != "known"}
        assert {part: found.get(part) for part in wanted} == wanted
    assert "Traceback" not in result.output


def append(content: bytes, write: Callable[[zipfile.ZipFile], object]) -> bytes:
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        write(archive)
    return stream.getvalue()


def write_twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("__main__.py", "import evil\n")


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "a trailer": lambda content: content + b"evil",
    "a gap": lambda content: content.replace(b"PK\x03\x04", b"evilPK\x03\x04", 1),
    "header": lambda content: content.replace(b"_mp_try() {", b"_mp_try() { evil", 1),
    "header, same size": lambda content: content.replace(b"trap - 0", b"evil - 0", 1),
    "values in the header": lambda content: content.replace(b"_mp_words=", b"_mp_words=evil:", 1),
    "a second member of a name": lambda content: append(content, write_twice),
    "a comment": lambda content: append(content, lambda file: setattr(file, "comment", b"evil")),
}


@pytest.mark.parametrize("change", [pytest.param(item, id=name) for name, item in BYTES.items()])
def test_bytes_that_are_of_no_member_are_told(
    whole: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "tampered.pex"
    content = change(whole.read_bytes())
    assert content != whole.read_bytes()
    path.write_bytes(content)
    result = verify(path)
    assert result.exit_code in {8, 9}, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("line", [b"#!/usr/bin/python3 -s\n", b"#!/nix/store/bin/sh\n"])
def test_a_first_line_of_a_packager_has_a_code_of_its_own(
    whole: Path, tmp_path: Path, line: bytes
) -> None:
    header = whole.read_bytes().partition(b"PK\x03\x04")[0]
    prefixes = [line + header.partition(b"\n")[2]] + ([line] if b"python" in line else [])
    for prefix in prefixes:
        path = tamper(whole, tmp_path / "packaged.pex", lambda _: None, prefix=prefix)
        result = verify(path)
        assert result.exit_code == 10, result.output
        assert "its first line is not the build's" in result.output
        assert bad_parts(path) == {"header": "rewritten"}


def test_a_tampered_file_is_not_run(whole: Path, tmp_path: Path) -> None:
    path = tamper(whole, tmp_path / "tampered.pex", put("json.py"))
    result = CliRunner().invoke(main, ["verify", str(path), "--json"])
    assert result.exit_code == 9
    assert json.loads(result.stdout)["runs"] == []


def test_another_launcher_of_windows_is_not_accounted_for(
    project: ProjectFolder, tmp_path: Path
) -> None:
    content = (project.dist / "demo-1.0.exe").read_bytes()
    path = tmp_path / "demo.exe"
    path.write_bytes(content.replace(b"This program cannot", b"This program should"))
    assert bad_parts(path) == {"header": "unknown"}
    assert verify(path).exit_code == 9


def test_the_file_of_an_earlier_release_is_known_by_its_digests(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = accounting.constant_digests()
    later = dict.fromkeys(digests, "0" * 64)
    monkeypatch.setattr(accounting, "constant_digests", lambda: later)
    assert bad_parts(whole) == dict.fromkeys(("header", "launcher", "runtime"), "unknown")
    assert "a newer one may know it" in verify(whole).output
    releases = {**read_releases(), "releases": {"0.0.9": digests}}
    monkeypatch.setattr(accounting, "read_releases", lambda: releases)
    assert bad_parts(whole) == {}
    assert "accounted for: hatch-multiplat 0.0.9\n" in verify(whole).output


def test_the_digests_of_the_pex_that_is_required_are_carried(tmp_path: Path) -> None:
    """`python scripts/digests.py` writes them anew."""
    assert read_releases()["pex"][metadata.version("pex")] == pex_digests(pex_home(tmp_path))


def test_a_lock_is_demanded_whole(project: ProjectFolder, whole: Path, tmp_path: Path) -> None:
    lock = tmp_path / "pylock.toml"
    more = "\n".join(
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
        f'wheels = [{{ name = "{name.replace("-", "_")}-{version}-py3-none-any.whl", '
        f'url = "https://x.test/{name.replace("-", "_")}-{version}-py3-none-any.whl", '
        f'hashes = {{ sha256 = "{sha256}" }} }}]\n'
        for name, version, sha256 in (
            ("helper", "1.0", read_executable(whole).wheels["helper-1.0-py3-none-any.whl"].sha256),
            ("left-out", "2.0", "1" * 64),
        )
    )
    lock.write_text(f'lock-version = "1.0"\ncreated-by = "x"\n{more}', "utf-8")
    result = verify(whole, "--lock", str(lock))
    assert result.exit_code == 9, result.stderr
    both = "cp312-manylinux_2_28_x86_64, cp312-win_amd64"
    assert f"missing: left-out 2.0 for {both}" in result.output
