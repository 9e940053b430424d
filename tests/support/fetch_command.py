"""`fetch_files` as a process of its own, for tests that run several at once or stop one."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.fetch import Artifact, fetch_files
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.index.wheel_cache import WheelCache

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).parents[2]


def start_fetch(artifacts: Sequence[Artifact], wheel_cache: WheelCache) -> subprocess.Popen[str]:
    """Start fetching into the store; the process prints what `main` returns, as JSON."""
    listed = [
        {"filename": a.filename, "url": a.url, "hashes": dict(a.hashes), "size": a.size}
        for a in artifacts
    ]
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(wheel_cache.root), json.dumps(listed)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(root: str, artifacts: str) -> dict[str, Any]:
    """Fetch, and return the places of the files and the peak of memory in bytes."""
    with HttpClient(Credentials(), backoff=0, environ=os.environ) as client:
        files = fetch_files(
            [Artifact(**artifact) for artifact in json.loads(artifacts)],
            wheel_cache=WheelCache(Path(root)),
            client=client,
            offline=False,
            progress=Progress(),
        )
    return {"paths": sorted(str(file.path) for file in files.values()), "peak": _peak_memory()}


def _peak_memory() -> int:
    """The most memory this process has held, in bytes.

    Linux's `ru_maxrss` begins at what the parent held before `exec`, so a large test run would be
    measured instead of this process; `VmHWM` begins anew.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text("ascii", "replace").splitlines())
        return next(int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - it is a command
