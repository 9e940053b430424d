from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import ConfigError, FetchError, SolveError, ToolError
from hatch_multiplat.base.process import Finished
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.resolve import solve
from hatch_multiplat.resolve.build_context import read_uv_table
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.resolve.solve import (
    MAX_EXPLANATION,
    packages_blamed,
    read_warnings,
    with_preferences,
)
from hatch_multiplat.targets.target import Target

OWN = "https://own.test/simple"
PROJECT = Path("/project").absolute()
ANYWHERE = Sources()


def question(uv_table: dict[str, Any]) -> Question:
    return Question(
        requirements=(),
        constraints=(),
        targets=(Target.parse("cp312-win_amd64"),),
        requires_python=SpecifierSet(),
        uv_table=uv_table,
        project_dir=PROJECT,
    )


def failure_of(said: str, *, code: int = 1, sources: Sources = ANYWHERE) -> Exception:
    finished = Finished(returncode=code, stdout="", stderr=said)
    return solve._failure(finished, question({}), sources, {})


def test_folders_of_the_uv_table_stay_true_in_another_folder() -> None:
    table = {
        "index": [{"name": "own", "url": "index"}],
        "find-links": ["wheels"],
        "index-url": "base",
        "no-index": True,
        "sources": {
            "one": {"path": "vendor/one", "editable": True},
            "two": [{"git": "https://git.test/two"}],
        },
        "prerelease": "allow",
    }

    assert solve._staged_uv_table(question(table), Sources(index_url=OWN)) == {
        "index": [{"url": OWN, "default": True}],
        "sources": {
            "one": [{"path": str(PROJECT / "vendor" / "one")}],
            "two": [{"git": "https://git.test/two"}],
        },
        "prerelease": "allow",
    }
    assert table["find-links"] == ["wheels"]


def test_a_projects_own_settings_stand_before_the_users() -> None:
    sources = Sources(user_settings={"prerelease": "allow", "keyring-provider": "subprocess"})

    staged = solve._staged_uv_table(question({"prerelease": "disallow"}), sources)

    assert (staged["prerelease"], staged["keyring-provider"]) == ("disallow", "subprocess")


def test_the_explanation_is_in_the_users_terms() -> None:
    stderr = (
        "warning: `x` is deprecated\n"
        "  error: No solution found when resolving dependencies"
        " for split (markers: os_name == 'nt'):\n"
        "  ╰─▶ Because multiplat-staged-project depends on `rich>=99`, it cannot be.\n\n"
    )

    assert solve._explanation(stderr) == (
        "  error: No solution found when resolving dependencies:\n"
        "  ╰─▶ Because your project depends on 'rich>=99', it cannot be."
    )


TARGETS = [Target.parse(f"cp312-{tag}") for tag in ("manylinux_2_28_x86_64", "win_amd64")]


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("sys_platform == 'win32'", " for cp312-win_amd64"),
        ("sys_platform ==\n  'win32' and\n  platform_machine == 'AMD64'", " for cp312-win_amd64"),
        ("python_full_version == '3.12.*'", ""),
        ("sys_platform ~~ 'win32'", ""),
    ],
)
def test_a_part_of_the_targets_is_told_by_their_names(marker: str, words: str) -> None:
    stderr = (
        "error: No solution found when resolving dependencies for split (markers:\n"
        f"  {marker})\n  cause: Because lib==1.0 has no 'sys_platform ==\n  'win32''-compatible "
        "wheels, it cannot be.\n\n"
        "hint: Packages were unavailable because index lookups were disabled (try:\n"
        "      '--find-links <uri>')\n"
        "hint: lib was requested with a pre-release marker\n"
    )
    assert solve._explanation(stderr, TARGETS).splitlines() == [
        f"  error: No solution found when resolving dependencies{words}",
        "  cause: Because lib==1.0 has no wheels there, it cannot be.",
        "  hint: lib was requested with a pre-release marker",
    ]


