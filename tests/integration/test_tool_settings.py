"""The lists of uv's and pip's settings, against those of the tools that are installed."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import uv

from hatch_multiplat.config.tool_settings import (
    PIP_SETTINGS,
    PIP_WITHOUT_CONCERN,
    UV_SETTINGS,
    UV_WITHOUT_CONCERN,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("head", ["", "[pip]\n"], ids=["top", "pip"])
def test_every_setting_of_uv_is_in_a_table(head: str, tmp_path: Path) -> None:
    """uv names all that it knows when it meets one that it does not."""
    settings = tmp_path / "uv.toml"
    settings.write_text(f"{head}unknown-setting = 1\n")
    command = [uv.find_uv_bin(), "pip", "compile", "-", "--config-file", str(settings)]
    said = subprocess.run(command, input="", capture_output=True, text=True, check=False).stderr
    known = set(re.findall(r"`([a-z-]+)`", said.partition("expected one of")[2]))
    assert len(known) > 40
    assert known - UV_SETTINGS.keys() - UV_WITHOUT_CONCERN == set()


def test_every_option_of_pip_is_in_a_table() -> None:
    command = [sys.executable, "-m", "pip", "install", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    known = {name[2:] for name in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", said, re.MULTILINE)}
    assert len(known) > 60
    assert known - PIP_SETTINGS.keys() - PIP_WITHOUT_CONCERN == set()
