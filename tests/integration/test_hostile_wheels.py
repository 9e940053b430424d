"""Wheels that no start could install are refused by the build, and those that one can are run."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.executable.reader import read_executable
from hatch_multiplat.inspection.verification import executable_selections, prove_executable
from tests.support.odd_wheels import ELSEWHERE, HARMLESS, HOSTILE
from tests.support.project import ProjectFolder, make_project
from tests.support.wheels import make_wheel, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.index_server import IndexServer

pytestmark = [
    pytest.mark.usefixtures("plain_network", "uv_cache"),
    pytest.mark.skipif(sys.platform != "linux", reason="runs what is built for Linux"),
]

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORMS = ["linux-x86_64", "macos-arm64", "windows-x86_64"]


@pytest.fixture
def ask(index_server: IndexServer, tmp_path: Path) -> Ask:
    """Return a function for a project that requires `evil`, which has been damaged.

    The index serves its METADATA as it was before.
    """

    def ask(damage: Callable[[Path], None], platforms: list[str], **table: Any) -> ProjectFolder:
        wheel = index_server.add_wheel("evil")
        damage(wheel)
        return make_project(
            tmp_path,
            index_url=index_server.index_url,
            requires=["evil"],
            table={"platforms": platforms, "python": [MINOR], **table},
            files={"demo.py": "import evil\n\n\ndef main():\n    print('demo ran')\n"},
        )

    return ask


class Ask(Protocol):
    """What the fixture `ask` returns."""

    def __call__(
        self, damage: Callable[[Path], None], platforms: list[str], **table: Any
    ) -> ProjectFolder: ...


def refuse(project: ProjectFolder) -> str:
    """The message with which a build ends that leaves nothing behind."""
    with pytest.raises(MultiplatError) as caught:
        project.build()
    assert not project.dist.exists() or not list(project.dist.iterdir())
    message = str(caught.value)
    assert "evil-1.0-py3-none-any.whl" in message
    return message


@pytest.mark.parametrize("case", HOSTILE)
def test_a_wheel_that_no_start_could_install(ask: Ask, case: str) -> None:
    damage, reason = HOSTILE[case]
    message = refuse(ask(damage, PLATFORMS))
    assert reason in message
    assert "cannot be installed" in message
    assert "pin another version" in message


@pytest.mark.parametrize("case", ["wrong CRC", "link outside", "Wheel-Version 2.0", "wrong hash"])
def test_an_index_without_metadata_changes_nothing(
    ask: Ask, index_server: IndexServer, case: str
) -> None:
    index_server.metadata = False
    refuse(ask(HOSTILE[case][0], PLATFORMS))


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_wheel_that_some_systems_cannot_store(ask: Ask, case: str) -> None:
    damage, reason, systems = ELSEWHERE[case]
    project = ask(damage, PLATFORMS)
    message = refuse(project)
    assert reason in message
    for platform, tag in zip(PLATFORMS, ("manylinux", "macosx", "win_amd64"), strict=True):
        assert (tag in message) == (platform in systems)
    left = [platform for platform in PLATFORMS if platform not in systems]
    project.write({**project.table, "platforms": left})
    app = project.build().path
    assert run(app) == "demo ran\n"


def run(app: str) -> str:
    environ = {**os.environ, "PEX_ROOT": f"{app}-root"}
    done = subprocess.run(
        [sys.executable, app], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", HARMLESS)
def test_what_harms_nobody_is_installed(ask: Ask, case: str) -> None:
    assert run(ask(HARMLESS[case], ["linux-x86_64"]).build().path) == "demo ran\n"


def test_the_other_formats_refuse_the_same(ask: Ask) -> None:
    for formats in (["zip"], ["wheelhouse"]):
        refuse(ask(HOSTILE["backslash"][0], PLATFORMS, formats=formats))


def test_a_zip_has_no_name_that_leaves_its_folder(ask: Ask) -> None:
    project = ask(HARMLESS["doubled slashes"], ["linux-x86_64"], formats=["zip"])
    (path,) = [output.path for output in project.build().outputs if output.format == "zip"]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert "tmp/x" in names
    assert "evil/y.py" in names
    assert not [name for name in names if name.startswith("/") or ".." in name or "//" in name]


@pytest.mark.parametrize("case", ["climbing", "wrong hash", "a bit changed", "another name"])
def test_verify_finds_in_a_file_what_a_build_refuses(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The file is as a release would have built it that did not look."""
    monkeypatch.setattr("hatch_multiplat.build.pipeline.check_wheels", lambda *_, **__: ())
    damage, reason = HOSTILE[case]
    executable = read_executable(Path(ask(damage, PLATFORMS).build().path))
    faults = prove_executable(executable, executable_selections(executable))
    assert len(faults) == len(PLATFORMS)
    assert all(
        fault.reason.startswith("evil-1.0-py3-none-any.whl cannot be installed: ")
        and reason in fault.reason
        for fault in faults
    )


