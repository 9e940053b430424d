"""`[tool.uv.sources]`: what a build takes from where, beside what uv itself takes from there."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
import uv

from hatch_multiplat.base.errors import ConfigError, CoverageError, ToolError
from tests.support.project import make_project
from tests.support.wheels import write_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
WINDOWS = "cp312-cp312-win_amd64"
BOTH = {"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"]}

pytestmark = pytest.mark.usefixtures("uv_cache", "plain_network")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Three indexes: `corp` 9.0 is on the public one, 1.0 and 2.0 on one each of its own."""

    folder: Path
    public: IndexServer
    one: IndexServer
    two: IndexServer

    @property
    def indexes(self) -> list[dict[str, Any]]:
        return [
            {"name": "one", "url": self.one.index_url, "explicit": True},
            {"name": "two", "url": self.two.index_url, "explicit": True},
            {"url": self.public.index_url, "default": True},
        ]

    def build(
        self,
        *,
        sources: Mapping[str, Any],
        dependencies: Sequence[str] = (),
        extras: Mapping[str, Sequence[str]] | None = None,
        groups: Mapping[str, Any] | None = None,
        table: Mapping[str, Any] | None = None,
        uv_table: Mapping[str, Any] | None = None,
    ) -> dict[str, tuple[str, ...]]:
        """Build a project with these tables; returns the versions that its executable has."""
        project = make_project(
            self.folder,
            index_url="",
            requires=dependencies,
            extras=extras or {},
            table=BOTH,
        )
        project.write(
            BOTH | dict(table or {}),
            project={
                "dependencies": list(dependencies),
                "optional-dependencies": {
                    name: list(texts) for name, texts in (extras or {}).items()
                },
            },
            tool={"uv": {"index": self.indexes, "sources": dict(sources), **(uv_table or {})}},
            **{"dependency-groups": dict(groups or {})},
        )
        report = project.build()
        return {share.name: share.versions for share in report.dependencies if share.name != "demo"}

    def ask_uv(self, *flags: str) -> dict[str, tuple[str, ...]]:
        """Return the versions that uv takes for the project as it lies there."""
        root = self.folder / "demo"
        pyproject = tomlkit.parse((root / "pyproject.toml").read_text("utf-8"))
        pyproject["project"]["requires-python"] = ">=3.12"
        (root / "pyproject.toml").write_text(tomlkit.dumps(pyproject), "utf-8")
        command = [uv.find_uv_bin(), "pip", "compile", "pyproject.toml", "--universal", "--quiet"]
        command += ["--python", sys.executable, "--format", "pylock.toml"]
        command += ["--python-version", "3.12", *flags]
        done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        found: dict[str, set[str]] = {}
        for package in tomllib.loads(done.stdout)["packages"]:
            if "version" in package:
                found.setdefault(package["name"], set()).add(package["version"])
        return {name: tuple(sorted(versions)) for name, versions in found.items()}


@pytest.fixture
def shop(start_index: Callable[..., IndexServer], tmp_path: Path) -> Shop:
    shop = Shop(folder=tmp_path, public=start_index(), one=start_index(), two=start_index())
    shop.public.add_wheel("corp", "9.0")
    shop.public.add_wheel("top", requires=["corp"])
    shop.one.add_wheel("corp", "1.0")
    shop.two.add_wheel("corp", "2.0")
    return shop


EXTRAS = {"cpu": ["corp"], "gpu": ["corp"], "all": ["demo[gpu]"]}
BY_EXTRA = {"corp": [{"index": "one", "extra": "cpu"}, {"index": "two", "extra": "gpu"}]}


@pytest.mark.parametrize(
    ("extra", "version"), [("cpu", "1.0"), ("gpu", "2.0"), ("all", "2.0")], ids=str
)
def test_an_extra_chooses_the_index(extra: str, version: str, shop: Shop) -> None:
    found = shop.build(sources=BY_EXTRA, extras=EXTRAS, table={"extras": [extra]})
    assert found == {"corp": (version,)} == shop.ask_uv("--extra", extra)
    assert shop.public.requests_for("corp") == []


def test_a_source_for_another_extra_is_none(shop: Shop) -> None:
    found = shop.build(sources=BY_EXTRA, extras=EXTRAS, dependencies=["corp"])
    assert found == {"corp": ("9.0",)} == shop.ask_uv()


def test_two_extras_that_name_two_indexes_are_a_mistake(shop: Shop) -> None:
    with pytest.raises(ConfigError, match=r"^tool\.uv\.sources\.corp: several entries"):
        shop.build(sources=BY_EXTRA, extras=EXTRAS, table={"extras": ["cpu", "gpu"]})


@pytest.mark.parametrize(("group", "version"), [("test", "1.0"), ("dev", "9.0")])
def test_a_group_binds_its_own_requirements_and_not_those_of_who_includes_it(
    group: str, version: str, shop: Shop
) -> None:
    found = shop.build(
        sources={"corp": {"index": "one", "group": "test"}},
        groups={"test": ["corp"], "dev": [{"include-group": "test"}]},
        table={"dependency-groups": [group]},
    )
    assert found == {"corp": (version,)} == shop.ask_uv("--group", group)


