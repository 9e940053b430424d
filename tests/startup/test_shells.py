"""The header goes straight to the finished set-up under every shell that may be /bin/sh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from hatch_multiplat.executable.rendering import PEX_VARIABLES
from tests.startup.test_hand_over import ODD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

SHELLS: Final = ("dash", "bash", "zsh", "busybox", "mksh", "ksh")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A shell, called sh, as it is where it is the system's."""
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(f"no {request.param} here")
    link = tmp_path / "sh"
    link.symlink_to(path)
    return link


def straight(bench: Bench, app: Path) -> None:
    """Make the file useless to Python, so that only the header's short cut can still run it."""
    data = app.read_bytes()
    app.write_bytes(data[: data.index(b"PK\x03\x04")] + bytes(200))


def test_the_first_run_and_then_the_short_cut(bench: Bench, shell: Path) -> None:
    app = bench.demo("a demo.pex")
    seen = bench.report([shell, app, *ODD], input="in")
    assert seen["argv"] == [str(app), *ODD]
    straight(bench, app)
    later = bench.report([shell, app, *ODD], input="in")
    for data in (seen, later):
        for name in ("_", "OLDPWD", "SHLVL", "PWD", "__CF_USER_TEXT_ENCODING"):
            data["environ"].pop(name, None)
        data["environ"] = {k: v for k, v in data["environ"].items() if not k.startswith("A__z")}
    assert later == seen
    bench.run([shell, app, "exit", "7"], code=7)


def test_without_python_it_says_what_it_needs(bench: Bench, shell: Path) -> None:
    app = bench.demo()
    result = bench.run([shell, app], env={"PATH": "/nonexistent"}, code=127)
    assert result.stderr.startswith("demo: no Python found on PATH; needs Python 3.6, 3.7")
    assert result.stdout == ""


def test_a_file_cut_short(bench: Bench, shell: Path) -> None:
    app = bench.demo()
    app.write_bytes(app.read_bytes()[:-100])
    result = bench.run([shell, app], code=1)
    assert result.stderr == "demo: this file is damaged or incomplete, download it again\n"


def test_a_file_cut_anywhere_in_its_first_lines(bench: Bench, shell: Path) -> None:
    """From the third line on the shell says it; before, it reads two comments, and finds no fault.

    The second line is that of Python, whose rules leave no other place.
    """
    app = bench.demo()
    header = app.read_bytes().split(b"PK\x03\x04")[0]
    first, second = b"#!/bin/sh\n", b"#coding:damaged-file--download-it-again\n"
    assert header.startswith(first + second)
    trap = header.index(b" 0; }\n") + len(b" 0; }")
    silent = []
    # Every place in the short lines, and enough of the rest: each takes a shell.
    short, end = range(trap + 3), range(len(header) - 64, len(header) + 1)
    for size in (*short, *range(trap + 3, len(header) - 64, 17), *end):
        app.write_bytes(header[:size])
        result = subprocess.run(
            [shell, app, "x"], env=bench.env(), capture_output=True, text=True, check=False
        )
        assert result.stdout == ""
        if result.returncode == 0:
            silent.append(size)
            assert result.stderr == ""
        elif size >= trap:
            assert "this file is damaged or incomplete, download it again" in result.stderr
    assert silent == list(range(len(first + second) + 1))
    assert bench.setups() == []


@pytest.mark.parametrize("path", ["", ":", ":/usr/bin", "::/nonexistent:"])
def test_odd_paths(bench: Bench, shell: Path, path: str) -> None:
    app = bench.demo()
    (bench.folder / "python3").symlink_to(bench.python)
    (bench.folder / "*").mkdir()
    result = bench.run([shell, app, "exit", "3"], env={"PATH": path}, code=None)
    # An empty entry is the current folder; an empty PATH may be that, or nothing.
    assert result.returncode in ((3, 127) if path == "" else (3,))


@pytest.mark.parametrize("spoil", ["empty", "short", "gone", "another"])
def test_a_record_that_is_no_good_is_not_followed(bench: Bench, spoil: str) -> None:
    app = bench.demo()
    bench.report([app])
    for record in bench.cache.glob("*/from/**/python3*"):
        lines = record.read_text().splitlines()
        if spoil == "empty":
            record.write_text("")
        elif spoil == "short":
            record.write_text(lines[0] + "\n")
        elif spoil == "gone":
            record.write_text("\n".join(["/nonexistent", "/nonexistent/python", *lines[2:]]) + "\n")
        else:
            record.write_text("\n".join([*lines[:3], "/bin/sh"]) + "\n")
    assert bench.report([app, "x"])["argv"] == [str(app), "x"]


def test_a_record_of_another_user_is_not_followed(bench: Bench) -> None:
    app = bench.demo()
    bench.report([app])
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for record in bench.cache.glob("*/from/**/python3*"):
        record.write_text("/tmp/evil\n/bin/echo\ndirect\n" + bench.python + "\n")
        os.chown(record, 12345, 12345)
    assert bench.report([app, "x"])["argv"] == [str(app), "x"]


@pytest.mark.parametrize("name", ["PEX_TOOLS", "PEX_INTERPRETER", "PEX_MODULE", "PEX_FUTURE"])
@pytest.mark.parametrize("value", ["1", ""])
def test_every_variable_of_pex_leads_to_its_runtime(bench: Bench, name: str, value: str) -> None:
    app = bench.demo()
    bench.report([app])
    for command in ([app], [bench.python, app]):
        shown = bench.run([*command, "a", "b c"], env={name: value}).stdout
        assert shown == "pex runtime ['a', 'b c']\n"


def test_the_variables_of_this_release_of_pex_are_all_known() -> None:
    variables = pytest.importorskip("pex.variables").Variables
    found = {name for name in dir(variables) if name.startswith("PEX_")}
    assert found - set(PEX_VARIABLES) <= {"PEX_ROOT"}


def test_the_header_starts_no_other_program(bench: Bench) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here")
    app = bench.demo()
    bench.report([app])
    trace = bench.folder / "trace"
    bench.run([strace, "-f", "-e", "trace=execve,fork,vfork,clone", "-o", trace, app, "exit", "0"])
    lines = [line for line in trace.read_text().splitlines() if "execve(" in line]
    assert len(lines) == 2
    assert "fork" not in trace.read_text()


def test_shellcheck_has_no_objection(tmp_path: Path, bench: Bench) -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("no shellcheck here")
    header = tmp_path / "header.sh"
    header.write_bytes(bench.demo().read_bytes().split(b"PK\x03\x04")[0])
    # Not in POSIX, but in every shell that is some system's /bin/sh: `-ef` (the tests above run
    # them). And what `wc` prints has blanks in front on some systems, which an unquoted word loses.
    # And the last `exit` is for a damaged copy.
    excluded = "--exclude=SC3013,SC2086,SC2317"
    subprocess.run([shellcheck, "--shell=sh", excluded, header], check=True)
