"""`hatch-multiplat lock` with the real solver, against an index on loopback."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import uv
from click.testing import CliRunner
from packaging.pylock import Pylock

from hatch_multiplat.base.errors import CoverageError, FetchError, LockError
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.targets.target import Target
from tests.support.caches import make_cache
from tests.support.commands import make_venv
from tests.support.index_server import IndexServer
from tests.support.project import make_project
from tests.support.wheels import write_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from click.testing import Result

    from hatch_multiplat.build.report import Report
    from tests.conftest import MakeFile

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

LOCK = "pylock.multiplat.toml"
PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64")


class Folder:
    """A project in a folder, whose requirements change, and the command run on it."""

    def __init__(self, path: Path, index_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.index_url = index_url
        self.table: dict[str, Any] = {"platforms": list(PLATFORMS), "python": ["3.12"]}
        self.tables: dict[str, Any] = {}
        self.requires: list[str] = []
        monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(path / "cache"))

    def write(self) -> Any:
        project = make_project(
            self.path, index_url=self.index_url, requires=self.requires, table={}
        )
        table = {"index-url": self.index_url, **self.table}
        if not self.index_url:
            del table["index-url"]
        facts = {"dependencies": self.requires, "requires-python": ">=3.11"}
        project.write(table, project=facts, **self.tables)
        return project

    @property
    def root(self) -> Path:
        return self.path / "demo"

    @property
    def text(self) -> str:
        name: str = self.table.get("lock", LOCK)
        return (self.root / name).read_text("utf-8")

    @property
    def parsed(self) -> Pylock:
        lock = Pylock.from_dict(tomllib.loads(self.text))
        lock.validate()
        return lock

    def versions(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for package in self.parsed.packages:
            found.setdefault(package.name, []).append(str(package.version))
        return found

    def run(self, *words: str, code: int = 0) -> Result:
        self.write()
        result = CliRunner().invoke(main, ["lock", str(self.root), *words])
        assert result.exit_code == code, result.output
        return result

    def build(self, **environ: str) -> Report:
        report: Report = self.write().build(**environ)
        return report


@pytest.fixture
def folder(tmp_path: Path, index_server: IndexServer, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, index_server.index_url, monkeypatch)


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function from whose call on uv cannot be run."""

    def forbid() -> None:
        def refuse() -> str:
            pytest.fail("uv was run")

        monkeypatch.setattr(uv, "find_uv_bin", refuse)

    return forbid


def add_native(index: IndexServer, name: str, version: str) -> None:
    index.add_native(name, version, "manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64")


def members_differ(first: str, second: str) -> list[str]:
    """Return the lines that one text has and the other has not."""
    lines = difflib.ndiff(first.splitlines(), second.splitlines())
    return [line for line in lines if line[0] in "+-"]


# -- writing ---------------------------------------------------------------------------------------


def test_a_first_lock_is_written_and_a_second_run_changes_nothing(
    folder: Folder, index_server: IndexServer
) -> None:
    add_native(index_server, "native", "1.0")
    index_server.add_wheel("pure", requires=["native; sys_platform == 'win32'"])
    folder.requires = ["pure"]
    first = folder.run()
    assert first.stdout.splitlines() == [
        "added native 1.0",
        "added pure 1.0",
        f"Wrote {LOCK}",
    ]
    text = folder.text
    assert folder.run().stdout.splitlines() == [f"{LOCK} is up to date"]
    assert folder.text == text
    assert folder.run("--check").exit_code == 0
    (folder.root / LOCK).unlink()
    folder.run()
    assert folder.text == text


def test_a_new_dependency_changes_its_own_lines_only(
    folder: Folder, index_server: IndexServer
) -> None:
    for name in ("alpha", "gamma"):
        add_native(index_server, name, "1.0")
    index_server.add_wheel("beta", requires=["alpha; python_full_version < '3.12.4'"])
    folder.requires = ["alpha; sys_platform == 'linux'", "gamma"]
    folder.run()
    before = folder.text
    add_native(index_server, "gamma", "2.0")
    folder.requires.append("beta")
    assert folder.run().stdout.splitlines() == [
        "changed alpha 1.0: other files or markers",
        "added beta 1.0",
        f"Wrote {LOCK}",
    ]
    changed = members_differ(before, folder.text)
    assert not any("gamma" in line for line in changed)
    assert not any("environments" in line or "lock-version" in line for line in changed)
    assert '+     "beta",' in changed
    assert '+ name = "beta"' in changed


