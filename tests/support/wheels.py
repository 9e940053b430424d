"""Real wheels and sdists, small and valid, made to measure; the same arguments, the same bytes."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import random
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, Final

from packaging.tags import parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Files = Mapping[str, str | bytes]

_EPOCH: Final = (2020, 2, 2, 0, 0, 0)
_EPOCH_SECONDS: Final = 1580601600

# The build backend inside every sdist. It needs nothing installed, so that building one needs no
# network, and it only writes down the wheel that the test described.
_BACKEND: Final = """\
import base64, json, os, zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open("wheel.json") as file:
        wheel = json.load(file)
    if wheel["failure"]:
        raise SystemExit(wheel["failure"])
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel["filename"]), "w") as archive:
        for name, content in sorted(wheel["members"].items()):
            archive.writestr(name, base64.b64decode(content))
    return wheel["filename"]


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError
"""


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tags: str = "py3-none-any",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Iterable[str]] | None = None,
    scripts: Mapping[str, str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    files: Files | None = None,
    data: Files | None = None,
    build: str = "",
    blob: int = 0,
) -> Path:
    """Write a wheel into the folder and return its path.

    `tags` is the compressed tag set of the file name, `scripts` are console scripts, `entry_points`
    further groups. `files` are its members by path; left out, a package of its name that holds
    `__version__`. `data` goes below `.data`: `scripts/run.sh`. `blob` adds that many bytes of
    incompressible content, written without holding them in memory.
    """
    members = _wheel_members(
        name,
        version,
        tags=tags,
        requires=requires,
        requires_python=requires_python,
        extras=extras,
        entry_points={**({"console_scripts": scripts} if scripts else {}), **(entry_points or {})},
        files=files,
        data=data,
        build=build,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _wheel_filename(name, version, tags, build)
    itself = f"{_stem(name, version)}.dist-info/RECORD"
    record = _record(members, itself, [_blob_row(name, blob)] if blob else [])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(_member(member), content)
        if blob:
            info = _member(_blob_name(name))
            info.compress_type = zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=blob >= 2**31) as file:
                for chunk in _blob_chunks(name, blob):
                    file.write(chunk)
        archive.writestr(_member(itself), record)
    return path


def make_sdist(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tags: str = "py3-none-any",
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    scripts: Mapping[str, str] | None = None,
    files: Files | None = None,
    failure: str = "",
    build_requires: Iterable[str] = (),
    extension: str = ".tar.gz",
) -> Path:
    """Write an sdist into the folder and return its path.

    It builds, without a network, into the wheel that `make_wheel` makes of the same arguments:
    a native one if `tags` say so. With `failure` the build ends with that message instead;
    `build_requires` have to be installed for it, though it does not use them.
    """
    requires = tuple(requires)
    members = _wheel_members(
        name,
        version,
        tags=tags,
        requires=requires,
        requires_python=requires_python,
        entry_points={"console_scripts": scripts} if scripts else {},
        files=files,
    )
    info = f"{_stem(name, version)}.dist-info"
    metadata = members[f"{info}/METADATA"]
    members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD")
    wheel = {
        "filename": _wheel_filename(name, version, tags, ""),
        "failure": failure,
        "members": {path: base64.b64encode(data).decode() for path, data in members.items()},
    }
    project = [
        "[build-system]",
        f"requires = {json.dumps(list(build_requires))}",
        'build-backend = "backend"',
        'backend-path = ["."]',
        "[project]",
        f"name = {json.dumps(name)}",
        f"version = {json.dumps(version)}",
        f"dependencies = {json.dumps(requires)}",
        *([f"requires-python = {json.dumps(requires_python)}"] if requires_python else []),
    ]
    content = {
        "PKG-INFO": metadata,
        "backend.py": _BACKEND.encode(),
        "pyproject.toml": "\n".join([*project, ""]).encode(),
        "wheel.json": json.dumps(wheel, indent=1, sort_keys=True).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_stem(name, version)}{extension}"
    root = _stem(name, version)
    if extension == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, text in content.items():
                archive.writestr(_member(f"{root}/{member}"), text)
    else:
        path.write_bytes(gzip.compress(_tar(root, content), mtime=_EPOCH_SECONDS))
    return path


def write_backend(folder: Path, wheel: Path) -> dict[str, Any]:
    """Write a build backend whose wheel is this one; returns the project's `[build-system]`."""
    (folder / "backend.py").write_text(
        "import shutil\n\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    shutil.copy({str(wheel)!r}, folder)\n"
        f"    return {wheel.name!r}\n",
        "utf-8",
    )
    return {"requires": [], "build-backend": "backend", "backend-path": ["."]}


