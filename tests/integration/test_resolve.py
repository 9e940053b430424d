"""One way to wheels: builds, locks and checks give the same answer, the newest for each target."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import tomlkit
from click.testing import CliRunner

from hatch_multiplat.base.errors import ConfigError, CoverageError, LockError, SolveError
from hatch_multiplat.build.report import render_report
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.targets.python import spell_spans
from hatch_multiplat.targets.target import Target
from tests.support.caches import make_cache
from tests.support.elf import glibc_object
from tests.support.project import make_project
from tests.support.wheels import make_wheel as build_wheel

if TYPE_CHECKING:
    from click.testing import Result

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

LINUX, MAC, WINDOWS = "manylinux_2_17_x86_64", "macosx_10_13_x86_64", "win_amd64"


class Bench:
    """A project whose three commands are asked for the same."""

    made: ProjectFolder

    def __init__(self, folder: Path, index: IndexServer) -> None:
        self.folder = folder
        self.index = index

    def make(self, *requires: str, **table: Any) -> ProjectFolder:
        tables = {key: table.pop(key) for key in ("tool", "project") if key in table}
        extras = table.pop("extras_of_wheel", {})
        settings = {"platforms": ["linux-x86_64"], "python": ["3.12"], **table}
        made = make_project(
            self.folder,
            index_url=self.index.index_url,
            table=settings,
            requires=requires,
            extras=extras,
        )
        project = {
            "dependencies": list(requires),
            "optional-dependencies": extras,
            **tables.get("project", {}),
        }
        made.write(
            {"index-url": self.index.index_url, **settings},
            project=project,
            tool=tables.get("tool", {}),
        )
        self.made = made
        return made

    def run(self, *words: str) -> Result:
        command, *rest = words
        return CliRunner().invoke(main, [command, *rest, str(self.made.root)])

    def checked(self, *words: str) -> dict[str, dict[str, str]]:
        """Return the version of each package by target, as `check` has it."""
        result = self.run("check", "--json", *words)
        assert result.exit_code == 0, result.output
        found: dict[str, dict[str, str]] = {}
        for package in json.loads(result.stdout)["packages"]:
            for cell in package["wheels"]:
                found.setdefault(package["name"], {})[cell["target"]] = cell["version"]
        return found


@pytest.fixture
def bench(index_server: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    return Bench(tmp_path, index_server)


def versions(report: Any, name: str) -> tuple[str, ...]:
    """Return the versions of a package that a build has taken."""
    return next((share.versions for share in report.dependencies if share.name == name), ())


class TestOneAnswer:
    """What a look into wheels tells counts in builds, locks and checks."""

    FLOORS = ("linux-x86_64", "linux-x86_64-glibc2.36")
    OLD, NEW = "cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_36_x86_64"

    @pytest.fixture
    def served(self, bench: Bench) -> Bench:
        """`native` 2.0 needs glibc 2.36 and 1.0 needs 2.17, which nothing says but their files."""
        for version, symbol in {"1.0": "GLIBC_2.17", "2.0": "GLIBC_2.36"}.items():
            files = {"native/_part.so": glibc_object(symbol)}
            tags = "cp312-cp312-linux_x86_64"
            bench.index.add_wheel("native", version, tags=tags, files=files)
        bench.make("native", platforms=list(self.FLOORS))
        return bench

    def test_a_needed_c_library_counts_in_all_of_them(self, served: Bench) -> None:
        assert served.checked()["native"] == {self.OLD: "1.0", self.NEW: "2.0"}
        assert versions(served.made.build(), "native") == ("1.0", "2.0")
        assert served.run("lock").exit_code == 0
        assert served.run("lock", "--check").exit_code == 0
        assert served.checked()["native"] == {self.OLD: "1.0", self.NEW: "2.0"}
        report = served.made.build()
        assert (report.lock, versions(report, "native")) == (
            "pylock.multiplat.toml",
            ("1.0", "2.0"),
        )

    def test_a_lock_that_does_not_do_is_told_by_all_of_them_and_renewed(
        self, served: Bench
    ) -> None:
        """As one of an earlier release, which opened no wheels."""
        assert served.run("lock").exit_code == 0
        path = served.made.root / "pylock.multiplat.toml"
        fresh = path.read_text("utf-8")
        old = (
            fresh.partition("[[packages]]")[0]
            + "[[packages]]"
            + fresh.rpartition("[[packages]]")[2]
        )
        path.write_text(
            "\n".join(line for line in old.splitlines() if not line.startswith("marker")), "utf-8"
        )
        assert "native-2.0" in path.read_text("utf-8")
        assert served.run("lock", "--check").exit_code == 3
        checked = served.run("check")
        assert checked.exit_code == 4
        assert "GLIBC_2.36" in checked.stdout
        assert served.run("lock").exit_code == 0
        assert path.read_text("utf-8") == fresh

    @pytest.mark.parametrize("served_metadata", [True, False])
    def test_a_requires_python_that_only_metadata_tells_counts_in_all_of_them(
        self, bench: Bench, make_wheel: MakeFile, *, served_metadata: bool
    ) -> None:
        bench.index.metadata = served_metadata
        for version, bound in {"1.0": ">=3.8", "2.0": ">=3.8,!=3.12.*"}.items():
            bench.index.add(make_wheel("picky", version, requires_python=bound), requires_python="")
        made = bench.make("picky", python=["3.11", "3.12"])
        expected = {
            "cp311-manylinux_2_28_x86_64": "2.0",
            "cp312-manylinux_2_28_x86_64": "1.0",
        }
        assert bench.checked()["picky"] == expected
        assert versions(made.build(), "picky") == ("1.0", "2.0")
        assert bench.run("lock").exit_code == 0
        assert bench.run("lock", "--check").exit_code == 0
        assert bench.checked()["picky"] == expected
        assert versions(made.build(), "picky") == ("1.0", "2.0")

    def test_a_check_opens_no_wheel_whose_metadata_is_served(self, bench: Bench) -> None:
        wheel = bench.index.add_wheel("native", tags=f"cp312-cp312-{LINUX}")
        bench.make("native")
        assert bench.run("check").exit_code == 0
        assert bench.index.requests_for(wheel.name) == []
        bench.index.metadata = False
        hidden = bench.index.add_wheel("native", "1.1", tags=f"cp312-cp312-{LINUX}")
        bench.index.fail(f"{hidden.name}.metadata", 404)
        assert bench.run("check").exit_code == 0
        assert bench.index.requests_for(hidden.name)


class TestNewest:
    """Every target gets the newest that its requirements and wheels admit, in any order."""

    PLATFORMS = ("macos-x86_64-10.13", "linux-x86_64-glibc2.17", "windows-x86_64")

    def orders(self, bench: Bench, *requires: str, pythons: tuple[str, ...] = ("3.12",)) -> Any:
        """Return what `check` says for every order of platforms and of Pythons, if it is one."""
        found = []
        for platforms in itertools.permutations(self.PLATFORMS):
            for order in itertools.permutations(pythons):
                bench.make(*requires, platforms=list(platforms), python=list(order))
                found.append(bench.checked())
        assert all(one == found[0] for one in found)
        return found[0]

    def test_a_platform_with_fewer_wheels_holds_no_other_one_back(self, bench: Bench) -> None:
        for version, platforms in {"1.0": (LINUX, MAC, WINDOWS), "2.0": (LINUX, WINDOWS)}.items():
            bench.index.add_native("native", version, *platforms)
        found = self.orders(bench, "native")["native"]
        assert sorted(found.values()) == ["1.0", "2.0", "2.0"]
        assert found["cp312-macosx_10_13_x86_64"] == "1.0"

    def test_two_packages_that_hold_each_other_back_are_asked_for_again(self, bench: Bench) -> None:
        """Whatever order is asked for, one of them would be older than need be."""
        new = {"one": (LINUX, WINDOWS), "two": (MAC, WINDOWS), "three": (LINUX, MAC)}
        for name, platforms in new.items():
            bench.index.add_native(name, "1.0", LINUX, MAC, WINDOWS)
            bench.index.add_native(name, "2.0", *platforms)
        found = self.orders(bench, *new)
        for name, platforms in new.items():
            got = {target for target, version in found[name].items() if version == "2.0"}
            assert len(got) == 2, name
            assert all(any(p.split("_")[0][:3] in t for p in platforms) for t in got)

    def test_an_old_python_holds_no_new_one_back(self, bench: Bench) -> None:
        for version, pythons in {"1.0": ("311", "312"), "2.0": ("311",), "3.0": ("312",)}.items():
            for python in pythons:
                for platform in (LINUX, MAC, WINDOWS):
                    tags = f"cp{python}-cp{python}-{platform}"
                    bench.index.add_wheel("native", version, tags=tags)
        found = self.orders(bench, "native", pythons=("3.11", "3.12"))["native"]
        assert {(target[:5], version) for target, version in found.items()} == {
            ("cp311", "2.0"),
            ("cp312", "3.0"),
        }

    def test_what_a_marker_holds_back_on_one_platform_is_not_held_back_on_others(
        self, bench: Bench
    ) -> None:
        for version in ("1.0", "2.0"):
            bench.index.add_wheel("pure", version)
        found = self.orders(bench, "pure", "pure<2 ; sys_platform == 'linux'")["pure"]
        assert sorted(found.values()) == ["1.0", "2.0", "2.0"]

    def test_a_newer_version_that_something_forbids_is_not_asked_for(self, bench: Bench) -> None:
        for version in ("1.0", "2.0"):
            bench.index.add_wheel("pure", version)
        bench.index.add_wheel("top", requires=["pure<2"])
        made = bench.make("top", platforms=list(self.PLATFORMS))
        report = made.build()
        assert (report.solver_runs, versions(report, "pure")) == (1, ("1.0",))

    def test_a_lock_keeps_its_versions(self, bench: Bench) -> None:
        bench.index.add_wheel("pure", "1.0")
        bench.make("pure")
        assert bench.run("lock").exit_code == 0
        bench.index.add_wheel("pure", "2.0")
        assert bench.run("lock", "--check").exit_code == 0
        assert set(bench.checked("--no-lock")["pure"].values()) == {"2.0"}
        assert bench.run("lock", "--upgrade").exit_code == 0
        assert set(bench.checked()["pure"].values()) == {"2.0"}

    def test_a_package_without_wheels_keeps_nobody_from_what_requires_it(
        self, bench: Bench
    ) -> None:
        """uv, asked for wheels alone, would go back to `top` 1.0, which does without it."""
        bench.index.add_wheel("top", "1.0")
        bench.index.add_wheel("top", "2.0", requires=["source==1.0"])
        bench.index.add_sdist("source", "1.0")
        bench.index.add_wheel("source", "2.0")
        report = bench.make("top", platforms=list(self.PLATFORMS)).build()
        assert versions(report, "top") == ("2.0",)
        assert versions(report, "source") == ("1.0",)


class TestMemory:
    """What one search has learned, the next one need not find out."""

    PLATFORMS = ("linux-x86_64-glibc2.17", "windows-x86_64")

    @pytest.fixture
    def stepping(self, bench: Bench) -> Bench:
        for version, platform in {"1.0": LINUX, "2.0": "manylinux_2_28_x86_64"}.items():
            bench.index.add_native("native", version, platform, WINDOWS)
        bench.make("native", platforms=list(self.PLATFORMS))
        return bench

    def test_the_next_build_asks_once(self, stepping: Bench) -> None:
        first, second = stepping.made.build(), stepping.made.build()
        assert (first.solver_runs, second.solver_runs) == (2, 1)
        assert versions(first, "native") == versions(second, "native") == ("1.0", "2.0")

    def test_a_changed_index_is_noticed(self, stepping: Bench) -> None:
        made = stepping.made
        assert versions(made.build(), "native") == ("1.0", "2.0")
        stepping.index.add_native("native", "1.5", LINUX)
        assert versions(made.build(), "native") == ("1.5", "2.0")
        stepping.index.add_native("native", "2.0", LINUX)
        assert versions(made.build(), "native") == ("2.0",)
        stepping.index.add_native("native", "3.0", LINUX)
        assert versions(made.build(), "native") == ("2.0", "3.0")

    def test_a_new_version_of_what_held_another_one_is_noticed(self, bench: Bench) -> None:
        bench.index.add_wheel("top", "1.0", requires=["native<2"])
        for version, tags in {"1.0": LINUX, "1.5": WINDOWS, "2.0": LINUX}.items():
            bench.index.add_native("native", version, tags)
        made = bench.make("top")
        assert versions(made.build(), "native") == ("1.0",)
        bench.index.add_wheel("top", "2.0", requires=["native"])
        assert versions(made.build(), "native") == ("2.0",)

    def test_a_damaged_note_costs_a_question_and_nothing_else(
        self, stepping: Bench, tmp_path: Path
    ) -> None:
        stepping.made.build()
        (note,) = (tmp_path / "cache" / "resolved").rglob("*.json")
        note.write_text("{}", "utf-8")
        assert versions(stepping.made.build(), "native") == ("1.0", "2.0")

    @pytest.mark.parametrize(
        ("variable", "value"), [("UV_RESOLUTION", "lowest"), ("UV_PRERELEASE", "allow")]
    )
    def test_a_variable_of_uvs_counts_in_its_own_build(
        self,
        bench: Bench,
        make_wheel: MakeFile,
        variable: str,
        value: str,
    ) -> None:
        bench.index.add(*(make_wheel("pure", version) for version in ("1.0", "2.0", "3.0a1")))
        made = bench.make("pure>=1.0")
        told = {"lowest": ("1.0",), "allow": ("3.0a1",)}[value]
        for _ in range(2):
            assert versions(made.build(), "pure") == ("2.0",)
            assert versions(made.build(**{variable: value}), "pure") == told

    def test_a_file_that_a_variable_names_may_change(self, bench: Bench, tmp_path: Path) -> None:
        bench.index.add_wheel("pure", "1.0")
        bench.index.add_wheel("pure", "2.0")
        made = bench.make("pure")
        overrides = tmp_path / "overrides.txt"
        for text, expected in (("pure==1.0", "1.0"), ("", "2.0"), ("pure<2", "1.0")):
            overrides.write_text(text, "utf-8")
            assert versions(made.build(UV_OVERRIDE=str(overrides)), "pure") == (expected,)

    def test_nothing_is_kept_of_an_answer_that_time_changes(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        """`exclude-newer` may name a span of time, such as "1 week"."""
        bench.index.add_wheel("pure")
        made = bench.make("pure", tool={"uv": {"exclude-newer-package": {"other": "1 week"}}})
        assert versions(made.build(), "pure") == ("1.0",)
        assert list((tmp_path / "cache" / "resolved").rglob("*.json")) == []


class TestForbiddenBuilds:
    """Whoever forbids that a package is built does so for safety: nothing of it may run."""

    @pytest.fixture
    def trap(self, bench: Bench, tmp_path: Path) -> Bench:
        """An sdist whose build leaves a file behind, and would succeed."""
        bench.index.add_sdist("trap")
        return bench

    @pytest.mark.parametrize(
        ("tool", "environ", "setting"),
        [
            pytest.param({"no-build": True}, {}, "tool.uv.no-build", id="no-build"),
            pytest.param(
                {"no-build-package": ["other", "Trap"]}, {}, "tool.uv.no-build-package", id="name"
            ),
            pytest.param(
                {"pip": {"only-binary": [":all:"]}}, {}, "tool.uv.pip.only-binary", id="pip table"
            ),
            pytest.param({}, {"UV_NO_BUILD": "1"}, "UV_NO_BUILD", id="UV_NO_BUILD"),
            pytest.param(
                {}, {"UV_NO_BUILD_PACKAGE": "other trap"}, "UV_NO_BUILD_PACKAGE", id="variable"
            ),
            pytest.param({}, {"PIP_ONLY_BINARY": ":all:"}, "PIP_ONLY_BINARY", id="pip"),
            pytest.param({}, {"PIP_ONLY_BINARY": "a,trap"}, "PIP_ONLY_BINARY", id="pip's name"),
        ],
    )
    def test_it_is_a_missing_wheel_with_the_name_of_the_setting(
        self,
        trap: Bench,
        monkeypatch: pytest.MonkeyPatch,
        tool: dict[str, Any],
        environ: dict[str, str],
        setting: str,
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        made = trap.make("trap", tool={"uv": tool})
        for words in (["check"], ["lock"]):
            result = trap.run(*words)
            assert result.exit_code == 4, result.output
            assert f"sdist only, and {setting} forbids building it" in " ".join(
                result.output.split()
            )
            assert "Building" not in result.output
        with pytest.raises(CoverageError, match="forbids building it"):
            made.build(**environ)

    def test_a_locked_sdist_is_not_built_either(
        self, trap: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = trap.make("trap")
        assert trap.run("lock").exit_code == 0
        with pytest.raises(CoverageError, match="UV_NO_BUILD forbids building it"):
            made.build(UV_NO_BUILD="1")
        assert versions(made.build(UV_NO_BUILD="0"), "trap") == ("1.0",)

    def test_wheels_are_no_matter(self, bench: Bench) -> None:
        bench.index.add_wheel("pure")
        made = bench.make("pure", tool={"uv": {"no-build": True}})
        assert versions(made.build(), "pure") == ("1.0",)

    def test_a_package_may_have_to_be_built(self, bench: Bench) -> None:
        bench.index.add_wheel("both", files={"both.py": "made = 'elsewhere'\n"})
        bench.index.add_sdist("both", files={"both.py": "made = 'here'\n"})
        made = bench.make("both", tool={"uv": {"no-binary-package": ["both"]}})
        made.build()
        assert "Building both 1.0, which has no wheel" in made.said

    def test_constraints_for_builds_are_found_from_the_current_folder(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.index.add_wheel("helper", "1.0")
        bench.index.add_wheel("helper", "3.0")
        bench.index.add_sdist("trap", build_requires=["helper"])
        made = bench.make("trap")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("UV_BUILD_CONSTRAINT", "constraints.txt")
        (tmp_path / "constraints.txt").write_text("helper==2.0\n")
        with pytest.raises(CoverageError, match=r"helper==2\.0"):
            made.build(UV_BUILD_CONSTRAINT="constraints.txt")
        (tmp_path / "constraints.txt").write_text("helper==1.0\n")
        assert versions(made.build(UV_BUILD_CONSTRAINT="constraints.txt"), "trap") == ("1.0",)


class TestOwnName:
    """What requires the project gets the project, and not what an index has of that name."""

    @pytest.fixture
    def published(self, bench: Bench) -> Bench:
        """An index with an older release of the project that requires what it needs no more."""
        bench.index.add_wheel("demo", "0.5", requires=["gone"])
        bench.index.add_wheel("gone")
        bench.index.add_wheel("extra")
        return bench

    @pytest.mark.parametrize("asked", ["demo", "demo>=0.7", "demo[fast]", "demo[fast]<2"])
    def test_a_cycle_through_the_project_ends_at_the_project(
        self, published: Bench, asked: str
    ) -> None:
        published.index.add_wheel("plugin", requires=[asked])
        made = published.make("plugin", extras_of_wheel={"fast": ["extra"]})
        report = made.build()
        assert versions(report, "demo") == ("1.0",)
        assert versions(report, "gone") == ()
        assert versions(report, "extra") == (("1.0",) if "fast" in asked else ())
        assert "gone" not in published.checked()
        assert published.run("lock").exit_code == 0
        assert versions(made.build(), "demo") == ("1.0",)

    @pytest.mark.parametrize(
        ("requires", "warning"),
        [
            pytest.param(
                ["plugin"],
                "Warning: The package 'demo==1.0' does not have an extra named 'nope'",
                id="required of the project",
            ),
            pytest.param(
                ["demo[nope,fast]"],
                "Warning: demo requires its own extra 'nope', which it does not have (it has: "
                "fast)",
                id="required by the project of itself",
            ),
            pytest.param(
                ["middle"],
                "Warning: The package 'extra==1.0' does not have an extra named 'nada'",
                id="required of a dependency",
            ),
        ],
    )
    def test_an_extra_that_nobody_has_is_named(
        self, published: Bench, requires: list[str], warning: str
    ) -> None:
        published.index.add_wheel("plugin", requires=["demo[nope]"])
        published.index.add_wheel("middle", requires=["extra[nada]"])
        made = published.make(*requires, extras_of_wheel={"fast": ["extra"]})
        made.build()
        assert [line for line in made.said if "Warning" in line] == [warning]

    def test_a_release_that_wants_another_project_version_is_stepped_back_from(
        self, published: Bench
    ) -> None:
        published.index.add_wheel("plugin", "1.0", requires=["demo"])
        published.index.add_wheel("plugin", "2.0", requires=["demo>=2"])
        assert versions(published.make("plugin").build(), "plugin") == ("1.0",)

    def test_where_none_does_it_is_said_what_the_project_is(self, published: Bench) -> None:
        published.index.add_wheel("plugin", requires=["demo>=2"])
        made = published.make("plugin")
        with pytest.raises(SolveError, match=r"demo is the project itself, at version 1\.0"):
            made.build()

    def test_a_version_that_nobody_knows_yet_is_any(self, published: Bench) -> None:
        published.index.add_wheel("plugin", requires=["demo>=0.7"])
        published.make("plugin", project={"dynamic": ["version"]})
        assert set(published.checked()["plugin"].values()) == {"1.0"}


class TestElsewhere:
    """A package by URL or path is of no index, whatever an index has of that name."""

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("ftp://host/beta-1.0-py3-none-any.whl", "ftp:// is not supported"),
            ("ssh://host/beta-1.0-py3-none-any.whl", "ssh:// is not supported"),
            ("s3://bucket/beta-1.0-py3-none-any.whl", "s3:// is not supported"),
            ("git+ftp://host/beta", "git+ftp:// is not supported"),
            ("hg+https://host/beta", "hg+https:// is not supported"),
            ("file:beta-1.0-py3-none-any.whl", "file: is not supported"),
            ("beta-1.0-py3-none-any.whl", "a path alone is not supported"),
        ],
    )
    @pytest.mark.parametrize("where", ["dependencies", "extras", "groups", "table"])
    def test_a_url_that_leads_nowhere_is_told(
        self, bench: Bench, url: str, said: str, where: str
    ) -> None:
        asked = f"beta @ {url}"
        table: dict[str, dict[str, Any]] = {
            "dependencies": {},
            "extras": {"extras": ["x"], "extras_of_wheel": {"x": [asked]}},
            "groups": {},
            "table": {"requirements": [asked]},
        }
        made = bench.make(*([asked] if where == "dependencies" else []), **table[where])
        if where == "groups":
            made.write(
                {"dependency-groups": ["x"], **made.table}, **{"dependency-groups": {"x": [asked]}}
            )
        with pytest.raises(ConfigError, match=re.escape(f"{asked!r}: {said}; name a file by")):
            made.build()
        result = bench.run("check")
        assert result.exit_code == 2
        assert said in result.output

    @pytest.fixture
    def native(self, bench: Bench, make_wheel: MakeFile) -> tuple[Bench, str]:
        """A wheel for Linux by its URL, beside a stranger's package of that name."""
        bench.index.add_wheel("secretlib", "1.0")
        wheel = make_wheel("secretlib", "2.0", tags=f"cp312-cp312-{LINUX}")
        return bench, wheel.as_uri()

    def test_a_url_is_taken_where_it_fits(self, native: tuple[Bench, str]) -> None:
        bench, url = native
        made = bench.make(f"secretlib @ {url}")
        assert set(bench.checked()["secretlib"].values()) == {"2.0"}
        assert versions(made.build(), "secretlib") == ("2.0",)
        assert bench.index.requests_for("secretlib") == []

    def test_where_it_does_not_fit_no_index_is_asked_and_none_advised(
        self, native: tuple[Bench, str]
    ) -> None:
        bench, url = native
        made = bench.make(f"secretlib @ {url}", platforms=["linux-x86_64", "windows-x86_64"])
        with pytest.raises(CoverageError) as raised:
            made.build()
        said = " ".join(str(raised.value).split())
        assert "secretlib 2.0: no wheel for this platform (has linux x86_64)" in said
        assert "1.0" not in said.partition("to do:")[2]
        assert "require it with a marker" in said
        assert "sys_platform == 'linux'" in said
        assert not any("Stepping back" in line for line in made.said)
        assert bench.index.requests_for("secretlib") == []

    def test_what_to_do_about_a_path_is_said_as_a_requirement_has_it(
        self, native: tuple[Bench, str]
    ) -> None:
        bench, url = native
        both = ["linux-x86_64", "windows-x86_64"]
        path = url.removeprefix("file://")
        tool = {"uv": {"sources": {"secretlib": {"path": path}}}}
        bench.make("secretlib", platforms=both, tool=tool)
        said = "".join(bench.run("check").output.split())
        assert f"\"secretlib@{url};sys_platform=='linux'\"" in said
        bench.make(f"secretlib @ {url} ; sys_platform == 'linux'", platforms=both, tool=tool)
        assert bench.run("check").exit_code == 0

    def test_a_source_is_no_url_of_a_file(self, native: tuple[Bench, str]) -> None:
        bench, url = native
        bench.make("secretlib", tool={"uv": {"sources": {"secretlib": {"url": url}}}})
        result = bench.run("check")
        assert result.exit_code == 2
        said = " ".join(result.output.split())
        assert (
            "tool.uv.sources.secretlib.url: uv takes no file of this machine by its URL; "
            "name it by the key 'path'"
        ) in said

    def test_two_urls_by_markers_do(self, native: tuple[Bench, str], make_wheel: MakeFile) -> None:
        bench, url = native
        other = make_wheel("secretlib", "2.0", tags="cp312-cp312-win_amd64").as_uri()
        made = bench.make(
            f"secretlib @ {url} ; sys_platform == 'linux'",
            f"secretlib @ {other} ; sys_platform == 'win32'",
            platforms=["linux-x86_64", "windows-x86_64"],
        )
        assert versions(made.build(), "secretlib") == ("2.0",)
        assert bench.run("lock").exit_code == 0
        assert versions(made.build(), "secretlib") == ("2.0",)

    @pytest.mark.parametrize("subdirectory", ["", "lib"])
    def test_a_commit_is_built_once(
        self, bench: Bench, make_sdist: MakeFile, tmp_path: Path, subdirectory: str
    ) -> None:
        repository = tmp_path / "repository"
        tree = repository / subdirectory
        tree.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(make_sdist("gitlib", "3.0")) as packed:
            packed.extractall(tmp_path / "unpacked", filter="data")
        shutil.copytree(tmp_path / "unpacked" / "gitlib-3.0", tree)
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.test", "-C", str(repository)]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
            subprocess.run([*git, *words], check=True)
        where = f"#subdirectory={subdirectory}" if subdirectory else ""
        made = bench.make(f"gitlib @ git+{repository.as_uri()}{where}")
        assert versions(made.build(), "gitlib") == ("3.0",)
        assert sum("Building gitlib" in line for line in made.said) == 1
        assert bench.run("lock").exit_code == 0
        assert versions(made.build(), "gitlib") == ("3.0",)
        assert sum("Building gitlib" in line for line in made.said) == 1


