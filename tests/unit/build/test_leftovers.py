from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from hatch_multiplat.build.checksums import write_checksums
from hatch_multiplat.build.leftovers import OwnOutputs, is_named_as_output, remove_leftovers
from hatch_multiplat.executable.executable import INFO
from hatch_multiplat.resolve.project import Project, make_project

ALL = ["pex", "pyz", "wheelhouse", "wheelhouse-zip", "zip", "exe", "scie"]


def project(folder: Path = Path("demo"), **table: Any) -> Project:
    settings = {"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"], **table}
    return make_project(folder, {"project": {"name": "my-app"}, "tool": {"multiplat": settings}})


def is_ours(filename: str, **table: Any) -> bool:
    return is_named_as_output(filename, project(**table).config, project_name="my-app")


@pytest.mark.parametrize(
    "filename",
    [
        "my-app-1.0.pex",
        "my-app-2!1.0rc1.post2.dev3+local.4.pex",
        "my-app-1.0.pex.cdx.json",
        "my-app-1.0.pyz",
        "my-app-1.0.pyz.cdx.json",
        "my-app-1.0.exe",
        "my-app-1.0.exe.cdx.json",
        "my-app-1.0-wheelhouse",
        "my-app-1.0-wheelhouse-cp312-manylinux_2_28_x86_64.zip",
        "my-app-1.0-cp312-win_amd64.zip",
        "my-app-1.0-linux-x86_64",
        "my-app-1.0-windows-x86_64.exe",
    ],
)
def test_what_the_table_names_is_ours_in_any_version(filename: str) -> None:
    assert is_ours(filename, formats=ALL)


@pytest.mark.parametrize(
    "filename",
    [
        "my-app.pex",
        "my-app-extra-1.0.pex",
        "other-my-app-1.0.pex",
        "my-app-1.0.pex.old",
        "my-app.pyz",
        "my-app-1.0.zip",
        "my-app-latest.pex",
        "my-app-1.0-cp311-win_amd64.zip",
        "my-app-1.0-linux-aarch64",
        "my_app-1.0-py3-none-any.whl",
        "my_app-1.0.tar.gz",
    ],
)
def test_every_other_name_is_somebody_elses(filename: str) -> None:
    assert not is_ours(filename, formats=ALL)


def test_formats_that_the_table_does_not_ask_for_are_not_ours() -> None:
    assert is_ours("my-app-1.0.pex")
    assert not is_ours("my-app-1.0.exe")
    assert not is_ours("my-app-1.0-cp312-win_amd64.zip")


def test_an_output_without_a_version_is_that_one_file() -> None:
    assert is_ours("run.sh", output="run.sh")
    assert not is_ours("run.shx", output="run.sh")
    assert not is_ours("my-app-1.0.pex", output="run.sh")


def test_several_programs_for_windows_have_their_platforms() -> None:
    platforms = ["windows-x86_64", "windows-arm64"]
    assert is_ours("my-app-1.0-windows-arm64.exe", formats=["exe"], platforms=platforms)
    assert not is_ours("my-app-1.0.exe", formats=["exe"], platforms=platforms)


