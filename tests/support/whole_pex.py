"""A whole PEX by pex itself, from the same wheels: what an executable has to equal.

pex gets a lock with local paths and a complete platform for each different set of wheels. Each
platform gets a `platform_version` of its own, by which the lock's markers name it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections import defaultdict
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name

from hatch_multiplat.executable.pex import PexHome, option_arguments, run_pex, with_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_multiplat.config.run import Run
    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet

    Groups = Sequence[tuple[Selection, WheelSet]]


def pex_home(root: Path) -> PexHome:
    """Return a home of pex, which has the variables of the test run."""
    return PexHome(root=root, environ=os.environ)


def make_whole_pex(inputs: BuildInputs, folder: Path, *, layout: str = "zipapp") -> Path:
    """Have pex make all of it, in an empty folder."""
    folder.mkdir()
    groups = _merge_sets(inputs.selections)
    platforms = _write_platforms(groups, folder)
    (folder / "pylock.toml").write_text(_render_lock(inputs, groups), encoding="utf-8")
    output = folder / "whole.pex"
    words = [
        *_referenced(inputs, groups),
        *(str(requirement) for requirement in inputs.requirements),
        *("--pylock", "pylock.toml", "--output-file", output, "--layout", layout),
        *(word for path in platforms for word in ("--complete-platform", path)),
        *("--no-pre-install-wheels", "--no-compress"),
        *_run_arguments(inputs.run),
        *option_arguments(inputs.config),
        *inputs.config.pex_args,
    ]
    run_pex(words, folder=folder, home=pex_home(folder / "pex-root"))
    return output


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def plain_info(text: bytes, *, labels: bool = True) -> dict[str, Any]:
    """Return PEX-INFO without what differs from host to host, and without its hash.

    Without `labels`, the requirements that `_referenced` adds are left out too.
    """
    info: dict[str, Any] = json.loads(text)
    assert with_hash(info) == info
    info.pop("pex_hash")
    info["pex_path"] = ""
    if not labels:
        info["requirements"] = [x for x in info["requirements"] if "multiplat-" not in x]
    return info


def _referenced(inputs: BuildInputs, groups: Groups) -> tuple[str, ...]:
    """Return requirements, to stand before all others, for what a wheel wants from a folder.

    From a reference as `library @ file:///...` pex would build the folder once more, unless it has
    met the package already. Their markers are true while pex builds and nowhere else.
    """
    edges: dict[str, set[str]] = defaultdict(set)
    for wheel in {wheel for _, group in groups for wheel in group.wheels}:
        for requirement in inputs.texts[wheel.filename].requires:
            if requirement.url and requirement.url.startswith("file:"):
                edges[wheel.name].add(canonicalize_name(requirement.name))
    order = tuple(TopologicalSorter(edges).static_order())
    labels = {
        name: [
            _label(number)
            for number, (_, group) in enumerate(groups)
            if any(wheel.name == name for wheel in group.wheels)
        ]
        for name in order
        if any(name in names for names in edges.values())
    }
    return tuple(f"{n} ; platform_version in '{' '.join(f)}'" for n, f in labels.items() if f)


def _run_arguments(run: Run) -> list[str]:
    if run.kind == "script":
        return ["--script", run.value]
    return [] if run.kind == "interpreter" else ["--entry-point", run.value]


def _merge_sets(selections: Sequence[Selection]) -> Groups:
    """Return each different set of wheels once: targets with the very same are one to pex."""
    seen: dict[tuple[Wheel, ...], tuple[Selection, WheelSet]] = {}
    for selection in selections:
        for group in selection.sets:
            seen.setdefault(group.wheels, (selection, group))
    return list(seen.values())


def _label(number: int) -> str:
    """Return the `platform_version` of a complete platform; none is part of another."""
    return f"multiplat-{number:04d}."


def _write_platforms(groups: Groups, folder: Path) -> list[Path]:
    paths = []
    for number, (selection, group) in enumerate(groups):
        path = folder / f"platform-{number}.json"
        platform = selection.target.to_complete_platform(
            label=_label(number), patch=group.from_patch
        )
        needed = {str(tag) for wheel in group.wheels for tag in wheel.tags}
        first, *others = platform["compatible_tags"]
        platform["compatible_tags"] = [first, *(tag for tag in others if tag in needed)]
        path.write_text(json.dumps(platform), encoding="utf-8")
        paths.append(path)
    return paths


def _render_lock(inputs: BuildInputs, groups: Groups) -> str:
    """Render the lock from which pex takes exactly the selections; the root requires all."""
    taken: dict[Wheel, list[str]] = defaultdict(list)
    for number, (_, group) in enumerate(groups):
        for wheel in group.wheels:
            taken[wheel].append(_label(number))
    by_package: dict[tuple[str, str], list[Wheel]] = defaultdict(list)
    for wheel in sorted(taken, key=lambda wheel: wheel.filename):
        by_package[str(wheel.name), str(wheel.version)].append(wheel)
    root = canonicalize_name(inputs.requirements[0].name)
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
        entry["wheels"] = [
            {
                "name": wheel.filename,
                "path": str(inputs.paths[wheel.filename]),
                "hashes": dict(wheel.hashes),
            }
            for wheel in wheels
        ]
        packages.append(entry)
    return tomlkit.dumps({"lock-version": "1.0", "created-by": "test", "packages": packages})
