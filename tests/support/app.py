"""Executables for tests of start-up: the real launcher and header around small wheels.

They lack pex's own runtime, which takes a second to put in; `tests/startup/test_pex.py` builds real
ones.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.executable.blocks import list_members
from hatch_multiplat.executable.executable import PEX_MAIN
from hatch_multiplat.executable.rendering import render_header, render_members
from hatch_multiplat.executable.table import (
    Table,
    TableTarget,
    TableWheel,
)
from hatch_multiplat.executable.writer import write_contents
from hatch_multiplat.executable.zip_writer import Member, read_members, write_archive
from hatch_multiplat.runtime.match import read_machine
from hatch_multiplat.wheels.wheel_file import open_wheel, wheel_opener

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
# What stands for pex's runtime: it says that it was reached.
PEX_RUNTIME: Final = "import sys\nprint('pex runtime', sys.argv[1:])\n"


def host_target(python: tuple[int, int], wheels: Iterable[int] = (0,), **other: Any) -> TableTarget:
    """A target for this machine and the given CPython minor, with these wheels of the table."""
    host = read_machine()
    target = TableTarget(
        name=f"cp{python[0]}{python[1]}-here",
        implementation="cpython",
        python=python,
        system=host.system,
        arch=host.arch,
        libc=host.libc,
        macos=host.macos,
        sets=((0, tuple(wheels)),),
    )
    return replace(target, **other)


def table_wheel(path: Path) -> TableWheel:
    """The table's entry for a wheel on disk."""
    data, gui = path.read_bytes(), open_wheel(path).has_gui_scripts()
    sha256 = hashlib.sha256(data).hexdigest()
    return TableWheel(file=path.name, sha256=sha256, size=len(data), gui=gui)


def build_app(
    output: Path,
    wheels: Sequence[Path],
    targets: Sequence[TableTarget],
    *,
    pyz: bool = False,
    **fields: Any,
) -> Path:
    """Write an executable and return its path; `fields` are the table's other fields.

    With `pyz` it has no wheels, but blocks of what is in them.
    """
    fields = {"name": "demo", "version": "1.0", "run": {"script": "demo"}, **fields}
    table = Table(wheels=tuple(map(table_wheel, wheels)), targets=tuple(targets), **fields)
    if pyz:
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            write_contents(
                table,
                {item.name: list_members(item, "", cache=cache) for item in wheels},
                {item.name: wheel_opener(item) for item in wheels},
                output,
                cache=cache,
                folder=cache,
                say=str,
            )
        return output
    members = [
        Member(name=f".deps/{wheel.name}", source=wheel, size=wheel.stat().st_size)
        for wheel in wheels
    ]
    texts = render_members(table) | {PEX_MAIN: PEX_RUNTIME.encode()}
    members += [Member(name=name, data=data) for name, data in texts.items()]
    write_archive(members, output, prefix=render_header(table), mode=0o755)
    return output


def replace_prefix(path: Path, prefix: bytes) -> None:
    """Write a zip file anew behind other bytes than those before its first member."""
    content = path.read_bytes()
    write_archive(read_members(content).values(), path, prefix=prefix, mode=0o755)
