"""Whole builds from private indexes, said in every way that uv, pip and the table have for it."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import re
import sys
import threading
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import CoverageError, FetchError, SolveError
from tests.support.project import make_project
from tests.support.server import Server, free_port, run_server, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_multiplat.build.report import Report
    from tests.conftest import MakeFile
    from tests.integration.conftest import Keyring
    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
NEWER_LINUX = "cp312-cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-cp312-win_amd64"
BOTH = {"platforms": ["manylinux2014_x86_64", "windows-x86_64"], "python": ["3.12"]}
ONE = {"platforms": ["linux-x86_64"], "python": ["3.12"]}

pytestmark = pytest.mark.usefixtures("uv_cache", "plain_network")


@pytest.fixture
def corp(make_wheel: MakeFile) -> list[Path]:
    """Wheels of `corp`: an old Linux has to step back, which the solver cannot know."""
    return [
        make_wheel("corp", version, tags=tags)
        for version, tags in (
            ("1.0", LINUX),
            ("1.0", WINDOWS),
            ("1.1", NEWER_LINUX),
            ("1.1", WINDOWS),
        )
    ]


@pytest.fixture
def private(start_index: Callable[..., IndexServer], corp: list[Path]) -> IndexServer:
    index = start_index()
    index.add(*corp)
    return index


@pytest.fixture
def public(start_index: Callable[..., IndexServer]) -> IndexServer:
    """An index with `popular`, and with somebody's `corp` of a version nobody can beat."""
    index = start_index()
    index.add_wheel("popular")
    index.add_wheel("corp", "99.0")
    index.add_wheel("corp", "0.1")
    return index


def prepare(
    tmp_path: Path, *, table: dict[str, Any], requires: tuple[str, ...] = ("corp", "popular")
) -> ProjectFolder:
    """Make a project whose table says nothing of indexes but for what `table` does."""
    project = make_project(tmp_path, index_url="", requires=requires, table=table)
    project.write(table)
    return project


def versions(report: Report) -> dict[str, tuple[str, ...]]:
    return {share.name: share.versions for share in report.dependencies if share.name != "demo"}


def wheels_in(report: Report) -> dict[str, str]:
    """Return the SHA-256 of each dependency's wheel in an executable, by file name."""
    with zipfile.ZipFile(report.path) as archive:
        return {
            name.removeprefix(".deps/"): hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name.startswith(".deps/") and name.endswith(".whl")
        }


