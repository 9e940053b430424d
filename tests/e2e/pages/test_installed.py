"""README and the how-to pages whose commands install from the network: done as they say."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import tomlkit
import uv

from tests.support.desk import EXECUTABLE, WHEEL, make_desk, write_table
from tests.support.index_server import IndexServer
from tests.support.page import Shell, open_page
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Checkout

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the pages have lines for a shell"),
]
CURRENT = {"tool": {"multiplat": {"platforms": ["current"]}}}


@pytest.fixture
def shell(plugin_wheels: Path, tmp_path: Path) -> Shell:
    """A terminal in a project, in which builds are isolated; pip and uv keep their caches."""
    desk = make_desk(
        tmp_path,
        HOME=os.environ["HOME"],
        PEX_ROOT=str(tmp_path / "pex"),
        HATCH_DATA_DIR=str(tmp_path / "hatch"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_FIND_LINKS=plugin_wheels.as_uri(),
        UV_FIND_LINKS=str(plugin_wheels),
    )
    environ = {name: value for name, value in desk.environ.items() if name != "XDG_CACHE_HOME"}
    return replace(desk, environ=environ, replace={})


def test_readme_and_install_page_from_nothing_but_a_checkout(
    shell: Shell, checkout: Checkout, tmp_path: Path
) -> None:
    """A virtual environment with pip, and a project that hatchling builds, without any table."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    environ = {
        **shell.environ,
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", f"{os.environ['HOME']}/.cache"),
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
    }
    del environ["PIP_FIND_LINKS"], environ["UV_FIND_LINKS"]
    # The sdist, from which a build goes on in an environment of its own, is left to other tests.
    here = {
        "file:///path/to/hatch-multiplat": checkout.root.as_uri(),
        "-m build": "-m build --wheel",
    }
    terminal = replace(shell, environ=environ, replace=here)
    path = shell.cwd / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(
        text[: text.index("[tool.hatch")].replace(', "hatch-multiplat"', ""), encoding="utf-8"
    )
    (tmp_path / "home").mkdir(exist_ok=True)
    with open_page("README") as readme, open_page("install") as install:
        (prepare, build) = readme.steps("CONSTRAINT"), readme.steps("init")
        assert prepare == install.steps("CONSTRAINT")
        terminal.run([*prepare, *build])
        named = install.take("toml")
    left = sorted(path.name for path in (shell.cwd / "dist").iterdir())
    assert left == [EXECUTABLE, WHEEL]
    table = tomllib.loads(path.read_text("utf-8"))["tool"]["multiplat"]
    assert len(table["platforms"]) == 5
    assert shell.do(f"{sys.executable} dist/{EXECUTABLE}") == "it ran\n"
    # Without the variables, the project itself says where the checkout is.
    write_table(shell, terminal.here(named), CURRENT)
    terminal.do("python3 -m build --outdir named")
    assert (shell.cwd / "named" / EXECUTABLE).is_file()


def test_without_hatch(shell: Shell) -> None:
    setuptools = {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}
    write_table(shell, CURRENT, {"build-system": setuptools})
    above = replace(shell, cwd=shell.cwd.parent, replace={"path/to/project": shell.cwd.name})
    executable = shell.cwd / "dist" / EXECUTABLE
    with open_page("how-to/without-hatch") as page:
        assert above.run([*page.steps("pip install"), *page.steps(".pex build")])
        assert shell.do(f"{sys.executable} {executable}") == "it ran\n"
        executable.unlink()
        scripts = {"git-inspect": "git_inspect.cli:main"}
        files = {"git_inspect/cli.py": "def main():\n    print('it ran, too')\n"}
        make_wheel(executable.parent, "git-inspect", "1.0.0", scripts=scripts, files=files)
        above.run(page.steps("--wheel"))
        assert shell.do(f"{sys.executable} {executable}") == "it ran, too\n"
        executable.unlink()
        write_table(shell, CURRENT)
        shell.run(page.steps("hatch build -t multiplat"))
    assert shell.do(f"{sys.executable} {executable}") == "it ran\n"


