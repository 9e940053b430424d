"""Wheels into an executable: a skeleton of pex's is filled, or pex makes the whole.

Both have the same bytes. pex copies each wheel into its cache first and looks at it for every
target, although all has been decided; so it is left to pex only where it alone can do it: for
layouts that are folders, and for what is asked of it in `pex-args`. Overrides and exclusions are
nothing that it can be told of together with a lock: they are only in what is filled here.
"""

from __future__ import annotations

import stat
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.base.text import format_size
from hatch_multiplat.executable.archive import replace_prefix
from hatch_multiplat.executable.boot import render_header, render_preamble
from hatch_multiplat.executable.executable import DEPS, INFO, MAIN, PEX_PACKAGE
from hatch_multiplat.executable.pex_file import (
    marker_environment,
    merge_sets,
    name_referenced,
    run_pex,
)
from hatch_multiplat.executable.pex_info import HASH, dump_info, with_hash
from hatch_multiplat.executable.pex_root import own_pex_root
from hatch_multiplat.executable.repack import Member, write_members
from hatch_multiplat.executable.skeleton import PREAMBLE, can_shape, find_skeleton

if TYPE_CHECKING:
    from hatch_multiplat.executable.pex_file import Parts
    from hatch_multiplat.executable.skeleton import Skeleton

MAX_SIZE: Final = 2**32 - 1
MAX_ENTRIES: Final = 65_535
PEX_ENTRIES: Final = 600
"""More than pex's own bootstrap has: room kept in the count of entries."""


def write_executable(parts: Parts, output: Path, *, pex_root: Path) -> Path:
    """Assemble the executable aside and rename it into place; returns `output`.

    With a layout other than `zipapp`, it is a folder, and `output` may not exist yet. When the
    file exists, it is whole. Below `pex_root`, pex may keep its own caches. Raises
    ExecutableError for what cannot be one zip file that every Python can run, WriteError where the
    caches cannot be written, OSError where the output folder cannot, and ToolError when pex fails.
    """
    if parts.config.layout == "zipapp":
        _check_limits(parts)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".hatch-multiplat-", dir=output.parent, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name).resolve()
        built = folder / "built.pex"
        filling = _plan_filling(parts, pex_root=pex_root)
        if filling is not None:
            _fill(filling, parts, built)
        else:
            _make_whole(parts, built, pex_root=pex_root)
        built.chmod(0o755)
        built.replace(output)
    return output


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """A skeleton, and the PEX-INFO that it gets."""

    skeleton: Skeleton
    info: dict[str, Any]


def _plan_filling(parts: Parts, *, pex_root: Path) -> Filling | None:
    """Return how to fill a skeleton with these parts; None where pex has to make the whole."""
    if parts.config.layout != "zipapp" or not can_shape(parts.config.pex_args):
        return None
    added = _run_info(parts)
    if added is None or any(requirement.url for requirement in parts.requirements):
        return None
    skeleton = find_skeleton(parts.config, pex_root=pex_root)
    if skeleton is None:
        return None
    info = {
        **skeleton.info,
        **added,
        "distributions": {wheel.file: wheel.sha256 for wheel in parts.table.wheels},
        "requirements": sorted(_recorded_requirements(parts)),
        # pex's own runtime looks whether all is there that the wheels require.
        "overridden": sorted(parts.table.overrides),
        "excluded": sorted(parts.table.excluded),
    }
    return Filling(skeleton=skeleton, info=with_hash(info))


