"""Files without wheels: their contents lie in blocks, each once, and are checked one by one."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.executable.executable import BLOCKS, CONTENTS
from hatch_multiplat.executable.zip_writer import Member, write_archive
from hatch_multiplat.runtime import contents
from tests.startup.conftest import ANY, DEMO, MINORS, PYTHONS, Bench, make_python_without
from tests.support.app import host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")


def mixed_wheels(bench: Bench) -> list[Path]:
    """Wheels with all that a wheel can hold, some of it twice, executable once and once not."""
    tool = "#!/bin/sh\necho tool\n"
    wheels = [
        make_wheel(
            bench.folder / "wheels",
            "demo",
            files={"demo.py": DEMO, "demo_data/empty": "", "demo_data/tool": tool},
            scripts={"demo": "demo:main", "other": "demo:other"},
            data={
                "scripts/tool": tool,
                "scripts/python-tool": "#!python\nprint('from python')\n",
                "data/share/demo/empty": "",
                "headers/demo.h": "int demo;\n",
                "purelib/extra.py": "X = 1\n",
            },
        ),
        make_wheel(
            bench.folder / "wheels",
            "lib",
            files={
                "lib/__init__.py": "",
                "lib/other.py": "",
                "lib/größe.py": "Y = 2\n",
                "lib/run": tool,
                "lib/link": "run",
                "lib/only-run": "#!/bin/sh\nexit 3\n",
            },
        ),
    ]
    modes = {"lib/run": 0o100755, "lib/link": 0o120777, "lib/only-run": 0o100700}
    with zipfile.ZipFile(wheels[1]) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(wheels[1], "w") as archive:
        for info, content in members:
            info.external_attr = modes.get(info.filename, 0o100644) << 16
            archive.writestr(info, content)
    return wheels


def mixed(bench: Bench, name: str = "demo", **fields: Any) -> Path:
    targets = [host_target(minor, (0, 1)) for minor in MINORS]
    return bench.demo(name, wheels=mixed_wheels(bench), targets=targets, **fields)


def files_below(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    }


def test_every_python_makes_the_same_environment_of_both_forms(any_bench: Bench) -> None:
    """All is the same, file by file, but the paths of environments that scripts name."""
    apps = [mixed(any_bench, name, pyz=pyz) for name, pyz in (("pex", False), ("pyz", True))]
    for app in apps:
        folder = any_bench.folder / "venv"
        any_bench.run([app, folder], env={"MULTIPLAT": "venv"})
        folder.rename(any_bench.folder / f"{app.name}-made")
    pex, pyz = (files_below(any_bench.folder / f"{app.name}-made") for app in apps)
    own = {name for name in pex if name.startswith(".multiplat/")} | {"bin/demo"}
    assert pex.keys() == pyz.keys()
    assert {name for name in pex if pex[name] != pyz[name]} <= own
    assert any_bench.run([any_bench.folder / "pyz-made" / "bin" / "tool"]).stdout == "tool\n"
    for _ in range(2):
        assert any_bench.evaluate(apps[1], "6 * 7") == "42"
    expression = "__import__('lib.größe').größe.Y + __import__('extra').X"
    assert any_bench.evaluate(apps[1], expression) == "3"
    assert any_bench.leftovers() == []
    (setup,) = any_bench.setups()
    assert [path.name for path in (setup / "venv").iterdir() if path.name.startswith("tmp")] == []


def rewrite(app: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change members of a file, by name and content."""
    with zipfile.ZipFile(app) as archive:
        contents = {info.filename: archive.read(info) for info in archive.infolist()}
    prefix = app.read_bytes().partition(b"PK\x03\x04")[0]
    change(contents)
    members = [
        Member(name=name, data=data, mode=0o755 if name == "__main__.py" else 0o644)
        for name, data in contents.items()
    ]
    write_archive(members, app, prefix=prefix, mode=0o755)


def block_of(contents: dict[str, bytes], name: str = "own-linux") -> str:
    return next(path for path in contents if path.startswith(BLOCKS + name))


