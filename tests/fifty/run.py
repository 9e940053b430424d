"""Run `check` on each of the fifty applications, and keep what it said.

`python -m tests.fifty.run FOLDER [NAME ...]`: FOLDER/NAME/ gets `check.json`, `stderr.txt`, and
`run.json` with exit code and seconds. What is in FOLDER already is not run again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LIST = Path(__file__).with_name("applications.toml")

PROJECT = """\
[build-system]
requires = ["hatchling", "hatch-multiplat"]
build-backend = "hatchling.build"

[project]
name = "the-application"
version = "1"
requires-python = ">=3.11"
dependencies = ["{requirement}"]

[project.scripts]
the-application = "the_application:main"

[tool.hatch.build.hooks.multiplat]

[tool.multiplat]
platforms = {platforms}
python = {python}
"""


def run(name: str, requirement: str, listed: dict[str, object], folder: Path) -> None:
    """Run `check` on a project that requires nothing but `requirement`."""
    if (folder / "run.json").exists():
        return
    project = folder / "project"
    project.mkdir(parents=True, exist_ok=True)
    project.joinpath("the_application.py").write_text("def main(): ...\n", "utf-8")
    project.joinpath("pyproject.toml").write_text(
        PROJECT.format(
            requirement=requirement,
            platforms=json.dumps(listed["platforms"]),
            python=json.dumps(listed["python"]),
        ),
        "utf-8",
    )
    start = time.monotonic()
    with (folder / "check.json").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        command = [str(Path(sys.executable).with_name("hatch-multiplat")), "check", "--json"]
        done = subprocess.run(command, cwd=project, stdout=out, stderr=err, check=False)
    seconds = round(time.monotonic() - start, 1)
    ended = {"requirement": requirement, "exit": done.returncode, "seconds": seconds}
    (folder / "run.json").write_text(json.dumps(ended), "utf-8")
    sys.stdout.write(f"{name}: exit {done.returncode}, {seconds} s\n")
    sys.stdout.flush()


def main() -> None:
    """Run all of the list, or the named ones, two at a time."""
    listed = tomllib.loads(LIST.read_text("utf-8"))
    folder, *names = sys.argv[1:]
    with ThreadPoolExecutor(2) as threads:
        for _, requirement in listed["applications"]:
            name = requirement.partition("[")[0]
            if not names or name in names:
                threads.submit(run, name, requirement, listed, Path(folder, name))


if __name__ == "__main__":
    main()
