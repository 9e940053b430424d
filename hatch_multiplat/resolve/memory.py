"""The results of a search, kept for the next search with the same question.

No result is trusted by itself. It depends on the sources' files of some packages, whose
fingerprints are kept with it; if one of them has changed, the result is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.urls import redact_text
from hatch_multiplat.index.user_settings import UNHEARD, absolute_files
from hatch_multiplat.resolve.staging import TargetConstraint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.targets.target import Target

_FORMAT: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class YankedFiles:
    """What was learned of yanked files.

    `let_in` are versions (name, version) that uv is to take although they are yanked, `left_out`
    the names of files of its answer that do not count, and `warnings` name those that do.
    """

    let_in: frozenset[tuple[str, str]] = frozenset()
    left_out: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What was learned: how uv was asked in the end, and that its answer could not be bettered.

    `steps` narrow versions on single targets, `preferences` are the versions that were chosen,
    `sourced` are packages that have no wheels, and `merged` those that are spread over indexes,
    each with a target for which they are. `listing` has the fingerprint of each package that this
    rests on, `answer` the digest of uv's answer.
    """

    steps: tuple[TargetConstraint, ...]
    preferences: tuple[tuple[str, str], ...]
    sourced: frozenset[NormalizedName]
    yanked: YankedFiles
    merged: Mapping[NormalizedName, Target]
    listing: Mapping[NormalizedName, str]
    answer: str


def digest_answer(text: str) -> str:
    """Return the digest of uv's answer."""
    return hashlib.sha256(text.encode()).hexdigest()


def question_key(question: Question, prior: str | None, context: BuildContext) -> str:
    """Return a name for a question, and for everything that may change its answer.

    Variables of uv, and the files that they name, are part of it. It is "" if the answer may change
    with time, as `exclude-newer` may name a span: then nothing is kept.
    """
    if question.excludes_newer(context.environ):
        return ""
    heard = {
        name: value
        for name, value in context.environ.items()
        if name.startswith("UV_") and name not in UNHEARD
    }
    parts = [
        f"{_FORMAT} {__version__} {version('uv')}",
        repr(sorted(map(str, question.requirements))),
        repr(sorted(map(str, question.constraints))),
        repr(sorted(map(str, question.tag_constraints))),
        repr(sorted(map(_describe, question.targets))),
        f"{question.requires_python} {question.build_sdists} {context.policy!r} {question.own!r}",
        repr(sorted(heard.items())),
        repr(sorted(map(_text_of, absolute_files(heard, Path.cwd()).values()))),
        redact_text(json.dumps(dict(question.uv_table), sort_keys=True, default=str)),
        redact_text(repr(question.sources.uv_settings())),
        str(question.project_dir),
        prior or "",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def recall(root: Path, key: str, question: Question) -> Lesson | None:
    """Return the kept results for a question; None if there are none, or they cannot be read."""
    if not key:
        return None
    targets = {str(target): target for target in question.targets}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, InvalidSpecifier):
        data = json.loads(_path(root, key).read_text(encoding="utf-8"))
        return Lesson(
            steps=tuple(
                TargetConstraint(
                    name=canonicalize_name(name),
                    target=targets[target],
                    versions=SpecifierSet(versions),
                )
                for name, target, versions in data["steps"]
            ),
            preferences=tuple((name, number) for name, number in data["preferences"]),
            sourced=frozenset(map(canonicalize_name, data["sourced"])),
            yanked=YankedFiles(
                let_in=frozenset((name, number) for name, number in data["yanked"]["let_in"]),
                left_out=frozenset(map(str, data["yanked"]["left_out"])),
                warnings=tuple(map(str, data["yanked"]["warnings"])),
            ),
            merged={
                canonicalize_name(name): targets[target] for name, target in data["merged"].items()
            },
            listing={canonicalize_name(name): said for name, said in data["listing"].items()},
            answer=data["answer"],
        )
    return None


def remember(root: Path, key: str, lesson: Lesson) -> None:
    """Keep results; if the cache cannot be written, the next search repeats the work."""
    if not key:
        return
    data: dict[str, Any] = {
        "steps": [[step.name, str(step.target), str(step.versions)] for step in lesson.steps],
        "preferences": [list(pair) for pair in lesson.preferences],
        "sourced": sorted(lesson.sourced),
        "yanked": {
            "let_in": sorted(map(list, lesson.yanked.let_in)),
            "left_out": sorted(lesson.yanked.left_out),
            "warnings": list(lesson.yanked.warnings),
        },
        "merged": {name: str(target) for name, target in sorted(lesson.merged.items())},
        "listing": dict(sorted(lesson.listing.items())),
        "answer": lesson.answer,
    }
    path = _path(root, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(data, indent=1))


def _text_of(names: str) -> list[str]:
    """Return what the files of one variable say; nothing where one cannot be read as such."""
    with contextlib.suppress(OSError, ValueError):
        return [Path(name).read_text("utf-8") for name in names.split()]
    return []


def _describe(target: object) -> str:
    return f"{target} {target!r}"


def _path(root: Path, key: str) -> Path:
    return root / "resolved" / key[:2] / f"{key}.json"
