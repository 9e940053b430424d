"""Record the terminal sessions that the documentation shows, and put them into README.md too.

Each session is the real output of its commands, in a copy of example_project/ with an empty
cache. Only the names of the temporary folder and of the machine's own folders are replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from example import EXAMPLE, make_constraints
from venvs import ROOT, make_environment, run

SESSIONS = ROOT / "docs" / "sessions"
HOME = "/home/ada"
FAILING = {"gaps": 1, "mistakes": 1, "what-if": 4}  # What their last command ends with.

GOOD = "git-inspect-1.0.0.pex"

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
    python = make_environment("example", "build")
    commands = make_environment("commands", "--editable", ".[sbom]")
    constraints = make_constraints(python)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        project = home / "git-inspect"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("dist", "classic"))
        commit(project)
        environ = {
            **os.environ,
            "COLUMNS": "80",
            "PATH": os.pathsep.join([str(python.parent), str(commands.parent), os.environ["PATH"]]),
            "PIP_CONSTRAINT": constraints,
            "PYTHONUNBUFFERED": "1",
            "XDG_CACHE_HOME": str(home / ".cache"),
        }
        environ.pop("HATCH_MULTIPLAT_CACHE", None)
        record("build", project, environ, "python -m build", "ls dist")
        record("run", project, environ, f"./dist/{GOOD}")
        record("info", project, environ, f"MULTIPLAT=info ./dist/{GOOD}")
        record(
            "venv",
            project,
            environ,
            f"MULTIPLAT=venv ./dist/{GOOD} ~/app",
            "~/app/bin/git-inspect --version",
        )
        record("targets", project, environ, "hatch-multiplat targets")
        record("check", project, environ, "hatch-multiplat check")
        record("what-if", project, environ, "hatch-multiplat check --platform linux-riscv64")
        record("inspect", project, environ, f"hatch-multiplat inspect dist/{GOOD}")
        record("verify", project, environ, f"hatch-multiplat verify dist/{GOOD}")
        record("split", project, environ, f"hatch-multiplat split dist/{GOOD} --each platform")
        record("lock", project, environ, "hatch-multiplat lock", "hatch-multiplat lock --check")
        record(
            "checksums",
            project,
            environ,
            "hatch-multiplat build --wheel dist/*.whl --checksums --sbom",
            "cd dist && sha256sum --check SHA256SUMS",
        )
        (project / "pylock.multiplat.toml").unlink()
        for name, table in (("mistakes", MISTAKES), ("gaps", GAPS)):
            text = (EXAMPLE / "pyproject.toml").read_text("utf-8")
            text = text[: text.index("[tool.multiplat]")] + table
            (project / "pyproject.toml").write_text(text, "utf-8")
            lines = len(table.splitlines())
            record(
                name, project, environ, f"tail -n {lines} pyproject.toml", "python -m build --wheel"
            )
    quote_in(ROOT / "README.md")


def commit(project: Path) -> None:
    """Make the project a repository with one commit, always the same."""
    person = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"]
    run("git", "init", "--quiet", "--initial-branch=main", project)
    run("git", "-C", project, "add", "--all")
    dates = dict.fromkeys(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"], "2026-01-01T12:00:00+00:00")
    message = "Show who wrote the commit"
    run("git", "-C", project, *person, "commit", "--quiet", "-m", message, extra_env=dates)


def record(name: str, project: Path, environ: dict[str, str], *commands: str) -> None:
    """Run commands in the project and write them with their output to docs/sessions/NAME.txt."""
    home = str(project.parent)
    lines = []
    for command in commands:
        print("$", command, flush=True)
        done = subprocess.run(
            command.replace("~", home),
            shell=True,
            cwd=project,
            env=environ,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        if done.returncode != (FAILING.get(name, 0) if command == commands[-1] else 0):
            sys.exit(done.stdout)
        output = done.stdout.replace(home, HOME).replace(f"{Path.home()}/", f"{HOME}/")
        # A tip of the build frontend for those who debug a build backend.
        output = re.sub(r"^TIP .*\n", "", output, flags=re.MULTILINE)
        lines += [f"$ {command}", *(line.rstrip() for line in output.strip("\n").splitlines())]
    (SESSIONS / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")


def quote_in(page: Path) -> None:
    """Put the sessions into the blocks of a page that say which one they are from."""

    def quote(match: re.Match[str]) -> str:
        return f"{match[1]}{(ROOT / match[2]).read_text('utf-8')}```\n"

    block = re.compile(
        r"(<!-- from (docs/sessions/[\w-]+\.txt) -->\n```console\n).*?^```\n",
        re.DOTALL | re.MULTILINE,
    )
    page.write_text(block.sub(quote, page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
