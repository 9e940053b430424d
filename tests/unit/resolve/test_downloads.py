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


def bare(folder: Path, name: str) -> Path:
    files = {f"{name}/part.so": glibc_object("GLIBC_2.36")}
    return make_wheel(folder, name, tags="cp312-cp312-linux_x86_64", files=files)


def selection(target: Target, *wheels: Path) -> Selection:
    locked = tuple(
        parse_wheel(path.name, path.as_uri(), {"sha256": hash_file(path, "sha256")})
        for path in wheels
    )
    return Selection(target=target, sets=(WheelSet(from_patch=0, wheels=locked),))


def cached(downloads: Downloads, wheel: Path) -> Path:
    """Return where the cache has a wheel that was downloaded."""
    return downloads.bring([selection(NEW, wheel)])[wheel.name].path


def test_a_wheel_that_does_is_opened_once_for_all_rounds(
    downloads: Downloads, tmp_path: Path
) -> None:
    """Whoever opened it again would find nothing."""
    one, two = bare(tmp_path, "one"), bare(tmp_path, "two")
    assert downloads.examine([selection(NEW, one)], ANY) == ()
    cached(downloads, one).unlink()
    both = [selection(NEW, one, two)]
    assert downloads.examine(both, ANY) == ()
    cached(downloads, two).unlink()
    assert downloads.examine(both, ANY) == ()
    assert [*downloads.open(downloads.bring(both))] == [one.name, two.name]


def test_what_does_on_one_target_is_looked_at_for_another(
    downloads: Downloads, tmp_path: Path
) -> None:
    """What was read of it is kept; whoever opened it again would find nothing."""
    wheel = bare(tmp_path, "one")
    downloads.examine([selection(NEW, wheel)], ANY)
    cached(downloads, wheel).unlink()
    both = [selection(NEW, wheel), selection(OLD, wheel)]
    for _ in range(2):
        assert [missing_wheel.target for missing_wheel in downloads.examine(both, ANY)] == [OLD]


def test_a_wheel_of_the_same_name_with_other_bytes_is_another(
    downloads: Downloads, tmp_path: Path
) -> None:
    texts = [
        downloads.open({wheel.name: CachedFile(wheel, "")})[wheel.name].texts.requires
        for requires in ([], ["rich"])
        for wheel in [make_wheel(tmp_path / f"{len(requires)}", "demo", requires=requires)]
    ]
    assert [len(found) for found in texts] == [0, 1]
