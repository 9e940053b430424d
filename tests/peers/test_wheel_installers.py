"""Our installer beside pip, uv and installer: we take what all of them take, and no more.

`installer` comes from its sdist, with its own tests, whose cases our parsers are driven through.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from uv import find_uv_bin

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.runtime.install import Archive, Interpreter, install_wheel
from hatch_multiplat.runtime.rules import BadWheel, Folders, parse_entry_points
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from hatch_multiplat.wheels.wheel_check import check_wheels
from hatch_multiplat.wheels.wheel_file import find_damages, open_wheel
from tests.peers.sdists import literal_cases, read_sdist, rust_strings, rust_test
from tests.support.odd_wheels import ELSEWHERE, HARMLESS, HOSTILE
from tests.support.wheels import make_wheel, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="as these tools install on Linux"),
]

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = f"lib/python{MINOR}/site-packages"
# What each tool adds of its own, and signatures of the RECORD that is written anew.
OWN = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"}
OWN |= {"RECORD.jws", "RECORD.p7s"}

ODD: dict[str, Callable[[Path], None]] = {
    **{name: case[0] for name, case in HOSTILE.items()},
    **{name: case[0] for name, case in ELSEWHERE.items()},
    **HARMLESS,
}

# Where we differ on purpose: what the peers agree on, and why we do otherwise. Each reason stands
# in docs/reference/wheels.md.
STRICTER: Final = {
    "a member twice": "nobody can tell which one is meant",
    "data of another name": "pip takes it for data, and uv for a package",
    "backslash": "Windows takes it for the end of a folder's name",
    "pipe": "a wheel holds files; the peers write an empty one",
    "link outside": "the peers write a text file in place of a link",
    "pyvenv.cfg": "it is the environment's",
    "start-up": "that name is ours",
    "wrong hash": "somebody has changed the wheel after it was built",
    "wrong size": "somebody has changed the wheel after it was built",
    "not in RECORD": "somebody has changed the wheel after it was built",
    "gone from RECORD": "somebody has changed the wheel after it was built",
}
# What is installed in another way: a link is a link here, and a text file elsewhere.
OTHERWISE: Final = {"link", "link inside"}


@functools.cache
def installer_files() -> dict[str, str]:
    """The sources of installer and of its tests, by path."""
    return read_sdist("installer", r"^(src|tests)/.*\.py$")


@pytest.fixture(scope="module")
def installer_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that installer can be imported from."""
    folder = tmp_path_factory.mktemp("installer")
    for name, text in installer_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / "src"


# A tool that reads its arguments from a line, and is imported once for all of them.
TOOL: Final = """
import json, os, sys

for line in sys.stdin:
    if not (child := os.fork()):
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        code = 1
        try:
            code = main(json.loads(line))
        finally:
            os._exit(bool(code))
    print(os.waitpid(child, 0)[1], flush=True)
"""
PIP: Final = """
import pip._internal.commands.install
from pip._internal.cli.main import main
"""
INSTALLER: Final = """
from installer.__main__ import _main

def main(words):
    return _main(words, "installer")
"""


