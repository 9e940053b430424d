"""A whole executable by pex: its command line, and the lock and the targets that go with it."""

from __future__ import annotations

import json
import shlex
import sys
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import tomlkit
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ExecutableError, ToolError
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.executable.boot import render_preamble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.executable.boot import BootTable
    from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet
    from hatch_multiplat.wheels.wheel_file import WheelTexts

FULL: Final = ("No space left on device", "Errno 28", "Disk quota exceeded")
"""Words by which pex, and what it runs, fail on a full disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an executable is made of.

    `paths` maps the file name of every wheel to the file on disk, `texts` to what it says of
    itself. Of the `requirements`, the first is the project itself (`demo[fast]==1.0`), the others
    are what the table adds. `pip_environment` says where pex gets its own pip from, as it has to on
    Python 3.12 and newer wherever it reads the wheels itself.
    """

    requirements: tuple[Requirement, ...]
    selections: tuple[Selection, ...]
    paths: Mapping[str, Path]
    texts: Mapping[str, WheelTexts]
    table: BootTable
    run: Run
    config: Config
    pip_environment: Mapping[str, str] = field(default_factory=dict)


def run_pex(
    parts: Parts, folder: Path, *, output: Path, pex_root: Path, more: Sequence[str] = ()
) -> Path:
    """Run pex in an empty folder, with further flags; returns `output`, a PEX without our header.

    Raises ToolError, and ExecutableError where pex meets a full disk.
    """
    groups = merge_sets(parts.selections)
    platforms = _write_platforms(groups, folder)
    (folder / "pylock.toml").write_text(render_local_lock(parts, groups), encoding="utf-8")
    (folder / "preamble.py").write_text(render_preamble(parts.table), encoding="utf-8")
    with disk_full_told():
        run_tool(
            "pex",
            [
                *(
                    sys.executable,
                    "-m",
                    "pex",
                    *name_referenced(parts, groups),
                    *(str(requirement) for requirement in parts.requirements),
                ),
                *(
                    "--pylock",
                    "pylock.toml",
                    "--output-file",
                    output,
                    "--layout",
                    parts.config.layout,
                ),
                *(word for path in platforms for word in ("--complete-platform", path)),
                *("--no-pre-install-wheels", "--no-compress", "--preamble-file", "preamble.py"),
                *_run_arguments(parts.run),
                *option_arguments(parts.config),
                *(["--use-pip-config"] if parts.pip_environment else []),
                *parts.config.pex_args,
                *more,
            ],
            cwd=folder,
            environ={**pex_environment(pex_root), **parts.pip_environment},
        )
    return output


