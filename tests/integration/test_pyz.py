"""Executables without wheels, by the real pipeline: built, run, examined, cut, joined, spoilt."""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_multiplat.build.report import render_report
from hatch_multiplat.executable.accounting import account_for
from hatch_multiplat.executable.executable import BLOCKS, CONTENTS, MAIN
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.executable.rendering import render_header, render_members
from hatch_multiplat.executable.table import parse_table
from hatch_multiplat.executable.zip_writer import Member, write_archive
from hatch_multiplat.frontends.plugin import list_requirements, read_project
from tests.integration.test_fuzzed_files import EXAMPLES, assert_no_traceback, change
from tests.support.caches import make_cache
from tests.support.commands import call, call_json
from tests.support.project import ProjectFolder, make_project
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64")
PYTHONS = tuple(dict.fromkeys((MINOR, "3.12", "3.13")))
TAGS = ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "win_amd64")
OPTIONS: dict[str, Any] = {"platforms": list(PLATFORMS), "python": list(PYTHONS), "checksums": True}
DEMO = "import helper, native\ndef main():\n    print('demo', helper.__version__)\n"


@pytest.fixture(scope="module")
def project(
    module_index: IndexServer,
    module_patch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> ProjectFolder:
    """A project that is built in both forms, and as a program for Windows."""
    folder = tmp_path_factory.mktemp("shop")
    wheels = folder / "wheels"
    module_index.add(make_wheel(wheels, "helper", "1.5"))
    for tag in TAGS:
        for python in PYTHONS:
            cp = f"cp{python.replace('.', '')}"
            files = {
                "native/__init__.py": "",
                f"native/{cp}.so": f"{tag} {cp}" * 3000,
                "native/same.so": "the same everywhere" * 3000,
                f"native/{tag}.so": tag * 3000,
            }
            module_index.add(make_wheel(wheels, "native", tags=f"{cp}-{cp}-{tag}", files=files))
    project = make_project(
        folder,
        index_url=module_index.index_url,
        requires=["helper>=1", "native"],
        table={**OPTIONS, "formats": ["pex", "pyz", "exe"]},
        files={"demo.py": DEMO},
        environ={"TEST_INDEX_URL": module_index.index_url},
    )
    module_patch.setenv("HATCH_MULTIPLAT_CACHE", project.environ["HATCH_MULTIPLAT_CACHE"])
    project.build()
    return project


@pytest.fixture(scope="module")
def whole(project: ProjectFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = tmp_path_factory.mktemp("whole") / "demo-1.0.pyz"
    shutil.copy(project.dist / "demo-1.0.pyz", kept)
    return kept


def build(project: ProjectFolder, folder: Path, **table: Any) -> Path:
    """Build a pyz alone, in a folder of its own."""
    index = project.environ["TEST_INDEX_URL"]
    options = {**OPTIONS, "formats": ["pyz"], "output-dir": str(folder), **table}
    project.write({"index-url": index, **options})
    return Path(project.build().path)


def read_all(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def same_bytes(first: Path, second: Path) -> bool:
    return first.read_bytes() == second.read_bytes()


# -- building --------------------------------------------------------------------------------------


def test_it_lies_beside_the_others_and_is_listed(project: ProjectFolder) -> None:
    names = [f"demo-1.0.{suffix}" for suffix in ("exe", "pex", "pyz")]
    assert sorted(path.name for path in project.dist.iterdir()) == ["SHA256SUMS", *names]
    sums = (project.dist / "SHA256SUMS").read_text("utf-8")
    digest = hashlib.sha256((project.dist / "demo-1.0.pyz").read_bytes()).hexdigest()
    assert f"{digest}  demo-1.0.pyz\n" in sums
    pex, pyz = (set(read_all(project.dist / name)) for name in names[1:])
    assert not any(name.startswith((".bootstrap", ".deps", "__pex__")) for name in pyz)
    assert "PEX-INFO" not in pyz
    assert {name for name in pyz - pex if not name.startswith(BLOCKS)} == {CONTENTS}
    program = read_all(project.dist / "demo-1.0.exe")
    assert {name for name in program if name.startswith(BLOCKS)} == {
        f"{BLOCKS}own-windows-x86_64.xz",
        f"{BLOCKS}windows-x86_64.xz",
    }
    assert b"native/manylinux" not in program[CONTENTS]


def test_each_content_is_there_once(whole: Path) -> None:
    held = read_all(whole)
    data = b"".join(lzma.decompress(data) for name, data in held.items() if BLOCKS in name)
    assert data.count(b"the same everywhere" * 3000) == 1
    assert data.count(b"manylinux_2_17_x86_64 cp312" * 3000) == 1


def test_alone_it_takes_no_pex_and_a_name_that_says_what_it_is(
    project: ProjectFolder, tmp_path: Path
) -> None:
    index = project.environ["TEST_INDEX_URL"]
    cache = {"HATCH_MULTIPLAT_CACHE": str(tmp_path / "cache")}
    for output, name in (("tool.pex", "tool.pyz"), ("tool", "tool"), ("{name}.pyz", "demo.pyz")):
        options = {"output-dir": str(tmp_path / "out"), "output": output}
        project.write({"index-url": index, **OPTIONS, "formats": ["pyz"], **options})
        report = project.build(**cache)
        assert report.path == str(tmp_path / "out" / name)
        assert str(tmp_path / "out" / name) in render_report(report)
    assert not (tmp_path / "cache" / "pex").exists()
    assert "pex" not in {item.name for item in list_requirements(read_project(project.root), cache)}


def test_the_same_inputs_are_the_same_bytes_whatever_lies_in_the_cache(
    project: ProjectFolder, whole: Path, tmp_path: Path
) -> None:
    assert same_bytes(build(project, tmp_path / "warm"), whole)
    project.environ["HATCH_MULTIPLAT_CACHE"], kept = (
        make_cache(tmp_path / "cold"),
        project.environ["HATCH_MULTIPLAT_CACHE"],
    )
    try:
        assert same_bytes(build(project, tmp_path / "again"), whole)
        # What is damaged there is made anew.
        for path in (tmp_path / "cold" / "blocks").iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        for path in (tmp_path / "cold" / "members").rglob("*/*"):
            path.write_bytes(b"")
        assert same_bytes(build(project, tmp_path / "third"), whole)
    finally:
        project.environ["HATCH_MULTIPLAT_CACHE"] = kept
    turned = build(project, tmp_path / "turned", platforms=list(reversed(PLATFORMS)))
    blocks, others = (
        {name: data for name, data in read_all(path).items() if name.startswith(BLOCKS)}
        for path in (whole, turned)
    )
    assert blocks == others


def test_a_change_of_ones_own_code_compresses_nothing_else(
    project: ProjectFolder, whole: Path, tmp_path: Path
) -> None:
    before = read_all(whole)

    def make_own(text: str) -> None:
        make_wheel(
            project.wheel.parent,
            "demo",
            requires=["helper>=1", "native"],
            scripts={"demo": "demo:main"},
            files={"demo.py": text},
        )

    make_own(DEMO + "# changed\n")
    try:
        after = read_all(build(project, tmp_path))
    finally:
        make_own(DEMO)
    changed = {name for name in before if before[name] != after[name]}
    assert changed - {MAIN, ".multiplat/table.json", CONTENTS} == {f"{BLOCKS}own-common.xz"}


def test_an_inventory_is_of_it(project: ProjectFolder, tmp_path: Path) -> None:
    path = build(project, tmp_path, sbom=True)
    bom = json.loads(path.with_name("demo-1.0.pyz.cdx.json").read_text("utf-8"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() in json.dumps(bom)


def test_a_pex_and_a_pyz_have_an_inventory_each(project: ProjectFolder, tmp_path: Path) -> None:
    build(project, tmp_path, sbom=True, checksums=True, formats=["pex", "pyz"])
    sums = (tmp_path / "SHA256SUMS").read_text("utf-8")
    for name in ("demo-1.0.pex", "demo-1.0.pyz"):
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        bom = (tmp_path / f"{name}.cdx.json").read_text("utf-8")
        assert digest in bom
        assert f"{digest}  {name}\n" in sums
        assert f"  {name}.cdx.json\n" in sums


WITHOUT_LZMA = (
    "import sys; sys.modules['_lzma'] = None; sys.modules['lzma'] = None;"
    "from hatch_multiplat.frontends.cli import main; main(sys.argv[1:])"
)


def test_a_host_without_lzma_says_so(project: ProjectFolder, whole: Path, tmp_path: Path) -> None:
    def call_without(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_LZMA, *map(str, words)],
            env=os.environ | project.environ,
            cwd=project.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode
        assert "Traceback" not in done.stderr
        return done.stderr

    assert f"{whole} can only be read with the module lzma" in call_without("inspect", whole)
    index = project.environ["TEST_INDEX_URL"]
    project.write({"index-url": index, **OPTIONS, "formats": ["pyz"]})
    before = sorted(project.dist.iterdir())
    said = call_without("build", "--wheel", project.wheel)
    assert "'pyz' takes the module lzma, which this Python was built without" in said
    assert sorted(project.dist.iterdir()) == before


# -- looking into it -------------------------------------------------------------------------------


def test_it_runs_and_is_proven(whole: Path) -> None:
    found = call_json("verify", whole)
    assert found["holds"]
    assert [account["part"] for account in found["accounts"]] == [
        *("contents", "header", "launcher", "runtime", "Windows launchers", "table"),
    ]
    assert {account["state"] for account in found["accounts"]} == {"known"}
    if sys.platform == "linux":
        assert "demo 1.5" in {run["output"] for run in found["runs"]}
    text = call("verify", whole, "--no-run").stdout
    assert "only --lock compares them with wheels" in text


def test_what_it_holds_adds_up(project: ProjectFolder, whole: Path) -> None:
    found, of_pex = (call_json("inspect", path) for path in (whole, project.dist / "demo-1.0.pex"))
    assert (found["format"], of_pex["format"]) == ("pyz", "pex")
    assert found["size"] == whole.stat().st_size
    held = read_all(whole)
    blocks = sum(len(data) for name, data in held.items() if name.startswith(BLOCKS))
    assert found["overhead"] == found["size"] - blocks
    count = sum(len(wheel["filename"]) > 0 for wheel in found["wheels"])
    assert blocks - 100 * count < sum(wheel["held"] for wheel in found["wheels"]) <= blocks
    assert [target["first_run"] for target in found["targets"]] == [
        target["first_run"] for target in of_pex["targets"]
    ]
    assert {wheel["filename"]: wheel["sha256"] for wheel in found["wheels"]} == {
        wheel["filename"]: wheel["sha256"] for wheel in of_pex["wheels"]
    }
    assert found["requirements"] == of_pex["requirements"]
    assert "one file without wheels" in call("inspect", whole).stdout


def write_lock(project: ProjectFolder, path: Path, whole: Path, **hashes: str) -> Path:
    """Write a lock that names every wheel of the file, where the index has it."""
    lines = ['lock-version = "1.0"', 'created-by = "these tests"']
    folder = project.root.parent / "wheels"
    for wheel in call_json("inspect", whole)["wheels"]:
        if wheel["name"] != "demo":
            lines += [
                *("[[packages]]", f'name = "{wheel["name"]}"', f'version = "{wheel["version"]}"'),
                "[[packages.wheels]]",
                f'name = "{wheel["filename"]}"',
                f'url = "{(folder / wheel["filename"]).as_uri()}"',
                f'hashes = {{ sha256 = "{hashes.get(wheel["filename"], wheel["sha256"])}" }}',
            ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_lock_is_compared_with_what_its_wheels_hold(
    project: ProjectFolder, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = write_lock(project, tmp_path / "pylock.toml", whole)
    many = len(PLATFORMS) * len(PYTHONS) + 1
    found = call_json("inspect", whole, "--lock", lock)["lock"]
    assert (found["agrees"], found["same"], found["own"]) == (
        *(True, many),
        ["demo-1.0-py3-none-any.whl"],
    )
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "empty"))
    found = call_json("inspect", whole, "--lock", lock, code=9)["lock"]
    assert (found["agrees"], len(found["unseen"]), found["same"]) == (False, many, 0)
    result = call("inspect", whole, "--lock", lock)
    assert "are not in the wheel cache to compare with; --fetch gets them" in result.stdout
    for command in (["inspect"], ["verify", "--no-run"]):
        found = call_json(*command, whole, "--lock", lock, "--fetch")["lock"]
        assert (found["unseen"], found["same"]) == ([], many)
    name = "helper-1.5-py3-none-any.whl"
    lock = write_lock(project, tmp_path / "pylock.toml", whole, **{name: "0" * 64})
    found = call_json("inspect", whole, "--lock", lock, code=9)["lock"]
    assert found["different"] == [name]


def test_contents_that_are_not_the_locked_wheels_are_told(
    project: ProjectFolder, whole: Path, tmp_path: Path
) -> None:
    """Who knows the format can claim a wheel's hash for other contents: only a lock shows it."""
    lock = write_lock(project, tmp_path / "pylock.toml", whole)
    evil = tamper(whole, tmp_path / "evil.pyz", put_evil_in)
    assert call("verify", evil, "--no-run").exit_code == 0
    found = call_json("inspect", evil, "--lock", lock, code=9)["lock"]
    assert found["different"] == ["helper-1.5-py3-none-any.whl"]


# -- cut and joined --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"platforms": ["linux-x86_64"]}, ("--platform", "linux-x86_64")),
        (
            {"platforms": ["linux-x86_64", "windows-x86_64"]},
            ("--platform", "linux-x86_64", "--platform", "windows-x86_64"),
        ),
        ({"python": ["3.12"]}, ("--python", "3.12")),
    ],
)
def test_a_part_is_byte_for_byte_what_a_build_for_its_targets_is(
    project: ProjectFolder,
    whole: Path,
    tmp_path: Path,
    table: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    built = build(project, tmp_path / "built", **table)
    assert call("split", whole, *words, "-o", tmp_path / "part.pyz").exit_code == 0
    assert same_bytes(tmp_path / "part.pyz", built)
    assert (tmp_path / "part.pyz").stat().st_mode == built.stat().st_mode


def test_the_parts_merged_are_the_whole(
    project: ProjectFolder, whole: Path, tmp_path: Path
) -> None:
    found = call_json("split", whole, "--each", "python", "-o", tmp_path)
    parts = [Path(part["path"]) for part in found["parts"]]
    assert {path.suffix for path in parts} == {".pyz"}
    assert call("merge", *parts, "-o", tmp_path / "merged.pyz").exit_code == 0
    assert same_bytes(tmp_path / "merged.pyz", whole)
    result = call("merge", parts[0], project.dist / "demo-1.0.pex", "-o", tmp_path / "x")
    assert result.exit_code == 8
    assert "format: pex in" in result.stderr
    evil = tamper(parts[0], tmp_path / "evil.pyz", put_evil_in)
    result = call("merge", evil, parts[1], "-o", tmp_path / "x")
    assert result.exit_code == 8
    assert "helper-1.5-py3-none-any.whl is another in" in result.stderr


def test_a_part_of_a_program_for_windows_is_one_too(project: ProjectFolder, tmp_path: Path) -> None:
    project.write(
        {
            "index-url": project.environ["TEST_INDEX_URL"],
            **OPTIONS,
            "formats": ["pyz", "exe"],
            "output-dir": str(tmp_path),
        }
    )
    project.build()
    whole = tmp_path / "demo-1.0.exe"
    assert call("verify", whole, "--no-run").exit_code == 0
    part = tmp_path / "part.exe"
    assert call("split", whole, "--python", "3.12", "-o", part).exit_code == 0
    assert part.read_bytes()[:2] == b"MZ"
    assert call("verify", part, "--no-run").exit_code == 0
    assert part.stat().st_size < whole.stat().st_size


# -- spoilt ----------------------------------------------------------------------------------------


def tamper(whole: Path, output: Path, change: Any, *, digests: bool = True) -> Path:
    """Write the file with other members, and with `digests` as one would who knows the format."""
    held = read_all(whole)
    change(held)
    prefix = whole.read_bytes().partition(b"PK\x03\x04")[0]
    if digests:
        data = json.loads(held[".multiplat/table.json"])
        data["contents"] = hashlib.sha256(held.get(CONTENTS, b"")).hexdigest()
        table = parse_table(data, where="it")
        held |= render_members(table)
        prefix = render_header(table)
    members = (
        Member(
            name=name,
            data=data,
            mode=0o755 if name == MAIN else 0o644,
            deflate=not name.endswith(".xz"),
        )
        for name, data in held.items()
    )
    write_archive(members, output, prefix=prefix, mode=0o755)
    return output


GOOD, EVIL = b'__version__ = "1.5"\n', b'__version__ = "6.6"\n'


def record_hash(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")


def put_evil_in(held: dict[str, bytes]) -> None:
    """Exchange the code of helper, and all digests that follow."""
    about = json.loads(held[CONTENTS])
    for name, contents in about["blocks"]:
        path = f"{BLOCKS}{name}.xz"
        data = lzma.decompress(held[path])
        at = 0
        pieces = []
        for item in contents:
            piece = data[at : at + item[1]]
            at += item[1]
            piece = piece.replace(GOOD, EVIL).replace(record_hash(GOOD), record_hash(EVIL))
            item[0] = hashlib.sha256(piece).hexdigest()
            pieces.append(piece)
        held[path] = lzma.compress(b"".join(pieces), check=lzma.CHECK_CRC32)
    held[CONTENTS] = json.dumps(about).encode()


def add_block(held: dict[str, bytes]) -> None:
    held[f"{BLOCKS}more.xz"] = lzma.compress(b"more")


def add_member(held: dict[str, bytes]) -> None:
    held["evil.py"] = b"print('evil')\n"


def add_pex(held: dict[str, bytes]) -> None:
    held[".multiplat/pex.py"] = b"print('evil')\n"


def add_wheel(held: dict[str, bytes]) -> None:
    held[".deps/evil-1.0-py3-none-any.whl"] = b"PK"


def change_start(held: dict[str, bytes]) -> None:
    held[".multiplat/launch.py"] += b"# evil\n"


def lengthen_block(held: dict[str, bytes]) -> None:
    held[f"{BLOCKS}common.xz"] += b"more"


def change_contents(held: dict[str, bytes]) -> None:
    held[CONTENTS] = held[CONTENTS].replace(b"helper/", b"hinder/")


@pytest.mark.parametrize(
    ("change", "digests", "part"),
    [
        (add_block, True, "members"),
        (add_block, False, "members"),
        (add_member, True, "members"),
        (add_pex, True, "members"),
        (add_wheel, True, "members"),
        (change_start, False, "launcher"),
    ],
)
def test_what_no_build_puts_in_is_told(
    whole: Path, tmp_path: Path, change: Any, *, digests: bool, part: str
) -> None:
    spoilt = tamper(whole, tmp_path / "spoilt.pyz", change, digests=digests)
    found = {item.part for item in account_for(read_executable(spoilt)) if item.state == "wrong"}
    assert part in found
    assert call("verify", spoilt, "--no-run").exit_code == 9


def test_bytes_that_are_of_no_member_are_told(whole: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.pyz"
    data = whole.read_bytes()
    spoilt.write_bytes(data.replace(b"PK\x01\x02", b"evil" + b"PK\x01\x02", 1))
    assert call("verify", spoilt, "--no-run").exit_code in {8, 9}


def test_damage_of_a_block_is_told_of_the_wheels_that_it_has(whole: Path, tmp_path: Path) -> None:
    spoilt = tamper(whole, tmp_path / "spoilt.pyz", lengthen_block, digests=False)
    result = call("verify", spoilt, "--no-run")
    assert result.exit_code == 9
    assert "does not have its original contents" in result.stdout
    assert "contents" in result.stdout
    assert "WRONG" in result.stdout
    for command, *words in (("inspect",), ("split", "--python", "3.12")):
        result = call(command, spoilt, *words)
        assert result.exit_code == 8
        assert "is damaged, download or build it again" in result.stderr


@pytest.mark.parametrize(
    ("change", "digests"),
    [(change_contents, False), (lambda held: held.update({CONTENTS: b"{}"}), True)],
)
def test_a_description_that_no_build_writes_is_damage(
    whole: Path, tmp_path: Path, change: Any, *, digests: bool
) -> None:
    spoilt = tamper(whole, tmp_path / "spoilt.pyz", change, digests=digests)
    for command in ("inspect", "verify"):
        result = call(command, spoilt)
        assert result.exit_code == 8
        assert "is damaged, download it again" in result.stderr


@pytest.fixture(scope="module")
def small(project: ProjectFolder, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of one target, as most of what is done to it is done once for each."""
    path = tmp_path_factory.mktemp("small") / "small.pyz"
    words = ("--platform", "linux-x86_64", "--python", "3.12")
    assert call("split", whole, *words, "-o", path).exit_code == 0
    assert_no_traceback(path)
    return path


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(seed=st.integers(0, 2**64))
def test_a_description_may_say_anything(
    small: Path, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    def spoil(held: dict[str, bytes]) -> None:
        odd = change(json.loads(held[CONTENTS]), random.Random(seed))
        held[CONTENTS] = json.dumps(odd).encode()

    assert_no_traceback(tamper(small, tmp_path_factory.mktemp("odd") / "odd.pyz", spoil))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_bytes_may_be_any(
    small: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(small.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path = tmp_path_factory.mktemp("bytes") / "odd.pyz"
    path.write_bytes(content)
    assert_no_traceback(path)
