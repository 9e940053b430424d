"""How-to pages: what they tell people to type and to write is read from them and done."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.tag_constraint import parse_tag_constraint
from tests.support.desk import EXECUTABLE, MINOR, SDIST, WHEEL, make_desk, write_table, write_tool
from tests.support.native import PYTHONS, make_native_project
from tests.support.page import NOT_RUN, Shell, Step, open_page
from tests.support.workflow import Runner, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.usefixtures("plain_network", "uv_cache"),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="the pages have lines for a shell, and start what is for Linux on x86_64",
    ),
]
ROOT = Path(__file__).resolve().parents[3]
LINUX = {"platforms": ["linux-x86_64"], "python": [MINOR]}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A terminal in a project without dependencies, which no build asks an index for."""
    return make_desk(tmp_path, HATCH_MULTIPLAT_OFFLINE="1")


def wheels_in(shell: Shell) -> dict[str, str]:
    """Return the versions of the wheels in the executable but for the project's own."""
    with zipfile.ZipFile(shell.cwd / "dist" / EXECUTABLE) as archive:
        found = re.findall(
            r"\.deps/([^-\s]+)-([^-\s]+)-\S+\.whl(?:\n|$)", "\n".join(archive.namelist())
        )
    return {name: version for name, version in found if name != "git_inspect"}


def locked(shell: Shell, **environ: str) -> dict[str, str]:
    """Return the versions that a lock made now would have."""
    shell.do("hatch-multiplat lock --quiet --upgrade", **environ)
    text = (shell.cwd / "pylock.multiplat.toml").read_text("utf-8")
    return {package["name"]: package["version"] for package in tomllib.loads(text)["packages"]}


def made(shell: Shell, folder: str = "dist") -> list[str]:
    return sorted(path.name for path in (shell.cwd / folder).iterdir())


def test_another_output_than_the_page_shows_and_a_failing_command_fail_the_test(
    shell: Shell,
) -> None:
    assert shell.run([Step(command="echo a; echo b >&2", shown=("a",))]) == ["a\n"]
    for command in ("echo b", "echo a; echo b", "echo a; false"):
        with pytest.raises(AssertionError):
            shell.run([Step(command=command, shown=("a",)), Step(command="true", shown=())])


def test_several_commands(shell: Shell) -> None:
    with open_page("how-to/several-commands") as page:
        table, names = page.take("toml", "[project.scripts]"), page.take("toml", "executables")
        write_table(shell, table, names)
        shell.do("python -m build --wheel")
        dist = replace(shell, cwd=shell.cwd / "dist")
        assert dist.run(page.steps())[-1] == "the log []\n"
    (shell.cwd / "dist" / "git-log").symlink_to(EXECUTABLE)
    assert shell.do("./dist/git-log x") == "the log ['--oneline', 'x']\n"
    assert shell.do(f"./dist/{EXECUTABLE}") == "it ran\n"


def test_publish(shell: Shell) -> None:
    """twine itself is not here: what it is given is."""
    given = write_tool(shell, "twine")
    with open_page("how-to/publish") as page:
        shell.run(page.steps())
        assert given.read_text("utf-8").split() == ["upload", f"dist/{WHEEL}", f"dist/{SDIST}"]
        assert made(shell) == [EXECUTABLE, WHEEL, SDIST]
        shutil.rmtree(shell.cwd / "dist")
        write_table(shell, page.take("toml"))
        shell.run(page.steps())
    assert given.read_text("utf-8").split() == ["upload", f"dist/{WHEEL}", f"dist/{SDIST}"]
    assert (made(shell), made(shell, "bin")) == ([WHEEL, SDIST], [EXECUTABLE])


def test_checksums_and_inventory(shell: Shell) -> None:
    with open_page("how-to/checksums-and-inventory") as page:
        write_table(shell, page.take("toml"))
        shell.do("python -m build")
    assert made(shell) == ["SHA256SUMS", EXECUTABLE, f"{EXECUTABLE}.cdx.json", WHEEL, SDIST]
    shell.do(f"cd dist && rm {SDIST} && sha256sum --check --strict --ignore-missing SHA256SUMS")
    inventory = json.loads((shell.cwd / "dist" / f"{EXECUTABLE}.cdx.json").read_text("utf-8"))
    assert inventory["bomFormat"] == "CycloneDX"


