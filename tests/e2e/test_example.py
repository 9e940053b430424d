"""The README's first command in a fresh checkout, and what comes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Checkout

pytestmark = [pytest.mark.network, pytest.mark.slow]

PYTHONS = ("3.11", "3.12", "3.13")
CLASSIC_PYTHONS = ("3.6", "3.7", "3.8", "3.9")

Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def printed(checkout: Checkout) -> str:
    """Return what `python3 scripts/example.py` printed, by a Python that has no more than pip."""
    return checkout.run_script(
        "example.py", python=getattr(sys, "_base_executable", sys.executable)
    )


@pytest.fixture(scope="module")
def dist(checkout: Checkout, printed: str) -> Path:
    return checkout.root / "example_project" / "dist"


@pytest.fixture(scope="module")
def executable(dist: Path) -> Path:
    return dist / "git-inspect-1.0.0.pex"


@pytest.fixture(scope="module")
def classic(checkout: Checkout, printed: str) -> Path:
    """Build the classic example by the ordinary command, as scripts/example.py does the other."""
    project = checkout.root / "example_project" / "classic"
    venvs = checkout.root / ".venvs"
    python = venvs / "example" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints = (venvs / "wheels" / "constraints.txt").as_uri()
    environ = {**os.environ, "PIP_CONSTRAINT": constraints}
    run_command(python, "-m", "build", "--wheel", project, cwd=project, environ=environ)
    return project / "dist" / "git-inspect-classic-1.0.0.pex"


def run(*words: str | Path, **extra_env: str) -> Run:
    return subprocess.run(
        [str(word) for word in words],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **extra_env},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def output_of(*words: str | Path) -> str:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_first_command_ends_with_the_commit_at_head(checkout: Checkout, printed: str) -> None:
    panel = printed[printed.rindex("HEAD") :]
    assert checkout.head in panel
    assert "main" in panel
    assert "Ada Example <ada@example.org>" in panel
    assert "Count [bold]things[/bold]: größer" in panel


def test_one_build_leaves_sdist_wheel_and_executable(dist: Path) -> None:
    assert sorted(path.name for path in dist.iterdir()) == [
        "git-inspect-1.0.0.pex",
        "git_inspect-1.0.0-py3-none-any.whl",
        "git_inspect-1.0.0.tar.gz",
    ]


def test_each_needed_wheel_is_in_the_file_once_and_uncompressed(executable: Path) -> None:
    with zipfile.ZipFile(executable) as archive:
        wheels = [member for member in archive.infolist() if member.filename.endswith(".whl")]
        others = {
            member.filename.partition("/")[0]
            for member in archive.infolist()
            if member not in wheels
        }
    assert all(wheel.filename.startswith(".deps/") for wheel in wheels)
    assert all(wheel.compress_type == zipfile.ZIP_STORED for wheel in wheels)
    assert len({wheel.filename for wheel in wheels}) == len(wheels)
    projects = Counter(Path(wheel.filename).name.partition("-")[0] for wheel in wheels)
    # Five platforms, three Pythons; what is pure Python is the same for all of them.
    assert projects["pygit2"] == 15
    assert projects["rich"] == projects["git_inspect"] == projects["pycparser"] == 1
    names = {"PEX-INFO", "__main__.py", "__pex__", ".bootstrap", ".deps", ".multiplat"}
    assert others <= names


@pytest.mark.parametrize("minor", PYTHONS)
def test_it_runs_under_each_of_its_pythons(
    executable: Path, checkout: Checkout, find_python: Callable[[str], str], minor: str
) -> None:
    assert checkout.head in output_of(find_python(minor), executable, checkout.root)


@pytest.mark.skipif(os.name == "nt", reason="Windows starts no file by its first line")
def test_it_runs_by_its_own_first_line_from_a_folder_in_the_repository(
    executable: Path, checkout: Checkout
) -> None:
    done = subprocess.run(
        [executable], cwd=checkout.root / "docs", check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.head in done.stdout


def test_its_version_is_that_of_its_metadata(executable: Path) -> None:
    assert output_of(sys.executable, executable, "--version") == "git-inspect 1.0.0\n"


def test_it_tells_a_folder_that_is_no_repository_and_a_repository_without_commits(
    executable: Path, tmp_path: Path
) -> None:
    plain = run(sys.executable, executable, tmp_path)
    assert plain.returncode == 1
    assert plain.stderr == f"git-inspect: not a git repository: {tmp_path}\n"
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    empty = run(sys.executable, executable, tmp_path)
    assert empty.returncode == 1
    assert empty.stderr == f"git-inspect: no commits yet in the repository: {tmp_path}\n"


def test_it_reads_worktrees_and_detached_heads(
    executable: Path, checkout: Checkout, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", str(tree)], cwd=checkout.root, check=True
    )
    said = output_of(sys.executable, executable, tree)
    assert checkout.head in said
    assert "(detached)" in said


@pytest.mark.parametrize("minor", CLASSIC_PYTHONS)
def test_the_classic_runs_under_each_of_its_pythons(
    classic: Path, checkout: Checkout, find_python: Callable[[str], str], minor: str
) -> None:
    said = output_of(find_python(minor), classic, checkout.root)
    assert f"commit   {checkout.head}\n" in said
    assert "author   Ada Example <ada@example.org>\n" in said


def test_the_classic_says_under_another_python_what_it_is_for(classic: Path) -> None:
    # Without other Pythons on PATH that it could go on under.
    done = run(sys.executable, classic, PATH="")
    assert done.returncode not in {0, None}
    assert "Python 3.6" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.lab
@pytest.mark.parametrize("platform", ["deb12-arm64-py311", "win-py312"])
def test_it_runs_on_machines_of_other_platforms(
    executable: Path, run_in_lab: Callable[..., Run], platform: str
) -> None:
    done = run_in_lab(platform, executable, "--version")
    assert (done.returncode, done.stdout.strip()) == (0, "git-inspect 1.0.0")
