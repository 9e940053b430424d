"""`hatch-multiplat check` with the real solver, against an index on loopback and the real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import uv
from click.testing import CliRunner

from hatch_multiplat.base.errors import (
    ConfigError,
    CoverageError,
    FetchError,
    LockError,
    SolveError,
    WriteError,
)
from hatch_multiplat.frontends.cli import main
from hatch_multiplat.frontends.render.matrix_html import render_html
from tests.support.browser import dump_page
from tests.support.caches import make_cache
from tests.support.matrix import make_lock, make_targets, matrix_of, native, package, sample
from tests.support.project import make_project

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from hatch_multiplat.wheels.matrix import Matrix
    from tests.support.index_server import IndexServer

PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64")
TAGS = ("manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64")


class Checked:
    """A project in a folder, and the command run on it."""

    def __init__(self, path: Path, index: IndexServer | None) -> None:
        self.path = path
        self.index = index
        self.table: dict[str, Any] = {"platforms": list(PLATFORMS), "python": ["3.11", "3.12"]}
        self.requires: list[str] = []
        self.tools: dict[str, Any] = {}

    @property
    def root(self) -> Path:
        return self.path / "demo"

    def run(self, *words: str, code: int = 0, command: str = "check") -> Result:
        index_url = self.index.index_url if self.index else "https://pypi.org/simple"
        project = make_project(self.path, index_url=index_url, table={})
        facts = {
            "dependencies": self.requires,
            "requires-python": ">=3.11",
            "scripts": {"demo": "demo:main"},
        }
        project.write({"index-url": index_url, **self.table}, project=facts, tool=self.tools)
        result = CliRunner().invoke(main, [command, str(self.root), *words])
        assert result.exit_code == code, result.output
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run("--json", *words, code=code).stdout)


@pytest.fixture
def clean_surroundings(plain_network: None, uv_cache: None) -> None:
    """Take away what this machine says of indexes, and what its uv has in its cache."""


@pytest.fixture
def checked(
    tmp_path: Path,
    index_server: IndexServer,
    monkeypatch: pytest.MonkeyPatch,
    clean_surroundings: None,
) -> Checked:
    """Return a project for which the index has a native and a pure package."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    for python in ("311", "312"):
        for tag in TAGS:
            index_server.add_wheel("native", "2.0", tags=f"cp{python}-cp{python}-{tag}")
    index_server.add_wheel("pure", "1.0")
    found = Checked(tmp_path, index_server)
    found.requires = ["native", "pure"]
    return found


def missing_wheels(data: Any) -> dict[str, list[str]]:
    return {
        package["name"]: [missing_wheel["target"] for missing_wheel in package["gaps"]]
        for package in data["packages"]
        if package["gaps"]
    }


def test_a_covered_project_shows_its_matrix_and_no_wheel_is_downloaded(checked: Checked) -> None:
    result = checked.run()
    assert "All 6 targets are covered." in result.stdout
    assert re.search(r"^native +2\.0 +native +native +native$", result.stdout, re.MULTILINE)
    assert "Pure, and the same everywhere: pure 1.0" in result.stdout
    assert checked.index is not None
    asked = [request.path for request in checked.index.requests]
    assert [path for path in asked if path.endswith(".whl")] == []
    assert not (checked.path / "cache" / "wheels").exists()


def test_every_gap_is_there_with_the_exit_code_of_coverage(checked: Checked) -> None:
    assert checked.index is not None
    checked.index.add_wheel("windy", tags="py3-none-win_amd64")
    checked.index.add_wheel("late", tags="cp312-abi3-manylinux_2_34_x86_64")
    checked.requires += ["windy", "late; sys_platform == 'linux'"]
    data = checked.json(code=CoverageError.exit_code)
    assert missing_wheels(data) == {
        "late": ["cp311-manylinux_2_28_x86_64", "cp312-manylinux_2_28_x86_64"],
        "windy": [
            f"cp{python}-{platform}"
            for platform in ("manylinux_2_28_x86_64", "macosx_13_0_arm64")
            for python in ("311", "312")
        ],
    }
    linux = next(need for need in data["floors"] if need["platform"] == "linux-x86_64")
    assert (linux["asked"], linux["lowest"]) == ("2.28", "2.34")
    assert linux["forced_by"] == ["late"]
    # Beside the gaps stands what these targets do take.
    native = next(package for package in data["packages"] if package["name"] == "native")
    assert len(native["wheels"]) == 6
    text = checked.run(code=CoverageError.exit_code).stdout
    assert "late raises glibc to 2.34 on x86_64" in text
    quiet = checked.run("--quiet", code=CoverageError.exit_code)
    assert quiet.stdout == ""
    assert quiet.stderr == ("error: 4 of 6 targets cannot be covered, for lack of late, windy.\n")