def test_a_server_cannot_name_a_file_of_this_machine(tmp_path: Path, make_wheel: MakeFile) -> None:
    wheel = make_wheel("corp").rename(tmp_path / "corp-1.0-py3-none-any.whl")

    class Reaching(Server):
        def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
            page = f'<a href="{wheel.as_uri()}">{wheel.name}</a>'.encode()
            send(handler, 200, page, {"Content-Type": "text/html"})

    with Reaching() as index:
        project = prepare(tmp_path, table={**ONE, "index-url": index.url}, requires=("corp",))
        with pytest.raises(FetchError, match="a file of this machine"):
            project.build()


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        pytest.param({"pip": {"resolution": "lowest"}}, {}, id="of uv pip"),
        pytest.param({}, {"UV_CONSTRAINT": "only.txt"}, id="a file from the current folder"),
        pytest.param({}, {"PIP_CONSTRAINT": "only.txt"}, id="a file of pip's"),
        pytest.param({}, {"UV_RESOLUTION": "lowest"}, id="a variable"),
    ],
)
def test_settings_that_decide_versions_count(
    settings: dict[str, Any],
    environ: dict[str, str],
    public: IndexServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = prepare(tmp_path, table=ONE, requires=("corp",))
    project.write({**ONE, "index-url": public.index_url}, tool={"uv": settings})
    (tmp_path / "only.txt").write_text("corp<1\n")
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert versions(project.build(**environ)) == {"corp": ("0.1",)}


def test_uvs_settings_can_rule_out_the_network(public: IndexServer, tmp_path: Path) -> None:
    project = prepare(tmp_path, table=ONE, requires=("corp",))
    project.write(ONE, tool={"uv": {"offline": True, "index-url": public.index_url}})
    with pytest.raises(FetchError, match="offline"):
        project.build()
    assert public.requests == []


def test_find_links_do_not_protect_a_name_and_a_flat_index_does(
    public: IndexServer, tmp_path: Path, make_wheel: MakeFile
) -> None:
    project = prepare(tmp_path, table=ONE, requires=("corp",))
    make_wheel("corp").rename(project.root / "corp-1.0-py3-none-any.whl")
    project.write({**ONE, "index-url": public.index_url, "find-links": ["."]})
    assert versions(project.build()) == {"corp": ("99.0",)}
    index = [{"url": ".", "format": "flat"}, {"url": public.index_url, "default": True}]
    project.write(ONE, tool={"uv": {"index": index}})
    assert versions(project.build()) == {"corp": ("1.0",)}


WAYS = ("table", "uv variables", "tool.uv", "uv.toml", "user", "bound")


@pytest.mark.parametrize("way", WAYS)
def test_a_private_name_never_comes_from_the_public_index(
    way: str,
    private: IndexServer,
    public: IndexServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither for the solver, nor for stepping back, nor among what is fetched."""
    first, last = private.index_url, public.index_url
    project = prepare(tmp_path, table=BOTH)
    uv_settings = f'index-url = "{last}"\nextra-index-url = ["{first}"]\n'
    environ = {}
    match way:
        case "table":
            project.write({**BOTH, "index-url": last, "extra-index-urls": [first]})
        case "uv variables":
            environ = {"UV_DEFAULT_INDEX": last, "UV_INDEX": f"corp={first}"}
        case "tool.uv":
            index = [{"url": first}, {"url": last, "default": True}]
            project.write(BOTH, tool={"uv": {"index": index}})
        case "uv.toml":
            (project.root / "uv.toml").write_text(uv_settings, "utf-8")
        case "user":
            (tmp_path / "config" / "uv").mkdir(parents=True)
            (tmp_path / "config" / "uv" / "uv.toml").write_text(uv_settings, "utf-8")
            environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
            monkeypatch.setenv("XDG_CONFIG_HOME", environ["XDG_CONFIG_HOME"])
        case "bound":
            uv = {
                "index": [{"name": "in-house", "url": first, "explicit": True}],
                "sources": {"corp": {"index": "in-house"}},
            }
            project.write({**BOTH, "index-url": last}, tool={"uv": uv})

    report = project.build(**environ)

    assert versions(report) == {"corp": ("1.0", "1.1"), "popular": ("1.0",)}
    assert public.requests_for("corp") == []
    assert len(private.requests_for(f"corp-1.0-{LINUX}.whl")) == 1
    assert any("Stepping back" in line for line in project.said)


@pytest.mark.parametrize("way", ["variables", "file"])
def test_the_indexes_that_pip_is_set_to_are_merged_as_pip_does(
    way: str, private: IndexServer, public: IndexServer, tmp_path: Path
) -> None:
    """The newest version wins, wherever it is: an index beside PyPI may lack some of them."""
    project = prepare(tmp_path, table=BOTH)
    if way == "variables":
        environ = {"PIP_INDEX_URL": private.index_url, "PIP_EXTRA_INDEX_URL": public.index_url}
    else:
        lines = ("[global]", f"index-url = {public.index_url}", "extra-index-url =")
        config = "\n".join([*lines, f"    {private.index_url}", ""])
        (tmp_path / "pip.conf").write_text(config, "utf-8")
        environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert "99.0" in versions(project.build(**environ))["corp"]


@pytest.mark.parametrize("first", ["partial", "complete"])
def test_pips_extra_index_may_have_some_of_a_versions_wheels(
    first: str, start_index: Callable[..., IndexServer], tmp_path: Path
) -> None:
    """Whichever of the two is asked first, and with a password for each."""
    partial, complete = start_index(auth=("ada", "s3cret")), start_index(auth=("bob", "gu3ss"))
    partial.add_wheel("native", "2.0", tags=LINUX)
    for version in ("1.0", "2.0"):
        complete.add_wheel("native", version, tags=WINDOWS)
    complete.add_wheel("native", "1.0", tags=LINUX)
    urls = {
        "partial": partial.with_credentials(partial.index_url, "ada", "s3cret"),
        "complete": complete.with_credentials(complete.index_url, "bob", "gu3ss"),
    }
    project = prepare(tmp_path, table=BOTH, requires=("native>=2",))

    report = project.build(PIP_EXTRA_INDEX_URL=urls.pop(first), PIP_INDEX_URL=urls.popitem()[1])

    assert versions(report) == {"native": ("2.0",)}
    assert wheels_in(report).keys() >= {f"native-2.0-{tag}.whl" for tag in (LINUX, WINDOWS)}
    assert not any(b"s3cret" in path.read_bytes() for path in tmp_path.rglob("merged/**/*.html"))


def test_a_package_comes_from_the_index_that_its_marker_names(
    private: IndexServer, public: IndexServer, tmp_path: Path
) -> None:
    """On Windows alone; on Linux, stepping back reads the default index."""
    uv = {
        "index": [{"name": "in-house", "url": private.index_url, "explicit": True}],
        "sources": {"Corp": [{"index": "in-house", "marker": "sys_platform == 'win32'"}]},
    }
    project = prepare(tmp_path, table=BOTH)
    project.write({**BOTH, "index-url": public.index_url}, tool={"uv": uv})

    assert versions(project.build()) == {"corp": ("1.1", "99.0"), "popular": ("1.0",)}


def test_the_binding_that_the_page_shows(
    public: IndexServer, start_index: Callable[..., IndexServer], tmp_path: Path
) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "private-index.md"
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (text,) = (block for block in blocks if "tool.uv.sources" in block)
    private = start_index()
    private.add_wheel("corp-auth", "1.0")
    public.add_wheel("corp-auth", "99.0")
    public.add_wheel("rich")
    uv = tomllib.loads(text.replace("https://packages.example.com/simple", private.index_url))
    project = prepare(tmp_path, table=ONE, requires=tuple(uv["project"]["dependencies"]))
    project.write({**ONE, "index-url": public.index_url}, tool={"uv": uv["tool"]["uv"]})

    assert versions(project.build()) == {"corp-auth": ("1.0",), "rich": ("1.0",)}
    assert public.requests_for("corp-auth") == []


def test_an_index_that_a_source_names_is_found_though_the_table_names_others(
    private: IndexServer, public: IndexServer, tmp_path: Path
) -> None:
    """It is not marked as explicit; still nothing else comes from it."""
    uv = {
        "index": [{"name": "in-house", "url": private.index_url}],
        "sources": {"corp": {"index": "in-house"}},
    }
    project = prepare(tmp_path, table=ONE)
    project.write({**ONE, "index-url": public.index_url}, tool={"uv": uv})

    assert versions(project.build())["corp"] == ("1.1",)
    assert private.requests_for("popular") == []


def test_the_table_rules_out_the_indexes_of_the_users_own_settings(
    private: IndexServer, public: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "uv" / "uv.toml").write_text(
        f'[[index]]\nurl = "{public.index_url}"\n', "utf-8"
    )
    (tmp_path / "config" / "git").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    project = prepare(tmp_path, table=ONE, requires=("corp",))
    project.write({**ONE, "index-url": private.index_url})

    report = project.build(
        XDG_CONFIG_HOME=str(tmp_path / "config"), PIP_EXTRA_INDEX_URL=public.index_url
    )

    assert versions(report) == {"corp": ("1.1",)}
    assert public.requests == []


@pytest.mark.parametrize("name", ["UV_NO_CONFIG", "UV_CONFIG_FILE"])
def test_uv_keeps_to_the_targets_whatever_settings_it_is_told_to_leave(
    name: str,
    private: IndexServer,
    public: IndexServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The settings in the project's own files are left, too, as uv leaves them."""
    settings = tmp_path / "other.toml"
    settings.write_text(f'index-url = "{private.index_url}"\n', "utf-8")
    environ = {name: "1" if name == "UV_NO_CONFIG" else str(settings)}
    if name == "UV_NO_CONFIG":
        environ["UV_DEFAULT_INDEX"] = private.index_url
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    project = prepare(tmp_path, table=BOTH, requires=("corp",))
    project.write(BOTH, tool={"uv": {"index": [{"url": public.index_url}]}})

    assert versions(project.build(**environ)) == {"corp": ("1.0", "1.1")}
    assert public.requests == []


def test_all_indexes_count_where_the_user_says_so(
    private: IndexServer, public: IndexServer, tmp_path: Path
) -> None:
    """For the solver and for stepping back: the newest with a wheel is on the second index."""
    public.remove(Path("corp-99.0-py3-none-any.whl"))
    public.add_wheel("corp", "50.0", tags=LINUX)
    public.add_wheel("corp", "60.0", tags=NEWER_LINUX)
    public.add_wheel("corp", "60.0", tags=WINDOWS)
    project = prepare(tmp_path, table=BOTH)

    report = project.build(
        UV_INDEX=private.index_url,
        UV_DEFAULT_INDEX=public.index_url,
        UV_INDEX_STRATEGY="unsafe-best-match",
    )

    assert versions(report)["corp"] == ("50.0", "60.0")


def test_without_an_index_there_are_only_folders_of_wheels(
    public: IndexServer, make_wheel: MakeFile, tmp_path: Path
) -> None:
    (tmp_path / "demo" / "wheels").mkdir(parents=True)
    make_wheel("corp", "1.0").rename(tmp_path / "demo" / "wheels" / "corp-1.0-py3-none-any.whl")
    uv = {"no-index": True, "find-links": ["wheels"], "index": [{"url": public.index_url}]}
    project = prepare(tmp_path, table=ONE, requires=("corp",))
    project.write(ONE, tool={"uv": uv})

    assert versions(project.build()) == {"corp": ("1.0",)}
    assert public.requests == []


def test_what_an_sdist_is_built_with_comes_from_the_same_index(
    start_index: Callable[..., IndexServer], tmp_path: Path
) -> None:
    index = start_index(auth=("ada", "s3cret"))
    index.add_sdist("lonely", build_requires=["in-house-helper"])
    index.add_wheel("in-house-helper")
    url = index.with_credentials(index.index_url, "ada", "s3cret")
    project = prepare(tmp_path, table=ONE, requires=("lonely",))
    project.write({**ONE, "index-url": url})

    assert versions(project.build()) == {"lonely": ("1.0",)}
    assert len(index.requests_for("in_house_helper-1.0-py3-none-any.whl")) == 1


@pytest.fixture(scope="module")
def pypiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A real pypiserver with a password for everything; its URL and its folder of packages."""
    folder = tmp_path_factory.mktemp("pypiserver")
    (folder / "packages").mkdir()
    digest = "{SHA}" + base64.b64encode(hashlib.sha1(b"s3cret").digest()).decode()
    (folder / "passwords").write_text(f"ada:{digest}\n", "utf-8")
    port = free_port()
    options = ["-i", "127.0.0.1", "-p", str(port), "-P", "passwords", "-a", "list,download,update"]
    words = ("-m", "pypiserver", "run", *options, "packages")
    with run_server(sys.executable, *words, port=port, folder=folder):
        yield f"http://127.0.0.1:{port}/simple/", folder / "packages"


@pytest.mark.parametrize("way", ["in the URL", "netrc", "by name", "none", "wrong"])
def test_a_real_pypiserver_wants_a_password(
    way: str,
    pypiserver: tuple[str, Path],
    corp: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has neither metadata files nor sizes, and its links are relative."""
    url, packages = pypiserver
    for wheel in corp:
        (packages / wheel.name).write_bytes(wheel.read_bytes())
    project = prepare(tmp_path, table=BOTH, requires=("corp",))
    environ = {"UV_DEFAULT_INDEX": url}
    match way:
        case "in the URL":
            environ = {"UV_DEFAULT_INDEX": url.replace("://", "://ada:s3cret@")}
        case "wrong":
            environ = {"UV_DEFAULT_INDEX": url.replace("://", "://ada:guess@")}
        case "netrc":
            (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password s3cret\n")
            (tmp_path / "netrc").chmod(0o600)
            monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        case "by name":
            environ = {
                "UV_DEFAULT_INDEX": f"corp={url}",
                "UV_INDEX_CORP_USERNAME": "ada",
                "UV_INDEX_CORP_PASSWORD": "s3cret",
            }
            for name, value in environ.items():
                monkeypatch.setenv(name, value)

    if way in {"none", "wrong"}:
        # To a wrong password pypiserver says 403.
        with pytest.raises(
            FetchError, match=r"^UV_DEFAULT_INDEX: \S+ refused us \(40[13]"
        ) as raised:
            project.build(**environ)
        assert "guess" not in str(raised.value)
        assert not project.dist.exists()
    else:
        report = project.build(**environ)
        assert versions(report) == {"corp": ("1.0", "1.1")}
        with zipfile.ZipFile(report.path) as archive:
            assert not any(b"s3cret" in archive.read(name) for name in archive.namelist())


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    "way", ["variable", "tool.uv", "by name", "always", "pip", "off", "wrong user"]
)
def test_the_password_may_be_in_the_keyring(
    *,
    way: str,
    keyring: Keyring,
    start_index: Callable[..., IndexServer],
    corp: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For uv, for the pages and for the wheels; it is asked only where a setting says so."""
    index = start_index(auth=("ada", "s3cret"))
    index.add(*corp)
    keyring.answer({" ada": "s3cret\n", " --mode creds": "ada\ns3cret\n"})
    user = "bob" if way == "wrong user" else "ada"
    url = index.index_url.replace("://", f"://{user}@")
    project = prepare(tmp_path, table=BOTH, requires=("corp",))
    environ = {"UV_DEFAULT_INDEX": url, "UV_KEYRING_PROVIDER": "subprocess"}
    match way:
        case "tool.uv":
            table = {"keyring-provider": "subprocess", "index": [{"url": url, "default": True}]}
            project.write(BOTH, tool={"uv": table})
            environ = {}
        case "by name":
            environ |= {"UV_DEFAULT_INDEX": f"corp={index.index_url}"}
            environ |= {"UV_INDEX_CORP_USERNAME": "ada"}
        case "always":
            entry = {"url": index.index_url, "default": True, "authenticate": "always"}
            project.write(BOTH, tool={"uv": {"index": [entry]}})
            environ.pop("UV_DEFAULT_INDEX")
        case "pip":
            lines = ("[global]", f"index-url = {url}", "keyring-provider = subprocess", "")
            (tmp_path / "pip.conf").write_text("\n".join(lines), "utf-8")
            environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
        case "off":
            environ.pop("UV_KEYRING_PROVIDER")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    if way in {"off", "wrong user"}:
        with pytest.raises((SolveError, FetchError)) as raised:
            project.build(**environ)
        assert "s3cret" not in str(raised.value)
        assert bool(keyring.asked) == (way == "wrong user")
        return
    report = project.build(**environ)
    assert versions(report) == {"corp": ("1.0", "1.1")}
    words = "--mode creds" if way == "always" else "ada"
    assert set(keyring.asked) == {f"get {index.index_url} {words}"}
    assert len(keyring.asked) <= 4
    with zipfile.ZipFile(report.path) as archive:
        assert not any(b"s3cret" in archive.read(name) for name in archive.namelist())
    assert "s3cret" not in "".join(project.said)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A PEP 503 tree of plain files under http.server; its URL and its folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "mirror" / "simple"
    folder.mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(folder.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple", folder
        server.shutdown()
        thread.join()


def test_a_mirror_of_plain_files_will_do(
    mirror: tuple[str, Path], corp: list[Path], tmp_path: Path
) -> None:
    """No JSON, no metadata files, no hashes, relative links, and a page without a last slash."""
    url, folder = mirror
    (folder / "corp").mkdir()
    for wheel in corp:
        (folder / "corp" / wheel.name).write_bytes(wheel.read_bytes())
    links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>\n' for wheel in corp)
    (folder / "corp" / "index.html").write_text(f"<!DOCTYPE html><body>{links}</body>", "utf-8")
    project = prepare(tmp_path, table=BOTH, requires=("corp",))
    project.write({**BOTH, "index-url": url})

    report = project.build()

    digests = {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in corp}
    found = wheels_in(report)
    assert found.keys() & digests.keys() == {corp[0].name, corp[3].name}
    assert all(found[name] == digests[name] for name in found.keys() & digests.keys())


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"metadata": False}, id="no metadata files"),
        pytest.param({"relative": True, "json": False}, id="relative URLs"),
        pytest.param({"html": False, "etags": False, "sizes": False}, id="JSON alone"),
        pytest.param({"hashes": ("sha512",)}, id="another hash"),
    ],
)
def test_indexes_differ(
    switches: dict[str, Any], start_index: Callable[..., IndexServer], tmp_path: Path
) -> None:
    index = start_index(**switches)
    index.add_wheel("corp", "1.0", requires=["deep"])
    index.add_wheel("deep", "2.0")
    project = make_project(tmp_path, index_url=index.index_url, requires=["corp"], table=ONE)

    assert versions(project.build()) == {"corp": ("1.0",), "deep": ("2.0",)}


def test_a_flaky_index_delays_a_build_and_no_more(private: IndexServer, tmp_path: Path) -> None:
    private.fail("corp", times=1, retry_after=0)
    private.slow("corp", seconds=0.2, times=1)
    private.fail(f"corp-1.0-{LINUX}.whl", times=1, retry_after=0)
    private.drop(f"corp-1.0-{LINUX}.whl", after=100, times=1)
    private.hang_up(f"corp-1.1-{WINDOWS}.whl", times=1)
    project = make_project(tmp_path, index_url=private.index_url, requires=["corp"], table=BOTH)

    assert versions(project.build()) == {"corp": ("1.0", "1.1")}


def test_wrong_bytes_end_a_build_and_leave_nothing(private: IndexServer, tmp_path: Path) -> None:
    name = f"corp-1.1-{NEWER_LINUX}.whl"
    private.corrupt(name)
    project = make_project(tmp_path, index_url=private.index_url, requires=["corp"], table=ONE)

    with pytest.raises(FetchError, match=name):
        project.build()
    assert not project.dist.exists()


def test_a_gap_is_told_by_the_bound_index_and_not_by_the_public_one(
    private: IndexServer, public: IndexServer, tmp_path: Path
) -> None:
    uv = {
        "index": [{"name": "in-house", "url": private.index_url, "explicit": True}],
        "sources": {"corp": {"index": "in-house"}},
    }
    project = prepare(tmp_path, table=ONE)
    project.write(
        {**ONE, "index-url": public.index_url, "platforms": ["macos-arm64"]}, tool={"uv": uv}
    )

    with pytest.raises(CoverageError, match=r"corp 1\.1"):
        project.build()
