"""Downloads from a real server on loopback, with everything that can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import ssl
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest
import trustme
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import FetchError
from hatch_multiplat.base.urls import Credentials
from hatch_multiplat.index.fetch import Artifact, fetch_files
from hatch_multiplat.index.http_client import HttpClient
from hatch_multiplat.index.http_limits import TRIES, Limits
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.index.sources import Sources
from hatch_multiplat.resolve.build_context import BuildContext, Invocation
from hatch_multiplat.resolve.question import Question
from hatch_multiplat.resolve.solve import run_uv_solve
from hatch_multiplat.targets.target import Target
from tests.support.fetch_command import start_fetch
from tests.support.proxy import Proxy
from tests.support.server import basic_auth, refused_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from hatch_multiplat.index.wheel_cache import WheelCache
    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.usefixtures("plain_network")


def artifact_of(path: Path, url: str, *algorithms: str, sized: bool = True) -> Artifact:
    content = path.read_bytes()
    return Artifact(
        filename=path.name,
        url=url,
        hashes={name: hashlib.new(name, content).hexdigest() for name in algorithms or ("sha256",)},
        size=len(content) if sized else None,
    )


@pytest.fixture
def wheel(make_wheel: MakeFile, index_server: IndexServer) -> Path:
    """One wheel that the index has."""
    path = make_wheel("a")
    index_server.add(path)
    return path


@pytest.fixture
def artifact(wheel: Path, index_server: IndexServer) -> Artifact:
    """What a lock would say of it."""
    return artifact_of(wheel, index_server.file_url(wheel))


class Fetch(Protocol):
    """Fetches into the test's store and returns the files' places in the artifacts' order."""

    def __call__(
        self,
        *artifacts: Artifact,
        offline: bool = False,
        progress: Progress | None = None,
        client: HttpClient = ...,
        jobs: int = 8,
    ) -> list[Path]: ...


@pytest.fixture
def fetch(wheel_cache: WheelCache, client: HttpClient) -> Fetch:
    def fetch(
        *artifacts: Artifact,
        offline: bool = False,
        progress: Progress | None = None,
        client: HttpClient = client,
        jobs: int = 8,
    ) -> list[Path]:
        files = fetch_files(
            artifacts,
            wheel_cache=wheel_cache,
            client=client,
            offline=offline,
            progress=progress or Progress(),
            jobs=jobs,
        )
        return [files[artifact.key].path for artifact in artifacts]

    return fetch


def failure_of(fetch: Fetch, *artifacts: Artifact, **options: Any) -> str:
    with pytest.raises(FetchError) as raised:
        fetch(*artifacts, **options)
    return str(raised.value)


def entries(wheel_cache: WheelCache) -> list[str]:
    """Return the names of all files that the store has under a name or under none yet."""
    kinds = ("wheels", "tmp")
    return sorted(p.name for k in kinds for p in (wheel_cache.root / k).rglob("*") if p.is_file())


class TestWarmAndCold:
    def test_a_file_is_fetched_byte_for_byte(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, wheel_cache: WheelCache
    ) -> None:
        (path,) = fetch(artifact)
        assert path == wheel_cache.path_of(artifact.hashes["sha256"], wheel.name)
        assert path.read_bytes() == wheel.read_bytes()

    def test_what_is_in_the_store_is_not_asked_for_again(
        self, fetch: Fetch, artifact: Artifact, index_server: IndexServer
    ) -> None:
        first = fetch(artifact)
        assert fetch(artifact) == first
        assert len(index_server.requests) == 1

    def test_a_file_named_twice_is_fetched_once(
        self, fetch: Fetch, artifact: Artifact, index_server: IndexServer
    ) -> None:
        first, second = fetch(artifact, replace(artifact))
        assert first == second
        assert len(index_server.requests) == 1

    def test_nothing_is_asked_of_a_server_when_nothing_is_wanted(self, fetch: Fetch) -> None:
        assert fetch() == []

    def test_a_warm_store_serves_offline(
        self, fetch: Fetch, artifact: Artifact, index_server: IndexServer
    ) -> None:
        first = fetch(artifact)
        assert fetch(artifact, offline=True) == first
        assert len(index_server.requests) == 1

    def test_offline_names_every_file_that_is_missing_and_the_way_out(
        self, fetch: Fetch, artifact: Artifact, wheel_cache: WheelCache, index_server: IndexServer
    ) -> None:
        other = replace(
            artifact, filename="b-1.0-py3-none-any.whl", url="https://ann:x@b.example/b"
        )
        assert failure_of(fetch, other, artifact, offline=True) == (
            f"offline, and 2 files are not in the wheel cache {wheel_cache.root}:\n"
            f"  a-1.0-py3-none-any.whl ({artifact.url})\n"
            "  b-1.0-py3-none-any.whl (https://b.example/b)\n"
            "build once without UV_OFFLINE and HATCH_MULTIPLAT_OFFLINE to fetch what is missing"
        )
        assert index_server.requests == []

    def test_a_damaged_entry_is_fetched_again(
        self, fetch: Fetch, artifact: Artifact, wheel: Path
    ) -> None:
        (path,) = fetch(artifact)
        path.write_bytes(bytes(path.stat().st_size))
        assert fetch(artifact) == [path]
        assert path.read_bytes() == wheel.read_bytes()

    def test_a_damaged_entry_is_no_help_offline(self, fetch: Fetch, artifact: Artifact) -> None:
        (path,) = fetch(artifact)
        path.write_bytes(b"")
        assert "offline, and 1 file is not in the wheel cache" in failure_of(
            fetch, artifact, offline=True
        )