def test_a_version_that_had_to_be_older_says_where_and_why(checked: Checked) -> None:
    assert checked.index is not None
    for tag in TAGS[:2]:
        checked.index.add_wheel("native", "3.0", tags=f"cp39-abi3-{tag}")
    ((name, versions),) = [
        (found["name"], found["versions"]) for found in checked.json()["differences"]
    ]
    assert name == "native"
    assert [found["version"] for found in versions] == ["3.0", "2.0"]
    assert versions[1]["targets"] == ["cp311-win_amd64", "cp312-win_amd64"]
    assert versions[1]["not"] == ["3.0: no wheel for this platform (has linux x86_64, macos arm64)"]


def test_what_one_more_platform_would_take(checked: Checked) -> None:
    result = checked.run("--platform", "windows-arm64", code=CoverageError.exit_code)
    assert "2 of 8 targets cannot be covered, for lack of native." in result.stdout
    assert "To add windows-arm64, something has to be done about native." in result.stdout
    assert checked.index is not None
    for python in ("311", "312"):
        checked.index.add_wheel("native", "1.5", tags=f"cp{python}-cp{python}-win_arm64")
    result = checked.run("--platform", "windows-arm64")
    words = " ".join(result.stdout.split())
    answer = "Nothing stands in the way of windows-arm64, with native 1.5 instead of 2.0 there."
    assert answer in words


def test_what_one_more_python_would_take(checked: Checked) -> None:
    data = checked.json("--python", "3.13", code=CoverageError.exit_code)
    asked = [target["name"] for target in data["targets"] if target["asked"]]
    assert [name.partition("-")[0] for name in asked] == ["cp313"] * 3
    assert missing_wheels(data) == {"native": asked}


def test_only_looks_at_what_is_asked_for(checked: Checked) -> None:
    data = checked.json("--only", "--platform", "windows-x86_64", "--python", "3.12")
    assert [target["name"] for target in data["targets"]] == ["cp312-win_amd64"]


@pytest.mark.parametrize("word", ["--quiet", "--json"])
def test_a_quiet_check_says_nothing_of_what_it_fetches(checked: Checked, word: str) -> None:
    """An sdist without a wheel has to be fetched and built."""
    assert checked.index is not None
    checked.index.add_sdist("old")
    checked.requires.append("old")
    assert checked.run(word).stderr == ""


def test_an_sdist_that_is_pure_counts_as_built(checked: Checked) -> None:
    assert checked.index is not None
    checked.index.add_sdist("old")
    checked.requires.append("old")
    data = checked.json()
    old = next(package for package in data["packages"] if package["name"] == "old")
    assert {wheel["kind"] for wheel in old["wheels"]} == {"built"}
    checked.table["sdists"] = "never"
    data = checked.json(code=CoverageError.exit_code)
    assert len(missing_wheels(data)["old"]) == 6


