"""uv in, Pylock out: one universal run over a staged project for all targets."""

from __future__ import annotations

import re
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uv
from packaging.utils import canonicalize_name

from hatch_multiplat.errors import ConfigError, SolveError
from hatch_multiplat.lock import parse_lock
from hatch_multiplat.process import run_tool
from hatch_multiplat.sources import absolute_locations
from hatch_multiplat.staging import (
    STAGED_NAME,
    lowest_python,
    solver_environments,
    stage_pyproject,
)
from hatch_multiplat.workspace import read_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Pylock
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName

    from hatch_multiplat.sources import Sources
    from hatch_multiplat.staging import TargetConstraint
    from hatch_multiplat.tag_constraint import TagConstraint
    from hatch_multiplat.target import Target


MAX_EXPLANATION: Final = 16
"""Lines of uv's explanation that are shown; it can list every release of a package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is to be solved; the same question has the same answer while the index stands still."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    targets: tuple[Target, ...]
    requires_python: SpecifierSet
    sources: Sources
    uv_table: Mapping[str, Any] = field(hash=False, compare=False)
    project_dir: Path
    offline: bool = False
    tag_constraints: tuple[TagConstraint, ...] = ()
    """Not for uv: what the search that asks it again and again keeps to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """uv's answer, and the absolute folder that the relative paths in it start from.

    `text` is the answer in uv's own words, from which the next question can start.
    """

    lock: Pylock
    base: Path
    text: str


def run_uv_solve(
    question: Question,
    *,
    steps: Sequence[TargetConstraint] = (),
    prior: str | None = None,
    confined: bool = True,
) -> Solved:
    """Solve for all targets in one run of uv.

    `steps` narrow the versions of packages on single targets. `prior` is the text of an earlier
    answer: uv keeps to its versions where it can. With `confined`, uv solves for the targets
    alone, and demands wheels for each where a package has no sdist; without, for any platform.
    Raises SolveError with uv's own explanation when there is no solution, and ToolError when uv
    cannot be run.
    """
    environments = solver_environments(question.targets, steps)
    python = lowest_python(question.targets, question.requires_python)
    staged = stage_pyproject(
        requirements=question.requirements,
        constraints=question.constraints,
        environments=environments,
        requires_python=f">={python}",
        uv_table=_staged_uv_table(question),
        confined=confined,
    )
    with tempfile.TemporaryDirectory(prefix="hatch-multiplat-") as name:
        folder = Path(name).resolve()
        (folder / "pyproject.toml").write_text(staged, encoding="utf-8")
        if prior is not None:
            (folder / "pylock.toml").write_text(prior, encoding="utf-8")
        finished = run_tool(
            "uv",
            [
                uv.find_uv_bin(),
                *("pip", "compile", "pyproject.toml"),
                *("--universal", "--format", "pylock.toml", "--python-version", python),
                *("--quiet", "--no-header", "--no-annotate", "--output-file", "pylock.toml"),
                *(["--offline"] if question.offline else []),
            ],
            cwd=folder,
            # Without this, uv first looks for an interpreter of `--python-version` to download.
            environ={
                "UV_PYTHON_DOWNLOADS": "never",
                "NO_COLOR": "1",
                **_source_environment(question.sources),
            },
            check=False,
        )
        if finished.returncode != 0:
            raise SolveError(_explanation(finished.stderr))
        text = (folder / "pylock.toml").read_text(encoding="utf-8")
        return Solved(lock=parse_lock(text, where="uv's answer"), base=folder, text=text)


def packages_blamed(explanation: str) -> tuple[NormalizedName, ...]:
    """Return the packages that uv's explanation of a failure speaks of, in its order."""
    named = re.findall(
        r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==|<=|>=|<|>)"
        r"|(?:versions of|depends on|only) ([A-Za-z0-9][A-Za-z0-9._-]*)",
        explanation,
    )
    names = (canonicalize_name(first or second) for first, second in named)
    return tuple(dict.fromkeys(name for name in names if name != STAGED_NAME))