def flip(contents: dict[str, bytes]) -> None:
    name = block_of(contents)
    data = bytearray(contents[name])
    data[len(data) // 2] ^= 4
    contents[name] = bytes(data)


def cut(contents: dict[str, bytes]) -> None:
    name = block_of(contents)
    contents[name] = contents[name][:-40]


def lengthen(contents: dict[str, bytes]) -> None:
    contents[block_of(contents)] += b"more"


def lengthen_inside(contents: dict[str, bytes]) -> None:
    name = block_of(contents)
    contents[name] = lzma.compress(lzma.decompress(contents[name]) + b"more")


def exchange(contents: dict[str, bytes]) -> None:
    """Another program in a whole stream of the same length."""
    name = block_of(contents)
    data = lzma.decompress(contents[name])
    contents[name] = lzma.compress(data.replace(b"return 2 * x", b"return 3 * x"))


def empty(contents: dict[str, bytes]) -> None:
    contents[block_of(contents)] = b""


def no_stream(contents: dict[str, bytes]) -> None:
    contents[block_of(contents)] = b"no xz" * 100


def leave_out(contents: dict[str, bytes]) -> None:
    del contents[block_of(contents)]


def other_contents(contents: dict[str, bytes]) -> None:
    about = json.loads(contents[CONTENTS])
    about["wheels"][0][0][1] = 0o100755
    contents[CONTENTS] = json.dumps(about).encode()


def no_contents(contents: dict[str, bytes]) -> None:
    del contents[CONTENTS]


@pytest.mark.parametrize(
    "change",
    [
        *(flip, cut, lengthen, lengthen_inside, exchange, empty, no_stream, leave_out),
        *(other_contents, no_contents),
    ],
)
def test_what_is_not_as_it_was_built_stops_the_run(
    bench: Bench, change: Callable[[dict[str, bytes]], None]
) -> None:
    app = mixed(bench, pyz=True)
    rewrite(app, change)
    for command in ([app], [bench.python, app]):
        result = bench.run(command, code=1)
        assert result.stderr.startswith("demo: this file is damaged, download it again (")
        assert result.stderr.count("\n") == 1
    assert [path for path in bench.cache.rglob("*") if path.is_file()] == []
    result = bench.run([app], env={"MULTIPLAT": "verify"}, code=1)
    assert "damaged: " in result.stdout
    rewrite(app, lambda contents: contents.update({"more.py": b"x"}))
    result = bench.run([app], env={"MULTIPLAT": "verify"}, code=1)
    assert "nothing accounts for 'more.py'" in result.stdout


def test_what_is_as_it_was_built_is_verified(bench: Bench) -> None:
    app = mixed(bench, pyz=True)
    lines = bench.run([app], env={"MULTIPLAT": "verify"}).stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("contents: "))
    assert re.fullmatch(
        r"contents: \d\d as built; "
        r"only `hatch-multiplat inspect --lock` can tell whether a lock's wheels hold the same",
        line,
    )
    assert not any("pex" in line for line in lines)


def test_a_machine_reads_its_own_blocks_and_no_others(bench: Bench) -> None:
    """Damage in the block of another system, and behind what the newest Python needs, is unseen."""
    folder = bench.folder / "wheels"
    here, older = host_target(ANY, (0, 1)), host_target((3, 6), (0, 2))
    far = replace(older, name="far", system="elsewhere", sets=((0, (0, 3)),))
    wheels = [
        make_wheel(folder, "demo", files={"demo.py": DEMO}, scripts={"demo": "demo:main"}),
        *(
            make_wheel(folder, name, files={f"{name}.py": "# " + os.urandom(200_000).hex()})
            for name in ("new", "old", "far")
        ),
    ]
    app = bench.demo(wheels=wheels, targets=[here, older, far], pyz=True)
    spoilt = []

    def spoil(contents: dict[str, bytes]) -> None:
        for name, data in contents.items():
            if name.startswith(f"{BLOCKS}elsewhere"):
                contents[name] = b""
                spoilt.append(name)
            elif name.startswith(f"{BLOCKS}{here.system}"):
                half = len(data) * 3 // 4
                contents[name] = data[:half] + bytes(len(data) - half)
                spoilt.append(name)

    rewrite(app, spoil)
    assert len(spoilt) == 2
    assert bench.evaluate(app, "6 * 7") == "42"


