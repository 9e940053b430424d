from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatch_multiplat.targets.platforms import (
    ARCHS,
    DEFAULT_FLOORS,
    Platform,
    PlatformError,
    default_floor,
    oldest_floor,
    short_names,
)
from hatch_multiplat.targets.python import SUPPORTED_CPYTHONS


@st.composite
def platforms(draw: st.DrawFn) -> Platform:
    system = draw(st.sampled_from(sorted(ARCHS)))
    arch = draw(st.sampled_from(ARCHS[system]))
    libc = draw(st.sampled_from(["glibc", "musl"])) if system == "linux" else None
    oldest = oldest_floor(system, arch, libc)
    floor = None
    if oldest and libc:
        floor = (oldest[0], draw(st.integers(oldest[1], 99)))
    elif oldest:
        olds = [(10, minor) for minor in range(6, 16)]
        news = [(major, 0) for major in range(11, 100)]
        floor = draw(st.sampled_from([v for v in [*olds, *news] if v >= oldest]))
    return Platform(system=system, arch=arch, libc=libc, floor=floor)


# What is written, the canonical name, the tag, and system, architecture, libc, floor.
WORDS = """
    linux-x86_64            linux-x86_64            manylinux_2_28_x86_64   linux,x86_64,glibc,2.28
    linux-x86_64-glibc2.28  linux-x86_64            manylinux_2_28_x86_64   linux,x86_64,glibc,2.28
    linux-x86_64-glibc2.17  linux-x86_64-glibc2.17  manylinux_2_17_x86_64   linux,x86_64,glibc,2.17
    linux-x86_64-glibc2.99  linux-x86_64-glibc2.99  manylinux_2_99_x86_64   linux,x86_64,glibc,2.99
    linux-i686-glibc2.5     linux-i686-glibc2.5     manylinux_2_5_i686      linux,i686,glibc,2.5
    linux-armv7l            linux-armv7l            manylinux_2_31_armv7l   linux,armv7l,glibc,2.31
    linux-ppc64le           linux-ppc64le           manylinux_2_28_ppc64le  linux,ppc64le,glibc,2.28
    linux-riscv64           linux-riscv64           manylinux_2_39_riscv64  linux,riscv64,glibc,2.39
    linux-aarch64-musl      linux-aarch64-musl      musllinux_1_2_aarch64   linux,aarch64,musl,1.2
    linux-aarch64-musl1.1   linux-aarch64-musl1.1   musllinux_1_1_aarch64   linux,aarch64,musl,1.1
    macos-arm64             macos-arm64             macosx_13_0_arm64       macos,arm64,,13.0
    macos-x86_64-11.0       macos-x86_64-11.0       macosx_11_0_x86_64      macos,x86_64,,11.0
    macos-x86_64-10.9       macos-x86_64-10.9       macosx_10_9_x86_64      macos,x86_64,,10.9
    windows-x86_64          windows-x86_64          win_amd64               windows,x86_64,,
    windows-arm64           windows-arm64           win_arm64               windows,arm64,,
    windows-i686            windows-i686            win32                   windows,i686,,
    manylinux1_x86_64       linux-x86_64-glibc2.5   manylinux_2_5_x86_64    linux,x86_64,glibc,2.5
    manylinux2010_i686      linux-i686-glibc2.12    manylinux_2_12_i686     linux,i686,glibc,2.12
    manylinux2014_s390x     linux-s390x-glibc2.17   manylinux_2_17_s390x    linux,s390x,glibc,2.17
    manylinux_2_28_aarch64  linux-aarch64           manylinux_2_28_aarch64  linux,aarch64,glibc,2.28
    musllinux_1_2_x86_64    linux-x86_64-musl       musllinux_1_2_x86_64    linux,x86_64,musl,1.2
    macosx_11_0_arm64       macos-arm64-11.0        macosx_11_0_arm64       macos,arm64,,11.0
    win_amd64               windows-x86_64          win_amd64               windows,x86_64,,
    win_arm64               windows-arm64           win_arm64               windows,arm64,,
    win32                   windows-i686            win32                   windows,i686,,
"""