def made_from_sdist(executable: Path) -> bool:
    """Tell whether the wheel of beta in an executable has what its sdist has."""
    with zipfile.ZipFile(executable) as built:
        return any("beta" in name and b"sdist" in built.read(name) for name in built.namelist())


class TestYanked:
    """Single files of a version may be yanked; they count for a pinned version alone (PEP 592)."""

    @pytest.fixture
    def partly(self, bench: Bench, make_wheel: MakeFile) -> Bench:
        good = make_wheel("beta", tags=f"cp312-cp312-{LINUX}", files={"beta.py": "good = True\n"})
        bad = make_wheel(
            "beta", tags=f"cp312-cp312-{LINUX}", build="1bad", files={"beta.py": "good = False\n"}
        )
        bench.index.add(good)
        bench.index.add(bad, yanked="broken")
        return bench

    @pytest.mark.parametrize("requirement", ["beta", "beta==1.0"])
    def test_a_good_file_goes_before_a_yanked_one(self, partly: Bench, requirement: str) -> None:
        made = partly.make(requirement)
        for _ in range(2):
            made.build()
            with zipfile.ZipFile(made.dist / "demo-1.0.pex") as built:
                names = [name for name in built.namelist() if "beta" in name]
            assert not any("1bad" in name for name in names), names
        assert partly.run("lock").exit_code == 0
        lock = (made.root / "pylock.multiplat.toml").read_text("utf-8")
        assert "1bad" not in lock

    def test_a_target_without_a_good_file_steps_back(self, bench: Bench) -> None:
        for version in ("1.0", "2.0"):
            bench.index.add_native("beta", version, LINUX)
        bench.index.add_native("beta", "1.0", WINDOWS)
        bench.index.add_native("beta", "2.0", WINDOWS, yanked="")
        bench.make("beta", platforms=["linux-x86_64", "windows-x86_64"])
        assert bench.checked()["beta"] == {
            "cp312-manylinux_2_28_x86_64": "2.0",
            "cp312-win_amd64": "1.0",
        }

    def test_a_pinned_version_has_it_with_a_warning(self, bench: Bench) -> None:
        bench.index.add_native("beta", "2.0", LINUX)
        bench.index.add_native("beta", "2.0", WINDOWS, yanked="broken")
        made = bench.make("beta==2.0", platforms=["linux-x86_64", "windows-x86_64"])
        for _ in range(2):  # The second build learns it from the first.
            made.said.clear()
            assert versions(made.build(), "beta") == ("2.0",)
            assert (
                "Warning: beta-2.0-cp312-cp312-win_amd64.whl is yanked (broken), "
                "and taken as the executable requires beta==2.0"
            ) in made.said

    @pytest.mark.parametrize(
        ("requires", "extras"),
        [
            pytest.param(["beta==2.0"], (), id="=="),
            pytest.param(["beta===2.0"], (), id="==="),
            pytest.param(["beta==2.0,>=1"], (), id="with a bound"),
            pytest.param(["beta==2.0 ; extra == 'x'"], ("x",), id="in an extra"),
            pytest.param(["mid"], (), id="by way of another"),
        ],
    )
    def test_a_pin_of_a_dependency_counts(
        self, bench: Bench, requires: list[str], extras: tuple[str, ...]
    ) -> None:
        bench.index.add_wheel("beta")
        bench.index.add_wheel("beta", "2.0", yanked="broken")
        bench.index.add_wheel("mid", requires=["beta==2.0"])
        bench.index.add_wheel("top", requires=requires, extras=dict.fromkeys(extras, ()))
        made = bench.make(f"top[{','.join(extras)}]" if extras else "top")
        for _ in range(2):
            made.said.clear()
            report = made.build()
            assert versions(report, "beta") == ("2.0",)
            assert any("'beta==2.0' is yanked" in line for line in made.said), made.said
        assert report.solver_runs == 1, "the second build asks once"
        assert bench.checked()["beta"] == {"cp312-manylinux_2_28_x86_64": "2.0"}
        assert bench.run("lock").exit_code == 0
        assert versions(made.build(), "beta") == ("2.0",)
        assert bench.run("lock", "--check").exit_code == 0

    def test_it_counts_on_the_targets_where_it_is_pinned(self, bench: Bench) -> None:
        bench.index.add_wheel("beta")
        bench.index.add_wheel("beta", "2.0", yanked="broken")
        pinned = "beta==2.0 ; sys_platform == 'linux'"
        bench.index.add_wheel("top", requires=["beta", pinned])
        for requires in (["top"], ["beta", pinned]):
            made = bench.make(*requires, platforms=["linux-x86_64", "windows-x86_64"])
            assert versions(made.build(), "beta") == ("1.0", "2.0")
            assert bench.checked()["beta"] == {
                "cp312-manylinux_2_28_x86_64": "2.0",
                "cp312-win_amd64": "1.0",
            }

    def test_a_dependency_pins_a_version_that_is_yanked_in_part(self, bench: Bench) -> None:
        bench.index.add_native("beta", "2.0", LINUX)
        bench.index.add_native("beta", "2.0", WINDOWS, yanked="broken")
        bench.index.add_wheel("top", requires=["beta==2.0"])
        made = bench.make("top", platforms=["linux-x86_64", "windows-x86_64"])
        assert versions(made.build(), "beta") == ("2.0",)
        assert (
            "Warning: beta-2.0-cp312-cp312-win_amd64.whl is yanked (broken), "
            "and taken as top 1.0 requires beta==2.0"
        ) in made.said

    @pytest.fixture
    def with_good_sdist(self, bench: Bench) -> Bench:
        """A version whose wheel is yanked, and whose sdist is not."""
        bench.index.add_wheel("beta", "1.0")
        bench.index.add_sdist("beta", "2.0", files={"beta.py": "source = 'sdist'\n"})
        bench.index.add_wheel("beta", "2.0", files={"beta.py": "bad\n"}, yanked="broken")
        bench.index.add_wheel("top", requires=["beta==2.0"])
        return bench

    @pytest.mark.parametrize(
        ("requirement", "constraints"),
        [("beta==2.0", []), ("top", []), ("beta", ["beta==2.0"])],
        ids=["project", "dependency", "constraint"],
    )
    def test_a_good_sdist_goes_before_a_yanked_wheel(
        self, with_good_sdist: Bench, requirement: str, constraints: list[str]
    ) -> None:
        """As pip has it; uv takes the wheel."""
        tool = {"uv": {"constraint-dependencies": constraints}}
        made = with_good_sdist.make(requirement, tool=tool)
        for _ in range(2):
            made.said.clear()
            assert versions(made.build(), "beta") == ("2.0",)
            assert made_from_sdist(made.dist / "demo-1.0.pex")
        assert with_good_sdist.run("lock").exit_code == 0
        versions(made.build(), "beta")
        assert made_from_sdist(made.dist / "demo-1.0.pex")

    def test_a_yanked_wheel_counts_where_the_good_sdist_may_not_be_built(
        self, with_good_sdist: Bench
    ) -> None:
        made = with_good_sdist.make("beta==2.0", tool={"uv": {"no-build": True}})
        assert versions(made.build(), "beta") == ("2.0",)
        assert not made_from_sdist(made.dist / "demo-1.0.pex")
        assert any("beta-2.0-py3-none-any.whl is yanked (broken)" in said for said in made.said)

    def test_without_a_pin_a_version_with_a_yanked_wheel_is_passed_over_for_one_with_a_wheel(
        self, with_good_sdist: Bench
    ) -> None:
        with_good_sdist.make("beta")
        assert with_good_sdist.checked()["beta"] == {"cp312-manylinux_2_28_x86_64": "1.0"}

    def test_a_good_wheel_of_one_target_keeps_the_others_from_the_sdist(self, bench: Bench) -> None:
        """A version is built for all targets or for none."""
        bench.index.add_sdist("beta", "2.0")
        bench.index.add_native("beta", "2.0", LINUX)
        bench.index.add_native("beta", "2.0", WINDOWS, yanked="broken")
        made = bench.make("beta==2.0", platforms=["linux-x86_64", "windows-x86_64"])
        assert versions(made.build(), "beta") == ("2.0",)
        assert any("win_amd64.whl is yanked (broken)" in said for said in made.said)

    @pytest.mark.parametrize("requirement", ["beta>=2", "beta==2.*", "beta~=2.0", "beta<=2,>=2"])
    def test_without_a_pin_it_is_refused(self, bench: Bench, requirement: str) -> None:
        bench.index.add_wheel("beta")
        bench.index.add_wheel("beta", "2.0", yanked="broken")
        bench.index.add_wheel("top", requires=[requirement])
        for asked in ("top", requirement):
            made = bench.make(asked)
            with pytest.raises((SolveError, CoverageError), match="yanked"):
                made.build()

    def test_a_lock_keeps_a_version_that_was_yanked_since(
        self, bench: Bench, make_wheel: MakeFile
    ) -> None:
        wheel = make_wheel("beta", "2.0")
        bench.index.add(make_wheel("beta"), wheel)
        made = bench.make("beta")
        assert bench.run("lock").exit_code == 0
        bench.index.add(wheel, yanked="broken")
        assert versions(made.build(), "beta") == ("2.0",)
        made = bench.make("beta", platforms=["linux-x86_64", "windows-x86_64"])
        result = bench.run("lock")
        assert "'beta==2.0' is yanked" in result.output
        assert bench.checked()["beta"] == dict.fromkeys(
            ["cp312-manylinux_2_28_x86_64", "cp312-win_amd64"], "2.0"
        )