def test_choose_platforms(shell: Shell) -> None:
    with open_page("how-to/choose-platforms") as page:
        names = re.findall(r"`((?:linux|macos|windows)-[\w-]+)`", page.text)
        assert len(names) > 10
        assert all(str(Platform.parse(name)) == name for name in names)
        quoted = '["macosx_11_0_x86_64", "manylinux2014_x86_64"]'
        assert quoted in page.text
        older = tomllib.loads(page.take("toml", "glibc2.17"))["platforms"]
        same = json.loads(quoted)
        assert set(map(Platform.parse, older)) == set(map(Platform.parse, same))
        shell.run(page.steps())
        left_out = tomllib.loads(page.take("toml", "exclude"))
        table = {"platforms": ["linux-x86_64-musl", "windows-arm64"], "python": ["3.14", "3.15"]}
        write_table(shell, {"tool": {"multiplat": {**table, **left_out}}})
        shown = shell.do("hatch-multiplat targets")
        for name in ("cp314-musllinux_1_2_x86_64", "cp314-win_arm64"):
            assert name in shown
        assert "cp315-" not in shown
        table = tomllib.loads(page.take("toml", "platforms/host.json"))
        write_table(shell, {"tool": {"multiplat": {**table, "python": [MINOR]}}})
        assert "2 targets" in shell.do("python -m build --wheel 2>&1")
        assert shell.do(f"./dist/{EXECUTABLE}") == "it ran\n"


def test_check(shell: Shell, make_wheel: MakeFile) -> None:
    wheel = make_wheel("rich")
    table = {"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.13"]}
    write_table(shell, {"tool": {"multiplat": table}})
    with open_page("how-to/check") as page:
        first, *_ = YAML(typ="safe").load(page.take("yaml"))
        shell.do(first["run"], GITHUB_STEP_SUMMARY="summary.md")
        assert "All 2 targets are covered" in (shell.cwd / "summary.md").read_text("utf-8")
        assert (shell.cwd / "coverage.html").read_text("utf-8").startswith("<!DOCTYPE html>")
        # In place of PyPI.
        replace = {"rich -o": f"rich --no-pypi --find-links {wheel.parent} -o"}
        Shell(cwd=shell.cwd, environ=shell.environ, replace=replace).run(page.steps())
    with zipfile.ZipFile(shell.cwd / "rich.pex") as archive:
        assert any(wheel.name in name for name in archive.namelist())


def test_verify(shell: Shell) -> None:
    """The emulator and the container are stand-ins, which are called as the page's table says."""
    emulated = write_tool(shell, "qemu-aarch64", "git-inspect 1.0.0")
    contained = write_tool(shell, "docker", "git-inspect 1.0.0")
    table = {"platforms": ["linux-aarch64", "linux-x86_64-musl"], "python": ["3.12"]}
    with open_page("how-to/verify") as page:
        write_table(shell, {"tool": {"multiplat": table}}, page.take("toml"))
    shell.do("python -m build --wheel")
    assert "2 of 2 targets proven complete, 2 run" in shell.do(
        f"hatch-multiplat verify dist/{EXECUTABLE}"
    )
    file = str(shell.cwd / "dist" / EXECUTABLE)
    words = ["-L", "/usr/aarch64-linux-gnu", "/opt/aarch64/bin/python3.12", file, "--version"]
    assert emulated.read_text("utf-8").split() == words
    words = ["run", "--rm", "-v", f"{file}:{file}", "python:3.12-alpine", "python", file]
    assert contained.read_text("utf-8").split() == [*words, "--version"]