def test_verify_finds_nothing_in_what_a_build_lets_in(ask: Ask) -> None:
    executable = read_executable(Path(ask(HARMLESS["plain"], PLATFORMS).build().path))
    assert prove_executable(executable, executable_selections(executable)) == ()


def test_compiled_files_of_a_wheel_never_run_in_place_of_sources(
    index_server: IndexServer, tmp_path: Path
) -> None:
    """Python takes such a file without a look at the source, whichever wheel that is from."""
    source = tmp_path / "compiled.py"
    source.write_text("def main():\n    print('direct')\n", "utf-8")
    compiled = py_compile.compile(
        str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    place = f"__pycache__/demo.{sys.implementation.cache_tag}.pyc"
    wheel = make_wheel(tmp_path / "made", "direct")
    rewrite(wheel, {place: Path(str(compiled)).read_bytes()}, record=True)
    index_server.add(wheel)
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["direct"],
        table={"platforms": ["linux-x86_64"], "python": [MINOR], "formats": ["pex", "pyz", "zip"]},
    )
    outputs = {output.format: output.path for output in project.build().outputs}
    for path in (outputs["pex"], outputs["pyz"]):
        assert run(path) == "demo ran\n"
    with zipfile.ZipFile(outputs["zip"]) as archive:
        assert not [name for name in archive.namelist() if "__pycache__" in name]


@pytest.mark.parametrize("prefix", ["./", ".//"])
def test_a_file_of_two_wheels_is_told_however_it_is_spelled(
    index_server: IndexServer, tmp_path: Path, prefix: str
) -> None:
    wheel = make_wheel(tmp_path / "made", "direct")
    rewrite(wheel, {f"{prefix}utils/more.py": "direct"}, record=True)
    index_server.add(wheel)
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["direct"],
        table={"platforms": ["linux-x86_64"], "python": [MINOR]},
        files={"demo.py": "def main():\n    pass\n", "utils/more.py": "demo"},
    )
    project.build()
    assert [line for line in project.said if "both have utils/more.py" in line] != []


def test_the_projects_file_stays_where_a_dependency_has_one_too(
    index_server: IndexServer, tmp_path: Path
) -> None:
    """A stray `utils/` of a dependency does not replace the project's own, nor does `deep`'s."""
    for name, requires in (("direct", ["aaa-deep"]), ("aaa-deep", [])):
        files = {f"utils/{part}.py": f"who = {name!r}\n" for part in ("__init__", "more")}
        index_server.add(make_wheel(tmp_path / "made", name, requires=requires, files=files))
    project = make_project(
        tmp_path,
        index_url=index_server.index_url,
        requires=["direct"],
        table={"platforms": ["linux-x86_64"], "python": [MINOR], "formats": ["pex", "zip"]},
        files={
            "demo.py": "def main():\n    import utils, utils.more\n"
            "    print(utils.who, utils.more.who)\n",
            "utils/__init__.py": "who = 'demo itself'\n",
        },
    )
    report = project.build()
    assert run(report.path) == "demo itself direct\n"
    assert [line for line in project.said if "both have" in line] == [
        (
            "aaa_deep-1.0-py3-none-any.whl and direct-1.0-py3-none-any.whl both have "
            "utils/__init__.py and 1 more, with different contents: that of "
            "direct-1.0-py3-none-any.whl stays"
        ),
        (
            "direct-1.0-py3-none-any.whl and demo-1.0-py3-none-any.whl both have "
            "utils/__init__.py, with different contents: that of demo-1.0-py3-none-any.whl stays"
        ),
    ]
    (path,) = [output.path for output in report.outputs if output.format == "zip"]
    code = f"import sys; sys.path.insert(0, {path!r}); import demo; demo.main()"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "demo itself direct\n"
