"""Users, passwords and tokens in every place where a URL may stand: used, and left nowhere."""

from __future__ import annotations

import io
import itertools
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main
from tests.support.project import make_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer
    from tests.support.project import ProjectFolder

pytestmark = pytest.mark.usefixtures("plain_network", "uv_cache")

USER = "us3r-t0ken"
PASSWORD = "p/a#s@s:w%rd-t0ken"
QUOTED = "p%2Fa%23s%40s%3Aw%25rd-t0ken"
TOKENS = (USER, "rd-t0ken", "query-t0ken")
TABLE = {"platforms": ["linux-x86_64"], "python": ["3.12"], "sbom": True}


class Watch:
    """Looks at the command line and the folder of each process that is started."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def look(self, command: Any, folder: Any) -> None:
        self.seen += [str(word) for word in command]
        root = Path(folder or ".").resolve()
        if root.is_relative_to(Path(tempfile.gettempdir()).resolve()) and root.name != "demo":
            self.seen += [read(path) for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Watch:
    """Watch what is started, and give this test a temporary folder of its own."""
    watch = Watch()
    start = subprocess.Popen.__init__

    def started(self: Any, args: Any, *others: Any, **options: Any) -> None:
        watch.look(args, options.get("cwd"))
        start(self, args, *others, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    (tmp_path / "temporary").mkdir()
    # What pex makes is the same for all of these tests, and takes longest.
    (tmp_path / "cache").mkdir()
    (tmp_path_factory.getbasetemp() / "pex").mkdir(exist_ok=True)
    (tmp_path / "cache" / "pex").symlink_to(tmp_path_factory.getbasetemp() / "pex")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return watch


@pytest.fixture
def private(start_index: Callable[..., IndexServer]) -> IndexServer:
    index = start_index(auth=(USER, PASSWORD))
    index.add_wheel("private")
    return index


@pytest.fixture
def public(start_index: Callable[..., IndexServer]) -> IndexServer:
    index = start_index(token="token=query-t0ken")
    index.add_wheel("popular")
    return index


def read(path: Path) -> str:
    """Return a file's content, members of zip files unpacked."""
    content = path.read_bytes()
    texts = [content.decode("latin-1")]
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                texts += [name, archive.read(name).decode("latin-1")]
    return "\n".join(texts)


def assert_clean(text: str, where: object) -> None:
    for token in (*TOKENS, QUOTED):
        place = text.find(token)
        assert place < 0, f"{where}: ...{text[max(place - 80, 0) : place + 20]}..."


def assert_left_nowhere(project: ProjectFolder, watch: Watch, output: str, *, own: bool) -> None:
    """Look everywhere; with `own`, the project's wheel has the token and so has what holds it."""
    assert_clean(output, "output")
    assert_clean("\n".join(project.said), "said")
    for text in watch.seen:
        assert_clean(text, "a process")
    for folder in (
        project.root,
        project.root.parent / "temporary",
        project.root.parent / "cache",
        project.root.parent / "cache/pex",
    ):
        for path in folder.rglob("*"):
            assert_clean(path.name, path)
            holds_wheel = own and path.suffix in {".pex", ".whl"}
            planted = path.name in {"pyproject.toml", "uv.toml"}
            if path.is_file() and not planted and not holds_wheel:
                assert_clean(read(path), path)


def run(project: ProjectFolder, monkeypatch: pytest.MonkeyPatch, *words: str, code: int = 0) -> str:
    for name, value in project.environ.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, [*words, str(project.root)])
    assert result.exit_code == code, result.output
    return result.output


def secret(url: str) -> str:
    return url.replace("://", f"://{USER}:{QUOTED}@", 1)


PLACES = (
    "index-url",
    "extra-index-urls",
    "find-links",
    "requirements",
    "requirements, token",
    "constraints",
    "dependencies",
    "optional-dependencies",
    "dependency-groups",
    "METADATA",
    "tool.uv.index",
    "tool.uv.sources",
    "tool.uv.sources, token",
    "tool.uv.override-dependencies",
    "uv.toml",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_EXTRA_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "pip.conf",
)


