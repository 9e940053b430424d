"""Run uv once for all targets over a staged project, and read its answer as a Pylock."""

from __future__ import annotations

import re
import sys
import tomllib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from packaging.markers import (
    InvalidMarker,
    Marker,
    UndefinedComparison,
    UndefinedEnvironmentName,
)
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, FetchError, SolveError, ToolError
from hatch_multiplat.base.process import Finished, find_uv, run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.base.urls import local_path, redact, redact_text
from hatch_multiplat.index.index_trouble import explain_trouble
from hatch_multiplat.index.project_settings import valid_requirements
from hatch_multiplat.index.sources import refuse_foreign_files, uv_environment
from hatch_multiplat.index.user_settings import hide_settings, says_yes
from hatch_multiplat.resolve.build_context import BUILD_VARIABLES
from hatch_multiplat.resolve.question import (
    STAGED_NAME,
    lowest_python,
    solver_environments,
    stage_own,
    stage_pyproject,
)
from hatch_multiplat.targets.python import MAX_PATCH
from hatch_multiplat.wheels.pylock import lock_environment, parse_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from packaging.pylock import Pylock
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question, Steps
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
"""The keys of uv's settings that `Sources` has read."""

MAX_EXPLANATION: Final = 16
"""The number of lines of uv's explanation that are shown; it can list every release."""

_SHOWN: Final = 3
"""The number of targets that are named for a part that uv has solved apart."""

_NAME: Final = r"([A-Za-z0-9][A-Za-z0-9._-]*)"
_NO_ANSWER: Final = ("No solution found", "unsatisfiable", "Failed to build")
_OWN_FAILURE: Final = re.compile(
    r"os error \d+|Failed to initialize|Failed to parse|TOML parse error"
    r"|Request failed|Failed to (?:fetch|download(?! and build))|error sending request|timed out"
)
"""uv's words for problems with its cache, its settings or the network."""

_NOT_THERE: Final = re.compile(r"Distribution not found at: (\S+)")
_OF_GIT: Final = re.compile(r"Failed to download and build '([^']+)'|Git operation failed")
_GIT_SAYS: Final = re.compile(
    r"^\s*(?:fatal: (.*)|cause: ((?:failed to find|Git executable not found).*))$", re.MULTILINE
)

_NOT_FOUND: Final = re.compile(
    r"([A-Za-z0-9][\w.-]*) was not found in the (?:package registry|provided package locations)"
)
# uv breaks its lines where they get long.
_SPLIT: Final = re.compile(
    r"\s+for\s+split\s+\(markers:\s+(.*?)\)(?=\s*(?:\n\s*\S+:|:|$))", re.DOTALL
)
_NO_WHEELS: Final = re.compile(r"has\s+no\s+'[^,;]*?''-compatible\s+wheels", re.DOTALL)
_HINT: Final = re.compile(r"^[ \t]*hint: .*(?:\n(?![ \t]*\w+: ).*\S.*)*\n?", re.MULTILINE)
_CONSTRAINTS: Final = re.compile(r"your\s+dependencies\s+or\s+constraints\s+file")
_UNWRITABLE: Final = re.compile(
    r"initialize cache|Read-only file system|Permission denied|No space left|quota exceeded"
)
_UNASKED_PYTHON: Final = "The requested Python version"
"""The beginning of uv's warning that it builds sdists with another Python."""

LIMIT: Final = 1800.0
"""The time limit in seconds for one run of uv, which itself waits forever for a slow index."""

TIMEOUT: Final = "HATCH_MULTIPLAT_SOLVE_TIMEOUT"

_LATE_HINT: Final = (
    "an index that answers too slowly is the usual reason, or a dependency whose building takes so "
    f"long; see which by -v, or set {TIMEOUT} to more seconds; with a lock, nothing is solved"
)