class TestLock:
    def test_a_lock_is_what_is_checked_unless_told_otherwise(self, checked: Checked) -> None:
        checked.run(command="lock")
        assert checked.index is not None
        checked.index.add_wheel("pure", "9.0")
        assert "pure 1.0" in checked.run().stdout
        assert "pure 9.0" in checked.run("--no-lock").stdout
        # With more targets than it was made for, its versions are kept.
        checked.table["python"] = ["3.11"]
        checked.run(command="lock")
        assert "pure 1.0" in checked.run("--python", "3.12").stdout

    def test_a_stale_lock_is_an_error_that_says_how_to_renew_it(self, checked: Checked) -> None:
        checked.run(command="lock")
        checked.requires = ["native", "pure>=1"]
        result = checked.run(code=LockError.exit_code)
        assert "pylock.multiplat.toml is stale" in result.stderr
        assert "hatch-multiplat lock" in result.stderr
        assert result.stdout == ""


class TestOutput:
    def test_markdown_and_the_page(self, checked: Checked, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        result = checked.run("--markdown", "--html", str(page))
        assert result.stdout.startswith("### demo: 2 packages for 6 targets")
        assert "| native | 2.0 | native | native | native |" in result.stdout
        assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
        assert [path.name for path in tmp_path.glob(".page*")] == []

    def test_json_is_all_that_stdout_has(self, checked: Checked) -> None:
        result = checked.run("--json")
        assert json.loads(result.stdout)["covered"] is True


class TestScripts:
    @pytest.fixture
    def tool(self, checked: Checked) -> Checked:
        """Return the project with a dependency that has a script."""
        assert checked.index is not None
        checked.index.add_wheel("tool", scripts={"run-tool": "tool:main"})
        checked.requires += ["tool"]
        return checked

    @pytest.mark.parametrize(
        ("script", "hint"),
        [
            ("dmeo", "did you mean 'demo'?"),
            ("run-tol", "did you mean 'run-tool'?"),
            ("nothing-like-it", "there are: demo, run-tool"),
            ("demo:main", "name a function by the key 'entry-point' instead"),
        ],
    )
    def test_a_script_that_no_wheel_has_is_found(
        self, tool: Checked, script: str, hint: str
    ) -> None:
        tool.table["script"] = script
        result = tool.run(code=ConfigError.exit_code)
        said = f"error: tool.multiplat.script: no wheel has a console script {script!r}; {hint}\n"
        assert said in result.stderr
        assert "All 6 targets are covered." in result.stdout
        result = tool.run("--json", code=ConfigError.exit_code)
        assert json.loads(result.stdout)["error"]["kind"] == "ConfigError"

    def test_the_scripts_of_further_commands_are_looked_for(self, tool: Checked) -> None:
        tool.table["executables"] = {"other": {"script": "run-tol"}}
        said = tool.run(code=ConfigError.exit_code).stderr
        assert "tool.multiplat.executables.other.script: no wheel has" in said

    @pytest.mark.parametrize("script", ["demo", "run-tool"])
    def test_a_script_that_some_wheel_has_is_right(self, tool: Checked, script: str) -> None:
        tool.table["script"] = script
        tool.run()
        assert tool.index is not None
        fetched = [one.path for one in tool.index.requests if one.path.endswith(".whl")]
        assert bool(fetched) is (script == "run-tool")  # The project's own needs no look.

    def test_a_build_that_may_add_scripts_is_believed(self, tool: Checked) -> None:
        tool.table["script"] = "dmeo"
        tool.tools = {"hatch": {"build": {"targets": {"wheel": {"shared-scripts": {"a": "b"}}}}}}
        tool.run()


def test_the_page_says_how_old_the_newest_wheel_is_with_a_lock_too(checked: Checked) -> None:
    assert checked.index is not None
    checked.index.add_wheel("dated", upload_time="2020-02-02T02:02:02.000000Z")
    checked.requires = ["dated", "pure"]
    page = checked.path / "page.html"
    for locked in (False, True):
        if locked:
            checked.run(command="lock")
        before = len(checked.index.requests)
        checked.run("--html", str(page))
        assert "1.0, 2020-02-02" in page.read_text("utf-8")
        assert (len(checked.index.requests) == before) is locked


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--platform", "linux_x64"], "--platform: unknown platform 'linux_x64'; did you mean"),
            (["--python", "3.31"], "--python: unknown Python '3.31'"),
            (["--python", "3.10"], "--python: Python 3.10 is not allowed by project.requires-pyt"),
            (["--platform", "gone.json"], "--platform: cannot read the complete-platform file"),
            (["--only"], "--only goes with --platform or --python"),
            (["--json", "--markdown"], "--json and --markdown exclude each other"),
        ],
    )
    def test_a_bad_command_line(self, checked: Checked, words: list[str], message: str) -> None:
        page = checked.path / "page.html"
        result = checked.run(*words, "--html", str(page), code=ConfigError.exit_code)
        assert message in result.stderr
        if "--json" in words:
            assert message in json.loads(result.stdout)["error"]["message"]
        else:
            assert result.stdout == ""
        assert not page.exists()
        assert checked.index is not None
        assert checked.index.requests == []

    def test_what_uv_says_is_understood_whatever_the_width(
        self, checked: Checked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert checked.index is not None
        checked.index.fail("pure-1.0-py3-none-any.whl.metadata", 404)
        monkeypatch.setenv("COLUMNS", "40")
        said = " ".join(checked.run(code=FetchError.exit_code).stderr.split())
        assert "pure-1.0-py3-none-any.whl.metadata answered 404 Not Found; try again" in said

    def test_a_page_that_cannot_be_written(self, checked: Checked) -> None:
        page = checked.path / "no" / "page.html"
        result = checked.run("--html", str(page), code=WriteError.exit_code)
        assert result.stderr.endswith(
            f"error: cannot write {page}: there is no such folder; "
            "make it, or name another in --html\n"
        )

    def test_a_lock_that_the_table_names_and_that_is_not_there(self, checked: Checked) -> None:
        checked.table["lock"] = "pylock.ci.toml"
        found = json.loads(checked.run("--json", code=LockError.exit_code).stdout)
        assert found["error"] == {
            "kind": "LockError",
            "exit_code": 3,
            "message": "tool.multiplat.lock: there is no 'pylock.ci.toml'; "
            "write it with: hatch-multiplat lock",
        }

    def test_a_folder_without_a_table(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'demo'\n", "utf-8")
        result = CliRunner().invoke(main, ["check", str(tmp_path)])
        assert result.exit_code == ConfigError.exit_code
        assert "tool.multiplat: no such table in pyproject.toml" in result.stderr

    def test_requirements_that_contradict_each_other(self, checked: Checked) -> None:
        checked.requires.append("pure>=2")
        result = checked.run(code=SolveError.exit_code)
        assert "the dependencies cannot be resolved; uv says:" in result.stderr


UV_PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64-musl": "aarch64-unknown-linux-musl",
    "macos-x86_64": "x86_64-apple-darwin",
    "windows-arm64": "aarch64-pc-windows-msvc",
}


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("pywin32", ["pywin32", "pywin32; sys_platform == 'win32'"])
def test_uv_agrees_on_each_target_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pywin32: str
) -> None:
    """Every gap is true, every covered target has a solution, and it is of the same versions."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", make_cache(tmp_path / "cache"))
    checked = Checked(tmp_path, None)
    checked.requires = ["pandas", "cryptography", "lxml", pywin32]
    checked.table = {"platforms": list(UV_PLATFORMS), "python": ["3.11", "3.14"], "sdists": "never"}
    code = 0 if ";" in pywin32 else CoverageError.exit_code
    data = checked.json(code=code)
    for target in data["targets"]:
        done = subprocess.run(
            [
                uv.find_uv_bin(),
                *("pip", "compile", "-", "--only-binary", ":all:", "--quiet", "--no-header"),
                *("--python-platform", UV_PLATFORMS[target["platform"]]),
                *("--python", sys.executable, "--python-version", target["python"]),
                "--no-annotate",
                *("--default-index", "https://pypi.org/simple"),
            ],
            cwd=tmp_path,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            input="\n".join(checked.requires),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is target["covered"], (target, done.stderr)
        if target["covered"]:
            theirs = dict(line.split("==") for line in done.stdout.split() if "==" in line)
            ours = {
                package["name"]: wheel["version"]
                for package in data["packages"]
                for wheel in package["wheels"]
                if wheel["target"] == target["name"]
            }
            assert ours == theirs, target


class TestPageInBrowser:
    """The page's script, run by a real browser, which prints what the page has become."""

    def dump(self, folder: Path, script: str, matrix: Matrix | None = None) -> str:
        text = render_html(matrix or sample())
        page = folder / "page.html"
        page.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
        return dump_page(page.as_uri(), folder)

    def shown(self, folder: Path, script: str) -> list[str]:
        """Return packages with versions, in the order of the rows that are shown."""
        report = (
            "document.title = [...document.querySelectorAll('table.matrix tbody tr')]"
            ".filter((row) => !row.hidden)"
            ".map((row) => row.cells[0].innerText + ' ' + row.cells[1].lastChild.textContent)"
            ".join('|');"
        )
        title = re.search(r"<title>(.*?)</title>", self.dump(folder, script + report))
        assert title is not None
        return title[1].split("|")

    def test_a_click_on_a_heading_sorts(self, tmp_path: Path) -> None:
        click = "document.querySelectorAll('table.matrix th button')[1].click();"
        assert self.shown(tmp_path, click)[:3] == ["backport 0.1", "windy 0.4", "both 1.0"]

    def test_the_filters_leave_what_they_say(self, tmp_path: Path) -> None:
        script = """
        const set = (id, value) => {
          const field = document.getElementById(id);
          field.value = value;
          field.dispatchEvent(new Event("input"));
        };
        set("show", "gap"); set("find", "slow"); set("platform", "macos-arm64");
        """
        assert self.shown(tmp_path, script) == ["slow 1.2"]

    def measure(self, folder: Path, size: str, matrix: Matrix) -> tuple[int, int, int]:
        """Return the width of all that is on a phone of this size, the phone's, and the height."""
        script = """
        const frame = document.createElement("iframe");
        frame.style.cssText = "SIZE;border:0";
        frame.srcdoc = document.documentElement.outerHTML.replace(/<script>[^]*?<\\/script>/g, "");
        frame.onload = () => {
          const root = frame.contentDocument.documentElement;
          document.title = `${root.scrollWidth}|${root.clientWidth}|${root.scrollHeight}`;
        };
        document.body.append(frame);
        """
        dumped = self.dump(folder, script.replace("SIZE", size), matrix)
        title = re.search(r"<title>(\d+)\|(\d+)\|(\d+)</title>", dumped)
        assert title is not None
        return int(title[1]), int(title[2]), int(title[3])

    def test_on_a_phone_nothing_is_wider_than_the_screen(self, tmp_path: Path) -> None:
        wide, screen, _ = self.measure(tmp_path, "width:360px;height:800px", sample())
        assert wide == screen

    def test_136_packages_take_less_than_ten_screens_of_a_phone(self, tmp_path: Path) -> None:
        """As in an application for science: most are pure, some have no wheel for a Python."""
        platforms = (
            "linux-x86_64",
            "linux-aarch64",
            "macos-arm64",
            "macos-x86_64",
            "windows-x86_64",
        )
        pythons = ("3.11", "3.12", "3.13", "3.14")
        targets = make_targets(platforms, pythons)
        kinds = (
            native("manylinux_2_17_x86_64", "manylinux_2_28_aarch64", "macosx_11_0_arm64",
                   "macosx_10_12_x86_64", "win_amd64", pythons=pythons),
            native("manylinux_2_24_x86_64", "manylinux_2_17_aarch64", "macosx_12_0_arm64",
                   "macosx_10_9_x86_64", "win_amd64", pythons=pythons[:3]),
        )  # fmt: skip
        lock = make_lock(
            *(
                package(f"application-part-{number}", "2.31.4", "py3-none-any")
                for number in range(90)
            ),
            *(
                package(f"extension-{number}", "10.2", *kinds[number % 9 == 0])
                for number in range(46)
            ),
        )
        matrix = matrix_of(lock, targets)
        assert len(matrix.packages) == 136
        wide, screen, height = self.measure(tmp_path, "width:390px;height:844px", matrix)
        assert wide == screen
        assert height < 10 * 844