@pytest.mark.parametrize(
    ("text", "name", "tag", "fields"), [line.split() for line in WORDS.split("\n") if line]
)
def test_names_and_wheel_tags_mean_platforms(text: str, name: str, tag: str, fields: str) -> None:
    system, arch, libc, floor = fields.split(",")
    major, _, minor = floor.partition(".")

    assert Platform.parse(text) == Platform(
        system=system,
        arch=arch,
        libc=libc or None,
        floor=(int(major), int(minor)) if floor else None,
    )
    assert str(Platform.parse(text)) == name
    assert Platform.parse(text).tag == tag


@given(platforms())
def test_a_platform_is_read_back_from_its_name_and_from_its_tag(platform: Platform) -> None:
    assert Platform.parse(str(platform)) == platform
    assert Platform.parse(platform.tag) == platform


def test_every_short_name_is_canonical_and_stands_for_its_default_floor() -> None:
    assert [str(Platform.parse(name)) for name in short_names()] == [*short_names()]
    for name in short_names():
        p = Platform.parse(name)
        assert p.floor == default_floor(p.system, p.arch, p.libc)
    assert DEFAULT_FLOORS["glibc"] == (2, 28)


TAGS = {
    "manylinux_2_19_x86_64": """
        manylinux_2_19_x86_64 manylinux_2_18_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64
        manylinux_2_16_x86_64 manylinux_2_15_x86_64 manylinux_2_14_x86_64 manylinux_2_13_x86_64
        manylinux_2_12_x86_64 manylinux2010_x86_64 manylinux_2_11_x86_64 manylinux_2_10_x86_64
        manylinux_2_9_x86_64 manylinux_2_8_x86_64 manylinux_2_7_x86_64 manylinux_2_6_x86_64
        manylinux_2_5_x86_64 manylinux1_x86_64 linux_x86_64
    """,
    "manylinux2010_i686": """
        manylinux_2_12_i686 manylinux2010_i686 manylinux_2_11_i686 manylinux_2_10_i686
        manylinux_2_9_i686 manylinux_2_8_i686 manylinux_2_7_i686 manylinux_2_6_i686
        manylinux_2_5_i686 manylinux1_i686 linux_i686
    """,
    "manylinux_2_19_ppc64le": """
        manylinux_2_19_ppc64le manylinux_2_18_ppc64le manylinux_2_17_ppc64le
        manylinux2014_ppc64le linux_ppc64le
    """,
    "musllinux_1_2_aarch64": """
        musllinux_1_2_aarch64 musllinux_1_1_aarch64 musllinux_1_0_aarch64 linux_aarch64
    """,
    "macosx_13_0_arm64": """
        macosx_13_0_arm64 macosx_13_0_universal2 macosx_12_0_arm64 macosx_12_0_universal2
        macosx_11_0_arm64 macosx_11_0_universal2 macosx_10_16_universal2 macosx_10_15_universal2
        macosx_10_14_universal2 macosx_10_13_universal2 macosx_10_12_universal2
        macosx_10_11_universal2 macosx_10_10_universal2 macosx_10_9_universal2
        macosx_10_8_universal2 macosx_10_7_universal2 macosx_10_6_universal2
        macosx_10_5_universal2 macosx_10_4_universal2
    """,
    "win_amd64": "win_amd64",
    "win_arm64": "win_arm64",
    "win32": "win32",
}


@pytest.mark.parametrize(("tag", "tags"), TAGS.items(), ids=TAGS)
def test_a_machine_takes_older_wheels_too_best_first(tag: str, tags: str) -> None:
    assert Platform.parse(tag).tags == tuple(tags.split())


