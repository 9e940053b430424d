"""uv in, Pylock out: one universal run over a staged project for all targets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uv
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, FetchError, SolveError, ToolError
from hatch_multiplat.base.process import Finished, run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.base.urls import local_path, redact
from hatch_multiplat.index.http_client import certificate_variables
from hatch_multiplat.index.index_trouble import explain_trouble
from hatch_multiplat.index.project_settings import read_settings, read_sources, valid_requirements
from hatch_multiplat.index.sources import refuse_foreign_files, says_yes, uv_environment
from hatch_multiplat.index.user_settings import UNHEARD, hide_settings
from hatch_multiplat.resolve.staging import (
    STAGED_NAME,
    lowest_python,
    solver_environments,
    stage_pyproject,
)
from hatch_multiplat.wheels.pylock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.pylock import Pylock
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName

    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.resolve.staging import TargetConstraint
    from hatch_multiplat.targets.tag_constraint import TagConstraint
    from hatch_multiplat.targets.target import Target


SOURCE_KEYS: Final = frozenset(
    {
        "extra-index-url",
        "find-links",
        "index",
        "index-strategy",
        "index-url",
        "no-index",
        "pip",
    }
)
"""The keys of uv's settings that `Sources` has taken up."""

MAX_EXPLANATION: Final = 16
"""Lines of uv's explanation that are shown; it can list every release of a package."""

_NO_ANSWER: Final = ("No solution found", "unsatisfiable", "Failed to build")
_OWN_FAILURE: Final = re.compile(
    r"os error \d+|Failed to initialize|Failed to parse|TOML parse error"
    r"|Request failed|Failed to (?:fetch|download)|error sending request|timed out"
)
"""What uv says when its cache, its settings or the network is in the way."""

_NOT_FOUND: Final = re.compile(
    r"([A-Za-z0-9][\w.-]*) was not found in the (?:package registry|provided package locations)"
)
_UNWRITABLE: Final = re.compile(
    r"initialize cache|Read-only file system|Permission denied|No space left|quota exceeded"
)
_UNASKED_PYTHON: Final = "The requested Python version"
"""How uv's warning begins that it builds sdists by another Python than the lowest target's."""

