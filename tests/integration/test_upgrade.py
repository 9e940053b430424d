"""Executables and locks of an earlier format: each works, or one line says what to do.

`tests/data/f700194` was made at that commit: `app.pex` and `app.exe` by `tests.support.app`, with
the table inside `__main__.py` and without pex's runtime, and the lock by `hatch-multiplat lock`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main
from tests.support.project import make_project
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

DATA = Path(__file__).parents[1] / "data" / "f700194"
TAGS = tuple(
    f"{python}-{python}-{platform}"
    for python in ("cp311", "cp312")
    for platform in ("macosx_11_0_arm64", "manylinux_2_17_x86_64", "win_amd64")
)


@pytest.mark.skipif(sys.platform != "linux", reason="its targets here are of Linux")
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it is for Pythons up to 3.13")
def test_a_file_of_before_runs(tmp_path: Path) -> None:
    app = shutil.copy(DATA / "app.pex", tmp_path)
    environ = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for command in ([app], [sys.executable, app], [app]):
        done = subprocess.run(
            [*command, "x"], env=environ, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("demo of f700194 ['x']\n", "")


@pytest.mark.parametrize("form", ["app.pex", "app.exe", "folder"])
@pytest.mark.parametrize("command", ["inspect", "verify", "split", "merge"])
def test_what_reads_files_says_in_one_line_what_to_do(
    tmp_path: Path, command: str, form: str
) -> None:
    file = DATA / form
    if form == "folder":
        file = tmp_path / "demo.pex"
        with zipfile.ZipFile(DATA / "app.pex") as archive:
            archive.extractall(file)
    output = tmp_path / "out"
    words: dict[str, list[str | Path]] = {
        "inspect": [file],
        "verify": [file],
        "split": [file, "--each", "target", "-o", output],
        "merge": [file, file, "-o", output],
    }
    result = CliRunner().invoke(main, [command, *(str(word) for word in words[command])])
    assert result.exit_code == 8
    (line,) = result.stderr.splitlines()
    assert line.endswith(
        f"{file.name} was made by an older hatch-multiplat, in a format that this release does not "
        "read; use the one that made it, or build the file anew"
    )
    assert not output.exists()


@pytest.mark.usefixtures("plain_network", "uv_cache")
def test_a_lock_of_before_is_fresh_and_builds_take_it(
    index_server: IndexServer, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    index_server.add(
        make_wheel(wheels, "greeting", files={"greeting.py": "said = 'hello'\n"}),
        *(
            make_wheel(
                wheels,
                "native",
                tags=tag,
                files={"native.py": f"tag = {tag!r}\n"},
                scripts={"native": "native:main"},
                data={"scripts/quick": "#!python\nprint('quick')\n"},
            )
            for tag in TAGS
        ),
    )
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["greeting", "native"],
        table={
            "platforms": ["linux-x86_64", "windows-x86_64", "macos-arm64"],
            "python": ["3.11", "3.12"],
            "lock": "pylock.toml",
        },
    )
    table = (project.root / "pyproject.toml").read_text("utf-8")
    (project.root / "pyproject.toml").write_text(
        table.replace('version = "1.0"', 'version = "1.0"\ndependencies = ["greeting", "native"]'),
        "utf-8",
    )
    lock = (DATA / "pylock.toml").read_text("utf-8")
    address = index_server.index_url.split("/")[2]
    (project.root / "pylock.toml").write_text(lock.replace("127.0.0.1:PORT", address), "utf-8")
    environ = {**project.environ, "NO_COLOR": "1"}
    for command in ("lock", "check"):
        words = [command, *(["--check"] if command == "lock" else []), str(project.root)]
        result = CliRunner().invoke(main, words, env=environ)
        assert result.exit_code == 0, result.output
    report = project.build()
    assert (report.lock, report.wheels) == ("pylock.toml", 8)
