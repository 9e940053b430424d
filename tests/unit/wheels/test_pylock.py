from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.markers import Marker
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.pylock import (
    choose_parts,
    lock_environment,
    marker_holds,
    package_applies,
    parse_lock,
    patch_boundaries,
    target_label,
)

LINUX = Target.parse("cp311-manylinux_2_28_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")
HEAD = 'lock-version = "1.0"\ncreated-by = "test"\n'


def package(marker: str | None = None) -> Package:
    return Package(
        name=canonicalize_name("demo"),
        version=Version("1"),
        marker=Marker(marker) if marker else None,
        wheels=[PackageWheel(url="https://x.test/demo-1-py3-none-any.whl", hashes={"sha256": "0"})],
    )


def boundaries(*markers: str) -> tuple[int, ...]:
    return patch_boundaries([package(marker) for marker in markers], (3, 11))


def test_a_valid_lock_is_read() -> None:
    text = (
        HEAD + '[[packages]]\nname = "demo"\nversion = "1"\n'
        '[[packages.wheels]]\nurl = "https://x.test/demo-1-py3-none-any.whl"\n'
        'hashes = {sha256 = "0"}\n'
    )

    lock = parse_lock(text, where="pylock.toml")

    assert [wheel.filename for wheel in lock.packages[0].wheels or ()] == [
        "demo-1-py3-none-any.whl"
    ]


def test_a_newer_minor_version_is_a_warning_that_names_the_file(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = 'lock-version = "1.7"\ncreated-by = "test"\npackages = []'

    parse_lock(text, where="pylock.toml")

    (message,) = caplog.messages
    assert message == (
        "hatch-multiplat: warning: pylock.toml has lock version 1.7, and this release knows 1.0; "
        "what is new in it is passed over"
    )


def test_what_to_do_about_a_bad_lock_is_for_the_caller_to_say() -> None:
    with pytest.raises(LockError, match=r"; write it anew$"):
        parse_lock("lock-version = ", where="pylock.toml", remedy="write it anew")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "lock-version = ",
            "pylock.toml is not TOML: Invalid value (at end of document); "
            "name a lock, such as pylock.toml",
            id="no TOML",
        ),
        pytest.param(
            'lock-version = "2.0"\ncreated-by = "test"\npackages = []',
            "pylock.toml: pylock version 2.0 is not supported; "
            "this release reads lock version 1.x; name a lock, such as pylock.toml",
            id="newer lock version",
        ),
        pytest.param(
            'created-by = "test"\npackages = []',
            "pylock.toml is not a valid PEP 751 lock file: "
            "Missing required value in 'lock-version'; name a lock, such as pylock.toml",
            id="no lock version",
        ),
        pytest.param(
            HEAD + '[[packages]]\nname = "demo"\n[[packages.wheels]]\n'
            'url = "https://x.test/demo.whl"\nhashes = {sha256 = "0"}\n',
            "pylock.toml is not a valid PEP 751 lock file: "
            "Invalid wheel filename 'demo.whl' in 'packages[0].wheels[0]'; "
            "name a lock, such as pylock.toml",
            id="bad wheel name",
        ),
        pytest.param(
            HEAD + '[[packages]]\nname = "demo"\n[[packages.wheels]]\n'
            'url = "https://x.test/demo-1-py3-none-any.whl"\nhashes = {}\n',
            "pylock.toml is not a valid PEP 751 lock file: "
            "At least one hash must be provided in 'packages[0].wheels[0].hashes'; "
            "name a lock, such as pylock.toml",
            id="no hash",
        ),
    ],
)
def test_what_is_no_lock_is_refused(text: str, message: str) -> None:
    with pytest.raises(LockError) as caught:
        parse_lock(text, where="pylock.toml")

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("marker", "applies"),
    [
        pytest.param(None, True, id="none"),
        pytest.param("sys_platform == 'linux'", True, id="true"),
        pytest.param("sys_platform == 'win32'", False, id="false"),
        pytest.param("python_full_version < '3.11.3'", True, id="patch release"),
        pytest.param("python_full_version >= '3.11.3'", False, id="later patch release"),
        pytest.param("platform_release >= '5.4'", True, id="release"),
        pytest.param("'5.4' <= platform_release", True, id="reversed release"),
        pytest.param("'Ubuntu' not in platform_version", True, id="not in"),
        pytest.param("platform_version == '#1 SMP'", True, id="somebody's version"),
        pytest.param("platform_release == 'x' and os_name == 'nt'", False, id="and false"),
        pytest.param("platform_release == 'x' or os_name == 'nt'", True, id="or"),
        pytest.param("platform_version == 'multiplat:linux-x86_64'", True, id="own label"),
        pytest.param("platform_version == 'multiplat:linux-x86_64-musl'", False, id="other label"),
        pytest.param("'multiplat:linux-x86_64' == platform_version", True, id="reversed label"),
        pytest.param("'dev' in dependency_groups", False, id="group"),
        pytest.param("'dev' not in extras", True, id="extra"),
    ],
)
def test_a_package_applies_where_its_marker_can_be_true(
    marker: str | None, *, applies: bool
) -> None:
    assert package_applies(package(marker), lock_environment(LINUX, 2)) is applies


