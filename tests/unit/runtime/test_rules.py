"""The table of rules for what wheels may hold, for each system whatever this one is."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_multiplat.runtime import rules
from hatch_multiplat.runtime.rules import (
    ALL,
    LINUX,
    MACOS,
    NAMES,
    PLAIN,
    WINDOWS,
    BadWheel,
    Folders,
    WheelFacts,
    WheelMember,
    broken_rules,
    find_info_dir,
    is_pure,
    judge_wheel,
    parse_entry_points,
    script_candidates,
    script_kind,
)

INFO = "demo-1.0.dist-info"
DATA = "demo-1.0.data"
LINK = stat.S_IFLNK | 0o777
POSIX = Folders("lib/python3.12/site-packages", "lib/python3.12/site-packages", "bin", "include")
NT = Folders("Lib/site-packages", "Lib/site-packages", "Scripts", "Include")


def judge(
    *members: str | WheelMember, system: str, scripts: tuple[str, ...] = (), pure: bool = True
) -> list[str]:
    """What is wrong with a wheel of these members; those given by name differ in contents."""
    made = tuple(
        WheelMember(member, 0o644 | stat.S_IFREG, index, 0) if isinstance(member, str) else member
        for index, member in enumerate(members)
    )
    called = {name: f"demo:{name}" for name in scripts}
    wheel = WheelFacts(info_dir=INFO, pure=pure, scripts=called, members=made)
    return judge_wheel(wheel, NT if system == WINDOWS else POSIX, system)[1]


NOT_WINDOWS = (LINUX, MACOS)
FOLDED = (MACOS, WINDOWS)


@pytest.mark.parametrize(
    ("name", "systems", "reason"),
    [
        ("/etc/x", ALL, "is an absolute path"),
        ("../x", ALL, "leads out of the folder"),
        ("a/../b", ALL, "leads out of the folder"),
        (f"{DATA}/data/../../x", ALL, "leads out of the folder"),
        ("a\\b.py", ALL, "has a backslash"),
        ("a/b\0.py", ALL, "has a control character"),
        ("a/b\n.py", ALL, "has a control character"),
        ("a\n", ALL, "has a control character"),
        ("a/\x1b[2J.py", ALL, "has a control character"),
        ("a/.", ALL, "names no file"),
        ("a/" + "b" * 256, ALL, "more than 255 bytes"),
        ("a/" + "ö" * 128, ALL, "more than 255 bytes"),
        ("a/" * 400 + "b", FOLDED, "more than 768 bytes"),
        ("a/" * 2000 + "b", (LINUX,), "more than 3840 bytes"),
        ("a/con", (WINDOWS,), "that Windows reserves"),
        ("a/CON.py", (WINDOWS,), "that Windows reserves"),
        ("nul/a.py", (WINDOWS,), "that Windows reserves"),
        ("a/com1.tar.gz", (WINDOWS,), "that Windows reserves"),
        ("a/lpt¹", (WINDOWS,), "that Windows reserves"),
        ("a/aux .py", (WINDOWS,), "that Windows reserves"),
        ("a/CONOUT$", (WINDOWS,), "that Windows reserves"),
        ("a/b:c.py", (WINDOWS,), "that Windows forbids"),
        ("C:/x", (WINDOWS,), "that Windows forbids"),
        ("C:x", (WINDOWS,), "that Windows forbids"),
        ("a/b?.py", (WINDOWS,), "that Windows forbids"),
        ('a/"b"', (WINDOWS,), "that Windows forbids"),
        ("a/b.", (WINDOWS,), "with a dot or a space at its end"),
        ("a /b", (WINDOWS,), "with a dot or a space at its end"),
        ("a/...", (WINDOWS,), "with a dot or a space at its end"),
        (f"{DATA}/x", ALL, "unknown kind of data"),
        (f"{DATA}/odd/x", ALL, "unknown kind of data"),
        (f"{DATA}//x", ALL, "unknown kind of data"),
        (f"{DATA}/data//", ALL, "unknown kind of data"),
        ("Demo-1.0.data/data/x", ALL, "not named like the .dist-info"),
        ("demo-1.data/scripts/x", ALL, "not named like the .dist-info"),
        ("foo.data/x", ALL, "not named like the .dist-info"),
        ("other-1.0.dist-info/METADATA", ALL, "second .dist-info"),
        (f"{DATA}/data/pyvenv.cfg", ALL, "replace the interpreter"),
        (f"{DATA}/data//./pyvenv.cfg", ALL, "replace the interpreter"),
        (f"{DATA}/data/bin", NOT_WINDOWS, "replace the interpreter"),
        (f"{DATA}/data/Lib", FOLDED, "replace the interpreter"),
        (f"{DATA}/data/lib/python3.12", NOT_WINDOWS, "replace the interpreter"),
        (f"{DATA}/data/scripts", (WINDOWS,), "replace the interpreter"),
        (f"{DATA}/data/PyVenv.CFG", FOLDED, "replace the interpreter"),
        (f"{DATA}/data/bin/python3", NOT_WINDOWS, "replace the interpreter"),
        (f"{DATA}/data/BIN/python3", (MACOS,), "replace the interpreter"),
        (f"{DATA}/data/Scripts/python.exe", (WINDOWS,), "replace the interpreter"),
        (f"{DATA}/data/scripts/PYTHON312.DLL", (WINDOWS,), "replace the interpreter"),
        (f"{DATA}/scripts/python", ALL, "replace the interpreter"),
        (f"{DATA}/scripts/python3.13t", ALL, "replace the interpreter"),
        (f"{DATA}/scripts/Python", FOLDED, "replace the interpreter"),
        ("_multiplat_inherit.pth", ALL, "replace a part of start-up"),
        (f"{DATA}/platlib/_multiplat.py", ALL, "replace a part of start-up"),
        ("_multiplat_inherit/__init__.py", ALL, "replace a part of start-up"),
        ("_MULTIPLAT_INHERIT/a.py", FOLDED, "replace a part of start-up"),
        ("../__pycache__/x.cpython-312.pyc", ALL, "leads out of the folder"),
        (f"{DATA}/data/.multiplat/_multiplat/enter.abi3.so", ALL, "replace a part of start-up"),
        (f"{DATA}/data/.multiplat", ALL, "replace a part of start-up"),
    ],
)
def test_names(name: str, systems: tuple[str, ...], reason: str) -> None:
    for system in ALL:
        found = judge("demo/__init__.py", name, system=system)
        if system in systems:
            assert [problem for problem in found if reason in problem], (system, found)
            assert found[0].startswith(repr(name))
        else:
            assert not [problem for problem in found if reason in problem], (system, found)


@pytest.mark.parametrize(
    "name",
    [
        *("demo/a..b.py", "demo/.hidden/x", "console.py", "demo/com/x", "demo/nulls", "lpt.py"),
        *("demo/größe.txt", "demo/a b.py", "demo//a.py", "demo/./a.py", "python3", "pyvenv.cfg"),
        *(f"{DATA}/data//tmp/x", f"{DATA}/data/share/python3", f"{DATA}/scripts/sub/python"),
        *(f"{DATA}/scripts/python3-config", f"{DATA}/headers/demo.h", "demo/_multiplat.py"),
        *("demo/other-1.0.dist-info/METADATA", "demo/foo.data/x", "x.data", "_vendor/x.data/y"),
        *("a/" * 380 + "b", "demo/" + "b" * 255),
    ],
)
def test_names_that_harm_nobody(name: str) -> None:
    for system in ALL:
        assert judge("demo/__init__.py", name, system=system) == []


@pytest.mark.parametrize(
    ("members", "systems", "reason"),
    [
        (["demo/A.py", "demo/a.py"], FOLDED, "the same file as 'demo/A.py'"),
        (["Demo/a.py", "demo/a.py"], FOLDED, "the same file as 'Demo/a.py'"),
        (["caf\u00e9.txt", "cafe\u0301.txt"], (MACOS,), "would be the same file"),
        (["CAF\u00c9.txt", "cafe\u0301.txt"], (MACOS,), "would be the same file"),
        (["a.py", "a.py"], ALL, "would be the same file"),
        (["a.py", ".//a.py"], ALL, "would be the same file"),
        (["a.py", f"{DATA}/purelib/a.py"], ALL, "would be the same file"),
        (["p", "p/q.py"], ALL, "is a file where 'p/q.py' has a folder"),
        (["P", "p/q.py"], FOLDED, "is a file where 'p/q.py' has a folder"),
        ([f"{DATA}/scripts/t", f"{DATA}/scripts/t/u"], ALL, "is a file where"),
        ([f"{INFO}/RECORD/x"], ALL, "is a file where"),
        ([f"{INFO}/installer/x"], FOLDED, "is a file where"),
    ],
)
def test_files_that_meet(members: list[str], systems: tuple[str, ...], reason: str) -> None:
    for system in ALL:
        found = judge(*members, system=system)
        assert bool(found) == (system in systems), (system, found)
        assert all(reason in problem for problem in found)


def test_files_that_meet_and_are_the_same_harm_nobody() -> None:
    twins = [WheelMember(name, 0, 3, 7) for name in ("README", "readme", "readme")]
    for system in ALL:
        assert judge(*twins, system=system) == []


def test_links() -> None:
    def wrong(link: str, system: str = LINUX, name: str = "demo/sub/link") -> list[str]:
        return judge("demo/sub/x", WheelMember(name, LINK, 1, 1, link), system=system)

    for inside in ("x", "../y", "../../z", "../.hidden/z", "sub"):
        assert wrong(inside) == wrong(inside, MACOS) == []
        assert "which Windows lets few users make" in wrong(inside, WINDOWS)[0]
    for outside in ("", "/x", "../../../x", "a/../../../../x", "..", "../..", "a\\b", "a/"):
        assert "leads out of the folder" in wrong(outside)[0], outside
    assert wrong("../../x", name=f"{DATA}/data/a/b/link") == []
    assert "leads out" in wrong("../x", name=f"{DATA}/data/link")[0]
    assert "is a file where" in judge("l/x", WheelMember("l", LINK, 1, 1, "demo"), system=LINUX)[0]


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_pipes_and_devices(kind: int) -> None:
    for system in ALL:
        assert "device or a pipe" in judge(WheelMember("x", kind | 0o644, 0, 0), system=system)[0]


@pytest.mark.parametrize(
    ("name", "systems", "reason"),
    [
        ("python", ALL, "would replace the interpreter"),
        ("python3.12", ALL, "would replace the interpreter"),
        ("PYTHON", FOLDED, "would replace the interpreter"),
        ("..", ALL, "is not called like a file"),
        ("a/b", ALL, "is not called like a file"),
        ("a\\b", ALL, "has a backslash"),
        ("pip:pip", (WINDOWS,), "that Windows forbids"),
        ("con", (WINDOWS,), "that Windows reserves"),
        ("demo", (), ""),
        ("to%ol", (), ""),
        ("my tool", (), ""),
    ],
)
def test_scripts(name: str, systems: tuple[str, ...], reason: str) -> None:
    for system in ALL:
        found = judge("demo.py", system=system, scripts=(name,))
        assert bool(found) == (system in systems), (system, found)
        assert all(f"its script {name!r} " in line and reason in line for line in found)


@pytest.mark.parametrize(
    ("names", "systems"), [(("Tool", "tool"), FOLDED), (("tool", "tool.py"), (WINDOWS,))]
)
def test_two_scripts_that_are_one_file_there(
    names: tuple[str, str], systems: tuple[str, ...]
) -> None:
    for system in ALL:
        found = judge("demo.py", system=system, scripts=names)
        assert bool(found) == (system in systems)
        assert all("would be the same file as" in line for line in found)
    called = WheelFacts(INFO, False, dict.fromkeys(names, "demo:main"), ())  # noqa: FBT003
    assert judge_wheel(called, NT, WINDOWS)[1] == [], "both call the same"


def test_an_entry_point_takes_the_place_of_a_file_of_its_name() -> None:
    for system in ALL:
        assert judge(f"{DATA}/scripts/tool", system=system, scripts=("tool",)) == []
        assert (
            judge(f"{DATA}/scripts/tool/x", system=system, scripts=("tool",))
            == [f"'bin/tool' is a file where '{DATA}/scripts/tool/x' has a folder"][
                : system != WINDOWS
            ]
        )


def test_where_members_go() -> None:
    names = ("a.py", f"{DATA}/purelib/b.py", f"{DATA}/data//c", f"{DATA}/headers/d.h")
    members = tuple(WheelMember(name, 0, 0, 0) for name in (*names, f"{INFO}/RECORD"))
    folders = Folders("pure", "plat", "bin", "inc")
    placed, _ = judge_wheel(WheelFacts(INFO, False, {}, members), folders, LINUX)  # noqa: FBT003
    assert [(item.kind, item.path) for item in placed] == [
        ("", "plat/a.py"),
        ("purelib", "pure/b.py"),
        ("data", "c"),
        ("headers", "inc/demo/d.h"),
    ]


PARTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("abCONcom1.._- :\\*é\u0301\0\n"), st.characters(codec="utf-8")
    ),
    max_size=12,
)


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_what_is_taken_for_plain_breaks_no_rule(name: str) -> None:
    if PLAIN.fullmatch(name):
        assert [rule.reason for rule in NAMES if rule.breaks(name)] == []
    assert broken_rules(name, WINDOWS) or not broken_rules(name, MACOS)


def test_dist_info() -> None:
    assert find_info_dir(["a/b-1.dist-info/WHEEL", f"{INFO}/WHEEL", "WHEEL"]) == INFO
    with pytest.raises(BadWheel, match=r"no \.dist-info/WHEEL"):
        find_info_dir([f"{INFO}/METADATA"])
    with pytest.raises(BadWheel, match=r"more than one \.dist-info/WHEEL"):
        find_info_dir([f"{INFO}/WHEEL", "Demo-1.0.dist-info/WHEEL"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n", True),
        ("Wheel-Version: 0.1\nRoot-Is-Purelib: TRUE\n", True),
        ("wheel-version:1.9\nRoot-Is-Purelib: false\n", False),
        ("Wheel-Version: 1.0\n", False),
        ("Wheel-Version: 2.0\n", "its Wheel-Version 2.0 is unknown"),
        ("Wheel-Version: x\n", "its WHEEL has no Wheel-Version that can be read"),
        ("", "its WHEEL has no Wheel-Version that can be read"),
    ],
)
def test_wheel_version(text: str, expected: object) -> None:
    if isinstance(expected, bool):
        assert is_pure(text) is expected
    else:
        with pytest.raises(BadWheel) as caught:
            is_pure(text)
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tool = demo:main", {"tool": "demo:main"}),
        ("tool=demo.cli:App.run", {"tool": "demo.cli:App.run"}),
        ("tool = demo : main [fast, web]", {"tool": "demo:main"}),
        ("pip:pip = demo:main", {"pip:pip": "demo:main"}),
        ("Tool = démo:größe", {"Tool": "démo:größe"}),
        ("    tool = demo:main\n    two = demo:main", {"tool": "demo:main", "two": "demo:main"}),
        ("tool = demo:main\ntool = demo:main", {"tool": "demo:main"}),
        ("# words\n; words\n\ntool = demo:main", {"tool": "demo:main"}),
        ("tool = demo:main # words", "does not name a function: 'demo:main # words'"),
        ("tool = demo:main ; words", "does not name a function"),
        ("tool = demo", "does not name a function: 'demo'"),
        ("tool = :main", "does not name a function"),
        ("tool =", "does not name a function: ''"),
        ("tool = demo:", "does not name a function"),
        ("tool =\n    demo:main", "does not name a function: '\\ndemo:main'"),
        ("tool = demo:main\n  other = demo:main", "does not name a function"),
        ("tool = demo:main();import os", "does not name a function"),
        ("tool = demo;import os:main", "does not name a function"),
        ("tool = demo:<lambda>", "does not name a function"),
        ("tool = demo-x:main", "does not name a function"),
        ("tool = demo..x:main", "does not name a function"),
        ("tool = demo:1x", "does not name a function"),
        ("tool = demo:main\n[gui_scripts]\nx = y", "its script 'x' does not name a function: 'y'"),
        ("tool = demo:main\ntool = demo:other", "two scripts 'tool'"),
        ("tool", "a line that cannot be read: 'tool'"),
        ("tool: demo:main", "a line that cannot be read"),
        ("= demo:main", "a line that cannot be read"),
        ("[x] # words\ntool = demo:main", "a line that cannot be read"),
    ],
)
def test_entry_points(text: str, expected: dict[str, str] | str) -> None:
    text = f"[console_scripts]\n{text}\n"
    if isinstance(expected, dict):
        assert parse_entry_points(text) == {"console_scripts": expected}
    else:
        with pytest.raises(BadWheel) as caught:
            parse_entry_points(text)
        assert expected in str(caught.value)


def test_entry_points_that_are_no_scripts_may_be_anything() -> None:
    text = "[other]\nx = a b\n  c\ny =\n[console_scripts]\nt = demo:main\n"
    assert parse_entry_points(text) == {
        "other": {"x": "a b\nc", "y": ""},
        "console_scripts": {"t": "demo:main"},
    }
    with pytest.raises(BadWheel, match="a line that cannot be read"):
        parse_entry_points("x = y\n[console_scripts]\n")


@pytest.mark.parametrize(
    ("name", "start", "kind", "systems"),
    [
        ("run", b"#!/bin/sh\nexit\n", "a shell script", NOT_WINDOWS),
        ("run", b"#!/usr/bin/env node\n", "a shell script", NOT_WINDOWS),
        ("run", b"#!/usr/bin/env python3\n", "a Python script", ALL),
        ("run", b"#!python\r\n", "a Python script", ALL),
        ("run", b"#!/opt/pypy/bin/pypy3\n", "a Python script", ALL),
        ("run", b"#!/bin/sh\n'''exec' \"$(printf %b '/a b')\"", "a Python script", ALL),
        ("run.py", b"import sys\n", "a Python script", ALL),
        ("run", b"", "a Python script", ALL),
        ("ruff", b"\x7fELF\x02\x01", "a program for Linux", (LINUX,)),
        ("ruff.exe", b"MZ\x90\0", "a program for Windows", (WINDOWS,)),
        ("ruff", bytes.fromhex("cffaedfe0c000001"), "a program for macOS", (MACOS,)),
        ("run.wasm", b"\0asm\1\0\0\0", "a program of an unknown kind", ()),
        ("zipped", b"PK\3\4\0\0", "a Python script", ALL),
        ("compiled", b"\xa7\r\r\n\0\0\0\0", "a Python script", ALL),
        ("run.BAT", b"@echo off\r\n", "a batch file of Windows", (WINDOWS,)),
    ],
)
def test_kinds_of_scripts(name: str, start: bytes, kind: str, systems: tuple[str, ...]) -> None:
    found = script_kind(name, start)
    assert (found.name, found.systems) == (kind, systems)


def test_the_files_that_a_script_may_be() -> None:
    assert script_candidates("x", LINUX) == ["x", "x.py", "x-script.py"]
    assert script_candidates("x", WINDOWS) == ["x", "x.exe", "x.py", "x-script.py"]


def test_every_rule_has_a_reason_of_its_own() -> None:
    reasons = [rule.reason for rule in rules.NAMES]
    assert len(set(reasons)) == len(reasons)
