"""docs/how-to/from-pex.md: its table names what there is, and what it tells to type works."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.config.config import known_keys
from hatch_multiplat.config.pex_options import refuse_option
from tests.support.caches import make_home
from tests.support.page import Shell, open_page, read_page

if TYPE_CHECKING:
    from pathlib import Path

PAGE = read_page("how-to/from-pex")
ROWS = re.findall(r"^\| (`-.*) \| (.*) \|$", PAGE, re.MULTILINE)
PROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"

[tool.hatch.build.hooks.multiplat]
"""
LEGACY = """\
import importlib.resources, os, shutil, sys
template = importlib.resources.files("demo") / "templates" / "page.html"
print(template.read_text(), os.path.isfile(str(template)), bool(shutil.which("legacy.py")))
"""


def test_the_table_has_flags_that_pex_args_refuse_and_the_keys_to_use() -> None:
    assert len(ROWS) > 10
    for flags, keys in ROWS:
        for flag in re.findall(r"`(-[a-z-]+)`", flags):
            assert flag == "--venv" or not refuse_option(flag).startswith("only"), flag
        for key in re.findall(r"\[`([a-z-]+)`", keys):
            assert key in known_keys()


@pytest.mark.skipif(sys.platform == "win32", reason="the page has lines for a shell")
@pytest.mark.usefixtures("plain_network", "uv_cache")
def test_the_page_is_a_project_and_its_commands_run(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    for folder in ("demo", "templates", "bin"):
        (root / folder).mkdir(parents=True)
    (root / "demo" / "__init__.py").write_text("")
    (root / "templates" / "page.html").write_text("<p>")
    (root / "bin" / "legacy.py").write_text(f"#!/usr/bin/env python3\n{LEGACY}")
    environ = make_home(tmp_path) | {"HATCH_MULTIPLAT_OFFLINE": "1"}
    shell = Shell(cwd=root, environ=environ, replace={})
    with open_page("how-to/from-pex") as page:
        table = page.take("toml").replace('["linux-x86_64"]', '["current"]')
        (root / "pyproject.toml").write_text(f"{PROJECT}\n{table}")
        shell.do("python -m build --wheel --no-isolation")
        assert shell.do("./dist/demo-1.0.pex") == "<p> True True\n"
        shown = shell.run(page.steps())
    assert shown[0] == "demo\n"
    assert shown[1].startswith("usage:")
    assert "targets:" in shown[2]
    assert shown[3:] == ["", ""]
