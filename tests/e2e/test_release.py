"""A release of this project: its own executable, made by its own hook, builds another project."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from hatch_multiplat.__about__ import __version__
from tests.e2e.conftest import commit_all
from tests.support.commands import run_command
from tests.support.server import free_port, run_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Checkout

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def release(checkout: Checkout) -> Path:
    """Return the folder that scripts/release.py leaves, of one platform of the eight.

    And compressed as quickly as it can be, since uv alone takes half a minute else.
    """
    changes = {
        "pyproject.toml": (r"^platforms = \[\n.*?^\]$", 'platforms = ["linux-x86_64"]'),
        "hatch_multiplat/executable/blocks.py": (r"^PRESET: Final = \d$", "PRESET: Final = 0"),
    }
    texts = {name: (checkout.root / name).read_text("utf-8") for name in changes}
    try:
        for name, change in changes.items():
            text, count = re.subn(*change, texts[name], flags=re.DOTALL | re.MULTILINE)
            assert count == 1
            (checkout.root / name).write_text(text, "utf-8")
        printed = checkout.run_script("release.py")
    finally:
        for name, text in texts.items():
            (checkout.root / name).write_text(text, "utf-8")
    assert "4 targets: cp311, cp312, cp313, cp314 on" in printed
    assert "hatch-multiplat, version " in printed.splitlines()[-1]
    return checkout.root / "dist"


def test_a_release_is_the_sdist_the_wheel_and_the_executable(release: Path) -> None:
    made = ("hatch-multiplat.pex", "hatch-multiplat.pyz")
    (sdist,), (wheel,) = release.glob("*.tar.gz"), release.glob("*.whl")
    files = {sdist.name, wheel.name, *made, *(f"{name}.cdx.json" for name in made)}
    assert {path.name for path in release.iterdir()} == {*files, "SHA256SUMS"}
    sums = (release / "SHA256SUMS").read_text("utf-8").splitlines()
    assert {line[66:]: line[:64] for line in sums} == {
        name: hashlib.sha256((release / name).read_bytes()).hexdigest() for name in files
    }
    with zipfile.ZipFile(wheel) as archive:
        assert any(
            name.endswith("/share/man/man1/hatch-multiplat.1") for name in archive.namelist()
        )
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "scripts/release.py"} <= files


def test_the_release_s_own_table_is_covered() -> None:
    root = Path(__file__).resolve().parents[2]
    printed = run_command(sys.executable, "-m", "hatch_multiplat", "check", cwd=root)
    assert "All 32 targets are covered." in printed


def test_an_index_takes_the_upload_and_pip_installs_the_command_from_there(
    release: Path, tmp_path: Path
) -> None:
    """What the release workflow uploads to PyPI, uploaded to an index on loopback."""
    upload = [str(path) for pattern in ("*.whl", "*.tar.gz") for path in release.glob(pattern)]
    twine = [uv.find_uv_bin(), "tool", "run", "twine"]
    printed = run_command(*twine, "check", "--strict", *upload, cwd=tmp_path)
    assert printed.count("PASSED") == 2
    packages = tmp_path / "packages"
    packages.mkdir()
    port = free_port()
    serve = ["run", "-i", "127.0.0.1", "-p", str(port), "-P", ".", "-a", ".", "--disable-fallback"]
    command = (sys.executable, "-m", "pypiserver", *serve, "packages")
    with run_server(*command, port=port, folder=tmp_path):
        index = f"http://127.0.0.1:{port}"
        account = ["--non-interactive", "-u", "ada", "-p", "none"]
        run_command(*twine, "upload", "--repository-url", index, *account, *upload, cwd=tmp_path)
        assert len(list(packages.iterdir())) == 2
        target = ["--no-deps", "--target", str(tmp_path / "installed")]
        pip = [uv.find_uv_bin(), "pip", "install", "--index-url", f"{index}/simple/"]
        run_command(*pip, *target, "hatch-multiplat", cwd=tmp_path)
    (metadata,) = (tmp_path / "installed").glob("hatch_multiplat-*.dist-info/METADATA")
    assert f"\nVersion: {__version__}\n" in metadata.read_text("utf-8")


def test_no_release_is_built_for_a_tag_that_the_repository_is_not_ready_for(
    checkout: Checkout,
) -> None:
    words = [sys.executable, "scripts/release.py", "--tag"]
    printed = run_command(*words, "v99.0", cwd=checkout.root, code=1)
    assert printed.startswith("the tag is v99.0, but ")
    changelog = checkout.root / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    try:
        changelog.write_text(text.replace(f"## [{__version__}] - ", "## "), "utf-8")
        printed = run_command(*words, f"v{__version__}", cwd=checkout.root, code=1)
    finally:
        changelog.write_text(text, "utf-8")
    assert printed == (
        f"CHANGELOG.md has no section '## [{__version__}] - DATE'\n"
        f"no digests of {__version__}: run python scripts/digests.py --release\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="starts the file by its first line")
def test_the_executable_builds_the_example_project_and_the_result_runs(
    release: Path, tmp_path: Path, find_python: Callable[[str], str]
) -> None:
    """On a machine with a Python and nothing else: uv and pex are the executable's own."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(find_python("3.12"))
    project = tmp_path / "example"
    example = Path(__file__).resolve().parents[2] / "example_project"
    shutil.copytree(example, project, ignore=shutil.ignore_patterns("dist"))
    head = commit_all(project)
    environ = os.environ | {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin",
        # The example requires the plugin for building, which is in no index yet.
        "UV_FIND_LINKS": str(release),
    }

    def run(*words: str | Path) -> str:
        return run_command(*words, cwd=project, environ=environ)

    for name in ("hatch-multiplat.pyz", "hatch-multiplat.pex"):
        assert "15 targets" in run(release / name, "build", ".")
    assert head in run(project / "dist" / "git-inspect-1.0.0.pex", project)


def test_an_ordinary_build_needs_no_plugin(checkout: Checkout, tmp_path: Path) -> None:
    """Else nobody could install the plugin from its sdist: what it needed would be itself."""
    build = [uv.find_uv_bin(), "build", "--wheel", "--out-dir", str(tmp_path), str(checkout.root)]
    subprocess.run(build, check=True, capture_output=True)
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix] == [".whl"]
