"""What other people's CI takes from this repository has the form that its hosts ask for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hatch_multiplat.__about__ import __version__
from tests.support.commands import check_jsonschema
from tests.support.workflow import Runner, read_yaml

ROOT = Path(__file__).resolve().parents[2]
COMPONENT = ROOT / "templates" / "build.yml"
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


def check_schema(schema: str, path: Path) -> None:
    done = check_jsonschema("--builtin-schema", f"vendor.{schema}", path)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-actions", ROOT / "action.yml"),
        ("readthedocs", ROOT / ".readthedocs.yaml"),
        *(("github-workflows", path) for path in WORKFLOWS),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_file_is_what_its_schema_asks_for(schema: str, path: Path) -> None:
    check_schema(schema, path)


def test_the_component_has_an_input_for_each_name_and_a_job_that_gitlab_takes(
    tmp_path: Path,
) -> None:
    text = COMPONENT.read_text("utf-8")
    header, jobs = YAML(typ="safe").load_all(text)
    inputs = header["spec"]["inputs"]
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(inputs)
    assert all(given["description"] and given["default"] for given in inputs.values())
    filled = tmp_path / ".gitlab-ci.yml"
    body = text.partition("\n---\n")[2]
    for name, given in inputs.items():
        body = body.replace(f"$[[ inputs.{name} ]]", given["default"])
    filled.write_text(body, "utf-8")
    check_schema("gitlab-ci", filled)
    assert list(jobs) == ["$[[ inputs.job ]]"]


def test_the_component_installs_the_version_that_it_is_tagged_with() -> None:
    header, _ = YAML(typ="safe").load_all(COMPONENT.read_text("utf-8"))
    assert (
        header["spec"]["inputs"]["requirement"]["default"] == f"hatch-multiplat[cli]=={__version__}"
    )


def test_every_expression_of_the_action_is_an_input_or_an_output_of_a_step_before() -> None:
    action = read_yaml(ROOT / "action.yml")
    known = {f"inputs.{name}" for name in action["inputs"]} | {"github.action_path", "runner.temp"}
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        # Nothing of a user's goes into a script's text, where it could be a command.
        assert "${{" not in step["run"]
        used = set(re.findall(r"\$\{\{ ([\w.-]+) \}\}", str(step)))
        assert used <= known, used - known
        written = re.findall(r"(?:echo \"|f\"|print\(\"|, f\")(\w+)(?:=|<<)", step["run"])
        known |= {f"steps.{step.get('id')}.outputs.{name}" for name in written}
    for output in action["outputs"].values():
        assert output["value"][4:-3] in known


def test_every_action_that_a_workflow_uses_has_a_version() -> None:
    for path in [*WORKFLOWS, ROOT / "action.yml"]:
        for used in re.findall(r"uses: (\S+)", path.read_text("utf-8")):
            assert used == "./" or re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", used), used


def step_with(word: str) -> list[dict[str, str]]:
    """Return the steps of the release workflow that have this in what they run."""
    jobs = read_yaml(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    found = [step for job in jobs.values() for step in job["steps"] if word in step.get("run", "")]
    assert len(found) == 1
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Linux")
def test_a_release_whose_two_builds_differ_is_not_published(tmp_path: Path) -> None:
    for name in ("release", "again"):
        (tmp_path / name).mkdir()
        for file in ("SHA256SUMS", "hatch-multiplat.pex"):
            (tmp_path / name / file).write_text(f"{file}\n", "utf-8")
    runner = Runner(folder=tmp_path, cwd=tmp_path, environ={"PATH": "/usr/bin:/bin"})
    assert runner.run(step_with("diff")) == "SHA256SUMS\n"
    (tmp_path / "again" / "hatch-multiplat.pex").write_text("other\n", "utf-8")
    assert "hatch-multiplat.pex differ" in runner.run(step_with("diff"), code=1)


@pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Linux")
def test_the_index_gets_the_sdist_and_the_wheel_and_the_release_page_gets_everything(
    tmp_path: Path,
) -> None:
    files = ["a-1.tar.gz", "a-1-py3-none-any.whl", "a.pex", "a.pex.cdx.json", "SHA256SUMS"]
    page, index, tools = tmp_path / "page", tmp_path / "index", tmp_path / "tools"
    for folder in (page / "dist", index):
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).touch()
    tools.mkdir()
    gh = tools / "gh"
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', "utf-8")
    gh.chmod(0o755)
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "GITHUB_REF_NAME": "v1"}
    values = {"github.token": "token", "github.repository": "owner/name"}

    Runner(folder=tmp_path, cwd=index, environ=environ).run(step_with("mkdir upload"))
    assert sorted(path.name for path in (index / "upload").iterdir()) == sorted(files[:2])

    runner = Runner(folder=tmp_path, cwd=page, environ=environ, values=values)
    words = runner.run(step_with("gh release create")).splitlines()
    assert words[:3] == ["release", "create", "v1"]
    assert set(words[3:]) == {
        "--verify-tag",
        "--generate-notes",
        *(f"dist/{name}" for name in files),
    }