def test_an_intel_mac_takes_fat_wheels_back_to_10_4() -> None:
    tags = Platform.parse("macos-x86_64-11.0").tags

    assert tags[:12] == (
        *("macosx_11_0_x86_64", "macosx_11_0_intel", "macosx_11_0_fat64", "macosx_11_0_fat3"),
        *("macosx_11_0_universal2", "macosx_11_0_universal"),
        *("macosx_10_16_x86_64", "macosx_10_16_intel", "macosx_10_16_fat64", "macosx_10_16_fat3"),
        *("macosx_10_16_universal2", "macosx_10_16_universal"),
    )
    assert tags[-1] == "macosx_10_4_universal"


@given(platforms(), platforms())
def test_a_newer_floor_takes_all_that_an_older_one_takes(a: Platform, b: Platform) -> None:
    """Wheels of another system, architecture or libc never fit, plain linux_ARCH ones aside."""
    assert len(set(a.tags)) == len(a.tags)
    common = {tag for tag in a.tags if tag in b.tags and not tag.startswith("linux_")}
    if (a.system, a.arch, a.libc) == (b.system, b.arch, b.libc):
        older, newer = sorted((a, b), key=lambda p: p.floor or ())
        assert [tag for tag in newer.tags if tag in older.tags] == [*older.tags]
    else:
        assert not {tag for tag in common if not tag.endswith(("universal2", "universal"))}


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("linux-x86_64", ("linux", "posix", "Linux", "x86_64")),
        ("linux-aarch64-musl", ("linux", "posix", "Linux", "aarch64")),
        ("linux-i686", ("linux", "posix", "Linux", "i686")),
        ("linux-armv7l", ("linux", "posix", "Linux", "armv7l")),
        ("linux-ppc64le", ("linux", "posix", "Linux", "ppc64le")),
        ("macos-arm64", ("darwin", "posix", "Darwin", "arm64")),
        ("macos-x86_64", ("darwin", "posix", "Darwin", "x86_64")),
        ("windows-x86_64", ("win32", "nt", "Windows", "AMD64")),
        ("windows-arm64", ("win32", "nt", "Windows", "ARM64")),
        ("windows-i686", ("win32", "nt", "Windows", "x86")),
    ],
)
def test_marker_values_are_those_of_real_machines(text: str, markers: tuple[str, ...]) -> None:
    p = Platform.parse(text)

    assert (p.sys_platform, p.os_name, p.platform_system, p.platform_machine) == markers


LINUX_FLOORS = "a floor of Linux is written glibc2.28, musl or musl1.2"
MACOS_RULE = "macOS floors for {} are {} or newer, and end in .0 from 11.0 on"

KNOWN = (
    "; the platforms are linux-ARCH (x86_64, aarch64, i686, armv7l, ppc64le, s390x, riscv64), "
    "macos-ARCH (arm64, x86_64), windows-ARCH (x86_64, arm64, i686), "
    "and the platform tags of wheels"
)