_CACHE_HINT: Final = (
    "Where a cache cannot be written, name other folders by the environment variables "
    "UV_CACHE_DIR and HATCH_MULTIPLAT_CACHE."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """uv's answer, and the absolute folder that the relative paths in it start from.

    `text` is the answer in uv's own words, from which the next question can start. `unplaced` are
    packages of which it has a version and no file: none is for the targets.
    """

    lock: Pylock
    base: Path
    text: str
    unplaced: frozenset[NormalizedName] = frozenset()


def run_uv_solve(
    question: Question,
    context: BuildContext,
    *,
    stages_own: bool = True,
    flags: Sequence[str] = (),
    steps: Steps | None = None,
    prior: str | None = None,
    restricted: bool = True,
    merged: Sequence[str] = (),
    yanked: Sequence[tuple[str, str]] = (),
    timeout: float | None = None,
    warn: Callable[[str], object] | None = None,
) -> Solved:
    """Solve for all targets in one run of uv.

    With `stages_own`, what requires the project itself gets what its wheel will say; without, some
    dependency says where the project is. `flags` say what uv may build. `steps` narrow the versions
    of packages on single targets. `prior` is the text of an earlier answer: uv keeps to its
    versions where it can. With `restricted`, uv solves for the targets alone, and demands wheels
    for each where a package has nothing that it may build; without, for any platform. `merged` are
    indexes to ask before all others, `yanked` are versions to take although they are yanked, and
    `timeout` is in seconds. `warn` hears what uv warns of,
    whether or not it finds an answer.
    Raises SolveError with uv's own explanation when there is no solution, FetchError when an index
    cannot be read, ConfigError for sources that lead nowhere, and ToolError when uv cannot be run,
    or fails for another reason: its cache, its settings.
    """
    sources, environ = context.sources, context.environ
    _check_indexes(question, sources, environ)
    environments = solver_environments(question.targets, steps)
    python = lowest_python(question.targets, question.requires_python)
    with temporary_folder() as folder:
        own_url = (folder / "own").as_uri()
        staged = stage_pyproject(
            requirements=question.requirements,
            constraints=question.constraints,
            environments=environments,
            requires_python=f">={python}",
            uv_table=_staged_uv_table(question, sources, merged),
            restricted=restricted,
            own=question.own if stages_own else None,
            own_url=own_url,
            yanked=yanked,
        )
        staged = sources.credentials.with_query_variables(staged)
        (folder / "pyproject.toml").write_text(staged, encoding="utf-8")
        if question.own is not None and stages_own:
            (folder / "own").mkdir()
            own = stage_own(question.own, requires_python=f">={python}")
            own = sources.credentials.with_query_variables(own)
            (folder / "own" / "pyproject.toml").write_text(own, encoding="utf-8")
        if prior is not None:
            (folder / "pylock.toml").write_text(prior, encoding="utf-8")
        finished = run_tool(
            "uv",
            [
                find_uv(),
                *("pip", "compile", "pyproject.toml"),
                *("--universal", "--format", "pylock.toml", "--python-version", python),
                *("--no-header", "--no-annotate", "--output-file", "pylock.toml"),
                *("--python", sys.executable),
                *flags,
                *(["--offline"] if context.offline else []),
            ],
            cwd=folder,
            environ={
                **uv_environment(sources, environ),
                **dict.fromkeys(BUILD_VARIABLES),
                # uv itself ends with an error where it is empty.
                "UV_NO_SOURCES": "1" if says_yes(environ, "UV_NO_SOURCES") else None,
                **hide_settings(environ, folder / "settings"),
            },
            check=False,
            timeout=_limit(environ) if timeout is None else timeout,
            late=_LATE_HINT,
        )
        if question.own is not None:  # To uv it is in a folder of ours.
            named = f"{question.own.name}=={question.own.version or 0}"
            staged_own = re.compile(rf"{re.escape(question.own.name)} @ {re.escape(own_url)}/?")
            finished = replace(finished, stderr=staged_own.sub(named, finished.stderr))
        if warn is not None:
            for warning in read_warnings(finished.stderr):
                warn(warning)
        if finished.returncode != 0:
            raise _failure(finished, question, sources, environ)
        said = (folder / "pylock.toml").read_text(encoding="utf-8")
        text = sources.credentials.take_text(said)
        if unplaced := _find_unplaced(text):
            text = without_packages(text, unplaced)
        lock = parse_lock(text, where="uv's answer")
        if question.own is not None:  # It is no dependency, whoever requires it.
            own_name = question.own.name
            left = [package for package in lock.packages if package.name != own_name]
            lock = replace(lock, packages=left)
        if not merged:
            refuse_foreign_files(sources, _local_files(lock, folder))
        _check_constrained(question, lock, environ)
        return Solved(lock=lock, base=folder, text=text, unplaced=unplaced)


def _limit(environ: Mapping[str, str]) -> float:
    """Return the seconds that uv may take; raises ConfigError for a word that is no number."""
    said = environ.get(TIMEOUT, "")
    try:
        limit = float(said) if said else LIMIT
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise ConfigError(
            [f"{TIMEOUT}: {said!r} is not a number of seconds; give one, such as 3600"]
        )
    return limit


def _find_unplaced(text: str) -> frozenset[NormalizedName]:
    """Return the packages of an answer that have no file."""
    return frozenset(
        canonicalize_name(package["name"])
        for package in tomllib.loads(text).get("packages", [])
        if not package.keys() & {"wheels", "sdist", "archive", "directory", "vcs"}
    )


def _local_files(lock: Pylock, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of this machine among the files that a lock has from indexes."""
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
    """Return the packages in uv's explanation of a failure, in its order."""
    named = re.findall(
        rf"{_NAME}(?:\[[^\]]*\])?(?:==|<=|>=|<|>)"
        rf"|(?:versions of|depends on|only) (?!the following|(?:one|any|all) of\b){_NAME}",
        explanation,
    )
    names = (canonicalize_name(first or second) for first, second in named)
    return tuple(dict.fromkeys(name for name in names if name != STAGED_NAME))


def packages_without_wheels(explanation: str) -> tuple[NormalizedName, ...]:
    """Return the packages that uv would have to build, but must not."""
    named = re.findall(
        rf"{_NAME}(?:[=<>]=?[^\s,]+)? has no usable wheels"
        rf"|Wheels are required for '{_NAME}'"
        rf"|Building source distributions for '{_NAME}' is disabled",
        explanation,
    )
    return tuple(dict.fromkeys(canonicalize_name("".join(found)) for found in named))


def specifiers_blamed(explanation: str, name: NormalizedName) -> list[SpecifierSet]:
    """Return what others require of a package, as far as uv's explanation of a failure says it."""
    found = []
    for named, said in re.findall(
        rf"depends? on {_NAME}((?:(?:==|<=|>=|<|>|,)[^\s,]+)*)", explanation
    ):
        if canonicalize_name(named) == name and said:
            with suppress(InvalidSpecifier):
                found.append(SpecifierSet(said.rstrip(".,")))
    return found


def yanked_pins(explanation: str) -> frozenset[tuple[str, str]]:
    """Return the yanked versions (name, version) that others pin, by uv's explanation."""
    pin = rf"{_NAME}==([^\s,*]+)"
    pinned = {tuple(found) for found in re.findall(rf"depends? on {pin}", explanation)}
    return frozenset(
        (canonicalize_name(name), version)
        for name, version in re.findall(rf"{pin} was yanked", explanation)
        if (name, version) in {(by, number.rstrip(".")) for by, number in pinned}
    )


def with_preferences(
    text: str | None, versions: Collection[tuple[NormalizedName, Version]]
) -> str | None:
    """Return a lock's text with further versions that uv is to prefer."""
    if not versions:
        return text
    text = text or 'lock-version = "1.0"\ncreated-by = "hatch-multiplat"\n'
    entries = (
        f'\n[[packages]]\nname = "{name}"\nversion = "{v}"\n' for name, v in sorted(versions)
    )
    return text + "".join(entries)


def without_packages(text: str, names: Collection[NormalizedName]) -> str:
    """Return a lock's text without some packages, so that a solver chooses them anew."""
    document = tomlkit.parse(text).unwrap()
    document["packages"] = [
        package
        for package in document["packages"]
        if canonicalize_name(package["name"]) not in names
    ]
    return tomlkit.dumps(document)


def _staged_uv_table(
    question: Question, sources: Sources, merged: Sequence[str] = ()
) -> dict[str, Any]:
    """Return `[tool.uv]` for the staged project: with valid paths, and the chosen sources."""
    result = {key: value for key, value in question.uv_table.items() if key not in SOURCE_KEYS}
    result = sources.uv_settings() | result
    result["index"] = [*({"url": url} for url in merged), *result["index"]]
    bindings: dict[str, list[dict[str, Any]]] = {}
    for name, value in result.get("sources", {}).items():
        entries = [dict(entry) for entry in (value if isinstance(value, list) else [value])]
        for entry in entries:
            if "path" in entry:
                entry["path"] = str((question.project_dir / entry["path"]).resolve())
                entry.pop("editable", None)
        bindings[name] = entries
    if "sources" in result:
        result["sources"] = bindings
    return result


def _check_indexes(question: Question, sources: Sources, environ: Mapping[str, str]) -> None:
    """Raise ConfigError for sources that name an unknown index, or a local file by its URL."""
    if says_yes(environ, "UV_NO_SOURCES"):
        return
    known = [name for name, _ in sources.named]
    problems = []
    for name, value in question.uv_table.get("sources", {}).items():
        if canonicalize_name(name) not in question.direct:
            continue
        for number, entry in enumerate(value if isinstance(value, list) else [value]):
            index, url = entry.get("index", ""), str(entry.get("url", ""))
            place = f"{name}[{number}]" if isinstance(value, list) else name
            if url.startswith("file:"):
                problems.append(
                    f"tool.uv.sources.{place}.url: uv takes no file of this machine by its URL; "
                    "name it by the key 'path'"
                )
            if index and index not in known:
                names = ", ".join(map(repr, known)) or "none"
                problems.append(
                    f"tool.uv.sources.{place}.index: no index is named {index!r} (named are: "
                    f"{names}); give one of [[tool.uv.index]] that name"
                )
    if problems:
        raise ConfigError(problems)


def _check_constrained(question: Question, lock: Pylock, environ: Mapping[str, str]) -> None:
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
    if problems and not says_yes(environ, "UV_NO_SOURCES"):
        raise ConfigError(problems)


def _failure(
    finished: Finished, question: Question, sources: Sources, environ: Mapping[str, str]
) -> SolveError | FetchError | ToolError:
    """Tell a question without an answer from an index in trouble, and from a failure of uv."""
    # In braces is uv's own name for the part of the targets that is concerned.
    said = re.sub(r"\{[^{}]*\}", "", finished.stderr)
    trouble = explain_trouble(said, sources, environ)
    if trouble is not None:
        return FetchError(trouble)
    if "Git operation failed" in said:
        return FetchError(_explain_git(said.replace("`", "'")))
    if absent := _NOT_THERE.search(said):
        return SolveError(
            f"a dependency should be at {redact(absent[1])}, and nothing is there; correct the "
            "URL or the path that names it",
            explanation=said,
        )
    ours = finished.returncode in {1, 2} and not _OWN_FAILURE.search(said)
    if ours or any(words in said for words in _NO_ANSWER):
        told = _explanation(said, question.targets)
        lines = [told, *_places_asked(said, sources)]
        own = question.own
        if own is not None and own.name in packages_blamed(said):
            lines.append(f"{own.name} is the project itself, at version {own.version or 'unknown'}")
        message = "\n".join(["the dependencies cannot be resolved; uv says:", *lines])
        # It may be broken into lines anywhere.
        return SolveError(message, explanation=" ".join(said.replace("`", "'").split()))
    hint = f"\n{_CACHE_HINT}" if _UNWRITABLE.search(said) else ""
    return ToolError(f"uv failed:\n{_explanation(said) or '  (it printed nothing)'}{hint}")


def _explain_git(said: str) -> str:
    """Say which repository git could not bring, and why, in git's own words."""
    named = next((match[1] for match in _OF_GIT.finditer(said) if match[1]), "a repository")
    reasons = [first or second for first, second in _GIT_SAYS.findall(said)]
    reason = redact_text(reasons[0]).rstrip(".") if reasons else "it does not say why"
    return (
        f"{redact_text(named)} cannot be had by git: {reason}; correct the address or the "
        "revision, or see that git is installed, gets through the network, and may read it"
    )


def _places_asked(said: str, sources: Sources) -> list[str]:
    """Say for each package that uv has not found where that was: it does not tell."""
    lines = []
    for name in dict.fromkeys(_NOT_FOUND.findall(said)):
        places = [*sources.find_links, *sources.indexes_for(canonicalize_name(name))]
        listed = ", ".join(_with_origin(place, sources) for place in places)
        if places:
            lines.append(f"{name} was looked for at {listed}; correct its name, or name its index")
        else:
            lines.append(f"{name} was looked for nowhere: no-index is set, and no find-links is")
    return lines


def _with_origin(url: str, sources: Sources) -> str:
    origin = sources.origins.get(url)
    return f"{redact(url)} ({origin})" if origin else redact(url)


def _for_targets(marker: str, targets: Sequence[Target]) -> str:
    """Return the words for the targets of a part that uv has solved apart; "" if it is of all."""
    try:
        parsed = Marker(" ".join(marker.split()))
        found = [
            target
            for target in targets
            if any(parsed.evaluate(lock_environment(target, patch)) for patch in (0, MAX_PATCH - 1))
        ]
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return ""
    if not found or len(found) == len(targets):
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f" for {', '.join(map(str, found[:_SHOWN]))}{more}"


def _explanation(stderr: str, targets: Sequence[Target] = ()) -> str:
    """Return uv's explanation without its warnings and without the staged project's name.

    What uv says in markers is said in targets. Hints that name options of uv's are left out: nobody
    has called it.
    """
    text = stderr.replace(STAGED_NAME, "your project").replace("`", "'")
    text = _SPLIT.sub(lambda found: _for_targets(found[1], targets), text)
    text = _NO_WHEELS.sub("has no wheels there", text)
    text = _HINT.sub(lambda found: "" if re.search(r"(^|[\s'(])--\w", found[0]) else found[0], text)
    text = _CONSTRAINTS.sub("your dependencies, or to constraint-dependencies of [tool.uv]", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("warning:", "hint: While the active"))]
    if len(lines) > MAX_EXPLANATION:
        half = MAX_EXPLANATION // 2
        lines = [*lines[:half], f"... ({len(lines) - 2 * half} lines)", *lines[-half:]]
    return "\n".join(f"  {line}" for line in lines)