def test_markers_choose_among_several_indexes(shop: Shop) -> None:
    found = shop.build(
        dependencies=["corp"],
        sources={
            "corp": [
                {"index": "one", "marker": "sys_platform == 'win32'"},
                {"index": "two", "marker": "sys_platform == 'linux'"},
            ]
        },
    )
    assert found == {"corp": ("1.0", "2.0")}
    assert shop.ask_uv() == {"corp": ("1.0", "2.0", "9.0")}


def test_what_comes_along_with_another_package_is_not_bound(shop: Shop) -> None:
    """For the solver, nor for stepping back, which reads the same index."""
    shop.public.add_native("corp", "10.0", "manylinux_2_34_x86_64")
    shop.public.add_wheel("corp", "10.0", tags=WINDOWS)
    found = shop.build(dependencies=["top"], sources={"corp": {"index": "one"}})
    assert found == {"corp": ("9.0", "10.0"), "top": ("1.0",)}
    assert shop.one.requests_for("corp") == []


def test_a_constraint_on_a_bound_package_that_comes_along_is_a_mistake(shop: Shop) -> None:
    """In a lock of its own, uv takes the package from the index that it is bound to."""
    sources = {"corp": {"index": "one"}}
    table = {"constraint-dependencies": ["corp<50"]}
    with pytest.raises(ConfigError) as raised:
        shop.build(dependencies=["top"], sources=sources, uv_table=table)
    problem = (
        "tool.uv.constraint-dependencies[0]: the source tool.uv.sources.corp counts in a build "
        "only if the project itself requires corp; add it to project.dependencies"
    )
    assert raised.value.problems == (problem,)
    found = shop.build(dependencies=["top", "corp"], sources=sources, uv_table=table)
    assert found["corp"] == ("1.0",)


@pytest.mark.parametrize("dependencies", [["top"], ["top", "corp"]], ids=str)
def test_an_override_of_a_bound_package_is_a_mistake(dependencies: list[str], shop: Shop) -> None:
    """Its source would be overridden, too, and the package come from the public index."""
    with pytest.raises(ConfigError) as raised:
        shop.build(
            dependencies=dependencies,
            sources={"corp": {"index": "one"}},
            uv_table={"override-dependencies": ["rich", "corp"]},
        )
    problem = (
        "tool.uv.override-dependencies[1]: the source tool.uv.sources.corp does not count in a "
        "build where corp is overridden; require the version in project.dependencies and leave "
        "the override out"
    )
    assert raised.value.problems == (problem,)


def test_a_folder_of_the_workspace_binds_what_it_requires_itself(
    shop: Shop, make_wheel: MakeFile
) -> None:
    """By an index that only it names; the gap is told by that index."""
    member = shop.folder / "demo" / "member"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text(
        '[project]\nname = "member"\nversion = "1.0"\ndependencies = ["corp"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[[tool.uv.index]]\nname = "own"\nurl = "{shop.one.index_url}"\nexplicit = true\n'
        '[tool.uv.sources]\ncorp = { index = "own" }\n'
    )
    write_backend(member, make_wheel("member", requires=["corp"]))
    shop.one.add_native("corp", "1.5", "manylinux_2_34_x86_64")
    shop.one.add_wheel("corp", "1.5", tags=WINDOWS)
    sources = {"member": {"path": "member"}}
    assert shop.build(dependencies=["member"], sources=sources)["corp"] == ("1.0", "1.5")
    assert shop.public.requests_for("corp") == []


def test_an_index_that_nobody_names_is_a_mistake(shop: Shop) -> None:
    with pytest.raises(ConfigError) as raised:
        shop.build(dependencies=["corp"], sources={"corp": [{"index": "tow"}]})
    problem = (
        "tool.uv.sources.corp[0].index: no index is named 'tow' (named are: 'one', 'two'); "
        "give one of [[tool.uv.index]] that name"
    )
    assert raised.value.problems == (problem,)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([{"index": "one"}, {"index": "two"}], id="no markers"),
        pytest.param(
            [
                {"index": "one", "marker": "sys_platform == 'win32'"},
                {"index": "two", "marker": "os_name == 'nt'"},
            ],
            id="markers that overlap",
        ),
    ],
)
def test_several_entries_that_may_hold_at_once_are_reported_by_uv(
    entries: list[dict[str, str]], shop: Shop
) -> None:
    with pytest.raises(ToolError, match=r"tool\.uv\.sources"):
        shop.build(dependencies=["corp"], sources={"corp": entries})


def test_an_explicit_index_serves_nothing_but_what_is_bound_to_it(shop: Shop) -> None:
    shop.one.add_wheel("top", "7.0")
    shop.one.add_wheel("only", "1.0")
    found = shop.build(dependencies=["corp", "top"], sources={"corp": {"index": "one"}})
    assert found == {"corp": ("1.0",), "top": ("1.0",)} == shop.ask_uv()
    assert shop.one.requests_for("top") == []


def test_a_bound_packages_gap_is_not_filled_by_another_index(shop: Shop) -> None:
    shop.one.add_wheel("wheels", "1.0", tags=LINUX)
    shop.public.add_wheel("wheels", "2.0")
    with pytest.raises(CoverageError, match=r"wheels 1\.0: no wheel for this platform"):
        shop.build(dependencies=["wheels"], sources={"wheels": {"index": "one"}})