def test_a_long_explanation_keeps_its_beginning_and_its_end() -> None:
    lines = solve._explanation("\n".join(f"line {number}" for number in range(50))).splitlines()

    assert len(lines) == MAX_EXPLANATION + 1
    assert lines[0] == "  line 0"
    assert lines[MAX_EXPLANATION // 2] == "  ... (34 lines)"
    assert lines[-1] == "  line 49"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(
            1, "error: No solution found when resolving dependencies\n  cause: 401", id="none"
        ),
        pytest.param(
            1,
            "error: Failed to build `demo==1.0`\n  cause: No such file or directory (os error 2)",
            id="a build",
        ),
        pytest.param(2, "error: Requirements contain conflicting URLs for package", id="URLs"),
    ],
)
def test_what_has_no_answer_is_a_matter_of_the_requirements(code: int, said: str) -> None:
    failure = failure_of(said, code=code)

    assert isinstance(failure, SolveError)
    assert str(failure).startswith("the dependencies cannot be resolved; uv says:\n  error: ")


@pytest.mark.parametrize(
    ("sources", "places"),
    [
        (Sources(), "https://pypi.org/simple"),
        (
            Sources(
                index_url="https://ada:secret@own.test/simple",
                extra_index_urls=("https://more.test/simple",),
                find_links=("file:///wheels",),
            ),
            "file:///wheels, https://more.test/simple, https://own.test/simple",
        ),
        (Sources(find_links=("file:///wheels",), no_index=True), "file:///wheels"),
    ],
)
def test_a_package_that_is_nowhere_comes_with_the_places_that_were_asked(
    sources: Sources, places: str
) -> None:
    where = "provided package locations" if sources.no_index else "package registry"
    said = (
        "error: No solution found when resolving dependencies\n"
        f"  cause: Because nowhere was not found in the {where} and your project depends on nowhere"
    )
    failure = failure_of(said, sources=sources)
    assert str(failure).splitlines()[-1] == (
        f"nowhere was looked for at {places}; correct its name, or name its index"
    )


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        pytest.param(
            2,
            "error: Failed to initialize cache at /home/me/.cache/uv\n"
            "  cause: Read-only file system (os error 30)",
            True,
            id="cache",
        ),
        pytest.param(2, "error: Failed to parse: 'pyproject.toml'", False, id="settings"),
        pytest.param(101, "thread main panicked", False, id="a bug"),
    ],
)
def test_a_failure_of_uv_itself_is_named_as_one(code: int, said: str, *, hint: bool) -> None:
    failure = failure_of(said, code=code)

    assert isinstance(failure, ToolError)
    shown = "\n".join(f"  {line.strip()}" for line in said.splitlines())
    assert str(failure) == f"uv failed:\n{shown}" + (
        "\nWhere a cache cannot be written, name other folders by the environment variables "
        "UV_CACHE_DIR and HATCH_MULTIPLAT_CACHE."
        if hint
        else ""
    )


def test_an_index_in_trouble_is_no_failure_of_uv() -> None:
    said = (
        "error: Request failed after 3 retries in 11.1s\n"
        "  cause: Failed to fetch: https://own.test/simple/rich/\n"
        "  cause: Connection refused (os error 111)"
    )
    failure = failure_of(said, code=2)
    assert isinstance(failure, FetchError)


def test_warnings_are_told_in_the_users_terms_and_once() -> None:
    stderr = (
        "warning: The requested Python version 3.12 is not available; 3.11.7 will be used\n"
        "Resolved 6 packages in 276ms\n"
        'warning: `attrs==21.1.0` is yanked (reason: "broken")\n'
        'warning: `attrs==21.1.0` is yanked (reason: "broken")\n'
        "warning: `x` of multiplat-staged-project is old. Use `--resolution lowest` for others.\n"
        "warning: Pass `--anything` to be rid of this\n"
    )
    assert read_warnings(stderr) == (
        "'attrs==21.1.0' is yanked (reason: \"broken\")",
        "'x' of your project is old",
    )


