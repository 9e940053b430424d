"""The one way to write an executable: pex's skeleton, our own members, and unchanged wheels.

The same members are a zip file, or a folder for the layouts `loose` and `packed`.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError, ExecutableError
from hatch_multiplat.base.temporary import BESIDE, temporary_folder
from hatch_multiplat.base.text import format_size
from hatch_multiplat.executable.blocks import (
    FOLDER,
    MEMBERS,
    arrange_blocks,
    block_members,
    list_members,
)
from hatch_multiplat.executable.executable import BOOTSTRAP, DEPS, INFO, MAIN, PEX_MAIN
from hatch_multiplat.executable.pex import dump_info, find_skeleton
from hatch_multiplat.executable.rendering import read_launcher, render_members, render_prefix
from hatch_multiplat.executable.table_maker import without_url
from hatch_multiplat.executable.zip_writer import (
    MAX_ENTRIES,
    MAX_SIZE,
    Member,
    read_members,
    write_archive,
    write_folder,
    write_members,
)
from hatch_multiplat.runtime.windows import launcher_name
from hatch_multiplat.wheels.wheel_file import wheel_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.requirements import Requirement

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.formats import ExeOptions, Layout
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.executable.executable import HeldMember
    from hatch_multiplat.executable.pex import PexHome, Skeleton
    from hatch_multiplat.executable.table import Table
    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.wheels.metadata import WheelTexts
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import Opener

PEX_ENTRIES: Final = 600
"""Room in the count of entries for pex's own members."""
PEX_SIZE: Final = 2**24
"""The same for its bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildInputs:
    """The parts of an executable.

    `paths` maps the file name of every wheel to the file on disk, `texts` to what it says of
    itself. Of the `requirements`, the first is the project itself (`demo[fast]==1.0`), the others
    are what the table adds.
    """

    requirements: tuple[Requirement, ...]
    selections: tuple[Selection, ...]
    paths: Mapping[str, Path]
    texts: Mapping[str, WheelTexts]
    table: Table
    run: Run
    config: Config


def write_executable(
    inputs: BuildInputs, output: Path, *, home: PexHome, layout: Layout | None = None
) -> Path:
    """Write an executable under another name and rename it into place; returns `output`.

    `layout` is that of the table if none is given. With another than `zipapp`, the executable is a
    folder, and `output` may not exist yet. When it exists, it is whole. Raises ConfigError for a
    script that is not one project's, ExecutableError for what cannot be one zip file that every
    Python can run, WriteError where the caches cannot be written, OSError where the output folder
    cannot, and ToolError when pex fails.
    """
    layout = layout or inputs.config.layout
    if layout == "zipapp":
        _check_limits(inputs)
    info = describe(inputs)
    skeleton = find_skeleton(inputs.config, home).fill(info)
    wheels = [
        Member(name=DEPS + wheel.file, source=inputs.paths[wheel.file], size=wheel.size)
        for wheel in inputs.table.wheels
    ]
    table = replace(inputs.table, pex=skeleton.describe())
    members = executable_members(skeleton, table, wheels)
    if layout == "zipapp":
        write_archive(members, output, prefix=render_prefix(table), mode=0o755)
    else:
        _write_layout(members, output, layout=layout)
    return output


def write_pyz(
    inputs: BuildInputs, output: Path, *, cache: Path, folder: Path, say: Callable[[str], object]
) -> Path:
    """Write the same program as a file without pex and without wheels; returns `output`.

    What is in the wheels lies in it once each, in the blocks of `blocks.arrange_blocks`. Below
    `cache` is kept what takes long; `folder` is for what is made anew. Raises ToolError where this
    Python cannot compress, ExecutableError, and OSError where the output folder cannot be written.
    """
    members = {
        wheel.file: list_members(inputs.paths[wheel.file], wheel.sha256, cache=cache / MEMBERS)
        for wheel in inputs.table.wheels
    }
    wheels = {name: wheel_opener(path) for name, path in inputs.paths.items()}
    table = replace(inputs.table, requirements=tuple(sorted(_recorded_requirements(inputs))))
    write_contents(table, members, wheels, output, cache=cache / FOLDER, folder=folder, say=say)
    return output


def write_windows_exe(pex: Path, output: Path, *, platform: Platform, options: ExeOptions) -> Path:
    """Write a program for Windows that runs an executable's archive; returns `output`.

    It is distlib's launcher, a line that says what to start, and the archive: the launcher reads
    the line, and starts that Python with its own file and arguments. Any system can make it, and
    the same inputs give the same bytes. Raises OSError, and ToolError if distlib lacks a
    launcher.
    """
    name = launcher_name(platform.arch, options.windowed)
    prefix = read_launcher(name) + shebang(options)
    write_archive(read_members(pex).values(), output, prefix=prefix, mode=0o755)
    return output


def shebang(options: ExeOptions) -> bytes:
    """Return the launcher's line: a program that it looks for on PATH.

    Python's own installers put the launcher `py` there, and `python` only if one ticks a box; on
    a fresh Windows, `python` is a stub that opens a shop.
    """
    return f"#!/usr/bin/env {options.python or ('pyw' if options.windowed else 'py')}\n".encode()


def write_contents(
    table: Table,
    members: Mapping[str, Sequence[HeldMember]],
    wheels: Mapping[str, Opener],
    output: Path,
    *,
    cache: Path,
    folder: Path,
    say: Callable[[str], object],
    prefix: bytes | None = None,
    mode: int = 0o755,
) -> None:
    """Write a file without wheels, from a table and from `members`, the contents of its wheels.

    `wheels` opens each of them, and `prefix` stands before the first member in place of a header.
    """
    blocks, described = arrange_blocks(table, members)
    table = replace(table, pex={}, contents=hashlib.sha256(described).hexdigest())
    held = block_members(blocks, described, wheels, cache=cache, folder=folder, say=say)
    prefix = render_prefix(table) if prefix is None else prefix
    write_archive([*_own_members(render_members(table)), *held], output, prefix=prefix, mode=mode)


def executable_members(skeleton: Skeleton, table: Table, wheels: Iterable[Member]) -> list[Member]:
    """Return all members of an executable: pex's, our own that the table says, and the wheels.

    pex's start has another name, under which ours runs it.
    """
    texts = {**skeleton.texts, PEX_MAIN: skeleton.texts[MAIN], **render_members(table)}
    return [
        *skeleton.others,
        *_own_members(texts),
        Member(name=INFO, data=dump_info(skeleton.info).encode()),
        Member(name=DEPS, data=b""),
        *wheels,
    ]


def _own_members(texts: Mapping[str, bytes]) -> list[Member]:
    return [
        Member(name=name, data=data, mode=0o755 if name == MAIN else 0o644)
        for name, data in texts.items()
    ]


def _write_layout(members: Sequence[Member], output: Path, *, layout: Layout) -> None:
    """Write the members as a folder; in a packed one, pex's runtime is one zip file in it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(output.parent, prefix=BESIDE) as temporary:
        folder = temporary / "written"
        if layout == "packed":
            runtime = [item for item in members if item.name.startswith(BOOTSTRAP)]
            packed = io.BytesIO()
            inner = (
                replace(item, name=item.name.removeprefix(BOOTSTRAP), mode=0o644)
                for item in runtime
                if item.name != BOOTSTRAP
            )
            write_members(inner, packed)
            members = [item for item in members if not item.name.startswith(BOOTSTRAP)]
            members.append(Member(name=BOOTSTRAP.rstrip("/"), data=packed.getvalue()))
        write_folder(members, folder)
        # As pex has it: what can be started in the folder. Some systems make no links.
        with suppress(OSError):
            (folder / "pex").symlink_to(MAIN)
        folder.chmod(0o755)
        folder.replace(output)


