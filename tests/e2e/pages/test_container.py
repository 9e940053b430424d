"""The container how-to: what its Dockerfiles run works; what is left needs nothing but Python."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.startup.conftest import ANY, PYTHONS, make_bench
from tests.support.page import NOT_RUN, open_page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

with open_page("how-to/container-image") as _page:
    BLOCKS = _page.take_all("dockerfile")
FILES = [block for block in BLOCKS if "ENTRYPOINT" in block]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path, PYTHONS[ANY])


def commands(block: str) -> list[str]:
    """The shell commands of a Dockerfile, but for those that no test can run."""
    lines = re.findall(r"^RUN (.+)$", block, re.MULTILINE)
    return [line for line in lines if ("how-to/container-image", f"RUN {line}") not in NOT_RUN]


@pytest.mark.parametrize("block", FILES)
def test_a_dockerfile_copies_from_a_stage_what_that_stage_has_made(block: str) -> None:
    """No image is pulled in tests, so this is what can be said of the lines that are not run."""
    stages: dict[str, list[str]] = {}
    made: list[str] = []
    for line in block.strip().splitlines():
        if not line:
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            _, _, stage = rest.partition(" AS ")
            made = stages[stage or "the last"] = []
        elif word == "RUN":
            made += [rest.rpartition(" ")[2]] if "MULTIPLAT=venv" in rest else []
            assert "MULTIPLAT=venv" not in rest or rest.split()[-2] in made
        elif word == "COPY":
            *options, source, target = rest.split()
            for option in options:
                assert source in stages[option.removeprefix("--from=")]
            made.append(target)
        else:
            assert word == "ENTRYPOINT"
            assert json.loads(rest)[0].startswith("/app/")
    assert (list(stages), made) == (["build", "the last"], ["/app"])


@pytest.mark.parametrize("block", FILES)
def test_a_dockerfile_leaves_a_program_that_needs_no_shell(bench: Bench, block: str) -> None:
    app = bench.demo("app.pex")
    (bench.folder / "bin" / "python").symlink_to(bench.python)
    target = bench.folder / "image"
    assert BLOCKS == FILES
    for line in commands(block):
        here = line.replace("/app.pex", str(app))
        here = re.sub(r" /app\b", f" {target}", here)
        bench.run(["/bin/sh", "-c", here])
    assert list(target.glob("lib/**/demo.*.pyc"))
    app.unlink()  # it stays behind in the first stage
    (entry_point,) = re.findall(r"^ENTRYPOINT (.+)$", block, re.MULTILINE)
    (start,) = json.loads(entry_point)
    start = start.replace("/app/", f"{target}/").replace("git-inspect", "demo")
    seen = bench.report([start, "x"], env={"PATH": None, "HOME": None})
    assert seen["argv"][1:] == ["x"]
    assert seen["prefix"] == str(target)
    assert not bench.cache.exists()
