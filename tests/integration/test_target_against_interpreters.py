"""Our tables against what real interpreters, pex and uv say of the same platforms."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import packaging
import pytest
from packaging.specifiers import SpecifierSet
from uv import find_uv_bin

from hatch_multiplat.targets.python import CPYTHONS
from hatch_multiplat.targets.target import MARKER_VARIABLES, Target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag

# Neither can be known ahead: the kernel's release and its version text.
KNOWN_VARIABLES = [v for v in MARKER_VARIABLES if v not in {"platform_release", "platform_version"}]

PACKAGING_RUNS_ON = SpecifierSet(metadata("packaging")["Requires-Python"])

SAY_TAGS = """
import sys
sys.path.insert(0, sys.argv[1])
from packaging.tags import sys_tags
print("\\n".join(map(str, sys_tags())))
"""


@functools.cache
def find_cpython(version: tuple[int, int]) -> str | None:
    """Return the path of an installed CPython, from pyenv or from PATH."""
    name = f"python{version[0]}.{version[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [str(path / "bin" / name) for path in sorted(pyenv.glob("*"))]
    if on_path := shutil.which(name):
        candidates.append(on_path)
    say_version = "import sys; print(sys.version_info[:2])"
    for candidate in candidates:
        if not os.access(candidate, os.X_OK):
            continue
        done = subprocess.run([candidate, "-c", say_version], capture_output=True, check=False)
        if done.stdout.decode().strip() == str(version):
            return candidate
    return None


def every(versions: Iterable[tuple[int, int]]) -> pytest.MarkDecorator:
    """Run a test with each of these CPythons, and skip those that are not installed."""

    def param(version: tuple[int, int]) -> Any:
        name = f"{version[0]}.{version[1]}"
        missing = find_cpython(version) is None
        return pytest.param(
            version,
            id=name,
            marks=pytest.mark.skipif(missing, reason=f"no CPython {name} is installed"),
        )

    return pytest.mark.parametrize("version", [*map(param, versions)])


def run(*command: str | Path, **environment: str) -> str:
    """Return what a command prints; without the variables that could lead uv or pex elsewhere."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PEX_", "PIP_"))}
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, env={**clean, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pex_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pex-root")


@every(CPYTHONS)
def test_pex_says_the_same_of_an_interpreter(version: tuple[int, int], pex_root: Path) -> None:
    inspect = [sys.executable, "-m", "pex.cli", "interpreter", "inspect", "--markers", "--tags"]
    said = json.loads(run(*inspect, "--python", str(find_cpython(version)), PEX_ROOT=str(pex_root)))
    seen = Target.from_complete_platform(said, name="seen")
    patch = int(said["marker_environment"]["python_full_version"].split(".")[2])

    ours = Target(python=seen.python, platform=seen.platform)

    # The newest packaging for Python 3.6, which pex brings along, did not know that one yet.
    tags = [tag for tag in map(str, ours.tags) if tag != "cp36-none-any"]
    assert tags == said["compatible_tags"]
    environment = dict(ours.environment(patch))
    assert {v: environment[v] for v in KNOWN_VARIABLES} == {
        v: said["marker_environment"][v] for v in KNOWN_VARIABLES
    }


@every(version for version in CPYTHONS if f"{version[0]}.{version[1]}" in PACKAGING_RUNS_ON)
def test_packaging_says_the_same_of_the_interpreter_it_runs_under(
    version: tuple[int, int], tmp_path: Path
) -> None:
    shutil.copytree(Path(packaging.__file__).parent, tmp_path / "packaging")
    said = run(str(find_cpython(version)), "-I", "-B", "-c", SAY_TAGS, tmp_path).split()
    seen = Target.from_complete_platform(
        {"compatible_tags": said, "marker_environment": {}}, name="seen"
    )
    plain = f"-linux_{seen.platform.arch}"

    ours = [str(tag) for tag in Target(python=seen.python, platform=seen.platform).tags]

    # packaging 26.3 ranks the plain linux tag first, we last: see Platform.tags.
    assert sorted(ours) == sorted(said)
    assert [t for t in ours if not t.endswith(plain)] == [t for t in said if not t.endswith(plain)]


# uv's names of platforms, and what they mean to us.
UV_PLATFORMS = {
    "x86_64-manylinux2014": "manylinux2014_x86_64",
    "x86_64-manylinux_2_28": "manylinux_2_28_x86_64",
    "x86_64-manylinux_2_40": "manylinux_2_40_x86_64",
    "aarch64-manylinux_2_28": "manylinux_2_28_aarch64",
    "x86_64-unknown-linux-musl": "musllinux_1_2_x86_64",
    "aarch64-unknown-linux-musl": "musllinux_1_2_aarch64",
    "riscv64-unknown-linux": "manylinux_2_39_riscv64",
    "x86_64-apple-darwin": "macosx_13_0_x86_64",
    "aarch64-apple-darwin": "macosx_13_0_arm64",
    "x86_64-pc-windows-msvc": "win_amd64",
    "aarch64-pc-windows-msvc": "win_arm64",
    "i686-pc-windows-msvc": "win32",
}


# Platforms that have to be told from each: no wheel of one may pass for another's.
OTHER_TARGETS = (
    "cp312-manylinux_2_41_x86_64",
    "cp312-manylinux_2_41_aarch64",
    "cp312-musllinux_1_3_x86_64",
    "cp312-macosx_14_0_x86_64",
    "cp312-macosx_14_0_arm64",
    "cp312-win_amd64",
    "cp312-win32",
)

each_uv_platform = pytest.mark.parametrize(
    ("uv_platform", "target"),
    [
        pytest.param(name, Target.parse(f"cp312-{tag}"), id=name)
        for name, tag in UV_PLATFORMS.items()
    ],
)


@each_uv_platform
def test_uv_takes_the_same_wheels(uv_platform: str, target: Target, tmp_path: Path) -> None:
    """Each package has a wheel for all, and a newer one with one tag, which uv takes if it can."""
    fitting = short_list(target)
    others = [tag for other in OTHER_TARGETS for tag in short_list(Target.parse(other))]
    tags = {
        f"package{n}": tag
        for n, tag in enumerate(dict.fromkeys([*fitting, *others, *NEVER_FITTING]))
    }
    for name, tag in tags.items():
        make_wheel(tmp_path, name, "1")
        make_wheel(tmp_path, name, "2", tags=tag)

    taken = uv_takes(uv_platform, tags, links=tmp_path)

    assert {tags[name] for name, version in taken.items() if version == "2"} == set(fitting)


@each_uv_platform
def test_uv_ranks_wheels_as_we_do(uv_platform: str, target: Target, tmp_path: Path) -> None:
    """Each package has two wheels, whose tags follow each other; uv has to take the better one."""
    links, installed = tmp_path / "links", tmp_path / "installed"
    expected = {}
    for n, (better, worse) in enumerate(pairwise(short_list(target))):
        for tag in (better, worse):
            make_wheel(links, f"package{n}", "1", tags=tag, files={f"package{n}.txt": tag})
        expected[f"package{n}"] = better
    install: list[str | Path] = [find_uv_bin(), "pip", "install", "--quiet", "--target", installed]

    run(*install, *uv_options(links), "--python-platform", uv_platform, *expected)

    assert {name: (installed / f"{name}.txt").read_text() for name in expected} == expected


@each_uv_platform
def test_uv_has_the_same_marker_variables(uv_platform: str, target: Target, tmp_path: Path) -> None:
    """Of each variable there are two requirements: for our value, and for any other."""
    environment = dict(target.environment())
    requirements = []
    for variable in UV_KNOWS:
        for word, operator in (("same", "=="), ("other", "!=")):
            name = f"{word}-{variable.replace('_', '-')}"
            make_wheel(tmp_path, name)
            requirements.append(f"{name}; {variable} {operator} '{environment[variable]}'")

    taken = uv_takes(uv_platform, requirements, links=tmp_path)

    assert sorted(taken) == sorted(f"same-{variable.replace('_', '-')}" for variable in UV_KNOWS)


# The others depend on the Python that uv finds, not on the platform that it is told.
UV_KNOWS = ("os_name", "platform_machine", "platform_system", "python_version", "sys_platform")

NEVER_FITTING = (
    "cp311-cp311-any",
    "cp313-abi3-any",
    "cp312-cp312d-any",
    "cp312-abi3t-any",
    "pp312-none-any",
    "py313-none-any",
    "py2-none-any",
)


def short_list(target: Target) -> list[str]:
    """Leave of a target's tags all ABIs of its best platform, and all platforms of its best ABI."""
    first = target.tags[0]
    return [
        str(tag)
        for tag in target.tags
        if (tag.interpreter, tag.abi) == (first.interpreter, first.abi)
        or tag.platform in {first.platform, "any"}
        if not unknown_to_uv(tag)
    ]


def unknown_to_uv(tag: Tag) -> bool:
    """Whether uv refuses a tag that packaging accepts."""
    if tag.platform.endswith("_fat3"):
        return True
    old_riscv64 = re.fullmatch(r"manylinux(?:2014|_2_(?:1.|2.|30))_riscv64", tag.platform)
    return old_riscv64 is not None


def uv_takes(uv_platform: str, requirements: Iterable[str], *, links: Path) -> dict[str, str]:
    """Return the versions, by package, that uv takes for Python 3.12 on a platform."""
    (links / "requirements.in").write_text("\n".join(requirements))
    compile_ = [find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    options = [*uv_options(links), "--python-platform", uv_platform]
    pinned = run(*compile_, *options, links / "requirements.in").split()
    return dict(line.split("==", 1) for line in pinned)


def uv_options(links: Path) -> list[str | Path]:
    offline = ["--no-cache", "--no-config", "--no-index", "--only-binary", ":all:"]
    python = ["--python", sys.executable, "--python-version", "3.12", "--no-python-downloads"]
    return [*offline, *python, "--find-links", links]
