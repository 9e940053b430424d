"""Read a file without wheels: the contents of each wheel, and whether they are undamaged."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ExecutableError, ToolError
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.executable.executable import BLOCKS, HeldMember, HeldWheel
from hatch_multiplat.runtime.contents import HAS_LZMA, Contents
from hatch_multiplat.runtime.rules import REPLACED, BadWheel, find_info_dir
from hatch_multiplat.runtime.verify import DamagedFile, OwnFile, UnreadableFile
from hatch_multiplat.wheels.metadata import parse_wheel_texts
from hatch_multiplat.wheels.selection import parse_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.executable.table import Table
    from hatch_multiplat.runtime.install import Source
    from hatch_multiplat.wheels.metadata import WheelTexts
    from hatch_multiplat.wheels.wheel_file import Opener

_NAME: Final = re.compile(r"[a-z0-9_-]+")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LARGEST: Final = 1 << 24
"""The largest METADATA, in bytes, that is read."""


def read_contents(path: Path, table: Table) -> tuple[dict[str, HeldWheel], list[tuple[str, str]]]:
    """Return the wheels in a file without wheels, with those whose contents are damaged.

    Every content is hashed. Raises ToolError if this Python cannot unpack, ExecutableError for a
    file that cannot be read at all.
    """
    with _open(path, table) as contents:
        numbers = [{path: number for path, _, number in members} for members in contents.wheels]
        metadata = [found.get(find_metadata(found), -1) for found in numbers]
        texts = {
            number: b""
            for number in metadata
            if number >= 0 and contents.contents[number][1] <= _LARGEST
        }
        bad = _read_all(contents, texts)
        sizes = _share_blocks(path, contents)
    holders = Counter(number for found in numbers for number in {*found.values()})
    wheels: dict[str, HeldWheel] = {}
    damages = []
    for place, item in enumerate(table.wheels):
        members = tuple(
            HeldMember(path=path, mode=mode, sha256=sha256, size=size)
            for path, mode, number in contents.wheels[place]
            for sha256, size in [contents.contents[number]]
        )
        own = sorted({*numbers[place].values()})
        wheels[item.file] = HeldWheel(
            wheel=parse_wheel(item.file, "", {"sha256": item.sha256}, item.size),
            size=sum(sizes[number] // holders[number] for number in own),
            unpacked=unpacked_size({member.path: member.size for member in members}),
            texts=parse_texts(texts.get(metadata[place])),
            members=members,
            pieces={str(number): sizes[number] for number in own},
        )
        if not bad.isdisjoint(own):
            damages.append((item.file, "does not have its original contents"))
        elif wheels[item.file].texts is None:
            damages.append((item.file, "is not a readable wheel"))
    return wheels, damages


@contextmanager
def unpack_wheels(executable: Executable) -> Iterator[dict[str, Opener]]:
    """Unpack all undamaged contents; yields what opens each undamaged wheel."""
    table = executable.own_table()
    damaged = {filename for filename, _ in executable.damages}
    whole = [number for number, item in enumerate(table.wheels) if item.file not in damaged]
    with _open(executable.path, table) as contents, temporary_folder() as folder:
        openers = contents.unpack(whole, str(folder))
        yield {
            table.wheels[number].file: partial(_enter, opener)
            for number, opener in zip(whole, openers, strict=True)
        }


@contextmanager
def _enter(opener: Callable[[], Source]) -> Iterator[Source]:
    yield opener()


@contextmanager
def _open(path: Path, table: Table) -> Iterator[Contents]:
    if not HAS_LZMA:
        raise ToolError(
            f"{path} can only be read with the module lzma, which this Python was built without; "
            "use another Python"
        )
    damaged = f"{path} is damaged, download it again"
    try:
        file = OwnFile(str(path))
    except (DamagedFile, UnreadableFile) as error:
        raise ExecutableError(f"{damaged}: {error}") from error
    try:
        yield _parse(file, table)
    except UnreadableFile as error:
        raise ExecutableError(str(error)) from error
    except DamagedFile as error:
        raise ExecutableError(f"{damaged}: {error}") from error
    finally:
        file.close()


def _parse(file: OwnFile, table: Table) -> Contents:
    """Return the description of the contents; raises DamagedFile if no build would write it."""
    try:
        contents = Contents(file, table.contents)
        good = _is_sound(contents, table)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        good = False
    if not good:
        raise DamagedFile("its contents are described as no build does it")
    return contents


def _is_sound(contents: Contents, table: Table) -> bool:
    names = [name for name, _ in contents.blocks]
    count = len(contents.contents)
    return (
        len(set(names)) == len(names)
        and all(_NAME.fullmatch(name[len(BLOCKS) : -len(".xz")]) for name in names)
        and all(
            _SHA256.fullmatch(sha256) and type(size) is int and size >= 0
            for sha256, size in contents.contents
        )
        and len(contents.wheels) == len(table.wheels)
        and all(
            type(path) is str
            and type(mode) is int
            and type(number) is int
            and 0 <= mode < 1 << 16
            and 0 <= number < count
            for members in contents.wheels
            for path, mode, number in members
        )
    )


def find_metadata(names: Iterable[str]) -> str:
    """Return where METADATA is among the files of a wheel; "" if it has none."""
    try:
        found = f"{find_info_dir(names)}/METADATA"
    except BadWheel:
        return ""
    return found if found in names else ""


def parse_texts(metadata: bytes | None) -> WheelTexts | None:
    return None if metadata is None else parse_wheel_texts(metadata.decode("utf-8", "replace"))


def unpacked_size(sizes: Mapping[str, int]) -> int:
    """Return the bytes of a wheel's files, given by name, without what an installer writes anew."""
    folder = find_metadata(sizes).removesuffix("METADATA")
    replaced = {folder + name for name in REPLACED}
    return sum(size for name, size in sizes.items() if name not in replaced)


def _read_all(contents: Contents, texts: dict[int, bytes]) -> set[int]:
    """Hash every content, fill in these texts, and return the numbers of damaged contents.

    Nothing is known of the contents behind the first damaged one of a block.
    """
    bad: set[int] = set()
    first = 0
    for _, end in contents.blocks:
        number = first
        try:
            for number, pieces in contents.read(range(first, end)):
                if number in texts:
                    texts[number] = b"".join(pieces)
                else:
                    for _ in pieces:
                        pass
        except (DamagedFile, UnreadableFile):
            bad.update(range(number, end))
        first = end
    return bad


def _share_blocks(path: Path, contents: Contents) -> list[int]:
    """Return each content's share, in bytes, of the size of its block."""
    with zipfile.ZipFile(path) as archive:
        held = {info.filename: info.compress_size for info in archive.infolist()}
    sizes: list[int] = []
    first = 0
    for name, end in contents.blocks:
        ends = list(accumulate((size for _, size in contents.contents[first:end]), initial=0))
        scale = held.get(name, 0) / max(ends[-1], 1)
        sizes += [round(after * scale) - round(before * scale) for before, after in pairwise(ends)]
        first = end
    return sizes