def pex_environment(pex_root: Path) -> dict[str, str | None]:
    """Return the variables that pex runs with: its caches in `pex_root`, no settings of a user.

    pex writes into the file where its runtime keeps its cache unless told otherwise, and takes the
    cache folder of whoever builds for it; with the usual one it writes `~/.cache/pex`.
    """
    environ: dict[str, str | None] = {
        "PEX_IGNORE_RCFILES": "1",
        "PEX_ROOT": str(pex_root),
        "PEX_EMIT_WARNINGS": "0",
        "XDG_CACHE_HOME": None,
    }
    # A user whom the system does not know has no home, as in a container with any number for one.
    with suppress(RuntimeError):
        environ["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
    return environ


@contextmanager
def disk_full_told() -> Iterator[None]:
    """Tell a full disk, of which pex speaks in its own words, from other failures of pex."""
    try:
        yield
    except ToolError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = [line for line in lines if any(words in line for words in FULL)]
        if not said:
            raise
        raise ExecutableError(
            f"pex cannot write its files: {said[-1]}; "
            "free some space, make the folder writable, or name another in 'output-dir'"
        ) from error


def name_referenced(parts: Parts, groups: Sequence[tuple[Selection, WheelSet]]) -> tuple[str, ...]:
    """Return requirements, to stand before all others, for what a wheel wants from a folder.

    From a reference as `library @ file:///...` pex would build the folder once more, unless it has
    met the package already. Their markers are true while pex builds and nowhere else.
    """
    edges: dict[str, set[str]] = defaultdict(set)
    for wheel in {wheel for _, group in groups for wheel in group.wheels}:
        for requirement in parts.texts[wheel.filename].requires:
            if requirement.url and requirement.url.startswith("file:"):
                edges[wheel.name].add(canonicalize_name(requirement.name))
    try:
        # Whoever is referred to comes before who refers to it.
        order = tuple(TopologicalSorter(edges).static_order())
    except CycleError as error:
        raise ExecutableError(
            f"these projects refer to each other by their folders: {' -> '.join(error.args[1])}; "
            "require them by name, and give the folders in [tool.uv.sources]"
        ) from error
    referenced = [name for name in order if any(name in names for names in edges.values())]
    labels = {
        name: [
            platform_label(number)
            for number, (_, group) in enumerate(groups)
            if any(wheel.name == name for wheel in group.wheels)
        ]
        for name in referenced
    }
    return tuple(
        f"{name} ; platform_version in '{' '.join(found)}'"
        for name, found in labels.items()
        if found
    )


def _run_arguments(run: Run) -> list[str]:
    match run.kind:
        case "script":
            return ["--script", run.value]
        case "entry-point" | "module":
            return ["--entry-point", run.value]
        case _:
            return []


def option_arguments(config: Config) -> list[str]:
    """Return pex's flags for what its own runtime needs to know too."""
    return [
        # pex makes up a shebang from its targets, and warns that it cannot; ours is on top.
        *("--python-shebang", f"#!{config.shebang or '/usr/bin/env python3'}"),
        f"--inherit-path={config.inherit_path}",
        *(["--include-tools"] if config.include_tools else []),
        *(["--runtime-pex-root", config.runtime_root] if config.runtime_root else []),
        # With "=", as what is injected may begin with a dash.
        *([f"--inject-args={shlex.join(config.inject_args)}"] if config.inject_args else []),
        *(word for key, value in config.inject_env for word in ("--inject-env", f"{key}={value}")),
    ]


def merge_sets(selections: Sequence[Selection]) -> list[tuple[Selection, WheelSet]]:
    """Return each different set of wheels once: targets that take the very same are one to pex."""
    seen: dict[tuple[Wheel, ...], tuple[Selection, WheelSet]] = {}
    for selection in selections:
        for group in selection.sets:
            seen.setdefault(group.wheels, (selection, group))
    return list(seen.values())


def marker_environment(number: int, selection: Selection, group: WheelSet) -> dict[str, str]:
    """Return the marker variables of one such set, as its complete platform has them."""
    environment = selection.target.environment(group.from_patch)
    return {**cast("dict[str, str]", environment), "platform_version": platform_label(number)}


def _write_platforms(groups: Sequence[tuple[Selection, WheelSet]], folder: Path) -> list[Path]:
    """Write a complete-platform file for each of these sets of wheels.

    Each gets a `platform_version` of its own, which is how the lock handed to pex names it, and
    only the tags that matter.
    """
    paths = []
    for number, (selection, group) in enumerate(groups):
        path = folder / f"platform-{number}.json"
        platform = selection.target.to_complete_platform(
            label=platform_label(number), patch=group.from_patch
        )
        needed = {str(tag) for wheel in group.wheels for tag in wheel.tags}
        first, *others = platform["compatible_tags"]
        platform["compatible_tags"] = [first, *(tag for tag in others if tag in needed)]
        path.write_text(json.dumps(platform), encoding="utf-8")
        paths.append(path)
    return paths


def platform_label(number: int) -> str:
    """Return the `platform_version` of a complete platform; none is part of another."""
    return f"multiplat-{number:04d}."


def render_local_lock(parts: Parts, groups: Sequence[tuple[Selection, WheelSet]]) -> str:
    """Render the PEP 751 lock with local paths from which pex takes exactly the selections.

    `groups` are in the order of their platform labels. The root requirement depends on all.
    """
    taken: dict[Wheel, list[str]] = defaultdict(list)
    for number, (_, group) in enumerate(groups):
        for wheel in group.wheels:
            taken[wheel].append(platform_label(number))
    by_package: dict[tuple[str, str], list[Wheel]] = defaultdict(list)
    for wheel in sorted(taken, key=lambda wheel: wheel.filename):
        by_package[str(wheel.name), str(wheel.version)].append(wheel)
    root = canonicalize_name(parts.requirements[0].name)
    packages = []
    for (name, version), wheels in sorted(by_package.items()):
        labels = sorted({label for wheel in wheels for label in taken[wheel]})
        entry: dict[str, object] = {"name": name, "version": version}
        if len(labels) < len(groups):
            entry["marker"] = f"platform_version in '{' '.join(labels)}'"
        if name == root:
            entry["dependencies"] = [
                {"name": other, "version": number}
                for other, number in sorted(by_package)
                if other != root
            ]
        entry["wheels"] = [_local_wheel(wheel, parts.paths[wheel.filename]) for wheel in wheels]
        packages.append(entry)
    document = {
        "lock-version": "1.0",
        "created-by": "hatch-multiplat",
        "packages": packages,
    }
    return tomlkit.dumps(document)


def _local_wheel(wheel: Wheel, path: Path) -> dict[str, object]:
    return {"name": wheel.filename, "path": str(path), "hashes": dict(wheel.hashes)}
