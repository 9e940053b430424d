"""What the benchmarks share: their arguments, running and measuring commands, tables and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

RESULTS: Final = Path(__file__).resolve().parent / "results"
MIB: Final = 2**20

# A tool's own settings would make the contest unfair, and PYTHONDONTWRITEBYTECODE would have every
# Python compile itself anew. What says how to reach the network (proxies, certificates) stays.
_DROPPED_PREFIXES: Final = ("PIP_", "UV_", "PEX_", "HATCH", "MULTIPLAT", "XDG_", "PYTHON", "SHIV_")
_SAMPLING_SECONDS: Final = 0.01
_LONG: Final = 100  # seconds, of which no parts are shown


class BenchmarkError(Exception):
    """A command that is to be measured fails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """One run of a command with all its descendants: seconds, and bytes of memory at the peak.

    `process` is the largest single process, by wait4's `ru_maxrss`. `tree` is the largest sum of
    all processes at one time, sampled from /proc every 10 ms where there is one and only when
    asked for; a page that two processes share counts twice in it, so it is an upper bound.
    """

    wall: float
    cpu: float
    process: int
    tree: int | None
    output: str


@dataclass(kw_only=True, slots=True)
class Series:
    """The runs of one command."""

    runs: list[Usage] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        return statistics.median(run.cpu for run in self.runs)

    @property
    def process(self) -> int:
        return max(run.process for run in self.runs)

    @property
    def tree(self) -> int | None:
        trees = [run.tree for run in self.runs if run.tree is not None]
        return max(trees) if trees else None

    def to_json(self) -> dict[str, Any]:
        return {
            "wall_median": round(self.wall, 4),
            "cpu_median": round(self.cpu, 4),
            "wall": [round(run.wall, 4) for run in self.runs],
            "cpu": [round(run.cpu, 4) for run in self.runs],
            "peak_process_bytes": self.process,
            "peak_tree_bytes": self.tree,
        }

    def spread(self) -> str:
        """The median with the fastest and the slowest run: `1.52 s (1.48-1.71)`."""
        walls = [run.wall for run in self.runs]
        return f"{format_seconds(self.wall)} ({min(walls):.2f}-{max(walls):.2f})"


def make_parser(description: str | None, names: Collection[str]) -> argparse.ArgumentParser:
    """Return a parser for the names of what is to be measured; without any, it is all of it."""
    if os.name != "posix":
        sys.exit("this measures with wait4, which only Linux and macOS have")

    def known(word: str) -> str:
        if word not in names:
            raise argparse.ArgumentTypeError(f"there is no {word!r}")
        return word

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", type=known, metavar="NAME", help=", ".join(names))
    parser.add_argument("--index-url", help="the package index for all tools (PyPI)")
    return parser


@contextmanager
def scratch_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="multiplat-benchmark-") as folder:
        yield Path(folder).resolve()


def clean_environment(home: Path, path: Sequence[Path] = ()) -> dict[str, str]:
    """Return an environment with no tool's settings and this HOME, made if it is not there.

    `path` stands before the system's own folders on PATH, and nothing else is on it.
    """
    home.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_DROPPED_PREFIXES) and name != "VIRTUAL_ENV"
    }
    system = [Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
    return {
        **kept,
        "HOME": str(home),
        "PATH": os.pathsep.join(str(folder) for folder in (*path, *system)),
        "PIP_CONFIG_FILE": os.devnull,
    }


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    sample: bool = False,
) -> Usage:
    """Run a command to its end and measure it; raises BenchmarkError with its output if it fails.

    The output goes to a file, so that nobody waits for a reader.
    """
    log = cwd / ".benchmark-output"
    words = [str(word) for word in command]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            words,
            env=dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        sampler = _Sampler(process.pid) if sample else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    tree = sampler.stop() if sampler else None
    text = log.read_text("utf-8", "replace")
    log.unlink()
    if process.returncode:
        raise BenchmarkError(f"exit code {process.returncode}: {' '.join(words)[:400]}\n{text}")
    return Usage(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        # Linux counts in KiB, macOS in bytes.
        process=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        tree=tree,
        output=text,
    )