def test_a_version_that_has_a_wheel_is_not_said_to_lack_it(bench: Bench) -> None:
    """Windows has an older `low` for `top`, and uv leaves its newer wheel out of the lock."""
    for version, tags in {"1.0": "py3-none-any", "2.0": f"cp312-cp312-{LINUX}"}.items():
        requires = ["low<2" if version == "1.0" else "low>=2"]
        bench.index.add_wheel("top", version, tags=tags, requires=requires)
        bench.index.add_native("low", version, LINUX, WINDOWS)
    bench.make("top", platforms=["linux-x86_64", "windows-x86_64"])
    result = bench.run("check", "--json")
    said = {found["name"]: found["versions"] for found in json.loads(result.stdout)["differences"]}
    assert [share["version"] for share in said["low"]] == ["2.0", "1.0"]
    assert [share["not"] for share in said["low"]] == [[], []]
    assert [share["not"] for share in said["top"]] == [
        [],
        ["2.0: no wheel for this platform (has linux x86_64)"],
    ]


def test_versions_that_nobody_can_have_are_asked_for_together(bench: Bench) -> None:
    """Twenty releases that require what no index has cost no more runs than one of them."""
    for number in range(20):
        bench.index.add_wheel("top", f"2.{number}", requires=["gone"])
    bench.index.add_wheel("top", "1.0")
    bench.index.add_wheel("low", "1.0")
    bench.index.add_wheel("low", "2.0", requires=["top<2"])
    report = bench.make("top", "low").build()
    assert (versions(report, "top"), versions(report, "low")) == (("1.0",), ("2.0",))
    assert report.solver_runs == 1
    report = bench.make("top").build()
    assert versions(report, "top") == ("1.0",)
    assert report.solver_runs == 3


