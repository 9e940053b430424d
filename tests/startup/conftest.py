"""Fixtures for tests that start executables under the Pythons that this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.app import build_app, host_target
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MINORS: Final = tuple((3, minor) for minor in range(6, 16))

# What the application of these tests is: it reports what it sees, or does what it is told.
DEMO: Final = """
import json, os, sys


def main():
    if sys.argv[1:2] == ["exit"]:
        sys.exit(int(sys.argv[2]))
    if sys.argv[1:2] == ["eval"]:
        print(eval(sys.argv[2]))
        return
    if sys.argv[1:2] == ["exec"]:
        exec(compile(sys.argv[2], "demo", "exec"), {})
        return
    sys.stdout.write(json.dumps({
        "argv": sys.argv,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "version": list(sys.version_info[:3]),
        "path": sys.path,
        "cwd": os.getcwd(),
        "environ": dict(os.environ),
        "warnoptions": sys.warnoptions,
        "xoptions": sys._xoptions,
        "optimize": sys.flags.optimize,
        "stdin": sys.stdin.read() if not sys.stdin.isatty() else "",
    }))


def other():
    print("other", sys.argv[1:], os.environ.get("DEMO_OTHER"))


def double(x):
    return 2 * x
"""


def find_python(minor: tuple[int, int]) -> str | None:
    """The path of a CPython of this minor: on PATH (no pyenv shim), or pyenv's."""
    name = f"python{minor[0]}.{minor[1]}"
    path = os.pathsep.join(
        p for p in os.environ.get("PATH", "").split(os.pathsep) if not p.endswith("shims")
    )
    found = shutil.which(name, path=path)
    if found:
        return str(Path(found).resolve())
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in sorted(root.glob(f"{minor[0]}.{minor[1]}.*/bin/{name}")):
        return str(candidate)
    return None


PYTHONS: Final = {minor: path for minor in MINORS if (path := find_python(minor))}
ANY: Final = max((minor for minor in PYTHONS if minor <= (3, 13)), default=max(PYTHONS))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A home of its own and a PATH with one Python; builds executables and runs them."""

    folder: Path
    python: str
    pyz: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "multiplat"

    def setups(self) -> list[Path]:
        """The finished set-ups in the cache."""
        return sorted(path.parent for path in self.cache.glob("*/*/used"))

    def leftovers(self) -> list[str]:
        """What is in the cache beside finished set-ups, records, and locks."""
        return sorted(path.name for path in self.cache.glob("*/*.new"))

    def demo(self, name: str = "demo", **fields: Any) -> Path:
        """Build an executable that runs DEMO on every minor, with the given fields of its table."""
        targets = fields.pop("targets", None) or [host_target(minor) for minor in MINORS]
        wheels = fields.pop("wheels", None) or [
            make_wheel(
                self.folder / "wheels",
                "demo",
                files={"demo.py": DEMO},
                scripts={"demo": "demo:main", "other": "demo:other"},
            )
        ]
        output = fields.pop("output", self.folder / name)
        return build_app(output, wheels, targets, **{"pyz": self.pyz, **fields})

    def env(self, **extra: str | None) -> dict[str, str]:
        environ = {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(self.folder / "bin"), "/usr/bin", "/bin"]),
            **self.environ,
        }
        for name, value in extra.items():
            environ.pop(name, None)
            if value is not None:
                environ[name] = value
        return environ

    def run(
        self,
        command: Sequence[object],
        *,
        env: Mapping[str, str | None] | None = None,
        code: int | None = 0,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in this home; its exit code has to be `code` unless that is None."""
        options = {"stdin": subprocess.DEVNULL, "cwd": self.folder, **options}
        if "input" in options:
            del options["stdin"]
        result = subprocess.run(
            [str(word) for word in command],
            env=self.env(**(env or {})),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **options,
        )
        assert code is None or result.returncode == code, result
        return result

    def report(self, command: Sequence[object], **options: Any) -> dict[str, Any]:
        """What DEMO reports when it is run so."""
        result = self.run(command, **options)
        assert result.stderr == ""
        data = json.loads(result.stdout)
        assert isinstance(data, dict)
        return data

    def evaluate(self, app: Path, expression: str, **options: Any) -> str:
        """The value of an expression inside the application."""
        return self.run([app, "eval", expression], **options).stdout.strip()


def make_python_without(module: str, folder: Path) -> Path:
    """A Python like the newest here, whose library lacks an extension module."""
    real = Path(PYTHONS[ANY])
    name = f"python{ANY[0]}.{ANY[1]}"
    library = real.parent.parent / "lib" / name
    built_in = subprocess.run(
        [real, "-c", f"import sys; sys.exit({module!r} in sys.builtin_module_names)"], check=False
    )
    if built_in.returncode or not list(library.glob(f"lib-dynload/{module}.*")):
        pytest.skip(f"this Python has {module} in itself")
    for part in ("", "lib-dynload"):
        (folder / "lib" / name / part).mkdir(parents=True, exist_ok=True)
        for path in (library / part).iterdir():
            if path.name != "lib-dynload" and not path.name.startswith(f"{module}."):
                (folder / "lib" / name / part / path.name).symlink_to(path)
    (folder / "bin").mkdir()
    return Path(shutil.copy(real, folder / "bin" / name))


def make_bench(folder: Path, python: str, *, pyz: bool = False) -> Bench:
    (folder / "home").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(python)
    return Bench(folder=folder, python=python, pyz=pyz)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench with a recent Python."""
    return make_bench(tmp_path, PYTHONS[ANY])


@pytest.fixture(params=["pex", "pyz"])
def each_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A bench with a recent Python for files with wheels, and one for files without."""
    return make_bench(tmp_path, PYTHONS[ANY], pyz=request.param == "pyz")


EACH_MINOR: Final = [
    pytest.param(
        minor,
        id=f"{minor[0]}.{minor[1]}",
        marks=[]
        if minor in PYTHONS
        else pytest.mark.skip(reason=f"no Python {minor[0]}.{minor[1]} here"),
    )
    for minor in MINORS
]


@pytest.fixture(params=EACH_MINOR)
def any_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A bench for each Python minor in turn."""
    return make_bench(tmp_path, PYTHONS[request.param])


@pytest.fixture(scope="module", params=EACH_MINOR)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bench, Path]:
    """A bench for each Python minor, and DEMO as a file that was started there, for all tests."""
    bench = make_bench(tmp_path_factory.mktemp("started"), PYTHONS[request.param])
    app = bench.demo()
    bench.run([app])
    return bench, app
