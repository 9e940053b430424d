"""The lock beside a project: reading it, checking that it is fresh, and writing it."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.pylock import is_valid_pylock_path

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import LockError, WriteError, explain_unreadable
from hatch_multiplat.base.process import find_uv, run_tool
from hatch_multiplat.base.urls import redact
from hatch_multiplat.config.schema import DEFAULT_LOCK
from hatch_multiplat.index.project_settings import find_workspace
from hatch_multiplat.resolve.lock_changes import (
    find_stale,
    lock_inputs,
    locked_python,
    same_packages,
)
from hatch_multiplat.resolve.lock_writer import TOOL, files_of, render_lock
from hatch_multiplat.resolve.resolver import Resolution, Unresolved, resolve
from hatch_multiplat.wheels.pylock import choose_parts, parse_lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.project import Project
    from hatch_multiplat.resolve.question import Question

RENEW: Final = "hatch-multiplat lock"
UV_LOCK: Final = "uv.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """A lock beside a project: its meaning, its text, and the inputs that it was made from.

    `name` is what the project calls it, `base` the absolute folder that relative paths in it
    start from; `inputs` is empty for a lock that another tool wrote.
    """

    name: str
    lock: Pylock
    base: Path
    text: str
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return bool(self.inputs)

    @property
    def renewal(self) -> str:
        """The way to renew it, for a person."""
        if self.is_ours:
            return f"renew it with: {RENEW}"
        if self.name.endswith(UV_LOCK):
            return "renew it with: uv lock"
        return f"renew it with {self.lock.created_by}, which wrote it"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewLock:
    """A new lock: its text and meaning, and every file that the solver offers."""

    lock: Pylock
    text: str
    offered: frozenset[tuple[object, ...]]


def read_lock(project: Project, environ: Mapping[str, str]) -> LockFile | None:
    """Read the project's lock; None if it has none. Raises LockError for an invalid one.

    uv, which a `uv.lock` takes, has the variables of `environ`.
    """
    name = project.config.lock
    path = project.folder / name
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):  # Writing it tells what is in the way.
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{name} cannot be read: {explain_unreadable(error)}") from error
    base = path.parent
    if path.name == UV_LOCK:
        text, base = _export_uv_lock(project, environ), project.folder
    # Who is told to remove a file must not lose one of their own.
    is_default = path.name == DEFAULT_LOCK
    remedy = f"remove it, and write it anew with: {RENEW}" if is_default else ""
    lock = parse_lock(text, where=name, remedy=remedy, credentials=project.credentials)
    tool = tomllib.loads(text).get("tool", {}).get(TOOL, {})
    inputs = {
        key: tuple(str(value) for value in values)
        for key, values in tool.items()
        if isinstance(values, list)
    }
    if not inputs:
        config = project.config
        lock = choose_parts(lock, extras=config.extras, groups=config.dependency_groups)
    return LockFile(name=name, lock=lock, base=base.resolve(), text=text, inputs=inputs)


def require_lock(project: Project, environ: Mapping[str, str]) -> LockFile | None:
    """Read the project's lock; a lock that the table names must exist.

    Only the lock of the default name may be missing: then the project has none.
    """
    locked = read_lock(project, environ)
    name = project.config.lock
    if locked is None and name != DEFAULT_LOCK:
        how = "uv lock" if name.endswith(UV_LOCK) else RENEW
        problem = f"tool.multiplat.lock: there is no {name!r}"
        shared = _lock_of_workspace(project) if name == UV_LOCK else None
        if shared is not None:
            raise LockError(f"{problem}; the workspace has one: lock = {shared!r}")
        raise LockError(f"{problem}; write it with: {how}")
    return locked


def name_renewal(name: str) -> str:
    """Say how to renew a lock of which only the name is known."""
    if name.endswith(UV_LOCK):
        return f"renew {name} with: uv lock"
    if name == DEFAULT_LOCK:
        return f"renew {name} with: {RENEW}"
    return f"renew {name} with the tool that wrote it (if that is this one: {RENEW})"


def check_fresh(locked: LockFile, question: Question) -> None:
    """Raise LockError, with every difference, if a lock no longer fits the question."""
    problems = find_stale(locked.lock, question, inputs=locked.inputs)
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise LockError(f"{locked.name} is stale; {locked.renewal}\n{listed}")


def check_writable(name: str, present: LockFile | None) -> None:
    """Raise LockError for a lock of another tool, or for a name that no tool would recognise."""
    if name.endswith(UV_LOCK):
        raise LockError(f"{name} is uv's own; renew it with: uv lock")
    if not is_valid_pylock_path(Path(name)):
        raise LockError(
            f"tool.multiplat.lock: {name!r} cannot be the name of a lock; PEP 751 wants "
            f"'pylock.toml' or 'pylock.NAME.toml', such as {DEFAULT_LOCK!r}"
        )
    if present is not None and not present.is_ours:
        raise LockError(f"{name} was written by another tool; {present.renewal}, or remove it")


def solve_lock(
    question: Question, *, path: Path, context: BuildContext, prior: str | None
) -> NewLock:
    """Resolve and render the lock for `path`; the versions in the text `prior` are kept."""
    found = resolve(question, context, prior=prior)
    if isinstance(found, Unresolved):
        kept = "the lock is as it was" if path.exists() else "no lock was written"
        raise found.error(kept=kept)
    home = path.parent.resolve()

    def locate(url: str) -> tuple[str, str]:
        return _locate(url, base=Path(found.base), home=home)

    text = render_lock(
        found.lock,
        found.selections,
        inputs=lock_inputs(question),
        requires_python=locked_python(question),
        locate=locate,
    )
    return NewLock(
        lock=parse_lock(text, where=path.name),
        text=text,
        offered=files_of(found.lock, locate),
    )


def still_holds(
    present: LockFile, new: NewLock, question: Question, *, context: BuildContext
) -> bool:
    """Tell whether a new lock would mean the same, so that the old one can stay.

    It does if it has the same packages on every target, from files that still exist. If an index
    gets another wheel of a locked version, that is no reason to change a lock.
    """
    if not same_packages(present.lock, new.lock, question.targets):
        return False
    if not files_of(present.lock, _as_written) <= new.offered:
        return False
    locked = present.lock, present.base
    return isinstance(resolve(question, context, locked=locked), Resolution)


def write_lock(path: Path, text: str) -> None:
    """Write a lock, and make its folder; raises WriteError if that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise WriteError.of(path, error, instead="tool.multiplat.lock") from error


