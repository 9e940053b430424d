"""Projects of unusual shapes, built by hatchling with the hook; what they make is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from hatch_multiplat.base.process import find_uv
from tests.support.caches import make_cache
from tests.support.commands import run_command
from tests.support.project import make_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
TABLE = {"platforms": ["current", "windows-x86_64"], "python": [MINOR]}
MAIN = "def main():\n    import greeting\n    print(greeting.said)\n"

# For builds in an environment of their own, without a network: the hatchling and the plugin of
# this one.
SHIM = f"""\
import sys
sys.path += {[str(Path(__file__).parents[2]), *sys.path]!r}
from hatchling.build import *
"""

pytestmark = pytest.mark.usefixtures("uv_cache", "plain_network")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A place for projects, an index with `greeting`, and hatchling with the plugin."""

    root: Path
    index: IndexServer

    def write(self, name: str, files: Mapping[str, str], **project: Any) -> Path:
        """Write a project `name`, a package of modules as `files`; tables by their names."""
        folder = self.root / name
        tool = project.pop("tool", {})
        hooks = project.pop("hooks", {"multiplat": {}})
        hatch = {"metadata": {"allow-direct-references": True}, **tool.pop("hatch", {})}
        hatch["build"] = {"hooks": hooks, **hatch.get("build", {})}
        table = {**TABLE, **tool.pop("multiplat", {"index-url": self.index.index_url})}
        document = {
            "build-system": {"requires": [], "build-backend": "shim", "backend-path": ["."]},
            "project": {"name": folder.name, "version": "1.0", **project},
            "tool": {"hatch": hatch, "multiplat": table, **tool},
        }
        if "version" in document["project"].get("dynamic", ()):
            del document["project"]["version"]
        files = {"pyproject.toml": tomlkit.dumps(document), "shim.py": SHIM, **files}
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        return folder

    def build(self, folder: Path, *, code: int = 0) -> str:
        words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
        environ = {**os.environ, "HATCH_MULTIPLAT_CACHE": make_cache(self.root / "store")}
        done = subprocess.run(
            words,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def run(self, folder: Path) -> str:
        """Run the only executable in a project's dist, in another folder; return its output."""
        (executable,) = (folder / "dist").glob("*.pex")
        return subprocess.run(
            [sys.executable, executable],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root / "home")},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        ).stdout.strip()


@pytest.fixture
def desk(tmp_path: Path, index_server: IndexServer) -> Desk:
    index_server.add_wheel("greeting", "1.0", files={"greeting.py": "said = 'hello'\n"})
    (tmp_path / "desk").mkdir()
    return Desk(root=tmp_path / "desk", index=index_server)


def test_dependencies_from_a_requirements_file_and_a_version_from_git(desk: Desk) -> None:
    folder = desk.write(
        "app",
        {"app.py": MAIN, "requirements.txt": "greeting  # says it\n"},
        dynamic=["version", "dependencies"],
        scripts={"app": "app:main"},
        tool={
            "hatch": {
                "version": {"source": "vcs"},
                "metadata": {"hooks": {"requirements_txt": {"files": ["requirements.txt"]}}},
            }
        },
    )
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "First"], ["tag", "v3.1"]):
        subprocess.run([*git, *words], cwd=folder, check=True)

    desk.build(folder)

    assert (folder / "dist" / "app-3.1.pex").is_file()
    assert desk.run(folder) == "hello"


def test_names_versions_and_folders_of_every_kind(desk: Desk) -> None:
    """A src layout, dependencies by a metadata hook of the project's own, and odd words."""
    hook = (
        "from hatchling.metadata.plugin.interface import MetadataHookInterface\n"
        "class Own(MetadataHookInterface):\n"
        "    def update(self, metadata):\n"
        "        metadata['dependencies'] = ['Greeting']\n"
    )
    folder = desk.write(
        "größer & more/My.Project_x",
        {"src/my_project_x/__init__.py": MAIN, "hatch_build.py": hook},
        version="1!2.0rc1+local.5",
        dynamic=["dependencies"],
        scripts={"my-project": "my_project_x:main"},
        tool={"hatch": {"metadata": {"hooks": {"custom": {}}}}},
    )
    before = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}

    desk.build(folder)

    assert desk.run(folder) == "hello"
    after = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    assert {path.relative_to(folder).parts[0] for path in after - before} == {"dist"}