def change_members(path: Path, *, compression: int | None = None, flags: int | None = None) -> None:
    """Change how the members of a zip file are said to be stored, and leave them as they are."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.start_dir
    while content[at : at + 4] == b"PK\1\2":
        for place, value in ((8, flags), (10, compression)):
            if value is not None:
                content[at + place : at + place + 2] = value.to_bytes(2, "little")
        at += 46 + sum(
            int.from_bytes(content[at + place : at + place + 2], "little") for place in (28, 30, 32)
        )
    path.write_bytes(content)


def rewrite(
    path: Path,
    changes: Mapping[str, str | bytes | None],
    *,
    modes: Mapping[str, int] | None = None,
    record: bool = False,
) -> None:
    """Write a wheel again with other contents, with more members, or without some.

    Changes are by the member's name; None leaves it out. `modes` are those of new members, kind
    and all. With `record`, its RECORD has their hashes, else it stays as it was.
    """
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for name, content in changes.items():
        members.pop(name, None)
        if content is not None:
            members[name] = content.encode() if isinstance(content, str) else content
    listed = next(name for name in [*members, ""] if name.endswith(".dist-info/RECORD") or not name)
    if record and listed:
        del members[listed]
        members[listed] = _record(members, listed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = _member(name)
            if modes and name in modes:
                info.external_attr = modes[name] << 16
            archive.writestr(info, content)


def _wheel_members(
    name: str,
    version: str,
    *,
    tags: str,
    requires: Iterable[str],
    requires_python: str | None,
    entry_points: Mapping[str, Mapping[str, str]],
    files: Files | None,
    extras: Mapping[str, Iterable[str]] | None = None,
    data: Files | None = None,
    build: str = "",
) -> dict[str, bytes]:
    """Return the members of a wheel but for RECORD, in their order."""
    stem = _stem(name, version)
    package = re.sub(r"[-_.]+", "_", name).lower()
    if files is None:
        files = {f"{package}/__init__.py": f'__version__ = "{version}"\n'}
    metadata = ["Metadata-Version: 2.3", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        metadata.append(f"Requires-Python: {requires_python}")
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in (extras or {}).items():
        metadata.append(f"Provides-Extra: {extra}")
        metadata += [f'Requires-Dist: {req} ; extra == "{extra}"' for req in requirements]
    pure = tags.endswith("-none-any")
    wheel = [
        "Wheel-Version: 1.0",
        "Generator: hatch-multiplat-tests",
        f"Root-Is-Purelib: {str(pure).lower()}",
        *sorted(f"Tag: {tag}" for tag in parse_tag(tags)),
        *([f"Build: {build}"] if build else []),
    ]
    texts: dict[str, str | bytes] = dict(sorted(files.items()))
    texts |= {f"{stem}.data/{path}": content for path, content in sorted((data or {}).items())}
    if entry_points:
        lines = []
        for group, points in entry_points.items():
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""]
        texts[f"{stem}.dist-info/entry_points.txt"] = "\n".join(lines)
    texts[f"{stem}.dist-info/METADATA"] = "\n".join([*metadata, ""])
    texts[f"{stem}.dist-info/WHEEL"] = "\n".join([*wheel, ""])
    return {k: v.encode() if isinstance(v, str) else v for k, v in texts.items()}


def _record(
    members: Mapping[str, bytes], itself: str, more: Iterable[tuple[str, str, int]] = ()
) -> bytes:
    rows = [(k, _record_hash(hashlib.sha256(v)), len(v)) for k, v in members.items()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*rows, *more, (itself, "", "")])
    return text.getvalue().encode()


def _blob_row(name: str, blob: int) -> tuple[str, str, int]:
    hasher = hashlib.sha256()
    for chunk in _blob_chunks(name, blob):
        hasher.update(chunk)
    return _blob_name(name), _record_hash(hasher), blob


def _record_hash(hasher: hashlib._Hash) -> str:
    digest = base64.urlsafe_b64encode(hasher.digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def _blob_name(name: str) -> str:
    return f"{_stem(name, '')[:-1]}.blob"


def _blob_chunks(name: str, size: int) -> Iterable[bytes]:
    chunk = random.Random(name).randbytes(1 << 20)
    for _ in range(size >> 20):
        yield chunk
    yield chunk[: size % (1 << 20)]


def _stem(name: str, version: str) -> str:
    return f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}"


def _wheel_filename(name: str, version: str, tags: str, build: str) -> str:
    return "-".join([_stem(name, version), *([build] if build else []), tags]) + ".whl"


def _member(path: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    mode = 0o755 if ".data/scripts/" in path else 0o644
    info.external_attr = (0o100000 | mode) << 16
    return info


def _tar(root: str, content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in content.items():
            info = tarfile.TarInfo(f"{root}/{path}")
            info.size, info.mtime, info.mode = len(data), _EPOCH_SECONDS, 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