def test_monorepo(shell: Shell) -> None:
    """Each way in which the page says that a project takes another."""
    root = shell.cwd.parent / "root"
    (root / "packages").mkdir(parents=True)
    library = root / "packages" / "library"
    (library / "library").mkdir(parents=True)
    (library / "library" / "__init__.py").write_text("", "utf-8")
    own = tomllib.loads((shell.cwd / "pyproject.toml").read_text("utf-8"))
    own["project"] |= {"name": "library", "scripts": {}}
    (library / "pyproject.toml").write_text(tomlkit.dumps(own), "utf-8")
    app = root / "packages" / "app"
    shell.cwd.rename(app)
    here, member = replace(shell, cwd=root), replace(shell, cwd=app)
    executable = app / "dist" / "app-1.0.0.pex"
    named = {
        "project": {"scripts": {"app": "git_inspect.cli:main"}},
        "tool": {"hatch": {"build": {"targets": {"wheel": {"packages": ["git_inspect"]}}}}},
    }
    with open_page("how-to/monorepo") as page:
        (root / "pyproject.toml").write_text(page.take("toml", "workspace]"), "utf-8")
        write_table(member, CURRENT, page.take("toml", "workspace = true"), named)
        here.run(page.steps())
        assert "library-1.0.0" in here.do(f"unzip -l {executable}")
        assert here.do(f"{sys.executable} {executable}") == "it ran\n"
        (root / "pyproject.toml").unlink()
        for having, dependency in (("path =", "library"), ("allow-direct-references", "")):
            executable.unlink()
            table = page.take("toml", having)
            project = {"project": {"dependencies": [dependency]}} if dependency else {}
            write_table(member, CURRENT, {"project": {"name": "app"}}, project, table, named)
            member.do("python -m build --wheel --no-isolation")
            assert "library-1.0.0" in here.do(f"unzip -l {executable}")


def test_reproducible_builds(shell: Shell, tmp_path: Path) -> None:
    with IndexServer() as index, open_page("how-to/reproducible-builds") as page:
        rich = make_wheel(tmp_path / "files", "rich", "14.0")
        index.add(rich)
        index.add(make_wheel(tmp_path / "files", "pygit2", "1.19.0"))
        terminal = replace(shell, environ={**shell.environ, "UV_DEFAULT_INDEX": index.index_url})
        without = replace(terminal, replace={"-m build": "-m build --no-isolation"})
        needs = {"project": {"dependencies": ["rich", "pygit2"]}} | CURRENT
        locked = page.take("toml", "uv.lock")
        write_table(shell, needs, locked)
        terminal.do(f"{uv.find_uv_bin()} lock")
        index.add(make_wheel(tmp_path / "files", "rich", "15.0"))
        index.add(make_wheel(tmp_path / "files", "pygit2", "1.20.0"))
        without.do("python -m build --wheel --no-isolation")
        listed = terminal.do(f"unzip -l dist/{EXECUTABLE}")
        assert "rich-14.0" in listed
        assert "pygit2-1.19.0" in listed

        write_table(shell, needs, page.take("toml", "constraints"))
        constrained = page.steps("PIP_CONSTRAINT")
        pins = "\n".join(constrained[0].shown)
        (shell.cwd / "build-constraints.txt").write_text(f"{pins}\n", "utf-8")
        told = replace(terminal, replace={"-m build": "-m build --wheel 2>&1"})
        assert "\n  - hatchling==1.33.0\n" in told.run(constrained)[-1]
        listed = terminal.do(f"unzip -l dist/{EXECUTABLE}")
        assert "rich-14.0" in listed
        assert "pygit2-1.19.0" in listed

        without.run(page.steps("--outdir"))
        (digest,) = terminal.run(page.steps("unzip"))
        assert digest.split()[0] == hashlib.sha256(rich.read_bytes()).hexdigest()
