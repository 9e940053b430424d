"""An executable read from disk: any PEX, ours or not, as one file, packed or loose.

Nothing of it is run. Its wheels are hashed and opened where they lie; nothing is unpacked.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from packaging.utils import InvalidWheelFilename

from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.executable.blocks_reader import (
    find_metadata,
    parse_texts,
    read_contents,
    unpack_wheels,
    unpacked_size,
)
from hatch_multiplat.executable.executable import (
    CONTENTS,
    DEPS,
    INFO,
    MAIN,
    TABLE,
    Executable,
    HeldWheel,
)
from hatch_multiplat.executable.table import read_table
from hatch_multiplat.executable.zip_writer import open_source
from hatch_multiplat.runtime.verify import digest_of, open_stored
from hatch_multiplat.wheels.selection import parse_wheel
from hatch_multiplat.wheels.wheel_file import BROKEN, open_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hatch_multiplat.config.formats import Layout
    from hatch_multiplat.executable.table import Table
    from hatch_multiplat.wheels.selection import Wheel
    from hatch_multiplat.wheels.wheel_file import Opener

# The values of PEX-INFO that are read here, by key: what pex writes, and what stands for none.
_INFO_KINDS: Final[Mapping[str, tuple[type | tuple[type, ...], object]]] = {
    "requirements": (list, []),
    "overridden": (list, []),
    "excluded": (list, []),
    "build_properties": (dict, {}),
    "entry_point": ((str, type(None)), None),
    "script": ((str, type(None)), None),
}


def read_executable(path: Path) -> Executable:
    """Read an executable; raises ExecutableError if it is not a PEX, or incomplete."""
    try:
        if path.is_dir():
            return _read_folder(path)
        return _read_file(path)
    except OSError as error:
        reason = error.strerror or error
        raise ExecutableError(f"{path} cannot be read: {reason}; {_what_to_name(path)}") from error


def _what_to_name(path: Path) -> str:
    """Say what to do about a path that is no executable."""
    if path.suffix == ".whl":
        return "an executable is made of a wheel by: hatch-multiplat build --wheel FILE"
    if path.name.startswith("pylock.") and path.suffix == ".toml":
        return "name an executable, and the lock by --lock"
    places = (path, path / "dist", path.parent, path.parent / "dist")
    near = [item for place in places for item in _list_executables(place)]
    if path in near:
        return "build or download it again"
    return f"name an executable, such as {near[0]}" if near else "name an executable"


def _list_executables(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.suffix in {".pex", ".pyz", ".exe"})
    return []


def _read_file(path: Path) -> Executable:
    size = path.stat().st_size
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                names = set(archive.namelist())
                if INFO not in names and {MAIN, TABLE, CONTENTS} <= names:
                    texts = {name: archive.read(name) for name in (MAIN, TABLE)}
                    return _read_pyz(path, texts, size)
                return _read_archive(path, archive, size)
        except BROKEN as error:
            raise ExecutableError(
                f"{path} is not a PEX, or is incomplete: {error}; {_what_to_name(path)}"
            ) from error


def _read_archive(path: Path, archive: zipfile.ZipFile, size: int) -> Executable:
    members = archive.infolist()
    names = {member.filename for member in members}
    if INFO not in names or MAIN not in names:
        raise ExecutableError(
            f"{path} is a zip file but not a PEX: it has no {INFO}; {_what_to_name(path)}"
        )
    texts: dict[str, bytes] = {}
    for member in members:
        if not member.filename.startswith(DEPS):
            data = archive.read(member)  # which checks its CRC
            if member.filename in {INFO, MAIN, TABLE}:
                texts[member.filename] = data
    files: dict[str, zipfile.ZipInfo] = {}
    folders: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        if member.filename.startswith(DEPS) and not member.is_dir():
            name, _, inner = member.filename.removeprefix(DEPS).partition("/")
            if inner:
                folders.setdefault(name, {})[inner] = member
            else:
                files[name] = member
    wheels = {}
    for name, member in files.items():
        with _open_member(path, member) as wheel:
            wheels[name] = _read_wheel(path, name, wheel, member.file_size, member.compress_size)
    for name, inside in folders.items():
        found = find_metadata(inside)
        wheels[name] = _installed_wheel(
            path,
            name,
            archive.read(inside[found]) if found else None,
            size=sum(member.compress_size for member in inside.values()),
            unpacked=sum(member.file_size for member in inside.values()),
        )
    return _executable(path, "zipapp", size, texts, wheels)


def _read_pyz(path: Path, texts: Mapping[str, bytes], size: int) -> Executable:
    table = read_table(texts, where=str(path))
    if table is None or not table.contents:
        raise ExecutableError(f"{path} is damaged, download it again: its table has no contents")
    wheels, damages = read_contents(path, table)
    return Executable(
        path=path,
        layout="zipapp",
        size=size,
        info={"requirements": list(table.requirements)},
        wheels=dict(sorted(wheels.items())),
        table=table,
        damages=tuple(damages),
    )


def _read_folder(path: Path) -> Executable:
    try:
        texts = {name: (path / name).read_bytes() for name in (INFO, MAIN)}
    except FileNotFoundError as error:
        raise ExecutableError(
            f"{path} is a folder but not a PEX: it has no {Path(str(error.filename)).name}; "
            f"{_what_to_name(path)}"
        ) from error
    with contextlib.suppress(FileNotFoundError):
        texts[TABLE] = (path / TABLE).read_bytes()
    wheels = {}
    deps = path / DEPS.rstrip("/")
    for entry in sorted(deps.iterdir()) if deps.is_dir() else ():
        if entry.is_file():
            with entry.open("rb") as stream:
                size = entry.stat().st_size
                wheels[entry.name] = _read_wheel(path, entry.name, stream, size, size)
        else:
            files = {
                file.relative_to(entry).as_posix(): file
                for file in sorted(entry.rglob("*"))
                if file.is_file()
            }
            found = find_metadata(files)
            metadata = files[found].read_bytes() if found else None
            size = sum(file.stat().st_size for file in files.values())
            wheels[entry.name] = _installed_wheel(
                path, entry.name, metadata, size=size, unpacked=size
            )
    layout: Layout = "packed" if (path / ".bootstrap").is_file() else "loose"
    total = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return _executable(path, layout, total, texts, wheels)


def _executable(
    path: Path,
    layout: Layout,
    size: int,
    texts: Mapping[str, bytes],
    wheels: dict[str, HeldWheel],
) -> Executable:
    try:
        info = json.loads(texts[INFO])
    except ValueError as error:
        raise ExecutableError(f"{path} is not a PEX: its {INFO} cannot be read: {error}") from error
    if not isinstance(info, dict) or not isinstance(info.get("distributions"), dict):
        raise ExecutableError(f"{path} is not a PEX: its {INFO} lists no distributions")
    for key, (kind, default) in _INFO_KINDS.items():
        if not isinstance(info.get(key, default), kind):
            raise ExecutableError(
                f"{path} is not a PEX: its {INFO} has a {key} that pex never writes"
            )
    table = read_table(texts, where=str(path))
    if table is not None and table.contents:
        raise ExecutableError(
            f"{path} is damaged, download it again: its table says that it is no PEX"
        )
    return Executable(
        path=path,
        layout=layout,
        size=size,
        info=info,
        wheels=dict(sorted(wheels.items())),
        table=table,
        damages=tuple(_damages(table, info, wheels)),
    )


def _damages(
    table: Table | None, info: Mapping[str, Any], wheels: Mapping[str, HeldWheel]
) -> Iterator[tuple[str, str]]:
    wanted = {item.file: item.sha256 for item in table.wheels} if table else {}
    for name in sorted({*wanted, *info["distributions"]}):
        if name not in wheels:
            yield name, "is missing"
        elif name in wanted and wheels[name].sha256 != wanted[name]:
            yield name, "is not the wheel that was built in"
        elif wheels[name].texts is None:
            yield name, "is not a readable wheel"
    for name in sorted(wheels.keys() - wanted.keys() if table else ()):
        yield name, "is there, but no target has it"


def _read_wheel(path: Path, name: str, stream: IO[bytes], size: int, held: int) -> HeldWheel:
    """Hash and open a wheel.

    A packed PEX keeps what pex has installed beforehand in a zip file named like the wheel: such a
    file is no wheel, and its hash is not a wheel's.
    """
    sha256 = digest_of(stream)
    stream.seek(0)
    sizes: dict[str, int] = {}
    metadata = None
    with contextlib.suppress(*BROKEN), zipfile.ZipFile(stream) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
        found = find_metadata(sizes)
        metadata = archive.read(found) if found else None
    is_installed = metadata is not None and ".layout.json" in sizes
    return HeldWheel(
        wheel=_named(path, name, {} if is_installed else {"sha256": sha256}, size),
        size=held,
        unpacked=0 if metadata is None else unpacked_size(sizes),
        texts=parse_texts(metadata),
    )


def _installed_wheel(
    path: Path, name: str, metadata: bytes | None, *, size: int, unpacked: int
) -> HeldWheel:
    return HeldWheel(
        wheel=_named(path, name, {}, size),
        size=size,
        unpacked=unpacked,
        texts=parse_texts(metadata),
    )


def _named(path: Path, name: str, hashes: Mapping[str, str], size: int) -> Wheel:
    try:
        return parse_wheel(name, "", hashes, size)
    except InvalidWheelFilename as error:
        raise ExecutableError(
            f"{path} holds {name!r}, which is not named as a wheel; it cannot be read"
        ) from error


@contextmanager
def open_wheels(executable: Executable) -> Iterator[dict[str, Opener]]:
    """Yield what opens each wheel in an executable, except those that pex has installed beforehand.

    Of a file without wheels, only the undamaged ones are yielded.
    """
    if executable.is_pyz:
        with unpack_wheels(executable) as openers:
            yield openers
        return
    path = executable.path
    names = [name for name, held in executable.wheels.items() if held.sha256 is not None]
    streams: dict[str, Callable[[], IO[bytes]]]
    if path.is_dir():
        streams = {name: functools.partial(open_source, path / DEPS / name) for name in names}
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.getinfo(DEPS + name) for name in names}
        streams = {
            name: functools.partial(_open_member, path, info) for name, info in members.items()
        }
    yield {name: functools.partial(open_archive, stream) for name, stream in streams.items()}


def _open_member(path: Path, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member to read and seek: in place if it is stored, else unpacked in memory."""
    if member.compress_type == zipfile.ZIP_STORED:
        return open_stored(str(path), member)
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(member))
