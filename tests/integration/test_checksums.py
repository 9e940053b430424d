from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.build.checksums import FILENAME, write_checksums

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, name: str, content: str = "x") -> Path:
    path = folder / name
    path.write_text(content, "utf-8")
    return path


def line(path: Path) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"


def test_there_is_a_line_for_each_file_by_name(tmp_path: Path) -> None:
    files = [make(tmp_path, "b.pex"), make(tmp_path, "a name.whl", "y")]
    path = write_checksums(tmp_path, files)
    assert path == tmp_path / FILENAME
    assert path.read_bytes().decode() == f"{line(files[1])}\n{line(files[0])}\n"
    assert sorted(item.name for item in tmp_path.iterdir()) == [FILENAME, "a name.whl", "b.pex"]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum here")
def test_sha256sum_checks_it(tmp_path: Path) -> None:
    path = make(tmp_path, "a name.pex")
    write_checksums(tmp_path, [path])
    command = ["sha256sum", "--check", "--strict", FILENAME]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "a name.pex: OK\n")


def test_lines_of_others_stay_while_they_hold(tmp_path: Path) -> None:
    names = ("kept", "changed", "gone", "made")
    files = {name: make(tmp_path, name) for name in names}
    write_checksums(tmp_path, files.values())
    make(tmp_path, "changed", "now")
    make(tmp_path, "made", "anew")
    files["gone"].unlink()
    path = write_checksums(tmp_path, [files["made"]])
    assert path.read_text("utf-8").splitlines() == [line(files["kept"]), line(files["made"])]


@pytest.mark.parametrize("text", ["words\n", "", "00  short\n", "\0" * 9, f"{'0' * 64}  ../up\n"])
def test_what_is_no_line_of_sums_is_left_out(tmp_path: Path, text: str) -> None:
    make(tmp_path, FILENAME, text)
    made = make(tmp_path, "made")
    assert write_checksums(tmp_path, [made]).read_text("utf-8").splitlines() == [line(made)]


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILENAME).mkdir()
    with pytest.raises(ExecutableError, match=r"cannot write .*SHA256SUMS"):
        write_checksums(tmp_path, [make(tmp_path, "made")])
