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
from typing import TYPE_CHECKING, Any
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


def listed(index: IndexServer, path: Path, *algorithms: str, sized: bool = True) -> Artifact:
    """What a lock says of a file that an index has."""
    return artifact_of(path, index.file_url(path), *algorithms, sized=sized)


def logged_in(index: IndexServer, user: str, password: str) -> HttpClient:
    return HttpClient(Credentials({index.index_url: (user, password)}), environ=os.environ)


class Desk:
    """An index with one wheel, and a cache to fetch it into."""

    def __init__(self, index: IndexServer, cache: WheelCache, client: HttpClient) -> None:
        self.index, self.cache, self.client = index, cache, client
        self.wheel = index.add_wheel("a")
        self.artifact = listed(index, self.wheel)
        self.named = f"{self.wheel.name}: {self.artifact.url}"

    def fetch(
        self,
        *artifacts: Artifact,
        offline: bool = False,
        progress: Progress | None = None,
        client: HttpClient | None = None,
        jobs: int = 8,
    ) -> list[Path]:
        """Fetch into the cache and return the files' places in the artifacts' order."""
        files = fetch_files(
            artifacts,
            wheel_cache=self.cache,
            client=client or self.client,
            offline=offline,
            progress=progress or Progress(),
            jobs=jobs,
        )
        return [files[artifact.key].path for artifact in artifacts]

    def failure(self, *artifacts: Artifact, **options: Any) -> str:
        with pytest.raises(FetchError) as raised:
            self.fetch(*artifacts, **options)
        return str(raised.value)


@pytest.fixture
def desk(index_server: IndexServer, wheel_cache: WheelCache, client: HttpClient) -> Desk:
    return Desk(index_server, wheel_cache, client)


def entries(wheel_cache: WheelCache) -> list[str]:
    """Return the names of all files that the store has under a name or under none yet."""
    kinds = ("wheels", "tmp")
    return sorted(p.name for k in kinds for p in (wheel_cache.root / k).rglob("*") if p.is_file())


class TestWarmAndCold:
    def test_a_file_is_fetched_byte_for_byte(self, desk: Desk) -> None:
        (path,) = desk.fetch(desk.artifact)
        assert path == desk.cache.path_of(desk.artifact.hashes["sha256"], desk.wheel.name)
        assert path.read_bytes() == desk.wheel.read_bytes()

    def test_what_is_in_the_store_is_not_asked_for_again(self, desk: Desk) -> None:
        first = desk.fetch(desk.artifact)
        assert desk.fetch(desk.artifact) == first
        assert len(desk.index.requests) == 1

    def test_a_file_named_twice_is_fetched_once(self, desk: Desk) -> None:
        first, second = desk.fetch(desk.artifact, replace(desk.artifact))
        assert first == second
        assert len(desk.index.requests) == 1

    def test_nothing_is_asked_of_a_server_when_nothing_is_wanted(self, desk: Desk) -> None:
        assert desk.fetch() == []

    def test_a_warm_store_serves_offline(self, desk: Desk) -> None:
        first = desk.fetch(desk.artifact)
        assert desk.fetch(desk.artifact, offline=True) == first
        assert len(desk.index.requests) == 1

    def test_offline_names_every_file_that_is_missing_and_the_way_out(self, desk: Desk) -> None:
        other = replace(
            desk.artifact, filename="b-1.0-py3-none-any.whl", url="https://ann:x@b.example/b"
        )
        assert desk.failure(other, desk.artifact, offline=True) == (
            f"offline, and 2 files are not in the wheel cache {desk.cache.root}:\n"
            f"  a-1.0-py3-none-any.whl ({desk.artifact.url})\n"
            "  b-1.0-py3-none-any.whl (https://b.example/b)\n"
            "build once without UV_OFFLINE and HATCH_MULTIPLAT_OFFLINE to fetch what is missing"
        )
        assert desk.index.requests == []

    def test_a_damaged_entry_is_fetched_again(self, desk: Desk) -> None:
        (path,) = desk.fetch(desk.artifact)
        path.write_bytes(bytes(path.stat().st_size))
        assert desk.fetch(desk.artifact) == [path]
        assert path.read_bytes() == desk.wheel.read_bytes()

    def test_a_damaged_entry_is_no_help_offline(self, desk: Desk) -> None:
        (path,) = desk.fetch(desk.artifact)
        path.write_bytes(b"")
        assert "offline, and 1 file is not in the wheel cache" in desk.failure(
            desk.artifact, offline=True
        )