def test_a_requires_python_that_splits_a_minor_is_asked_for_once(bench: Bench) -> None:
    """The first patch releases cannot have the newest version, and nothing asks for it in vain."""
    for version in ("1.0", "2.0", "2.1", "2.2"):
        bound = ">=3.11.5" if version > "2" else ">=3.11"
        bench.index.add_wheel("soup", version, requires_python=bound)
    made = bench.make("soup", python=["3.11", "3.12"])
    report = made.build()
    assert versions(report, "soup") == ("1.0", "2.2")
    assert report.solver_runs == 1


def test_a_pre_release_is_taken_where_nothing_else_fits_and_told(bench: Bench) -> None:
    bench.index.add_wheel("flow", "1.0", tags=f"cp311-cp311-{LINUX}")
    for python in ("311", "312"):
        bench.index.add_wheel("flow", "2.0rc1", tags=f"cp{python}-cp{python}-{LINUX}")
    made = bench.make("flow", python=["3.11", "3.12"])
    assert bench.checked()["flow"] == {
        "cp311-manylinux_2_28_x86_64": "1.0",
        "cp312-manylinux_2_28_x86_64": "2.0rc1",
    }
    report = made.build()
    assert report.prereleases == ("flow 2.0rc1",)
    assert "pre-releases, as no release fits: flow 2.0rc1" in render_report(report)
    assert "flow 2.0rc1 is a pre-release, taken for linux-x86_64 (3.12)." in " ".join(
        bench.run("check").stdout.split()
    )


