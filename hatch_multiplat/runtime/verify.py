"""The file that we run from, and the wheels in it, read in place."""

import contextlib
import errno
import hashlib
import io
import os
import zipfile
from typing import IO, Any, Dict, Iterator, List, Optional, Set, Tuple, cast

from . import install, run

PEX_FOLDERS, PEX_OWN = (".bootstrap/", "__pex__/"), ".multiplat/pex.py"  # what is pex's
WARNING = (
    "Compare it with the digest that was published: a changed launcher can lie about all of this."
)


class DamagedFile(Exception):  # noqa: N818 - the name is the message
    """The executable is not what the build wrote."""


class UnreadableFile(Exception):  # noqa: N818 - the name is the message
    """The system does not let us read the executable, or not all of it."""


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Tell what is wrong with the file that is read apart from what cannot be written later."""
    try:
        yield
    except (DamagedFile, UnreadableFile):
        raise
    except OSError as error:
        words = (error.filename or path, error.strerror or error)
        raise UnreadableFile("cannot read %s: %s" % words) from error
    except MemoryError as error:
        raise UnreadableFile("cannot read %s: %s" % (path, os.strerror(errno.ENOMEM))) from error
    except Exception as error:  # damage breaks zipfile and the decompressors in many ways
        raise DamagedFile(str(error)) from error


class Section(io.RawIOBase):
    """A byte range of a file, read as a file of its own: a stored zip member, say."""

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self.stream, self.start, self.size, self.at = stream, start, size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = max(0, offset + (0, self.at, self.size)[whence])
        return self.at

    def close(self) -> None:
        self.stream.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        self.stream.seek(self.start + self.at)
        data = self.stream.read(min(len(buffer), max(0, self.size - self.at)))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def open_stored(path: str, info: zipfile.ZipInfo) -> IO[bytes]:
    """A stored member of a zip file, in place; raises BadZipFile if it is not there."""
    stream = open(path, "rb")  # noqa: SIM115 - the section closes it
    try:
        return cast("IO[bytes]", Section(stream, install.find_data(stream, info), info.file_size))
    except BaseException:
        stream.close()
        raise


class OwnFile:
    """The file that we run from, and the wheels in it, read in place."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.zip: Optional[zipfile.ZipFile] = None
        if not os.path.isdir(path):
            with reading(path):
                self.zip = zipfile.ZipFile(path)

    def close(self) -> None:
        if self.zip is not None:
            self.zip.close()

    def open_member(self, name: str) -> IO[bytes]:
        """A member as a binary stream, in place if it is stored."""
        if self.zip is None:  # an unzipped layout keeps its members as files
            return cast("IO[bytes]", open(os.path.join(self.path, *name.split("/")), "rb"))
        try:
            info = self.zip.getinfo(name)
        except KeyError:
            raise DamagedFile("%s is missing" % name) from None
        if info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(self.zip.read(info))
        return open_stored(self.path, info)

    def open_wheel(self, wheel: Dict[str, Any]) -> IO[bytes]:
        """A wheel as a binary stream, after its bytes were checked against the table's hash."""
        with reading(self.path):
            stream = self.open_member(".deps/" + wheel["file"])
            if digest_of(stream) != wheel["sha256"]:
                stream.close()
                raise DamagedFile("%s is not the wheel that was built in" % wheel["file"])
            stream.seek(0)
            return stream


def digest_of(stream: IO[bytes]) -> str:
    """The SHA-256 of what is left of a stream."""
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(install.BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


def examine(
    path: str, about: Dict[str, Any], table: Dict[str, Any], contents: Any
) -> Tuple[List[str], List[str]]:
    """What accounts for each part of a file, and what nothing does; its start-up was checked.

    `contents` is the module of that name for a file without wheels.
    """
    file = OwnFile(path)
    known, line, problems = examine_wheels(file, table, contents)
    known |= set(about["members"])
    lines = ["start-up and table: as built, " + about["id"], line]
    if file.zip is None:
        return lines, problems
    if not run.is_header_intact(path, about["header"]):
        problems.append("damaged: the lines in front of the zip file")
    names = file.zip.namelist()
    known |= {".multiplat/"} if contents else {".multiplat/", "PEX-INFO", ".deps/"}
    pex = {name for name in names if name.startswith(PEX_FOLDERS) or name == PEX_OWN}
    others = sorted(set(names) - known - (set() if contents else pex))
    problems += ["nothing accounts for %a" % name for name in others]
    problems += ["there twice: %a" % name for name in sorted(set(names)) if names.count(name) > 1]
    try:
        damaged = file.zip.testzip()
    except Exception:
        damaged = "its directory"
    if damaged:
        problems.append("damaged: %a" % damaged)
    elif not contents:
        lines.append("pex's own runtime: %d members, undamaged" % len(pex))
    with open(path, "rb") as stream:
        lines += ["SHA-256 of this file: " + digest_of(stream), WARNING]
    return lines, problems


def examine_wheels(
    file: OwnFile, table: Dict[str, Any], contents: Any
) -> Tuple[Set[str], str, List[str]]:
    """The members that hold wheels or what was in them, how many are as built, and what is not."""
    known: Set[str] = set()
    problems = []
    if contents:
        try:
            held = contents.Contents(file, table["contents"])
            known = {contents.FILE, *(name for name, _ in held.blocks)}
            good = sum(1 for _ in held.read(range(len(held.contents))))
        except (DamagedFile, UnreadableFile) as error:
            return known, "contents: not as built", ["damaged: %s" % error]
        return known, "contents: %d as built; %s" % (good, contents.UNPROVEN), []
    for item in table["wheels"]:
        known.add(".deps/" + item["file"])
        try:
            file.open_wheel(item).close()
        except (DamagedFile, UnreadableFile) as error:
            problems.append("damaged: %s" % error)
    words = (len(known) - len(problems), len(known))
    return known, "wheels: %d of %d as built" % words, problems
