"""What the benchmarks build: small projects whose wheels are made here, and lists of targets."""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
EXAMPLE: Final = ROOT / "example_project"

# The five platforms of the example, and with each line some more that pygit2 has wheels for: other
# systems first, then higher floors, as those who name each of their distributions have them.
PLATFORMS: Final = (
    *("linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64"),
    *("linux-x86_64-musl", "linux-aarch64-musl", "windows-arm64", "linux-ppc64le", "windows-i686"),
    *("linux-x86_64-glibc2.34", "linux-aarch64-glibc2.34", "linux-x86_64-glibc2.39"),
    *("macos-arm64-15.0", "macos-x86_64-15.0"),
)
PYTHONS: Final = ("3.12", "3.13", "3.11", "3.14")
EXAMPLE_PYTHONS: Final = ("3.11", "3.12", "3.13")

# Dependencies by how many packages they come to, themselves and theirs: pure Python and native
# code mixed, as in a command, a web service's client, and a large service.
DEPENDENCIES: Final[dict[int, tuple[str, ...]]] = {
    5: ("click", "pyyaml", "httptools", "markupsafe", "colorama"),
    15: ("aiohttp", "pydantic", "pyyaml"),
    60: (
        *("aiohttp", "pydantic", "pyyaml", "sqlalchemy", "alembic", "cryptography", "fastapi"),
        *("uvicorn", "httpx", "rich", "typer", "jinja2", "requests", "msgpack", "orjson", "lxml"),
        *("pillow", "psutil", "redis", "tenacity", "structlog", "regex", "zstandard", "numpy"),
        *("python-dateutil", "jsonschema", "celery", "boto3", "wrapt"),
    ),
}
LARGE: Final = ("numpy", "pandas", "pyarrow", "scipy")
LARGE_PLATFORMS: Final = ("linux-x86_64", "macos-arm64", "windows-x86_64")
LARGE_PYTHONS: Final = ("3.12", "3.13")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A project to build: its folder with pyproject.toml, its wheel, and its console script."""

    name: str
    version: str
    folder: Path
    wheel: Path
    platforms: tuple[str, ...]
    pythons: tuple[str, ...]

    @property
    def targets(self) -> int:
        return len(self.platforms) * len(self.pythons)

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def executable(self) -> str:
        return f"{self.name}-{self.version}.pex"

    def build_command(self, output: Path, *options: str) -> list[str | Path]:
        """Return the command that makes the executable in a folder, from the finished wheel."""
        command = (sys.executable, "-m", "hatch_multiplat", "build", self.folder)
        return [*command, "--wheel", self.wheel, "--output-dir", output, *options]


def make_subject(
    folder: Path,
    *,
    name: str,
    dependencies: Sequence[str],
    platforms: Sequence[str] = PLATFORMS[:5],
    pythons: Sequence[str] = EXAMPLE_PYTHONS,
    sources: Mapping[str, str] | None = None,
    entry_point: str | None = None,
    requires_python: str = ">=3.11",
    formats: Sequence[str] = ("pex",),
) -> Subject:
    """Make a project with a console script of its own name, and its wheel; nothing is run.

    `sources` maps files in the wheel to their text; without them, it is a module that prints.
    """
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\nrequires-python = "{requires_python}"\n'
        f"dependencies = {json.dumps(list(dependencies))}\n\n"
        f"[tool.multiplat]\nplatforms = {json.dumps(list(platforms))}\n"
        f"python = {json.dumps(list(pythons))}\nformats = {json.dumps(list(formats))}\n",
        "utf-8",
    )
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    requires = "".join(f"Requires-Dist: {dependency}\n" for dependency in dependencies)
    files = dict(sources or {f"{module}.py": "def main():\n    print('it runs')\n"})
    script = f"[console_scripts]\n{name} = {entry_point or f'{module}:main'}\n"
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": script,
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return Subject(
        name=name,
        version="1.0",
        folder=folder,
        wheel=wheel,
        platforms=tuple(platforms),
        pythons=tuple(pythons),
    )


def make_example(
    folder: Path,
    platforms: Sequence[str] = PLATFORMS[:5],
    pythons: Sequence[str] = EXAMPLE_PYTHONS,
) -> Subject:
    """Make git-inspect, the example project, for these targets: its own 15 unless told."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    source = EXAMPLE / "src"
    return make_subject(
        folder,
        name=project["name"],
        dependencies=project["dependencies"],
        platforms=platforms,
        pythons=pythons,
        sources={
            path.relative_to(source).as_posix(): path.read_text("utf-8")
            for path in sorted(source.rglob("*.py"))
        },
        entry_point=project["scripts"][project["name"]],
    )


def write_complete_platforms(subject: Subject, folder: Path) -> tuple[Path, ...]:
    """Write a complete-platform file for each target of a subject, as pex takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for platform in subject.platforms:
        for python in subject.pythons:
            target = Target(python=Python.parse(python), platform=Platform.parse(platform))
            path = folder / f"{target}.json"
            # A late patch release, as the machines out there have.
            data = target.to_complete_platform(label="", patch=9)
            path.write_text(json.dumps(data), "utf-8")
            paths.append(path)
    return tuple(paths)


def wheels_in(executable: Path) -> tuple[str, ...]:
    """Return the file names of the wheels in a PEX that holds them whole."""
    with zipfile.ZipFile(executable) as archive:
        names = {name.split("/")[1] for name in archive.namelist() if name.startswith(".deps/")}
    return tuple(sorted(name for name in names if name.endswith(".whl")))
