"""What wheels hold, arranged in blocks: by which platforms share it, whatever the order is."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import random
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.blocks import (
    DICTIONARY,
    arrange_blocks,
    compress,
)
from hatch_multiplat.executable.executable import HeldMember
from hatch_multiplat.executable.table import Table, TableTarget, TableWheel

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each wheel's members, by path: what they hold.
WHEELS = {
    "demo-1.0-py3-none-any.whl": {"demo.py": b"demo", "empty.py": b""},
    "pure-1.0-py3-none-any.whl": {"pure.py": b"pure", "pure/empty.py": b"", "pure.txt": b"text"},
    "lib-1.0-cp311-abi3-linux_x86_64.whl": {"lib.py": b"lib", "lib.so": b"for linux", "x.so": b"x"},
    "lib-1.0-cp311-abi3-linux_aarch64.whl": {"lib.py": b"lib", "lib.so": b"for arm"},
    "lib-1.0-cp311-abi3-musllinux_1_2_x86_64.whl": {
        "lib.py": b"lib",
        "m.so": b"musl",
        "x.so": b"x",
    },
    "lib-1.0-cp311-abi3-win_amd64.whl": {"lib.py": b"lib", "lib.pyd": b"for windows"},
    "old-1.0-cp311-cp311-linux_x86_64.whl": {"a.so": b"of 3.11", "b.so": b"of 3.11 and 3.12"},
    "old-1.0-cp312-cp312-linux_x86_64.whl": {"b.so": b"of 3.11 and 3.12", "z.so": b"of 3.12"},
}
LINUX = ("glibc", 2, 28)


def target(name: str, python: int, wheels: list[str], **fields: Any) -> TableTarget:
    names = sorted(WHEELS)
    common = ["demo-1.0-py3-none-any.whl", "pure-1.0-py3-none-any.whl"]
    indexes = tuple(names.index(wheel) for wheel in [*common, *wheels])
    return TableTarget(
        name=name,
        implementation="cpython",
        python=(3, python),
        sets=((0, indexes),),
        **{"system": "linux", "arch": "x86_64", **fields},
    )


TARGETS = (
    target(
        "l11",
        11,
        ["lib-1.0-cp311-abi3-linux_x86_64.whl", "old-1.0-cp311-cp311-linux_x86_64.whl"],
        libc=LINUX,
    ),
    target(
        "l12",
        12,
        ["lib-1.0-cp311-abi3-linux_x86_64.whl", "old-1.0-cp312-cp312-linux_x86_64.whl"],
        libc=LINUX,
    ),
    target("arm", 12, ["lib-1.0-cp311-abi3-linux_aarch64.whl"], arch="aarch64", libc=LINUX),
    target("musl", 12, ["lib-1.0-cp311-abi3-musllinux_1_2_x86_64.whl"], libc=("musl", 1, 2)),
    target("win", 12, ["lib-1.0-cp311-abi3-win_amd64.whl"], system="windows"),
)
TABLE = Table(
    name="demo",
    version="1.0",
    run={},
    wheels=tuple(TableWheel(file=name, sha256="", size=0) for name in sorted(WHEELS)),
    targets=TARGETS,
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def members_of(wheels: dict[str, dict[str, bytes]] = WHEELS) -> dict[str, list[HeldMember]]:
    return {
        name: [
            HeldMember(path=path, mode=0o100644, sha256=sha256(data), size=len(data))
            for path, data in files.items()
        ]
        for name, files in wheels.items()
    }


def named_blocks() -> dict[str, list[bytes]]:
    """Each block's contents."""
    data = {sha256(data): data for files in WHEELS.values() for data in files.values()}
    blocks, _ = arrange_blocks(TABLE, members_of())
    return {block.name: [data[m.sha256] for _, m in block.contents] for block in blocks}


def test_a_block_has_what_its_platforms_alone_share() -> None:
    """The newest Python comes first, then it goes by suffix and name; each content is there once.

    What the project's own wheel holds is in its own, even where others hold the same.
    """
    assert named_blocks() == {
        "common": [b"", b"lib", b"pure", b"text"],
        "linux": [b"x"],
        "linux-aarch64": [b"for arm"],
        "linux-x86_64": [b"of 3.11 and 3.12", b"for linux", b"of 3.12", b"of 3.11"],
        "linux-x86_64-musl": [b"musl"],
        "own-common": [b"demo", b""],
        "windows-x86_64": [b"for windows"],
    }


def test_each_wheel_is_described_in_full() -> None:
    blocks, described = arrange_blocks(TABLE, members_of())
    about = json.loads(described)
    contents = [tuple(item) for _, block in about["blocks"] for item in block]
    assert [name for name, _ in about["blocks"]] == [block.name for block in blocks]
    assert [
        {path: (mode, *contents[number]) for path, mode, number in members}
        for members in about["wheels"]
    ] == [
        {path: (0o100644, sha256(data), len(data)) for path, data in WHEELS[name].items()}
        for name in sorted(WHEELS)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_no_order_counts(seed: int) -> None:
    chance = random.Random(seed)
    targets = chance.sample(TARGETS, len(TARGETS))
    shuffled = {
        name: chance.sample(members, len(members))
        for name, members in chance.sample(list(members_of().items()), len(WHEELS))
    }
    assert (
        arrange_blocks(replace(TABLE, targets=tuple(targets)), shuffled)[0]
        == arrange_blocks(TABLE, members_of())[0]
    )


def test_of_one_family_all_is_in_its_block() -> None:
    table = replace(TABLE, targets=TARGETS[:2])
    blocks, _ = arrange_blocks(table, members_of())
    shared = {block.name for block in blocks} - {"common"}  # which has what no target takes
    assert shared == {"linux-x86_64", "own-linux-x86_64"}


class FakeWheel:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, name: str) -> Iterator[bytes]:
        yield self.files[name][:1]
        yield self.files[name][1:]


def test_a_block_is_one_xz_stream_of_its_contents() -> None:
    @contextmanager
    def opened(name: str, change: bytes = b"") -> Iterator[Any]:
        yield FakeWheel({path: data + change for path, data in WHEELS[name].items()})

    blocks, _ = arrange_blocks(TABLE, members_of())
    wheels: Any = {name: lambda name=name: opened(name) for name in WHEELS}
    for block in blocks:
        stream = io.BytesIO()
        compress(block, wheels, stream)
        again = io.BytesIO()
        compress(block, wheels, again)
        assert stream.getvalue() == again.getvalue()
        engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * DICTIONARY)
        assert engine.decompress(stream.getvalue()) == b"".join(named_blocks()[block.name])
        assert engine.eof
    changed: Any = {name: lambda name=name: opened(name, b"!") for name in WHEELS}
    with pytest.raises(ExecutableError, match="has changed while it was read; build again"):
        compress(blocks[0], changed, io.BytesIO())
