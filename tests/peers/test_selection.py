"""Our tags, markers and choices from locks beside those of uv and packaging, in their own cases.

The markers are those of the tests of packaging and of uv's own crate for them, out of their sdists.
"""

from __future__ import annotations

import ast
import io
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.pylock import PackageWheel, Pylock, PylockSelectError
from packaging.utils import parse_wheel_filename

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds
from hatch_multiplat.wheels.selection import select_all, tag_ranks
from tests.support.wheels import make_wheel

pytestmark = [pytest.mark.network, pytest.mark.slow]

INDEX: Final = "https://pypi.org/simple/"
SDISTS: Final = {"packaging": "26.4", "uv": "0.13.9"}
"""The releases whose cases were looked at."""

PLATFORMS: Final = {
    "manylinux_2_28_x86_64": "x86_64-manylinux_2_28",
    "manylinux_2_28_aarch64": "aarch64-manylinux_2_28",
    "macosx_13_0_arm64": "aarch64-apple-darwin",
    "macosx_13_0_x86_64": "x86_64-apple-darwin",
    "win_amd64": "x86_64-pc-windows-msvc",
}
"""Our platforms, and uv's words for them."""

TARGETS: Final = [
    Target.parse(f"{python}-{platform}")
    for python in ("cp311", "cp312", "cp314")
    for platform in (*PLATFORMS, "musllinux_1_2_x86_64")
]

# What differs on purpose: these cannot be known ahead, and count as true rather than drop a wheel.
UNKNOWABLE: Final = re.compile(r"platform[_.](release|version)")

