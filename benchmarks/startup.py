"""How long an executable takes to start, at first and later, and what it leaves on disk.

`python benchmarks/startup.py` measures three programs; name one (`git-inspect`, `cowsay`, `large`)
to measure it alone. README.md beside this file says how to read the tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uv
from measure import (
    clean_environment,
    disk_usage,
    format_seconds,
    format_size,
    in_turns,
    load,
    make_parser,
    print_load,
    print_table,
    remove,
    run,
    say,
    scratch_folder,
    verdict,
    write_results,
)
from projects import LARGE_PLATFORMS, make_example, make_subject, write_complete_platforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure import Series, Usage
    from projects import Subject

OURS: Final = "hatch-multiplat"
PEX: Final = "pex"
PEX_WHEELS: Final = "pex --no-pre-install-wheels --no-compress"
PEX_VENV: Final = "pex --venv --sh-boot"
PEXES: Final[dict[str, tuple[str, ...]]] = {
    PEX: (),
    PEX_WHEELS: ("--no-pre-install-wheels", "--no-compress"),
    PEX_VENV: ("--venv", "--sh-boot"),
}
SHIV: Final = "shiv, this platform only"
ZIPAPP: Final = "python -m zipapp"
VENV: Final = "plain venv"

PROGRAMS: Final = ("git-inspect", "cowsay", "large")
# What is to be reached: ours as a part of theirs.
FIRST_PEX: Final = 1 / 6
FIRST_SHIV: Final = 4 / 3
LATER_VENV: Final = 1.15
LATER_VENV_PYTHON: Final = 1.4
DISK_PEX: Final = 1 / 5

LARGE_CODE: Final = """\
import numpy, pandas, pyarrow

def main():
    frame = pandas.DataFrame({"a": numpy.arange(10)})
    print(pyarrow.Table.from_pandas(frame).num_rows)
"""
COWSAY_CODE: Final = """\
import cowsay