class TestHolders:
    """Advice says what stands in the way of a version that has a wheel."""

    @pytest.mark.parametrize(
        ("others", "asked", "way"),
        [
            pytest.param({}, "top", "use another package than top", id="only version"),
            pytest.param(
                {"0.9": "low<1"}, "top>=1", "allow another version of top", id="forbidden older"
            ),
            pytest.param(
                {"2.0": "low>=3,<4"}, "top<2", "allow another version of top", id="newer range"
            ),
            pytest.param(
                {"0.9": "low>=2"}, "top", "take another version of top", id="allowed older"
            ),
        ],
    )
    def test_what_else_than_the_project_forbids_it_is_named(
        self, bench: Bench, others: dict[str, str], asked: str, way: str
    ) -> None:
        for version, requires in {"1.0": "low>=2,<3", **others}.items():
            bench.index.add_wheel("top", version, requires=[requires])
        bench.index.add_native("low", "1.0", LINUX)
        bench.index.add_native("low", "0.5", LINUX, WINDOWS)
        bench.index.add_native("low", "2.0", LINUX)
        made = bench.make(asked, platforms=["linux-x86_64", "windows-x86_64"])
        with pytest.raises(CoverageError) as raised:
            made.build()
        said = " ".join(str(raised.value).split())
        assert f"low 0.5 has one, but top 1.0 requires low<3,>=2: {way}, or leave" in said

    def test_what_another_package_requires_is_left_out_by_an_override(self, bench: Bench) -> None:
        """A marker of the project's own requirement would not help, and the override does."""
        bench.index.add_native("low", "1.0", LINUX)
        bench.index.add_wheel("top", "1.0", requires=["low"])
        both = ["linux-x86_64", "windows-x86_64"]
        made = bench.make("top", "low; sys_platform == 'linux'", platforms=both)
        with pytest.raises(CoverageError) as raised:
            made.build()
        override = "low; sys_platform == 'linux'"
        said = " ".join(str(raised.value).split())
        assert (
            f'set override-dependencies = ["{override}"] in [tool.uv], '
            "if top 1.0 can do without it there"
        ) in said
        assert "require it with a marker" not in said
        tool = {"uv": {"override-dependencies": [override]}}
        assert bench.make("top", platforms=both, tool=tool).build().wheels == 3

    @pytest.mark.parametrize("where", ["requirement", "constraint", "constraint of uv"])
    def test_a_step_that_nobody_asked_for_is_not_told_in_uvs_words(
        self, bench: Bench, where: str
    ) -> None:
        bench.index.add_native("low", "1.0", LINUX, WINDOWS)
        bench.index.add_native("low", "2.0", LINUX)
        both = ["linux-x86_64", "windows-x86_64"]
        if where == "requirement":
            made = bench.make("low>=2", platforms=both)
        elif where == "constraint":
            made = bench.make("low", platforms=both, constraints=["low>=2"])
        else:
            uv = {"constraint-dependencies": ["low>=2"]}
            made = bench.make("low", platforms=both, tool={"uv": uv})
        with pytest.raises(CoverageError) as raised:
            made.build()
        said = str(raised.value)
        assert "low 1.0 has one: allow that version" in said
        assert "uv says" not in said

    def test_a_python_that_a_wheel_refuses_is_the_reason(self, bench: Bench) -> None:
        bench.index.add_wheel("low", "1.0", requires_python=">=3.13")
        made = bench.make("low")
        with pytest.raises(CoverageError) as raised:
            made.build()
        assert "low 1.0: it requires Python '>=3.13', which leaves out 3.12" in str(raised.value)

    def test_yanked_files_and_pre_releases_are_no_advice(self, bench: Bench) -> None:
        bench.index.add_native("low", "1.0", WINDOWS, yanked="broken")
        bench.index.add_native("low", "1.5a1", WINDOWS)
        bench.index.add_native("low", "2.0", LINUX)
        made = bench.make("low>=2", platforms=["linux-x86_64", "windows-x86_64"])
        with pytest.raises(CoverageError) as raised:
            made.build()
        said = str(raised.value)
        assert "low 1" not in said
        assert "no version has one" in said


