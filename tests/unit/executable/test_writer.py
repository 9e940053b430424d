from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.writer import PEX_ENTRIES, write_executable
from hatch_multiplat.executable.zip_writer import MAX_ENTRIES
from tests.support.parts import make_parts
from tests.support.whole_pex import pex_home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile


def test_more_entries_than_a_zip_file_holds_are_refused_before_anything_is_written(
    make_wheel: MakeFile, tmp_path: Path
) -> None:
    wheel = make_wheel("rich")
    count = MAX_ENTRIES - PEX_ENTRIES + 1
    names = (f"rich-{number}-py3-none-any.whl" for number in range(count))
    parts = replace(make_parts({"cp312-win_amd64": [wheel]}), paths=dict.fromkeys(names, wheel))
    wheel.write_bytes(b"x" * 200)

    with pytest.raises(ExecutableError) as caught:
        write_executable(parts, tmp_path / "out/demo.pex", home=pex_home(tmp_path))

    assert str(caught.value) == (
        "the executable would hold 13.0 MB in 64936 wheels; one zip file that every Python can "
        "run ends at 4 GiB and 65535 entries.\n"
        "List fewer platforms or Pythons, or build them in several executables:\n"
        "     13.0 MB  rich"
    )
    assert not (tmp_path / "out").exists()
