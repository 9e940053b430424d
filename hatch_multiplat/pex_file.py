"""Wheels into an executable: pex assembles, then the file gets its header and its name."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import zipfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import tomlkit
from packaging.utils import canonicalize_name

from hatch_multiplat.archive import replace_prefix
from hatch_multiplat.boot import render_header, render_preamble
from hatch_multiplat.closure import parse_requires
from hatch_multiplat.errors import ExecutableError, ToolError
from hatch_multiplat.pex_root import own_pex_root
from hatch_multiplat.process import run_tool
from hatch_multiplat.project import read_wheel_metadata
from hatch_multiplat.report import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from hatch_multiplat.boot import BootTable
    from hatch_multiplat.config import Config, Run
    from hatch_multiplat.selection import LockedWheel, Selection, WheelSet

MAX_SIZE: Final = 2**32 - 1
MAX_ENTRIES: Final = 65_535
PEX_ENTRIES: Final = 600
"""More than pex's own bootstrap has: room kept in the count of entries."""
FULL: Final = ("No space left on device", "Errno 28", "Disk quota exceeded")
"""Words by which pex, and what it runs, fail on a full disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an executable is made of.

    `paths` maps the file name of every wheel to the file on disk. Of the `requirements`, the
    first is the project itself (`demo[fast]==1.0`), the others are what the table adds.
    `pip_environment` says where pex gets its own pip from, as it has to on Python 3.12 and newer.
    """

    requirements: tuple[Requirement, ...]
    selections: tuple[Selection, ...]
    paths: Mapping[str, Path]
    table: BootTable
    run: Run
    config: Config
    pip_environment: Mapping[str, str] = field(default_factory=dict)


def write_executable(parts: Parts, output: Path, *, pex_root: Path) -> Path:
    """Assemble the executable aside and rename it into place; returns `output`.

    With a layout other than `zipapp`, it is a folder, and `output` may not exist yet. When the
    file exists, it is whole. Below `pex_root`, pex may keep its own caches. Raises
    ExecutableError for what cannot be one zip file that every Python can run, or when the output
    folder cannot be written, and ToolError when pex fails.
    """
    if parts.config.layout == "zipapp":
        _check_limits(parts)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".hatch-multiplat-", dir=output.parent, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name).resolve()
            with own_pex_root(pex_root) as root:
                built = run_pex(parts, folder, output=folder / "built.pex", pex_root=root)
            if parts.config.layout == "zipapp":
                _check_wheels(built, parts)
            if parts.config.shebang is None and parts.config.layout == "zipapp":
                replace_prefix(built, render_header(parts.table))
            built.chmod(0o755)
            built.replace(output)
    except OSError as error:
        raise ExecutableError(
            f"cannot write {output}: {error.strerror or error}; "
            "free some space, make the folder writable, or name another in 'output-dir'"
        ) from error
    return output