@contextmanager
def running(imports: str, **environ: str) -> Iterator[Callable[..., bool]]:
    """Start a tool in Python; returns what calls it, and tells whether it was content."""
    command = [sys.executable, "-c", imports + TOOL]
    with subprocess.Popen(
        command,
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def call(*words: object) -> bool:
            assert process.stdin
            assert process.stdout
            print(json.dumps([str(word) for word in words]), file=process.stdin, flush=True)
            return process.stdout.readline() == "0\n"

        yield call


@pytest.fixture(scope="module")
def peers(installer_source: Path) -> Iterator[dict[str, Callable[[Path, Path], bool]]]:
    """What installs a wheel under a prefix, by name of the tool."""
    uv = find_uv_bin()

    def by_uv(wheel: Path, prefix: Path) -> bool:
        options = ["--no-index", "--no-deps", "--offline", "--no-config", "--no-cache"]
        where = ["--python", sys.executable, "--prefix", prefix]
        command = list(map(str, [uv, "pip", "install", "-q", *options, *where, wheel]))
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    with running(PIP) as pip, running(INSTALLER, PYTHONPATH=str(installer_source)) as installer:

        def by_pip(wheel: Path, prefix: Path) -> bool:
            options = ["--no-index", "--no-deps", "--no-compile", "--no-cache-dir"]
            how = ["--ignore-installed", "--prefix", prefix]
            return pip("install", "-q", *options, *how, wheel)

        def by_installer(wheel: Path, prefix: Path) -> bool:
            options = ["--no-compile-bytecode", "--prefix", prefix, "--validate-record", "none"]
            return installer(*options, wheel)

        yield {"pip": by_pip, "uv": by_uv, "installer": by_installer}


def by_us(wheel: Path, prefix: Path) -> bool:
    """What a build for this system admits, and a start installs."""
    locked = parse_wheel(wheel.name, wheel.as_uri(), {})
    target = Target.parse(f"cp{MINOR.replace('.', '')}-manylinux_2_28_x86_64")
    selection = Selection(target=target, sets=(WheelSet(from_patch=0, wheels=(locked,)),))
    try:
        check_wheels([selection], {wheel.name: open_wheel(wheel)})
    except VerificationError:
        return False
    folders = Folders(LIBRARY, LIBRARY, "bin", f"include/site/python{MINOR}")
    with wheel.open("rb") as stream:
        install_wheel(Archive(stream), str(prefix), folders, Interpreter(sys.executable))
    return True


def installed(prefix: Path) -> dict[str, str]:
    """The files of an installation, and what is in them; of scripts only their names."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        name = path.relative_to(prefix).as_posix()
        if path.is_file() and path.name not in OWN and "__pycache__" not in name:
            is_script = name.startswith("bin/")
            found[name] = "" if is_script else path.read_text("utf-8", "replace")
    return {name: text for name, text in found.items() if not name.endswith(".lock")}


@pytest.mark.parametrize("case", ODD)
def test_what_the_peers_agree_on(
    tmp_path: Path, peers: dict[str, Callable[[Path, Path], bool]], case: str
) -> None:
    wheel = make_wheel(tmp_path, "evil")
    ODD[case](wheel)
    took = {name: peer(wheel, tmp_path / name) for name, peer in peers.items()}
    ours = by_us(wheel, tmp_path / "ours")
    if case in STRICTER:
        assert not ours
    elif all(took[name] for name in ("pip", "uv")):
        assert ours, took
    elif not any(took.values()):
        assert not ours, took
    if ours and case not in OTHERWISE:
        for name in (name for name, done in took.items() if done):
            assert installed(tmp_path / name) == installed(tmp_path / "ours"), name


def test_entry_points_as_installer_reads_them() -> None:
    cases = literal_cases(installer_files()["tests/test_utils.py"], "script, expected")
    assert len(cases) >= 5
    for script, expected in cases:
        groups = parse_entry_points(textwrap.dedent(script))
        found = [
            (name, *reference.split(":"), kind)
            for kind in ("console", "gui")
            for name, reference in groups.get(f"{kind}_scripts", {}).items()
        ]
        assert sorted(found) == sorted(map(tuple, expected)), script


def test_entry_points_as_uv_reads_them() -> None:
    (source,) = read_sdist("uv", r"uv-install-wheel/src/script\.rs$").values()

    def strings_of(name: str, pattern: str) -> list[str]:
        (part,) = re.findall(pattern, rust_test(source, name), re.DOTALL)
        return list(rust_strings(part))

    cases = r"for case in \[\n(.*?)\n +\] \{"
    valid = strings_of("test_valid_script_names", cases)
    invalid = strings_of("test_invalid_script_names", cases)
    assert min(len(valid), len(invalid)) >= 3
    for reference in valid:
        assert parse_entry_points(f"[console_scripts]\nscript = {reference}\n")
    for reference in invalid:
        with pytest.raises(BadWheel):
            parse_entry_points(f"[console_scripts]\nscript = {reference}\n")
    sample = r"sample_ini = (.*?);"
    (refused,) = strings_of("test_rejects_non_equals_entry_point_delimiters", sample)
    with pytest.raises(BadWheel):
        parse_entry_points(refused)
    (alike,) = strings_of("test_case_sensitive_entry_points", sample)
    assert list(parse_entry_points(alike)["console_scripts"]) == ["Command", "command"]


def test_records_as_installer_reads_them(tmp_path: Path) -> None:
    source = installer_files()["tests/test_records.py"]
    (samples,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SAMPLE_RECORDS"
    ]
    assert len(samples) >= 9
    for number, (_, (path, digest, size), data, passes) in enumerate(samples):
        wheel = make_wheel(tmp_path / str(number), "demo", files={path: data})
        info = "demo-1.0.dist-info"
        rows = "".join(f"{info}/{name},,\n" for name in ("METADATA", "WHEEL", "RECORD"))
        row = f"{path},{digest or ''},{'' if size is None else size}\n"
        rewrite(wheel, {f"{info}/RECORD": f"{row}{rows}"})
        assert (not find_damages(open_wheel(wheel))) == passes, path
