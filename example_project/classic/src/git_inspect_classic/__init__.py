"""Print the commit at HEAD of a git repository, on Python 3.6 and newer."""

import argparse
import sys
from datetime import datetime, timedelta, timezone
from typing import List, Optional, Sequence, Tuple

import pygit2

__version__ = "1.0.0"


class InspectError(Exception):
    """The repository cannot be read; the message is made for the user."""


def read_head(path: str) -> List[Tuple[str, str]]:
    """What is shown of the repository that `path` lies in: a label and a value a line.

    Raises InspectError where there is no repository, or no commit in it yet.
    """
    try:
        found = pygit2.discover_repository(path)
        if found is None:
            raise InspectError("not a git repository: {}".format(path))
        repository = pygit2.Repository(found)
        if repository.head_is_unborn:
            raise InspectError("no commits yet in the repository: {}".format(path))
        commit = repository.head.peel(pygit2.Commit)
    except (pygit2.GitError, KeyError) as error:
        raise InspectError("cannot read the repository {}: {}".format(path, error)) from error
    author = commit.author
    zone = timezone(timedelta(minutes=author.offset))
    date = datetime.fromtimestamp(author.time, zone)
    return [
        ("commit", str(commit.id)),
        ("branch", "(detached)" if repository.head_is_detached else repository.head.shorthand),
        ("author", "{} <{}>".format(author.name, author.email)),
        ("date", date.strftime("%Y-%m-%d %H:%M:%S %z")),
        ("subject", next(iter(commit.message.splitlines()), "")),
    ]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="git-inspect-classic", description="Print the commit at HEAD of a git repository."
    )
    parser.add_argument(
        "path", nargs="?", default=".", help="a folder in the repository (default: this one)"
    )
    parser.add_argument("--version", action="version", version="%(prog)s " + __version__)
    options = parser.parse_args(arguments)
    try:
        rows = read_head(options.path)
    except InspectError as error:
        sys.stderr.write("git-inspect-classic: {}\n".format(error))
        return 1
    for label, value in rows:
        # A name outside the terminal's encoding becomes "?" rather than a traceback.
        encoding = sys.stdout.encoding or "ascii"
        line = "{:<9}{}".format(label, value)
        print(line.encode(encoding, "replace").decode(encoding))
    return 0
