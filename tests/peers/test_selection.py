"""Our tags, markers and choices from locks beside those of pip, uv and packaging, in their cases.

pip chooses from a lock by the packaging that it vendors, which is asked here by itself.
"""

from __future__ import annotations

import ast
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import tomlkit
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.pylock import (
    PackageArchive,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.tags import parse_tag

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.targets.target import Target, tag_ranks
from hatch_multiplat.wheels.pylock import choose_parts, lock_environment, marker_holds, parse_lock
from hatch_multiplat.wheels.selection import select_all
from tests.peers.sdists import locks_of, read_sdist, rust_strings, rust_test
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = [pytest.mark.network, pytest.mark.slow]

PLATFORMS: Final = {
    "manylinux_2_28_x86_64": "x86_64-manylinux_2_28",
    "manylinux_2_28_aarch64": "aarch64-manylinux_2_28",
    "macosx_13_0_arm64": "aarch64-apple-darwin",
    "macosx_13_0_x86_64": "x86_64-apple-darwin",
    "win_amd64": "x86_64-pc-windows-msvc",
    "win_arm64": "aarch64-pc-windows-msvc",
    "musllinux_1_2_x86_64": "x86_64-unknown-linux-musl",
}
"""Our platforms, and uv's words for them."""

PYTHONS: Final = ("cp311", "cp312", "cp314")
TARGETS: Final = [
    Target.parse(f"{python}-{platform}") for python in PYTHONS for platform in PLATFORMS
]

# What differs on purpose: these cannot be known ahead, and count as true rather than drop a wheel.
UNKNOWABLE: Final = re.compile(r"platform[_.](release|version)")

# What uv refuses in a requirement.
NOT_OF_UV: Final = re.compile(r"===|\b(extras|dependency_groups)\b")
# What uv takes for true, as the comparison says nothing to it, and packaging does not.
PASSED_OVER_BY_UV: Final = re.compile(
    r"""
    \bextra\b                                              # no extra of the project is chosen
    | (['"])[^'"]*\1 \s* (?:[<>=]=?|~=|in) \s* (?:['"].*|\w+) $  # a text on the left
    | \w [ ] == [ ] [a-z]\w+[._]\w+ $                       # two variables
    | (?:os_name|sys_platform) [ ] ~=                       # versions of what has none
    | version [ ] (?:[<>=]=?|in) [ ] '(?![\d.]+(?<!\.)') # what is no version
    | python_version [ ] > [ ] '3\.\d{9}                    # more than uv can count
    """,
    re.VERBOSE,
)
# packaging looks for a text, and uv for a version.
BY_VERSION_IN_UV: Final = re.compile(r"implementation_version (not )?in ")

PYTHON_TAGS: Final = (
    *("py3-none", "py2.py3-none", "py312-none", "py313-none", "py2-none", "cp3-none"),
    *("cp311-cp311", "cp312-cp312", "cp312-none", "cp311-none", "cp312-abi3", "cp39-abi3"),
    *("cp313-abi3", "cp312-cp312d", "cp313-cp313t", "pp311-pypy311_pp73", "cp314-cp314"),
)
PLATFORM_TAGS: Final = (
    *("any", "linux_x86_64", "manylinux1_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64"),
    *("manylinux_2_29_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64", "win_amd64"),
    *("win32", "win_arm64", "macosx_10_9_x86_64", "macosx_11_0_arm64", "macosx_13_0_arm64"),
    *("macosx_14_0_arm64", "macosx_10_9_universal2", "macosx_11_0_universal2"),
    *("macosx_10_6_intel", "macosx_13_0_x86_64", "macosx_12_7_x86_64", "manylinux_2_17_i686"),
)
TAGS: Final = [f"{python}-{platform}" for python in PYTHON_TAGS for platform in PLATFORM_TAGS]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """The sources of packaging's and uv's tests, by path."""
    ours = r"^tests/test_\w+\.py$"
    theirs = r"^crates/(uv-pep508/src|uv-platform-tags/src|uv/tests)/.*\.rs$"
    return read_sdist("packaging", ours) | read_sdist("uv", theirs)


@pytest.fixture(scope="module")
def markers(sources: dict[str, str]) -> list[str]:
    """Every string in the sources of markers that is one, but those that differ on purpose."""
    texts: set[str] = set()
    for path, source in sources.items():
        if path.endswith(".py"):
            nodes = ast.walk(ast.parse(source))
            texts |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
        elif "pep508" in path:
            texts |= set(rust_strings(source))
    return sorted(text for text in texts if is_marker(text) and not UNKNOWABLE.search(text))


def is_marker(text: str) -> bool:
    try:
        Marker(text)
    except InvalidMarker:
        return False
    return True


def run(*command: object, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        input=text,
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "13.0", "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def chosen_by_uv(folder: Path, requirements: Iterable[str], target: Target) -> dict[str, str]:
    """Return what uv takes for a target out of a folder: versions by name."""
    options = ["--no-index", "--find-links", folder, "--only-binary", ":all:", "--no-deps"]
    options += ["--python-platform", PLATFORMS[target.platform.tag], "--no-config", "-q"]
    options += ["--python-version", str(target.python), "--python", sys.executable]
    said = run("-m", "uv", "pip", "compile", "-", *options, text="\n".join(requirements))
    return dict(re.findall(r"^([\w-]+)==(\S+)$", said, re.MULTILINE))


# pip's own function: what `pip download --platform` and its like go by.
PIP_TAGS: Final = """
import json, sys
from pip._internal.utils.compatibility_tags import get_supported
print(json.dumps([[str(tag) for tag in get_supported(**words)] for words in json.load(sys.stdin)]))
"""


def test_the_tags_of_a_target_are_those_that_uv_installs(tmp_path: Path) -> None:
    """Each wheel with a tag stands beside an older one that everything can install."""
    for number, tag in enumerate(TAGS):
        make_wheel(tmp_path, f"tagged{number}", "1.0")
        make_wheel(tmp_path, f"tagged{number}", "2.0", tags=tag)
    names = [f"tagged{number}" for number in range(len(TAGS))]
    differences = []
    for target in TARGETS:
        theirs = chosen_by_uv(tmp_path, names, target)
        assert len(theirs) == len(TAGS)
        for name, tag in zip(names, TAGS, strict=True):
            ours = any(one in tag_ranks(target) for one in parse_tag(tag))
            if ours != (theirs[name] == "2.0"):
                differences.append((tag, str(target), ours))
    assert differences == []


def test_the_tags_of_a_target_are_those_of_pip() -> None:
    """pip finds the older platforms of a Mac itself, and is told those of Linux."""
    words = [
        {
            "version": str(target.python).replace(".", ""),
            "impl": "cp",
            "abis": [target.python.abi, "abi3", "none"],
            "platforms": target.platform.tags
            if "linux" in target.platform.tag
            else [target.platform.tag],
        }
        for target in TARGETS
    ]
    supported = json.loads(run("-c", PIP_TAGS, text=json.dumps(words)))
    for target, theirs in zip(TARGETS, supported, strict=True):
        assert {str(tag) for tag in target.tags} == set(theirs), str(target)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("test_system_tags_manylinux", "cp39-manylinux_2_28_x86_64"),
        ("test_system_tags_macos", "cp39-macosx_14_0_arm64"),
    ],
)
def test_tags_rank_as_in_the_lists_of_uv(sources: dict[str, str], name: str, target: str) -> None:
    source = rust_test(sources["crates/uv-platform-tags/src/tags.rs"], name)
    listed = max(rust_strings(source), key=len).split()
    assert len(listed) > 300
    assert [str(tag) for tag in Target.parse(target).tags] == listed


