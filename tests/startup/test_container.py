"""The container how-to: what its Dockerfiles run works; what is left needs nothing but Python."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.startup.conftest import Bench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs /bin/sh")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "container-image.md"
BLOCKS = re.findall(r"```dockerfile\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def commands(block: str) -> list[str]:
    """The shell commands of a Dockerfile, but for those that install Python itself."""
    lines = re.findall(r"^RUN (.+)$", block, re.MULTILINE)
    return [line for line in lines if not line.startswith("apt-get")]


@pytest.mark.parametrize("block", [b for b in BLOCKS if "ENTRYPOINT" in b])
def test_a_dockerfile_leaves_a_program_that_needs_no_shell(bench: Bench, block: str) -> None:
    app = bench.demo("app.pex")
    (bench.folder / "bin" / "python").symlink_to(bench.python)
    target = bench.folder / "image"
    compiling = [line for b in BLOCKS if "ENTRYPOINT" not in b for line in commands(b)]
    assert len(compiling) == 1
    for line in commands(block) + compiling:
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
