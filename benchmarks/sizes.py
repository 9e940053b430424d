"""How large each form of a program is, what its first start takes, and what building it again does.

`python benchmarks/sizes.py` measures three programs; name one (`classic`, `four`, `cowsay`) to
measure it alone. README.md beside this file says how to read the tables.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import (
    disk_usage,
    in_turns,
    load,
    make_parser,
    print_load,
    print_table,
    remove,
    say,
    scratch_folder,
    series_to_json,
    verdict,
    write_results,
)
from projects import make_subject
from startup import COWSAY_CODE, Bench, base_python, make_shiv, unpack_wheels

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
        "code": FOUR_CODE,
    },
    "cowsay": {"dependencies": ["cowsay"], "code": COWSAY_CODE},
}
# What is to be reached: bytes of the pyz, and its times as multiples of the PEX's.
SIZES: Final = {"classic": 5.5e6, "four": 45e6, "cowsay": 0.2e6}
FIRST: Final = 1.6
AGAIN: Final = 1.3
FORMATS: Final = ("pex", "pyz")


def make_program(folder: Path, name: str, *, change: int = 0) -> Subject:
    """Make the project; with another `change`, its own code is another, and nothing else."""
    program = dict(PROGRAMS[name])
    module = f"{name}_program"
    sources = {f"{module}.py": f"{program.pop('code')}\n# {change}\n"}
    return make_subject(folder, name=module, formats=FORMATS, sources=sources, **program)


def measure(bench: Bench, name: str, *, repeats: int) -> dict[str, Any]:
    """Build one program in every form, and measure it."""
    before = load()
    subject = make_program(bench.scratch / "project", name)
    folder = bench.scratch / "built"
    build(bench, subject, folder, FORMATS)
    files = {form: folder / f"{subject.name}-1.0.{form}" for form in FORMATS}
    singles = make_singles(bench, subject, files["pex"])
    sizes = {form: path.stat().st_size for form, path in {**files, **singles}.items()}

    outputs = set()

    def start(form: str) -> Usage:
        usage = bench.start("first", bench.python, files[form], sync=True)
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
        (
            what,
            *(series[form].spread() for form in FORMATS),
            verdict(series["pyz"].wall / series["pex"].wall, bound, at_least=False),
        )
        for what, series, bound in (
            ("first start", firsts, FIRST),
            ("building again", agains, AGAIN),
        )
    ]
    cpu = firsts["pyz"].cpu / firsts["pex"].cpu
    print_table(f"{name}: time, median (fastest-slowest)", ("", "pex", "pyz", "pyz / pex"), rows)
    print(f"\nProcessor's time of first starts, pyz / pex: {cpu:.2f}")
    print(f"The same output from both: {'yes' if len(outputs) == 1 else 'NO'}")
    return {
        "targets": subject.targets,
        "sizes": sizes,
        "first": series_to_json(firsts),
        "again": series_to_json(agains),
        "same_output": len(outputs) == 1,
        "load": print_load(before),
    }


def build(bench: Bench, subject: Subject, folder: Path, forms: Sequence[str]) -> Usage:
    """Build a subject in these forms, as the command does, with a home that all builds share."""
    path = subject.folder / "pyproject.toml"
    text = path.read_text("utf-8")
    names = ", ".join(f'"{form}"' for form in FORMATS)
    wanted = ", ".join(f'"{form}"' for form in forms)
    path.write_text(text.replace(f"formats = [{names}]", f"formats = [{wanted}]"), "utf-8")
    usage = bench.start("build", *subject.build_command(folder, "--quiet"))
    say(f"{usage.wall:.1f} s for {', '.join(forms)}")
    return usage


def make_singles(bench: Bench, subject: Subject, pex: Path) -> dict[str, Path]:
    """Build the same program for this platform alone, of the same wheels, by pex and shiv."""
    wheels = unpack_wheels(pex, bench.scratch / "wheels")
    one = bench.scratch / "one.pex"
    bench.build(
        *(sys.executable, "-m", "pex", subject.requirement, "--python", bench.python),
        *("--no-index", "--find-links", wheels, "--script", subject.name, "--output-file", one),
    )
    shiv = make_shiv(bench, subject, wheels, bench.scratch / "one.pyz")
    return {"pex, one platform": one, "shiv, one": shiv}


def print_program(name: str, subject: Subject, sizes: dict[str, int]) -> None:
    rows = [(form, f"{size / 1e6:.2f} MB") for form, size in sizes.items()]
    print_table(f"{name}, {subject.targets} targets: size", ("", "file"), rows)
    print(f"\npyz in MB: {verdict(sizes['pyz'] / 1e6, SIZES[name] / 1e6, at_least=False)}")


def main() -> None:
    parser = make_parser(__doc__, PROGRAMS)
    parser.add_argument("--repeats", type=int, default=7, help="first starts, and builds (7)")
    parser.add_argument("--old-python", type=Path, help="a Python 3.9, for `classic`")
    options = parser.parse_args()
    programs = options.names or [
        name for name in PROGRAMS if name != "classic" or options.old_python
    ]
    if "classic" in programs and not options.old_python:
        parser.error("`classic` needs --old-python, a Python 3.9")
    figures = {}
    for name in programs:
        python = options.old_python if name == "classic" else base_python()
        with scratch_folder() as scratch:
            bench = Bench(scratch=scratch, python=python, index_url=options.index_url)
            figures[name] = measure(bench, name, repeats=options.repeats)
    write_results("sizes", figures)


if __name__ == "__main__":
    main()