def with_preferences(text: str, versions: Sequence[tuple[str, str]]) -> str:
    """Return a lock's text with further versions (name, version) that uv is to prefer."""
    entries = [f'\n[[packages]]\nname = "{name}"\nversion = "{v}"\n' for name, v in versions]
    return text + "".join(entries)


def read_uv_table(project_dir: Path, pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """Return the uv settings of a project: its `uv.toml` if it has one, else `[tool.uv]`.

    Sources are in pyproject.toml always; members of a workspace have their paths in them.
    Raises ConfigError for a `uv.toml` that is no TOML.
    """
    table = dict(pyproject.get("tool", {}).get("uv", {}))
    sources = read_sources(project_dir, pyproject)
    if sources:
        table["sources"] = sources
    path = project_dir / "uv.toml"
    if not path.is_file():
        return table
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"uv.toml is not TOML: {error}"]) from error
    return settings | {key: table[key] for key in ("sources",) if key in table}


def _source_environment(sources: Sources) -> dict[str, str]:
    """Return the variables that tell uv sources which it would not find by itself.

    Variables, not flags: URLs may carry credentials, and a command line is there for all to see.
    """
    find_links = ",".join(sources.find_links)
    if not sources.explicit:
        # uv runs in another folder, from where relative paths in its variable lead nowhere.
        return {"UV_FIND_LINKS": find_links} if find_links else {}
    return {
        "UV_DEFAULT_INDEX": sources.index_url,
        "UV_INDEX": " ".join(sources.extra_index_urls),
        "UV_FIND_LINKS": find_links,
        "UV_INDEX_URL": "",
        "UV_EXTRA_INDEX_URL": "",
    }


def _staged_uv_table(question: Question) -> dict[str, Any]:
    """Return `[tool.uv]` with paths that stay true in the staged project's folder.

    Its indexes go where other sources are in force; those bound to packages by name stay.
    """
    project_dir = question.project_dir
    result = dict(question.uv_table)
    if question.sources.explicit:
        for key in ("index-url", "extra-index-url", "find-links", "no-index"):
            result.pop(key, None)
        bound = [index for index in result.get("index", []) if index.get("explicit")]
        result["index"] = bound
    _place_locations(result, project_dir)
    sources: dict[str, list[dict[str, Any]]] = {}
    for name, value in result.get("sources", {}).items():
        entries = [dict(entry) for entry in (value if isinstance(value, list) else [value])]
        for entry in entries:
            if "path" in entry:
                entry["path"] = str((project_dir / entry["path"]).resolve())
                entry.pop("editable", None)
        sources[name] = entries
    if "sources" in result:
        result["sources"] = sources
    return result


def _place_locations(table: dict[str, Any], project_dir: Path) -> None:
    """Make the folders that a uv table has for indexes and find-links absolute."""
    if "index" in table:
        table["index"] = [
            {**index, "url": absolute_locations([index.get("url", "")], project_dir)[0]}
            for index in table["index"]
        ]
    if "index-url" in table:
        (table["index-url"],) = absolute_locations([table["index-url"]], project_dir)
    for key in ("extra-index-url", "find-links"):
        if key in table:
            table[key] = list(absolute_locations(table[key], project_dir))


def _explanation(stderr: str) -> str:
    """Return uv's explanation without its warnings and without the staged project's name."""
    text = stderr.replace(STAGED_NAME, "your project").replace("`", "'")
    text = re.sub(r"\{[^{}]*\}", "", text)  # uv's own name for the part of the targets concerned
    text = re.sub(r" for split \(markers: .*\)", "", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("warning:", "hint: While the active"))]
    if len(lines) > MAX_EXPLANATION:
        half = MAX_EXPLANATION // 2
        lines = [*lines[:half], f"... ({len(lines) - 2 * half} lines)", *lines[-half:]]
    listed = "\n".join(f"  {line}" for line in lines)
    return f"the dependencies cannot be resolved; uv says:\n{listed}"