class TestParallel:
    def test_eight_files_are_fetched_at_a_time(
        self, fetch: Fetch, make_wheel: MakeFile, index_server: IndexServer
    ) -> None:
        wheels = [make_wheel(f"a{number}") for number in range(16)]
        index_server.add(*wheels)
        barrier = threading.Barrier(8)  # None of them is answered until eight are asked for.
        for path in wheels:
            index_server.hold(path.name, barrier)
        paths = fetch(*(artifact_of(path, index_server.file_url(path)) for path in wheels))
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in wheels]

    def test_two_builds_may_fetch_the_same_files_into_the_same_store_at_once(
        self, artifact: Artifact, wheel: Path, wheel_cache: WheelCache, index_server: IndexServer
    ) -> None:
        index_server.hold(wheel.name, threading.Barrier(2))
        builds = [start_fetch([artifact], wheel_cache) for _ in range(2)]
        results = [build.communicate(timeout=60) for build in builds]
        assert [build.returncode for build in builds] == [0, 0], results
        path = wheel_cache.path_of(artifact.hashes["sha256"], wheel.name)
        assert [json.loads(output)["paths"] for output, _ in results] == [[str(path)]] * 2
        assert path.read_bytes() == wheel.read_bytes()
        assert entries(wheel_cache) == [wheel.name]
        assert len(index_server.requests) == 2


class TestInterrupted:
    @pytest.fixture
    def stalled(
        self, artifact: Artifact, wheel: Path, wheel_cache: WheelCache, index_server: IndexServer
    ) -> Iterator[subprocess.Popen[str]]:
        """A process in the middle of a download that does not go on."""
        index_server.stall(wheel.name, after=10, times=1)
        with start_fetch([artifact], wheel_cache) as build:
            while not entries(wheel_cache):
                assert build.poll() is None, build.communicate()
                threading.Event().wait(0.02)
            yield build
            build.kill()

    def test_a_killed_download_is_never_taken_for_a_whole_one(
        self,
        stalled: subprocess.Popen[str],
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        wheel_cache: WheelCache,
    ) -> None:
        stalled.kill()
        stalled.wait(30)
        (leftover,) = entries(wheel_cache)
        assert leftover.endswith(".part")
        assert "1 file is not in the wheel cache" in failure_of(fetch, artifact, offline=True)
        (path,) = fetch(artifact)
        assert path.read_bytes() == wheel.read_bytes()

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
    def test_ctrl_c_does_not_wait_for_a_server_that_says_nothing(
        self, stalled: subprocess.Popen[str]
    ) -> None:
        stalled.send_signal(signal.SIGINT)
        _, errors = stalled.communicate(timeout=20)  # The server would be given 60 seconds.
        assert stalled.returncode != 0
        assert errors.rstrip().endswith("KeyboardInterrupt")


