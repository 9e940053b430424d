"""`hatch-multiplat targets`, and pex on the files that it writes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from click.testing import CliRunner

from hatch_multiplat.base.errors import ConfigError, WriteError
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.targets.target import MARKER_VARIABLES, Target

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.conftest import MakeFile

TABLE = {
    "platforms": ["linux-x86_64", "macos-arm64-14.0", "windows-x86_64"],
    "python": ["3.12", "3.14t"],
}
NAMES = [
    "cp312-manylinux_2_28_x86_64",
    "cp314t-manylinux_2_28_x86_64",
    "cp312-macosx_14_0_arm64",
    "cp314t-macosx_14_0_arm64",
    "cp312-win_amd64",
    "cp314t-win_amd64",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    root = tmp_path / "demo"
    root.mkdir()
    document: dict[str, Any] = {"project": {"name": "demo"}, "tool": {"multiplat": TABLE}}
    (root / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")
    return root


def run(project: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["targets", str(project), *words])
    assert result.exit_code == code, result.output
    return result


def test_every_target_stands_under_its_platform(project: Path) -> None:
    lines = run(project).stdout.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        *("linux-x86_64", "macos-arm64-14.0", "windows-x86_64", "6 targets")
    ]
    assert [line.split()[0] for line in lines if " tags" in line] == NAMES
    assert "  needs macOS 14.0 or newer, macosx_14_0_arm64" in lines
    assert max(map(len, lines)) <= 80


def test_json_has_all_of_a_target(project: Path) -> None:
    found = json.loads(run(project, "--json").stdout)
    assert [target["name"] for target in found] == NAMES
    linux = found[0]
    assert linux["tags"] == [str(tag) for tag in Target.parse(NAMES[0]).tags]
    assert (linux["platform"], linux["python"], linux["floor"]) == ("linux-x86_64", "3.12", "2.28")
    assert sorted(linux["marker_environment"]) == list(MARKER_VARIABLES)
    assert linux["marker_environment"]["python_full_version"] == "3.12.*"
    assert found[4]["floor"] is None


def test_one_target_is_shown_whole(project: Path) -> None:
    text = run(project, "--target", NAMES[4]).stdout
    assert "platform_machine                AMD64" in text
    tags = [str(tag) for tag in Target.parse(NAMES[4]).tags]
    assert text.split(f"{len(tags)} tags, best first\n")[1].split() == tags


def test_complete_platforms_are_read_back_as_the_same_targets(
    project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "platforms"
    result = run(project, "--complete-platform", str(folder))
    assert result.stdout == f"Wrote 6 complete-platform files to {folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.json" for n in NAMES)
    for name in NAMES:
        data = json.loads((folder / f"{name}.json").read_text("utf-8"))
        found, expected = Target.from_complete_platform(data, name=name), Target.parse(name)
        assert found.tags == expected.tags
        assert found.environment() == expected.environment()


@pytest.mark.usefixtures("pex_resolves")
def test_pex_takes_the_files(project: Path, tmp_path: Path, make_wheel: MakeFile) -> None:
    """For a foreign platform it finds the wheel, and the dependency that a marker asks for."""
    folder = tmp_path / "platforms"
    run(project, "--target", "cp312-win_amd64", "--complete-platform", str(folder))
    wheels = make_wheel("native", tags="cp312-cp312-win_amd64", requires=["more; os_name == 'nt'"])
    make_wheel("more", tags="py3-none-any")
    output = tmp_path / "app.pex"
    command = [
        *(sys.executable, "-m", "pex", "native", "--no-pypi", "--find-links", wheels.parent),
        *("--complete-platform", folder / "cp312-win_amd64.json", "--output-file", output),
        *("--pex-root", tmp_path / "pex-root"),
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {name.split("/")[1] for name in zipfile.ZipFile(output).namelist() if ".deps/" in name}
    assert {"native-1.0-cp312-cp312-win_amd64.whl", "more-1.0-py3-none-any.whl"} <= names


class TestBadInput:
    def test_a_target_that_there_is_not(self, project: Path, tmp_path: Path) -> None:
        folder = tmp_path / "platforms"
        result = run(
            project,
            *("--target", "cp312-win_amd46", "--complete-platform", str(folder)),
            code=ConfigError.exit_code,
        )
        assert result.stderr == (
            "error: --target: the project has no target 'cp312-win_amd46'; "
            "did you mean 'cp312-win_amd64'?\n"
        )
        assert not folder.exists()

    def test_a_folder_that_is_a_file(self, project: Path, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("kept", "utf-8")
        result = run(project, "--complete-platform", str(file), code=WriteError.exit_code)
        assert result.stderr == (
            f"error: cannot write {file}: {file} is a file, not a folder; "
            "name another place in --complete-platform\n"
        )
        assert file.read_text("utf-8") == "kept"

    def test_a_folder_without_a_project(self, tmp_path: Path) -> None:
        result = run(tmp_path, code=ConfigError.exit_code)
        assert "no such file; name the project's folder" in result.stderr


def test_from_a_folder_below_the_project_above_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[tool.multiplat]\nplatforms = ["windows-x86_64"]\npython = ["3.12"]\n'
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    deep = tmp_path / "src" / "demo"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    result = CliRunner().invoke(main, ["targets"])
    assert result.exit_code == 0, result.output
    assert "cp312-win_amd64" in result.output
    # A folder that is named is taken at its word.
    assert "no such file" in CliRunner().invoke(main, ["targets", "."]).output
