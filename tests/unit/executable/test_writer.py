from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.writer import PEX_ENTRIES, write_executable
from tests.support.parts import make_parts
from tests.support.whole_pex import pex_home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile


def test_more_entries_than_a_zip_file_holds_are_refused_before_anything_is_written(
    make_wheel: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_multiplat.executable.writer.MAX_ENTRIES", PEX_ENTRIES + 2)
    wheels = [make_wheel("rich", str(number)) for number in range(3)]
    parts = make_parts({"cp312-win_amd64": wheels})
    for wheel in wheels:
        wheel.write_bytes(b"x" * 2000)

    with pytest.raises(ExecutableError) as caught:
        write_executable(parts, tmp_path / "out/demo.pex", home=pex_home(tmp_path))

    assert str(caught.value) == (
        "the executable would hold 6.0 kB in 3 wheels; one zip file that every Python can "
        "run ends at 4 GiB and 602 entries.\n"
        "List fewer platforms or Pythons, or build them in several executables:\n"
        "      6.0 kB  rich"
    )
    assert not (tmp_path / "out").exists()