def test_files_and_folders_of_builds_go_and_all_else_stays(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    packed, foreign = dist / "my-app-0.1.pex", dist / "my-app-0.2.pex"
    for folder in (packed, foreign):
        folder.mkdir(parents=True)
    (packed / INFO).write_text("{}", "utf-8")
    (foreign / "notes.txt").write_text("kept", "utf-8")
    for name in ("my-app-0.3.pex", "my-app-1.0.pex", "wheel.whl"):
        (dist / name).write_text(name, "utf-8")
    write_checksums(dist, [dist / "my-app-1.0.pex", dist / "wheel.whl"])

    gone = remove_leftovers(project(tmp_path), dist)

    assert [path.name for path in gone] == ["my-app-0.1.pex", "my-app-0.3.pex", "my-app-1.0.pex"]
    assert sorted(path.name for path in dist.iterdir()) == [
        "SHA256SUMS",
        "my-app-0.2.pex",
        "wheel.whl",
    ]
    (line,) = (dist / "SHA256SUMS").read_text("utf-8").splitlines()
    assert line.endswith("  wheel.whl")


def test_checksums_of_nothing_go_too(tmp_path: Path) -> None:
    (tmp_path / "my-app-1.0.pex").write_text("", "utf-8")
    write_checksums(tmp_path, [tmp_path / "my-app-1.0.pex"])
    remove_leftovers(project(tmp_path), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_tables_folder_is_cleaned_in_place_of_the_usual_one(tmp_path: Path) -> None:
    for name in ("dist", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "my-app-1.0.pex").write_text("", "utf-8")
    remove_leftovers(project(tmp_path, **{"output-dir": "out"}), tmp_path / "dist")
    assert [path.parent.name for path in tmp_path.rglob("*.pex")] == ["dist"]


def test_a_folder_that_is_not_there_has_nothing_to_clean(tmp_path: Path) -> None:
    assert remove_leftovers(project(tmp_path), tmp_path / "dist") == ()


def write_zip(path: Path, members: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def test_what_builds_have_written_is_told_from_what_a_project_has(tmp_path: Path) -> None:
    write_zip(tmp_path / "bin" / "my-app-1.0.pex", {INFO: "{}"})
    write_zip(tmp_path / "one" / "deep" / "my-app-0.9-cp312-win_amd64.zip", {"a.py": ""})
    write_zip(tmp_path / "one" / "renamed.pex", {".multiplat/table.json": '{"name": "my-app"}'})
    write_zip(tmp_path / "data" / "other.pex", {".multiplat/table.json": '{"name": "other"}'})
    write_zip(tmp_path / "data" / "plain.pex", {INFO: "{}"})
    (tmp_path / "bin" / "my-app-1.0.pex.cdx.json").write_text("{}", "utf-8")
    (tmp_path / "bin" / "my-app-1.0-linux-x86_64").write_bytes(b"\x7fELF...")
    (tmp_path / "data" / "my-app-1.0-linux-x86_64").write_text("notes\n", "utf-8")
    (tmp_path / "one" / "my-app-1.0-wheelhouse" / "cp312-win_amd64").mkdir(parents=True)
    (tmp_path / "bin" / ".hatch-multiplat-left").mkdir()
    for folder, name in (("bin", "my-app-1.0.pex"), ("data", "notes.txt")):
        text = f"{'0' * 64}  {name}\n"
        (tmp_path / folder / "SHA256SUMS").write_text(text, "utf-8")
    outputs = OwnOutputs(project(tmp_path, formats=ALL), None)
    ours = [
        "bin/my-app-1.0.pex",
        "bin/my-app-1.0.pex.cdx.json",
        "bin/my-app-1.0-linux-x86_64",
        "bin/SHA256SUMS",
        "bin/.hatch-multiplat-left/half",
        "one/deep/my-app-0.9-cp312-win_amd64.zip",
        "one/renamed.pex",
    ]
    others = [
        "data/other.pex",
        "data/plain.pex",
        "data/my-app-1.0-linux-x86_64",
        "data/SHA256SUMS",
        "src/my_app/__init__.py",
    ]
    assert [path for path in (*ours, *others) if outputs.match_file(path)] == ours


def test_what_an_earlier_table_named_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    """The formats, the targets and the name of the outputs may have changed since."""
    table = {".multiplat/table.json": '{"name": "my-app"}'}
    write_zip(tmp_path / "bin" / "tool", table)
    write_zip(tmp_path / "bin" / "tool.exe", table)
    (tmp_path / "bin" / "tool.exe.cdx.json").write_text("{}", "utf-8")
    (tmp_path / "bin" / "SHA256SUMS").write_text(f"{'0' * 64}  tool\n", "utf-8")
    installed = {"my_app-1.0.dist-info/METADATA": "", "a.py": ""}
    write_zip(tmp_path / "bin" / "tool-cp39-macosx_13_0_arm64.zip", installed)
    requirements = "# {} 1.0 for cp39-win_amd64, made by hatch-multiplat.\nfirst==1.0\n"
    for name in ("my-app", "other"):
        text = requirements.format(name)
        write_zip(tmp_path / name / "house.zip", {"requirements.txt": text})
    house = tmp_path / "bin" / "tool-wheelhouse" / "cp39-win_amd64"
    house.mkdir(parents=True)
    (house / "requirements.txt").write_text(requirements.format("my-app"), "utf-8")
    loose = tmp_path / "bin" / "folder" / ".multiplat"
    loose.mkdir(parents=True)
    (loose / "table.json").write_text('{"name": "my-app"}', "utf-8")
    write_zip(tmp_path / "data" / "my_app-1.0-py3-none-any.whl", installed)
    write_zip(tmp_path / "data" / "tool", {"a.py": ""})
    (tmp_path / "data" / "tool.cdx.json").write_text("{}", "utf-8")
    (tmp_path / "data" / "run.sh").write_text("#!/bin/sh\n", "utf-8")
    outputs = OwnOutputs(project(tmp_path), None)
    ours = [
        *("bin/tool", "bin/tool.exe", "bin/tool.exe.cdx.json", "bin/SHA256SUMS"),
        "bin/tool-cp39-macosx_13_0_arm64.zip",
        "my-app/house.zip",
        "bin/tool-wheelhouse/cp39-win_amd64/requirements.txt",
        "bin/folder/__main__.py",
    ]
    others = [
        *("data/my_app-1.0-py3-none-any.whl", "data/tool", "data/tool.cdx.json", "data/run.sh"),
        "other/house.zip",
    ]
    assert [path for path in (*ours, *others) if outputs.match_file(path)] == ours


def test_what_others_leave_out_stays_out(tmp_path: Path) -> None:
    class Others:
        def match_file(self, path: str) -> bool:
            return path.endswith(".tmp")

    outputs = OwnOutputs(project(tmp_path), Others())
    assert outputs.match_file("a.tmp")
    assert not outputs.match_file("a.py")
