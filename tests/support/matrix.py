"""A coverage matrix that has some of everything, and what is rendered from it.

`python -m tests.support.matrix` writes the golden files in tests/data/matrix/ anew.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import tomlkit

from hatch_multiplat.frontends.render.matrix_json import matrix_to_json
from hatch_multiplat.frontends.render.matrix_markdown import render_markdown
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.incompatibility import Advice
from hatch_multiplat.wheels.matrix import make_matrix, tags_of
from hatch_multiplat.wheels.matrix_text import render_matrix
from hatch_multiplat.wheels.pylock import parse_lock
from hatch_multiplat.wheels.selection import Outcome, parse_wheel, select_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.pylock import Pylock

    from hatch_multiplat.wheels.matrix import Matrix

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "matrix"
BASE = PurePosixPath("/project")
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux-x86_64", "linux-aarch64-musl", "macos-arm64", "macos-x86_64", "windows-x86_64")
SDIST = "https://files.test/built-1.0.tar.gz"


def make_targets(platforms: Sequence[str], pythons: Sequence[str]) -> tuple[Target, ...]:
    return tuple(
        Target(python=Python.parse(python), platform=Platform.parse(platform))
        for platform in platforms
        for python in pythons
    )


def package(
    name: str, version: str = "1.0", *tags: str, marker: str = "", **keys: Any
) -> dict[str, Any]:
    """Describe one package of a lock, a wheel of 1,000 bytes for each of the tags."""
    wheels = [
        {
            "url": f"https://files.test/{name.replace('-', '_')}-{version}-{tag}.whl",
            "hashes": {"sha256": "0" * 64},
            "size": 1000,
        }
        for tag in tags
    ]
    extra = {"wheels": wheels} if wheels else {}
    return {
        "name": name,
        "version": version,
        **({"marker": marker} if marker else {}),
        **extra,
    } | keys


def make_lock(*packages: Mapping[str, Any]) -> Pylock:
    document = {"lock-version": "1.0", "created-by": "test", "packages": list(packages)}
    return parse_lock(tomlkit.dumps(document), where="pylock.toml")


def native(*platforms: str, pythons: Sequence[str] = PYTHONS) -> list[str]:
    """Return the tags of wheels for each Python on each of these platform tags."""
    words = [Python.parse(python).tag for python in pythons]
    return [f"{word}-{word}-{platform}" for platform in platforms for word in words]


def matrix_of(packages: Pylock | None, targets: Sequence[Target], **options: Any) -> Matrix:
    """Return the matrix of what targets take of a lock; `options` are those of `make_matrix`."""
    outcome = Outcome(selections=(), missing_wheels=())
    if packages is not None:
        outcome = select_all(packages, targets, base=BASE)
    given = {
        "project": "demo",
        "lock": packages,
        "outcome": outcome,
        "missing_wheels": outcome.missing_wheels,
        "advice": Advice.PROJECT,
    }
    return make_matrix(targets=targets, **given | options)


def sample() -> Matrix:
    """Return a matrix with every kind of wheel, two kinds of gap and a package of two versions."""
    everywhere = ("manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "win_amd64")
    lock = make_lock(
        package("certain", "2.0", "py3-none-any"),
        package("settled", "1.0", "py3-none-any"),
        package("windy", "0.4", "py3-none-any", marker="sys_platform == 'win32'"),
        package("backport", "0.1", "py3-none-any", marker="python_full_version < '3.11.4'"),
        package("built", sdist={"url": SDIST, "hashes": {"sha256": "0" * 64}}),
        package(
            "both", "1.0", "cp39-abi3-macosx_10_9_universal2", marker="sys_platform == 'darwin'"
        ),
        package(
            "stable",
            "3.0",
            *(f"cp39-abi3-{tag}" for tag in ("manylinux_2_17_x86_64", *everywhere[1:])),
            "cp39-abi3-macosx_10_12_x86_64",
            marker="sys_platform != 'darwin' or platform_machine != 'arm64'",
        ),
        package(
            "stable",
            "2.9",
            "cp39-abi3-macosx_11_0_arm64",
            marker="sys_platform == 'darwin' and platform_machine == 'arm64'",
        ),
        package(
            "numbers", "2.5", *native("macosx_14_0_arm64", "macosx_10_9_universal2", *everywhere)
        ),
        package(
            "high",
            "1.1",
            *native("manylinux_2_17_x86_64", *everywhere[1:], "macosx_10_9_x86_64"),
            *native("macosx_14_0_arm64"),
        ),
        package(
            "slow",
            "1.2",
            *native("manylinux_2_24_x86_64", "macosx_10_9_universal2", pythons=PYTHONS[:2]),
            *native("musllinux_1_1_aarch64", "win_amd64"),
        ),
    )
    targets = make_targets(PLATFORMS, PYTHONS)
    wheel = parse_wheel("built-1.0-py3-none-any.whl", "file:///built", {"sha256": "1"}, 500)
    outcome = select_all(lock, targets, base=BASE, built={SDIST: wheel})
    return make_matrix(
        project="demo",
        targets=targets,
        asked=[target for target in targets if str(target.python) == "3.13"],
        lock=lock,
        available=tags_of(lock),
        outcome=outcome,
        missing_wheels=[
            replace(missing_wheel, newest="1.9") if missing_wheel.name == "slow" else missing_wheel
            for missing_wheel in outcome.missing_wheels
        ],
        advice=Advice.PROJECT,
        built={wheel.filename},
    )


def plain_text(matrix: Matrix, width: int) -> str:
    return "\n".join(str(line) for line in render_matrix(matrix, width=width)) + "\n"


def renderings(matrix: Matrix) -> dict[str, str]:
    """Return the golden files by name."""
    return {
        "matrix-80.txt": plain_text(matrix, 80),
        "matrix-120.txt": plain_text(matrix, 120),
        "matrix.md": render_markdown(matrix),
        "matrix.json": json.dumps(matrix_to_json(matrix), indent=1) + "\n",
    }


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for filename, text in renderings(sample()).items():
        (GOLDEN / filename).write_text(text, "utf-8")