def test_ci(shell: Shell, index_server: IndexServer, tmp_path: Path) -> None:
    index_server.add_wheel("greeting")
    write_table(
        shell,
        {"project": {"dependencies": ["greeting"]}, "tool": {"multiplat": LINUX}},
    )
    with open_page("how-to/ci") as page:
        text = page.take("yaml", "pip install build")
        one_step, component, hooks = page.take_all("yaml")
    for recipe in (text, one_step):
        check_schema("github-workflows", recipe, tmp_path)
    check_schema("gitlab-ci", component, tmp_path)
    # What they name is there: the action's outputs, the component's inputs, the hooks.
    action = read_yaml(ROOT / "action.yml")
    assert set(re.findall(r"multiplat\.outputs\.(\w+)", one_step)) <= set(action["outputs"])
    given = YAML(typ="safe").load(component)["include"][0]["inputs"]
    header, _ = YAML(typ="safe").load_all((ROOT / "templates" / "build.yml").read_text("utf-8"))
    assert set(given) <= set(header["spec"]["inputs"])
    (repository,) = YAML(typ="safe").load(hooks)["repos"]
    manifest = read_yaml(ROOT / ".pre-commit-hooks.yaml")
    assert {hook["id"] for hook in repository["hooks"]} == {hook["id"] for hook in manifest}
    jobs: dict[str, Any] = YAML(typ="safe").load(text)["jobs"]
    runs = {
        name: [
            step["run"]
            for step in job["steps"]
            if "run" in step and ("how-to/ci", f"- run: {step['run']}") not in NOT_RUN
        ]
        for name, job in jobs.items()
    }
    home = dict(shell.environ, HATCH_MULTIPLAT_OFFLINE="", UV_DEFAULT_INDEX=index_server.index_url)
    del home["HATCH_MULTIPLAT_CACHE"], home["XDG_CACHE_HOME"]
    (tmp_path / "home").mkdir(exist_ok=True)  # what is no folder is no home
    runner = Shell(cwd=shell.cwd, environ=home, replace=shell.replace)
    for command in runs["build"]:
        runner.do(command)
    (cached,) = (step["with"] for step in jobs["build"]["steps"] if "cache" in step.get("uses", ""))
    assert list((tmp_path / cached["path"].replace("~", "home") / "wheels").rglob("*.whl"))
    trial = Shell(cwd=shell.cwd / "dist", environ=home, replace={})
    assert [trial.do(command) for command in runs["try"]] == ["it ran\n"]


