"""How long a build takes and what memory: against pex, by targets, by dependencies, by wheels.

`python benchmarks/build.py` runs all parts; `compare`, `floors`, `growth` and `memory` run one.
README.md beside this file says how to read the tables.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from measure import (
    MIB,
    BenchmarkError,
    Series,
    clean_environment,
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
    series_to_json,
    verdict,
    write_results,
)
from projects import (
    DEPENDENCIES,
    LARGE,
    LARGE_PLATFORMS,
    LARGE_PYTHONS,
    PLATFORMS,
    PYTHONS,
    make_example,
    make_subject,
    wheels_in,
    write_complete_platforms,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from measure import Usage
    from projects import Subject

OURS: Final = "hatch-multiplat"
OFFLINE: Final = "hatch-multiplat, UV_OFFLINE=1"
PEX_NEW: Final = "pex --pip-version {}"
PEX_OLD: Final = "pex, its default pip"

# What is to be reached.
WARM_RATIO: Final = 25
COLD_RATIO: Final = 10
GROWTH_RATIO: Final = 3
MEMORY: Final = 300 * MIB

# (platforms, Pythons) of each number of targets; see projects.PLATFORMS for the order.
TARGETS: Final = {1: (1, 1), 5: (5, 1), 15: (5, 3), 30: (10, 3), 60: (15, 4)}


@dataclass(kw_only=True, slots=True)
class Bench:
    """A scratch folder with homes in it, and the two tools."""

    scratch: Path
    index_url: str | None
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def fresh_home(self) -> Path:
        return self.scratch / f"home-{next(self._numbers)}"

    def ours(
        self, subject: Subject, home: Path, *, sample: bool = False, offline: bool = False
    ) -> Usage:
        environ = clean_environment(home)
        if self.index_url:
            environ["UV_DEFAULT_INDEX"] = self.index_url
        if offline:
            environ["UV_OFFLINE"] = "1"
        command = subject.build_command(self.scratch / "ours", "--json")
        return run(command, environ=environ, cwd=self.scratch, sample=sample)

    def pex(
        self,
        subject: Subject,
        platforms: tuple[Path, ...],
        pip_version: str | None,
        home: Path,
        *,
        sample: bool = False,
    ) -> Usage:
        """Build with pex by the command line that a person would write for the same file."""
        command: list[str | Path] = [
            *(sys.executable, "-m", "pex", subject.requirement),
            *("--find-links", subject.folder, "--script", subject.name),
            *(word for path in platforms for word in ("--complete-platform", path)),
            *("--no-pre-install-wheels", "--no-compress"),
            *("--python-shebang", "#!/usr/bin/env python3"),
            *(["--pip-version", pip_version] if pip_version else []),
            *(["--index-url", self.index_url] if self.index_url else []),
            *("--output-file", self.scratch / "pex" / subject.executable),
        ]
        environ = clean_environment(home)
        return run(command, environ=environ, cwd=self.scratch, sample=sample)

    def cold(self, build: Callable[[Path], Usage]) -> Usage:
        """Build with an empty home that is removed afterwards."""
        home = self.fresh_home()
        try:
            return build(home)
        finally:
            remove(home)

    def find_pip_version(self) -> str:
        """Return `latest-compatible`, or the newest pip that pex knows and the index has.

        pex names one release, and an index that is a day behind does not have it yet.
        """
        subject = make_subject(self.scratch / "probe", name="multiplat-probe", dependencies=())
        for version in itertools.chain(["latest-compatible"], self._pip_versions()):
            try:
                self.pex(subject, (), version, self.scratch / "home-probe")
            except BenchmarkError:
                say(f"pex --pip-version {version}: the index does not have it")
            else:
                return version
        raise BenchmarkError("the index has no release of pip that pex knows")

    def _pip_versions(self) -> Iterator[str]:
        """Yield the releases of pip that pex lists in its help, newest first."""
        environ = clean_environment(self.scratch / "home-probe")
        command = [sys.executable, "-m", "pex", "--help"]
        text = run(command, environ=environ, cwd=self.scratch).output
        choices = re.search(r"--pip-version \{([^}]*)\}", text)
        yield from reversed(re.findall(r"\b\d+\.[\d.]+\b(?!-)", choices[1]) if choices else [])


# -- A: against pex --------------------------------------------------------------------------------


def compare(bench: Bench, *, ours: int, pex: int) -> dict[str, Any]:
    """Build the example's 15 targets with this project and with pex, cold and warm."""
    subject = make_example(bench.scratch / "example")
    platforms = write_complete_platforms(subject, bench.scratch / "platforms")
    pip_version = bench.find_pip_version()
    new = PEX_NEW.format(pip_version)
    before = load()
    builds: dict[str, Callable[..., Usage]] = {
        OURS: partial(bench.ours, subject),
        new: partial(bench.pex, subject, platforms, pip_version),
        PEX_OLD: partial(bench.pex, subject, platforms, None),
    }
    repeats = {OURS: ours, new: pex, PEX_OLD: pex}

    say("cold caches")
    cold = in_turns(
        {name: partial(bench.cold, build) for name, build in builds.items()},
        {name: max(1, number // 2) for name, number in repeats.items()},
    )
    say("warm caches")
    homes = {name: bench.fresh_home() for name in builds}
    peaks = {name: Series(runs=[build(homes[name], sample=True)]) for name, build in builds.items()}
    files = (bench.scratch / tool / subject.executable for tool in ("ours", "pex"))
    same = len(set(map(wheels_in, files))) == 1
    warm_builds = {name: partial(build, homes[name]) for name, build in builds.items()}
    warm_builds[OFFLINE] = partial(bench.ours, subject, homes[OURS], offline=True)
    warm = in_turns(warm_builds, repeats | {OFFLINE: ours})

    rows = []
    for name, found in warm.items():
        more = ["-"] * 4
        if name in builds:
            more = [cold[name].spread(), format_seconds(cold[name].cpu)]
            more += [format_size(peaks[name].process), format_size(peaks[name].tree)]
        rows.append([name, found.spread(), format_seconds(found.cpu), *more])
    print_table(
        "15 targets, the example project: median (fastest-slowest)",
        ("", "warm", "CPU", "cold", "CPU", "largest process", "all processes"),
        rows,
    )
    ratios = {
        "warm": warm[new].wall / warm[OURS].wall,
        "cold": cold[new].wall / cold[OURS].wall,
        "warm, pex's default pip": warm[PEX_OLD].wall / warm[OURS].wall,
        "cold, pex's default pip": cold[PEX_OLD].wall / cold[OURS].wall,
        "warm, CPU": warm[new].cpu / warm[OURS].cpu,
        "cold, CPU": cold[new].cpu / cold[OURS].cpu,
    }
    print(f"\nThe same wheels in both files: {'yes' if same else 'NO'}")
    loads = print_load(before)
    bounds = {"warm": WARM_RATIO, "cold": COLD_RATIO}
    for name, ratio in ratios.items():
        bound = bounds.get(name)
        words = verdict(ratio, bound, at_least=True) if bound else f"{ratio:.2f}"
        print(f"Times faster than pex, {name}: {words}")
    return {
        "pip_version": pip_version,
        "same_wheels": same,
        "load": loads,
        "ratios": ratios,
        "warm": series_to_json(warm),
        "cold": series_to_json(cold),
        "sampled": series_to_json(peaks),
    }


# -- B: growth -------------------------------------------------------------------------------------


def floors(bench: Bench, *, ours: int) -> dict[str, Any]:
    """Build where some target has to take an older version, without a lock and with one."""
    dependencies = ("pygit2", "rich", "cryptography", "pydantic")
    subjects = {
        name: make_subject(
            bench.scratch / name.replace(" ", "-"), name="floors", dependencies=dependencies
        )
        for name in ("without a lock", "with a lock")
    }
    home = bench.fresh_home()
    locked = subjects["with a lock"].folder
    command: list[str | Path] = [sys.executable, "-m", "hatch_multiplat", "lock", locked]
    run(command, environ=clean_environment(home), cwd=bench.scratch)
    builds = {name: partial(bench.ours, subject, home) for name, subject in subjects.items()}
    runs = {name: _report(build())["solver_runs"] for name, build in builds.items()}
    series = in_turns(builds, dict.fromkeys(builds, ours))
    print_table(
        f"15 targets, {', '.join(dependencies)}, warm: median (fastest-slowest)",
        ("", "seconds", "CPU", "runs of uv when cold"),
        [
            (name, found.spread(), format_seconds(found.cpu), str(runs[name]))
            for name, found in series.items()
        ],
    )
    return {"warm": series_to_json(series), "first_runs": runs}


def growth(bench: Bench, *, ours: int) -> dict[str, Any]:
    """Build with more and more targets, then with more and more dependencies, warm."""
    by_targets = {
        str(number): make_example(
            bench.scratch / f"targets-{number}",
            PLATFORMS[:platforms],
            sorted(PYTHONS[:pythons]),
        )
        for number, (platforms, pythons) in TARGETS.items()
    }
    by_dependencies = {
        str(number): make_subject(
            bench.scratch / f"dependencies-{number}",
            name=f"service-{number}",
            dependencies=dependencies,
        )
        for number, dependencies in DEPENDENCIES.items()
    }
    home = bench.fresh_home()
    figures: dict[str, Any] = {}
    targets, figures["targets"] = _grow(bench, by_targets, home, ours, head="targets")
    _, figures["dependencies"] = _grow(bench, by_dependencies, home, ours, head="dependencies")
    ratio = targets["60"].wall / targets["15"].wall
    print(f"\n60 targets / 15 targets: {verdict(ratio, GROWTH_RATIO, at_least=False)}")
    return {**figures, "ratio_60_15": ratio}


def _grow(
    bench: Bench, subjects: Mapping[str, Subject], home: Path, ours: int, *, head: str
) -> tuple[dict[str, Series], dict[str, Any]]:
    before = load()
    reports = {}
    builds = {name: partial(bench.ours, subject, home) for name, subject in subjects.items()}
    for name, build in builds.items():
        usage = build()  # It fills the caches.
        reports[name] = _report(usage)
        say(f"{name} {head}: {usage.wall:.2f} s at first")
    series = in_turns(builds, dict.fromkeys(builds, ours))
    rows = [
        (
            name,
            str(len(reports[name]["dependencies"])),
            str(reports[name]["wheels"]),
            format_size(reports[name]["size"]),
            str(reports[name]["solver_runs"]),
            found.spread(),
            format_seconds(found.cpu),
        )
        for name, found in series.items()
    ]
    columns = (head, "packages", "wheels", "file", "solver runs", "warm", "CPU")
    print_table(f"By the number of {head}", columns, rows)
    print()
    print_load(before)
    figures = {
        name: {
            **series[name].to_json(),
            **{key: reports[name][key] for key in ("wheels", "size", "solver_runs")},
            "packages": len(reports[name]["dependencies"]),
        }
        for name in series
    }
    return series, figures


def _report(usage: Usage) -> dict[str, Any]:
    """Return the report that a build with --json ends with."""
    report: dict[str, Any] = json.loads(usage.output[usage.output.index("{") :])
    return report


# -- C: memory -------------------------------------------------------------------------------------


def memory(bench: Bench) -> dict[str, Any]:
    """Build with small and with large wheels, cold and warm, and take the peak of memory."""
    subjects = {
        "git-inspect": make_example(bench.scratch / "small"),
        " + ".join(LARGE): make_subject(
            bench.scratch / "large",
            name="large",
            dependencies=LARGE,
            platforms=LARGE_PLATFORMS,
            pythons=LARGE_PYTHONS,
        ),
    }
    rows, figures = [], {}
    for name, subject in subjects.items():
        home = bench.fresh_home()
        cold = bench.ours(subject, home, sample=True)
        warm = bench.ours(subject, home, sample=True)
        remove(home)
        report = _report(warm)
        peak = max(usage.tree or usage.process for usage in (cold, warm))
        rows.append(
            (
                name,
                str(len(report["targets"])),
                str(report["wheels"]),
                format_size(report["size"]),
                f"{format_size(cold.process)} / {format_size(cold.tree)}",
                f"{format_size(warm.process)} / {format_size(warm.tree)}",
                f"{peak / MIB:.0f} MiB{'' if peak < MEMORY else ', NOT reached'}",
            )
        )
        figures[name] = {
            "size": report["size"],
            "cold": Series(runs=[cold]).to_json(),
            "warm": Series(runs=[warm]).to_json(),
            "reached": peak < MEMORY,
        }
    columns = ("dependencies", "targets", "wheels", "file", "cold", "warm", "under 300 MiB")
    print_table("Peak memory: largest process / all processes at once", columns, rows)
    return figures


def main() -> None:
    parser = make_parser(__doc__, ("compare", "floors", "growth", "memory"))
    parser.add_argument("--ours", type=int, default=7, help="runs of this project (7)")
    parser.add_argument("--pex", type=int, default=3, help="runs of pex, each variant (3)")
    options = parser.parse_args()
    parts: dict[str, Callable[[Bench], dict[str, Any]]] = {
        "compare": partial(compare, ours=options.ours, pex=options.pex),
        "floors": partial(floors, ours=options.ours),
        "growth": partial(growth, ours=options.ours),
        "memory": memory,
    }
    for part in options.names or parts:
        with scratch_folder() as scratch:
            figures = parts[part](Bench(scratch=scratch, index_url=options.index_url))
        write_results(f"build-{part}", figures)


if __name__ == "__main__":
    main()
