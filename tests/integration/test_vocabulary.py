"""What pex's users know by its flags, from the table: each test runs the executable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ConfigError, ToolError
from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("uv_cache", "plain_network")

CODE = """\
import json, os, sys

def tell(what):
    print(json.dumps({"what": what, "args": sys.argv[1:], "word": os.environ.get("WORD"),
                      "pex": os.environ.get("PEX"), "name": sys.argv[0], "prefix": sys.prefix,
                      "path": os.environ["PATH"].split(os.pathsep)[0]}))

def main(): tell("main")
def other(): tell("other")
class Commands:
    @staticmethod
    def nested(): tell("nested")
if __name__ == "__main__": tell("module")
"""
SCRIPT = '#!python\nimport sys\nprint("a script", sys.argv[1:], __name__)\n'


@pytest.fixture
def build(tmp_path: Path, index_server: IndexServer) -> Callable[..., Path]:
    """Return a function that builds an executable for this machine from a table."""
    index_server.add_wheel(
        "serve",
        scripts={"serve": "serve:main"},
        files={"serve.py": "import sys\ndef main(): print('serving', sys.argv[1:])\n"},
    )

    def build(table: dict[str, Any], **wheel: Any) -> Path:
        options: dict[str, Any] = {"files": {"demo.py": CODE, "pack/__main__.py": CODE}} | wheel
        project: ProjectFolder = make_project(
            tmp_path,
            index_url=index_server.index_url,
            requires=["serve"],
            table={"platforms": ["current"]} | table,
            **options,
        )
        return Path(project.build().path)

    return build


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a file under this Python, with a home of the test's own."""

    def run(*words: str | Path, **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("table", "what"),
    [
        pytest.param({"script": "demo"}, "main", id="-c"),
        pytest.param({"entry-point": "demo:other"}, "other", id="-m with a function"),
        pytest.param({"entry-point": "demo:Commands.nested"}, "nested", id="-m with an attribute"),
        pytest.param({"module": "demo"}, "module", id="-m"),
        pytest.param({"module": "pack"}, "module", id="-m with a package"),
    ],
)
def test_entry_points(
    build: Callable[..., Path], run: Callable[..., str], *, table: dict[str, Any], what: str
) -> None:
    told = json.loads(run(build(table), "a b", "*"))
    assert (told["what"], told["args"]) == (what, ["a b", "*"])


def test_no_entry_point_is_an_interpreter(
    build: Callable[..., Path], run: Callable[..., str], tmp_path: Path
) -> None:
    app = build({"script": ""})
    assert run(app, "-c", "import demo, serve; print(demo.__name__)") == "demo\n"
    assert run(app, "-m", "serve") == ""
    script = tmp_path / "own.py"
    script.write_text("import sys, demo\nprint(sys.argv[1:])\n")
    assert run(app, script, "x") == "['x']\n"


def test_a_script_of_a_dependency_with_arguments_of_ours_before_the_users(
    build: Callable[..., Path], run: Callable[..., str]
) -> None:
    """As `uvicorn` that serves `example:app`: pex -c uvicorn --inject-args 'example:app ...'."""
    injected = ["demo:app", "--title", 'it\'s "new" & $HOME']
    shown = run(build({"script": "serve", "inject-args": injected}), "--port", "80")
    assert shown == f"serving {[*injected, '--port', '80']}\n"


def test_placeholders_and_braces_in_arguments(
    build: Callable[..., Path], run: Callable[..., str]
) -> None:
    app = build({"inject-args": ["{pex.env.WHERE}/log", "{pex.env.NOWHERE}", '{{"a": 1}}']})
    expected = ["/var/log", "", '{"a": 1}', "x"]
    assert json.loads(run(app, "x", WHERE="/var"))["args"] == expected
    # pex's own runtime says the same.
    assert json.loads(run(app, "x", WHERE="/var", PEX_VERBOSE="0"))["args"] == expected


def test_a_variable_counts_unless_the_user_has_set_it(
    build: Callable[..., Path], run: Callable[..., str]
) -> None:
    app = build({"inject-env": {"WORD": "two words = 'x'"}})
    assert json.loads(run(app))["word"] == "two words = 'x'"
    assert json.loads(run(app, WORD="mine"))["word"] == "mine"


def test_a_program_can_tell_that_it_runs_from_an_executable(
    build: Callable[..., Path], run: Callable[..., str]
) -> None:
    app = build({})
    told = json.loads(run(app))
    assert told["pex"] == os.path.realpath(app)
    assert told["name"] == str(app)