class TestRetries:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_server_in_trouble_is_asked_again(
        self,
        *,
        status: int,
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        index_server: IndexServer,
    ) -> None:
        index_server.fail(wheel.name, status, times=TRIES - 1)
        (path,) = fetch(artifact)
        assert path.read_bytes() == wheel.read_bytes()
        assert len(index_server.requests) == TRIES

    def test_a_server_that_stays_in_trouble_is_given_up(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, index_server: IndexServer
    ) -> None:
        index_server.fail(wheel.name, 503)
        assert failure_of(fetch, artifact) == (
            f"{wheel.name}: {artifact.url}: the server answered 503 Service Unavailable 6 times; "
            "try again later"
        )
        assert len(index_server.requests) == TRIES

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_plain_no_is_not_asked_again(
        self,
        *,
        status: int,
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        index_server: IndexServer,
    ) -> None:
        index_server.fail(wheel.name, status)
        assert str(status) in failure_of(fetch, artifact)
        assert len(index_server.requests) == 1

    @pytest.mark.parametrize("sized", [True, False], ids=["size known", "size unknown"])
    @pytest.mark.parametrize("length", [True, False], ids=["announced", "until the end"])
    def test_a_body_that_breaks_off_is_fetched_again(
        self,
        *,
        length: bool,
        sized: bool,
        fetch: Fetch,
        wheel: Path,
        wheel_cache: WheelCache,
        index_server: IndexServer,
    ) -> None:
        artifact = artifact_of(wheel, index_server.file_url(wheel), sized=sized)
        index_server.drop(wheel.name, after=100, times=1, length=length)
        (path,) = fetch(artifact)
        assert path.read_bytes() == wheel.read_bytes()
        assert entries(wheel_cache) == [wheel.name]

    def test_a_body_that_always_breaks_off_is_given_up(
        self,
        *,
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        wheel_cache: WheelCache,
        index_server: IndexServer,
    ) -> None:
        index_server.drop(wheel.name, after=100)
        message = failure_of(fetch, artifact)
        assert message.startswith(
            f"{wheel.name}: {artifact.url}: it broke off each time (after 100 of "
        )
        assert message.endswith("; try again later")
        assert len(index_server.requests) == TRIES
        assert entries(wheel_cache) == []

    def test_every_file_that_failed_is_named(
        self, fetch: Fetch, make_wheel: MakeFile, index_server: IndexServer
    ) -> None:
        wheels = [make_wheel(name) for name in ("a", "b", "c")]
        index_server.add(*wheels)
        index_server.fail(wheels[0].name, 404)
        index_server.fail(wheels[2].name, 403)
        urls = [index_server.file_url(path) for path in wheels]
        message = failure_of(fetch, *map(artifact_of, wheels, urls))
        removed = "the server does not have it (404 Not Found); lock again if it was removed there"
        refused = (
            "the server refused us (403 Forbidden); "
            "check the user and password in the index URL or in netrc"
        )
        assert message.splitlines() == [
            f"{wheels[0].name}: {urls[0]}: {removed}",
            f"{wheels[2].name}: {urls[2]}: {refused}",
        ]

    def test_a_server_that_cannot_be_reached_is_said_so(
        self, fetch: Fetch, artifact: Artifact
    ) -> None:
        with refused_port() as address:
            url = f"http://{address}/a.whl"
            message = failure_of(fetch, replace(artifact, url=url))
        reason = "cannot connect (Connection refused)"
        to_do = "check the address and the network, or try again later"
        assert message == f"{artifact.filename}: {url}: {reason}; {to_do}"

    def test_a_server_that_cannot_be_reached_is_not_tried_for_every_file(
        self,
        fetch: Fetch,
        artifact: Artifact,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        url = "https://index.example/"
        artifacts = [replace(artifact, url=url, filename=f"{n}.whl") for n in range(40)]
        with Proxy(auth=("ann", "secret")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.netloc}")
            message = failure_of(fetch, *artifacts)
        assert len(message.splitlines()) == 40
        assert len(proxy.requests) <= 8 * TRIES

    @pytest.mark.parametrize("trouble", ["hang_up", "drop"])
    def test_a_host_that_cuts_every_file_is_given_up_once(
        self, *, trouble: str, fetch: Fetch, make_wheel: MakeFile, index_server: IndexServer
    ) -> None:
        wheels = [make_wheel(f"a{number}") for number in range(12)]
        index_server.add(*wheels)
        for path in wheels:
            index_server.drop(path.name, after=10) if trouble == "drop" else index_server.hang_up(
                path.name
            )
        artifacts = [artifact_of(path, index_server.file_url(path)) for path in wheels]
        assert len(failure_of(fetch, *artifacts, jobs=2).splitlines()) == 12
        assert len(index_server.requests) <= 3 * TRIES

    def test_a_retry_is_said_once_with_its_reason(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, index_server: IndexServer
    ) -> None:
        index_server.fail(wheel.name, 503, times=2)
        index_server.drop(wheel.name, after=10, times=1)
        said: list[str] = []
        with HttpClient(Credentials(), environ=os.environ, backoff=0, say=said.append) as client:
            fetch(artifact, client=client)
        first, second = said
        host = urlsplit(index_server.index_url).netloc
        assert first == f"{host}: the server answered 503 Service Unavailable; trying again"
        assert second.startswith(f"{host}: an answer broke off (after 10 of ")

    @pytest.mark.parametrize("part", ["head", "body"])
    def test_a_server_that_drips_is_not_awaited_for_ever(
        self,
        *,
        part: str,
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        index_server: IndexServer,
    ) -> None:
        index_server.drip(wheel.name, part=part)
        limits = Limits(head=0.3, grace=0.3)
        with HttpClient(Credentials(), environ=os.environ, backoff=0, limits=limits) as client:
            message = failure_of(fetch, artifact, client=client)
        expected = "it does not answer in time" if part == "head" else "it broke off each time ("
        assert expected in message
        assert len(index_server.requests) == 3

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            pytest.param("ftp://a.example/a.whl", "by http and https only", id="scheme"),
            pytest.param("http://../a.whl", "..", id="no host"),
        ],
    )
    def test_an_address_that_cannot_be_asked_is_one_line(
        self, *, url: str, expected: str, fetch: Fetch, artifact: Artifact
    ) -> None:
        message = failure_of(fetch, replace(artifact, url=url))
        assert message.startswith(f"{artifact.filename}: {url}: ")
        assert expected in message
        assert "\n" not in message

    def test_a_circle_of_redirects_is_told(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, index_server: IndexServer
    ) -> None:
        index_server.redirect(wheel.name, artifact.url)
        assert "it redirects without end; does it need a login?" in failure_of(fetch, artifact)

    def test_a_server_that_has_trouble_with_one_file_is_asked_for_the_others(
        self, fetch: Fetch, make_wheel: MakeFile, index_server: IndexServer, wheel_cache: WheelCache
    ) -> None:
        wheels = [make_wheel("a", blob=1000), make_wheel("b"), make_wheel("c")]
        index_server.add(*wheels)
        index_server.hang_up(wheels[0].name)
        artifacts = [artifact_of(path, index_server.file_url(path)) for path in wheels]
        message = failure_of(fetch, *artifacts, jobs=1)  # The largest one comes first.
        assert len(message.splitlines()) == 1
        assert entries(wheel_cache) == [path.name for path in wheels[1:]]


