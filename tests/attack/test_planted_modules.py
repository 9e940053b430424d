"""Until the program is entered, nothing is imported but from the interpreter's own library."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.table import StartOptions
from tests.attack.conftest import PLANTED
from tests.startup.conftest import PYTHONS, make_bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

# What a first or a later start imports, or once did; not what Python itself imports
# before (importlib, warnings, and zlib for a zip file).
NAMES = (
    *("argparse", "base64", "binascii", "bisect", "csv", "ctypes", "datetime", "errno", "fcntl"),
    *("hashlib", "json", "lzma", "marshal", "platform", "queue", "random", "re", "shutil"),
    *("signal", "struct", "subprocess", "sysconfig", "tempfile", "textwrap", "threading", "time"),
    *("typing", "unicodedata", "zipfile", "_multiplat", "hatch_multiplat", "pex"),
)


@pytest.mark.parametrize("path", ["{0}", ":{0}", "{0}:/x", ":/x"])
@pytest.mark.parametrize("inherit", ["false", "fallback"])
def test_planted_modules_do_not_run(bench: Bench, inherit: str, path: str) -> None:
    folder = bench.folder / "planted"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"print('{PLANTED}: {name}')\nraise SystemExit(9)\n")
    app = bench.demo(options=StartOptions(inherit_path=inherit))  # type: ignore[arg-type]
    env = {"PYTHONPATH": path.format(folder)}
    for way in ("file", "python", "file", "python", "info", "venv"):
        command: list[object] = [bench.python, app] if way == "python" else [app]
        extra = {"MULTIPLAT": way} if way in {"info", "venv"} else {}
        words = {"info": [], "venv": [bench.folder / "made"]}.get(way, ["missing-argument"])
        result = bench.run([*command, *words], env={**env, **extra}, code=None, cwd=folder)
        lines = [line for line in result.stdout.splitlines() if line.startswith(PLANTED)]
        # By then the program has been entered, which sees what `inherit-path` lets it see; and
        # Python itself starts with PYTHONPATH in force.
        assert not lines or (inherit != "false" and bench.cache.exists()), (way, lines)


@pytest.mark.parametrize("minor", PYTHONS, ids="{0[0]}.{0[1]}".format)
def test_the_current_folder_is_none_to_import_from(tmp_path: Path, minor: tuple[int, int]) -> None:
    """As in a checkout with an `os.py`: Pythons before 3.11 read that module from a file."""
    bench = make_bench(tmp_path, PYTHONS[minor])
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in (*NAMES, "abc", "codecs", "genericpath", "io", "os", "posixpath", "site", "stat"):
        marker = folder / f"ran-{name}"
        (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()\n", "utf-8")
    app = bench.demo()
    for way in (None, None, "info", "verify"):
        bench.run([app, "double", "2"], cwd=folder, env={"MULTIPLAT": way}, code=None)
        assert not list(folder.glob("ran-*")), way
