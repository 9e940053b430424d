from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.build.bundles import size_warnings, write_installed_zip
from hatch_multiplat.config.config import Config
from hatch_multiplat.config.formats import ZipOptions
from hatch_multiplat.config.run import Run
from hatch_multiplat.executable.table import Table
from hatch_multiplat.executable.writer import BuildInputs
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile

TARGET = Target.parse("cp312-manylinux_2_28_x86_64")


def write(path: Path, *sets: list[Path], prefix: str = "") -> Path:
    """Write the zip file of a target whose patch releases 0, 1, ... take these sets."""
    selection = Selection(
        target=TARGET,
        sets=tuple(
            WheelSet(
                from_patch=patch,
                wheels=tuple(parse_wheel(wheel.name, wheel.as_uri(), {}) for wheel in wheels),
            )
            for patch, wheels in enumerate(sets)
        ),
    )
    parts = BuildInputs(
        requirements=(Requirement("demo==1.0"),),
        selections=(selection,),
        paths={wheel.name: wheel for wheels in sets for wheel in wheels},
        texts={},
        table=Table(name="demo", version="1.0", run={}, wheels=(), targets=()),
        run=Run(kind="interpreter"),
        config=Config(targets=(TARGET,), zip=ZipOptions(prefix=prefix)),
    )
    return write_installed_zip(parts, selection, path)


def test_record_names_everything_that_is_there_and_nothing_else(
    make_wheel: MakeFile, tmp_path: Path
) -> None:
    wheel = make_wheel(
        "native",
        files={"native/__init__.py": "", "native/größe.py": "x = 1\n"},
        data={
            "scripts/tool": "#!python\n",
            "headers/n.h": "",
            "platlib/extra.py": "",
            "data/e": "1",
        },
    )
    with zipfile.ZipFile(write(tmp_path / "out.zip", [wheel], prefix="python")) as archive:
        names = archive.namelist()
        record = archive.read("python/native-1.0.dist-info/RECORD").decode()
        assert archive.testzip() is None
    rows = list(csv.reader(io.StringIO(record)))
    assert sorted(f"python/{row[0]}" for row in rows) == sorted(names)
    assert {row[0] for row in rows if not row[1]} == {"native-1.0.dist-info/RECORD"}
    assert names == sorted(names)
    assert "python/native/größe.py" in names
    assert "python/extra.py" in names
    assert "python/e" in names
    assert not [name for name in names if "tool" in name or name.endswith(".h")]


def test_of_several_sets_it_is_that_of_the_newest_patch_release(
    make_wheel: MakeFile, tmp_path: Path
) -> None:
    old, new = make_wheel("lib", "1.0"), make_wheel("lib", "2.0")
    with zipfile.ZipFile(write(tmp_path / "out.zip", [old], [new])) as archive:
        assert b"2.0" in archive.read("lib/__init__.py")


@pytest.mark.parametrize("system", [0, 3], ids=["built on Windows", "built on Unix"])
def test_programs_stay_executable(make_wheel: MakeFile, tmp_path: Path, system: int) -> None:
    """A wheel may say so that was built on Windows, and pip heeds it, as a start does."""
    wheel = make_wheel("lib")
    with zipfile.ZipFile(wheel, "a") as archive:
        info = zipfile.ZipInfo("lib/run.sh")
        info.create_system = system
        info.external_attr = 0o100700 << 16
        archive.writestr(info, "#!/bin/sh\n")
    with zipfile.ZipFile(write(tmp_path / "out.zip", [wheel])) as archive:
        modes = {i.filename: oct(i.external_attr >> 16) for i in archive.infolist()}
    assert modes["lib/run.sh"] == "0o100755"
    assert modes["lib/__init__.py"] == "0o100644"


def test_a_wheel_that_leads_outside_is_refused(make_wheel: MakeFile, tmp_path: Path) -> None:
    wheel = make_wheel("lib", files={"../evil.py": ""})
    with pytest.raises(ExecutableError, match=r"lib-1\.0.* '../evil.py' leads out"):
        write(tmp_path / "out.zip", [wheel])
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("held", "unpacked", "words"),
    [
        pytest.param(50, 250, "", id="within"),
        pytest.param(51, 51, "50 MiB by direct upload", id="upload"),
        pytest.param(1, 251, "250 MiB at most", id="unpacked"),
    ],
)
def test_lambdas_limits(tmp_path: Path, held: int, unpacked: int, words: str) -> None:
    """Sizes in MiB, of a file that is a hole for the most part."""
    path = tmp_path / "out.zip"
    with path.open("wb") as stream:
        stream.seek((held << 20) - 500)
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("zeros", b"")
            archive.infolist()[0].file_size = unpacked << 20
    warnings = size_warnings(path)
    assert len(warnings) == bool(words)
    assert words in "".join(warnings)