class TestParallel:
    def test_eight_files_are_fetched_at_a_time(self, desk: Desk) -> None:
        wheels = [desk.index.add_wheel(f"a{number}") for number in range(16)]
        barrier = threading.Barrier(8)  # None of them is answered until eight are asked for.
        for path in wheels:
            desk.index.hold(path.name, barrier)
        paths = desk.fetch(*(listed(desk.index, path) for path in wheels))
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in wheels]

    def test_two_builds_may_fetch_the_same_files_into_the_same_store_at_once(
        self, desk: Desk
    ) -> None:
        desk.index.hold(desk.wheel.name, threading.Barrier(2))
        builds = [start_fetch([desk.artifact], desk.cache) for _ in range(2)]
        results = [build.communicate(timeout=60) for build in builds]
        assert [build.returncode for build in builds] == [0, 0], results
        path = desk.cache.path_of(desk.artifact.hashes["sha256"], desk.wheel.name)
        assert [json.loads(output)["paths"] for output, _ in results] == [[str(path)]] * 2
        assert path.read_bytes() == desk.wheel.read_bytes()
        assert entries(desk.cache) == [desk.wheel.name]
        assert len(desk.index.requests) == 2


class TestInterrupted:
    @pytest.fixture
    def stalled(self, desk: Desk) -> Iterator[subprocess.Popen[str]]:
        """A process in the middle of a download that does not go on."""
        desk.index.stall(desk.wheel.name, after=10, times=1)
        with start_fetch([desk.artifact], desk.cache) as build:
            while not entries(desk.cache):
                assert build.poll() is None, build.communicate()
                threading.Event().wait(0.02)
            yield build
            build.kill()

    def test_a_killed_download_is_never_taken_for_a_whole_one(
        self, desk: Desk, stalled: subprocess.Popen[str]
    ) -> None:
        stalled.kill()
        stalled.wait(30)
        (leftover,) = entries(desk.cache)
        assert leftover.endswith(".part")
        assert "1 file is not in the wheel cache" in desk.failure(desk.artifact, offline=True)
        (path,) = desk.fetch(desk.artifact)
        assert path.read_bytes() == desk.wheel.read_bytes()

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
    def test_a_server_in_trouble_is_asked_again(self, desk: Desk, status: int) -> None:
        desk.index.fail(desk.wheel.name, status, times=TRIES - 1)
        (path,) = desk.fetch(desk.artifact)
        assert path.read_bytes() == desk.wheel.read_bytes()
        assert len(desk.index.requests) == TRIES

    def test_a_server_that_stays_in_trouble_is_given_up(self, desk: Desk) -> None:
        desk.index.fail(desk.wheel.name, 503)
        assert desk.failure(desk.artifact) == (
            f"{desk.named}: the server answered 503 Service Unavailable 6 times; try again later"
        )
        assert len(desk.index.requests) == TRIES

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_plain_no_is_not_asked_again(self, desk: Desk, status: int) -> None:
        desk.index.fail(desk.wheel.name, status)
        assert str(status) in desk.failure(desk.artifact)
        assert len(desk.index.requests) == 1

    @pytest.mark.parametrize("sized", [True, False], ids=["size known", "size unknown"])
    @pytest.mark.parametrize("length", [True, False], ids=["announced", "until the end"])
    def test_a_body_that_breaks_off_is_fetched_again(
        self, desk: Desk, *, length: bool, sized: bool
    ) -> None:
        artifact = listed(desk.index, desk.wheel, sized=sized)
        desk.index.drop(desk.wheel.name, after=100, times=1, length=length)
        (path,) = desk.fetch(artifact)
        assert path.read_bytes() == desk.wheel.read_bytes()
        assert entries(desk.cache) == [desk.wheel.name]

    def test_a_body_that_always_breaks_off_is_given_up(self, desk: Desk) -> None:
        desk.index.drop(desk.wheel.name, after=100)
        message = desk.failure(desk.artifact)
        assert message.startswith(f"{desk.named}: it broke off each time (after 100 of ")
        assert message.endswith("; try again later")
        assert len(desk.index.requests) == TRIES
        assert entries(desk.cache) == []

    def test_every_file_that_failed_is_named(self, desk: Desk) -> None:
        wheels = [desk.index.add_wheel(name) for name in ("a", "b", "c")]
        desk.index.fail(wheels[0].name, 404)
        desk.index.fail(wheels[2].name, 403)
        urls = [desk.index.file_url(path) for path in wheels]
        message = desk.failure(*map(artifact_of, wheels, urls))
        removed = "the server does not have it (404 Not Found); lock again if it was removed there"
        refused = (
            "the server refused us (403 Forbidden); "
            "check the user and password in the index URL or in netrc"
        )
        assert message.splitlines() == [
            f"{wheels[0].name}: {urls[0]}: {removed}",
            f"{wheels[2].name}: {urls[2]}: {refused}",
        ]

    def test_a_server_that_cannot_be_reached_is_said_so(self, desk: Desk) -> None:
        with refused_port() as address:
            url = f"http://{address}/a.whl"
            message = desk.failure(replace(desk.artifact, url=url))
        reason = "cannot connect (Connection refused)"
        to_do = "check the address and the network, or try again later"
        assert message == f"{desk.artifact.filename}: {url}: {reason}; {to_do}"

    def test_a_server_that_cannot_be_reached_is_not_tried_for_every_file(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = "https://index.example/"
        artifacts = [replace(desk.artifact, url=url, filename=f"{n}.whl") for n in range(40)]
        with Proxy(auth=("ann", "secret")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.netloc}")
            message = desk.failure(*artifacts)
        assert len(message.splitlines()) == 40
        assert len(proxy.requests) <= 8 * TRIES

    @pytest.mark.parametrize("trouble", ["hang_up", "drop"])
    def test_a_host_that_cuts_every_file_is_given_up_once(self, desk: Desk, trouble: str) -> None:
        wheels = [desk.index.add_wheel(f"a{number}") for number in range(12)]
        for path in wheels:
            desk.index.drop(path.name, after=10) if trouble == "drop" else desk.index.hang_up(
                path.name
            )
        artifacts = [listed(desk.index, path) for path in wheels]
        assert len(desk.failure(*artifacts, jobs=2).splitlines()) == 12
        assert len(desk.index.requests) <= 3 * TRIES

    def test_a_retry_is_said_once_with_its_reason(self, desk: Desk) -> None:
        desk.index.fail(desk.wheel.name, 503, times=2)
        desk.index.drop(desk.wheel.name, after=10, times=1)
        said: list[str] = []
        with HttpClient(Credentials(), environ=os.environ, backoff=0, say=said.append) as client:
            desk.fetch(desk.artifact, client=client)
        first, second = said
        host = urlsplit(desk.index.index_url).netloc
        assert first == f"{host}: the server answered 503 Service Unavailable; trying again"
        assert second.startswith(f"{host}: an answer broke off (after 10 of ")

    @pytest.mark.parametrize("part", ["head", "body"])
    def test_a_server_that_drips_is_not_awaited_for_ever(self, desk: Desk, part: str) -> None:
        desk.index.drip(desk.wheel.name, part=part)
        limits = Limits(head=0.3, grace=0.3)
        with HttpClient(Credentials(), environ=os.environ, backoff=0, limits=limits) as client:
            message = desk.failure(desk.artifact, client=client)
        expected = "it does not answer in time" if part == "head" else "it broke off each time ("
        assert expected in message
        assert len(desk.index.requests) == 3

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            pytest.param("ftp://a.example/a.whl", "by http and https only", id="scheme"),
            pytest.param("http://../a.whl", "..", id="no host"),
        ],
    )
    def test_an_address_that_cannot_be_asked_is_one_line(
        self, desk: Desk, url: str, expected: str
    ) -> None:
        message = desk.failure(replace(desk.artifact, url=url))
        assert message.startswith(f"{desk.artifact.filename}: {url}: ")
        assert expected in message
        assert "\n" not in message

    def test_a_circle_of_redirects_is_told(self, desk: Desk) -> None:
        desk.index.redirect(desk.wheel.name, desk.artifact.url)
        assert "it redirects without end; does it need a login?" in desk.failure(desk.artifact)

    def test_a_server_that_has_trouble_with_one_file_is_asked_for_the_others(
        self, desk: Desk
    ) -> None:
        wheels = [
            desk.index.add_wheel("a", blob=1000),
            desk.index.add_wheel("b"),
            desk.index.add_wheel("c"),
        ]
        desk.index.hang_up(wheels[0].name)
        artifacts = [listed(desk.index, path) for path in wheels]
        message = desk.failure(*artifacts, jobs=1)  # The largest one comes first.
        assert len(message.splitlines()) == 1
        assert entries(desk.cache) == [path.name for path in wheels[1:]]


