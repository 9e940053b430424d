"""A folder of wheels for a target, with a requirements file for pip."""

from __future__ import annotations

import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Final

from hatch_multiplat.config.formats import chosen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.wheels.selection import Selection, Wheel

REQUIREMENTS: Final = "requirements.txt"
MADE_BY: Final = "made by hatch-multiplat."

_FIRST_MOMENT: Final = (1980, 1, 1, 0, 0, 0)


def render_requirements(selection: Selection, *, title: str, digests: Mapping[str, str]) -> str:
    """Render the requirements file of a target, in pip's hash-checking form.

    `digests` are the SHA-256 of the wheels by file name. A wheel that only some patch releases of
    the target's Python take has a marker that says so.
    """
    lines = [
        f"# {title} for {selection.target}, {MADE_BY}",
        "# pip install --no-index --find-links . --require-hashes -r requirements.txt",
    ]
    for wheel in sorted(selection.wheels, key=lambda wheel: (wheel.name, wheel.version)):
        markers = patch_markers(selection, wheel)
        for marker in markers:
            condition = f" ; {marker}" if marker else ""
            lines.append(f"{wheel.name}=={wheel.version}{condition} \\")
            lines.append(f"    --hash=sha256:{digests[wheel.filename]}")
    return "\n".join([*lines, ""])


def patch_markers(selection: Selection, wheel: Wheel) -> tuple[str, ...]:
    """Return a marker for each range of patch releases that takes a wheel; "" means always."""
    major, minor = selection.target.python.version
    starts = [group.from_patch for group in selection.sets]
    taken = [wheel in group.wheels for group in selection.sets]
    found = []
    for index, here in enumerate(taken):
        if not here or (index and taken[index - 1]):
            continue
        end = next((i for i in range(index, len(taken)) if not taken[i]), None)
        parts = []
        if index:
            parts.append(f"python_full_version >= '{major}.{minor}.{starts[index]}'")
        if end is not None:
            parts.append(f"python_full_version < '{major}.{minor}.{starts[end]}'")
        found.append(" and ".join(parts))
    return tuple(found)


def write_wheelhouses(inputs: BuildInputs, folder: Path) -> Path:
    """Write a new folder with a wheelhouse for each target, named like it; returns the folder.

    A wheel that several targets take is one file with several names, where the filesystem can do
    that. Raises OSError.
    """
    first: dict[str, Path] = {}
    for selection in wheelhouse_selections(inputs):
        own = folder / str(selection.target)
        own.mkdir(parents=True)
        text = _requirements(inputs, selection)
        (own / REQUIREMENTS).write_text(text, encoding="utf-8", newline="\n")
        for wheel in selection.wheels:
            path = own / wheel.filename
            if wheel.filename not in first:
                # Not a link into the cache: whoever changes the copy must not change that.
                shutil.copyfile(inputs.paths[wheel.filename], path)
                first[wheel.filename] = path
                continue
            try:
                os.link(first[wheel.filename], path)
            except OSError:
                shutil.copyfile(inputs.paths[wheel.filename], path)
    return folder


def write_wheelhouse_zip(inputs: BuildInputs, selection: Selection, path: Path) -> Path:
    """Write a zip file with the wheelhouse of one target at its root; returns its path.

    The same inputs give the same bytes: nothing is compressed a second time. Raises OSError.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for wheel in selection.wheels:
            with (
                inputs.paths[wheel.filename].open("rb") as source,
                archive.open(_member(wheel.filename), "w", force_zip64=_is_large(inputs, wheel))
                as member,
            ):  # fmt: skip
                shutil.copyfileobj(source, member)
        archive.writestr(_member(REQUIREMENTS), _requirements(inputs, selection))
    return path


def wheelhouse_selections(inputs: BuildInputs) -> list[Selection]:
    """Return the selections whose targets get a wheelhouse."""
    options = inputs.config.options.wheelhouse
    wanted = chosen((item.target for item in inputs.selections), options.targets)
    return [item for item in inputs.selections if item.target in wanted]


def is_wheelhouses(folder: Path) -> bool:
    """Tell whether a folder contains only wheelhouses that were written here."""
    inside = list(folder.iterdir())
    return all(
        (own / REQUIREMENTS).is_file()
        and MADE_BY in (own / REQUIREMENTS).read_text("utf-8", "replace").partition("\n")[0]
        for own in inside
    )


def _requirements(inputs: BuildInputs, selection: Selection) -> str:
    return render_requirements(
        selection,
        title=f"{inputs.table.name} {inputs.table.version}",
        digests={wheel.file: wheel.sha256 for wheel in inputs.table.wheels},
    )


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _FIRST_MOMENT)
    info.create_system = 3  # Unix, whatever this is
    info.external_attr = 0o100644 << 16
    return info


def _is_large(inputs: BuildInputs, wheel: Wheel) -> bool:
    return inputs.paths[wheel.filename].stat().st_size >= zipfile.ZIP64_LIMIT
