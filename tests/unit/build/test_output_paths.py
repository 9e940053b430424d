from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.build.output_paths import choose_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "project"
    (folder / "dist").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("this one", "utf-8")
    return folder


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary" / "demo-1.0"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("this one", "utf-8")
    (folder / "PKG-INFO").write_text("Name: demo", "utf-8")
    return folder


def choose(
    output_dir: str | None,
    project_dir: Path,
    default: Path,
    *,
    copied: bool = True,
    shell: str = "",
) -> tuple[Path, list[str]]:
    said: list[str] = []
    folder = choose_folder(
        output_dir,
        project_dir=project_dir,
        default=default,
        copied=copied,
        environ={"PWD": shell},
        say=said.append,
    )
    return folder, said


def test_without_a_key_it_is_the_wheels_own(unpacked: Path, project: Path) -> None:
    assert choose(None, unpacked, project / "dist") == (project / "dist", [])


def test_a_path_starts_from_the_project(project: Path) -> None:
    assert choose("bin", project, project / "dist") == (project / "bin", [])


def test_from_an_unpacked_sdist_it_starts_from_the_project_that_gets_the_wheel(
    unpacked: Path, project: Path
) -> None:
    assert choose("bin", unpacked, project / "dist") == (project / "bin", [])
    deeper = project / "out" / "here"
    assert choose("bin", unpacked, deeper) == (project / "bin", [])


def test_a_project_of_another_table_is_not_the_one(unpacked: Path, project: Path) -> None:
    inner = project / "other"
    (inner / "dist").mkdir(parents=True)
    (inner / "pyproject.toml").write_text("another", "utf-8")
    assert choose("bin", unpacked, inner / "dist") == (project / "bin", [])


def test_where_the_wheel_goes_elsewhere_the_shell_may_stand_in_the_project(
    unpacked: Path, project: Path, tmp_path: Path
) -> None:
    assert choose("bin", unpacked, tmp_path / "out", shell=str(project)) == (project / "bin", [])


@pytest.mark.parametrize("output_dir", ["bin", "../bin"])
def test_where_the_project_is_not_found_it_is_the_wheels_folder_and_that_is_said(
    unpacked: Path, tmp_path: Path, output_dir: str
) -> None:
    folder, said = choose(output_dir, unpacked, tmp_path / "out")
    assert folder == tmp_path / "out"
    expected = (
        f"output-dir {output_dir!r} is relative, and the project cannot be found from its "
        f"unpacked sdist: the executable goes beside the wheel, to {tmp_path / 'out'}"
    )
    assert said == [expected]


def test_an_absolute_path_stays(unpacked: Path, project: Path, tmp_path: Path) -> None:
    there = tmp_path / "bin"
    assert choose(str(there), unpacked, project / "dist") == (there, [])


def test_an_sdist_that_somebody_works_in_is_a_project(unpacked: Path, tmp_path: Path) -> None:
    """By hand it is named itself; a frontend may build from a copy of it, or from it."""
    assert choose("bin", unpacked, tmp_path / "out", copied=False) == (unpacked / "bin", [])
    assert choose("bin", unpacked, unpacked / "dist") == (unpacked / "bin", [])