class TestForeignLocks:
    """A lock of another tool may be for some patch releases of a minor, as one of ours may."""

    LOCK = """\
lock-version = "1.0"
created-by = "another tool"
requires-python = "{bound}"
{environments}
[[packages]]
name = "pure"
version = "1.0"
wheels = [{{ url = "{url}", hashes = {{ sha256 = "{sha256}" }} }}]
"""

    def write(self, bench: Bench, wheel: Path, *, bound: str, environments: str = "") -> Any:
        bench.index.add(wheel)
        made = bench.make("pure", lock="pylock.toml")
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        text = self.LOCK.format(
            bound=bound,
            environments=environments,
            url=bench.index.file_url(wheel),
            sha256=sha256,
        )
        (made.root / "pylock.toml").write_text(text, "utf-8")
        return made

    @pytest.mark.parametrize(
        ("bound", "environments", "patches"),
        [
            (">=3.12.4", "", "3.12.4 and newer"),
            ("~=3.12.2", "", "3.12.2 and newer"),
            (">=3.12", "environments = [\"python_full_version >= '3.12.3'\"]", "3.12.3 and newer"),
        ],
    )
    def test_its_bounds_reach_the_file(
        self, bench: Bench, make_wheel: MakeFile, bound: str, environments: str, patches: str
    ) -> None:
        made = self.write(bench, make_wheel("pure"), bound=bound, environments=environments)
        assert bench.run("check").exit_code == 0
        report = made.build()
        table = read_executable(Path(report.path)).table
        assert table is not None
        (target,) = table.targets
        assert spell_spans(target.patches, (3, 12)) == patches

    def test_a_bound_that_leaves_a_target_out_is_told(
        self, bench: Bench, make_wheel: MakeFile
    ) -> None:
        made = self.write(bench, make_wheel("pure"), bound=">=3.13")
        with pytest.raises(LockError, match=r"it is for Python >=3\.13, not 3\.12"):
            made.build()


