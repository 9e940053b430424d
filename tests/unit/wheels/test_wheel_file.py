from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.wheels.wheel_file import read_wheel_texts
from tests.support.wheels import change_members

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeFile


def test_wheels_say_what_they_require_and_which_scripts_they_have(make_wheel: MakeFile) -> None:
    plain = make_wheel("plain")
    full = make_wheel("full", requires=["plain>=1"], scripts={"full": "full:main"})
    texts = read_wheel_texts({path.name: path for path in (plain, full)})
    assert texts[plain.name].requires == ()
    assert texts[plain.name].entry_points == ""
    assert [str(requirement) for requirement in texts[full.name].requires] == ["plain>=1"]
    assert texts[full.name].entry_points.split("\n")[:2] == [
        "[console_scripts]",
        "full = full:main",
    ]


def test_wheels_of_one_version_share_their_texts(make_wheel: MakeFile) -> None:
    wheels = [
        make_wheel("native", tags=f"cp312-cp312-{platform}", requires=["plain"])
        for platform in ("win_amd64", "win_arm64")
    ]
    one, other = read_wheel_texts({path.name: path for path in wheels}).values()
    assert one is other


def test_metadata_elsewhere_than_in_dist_info_is_none(tmp_path: Path) -> None:
    path = tmp_path / "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("app/app.dist-info/METADATA", "Name: inner")
        archive.writestr("METADATA", "Name: top")
    with pytest.raises(VerificationError, match=r"app-1\.0.* is no wheel: it has no METADATA"):
        read_wheel_texts({path.name: path})
    path.write_bytes(b"no zip file")
    with pytest.raises(VerificationError, match=r"app-1\.0.* cannot be read as a wheel"):
        read_wheel_texts({path.name: path})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"compression": 99}, "compression", id="odd compression"),
        pytest.param({"flags": 1}, "password", id="encrypted"),
        pytest.param({"compression": zipfile.ZIP_DEFLATED}, "decompressing", id="damaged"),
    ],
)
def test_a_wheel_that_cannot_be_unpacked_is_named(
    tmp_path: Path, changes: dict[str, int], said: str
) -> None:
    path = tmp_path / "app-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("app-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: app\n")
    change_members(path, **changes)
    with pytest.raises(VerificationError, match=rf"app-1\.0.* cannot be read as a wheel: .*{said}"):
        read_wheel_texts({path.name: path})
