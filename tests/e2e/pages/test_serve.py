"""docs/how-to/serve.md: one file that is two servers, asked over HTTP."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.caches import make_home
from tests.support.page import open_page
from tests.support.server import free_port, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the page makes links"),
    pytest.mark.skipif(MINOR not in {"3.11", "3.12", "3.13"}, reason="not among the targets"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "server"
    made = shutil.ignore_patterns("dist")
    shutil.copytree(ROOT / "example_project" / "server", root, ignore=made)
    return root


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    assert server.wait(timeout=30) in {0, -15}


def test_the_commands_of_the_page_serve(project: Path, servers: ExitStack, tmp_path: Path) -> None:
    ports = {"8000": str(free_port()), "8001": str(free_port())}
    environ = make_home(tmp_path)
    answers, titles = [], []
    with open_page("how-to/serve") as page:
        lines = [step.command for step in page.all_steps()]
    for line in lines:
        command = line.replace("-m build", "-m build --no-isolation").removesuffix(" &")
        for port, other in ports.items():
            command = command.replace(port, other)
        words = shlex.split(command)
        if line.endswith(" &"):
            server = subprocess.Popen(words, cwd=project, env=environ)
            servers.callback(stop, server)
            wait_for_port(int(next(port for port in ports.values() if port in command)), server)
            shown = subprocess.run(
                ["ps", "-o", "args=", "-p", str(server.pid)],
                check=True,
                capture_output=True,
                text=True,
            )
            titles.append(shown.stdout.strip())
        else:
            done = subprocess.run(
                words, cwd=project, env=environ, stdout=subprocess.PIPE, text=True, check=True
            )
            answers += [done.stdout.splitlines()] if "hello-check 8" in line else []
    file = str(project / "dist" / "hello-server-1.0.0.pex")
    assert answers == [
        ["Hello from one file", "hello web", file],
        ["Hello from gunicorn", "gunicorn: worker [hello web]", file],
    ]
    assert titles == ["hello web", "gunicorn: master [hello web]"]
    # Both, and the command that asked, share one environment.
    (setups,) = (tmp_path / "cache" / "multiplat").glob("*/*/app")
    assert setups.is_dir()


def test_gunicorn_is_upgraded_while_it_runs(
    project: Path, servers: ExitStack, tmp_path: Path
) -> None:
    """SIGUSR2: it starts its own file anew, with arguments that have the injected ones already."""
    environ = make_home(tmp_path)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run(build, cwd=project, env=environ, check=True, stdout=subprocess.DEVNULL)
    link = project / "hello-gunicorn"
    link.symlink_to(project / "dist" / "hello-server-1.0.0.pex")
    port, pid_file = free_port(), project / "pid"
    bind = ["--bind", f"127.0.0.1:{port}", "--pid", str(pid_file)]
    for command in ([str(link)], [sys.executable, str(link)]):
        server = subprocess.Popen([*command, *bind], cwd=project, env=environ)
        servers.callback(stop, server)
        wait_for_port(port, server)
        old = wait_for_pid(pid_file)
        os.kill(old, signal.SIGUSR2)
        new = wait_for_pid(project / "pid.2")
        assert new != old
        stop(server)
        # The new one has the socket, and takes the file's name once the old one is gone.
        for _ in range(300):
            if pid_file.exists() and pid_file.read_text().strip() == str(new):
                break
            time.sleep(0.1)
        servers.callback(end, new)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert b"Hello from gunicorn" in answer.read()
        end(new)


def wait_for_pid(path: Path) -> int:
    for _ in range(300):
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text())
        time.sleep(0.1)
    pytest.fail(f"no {path.name} was written")


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(300):
            os.kill(pid, 0)
            time.sleep(0.1)