class TestContent:
    def test_a_wrong_file_is_fetched_once_more_past_all_caches(self, desk: Desk) -> None:
        desk.index.corrupt(desk.wheel.name, times=1)
        (path,) = desk.fetch(desk.artifact)
        assert path.read_bytes() == desk.wheel.read_bytes()
        first, second = desk.index.requests
        assert "Cache-Control" not in first.headers
        assert second.headers["Cache-Control"] == "no-cache"

    def test_a_file_that_is_wrong_twice_is_refused(self, desk: Desk) -> None:
        desk.index.corrupt(desk.wheel.name)
        got = hashlib.sha256(bytes(255 - byte for byte in desk.wheel.read_bytes())).hexdigest()
        url = desk.index.with_credentials(desk.artifact.url, "ann", "secret")
        assert desk.failure(replace(desk.artifact, url=url)) == (
            f"{desk.named}: expected sha256 {desk.artifact.hashes['sha256']}, "
            f"got {got}: this is not the file that the lock, or without one the index, names; "
            "lock or build again if you trust the new one"
        )
        assert len(desk.index.requests) == 2
        assert entries(desk.cache) == []

    def test_a_file_that_does_not_end_where_it_should_is_refused(self, desk: Desk) -> None:
        wheel = desk.index.add_wheel("a", blob=1_000_000)
        artifact = listed(desk.index, wheel)
        message = desk.failure(replace(artifact, size=10))
        assert "expected 10 bytes, got more: this is not the file that the lock" in message

    def test_a_shorter_file_that_is_served_whole_is_another_file(self, desk: Desk) -> None:
        desk.index.shorten(desk.wheel.name, to=30)
        message = desk.failure(desk.artifact)
        assert f"expected {desk.artifact.size} bytes, got 30: this is not the file" in message
        assert len(desk.index.requests) == 2

    @pytest.mark.parametrize("off", [-1, 1])
    @pytest.mark.parametrize("warm", [True, False])
    def test_a_wrong_size_is_refused_whatever_the_hash(
        self, desk: Desk, *, off: int, warm: bool
    ) -> None:
        assert desk.artifact.size is not None
        if warm:
            desk.fetch(desk.artifact)
        message = desk.failure(replace(desk.artifact, size=desk.artifact.size + off))
        assert f"expected {desk.artifact.size + off} bytes, got " in message

    @pytest.mark.parametrize("algorithm", ["sha384", "sha512", "blake2b"])
    def test_a_lock_may_have_another_hash_than_sha256(self, desk: Desk, algorithm: str) -> None:
        artifact = listed(desk.index, desk.wheel, algorithm)
        sha256 = hashlib.sha256(desk.wheel.read_bytes()).hexdigest()
        assert desk.fetch(artifact) == [desk.cache.path_of(sha256, desk.wheel.name)]
        assert desk.fetch(artifact, offline=True) == [desk.cache.path_of(sha256, desk.wheel.name)]
        desk.index.corrupt(desk.wheel.name)
        wrong = replace(artifact, hashes={algorithm: "0" * len(artifact.hashes[algorithm])})
        assert f"expected {algorithm} 000" in desk.failure(wrong)

    def test_all_hashes_that_a_lock_has_must_fit(self, desk: Desk) -> None:
        wrong = replace(desk.artifact, hashes={**desk.artifact.hashes, "sha512": "0" * 128})
        assert "expected sha512 000" in desk.failure(wrong)

    def test_a_lock_with_md5_alone_is_refused(self, desk: Desk) -> None:
        artifact = listed(desk.index, desk.wheel, "md5")
        assert desk.failure(artifact) == (
            f"{desk.wheel.name}: {artifact.url}: its only hash is md5, which proves nothing; "
            "lock it again from an index that gives sha256"
        )
        assert desk.index.requests == []

    def test_a_name_that_leads_out_of_the_store_is_refused(self, desk: Desk) -> None:
        assert "'../a.whl' is not a file name" in desk.failure(
            replace(desk.artifact, filename="../a.whl")
        )

    def test_an_archive_that_a_server_calls_an_encoding_stays_as_it_is(self, desk: Desk) -> None:
        sdist = desk.index.add_sdist("a")
        desk.index.mislabel(sdist.name)
        (path,) = desk.fetch(listed(desk.index, sdist))
        assert path.read_bytes() == sdist.read_bytes()
        assert desk.index.requests[0].headers["Accept-Encoding"] == "identity"


