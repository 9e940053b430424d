"""Each command once, from check to merge, as a person types them on this machine, Windows too."""

from __future__ import annotations

import os
import shutil
import string
import sys
import tempfile
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from tests.support.caches import make_cache
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
CODE = """\
import sys

def main():
    import native
    print(native.where, sys.argv[1:])
"""
HERE = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
PLATFORMS = {"linux": "linux-x86_64", "macos": "macos-arm64", "windows": "windows-x86_64"}
WHEELS = {
    "linux": f"{TAG}-{TAG}-manylinux_2_17_x86_64",
    "macos": f"{TAG}-{TAG}-macosx_11_0_arm64",
    "windows": f"{TAG}-{TAG}-win_amd64",
}


class Project:
    """A project that hatchling builds, and commands that are typed in its folder."""

    def __init__(self, root: Path, index_url: str) -> None:
        self.root, self.index_url = root, index_url
        (root / "src" / "demo").mkdir(parents=True)
        (root / "src" / "demo" / "__init__.py").write_text(CODE, "utf-8")

    @property
    def dist(self) -> Path:
        return self.root / "dist"

    def write(self, **table: Any) -> None:
        document = {
            "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
            "project": {
                "name": "demo",
                "version": "1.0",
                "dependencies": ["native"],
                "scripts": {"demo": "demo:main"},
            },
            "tool": {
                "hatch": {"build": {"hooks": {"multiplat": {}}}},
                "multiplat": {
                    "index-url": self.index_url,
                    "platforms": list(PLATFORMS.values()),
                    "python": [MINOR],
                    **table,
                },
            },
        }
        (self.root / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")

    def run(self, *words: str | Path, code: int = 0, **environ: str) -> str:
        """Run `hatch-multiplat`; returns what it printed."""
        return self.python("-m", "hatch_multiplat", *words, code=code, **environ)

    def build(self, **environ: str) -> str:
        """Build the wheel by hatchling, and so, by the hook, what the table asks for."""
        words = ("-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check")
        return self.python(*words, code=0, **environ)

    def python(self, *words: str | Path, code: int = 0, **environ: str) -> str:
        variables = {**os.environ, "PYTHONUTF8": "1", **environ}
        return run_command(sys.executable, *words, cwd=self.root, environ=variables, code=code)


@pytest.fixture
def make(
    index_server: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], Project]:
    """Return a function that makes the project in a folder."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    for system, tags in WHEELS.items():
        code = f"where = {system!r}\n"
        index_server.add_wheel("native", tags=tags, files={"native.py": code})
    return lambda folder: Project(folder, index_server.index_url)


@pytest.fixture
def project(make: Callable[[Path], Project], tmp_path: Path) -> Project:
    """The project in a folder whose name is odd, as people's are."""
    return make(tmp_path / "größer & 100% (new)")


def start(project: Project, file: Path) -> str:
    return project.python(file, "a", "b c", PEX_ROOT=str(project.root / "root"))


RAN = f"{HERE} ['a', 'b c']\n"


def test_check_lock_build_inspect_verify_split_and_merge(project: Project) -> None:
    project.write(formats=["pex", "exe", "zip", "wheelhouse"], checksums=True)
    assert "native" in project.run("check")
    project.run("lock")
    lock = tomllib.loads((project.root / "pylock.multiplat.toml").read_text("utf-8"))
    (native,) = lock["packages"]
    assert len(native["wheels"]) == len(WHEELS)
    project.run("lock", "--check")

    project.build()
    pex, exe = project.dist / "demo-1.0.pex", project.dist / "demo-1.0.exe"
    once = pex.read_bytes(), exe.read_bytes(), (project.dist / "SHA256SUMS").read_bytes()
    project.build()
    assert (pex.read_bytes(), exe.read_bytes(), (project.dist / "SHA256SUMS").read_bytes()) == once
    assert start(project, pex) == RAN

    assert "native" in project.run("inspect", "--wheels", "--lock", "pylock.multiplat.toml", pex)
    project.run("verify", pex, "--lock", "pylock.multiplat.toml", "--no-run")
    project.run("split", pex, "--each", "platform", "-o", "parts")
    parts = sorted((project.root / "parts").iterdir())
    assert len(parts) == len(PLATFORMS)
    project.run("merge", *parts, "-o", "merged.pex")
    merged = project.root / "merged.pex"
    assert merged.read_bytes() == pex.read_bytes()
    assert start(project, merged) == RAN


@pytest.mark.parametrize("layout", ["packed", "loose"])
def test_a_folder_is_built_again_over_itself_and_starts(project: Project, layout: str) -> None:
    project.write(layout=layout)
    for _ in range(2):
        project.build()
        assert start(project, project.dist / "demo-1.0.pex") == RAN


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has drives")
def test_the_project_the_cache_and_temporary_files_lie_on_different_drives(
    make: Callable[[Path], Project], tmp_path: Path
) -> None:
    with folder_on_another_drive(tmp_path) as other:
        project = make(other / "project")
        for drive in (tmp_path, other):
            elsewhere = other if drive is tmp_path else tmp_path
            temporary, cache = elsewhere / "temporary", drive / "cache"
            temporary.mkdir()
            environ = {
                "TEMP": str(temporary),
                "TMP": str(temporary),
                "HATCH_MULTIPLAT_CACHE": str(cache),
            }
            for layout in ("zipapp", "packed", "loose"):
                project.write(layout=layout)
                shutil.rmtree(project.dist, ignore_errors=True)
                project.build(**environ)
                assert start(project, project.dist / "demo-1.0.pex") == RAN


@contextmanager
def folder_on_another_drive(here: Path) -> Iterator[Path]:
    """Give a new folder on another drive than that of `here`; skips where there is none."""
    for letter in string.ascii_uppercase:
        root = Path(f"{letter}:\\")
        if letter in "AB" or letter == here.drive[:1].upper() or not root.is_dir():
            continue
        for parent in (root / "tmp", root):
            try:
                folder = Path(tempfile.mkdtemp(dir=parent))
            except OSError:
                continue
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
            return
    pytest.skip("there is one drive")