def check_schema(name: str, text: str, folder: Path) -> None:
    recipe = folder / f"{name}.yml"
    recipe.write_text(text, "utf-8")
    words = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", str(recipe)]
    done = subprocess.run([sys.executable, *words], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_release(shell: Shell, tmp_path: Path) -> None:
    """The jobs run one after the other; what leaves the machine is a stand-in."""
    shell = replace(shell, environ={**shell.environ, "GITHUB_REF_NAME": "v1.0.0"})
    tools = ("pip", "gh", "apk", "cosign", "twine", "curl")
    noted = {name: write_tool(shell, name) for name in tools}
    dist = shell.cwd / "dist"
    files = {EXECUTABLE, f"{EXECUTABLE}.cdx.json", WHEEL, SDIST, "SHA256SUMS"}
    with open_page("how-to/release") as page:
        github, gitlab = page.take_all("yaml")
        write_table(shell, page.take("toml"))
        from_github, from_gitlab = (page.steps(tool) for tool in ("gh attestation", "cosign"))
    check_schema("github-workflows", github, tmp_path)
    check_schema("gitlab-ci", gitlab, tmp_path)

    jobs: dict[str, Any] = YAML(typ="safe").load(github)["jobs"]
    runner = Runner(
        folder=tmp_path,
        cwd=shell.cwd,
        environ=shell.environ,
        values={"github.token": "token", "github.repository": "ada/git-inspect"},
    )
    for step in jobs["build"]["steps"]:
        if "run" in step:
            shell.do(step["run"])
    assert set(made(shell)) == files
    runner.run(jobs["page"]["steps"])
    uploaded = noted["gh"].read_text("utf-8").splitlines()
    assert {name for name in uploaded if name.startswith("dist/")} == {f"dist/{f}" for f in files}
    replace(shell, cwd=dist).run(from_github)
    runner.cwd = dist
    runner.run(jobs["pypi"]["steps"])
    assert {path.name for path in (dist / "upload").iterdir()} == {WHEEL, SDIST}
    shutil.rmtree(dist)

    pipeline: dict[str, Any] = YAML(typ="safe").load(gitlab)
    variables = {"CI_COMMIT_TAG": "1.0.0", "CI_JOB_TOKEN": "token", "PACKAGES": "https://packages"}
    for name in ("build", "sign", "pypi", "files", "page"):
        shell.do("\n".join(pipeline[name]["script"]), **variables)
    assert set(made(shell)) == files  # The stand-in for cosign writes nothing.
    words = noted["twine"].read_text("utf-8").splitlines()
    assert words == ["upload", f"dist/{WHEEL}", f"dist/{SDIST}"]
    assert noted["cosign"].read_text("utf-8").splitlines()[-1] == "dist/SHA256SUMS"
    links = {link["name"] for link in pipeline["page"]["release"]["assets"]["links"]}
    assert {link.replace("$CI_COMMIT_TAG", "1.0.0") for link in links} == {
        EXECUTABLE,
        "SHA256SUMS",
        "SHA256SUMS.sigstore.json",
    }
    replace(shell, cwd=dist).run(from_gitlab)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.skipif(f"cp{MINOR.replace('.', '')}" not in PYTHONS, reason="for other Pythons")
def test_native_code(tmp_path: Path) -> None:
    project = make_native_project(tmp_path)
    project.add_wheels()
    here = Shell(
        cwd=project.root,
        environ=project.environ,
        replace={"-m build": "-m build --no-isolation"},
    )
    with open_page("how-to/native-code") as page:
        here.run(page.steps("hatch-multiplat build"))
        first = project.executable.read_bytes()
        project.executable.unlink()
        here.run(page.steps("HATCH_MULTIPLAT_PROJECT_WHEELS"))
    # Both take the wheels of `wheelhouse/`, which are there for all targets.
    same = (
        hashlib.sha256(project.executable.read_bytes()).digest() == hashlib.sha256(first).digest()
    )
    assert same


def test_private_index(
    start_index: Callable[..., IndexServer], make_wheel: MakeFile, tmp_path: Path
) -> None:
    packages, team = start_index(), start_index()
    packages.add_wheel("rich", "1.0")
    packages.add_wheel("corp-auth", "1.0")
    team.add_wheel("ours", "2.0")
    desk = make_desk(tmp_path)
    servers = {
        "https://packages.example.com/simple": packages.index_url,
        "https://packages.example.com/team/simple": team.index_url,
    }
    # The page has the option by which a build takes what is installed where it needs it.
    replace = {**desk.replace, "--no-isolation --no-isolation": "--no-isolation"}
    shell = Shell(cwd=desk.cwd, environ=desk.environ, replace=replace | servers)
    needs: dict[str, Any] = {"project": {"dependencies": ["rich"]}, "tool": {"multiplat": LINUX}}
    with open_page("how-to/private-index") as page:
        write_table(shell, needs)
        shell.run(page.steps("UV_INDEX_URL"))
        assert wheels_in(shell) == {"rich": "1.0"}

        # "A build that has run before can run offline".
        packages.requests.clear()
        shell.run(page.steps("UV_OFFLINE"), UV_INDEX_URL=packages.index_url)
        assert wheels_in(shell) == {"rich": "1.0"}
        assert packages.requests == []

        wheels = shell.cwd / "wheels"
        wheels.mkdir()
        shutil.copy2(make_wheel("folder", "3.0"), wheels)
        more = {"project": {"dependencies": ["rich", "ours", "folder"]}}
        write_table(shell, needs, more, page.take("toml", "extra-index-urls"))
        assert locked(shell) == {"rich": "1.0", "ours": "2.0", "folder": "3.0"}

        packages.add_wheel("folder", "9.9")
        more = {"project": {"dependencies": ["rich", "folder"]}}
        write_table(shell, needs, more, page.take("toml", "flat"))
        found = locked(shell, UV_INDEX_URL=packages.index_url)
        assert found == {"rich": "1.0", "folder": "3.0"}

        public = start_index()
        public.add_wheel("corp-auth", "99.0")
        public.add_wheel("rich", "4.0")
        write_table(shell, needs, page.take("toml", "[tool.uv.sources]"))
        assert locked(shell, UV_DEFAULT_INDEX=public.index_url) == {
            "rich": "4.0",
            "corp-auth": "1.0",
        }

        shutil.copy2(make_wheel("rich", "5.0"), wheels)
        write_table(shell, needs, page.take("toml", "no-index"))
        assert locked(shell, UV_DEFAULT_INDEX=public.index_url) == {"rich": "5.0"}


def test_tag_constraints(shell: Shell, index_server: IndexServer) -> None:
    for version, platform_tags in (
        ("42.0", "manylinux_2_28_x86_64"),
        ("41.0", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    ):
        index_server.add_wheel("cryptography", version, tags=f"cp311-abi3-{platform_tags}")
        index_server.add_wheel("cryptography", version, tags="cp311-abi3-win_amd64")
    table = {"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12", "3.13"]}
    project = {"name": "demo", "dependencies": ["cryptography"]}
    with open_page("how-to/tag-constraints") as page:
        tables = page.take("toml"), {"project": project, "tool": {"multiplat": table}}
        write_table(shell, *tables)
        outside = {"HATCH_MULTIPLAT_OFFLINE": "", "UV_DEFAULT_INDEX": index_server.index_url}
        shell.run(page.steps(), **outside, COLUMNS="80")
        kinds = r"^\| (?:Python|ABI|platform|architecture) \| (.*) \|$"
        words = re.findall(kinds, page.text, re.MULTILINE)
        assert len(words) == 4
        for word in re.findall(r"`([\w.]+)`", " ".join(words)):
            parse_tag_constraint(f"demo[{word}]")