class TestLocalFiles:
    @pytest.mark.parametrize("as_url", [True, False], ids=["file URL", "path"])
    def test_a_file_of_this_machine_is_copied_offline_too(
        self, desk: Desk, *, as_url: bool, make_wheel: MakeFile
    ) -> None:
        wheel = make_wheel("a").rename(desk.cache.root.parent / "a b.whl")
        artifact = artifact_of(wheel, wheel.as_uri() if as_url else str(wheel))
        (path,) = desk.fetch(artifact, offline=True)
        assert path == desk.cache.path_of(artifact.hashes["sha256"], wheel.name)
        assert path.read_bytes() == wheel.read_bytes()

    def test_a_file_that_has_changed_or_gone_is_said_so(
        self, desk: Desk, make_wheel: MakeFile
    ) -> None:
        changed, gone = make_wheel("a"), make_wheel("b")
        artifacts = [artifact_of(path, path.as_uri()) for path in (changed, gone)]
        changed.write_bytes(bytes(changed.stat().st_size))
        gone.unlink()
        first, second = desk.failure(*artifacts).splitlines()
        assert f"{changed.name}: {changed.as_uri()}: expected sha256 " in first
        assert second == f"{gone.name}: {gone.as_uri()}: there is no such file"

    def test_a_file_that_is_being_written_is_said_so(
        self, desk: Desk, make_wheel: MakeFile
    ) -> None:
        wheel = make_wheel("a")
        artifact = artifact_of(wheel, wheel.as_uri())
        os.truncate(wheel, 10)
        assert f"expected {artifact.size} bytes, got 10: " in desk.failure(artifact)


