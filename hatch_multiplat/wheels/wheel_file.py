"""A wheel on disk, opened once for a whole build: its metadata and its contents."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import VerificationError, explain_unreadable
from hatch_multiplat.runtime.install import Archive
from hatch_multiplat.runtime.rules import BadWheel
from hatch_multiplat.wheels.metadata import WheelTexts, parse_wheel_texts

try:
    from lzma import LZMAError
except ImportError:  # Some Pythons are built without.
    LZMAError = EOFError  # type: ignore[misc, assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import IO

    from hatch_multiplat.runtime.install import Source
    from hatch_multiplat.runtime.rules import WheelFacts

    Opener = Callable[[], AbstractContextManager[Source]]

# How zipfile and the decompressors under it say that what they read is damaged.
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    LZMAError,
)
REMEDY: Final = "pin another version, or tell its authors"
_COLUMNS: Final = 3
_SIGNATURES: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")
"""Files that a RECORD does not list, or lists without a hash."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFile:
    """A wheel's members by the directory of its zip file, and the texts in its `.dist-info`.

    `source` opens it, wherever it lies, `facts` are what the rules of
    `runtime/rules.py` look at, `record` is the text of its RECORD. `sha256` is empty where it is
    not known.
    """

    filename: str
    source: Opener
    facts: WheelFacts
    metadata: str
    record: str
    texts: WheelTexts
    sha256: str = ""

    @property
    def has_data(self) -> bool:
        """Whether it has files that are installed elsewhere than at their path in the wheel."""
        start = f"{self.facts.info_dir.removesuffix('.dist-info')}.data/"
        return any(member.name.startswith(start) for member in self.facts.members)

    def libraries(self) -> dict[str, str]:
        """Return the files for site-packages: the path from there, and the member's name."""
        places = {}
        for member in self.facts.members:
            top, _, rest = member.name.partition("/")
            kind, _, inside = rest.partition("/")
            if not top.endswith(".data"):
                places[member.name] = member.name
            elif kind in {"purelib", "platlib"}:
                places[inside] = member.name
        return places

    def script_files(self) -> dict[str, str]:
        """Return the scripts that are files: the path among scripts, and the member's name."""
        start = f"{self.facts.info_dir.removesuffix('.dist-info')}.data/scripts/"
        names = [member.name for member in self.facts.members]
        return {name.removeprefix(start): name for name in names if name.startswith(start)}

    def all_scripts(self) -> set[str]:
        """Return the names of all its scripts, those of entry points and files."""
        return {*self.texts.scripts, *(path.rpartition("/")[2] for path in self.script_files())}

    def has_gui_scripts(self) -> bool:
        """Whether it has Python scripts without a console."""
        return bool(self.texts.entry_points.get("gui_scripts")) or any(
            self.read(member).startswith(b"#!pythonw") for member in self.script_files().values()
        )

    def read(self, name: str) -> bytes:
        """Return a member's bytes; raises VerificationError if they are damaged."""
        with _explain(self.filename), self.source() as wheel:
            return b"".join(wheel.read(name))

    def contents(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Give each member's name and its bytes, block by block; raises as `read` does."""
        with self.source() as wheel:
            for member in self.facts.members:
                yield member.name, _blocks(wheel, member.name, self.filename)


def open_wheel(path: Path, *, sha256: str = "") -> WheelFile:
    """Open a wheel; raises VerificationError for what is none, or what no target could install."""
    try:
        return read_wheel_file(wheel_opener(path), path.name, sha256=sha256)
    except OSError as error:
        raise VerificationError(
            f"{path} cannot be read as a wheel: {explain_unreadable(error)}"
        ) from error


def wheel_opener(path: Path) -> Opener:
    """Return what opens the wheel at a path."""

    def open_stream() -> IO[bytes]:
        return path.open("rb")

    return functools.partial(open_archive, open_stream)


@contextmanager
def open_archive(open_stream: Callable[[], IO[bytes]]) -> Iterator[Source]:
    """Open a wheel, be it a file or a part of one; raises BadWheel, OSError."""
    with open_stream() as stream:
        yield Archive(stream)


def read_wheel_file(source: Opener, filename: str, *, sha256: str = "") -> WheelFile:
    """Read a wheel that a function opens, wherever it lies; raises as `open_wheel`, and OSError."""
    with _explain(filename), source() as wheel:
        for file in ("METADATA", "RECORD"):
            if f"{wheel.info_dir}/{file}" not in wheel.names:
                raise BadWheel(f"it has no {file}")
        metadata = b"".join(wheel.read(f"{wheel.info_dir}/METADATA")).decode("utf-8", "replace")
        return WheelFile(
            filename=filename,
            source=source,
            facts=wheel.facts,
            metadata=metadata,
            record=wheel.read_text("RECORD"),
            texts=replace(parse_wheel_texts(metadata), entry_points=wheel.entry_points),
            sha256=sha256,
        )


def _blocks(wheel: Source, name: str, filename: str) -> Iterator[bytes]:
    with _explain(filename):
        yield from wheel.read(name)


@contextmanager
def _explain(filename: str) -> Iterator[None]:
    try:
        yield
    except BadWheel as error:
        raise VerificationError(f"{filename} cannot be installed: {error}; {REMEDY}") from error


def find_damages(file: WheelFile) -> list[str]:
    """Read every member of a wheel, and list those that differ from the wheel's own records.

    These are the name and version in METADATA against the file name, the bytes of each member
    against the zip file's directory and RECORD, and the list in RECORD against the members.
    """
    problems = _wrong_names(file)
    rows: dict[str, tuple[str, str]] = {}
    for row in csv.reader(io.StringIO(file.record, newline="")):
        if len(row) == _COLUMNS:
            rows[row[0]] = (row[1], row[2])
        elif row:
            problems.append(f"its RECORD has a line without three columns: {','.join(row)!r}")
    names = {member.name for member in file.facts.members}
    unlisted = {f"{file.facts.info_dir}/{name}" for name in _SIGNATURES}
    problems += [
        f"its RECORD does not list {name!r}" for name in sorted(names - rows.keys() - unlisted)
    ]
    problems += [
        f"its RECORD lists {name!r}, which it does not have"
        for name in sorted(rows.keys() - names)
        if not name.endswith("/")
    ]
    with file.source() as wheel:
        for member in file.facts.members:
            digest, size = rows.get(member.name, ("", ""))
            try:
                wrong = _wrong_contents(wheel.read(member.name), digest, size)
            except BadWheel as error:
                problems.append(str(error))
                continue
            if wrong and not member.link:
                said = "is not what its RECORD says"
                problems.append(f"{member.name!r} {said}: its {wrong} differs")
    return problems


def _wrong_names(file: WheelFile) -> list[str]:
    """Say where the METADATA of a wheel has another name or version than its file name."""
    raw, _ = parse_email(file.metadata)
    name, version, _, _ = parse_wheel_filename(file.filename)
    told_name, told_version = raw.get("name", ""), raw.get("version", "")
    problems = []
    if canonicalize_name(told_name) != name:
        problems.append(f"its METADATA has the name {told_name!r}")
    try:
        agrees = Version(told_version) == version
    except InvalidVersion:
        agrees = False
    if not agrees:
        problems.append(f"its METADATA has the version {told_version!r}")
    if canonicalize_name(file.facts.info_dir.partition("-")[0]) != name:
        problems.append(f"its .dist-info folder is called {file.facts.info_dir!r}")
    return problems


def _wrong_contents(blocks: Iterator[bytes], digest: str, size: str) -> str:
    """Return how a member differs from RECORD: "hash", "size", or "" if it does not.

    A hash by an unknown algorithm counts as none.
    """
    algorithm, _, wanted = digest.partition("=")
    known = algorithm in hashlib.algorithms_available and not algorithm.startswith("shake")
    hasher = hashlib.new(algorithm, usedforsecurity=False) if known else None
    read = 0
    for block in blocks:
        read += len(block)
        if hasher:
            hasher.update(block)
    if hasher:
        found = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
        if found != wanted.rstrip("="):
            return "hash"
    return "size" if size and size != str(read) else ""
