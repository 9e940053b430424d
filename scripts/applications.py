"""Build real applications into one executable each, start them, and write down what it took.

Each comes from its own sdist on the package index, gets its table by `hatch-multiplat init`, is
built by an ordinary `uv build`, and is started under every Python that the table names and that
is here. Words name some of the applications of applications.toml; without any, all are built,
and the documentation's table is written anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import tomllib
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from example import make_constraints
from venvs import ROOT, VENVS, capture, make_environment

LIST: Final = ROOT / "scripts" / "applications.toml"
PAGE: Final = ROOT / "docs" / "explanation" / "applications.md"
DATA: Final = PAGE.with_suffix(".json")
BEGIN: Final = "<!-- table: begin -->\n"
END: Final = "<!-- table: end -->\n"

# The summary that ends a build, and the line before each further run of the solver.
SOLVED: Final = re.compile(r"wheels?, solved in (\d+) runs?, ([\d.]+) s")
STEPS: Final = re.compile(r"^Stepping back for wheels: (.+)$", re.MULTILINE)
STEP: Final = re.compile(r"(\S+ \S+ -> \S+) \((\d+) targets?\)")


class ApplicationError(Exception):
    """An application cannot be built, or does not say what it has to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """An entry of applications.toml: a release, what its table needs, and how to start it.

    `expect` is a regular expression for what `run` prints; `{version}` in it is the release's.
    `table` is TOML for `[tool.multiplat]` beside platforms and Pythons.
    """

    name: str
    version: str
    platforms: list[str]
    python: list[str]
    run: list[str]
    expect: str
    table: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The commands that are run, and the folder of what they may keep."""

    uv: Path
    hatch_multiplat: Path
    constraints: Path
    folder: Path


def main() -> None:
    applications = read_list()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of the applications")
    parser.add_argument("--keep", type=Path, help="where the executables are kept")
    parser.add_argument("--compare", action="store_true", help="start it by uv, too, and compare")
    parser.add_argument("--data", type=Path, help="where the figures go [default: the docs]")
    parser.add_argument("--render", action="store_true", help="only write the page's table anew")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - {application.name for application in applications})
    if unknown:
        parser.error(f"applications.toml has no {', '.join(unknown)}")
    if not chosen.render:
        wanted = [entry for entry in applications if not chosen.names or entry.name in chosen.names]
        failed = build_all(
            wanted,
            data=chosen.data or (None if chosen.names else DATA),
            keep=chosen.keep,
            compare=chosen.compare,
        )
        if failed:
            sys.exit(f"failed: {', '.join(failed)}")
    if chosen.render or not (chosen.names or chosen.data):
        write_page(json.loads(DATA.read_text("utf-8")))


def read_list() -> list[Application]:
    """Read applications.toml; what an entry does not say is in its `defaults`."""
    listed = tomllib.loads(LIST.read_text("utf-8"))
    return [Application(**listed["defaults"] | entry) for entry in listed["applications"]]


def build_all(
    applications: list[Application], *, data: Path | None, keep: Path | None, compare: bool
) -> list[str]:
    """Build one after the other, write the figures to `data`; returns the names that failed."""
    commands = make_environment("commands", "--editable", ".[cli,sbom]").parent
    make_constraints(make_environment("example", "build"))
    figures: list[dict[str, Any]] = []
    failed = []
    for application in applications:
        print(f"== {application.name} {application.version}", flush=True)
        with tempfile.TemporaryDirectory(prefix="application-") as folder:
            tools = Tools(
                uv=commands / "uv",
                hatch_multiplat=commands / "hatch-multiplat",
                constraints=VENVS / "wheels" / "constraints.txt",
                folder=Path(folder).resolve(),
            )
            try:
                found, executable = build_one(application, tools)
                if compare:
                    compare_with_uv(application, found, tools)
            except ApplicationError as error:
                print(error, flush=True)
                failed.append(application.name)
                continue
            figures.append(found)
            print(json.dumps(found, indent=2), flush=True)
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy2(executable, keep)
    if data:
        data.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return failed


def build_one(application: Application, tools: Tools) -> tuple[dict[str, Any], Path]:
    """Build and start an application; returns its figures and the executable.

    Raises ApplicationError where a command fails or prints something else than it has to.
    """
    project = fetch_sdist(application, tools)
    table = write_table(application, project, tools)
    started = time.monotonic()
    # A release may have a `.python-version` of a Python that is not here.
    options = ("--python", sys.executable, "--build-constraint", tools.constraints)
    words = ("build", "--wheel", "--out-dir", "dist", *options)
    printed = run([tools.uv, *words], cwd=project, environ=build_environment(tools))
    whole = time.monotonic() - started
    (executable,) = (project / "dist").glob("*.pex")
    solved = SOLVED.search(printed)
    if solved is None:
        raise ApplicationError(f"there is no summary in what the build printed:\n{printed}")
    inspected = json.loads(
        run([tools.hatch_multiplat, "inspect", "--json", executable], cwd=tools.folder)
    )
    starts = {minor: start(application, executable, minor, tools) for minor in application.python}
    return {
        "name": application.name,
        "version": application.version,
        "table": table,
        "build_seconds": round(whole, 1),
        "seconds": float(solved[2]),
        "solver_runs": int(solved[1]),
        "steps_back": [
            {"package": package, "targets": int(targets)}
            for steps in STEPS.findall(printed)
            for package, targets in STEP.findall(steps)
        ],
        "size": executable.stat().st_size,
        "targets": len(inspected["targets"]),
        "wheels": len(inspected["wheels"]),
        "packages": len({wheel["name"] for wheel in inspected["wheels"]}),
        "starts": starts,
    }, executable


def fetch_sdist(application: Application, tools: Tools) -> Path:
    """Download an application's sdist, check its hash, unpack it; returns the project's folder."""
    answer = run(
        [
            *(tools.uv, "pip", "compile", "-", "--quiet", "--no-deps", "--universal"),
            *("--format", "pylock.toml", "--python-version", application.python[0]),
        ],
        cwd=tools.folder,
        environ={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        text=f"{application.name}=={application.version}\n",
    )
    (package,) = tomllib.loads(answer)["packages"]
    with urllib.request.urlopen(package["sdist"]["url"], timeout=120) as response:
        content = response.read()
    if hashlib.sha256(content).hexdigest() != package["sdist"]["hashes"]["sha256"]:
        raise ApplicationError(f"{package['sdist']['url']} has another hash than the index says")
    path = tools.folder / "sdist.tar.gz"
    path.write_bytes(content)
    with tarfile.open(path) as archive:
        archive.extractall(tools.folder / "sdist", filter="data")
    (project,) = (tools.folder / "sdist").iterdir()
    return project


def write_table(application: Application, project: Path, tools: Tools) -> str:
    """Write the table and the hook; returns what the table has beside platforms and Pythons."""
    words: list[str | Path] = [tools.hatch_multiplat, "init", "--quiet"]
    for platform in application.platforms:
        words += ["--platform", platform]
    for python in application.python:
        words += ["--python", python]
    run([*words, project], cwd=tools.folder)
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text("utf-8")
    header = "[tool.multiplat]\n"
    if application.table:
        if text.count(header) != 1:
            raise ApplicationError(f"init wrote {header.strip()} {text.count(header)} times")
        text = text.replace(header, f"{header}{application.table.strip()}\n")
        pyproject.write_text(text, "utf-8")
    table = tomllib.loads(text)["tool"]["multiplat"]
    defaults = tomllib.loads(LIST.read_text("utf-8"))["defaults"]
    return "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in table.items() if value != defaults.get(key)
    )


def build_environment(tools: Tools) -> dict[str, str]:
    """Return an environment in which every wheel has to be downloaded.

    A person's pip configuration stays out, as uv, which installs the backend, does not read it.
    """
    return {
        **os.environ,
        "PIP_CONFIG_FILE": os.devnull,
        "HATCH_MULTIPLAT_CACHE": str(tools.folder / "cache"),
        "NO_COLOR": "1",
        "COLUMNS": "500",
    }


def start(
    application: Application, executable: Path, minor: str, tools: Tools
) -> dict[str, Any] | None:
    """Start an executable twice with an empty cache; None where there is no such Python here."""
    python = find_python(minor)
    if python is None:
        return None
    environ = {**os.environ, "XDG_CACHE_HOME": str(tools.folder / f"home-{minor}")}
    environ.pop("PEX_ROOT", None)
    expected = application.expect.replace("{version}", re.escape(application.version))
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        printed = run([python, executable, *application.run], cwd=tools.folder, environ=environ)
        seconds.append(round(time.monotonic() - started, 2))
        if not re.search(expected, printed):
            raise ApplicationError(f"{minor}: it does not say {expected!r}:\n{printed}")
    return {
        "first": seconds[0],
        "later": seconds[1],
        "printed": printed.strip().replace(str(tools.folder), "~"),
    }


def find_python(minor: str) -> Path | None:
    """Find a Python of a minor: that which runs this, or pyenv's, or the one on PATH."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == minor:
        return Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    if found := sorted(pyenv.glob(f"versions/{minor}.*/bin/python")):
        return found[-1]
    on_path = shutil.which(f"python{minor}")
    return Path(on_path) if on_path else None


