"""The recipes for CI: their syntax, whether their parts fit, and every step that can run here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from tests.support.native import EXAMPLE, PYTHONS, make_native_project

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = EXAMPLE / ".github" / "workflows" / "build.yml"
GITLAB = EXAMPLE / ".gitlab-ci.yml"
TOOL = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["tool"]
# The machine that builds and tries each platform, with what it has to be told for that.
GITHUB_RUNNERS = {
    "linux-x86_64": "ubuntu-24.04",
    "linux-aarch64": "ubuntu-24.04-arm",
    "macos-arm64": "macos-15",
    "macos-x86_64": "macos-15-intel",
    "windows-x86_64": "windows-2025",
}
GITLAB_LINUX = {
    "linux-x86_64": "saas-linux-small-amd64",
    "linux-aarch64": "saas-linux-small-arm64",
}
INSTALLS = "python -m pip install"
PROGRAM = "count-primes-1.0.0.pex"


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def steps(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [step["with"] for step in job["steps"] if step.get("uses", "").startswith(action)]


def commands(job: dict[str, Any]) -> list[str]:
    """What a job runs, on either service, but for what it installs."""
    lines = job.get("script") or [step["run"] for step in job["steps"] if "run" in step]
    return [line for line in lines if not line.startswith(INSTALLS)]


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", GITLAB)],
    ids=["github", "gitlab"],
)
def test_the_recipe_is_what_the_service_reads(schema: str, path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="there is no actionlint on PATH")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint", GITHUB], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_github_builds_and_tries_on_a_machine_for_each_platform() -> None:
    jobs = load(GITHUB)["jobs"]
    assert list(GITHUB_RUNNERS) == TOOL["multiplat"]["platforms"]
    for name in ("wheels", "try"):
        assert jobs[name]["strategy"]["matrix"]["os"] == list(GITHUB_RUNNERS.values())
        assert jobs[name]["runs-on"] == "${{ matrix.os }}"
    assert jobs["try"]["strategy"]["matrix"]["python"] == TOOL["multiplat"]["python"]
    assert (jobs["executable"]["needs"], jobs["try"]["needs"]) == ("wheels", "executable")


def test_on_github_each_job_finds_what_the_one_before_has_left() -> None:
    jobs = load(GITHUB)["jobs"]
    (left,) = steps(jobs["wheels"], "actions/upload-artifact")
    (found,) = steps(jobs["executable"], "actions/download-artifact")
    assert left["name"].startswith(found["pattern"].removesuffix("*"))
    assert left["path"] == f"{found['path']}/*.whl" == TOOL["multiplat"]["project-wheels"][0]
    assert found["merge-multiple"] is True
    (left,) = steps(jobs["executable"], "actions/upload-artifact")
    (found,) = steps(jobs["try"], "actions/download-artifact")
    assert left == {"name": found["name"], "path": "dist/*.pex", "if-no-files-found": "error"}


def test_on_gitlab_each_job_finds_what_the_one_before_has_left() -> None:
    jobs = load(GITLAB)
    assert jobs["stages"] == ["wheels", "executable", "try"]
    assert jobs[".wheels"]["artifacts"]["paths"] == TOOL["multiplat"]["project-wheels"]
    assert jobs["executable"]["artifacts"]["paths"] == ["dist/*.pex"]
    for stage in ("wheels", "try"):
        found = {name for name in jobs if name.startswith(f"{stage}-")}
        assert found == {f"{stage}-linux", f"{stage}-macos", f"{stage}-windows"}
        assert all(jobs[name]["extends"] == f".{stage}" for name in found)
        assert jobs[f".{stage}"]["stage"] == stage
        (matrix,) = jobs[f"{stage}-linux"]["parallel"]["matrix"]
        assert matrix["RUNNER"] == list(GITLAB_LINUX.values())
    assert matrix["PYTHON"] == TOOL["multiplat"]["python"]
    # Needs of a job: what the job that it names leaves is there without the sources, too.
    assert jobs[".try"]["needs"] == ["executable"]


def test_wheels_are_built_for_the_pythons_of_the_executable_and_without_it() -> None:
    cibuildwheel = TOOL["cibuildwheel"]
    pythons = [f"cp{python.replace('.', '')}" for python in TOOL["multiplat"]["python"]]
    assert list(PYTHONS) == pythons
    assert cibuildwheel["build"] == [f"{python}-*" for python in pythons]
    assert cibuildwheel["environment"] == {"HATCH_MULTIPLAT": "0"}


@pytest.mark.parametrize("jobs", [load(GITHUB)["jobs"], load(GITLAB)], ids=["github", "gitlab"])
def test_every_job_for_wheels_runs_cibuildwheel_into_the_folder_of_the_table(
    jobs: dict[str, Any],
) -> None:
    for name, job in jobs.items():
        if name.startswith("wheels"):
            last = commands(job)[-1].replace("python3", "python")
            assert last == "python -m cibuildwheel --output-dir wheelhouse"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="both recipes build the executable on Linux")
@pytest.mark.skipif(
    f"cp{sys.version_info.major}{sys.version_info.minor}" not in PYTHONS,
    reason="the example is for other Pythons",
)
@pytest.mark.usefixtures("plain_network")
@pytest.mark.parametrize(
    ("executable", "trial", "folder"),
    [
        pytest.param(
            load(GITHUB)["jobs"]["executable"], load(GITHUB)["jobs"]["try"], "dist", id="github"
        ),
        pytest.param(load(GITLAB)["executable"], load(GITLAB)["try-linux"], "", id="gitlab"),
    ],
)
def test_what_can_run_here_runs(
    tmp_path: Path, *, executable: dict[str, Any], trial: dict[str, Any], folder: str
) -> None:
    project = make_native_project(tmp_path)
    project.add_wheels()
    printed = "".join(project.run(line) for line in commands(executable))
    assert "15 targets" in printed
    assert project.executable.name == PROGRAM
    # On GitHub, what is downloaded lies in the job's own folder.
    here = project.root / folder
    printed = "".join(project.run(line, cwd=here) for line in commands(trial))
    assert printed.startswith("25 primes, counted by ")
