"""inspect, verify, split and merge on files that the real pipeline built, and on spoilt ones."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ExecutableError, VerificationError
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.executable.table import StartOptions, TableCommand
from hatch_multiplat.inspection.parts import write_joined
from hatch_multiplat.inspection.verification import executable_selections, prove_executable
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.target import Target
from tests.support.app import table_wheel
from tests.support.commands import call, call_json, run_command
from tests.support.project import ProjectFolder, make_project
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_multiplat.executable.table import Table
    from tests.support.index_server import IndexServer

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
PYTHONS = ("3.11", "3.12", "3.13")
TARGETS = tuple(
    str(Target(python=Python.parse(python), platform=Platform.parse(platform)))
    for platform in PLATFORMS
    for python in PYTHONS
)
WINDOWS = tuple(name for name in TARGETS if "win_" in name)
NATIVE = {
    "linux-x86_64": "manylinux_2_17_x86_64",
    "linux-aarch64": "manylinux_2_17_aarch64",
    "macos-arm64": "macosx_11_0_arm64",
    "windows-x86_64": "win_amd64",
}
DEMO = """\
import sys
def main():
    import helper, native
    print("demo", helper.__version__, *sys.argv[1:])
    if sys.argv[1:] == ["fail"]:
        sys.exit("it cannot be done")
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A project whose wheels are on an index, and the executable of all its targets."""

    folder: Path
    project: ProjectFolder
    whole: Path
    wheels: Path

    def build(self, name: str, **table: Any) -> Path:
        """Build the project for other targets; returns the executable, at a place of its own."""
        self.project.write({"index-url": self.index_url, **table})
        path = Path(self.project.build().path)
        kept = self.folder / f"{name}.pex"
        path.replace(kept)
        return kept

    @property
    def index_url(self) -> str:
        return str(self.project.environ["TEST_INDEX_URL"])


@pytest.fixture(scope="module")
def shop(module_index: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    wheels = folder / "wheels"
    module_index.add(
        make_wheel(wheels, "helper", "1.5", requires=["old ; python_version < '3.12'"])
    )
    module_index.add(make_wheel(wheels, "old", "1.0"))
    module_index.add(make_wheel(folder / "not taken", "helper", "0.9"))
    for number, tag in enumerate(NATIVE.values(), start=1):
        for python in PYTHONS:
            cp = f"cp{python.replace('.', '')}"
            tags = f"{cp}-{cp}-{tag}"
            module_index.add(make_wheel(wheels, "native", tags=tags, blob=1000 * number))
    project = make_project(
        folder,
        index_url=module_index.index_url,
        requires=["helper>=1", "native"],
        table={"platforms": list(PLATFORMS), "python": list(PYTHONS)},
        environ={"TEST_INDEX_URL": module_index.index_url},
        files={"demo.py": DEMO},
    )
    built = Path(project.build().path)
    whole = folder / "demo-1.0.pex"
    built.replace(whole)
    return Shop(folder=folder, project=project, whole=whole, wheels=wheels)


def spoil(whole: Path, output: Path, table: Table, *extra: Path) -> Path:
    """Write the executable with another table, and wheels from elsewhere in its zip."""
    executable = read_executable(whole)
    source = output.with_suffix(".source")
    shutil.copy(whole, source)
    with zipfile.ZipFile(source, "a") as archive:
        for wheel in extra:
            archive.write(wheel, f".deps/{wheel.name}")
    write_joined([replace(executable, path=source)], table, output, cache=output.parent / "cache")
    return output


def exchange(table: Table, old: str, new: Path) -> Table:
    """Return the table with one wheel in place of another."""
    return replace(
        table,
        wheels=tuple(table_wheel(new) if item.file == old else item for item in table.wheels),
    )


# inspect


def test_inspect_tells_sizes_by_target_part_and_dependency(shop: Shop) -> None:
    found = call_json("inspect", shop.whole)
    assert (found["name"], found["version"], found["runs"]) == ("demo", "1.0", "script demo")
    assert found["size"] == shop.whole.stat().st_size
    assert sorted(item["name"] for item in found["targets"]) == sorted(TARGETS)
    sizes = {path.name: path.stat().st_size for path in shop.wheels.iterdir()}
    for wheel in found["wheels"]:
        if wheel["name"] != "demo":
            assert wheel["held"] == sizes[wheel["filename"]]
    saved = {part["name"]: part["saves"] for part in found["parts"]}
    assert saved["windows-x86_64"] == sum(
        size for name, size in sizes.items() if "win_amd64" in name
    )
    # Only Python 3.11 wants `old`.
    assert saved["3.11"] == sizes["old-1.0-py3-none-any.whl"] + sum(
        size for name, size in sizes.items() if "cp311" in name
    )
    (native,) = (item for item in found["dependencies"] if item["name"] == "native")
    assert native["wheels"] == len(PLATFORMS) * len(PYTHONS)


def test_inspect_says_what_the_wheels_of_the_targets_really_need(shop: Shop) -> None:
    """By their own tags: an older C library than the targets name, and the same as `info` says."""
    found = call_json("inspect", shop.whole)["needs"]
    assert found == [
        "Linux x86_64 with glibc 2.17 or newer: Python 3.11, 3.12, 3.13",
        "Linux aarch64 with glibc 2.17 or newer: Python 3.11, 3.12, 3.13",
        "macOS 11.0 or newer arm64: Python 3.11, 3.12, 3.13",
        "Windows x86_64: Python 3.11, 3.12, 3.13",
    ]
    text = "\n".join(found)
    assert f"its wheels need\n{text}\n" in call("inspect", shop.whole).stdout
    if sys.platform != "win32":
        environ = {**os.environ, "MULTIPLAT": "info"}
        done = subprocess.run(
            [sys.executable, shop.whole], env=environ, check=True, capture_output=True, text=True
        )
        assert f"its wheels need:\n{text}\n" in done.stdout


def test_inspect_says_that_pure_wheels_run_anywhere(shop: Shop, tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "pure",
        index_url=shop.index_url,
        table={"platforms": ["linux-x86_64"], "python": ["3.12", "pp311", "3.13t"]},
    )
    found = call_json("inspect", Path(project.build().path))["needs"]
    assert found == [
        "Linux x86_64: Python 3.12, PyPy 3.11, 3.13",
        "any machine: Python 3.6 or newer",
    ]


def test_what_a_first_run_unpacks_is_what_it_leaves_on_disk(shop: Shop, tmp_path: Path) -> None:
    found = call_json("inspect", shop.whole)
    name = f"cp{MINOR.replace('.', '')}-manylinux_2_28_x86_64"
    if sys.platform != "linux" or name not in TARGETS:
        pytest.skip("no target of the file is this machine's")
    venv = tmp_path / "venv"
    environ = {**os.environ, "MULTIPLAT": "venv"}
    subprocess.run([sys.executable, shop.whole, venv], env=environ, check=True)
    files = [path for path in venv.rglob("site-packages/**/*") if path.is_file()]
    files = [path for path in files if path.suffix != ".pyc"]  # compiled by start-up
    written = sum(path.stat().st_size for path in files if path.name not in {"RECORD", "INSTALLER"})
    (target,) = (item for item in found["targets"] if item["name"] == name)
    assert target["first_run"] == written


def test_inspect_prints_a_page_for_80_columns_without_colour(shop: Shop) -> None:
    result = call("inspect", shop.whole)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert "without Python 3.11" in result.stdout


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_inspect_cuts_no_name_on_a_narrow_terminal(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = call("inspect", shop.whole).stdout.splitlines()
    firsts = [line.split()[0] for line in lines if line]
    assert {*TARGETS, "demo", "helper"} <= set(firsts)
    assert "target" in firsts
    # Every row has its numbers: beside the name, or below it.
    sizes = [line for line in lines if re.search(r"B +[0-9.]+ k?M?B +[0-9.]+ k?M?B$", line)]
    assert len(sizes) == len(TARGETS)
    assert all(len(line) <= max(width, 50) for line in sizes)


def test_inspect_lists_hashes_on_request(shop: Shop) -> None:
    (wheel,) = shop.wheels.glob("helper-*")
    result = call("inspect", shop.whole, "--wheels")
    assert wheel.name in result.stdout
    found = {
        item["filename"]: item["sha256"] for item in call_json("inspect", shop.whole)["wheels"]
    }
    assert found[wheel.name] in result.stdout


@pytest.mark.usefixtures("pex_resolves")
@pytest.mark.parametrize("layout", ["zipapp", "packed", "loose"])
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "wheels"])
def test_inspect_takes_any_pex(
    shop: Shop,
    tmp_path: Path,
    layout: str,
    installed: bool,  # noqa: FBT001
) -> None:
    output = tmp_path / "plain.pex"
    subprocess.run(
        [
            *(sys.executable, "-m", "pex", "helper==1.5", "--no-index", "-f", shop.wheels),
            *("--layout", layout, "-o", output, "--python", sys.executable),
            *([] if installed else ["--no-pre-install-wheels"]),
        ],
        env={**os.environ, "PEX_ROOT": str(shop.folder / "pex-root")},
        check=True,
        capture_output=True,
    )
    found = call_json("inspect", output)
    assert (found["name"], found["ours"], found["layout"]) == ("helper", False, layout)
    wheel = next(item for item in found["wheels"] if item["name"] == "helper")
    assert (wheel["sha256"] is None) == installed
    assert wheel["unpacked"] > 0
    assert call("inspect", output).exit_code == 0
    target = f"cp{MINOR.replace('.', '')}-manylinux_2_28_x86_64"
    assert call_json("verify", output, "--target", target, "--no-run")["holds"] is True
    assert call("verify", output).exit_code == 2


# the lock


def write_lock(shop: Shop, path: Path, **hashes: str) -> Path:
    """Write a lock of everything that the file has, but for the hashes given by file name."""
    lines = ['lock-version = "1.0"', 'created-by = "a test"']
    for wheel in call_json("inspect", shop.whole)["wheels"]:
        if wheel["name"] == "demo":
            continue
        lines += [
            "[[packages]]",
            f'name = "{wheel["name"]}"',
            "[[packages.wheels]]",
            f'name = "{wheel["filename"]}"',
            f'url = "https://example.org/{wheel["filename"]}"',
            f'hashes = {{ sha256 = "{hashes.get(wheel["filename"], wheel["sha256"])}" }}',
        ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_every_wheel_is_what_the_lock_says(shop: Shop, tmp_path: Path) -> None:
    lock = write_lock(shop, tmp_path / "pylock.toml")
    found = call_json("inspect", shop.whole, "--lock", lock)["lock"]
    assert found["agrees"] is True
    assert found["same"] == len(list(shop.wheels.iterdir()))
    assert found["own"] == ["demo-1.0-py3-none-any.whl"]


def test_a_wheel_that_is_not_the_locks_is_named(shop: Shop, tmp_path: Path) -> None:
    name = "helper-1.5-py3-none-any.whl"
    lock = write_lock(shop, tmp_path / "pylock.toml", **{name: "0" * 64})
    found = call_json("inspect", shop.whole, "--lock", lock, code=9)["lock"]
    assert found["different"] == [name]
    result = call("verify", shop.whole, "--no-run", "--lock", lock)
    assert result.exit_code == 9
    assert f"other bytes: {name}" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("this is [no TOML", "is not TOML", id="no TOML"),
        pytest.param('lock-version = "2.0"\ncreated-by = "x"\npackages = []', "1.x", id="newer"),
        pytest.param(None, "cannot be read", id="missing"),
    ],
)
def test_a_lock_that_is_none(shop: Shop, tmp_path: Path, text: str | None, message: str) -> None:
    lock = tmp_path / "pylock.toml"
    if text is not None:
        lock.write_text(text, "utf-8")
    for command in (["inspect"], ["verify", "--no-run"]):
        result = call(command[0], shop.whole, *command[1:], "--lock", lock)
        assert result.exit_code == 3
        assert message in result.stderr
        assert result.stdout == ""


# verify


def test_verify_proves_all_targets_and_runs_those_of_this_machine(shop: Shop) -> None:
    found = call_json("verify", shop.whole, "--", "hello", "world")
    assert found["holds"] is True
    assert [item["proven"] for item in found["targets"]] == [True] * len(TARGETS)
    here = f"cp{MINOR.replace('.', '')}-manylinux_2_28_x86_64"
    if sys.platform == "linux" and here in TARGETS:
        runs = [run for run in found["runs"] if run["target"] == here]
        assert runs
        assert {run["output"] for run in runs} == {"demo 1.5 hello world"}


def test_verify_fails_with_the_program_and_shows_what_it_said(shop: Shop) -> None:
    result = call("verify", shop.whole, "--", "fail")
    assert result.exit_code == 9
    assert "FAILED" in result.stdout
    assert "it cannot be done" in result.stdout


def test_a_runner_stands_for_a_machine_that_is_not_here(shop: Shop) -> None:
    runner = f"cp312-win*={sys.executable} -c 'import sys; print(sys.argv[1:])' {{python}}"
    found = call_json("verify", shop.whole, "--runner", runner, "--target", "cp312-win_amd64")
    (run,) = found["runs"]
    assert run["output"] == str(["3.12", str(shop.whole), "--version"])


def test_runners_of_a_projects_table_are_used(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.multiplat]\nplatforms = ['linux-x86_64']\npython = ['3.12']\n"
        "[tool.multiplat.runners]\n"
        f"'cp313-win*' = \"{sys.executable} -c 'raise SystemExit(3)'\"\n",
        "utf-8",
    )
    words = ("--target", "cp313-win_amd64", "--project", tmp_path)
    found = call_json("verify", shop.whole, *words, code=9)
    assert [run["exit_code"] for run in found["runs"]] == [3]


def test_a_run_that_does_not_end_is_ended(shop: Shop) -> None:
    runner = f"cp312-win*={sys.executable} -c 'import time; time.sleep(60)'"
    words = ("--runner", runner, "--target", "cp312-win_amd64", "--timeout", "0.5")
    (run,) = call_json("verify", shop.whole, *words, code=9)["runs"]
    assert run["exit_code"] is None
    assert "did not end within 0.5 s" in run["output"]


def test_a_wheel_taken_from_the_zip_is_found(shop: Shop, tmp_path: Path) -> None:
    output = tmp_path / "spoilt.pex"
    gone = ".deps/helper-1.5-py3-none-any.whl"
    with zipfile.ZipFile(shop.whole) as old, zipfile.ZipFile(output, "w") as new:
        for member in old.infolist():
            if member.filename != gone:
                new.writestr(member, old.read(member))
    found = call_json("verify", output, "--no-run", code=9)
    assert {fault["reason"] for fault in found["faults"]} == {
        "helper-1.5-py3-none-any.whl is missing"
    }
    assert not any(item["proven"] for item in found["targets"])
    result = call("inspect", output)
    assert result.exit_code == 8
    assert "helper-1.5-py3-none-any.whl is missing" in result.stderr


def test_a_wheel_taken_from_file_and_table_is_found(shop: Shop, tmp_path: Path) -> None:
    """As a build would leave it that forgot the wheel on one target."""
    table = read_executable(shop.whole).own_table()
    index = next(i for i, item in enumerate(table.wheels) if item.file.startswith("helper-"))
    targets = tuple(
        replace(
            target,
            sets=tuple((patch, tuple(i for i in ids if i != index)) for patch, ids in target.sets),
        )
        if target.name == WINDOWS[0]
        else target
        for target in table.targets
    )
    output = spoil(shop.whole, tmp_path / "x.pex", replace(table, targets=targets))
    found = call_json("verify", output, "--no-run", code=9)
    assert [(fault["target"], fault["kind"], fault["name"]) for fault in found["faults"]] == [
        (WINDOWS[0], "missing", "helper")
    ]
    assert found["faults"][0]["reason"] == "demo 1.0 requires 'helper>=1'; it is missing"


def test_a_wheel_of_the_wrong_platform_is_found(shop: Shop, tmp_path: Path) -> None:
    table = read_executable(shop.whole).own_table()
    old = "native-1.0-cp312-cp312-win_amd64.whl"
    new = make_wheel(tmp_path, "native", tags="cp312-cp312-win_arm64")
    output = spoil(shop.whole, tmp_path / "x.pex", exchange(table, old, new), new)
    result = call("verify", output, "--no-run")
    assert result.exit_code == 9
    assert f"native: {new.name} does not fit: no wheel for this platform" in result.stdout
    assert "  on cp312-win_amd64" in result.stdout
    assert f"{len(TARGETS) - 1} of {len(TARGETS)} targets proven complete" in result.stdout


def test_mixed_versions_are_found(shop: Shop, tmp_path: Path) -> None:
    table = read_executable(shop.whole).own_table()
    new = make_wheel(tmp_path, "helper", "0.9")
    mixed = exchange(table, "helper-1.5-py3-none-any.whl", new)
    output = spoil(shop.whole, tmp_path / "x.pex", mixed, new)
    found = call_json("verify", output, "--no-run", code=9)
    assert {fault["reason"] for fault in found["faults"]} == {
        "demo 1.0 requires 'helper>=1'; it is 0.9"
    }
    override = ("--override", "helper==0.9")
    assert call_json("verify", output, "--no-run", *override)["holds"] is True


def test_what_the_build_overrode_is_in_the_file_and_needs_no_flag(
    shop: Shop, tmp_path: Path
) -> None:
    """`demo` wants `helper>=1`; split and merge keep what is noted, and no flag undoes it."""
    shop.project.write(
        {"index-url": shop.index_url, "platforms": list(PLATFORMS), "python": ["3.11"]},
        tool={"uv": {"override-dependencies": ["helper==0.9"]}},
    )
    whole = Path(shop.project.build().path)
    assert call_json("verify", whole, "--no-run")["holds"] is True
    parts = [tmp_path / "linux.pex", tmp_path / "windows.pex"]
    for part, platform in zip(parts, ("linux-x86_64", "windows-x86_64"), strict=True):
        assert call("split", whole, "--platform", platform, "-o", part).exit_code == 0
        assert call_json("verify", part, "--no-run")["holds"] is True
    assert call("merge", *parts, "-o", tmp_path / "merged.pex").exit_code == 0
    assert call_json("verify", tmp_path / "merged.pex", "--no-run")["holds"] is True
    plain = shop.build("plain", platforms=["macos-arm64"], python=["3.11"])
    result = call("merge", plain, parts[0], "-o", tmp_path / "no.pex")
    assert result.exit_code == 8
    assert "overrides: helper==0.9 in " in result.output


def test_what_a_user_says_that_a_package_requires_is_what_is_proven(
    tmp_path: Path, index_server: IndexServer, uv_cache: None, plain_network: None
) -> None:
    """By the build and by `verify`, also after split and merge, of `dependency-metadata`."""
    index_server.add(make_wheel(tmp_path, "front", requires=["never-there", "helper<1"]))
    index_server.add(make_wheel(tmp_path, "helper", "1.5"), make_wheel(tmp_path, "more"))
    project = make_project(tmp_path, index_url=index_server.index_url, requires=["front"], table={})
    said = {"name": "front", "version": "1.0", "requires-dist": ["helper>=1", "more"]}
    project.write(
        {"index-url": index_server.index_url, "platforms": list(PLATFORMS), "python": ["3.11"]},
        tool={"uv": {"dependency-metadata": [said]}},
    )
    report = project.build()
    assert {share.name for share in report.dependencies} == {"demo", "front", "helper", "more"}
    whole = Path(report.path)
    assert call_json("verify", whole, "--no-run")["holds"] is True
    part = tmp_path / "linux.pex"
    assert call("split", whole, "--platform", "linux-x86_64", "-o", part).exit_code == 0
    assert call_json("verify", part, "--no-run")["holds"] is True


def test_what_was_excluded_is_missed_by_nobody(
    tmp_path: Path, index_server: IndexServer, uv_cache: None, plain_network: None
) -> None:
    """Neither by `verify`, nor by pex's own runtime, which a variable of pex starts."""
    index_server.add(make_wheel(tmp_path, "front", requires=["unwanted", "helper<1"]))
    index_server.add(make_wheel(tmp_path, "helper", "1.5"))
    index_server.add(make_wheel(tmp_path, "helper", "0.9"))
    project = make_project(tmp_path, index_url=index_server.index_url, requires=["front"], table={})
    project.write(
        {"index-url": index_server.index_url, "platforms": ["current"]},
        tool={
            "uv": {
                "exclude-dependencies": ["unwanted"],
                "override-dependencies": [
                    "helper>=1 ; python_version >= '3'",
                    "helper<1 ; python_version < '3'",
                ],
            }
        },
    )
    whole = Path(project.build().path)
    assert call_json("verify", whole, "--no-run")["holds"] is True
    done = subprocess.run(
        [sys.executable, whole, "-c", "import front, helper; print(helper.__version__)"],
        env={**os.environ, "PEX_ROOT": str(tmp_path / "root"), "PEX_INTERPRETER": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1.5\n", done.stderr


def test_a_complete_platform_is_proven_by_its_own_markers_and_tags(
    tmp_path: Path, index_server: IndexServer, uv_cache: None, plain_network: None
) -> None:
    """A 32-bit Python on a 64-bit Windows says AMD64, where our own tables would say x86."""
    old = make_wheel(tmp_path, "old", "1.0")
    windy = make_wheel(tmp_path, "windy", requires=["old ; platform_machine == 'x86'"])
    index_server.add(old)
    index_server.add(windy)
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["windy"],
        table={"platforms": ["windows-x86_64"], "python": ["3.12"]},
    )
    data = Target.parse("cp312-win32").to_complete_platform(label="", patch=3)
    data["marker_environment"]["platform_machine"] = "AMD64"
    (project.root / "office.json").write_text(json.dumps(data), "utf-8")
    project.write({"index-url": index_server.index_url, "platforms": ["office.json"]})
    whole = Path(project.build().path)
    found = call_json("verify", whole, "--no-run")
    assert found["faults"] == []
    assert found["targets"] == [{"name": "office", "proven": True, "run": False}]
    table = read_executable(whole).own_table()
    new = make_wheel(tmp_path, "windy", "1.1", requires=["old ; platform_machine == 'AMD64'"])
    output = spoil(whole, tmp_path / "x.pex", exchange(table, windy.name, new), new)
    (fault,) = call_json("verify", output, "--no-run", code=9)["faults"]
    assert "windy 1.1 requires 'old; platform_machine == \"AMD64\"'" in fault["reason"]


def test_targets_are_in_the_order_of_the_table(shop: Shop) -> None:
    """Windows has no floor, and macOS a higher one than Linux; neither goes before its turn."""
    found = call_json("inspect", shop.whole)
    assert [target["name"] for target in found["targets"]] == list(TARGETS)


def test_a_build_from_a_lock_that_mixes_versions_fails_and_writes_nothing(
    tmp_path: Path, index_server: IndexServer, uv_cache: None, plain_network: None
) -> None:
    wheels = tmp_path / "wheels"
    index_server.add(make_wheel(wheels, "helper", "0.9"))
    index_server.add(make_wheel(wheels, "middle", "1.0", requires=["helper>=1"]))
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["middle", "helper"],
        table={"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"]},
    )
    lines = ['lock-version = "1.0"', 'created-by = "by hand"']
    for path in sorted(wheels.iterdir()):
        lines += [
            "[[packages]]",
            f'name = "{path.name.partition("-")[0]}"',
            f'version = "{path.name.split("-")[1]}"',
            "[[packages.wheels]]",
            f'url = "{path.as_uri()}"',
            f'hashes = {{ sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}',
        ]
    (project.root / "pylock.multiplat.toml").write_text("\n".join(lines), "utf-8")
    with pytest.raises(VerificationError) as caught:
        project.build()
    assert str(caught.value).splitlines()[2:4] == [
        "helper: middle 1.0 requires 'helper>=1'; it is 0.9",
        "  on all 2 targets",
    ]
    assert not project.dist.exists()