def test_the_markers_of_their_tests_hold_where_they_hold(markers: list[str]) -> None:
    assert len(markers) > 400
    differences = []
    for text in markers:
        for target in TARGETS:
            environment = lock_environment(target, 4)
            ours, theirs = our_word(text, environment), their_word(text, environment)
            if ours != theirs:
                differences.append((text, str(target), ours, theirs))
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


def test_the_markers_of_their_tests_hold_where_uv_says(tmp_path: Path, markers: list[str]) -> None:
    markers = [text for text in markers if not NOT_OF_UV.search(text)]
    for number in range(len(markers)):
        make_wheel(tmp_path, f"marked{number}")
    lines = [f"marked{number} ; {text}" for number, text in enumerate(markers)]
    differences = []
    for target in TARGETS:
        theirs = chosen_by_uv(tmp_path, lines, target)
        for number, text in enumerate(markers):
            ours = our_word(text, lock_environment(target, 0))
            is_meant = PASSED_OVER_BY_UV.search(text) or BY_VERSION_IN_UV.match(text)
            if ours != (f"marked{number}" in theirs) and not is_meant:
                differences.append((text, str(target), ours))
    assert differences == []


def test_of_any_lock_each_target_has_what_packaging_selects(markers: list[str]) -> None:
    environment = lock_environment(TARGETS[0], 4)
    known = [text for text in markers if their_word(text, environment) is not None]
    dice = random.Random(11)
    complete = 0
    for _ in range(120):
        lock = make_lock(dice, known)
        for target in dice.sample(TARGETS, 3):
            theirs = selected_by_packaging(lock, target)
            assert selected_by_us(lock, target) == theirs, (lock, str(target))
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