def test_a_python_without_lzma_is_passed_over_or_told_so(bench: Bench) -> None:
    without_lzma = make_python_without("_lzma", bench.folder / "no-lzma")
    app = mixed(bench, pyz=True)
    wheels = bench.demo("whole", pyz=False)
    assert bench.run([without_lzma, wheels, "eval", "6 * 7"]).stdout == "42\n"
    only = {"PATH": "/nonexistent"}
    result = bench.run([without_lzma, app], env=only, code=1)
    assert result.stderr == (
        "demo: this Python was built without the module lzma, which this file takes; "
        "use another Python\n"
    )
    told = bench.run([without_lzma, app], env={**only, "MULTIPLAT": "info"}).stdout
    assert "this Python was built without the module lzma" in told
    on_path = {"PATH": str(bench.folder / "bin")}
    for _ in range(2):
        result = bench.run([without_lzma, app, "eval", "sys.base_prefix"], env=on_path)
        assert result.stdout.strip() == str(Path(PYTHONS[ANY]).parent.parent)


@pytest.mark.parametrize("name", ["PEX_TOOLS", "PEX_SCRIPT", "PEX_OF_TOMORROW"])
@pytest.mark.parametrize("finished", [False, True])
def test_a_variable_of_pex_is_refused(bench: Bench, name: str, *, finished: bool) -> None:
    app = mixed(bench, pyz=True)
    if finished:
        bench.run([app, "exit", "0"])
    for command in ([app], [bench.python, app]):
        result = bench.run(command, env={name: "1"}, code=1)
        assert result.stderr == (
            f"demo: {name} is for a PEX, which this file is not; formats = ['pex'] makes one\n"
        )
    root = str(bench.folder / "root")
    assert bench.run([app, "eval", "6 * 7"], env={"PEX_ROOT": root}).stdout == "42\n"
    # A program that a PEX has started inherits this one.
    assert bench.run([app, "eval", "6 * 7"], env={"__PEX_EXE__": "/x"}).stdout == "42\n"


def test_both_forms_have_environments_of_their_own(bench: Bench) -> None:
    for name, pyz in (("one", False), ("two", True)):
        bench.run([mixed(bench, name, pyz=pyz), "exit", "0"])
    assert len({setup.parent for setup in bench.setups()}) == 2


def test_memory_is_bounded_by_the_dictionary(bench: Bench) -> None:
    """Of contents far larger than it, a first start holds no more than a few pieces."""
    big = b"".join(bytes([number]) * 1_000_000 for number in range(200))
    wheel = make_wheel(
        bench.folder / "wheels",
        "demo",
        files={"demo.py": DEMO, "demo.bin": big},
        scripts={"demo": "demo:main"},
    )
    app = bench.demo(wheels=[wheel], pyz=True)
    script = (
        "import os, resource, sys; pid = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    result = bench.run([bench.python, "-c", script, bench.python, app, "exit", "0"])
    assert int(result.stdout) < 140_000  # kB; the dictionary has 64 MB


def no_thread(_: threading.Thread) -> None:
    """What starts a thread where none may be, as in a container of an old kind."""
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("start", [threading.Thread.start, no_thread])
def test_pieces_made_in_advance_are_the_same(
    monkeypatch: pytest.MonkeyPatch, start: Callable[[threading.Thread], None]
) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        for number in range(count):
            yield b"%d" % number
        if count > contents.AHEAD:
            raise OSError("cut short")

    monkeypatch.setattr("threading.Thread.start", start)
    assert list(contents.in_advance(pieces(3))) == [b"0", b"1", b"2"]
    cut_short = contents.in_advance(pieces(100))
    assert [next(cut_short) for _ in range(100)] == [b"%d" % number for number in range(100)]
    with pytest.raises(OSError, match="cut short"):
        next(cut_short)
