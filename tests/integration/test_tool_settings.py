"""The lists of uv's and pip's settings, against those of the tools that are installed."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
import uv

from tests.support.tool_settings import (
    PIP_SETTINGS,
    PIP_WITHOUT_CONCERN,
    UV_SETTINGS,
    UV_VARIABLES,
    UV_VARIABLES_WITHOUT_CONCERN,
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


# No file and no variable of uv's sets these: they are for its command line alone.
UV_COMMAND_LINE: Final = {
    *("cert", "color", "config-setting", "format", "help", "no-python-downloads", "quiet"),
    *("refresh", "refresh-package", "upgrade-group", "verbose"),
}


def test_every_option_of_uv_is_in_a_table() -> None:
    """An option counts as the setting of its name, or as the variable that it names."""
    command = [uv.find_uv_bin(), "help", "pip", "compile"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    blocks = re.split(r"^ +(?:-\w, )?--(?=[a-z])", said, flags=re.MULTILINE)[1:]
    known = UV_VARIABLES.keys() | UV_VARIABLES_WITHOUT_CONCERN
    options, variables, missing = 0, 0, set()
    for block in blocks:
        name = re.match(r"[a-z-]+", block)
        assert name is not None
        options += 1
        named = set(re.findall(r"\[env:\s+[`\"]?(UV_[A-Z_]+)", block))
        variables += len(named)
        missing |= named - known
        if not named and name[0] not in UV_COMMAND_LINE:
            missing |= {name[0]} - UV_SETTINGS.keys() - UV_WITHOUT_CONCERN
    assert options > 70
    assert variables > 25
    assert missing == set()


PIP_OPTIONS: Final = """
from pip._internal.commands import create_command
for option in create_command("install").parser.option_list_all:
    print(*option._long_opts)
"""


def test_every_option_of_pip_is_in_a_table() -> None:
    """Its other names are among them: a file or a variable may use each."""
    command = [sys.executable, "-c", PIP_OPTIONS]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    known = {word.removeprefix("--") for word in said.split()}
    assert len(known) > 80
    assert known - PIP_SETTINGS.keys() - PIP_WITHOUT_CONCERN == set()