# split and merge


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param(
            {"platforms": ["windows-x86_64"], "python": list(PYTHONS)},
            ("--platform", "windows-x86_64"),
            id="a platform",
        ),
        pytest.param(
            {"platforms": list(PLATFORMS), "python": ["3.12"]}, ("--python", "3.12"), id="a Python"
        ),
        pytest.param(
            {"platforms": ["macos-arm64"], "python": ["3.11"]},
            ("--target", "cp311-macosx_13_0_arm64"),
            id="a target",
        ),
    ],
)
def test_a_part_is_byte_for_byte_what_a_build_for_its_targets_is(
    shop: Shop, tmp_path: Path, table: dict[str, Any], words: Sequence[str]
) -> None:
    built = shop.build("built", **table)
    part = tmp_path / "part.pex"
    assert call("split", shop.whole, *words, "-o", part).exit_code == 0
    assert same_bytes(part, built)
    assert part.stat().st_mode == built.stat().st_mode


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {"shebang": "/usr/bin/env python3.12"},
            id="shebang",
        ),
        pytest.param(
            {
                "include-tools": True,
                "inherit-path": "fallback",
                "inject-args": ["--x"],
                "inject-env": {"A": "b"},
                "runtime-root": "~/x",
                "requirements": ["old"],
                "executables": {"other": {"script": "demo", "inject-args": ["-y"]}},
            },
            id="all others",
        ),
    ],
)
def test_options_of_the_whole_are_those_of_a_part(
    shop: Shop, tmp_path: Path, options: dict[str, Any]
) -> None:
    platforms = ["linux-x86_64", "windows-x86_64"]
    whole = shop.build("whole", platforms=platforms, python=["3.12"], **options)
    built = shop.build("built", platforms=platforms[:1], python=["3.12"], **options)
    part = tmp_path / "part.pex"
    assert call("split", whole, "--platform", "linux-x86_64", "-o", part).exit_code == 0
    assert same_bytes(part, built)