def run_pex(
    parts: Parts, folder: Path, *, output: Path, pex_root: Path, more: Sequence[str] = ()
) -> Path:
    """Run pex in an empty folder, with further flags; returns `output`, a PEX without our header.

    Raises ToolError, and ExecutableError where pex meets a full disk.
    """
    platforms = _write_platforms(parts.selections, folder)
    groups = [(selection, group) for _, selection, group in platforms]
    (folder / "pylock.toml").write_text(render_local_lock(parts, groups), encoding="utf-8")
    (folder / "preamble.py").write_text(render_preamble(parts.table), encoding="utf-8")
    with _disk_full_told():
        run_tool(
            "pex",
            [
                *(
                    sys.executable,
                    "-m",
                    "pex",
                    *_name_referenced(parts, groups),
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
                *(word for path, _, _ in platforms for word in ("--complete-platform", path)),
                *("--no-pre-install-wheels", "--no-compress", "--preamble-file", "preamble.py"),
                *_run_arguments(parts.run),
                *_option_arguments(parts.config),
                *(["--use-pip-config"] if parts.pip_environment else []),
                *parts.config.pex_args,
                *more,
            ],
            cwd=folder,
            environ={
                "PEX_IGNORE_RCFILES": "1",
                "PEX_ROOT": str(pex_root),
                "PEX_EMIT_WARNINGS": "0",
                **parts.pip_environment,
            },
        )
    return output


@contextmanager
def _disk_full_told() -> Iterator[None]:
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


def _name_referenced(parts: Parts, groups: Sequence[tuple[Selection, WheelSet]]) -> tuple[str, ...]:
    """Return requirements, to stand before all others, for what a wheel wants from a folder.

    From a reference as `library @ file:///...` pex would build the folder once more, unless it has
    met the package already. Their markers are true while pex builds and nowhere else.
    """
    edges: dict[str, set[str]] = defaultdict(set)
    for wheel in {wheel for _, group in groups for wheel in group.wheels}:
        text = read_wheel_metadata(parts.paths[wheel.filename])
        for requirement in parse_requires(text) if "file:" in text else ():
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


def _check_wheels(built: Path, parts: Parts) -> None:
    """Refuse a file that lacks what start-up will look for, whatever 'pex-args' did to it."""
    with zipfile.ZipFile(built) as archive:
        names = {name.removeprefix(".deps/") for name in archive.namelist() if ".deps/" in name}
    missing = sorted(parts.paths.keys() - names)
    if missing:
        raise ExecutableError(
            f"pex left out {', '.join(missing)}; look for the option in 'pex-args' that does it"
        )


def _run_arguments(run: Run) -> list[str]:
    match run.kind:
        case "script":
            return ["--script", run.value]
        case "entry-point" | "module":
            return ["--entry-point", run.value]
        case _:
            return []


def _option_arguments(config: Config) -> list[str]:
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


def _write_platforms(
    selections: Sequence[Selection], folder: Path
) -> list[tuple[Path, Selection, WheelSet]]:
    """Write a complete-platform file for each different set of wheels.

    Targets that take the very same wheels are one to pex. Each file gets a `platform_version`
    of its own, which is how the lock handed to pex names it, and only the tags that matter.
    """
    seen: dict[tuple[LockedWheel, ...], tuple[Path, Selection, WheelSet]] = {}
    for selection in selections:
        for group in selection.sets:
            if group.wheels in seen:
                continue
            path = folder / f"platform-{len(seen)}.json"
            platform = selection.target.to_complete_platform(
                label=platform_label(len(seen)), patch=group.from_patch
            )
            needed = {str(tag) for wheel in group.wheels for tag in wheel.tags}
            first, *others = platform["compatible_tags"]
            platform["compatible_tags"] = [first, *(tag for tag in others if tag in needed)]
            path.write_text(json.dumps(platform), encoding="utf-8")
            seen[group.wheels] = (path, selection, group)
    return list(seen.values())


def platform_label(number: int) -> str:
    """Return the `platform_version` of a complete platform; none is part of another."""
    return f"multiplat-{number:04d}."


def render_local_lock(parts: Parts, groups: Sequence[tuple[Selection, WheelSet]]) -> str:
    """Render the PEP 751 lock with local paths from which pex takes exactly the selections.

    `groups` are in the order of their platform labels. The root requirement depends on all.
    """
    taken: dict[LockedWheel, list[str]] = defaultdict(list)
    for number, (_, group) in enumerate(groups):
        for wheel in group.wheels:
            taken[wheel].append(platform_label(number))
    by_package: dict[tuple[str, str], list[LockedWheel]] = defaultdict(list)
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


def _local_wheel(wheel: LockedWheel, path: Path) -> dict[str, object]:
    return {"name": wheel.filename, "path": str(path), "hashes": dict(wheel.hashes)}


def _check_limits(parts: Parts) -> None:
    """Refuse what only a zip64 file could hold: zipimport reads those from Python 3.13 on."""
    sizes: dict[str, int] = defaultdict(int)
    for filename, path in parts.paths.items():
        sizes[filename.partition("-")[0]] += path.stat().st_size
    total = sum(sizes.values())
    if total <= MAX_SIZE - 2**24 and len(parts.paths) <= MAX_ENTRIES - PEX_ENTRIES:
        return
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])
    listed = "\n".join(f"  {format_size(size):>10}  {name}" for name, size in heaviest)
    raise ExecutableError(
        f"the executable would hold {format_size(total)} in {len(parts.paths)} wheels; one zip "
        f"file that every Python can run ends at 4 GiB and {MAX_ENTRIES} entries.\n"
        f"List fewer platforms or Pythons, or build them in several executables:\n{listed}"
    )
