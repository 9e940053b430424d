"""Files on machines that their table does not name: what the wheels need decides."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.startup.conftest import ANY, PYTHONS
from tests.support.project import make_project

if TYPE_CHECKING:
    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.usefixtures("plain_network", "uv_cache"),
    pytest.mark.skipif(sys.platform != "linux", reason="names this machine as Linux"),
]
HERE = platform.machine()
PYTHON = ".".join(map(str, ANY))
FREE = ".".join(map(str, max(ANY, (3, 13))))
NEWER = f"linux-{HERE}-glibc2.99"
PROGRAM = f"py3-none-manylinux_2_17_{HERE}"


@pytest.mark.parametrize(
    ("platforms", "pythons", "tags", "requires", "runs"),
    [
        pytest.param([NEWER], [PYTHON], "py3-none-any", [], True, id="an older C library"),
        pytest.param([f"linux-{HERE}-musl"], [PYTHON], "py3-none-any", [], True, id="not musl"),
        pytest.param([NEWER], [PYTHON], PROGRAM, [], True, id="a program with a lower floor"),
        pytest.param([f"linux-{HERE}"], [f"{FREE}t"], "py3-none-any", [], True, id="another ABI"),
        pytest.param(
            [f"linux-{HERE}"], [f"{FREE}t"], PROGRAM, [], True, id="a program, another ABI"
        ),
        pytest.param(["windows-arm64"], ["3.9"], "py3-none-any", [], True, id="anywhere"),
        pytest.param(
            ["windows-arm64"], ["3.9"], "py3-none-any", ["x; os_name == 'nt'"], False, id="a marker"
        ),
        pytest.param(["windows-arm64"], ["3.9"], "py39-none-any", [], False, id="another minor"),
        pytest.param(["windows-arm64"], ["3.9"], "py3-none-win_arm64", [], False, id="a program"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_file_runs_where_its_wheels_do(
    index_server: IndexServer,
    tmp_path: Path,
    *,
    platforms: list[str],
    pythons: list[str],
    tags: str,
    requires: list[str],
    runs: bool,
    strict: bool,
) -> None:
    """With `strict`, only on the systems and processors that its table names."""
    index_server.add_wheel("lib", tags=tags, requires=requires)
    index_server.add_wheel("x")
    table: dict[str, Any] = {"platforms": platforms, "python": pythons, "strict": strict}
    project = make_project(
        tmp_path, index_url=index_server.index_url, requires=["lib"], table=table
    )
    app = project.dist / Path(project.build().path).name
    environ = {"HOME": str(tmp_path), "PATH": os.devnull}
    done = subprocess.run(
        [PYTHONS[ANY], app], env=environ, capture_output=True, text=True, check=False
    )
    expected = runs and not (strict and "windows-arm64" in platforms)
    assert done.stdout == ("demo ran\n" if expected else ""), done.stderr
    if not expected:
        assert done.stderr.startswith("demo: this file has nothing for this machine.\n")
