"""What an ordinary build takes with the plugin and without, frontend by frontend.

One project with one dependency, three platforms and three Pythons is built by `python -m build`,
with pip and with uv as its installer, and by `uv build`; sdist and wheel, isolated, caches warm.
Then `pip install` builds the sdist from source, and the packages that it fetches are counted.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import (
    BenchmarkError,
    clean_environment,
    format_seconds,
    in_turns,
    print_table,
    run,
    say,
    scratch_folder,
    series_to_json,
    verdict,
    write_results,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measure import Series, Usage

ROOT: Final = Path(__file__).resolve().parents[1]

PROJECT: Final = """\
[build-system]
requires = [{requires}]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["cowsay"]

[project.scripts]
demo = "demo:main"
"""

TABLE: Final = """
[tool.hatch.build.hooks.multiplat]

[tool.multiplat]
platforms = ["linux-x86_64", "macos-arm64", "linux-aarch64"]
python = ["3.11", "3.12", "3.13"]
"""

FRONTENDS: Final = {
    "python -m build": (("-m", "build"), 2.0),
    "python -m build --installer uv": (("-m", "build", "--installer", "uv"), 1.6),
    "uv build": (("-m", "uv", "build"), 1.6),
}
"""What a person types, as arguments of Python, and the ratio that is to be reached."""


def make_project(folder: Path, plugin: Path | None, lock: Path | None = None) -> Path:
    """Write the project, with the plugin from this wheel or without, perhaps with a lock."""
    requires = ['"hatchling"']
    if plugin is not None:
        requires.append(f'"hatch-multiplat @ {plugin.as_uri()}"')
    (folder / "demo").mkdir(parents=True)
    text = PROJECT.format(requires=", ".join(requires)) + (TABLE if plugin else "")
    (folder / "pyproject.toml").write_text(text, "utf-8")
    if lock is not None:
        shutil.copy2(lock, folder)
    (folder / "demo" / "__init__.py").write_text("def main():\n    print('it runs')\n", "utf-8")
    return folder


def make_tools(scratch: Path) -> tuple[Path, Path]:
    """Return a Python that has the frontends, and the wheel of this plugin."""
    venv = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "build", "uv"], check=True)
    words = [str(python), "-m", "build", "--wheel", "--outdir", str(scratch), str(ROOT)]
    run(words, environ=os.environ, cwd=scratch)  # here is a build.py of our own
    return python, next(scratch.glob("hatch_multiplat-*.whl"))


def build(words: list[str], project: Path, environ: Mapping[str, str]) -> Usage:
    shutil.rmtree(project / "dist", ignore_errors=True)
    usage = run(words, environ=environ, cwd=project)
    made = {path.suffix for path in (project / "dist").iterdir()}
    wanted = {".gz", ".whl"} | ({".pex"} if "multiplat" in project.name else set())
    if not wanted <= made:
        raise BenchmarkError(f"{' '.join(words)} left {sorted(made)}: {usage.output}")
    return usage


def count_fetched(python: Path, sdist: Path, environ: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names of the packages that pip fetches to build an sdist."""
    target = folder / f"installed-{sdist.parent.parent.name}"
    words = ("install", "--no-deps", "--verbose", "--target", target, sdist)
    output = run([python, "-m", "pip", *words], environ=environ, cwd=folder).output
    lines = re.findall(r"Successfully installed (.+)", output)
    # The last such line is that of the project itself.
    found = {word.rpartition("-")[0] for line in lines[:-1] for word in line.split()}
    return sorted(found)


def compare(scratch: Path, runs: int) -> dict[str, Any]:
    python, plugin = make_tools(scratch)
    environ = clean_environment(scratch / "home", [python.parent])
    without = make_project(scratch / "plain" / "demo-plain", None)
    with_it = make_project(scratch / "ours" / "demo-multiplat", plugin)
    command = [sys.executable, "-m", "hatch_multiplat", "lock"]
    run(command, environ=clean_environment(scratch / "home", []), cwd=with_it)
    lock = with_it / "pylock.multiplat.toml"
    locked = make_project(scratch / "locked" / "demo-multiplat", plugin, lock)
    lock.unlink()
    contenders = {
        f"{name}, {kind}": partial(build, [str(python), *words], project, environ)
        for name, (words, _) in FRONTENDS.items()
        for kind, project in (("without", without), ("with", with_it), ("locked", locked))
    }
    for name, contender in contenders.items():
        say(f"warming up: {name}: {contender().wall:.2f} s")
    series = in_turns(contenders, dict.fromkeys(contenders, runs))
    print_table(
        "A build of sdist and wheel, caches warm",
        ("", "without the plugin", "with it", "ratio", "with it and a lock", "ratio"),
        [_row(name, series, goal) for name, (_, goal) in FRONTENDS.items()],
    )
    fetched = {
        kind: count_fetched(python, next((project / "dist").glob("*.tar.gz")), environ, scratch)
        for kind, project in (("without", without), ("with", with_it))
    }
    for kind, names in fetched.items():
        print(f"\npip install of the sdist, {kind} the plugin, fetches: {', '.join(names)}")
    return {"series": series_to_json(series), "fetched": fetched}


def _row(name: str, series: Mapping[str, Series], goal: float) -> tuple[str, ...]:
    plain, ours, locked = (series[f"{name}, {kind}"] for kind in ("without", "with", "locked"))
    return (
        f"`{name}`",
        format_seconds(plain.wall),
        format_seconds(ours.wall),
        verdict(ours.wall / plain.wall, goal, at_least=False),
        format_seconds(locked.wall),
        verdict(locked.wall / plain.wall, goal, at_least=False),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="builds of each kind (5)")
    options = parser.parse_args()
    with scratch_folder() as scratch:
        write_results("frontends", compare(scratch, options.runs))


if __name__ == "__main__":
    main()
