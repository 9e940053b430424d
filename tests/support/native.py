"""The example with native code, and wheels of it as other machines would have made them."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.caches import make_cache
from tests.support.commands import run_command
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "example_project" / "native"
# As cibuildwheel names what it builds on each of the machines of the recipes.
PLATFORM_TAGS: Final = {
    "linux-x86_64": "manylinux_2_28_x86_64",
    "linux-aarch64": "manylinux_2_28_aarch64",
    "macos-arm64": "macosx_11_0_arm64",
    "macos-x86_64": "macosx_10_13_x86_64",
    "windows-x86_64": "win_amd64",
}
PYTHONS: Final = ("cp311", "cp312", "cp313")
# What a C compiler makes elsewhere, in Python.
_SIEVE: Final = """\
def count(limit):
    return sum(all(n % d for d in range(2, n)) for n in range(2, limit))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeProject:
    """A copy of the example, and the environment to build it in: no network is needed."""

    root: Path
    environ: dict[str, str]

    @property
    def executable(self) -> Path:
        return self.root / "dist" / "count-primes-1.0.0.pex"

    def run(
        self,
        command: str,
        *,
        code: int = 0,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> str:
        """Run a line of a recipe, as CI runs it, and return what it prints."""
        return run_command(
            "bash",
            "-e",
            "-c",
            command,
            cwd=cwd or self.root,
            environ={**self.environ, **(environ or {})},
            code=code,
        )

    def add_wheels(self, folder: str = "wheelhouse", *, but: Iterable[str] = ()) -> None:
        """Write the wheels of all machines, but for those whose tags begin with any of `but`."""
        package = self.root / "src" / "count_primes"
        sources = {f"count_primes/{p.name}": p.read_text("utf-8") for p in package.glob("*.py")}
        for platform in PLATFORM_TAGS.values():
            for python in PYTHONS:
                tags = f"{python}-{python}-{platform}"
                if not tags.startswith(tuple(but)):
                    make_wheel(
                        self.root / folder,
                        "count-primes",
                        "1.0.0",
                        tags=tags,
                        requires_python=">=3.11",
                        scripts={"count-primes": "count_primes.cli:main"},
                        files=sources | {"count_primes/_sieve.py": _SIEVE},
                    )

    def build_wheel(self, folder: str = "wheelhouse") -> Path:
        """Compile and build the wheel of this machine."""
        command = f"python -m build --wheel --no-isolation --outdir {folder}"
        self.run(command, environ={"HATCH_MULTIPLAT": "0"})
        (wheel,) = (self.root / folder).glob("*-linux_*.whl")
        return wheel


def make_native_project(folder: Path) -> NativeProject:
    root = folder / "native"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("dist", "wheelhouse"))
    return NativeProject(
        root=root,
        environ={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder / "home"),
            "HATCH_MULTIPLAT_CACHE": make_cache(folder / "store"),
            "HATCH_MULTIPLAT_OFFLINE": "1",
            "UV_CACHE_DIR": str(folder / "uv-cache"),
        },
    )
