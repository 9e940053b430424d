"""What one target takes, in a form of its own: a wheelhouse for pip, or a zip of what is installed.

A wheelhouse is a folder of wheels with a requirements file; it can be in a zip file, too. The zip
file of everything installed is for functions as a service.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import stat
import zipfile
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.base.text import format_size
from hatch_multiplat.config.formats import chosen
from hatch_multiplat.executable.zip_writer import Member, write_archive
from hatch_multiplat.runtime.install import Archive
from hatch_multiplat.runtime.rules import BadWheel, Folders, judge_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection, Wheel

REQUIREMENTS: Final = "requirements.txt"
MADE_BY: Final = "made by hatch-multiplat."

_FIRST_MOMENT: Final = (1980, 1, 1, 0, 0, 0)

# AWS Lambda's limits: a direct upload, and the function with its layers unpacked.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UPLOAD_LIMIT: Final = 50 * 2**20
UNPACKED_LIMIT: Final = 250 * 2**20

# There is one folder for what a wheel has, but for what needs an environment and is left out.
_FOLDERS: Final = Folders(purelib="", platlib="", scripts="bin", headers="include")
_LEFT_OUT: Final = frozenset({"scripts", "headers"})


def named_selections(inputs: BuildInputs, patterns: Sequence[str]) -> list[Selection]:
    """Return the selections of the targets that the patterns name, or all if there are none."""
    wanted = chosen((item.target for item in inputs.selections), patterns)
    return [item for item in inputs.selections if item.target in wanted]


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
    for selection in named_selections(inputs, inputs.config.wheelhouse.targets):
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


def write_installed_zip(inputs: BuildInputs, selection: Selection, path: Path) -> Path:
    """Write the zip file of one target; returns its path.

    Where patch releases of the target's Python take different wheels, it has those of the newest.
    Members are copied as the wheels have them, compressed or not, so that the same inputs give the
    same bytes. Raises ExecutableError for a wheel that breaks the rules, or if it cannot be
    written.
    """
    prefix = f"{inputs.config.zip.prefix}/" if inputs.config.zip.prefix else ""
    members: dict[str, Member] = {}
    for wheel in selection.sets[-1].wheels:
        try:
            for member in _install(inputs.paths[wheel.filename], prefix, selection.target):
                members[member.name] = member
        except BadWheel as error:
            raise ExecutableError(f"{wheel.filename} cannot be installed: {error}") from error
    write_archive(members.values(), path)
    return path


def size_warnings(path: Path) -> list[str]:
    """Name the limits of AWS Lambda that a zip file exceeds."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    if unpacked > UNPACKED_LIMIT:
        told = (
            f"{path.name} has {format_size(unpacked)} unpacked: AWS Lambda takes 250 MiB at most, "
            "function and layers together; leave dependencies out, or use a container image"
        )
        return [told]
    if size > UPLOAD_LIMIT:
        told = (
            f"{path.name} has {format_size(size)}: AWS Lambda takes 50 MiB by direct upload; "
            "upload it by way of S3"
        )
        return [told]
    return []


def _install(path: Path, prefix: str, target: Target) -> Iterator[Member]:
    """Yield the members that installing a wheel makes, the new RECORD last."""
    rows: list[tuple[str, str, object]] = []
    with path.open("rb") as stream:
        archive = Archive(stream)
        placed, problems = judge_wheel(archive.facts, _FOLDERS, target.platform.system)
        if problems:
            raise BadWheel(problems[0])
        for item in placed:
            name = item.member.name
            if item.kind in _LEFT_OUT:
                continue
            digest, size = archive.record.get(name) or _digest(archive.read(name))
            rows.append((item.path, digest, size))
            link = stat.S_IFLNK if item.member.link else 0
            mode = link | (0o755 if item.member.mode & 0o111 else 0o644)
            yield Member(
                name=prefix + item.path, mode=mode, source=path, packed=archive.infos[name]
            )
    info_dir = archive.info_dir
    installer = b"hatch-multiplat\n"
    rows.append((f"{info_dir}/INSTALLER", *_digest([installer])))
    yield Member(name=f"{prefix}{info_dir}/INSTALLER", data=installer, deflate=False)
    rows.append((f"{info_dir}/RECORD", "", ""))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    yield Member(name=f"{prefix}{info_dir}/RECORD", data=text.getvalue().encode(), deflate=False)


def _digest(blocks: Iterable[bytes]) -> tuple[str, int]:
    """Return a file's hash as RECORD has it, and its size."""
    digest, size = hashlib.sha256(), 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    return f"sha256={base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode()}", size