_CACHE_HINT: Final = (
    "Where a cache cannot be written, name other folders by the environment variables "
    "UV_CACHE_DIR and HATCH_MULTIPLAT_CACHE."
)


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

    @property
    def direct(self) -> frozenset[NormalizedName]:
        """The packages that uv's sources apply to: none of those that come along with others."""
        return frozenset(canonicalize_name(requirement.name) for requirement in self.requirements)

    def excludes_newer(self, environ: Mapping[str, str]) -> bool:
        """Tell whether uv is set to leave files out by the time of their upload."""
        keys = {*self.uv_table, *self.sources.user_settings}
        return bool(environ.get("UV_EXCLUDE_NEWER")) or not keys.isdisjoint(
            {"exclude-newer", "exclude-newer-package"}
        )


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
    restricted: bool = True,
    merged: Sequence[str] = (),
    timeout: float | None = None,
    warn: Callable[[str], object] | None = None,
) -> Solved:
    """Solve for all targets in one run of uv.

    `steps` narrow the versions of packages on single targets. `prior` is the text of an earlier
    answer: uv keeps to its versions where it can. With `confined`, uv solves for the targets
    alone, and demands wheels for each where a package has no sdist; without, for any platform.
    `merged` are indexes to ask before all others, `timeout` is in seconds. `warn` hears what uv
    warns of, whether or not it finds an answer.
    Raises SolveError with uv's own explanation when there is no solution, FetchError when an index
    cannot be read, ConfigError for sources that lead nowhere, and ToolError when uv cannot be run,
    or fails for another reason: its cache, its settings.
    """
    _check_indexes(question)
    environments = solver_environments(question.targets, steps)
    python = lowest_python(question.targets, question.requires_python)
    staged = stage_pyproject(
        requirements=question.requirements,
        constraints=question.constraints,
        environments=environments,
        requires_python=f">={python}",
        uv_table=_staged_uv_table(question, merged),
        restricted=restricted,
    )
    with temporary_folder() as folder:
        staged = question.sources.credentials.with_query_variables(staged)
        (folder / "pyproject.toml").write_text(staged, encoding="utf-8")
        if prior is not None:
            (folder / "pylock.toml").write_text(prior, encoding="utf-8")
        finished = run_tool(
            "uv",
            [
                uv.find_uv_bin(),
                *("pip", "compile", "pyproject.toml"),
                *("--universal", "--format", "pylock.toml", "--python-version", python),
                *("--no-header", "--no-annotate", "--output-file", "pylock.toml"),
                *(["--offline"] if question.offline else []),
            ],
            cwd=folder,
            # Without this, uv first looks for an interpreter of `--python-version` to download.
            environ={
                "UV_PYTHON_DOWNLOADS": "never",
                "NO_COLOR": "1",
                **UNHEARD,
                **uv_environment(question.sources),
                # uv itself ends with an error where it is empty.
                "UV_NO_SOURCES": "1" if says_yes(os.environ, "UV_NO_SOURCES") else None,
                **certificate_variables(os.environ),
                **hide_settings(os.environ, folder / "settings"),
            },
            check=False,
            timeout=timeout,
        )
        if warn is not None:
            for warning in read_warnings(finished.stderr):
                warn(warning)
        if finished.returncode != 0:
            raise _failure(finished, question.sources)
        said = (folder / "pylock.toml").read_text(encoding="utf-8")
        text = question.sources.credentials.take_text(said)
        lock = parse_lock(text, where="uv's answer")
        if not merged:
            refuse_foreign_files(question.sources, _local_files(lock, folder))
        _check_constrained(question, lock)
        return Solved(lock=lock, base=folder, text=text)


