"""A file without wheels: what was in them lies in blocks, each content once, and is unpacked here.

`.multiplat/contents.json` has the blocks, each with the contents in its order, as SHA-256 and size;
a content's number is its place in all of them. Of each wheel of the table it has the members: path,
mode, and number of the content.
"""

import functools
import hashlib
import json
import os
import queue
import threading
from typing import IO, Any, Callable, Collection, Dict, Iterator, List, Tuple

from . import install
from .verify import DamagedFile, OwnFile, reading

try:
    import lzma

    HAS_LZMA = True
except ImportError:
    HAS_LZMA = False

FILE, BLOCKS = ".multiplat/contents.json", ".multiplat/blocks/"
PIECE = 1 << 18  # bytes
AHEAD = 32  # pieces that a thread unpacks before they are asked for
UNPROVEN = "only `hatch-multiplat inspect --lock` can tell whether a lock's wheels hold the same"
NO_LZMA = "this Python was built without the module lzma, which this file takes; use another Python"


class Contents:
    """The contents of a file, by what its `contents.json` says, whose digest the table has."""

    def __init__(self, file: OwnFile, digest: str) -> None:
        self.file = file
        with reading(file.path), file.open_member(FILE) as stream:
            data = stream.read()
            if hashlib.sha256(data).hexdigest() != digest:
                raise DamagedFile("%s is not as it was built" % FILE)
            about = json.loads(data.decode("utf-8"))
        self.blocks: List[Tuple[str, int]] = []  # their names, and the first number behind each
        self.contents: List[Tuple[str, int]] = []
        for name, contents in about["blocks"]:
            self.contents += [(sha256, size) for sha256, size in contents]
            self.blocks.append((BLOCKS + name + ".xz", len(self.contents)))
        self.wheels: List[List[Tuple[str, int, int]]] = about["wheels"]

    def read(self, wanted: Collection[int]) -> Iterator[Tuple[int, Iterator[bytes]]]:
        """The contents of these numbers, in order, piece by piece; nothing behind the last.

        Each raises DamagedFile, at its end, if it is not what was built in.
        """
        first = 0
        for name, end in self.blocks:
            last = max((number for number in wanted if first <= number < end), default=-1)
            if last >= 0:
                with reading(self.file.path):
                    stream = self.file.open_member(name)
                with stream:
                    block = Block(name, stream, self.file.path)
                    for number in range(first, last + 1):
                        sha256, size = self.contents[number]
                        pieces = block.take(sha256 if number in wanted else "", size)
                        if number in wanted:
                            yield number, pieces
                        for _ in pieces:
                            pass
                    if last == end - 1:
                        block.finish()
            first = end

    def unpack(self, wheels: List[int], folder: str) -> "List[Callable[[], Unpacked]]":
        """Unpack what these wheels hold into an empty folder; returns what opens each wheel."""
        uses: Dict[int, int] = {}
        modes: Dict[int, int] = {}
        for wheel in wheels:
            for _, mode, number in self.wheels[wheel]:
                uses[number] = uses.get(number, 0) + 1
                modes[number] = modes.get(number, 0o666) | (0o777 if mode & 0o111 else 0)
        for number, pieces in self.read(modes):
            path = os.path.join(folder, str(number))
            install.write_file(path, pieces, modes[number], hashed=False)
        rest = os.fsencode(folder), uses, modes
        return [functools.partial(Unpacked, self, wheel, *rest) for wheel in wheels]


class Block:
    """A stream of contents that is unpacked once, from its beginning on."""

    def __init__(self, name: str, stream: IO[bytes], path: str) -> None:
        self.name, self.stream, self.path = name, stream, path
        self.engine = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        self.pieces = in_advance(self.unpack())
        self.rest = memoryview(b"")

    def unpack(self) -> Iterator[bytes]:
        """The unpacked stream, piece by piece."""
        while not self.engine.eof:
            data = self.stream.read(PIECE) if self.engine.needs_input else b""
            if self.engine.needs_input and not data:
                return
            yield self.engine.decompress(data, PIECE)

    def more(self) -> bool:
        """Take the next piece, if there is one."""
        with reading(self.path):
            while not self.rest:
                piece = next(self.pieces, None)
                if piece is None:
                    break
                self.rest = memoryview(piece)
        return bool(self.rest)

    def take(self, sha256: str, size: int) -> Iterator[Any]:
        """The next content, piece by piece; one that is passed over has no hash."""
        digest = hashlib.sha256()
        while size and (self.rest or self.more()):
            piece, self.rest = self.rest[:size], self.rest[size:]
            size -= len(piece)
            if sha256:
                digest.update(piece)
            yield piece
        if size or (sha256 and digest.hexdigest() != sha256):
            raise DamagedFile("%s is not as it was built" % self.name)

    def finish(self) -> None:
        """Look whether the stream ends here, and the block with it."""
        if self.more() or not self.engine.eof or self.engine.unused_data or self.stream.read(1):
            raise DamagedFile("%s does not end where it should" % self.name)


def in_advance(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces: while one is used, a thread makes the next, where there are threads."""
    made: "queue.Queue[Any]" = queue.Queue(AHEAD)

    def make() -> None:
        try:
            for piece in pieces:
                made.put(piece)
            made.put(None)
        except BaseException as error:
            made.put(error)

    try:
        threading.Thread(target=make, daemon=True).start()
    except RuntimeError:
        yield from pieces
        return
    for piece in iter(made.get, None):
        if isinstance(piece, BaseException):
            raise piece
        yield piece


class Unpacked(install.Source):
    """A wheel whose contents are files of a folder, by number: the last who wants one takes it.

    `uses` counts how often each is wanted yet, `modes` has how it was made.
    """

    def __init__(
        self, held: Contents, wheel: int, folder: bytes, uses: Dict[int, int], modes: Dict[int, int]
    ) -> None:
        self.contents, self.folder, self.uses, self.modes = held.contents, folder, uses, modes
        self.numbers = {path: number for path, _, number in held.wheels[wheel]}
        super().__init__(
            self.look_at(
                path, mode, self.contents[number][1], int(self.contents[number][0][:8], 16)
            )
            for path, mode, number in held.wheels[wheel]
        )

    def locate(self, name: str) -> bytes:
        return os.path.join(self.folder, b"%d" % self.numbers[name])

    def read(self, name: str) -> Iterator[bytes]:
        with open(self.locate(name), "rb") as stream:
            yield from iter(lambda: stream.read(PIECE), b"")

    def place(self, name: str, path: bytes, mode: int, hashed: bool) -> Tuple[str, int]:
        number = self.numbers[name]
        self.uses[number] -= 1
        if self.uses[number] or self.modes[number] != mode:
            return super().place(name, path, mode, hashed)
        try:
            os.replace(self.locate(name), path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(self.locate(name), path)
        sha256, size = self.contents[number]
        return install.record_hash(bytes.fromhex(sha256)), size