def plant(  # noqa: C901, PLR0912, PLR0915 - a table, one row for each place
    place: str, root: Path, private: IndexServer, public: IndexServer
) -> tuple[ProjectFolder, bool]:
    """Make a project that has `private` by a login or token in one place; and whether its wheel
    has it as well."""
    index, links = secret(private.index_url), secret(private.find_links_url)
    url = secret(private.file_url("private-1.0-py3-none-any.whl"))
    token = f"{public.file_url('popular-1.0-py3-none-any.whl')}?token=query-t0ken"
    table: dict[str, Any] = {**TABLE, "index-url": public.index_url}
    tool: dict[str, Any] = {}
    facts: dict[str, Any] = {"requires-python": ">=3.11"}
    tables: dict[str, Any] = {}
    environ: dict[str, str] = {}
    requires = ["private"]
    extras: dict[str, list[str]] = {}
    match place:
        case "index-url":
            table["index-url"] = index
        case "extra-index-urls":
            table["extra-index-urls"] = [index]
        case "find-links":
            table["find-links"] = [links]
        case "requirements":
            table["requirements"], requires = [f"private @ {url}"], []
        case "requirements, token":
            table["requirements"], requires = [f"popular @ {token}"], []
        case "constraints":
            table["constraints"] = [f"private @ {url}"]
        case "dependencies" | "METADATA":
            requires = [f"private @ {url}"]
        case "optional-dependencies":
            table["extras"] = ["more"]
            facts["dependencies"], requires = [], []
            extras = {"more": [f"private @ {url}"]}
            facts["optional-dependencies"] = {"more": [f"private @ {url}"]}
        case "dependency-groups":
            table["dependency-groups"], requires = ["more"], []
            tables["dependency-groups"] = {"more": [f"private @ {url}"]}
        case "tool.uv.index":
            del table["index-url"]
            tool["uv"] = {"index": [{"url": public.index_url, "default": True}, {"url": index}]}
        case "tool.uv.sources":
            tool["uv"] = {"sources": {"private": {"url": url}}}
        case "tool.uv.sources, token":
            tool["uv"], requires = {"sources": {"popular": {"url": token}}}, ["popular"]
        case "tool.uv.override-dependencies":
            tool["uv"] = {"override-dependencies": [f"private @ {url}"]}
        case "uv.toml":
            del table["index-url"]
            text = f'index-url = "{public.index_url}"\nextra-index-url = ["{index}"]\n'
        case "UV_INDEX" | "UV_FIND_LINKS" | "UV_EXTRA_INDEX_URL" | "PIP_EXTRA_INDEX_URL":
            del table["index-url"]
            base = "PIP_INDEX_URL" if place.startswith("PIP") else "UV_DEFAULT_INDEX"
            value = {"UV_INDEX": f"mine={index}", "UV_FIND_LINKS": links}.get(place, index)
            environ = {base: public.index_url, place: value}
        case "pip.conf":
            del table["index-url"]
            path = root / "pip.conf"
            lines = ("[global]", f"index-url = {public.index_url}", f"extra-index-url = {index}")
            path.write_text("\n".join(lines))
            environ = {"PIP_CONFIG_FILE": str(path)}
    if place == "METADATA":
        facts["dynamic"] = ["dependencies"]
    else:
        facts.setdefault("dependencies", requires)
    project = make_project(root, index_url="", requires=requires, table={}, extras=extras)
    project.environ |= environ
    project.write(table, project=facts, tool=tool, **tables)
    if place == "uv.toml":
        (project.root / "uv.toml").write_text(text)
    return project, bool(extras) or any("@" in requirement for requirement in requires)


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_used_and_left_nowhere(
    *,
    place: str,
    tmp_path: Path,
    private: IndexServer,
    public: IndexServer,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Build, write the lock, find it fresh, and build from it."""
    project, own = plant(place, tmp_path, private, public)
    assert project.build(**project.environ).wheels == 2
    output = ""
    if place != "METADATA":  # Its project says nothing that could be locked without a build.
        output += run(project, monkeypatch, "check") + run(project, monkeypatch, "lock")
        output += run(project, monkeypatch, "lock", "--check")
    for folder in (tmp_path / "cache" / "wheels", tmp_path / "demo" / "dist"):
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert project.build(**project.environ).wheels == 2
    assert_left_nowhere(project, watch, output, own=own)


WAYS: dict[str, Callable[[str], str]] = {
    "wrong": lambda text: text.replace("rd-t0ken@", "rd-t0ken-not@"),
    "not quoted": lambda text: text.replace(QUOTED, "p/w#rd-t0ken"),
    "mistyped scheme": lambda text: text.replace("http://us3r", "htp://us3r"),
    "one slash": lambda text: text.replace("http://us3r", "http:/us3r"),
    "broken": lambda text: text.replace("127.0.0.1", "[::1"),
}
LOGINS = [place for place in PLACES if "token" not in place and place != "METADATA"]


@pytest.mark.parametrize(
    ("place", "spoil"),
    [
        # Each place once, and each way to be wrong a few times.
        pytest.param(place, WAYS[way], id=f"{place}, {way}")
        for place, way in zip(LOGINS, itertools.cycle(WAYS), strict=False)
    ],
)
def test_a_token_that_does_not_serve_is_not_shown(
    *,
    place: str,
    spoil: Callable[[str], str],
    tmp_path: Path,
    private: IndexServer,
    public: IndexServer,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, own = plant(place, tmp_path, private, public)
    for path in (project.root / "pyproject.toml", project.root / "uv.toml", tmp_path / "pip.conf"):
        if path.is_file():
            path.write_text(spoil(path.read_text()))
    project.environ = {name: spoil(value) for name, value in project.environ.items()}
    for name, value in project.environ.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["check", str(project.root)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code != 0, result.output
    assert_left_nowhere(project, watch, result.output, own=own)