# What people write, and all that we say of it after "unknown platform '...'".
MISTAKES = {
    # Case, white space, separators.
    "linux_x64": "; did you mean 'linux-x86_64'?",
    "Linux-x86_64": "; did you mean 'linux-x86_64'?",
    " linux-x86_64": "; did you mean 'linux-x86_64'?",
    "linux-x86_64\n": "; did you mean 'linux-x86_64'?",
    "linux_x86_64": "; did you mean 'linux-x86_64'?",
    "WIN_AMD64": "; did you mean 'win_amd64'?",
    # Typing.
    "lniux-x86_64": "; did you mean 'linux-x86_64'?",
    "linux-x86_46": "; did you mean 'linux-x86_64'?",
    "windwos-x86_64": "; did you mean 'windows-x86_64'?",
    "win_amd46": "; did you mean 'win_amd64'?",
    # The words of Docker, Go, Rust, conda, uv, Node.
    "linux/amd64": "; did you mean 'linux-x86_64'?",
    "linux/arm64/v8": "; did you mean 'linux-aarch64'?",
    "linux-arm64": "; did you mean 'linux-aarch64'?",
    "linux-armhf": "; did you mean 'linux-armv7l'?",
    "linux-ppc64el": "; did you mean 'linux-ppc64le'?",
    "linux-i386": "; did you mean 'linux-i686'?",
    "alpine": "; did you mean 'linux-x86_64-musl'?",
    "macos-aarch64": "; did you mean 'macos-arm64'?",
    "darwin-arm64": "; did you mean 'macos-arm64'?",
    "osx-arm64": "; did you mean 'macos-arm64'?",
    "win-amd64": "; did you mean 'windows-x86_64'?",
    "win64": "; did you mean 'windows-x86_64'?",
    "windows-x86": "; did you mean 'windows-i686'?",
    "x86_64-unknown-linux-gnu": "; did you mean 'linux-x86_64'?",
    "aarch64-unknown-linux-musl": "; did you mean 'linux-aarch64-musl'?",
    "x86_64-pc-windows-msvc": "; did you mean 'windows-x86_64'?",
    "aarch64-apple-darwin": "; did you mean 'macos-arm64'?",
    "x86_64-manylinux_2_17": "; did you mean 'linux-x86_64-glibc2.17'?",
    # A system alone, as Python and people call it, means its commonest machines.
    "linux": "; did you mean 'linux-x86_64' or 'linux-aarch64'?",
    "macos": "; did you mean 'macos-arm64' or 'macos-x86_64'?",
    "darwin": "; did you mean 'macos-arm64' or 'macos-x86_64'?",
    "macosx": "; did you mean 'macos-arm64' or 'macos-x86_64'?",
    "windows": "; did you mean 'windows-x86_64' or 'windows-arm64'?",
    # Wheel tags.
    "manylinux2014": "; did you mean 'manylinux_2_17_x86_64'?",
    "manylinux_2014_x86_64": "; did you mean 'manylinux_2_17_x86_64'?",
    "manylinux_2.28_x86_64": "; did you mean 'manylinux_2_28_x86_64'?",
    "manylinux2_28_x86_64": "; did you mean 'manylinux_2_28_x86_64'?",
    "manylinux_2_28_amd64": "; did you mean 'manylinux_2_28_x86_64'?",
    "musllinux_1_1_arm64": "; did you mean 'musllinux_1_1_aarch64'?",
    "macosx_11_x86_64": "; did you mean 'macosx_11_0_x86_64'?",
    "macosx_11_0_universal2": "; did you mean 'macosx_11_0_x86_64'?",
    "win_x86_64": "; did you mean 'win_amd64'?",
    # Floors that cannot be.
    "linux-x86_64-glibc1.0": (
        ": glibc floors for x86_64 are 2.5 or a newer 2.x; did you mean 'linux-x86_64'?"
    ),
    "linux-aarch64-glibc2.12": (
        ": glibc floors for aarch64 are 2.17 or a newer 2.x; did you mean 'linux-aarch64'?"
    ),
    "manylinux1_aarch64": (
        ": glibc floors for aarch64 are 2.17 or a newer 2.x; did you mean 'manylinux_2_28_aarch64'?"
    ),
    "linux-x86_64-musl2.0": (
        ": musl floors for x86_64 are 1.0 or a newer 1.x; did you mean 'linux-x86_64-musl'?"
    ),
    "linux-x86_64-glibcX": f": {LINUX_FLOORS}; did you mean 'linux-x86_64'?",
    "linux-x86_64-glibc": f": {LINUX_FLOORS}; did you mean 'linux-x86_64'?",
    "linux-x86_64-": f": {LINUX_FLOORS}; did you mean 'linux-x86_64'?",
    "linux-x86_64-glibc2.280": f": {LINUX_FLOORS}; did you mean 'linux-x86_64'?",
    "linux-x86_64-2.17": f": {LINUX_FLOORS}; did you mean 'linux-x86_64-glibc2.17'?",
    "linux-x86_64-glibc-2.17": f": {LINUX_FLOORS}; did you mean 'linux-x86_64-glibc2.17'?",
    "linux-x86_64-11.0": f": {LINUX_FLOORS}; did you mean 'linux-x86_64'?",
    "macos-arm64-10.15": (
        f": {MACOS_RULE.format('arm64', '11.0')}; did you mean 'macos-arm64-11.0'?"
    ),
    "macos-x86_64-10.16": (
        f": {MACOS_RULE.format('x86_64', '10.6')}; did you mean 'macos-x86_64-11.0'?"
    ),
    "macosx_12_3_arm64": (
        f": {MACOS_RULE.format('arm64', '11.0')}; did you mean 'macosx_12_0_arm64'?"
    ),
    "macos-arm64-14": ": a floor of macOS is written 13.0; did you mean 'macos-arm64-14.0'?",
    "macos-x86_64-glibc2.17": (": a floor of macOS is written 13.0; did you mean 'macos-x86_64'?"),
    "windows-x86_64-10.0": ": Windows takes no floor; did you mean 'windows-x86_64'?",
    # Machines that there are not.
    "windows-armv7l": ": the architectures of Windows are x86_64, arm64, i686",
    "macos-i686": ": the architectures of macOS are arm64, x86_64",
    "linux-mips": (
        ": the architectures of Linux are x86_64, aarch64, i686, armv7l, ppc64le, s390x, riscv64"
    ),
    # Nothing like it.
    "freebsd-x86_64": KNOWN,
    "linux_x": KNOWN,
    "any": KNOWN,
    "": KNOWN,
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.items(), ids=repr)
def test_a_mistake_gets_the_rule_it_breaks_and_the_nearest_name(text: str, said: str) -> None:
    with pytest.raises(PlatformError) as caught:
        Platform.parse(text)

    assert str(caught.value) == f"unknown platform {text!r}{said}"


