"""Settings files of uv and pip on disk."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.index.user_settings import hide_settings, read_pip_config, read_user_table

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the places are those of POSIX")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home, a system and a current folder of the test's own."""
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "system")}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_the_users_settings_stand_before_the_systems_and_lists_are_joined(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write(
        tmp_path / "home" / ".config" / "uv" / "uv.toml",
        'index-url = "https://a.test"\nfind-links = ["wheels"]\n[pip]\nindex-url = "base"\n',
    )
    write(
        tmp_path / "system" / "uv" / "uv.toml",
        'index-url = "https://b.test"\nfind-links = ["/srv"]\n[[index]]\nurl = "more"\n'
        '[pip]\nfind-links = ["deep"]\n',
    )
    home = tmp_path / "home" / ".config" / "uv"
    assert read_user_table(environ) == {
        "index-url": "https://a.test",
        "find-links": [(home / "wheels").as_uri(), "file:///srv"],
        "index": [{"url": (tmp_path / "system" / "uv" / "more").as_uri()}],
        "pip": {
            "index-url": (home / "base").as_uri(),
            "find-links": [(tmp_path / "system" / "uv" / "deep").as_uri()],
        },
    }
    assert read_user_table({**environ, "UV_NO_CONFIG": "1"}) == {}
    without_system = read_user_table({**environ, "UV_NO_SYSTEM_CONFIG": "1"})
    assert without_system["find-links"] == [(home / "wheels").as_uri()]
    named = write(tmp_path / "named.toml", 'index-url = "https://c.test"\n')
    assert read_user_table({**environ, "UV_CONFIG_FILE": str(named)}) == {
        "index-url": "https://c.test"
    }


def test_settings_that_cannot_be_read_are_a_mistake(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = write(tmp_path / "home" / ".config" / "uv" / "uv.toml", "index-url =")
    with pytest.raises(ConfigError, match=f"{path} is not TOML: "):
        read_user_table(environ)
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        read_user_table({**environ, "UV_CONFIG_FILE": "nowhere.toml"})
    path = write(tmp_path / "home" / ".config" / "pip" / "pip.conf", "index-url = x\n")
    with pytest.raises(ConfigError, match=f"{path}: pip's settings cannot be read: "):
        read_pip_config(environ)


def test_of_pips_files_the_later_and_of_its_sections_the_special_one_counts(
    environ: dict[str, str], tmp_path: Path
) -> None:
    write(
        tmp_path / "system" / "pip" / "pip.conf",
        "[global]\nindex-url = https://a.test\nfind_links = /srv\n[freeze]\ntimeout = 1\n",
    )
    write(tmp_path / "home" / ".pip" / "pip.conf", "[global]\nindex-url = https://b.test\n")
    write(
        tmp_path / "home" / ".config" / "pip" / "pip.conf",
        "[install]\nextra-index-url =\n  https://c.test\n  https://%41.test\n"
        "[global]\nno-index =\n",
    )
    found = read_pip_config(environ)
    assert found["index-url"] == "https://b.test"
    assert found["find-links"] == "/srv"
    assert found["extra-index-url"].split() == ["https://c.test", "https://%41.test"]
    assert "no-index" not in found
    named = write(tmp_path / "pip.conf", "[global]\nindex-url = https://d.test\n")
    assert read_pip_config({**environ, "PIP_CONFIG_FILE": str(named)})["index-url"] == (
        "https://d.test"
    )
    assert read_pip_config({**environ, "PIP_CONFIG_FILE": os.devnull}) == {}


def test_hidden_settings_leave_everything_else_of_the_users_in_its_place(
    environ: dict[str, str], tmp_path: Path
) -> None:
    assert hide_settings(environ, tmp_path / "hidden") == {}
    write(tmp_path / "home" / ".config" / "uv" / "uv.toml", 'index-url = "https://a.test"')
    write(tmp_path / "home" / ".config" / "git" / "config", "[core]")
    write(tmp_path / "system" / "uv" / "uv.toml", 'index-url = "https://b.test"')

    changed = hide_settings(environ, tmp_path / "hidden")

    assert changed.keys() == {"XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"}
    assert read_user_table({**environ, **changed}) == {}
    assert (tmp_path / "hidden" / "user" / "git" / "config").read_text("utf-8") == "[core]"