def test_versions_stay_until_they_are_let_go(folder: Folder, index_server: IndexServer) -> None:
    for name in ("one", "two"):
        index_server.add_wheel(name, "1.0")
    folder.requires = ["one", "two"]
    folder.run()
    for name in ("one", "two"):
        index_server.add_wheel(name, "2.0")
    assert folder.run().stdout == f"{LOCK} is up to date\n"
    assert folder.run("--upgrade-package", "One").stdout.splitlines() == [
        "updated one 1.0 -> 2.0",
        f"Wrote {LOCK}",
    ]
    assert folder.versions() == {"one": ["2.0"], "two": ["1.0"]}
    folder.run("--upgrade")
    assert folder.versions() == {"one": ["2.0"], "two": ["2.0"]}


def test_a_new_wheel_of_a_locked_version_is_no_change(
    folder: Folder, index_server: IndexServer
) -> None:
    add_native(index_server, "native", "1.0")
    folder.requires = ["native"]
    folder.run()
    text = folder.text
    index_server.add_native("native", "1.0", "manylinux_2_28_x86_64")
    assert folder.run("--check").exit_code == 0
    folder.run()
    assert folder.text == text
    folder.run("--upgrade")
    assert folder.text == text  # The version is the same: there is nothing to upgrade.


def test_a_file_that_was_replaced_is_locked_anew(
    folder: Folder, index_server: IndexServer, make_wheel: MakeFile, tmp_path: Path
) -> None:
    """As a folder of wheels has it after a rebuild; the build from the old lock refuses it."""
    links = tmp_path / "links"
    links.mkdir()
    shutil.copy(make_wheel("local"), links)
    folder.table["find-links"] = ["../links"]
    folder.requires = ["local"]
    folder.run()
    shutil.copy(make_wheel("local", files={"local.py": "changed = True\n"}), links)
    with pytest.raises(FetchError):
        folder.build()
    changes = folder.run("--check", code=3).stderr
    assert "changed local 1.0: other files or markers" in changes
    folder.run()
    assert folder.build().wheels == 2


# -- checking --------------------------------------------------------------------------------------


def test_check_says_what_is_stale_and_writes_nothing(
    folder: Folder, index_server: IndexServer
) -> None:
    index_server.add_wheel("one")
    index_server.add_wheel("two")
    folder.requires = ["one"]
    assert "there is no pylock.multiplat.toml" in folder.run("--check", code=3).stderr
    assert not (folder.root / LOCK).exists()
    folder.run()
    text = folder.text
    folder.requires.append("two")
    result = folder.run("--check", code=3)
    assert result.stderr.splitlines() == [
        f"error: {LOCK} is stale; renew it with: hatch-multiplat lock",
        "  requirements: 'two' is new",
        "  added two 1.0",
    ]
    assert folder.text == text
    with pytest.raises(LockError, match="requirements: 'two' is new"):
        folder.build()
    assert not (folder.root / "dist").exists()


def test_check_has_json_for_scripts(folder: Folder, index_server: IndexServer) -> None:
    index_server.add_wheel("one")
    folder.requires = ["one"]
    assert json.loads(folder.run("--json").stdout) == {
        "lock": LOCK,
        "fresh": False,
        "reasons": [],
        "changes": ["added one 1.0"],
    }
    assert json.loads(folder.run("--json", "--check").stdout)["fresh"] is True
    folder.table["platforms"] = ["linux-x86_64"]
    stale = folder.run("--json", "--check", code=3)
    assert json.loads(stale.stdout)["reasons"] == [
        "targets: 'cp312-macosx_13_0_arm64' is gone",
        "targets: 'cp312-win_amd64' is gone",
    ]


# -- nothing of this machine -----------------------------------------------------------------------