def compare_with_uv(application: Application, found: dict[str, Any], tools: Tools) -> None:
    """Start the release by `uv tool run`; raises ApplicationError where it prints anything else."""
    table = tomllib.loads(found["table"])
    extras = f"[{','.join(table['extras'])}]" if "extras" in table else ""
    script = table.get("script", application.name)
    for minor, start_found in found["starts"].items():
        if start_found is None:
            continue
        requirement = f"{application.name}{extras}=={application.version}"
        words = ("tool", "run", "--quiet", "--python", find_python(minor) or minor)
        extra = [word for one in table.get("requirements", []) for word in ("--with", one)]
        printed = run(
            [tools.uv, *words, "--from", requirement, *extra, script, *application.run],
            cwd=tools.folder,
        ).strip()
        same = printed == start_found["printed"]
        print(f"uv tool run, Python {minor}: {'the same' if same else printed}", flush=True)


def run(
    words: list[str | Path],
    *,
    cwd: Path,
    environ: dict[str, str] | None = None,
    text: str = "",
) -> str:
    """Run a command; returns all that it printed, or raises ApplicationError with it."""
    done = capture(words, cwd=cwd, env=environ, input=text)
    if done.returncode:
        shown = " ".join(map(str, words))
        raise ApplicationError(f"exit code {done.returncode}: {shown}\n{done.stdout}")
    return done.stdout


def write_page(figures: list[dict[str, Any]]) -> None:
    """Put the table into the documentation's page, between its two marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{render_table(figures)}{END}{after}", "utf-8")


def render_table(figures: list[dict[str, Any]]) -> str:
    """Render the table in Markdown: a row for each application."""
    titles = (
        *("application", "packages", "wheels", "file", "solver runs", "steps back (targets)"),
        *("build", "first start", "later", "in its table"),
    )
    rows = [titles, ("---",) * len(titles)]
    for found in figures:
        starts = [start_found for start_found in found["starts"].values() if start_found]
        rows.append(
            (
                f"{found['name']} {found['version']}",
                str(found["packages"]),
                str(found["wheels"]),
                f"{found['size'] / 1e6:.1f} MB",
                str(found["solver_runs"]),
                ", ".join(f"{step['package']} ({step['targets']})" for step in found["steps_back"])
                or "-",
                f"{found['seconds']:.1f} s",
                f"{max(one['first'] for one in starts):.1f} s",
                f"{max(one['later'] for one in starts):.1f} s",
                ", ".join(f"`{line}`" for line in found["table"].splitlines()) or "-",
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("->", "to")


if __name__ == "__main__":
    main()
