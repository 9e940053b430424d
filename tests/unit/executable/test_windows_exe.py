from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.config.formats import ExeOptions
from hatch_multiplat.executable.rendering import read_launcher
from hatch_multiplat.executable.writer import shebang, write_windows_exe
from hatch_multiplat.runtime.windows import launcher_name
from hatch_multiplat.targets.platforms import Platform

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (ExeOptions(), b"#!/usr/bin/env py\n"),
        (ExeOptions(windowed=True), b"#!/usr/bin/env pyw\n"),
        (ExeOptions(python="py -3.12"), b"#!/usr/bin/env py -3.12\n"),
    ],
)
def test_the_line_names_what_is_looked_for_on_path(options: ExeOptions, line: bytes) -> None:
    assert shebang(options) == line


@pytest.mark.parametrize("windowed", [False, True])
def test_every_architecture_has_a_launcher_of_its_own(windowed: bool) -> None:  # noqa: FBT001
    launchers = {
        read_launcher(launcher_name(arch, windowed)) for arch in ("x86_64", "arm64", "i686")
    }
    assert len(launchers) == 3
    assert all(launcher.startswith(b"MZ") for launcher in launchers)


def test_the_archive_follows_the_line_and_counts_from_its_own_start(tmp_path: Path) -> None:
    pex = tmp_path / "demo.pex"
    with zipfile.ZipFile(pex, "w") as archive:
        archive.writestr("a.txt", "a")
        archive.writestr("b.txt", "b")
    plain = pex.read_bytes()
    with pex.open("wb") as stream:
        stream.write(b"#!/bin/sh\n")
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr("a.txt", "a")
            archive.writestr("b.txt", "b")
    platform = Platform.parse("windows-x86_64")
    exe = tmp_path / "demo.exe"
    write_windows_exe(pex, exe, platform=platform, options=ExeOptions())
    launcher = read_launcher("t64.exe") + b"#!/usr/bin/env py\n"
    data = exe.read_bytes()
    assert data.startswith(launcher)
    assert len(data) - len(launcher) == len(plain)
    with zipfile.ZipFile(io.BytesIO(data[len(launcher) :])) as archive:
        assert archive.read("b.txt") == b"b"
    with zipfile.ZipFile(exe) as archive:
        assert archive.read("b.txt") == b"b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.exe", "demo.pex"]


@pytest.mark.parametrize(
    ("arch", "machine"), [("x86_64", 0x8664), ("arm64", 0xAA64), ("i686", 0x14C)]
)
@pytest.mark.parametrize(("windowed", "subsystem"), [(False, 3), (True, 2)])
def test_a_launcher_is_for_its_processor_and_has_a_console_or_none(
    arch: str,
    machine: int,
    windowed: bool,  # noqa: FBT001
    subsystem: int,
) -> None:
    """What Windows reads before it starts a program, in the PE format's header."""
    data = read_launcher(launcher_name(arch, windowed))
    (header,) = struct.unpack_from("<L", data, 0x3C)
    assert data[header : header + 4] == b"PE\0\0"
    assert struct.unpack_from("<H", data, header + 4) == (machine,)
    assert struct.unpack_from("<H", data, header + 24 + 68) == (subsystem,)