def test_credentials_stay_out_of_the_lock_and_a_build_from_it_has_them(
    folder: Folder,
    start_index: Callable[..., IndexServer],
    make_wheel: MakeFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = start_index(auth=("ada", "s3cret"))
    wheel = make_wheel("direct")
    index.add(make_wheel("private"), wheel)
    secret = index.with_credentials(index.index_url, "ada", "s3cret")
    folder.index_url = ""
    monkeypatch.setenv("UV_DEFAULT_INDEX", secret)
    direct = index.with_credentials(index.file_url(wheel), "ada", "s3cret")
    folder.requires = ["private", f"direct @ {direct}"]
    printed = folder.run().output
    for text in (folder.text, printed):
        assert "ada" not in text
        assert "s3cret" not in text
    assert index.file_url("private-1.0-py3-none-any.whl") in folder.text
    assert folder.run("--check").exit_code == 0
    assert folder.build(UV_DEFAULT_INDEX=secret).wheels == 3


@pytest.mark.parametrize(
    ("place", "lock", "written"),
    [
        pytest.param("demo/wheels", LOCK, "wheels", id="inside"),
        pytest.param("shared", LOCK, "../shared", id="outside"),
        pytest.param(
            "demo/wheels", "locks/pylock.toml", "../wheels", id="inside, lock in a folder"
        ),
        pytest.param("shared", "locks/pylock.toml", "../../shared", id="outside, lock in a folder"),
    ],
)
def test_files_of_folders_have_paths_from_the_lock(  # noqa: PLR0917
    folder: Folder, make_wheel: MakeFile, tmp_path: Path, place: str, lock: str, written: str
) -> None:
    (tmp_path / place).mkdir(parents=True)
    shutil.copy(make_wheel("local"), tmp_path / place)
    folder.table["find-links"] = [os.path.relpath(tmp_path / place, folder.root)]
    folder.table["lock"] = lock
    folder.requires = ["local"]
    folder.run()
    (package,) = folder.parsed.packages
    assert [wheel.path for wheel in package.wheels or ()] == [
        f"{written}/local-1.0-py3-none-any.whl"
    ]
    assert str(tmp_path) not in folder.text
    assert folder.build().wheels == 2
    assert folder.run("--check").exit_code == 0


def test_a_dependency_from_a_folder_has_its_path_and_is_built_again(
    folder: Folder, index_server: IndexServer, make_sdist: MakeFile, tmp_path: Path
) -> None:
    shutil.unpack_archive(make_sdist("helper", "3.0"), tmp_path, filter="data")
    folder.requires = ["helper"]
    folder.tables = {"tool": {"uv": {"sources": {"helper": {"path": "../helper-3.0"}}}}}
    folder.run()
    (package,) = folder.parsed.packages
    assert package.directory is not None
    assert package.directory.path == "../helper-3.0"
    assert str(tmp_path) not in folder.text
    assert folder.build().wheels == 2
    assert folder.run("--check").exit_code == 0


def test_a_member_of_the_workspace_is_taken_and_not_its_namesake_on_the_index(
    folder: Folder, index_server: IndexServer, make_sdist: MakeFile, tmp_path: Path
) -> None:
    index_server.add_wheel("helper", "9.0")
    shutil.unpack_archive(make_sdist("helper", "3.0"), tmp_path, filter="data")
    workspace = '[tool.uv.workspace]\nmembers = ["demo", "helper-3.0"]\n'
    (tmp_path / "pyproject.toml").write_text(workspace, "utf-8")
    folder.requires = ["helper"]
    folder.tables = {"tool": {"uv": {"sources": {"helper": {"workspace": True}}}}}
    folder.run()
    (package,) = folder.parsed.packages
    assert package.directory is not None
    assert package.directory.path == "../helper-3.0"
    assert folder.build().wheels == 2
    assert folder.run("--check").exit_code == 0


# -- what other tools make of it -------------------------------------------------------------------


def test_packaging_selects_the_same_wheels_for_each_target(
    folder: Folder, index_server: IndexServer
) -> None:
    add_native(index_server, "native", "1.0")
    index_server.add_wheel("pure", requires=["early; python_full_version < '3.12.3'"])
    index_server.add_wheel("early")
    folder.requires = ["pure", "native; sys_platform != 'darwin'"]
    folder.run()
    names = {}
    for tag in ("manylinux_2_28_x86_64", "macosx_13_0_arm64", "win_amd64"):
        target = Target.parse(f"cp312-{tag}")
        for patch in (2, 3):
            taken = folder.parsed.select(
                environment=target.environment(patch), tags=list(target.tags)
            )
            names[tag, patch] = " ".join(package.name for package, _ in taken)
    assert names == {
        ("manylinux_2_28_x86_64", 2): "early native pure",
        ("manylinux_2_28_x86_64", 3): "native pure",
        ("macosx_13_0_arm64", 2): "early pure",
        ("macosx_13_0_arm64", 3): "pure",
        ("win_amd64", 2): "early native pure",
        ("win_amd64", 3): "native pure",
    }


@pytest.mark.parametrize("words", [["install", "--requirements"], ["sync"]])
def test_uv_installs_from_it(
    folder: Folder, index_server: IndexServer, tmp_path: Path, words: Sequence[str]
) -> None:
    python = "{}.{}".format(*sys.version_info[:2])
    index_server.add_wheel("pure", requires=["source"])
    index_server.add_sdist("source", "0.6")
    folder.table |= {"platforms": ["current", "windows-x86_64"], "python": [python]}
    folder.requires = ["pure"]
    folder.run()
    venv = tmp_path / "venv"
    make_venv(venv)
    run(
        uv.find_uv_bin(), "pip", *words, folder.root / LOCK,
        "--python", venv, "--preview", cwd=tmp_path,
    )  # fmt: skip
    listed = run(uv.find_uv_bin(), "pip", "list", "--python", venv, "--format", "json")
    assert {item["name"]: item["version"] for item in json.loads(listed)} == {
        "pure": "1.0",
        "source": "0.6",
    }


@pytest.mark.usefixtures("pex_resolves")
def test_pex_builds_from_it(folder: Folder, index_server: IndexServer, tmp_path: Path) -> None:
    """From the whole of it; for a part pex wants to know who depends on whom."""
    index_server.add_wheel("pure", requires=["other"])
    index_server.add_wheel("other", "2.0")
    folder.table |= {"platforms": ["current"]}
    folder.requires = ["pure"]
    folder.run()
    run(
        sys.executable, "-m", "pex", "--pylock", folder.root / LOCK,
        "--pex-root", tmp_path / "pex-root", "--output-file", tmp_path / "pure.pex",
    )  # fmt: skip
    told = run(
        sys.executable, tmp_path / "pure.pex", "-c",
        "import pure, other; print(pure.__version__, other.__version__)",
        PEX_ROOT=str(tmp_path / "pex-root"),
    )  # fmt: skip
    assert told == "1.0 2.0\n"


def run(*words: str | Path, cwd: Path | None = None, **environ: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **environ},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- building from it ------------------------------------------------------------------------------


def test_a_build_from_the_lock_has_the_bytes_of_the_build_that_solved_and_asks_nobody(
    folder: Folder, no_uv: Callable[[], None]
) -> None:
    with IndexServer() as index:
        folder.index_url = index.index_url
        add_native(index, "native", "1.0")
        index.add_sdist("source", "0.6")
        index.add_wheel("pure", requires=["source"])
        folder.requires = ["native", "pure"]
        folder.run()
        lock = folder.root / LOCK
        aside = lock.rename(folder.path / "aside.toml")
        solved = folder.build()
        solved_bytes = (folder.root / "dist" / "demo-1.0.pex").read_bytes()
        assert (solved.solver_runs, solved.lock) == (2, None)  # Wheels alone are asked for first.
        aside.rename(lock)
        index.add_wheel("pure", "2.0")
        asked = len(index.requests)
        locked = folder.build()
        assert len(index.requests) == asked
    no_uv()
    assert (locked.solver_runs, locked.lock) == (0, LOCK)
    assert (folder.root / "dist" / "demo-1.0.pex").read_bytes() == solved_bytes
    for environ in ({}, {"UV_OFFLINE": "1"}):
        folder.build(**environ)
        assert (folder.root / "dist" / "demo-1.0.pex").read_bytes() == solved_bytes


def test_a_lock_that_tells_glibc_from_musl_by_labels_is_built(
    folder: Folder, index_server: IndexServer
) -> None:
    index_server.add_native("native", "2.0", "manylinux_2_17_x86_64")
    index_server.add_native("native", "1.0", "musllinux_1_2_x86_64")
    folder.table["platforms"] = ["linux-x86_64", "linux-x86_64-musl"]
    folder.requires = ["native"]
    folder.run()
    assert folder.versions() == {"native": ["1.0", "2.0"]}
    text = folder.text
    assert folder.run("--check").exit_code == 0
    assert folder.build().wheels == 3
    glibc = Target.parse("cp312-manylinux_2_28_x86_64")
    taken = folder.parsed.select(environment=glibc.environment(0), tags=list(glibc.tags))
    assert [str(package.version) for package, _ in taken] == ["2.0"]
    folder.requires.append("native>0.5")
    folder.run()
    assert len(members_differ(text, folder.text)) == 1


def test_a_lock_that_the_table_names_must_be_there(folder: Folder) -> None:
    folder.table["lock"] = "pylock.toml"
    with pytest.raises(LockError, match=r"there is no 'pylock.toml'; write it with: hatch-multi"):
        folder.build()
    folder.run()
    assert folder.build().lock == "pylock.toml"


# -- locks of other tools --------------------------------------------------------------------------


def test_a_lock_of_uv_is_taken_as_it_is_with_extras_and_groups(
    folder: Folder, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    names = ("base", "fast", "grouped", "unasked", "ungrouped")
    index_server.add(*(make_wheel(name) for name in names))
    folder.requires = ["base"]
    folder.table |= {"lock": "uv.lock", "extras": ["quick"], "dependency-groups": ["serve"]}
    folder.tables = {
        "dependency-groups": {"serve": ["grouped"], "dev": ["ungrouped"]},
        "tool": {"uv": {"index": [{"url": index_server.index_url, "default": True}]}},
    }
    project = folder.write()
    text = (folder.root / "pyproject.toml").read_text("utf-8")
    extras = '[project.optional-dependencies]\nquick = ["fast"]\nother = ["unasked"]\n'
    (folder.root / "pyproject.toml").write_text(f"{text}\n{extras}", "utf-8")
    project.wheel = make_wheel(
        "demo",
        requires=["base"],
        extras={"quick": ["fast"], "other": ["unasked"]},
        scripts={"demo": "demo:main"},
    )
    run(uv.find_uv_bin(), "lock", "--quiet", cwd=folder.root)
    report = project.build()
    assert (report.lock, report.solver_runs) == ("uv.lock", 0)
    assert {share.name for share in report.dependencies} == {"base", "demo", "fast", "grouped"}
    result = CliRunner().invoke(main, ["lock", str(folder.root)])
    assert result.exit_code == 3
    assert "uv.lock is uv's own; renew it with: uv lock" in result.stderr


@pytest.mark.parametrize("lock", ["uv.lock", "../uv.lock"])
def test_a_lock_of_uv_may_have_folders_and_lie_at_the_root_of_a_workspace(
    folder: Folder, index_server: IndexServer, make_sdist: MakeFile, tmp_path: Path, lock: str
) -> None:
    shutil.unpack_archive(make_sdist("helper", "3.0"), tmp_path, filter="data")
    source: dict[str, Any] = {"path": "../helper-3.0"}
    if lock.startswith(".."):
        workspace = '[tool.uv.workspace]\nmembers = ["demo", "helper-3.0"]\n'
        (tmp_path / "pyproject.toml").write_text(workspace, "utf-8")
        source = {"workspace": True}
    folder.requires = ["helper"]
    folder.table["lock"] = lock
    folder.tables = {"tool": {"uv": {"sources": {"helper": source}}}}
    folder.write()
    run(
        uv.find_uv_bin(), "lock", "--quiet", "--default-index", index_server.index_url,
        cwd=folder.root,
    )  # fmt: skip
    report = folder.build()
    assert (report.lock, report.solver_runs, report.wheels) == (lock, 0, 2)


def test_a_lock_of_pip_is_taken_as_it_is_and_is_not_overwritten(
    folder: Folder, index_server: IndexServer
) -> None:
    index_server.add_wheel("pure", requires=["other"])
    index_server.add_wheel("other")
    folder.table |= {"lock": "pylock.toml"}
    folder.requires = ["pure"]
    folder.write()
    run(
        sys.executable, "-m", "pip", "lock", "--quiet", "pure", "--output", "pylock.toml",
        "--index-url", index_server.index_url, "--no-cache-dir",
        cwd=folder.root,
    )  # fmt: skip
    text = folder.text
    assert folder.build().lock == "pylock.toml"
    result = folder.run(code=3)
    assert (
        "pylock.toml was written by another tool; renew it with pip, which wrote it"
        in result.stderr
    )
    folder.requires = ["pure>=2"]
    with pytest.raises(LockError) as raised:
        folder.build()
    assert str(raised.value).splitlines() == [
        "pylock.toml is stale; renew it with pip, which wrote it",
        "  it has pure 1.0, not 'pure>=2'",
    ]
    assert folder.text == text


def test_a_lock_for_one_machine_only_is_a_gap_on_the_others(
    folder: Folder, index_server: IndexServer
) -> None:
    index_server.add_native("native", "1.0", "manylinux_2_17_x86_64")
    folder.table |= {"lock": "pylock.toml", "platforms": ["linux-x86_64"]}
    folder.requires = ["native"]
    folder.run()
    text = folder.text.partition("[tool.hatch-multiplat]")[0]
    text = text.replace(text[text.index("environments") : text.index("requires-python")], "")
    (folder.root / "pylock.toml").write_text(text.replace('"hatch-multiplat"', '"pip"'), "utf-8")
    folder.table["platforms"] = list(PLATFORMS)
    with pytest.raises(CoverageError, match="write the lock anew for these targets"):
        folder.build()


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"lock-version = ", "is not TOML", id="no TOML"),
        pytest.param(b"<<<<<<< HEAD\n", "is not TOML", id="merge conflict"),
        pytest.param(
            b"\xff\xfe\x00", "cannot be read: it is no text in UTF-8; save it as that", id="no text"
        ),
        pytest.param(
            b'lock-version = "2.0"\ncreated-by = "x"\npackages = []',
            "pylock version 2.0 is not supported",
            id="newer",
        ),
        pytest.param(b'packages = "none"', "is not a valid PEP 751 lock file", id="invalid"),
        pytest.param(
            None, "Is a directory; a folder is in the place of the file: move", id="folder"
        ),
    ],
)
@pytest.mark.parametrize("words", [(), ("--check",), ("--upgrade",)])
def test_what_is_no_lock_is_one_message_and_stays_as_it_is(
    folder: Folder, content: bytes | None, message: str, words: Sequence[str]
) -> None:
    folder.write()
    path = folder.root / LOCK
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    result = folder.run(*words, code=3)
    assert result.stderr.startswith(f"error: {LOCK}")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with pytest.raises(LockError, match=message):
        folder.build()
    assert path.is_dir() if content is None else path.read_bytes() == content
    assert sorted(item.name for item in folder.root.iterdir()) == [LOCK, "pyproject.toml"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_message(folder: Folder) -> None:
    folder.write()
    folder.root.chmod(0o500)
    result = CliRunner().invoke(main, ["lock", str(folder.root)])
    folder.root.chmod(0o700)
    assert result.exit_code == 8
    assert "cannot write" in result.stderr
    assert "make its folder writable" in result.stderr


def test_the_folder_of_a_lock_that_is_a_file_is_told_as_such(folder: Folder) -> None:
    folder.table["lock"] = "locks/pylock.toml"
    folder.write()
    (folder.root / "locks").write_text("kept", "utf-8")
    result = CliRunner().invoke(main, ["lock", str(folder.root)])
    assert result.exit_code == 8, result.output
    assert result.stderr.endswith(
        "locks is a file, not a folder; name another place in tool.multiplat.lock\n"
    )
    assert (folder.root / "locks").read_text("utf-8") == "kept"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("Onne", "--upgrade-package: no package 'onne' in the lock; did you mean 'one'?"),
        ("zebra", f"--upgrade-package: no package 'zebra' in the lock; {LOCK} lists them"),
        (
            "One>=2",
            "--upgrade-package: 'One>=2' is not the name of a package; leave its version out",
        ),
    ],
)
def test_a_word_that_names_no_locked_package_is_an_error(
    folder: Folder, index_server: IndexServer, word: str, message: str
) -> None:
    index_server.add_wheel("one", "1.0")
    folder.requires = ["one"]
    folder.run()
    text = folder.text
    result = folder.run("-P", word, code=2)
    assert result.stderr == f"error: {message}\n"
    assert folder.text == text


