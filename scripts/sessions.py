"""Record the terminal sessions that the documentation shows, and draw the terminal of README.md.

Each session is the real output of its commands, in a copy of example_project/ with an empty
cache. Only the names of the temporary folder and of the machine's own folders are replaced.

With `--check` nothing is written: the commands run with the versions that were recorded, and what
they print now has to be what is there. Sizes, times, the versions of the tools, and what depends on
the machine may differ; anything else is shown as a diff, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import drawings
from example import EXAMPLE, make_constraints
from venvs import ROOT, capture, make_environment, run

SESSIONS = ROOT / "docs" / "sessions"
HOME = "/home/ada"
FAILING = {"gaps": 1, "mistakes": 1, "what-if": 4}  # What their last command ends with.

GOOD = "git-inspect-1.0.0.pex"
# The build frontend, whose lines are in the sessions: the next one may have others.
FRONTEND = "build==1.6.1"
# What would colour the output, change what the commands do, or mix other packages with PyPI's.
UNWANTED = re.compile(
    r"HATCH_|PEX_|FORCE_COLOR$|CLICOLOR_FORCE$|SOURCE_DATE_EPOCH$"
    r"|(?:PIP|UV)_(?:FIND_LINKS|EXTRA_INDEX_URL|INDEX)$"
)

# What may be another today, or on another machine, without the documentation being wrong.
VARYING: Final = (
    # Sizes and times, and the width of the columns that they are in.
    (r"\d+(?:\.\d+)? (?:bytes|[kMG]?B)\b", "SIZE"),
    (r"\b\d+(?:\.\d+)? s\b", "TIME"),
    # What is fetched: whole wheels from an index that does not serve their metadata alone.
    (r"^Fetch(?:ing|ed)\b.*\n", ""),
    # Versions of the tools, and what is newest in the index.
    (r"(?<=\w)(==|>=)[\w.+]*\d", r"\1VERSION"),
    (r"\b(hatch-multiplat|pex) \d[\w.+]*\b", r"\1 VERSION"),
    # The digest of start-up, which is another in each version.
    (r"\b[0-9a-f]{64}\b", "SHA256"),
    (r"^( +to do: ).*(?:\n {4}.*)*$", r"\1..."),
    # The machine, its Pythons, and the place of the environment.
    (r"^[* ] (cp\d.* wheels\))$", r"\1"),
    (r"^this machine: .*$", "this machine: ..."),
    (r"^fits cp\S+: ", "fits TARGET: "),
    (r"^set up at .*$", "set up at ..."),
    (r"^(cp\S+ +proven), run$", r"\1"),
    (r"^  ran in .*\n    git-inspect 1\.0\.0\n", ""),
    (r", (?:none run|\d+ run with --version)$", ""),
    # The name of the commit is that of what the example has in it, to the last comment.
    (r"(?<=commit {3})[0-9a-f]{40}", "COMMIT"),
    (r" +", " "),
)

# A table with mistakes, and one with dependencies that not every target has wheels for.
MISTAKES = """\
[tool.multiplat]
platforms = ["linux_x64", "macos-arm64"]
python = ["3.13", "3.31"]
scirpt = "git-inspect"
inject-args = "--version"
"""
GAPS = """\
[tool.multiplat]
platforms = ["linux-x86_64", "macos-arm64", "windows-x86_64"]
python = ["3.12", "3.13"]
requirements = ["uvloop", "pandas==2.2.2"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    check = parser.parse_args().check
    if check and sys.platform != "linux":
        sys.exit("the sessions are from Linux, and compared there only")
    sessions = record_all(recorded_versions() if check else {})
    if check:
        sys.exit(compare(sessions))
    for name, text in sessions.items():
        (SESSIONS / f"{name}.txt").write_text(text, "utf-8")
    drawings.write_all()


def recorded_versions() -> dict[str, str]:
    """Return the versions of the packages in the sessions, whichever are the newest today."""
    locked = re.findall(r"^added (\S+) (\S+)$", read_session("lock"), re.MULTILINE)
    missing = re.findall(r"^(\S+) (\d\S*): no wheel", read_session("gaps"), re.MULTILINE)
    if not locked or not missing:
        sys.exit("no versions found in docs/sessions/lock.txt and docs/sessions/gaps.txt")
    return dict(missing) | dict(locked)


def read_session(name: str) -> str:
    return (SESSIONS / f"{name}.txt").read_text("utf-8")


def record_all(versions: dict[str, str]) -> dict[str, str]:
    """Run the commands of all sessions, and return what each of them looks like.

    `versions` are those of packages that are to be taken; of others, the newest is.
    """
    python = make_environment("sessions", "--editable", ".[cli,sbom]", FRONTEND)
    constraints = make_constraints(python)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        project = home / "git-inspect"
        unwanted = shutil.ignore_patterns("dist", "classic", "wheelhouse", "__pycache__")
        shutil.copytree(EXAMPLE, project, ignore=unwanted)
        commit(project)
        pyproject = project / "pyproject.toml"
        before, header, table = pin(pyproject.read_text("utf-8"), versions)
        pyproject.write_text(before + header + table, "utf-8")
        environ = {
            **{name: value for name, value in os.environ.items() if not UNWANTED.match(name)},
            "COLUMNS": "80",
            "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_CONSTRAINT": constraints,
            "PYTHONUNBUFFERED": "1",
            "XDG_CACHE_HOME": str(home / ".cache"),
        }
        sessions = {
            name: record(name, project, environ, *commands)
            for name, commands in {
                "build": ("python -m build", "ls dist"),
                "run": (f"./dist/{GOOD}",),
                "info": (f"MULTIPLAT=info ./dist/{GOOD}",),
                "venv": (f"MULTIPLAT=venv ./dist/{GOOD} ~/app", "~/app/bin/git-inspect --version"),
                "targets": ("hatch-multiplat targets",),
                "check": ("hatch-multiplat check",),
                "what-if": ("hatch-multiplat check --platform linux-riscv64",),
                "inspect": (f"hatch-multiplat inspect dist/{GOOD}",),
                "verify": (f"hatch-multiplat verify dist/{GOOD}",),
                "split": (f"hatch-multiplat split dist/{GOOD} --each platform",),
                "lock": ("hatch-multiplat lock", "hatch-multiplat lock --check"),
                "checksums": (
                    "hatch-multiplat build --wheel dist/*.whl --checksums --sbom",
                    "cd dist && sha256sum --check SHA256SUMS",
                ),
            }.items()
        }
        (project / "pylock.multiplat.toml").unlink()
        for name, table in (("mistakes", MISTAKES), ("gaps", GAPS)):
            pyproject.write_text(before + table, "utf-8")
            show = f"tail -n {len(table.splitlines())} pyproject.toml"
            sessions[name] = record(name, project, environ, show, "python -m build --wheel")
    return sessions


def pin(text: str, versions: dict[str, str]) -> tuple[str, str, str]:
    """Return a pyproject.toml that takes these versions: before, at, and after the table's header.

    They go into a table of uv's, which no session shows.
    """
    before, header, table = text.partition("[tool.multiplat]\n")
    if versions:
        pins = [f"{name}=={version}" for name, version in versions.items()]
        before += f"[tool.uv]\nconstraint-dependencies = {json.dumps(pins)}\n\n"
    return before, header, table


def compare(sessions: dict[str, str]) -> str | int:
    """Print how the sessions differ from the recorded ones; returns what to exit with."""
    known = {path.stem for path in SESSIONS.glob("*.txt")}
    failed = sorted(known ^ set(sessions))
    for name in sorted(known & set(sessions)):
        recorded, now = (
            smooth(text).splitlines(keepends=True) for text in (read_session(name), sessions[name])
        )
        path = f"docs/sessions/{name}.txt"
        if differences := list(difflib.unified_diff(recorded, now, path, "today")):
            sys.stdout.writelines(differences)
            failed.append(name)
    if failed:
        return f"not as recorded: {', '.join(failed)}; scripts/sessions.py records anew"
    print(f"as recorded: {', '.join(sorted(known))}")
    return 0


def smooth(text: str) -> str:
    """Return a session without what may vary."""
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def commit(project: Path) -> None:
    """Make the project a repository with one commit, always the same."""
    person = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"]
    # Nobody's own settings change the files, or sign the commit.
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    run("git", "init", "--quiet", "--initial-branch=main", project, extra_env=plain)
    run("git", "-C", project, "add", "--all", extra_env=plain)
    dates = dict.fromkeys(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"], "2026-01-01T12:00:00+00:00")
    message = "Show who wrote the commit"
    run("git", "-C", project, *person, "commit", "--quiet", "-m", message, extra_env=plain | dates)


def record(name: str, project: Path, environ: dict[str, str], *commands: str) -> str:
    """Run commands in the project; returns them with their output, as a terminal shows them."""
    home = str(project.parent)
    lines = []
    for command in commands:
        print("$", command, flush=True)
        done = capture(command.replace("~", home), cwd=project, env=environ)
        if done.returncode != (FAILING.get(name, 0) if command == commands[-1] else 0):
            sys.exit(done.stdout)
        output = done.stdout.replace(home, HOME).replace(f"{Path.home()}/", f"{HOME}/")
        # A tip of the build frontend for those who debug a build backend.
        output = re.sub(r"^TIP .*\n", "", output, flags=re.MULTILINE)
        lines += [f"$ {command}", *(line.rstrip() for line in output.strip("\n").splitlines())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