class TestContent:
    def test_a_wrong_file_is_fetched_once_more_past_all_caches(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, index_server: IndexServer
    ) -> None:
        index_server.corrupt(wheel.name, times=1)
        (path,) = fetch(artifact)
        assert path.read_bytes() == wheel.read_bytes()
        first, second = index_server.requests
        assert "Cache-Control" not in first.headers
        assert second.headers["Cache-Control"] == "no-cache"

    def test_a_file_that_is_wrong_twice_is_refused(
        self,
        *,
        fetch: Fetch,
        artifact: Artifact,
        wheel: Path,
        wheel_cache: WheelCache,
        index_server: IndexServer,
    ) -> None:
        index_server.corrupt(wheel.name)
        got = hashlib.sha256(bytes(255 - byte for byte in wheel.read_bytes())).hexdigest()
        url = index_server.with_credentials(artifact.url, "ann", "secret")
        assert failure_of(fetch, replace(artifact, url=url)) == (
            f"{wheel.name}: {artifact.url}: expected sha256 {artifact.hashes['sha256']}, "
            f"got {got}: this is not the file that the lock, or without one the index, names; "
            "lock or build again if you trust the new one"
        )
        assert len(index_server.requests) == 2
        assert entries(wheel_cache) == []

    def test_a_file_that_does_not_end_where_it_should_is_refused(
        self, fetch: Fetch, make_wheel: MakeFile, index_server: IndexServer
    ) -> None:
        wheel = make_wheel("a", blob=1_000_000)
        index_server.add(wheel)
        artifact = artifact_of(wheel, index_server.file_url(wheel))
        message = failure_of(fetch, replace(artifact, size=10))
        assert "expected 10 bytes, got more: this is not the file that the lock" in message

    def test_a_shorter_file_that_is_served_whole_is_another_file(
        self, fetch: Fetch, artifact: Artifact, wheel: Path, index_server: IndexServer
    ) -> None:
        index_server.shorten(wheel.name, to=30)
        message = failure_of(fetch, artifact)
        assert f"expected {artifact.size} bytes, got 30: this is not the file" in message
        assert len(index_server.requests) == 2

    @pytest.mark.parametrize("off", [-1, 1])
    @pytest.mark.parametrize("warm", [True, False])
    def test_a_wrong_size_is_refused_whatever_the_hash(
        self, *, off: int, warm: bool, fetch: Fetch, artifact: Artifact
    ) -> None:
        assert artifact.size is not None
        if warm:
            fetch(artifact)
        message = failure_of(fetch, replace(artifact, size=artifact.size + off))
        assert f"expected {artifact.size + off} bytes, got " in message

    @pytest.mark.parametrize("algorithm", ["sha384", "sha512", "blake2b"])
    def test_a_lock_may_have_another_hash_than_sha256(
        self,
        *,
        algorithm: str,
        fetch: Fetch,
        wheel: Path,
        wheel_cache: WheelCache,
        index_server: IndexServer,
    ) -> None:
        artifact = artifact_of(wheel, index_server.file_url(wheel), algorithm)
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        assert fetch(artifact) == [wheel_cache.path_of(sha256, wheel.name)]
        assert fetch(artifact, offline=True) == [wheel_cache.path_of(sha256, wheel.name)]
        index_server.corrupt(wheel.name)
        wrong = replace(artifact, hashes={algorithm: "0" * len(artifact.hashes[algorithm])})
        assert f"expected {algorithm} 000" in failure_of(fetch, wrong)

    def test_all_hashes_that_a_lock_has_must_fit(
        self, fetch: Fetch, artifact: Artifact, index_server: IndexServer
    ) -> None:
        wrong = replace(artifact, hashes={**artifact.hashes, "sha512": "0" * 128})
        assert "expected sha512 000" in failure_of(fetch, wrong)

    def test_a_lock_with_md5_alone_is_refused(
        self, fetch: Fetch, wheel: Path, index_server: IndexServer
    ) -> None:
        artifact = artifact_of(wheel, index_server.file_url(wheel), "md5")
        assert failure_of(fetch, artifact) == (
            f"{wheel.name}: {artifact.url}: its only hash is md5, which proves nothing; "
            "lock it again from an index that gives sha256"
        )
        assert index_server.requests == []

    def test_a_name_that_leads_out_of_the_store_is_refused(
        self, fetch: Fetch, artifact: Artifact
    ) -> None:
        assert "'../a.whl' is not a file name" in failure_of(
            fetch, replace(artifact, filename="../a.whl")
        )

    def test_an_archive_that_a_server_calls_an_encoding_stays_as_it_is(
        self, fetch: Fetch, make_sdist: MakeFile, index_server: IndexServer
    ) -> None:
        sdist = make_sdist("a")
        index_server.add(sdist)
        index_server.mislabel(sdist.name)
        (path,) = fetch(artifact_of(sdist, index_server.file_url(sdist)))
        assert path.read_bytes() == sdist.read_bytes()
        assert index_server.requests[0].headers["Accept-Encoding"] == "identity"