def test_json_tells_failures_too(folder: Folder, index_server: IndexServer) -> None:
    index_server.add_native("one", "1.0", "win_amd64")
    found = json.loads(folder.run("--check", "--json", code=3).stdout)
    assert found["error"]["kind"] == "LockError"
    assert (found["lock"], found["fresh"]) == (LOCK, False)
    assert found["reasons"] == [f"there is no {LOCK}"]
    folder.requires = ["one"]
    found = json.loads(folder.run("--json", code=4).stdout)
    assert (found["error"]["kind"], found["error"]["exit_code"]) == ("CoverageError", 4)
    (package,) = found["packages"]
    assert package["name"] == "one"
    assert {missing_wheel["target"] for missing_wheel in package["gaps"]} == {
        "cp312-manylinux_2_28_x86_64",
        "cp312-macosx_13_0_arm64",
    }


def test_what_is_no_lock_of_ours_is_never_to_be_removed(folder: Folder) -> None:
    """Only a file of the default name can be trusted to be ours."""
    folder.write()
    path = folder.root / LOCK
    path.write_text("broken = ", "utf-8")
    assert "remove it, and write it anew with: hatch-multiplat lock" in folder.run(code=3).stderr
    folder.table["lock"] = "pyproject.toml"
    assert "remove" not in folder.run(code=3).stderr


