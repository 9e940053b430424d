"""What would make a first run faster: compiling, threads, processes, links. Measured, to decide.

`python benchmarks/first_run.py FILE...` takes executables that this project built, makes a copy of
each whose start-up does one thing more, and starts the copies for the first, the second and the
third time. What start-up does today is the first row. The decision stands in `runtime/launch.py`.
With `--parts` it measures in place of that where the processor's time of a first run goes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

from measure import (
    clean_environment,
    disk_usage,
    format_seconds,
    format_size,
    load,
    print_table,
    remove,
    run,
    say,
)

from hatch_multiplat.executable import rendering
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.executable.zip_writer import Member, read_members, write_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN: Final = "as it is"
LATER: Final = 2
INSTALL: Final = "groups = self.install(here.paths, there.python)\n"
LOOP: Final = "            for item in self.wheels():\n"

# Each variant is a replacement in the source of `runtime/launch.py`.
COMPILE: Final = """
        import compileall
        compileall.compile_dir(
            here.paths.purelib, quiet=2, ddir=there.paths.purelib, workers={workers}
        )
"""
# One wheel a task. Zlib and the system calls run without the lock that Python code runs under.
THREADS: Final = """
            from concurrent.futures import ThreadPoolExecutor
            def one(item):
                with executable.open_wheel(item) as stream:
                    return wheel.install_wheel(stream, paths, python)
            with ThreadPoolExecutor(2) as pool:
                groups.extend(pool.map(one, self.wheels()))
            for item in ():
"""
# A child takes the larger half of the bytes; the entry points it finds are not needed here.
PROCESSES: Final = """
            wheels = sorted(self.wheels(), key=lambda item: item["size"])
            half = sum(item["size"] for item in wheels) / 2
            theirs = []
            while wheels and sum(item["size"] for item in theirs) < half:
                theirs.append(wheels.pop())
            child = os.fork()
            for item in wheels if child else theirs:
                with wheel.Executable(self.app).open_wheel(item) as stream:
                    groups.append(wheel.install_wheel(stream, paths, python))
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            for item in ():
"""


def more(text: str, **values: int) -> tuple[str, str]:
    return INSTALL, INSTALL + text.format(**values)


VARIANTS: Final[Mapping[str, tuple[str, str]]] = {
    PLAIN: (INSTALL, INSTALL),
    "compiled": more(COMPILE, workers=1),
    "compiled by 2 processes": more(COMPILE, workers=2),
    "unpacked by 2 threads": (LOOP, THREADS),
    "unpacked by 2 processes": (LOOP, PROCESSES),
}


def make_variant(file: Path, change: tuple[str, str], output: Path) -> None:
    """Write a copy of an executable whose start-up is changed."""
    read_runtime = rendering._read_runtime  # noqa: SLF001 - what it reads is to be changed

    def changed() -> dict[str, bytes]:
        sources = read_runtime()
        text = sources[".multiplat/launch.py"].decode()
        assert text.count(change[0]) == 1
        return {**sources, ".multiplat/launch.py": text.replace(*change).encode()}

    table = read_executable(file).own_table()
    with mock.patch.object(rendering, "_read_runtime", changed):
        texts = rendering.render_members(table)
        header = rendering.render_header(table)
    starts = [Member(name=name, data=data) for name, data in texts.items()]
    wheels = [item for name, item in read_members(file).items() if name.endswith(".whl")]
    write_archive([*starts, *wheels], output, prefix=header, mode=0o755)


def measure_file(file: Path, words: list[str], *, repeats: int, python: Path) -> None:
    """Start each variant three times, `repeats` times over, each time from an empty home."""
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        scratch = Path(name)
        apps = {variant: scratch / f"app{number}" for number, variant in enumerate(VARIANTS)}
        homes = {variant: scratch / f"home{number}" for number, variant in enumerate(VARIANTS)}
        for variant, change in VARIANTS.items():
            make_variant(file, change, apps[variant])
        walls: dict[tuple[str, int], list[float]] = defaultdict(list)
        for number in range(repeats):
            for variant in list(VARIANTS)[:: 1 if number % 2 == 0 else -1]:
                remove(homes[variant])
                os.sync()
                environ = clean_environment(homes[variant], [python.parent])
                for nth in range(LATER + 1):
                    usage = run([apps[variant], *words], environ=environ, cwd=Path.cwd())
                    walls[variant, nth].append(usage.wall)
        rows = []
        for variant in VARIANTS:
            first, second, third = (statistics.median(walls[variant, nth]) for nth in range(3))
            fastest, slowest = min(walls[variant, 0]), max(walls[variant, 0])
            rows.append(
                (
                    variant,
                    f"{format_seconds(first)} ({fastest:.2f}-{slowest:.2f})",
                    *map(format_seconds, (second, third, first + second)),
                    format_size(disk_usage(homes[variant])),
                )
            )
        head = ("", "first", "second", "third", "first + second", "disk")
        print_table(file.name, head, rows)
        measure_links(homes[PLAIN], scratch / "links")


def measure_parts(file: Path, words: list[str], *, repeats: int, python: Path) -> None:
    """Start what a first run is made of one by one; the processor's time depends least on others.

    Preparing includes starting Python and reading the table; the program compiles what it imports.
    """
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        scratch = Path(name)
        app = scratch / "app"
        make_variant(file, VARIANTS[PLAIN], app)
        seconds: dict[str, list[float]] = defaultdict(list)
        for number in range(repeats):
            home, folder = scratch / f"home{number}", scratch / f"venv{number}"
            environ = clean_environment(home, [python.parent])
            program: list[Path | str] = [folder / "bin" / "app", *words]
            steps: dict[str, tuple[list[Path | str], str]] = {
                "start Python alone": ([python, "-c", ""], ""),
                "read the table": ([python, app], "info"),
                "prepare": ([python, app, folder], "venv"),
                "run the program": (program, ""),
                "run it again": (program, ""),
                "first run, whole": ([app, *words], ""),
                "second run, whole": ([app, *words], ""),
            }
            for step, (command, wish) in steps.items():
                if step == "run the program":
                    (folder / "bin" / "app").symlink_to(main_script(app))
                given = {**environ, "MULTIPLAT": wish} if wish else environ
                usage = run(command, environ=given, cwd=Path.cwd())
                seconds[step].append(usage.cpu)
        rows = [
            (step, f"{statistics.median(all_) * 1000:.0f} ms", f"{min(all_) * 1000:.0f} ms")
            for step, all_ in seconds.items()
        ]
        print_table(f"{file.name}: the processor's time", ("", "median", "least"), rows)


def main_script(app: Path) -> str:
    """The name of the script that an environment of this file starts the program with."""
    return read_executable(app).own_table().main


def measure_links(setup: Path, target: Path) -> None:
    """What a set-up would cost if its files were links to files that another one has already."""
    started = time.perf_counter()
    count = 0
    for parent, _, files in os.walk(setup):
        folder = target / Path(parent).relative_to(setup)
        folder.mkdir()
        for name in files:
            (folder / name).hardlink_to(Path(parent) / name)
            count += 1
    print(f"\n{count} hard links: {format_seconds(time.perf_counter() - started)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--python", type=Path, default=Path(sys.executable).resolve())
    parser.add_argument("--parts", action="store_true", help="where the time of a first run goes")
    parser.add_argument("--argument", action="append", default=[], help="for the program")
    options = parser.parse_args()
    say(f"load {load()}")
    measure = measure_parts if options.parts else measure_file
    for file in options.files:
        measure(file.resolve(), options.argument, repeats=options.repeat, python=options.python)


if __name__ == "__main__":
    main()
