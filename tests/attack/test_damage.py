"""Damaged copies, and disks that are full: the next good start is right."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.attack.conftest import can_mount
from tests.startup.test_faults import in_namespace
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

# The whole attack is 500 copies and 141 sizes: HATCH_MULTIPLAT_ATTACK=whole.
WHOLE = os.environ.get("HATCH_MULTIPLAT_ATTACK") == "whole"
COPIES = 500 if WHOLE else 40
# What the program was given, and what it would see if start-up had left something out.
SEEN = """[os.path.basename(sys.argv[0]), sys.argv[1], sys.argv[3:], os.environ.get("PYTHONPATH"),
os.path.basename(os.environ["PEX"]), [n for n in os.environ if n[:2] in ("_M", "_m")], 6 * 7]"""
WORDS = ["eval", SEEN, "two  words", "*", ""]
SIZES = range(20, 1148, 8) if WHOLE else range(60, 460, 50)


@pytest.fixture(params=["pex", "pyz"])
def bench(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """All here holds for files with wheels and for files without."""
    return replace(bench, pyz=request.param == "pyz")


def spoil(data: bytes, number: int) -> tuple[int, bytes]:
    """A copy with one thing wrong: a bit, a few bytes, a hole, a cut or a repetition."""
    chance = random.Random(number)
    at = chance.randrange(len(data))
    kind = number % 5
    if kind == 0:
        return at, data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    length = chance.choice((1, 2, 8, 64, 600))
    if kind == 1:
        return at, data[:at] + chance.randbytes(length) + data[at + length :]
    if kind == 2:
        return at, data[:at] + bytes(length) + data[at + length :]
    if kind == 3:
        return at, data[:at]
    return at, data[:at] + data[max(0, at - length) :]


def test_a_damaged_copy_runs_right_or_ends_in_a_line_and_poisons_nothing(bench: Bench) -> None:
    app = bench.demo()
    data = app.read_bytes()
    copy = bench.folder / "copy" / "demo"
    copy.parent.mkdir()
    first = data.index(b"PK\x03\x04")
    with zipfile.ZipFile(app) as archive:
        directory, main = archive.start_dir, archive.getinfo("__main__.py")
    packed = range(main.header_offset, main.header_offset + 100 + main.compress_size)
    right = f"['demo', 'eval', {WORDS[2:]}, None, 'demo', [], 42]\n"
    wrong = []

    def start(number: int, at: int, spoilt: bytes) -> None:
        """Start the copy in each way; in a whole run it does both in a cold and a warm cache."""
        for command in ([copy], [bench.python, copy]):
            env = {"PYTHONPATH": "/nowhere"}
            # A shell may quote what it does not understand.
            result = bench.run([*command, *WORDS], env=env, code=None, errors="backslashreplace")
            same = zip(reversed(data), reversed(spoilt), strict=False)
            alike = itertools.takewhile(lambda pair: pair[0] == pair[1], same)
            last = len(data) - sum(1 for _ in alike)
            in_launcher = at < packed.stop and last > packed.start
            early = at < first or last > directory or in_launcher or len(spoilt) < len(data)
            lines = result.stderr.splitlines()
            if result.returncode == 0:
                # Nobody can tell that a file of less than two lines is no empty program.
                fine = result.stdout == right or len(spoilt) < 60
            else:
                fine = early or (len(lines) == 1 and lines[0].startswith("demo: "))
            if not fine:
                wrong.append((number, at, result))

    for number in range(COPIES):
        at, spoilt = spoil(data, number)
        copy.write_bytes(spoilt)
        copy.chmod(0o755)
        start(number, at, spoilt)
        if WHOLE or number % 10 == 0:
            assert bench.run([app, *WORDS]).stdout == right
            start(number, at, spoilt)
            shutil.rmtree(bench.cache)
    assert wrong == []


def test_a_changed_table_or_start_up_has_an_environment_of_its_own(bench: Bench) -> None:
    app = bench.demo()
    other = bench.demo("other", inject_env={"A": "1"})
    bench.run([app, "exit", "0"])
    bench.run([other, "exit", "0"])
    assert len({setup.parent for setup in bench.setups()}) == 2


@pytest.mark.skipif(not can_mount(), reason="no small disk can be mounted here")
def test_a_disk_that_was_full_poisons_no_later_start(bench: Bench) -> None:
    """Two runs on a disk of some size, then one with room: each is right or says what it needs."""
    modules = {
        f"pack/m{n}.py": f"x = {n}\n" + f"def f{n}(a, b):\n    return a\n" * 60 for n in range(8)
    }
    imports = "import " + ", ".join(f"pack.m{n}" for n in range(8)) + "\n"
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={
            "demo.py": imports + "def main():\n    print(42)\n",
            "pack/__init__.py": "",
            **modules,
        },
        scripts={"demo": "demo:main"},
    )
    app = bench.demo(wheels=[wheel])
    wrong = []
    for size in SIZES:
        script = (
            f'mount -t tmpfs -o size={size}k tmpfs "$HOME"; mkdir -p "{bench.folder}/tmp"; '
            f"'{app}'; '{app}'; mount -o remount,size=20m \"$HOME\"; exec '{app}'"
        )
        env = {"TMPDIR": "/nonexistent-tmp", "PYTHONDONTWRITEBYTECODE": None}
        result = bench.run(in_namespace(script), env=env, code=None)
        lines = result.stdout.split()
        if result.returncode or lines[-1:] != ["42"] or "Traceback" in result.stderr:
            wrong.append((size, result.stdout, result.stderr[-300:]))
    shutil.rmtree(f"/tmp/multiplat-{os.geteuid()}", ignore_errors=True)
    assert wrong == []