@pytest.mark.skipif(sys.platform == "win32", reason="scripts get a launcher there")
def test_a_script_that_is_a_file_runs_and_lies_on_path(
    build: Callable[..., Path], run: Callable[..., str]
) -> None:
    """What pex takes by --exe: a wheel carries such scripts in `.data/scripts`."""
    data = {"scripts/legacy.py": SCRIPT, "scripts/tool.sh": "#!/bin/sh\necho tool $1\n"}
    app = build({"script": "legacy.py"}, data=data)
    assert run(app, "a b") == "a script ['a b'] __main__\n"
    app = build({"script": "", "output": "python.pex"}, data=data)
    code = "import subprocess; subprocess.run(['tool.sh', 'hammer'], check=True)"
    assert run(app, "-c", code) == "tool hammer\n"


@pytest.mark.parametrize(
    ("inherit", "seen"),
    [("false", None), ("fallback", ["file", "outside"]), ("prefer", ["outside", "outside"])],
)
def test_packages_of_the_machine(
    build: Callable[..., Path],
    run: Callable[..., str],
    tmp_path: Path,
    *,
    inherit: str,
    seen: list[str] | None,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("choice.py", "more.py"):
        (outside / name).write_text("origin = 'outside'\n")
    main = (
        "def main():\n    import choice\n    print(choice.origin)\n"
        "    try: import more\n    except ImportError: return\n    print(more.origin)\n"
    )
    app = build({"inherit-path": inherit}, files={"choice.py": "origin = 'file'", "demo.py": main})
    assert run(app, PYTHONPATH=str(outside)).split() == (seen or ["file"])


def test_tools_are_there_on_request(
    build: Callable[..., Path], run: Callable[..., str], tmp_path: Path
) -> None:
    app = build({"include-tools": True})
    info = json.loads(run(app, "info", PEX_TOOLS="1"))
    assert info["distributions"].keys() == {
        "demo-1.0-py3-none-any.whl",
        "serve-1.0-py3-none-any.whl",
    }
    run(app, "venv", str(tmp_path / "venv"), PEX_TOOLS="1")
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    code = f"import runpy; runpy.run_path({str(tmp_path / 'venv' / 'pex')!r}, run_name='__main__')"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["what"] == "main"


def test_environments_go_where_the_table_says(
    build: Callable[..., Path], run: Callable[..., str], tmp_path: Path
) -> None:
    app = build({"runtime-root": str(tmp_path / "$PLACE")})
    told = json.loads(run(app, PLACE="environments"))
    assert Path(told["prefix"]).is_relative_to(tmp_path / "environments")
    told = json.loads(run(app, PEX_ROOT=str(tmp_path / "mine")))
    assert Path(told["prefix"]).is_relative_to(tmp_path / "mine")
    assert not (tmp_path / "home").exists()


def test_it_always_runs_in_a_venv_and_the_options_for_one_count_for_pex_itself(
    build: Callable[..., Path], run: Callable[..., str], tmp_path: Path
) -> None:
    app = build({"pex-args": ["--venv", "prepend", "--venv-site-packages-copies"]})
    told = json.loads(run(app))
    assert (Path(told["prefix"]) / "pyvenv.cfg").is_file()
    # The folder of its scripts on PATH has no interpreter, and lies beside the environment.
    assert Path(told["path"]).parent == Path(told["prefix"]).parent
    with zipfile.ZipFile(app) as archive:
        info = json.loads(archive.read("PEX-INFO"))
    assert (info["venv"], info["venv_bin_path"]) == (True, "prepend")
    assert info["venv_site_packages_copies"] is True
    told = json.loads(run(app, PEX_VERBOSE="0", PEX_ROOT=str(tmp_path / "pex")))
    assert Path(told["prefix"]).is_relative_to(tmp_path / "pex" / "venvs")


def test_a_value_that_pex_does_not_take_is_its_error(build: Callable[..., Path]) -> None:
    with pytest.raises(ToolError, match="--max-install-jobs"):
        build({"pex-args": ["--max-install-jobs", "several"]})


def test_an_option_that_concerns_wheels_is_an_error(build: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="'--intransitive' cannot be used here: everything that"):
        build({"pex-args": ["--intransitive"]})


def test_an_option_that_the_build_decides_is_an_error(build: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="'-o' cannot be used here: use the keys 'output' and"):
        build({"pex-args": ["-o", "mine.pex"]})