def test_packages_that_an_explanation_speaks_of_are_found_in_order() -> None:
    text = (
        "Because multiplat-staged-project depends on Pygit2[ssh]>=1.19 and only cffi<2 is "
        "available, all versions of pygit2 are out"
    )

    assert packages_blamed(text) == ("pygit2", "cffi")


def test_preferences_are_added_to_a_lock() -> None:
    assert with_preferences(
        'lock-version = "1.0"\n', {(canonicalize_name("rich"), Version("13.0"))}
    ) == ('lock-version = "1.0"\n\n[[packages]]\nname = "rich"\nversion = "13.0"\n')


PYPROJECT = {"tool": {"uv": {"index-url": OWN, "sources": {"one": {"path": "one"}}}}}


def test_the_uv_table_is_that_of_pyproject(tmp_path: Path) -> None:
    assert read_uv_table(tmp_path, PYPROJECT) == PYPROJECT["tool"]["uv"]
    assert read_uv_table(tmp_path, {}) == {}


def test_uv_toml_stands_before_it_but_for_sources(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text('prerelease = "allow"', encoding="utf-8")

    assert read_uv_table(tmp_path, PYPROJECT) == {
        "prerelease": "allow",
        "sources": {"one": {"path": "one"}},
    }


def test_a_uv_toml_that_is_no_toml_is_a_mistake_in_config(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text("prerelease =", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"[/\\]uv\.toml is not TOML: "):
        read_uv_table(tmp_path, PYPROJECT)


GIT = """\
  Updating https://git.test/x (HEAD)
error: Failed to download and build `x @ git+https://git.test/x`
  cause: Git operation failed
  cause: failed to clone into: /home/ada/.cache/uv/git-v2/db/0711d40358bfffd7
"""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            f"{GIT}  --- stderr\n  fatal: unable to access 'https://git.test/x/': no such host\n",
            "unable to access 'https://git.test/x/': no such host",
        ),
        (
            f"{GIT}  cause: failed to find branch, tag, or commit `none`\n",
            "failed to find branch, tag, or commit 'none'",
        ),
        (
            f"{GIT}  cause: Git executable not found. Ensure that it is installed.\n",
            "Git executable not found. Ensure that it is installed",
        ),
        (GIT, "it does not say why"),
    ],
)
def test_what_git_cannot_bring_is_told_in_its_words_with_the_repository(
    said: str, reason: str
) -> None:
    failure = failure_of(said)
    assert isinstance(failure, FetchError)
    begin = f"x @ git+https://git.test/x cannot be had by git: {reason}; correct the address or"
    assert str(failure).startswith(begin)


def test_a_file_that_is_not_there_is_told_without_uvs_words() -> None:
    said = "error: Distribution not found at: file:///wheels/x-1.0-py3-none-any.whl\n"
    failure = failure_of(said)
    assert isinstance(failure, SolveError)
    assert str(failure) == (
        "a dependency should be at file:///wheels/x-1.0-py3-none-any.whl, and nothing is "
        "there; correct the URL or the path that names it"
    )


def test_a_repository_that_has_to_be_built_is_no_failure_of_uv() -> None:
    """So the search lets it be built."""
    said = (
        "error: Failed to download and build `x @ git+https://git.test/x`\n"
        "  cause: Building source distributions for `x` is disabled\n"
    )
    failure = failure_of(said)
    assert isinstance(failure, SolveError)
    assert solve.packages_without_wheels(failure.explanation) == ("x",)


def test_words_of_a_sentence_are_no_packages() -> None:
    said = (
        "Because only the following versions of low are available: low<2, and mid<=2.0 depends on "
        "one of: low<2.5, we can conclude that mid<=2.0 cannot be used. And because only high<3 is "
        "available and top depends on any of: high>4"
    )
    assert packages_blamed(said) == ("low", "mid", "high")