def test_a_project_without_dependencies(desk: Desk) -> None:
    folder = desk.write(
        "app", {"app.py": "def main():\n    print('alone')\n"}, scripts={"app": "app:main"}
    )
    desk.build(folder)
    assert desk.run(folder) == "alone"


def test_a_hundred_dependencies(
    tmp_path: Path, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    names = [f"part-{number}" for number in range(100)]
    index_server.add(*(make_wheel(name) for name in names))
    project = make_project(tmp_path, index_url=index_server.index_url, requires=names, table=TABLE)
    assert project.build().wheels == 101


NOTES_READS = """\
import sys
def note(event, arguments):
    if event == "open" and str(arguments[0]).endswith("pyproject.toml"):
        frame = sys._getframe()
        while frame is not None:
            if frame.f_globals["__name__"] == "hatch_multiplat.resolve.project":
                print("hatch_multiplat.resolve.project reads the table", file=sys.stderr)
                return
            frame = frame.f_back
sys.addaudithook(note)
"""


def test_a_build_prepares_once_and_says_things_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = desk.write(
        "app",
        {"app.py": "def main():\n    print('hello')\n"},
        dependencies=["app[unknown]"],
        scripts={"app": "app:main"},
        tool={"multiplat": {"lock": "uv.lock", "formats": ["pyz"]}, "uv": {"no-deps": True}},
    )
    subprocess.run([find_uv(), "lock", "--offline", "--quiet"], cwd=folder, check=True)
    (desk.root / "sitecustomize.py").write_text(NOTES_READS, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(desk.root))
    monkeypatch.setenv("HATCH_VERBOSE", "1")
    said = desk.build(folder)
    assert said.count("hatch_multiplat.resolve.project reads the table") == 1
    assert said.count("Warning: tool.uv.no-deps has no effect here") == 1
    assert said.count("Warning: app requires its own extra 'unknown'") == 1
    assert len(re.findall("run .*uv export", said)) == 1


ANNOUNCES = """\
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Own(BuildHookInterface):
    def finalize(self, version, build_data, artifact_path):
        self.app.display_info("the wheel is written")
"""


@pytest.mark.parametrize(
    "words",
    [
        ["hatchling", "build", "-t", "wheel"],
        ["hatchling", "build", "-t", "multiplat"],
        ["hatch_multiplat", "build"],
    ],
    ids=["hook", "build target", "command"],
)
def test_a_stale_lock_is_told_before_the_wheel_is_written(desk: Desk, words: list[str]) -> None:
    folder = desk.write(
        "app",
        {
            "app.py": MAIN,
            "hatch_build.py": ANNOUNCES,
            "pylock.multiplat.toml": 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n',
        },
        dependencies=["greeting"],
        hooks={"custom": {}, "multiplat": {}},
    )
    said = run_command(sys.executable, "-m", *words, cwd=folder, code=3)
    assert "it lacks greeting, which 'greeting' asks for" in said
    assert "wheel" not in said


RENAMES = """\
import os
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Own(BuildHookInterface):
    def finalize(self, version, build_data, artifact_path):
        os.replace(artifact_path, artifact_path.replace("app-1.0-", "app-1.0-1-"))
"""


def test_a_wheel_that_another_hook_renames_is_found(desk: Desk) -> None:
    folder = desk.write(
        "app",
        {"app.py": MAIN, "hatch_build.py": RENAMES},
        dependencies=["greeting"],
        scripts={"app": "app:main"},
        hooks={"custom": {}, "multiplat": {}},
    )
    desk.build(folder)
    assert desk.run(folder) == "hello"
    assert [path.name for path in (folder / "dist").glob("*.whl")] == [
        "app-1.0-1-py2.py3-none-any.whl"
    ]


def test_a_wheel_that_another_hook_takes_away_is_missed(desk: Desk) -> None:
    hook = RENAMES.replace('artifact_path.replace("app-1.0-", "app-1.0-1-")', '"gone"')
    folder = desk.write(
        "app", {"app.py": MAIN, "hatch_build.py": hook}, hooks={"custom": {}, "multiplat": {}}
    )
    said = desk.build(folder, code=8)
    assert "app-1.0-py2.py3-none-any.whl cannot be read as a wheel: " in said
    assert "Traceback" not in said


def test_the_folders_of_a_project_count_from_any_other_folder(
    desk: Desk, make_wheel: MakeFile
) -> None:
    folder = desk.write(
        "app",
        {"app.py": MAIN},
        dependencies=["greeting"],
        scripts={"app": "app:main"},
        tool={"multiplat": {}, "uv": {"no-index": True, "find-links": ["wheels"]}},
    )
    wheel = make_wheel("greeting", files={"greeting.py": "said = 'hello'\n"})
    (folder / "wheels").mkdir()
    wheel.rename(folder / "wheels" / wheel.name)
    words = [sys.executable, "-m", "hatch_multiplat", "build", "app"]
    environ = {**os.environ, "HATCH_MULTIPLAT_CACHE": make_cache(desk.root / "store")}
    done = subprocess.run(words, cwd=desk.root, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert desk.run(folder) == "hello"


def write_library(desk: Desk, name: str = "library", **project: Any) -> Path:
    return desk.write(
        name,
        {"library.py": "import greeting\nsaid = f'{greeting.said} from the library'\n"},
        dependencies=["greeting", *project.pop("dependencies", ())],
        **project,
    )


USES = "def main():\n    import library\n    print(library.said)\n"


@pytest.mark.parametrize("way", ["source", "reference", "workspace"])
def test_a_project_takes_another_from_its_folder(desk: Desk, way: str) -> None:
    """Both have the hook; the library's executable is not built for it."""
    library = write_library(desk, "packages/library")
    dependencies, uv = ["library"], dict[str, Any]()
    if way == "reference":  # As hatch's own workspaces have it.
        dependencies = ["library @ {root:parent:uri}/library"]
    elif way == "source":
        uv = {"sources": {"library": {"path": "../library"}}}
    else:
        page = Path(__file__).parents[2] / "docs" / "how-to" / "monorepo.md"
        root, member, *_ = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        index = {"name": "in-house", "url": desk.index.index_url, "default": True}
        text = root + tomlkit.dumps({"tool": {"uv": {"index": [index]}}}).replace("[tool.uv]\n", "")
        (desk.root / "pyproject.toml").write_text(text, "utf-8")
        parsed = tomllib.loads(member)
        dependencies, uv = parsed["project"]["dependencies"], parsed["tool"]["uv"]
    folder = desk.write(
        "packages/app",
        {"app.py": USES},
        dependencies=dependencies,
        scripts={"app": "app:main"},
        # In a workspace, the root says where from.
        tool={"uv": uv, **({"multiplat": {}} if way == "workspace" else {})},
    )

    desk.build(folder)

    assert desk.run(folder) == "hello from the library"
    assert not (library / "dist").exists()


def test_projects_that_need_each_other(desk: Desk) -> None:
    """The project's own wheel stands in for the one that its dependency asks for."""
    sources = {"app": {"path": "../app"}}
    write_library(desk, dependencies=["app"], tool=with_index(desk, sources))
    folder = desk.write(
        "app",
        {"app.py": USES},
        dependencies=["library"],
        scripts={"app": "app:main"},
        tool=with_index(desk, {"library": {"path": "../library"}}),
    )
    desk.build(folder)
    assert desk.run(folder) == "hello from the library"


def test_folders_may_lead_to_folders_and_back(desk: Desk) -> None:
    """References as hatch writes them."""
    desk.write(
        "zebra", {"zebra.py": "import greeting\nsaid = greeting.said\n"}, dependencies=["greeting"]
    )
    reference = "zebra @ {root:parent:uri}/zebra"
    desk.write("library", {"library.py": "from zebra import said\n"}, dependencies=[reference])
    folder = desk.write(
        "app",
        {"app.py": USES},
        dependencies=["library @ {root:parent:uri}/library"],
        scripts={"app": "app:main"},
    )
    desk.build(folder)
    assert desk.run(folder) == "hello"

    back = ["greeting", "library @ {root:parent:uri}/library"]
    desk.write("zebra", {"zebra.py": "import greeting\nsaid = greeting.said\n"}, dependencies=back)
    desk.build(folder)
    assert desk.run(folder) == "hello"


def with_index(desk: Desk, sources: Mapping[str, Any]) -> dict[str, Any]:
    return {"multiplat": {"index-url": desk.index.index_url}, "uv": {"sources": sources}}