letters = string.ascii_letters + string.digits + "-_./ "


@given(
    st.one_of(
        st.text(),
        st.text(letters),
        st.builds(
            lambda platform, at, word: f"{platform}"[:at] + word + f"{platform}"[at:],
            platforms(),
            st.integers(0, 25),
            st.text(letters, max_size=3),
        ),
    )
)
@example(text="MACOS")
def test_any_text_is_a_platform_or_a_mistake_whose_suggestion_is_one(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except PlatformError as e:
        _, _, suggested = str(e).partition("; did you mean '")
        for name in suggested.removesuffix("'?").split("' or '") if suggested else ():
            Platform.parse(name)
    else:
        assert Platform.parse(str(platform)) == platform


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("solaris", "x86_64", None, None), "the systems are linux, macos, windows"),
        (("linux", "arm64", "glibc", (2, 28)), "the architectures of Linux are"),
        (("linux", "x86_64", None, (2, 28)), "Linux has no C library None"),
        (("macos", "arm64", "glibc", (13, 0)), "macOS has no C library 'glibc'"),
        (("windows", "x86_64", None, (10, 0)), "Windows takes no floor"),
        (("macos", "arm64", None, None), "macOS floors for arm64 are 11.0 or newer"),
        (("linux", "x86_64", "glibc", None), "glibc floors for x86_64 are 2.5 or a newer 2.x"),
        (("linux", "x86_64", "musl", (2, 28)), "musl floors for x86_64 are 1.0 or a newer 1.x"),
    ],
)
def test_a_platform_that_cannot_be_cannot_be_made(
    fields: tuple[str, str, str | None, tuple[int, int] | None], message: str
) -> None:
    system, arch, libc, floor = fields

    with pytest.raises(PlatformError, match=message):
        Platform(system=system, arch=arch, libc=libc, floor=floor)


def test_supported_cpythons_are_minors_without_a_gap() -> None:
    assert [
        (3, minor) for minor in range(SUPPORTED_CPYTHONS[0][1], SUPPORTED_CPYTHONS[-1][1] + 1)
    ] == [*SUPPORTED_CPYTHONS]
