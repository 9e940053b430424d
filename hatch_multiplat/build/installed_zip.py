"""A zip file of everything installed for one target, for functions as a service."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
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
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection

# AWS Lambda's limits: a direct upload, and the function with its layers unpacked.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UPLOAD_LIMIT: Final = 50 * 2**20
UNPACKED_LIMIT: Final = 250 * 2**20

# There is one folder for what a wheel has, but for what needs an environment and is left out.
_FOLDERS: Final = Folders(purelib="", platlib="", scripts="bin", headers="include")
_LEFT_OUT: Final = frozenset({"scripts", "headers"})


def write_installed_zip(inputs: BuildInputs, selection: Selection, path: Path) -> Path:
    """Write the zip file of one target; returns its path.

    Where patch releases of the target's Python take different wheels, it has those of the newest.
    Members are copied as the wheels have them, compressed or not, so that the same inputs give the
    same bytes. Raises ExecutableError for a wheel that breaks the rules, or if it cannot be
    written.
    """
    prefix = f"{inputs.config.options.zip.prefix}/" if inputs.config.options.zip.prefix else ""
    members: dict[str, Member] = {}
    for wheel in selection.sets[-1].wheels:
        try:
            for member in _install(inputs.paths[wheel.filename], prefix, selection.target):
                members[member.name] = member
        except BadWheel as error:
            raise ExecutableError(f"{wheel.filename} cannot be installed: {error}") from error
    write_archive(members.values(), path)
    return path


def zip_selections(inputs: BuildInputs) -> list[Selection]:
    """Return the selections whose targets get a zip file."""
    wanted = chosen((item.target for item in inputs.selections), inputs.config.options.zip.targets)
    return [item for item in inputs.selections if item.target in wanted]


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