class TestPlacesInLocks:
    """What an entry of a lock of another tool says of where a package is (PEP 751)."""

    HEAD = """\
lock-version = "1.0"
created-by = "another tool"
[[packages]]
name = "gitlib"
version = "3.0"
"""

    def build(self, bench: Bench, entry: str) -> Any:
        """Build from `locks/pylock.toml`; paths are relative to it."""
        made = bench.make("gitlib", lock="locks/pylock.toml")
        (made.root / "locks").mkdir()
        (made.root / "locks" / "pylock.toml").write_text(self.HEAD + entry, "utf-8")
        report = made.build()
        assert versions(report, "gitlib") == ("3.0",)
        assert bench.run("check").exit_code == 0
        return made

    @pytest.mark.parametrize("url", ["", 'url = "http://127.0.0.1:1/{name}", '])
    def test_a_path_goes_before_a_url(self, bench: Bench, make_wheel: MakeFile, url: str) -> None:
        wheel = make_wheel("gitlib", "3.0", files={"gitlib.py": "here = True\n"})
        bench.index.add_wheel("gitlib", "3.0")
        vendor = bench.folder / "demo" / "vendor"
        vendor.mkdir(parents=True)
        shutil.copy(wheel, vendor)
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        self.build(
            bench,
            f'wheels = [{{ {url.format(name=wheel.name)}path = "../vendor/{wheel.name}", '
            f'hashes = {{ sha256 = "{sha256}" }} }}]\n',
        )
        assert not bench.index.requests_for(wheel.name)

    @pytest.mark.parametrize("url", ["", 'url = "http://127.0.0.1:1/{name}"\n'])
    @pytest.mark.parametrize("subdirectory", ["", "lib", "deep/lib"])
    def test_an_archive_is_built_in_its_subdirectory(
        self, bench: Bench, make_sdist: MakeFile, subdirectory: str, url: str
    ) -> None:
        archive = bench.folder / "demo" / "vendor" / "gitlib-3.0.tar.gz"
        archive.parent.mkdir(parents=True)
        tree = self.unpack(make_sdist, bench.folder / "tree" / "gitlib-3.0" / subdirectory)
        assert tree.is_dir()
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(bench.folder / "tree" / "gitlib-3.0", "gitlib-3.0")
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        within = f'subdirectory = "{subdirectory}"\n' if subdirectory else ""
        self.build(
            bench,
            f"[packages.archive]\n{url.format(name=archive.name)}"
            f'path = "../vendor/{archive.name}"\n'
            f'{within}hashes = {{ sha256 = "{sha256}" }}\n',
        )

    @pytest.mark.parametrize("subdirectory", ["", "lib", "deep/lib"])
    def test_a_directory_is_built_in_its_subdirectory(
        self, bench: Bench, make_sdist: MakeFile, subdirectory: str
    ) -> None:
        self.unpack(make_sdist, bench.folder / "demo" / "vendor" / subdirectory)
        within = f'subdirectory = "{subdirectory}"\n' if subdirectory else ""
        self.build(bench, f'[packages.directory]\npath = "../vendor"\n{within}')

    @pytest.mark.parametrize("subdirectory", ["lob", "../other", "link"])
    def test_a_subdirectory_that_is_not_there_or_leads_out_is_named(
        self, bench: Bench, make_sdist: MakeFile, subdirectory: str
    ) -> None:
        self.unpack(make_sdist, bench.folder / "demo" / "vendor" / "lib")
        other = self.unpack(make_sdist, bench.folder / "demo" / "other")
        (bench.folder / "demo" / "vendor" / "link").symlink_to(other)
        entry = f'[packages.directory]\npath = "../vendor"\nsubdirectory = "{subdirectory}"\n'
        with pytest.raises(CoverageError, match=re.escape(f"there is no {subdirectory} in it")):
            self.build(bench, entry)

    @staticmethod
    def unpack(make_sdist: MakeFile, tree: Path) -> Path:
        tree.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(make_sdist("gitlib", "3.0")) as packed:
            packed.extractall(tree.parent / "unpacked", filter="data")
        shutil.copytree(tree.parent / "unpacked" / "gitlib-3.0", tree, dirs_exist_ok=True)
        shutil.rmtree(tree.parent / "unpacked")
        return tree

    @pytest.mark.parametrize(
        ("entry", "patches"),
        [
            ('requires-python = ">=3.12.4"', "3.12.4 and newer"),
            ('requires-python = "~=3.12.2"', "3.12.2 and newer"),
            ('requires-python = ">=3.12.2,!=3.12.5"', "3.12.2 to 3.12.4, 3.12.6 and newer"),
        ],
    )
    def test_a_package_that_leaves_patch_releases_out_narrows_the_target(
        self, bench: Bench, entry: str, patches: str
    ) -> None:
        wheel = bench.index.add_wheel("gitlib", "3.0")
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        made = self.build(
            bench,
            f'{entry}\nwheels = [{{ url = "{bench.index.file_url(wheel)}", '
            f'hashes = {{ sha256 = "{sha256}" }} }}]\n',
        )
        table = read_executable(made.dist / "demo-1.0.pex").table
        assert table is not None
        (target,) = table.targets
        assert spell_spans(target.patches, (3, 12)) == patches

    def test_a_marker_of_a_package_may_name_a_patch_release(
        self, bench: Bench, make_wheel: MakeFile
    ) -> None:
        """As backports do, which newer patch releases need no more."""
        wheels = {name: make_wheel(name, "3.0") for name in ("gitlib", "backport")}
        bench.index.add(*wheels.values())
        places = {
            name: f'wheels = [{{ url = "{bench.index.file_url(wheel)}", hashes = {{ sha256 = "'
            f'{hashlib.sha256(wheel.read_bytes()).hexdigest()}" }} }}]\n'
            for name, wheel in wheels.items()
        }
        made = self.build(
            bench,
            f"{places['gitlib']}[[packages]]\nname = 'backport'\nversion = '3.0'\n"
            f"marker = \"python_full_version < '3.12.3'\"\n{places['backport']}",
        )
        table = read_executable(made.dist / "demo-1.0.pex").table
        assert table is not None
        (target,) = table.targets
        assert [(first, len(wheels)) for first, wheels in target.sets] == [(0, 3), (3, 2)]


