"""What this repository offers to other people's CI, run as they would run it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv
from ruamel.yaml import YAML

from tests.e2e.conftest import commit_all
from tests.support.commands import run_command
from tests.support.desk import EXECUTABLE, make_desk, write_table
from tests.support.workflow import Runner, read_yaml

if TYPE_CHECKING:
    from tests.e2e.conftest import Checkout
    from tests.support.page import Shell

ROOT = Path(__file__).resolve().parents[2]
ACTION = read_yaml(ROOT / "action.yml")
pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="bash is not where it is on a runner"),
]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal in a small project, whose tools keep their caches."""
    desk = make_desk(tmp_path, HOME=os.environ["HOME"])
    write_table(desk, {"project": {"dependencies": ["idna==3.10"]}})
    return desk


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a runner on which the action's first step has installed hatch-multiplat."""
    folder = tmp_path_factory.mktemp("runner")
    given = {name: option["default"] for name, option in ACTION["inputs"].items()}
    values = {
        **{f"inputs.{name}": value for name, value in given.items()},
        "inputs.python": sys.executable,
        "github.action_path": str(ROOT),
        "runner.temp": str(folder),
    }
    runner = Runner(folder=folder, cwd=folder, environ=os.environ, values=values)
    runner.run(ACTION["runs"]["steps"][:1])
    return runner


def test_the_action_builds_verifies_and_summarises(runner: Runner, shell: Shell) -> None:
    runner = replace(runner, cwd=shell.cwd, environ=shell.environ)
    steps = ACTION["runs"]["steps"][1:]
    runner.run(steps)
    executable = shell.cwd / runner.values["steps.build.outputs.executable"]
    assert executable == shell.cwd / "dist" / EXECUTABLE
    assert int(runner.values["steps.build.outputs.size"]) == executable.stat().st_size
    assert runner.values["steps.build.outputs.files"].splitlines() == [str(executable)]
    assert "idna" in runner.summary
    assert "1 of 1 targets proven complete" in runner.summary
    assert runner.summary.count("```") == 4

    # Every executable is verified, whatever it is called.
    write_table(shell, {"tool": {"multiplat": {"formats": ["pex", "pyz"], "output": "app"}}})
    before = runner.summary
    runner.run(steps)
    added = runner.summary.removeprefix(before)
    assert "app: verification" in added
    assert "app.pyz: verification" in added
    assert added.count("1 of 1 targets proven complete") == 2

    # What no target has a wheel for ends the job, and the summary says what is missing.
    write_table(shell, {"project": {"dependencies": ["pywin32==306"]}})
    executable.unlink()
    runner.run(steps, code=4)
    assert "pywin32" in runner.summary.rpartition("1 of 1 targets proven complete")[2]
    assert not executable.exists()

    # A program that fails ends it too, with the code block of the summary closed.
    write_table(shell)
    (shell.cwd / "git_inspect" / "cli.py").write_text("def main():\n    return 'broken'\n", "utf-8")
    runner.run(steps, code=9)
    assert runner.summary.endswith("```\n\n</details>\n\n")
    runner.values["inputs.run"] = "false"
    runner.run(steps)


def test_the_gitlab_component_builds_and_verifies(
    runner: Runner, shell: Shell, checkout: Checkout
) -> None:
    write_table(shell, {"tool": {"multiplat": {"formats": ["pex", "pyz"], "output": "app"}}})
    header, jobs = YAML(typ="safe").load_all((ROOT / "templates" / "build.yml").read_text("utf-8"))
    inputs = {name: given["default"] for name, given in header["spec"]["inputs"].items()}
    inputs["requirement"] = f"hatch-multiplat[cli] @ {checkout.root.as_uri()}"
    (job,) = jobs.values()
    variables = {"CI_PROJECT_DIR": str(shell.cwd)}
    for name, value in job["variables"].items():
        key = value.removeprefix("$[[ inputs.").removesuffix(" ]]")
        variables[name] = inputs.get(key, value).replace("$CI_PROJECT_DIR", str(shell.cwd))
    # An image's Python, with what is common already there.
    python = Path(runner.values["steps.install.outputs.python"])
    environ = {
        **shell.environ,
        **variables,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        # The project requires the plugin for building, which is in no index yet.
        "UV_BUILD_CONSTRAINT": runner.values["steps.install.outputs.constraints"],
    }
    printed = run_command(
        "bash", "-eo", "pipefail", "-c", "\n".join(job["script"]), cwd=shell.cwd, environ=environ
    )
    assert printed.count("1 of 1 targets proven complete, 1 run with --version") == 2
    made = {path.name for path in (shell.cwd / "multiplat").iterdir()}
    assert {"app", "app.pyz", "coverage.html", "report.json"} <= made


def test_pre_commit_runs_the_hooks(shell: Shell, checkout: Checkout, tmp_path: Path) -> None:
    """Installed from a repository, once for both runs, as a `.pre-commit-config.yaml` says."""
    environ = {**shell.environ, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    tool = [uv.find_uv_bin(), "tool", "run", "pre-commit"]
    manifest = ROOT / ".pre-commit-hooks.yaml"
    run_command(*tool, "validate-manifest", manifest, cwd=shell.cwd)
    lock = [sys.executable, "-m", "hatch_multiplat", "lock", "--quiet"]
    run_command(*lock, cwd=shell.cwd, environ=environ)
    hooks = [{"id": hook["id"]} for hook in read_yaml(manifest)]
    repository = {"repo": str(checkout.root), "rev": checkout.head, "hooks": hooks}
    # JSON is YAML.
    config = json.dumps({"repos": [repository]})
    (shell.cwd / ".pre-commit-config.yaml").write_text(config, "utf-8")
    commit_all(shell.cwd)
    words = [*tool, "run", "--all-files"]
    run_command(*words, cwd=shell.cwd, environ=environ)

    write_table(shell, {"project": {"dependencies": ["idna==3.9"]}})
    printed = run_command(*words, cwd=shell.cwd, environ=environ, code=1)
    assert "hatch-multiplat lock" in printed


def test_a_broken_manifest_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "hooks.yaml"
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", broken)
    broken.write_text(broken.read_text("utf-8").replace("  language: python\n", "", 1), "utf-8")
    tool = [uv.find_uv_bin(), "tool", "run", "pre-commit", "validate-manifest", str(broken)]
    run_command(*tool, cwd=tmp_path, code=1)
