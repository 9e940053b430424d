from __future__ import annotations

import tomllib
from typing import Any

import pytest

from hatch_multiplat.index.project_settings import active_extras, settle_sources

PROJECT = """\
[project]
name = "Demo"
dependencies = ["rich"]
[project.optional-dependencies]
cpu = ["torch"]
gpu = ["torch>=2"]
all = ["demo[cpu]", "demo[docs]"]
docs = ["sphinx", "DEMO[all]"]
[dependency-groups]
test = ["torch"]
dev = [{ include-group = "test" }]
"""
TORCH = """\
[tool.uv.sources]
torch = [{ index = "one", extra = "cpu" }, { index = "two", extra = "GPU" }]
"""


def settle(text: str, *, project: str = PROJECT) -> tuple[dict[str, Any], list[str]]:
    pyproject = tomllib.loads(project + text)
    return settle_sources(pyproject["tool"]["uv"]["sources"], pyproject)


@pytest.mark.parametrize(
    ("table", "sources", "expected"),
    [
        pytest.param("", TORCH, {}, id="no extra"),
        pytest.param('extras = ["cpu"]', TORCH, {"torch": [{"index": "one"}]}, id="one extra"),
        pytest.param('extras = ["gpu"]', TORCH, {"torch": [{"index": "two"}]}, id="another"),
        pytest.param('extras = ["all"]', TORCH, {"torch": [{"index": "one"}]}, id="by way of all"),
        pytest.param(
            'dependency-groups = ["dev"]',
            "[tool.uv.sources]\ntorch = { index = 'one', group = 'test' }\n",
            {},
            id="not by way of a group that includes it, as in uv",
        ),
        pytest.param(
            'dependency-groups = ["Dev"]',
            "[tool.uv.sources]\ntorch = { index = 'one', group = 'dev' }\n",
            {"torch": {"index": "one"}},
            id="a group, for what it includes as well",
        ),
        pytest.param(
            'extras = ["cpu", "gpu"]',
            "[tool.uv.sources]\ntorch = [\n"
            "  { index = 'one', extra = 'cpu', marker = \"os_name == 'nt'\" },\n"
            "  { index = 'two', extra = 'gpu', marker = \"os_name != 'nt'\" },\n]\n",
            {
                "torch": [
                    {"index": "one", "marker": "os_name == 'nt'"},
                    {"index": "two", "marker": "os_name != 'nt'"},
                ]
            },
            id="markers stay",
        ),
        pytest.param(
            'extras = ["cpu", "gpu"]',
            "[tool.uv.sources]\n"
            "torch = [{ index = 'one', extra = 'cpu' }, { index = 'one', extra = 'gpu' }]\n",
            {"torch": [{"index": "one"}]},
            id="twice the same",
        ),
        pytest.param(
            "",
            "[tool.uv.sources]\nrich = { path = 'rich' }\nnone = []\n",
            {"rich": {"path": "rich"}, "none": []},
            id="without conditions",
        ),
    ],
)
def test_the_entries_of_the_executables_own_extras_and_groups_are_in_force(
    table: str, sources: str, expected: dict[str, Any]
) -> None:
    assert settle(f"[tool.multiplat]\n{table}\n{sources}") == (expected, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            f'[tool.multiplat]\nextras = ["cpu", "gpu"]\n{TORCH}',
            "tool.uv.sources.torch: several entries are in force at once: that of extra 'cpu' and "
            "that of extra 'GPU'; leave one in force by tool.multiplat.extras, "
            "or give each a marker",
            id="two extras",
        ),
        pytest.param(
            "[tool.multiplat]\nextras = ['cpu']\n[tool.uv.sources]\n"
            "torch = [{ index = 'one', extra = 'cpu' }, { index = 'two' }]\n",
            "tool.uv.sources.torch: several entries are in force at once: that of extra 'cpu' and "
            "the one without extra and group; leave one in force by tool.multiplat.extras, "
            "or give each a marker",
            id="one for an extra and one for all",
        ),
        pytest.param(
            "[tool.uv.sources]\ntorch = { index = 'one', extra = 'tpu' }\n",
            "tool.uv.sources.torch.extra: there is no 'tpu' in project.optional-dependencies "
            "(it has: cpu, gpu, all, docs)",
            id="no such extra",
        ),
        pytest.param(
            "[tool.uv.sources]\nrich = [{ index = 'one', extra = 'cpu' }]\n",
            "tool.uv.sources.rich[0].extra: rich is not in project.optional-dependencies.cpu; "
            "add it there",
            id="an extra without it",
        ),
        pytest.param(
            "[tool.uv.sources]\nrich = { index = 'one', group = 'test' }\n",
            "tool.uv.sources.rich.group: rich is not in dependency-groups.test; add it there",
            id="a group without it",
        ),
        pytest.param(
            "[tool.uv.sources]\ntorch = { index = 'one', group = 'test', extra = 'cpu' }\n",
            "tool.uv.sources.torch: an entry has either extra or group, not both",
            id="both",
        ),
    ],
)
def test_conditions_that_make_no_sense_are_named_by_their_path(text: str, problem: str) -> None:
    assert settle(text)[1] == [problem]


def test_of_a_workspaces_root_only_what_means_something_here_counts() -> None:
    pyproject = tomllib.loads(PROJECT)
    inherited = {"torch": {"index": "one", "extra": "elsewhere"}}
    assert settle_sources(inherited, pyproject) == ({}, [])


def test_extras_that_a_backend_computes_are_not_checked() -> None:
    project = '[project]\nname = "demo"\ndynamic = ["optional-dependencies"]\n'
    assert settle(f"[tool.multiplat]\nextras = ['gpu']\n{TORCH}", project=project) == (
        {"torch": [{"index": "two"}]},
        [],
    )


def test_extras_that_lead_to_each_other_end() -> None:
    pyproject = tomllib.loads(PROJECT + "[tool.multiplat]\nextras = ['docs']\n")
    assert list(active_extras(pyproject)) == ["docs", "all", "cpu"]