@pytest.mark.parametrize(
    ("marker", "applies"),
    [
        pytest.param("'fast' in extras", True, id="chosen"),
        pytest.param("'FAST' in extras", True, id="spelling"),
        pytest.param("'fast' not in extras", False, id="not in"),
        pytest.param("'slow' in extras", False, id="not chosen"),
        pytest.param("'fast' in dependency_groups", False, id="a group of that name"),
        pytest.param("'dev' in dependency_groups or 'slow' in extras", True, id="or"),
        pytest.param("'dev' in dependency_groups and os_name == 'nt'", False, id="and"),
        pytest.param("'default' in dependency_groups", True, id="default group"),
        pytest.param("os_name == 'posix'", True, id="neither"),
        pytest.param(None, True, id="no marker"),
    ],
)
def test_a_lock_has_what_the_chosen_extras_and_groups_have(
    marker: str | None, *, applies: bool
) -> None:
    top = {"lock-version": "1.0", "created-by": "pdm", "default-groups": ["default"]}
    lock = replace(Pylock.from_dict({**top, "packages": []}), packages=[package(marker)])
    (chosen,) = choose_parts(lock, extras=["fast"], groups=["Dev"]).packages

    assert package_applies(chosen, lock_environment(LINUX, 2)) is applies


def test_nothing_of_the_build_machine_decides() -> None:
    """Each of the eleven variables is the target's own."""
    environment = lock_environment(WINDOWS, 7)

    for variable, value in environment.items():
        if variable not in {"platform_release", "platform_version"}:
            assert marker_holds(f"{variable} == '{value}'", environment), variable
    assert marker_holds("platform_machine == 'AMD64' and os_name == 'nt'", environment)