def test_a_name_that_other_tools_would_not_know_is_refused(folder: Folder) -> None:
    folder.table["lock"] = "requirements.lock"
    result = folder.run(code=3)
    assert "PEP 751 wants 'pylock.toml' or 'pylock.NAME.toml'" in result.stderr


def test_no_solution_leaves_the_lock_as_it_is(folder: Folder, index_server: IndexServer) -> None:
    index_server.add_wheel("pure")
    folder.requires = ["pure"]
    folder.run()
    text = folder.text
    folder.requires = ["pure", "nowhere"]
    assert folder.run(code=5).stdout == ""
    assert folder.text == text


def test_dynamic_requirements_are_learnt_by_building_the_wheel(
    folder: Folder, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    index_server.add_wheel("pure")
    wheel = make_wheel("demo", requires=["pure"])
    project = folder.write()
    project.write(
        {"index-url": folder.index_url, **folder.table},
        project={"dynamic": ["dependencies"]},
        **{"build-system": write_backend(project.root, wheel)},
    )
    result = CliRunner().invoke(main, ["lock", str(folder.root)])
    assert result.exit_code == 0, result.output
    assert folder.versions() == {"pure": ["1.0"]}


def test_check_says_first_that_a_lock_is_stale_and_then_what_is_missing(
    folder: Folder, index_server: IndexServer
) -> None:
    index_server.add_wheel("one")
    index_server.add_native("two", "1.0", "win_amd64")
    folder.requires = ["two"]
    assert "2 of 3 targets cannot be covered; no lock was written." in folder.run(code=4).stderr
    folder.requires = ["one"]
    folder.run()
    folder.requires = ["one", "two"]
    said = folder.run("--check", code=3).stderr
    assert said.startswith(
        f"error: {LOCK} is stale; no new one can be made before the gaps below are "
        "closed\n  requirements: 'two' is new\n\n2 of 3 targets cannot be covered; the lock is as"
    )
    found = json.loads(folder.run("--check", "--json", code=3).stdout)
    assert (found["fresh"], found["reasons"]) == (False, ["requirements: 'two' is new"])
    assert [one["name"] for one in found["packages"] if one["gaps"]] == ["two"]
    assert "2 of 3 targets cannot be covered; the lock is as it was." in folder.run(code=4).stderr


def test_a_member_is_told_of_the_lock_of_its_workspace(folder: Folder) -> None:
    folder.table["lock"] = "uv.lock"
    folder.write()
    with pytest.raises(LockError, match="write it with: uv lock"):
        folder.build()
    (folder.path / "pyproject.toml").write_text(
        "[tool.uv.workspace]\nmembers = ['demo']\n", "utf-8"
    )
    (folder.path / "uv.lock").touch()
    with pytest.raises(LockError, match=r"the workspace has one: lock = '\.\./uv\.lock'"):
        folder.build()


@pytest.mark.parametrize("text", ["junk", "version = 1\nrequires-python = '>=3.12'\n"])
def test_a_lock_of_uv_that_uv_cannot_read_is_renewed_by_uv(folder: Folder, text: str) -> None:
    folder.table["lock"] = "uv.lock"
    folder.write()
    (folder.root / "uv.lock").write_text(text, "utf-8")
    result = CliRunner().invoke(main, ["check", str(folder.root)])
    assert result.exit_code == LockError.exit_code
    assert "uv.lock cannot be read; renew it with: uv lock; uv says:\n  error: " in result.stderr
    assert "hint:" not in result.stderr