def _local_files(lock: Pylock, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of this machine among those that a lock has from indexes."""
    for package in lock.packages:
        for file in (*(package.wheels or ()), package.sdist):
            if file is None:
                continue
            path = Path(file.path) if file.path else local_path(file.url or "https:")
            if path is not None:
                yield str(package.name), folder / path


def read_warnings(stderr: str) -> tuple[str, ...]:
    """Return what uv warns of, each once, without what is not the user's to change.

    That are the options of uv's command line, and the Python that it runs on.
    """
    found: dict[str, None] = {}
    for line in stderr.splitlines():
        kind, _, text = line.strip().partition(": ")
        if kind != "warning" or text.startswith(_UNASKED_PYTHON):
            continue
        sentences = re.split(r"(?<=[.;]) ", text.replace(STAGED_NAME, "your project"))
        kept = " ".join(words for words in sentences if not re.search(r"(^|[\s`])--\w", words))
        if kept:
            found[kept.replace("`", "'").rstrip(".;")] = None
    return tuple(found)


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

    For a member of a workspace they are those of the workspace's root. Sources are in
    pyproject.toml always; members of a workspace have their paths in them. Raises ConfigError for
    a `uv.toml` that is no TOML.
    """
    table = read_settings(project_dir, pyproject)
    sources = read_sources(project_dir, pyproject)
    return {**table, "sources": sources} if sources else table


def _staged_uv_table(question: Question, merged: Sequence[str] = ()) -> dict[str, Any]:
    """Return `[tool.uv]` for the staged project: paths stay true, sources are those chosen."""
    result = {key: value for key, value in question.uv_table.items() if key not in SOURCE_KEYS}
    result = question.sources.uv_settings() | result
    result["index"] = [*({"url": url} for url in merged), *result["index"]]
    sources: dict[str, list[dict[str, Any]]] = {}
    for name, value in result.get("sources", {}).items():
        entries = [dict(entry) for entry in (value if isinstance(value, list) else [value])]
        for entry in entries:
            if "path" in entry:
                entry["path"] = str((question.project_dir / entry["path"]).resolve())
                entry.pop("editable", None)
        sources[name] = entries
    if "sources" in result:
        result["sources"] = sources
    return result


def _check_indexes(question: Question) -> None:
    """Raise ConfigError for sources that name an index which no settings have."""
    if says_yes(os.environ, "UV_NO_SOURCES"):
        return
    known = [name for name, _ in question.sources.named]
    problems = []
    for name, value in question.uv_table.get("sources", {}).items():
        if canonicalize_name(name) not in question.direct:
            continue
        for number, entry in enumerate(value if isinstance(value, list) else [value]):
            index = entry.get("index", "")
            if index and index not in known:
                place = f"{name}[{number}]" if isinstance(value, list) else name
                names = ", ".join(map(repr, known)) or "none"
                problems.append(
                    f"tool.uv.sources.{place}.index: no index is named {index!r} (named are: "
                    f"{names}); give one of [[tool.uv.index]] that name"
                )
    if problems:
        raise ConfigError(problems)


def _check_constrained(question: Question, lock: Pylock) -> None:
    """Raise ConfigError where a lock of uv's own would heed a source that this answer does not.

    `uv lock` applies sources to constraints and overrides as well, `uv pip compile` does not: a
    package that the user has bound to an index would come from another one. A constraint does no
    harm where the project itself requires the package; an override replaces that requirement.
    """
    bound = {canonicalize_name(name) for name in question.uv_table.get("sources", {})}
    bound &= {package.name for package in lock.packages}
    alone = (
        "counts in a build only if the project itself requires {0}; add it to project.dependencies"
    )
    never = (
        "does not count in a build where {0} is overridden; require the version in "
        "project.dependencies and leave the override out"
    )
    ways = {
        "constraint-dependencies": (bound - question.direct, alone),
        "override-dependencies": (bound, never),
    }
    problems = []
    for key, (names, words) in ways.items():
        for number, text in enumerate(question.uv_table.get(key, ())):
            problems += [
                f"tool.uv.{key}[{number}]: the source tool.uv.sources.{requirement.name} "
                + words.format(requirement.name)
                for requirement in valid_requirements([text])
                if canonicalize_name(requirement.name) in names
            ]
    if problems and not says_yes(os.environ, "UV_NO_SOURCES"):
        raise ConfigError(problems)


def _failure(finished: Finished, sources: Sources) -> SolveError | FetchError | ToolError:
    """Tell a question without an answer from an index in trouble, and from a failure of uv."""
    said = finished.stderr
    trouble = explain_trouble(said, sources)
    if trouble is not None:
        return FetchError(trouble)
    ours = finished.returncode in {1, 2} and not _OWN_FAILURE.search(said)
    if ours or any(words in said for words in _NO_ANSWER):
        lines = [_explanation(said), *_places_asked(said, sources)]
        return SolveError("\n".join(["the dependencies cannot be resolved; uv says:", *lines]))
    hint = f"\n{_CACHE_HINT}" if _UNWRITABLE.search(said) else ""
    return ToolError(f"uv failed:\n{_explanation(said) or '  (it printed nothing)'}{hint}")


def _places_asked(said: str, sources: Sources) -> list[str]:
    """Say for each package that uv has not found where that was: it does not tell."""
    lines = []
    for name in dict.fromkeys(_NOT_FOUND.findall(said)):
        places = [*sources.find_links, *sources.indexes_for(canonicalize_name(name))]
        if places:
            listed = ", ".join(_with_origin(place, sources) for place in places)
            lines.append(f"{name} was looked for at {listed}")
    return lines


def _with_origin(url: str, sources: Sources) -> str:
    origin = sources.origins.get(url)
    return f"{redact(url)} ({origin})" if origin else redact(url)


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
    return "\n".join(f"  {line}" for line in lines)
