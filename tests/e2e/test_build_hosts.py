"""Other machines as build hosts: the unit tests, and each command once, under the lab's Pythons."""

from __future__ import annotations

import functools
import re
import zipfile
from typing import TYPE_CHECKING, Final

import pytest
import uv

from tests.e2e.conftest import ROOT
from tests.support.commands import run_command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.network, pytest.mark.slow]

# The lab runs one file on a bare machine, so the checkout and all that would be installed there
# come in one archive.
BOOTSTRAP: Final = """\
import os, subprocess, sys, tempfile, zipfile
folder = tempfile.mkdtemp(prefix="host")
with zipfile.ZipFile(sys.argv[0]) as archive:
    for item in archive.infolist():
        path = archive.extract(item, folder)
        os.chmod(path, item.external_attr >> 16)
checkout, installed = os.path.join(folder, "checkout"), os.path.join(folder, "installed")
environ = dict(os.environ, PYTHONPATH=os.pathsep.join([checkout, installed]), PYTHONUTF8="1")
home = os.path.dirname(sys.executable)
environ["PATH"] = os.pathsep.join([os.path.join(installed, "bin"), home, environ["PATH"]])
words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]
sys.exit(subprocess.run(words, cwd=checkout, env=environ).returncode)
"""
LEFT_OUT: Final = re.compile(r"^(\.git|\.venvs|dist|site|docs/_build)/|__pycache__|_cache/")
LINUX, WINDOWS = "x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc"


def pack(folder: Path, wheel: Path, *, platform: str, python: str) -> Path:
    """Return one file with the checkout, and what a machine of this kind would have installed."""
    run_command(
        uv.find_uv_bin(),
        *("pip", "install", "--target", folder / "installed", "--only-binary", ":all:"),
        *("--python-platform", platform, "--python-version", python),
        *(f"hatch-multiplat[cli] @ {wheel.as_uri()}", "--group", f"{ROOT / 'pyproject.toml'}:test"),
        cwd=folder,
    )
    path = folder / "host.pyz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("__main__.py", BOOTSTRAP)
        for root, name in ((ROOT, "checkout"), (folder / "installed", "installed")):
            for file in sorted(root.rglob("*")):
                inside = file.relative_to(root).as_posix()
                if file.is_file() and not LEFT_OUT.search(inside):
                    archive.write(file, f"{name}/{inside}")
    return path


HOSTS: Final = {
    "sid-py314": (LINUX, "3.14"),
    "sid-py315": (LINUX, "3.15"),
    "win-py312": (WINDOWS, "3.12"),
}
FIRST: Final = [f"tests/unit/{room}" for room in ("base", "build", "config", "executable")]
RUNS: Final = [
    pytest.param("sid-py314", ["tests/unit"], id="3.14"),
    pytest.param("sid-py315", ["tests/unit"], id="3.15"),
    # In parts, as a lab may limit how long one run takes, and Windows takes minutes.
    pytest.param("win-py312", FIRST, id="Windows"),
    pytest.param(
        "win-py312", ["tests/unit", *(f"--ignore={r}" for r in FIRST)], id="Windows, rest"
    ),
    pytest.param("win-py312", ["tests/integration/test_every_command.py"], id="Windows, commands"),
]


@pytest.fixture(scope="module")
def pack_for(
    plugin_wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return a function from a host to the one file for it."""
    (wheel,) = plugin_wheels.glob("*.whl")

    @functools.cache
    def packed(host: str) -> Path:
        platform, python = HOSTS[host]
        return pack(tmp_path_factory.mktemp(host), wheel, platform=platform, python=python)

    return packed


@pytest.mark.parametrize(("host", "tests"), RUNS)
def test_they_pass_there(
    pack_for: Callable[[str], Path],
    run_in_lab: Callable[..., subprocess.CompletedProcess[str]],
    host: str,
    tests: list[str],
) -> None:
    done = run_in_lab(host, pack_for(host), *tests)
    said = f"{done.stdout[-20_000:]}\n{done.stderr[-5_000:]}"
    assert done.returncode == 0, said
    assert re.search(r"\d+ passed", done.stdout), said