def test_a_part_runs_and_is_a_pex_to_pex_itself(shop: Shop, tmp_path: Path) -> None:
    if sys.platform != "linux" or MINOR not in PYTHONS:
        pytest.skip("no target of the file is this machine's")
    words = ("--platform", "linux-x86_64", "--python", MINOR)
    part = tmp_path / "part.pex"
    assert call("split", shop.whole, *words, "-o", part).exit_code == 0
    environ = {**os.environ, "PEX_ROOT": str(tmp_path / "root")}
    for more in ({}, {"PEX_SCRIPT": "demo"}):
        done = subprocess.run(
            [sys.executable, part, "hi"],
            env={**environ, **more},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "demo 1.5 hi\n"


def same_bytes(first: Path, second: Path) -> bool:
    """Compare without what pytest says about unequal megabytes, which takes it minutes to find."""
    return first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("axis", ["platform", "python", "target"])
def test_the_parts_merged_are_the_whole(shop: Shop, tmp_path: Path, axis: str) -> None:
    found = call_json("split", shop.whole, "--each", axis, "-o", tmp_path / "parts")
    parts = [Path(part["path"]) for part in found["parts"]]
    again = shop.build("again", platforms=list(PLATFORMS), python=list(PYTHONS))
    assert same_bytes(again, shop.whole)
    merged = tmp_path / "merged.pex"
    assert call("merge", *parts, "-o", merged).exit_code == 0
    assert same_bytes(merged, shop.whole)


def test_a_part_of_a_program_for_windows_without_windows_is_a_plain_pex(
    shop: Shop, tmp_path: Path
) -> None:
    platforms = ["linux-x86_64", "windows-x86_64"]
    pex = shop.build("two", platforms=platforms, python=["3.11"], formats=["pex", "exe"])
    built = shop.project.dist / "demo-1.0.exe"
    assert [target["name"] for target in call_json("inspect", built)["targets"]] == [
        "cp311-win_amd64"
    ]
    exe = tmp_path / "both" / "demo-1.0.exe"  # A build makes no such file any more.
    assert call("merge", built, pex, "-o", exe).exit_code == 0
    assert call("split", exe, "--each", "platform", "-o", tmp_path / "each").exit_code == 0
    linux, windows = sorted((tmp_path / "each").iterdir())
    assert same_bytes(windows, built)
    assert linux.name == "demo-1.0-linux-x86_64.pex"
    assert windows.name == "demo-1.0-windows-x86_64.exe"
    assert call("split", pex, "--platform", "linux-x86_64", "-o", tmp_path / "x").exit_code == 0
    assert same_bytes(linux, tmp_path / "x")
    assert windows.read_bytes()[:2] == b"MZ"
    result = call("split", exe, "--platform", "linux-x86_64", "-o", tmp_path / "y.exe")
    assert (result.exit_code, (tmp_path / "y.exe").exists()) == (2, False)
    assert "none of its targets is; name a .pex" in result.stderr


def test_a_target_that_two_files_have_alike_is_taken_once(shop: Shop, tmp_path: Path) -> None:
    merged = tmp_path / "merged.pex"
    assert call("merge", shop.whole, shop.whole, "-o", merged).exit_code == 0
    assert same_bytes(merged, shop.whole)


def test_files_that_cannot_be_one_are_told_apart(shop: Shop, tmp_path: Path) -> None:
    table = read_executable(shop.whole).own_table()
    new = make_wheel(tmp_path, "helper", "1.6")
    other = spoil(
        shop.whole,
        tmp_path / "other.pex",
        exchange(replace(table, inject_args=("x",)), "helper-1.5-py3-none-any.whl", new),
        new,
    )
    merged = tmp_path / "merged.pex"
    result = call("merge", shop.whole, other, "-o", merged)
    assert result.exit_code == 8
    assert f"inject-args: x in {other}, but none in {shop.whole}" in result.stderr
    only_wheels = spoil(
        shop.whole,
        tmp_path / "wheels.pex",
        exchange(table, "helper-1.5-py3-none-any.whl", new),
        new,
    )
    result = call("merge", shop.whole, only_wheels, "-o", merged)
    assert result.exit_code == 8
    assert f"{TARGETS[0]} has other wheels in {only_wheels} than in {shop.whole}" in result.stderr
    assert not merged.exists()
    commands = {"tell": TableCommand(run={"entry_point": "demo:tell"}, inject_env={"A": "1"})}
    runs_other = spoil(
        shop.whole,
        tmp_path / "runs.pex",
        replace(table, run={}, executables=commands, options=StartOptions(include_tools=True)),
    )
    result = call("merge", shop.whole, runs_other, "-o", merged)
    here = f"in {shop.whole}"
    assert result.stderr.splitlines()[1:] == [
        f"  what runs: an interpreter in {runs_other}, but script demo {here}",
        (
            f"  the command tell: entry-point demo:tell with inject-env A=1 in {runs_other}, "
            f"but none {here}"
        ),
        f"  include-tools: true in {runs_other}, but false {here}",
    ]


# bad input


def truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip(data: bytes) -> bytes:
    """Change one byte of the longest wheel, past any table."""
    at = data.index(b"helper/__init__.py") + 40
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


COMMANDS = (
    ("inspect",),
    ("verify", "--no-run"),
    ("split", "--python", "3.12"),
    ("merge", "-o", "merged.pex"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=[words[0] for words in COMMANDS])
@pytest.mark.parametrize("kind", ["missing", "no zip", "zip", "truncated", "altered", "folder"])
def test_bad_files(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pex"
    match kind:
        case "no zip":
            path.write_text("#!/bin/sh\n", "utf-8")
        case "zip":
            shutil.copy(next(shop.wheels.iterdir()), path)
        case "truncated":
            path.write_bytes(truncate(shop.whole.read_bytes()))
        case "altered":
            path.write_bytes(flip(shop.whole.read_bytes()))
        case "folder":
            path.mkdir()
    before = sorted(tmp_path.iterdir())
    result = call(command[0], path, *command[1:])
    faulty = command[0] == "verify" and kind == "altered"
    assert result.exit_code == (9 if faulty else 8), result.output
    assert "Traceback" not in result.output
    if not faulty:
        assert result.stdout == ""
        assert result.stderr.startswith(f"error: {path.name}")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("gone.pex", "cannot be read: No such file or directory; name an executable, such as {}"),
        (".", "is a folder but not a PEX: it has no PEX-INFO; name an executable, such as {}"),
        ("dist", "is a folder but not a PEX: it has no PEX-INFO; name an executable, such as {}"),
        ("pyproject.toml", "File is not a zip file; name an executable, such as {}"),
        ("pylock.toml", "File is not a zip file; name an executable, and the lock by --lock"),
        ("bad.pex", "File is not a zip file; build or download it again"),
        (
            "lib-1.0-py3-none-any.whl",
            "an executable is made of a wheel by: hatch-multiplat build --wheel FILE",
        ),
    ],
)
def test_what_is_no_executable_is_told_with_what_to_name(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = Path("dist") / shop.whole.name
    whole.parent.mkdir()
    shutil.copy(shop.whole, whole)
    shutil.copy(next(shop.wheels.iterdir()), "lib-1.0-py3-none-any.whl")
    for name in ("pyproject.toml", "pylock.toml", "bad.pex"):
        Path(name).touch()
    example = "bad.pex" if word in {".", "pyproject.toml", "gone.pex"} else whole
    for command in COMMANDS:
        result = call(command[0], Path(word), *command[1:])
        assert result.exit_code == 8, result.output
        said = " ".join(result.stderr.split())
        assert said.startswith(f"error: {word} ")
        assert said.endswith(hint.format(example))


@pytest.mark.parametrize("command", COMMANDS, ids=[words[0] for words in COMMANDS])
def test_what_cannot_be_read_has_one_exit_code(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Not click's own check says so, but whoever reads the file."""
    opened = Path.open

    def refuse(path: Path, *words: Any, **options: Any) -> Any:
        if path == shop.whole:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *words, **options)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)
    monkeypatch.setattr(Path, "open", refuse)
    result = call(command[0], shop.whole, *command[1:])
    assert result.exit_code == 8, result.output
    assert "cannot be read: Permission denied" in result.stderr


def test_no_damage_is_more_than_an_error(shop: Shop, tmp_path: Path) -> None:
    """Bytes changed anywhere are an error with a message, or a damage that is named."""
    whole, chance = shop.whole.read_bytes(), random.Random(5)
    deps, tail = whole.index(b".deps/demo"), len(whole) - 250_000
    path = tmp_path / "bad.pex"
    found = 0
    for number in range(150):
        data = bytearray(whole)
        start, end = [(0, len(data)), (deps, deps + 20_000), (tail, len(data))][number % 3]
        for _ in range(chance.choice([1, 20])):
            data[chance.randrange(start, end)] = chance.randrange(256)
        path.write_bytes(data)
        try:
            executable = read_executable(path)
        except ExecutableError:
            found += 1
        else:
            found += bool(executable.damages)
            prove_executable(executable, executable_selections(executable))
    assert found > 130  # The rest changed what nobody reads, such as a date in a local header.


def test_output_that_cannot_be_written(shop: Shop, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    words = ("--python", "3.12", "-o", blocked / "x.pex")
    result = call("split", shop.whole, *words)
    assert result.exit_code == 8
    assert result.stderr.startswith("error: cannot write ")
    assert call("split", shop.whole, "--python", "3.12", "-o", tmp_path).exit_code == 2
    before = shop.whole.read_bytes()
    assert call("split", shop.whole, "--python", "3.12", "-o", shop.whole).exit_code == 2
    assert shop.whole.read_bytes() == before


def test_split_wants_to_know_what_to_keep(shop: Shop) -> None:
    result = call("split", shop.whole)
    assert result.exit_code == 2
    assert "--each" in result.stderr


def test_a_word_that_no_target_answers_to(shop: Shop) -> None:
    for command in (("split",), ("verify", "--no-run")):
        result = call(command[0], shop.whole, *command[1:], "--target", "cp312-win_amd46")
        assert result.exit_code == 2
        assert "did you mean 'cp312-win_amd64'?" in result.stderr


@pytest.mark.parametrize(
    ("words", "begun", "completed"),
    [
        (["split", "FILE", "--target"], "cp312-", {name for name in TARGETS if "cp312" in name}),
        (["verify", "FILE", "--no-run", "--target"], "cp313-w", {"cp313-win_amd64"}),
        (["split", "FILE", "--platform"], "", set(PLATFORMS)),
        (["split", "FILE", "--each", "target", "--python"], "", set(PYTHONS)),
    ],
    ids=lambda value: value[0] + value[-1] if isinstance(value, list) else "",
)
def test_the_shell_completes_the_targets_of_a_file(
    shop: Shop, words: list[str], begun: str, completed: set[str]
) -> None:
    typed = [str(shop.whole) if word == "FILE" else word for word in words]
    environ = {
        **os.environ,
        "_HATCH_MULTIPLAT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["hatch-multiplat", *typed, begun]),
        "COMP_CWORD": str(len(typed) + 1),
    }
    shown = run_command(
        *(sys.executable, "-m", "hatch_multiplat"), cwd=shop.folder, environ=environ
    )
    assert {line.partition(",")[2] for line in shown.splitlines()} == completed