def test_a_marker_that_compares_what_cannot_be_compared_is_a_lock_error() -> None:
    with pytest.raises(LockError, match=r"the lock's marker .*python_version ~= .*compares"):
        marker_holds("python_version ~= 'three'", lock_environment(LINUX, 0))


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        pytest.param("python_full_version < '3.11.3'", (0, 3), id="less"),
        pytest.param("python_full_version >= '3.11.3'", (0, 3), id="at least"),
        pytest.param("python_full_version <= '3.11.3'", (0, 3, 4), id="at most"),
        pytest.param("python_full_version > '3.11.3'", (0, 3, 4), id="more"),
        pytest.param("python_full_version == '3.11.3'", (0, 3, 4), id="equal"),
        pytest.param("python_full_version != '3.11.3'", (0, 3, 4), id="unequal"),
        pytest.param("python_full_version === '3.11.3'", (0, 3, 4), id="arbitrary equality"),
        pytest.param("python_full_version ~= '3.11.3'", (0, 3), id="compatible"),
        pytest.param("python_full_version in '3.11.3 3.11.7'", (0, 3, 4, 7, 8), id="in"),
        pytest.param("python_full_version in '3.11.3,3.11.7'", (0, 3, 4, 7, 8), id="in, commas"),
        pytest.param("python_full_version not in '3.11.3'", (0, 3, 4), id="not in"),
        pytest.param("'3.11.3' > python_full_version", (0, 3, 4), id="reversed"),
        pytest.param("implementation_version < '3.11.3'", (0, 3), id="implementation"),
        pytest.param("python_full_version <= '3.11'", (0, 1), id="at most a minor"),
        pytest.param("python_full_version < '3.11'", (0,), id="before the minor"),
        pytest.param("python_full_version == '3.11.*'", (0,), id="the whole minor"),
        pytest.param("python_full_version < '3.11.0rc1'", (0, 1), id="candidate"),
        pytest.param("python_full_version < '3.11.3rc1'", (0, 3, 4), id="later candidate"),
        pytest.param("python_full_version < '3.12.4'", (0,), id="another minor"),
        pytest.param("python_full_version < '13.11.4'", (0,), id="another major"),
        pytest.param("python_version < '3.11'", (0,), id="no patch release"),
        pytest.param("platform_release < '3.11.3'", (0,), id="another variable"),
    ],
)
def test_boundaries_are_where_a_marker_may_turn(marker: str, expected: tuple[int, ...]) -> None:
    assert boundaries(marker) == expected


@pytest.mark.parametrize("literal", ["3.11", "3.11.0", "3.11.3", "3.11.3rc1", "3.11.3.post1"])
@pytest.mark.parametrize("operator", ["<", "<=", "==", "!=", ">", ">=", "~=", "===", "in"])
@pytest.mark.parametrize("reverse", [False, True])
def test_between_boundaries_no_marker_turns(literal: str, operator: str, *, reverse: bool) -> None:
    """Each patch release has the value of the last boundary before it."""
    atoms = ["python_full_version", operator, f"'{literal}'"]
    marker = " ".join(reversed(atoms) if reverse else atoms)
    turns = boundaries(marker)

    for patch in range(12):
        last = max(turn for turn in turns if turn <= patch)
        at_patch = marker_holds(marker, lock_environment(LINUX, patch))
        assert at_patch == marker_holds(marker, lock_environment(LINUX, last)), patch


def test_boundaries_of_all_packages_count() -> None:
    markers = ("python_full_version < '3.11.9'", "python_full_version < '3.11.3' or os_name == ''")

    assert boundaries(*markers) == (0, 3, 9)
    assert patch_boundaries([package()], (3, 11)) == (0,)


@pytest.mark.parametrize(
    "words",
    [
        ("cp312-manylinux_2_28_x86_64", "cp312-musllinux_1_2_x86_64"),
        ("cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_17_x86_64"),
        ("cp314-manylinux_2_28_x86_64", "cp314t-manylinux_2_28_x86_64"),
        ("pp311-manylinux_2_28_x86_64", "pypy311_pp80-manylinux_2_28_x86_64"),
        ("cp312-macosx_13_0_arm64", "cp312-macosx_14_0_arm64"),
    ],
)
def test_targets_that_no_marker_tells_apart_have_different_labels(words: tuple[str, str]) -> None:
    first, second = map(Target.parse, words)
    assert target_label(first) != target_label(second)


def test_a_file_named_like_a_platform_has_a_label_of_its_own() -> None:
    data = WINDOWS.to_complete_platform(label="", patch=0)
    target = Target.from_complete_platform(data, name="windows-x86_64")

    assert target_label(target) != target_label(WINDOWS)


@pytest.mark.parametrize("marker", ["'a' == 'b'", "'a' <= 'a'", "'2' in '1 2'"])
def test_a_marker_of_two_texts_is_an_error_of_the_lock(marker: str) -> None:
    """packaging reads such a marker, and then looks for a variable of that name."""
    environment = lock_environment(Target.parse("cp312-win_amd64"), 0)
    with pytest.raises(LockError, match="compares what cannot be"):
        marker_holds(marker, environment)