PYTHON_TAGS: Final = (
    *("py3-none", "py2.py3-none", "py312-none", "py313-none", "py2-none", "cp3-none"),
    *("cp311-cp311", "cp312-cp312", "cp312-none", "cp311-none", "cp312-abi3", "cp39-abi3"),
    *("cp313-abi3", "cp312-cp312d", "cp313-cp313t", "pp311-pypy311_pp73"),
)
PLATFORM_TAGS: Final = (
    *("any", "linux_x86_64", "manylinux1_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64"),
    *("manylinux_2_29_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64", "win_amd64"),
    *("win32", "win_arm64", "macosx_10_9_x86_64", "macosx_11_0_arm64", "macosx_13_0_arm64"),
    *("macosx_14_0_arm64", "macosx_10_9_universal2", "macosx_11_0_universal2"),
    *("macosx_10_6_intel", "macosx_13_0_x86_64", "macosx_12_7_x86_64", "manylinux_2_17_i686"),
)


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """The sources of packaging's tests and of uv's crate, by path."""
    found = {}
    for name, version in SDISTS.items():
        request = urllib.request.Request(
            f"{INDEX}{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = {file["filename"]: file["url"] for file in json.load(answer)["files"]}
        with urllib.request.urlopen(files[f"{name}-{version}.tar.gz"], timeout=60) as answer:
            packed = io.BytesIO(answer.read())
        with tarfile.open(fileobj=packed) as archive:
            for member in archive:
                if re.search(r"/tests/test_\w+\.py$|/uv-pep508/src/.*\.rs$", member.name):
                    file = archive.extractfile(member)
                    assert file is not None
                    found[member.name] = file.read().decode()
    return found


@pytest.fixture(scope="module")
def markers(sources: dict[str, str]) -> list[str]:
    """Every string in these sources that is a marker."""
    texts: set[str] = set()
    for path, source in sources.items():
        if path.endswith(".py"):
            nodes = ast.walk(ast.parse(source))
            texts |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
        else:
            strings = re.findall(r'r#"(.*?)"#|"((?:[^"\\\n]|\\.)*)"', source)
            texts |= {raw or text.replace('\\"', '"') for raw, text in strings}
    return sorted(filter(is_marker, texts))


def is_marker(text: str) -> bool:
    try:
        Marker(text)
    except InvalidMarker:
        return False
    return True


def test_the_markers_of_their_tests_hold_where_they_hold(markers: list[str]) -> None:
    assert len(markers) > 500
    differences, compared = [], 0
    for text in markers:
        if UNKNOWABLE.search(text):
            continue
        for target in TARGETS:
            environment = lock_environment(target, 4)
            ours, theirs = our_word(text, environment), their_word(text, environment)
            compared += 1
            if ours != theirs:
                differences.append((text, str(target), ours, theirs))
    assert compared > 5_000
    assert differences == []


def our_word(text: str, environment: dict[str, str]) -> bool | None:
    try:
        return marker_holds(str(Marker(text)), environment)
    except LockError:
        return None


def their_word(text: str, environment: dict[str, str]) -> bool | None:
    none: frozenset[str] = frozenset()
    plain: dict[str, str | frozenset[str]] = {"extras": none, "dependency_groups": none}
    plain |= {**environment, "extra": ""}
    try:
        return Marker(text).evaluate(plain, context="lock_file")
    except (UndefinedComparison, UndefinedEnvironmentName):
        return None


def test_the_tags_of_a_target_are_those_that_uv_installs(tmp_path: Path) -> None:
    tags = [f"{python}-{platform}" for python in PYTHON_TAGS for platform in PLATFORM_TAGS]
    chosen = random.Random(11).sample(tags, 24)
    wheels = [
        make_wheel(tmp_path, "tagged", f"1.{number}", tags=tag) for number, tag in enumerate(chosen)
    ]
    differences = []
    for platform, word in PLATFORMS.items():
        target = Target.parse(f"cp312-{platform}")
        for number, wheel in enumerate(wheels):
            ours = any(tag in tag_ranks(target) for tag in parse_wheel_filename(wheel.name)[3])
            if ours != installed_by_uv(tmp_path, f"tagged==1.{number}", word):
                differences.append((chosen[number], platform, ours))
    assert differences == []


def installed_by_uv(folder: Path, requirement: str, platform: str) -> bool:
    options = ["--no-index", "--find-links", folder, "--only-binary", ":all:", "--no-deps"]
    options += ["--python-platform", platform, "--python-version", "3.12", "--no-config", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "-", *map(str, options)],
        input=requirement,
        env={
            **os.environ,
            "MACOSX_DEPLOYMENT_TARGET": "13.0",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_CACHE_DIR": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


def test_of_any_lock_each_target_has_what_packaging_selects(markers: list[str]) -> None:
    environment = lock_environment(TARGETS[0], 4)
    known = [
        text
        for text in markers
        if not UNKNOWABLE.search(text) and their_word(text, environment) is not None
    ]
    dice = random.Random(11)
    complete = 0
    for _ in range(120):
        text = make_lock(dice, known)
        for target in dice.sample(TARGETS, 3):
            try:
                theirs = selected_by_packaging(text, target)
            except PylockSelectError:
                theirs = None
            assert selected_by_us(text, target) == theirs, (text, str(target))
            complete += theirs is not None
    assert complete > 30


def make_lock(dice: random.Random, markers: list[str]) -> dict[str, Any]:
    packages = []
    for number in range(dice.randint(1, 3)):
        name = f"p{number}"
        tags = [f"{dice.choice(PYTHON_TAGS)}-{dice.choice(PLATFORM_TAGS)}" for _ in range(9)]
        if dice.random() < 0.8:
            tags.append("py3-none-any")
        package = {
            "name": name,
            "version": "1.0",
            "wheels": [
                {"name": file, "url": f"https://host.test/{file}", "hashes": {"sha256": "0" * 64}}
                for file in sorted({f"{name}-1.0-{tag}.whl" for tag in tags})
            ],
        }
        if dice.random() < 0.6:
            package["marker"] = dice.choice(markers)
        packages.append(package)
    return {"lock-version": "1.0", "created-by": "a test", "packages": packages}


def selected_by_packaging(lock: dict[str, Any], target: Target) -> set[str]:
    ranks = tag_ranks(target)
    tags = sorted(ranks, key=ranks.__getitem__)
    environment: Any = {**target.environment(4), "extra": ""}
    chosen = Pylock.from_dict(lock).select(environment=environment, tags=tags)
    return {file.filename for _, file in chosen if isinstance(file, PackageWheel)}


def selected_by_us(lock: dict[str, Any], target: Target) -> set[str] | None:
    outcome = select_all(Pylock.from_dict(lock), [target], base=Path("/"))
    if outcome.missing_wheels:
        return None
    (selection,) = outcome.selections
    group = [group for group in selection.sets if group.from_patch <= 4][-1]
    return {wheel.filename for wheel in group.wheels}
