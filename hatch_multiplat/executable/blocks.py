"""The contents of wheels, each once, compressed in blocks: an archive without wheels.

A machine unpacks the blocks that hold something of its wheels: one block for contents that several
systems share, one for each system, one for each family of platforms. The contents of the project's
own wheels are in separate blocks, so that the others, which take long to make, do not change; they
are kept in the cache by their contents. Within a block, the newest Python comes first, then files
with the same suffix and name, because similar contents compress better side by side.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from packaging.utils import canonicalize_name, parse_wheel_filename

from hatch_multiplat.base.atomic_write import copy_atomically, read_sealed, write_sealed
from hatch_multiplat.base.errors import ExecutableError, ToolError
from hatch_multiplat.base.text import format_size
from hatch_multiplat.base.threads import map_in_threads
from hatch_multiplat.executable.executable import BLOCKS, CONTENTS, HeldMember
from hatch_multiplat.executable.zip_writer import Member
from hatch_multiplat.index.wheel_cache import hash_file
from hatch_multiplat.runtime.contents import HAS_LZMA
from hatch_multiplat.runtime.rules import BadWheel
from hatch_multiplat.wheels.wheel_file import wheel_opener

if HAS_LZMA:
    import lzma

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hatch_multiplat.executable.table import Table, TableTarget
    from hatch_multiplat.runtime.install import Source
    from hatch_multiplat.wheels.wheel_file import Opener

FOLDER: Final = "blocks"
"""The folder of blocks, below the wheel cache."""
MEMBERS: Final = "members"
"""The folder of lists of wheels' contents, below the wheel cache."""
DICTIONARY: Final = 1 << 26
"""Bytes of memory for the decompression of a block; matches are found within this distance."""
PRESET: Final = 6
JOBS: Final = 4
"""Blocks that are compressed at once, each in some 700 MB of memory."""
KEPT: Final = 200
"""The number of blocks kept in the cache: the last used ones."""
_QUICK: Final = 1 << 24
"""Bytes that are compressed without a message."""
_PIECE: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Contents that are compressed together: for each, a wheel, a path in it, and the content."""

    name: str
    contents: tuple[tuple[str, HeldMember], ...]

    @property
    def size(self) -> int:
        return sum(member.size for _, member in self.contents)


def list_members(path: Path, sha256: str, *, cache: Path) -> tuple[HeldMember, ...]:
    """Return the contents of the wheel with this SHA-256, kept below `cache` for the next build."""
    note = cache / sha256[:2] / sha256
    kept = read_sealed(note)
    if kept is not None:
        fields = json.loads(kept)
    else:
        with wheel_opener(path)() as wheel:
            fields = [
                [item.name, item.mode, _hash(wheel.read(item.name)), item.size]
                for item in wheel.facts.members
            ]
        with suppress(OSError):  # The next build reads the wheel again.
            note.parent.mkdir(parents=True, exist_ok=True)
            write_sealed(note, json.dumps(fields).encode())
    return tuple(HeldMember(path=p, mode=m, sha256=s, size=n) for p, m, s, n in fields)


def arrange_blocks(
    table: Table, members: Mapping[str, Sequence[HeldMember]]
) -> tuple[tuple[Block, ...], bytes]:
    """Return the blocks for a table's wheels, and the `contents.json` that describes them.

    They depend only on the contents of the wheels and on the targets that take them, not on any
    order.
    """
    takers: dict[str, set[TableTarget]] = defaultdict(set)
    for target in table.targets:
        for index in {index for _, indexes in target.sets for index in indexes}:
            takers[table.wheels[index].file].add(target)
    own = {
        wheel.file
        for wheel in table.wheels
        if parse_wheel_filename(wheel.file)[0] == canonicalize_name(table.name)
    }
    targets: dict[tuple[bool, str], set[TableTarget]] = defaultdict(set)
    places: dict[tuple[bool, str], list[tuple[str, str, str, HeldMember]]] = defaultdict(list)
    for wheel in table.wheels:
        for member in members[wheel.file]:
            key = wheel.file in own, member.sha256
            targets[key] |= takers[wheel.file]
            path = PurePosixPath(member.path)
            places[key].append((path.suffix, path.name, wheel.file, member))
    named: dict[str, list[tuple[bool, str]]] = defaultdict(list)
    for key in places:
        named[_block_name(targets[key], is_own=key[0])].append(key)

    def order(key: tuple[bool, str]) -> tuple[object, ...]:
        newest = max((target.python for target in targets[key]), default=(0, 0))
        suffix, name, _, member = min(places[key], key=lambda item: (*item[:2], item[3].path))
        return -newest[0], -newest[1], suffix, name, member.path, key[1]

    blocks = []
    numbers: dict[tuple[bool, str], int] = {}
    for name in sorted(named):
        contents = []
        for key in sorted(named[name], key=order):
            numbers[key] = len(numbers)
            _, _, file, member = min(places[key], key=lambda item: (item[2], item[3].path))
            contents.append((file, member))
        blocks.append(Block(name=name, contents=tuple(contents)))
    described = {
        "blocks": [[b.name, [[item.sha256, item.size] for _, item in b.contents]] for b in blocks],
        "wheels": [
            [
                [item.path, item.mode, numbers[wheel.file in own, item.sha256]]
                for item in members[wheel.file]
            ]
            for wheel in table.wheels
        ],
    }
    return tuple(blocks), json.dumps(described, separators=(",", ":")).encode()


def _block_name(targets: Iterable[TableTarget], *, is_own: bool) -> str:
    """Return the name of the block for contents that these targets share."""
    families = {_family(target) for target in targets}
    systems = {target.system for target in targets}
    shared = systems if len(families) > 1 else families
    name = next(iter(shared)) if len(shared) == 1 else "common"
    return f"own-{name}" if is_own else name


def _family(target: TableTarget) -> str:
    """Return the platforms of a target's machine code, without their floors."""
    libc = f"-{target.libc[0]}" if target.libc and target.libc[0] != "glibc" else ""
    return f"{target.system}-{target.arch}{libc}"