class TestLocalFiles:
    @pytest.mark.parametrize("as_url", [True, False], ids=["file URL", "path"])
    def test_a_file_of_this_machine_is_copied_offline_too(
        self,
        *,
        as_url: bool,
        fetch: Fetch,
        make_wheel: MakeFile,
        wheel_cache: WheelCache,
    ) -> None:
        wheel = make_wheel("a").rename(wheel_cache.root.parent / "a b.whl")
        artifact = artifact_of(wheel, wheel.as_uri() if as_url else str(wheel))
        (path,) = fetch(artifact, offline=True)
        assert path == wheel_cache.path_of(artifact.hashes["sha256"], wheel.name)
        assert path.read_bytes() == wheel.read_bytes()

    def test_a_file_that_has_changed_or_gone_is_said_so(
        self, fetch: Fetch, make_wheel: MakeFile
    ) -> None:
        changed, gone = make_wheel("a"), make_wheel("b")
        artifacts = [artifact_of(path, path.as_uri()) for path in (changed, gone)]
        changed.write_bytes(bytes(changed.stat().st_size))
        gone.unlink()
        first, second = failure_of(fetch, *artifacts).splitlines()
        assert f"{changed.name}: {changed.as_uri()}: expected sha256 " in first
        assert second == f"{gone.name}: {gone.as_uri()}: there is no such file"

    def test_a_file_that_is_being_written_is_said_so(
        self, fetch: Fetch, make_wheel: MakeFile
    ) -> None:
        wheel = make_wheel("a")
        artifact = artifact_of(wheel, wheel.as_uri())
        os.truncate(wheel, 10)
        assert f"expected {artifact.size} bytes, got 10: " in failure_of(fetch, artifact)


