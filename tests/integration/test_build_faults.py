"""Builds that are killed, crowded, or fed by a broken index: no wrong bytes, no good file lost."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.__main__ import run
from hatch_multiplat.base.errors import ConfigError, MultiplatError, ToolError
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.resolve.build_context import BuildContext, Invocation
from hatch_multiplat.resolve.downloads import Downloads
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.resolve.resolver import Resolution, resolve
from hatch_multiplat.resolve.solve import TIMEOUT
from hatch_multiplat.targets.target import Target
from tests.support.caches import make_cache
from tests.support.project import ProjectFolder, make_project
from tests.support.server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.wheel_cache import WheelCache
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network", "quick_uv")

KILLS = 100
LONGEST = 2.5
"""Seconds after which a build is killed at the latest, on a machine however busy."""
BUILDS = 20


@pytest.fixture
def quick_uv(plain_network: None, uv_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make uv ask once, as the client of the tests does."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def project(tmp_path: Path, index_server: IndexServer) -> ProjectFolder:
    """A project with some dependencies, one of them large enough to be caught half-way."""
    large = {"large.bin": random.Random(1).randbytes(2_000_000)}
    index_server.add_wheel("large", files=large)
    index_server.add_wheel("small")
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["large", "small"],
        table={"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"]},
    )
    (tmp_path / "temporary").mkdir()
    project.environ |= {"TMPDIR": str(tmp_path / "temporary")}
    return project


class Build:
    """`hatch-multiplat build` in a process that is forked from one that has imported everything."""

    def __init__(self, project: ProjectFolder, **environ: str) -> None:
        words = ["build", "--wheel", project.wheel, "-o", project.dist, "--checksums", project.root]
        self.log = project.root.parent / f"{next(NUMBERS)}.log"
        environ = {**os.environ, **project.environ, **environ}
        arguments = (list(map(str, words)), environ, self.log)
        self.process = FORKS.Process(target=run_in_child, args=arguments)
        self.process.start()

    def stop(self, *, by_kill: bool) -> str:
        """Stop it as `kill -9` or as `kill` does; returns what was printed in the end."""
        (self.process.kill if by_kill else self.process.terminate)()
        self.process.join(120)
        assert self.process.exitcode is not None
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def finish(self) -> None:
        self.process.join()
        assert self.process.exitcode == 0, self.log.read_text("utf-8")


NUMBERS = itertools.count()
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, "hatch_multiplat.frontends.commands.build"])


def run_in_child(words: list[str], environ: dict[str, str], log: Path) -> None:
    """Be `python -m hatch_multiplat WORDS`, with these variables and its output in a file."""
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = words
    run()


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of each file in a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_hundred_kills_leave_no_wrong_file_and_nothing_behind(project: ProjectFolder) -> None:
    """At any moment, of a first build and of a later one, as `kill` and as `kill -9`."""
    takes = []
    for _ in ("with empty caches", "with full ones"):
        began = time.monotonic()
        Build(project).finish()
        takes.append(min(time.monotonic() - began, LONGEST))
    right = contents(project.dist)
    chance = random.Random(12)
    caches = project.root.parent
    for number in range(KILLS):
        # Every other build begins with an empty cache, half of these without pex's skeleton too.
        cache = caches / f"empty{number}"
        empty = str(cache) if number % 4 else make_cache(cache)
        environ = {} if number % 2 else {"HATCH_MULTIPLAT_CACHE": empty}
        build = Build(project, **environ)
        time.sleep(chance.uniform(0.01, takes[number % 2]))
        said = build.stop(by_kill=number % 8 < 4)
        assert "Traceback" not in said, said
        found = contents(project.dist)
        assert {name: found.get(name) for name in right} == right
    Build(project).finish()
    assert contents(project.dist) == right
    # A build may be killed before its folder has the lock: such a folder is empty, and goes when
    # it is old.
    for path in (caches / "temporary").iterdir():
        if path.is_file():  # by which Python finds out that it can write there
            assert path.read_bytes() in {b"", b"blat"}
            path.unlink()
            continue
        assert list(path.iterdir()) == []
        os.utime(path, (0, 0))
    Build(project).finish()
    assert list((caches / "temporary").iterdir()) == []


def test_twenty_builds_at_once_make_the_same_files(project: ProjectFolder) -> None:
    """All of them begin with one empty cache and write to one folder."""
    for build in [Build(project) for _ in range(BUILDS)]:
        build.finish()
    together = contents(project.dist)
    assert sorted(together) == ["SHA256SUMS", "demo-1.0.pex"]
    Build(project, HATCH_MULTIPLAT_CACHE=str(project.root.parent / "another")).finish()
    assert contents(project.dist) == together


# -- broken indexes --------------------------------------------------------------------------------

PAGE, WHEEL, METADATA = (
    "native",
    "native-1.0-py3-none-any.whl",
    "native-1.0-py3-none-any.whl.metadata",
)


def fail(status: int) -> Callable[[IndexServer, str], None]:
    return lambda index, name: index.fail(name, status)


def loop(index: IndexServer, name: str) -> None:
    place = {PAGE: f"{index.index_url}{PAGE}/"}.get(name, f"{index.url}/files/{name}")
    index.redirect(name, place)


def nowhere(index: IndexServer, name: str) -> None:
    index.redirect(name, f"http://127.0.0.1:{free_port()}/x")


def login(index: IndexServer, name: str) -> None:
    """Send to a page for people, as a firewall or an expired session does."""
    index.redirect(name, index.find_links_url)


STATUSES = {str(status): fail(status) for status in (401, 403, 404, 410, 429, 500, 503)}
FAULTS: dict[str, Callable[[IndexServer, str], None]] = {
    **STATUSES,
    "hangs up": lambda index, name: index.hang_up(name),
    "breaks off": lambda index, name: index.drop(name, after=10),
    "redirects in a circle": loop,
    "redirects to nobody": nowhere,
    "shows a login page": login,
}
OF_FILES: dict[str, Callable[[IndexServer, str], None]] = {
    "ends early, as if that were all": lambda index, name: index.drop(name, after=10, length=False),
    "sends other bytes": lambda index, name: index.corrupt(name),
    "sends the beginning alone": lambda index, name: index.shorten(name, to=100),
    "calls it gzip": lambda index, name: index.mislabel(name),
}
OF_METADATA = {*STATUSES, "hangs up"}
KINDS = [
    *((PAGE, kind) for kind in FAULTS),
    *((WHEEL, kind) for kind in FAULTS | OF_FILES),
    *((METADATA, kind) for kind in FAULTS if kind in OF_METADATA),
]


@pytest.fixture
def context(index_server: IndexServer, wheel_cache: WheelCache, client: HttpClient) -> BuildContext:
    return BuildContext(
        run=Invocation(
            progress=Progress(),
            say=lambda _: None,
            environ=os.environ,
        ),
        sources=Sources(index_url=index_server.index_url),
        client=client,
        wheel_cache=wheel_cache,
        offline=False,
    )


def bring(context: BuildContext, folder: Path) -> bytes:
    """Resolve, and return the one wheel that a target takes; raises what a build would."""
    question = Question(
        requirements=(Requirement("native"),),
        constraints=(),
        targets=(Target.parse("cp312-win_amd64"),),
        requires_python=SpecifierSet(),
        uv_table={},
        project_dir=folder,
    )
    downloads = Downloads(context, whole=True)
    found = resolve(question, context, downloads=downloads)
    if not isinstance(found, Resolution):
        raise found.error()
    (path,) = [file.path for file in downloads.bring(found.selections).values()]
    return path.read_bytes()


@pytest.mark.parametrize("fault", KINDS, ids=" ".join)
def test_a_broken_index_is_an_error_of_ours_and_spoils_nothing(
    index_server: IndexServer, context: BuildContext, tmp_path: Path, fault: tuple[str, str]
) -> None:
    """Whatever is wrong: the right wheel, or one error; and the right wheel once all is well."""
    name, kind = fault
    wheel = index_server.add_wheel("native")
    (FAULTS | OF_FILES)[kind](index_server, name)
    try:
        assert bring(context, tmp_path) == wheel.read_bytes()
    except MultiplatError as error:
        said = str(error)
        assert "Traceback" not in said
        assert "native" in said or index_server.url in said, said
    index_server.mend()
    assert bring(context, tmp_path) == wheel.read_bytes()


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_index_that_drips_is_not_awaited_for_ever(
    index_server: IndexServer, context: BuildContext, tmp_path: Path, part: str
) -> None:
    index_server.add_wheel("native")
    index_server.drip("native", part=part)
    environ: dict[str, Any] = {**context.environ, TIMEOUT: "3"}
    late = replace(context, run=replace(context.run, environ=environ))
    with pytest.raises(ToolError, match=r"^uv did not end within 3 s; an index that answers too s"):
        bring(late, tmp_path)


@pytest.mark.parametrize("said", ["soon", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_none_is_a_mistake(
    context: BuildContext, tmp_path: Path, said: str
) -> None:
    run = replace(context.run, environ={**context.environ, TIMEOUT: said})
    with pytest.raises(ConfigError, match=f"{TIMEOUT}: '{said}' is not a number of seconds"):
        bring(replace(context, run=run), tmp_path)