def block_members(
    blocks: Sequence[Block],
    described: bytes,
    wheels: Mapping[str, Opener],
    *,
    cache: Path,
    folder: Path,
    say: Callable[[str], object],
) -> list[Member]:
    """Compress blocks, unless they are kept below `cache`, and return a file's members for them.

    `wheels` opens each wheel that a block names; `folder` is for what is made anew. Raises
    ToolError where this Python cannot compress, ExecutableError for a wheel that has changed.
    """
    if not HAS_LZMA:
        raise ToolError(
            "the format 'pyz' takes the module lzma, which this Python was built without; "
            "build with another Python"
        )
    paths = {block.name: _find_kept(cache / _key(block)) for block in blocks}
    missing = [block for block in blocks if paths[block.name] is None]
    total = sum(block.size for block in missing)
    if total > _QUICK:
        say(f"Compressing {format_size(total)}, which is kept for the next build")

    def make(block: Block) -> Path:
        path = folder / f"{block.name}.xz"
        with path.open("wb") as stream:
            compress(block, wheels, stream)
        with suppress(OSError):  # A cache that cannot be written costs time at the next build.
            _keep(path, cache / _key(block))
        return path

    jobs = min(os.cpu_count() or 1, JOBS)
    # The largest first: it would end last.
    missing.sort(key=lambda block: -block.size)
    made = map_in_threads(make, missing, jobs)
    paths |= {block.name: path for block, path in zip(missing, made, strict=True)}
    members = [Member(name=CONTENTS, data=described)]
    for name, path in paths.items():
        if path is not None:
            size = path.stat().st_size
            members.append(Member(name=f"{BLOCKS}{name}.xz", source=path, size=size))
    return members


def compress(block: Block, wheels: Mapping[str, Opener], stream: IO[bytes]) -> None:
    """Write a block's contents as one xz stream."""
    dictionary = min(DICTIONARY, max(1 << 16, 1 << block.size.bit_length()))
    engine = lzma.LZMACompressor(
        format=lzma.FORMAT_XZ,
        check=lzma.CHECK_CRC32,
        filters=[{"id": lzma.FILTER_LZMA2, "preset": PRESET, "dict_size": dictionary}],
    )
    with ExitStack() as stack:
        opened: dict[str, Source] = {}
        for file, member in block.contents:
            digest = hashlib.sha256()
            try:
                if file not in opened:
                    opened[file] = stack.enter_context(wheels[file]())
                for piece in opened[file].read(member.path):
                    digest.update(piece)
                    stream.write(engine.compress(piece))
            except BadWheel as error:
                raise ExecutableError(f"{file} cannot be read: {error}; build again") from error
            if digest.hexdigest() != member.sha256:
                raise ExecutableError(f"{file} has changed while it was read; build again")
    stream.write(engine.flush())


def _key(block: Block) -> str:
    """Return a name for everything that shapes a block's bytes; a Python brings its own liblzma."""
    shapes = {
        "contents": [[member.sha256, member.size] for _, member in block.contents],
        "parameters": [PRESET, DICTIONARY],
        "python": [sys.version, sys.platform],
    }
    return hashlib.sha256(json.dumps(shapes).encode()).hexdigest()


def _find_kept(path: Path) -> Path | None:
    """Return the kept block if it is undamaged."""
    note = read_sealed(path)
    block = path.with_suffix(".xz")
    try:
        if note is None or hash_file(block, "sha256") != note.decode():
            return None
        for file in (path, block):
            os.utime(file)
    except OSError:
        return None
    return block


def _keep(made: Path, path: Path) -> None:
    """Copy a block into the cache, and remove those unused for longest; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    copy_atomically(made, path.with_suffix(".xz"))
    write_sealed(path, hash_file(made, "sha256").encode())
    by_age = sorted(path.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
    for old in by_age[2 * KEPT :]:
        with suppress(OSError):
            old.unlink()


def _hash(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