class TestSecrets:
    def test_credentials_are_used_and_appear_nowhere(
        self, desk: Desk, make_wheel: MakeFile, start_index: Callable[..., IndexServer]
    ) -> None:
        index = start_index(auth=("ann", "s3cr3t/"))
        wheel, missing = make_wheel("a"), make_wheel("b")
        index.add(wheel)
        url = index.with_credentials(index.file_url(wheel), "ann", "s3cr3t%2F")
        (path,) = desk.fetch(artifact_of(wheel, url))
        assert path.read_bytes() == wheel.read_bytes()
        url = index.with_credentials(index.file_url(missing), "ann", "s3cr3t%2F")
        message = desk.failure(artifact_of(missing, f"{url}?X-Signature=s3cr3t#s3cr3t"))
        assert "s3cr3t" not in message
        assert "ann" not in message
        for file in desk.cache.root.rglob("*"):
            assert "s3cr3t" not in str(file)
            assert file.is_dir() or b"s3cr3t" not in file.read_bytes()

    def test_the_credentials_of_an_index_hold_for_its_files(
        self, desk: Desk, start_index: Callable[..., IndexServer]
    ) -> None:
        index = start_index(auth=("ann", "secret"))
        wheel = index.add_wheel("a")
        artifact = listed(index, wheel)
        assert "check the user and password" in desk.failure(artifact)
        with logged_in(index, "ann", "secret") as client:
            assert len(desk.fetch(artifact, client=client)) == 1

    def test_netrc_is_honoured(
        self,
        desk: Desk,
        *,
        start_index: Callable[..., IndexServer],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        index = start_index(auth=("ann", "secret"))
        wheel = index.add_wheel("a")
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login ann password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        assert len(desk.fetch(listed(index, wheel))) == 1

    def test_a_redirect_does_not_carry_credentials_to_another_server(
        self, desk: Desk, start_index: Callable[..., IndexServer]
    ) -> None:
        index, files = start_index(auth=("ann", "secret")), start_index()
        wheel = files.add_wheel("a")
        index.redirect(wheel.name, files.file_url(wheel))
        artifact = listed(index, wheel)
        with logged_in(index, "ann", "secret") as client:
            assert len(desk.fetch(artifact, client=client)) == 1
        assert index.requests[0].headers["Authorization"] == basic_auth("ann", "secret")
        assert "Authorization" not in files.requests[0].headers

    def test_a_redirect_finds_the_credentials_of_the_other_server(
        self, desk: Desk, start_index: Callable[..., IndexServer]
    ) -> None:
        index, files = start_index(), start_index(auth=("bob", "geheim"))
        wheel = files.add_wheel("a")
        index.redirect(wheel.name, files.file_url(wheel))
        artifact = listed(index, wheel)
        with logged_in(files, "bob", "geheim") as client:
            assert len(desk.fetch(artifact, client=client)) == 1


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
        desk: Desk,
        *,
        variable: str,
        secure_index: IndexServer,
        bundle: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = secure_index.add_wheel("a")
        monkeypatch.setenv(variable, bundle)
        with HttpClient(Credentials(), environ=os.environ) as client:
            artifact = listed(secure_index, wheel)
            assert len(desk.fetch(artifact, client=client)) == 1

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", ""])
    @pytest.mark.usefixtures("uv_cache", "plain_network")
    def test_the_solver_trusts_what_the_session_does(
        self,
        *,
        variable: str,
        secure_index: IndexServer,
        client: HttpClient,
        wheel_cache: WheelCache,
        bundle: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        secure_index.add_wheel("a")
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
        self, desk: Desk, secure_index: IndexServer
    ) -> None:
        wheel = secure_index.add_wheel("a")
        message = desk.failure(listed(secure_index, wheel))
        assert "its certificate is not trusted (" in message
        assert secure_index.connections == 1  # Asking again would not change that.
        assert message.endswith(
            "name the file with your CA certificates in SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        )

    def test_a_bundle_that_is_not_there_is_named(
        self,
        desk: Desk,
        make_wheel: MakeFile,
        secure_index: IndexServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        wheel = make_wheel("a")
        monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
        with HttpClient(Credentials(), environ=os.environ) as client:
            message = desk.failure(listed(secure_index, wheel), client=client)
        assert message.endswith("invalid path: /no/such.pem; see SSL_CERT_FILE")

    def test_a_proxy_is_used(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        wheel = desk.index.add_wheel("a")
        url = f"http://index.example/files/{wheel.name}"
        with Proxy(hosts={"index.example": desk.index.netloc}, auth=("ann", "secret")) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://ann:secret@{proxy.netloc}")
            assert len(desk.fetch(artifact_of(wheel, url))) == 1
        assert [request.path for request in proxy.requests] == [url]

    def test_a_proxy_is_tunnelled_through_to_a_secure_server(
        self, desk: Desk, *, secure_index: IndexServer, bundle: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wheel = secure_index.add_wheel("a")
        artifact = artifact_of(wheel, f"https://index.example/files/{wheel.name}")
        monkeypatch.setenv("SSL_CERT_FILE", bundle)
        with Proxy(hosts={"index.example:443": secure_index.netloc}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.netloc}")
            with HttpClient(Credentials(), environ=os.environ) as client:
                assert len(desk.fetch(artifact, client=client)) == 1
        assert [request.method for request in proxy.requests] == ["CONNECT"]

    def test_no_proxy_is_honoured(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        with refused_port() as address:
            monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert len(desk.fetch(desk.artifact)) == 1

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_that_refuses_is_told_without_its_password(
        self, desk: Desk, scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Proxy(auth=("ann", "other")) as proxy:
            monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://ann:s3cr3t@{proxy.netloc}")
            message = desk.failure(replace(desk.artifact, url=f"{scheme}://index.example/a.whl"))
        assert "407" in message
        assert "s3cr3t" not in message

    def test_a_proxy_that_is_not_there_is_told_without_its_password(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with refused_port() as address:
            monkeypatch.setenv("HTTP_PROXY", f"http://ann:s3cr3t@{address}")
            message = desk.failure(desk.artifact)
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
        self, desk: Desk, *, sized: bool
    ) -> None:
        wheels = [desk.index.add_wheel(name, blob=400_000) for name in ("a", "b")]
        desk.index.drop(wheels[0].name, after=300_000, times=2)
        desk.index.corrupt(wheels[1].name, times=1)
        progress = Recorder()
        urls = [desk.index.file_url(path) for path in wheels]
        artifacts = [artifact_of(p, u, sized=sized) for p, u in zip(wheels, urls, strict=True)]
        desk.fetch(*artifacts, progress=progress)
        total = sum(path.stat().st_size for path in wheels)
        assert (progress.arrived, progress.size) == (total, total)
        assert (progress.finished, progress.files) == (2, 2)
        assert progress.calls == ["begin", "end"]

    def test_a_warm_store_says_nothing(self, desk: Desk) -> None:
        desk.fetch(desk.artifact)
        progress = Recorder()
        desk.fetch(desk.artifact, progress=progress)
        assert progress.calls == []

    def test_progress_ends_when_a_download_fails(self, desk: Desk) -> None:
        desk.index.fail(desk.artifact.filename, 404)
        progress = Recorder()
        desk.failure(desk.artifact, progress=progress)
        assert progress.calls == ["begin", "end"]


class TestResources:
    def test_memory_does_not_grow_with_the_size_of_a_wheel(self, desk: Desk) -> None:
        peaks = []
        for name, size in (("small", 1_000), ("large", 400_000_000)):
            wheel = desk.index.add_wheel(name, blob=size)
            with wheel.open("rb") as file:
                hashes = {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
            artifact = Artifact(filename=wheel.name, url=desk.index.file_url(wheel), hashes=hashes)
            output, errors = start_fetch([artifact], desk.cache).communicate(timeout=300)
            assert not errors
            peaks.append(json.loads(output)["peak"])
        assert peaks[1] - peaks[0] < 20_000_000
        assert peaks[1] < 150_000_000

    def test_a_store_that_cannot_be_written_is_one_error(self, desk: Desk) -> None:
        desk.cache.root.write_text("a file where the folder should be")
        assert desk.failure(desk.artifact).startswith(
            f"cannot write to the wheel cache {desk.cache.root}: "
        )
