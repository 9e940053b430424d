"""Builds from a real devpi on loopback: a stage with uploads, and a mirror that it inherits from.

It is marked as `network` because devpi-server itself is installed from the package index; what it
serves is made here.
"""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.commands import make_venv
from tests.support.index_server import IndexServer
from tests.support.project import make_project
from tests.support.server import free_port, run_server
from tests.support.wheels import make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.slow]

TABLE = {"platforms": ["manylinux2014_x86_64", "windows-x86_64"], "python": ["3.12"]}
OLD = "cp312-cp312-manylinux_2_17_x86_64"
NEW = "cp312-cp312-manylinux_2_28_x86_64"
WINDOWS = "cp312-cp312-win_amd64"
LOGIN = {"user": "root", "password": "s3cret"}


@dataclass(frozen=True, kw_only=True)
class Devpi:
    """A running server, spoken to as its own client does."""

    url: str
    headers: dict[str, str]

    def put(self, path: str, **settings: Any) -> None:
        """Make a user or an index."""
        answer = requests.put(f"{self.url}{path}", json=settings, headers=self.headers, timeout=20)
        answer.raise_for_status()

    def upload(self, path: str, file: Path) -> None:
        name, version = file.name.removesuffix(".tar.gz").split("-")[:2]
        fields = {":action": "file_upload", "name": name, "version": version}
        fields["filetype"] = "bdist_wheel" if file.suffix == ".whl" else "sdist"
        answer = requests.post(
            f"{self.url}{path}/",
            data=fields,
            files={"content": (file.name, file.read_bytes())},
            headers=self.headers,
            timeout=20,
        )
        answer.raise_for_status()


@pytest.fixture(scope="module")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devpi]:
    folder = tmp_path_factory.mktemp("devpi")
    programs = make_venv(folder / "venv", "devpi-server>=6.10,<7")
    state = ["--serverdir", str(folder / "state")]
    init = [str(programs / "devpi-init"), *state, "--no-root-pypi", "--root-passwd", "s3cret"]
    subprocess.run(init, check=True, capture_output=True)
    port = free_port()
    options = (*state, "--host", "127.0.0.1", "--port", str(port), "--threads", "4")
    with run_server(programs / "devpi-server", *options, port=port, folder=folder):
        url = f"http://127.0.0.1:{port}"
        answer = requests.post(f"{url}/+login", json=LOGIN, timeout=20)
        token = f"root:{answer.json()['result']['password']}"
        login = base64.b64encode(token.encode()).decode()
        yield Devpi(url=url, headers={"X-Devpi-Auth": login})


@pytest.fixture(scope="module")
def stage(devpi: Devpi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stage with `corp` and `lonely`, based on a mirror with `popular` and another `corp`."""
    folder = tmp_path_factory.mktemp("wheels")
    with IndexServer() as upstream:
        upstream.add(make_wheel(folder / "upstream", "corp", "99.0"))
        for version, linux in (("2.0", OLD), ("3.0", NEW)):
            for tag in (linux, WINDOWS):
                upstream.add(make_wheel(folder / "upstream", "popular", version, tags=tag))
        devpi.put(
            "/root/up", type="mirror", mirror_url=upstream.index_url, mirror_no_project_list=True
        )
        devpi.put("/root/dev", type="stage", bases=["root/up"])
        for version, linux in (("1.0", OLD), ("1.1", NEW)):
            for tag in (linux, WINDOWS):
                wheel = make_wheel(folder, "corp", version, tags=tag, requires=["lonely"])
                devpi.upload("/root/dev", wheel)
        devpi.upload("/root/dev", make_sdist(folder, "lonely"))
        yield f"{devpi.url}/root/dev/+simple/"


@pytest.mark.usefixtures("uv_cache", "plain_network")
def test_a_stage_and_the_mirror_that_it_inherits_from(stage: str, tmp_path: Path) -> None:
    """Uploads stand before the mirror's; steps back and an sdist as from any other index.

    The URL is given with a login and without its last slash.
    """
    url = stage.replace("://", "://root:s3cret@").rstrip("/")
    project = make_project(tmp_path, index_url=url, requires=["corp", "popular"], table=TABLE)
    report = project.build()
    versions = {share.name: share.versions for share in report.dependencies}
    assert versions == {
        "corp": ("1.0", "1.1"),
        "demo": ("1.0",),
        "lonely": ("1.0",),
        "popular": ("2.0", "3.0"),
    }