def test_of_the_locks_in_the_tests_of_uv_each_target_has_what_packaging_selects(
    sources: dict[str, str],
) -> None:
    tests = {path: text for path, text in sources.items() if path.startswith("crates/uv/tests")}
    locks = [
        # Its tests blot out what changes from day to day.
        json.loads(re.sub(r"\[(X|LOCALHOST|TEMP_DIR)\]", "0", json.dumps(lock, default=str)))
        for lock in locks_of(tests)
    ]
    assert len(locks) > 90
    read = 0
    for lock in locks:
        try:
            Pylock.from_dict(lock)
        except (PylockValidationError, PylockUnsupportedVersionError):
            with pytest.raises(LockError):
                parse_lock(tomlkit.dumps(lock), where="pylock.toml")
            continue
        for target in TARGETS:
            theirs = selected_by_packaging(lock, target)
            assert selected_by_us(lock, target) == theirs, (lock, str(target))
            read += theirs is not None
    assert read > 800


def selected_by_packaging(lock: dict[str, Any], target: Target) -> set[str] | None:
    """Return the wheels that packaging takes; None for a lock that it refuses there."""
    ranks = tag_ranks(target)
    tags = sorted(ranks, key=ranks.__getitem__)
    environment: Any = {**target.environment(4), "extra": ""}
    try:
        chosen = list(Pylock.from_dict(lock).select(environment=environment, tags=tags))
    except PylockSelectError:
        return None
    wheels = {file.filename for _, file in chosen if isinstance(file, PackageWheel)}
    archives = [file for _, file in chosen if isinstance(file, PackageArchive)]
    names = {str(file.path or file.url).rpartition("/")[2] for file in archives}
    return wheels | {name for name in names if name.endswith(".whl")}


def selected_by_us(lock: dict[str, Any], target: Target) -> set[str] | None:
    """The same by us; what has no wheel at all is built, or told of, elsewhere."""
    try:
        parsed = parse_lock(tomlkit.dumps(lock), where="pylock.toml", credentials=Credentials())
        chosen = choose_parts(parsed, extras=(), groups=())
        outcome = select_all(chosen, [target], base=Path("/"))
    except LockError:
        return None
    if any(missing.source is None for missing in outcome.missing_wheels):
        return None
    (selection,) = (*outcome.selections, *outcome.partial)
    group = [group for group in selection.sets if group.from_patch <= 4][-1]
    return {wheel.filename for wheel in group.wheels}
