"""How large each form of a program is, what its first start takes, and what building it again does.

`python benchmarks/sizes.py` measures three programs; name one (`classic`, `four`, `cowsay`) to
measure it alone. README.md beside this file says how to read the tables.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uv
from measure import (
    disk_usage,
    in_turns,
    load,
    print_table,
    remove,
    say,
    verdict,
    write_results,
)
from projects import PLATFORMS, make_subject
from startup import COWSAY_CODE, Bench, base_python, unpack_wheels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure import Usage
    from projects import Subject

FOUR_CODE: Final = """\
import pygit2, rich, cryptography.hazmat.bindings._rust, pydantic

def main():
    print("it runs", pygit2.__version__)
"""
CLASSIC_CODE: Final = """\
import pygit2

def main():
    print("it runs", pygit2.__version__)
"""
PROGRAMS: Final[dict[str, dict[str, Any]]] = {
    "classic": {
        "dependencies": ["pygit2==1.6.1", "cffi==1.14.5", "pycparser==2.20"],
        "platforms": ["macosx_11_0_x86_64", "manylinux2014_x86_64"],
        "pythons": ["3.6", "3.7", "3.8", "3.9"],
        "requires_python": ">=3.6,<3.10",
        "code": CLASSIC_CODE,
    },
    "four": {
        "dependencies": ["pygit2", "rich", "cryptography", "pydantic"],
        "platforms": PLATFORMS[:5],
        "pythons": ["3.11", "3.12", "3.13"],
        "code": FOUR_CODE,
    },
    "cowsay": {
        "dependencies": ["cowsay"],
        "platforms": PLATFORMS[:5],
        "pythons": ["3.11", "3.12", "3.13"],
        "code": COWSAY_CODE,
    },
}
# What is to be reached: bytes of the pyz, and its times as multiples of the PEX's.
SIZES: Final = {"classic": 5.5e6, "four": 45e6, "cowsay": 0.2e6}
FIRST: Final = 1.6
AGAIN: Final = 1.3
FORMATS: Final = ("pex", "pyz")


def make_program(folder: Path, name: str, *, change: int = 0) -> Subject:
    """Make the project; with another `change`, its own code is another, and nothing else."""
    program = PROGRAMS[name]
    module = f"{name}_program"
    return make_subject(
        folder,
        name=module,
        dependencies=program["dependencies"],
        platforms=program["platforms"],
        pythons=program["pythons"],
        requires_python=program.get("requires_python", ">=3.11"),
        formats=FORMATS,
        sources={f"{module}.py": f"{program['code']}\n# {change}\n"},
    )


def measure(bench: Bench, name: str, *, python: Path, repeats: int) -> dict[str, Any]:
    """Build one program in every form, and measure it."""
    before = load()
    subject = make_program(bench.scratch / "project", name)
    folder = bench.scratch / "built"
    build(bench, subject, folder, FORMATS)
    files = {form: folder / f"{subject.name}-1.0.{form}" for form in FORMATS}
    singles = make_singles(bench, subject, files["pex"], python)
    sizes = {form: path.stat().st_size for form, path in {**files, **singles}.items()}

    outputs = set()

    def start(form: str) -> Usage:
        environ = bench.environment("first")
        environ["PATH"] = os.pathsep.join([str(python.parent), environ["PATH"]])
        os.sync()
        usage = bench.start("first", python, files[form])
        outputs.add(usage.output)
        assert disk_usage(bench.scratch / "first")
        remove(bench.scratch / "first")
        return usage

    say("first starts")
    firsts = in_turns(
        {form: partial(start, form) for form in FORMATS}, dict.fromkeys(FORMATS, repeats)
    )
    say("building again, its own code changed")
    changes = iter(range(1, 10**6))

    def rebuild(form: str) -> Usage:
        changed = make_program(bench.scratch / "project", name, change=next(changes))
        return build(bench, changed, bench.scratch / f"again-{form}", (form,))

    for form in FORMATS:
        rebuild(form)
    agains = in_turns(
        {form: partial(rebuild, form) for form in FORMATS}, dict.fromkeys(FORMATS, repeats)
    )
    print_program(name, subject, sizes)
    rows = [
        (what, *(f"{series[form].spread()}" for form in FORMATS), ratio)
        for what, series, bound in (
            ("first start", firsts, FIRST),
            ("building again", agains, AGAIN),
        )
        for ratio in [verdict(series["pyz"].wall / series["pex"].wall, bound, at_least=False)]
    ]
    cpu = firsts["pyz"].cpu / firsts["pex"].cpu
    print_table(f"{name}: time, median (fastest-slowest)", ("", "pex", "pyz", "pyz / pex"), rows)
    print(f"\nProcessor's time of first starts, pyz / pex: {cpu:.2f}")
    print(f"The same output from both: {'yes' if len(outputs) == 1 else 'NO'}")
    print(f"Load before {before}, after {load()}")
    return {
        "targets": len(subject.platforms) * len(subject.pythons),
        "sizes": sizes,
        "first": {form: firsts[form].to_json() for form in FORMATS},
        "again": {form: agains[form].to_json() for form in FORMATS},
        "same_output": len(outputs) == 1,
        "load": {"before": before, "after": load()},
    }


def build(bench: Bench, subject: Subject, folder: Path, forms: Sequence[str]) -> Usage:
    """Build a subject in these forms, as the command does, with a home that all builds share."""
    path = subject.folder / "pyproject.toml"
    text = path.read_text("utf-8")
    names = ", ".join(f'"{form}"' for form in FORMATS)
    wanted = ", ".join(f'"{form}"' for form in forms)
    path.write_text(text.replace(f"formats = [{names}]", f"formats = [{wanted}]"), "utf-8")
    command = (sys.executable, "-m", "hatch_multiplat", "build", subject.folder, "--quiet")
    usage = bench.start("build", *command, "--wheel", subject.wheel, "--output-dir", folder)
    say(f"{usage.wall:.1f} s for {', '.join(forms)}")
    return usage


def make_singles(bench: Bench, subject: Subject, pex: Path, python: Path) -> dict[str, Path]:
    """Build the same program for this platform alone, of the same wheels, by pex and shiv."""
    wheels = unpack_wheels(pex, bench.scratch / "wheels")
    offline = ("--no-index", "--find-links", wheels)
    made = {"pex, one platform": bench.scratch / "one.pex", "shiv, one": bench.scratch / "one.pyz"}
    one, shiv = made.values()
    bench.build(
        *(sys.executable, "-m", "pex", subject.requirement, *offline, "--python", python),
        *("--script", subject.name, "--output-file", one),
    )
    tools = bench.scratch / "tools"
    bench.build(uv.find_uv_bin(), "venv", "--quiet", "--seed", "--python", python, tools)
    bench.build(uv.find_uv_bin(), "pip", "install", "--python", tools / "bin/python", "shiv")
    bench.build(
        *(tools / "bin/shiv", "--console-script", subject.name, "--output-file", shiv),
        *("--python", "/usr/bin/env python3", *offline, subject.requirement),
    )
    return made


def print_program(name: str, subject: Subject, sizes: dict[str, int]) -> None:
    many = len(subject.platforms) * len(subject.pythons)
    rows = [(form, f"{size / 1e6:.2f} MB") for form, size in sizes.items()]
    print_table(f"{name}, {many} targets: size", ("", "file"), rows)
    print(f"\npyz in MB: {verdict(sizes['pyz'] / 1e6, SIZES[name] / 1e6, at_least=False)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"{', '.join(PROGRAMS)}")
    parser.add_argument("--repeats", type=int, default=7, help="first starts, and builds (7)")
    parser.add_argument("--old-python", type=Path, help="a Python 3.9, for `classic`")
    parser.add_argument("--index-url", help="the package index (PyPI)")
    options = parser.parse_args()
    if unknown := set(options.programs) - set(PROGRAMS):
        parser.error(f"there is no program {', '.join(sorted(unknown))}")
    if os.name != "posix":
        parser.error("this measures with wait4, which only Linux and macOS have")
    programs = options.programs or [
        name for name in PROGRAMS if name != "classic" or options.old_python
    ]
    if "classic" in programs and not options.old_python:
        parser.error("`classic` needs --old-python, a Python 3.9")
    figures = {}
    for name in programs:
        python = options.old_python if name == "classic" else base_python()
        with tempfile.TemporaryDirectory(prefix="multiplat-benchmark-") as folder:
            scratch = Path(folder).resolve()
            bench = Bench(scratch=scratch, python=python, index_url=options.index_url)
            figures[name] = measure(bench, name, python=python, repeats=options.repeats)
    write_results("sizes", figures)


if __name__ == "__main__":
    main()