def main():
    cowsay.cow("it runs")
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A scratch folder, and the Python that everything is built for and started with."""

    scratch: Path
    python: Path
    index_url: str | None

    def environment(self, home: str) -> dict[str, str]:
        environ = clean_environment(self.scratch / home, [self.python.parent])
        if home == "build" and self.index_url:
            environ["UV_DEFAULT_INDEX"] = self.index_url
        return environ

    def build(self, *command: str | Path) -> str:
        """Run a command that makes something, with a home that all of them share."""
        usage = run(command, environ=self.environment("build"), cwd=self.scratch)
        say(f"{usage.wall:.1f} s for {Path(command[0]).name} {' '.join(map(str, command[1:4]))}")
        return usage.output

    def start(self, home: str, *command: str | Path, sync: bool = False) -> Usage:
        """Start a program; with `sync`, nothing that was written before is still on its way."""
        if sync:
            os.sync()
        return run(command, environ=self.environment(home), cwd=self.scratch)


# -- the contenders --------------------------------------------------------------------------------


def make_contenders(bench: Bench, subject: Subject, *, native: bool) -> dict[str, Path]:
    """Build the program in every way there is, all from the very same wheels.

    Each is a file to start, directly and by Python; that of a venv only directly.
    """
    folder = bench.scratch / "built"
    folder.mkdir()
    bench.build(*subject.build_command(folder, "--quiet"))
    ours = folder / subject.executable
    wheels = unpack_wheels(ours, bench.scratch / "wheels")
    contenders = {OURS: ours, **make_pexes(bench, subject, wheels, folder)}
    contenders[SHIV] = make_shiv(bench, subject, wheels, folder / "shiv.pyz")
    offline = ("--no-index", "--find-links", wheels)
    install = (uv.find_uv_bin(), "pip", "install", "--compile-bytecode", *offline)
    if not native:
        content = bench.scratch / "zipapp"
        bench.build(*install, "--python", bench.python, "--target", content, subject.requirement)
        zipapp = folder / "zipapp.pyz"
        bench.build(
            *(bench.python, "-m", "zipapp", content, "--output", zipapp),
            *("--python", "/usr/bin/env python3"),
            *("--main", f"{subject.name.replace('-', '_')}:main"),
        )
        contenders[ZIPAPP] = zipapp

    venv = bench.scratch / "venv"
    bench.build(uv.find_uv_bin(), "venv", "--quiet", "--python", bench.python, venv)
    bench.build(*install, "--python", venv / "bin/python", subject.requirement)
    return {**contenders, VENV: venv / "bin" / subject.name}


def make_pexes(bench: Bench, subject: Subject, wheels: Path, folder: Path) -> dict[str, Path]:
    platforms = write_complete_platforms(subject, bench.scratch / "platforms")
    outputs = {}
    for number, (name, options) in enumerate(PEXES.items()):
        outputs[name] = folder / f"pex-{number}.pex"
        bench.build(
            *(sys.executable, "-m", "pex", subject.requirement, *options),
            *("--no-index", "--find-links", wheels, "--script", subject.name),
            *(word for path in platforms for word in ("--complete-platform", path)),
            *("--python-shebang", "/usr/bin/env python3", "--output-file", outputs[name]),
        )
    return outputs


def make_shiv(bench: Bench, subject: Subject, wheels: Path, output: Path) -> Path:
    tools = bench.scratch / "tools"
    bench.build(uv.find_uv_bin(), "venv", "--quiet", "--seed", "--python", bench.python, tools)
    bench.build(uv.find_uv_bin(), "pip", "install", "--python", tools / "bin/python", "shiv")
    bench.build(
        *(tools / "bin/shiv", "--console-script", subject.name, "--output-file", output),
        *("--python", "/usr/bin/env python3"),
        *("--no-index", "--find-links", wheels, subject.requirement),
    )
    return output


def unpack_wheels(executable: Path, folder: Path) -> Path:
    """Take the wheels out of an executable, so that all contenders have the same."""
    folder.mkdir()
    with zipfile.ZipFile(executable) as archive:
        for name in archive.namelist():
            if name.startswith(".deps/") and name.endswith(".whl"):
                (folder / Path(name).name).write_bytes(archive.read(name))
    return folder


# -- measuring -------------------------------------------------------------------------------------


def measure_starts(
    bench: Bench,
    subject: Subject,
    words: Sequence[str | Path],
    *,
    native: bool,
    first: int,
    later: int,
) -> dict[str, Any]:
    """Measure first and later starts of one program in every way, and print its table."""
    contenders = make_contenders(bench, subject, native=native)
    before = load()
    outputs, disks = {}, {}

    def start_first(name: str) -> Usage:
        usage = bench.start("first", contenders[name], *words, sync=True)
        outputs[name] = usage.output
        disks[name] = disk_usage(bench.scratch / "first")
        remove(bench.scratch / "first")
        return usage

    say("first starts")
    firsts = in_turns(
        {name: partial(start_first, name) for name in contenders},
        # pex takes many times as long, and a few runs show that well enough.
        {name: max(2, first // 2) if name in PEXES else first for name in contenders},
    )
    # A venv has no first start; what it takes on disk is itself.
    disks[VENV] = disk_usage(bench.scratch / "venv")
    say("later starts")
    starts = {}
    for name, file in contenders.items():
        home = f"later-{name.replace(' ', '-').replace(',', '')}"
        starts[name] = partial(bench.start, home, file, *words)
        if name != VENV:
            starts[f"python {name}"] = partial(bench.start, home, bench.python, file, *words)
    for start in starts.values():  # It sets up what the first start sets up, and fills caches.
        start()
        start()
    laters = in_turns(starts, dict.fromkeys(starts, later))

    same = len(set(outputs.values())) == 1
    print_starts(subject, contenders, firsts=firsts, laters=laters, disks=disks)
    ratios = compare(firsts, laters, disks)
    print(f"\nThe same output from all: {'yes' if same else 'NO'}")
    return {
        "targets": subject.targets,
        "same_output": same,
        "load": print_load(before),
        "ratios": ratios,
        "contenders": {
            name: {
                "size": file.stat().st_size,
                "disk": disks[name],
                "first": firsts[name].to_json(),
                "later": laters[name].to_json(),
                "later_by_python": None if name == VENV else laters[f"python {name}"].to_json(),
            }
            for name, file in contenders.items()
        },
    }


def print_starts(
    subject: Subject,
    contenders: dict[str, Path],
    *,
    firsts: dict[str, Series],
    laters: dict[str, Series],
    disks: dict[str, int],
) -> None:
    rows = []
    for name, file in contenders.items():
        first, by_python = ["-"] * 3, "-"
        if name != VENV:
            first = [format_size(file.stat().st_size), firsts[name].spread()]
            first.append(format_seconds(firsts[name].cpu))
            by_python = milliseconds(laters[f"python {name}"])
        disk, later = format_size(disks[name]), milliseconds(laters[name])
        rows.append((name, *first, disk, later, by_python))
    print_table(
        f"{subject.name}, {subject.targets} targets: median (fastest-slowest)",
        ("", "file", "first ./app", "CPU", "disk", "later ./app", "later python app"),
        rows,
    )
    print()


def milliseconds(series: Series) -> str:
    walls = [usage.wall * 1000 for usage in series.runs]
    return f"{series.wall * 1000:.0f} ms ({min(walls):.0f}-{max(walls):.0f})"


def compare(
    firsts: dict[str, Series], laters: dict[str, Series], disks: dict[str, int]
) -> dict[str, float]:
    """Print the ratios that there are goals for, and return them."""
    first, venv = firsts[OURS].wall, laters[VENV].wall
    found = {
        "first / pex": (first / firsts[PEX].wall, FIRST_PEX),
        f"first / {PEX_WHEELS}": (first / firsts[PEX_WHEELS].wall, FIRST_PEX),
        "first / shiv": (first / firsts[SHIV].wall, FIRST_SHIV),
        "later ./app / plain venv": (laters[OURS].wall / venv, LATER_VENV),
        "later python app / plain venv": (laters[f"python {OURS}"].wall / venv, LATER_VENV_PYTHON),
        "disk / pex": (disks[OURS] / disks[PEX], DISK_PEX),
        f"disk / {PEX_WHEELS}": (disks[OURS] / disks[PEX_WHEELS], DISK_PEX),
    }
    for name, (ratio, bound) in found.items():
        print(f"{name}: {verdict(ratio, bound, at_least=False)}")
    return {name: ratio for name, (ratio, _) in found.items()}


# -- the programs ----------------------------------------------------------------------------------


def make_program(bench: Bench, name: str) -> tuple[Subject, list[str | Path], bool]:
    """Return a program: its project, the words it is started with, whether it has native code."""
    # pex takes a folder of the requirement's name for the requirement.
    folder = bench.scratch / "project"
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    match name:
        case "git-inspect":
            return make_example(folder), [make_repository(bench)], True
        case "cowsay":
            subject = make_subject(
                folder,
                name="cowsay-bench",
                dependencies=["cowsay"],
                sources={"cowsay_bench.py": COWSAY_CODE},
            )
            return subject, [], False
        case _:
            other = "3.12" if running == "3.13" else "3.13"
            subject = make_subject(
                folder,
                name="large",
                dependencies=["numpy", "pandas", "pyarrow"],
                platforms=LARGE_PLATFORMS,
                pythons=sorted((running, other)),
                sources={"large.py": LARGE_CODE},
            )
            return subject, [], True


def make_repository(bench: Bench) -> Path:
    """Make a git repository with one commit, for git-inspect to look at."""
    folder = bench.scratch / "repository"
    folder.mkdir()
    person = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    bench.build("git", "init", "--quiet", folder)
    bench.build(
        *("git", "-C", folder, *person, "commit", "--quiet", "--allow-empty", "--message", "One")
    )
    return folder


def base_python() -> Path:
    """Return the interpreter that runs this, outside of any virtual environment."""
    code = "import json, sys; print(json.dumps(getattr(sys, '_base_executable', sys.executable)))"
    answer = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return Path(json.loads(answer.stdout))


def main() -> None:
    parser = make_parser(__doc__, PROGRAMS)
    parser.add_argument("--first", type=int, default=7, help="first starts of each (7)")
    parser.add_argument("--later", type=int, default=25, help="later starts of each (25)")
    options = parser.parse_args()
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        parser.error("run this with Python 3.11, 3.12 or 3.13, which the executables are for")
    figures = {}
    for name in options.names or PROGRAMS:
        with scratch_folder() as scratch:
            bench = Bench(scratch=scratch, python=base_python(), index_url=options.index_url)
            subject, words, native = make_program(bench, name)
            figures[name] = measure_starts(
                bench, subject, words, native=native, first=options.first, later=options.later
            )
    write_results("startup", figures)


if __name__ == "__main__":
    main()