class TestSecrets:
    def test_credentials_are_used_and_appear_nowhere(
        self,
        *,
        make_wheel: MakeFile,
        start_index: Callable[..., IndexServer],
        fetch: Fetch,
        wheel_cache: WheelCache,
    ) -> None:
        index = start_index(auth=("ann", "s3cr3t/"))
        wheel, missing = make_wheel("a"), make_wheel("b")
        index.add(wheel)
        url = index.with_credentials(index.file_url(wheel), "ann", "s3cr3t%2F")
        (path,) = fetch(artifact_of(wheel, url))
        assert path.read_bytes() == wheel.read_bytes()
        url = index.with_credentials(index.file_url(missing), "ann", "s3cr3t%2F")
        message = failure_of(fetch, artifact_of(missing, f"{url}?X-Signature=s3cr3t#s3cr3t"))
        assert "s3cr3t" not in message
        assert "ann" not in message
        for file in wheel_cache.root.rglob("*"):
            assert "s3cr3t" not in str(file)
            assert file.is_dir() or b"s3cr3t" not in file.read_bytes()

    def test_the_credentials_of_an_index_hold_for_its_files(
        self, make_wheel: MakeFile, start_index: Callable[..., IndexServer], fetch: Fetch
    ) -> None:
        index = start_index(auth=("ann", "secret"))
        wheel = make_wheel("a")
        index.add(wheel)
        artifact = artifact_of(wheel, index.file_url(wheel))
        assert "check the user and password" in failure_of(fetch, artifact)
        with HttpClient(
            Credentials({index.index_url: ("ann", "secret")}), environ=os.environ
        ) as client:
            assert len(fetch(artifact, client=client)) == 1

    def test_netrc_is_honoured(
        self,
        *,
        make_wheel: MakeFile,
        start_index: Callable[..., IndexServer],
        fetch: Fetch,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        index = start_index(auth=("ann", "secret"))
        wheel = make_wheel("a")
        index.add(wheel)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ann password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        assert len(fetch(artifact_of(wheel, index.file_url(wheel)))) == 1

    def test_a_redirect_does_not_carry_credentials_to_another_server(
        self,
        *,
        make_wheel: MakeFile,
        start_index: Callable[..., IndexServer],
        fetch: Fetch,
    ) -> None:
        index, files = start_index(auth=("ann", "secret")), start_index()
        wheel = make_wheel("a")
        files.add(wheel)
        index.redirect(wheel.name, files.file_url(wheel))
        artifact = artifact_of(wheel, index.file_url(wheel))
        with HttpClient(
            Credentials({index.index_url: ("ann", "secret")}), environ=os.environ
        ) as client:
            assert len(fetch(artifact, client=client)) == 1
        assert index.requests[0].headers["Authorization"] == basic_auth("ann", "secret")
        assert "Authorization" not in files.requests[0].headers

    def test_a_redirect_finds_the_credentials_of_the_other_server(
        self,
        *,
        make_wheel: MakeFile,
        start_index: Callable[..., IndexServer],
        fetch: Fetch,
    ) -> None:
        index, files = start_index(), start_index(auth=("bob", "geheim"))
        wheel = make_wheel("a")
        files.add(wheel)
        index.redirect(wheel.name, files.file_url(wheel))
        artifact = artifact_of(wheel, index.file_url(wheel))
        with HttpClient(
            Credentials({files.index_url: ("bob", "geheim")}), environ=os.environ
        ) as client:
            assert len(fetch(artifact, client=client)) == 1


class TestProxiesAndCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure_index(
        self, authority: trustme.CA, start_index: Callable[..., IndexServer]
    ) -> IndexServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "index.example").configure_cert(context)
        return start_index(tls=context)

    @pytest.fixture
    def bundle(self, authority: trustme.CA, tmp_path: Path) -> str:
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return str(path)

    @pytest.mark.parametrize(
        "variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"]
    )
    def test_a_private_authority_is_trusted_when_named(
        self,
        *,
        variable: str,
        make_wheel: MakeFile,
        secure_index: IndexServer,
        bundle: str,
        fetch: Fetch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = make_wheel("a")
        secure_index.add(wheel)
        monkeypatch.setenv(variable, bundle)
        with HttpClient(Credentials(), environ=os.environ) as client:
            artifact = artifact_of(wheel, secure_index.file_url(wheel))
            assert len(fetch(artifact, client=client)) == 1

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", ""])
    @pytest.mark.usefixtures("uv_cache", "plain_network")
    def test_the_solver_trusts_what_the_session_does(
        self,
        *,
        variable: str,
        make_wheel: MakeFile,
        secure_index: IndexServer,
        client: HttpClient,
        wheel_cache: WheelCache,
        bundle: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        secure_index.add(make_wheel("a"))
        question = Question(
            requirements=(Requirement("a"),),
            constraints=(),
            targets=(Target.parse("cp312-win_amd64"),),
            requires_python=SpecifierSet(),
            uv_table={},
            project_dir=tmp_path,
        )
        context = BuildContext(
            run=Invocation(progress=Progress(), say=str, environ=os.environ),
            sources=Sources(index_url=secure_index.index_url),
            client=client,
            wheel_cache=wheel_cache,
            offline=False,
        )
        if variable:
            monkeypatch.chdir(Path(bundle).parent)
            monkeypatch.setenv(variable, Path(bundle).name)
            packages = run_uv_solve(question, context).lock.packages
            assert [package.name for package in packages] == ["a"]
        else:
            with pytest.raises(FetchError, match=r"is not trusted .*SSL_CERT_FILE"):
                run_uv_solve(question, context)

    def test_a_private_authority_is_not_trusted_by_itself(
        self, make_wheel: MakeFile, secure_index: IndexServer, fetch: Fetch
    ) -> None:
        wheel = make_wheel("a")
        secure_index.add(wheel)
        message = failure_of(fetch, artifact_of(wheel, secure_index.file_url(wheel)))
        assert "its certificate is not trusted (" in message
        assert secure_index.connections == 1  # Asking again would not change that.
        assert message.endswith(
            "name the file with your CA certificates in SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        )

    def test_a_bundle_that_is_not_there_is_named(
        self,
        *,
        make_wheel: MakeFile,
        secure_index: IndexServer,
        fetch: Fetch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = make_wheel("a")
        monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
        with HttpClient(Credentials(), environ=os.environ) as client:
            message = failure_of(
                fetch, artifact_of(wheel, secure_index.file_url(wheel)), client=client
            )
        assert message.endswith("invalid path: /no/such.pem; see SSL_CERT_FILE")

    def test_a_proxy_is_used(
        self,
        *,
        make_wheel: MakeFile,
        index_server: IndexServer,
        fetch: Fetch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = make_wheel("a")
        index_server.add(wheel)
        url = f"http://index.example/files/{wheel.name}"
        with Proxy(hosts={"index.example": index_server.netloc}, auth=("ann", "secret")) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://ann:secret@{proxy.netloc}")
            assert len(fetch(artifact_of(wheel, url))) == 1
        assert [request.path for request in proxy.requests] == [url]

    def test_a_proxy_is_tunnelled_through_to_a_secure_server(
        self,
        *,
        make_wheel: MakeFile,
        secure_index: IndexServer,
        bundle: str,
        fetch: Fetch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = make_wheel("a")
        secure_index.add(wheel)
        artifact = artifact_of(wheel, f"https://index.example/files/{wheel.name}")
        monkeypatch.setenv("SSL_CERT_FILE", bundle)
        with Proxy(hosts={"index.example:443": secure_index.netloc}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.netloc}")
            with HttpClient(Credentials(), environ=os.environ) as client:
                assert len(fetch(artifact, client=client)) == 1
        assert [request.method for request in proxy.requests] == ["CONNECT"]

    def test_no_proxy_is_honoured(
        self, artifact: Artifact, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with refused_port() as address:
            monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert len(fetch(artifact)) == 1

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_that_refuses_is_told_without_its_password(
        self,
        *,
        scheme: str,
        artifact: Artifact,
        fetch: Fetch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with Proxy(auth=("ann", "other")) as proxy:
            monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://ann:s3cr3t@{proxy.netloc}")
            message = failure_of(fetch, replace(artifact, url=f"{scheme}://index.example/a.whl"))
        assert "407" in message
        assert "s3cr3t" not in message

    def test_a_proxy_that_is_not_there_is_told_without_its_password(
        self, artifact: Artifact, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with refused_port() as address:
            monkeypatch.setenv("HTTP_PROXY", f"http://ann:s3cr3t@{address}")
            message = failure_of(fetch, artifact)
        assert message.endswith(
            "the proxy does not let us through (Connection refused); "
            "see HTTPS_PROXY, HTTP_PROXY, NO_PROXY"
        )
        assert "s3cr3t" not in message


class Recorder(Progress):
    """Adds up what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.files = self.finished = self.size = self.arrived = 0

    def begin(self, *, files: int, size: int) -> None:
        self.calls.append("begin")
        self.files, self.size = files, size

    def grow(self, size: int) -> None:
        self.size += size

    def advance(self, size: int) -> None:
        self.arrived += size

    def finish_file(self) -> None:
        self.finished += 1

    def end(self) -> None:
        self.calls.append("end")


class TestProgress:
    @pytest.mark.parametrize("sized", [True, False], ids=["sizes known", "sizes unknown"])
    def test_progress_counts_each_byte_once_whatever_happens(
        self,
        *,
        sized: bool,
        make_wheel: MakeFile,
        index_server: IndexServer,
        fetch: Fetch,
    ) -> None:
        wheels = [make_wheel(name, blob=400_000) for name in ("a", "b")]
        index_server.add(*wheels)
        index_server.drop(wheels[0].name, after=300_000, times=2)
        index_server.corrupt(wheels[1].name, times=1)
        progress = Recorder()
        urls = [index_server.file_url(path) for path in wheels]
        artifacts = [artifact_of(p, u, sized=sized) for p, u in zip(wheels, urls, strict=True)]
        fetch(*artifacts, progress=progress)
        total = sum(path.stat().st_size for path in wheels)
        assert (progress.arrived, progress.size) == (total, total)
        assert (progress.finished, progress.files) == (2, 2)
        assert progress.calls == ["begin", "end"]

    def test_a_warm_store_says_nothing(self, fetch: Fetch, artifact: Artifact) -> None:
        fetch(artifact)
        progress = Recorder()
        fetch(artifact, progress=progress)
        assert progress.calls == []

    def test_progress_ends_when_a_download_fails(
        self, fetch: Fetch, artifact: Artifact, index_server: IndexServer
    ) -> None:
        index_server.fail(artifact.filename, 404)
        progress = Recorder()
        failure_of(fetch, artifact, progress=progress)
        assert progress.calls == ["begin", "end"]


class TestResources:
    def test_memory_does_not_grow_with_the_size_of_a_wheel(
        self, make_wheel: MakeFile, index_server: IndexServer, wheel_cache: WheelCache
    ) -> None:
        peaks = []
        for name, size in (("small", 1_000), ("large", 400_000_000)):
            wheel = make_wheel(name, blob=size)
            index_server.add(wheel)
            with wheel.open("rb") as file:
                hashes = {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
            artifact = Artifact(
                filename=wheel.name, url=index_server.file_url(wheel), hashes=hashes
            )
            output, errors = start_fetch([artifact], wheel_cache).communicate(timeout=300)
            assert not errors
            peaks.append(json.loads(output)["peak"])
        assert peaks[1] - peaks[0] < 20_000_000
        assert peaks[1] < 150_000_000

    def test_a_store_that_cannot_be_written_is_one_error(
        self, fetch: Fetch, artifact: Artifact, wheel_cache: WheelCache
    ) -> None:
        wheel_cache.root.write_text("a file where the folder should be")
        assert failure_of(fetch, artifact).startswith(
            f"cannot write to the wheel cache {wheel_cache.root}: "
        )
