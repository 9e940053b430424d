"""How the wheel of a folder or an sdist is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.resolve.sdist import wheel_flags

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pyproject", "flags"),
    [
        pytest.param('[build-system]\nbuild-backend = "hatchling.build"', ("--wheel",), id="other"),
        pytest.param(
            '[build-system]\nbuild-backend = "setuptools.build_meta"', (), id="setuptools"
        ),
        pytest.param('[build-system]\nrequires = ["setuptools"]', (), id="no backend"),
        pytest.param("[project]", (), id="no build-system"),
        pytest.param("build-system = 3", (), id="no table"),
        pytest.param(None, (), id="no pyproject.toml"),
    ],
)
def test_setuptools_builds_from_an_sdist_without_what_it_kept(
    tmp_path: Path, pyproject: str | None, flags: tuple[str, ...]
) -> None:
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject, "utf-8")
    assert wheel_flags(tmp_path) == flags


def test_an_sdist_is_built_as_it_is(tmp_path: Path) -> None:
    sdist = tmp_path / "demo-1.0.tar.gz"
    sdist.touch()
    assert wheel_flags(sdist) == ("--wheel",)