class _Sampler:
    """Adds up the memory of a process and its descendants, again and again, in a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> int | None:
        self._ended.set()
        self._thread.join()
        return self._peak or None

    def _work(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._ended.wait(_SAMPLING_SECONDS):
            total = sum(_resident_pages(pid) for pid in _descendants(self._pid))
            self._peak = max(self._peak, total * page)


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:  # It grows while we walk it.
        threads = Path(f"/proc/{parent}/task")
        try:
            for thread in os.listdir(threads):  # noqa: PTH208 -- a hundred times a second
                found += map(int, (threads / thread / "children").read_text().split())
        except OSError:  # It has ended meanwhile.
            continue
    return found


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def in_turns(
    contenders: Mapping[str, Callable[[], Usage]], repeats: Mapping[str, int]
) -> dict[str, Series]:
    """Run contenders in turns, in the other order every second round, each so often as it repeats.

    What slows the machine down for a while then meets all of them.
    """
    series = {name: Series() for name in contenders}
    rounds = max(repeats.values())
    for number in range(rounds):
        names = list(contenders)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            # Those with fewer runs are spread over all rounds.
            if (number + 1) * repeats[name] // rounds == number * repeats[name] // rounds:
                continue
            usage = contenders[name]()
            series[name].runs.append(usage)
            say(f"{name}: {usage.wall:.2f} s")
    return series


def machine_facts() -> dict[str, Any]:
    """Return what the figures depend on, and nothing that names a machine or a person."""
    packages = ("hatch-multiplat", "pex", "uv", "packaging", "requests", "hatchling")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "tools": {name: metadata.version(name) for name in packages},
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def load() -> list[float]:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return [round(number, 2) for number in os.getloadavg()]


def print_load(before: list[float]) -> dict[str, list[float]]:
    """Print the load averages before and after a measurement, and return them."""
    found = {"before": before, "after": load()}
    print(f"Load before {found['before']}, after {found['after']}")
    return found


def disk_usage(folder: Path) -> int:
    """Return the bytes that a folder takes on disk, each file once however many links it has."""
    seen: dict[tuple[int, int], int] = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(parent, name))  # noqa: PTH118 -- many thousand of them
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def remove(folder: Path) -> None:
    """Remove a folder, read-only parts too."""
    if folder.exists():
        for parent, _, _ in os.walk(folder):
            Path(parent).chmod(0o700)
        shutil.rmtree(folder)


def say(text: str) -> None:
    """Tell the person who waits; figures go to stdout, this to stderr."""
    print(f"  {text}", file=sys.stderr, flush=True)


def format_seconds(seconds: float) -> str:
    return f"{seconds:.{2 if seconds < _LONG else 0}f} s"


def format_size(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size / MIB:.0f} MiB" if size >= 10 * MIB else f"{size / MIB:.1f} MiB"


def verdict(value: float, bound: float, *, at_least: bool) -> str:
    """Say whether a figure is reached: `8.1 (at least 25: not reached)`."""
    reached = value >= bound if at_least else value <= bound
    words = "at least" if at_least else "at most"
    return f"{value:.2f} ({words} {bound:.3g}: {'reached' if reached else 'NOT reached'})"


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, aligned so that it can be read as it is."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n### {title}\n")
    for number, line in enumerate(lines):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    sys.stdout.flush()


def series_to_json(series: Mapping[str, Series]) -> dict[str, Any]:
    return {name: found.to_json() for name, found in series.items()}


def write_results(name: str, figures: Mapping[str, Any]) -> None:
    """Write `results/<name>.json`, with the facts beside the figures."""
    RESULTS.mkdir(exist_ok=True)
    document = {"machine": machine_facts(), **figures}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(f"\nWritten: benchmarks/results/{path.name}")
