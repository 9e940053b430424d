"""What a build reads of the wheels that it has, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.index.wheel_cache import CachedFile, WheelCache, hash_file
from hatch_multiplat.resolve.build_context import BuildContext, Invocation
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels import elf, wheel_file
from hatch_multiplat.wheels.proof import Requirements
from hatch_multiplat.wheels.selection import Selection, WheelSet, parse_wheel
from tests.support.elf import glibc_object
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = Requirements(roots=())
OLD, NEW = (Target.parse(f"cp312-manylinux_2_{minor}_x86_64") for minor in (28, 36))


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[Downloads]:
    with HttpClient(Credentials(), environ={}) as client:
        context = BuildContext(
            run=Invocation(progress=Progress(), say=str, environ={}),
            sources=Sources(index_url="https://index.test/simple"),
            client=client,
            wheel_cache=WheelCache(tmp_path / "store"),
            offline=True,
        )
        yield Downloads(context, whole=True)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the wheels that are opened, each as often as that is done."""
    opened = []
    read_texts, read_needs = wheel_file.open_wheel, elf.read_libc_needs

    def texts(path: Path, *, sha256: str) -> object:
        opened.append(f"texts of {path.name.partition('-')[0]}")
        return read_texts(path, sha256=sha256)

    def needs(file: wheel_file.WheelFile) -> object:
        opened.append(f"code of {file.filename.partition('-')[0]}")
        return read_needs(file)

    monkeypatch.setattr("hatch_multiplat.resolve.downloads.open_wheel", texts)
    monkeypatch.setattr(elf, "read_libc_needs", needs)
    return opened


def bare(folder: Path, name: str) -> Path:
    files = {f"{name}/part.so": glibc_object("GLIBC_2.36")}
    return make_wheel(folder, name, tags="cp312-cp312-linux_x86_64", files=files)


def selection(target: Target, *wheels: Path) -> Selection:
    locked = tuple(
        parse_wheel(path.name, path.as_uri(), {"sha256": hash_file(path, "sha256")})
        for path in wheels
    )
    return Selection(target=target, sets=(WheelSet(from_patch=0, wheels=locked),))


def test_a_wheel_that_does_is_opened_once_for_all_rounds(
    downloads: Downloads, read: list[str], tmp_path: Path
) -> None:
    one, two = bare(tmp_path, "one"), bare(tmp_path, "two")
    assert downloads.examine([selection(NEW, one)], ANY) == ()
    assert read == ["texts of one", "code of one"]
    both = [selection(NEW, one, two)]
    assert downloads.examine(both, ANY) == ()
    assert read[2:] == ["texts of two", "code of two"]
    assert downloads.examine(both, ANY) == ()
    assert [*downloads.open(downloads.bring(both))] == [one.name, two.name]
    assert len(read) == 4


def test_what_does_on_one_target_is_looked_at_for_another(
    downloads: Downloads, read: list[str], tmp_path: Path
) -> None:
    wheel = bare(tmp_path, "one")
    downloads.examine([selection(NEW, wheel)], ANY)
    both = [selection(NEW, wheel), selection(OLD, wheel)]
    for _ in range(2):
        assert [missing_wheel.target for missing_wheel in downloads.examine(both, ANY)] == [OLD]
    assert read == ["texts of one", "code of one"]


def test_a_wheel_of_the_same_name_with_other_bytes_is_another(
    downloads: Downloads, tmp_path: Path
) -> None:
    texts = [
        downloads.open({wheel.name: CachedFile(wheel, "")})[wheel.name].texts.requires
        for requires in ([], ["rich"])
        for wheel in [make_wheel(tmp_path / f"{len(requires)}", "demo", requires=requires)]
    ]
    assert [len(found) for found in texts] == [0, 1]