def describe(inputs: BuildInputs) -> dict[str, Any]:
    """Return PEX-INFO's values about the wheels and the program, for pex's own runtime."""
    return {
        **_run_info(inputs),
        "distributions": {wheel.file: wheel.sha256 for wheel in inputs.table.wheels},
        "requirements": sorted(_recorded_requirements(inputs)),
        # pex's own runtime looks whether all is there that the wheels require.
        "overridden": sorted(inputs.table.overrides),
        "excluded": sorted(inputs.table.excluded),
    }


def _recorded_requirements(inputs: BuildInputs) -> set[str]:
    """Return the requirements for PEX-INFO: those that a wheel of some target is for."""
    found = set()
    for selection in inputs.selections:
        for group in selection.sets:
            values = cast("dict[str, str]", selection.target.environment(group.from_patch))
            versions = {wheel.name: wheel.version for wheel in group.wheels}
            for requirement in map(without_url, inputs.requirements):
                version = versions.get(canonicalize_name(requirement.name))
                if (
                    version is not None
                    and requirement.specifier.contains(version, prereleases=True)
                    and (
                        requirement.marker is None
                        or requirement.marker.evaluate({**values, "extra": ""})
                    )
                ):
                    found.add(str(requirement))
    return found


def _run_info(inputs: BuildInputs) -> dict[str, str]:
    """Return PEX-INFO's values about the program that runs.

    A script is the entry point of the one project that has it. Where targets have several, or a
    file in a wheel, pex's runtime looks for it by its name, among the wheels of its machine. Raises
    ConfigError for a script of several projects, of which nobody can tell which is meant.
    """
    run = inputs.run
    if run.kind in {"entry-point", "module"}:
        return {"entry_point": run.value}
    if run.kind != "script":
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    for wheel in {wheel for selection in inputs.selections for wheel in selection.wheels}:
        reference = inputs.texts[wheel.filename].scripts.get(run.value)
        if reference is not None:
            found[wheel.name].add(reference)
    if len(found) > 1:
        owners = " and ".join(sorted(found))
        problem = (
            f"tool.multiplat.script: {run.value!r} is a script of {owners}; "
            "name the function by the key 'entry-point' instead"
        )
        raise ConfigError([problem])
    references = next(iter(found.values()), set())
    if len(references) == 1:
        (reference,) = references
        module, _, function = reference.partition(":")
        if module and function:
            return {"entry_point": reference}
    return {"script": run.value}


def _check_limits(inputs: BuildInputs) -> None:
    """Refuse a file that needs zip64: zipimport only reads it from Python 3.13 on."""
    sizes: dict[str, int] = defaultdict(int)
    for filename, path in inputs.paths.items():
        sizes[filename.partition("-")[0]] += path.stat().st_size
    total = sum(sizes.values())
    if total <= MAX_SIZE - PEX_SIZE and len(inputs.paths) <= MAX_ENTRIES - PEX_ENTRIES:
        return
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])
    listed = "\n".join(f"  {format_size(size):>10}  {name}" for name, size in heaviest)
    raise ExecutableError(
        f"the executable would hold {format_size(total)} in {len(inputs.paths)} wheels; one zip "
        f"file that every Python can run ends at 4 GiB and {MAX_ENTRIES} entries.\n"
        f"List fewer platforms or Pythons, or build them in several executables:\n{listed}"
    )
