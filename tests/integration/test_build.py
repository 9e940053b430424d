"""Whole builds through the pipeline, with an index on loopback; what they make is run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_multiplat.base.errors import (
    ConfigError,
    CoverageError,
    ExecutableError,
    FetchError,
    LockError,
    MultiplatError,
    ToolError,
)
from tests.support.project import ProjectFolder, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.conftest import MakeFile
    from tests.support.index_server import IndexServer

PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
TABLE: Mapping[str, Any] = {"platforms": list(PLATFORMS), "python": ["3.11", "3.12", "3.13"]}

pytestmark = pytest.mark.usefixtures("uv_cache", "plain_network")


@pytest.fixture
def demo(tmp_path: Path, index_server: IndexServer) -> ProjectFolder:
    """A project that requires `greeting`, which prints a version of its own."""
    for version in ("1.0", "2.0"):
        index_server.add_wheel(
            "greeting", version, files={"greeting.py": f"said = 'hello {version}'\n"}
        )
    return make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["greeting"],
        table=TABLE,
        files={
            "demo.py": (
                "import json, os, sys\n"
                "def main():\n"
                "    import greeting\n"
                "    print(json.dumps([greeting.said, sys.argv[1:], os.environ.get('WORD')]))\n"
                "def other():\n"
                "    print('the other')\n"
                "if __name__ == '__main__':\n"
                "    print('as a module')\n"
            )
        },
    )


def run(executable: Path | str, *words: str, home: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, str(executable), *words],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_file_has_one_copy_of_each_wheel_byte_for_byte(
    demo: ProjectFolder, make_wheel: MakeFile
) -> None:
    report = demo.build()
    assert Path(report.path) == demo.dist.resolve() / "demo-1.0.pex"
    wheels = {
        "demo-1.0-py3-none-any.whl": demo.wheel,
        "greeting-2.0-py3-none-any.whl": make_wheel(
            "greeting", "2.0", files={"greeting.py": "said = 'hello 2.0'\n"}
        ),
    }
    with zipfile.ZipFile(report.path) as archive:
        inside = [name for name in archive.namelist() if name.startswith(".deps/")]
        assert sorted(inside) == [".deps/", *(f".deps/{name}" for name in sorted(wheels))]
        for name, path in wheels.items():
            info = archive.getinfo(f".deps/{name}")
            assert info.compress_type == zipfile.ZIP_STORED
            assert archive.read(info) == path.read_bytes()
        rest = {name.partition("/")[0] for name in archive.namelist()}
        assert rest == {".bootstrap", ".deps", ".multiplat", "PEX-INFO", "__main__.py", "__pex__"}
    assert report.wheels == 2
    assert len(report.targets) == 12
    assert [share.name for share in report.dependencies] == ["demo", "greeting"]


def test_the_same_inputs_give_the_same_bytes_whatever_the_moment(
    demo: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hashlib.sha256(Path(demo.build().path).read_bytes()).hexdigest()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    umask = os.umask(0o077)
    try:
        again = demo.build()
    finally:
        os.umask(umask)
    assert hashlib.sha256(Path(again.path).read_bytes()).hexdigest() == first
    assert Path(again.path).stat().st_mode & 0o777 == 0o755


def test_the_order_of_platforms_and_pythons_changes_the_order_of_the_targets_and_nothing_else(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    for tag in ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "win_amd64"):
        for python in ("cp312", "cp313"):
            index_server.add_wheel("native", tags=f"{python}-{python}-{tag}")
    platforms = ["linux-x86_64-glibc2.17", "linux-x86_64", "windows-x86_64"]
    requires = {"requirements": ["native"], "python": ["3.12", "3.13"]}
    found = []
    for turned in (
        {"platforms": platforms, "python": ["3.12", "3.13"]},
        {"platforms": platforms[::-1], "python": ["3.13", "3.12"]},
        {"platforms": [*platforms[1:], platforms[0]], "python": ["3.12", "3.13"]},
    ):
        demo.write(demo.table | requires | turned)
        with zipfile.ZipFile(demo.build().path) as archive:
            found.append({name: archive.read(name) for name in archive.namelist()})
    first, *others = found
    listed = ".multiplat/table.json"
    for other in others:
        assert first.keys() == other.keys()
        changed = {name for name, data in first.items() if other[name] != data}
        assert changed == {listed, "__main__.py"}  # The launcher knows the table's digest.
        table, turned_table = json.loads(first[listed]), json.loads(other[listed])
        assert table["targets"] != turned_table["targets"]
        for each in (table, turned_table):
            each["targets"].sort(key=lambda target: target["name"])
        assert table == turned_table


@pytest.mark.parametrize(
    ("table", "words", "printed"),
    [
        pytest.param({}, ["a b", "*"], '["hello 2.0", ["a b", "*"], null]', id="script by name"),
        pytest.param({"script": "demo"}, [], '["hello 2.0", [], null]', id="script"),
        pytest.param({"entry-point": "demo:other"}, [], "the other", id="entry point"),
        pytest.param({"module": "demo"}, [], "as a module", id="module"),
        pytest.param({"script": ""}, ["-c", "print(6 * 7)"], "42", id="interpreter"),
        pytest.param(
            {"inject-args": ["--two words", "x"], "inject-env": {"WORD": "b c"}},
            ["mine"],
            '["hello 2.0", ["--two words", "x", "mine"], "b c"]',
            id="injected",
        ),
        pytest.param(
            {"constraints": ["greeting<2"]}, [], '["hello 1.0", [], null]', id="constraints"
        ),
    ],
)
def test_what_runs_is_what_the_table_says(
    demo: ProjectFolder,
    index_server: IndexServer,
    tmp_path: Path,
    *,
    table: dict[str, Any],
    words: Sequence[str],
    printed: str,
) -> None:
    demo.write(
        {"index-url": index_server.index_url, "platforms": ["current"], "python": [MINOR]} | table
    )
    report = demo.build()
    assert run(report.path, *words, home=tmp_path / "home").strip() == printed


def test_extras_groups_and_requirements_are_added(
    tmp_path: Path, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    index_server.add(*(make_wheel(name) for name in ("base", "fast", "grouped", "added")))
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["base", "fast; extra == 'speed'"],
        extras={"speed": ()},
        table={},
    )
    project.write(
        {
            "index-url": index_server.index_url,
            "platforms": ["current"],
            "extras": ["speed"],
            "dependency-groups": ["serve"],
            "requirements": ["added"],
        },
        project={"optional-dependencies": {"speed": ["fast"]}},
        **{"dependency-groups": {"serve": ["grouped"]}},
    )
    report = project.build()
    code = "import base, fast, grouped, added; print('all there')"
    home = tmp_path / "home"
    assert run(report.path, "-c", code, home=home, PEX_INTERPRETER="1") == "all there\n"


def test_an_unknown_extra_is_named_with_those_there_are(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.write({"index-url": index_server.index_url, "extras": ["nope"], **TABLE})
    with pytest.raises(ConfigError, match=r"demo has no extra 'nope' \(it has: none\)"):
        demo.build()


def test_a_script_that_no_wheel_has_is_named_with_those_there_are(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.write({"index-url": index_server.index_url, "script": "dmeo", **TABLE})
    with pytest.raises(
        ConfigError, match=r"no wheel has a console script 'dmeo'; did you mean 'demo'"
    ):
        demo.build()
    assert not demo.dist.exists()


@pytest.mark.parametrize("key", ["module", "entry-point"])
def test_a_module_that_no_wheel_has_is_named(
    demo: ProjectFolder, index_server: IndexServer, key: str
) -> None:
    value = "greeting.nope" + (":main" if key == "entry-point" else "")
    demo.write({"index-url": index_server.index_url, key: value, **TABLE})
    with pytest.raises(ConfigError, match=rf"{key}: no wheel has a module 'greeting\.nope';"):
        demo.build()
    assert not demo.dist.exists()


def test_a_gap_leaves_the_output_folder_untouched(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.build()
    before = (demo.dist / "demo-1.0.pex").read_bytes()
    index_server.add_native("native", "1.0", "win_amd64")
    demo.write({"index-url": index_server.index_url, "requirements": ["native"], **TABLE})
    with pytest.raises(CoverageError):
        demo.build()
    assert [path.name for path in demo.dist.iterdir()] == ["demo-1.0.pex"]
    assert (demo.dist / "demo-1.0.pex").read_bytes() == before


def test_the_projects_own_wheel_has_to_fit_every_target(
    tmp_path: Path, index_server: IndexServer
) -> None:
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        tags="cp312-cp312-manylinux_2_28_x86_64",
        table={"platforms": ["linux-x86_64", "windows-x86_64"], "python": ["3.12"]},
    )
    with pytest.raises(CoverageError, match=r"the project's own wheel demo-1\.0-cp312"):
        project.build()


def test_credentials_show_up_nowhere(
    tmp_path: Path, start_index: Callable[..., IndexServer]
) -> None:
    """Not in what is said, not in an error, not in the executable."""
    index = start_index(auth=("ada", "s3cr3t/word"))
    index.add_wheel("greeting")
    url = index.with_credentials(index.index_url, "ada", "s3cr3t%2Fword")
    project = make_project(
        tmp_path, index_url=url, requires=["greeting"], table={"platforms": ["current"]}
    )
    report = project.build()
    content = Path(report.path).read_bytes()
    assert b"s3cr3t" not in content
    assert b"127.0.0.1" not in content
    project.write({"index-url": url, "platforms": ["current"], "requirements": ["missing"]})
    with pytest.raises(MultiplatError) as raised:
        project.build()
    assert "missing" in str(raised.value)
    assert not any("s3cr3t" in line for line in [*project.said, str(raised.value)])


def test_credentials_from_uvs_environment_count(
    tmp_path: Path, start_index: Callable[..., IndexServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = start_index(auth=("ada", "word"))
    index.add_wheel("greeting")
    project = make_project(
        tmp_path,
        index_url=index.index_url,
        requires=["greeting"],
        table={},
    )
    project.write({"platforms": ["current"]})
    settings = {
        "UV_INDEX": f"private={index.index_url}",
        "UV_INDEX_PRIVATE_USERNAME": "ada",
        "UV_INDEX_PRIVATE_PASSWORD": "word",
        "UV_DEFAULT_INDEX": f"private={index.index_url}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert project.build(**settings).wheels == 2


@pytest.mark.parametrize("variable", ["UV_OFFLINE", "HATCH_MULTIPLAT_OFFLINE"])
def test_a_warm_store_builds_with_no_network_at_all(
    demo: ProjectFolder, index_server: IndexServer, variable: str
) -> None:
    first = Path(demo.build().path).read_bytes()
    asked = len(index_server.requests)
    index_server.fail("greeting", 500)
    report = demo.build(**{variable: "1"})
    assert Path(report.path).read_bytes() == first
    assert len(index_server.requests) == asked


def test_a_cold_store_without_network_names_what_is_missing(
    demo: ProjectFolder, tmp_path: Path
) -> None:
    demo.build()
    with pytest.raises(FetchError, match=r"greeting-2\.0-py3-none-any\.whl"):
        demo.build(HATCH_MULTIPLAT_OFFLINE="1", HATCH_MULTIPLAT_CACHE=str(tmp_path / "other"))


def test_an_output_folder_that_cannot_be_made_is_named(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    (demo.root / "file").write_text("in the way", "utf-8")
    demo.write({"index-url": index_server.index_url, "output-dir": "file/below", **TABLE})
    with pytest.raises(ExecutableError, match=r"cannot write .*below"):
        demo.build()


def test_a_failure_of_pex_leaves_no_output_folder(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.write({"index-url": index_server.index_url, "pex-args": ["--max-install-jobs=x"], **TABLE})
    with pytest.raises(ToolError, match="--max-install-jobs"):
        demo.build()
    assert not demo.dist.exists()


def test_name_and_folder_of_the_output_follow_the_table(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.write(
        {
            "index-url": index_server.index_url,
            "output": "{name}_{version}.run",
            "output-dir": "out/here",
            **TABLE,
        }
    )
    assert Path(demo.build().path) == demo.root.resolve() / "out/here/demo_1.0.run"


def test_a_shebang_of_the_projects_own_is_the_first_line(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    demo.write(
        {"index-url": index_server.index_url, "shebang": "#!/usr/bin/env python3.12", **TABLE}
    )
    content = Path(demo.build().path).read_bytes()
    assert content.startswith(b"#!/usr/bin/env python3.12\n")


def test_what_else_pex_can_do_is_passed_on(demo: ProjectFolder, index_server: IndexServer) -> None:
    arguments = ["--build-property", "answer=42"]
    demo.write({"index-url": index_server.index_url, "pex-args": arguments, **TABLE})
    with zipfile.ZipFile(demo.build().path) as archive:
        assert json.loads(archive.read("PEX-INFO"))["build_properties"]["answer"] == 42


def test_a_lock_is_used_as_it_is_and_found_stale(
    demo: ProjectFolder, index_server: IndexServer, make_wheel: MakeFile
) -> None:
    wheel = make_wheel("greeting", "1.0", files={"greeting.py": "said = 'hello 1.0'\n"})
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (demo.root / "pylock.multiplat.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "locker"\n[[packages]]\nname = "greeting"\n'
        f'version = "1.0"\nwheels = [{{ url = "{index_server.file_url(wheel)}", '
        f'hashes = {{ sha256 = "{sha256}" }} }}]\n',
        "utf-8",
    )
    report = demo.build()
    assert report.lock == "pylock.multiplat.toml"
    shares = {share.name: share.versions for share in report.dependencies}
    assert shares["greeting"] == ("1.0",)
    table = {"index-url": index_server.index_url, "requirements": ["greeting>=2"], **TABLE}
    demo.write(table)
    with pytest.raises(LockError, match="is stale; renew it with locker, which wrote it") as raised:
        demo.build()
    assert "it has greeting 1.0, not 'greeting>=2'" in str(raised.value)


def test_a_complete_platform_file_is_a_platform(
    demo: ProjectFolder, index_server: IndexServer
) -> None:
    data = {
        "compatible_tags": ["cp312-cp312-manylinux_2_31_x86_64", "py3-none-any"],
        "marker_environment": {"platform_machine": "x86_64", "sys_platform": "linux"},
    }
    folder = demo.root / "platforms"
    folder.mkdir()
    (folder / "host.json").write_text(json.dumps(data), "utf-8")
    demo.write({"index-url": index_server.index_url, "platforms": ["platforms/host.json"]})
    assert list(map(str, demo.build().targets)) == ["host"]


def test_two_builds_at_once_share_one_store(demo: ProjectFolder) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from hatch_multiplat.build.pipeline import Request, build_executable, prepare\n"
        "from hatch_multiplat.resolve.build_context import Invocation\n"
        "from hatch_multiplat.resolve.project import open_project\n"
        "from hatch_multiplat.index.progress import Progress\n"
        "request = Request(project=open_project(Path(sys.argv[1])), output_dir=Path(sys.argv[3]))\n"
        "invocation = Invocation(progress=Progress(), say=print, environ=os.environ)\n"
        "build_executable(prepare(request, invocation), Path(sys.argv[2]))\n"
    )
    builds = [
        subprocess.Popen(
            [sys.executable, "-c", code, demo.root, demo.wheel, demo.root / f"out{number}"],
            env={**os.environ, **demo.environ},
        )
        for number in range(3)
    ]
    assert [build.wait() for build in builds] == [0, 0, 0]
    files = {(demo.root / f"out{number}" / "demo-1.0.pex").read_bytes() for number in range(3)}
    assert len(files) == 1