def _lock_of_workspace(project: Project) -> str | None:
    """Return the path of the uv.lock that a workspace has for all of its members, if it has one."""
    root = find_workspace(project.folder, project.pyproject)
    if root is None or not (root / UV_LOCK).is_file():
        return None
    return Path(os.path.relpath(root / UV_LOCK, project.folder.resolve())).as_posix()


def _export_uv_lock(project: Project, environ: Mapping[str, str]) -> str:
    """Convert a `uv.lock` to PEP 751 by uv itself, unchanged."""
    config = project.config
    # Paths in what uv prints start from the folder that it runs in.
    done = run_tool(
        "uv export",
        [
            find_uv(),
            *("export", "--frozen", "--no-emit-project", "--no-default-groups"),
            *("--format", "pylock.toml", "--quiet", "--no-header"),
            *(word for extra in config.extras for word in ("--extra", extra)),
            *(word for group in config.dependency_groups for word in ("--group", group)),
        ],
        cwd=project.folder.resolve(),
        environ={**environ, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("hint:")]
        told = "\n".join(f"  {line}".rstrip() for line in said if line.strip())
        raise LockError(f"{config.lock} cannot be read; renew it with: uv lock; uv says:\n{told}")
    return done.stdout


def _locate(url: str, *, base: Path, home: Path) -> tuple[str, str]:
    """Return how a lock in `home` names a file: its URL, or its path from there."""
    parts = urlsplit(url)
    if len(parts.scheme) > 1 and parts.scheme != "file":  # One letter is a drive of Windows.
        return "url", redact(url)
    local = Path(url2pathname(parts.path)) if parts.scheme == "file" else base / url
    try:
        return "path", Path(os.path.relpath(local.resolve(), home)).as_posix()
    except ValueError:  # Another drive of Windows: there is no way from here to there.
        return "path", local.resolve().as_posix()


def _as_written(location: str) -> tuple[str, str]:
    return ("url" if "://" in location else "path"), location
