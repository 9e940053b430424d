"""The lock beside a project: read, found fresh or stale, and written."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import uv
from packaging.utils import canonicalize_name

from hatch_multiplat.coverage import Covered, Market, cover_targets
from hatch_multiplat.errors import LockError
from hatch_multiplat.lock import lock_environment, package_applies, parse_lock, patch_boundaries
from hatch_multiplat.lock_writer import TOOL, render_lock
from hatch_multiplat.process import run_tool
from hatch_multiplat.sources import redact
from hatch_multiplat.staging import lowest_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Package, Pylock
    from packaging.requirements import Requirement

    from hatch_multiplat.project import Project
    from hatch_multiplat.solve import Question
    from hatch_multiplat.target import Target

RENEW: Final = "hatch-multiplat lock"
UV_LOCK: Final = "uv.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """A lock as it lies beside a project: its meaning, its text, and what it was made from.

    `base` is the absolute folder that relative paths in it start from; `inputs` is empty for a
    lock that another tool wrote.
    """

    lock: Pylock
    base: Path
    text: str
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_lock(project: Project) -> LockFile | None:
    """Read the project's lock; None when it has none. Raises LockError for one that is no lock."""
    name = project.config.lock
    path = project.folder / name
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{name} cannot be read: {error}; write it anew: {RENEW}") from error
    if path.name == UV_LOCK:
        text = _export_uv_lock(project)
    lock = parse_lock(text, where=name)
    tool = tomllib.loads(text).get("tool", {}).get(TOOL, {})
    inputs = {
        key: tuple(str(value) for value in values)
        for key, values in tool.items()
        if isinstance(values, list)
    }
    return LockFile(lock=lock, base=path.resolve().parent, text=text, inputs=inputs)


def check_fresh(locked: LockFile, question: Question, *, name: str) -> None:
    """Raise LockError when a lock no longer fits what is asked, with every difference in it."""
    problems = find_stale(locked, question)
    if problems:
        renew = "uv lock" if name.endswith(UV_LOCK) else RENEW
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise LockError(f"{name} is stale; renew it with: {renew}\n{listed}")


def find_stale(locked: LockFile, question: Question) -> list[str]:
    """Return what of a question a lock does not answer any more, a line each.

    A lock of ours carries what it was made from; of any other, every root requirement is tried.
    """
    if not locked.inputs:
        return _unmet(locked.lock, question)
    now = lock_inputs(question)
    problems = []
    for key in sorted(now.keys() | locked.inputs.keys()):
        before, after = locked.inputs.get(key, ()), now.get(key, ())
        problems += [f"{key}: {value!r} is new" for value in after if value not in before]
        problems += [f"{key}: {value!r} is gone" for value in before if value not in after]
    return problems


def lock_inputs(question: Question) -> dict[str, tuple[str, ...]]:
    """Return what a lock is made from, as it is recorded in it: sorted, no credentials."""
    uv_table = question.uv_table
    return {
        "requirements": tuple(sorted({_spell(item) for item in question.requirements})),
        "constraints": tuple(
            sorted(
                {_spell(item) for item in question.constraints}
                | set(uv_table.get("constraint-dependencies", ()))
                | {f"override {item}" for item in uv_table.get("override-dependencies", ())}
            )
        ),
        "targets": tuple(str(target) for target in question.targets),
    }


def solve_lock(
    question: Question, *, market: Market, build_sdists: bool, prior: str | None
) -> tuple[str, Covered]:
    """Solve and render the lock; `prior` is the text of the lock whose versions are kept."""
    covered = cover_targets(question, market=market, build_sdists=build_sdists, prior=prior)
    python = lowest_python(question.targets, question.requires_python)

    def locate(url: str) -> tuple[str, str]:
        return _locate(url, base=Path(covered.base), home=question.project_dir)

    text = render_lock(
        covered.lock,
        covered.outcome.selections,
        inputs=lock_inputs(question),
        requires_python=f">={python}",
        locate=locate,
    )
    return text, covered


def without_packages(text: str, names: Sequence[str]) -> str:
    """Return a lock's text without some packages, so that a solver chooses them anew."""
    dropped = {canonicalize_name(name) for name in names}
    blocks = text.split("[[packages]]")
    kept = [blocks[0]]
    for block in blocks[1:]:
        name = tomllib.loads(_until_table(block)).get("name", "")
        if canonicalize_name(name) not in dropped:
            kept.append(block)
        elif "\n[" in block:  # The last block may carry the tool table with it.
            kept[-1] += block[block.index("\n[") :]
    return "[[packages]]".join(kept)


def _until_table(block: str) -> str:
    return block.split("\n[", 1)[0]


def write_lock(path: Path, text: str) -> None:
    """Write a lock aside and rename it into place."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(text)
            aside = Path(file.name)
        aside.chmod(0o644)
        aside.replace(path)
    except OSError as error:
        raise LockError(f"cannot write {path}: {error.strerror or error}") from error


def _unmet(lock: Pylock, question: Question) -> list[str]:
    problems: dict[str, list[str]] = {}
    for target in question.targets:
        for problem in _unmet_on(lock, question.requirements, target):
            problems.setdefault(problem, []).append(str(target))
    count = len(question.targets)
    return [
        problem if len(where) == count else f"{problem} ({', '.join(where)})"
        for problem, where in problems.items()
    ]


def _unmet_on(lock: Pylock, requirements: Sequence[Requirement], target: Target) -> list[str]:
    patch = target.python.patch
    if patch is None:
        patch = patch_boundaries(lock.packages, target.python.version)[-1]
    environment = lock_environment(target, patch)
    found: dict[str, Package] = {
        package.name: package for package in lock.packages if package_applies(package, environment)
    }
    problems = []
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        package = found.get(canonicalize_name(requirement.name))
        if package is None:
            problems.append(f"it lacks {requirement.name}, which '{requirement}' asks for")
        elif package.version is not None and not requirement.specifier.contains(
            package.version, prereleases=True
        ):
            problems.append(f"it has {package.name} {package.version}, not '{requirement}'")
    return problems


def _export_uv_lock(project: Project) -> str:
    """Turn a `uv.lock` into PEP 751 by uv itself, as it stands."""
    config = project.config
    with tempfile.TemporaryDirectory(prefix="hatch-multiplat-") as folder:
        output = Path(folder).resolve() / "pylock.toml"
        run_tool(
            "uv export",
            [
                uv.find_uv_bin(),
                *("export", "--frozen", "--no-emit-project", "--no-default-groups"),
                *("--format", "pylock.toml", "--quiet", "--no-header", "--output-file", output),
                *(word for extra in config.extras for word in ("--extra", extra)),
                *(word for group in config.dependency_groups for word in ("--group", group)),
            ],
            cwd=project.folder.resolve(),
            environ={"UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
        )
        return output.read_text(encoding="utf-8")


def _locate(url: str, *, base: Path, home: Path) -> tuple[str, str]:
    """Return how a lock in `home` names a file: its URL, or its path from there."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"}:
        return "url", redact(url)
    local = Path(url2pathname(parts.path)) if parts.scheme == "file" else base / url
    relative = local.resolve()
    try:
        path = relative.relative_to(home, walk_up=True)  # type: ignore[call-arg,unused-ignore]
    except (TypeError, ValueError):
        return "path", relative.as_posix()
    return "path", str(PurePosixPath(*path.parts))


def _spell(requirement: Requirement) -> str:
    """Spell a requirement without the credentials that its URL may carry."""
    text: Any = str(requirement)
    return str(text.replace(requirement.url, redact(requirement.url)) if requirement.url else text)