@pytest.mark.parametrize(
    ("platform", "others", "machine"),
    [
        ("linux-i686", [], "x86_64"),
        ("linux-i686", ["linux-x86_64"], "x86_64"),
        ("linux-armv7l", ["linux-aarch64"], "aarch64"),
        ("windows-i686", ["windows-x86_64", "windows-arm64"], "AMD64"),
    ],
)
def test_a_32_bit_python_may_be_on_a_kernel_of_64_bits(
    bench: Bench, platform: str, others: list[str], machine: str
) -> None:
    """`platform_machine` tells the kernel's: what either machine asks for is taken along."""
    bench.index.add_wheel("greeny")
    bench.index.add_wheel("bluey")
    bench.index.add_wheel("other")
    own = {"windows-i686": "x86"}.get(platform, platform.partition("-")[2])
    made = bench.make(
        f"greeny ; platform_machine == '{machine}'",
        f"bluey ; platform_machine == '{own}'",
        "other ; platform_machine == 'sparc'",
        platforms=[platform, *others],
    )
    target = str(Target.parse(f"3.12-{platform}"))
    for words in ((), ("--no-lock",)):
        found = bench.checked(*words)
        assert {name for name, cells in found.items() if target in cells} == {"greeny", "bluey"}
        assert bench.run("lock").exit_code == 0
    assert made.build().lock


OWN_EXTRAS: Final = {"fast": ["two"], "all": ["demo[fast]", "three"]}


def make_world(dice: random.Random, folder: Path) -> list[Path]:
    """Make wheels of packages that require each other and `demo`, which is the project's name."""
    names = ("one", "two", "three")
    asks = (*names, "two<2", "three>1", "demo", "demo>=0.5", "demo<2", "demo[fast]", "demo[all]")
    refuses = ("demo>=9", "demo!=1.0", "demo ; python_version < '3'", "demo[fast]==1.0")
    wheels = [build_wheel(folder, "demo", "9.0", requires=["gone"]), build_wheel(folder, "gone")]
    for name in names:
        for version in dice.choice((["1.0"], ["2.0"], ["1.0", "2.0"], ["1.0", "2.0", "3.0"])):
            requires = {
                dice.choice(asks if dice.random() < 0.85 else refuses)
                for _ in range(dice.randint(0, 3))
            }
            kept = sorted(item for item in requires if not item.startswith(name))
            wheels.append(build_wheel(folder, name, version, requires=kept))
    return wheels


def chosen_by_pip(wheel: Path, folder: Path) -> dict[str, str] | None:
    """Return what pip would install of a folder beside a wheel; None where it finds no answer."""
    options = ["--dry-run", "--ignore-installed", "--no-index", "--find-links", str(folder), "-q"]
    command = [sys.executable, "-m", "pip", "install", *options, "--report", "-", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        assert re.search("ResolutionImpossible|No matching distribution", done.stderr), done.stderr
        return None
    metadata = [item["metadata"] for item in json.loads(done.stdout)["install"]]
    return {item["name"]: item["version"] for item in metadata if item["name"] != "demo"}


@pytest.mark.parametrize("seed", range(15))
def test_random_cycles_through_the_project_have_the_answer_of_pip(
    bench: Bench, tmp_path: Path, seed: int
) -> None:
    """An index has a `demo` of its own, which neither pip nor we look at."""
    bench.index.add(*make_world(random.Random(seed), tmp_path / "files"))
    made = bench.make("one", extras_of_wheel=OWN_EXTRAS)
    result = bench.run("check", "--json")
    expected = chosen_by_pip(made.wheel, tmp_path / "files")
    if expected is None:
        assert result.exit_code == 5, result.output
        return
    assert result.exit_code == 0, result.output
    found = {name: version for name, (version,) in per_package(result).items()}
    assert found == expected


def per_package(result: Result) -> dict[str, set[str]]:
    """Return the versions of each package in what `check --json` says."""
    return {
        package["name"]: {cell["version"] for cell in package["wheels"]}
        for package in json.loads(result.stdout)["packages"]
    }


class TestWords:
    """What a user reads is ours, not uv's: the table of missing wheels, and what to do."""

    @pytest.mark.parametrize("old", [False, True])
    def test_a_folder_of_wheels_without_one_for_a_target_is_a_missing_wheel(
        self, bench: Bench, make_wheel: MakeFile, tmp_path: Path, *, old: bool
    ) -> None:
        links = tmp_path / "links"
        links.mkdir()
        tags = f"cp39-cp39-{LINUX}" if old else f"cp312-cp312-{LINUX}"
        shutil.copy(make_wheel("local", tags=tags), links)
        made = bench.make(
            "local",
            platforms=["linux-x86_64", "windows-x86_64"],
            tool={"uv": {"no-index": True, "find-links": ["../links"]}},
        )
        document = tomllib.loads((made.root / "pyproject.toml").read_text("utf-8"))
        del document["tool"]["multiplat"]["index-url"]
        (made.root / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")
        with pytest.raises(CoverageError) as raised:
            made.build()
        said = " ".join(str(raised.value).split())
        assert "local 1.0: no wheel for this " in said
        assert "python_full_version" not in said
