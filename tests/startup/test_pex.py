"""With real files made by pex: it stays a PEX for every tool that reads one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.executable.executable import PEX_MAIN
from hatch_multiplat.executable.rendering import render_header, render_members
from hatch_multiplat.executable.table import StartOptions, Table
from hatch_multiplat.executable.zip_writer import Member, read_members, write_archive
from hatch_multiplat.runtime.match import read_machine
from hatch_multiplat.targets.target import Target
from tests.startup.conftest import DEMO, PYTHONS, Bench, make_bench
from tests.support.app import host_target, table_wheel
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh"),
    pytest.mark.skipif(
        not {(3, 11), (3, 12), (3, 13)} & set(PYTHONS), reason="no Python that this pex supports"
    ),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    minor = max({(3, 11), (3, 12), (3, 13)} & set(PYTHONS))
    return make_bench(tmp_path_factory.mktemp("pex"), PYTHONS[minor])


def pex(bench: Bench, *arguments: str | Path) -> None:
    """Run pex itself; not its warnings, which are about Pythons that this machine lacks."""
    subprocess.run(
        [sys.executable, "-m", "pex", *map(str, arguments)],
        env={**os.environ, "PEX_ROOT": str(bench.folder / "pex-root"), "PEX_EMIT_WARNINGS": "0"},
        cwd=bench.folder,
        check=True,
    )


@pytest.fixture(scope="module")
def app(bench: Bench) -> Path:
    """demo and its scripts, with pex's tools, through pex itself."""
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={"demo.py": DEMO, "demomod.py": "import sys\nprint('module', sys.argv[1:])\n"},
        scripts={"demo": "demo:main", "other": "demo:other"},
    )
    table = Table(
        name="demo",
        version="1.0",
        run={"script": "demo"},
        options=StartOptions(include_tools=True),
        wheels=(table_wheel(wheel),),
        targets=tuple(map(host_target, PYTHONS)),
    )
    lock = bench.folder / "pylock.toml"
    digest = table_wheel(wheel).sha256
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
        f'wheels = [{{path = "wheels/{wheel.name}", hashes = {{sha256 = "{digest}"}}}}]\n'
    )
    platform = bench.folder / "platform.json"
    minor = ".".join(map(str, max({(3, 11), (3, 12), (3, 13)} & set(PYTHONS))))
    target = Target.parse(f"{minor}-manylinux_2_17_{read_machine().arch}")
    platform.write_text(json.dumps(target.to_complete_platform(label="x", patch=0)))
    output = bench.folder / "demo.pex"
    pex(
        bench,
        *("demo", "--pylock", lock, "--complete-platform", platform, "--script", "demo"),
        *("--include-tools", "--python-shebang", "#!/usr/bin/env python3"),
        *("--no-pre-install-wheels", "--no-compress"),
        *("--output-file", output),
    )
    content = output.read_bytes()
    members = read_members(content)
    with zipfile.ZipFile(output) as archive:
        texts = {PEX_MAIN: archive.read("__main__.py"), **render_members(table)}
    members |= {name: Member(name=name, data=data) for name, data in texts.items()}
    write_archive(members.values(), output, prefix=render_header(table), mode=0o755)
    return output


def test_the_wheel_lies_in_it_as_it_came(bench: Bench, app: Path) -> None:
    (wheel,) = (bench.folder / "wheels").iterdir()
    with zipfile.ZipFile(app) as archive:
        assert archive.testzip() is None
        info = archive.getinfo(f".deps/{wheel.name}")
        assert info.compress_type == zipfile.ZIP_STORED
        assert archive.read(info) == wheel.read_bytes()


def test_it_runs(bench: Bench, app: Path) -> None:
    for command in ([app], [app], [bench.python, app]):
        assert bench.report([*command, "x"])["argv"] == [str(app), "x"]
    assert not (bench.home / ".cache" / "pex").exists()


def runtime(bench: Bench, app: Path, *arguments: str, **env: str) -> str:
    """What pex's own runtime prints, the same by either way of starting."""
    environ = {**env, "PEX_ROOT": str(bench.folder / "runtime-root")}
    shown = {
        bench.run([*command, *arguments], env=environ).stdout
        for command in ([app], [bench.python, app])
    }
    assert len(shown) == 1
    return shown.pop()


def test_pex_interpreter(bench: Bench, app: Path) -> None:
    code = "import demo, sys; print(demo.double(4), sys.argv)"
    assert runtime(bench, app, "-c", code, "x", PEX_INTERPRETER="1") == "8 ['-c', 'x']\n"


def test_pex_module(bench: Bench, app: Path) -> None:
    assert runtime(bench, app, "x", PEX_MODULE="demomod") == "module ['x']\n"


def test_pex_script(bench: Bench, app: Path) -> None:
    assert runtime(bench, app, "x", PEX_SCRIPT="other") == "other ['x'] None\n"


def test_pex_tools(bench: Bench, app: Path) -> None:
    assert '"demo-1.0-py3-none-any.whl"' in runtime(bench, app, "info", PEX_TOOLS="1")
    bench.run([app, "venv", bench.folder / "v"], env={"PEX_TOOLS": "1"})
    shown = bench.run([bench.folder / "v" / "pex", "eval", "demo"], code=None).stderr
    assert "NameError" in shown


def test_pex_tools_as_a_command(bench: Bench, app: Path) -> None:
    command = [sys.executable, "-m", "pex.tools", app, "info"]
    assert "demo-1.0-py3-none-any.whl" in bench.run(command).stdout


def test_pex_reads_it_as_a_repository(bench: Bench, app: Path) -> None:
    output = bench.folder / "subset.pex"
    pex(bench, "--pex-repository", app, "--python", bench.python, "demo", "-o", output)
    shown = bench.run([bench.python, output, "-c", "import demo; print(demo.double(21))"]).stdout
    assert shown == "42\n"


def test_other_layouts_of_pex_start_too(bench: Bench, app: Path) -> None:
    folder = bench.folder / "loose"
    with zipfile.ZipFile(app) as archive:
        archive.extractall(folder)
    for start in (folder, folder / "__main__.py"):
        assert bench.report([bench.python, start, "x"])["argv"][1:] == ["x"]