def _fill(filling: Filling, parts: Parts, output: Path) -> None:
    """Write the skeleton with the wheels in it, and what follows from them."""
    skeleton = filling.skeleton
    preamble = render_preamble(parts.table).encode()
    old, new = str(skeleton.info[HASH]).encode(), str(filling.info[HASH]).encode()
    members = [Member(path=output, info=_entry(DEPS, stat.S_IFDIR | 0o755), data=b"")]
    for wheel in parts.table.wheels:
        entry = _entry(DEPS + wheel.file, stat.S_IFREG | 0o644)
        entry.file_size = wheel.size
        members.append(Member(path=parts.paths[wheel.file], info=entry, whole=True))
    for item, data in skeleton.members:
        content = data
        if item.filename == INFO:
            content = dump_info(filling.info).encode()
        elif item.filename == MAIN or item.filename.startswith(PEX_PACKAGE):
            content = data.replace(old, new).replace(PREAMBLE.encode(), preamble)
        members.append(Member(path=output, info=item, data=content))
    prefix = skeleton.prefix if parts.config.shebang else render_header(parts.table)
    with output.open("wb") as stream:
        write_members(members, stream, prefix=prefix)


def _make_whole(parts: Parts, output: Path, *, pex_root: Path) -> None:
    """Have pex make all of it."""
    with own_pex_root(pex_root) as root:
        run_pex(parts, output.parent, output=output, pex_root=root)
    if parts.config.layout == "zipapp":
        _check_wheels(output, parts)
        if parts.config.shebang is None:
            replace_prefix(output, render_header(parts.table))


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    """Return a member as pex has it: stored, at the first moment that zip files know."""
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16 | (0x10 if stat.S_ISDIR(mode) else 0)
    return entry


def _recorded_requirements(parts: Parts) -> set[str]:
    """Return the requirements that pex writes down: those that a wheel of some target is for."""
    groups = merge_sets(parts.selections)
    wanted = [*map(Requirement, name_referenced(parts, groups)), *parts.requirements]
    found = set()
    for number, (selection, group) in enumerate(groups):
        environment = {**marker_environment(number, selection, group), "extra": ""}
        versions = {wheel.name: wheel.version for wheel in group.wheels}
        for requirement in wanted:
            version = versions.get(canonicalize_name(requirement.name))
            if (
                version is not None
                and requirement.specifier.contains(version, prereleases=True)
                and (requirement.marker is None or requirement.marker.evaluate(environment))
            ):
                found.add(str(requirement))
    return found


def _run_info(parts: Parts) -> dict[str, str] | None:
    """Return what PEX-INFO says of the program that runs; None where pex has to find it.

    A script is the entry point of the one project that has it, or else a file in a wheel. What is
    not the same in all of its wheels is for pex to judge.
    """
    run = parts.run
    if run.kind in {"entry-point", "module"}:
        return {"entry_point": run.value}
    if run.kind != "script":
        return {}
    found: dict[str, set[str | None]] = defaultdict(set)
    for wheel in {wheel for selection in parts.selections for wheel in selection.wheels}:
        text = parts.texts[wheel.filename].entry_points
        found[wheel.name].add(_entry_point(text, run.value))
    values = [value for group in found.values() for value in group if value is not None]
    if not values:
        return {"script": run.value}
    owners = [group for group in found.values() if group != {None}]
    return {"entry_point": values[0]} if len(owners) == len(values) == 1 and values[0] else None


def _entry_point(text: str, script: str) -> str | None:
    """Return what a script calls by an `entry_points.txt`, None if it has no such script.

    It is "" for what only pex can read, or refuse.
    """
    found: dict[str, str] = {}
    group = ""
    for line in map(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif equals and name.strip() == script:
            found[group] = value
    called = found.get("console_scripts", found.get("gui_scripts"))
    if called is None:
        return None
    module, _, function = (part.strip() for part in called.partition("[")[0].partition(":"))
    return f"{module}:{function}" if module and function and "=" not in called else ""


def _check_wheels(built: Path, parts: Parts) -> None:
    """Refuse a file that lacks what start-up will look for, whatever 'pex-args' did to it."""
    with zipfile.ZipFile(built) as archive:
        names = {name.removeprefix(".deps/") for name in archive.namelist() if ".deps/" in name}
    missing = sorted(parts.paths.keys() - names)
    if missing:
        raise ExecutableError(
            f"pex left out {', '.join(missing)}; look for the option in 'pex-args' that does it"
        )


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
