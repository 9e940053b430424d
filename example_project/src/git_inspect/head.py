"""The commit at HEAD, read with libgit2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pygit2


class InspectError(Exception):
    """The repository cannot be read; the message is made for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The commit at HEAD, and the branch that HEAD is on (None: detached)."""

    commit: str
    branch: str | None
    author: str
    date: datetime
    subject: str


def read_head(path: str) -> Head:
    """The commit at HEAD of the repository that `path` lies in.

    Raises InspectError where there is no repository, or no commit in it yet.
    """
    try:
        found = pygit2.discover_repository(path)
        if found is None:
            raise InspectError(f"not a git repository: {path}")
        repository = pygit2.Repository(found)
        if repository.head_is_unborn:
            raise InspectError(f"no commits yet in the repository: {path}")
        commit = repository.head.peel(pygit2.Commit)
    except (pygit2.GitError, KeyError) as error:
        raise InspectError(f"cannot read the repository {path}: {error}") from error
    author = commit.author
    zone = timezone(timedelta(minutes=author.offset))
    return Head(
        commit=str(commit.id),
        branch=None if repository.head_is_detached else repository.head.shorthand,
        author=f"{author.name} <{author.email}>",
        date=datetime.fromtimestamp(author.time, zone),
        subject=next(iter(commit.message.splitlines()), ""),
    )
