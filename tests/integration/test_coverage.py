"""Covering targets with the real solver, against an index on loopback."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import CoverageError, SolveError
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.resolve.build_context import BuildContext, Invocation
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.resolve.resolver import MAX_ROUNDS, Resolution, Unresolved, resolve
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.tag_constraint import parse_tag_constraint
from hatch_multiplat.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.wheel_cache import WheelCache
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

GLIBC_217 = "manylinux2014_x86_64"
LINUX = "linux-x86_64"
MUSL = "linux-x86_64-musl"
WINDOWS = "windows-x86_64"
MAC = "macos-arm64"


class Desk:
    """Asks for coverage of requirements on platforms, and remembers what was said."""

    def __init__(self, index: IndexServer, wheel_cache: WheelCache, client: HttpClient) -> None:
        self.index = index
        self.said: list[str] = []
        self.rules: tuple[TagConstraint, ...] = ()
        self.context = BuildContext(
            run=Invocation(progress=Progress(), say=self.said.append, environ=os.environ),
            sources=Sources(index_url=index.index_url),
            client=client,
            wheel_cache=wheel_cache,
            offline=False,
        )

    def ask(
        self,
        requirements: Sequence[str],
        platforms: Sequence[str],
        pythons: Sequence[str] = ("3.12",),
        *,
        build_sdists: bool = True,
        **question: Any,
    ) -> Resolution:
        targets = tuple(
            Target(python=Python.parse(python), platform=Platform.parse(platform))
            for platform in platforms
            for python in pythons
        )
        found = resolve(
            Question(
                requirements=tuple(Requirement(text) for text in requirements),
                constraints=question.pop("constraints", ()),
                targets=targets,
                requires_python=SpecifierSet(question.pop("requires_python", "")),
                uv_table=question.pop("uv_table", {}),
                project_dir=question.pop("project_dir", self.context.wheel_cache.root.parent),
                build_sdists=build_sdists,
                tag_constraints=self.rules,
                own=question.pop("own", None),
            ),
            self.context,
        )
        if isinstance(found, Unresolved):
            raise found.error()
        return found


@pytest.fixture
def desk(
    index_server: IndexServer, wheel_cache: WheelCache, client: HttpClient, uv_cache: None
) -> Desk:
    return Desk(index_server, wheel_cache, client)


def versions(covered: Resolution, name: str) -> dict[str, str]:
    """Return the version of a package by target."""
    return {
        str(selection.target): str(wheel.version)
        for selection in covered.selections
        for wheel in selection.wheels
        if wheel.name == name
    }


def test_a_floor_steps_back_past_many_releases_in_one_more_run_and_alone(desk: Desk) -> None:
    for minor in range(12):
        linux = "manylinux_2_17_x86_64" if minor < 3 else "manylinux_2_28_x86_64"
        desk.index.add_native("native", f"1.{minor}", linux, "win_amd64")
    covered = desk.ask(["native"], [GLIBC_217, WINDOWS])
    assert versions(covered, "native") == {
        "cp312-manylinux_2_17_x86_64": "1.2",
        "cp312-win_amd64": "1.11",
    }
    assert covered.runs == 2
    assert desk.said == ["Stepping back for wheels: native 1.11 -> 1.2 (1 target)"]


def test_what_the_last_round_closes_is_covered(desk: Desk) -> None:
    """Each package of a chain takes a round: its older release requires the next one."""
    chain = [f"link{number}" for number in range(MAX_ROUNDS + 1)]
    for name, following in zip(chain, [*chain[1:], None], strict=True):
        requires = [following] if following else []
        desk.index.add_native(name, "1.0", "manylinux_2_17_x86_64", requires=requires)
        desk.index.add_native(name, "1.1", "manylinux_2_28_x86_64")
    with pytest.raises(CoverageError, match=rf"{chain[-1]} 1\.1"):
        desk.ask([chain[0]], [GLIBC_217])
    covered = desk.ask([chain[1]], [GLIBC_217])
    assert versions(covered, chain[-1]) == {"cp312-manylinux_2_17_x86_64": "1.0"}


def test_two_floors_of_one_machine_get_two_versions(desk: Desk) -> None:
    """No marker tells two glibc floors apart, so the solver is given labels that do."""
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64")
    desk.index.add_native("native", "2.0", "manylinux_2_28_x86_64")
    covered = desk.ask(["native"], [GLIBC_217, LINUX])
    assert versions(covered, "native") == {
        "cp312-manylinux_2_17_x86_64": "1.0",
        "cp312-manylinux_2_28_x86_64": "2.0",
    }


def test_glibc_and_musl_get_two_versions(desk: Desk) -> None:
    desk.index.add_native("native", "1.0", "musllinux_1_1_x86_64")
    desk.index.add_native("native", "2.0", "manylinux_2_28_x86_64")
    covered = desk.ask(["native"], [LINUX, MUSL])
    assert set(versions(covered, "native").values()) == {"1.0", "2.0"}


def test_free_threaded_and_pypy_step_back_on_their_own(desk: Desk) -> None:
    for version, tags in {
        "1.0": ("cp313-cp313", "cp313-cp313t", "pp311-pypy311_pp73"),
        "2.0": ("cp313-cp313", "cp313-cp313t"),
        "3.0": ("cp313-cp313",),
    }.items():
        for tag in tags:
            desk.index.add_wheel("native", version, tags=f"{tag}-manylinux_2_17_x86_64")
    covered = desk.ask(["native"], [LINUX], ["3.13", "3.13t", "pp311"])
    assert versions(covered, "native") == {
        "cp313-manylinux_2_28_x86_64": "3.0",
        "cp313t-manylinux_2_28_x86_64": "2.0",
        "pp311-manylinux_2_28_x86_64": "1.0",
    }


def test_a_step_back_that_opens_another_gap_is_followed(desk: Desk) -> None:
    """The older release needs another package, whose newest release has no such wheel either."""
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64", requires=["helper"])
    desk.index.add_native("native", "2.0", "manylinux_2_28_x86_64")
    desk.index.add_native("helper", "1.0", "manylinux_2_17_x86_64")
    desk.index.add_native("helper", "2.0", "manylinux_2_28_x86_64")
    covered = desk.ask(["native"], [GLIBC_217])
    assert versions(covered, "helper") == {"cp312-manylinux_2_17_x86_64": "1.0"}
    assert covered.runs == 3


def test_a_yanked_release_is_no_place_to_step_back_to(desk: Desk) -> None:
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64")
    desk.index.add_native("native", "1.1", "manylinux_2_17_x86_64", yanked="broken")
    desk.index.add_native("native", "2.0", "manylinux_2_28_x86_64")
    covered = desk.ask(["native"], [GLIBC_217])
    assert versions(covered, "native") == {"cp312-manylinux_2_17_x86_64": "1.0"}


def test_every_gap_is_named_at_once_with_its_reason(desk: Desk) -> None:
    desk.index.add_native("floor", "1.0", "manylinux_2_34_x86_64", "win_amd64")
    desk.index.add_native("winonly", "1.0", "win_amd64")
    desk.index.add_wheel("oldpy", "1.0", tags="cp310-cp310-manylinux_2_17_x86_64")
    desk.index.add_wheel("oldpy", "1.0", tags="cp310-cp310-win_amd64")
    desk.index.add_sdist("source", "1.0", tags="cp311-cp311-linux_x86_64")
    with pytest.raises(CoverageError) as raised:
        desk.ask(["floor", "winonly", "oldpy", "source"], [LINUX, WINDOWS])
    text = str(raised.value)
    assert text.startswith("2 of 2 targets cannot be covered; no executable was written.")
    assert "floor 1.0: floor too old: its wheels need glibc 2.34 or newer" in text
    assert "raise the floor to 'linux-x86_64-glibc2.34'" in text
    assert "winonly 1.0: no wheel for this platform (has win_amd64)" in text
    assert "oldpy 1.0: no wheel for this Python (has cp310)" in text
    assert "source 1.0: sdist only, and what it builds is for one platform only" in text
    rows = [line.split() for line in text.splitlines()[6:10]]
    assert rows == [
        ["floor", "1.0", "FLOOR", "native"],
        ["oldpy", "1.0", "PYTHON", "PYTHON"],
        ["source", "1.0", "SDIST", "SDIST"],
        ["winonly", "1.0", "NONE", "native"],
    ]


@pytest.mark.parametrize("sdist", [True, False])
def test_the_floor_that_is_named_is_the_least_of_all_versions_that_may_be_taken(
    desk: Desk, *, sdist: bool
) -> None:
    """Of `high` 1.0 nothing is said: the requirements do not admit it."""
    for version, platform in (("3.0", 35), ("2.0", 34), ("1.0", 31)):
        desk.index.add_native("high", version, f"manylinux_2_{platform}_x86_64")
    if sdist:
        desk.index.add_sdist("high", "3.0", tags="cp311-cp311-linux_x86_64")
    with pytest.raises(CoverageError) as raised:
        desk.ask(["high>=2"], [LINUX])
    text = " ".join(str(raised.value).split())
    assert "high 3.0: floor too old: its wheels need glibc 2.35 or newer" in text
    assert "raise the floor to 'linux-x86_64-glibc2.34', where high 2.0 has one" in text


def test_a_package_that_uv_can_place_nowhere_hides_no_other_gap(desk: Desk) -> None:
    """uv gives up at a package without sdist that has wheels for other Pythons only."""
    desk.index.add_wheel("top", requires=["oldpy", "older"])
    desk.index.add_wheel("oldpy", tags="cp310-cp310-manylinux_2_17_x86_64")
    desk.index.add_wheel("older", tags="cp39-cp39-manylinux_2_17_x86_64")
    desk.index.add_native("winonly", "1.0", "win_amd64")
    with pytest.raises(CoverageError) as raised:
        desk.ask(["top", "winonly"], [LINUX])
    text = str(raised.value)
    assert "oldpy 1.0: no wheel for this Python (has cp310)" in text
    assert "older 1.0: no wheel for this Python (has cp39)" in text
    assert "winonly 1.0: no wheel for this platform" in text
    assert "uv says" not in text


def test_a_gap_that_an_older_release_would_close_says_which(desk: Desk) -> None:
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64")
    desk.index.add_native("native", "2.0", "manylinux_2_28_x86_64")
    with pytest.raises(CoverageError, match=r"native 1\.0 has one: allow that version") as raised:
        desk.ask(["native>=2"], [GLIBC_217])
    assert "uv says" not in str(raised.value)


def test_a_gap_that_a_step_back_closes_is_not_among_those_that_none_does(desk: Desk) -> None:
    for name in ("closed", "open", "other"):
        desk.index.add_native(name, "1.0", "manylinux_2_17_x86_64")
        desk.index.add_native(name, "2.0", "manylinux_2_28_x86_64")
    with pytest.raises(CoverageError, match=r"open 1\.0 has one") as raised:
        desk.ask(["closed", "open>=2", "other>=2"], [GLIBC_217])
    assert "other 1.0 has one" in str(raised.value)
    assert "closed" not in str(raised.value)


def test_an_alpha_with_native_wheels_does_not_keep_a_release_from_being_built(desk: Desk) -> None:
    desk.index.add_native("turned", "1.0a1", "manylinux_2_17_x86_64")
    desk.index.add_sdist("turned", "1.0")
    covered = desk.ask(["turned"], [LINUX])
    assert set(versions(covered, "turned").values()) == {"1.0"}


def test_a_pinned_version_that_the_index_has_removed_is_a_gap_everywhere(desk: Desk) -> None:
    desk.index.add_wheel("gone", "1.1")
    with pytest.raises(CoverageError, match=r"removed: the index has no 1.0 \(newest is 1.1\)"):
        desk.ask(["gone==1.0"], [LINUX, WINDOWS])


def test_requirements_that_contradict_each_other_are_not_called_a_gap(desk: Desk) -> None:
    desk.index.add_wheel("one", requires=["shared<2"])
    desk.index.add_wheel("two", requires=["shared>=2"])
    desk.index.add_wheel("shared", "1.0")
    desk.index.add_wheel("shared", "2.0")
    with pytest.raises(SolveError, match="cannot be resolved") as raised:
        desk.ask(["one", "two"], [LINUX])
    assert "multiplat-staged-project" not in str(raised.value)
    assert "your project" in str(raised.value)


def test_a_pure_package_with_only_an_sdist_is_built_once_for_all(desk: Desk) -> None:
    desk.index.add_sdist("docopt", "0.6.2")
    covered = desk.ask(["docopt"], [LINUX, MAC, WINDOWS], ["3.11", "3.12"])
    assert set(versions(covered, "docopt").values()) == {"0.6.2"}
    assert len(versions(covered, "docopt")) == 6
    again = desk.ask(["docopt"], [LINUX])
    assert versions(again, "docopt")
    assert desk.said == ["Building docopt 0.6.2, which has no wheel"]


def test_sdists_can_be_ruled_out(desk: Desk) -> None:
    desk.index.add_sdist("docopt", "0.6.2")
    with pytest.raises(CoverageError, match='sdist only, and sdists = "never"'):
        desk.ask(["docopt"], [LINUX], build_sdists=False)
    assert desk.said == []


def test_a_build_that_fails_is_a_gap_with_the_last_of_its_words(desk: Desk) -> None:
    desk.index.add_sdist("broken", failure="no pg_config here")
    with pytest.raises(
        CoverageError, match=r"sdist only, and building it failed: .*no pg_config here"
    ):
        desk.ask(["broken"], [LINUX])


def test_a_native_release_without_wheels_yields_to_an_older_one_with_them(desk: Desk) -> None:
    """Nothing is built for a platform: building the new one here would not help the others."""
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64", "win_amd64")
    desk.index.add_sdist("native", "2.0", tags="cp312-cp312-linux_x86_64")
    covered = desk.ask(["native"], [LINUX, WINDOWS])
    assert set(versions(covered, "native").values()) == {"1.0"}
    assert not any("Building" in line for line in desk.said)


def test_a_release_with_wheels_for_other_systems_only_is_not_built_and_they_are_named(
    desk: Desk,
) -> None:
    """A lock for Windows alone has no wheels for Linux: it looks as if there were only an sdist."""
    desk.index.add_native("loop", "1.0", "manylinux_2_17_x86_64", "macosx_11_0_arm64")
    desk.index.add_sdist("loop", "1.0", tags="cp312-cp312-linux_x86_64")
    with pytest.raises(
        CoverageError,
        match=r"loop 1\.0: no wheel for this platform \(has linux x86_64, macos arm64\)\n",
    ):
        desk.ask(["loop"], [WINDOWS])
    assert not any("Building" in line for line in desk.said)


def test_wheels_for_another_system_than_this_machines_do_not_keep_an_sdist_from_being_built(
    desk: Desk,
) -> None:
    desk.index.add_native("fast-on-windows", "1.0", "win_amd64")
    desk.index.add_sdist("fast-on-windows", "1.0")
    covered = desk.ask(["fast-on-windows"], [LINUX])
    assert set(versions(covered, "fast-on-windows").values()) == {"1.0"}


def test_a_dependency_of_early_patch_releases_only_is_taken_along(desk: Desk) -> None:
    desk.index.add_wheel("redis", requires=["async-timeout; python_full_version < '3.12.3'"])
    desk.index.add_wheel("async_timeout")
    (selection,) = desk.ask(["redis"], [LINUX]).selections
    assert [(group.from_patch, len(group.wheels)) for group in selection.sets] == [(0, 2), (3, 1)]


def test_a_dependency_that_hangs_on_the_kernel_is_taken_along(desk: Desk) -> None:
    desk.index.add_wheel("kernel")
    covered = desk.ask(["kernel; platform_release >= '20'"], [LINUX, MAC])
    assert len(versions(covered, "kernel")) == 2


def test_constraints_and_overrides_of_the_project_count(desk: Desk) -> None:
    desk.index.add_wheel("pkg", "1.0")
    desk.index.add_wheel("pkg", "2.0")
    desk.index.add_wheel("pkg", "3.0")
    covered = desk.ask(["pkg"], [LINUX], constraints=(Requirement("pkg<3"),))
    assert set(versions(covered, "pkg").values()) == {"2.0"}
    table = {"override-dependencies": ["pkg==1.0"]}
    covered = desk.ask(["pkg>=2"], [LINUX], uv_table=table)
    assert set(versions(covered, "pkg").values()) == {"1.0"}


def test_a_source_bound_to_a_package_by_path_is_built(
    desk: Desk, make_wheel: MakeFile, tmp_path: Path
) -> None:
    """`[tool.uv.sources]` with a path relative to the project."""
    wheel = make_wheel("local", "9.0")
    table = {"sources": {"local": {"path": str(wheel.relative_to(tmp_path))}}}
    covered = desk.ask(["local"], [LINUX, WINDOWS], uv_table=table, project_dir=tmp_path)
    assert set(versions(covered, "local").values()) == {"9.0"}


def test_tag_constraints_choose_the_newest_version_with_such_a_wheel(desk: Desk) -> None:
    """On the targets that the words concern; the others take the newest version there is."""
    for version, tags in {"1.0": "cp39-abi3", "2.0": "cp312-cp312"}.items():
        for platform in ("manylinux_2_17_x86_64", "win_amd64"):
            desk.index.add_wheel("native", version, tags=f"{tags}-{platform}")
    rule, _ = parse_tag_constraint("native[manylinux2014_x86_64, abi3]")
    desk.index.add_wheel("other", tags="py3-none-any")
    desk.rules = (rule,)
    desk.index.add_wheel("native", "1.0", tags="cp39-abi3-manylinux2014_x86_64")
    covered = desk.ask(["native", "other"], [LINUX, WINDOWS])
    assert versions(covered, "native") == {
        "cp312-manylinux_2_28_x86_64": "1.0",
        "cp312-win_amd64": "2.0",
    }
    assert covered.runs == 2


def test_a_tag_constraint_that_no_version_meets_is_a_gap(desk: Desk) -> None:
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64")
    rule, _ = parse_tag_constraint("native[abi3]")
    desk.rules = (rule,)
    with pytest.raises(CoverageError, match=r"no wheel that native\[abi3\] allows"):
        desk.ask(["native"], [LINUX])


def test_a_tag_constraint_that_concerns_no_target_is_told_once(desk: Desk) -> None:
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64")
    rule, _ = parse_tag_constraint("native[win32]")
    desk.rules = (rule,)
    assert desk.ask(["native"], [LINUX]).runs == 1
    (said,) = desk.said
    assert said == (
        "Warning: the tag constraint native[win32] has no effect: none of the targets takes a "
        "wheel with such tags"
    )


def test_what_the_solver_warns_of_is_told_once(desk: Desk) -> None:
    """Also where it is asked again, as a target has to step back."""
    desk.index.add_native("native", "1.0", "manylinux_2_17_x86_64", "win_amd64")
    desk.index.add_native("native", "2.0", "manylinux_2_34_x86_64", "win_amd64")
    desk.index.add_wheel("broken", yanked="it is broken")
    covered = desk.ask(["native", "broken[fast]==1.0"], [LINUX, WINDOWS])
    assert covered.runs == 2
    assert [line for line in desk.said if line.startswith("Warning")] == [
        "Warning: 'broken==1.0' is yanked (reason: \"it is broken\")",
        "Warning: The package 'broken==1.0' does not have an extra named 'fast'",
    ]


class TestSeveralIndexes:
    """A version whose files lie in two indexes: uv takes them from one, pip from both."""

    NEW, OLD = "manylinux_2_28_x86_64", "manylinux_2_17_x86_64"

    @pytest.fixture
    def partial(self, desk: Desk, start_index: Callable[..., IndexServer]) -> IndexServer:
        """An index asked first, which has `native` 2.0 for one system of the two; all of 1.0."""
        index = start_index()
        index.add_native("native", "2.0", self.NEW)
        desk.index.add_native("native", "2.0", self.NEW, "win_amd64")
        desk.index.add_native("native", "1.0", self.NEW, self.OLD, "win_amd64")
        sources = replace(
            desk.context.sources, extra_index_urls=(index.index_url,), strategy="unsafe-best-match"
        )
        desk.context = replace(desk.context, sources=sources)
        return index

    def use(self, desk: Desk, strategy: str) -> None:
        desk.context = replace(
            desk.context, sources=replace(desk.context.sources, strategy=strategy)
        )

    @pytest.mark.parametrize("requirement", ["native", "native>=2"])
    def test_each_target_gets_its_wheel_from_the_index_that_has_it(
        self, requirement: str, desk: Desk, partial: IndexServer
    ) -> None:
        covered = desk.ask([requirement], [LINUX, WINDOWS])
        assert versions(covered, "native") == {
            "cp312-manylinux_2_28_x86_64": "2.0",
            "cp312-win_amd64": "2.0",
        }
        (package,) = covered.lock.packages
        hosts = {wheel.filename: (wheel.url or "") for wheel in package.wheels or ()}
        assert len(hosts) == 2
        assert hosts["native-2.0-cp312-cp312-win_amd64.whl"].startswith(desk.index.url)

    def test_what_is_spread_over_indexes_is_asked_for_once_the_next_time(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        """As long as both indexes say the same; what one of them adds is seen at once."""
        wanted = {"cp312-manylinux_2_28_x86_64": "2.0", "cp312-win_amd64": "2.0"}
        first, second = (desk.ask(["native"], [LINUX, WINDOWS]) for _ in range(2))
        assert versions(first, "native") == versions(second, "native") == wanted
        assert (first.runs, second.runs) == (2, 1)
        partial.add_native("native", "3.0", self.NEW)
        newer = desk.ask(["native"], [LINUX, WINDOWS])
        assert versions(newer, "native") == wanted | {"cp312-manylinux_2_28_x86_64": "3.0"}

    def test_an_sdist_of_the_first_index_hides_no_wheel_of_the_second(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        """uv is content with an sdist; nothing is built where there is a wheel."""
        partial.add_sdist("native", "2.0", tags="cp312-cp312-linux_x86_64")
        covered = desk.ask(["native"], [LINUX, WINDOWS])
        assert set(versions(covered, "native").values()) == {"2.0"}
        assert desk.said == []

    def test_a_version_of_which_the_first_index_has_nothing_that_fits_is_not_lost(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        partial.add_native("native", "3.0", "macosx_11_0_arm64")
        desk.index.add_native("native", "3.0", self.NEW, "win_amd64")
        covered = desk.ask(["native"], [LINUX, WINDOWS])
        assert set(versions(covered, "native").values()) == {"3.0"}

    def test_stepping_back_finds_the_older_files_in_both_indexes(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        partial.add_native("native", "1.0", "win_amd64")
        covered = desk.ask(["native"], [GLIBC_217, WINDOWS])
        assert versions(covered, "native") == {
            "cp312-manylinux_2_17_x86_64": "1.0",
            "cp312-win_amd64": "2.0",
        }

    def test_what_comes_along_with_another_package_may_be_spread_as_well(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        desk.index.add_wheel("top", requires=["native==2.0"])
        covered = desk.ask(["top"], [LINUX, WINDOWS])
        assert set(versions(covered, "native").values()) == {"2.0"}

    def test_a_merged_package_can_be_had_offline(self, desk: Desk, partial: IndexServer) -> None:
        first = desk.ask(["native"], [LINUX, WINDOWS])
        desk.context = replace(desk.context, offline=True)
        again = desk.ask(["native"], [LINUX, WINDOWS])
        assert versions(again, "native") == versions(first, "native")

    def test_with_first_match_a_version_belongs_to_the_first_index_that_has_it(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        self.use(desk, "unsafe-first-match")
        covered = desk.ask(["native"], [LINUX, WINDOWS])
        assert versions(covered, "native") == {
            "cp312-manylinux_2_28_x86_64": "2.0",
            "cp312-win_amd64": "1.0",
        }
        with pytest.raises(CoverageError) as raised:
            desk.ask(["native>=2"], [LINUX, WINDOWS])
        assert (
            f"{desk.index.index_url} has one, but {partial.index_url} stands before it "
            "and has files of 2.0 too"
        ) in " ".join(str(raised.value).split())

    def test_with_first_match_stepping_back_goes_on_to_the_next_index(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        """Its version is newer than the locked one, and yet what uv would try next."""
        self.use(desk, "unsafe-first-match")
        partial.add_native("other", "1.0", self.NEW)
        desk.index.add_native("other", "5.0", self.OLD)
        covered = desk.ask(["other"], [GLIBC_217])
        assert versions(covered, "other") == {"cp312-manylinux_2_17_x86_64": "5.0"}

    def test_with_a_limit_on_upload_times_nothing_is_merged(
        self, desk: Desk, partial: IndexServer
    ) -> None:
        """What an index says of them does not reach uv by way of ours."""
        table = {"exclude-newer-package": {"unrelated": "2020-01-01T00:00:00Z"}}
        covered = desk.ask(["native"], [LINUX, WINDOWS], uv_table=table)
        assert set(versions(covered, "native").values()) == {"1.0", "2.0"}
