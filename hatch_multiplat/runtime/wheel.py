"""Install a wheel, by the binary distribution format's rules, from inside another file.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import base64
import csv
import hashlib
import io
import os
import re
import stat
import zipfile
import zlib
from typing import IO, Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, cast

BLOCK = 1 << 20  # bytes
REPLACED = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER")  # what an installer writes anew
SHEBANG_LIMIT = 124  # bytes of the interpreter's path; Linux before 5.1 cuts the line at 127


class DamagedFile(Exception):  # noqa: N818 - the name is the message
    """The executable is not what the build wrote."""


class BadWheel(Exception):  # noqa: N818 - as above
    """A wheel breaks the rules; nothing of it may be used."""


class Paths(NamedTuple):
    """Where each kind of a wheel's files goes; `root` holds all of them."""

    root: str
    purelib: str
    platlib: str
    scripts: str
    headers: str


class Section(io.RawIOBase):
    """A byte range of a file, read as a file of its own: a stored zip member, say."""

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self.stream, self.start, self.size, self.at = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = max(0, offset + (0, self.at, self.size)[whence])
        return self.at

    def close(self) -> None:
        self.stream.close()
        super().close()

    def read(self, size: Optional[int] = -1) -> bytes:
        left = max(0, self.size - self.at)
        size = left if size is None or size < 0 else min(size, left)
        self.stream.seek(self.start + self.at)
        data = self.stream.read(size)
        self.at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Executable:
    """The file that we run from, and the wheels in it, read in place."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.zip: Optional[zipfile.ZipFile] = None
        if not os.path.isdir(path):
            try:
                self.zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, ValueError) as error:
                raise DamagedFile(str(error)) from error

    def close(self) -> None:
        if self.zip is not None:
            self.zip.close()

    def open_wheel(self, wheel: Dict[str, Any]) -> IO[bytes]:
        """A wheel as a binary stream, after its bytes were checked against the table's hash."""
        name = ".deps/" + wheel["file"]
        if self.zip is None:  # an unzipped layout keeps its wheels as files
            path = os.path.join(self.path, *name.split("/"))
            stream = cast("IO[bytes]", open(path, "rb"))  # noqa: SIM115 - the caller closes it
        else:
            stream = self._open_member(self.zip, name)
        digest = hashlib.sha256()
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
        if digest.hexdigest() != wheel["sha256"]:
            stream.close()
            raise DamagedFile("%s is not the wheel that was built in" % wheel["file"])
        stream.seek(0)
        return stream

    def _open_member(self, archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        try:
            info = archive.getinfo(name)
        except KeyError:
            raise DamagedFile("%s is missing" % name) from None
        if info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(archive.read(info))
        stream = open(self.path, "rb")  # noqa: SIM115 - the section closes it
        stream.seek(info.header_offset)
        header = stream.read(30)
        if header[:4] != b"PK\x03\x04" or len(header) < 30:
            stream.close()
            raise DamagedFile("%s is not where it should be" % name)
        skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        return cast("IO[bytes]", Section(stream, info.header_offset + 30 + skip, info.file_size))


def check_member(name: str) -> None:
    """Refuse a member name that could lead out of the folder it is unpacked to."""
    parts = name.split("/")
    if "\\" in name or "\0" in name or ":" in parts[0] or ".." in parts or name.startswith("/"):
        raise BadWheel("it tries to write outside its folder: %r" % name)
    if os.name == "nt" and ":" in name:
        raise BadWheel("it has a name that Windows cannot store: %r" % name)


def read_headers(text: str) -> Dict[str, str]:
    """The `Key: value` lines of a WHEEL file, keys in lower case."""
    lines = (line.partition(":") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in lines if value}


def read_entry_points(text: str) -> Dict[str, Dict[str, str]]:
    """entry_points.txt: group to name to `module:object`."""
    groups: Dict[str, Dict[str, str]] = {}
    group: Optional[Dict[str, str]] = None
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = groups.setdefault(line[1:-1].strip(), {})
        elif group is not None and "=" in line:
            name, _, reference = line.partition("=")
            group[name.strip()] = reference.partition("[")[0].strip()
    return groups


def shebang(python: str) -> bytes:
    """The first line of a script for this interpreter, also where a kernel's limits forbid it."""
    if os.name == "nt":
        return b"#!" + os.fsencode(python) + b"\n"
    path = os.fsencode(python)
    if len(path) <= SHEBANG_LIMIT and not any(c in path for c in b" \t\n"):
        return b"#!" + path + b"\n"
    # A line of shell that Python takes for a string; quoting without backslashes pleases both.
    special = re.compile(b'["$`\\\\]')
    quoted = b'"' + special.sub(lambda found: b"\"'" + found.group() + b"'\"", path) + b'"'
    return b"#!/bin/sh\n'''exec' " + quoted + b' "$0" "$@"\n' + b"' '''\n"


def script_text(reference: str) -> str:
    """The body of a console script, as pip writes it."""
    module, _, attribute = reference.partition(":")
    return "import sys\nfrom %s import %s\nif __name__ == '__main__':\n    sys.exit(%s())\n" % (
        module.strip(),
        attribute.strip().partition(".")[0],
        attribute.strip(),
    )


def write_script(folder: str, name: str, python: str, body: bytes, gui: bool = False) -> List[str]:
    """Write one executable script; on Windows a `.cmd` starter beside it. Returns their paths."""
    if not name or name in (".", "..") or re.search(r"[/\\\\\0:]|^pythonw?[\d.]*(\.exe)?$", name):
        raise BadWheel("its script may not be called %r" % name)
    if os.name != "nt" or name.endswith((".py", ".pyw")):
        path = os.path.join(folder, name)
        write_file(path, [shebang(python) + body], 0o777)
        return [path]
    path = os.path.join(folder, name + "-script.py" + ("w" if gui else ""))
    write_file(path, [shebang(python) + body], 0o777)
    starter = os.path.join(folder, name + ".cmd")
    line = '@"%s" "%%~dp0%s" %%*\r\n' % (python, os.path.basename(path))
    write_file(starter, [line.encode("utf-8")], 0o777)
    return [path, starter]


def write_file(
    path: str, blocks: Iterable[bytes], mode: int = 0o666, hashed: bool = True
) -> Tuple[str, int]:
    """Write a file, making its folder; returns its RECORD hash, unless not `hashed`, and size."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, mode)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle = os.open(path, flags, mode)
    try:  # A file object costs as much as the file: a wheel has a thousand small ones.
        digest, size = hashlib.sha256(), 0
        for block in blocks:
            size += len(block)
            if hashed:
                digest.update(block)
            left = memoryview(block)
            while left:
                left = left[os.write(handle, left) :]
    finally:
        os.close(handle)
    encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    return "sha256=" + encoded if hashed else "", size


def read_record(archive: zipfile.ZipFile, name: str) -> Dict[str, Tuple[str, Any]]:
    """The hash and the size of each member, as the wheel's own RECORD has them.

    The wheel as a whole was checked, so that this need not be computed again.
    """
    try:
        text = archive.read(name).decode("utf-8", "replace")
    except KeyError:
        return {}
    rows = csv.reader(io.StringIO(text))
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3 and row[1]}


def install_wheel(stream: IO[bytes], paths: Paths, python: str) -> Dict[str, Dict[str, str]]:
    """Install one wheel under `paths`; returns its entry points by group.

    `python` is the interpreter that its scripts name.
    Raises BadWheel if a member would land outside `paths.root` or is no ordinary file.
    """
    try:
        archive = zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        raise BadWheel(str(error)) from error
    with archive:
        # Offsets count from the start of the stream, wherever in another file that is.
        return Installer(archive, stream, paths, python).install()


class Installer:
    """One wheel on its way into `paths`; `record` lists what is there already."""

    def __init__(
        self, archive: zipfile.ZipFile, stream: IO[bytes], paths: Paths, python: str
    ) -> None:
        self.archive, self.stream, self.paths, self.python = archive, stream, paths, python
        self.info_dir = find_info_dir(archive.infolist())
        text = archive.read(self.info_dir + "/WHEEL").decode("utf-8", "replace")
        headers = read_headers(text)
        version = headers.get("wheel-version", "1.0")
        if version.partition(".")[0] != "1":
            raise BadWheel("wheel version %s is unknown" % version)
        pure = headers.get("root-is-purelib", "").lower() == "true"
        self.library = paths.purelib if pure else paths.platlib
        self.data_dir = self.info_dir[: -len(".dist-info")] + ".data"
        self.schemes = {
            "purelib": paths.purelib,
            "platlib": paths.platlib,
            "scripts": paths.scripts,
            "data": paths.root,
            "headers": os.path.join(paths.headers, self.info_dir.partition("-")[0]),
        }
        self.known = read_record(archive, self.info_dir + "/RECORD")
        self.record: List[Tuple[str, str, Any]] = []

    def install(self) -> Dict[str, Dict[str, str]]:
        """Unpack, write the scripts, then RECORD; returns the entry points by group."""
        replaced = [self.info_dir + "/" + name for name in REPLACED]
        for member in self.archive.infolist():
            if not member.filename.endswith("/") and member.filename not in replaced:
                self.unpack(member)
        groups = self.write_entry_points()
        installer = os.path.join(self.library, self.info_dir, "INSTALLER")
        self.add(installer, *write_file(installer, [b"hatch-multiplat\n"]))
        path = os.path.join(self.library, self.info_dir, "RECORD")
        self.add(path)
        write_record(path, self.record)
        return groups

    def add(self, path: str, digest: str = "", size: Any = "") -> None:
        """Note a file for RECORD."""
        name = os.path.relpath(path, self.library).replace(os.sep, "/")
        self.record.append((name, digest, size))

    def unpack(self, member: zipfile.ZipInfo) -> None:
        """Put one member where its kind belongs, with its executable bits."""
        folder, relative, kind = self.library, member.filename, ""
        if relative.startswith(self.data_dir + "/"):
            kind, _, relative = relative[len(self.data_dir) + 1 :].partition("/")
            if kind not in self.schemes or not relative:
                raise BadWheel("%r is of an unknown kind" % member.filename)
            folder = self.schemes[kind]
        blocks = read_blocks(self.archive, self.stream, member)
        mode = 0o777 if (member.external_attr >> 16) & 0o111 else 0o666
        if kind == "scripts":
            body = b"".join(blocks)
            first, _, rest = body.partition(b"\n")
            if first.startswith(b"#!python"):
                self.write_script(relative, rest, first.startswith(b"#!pythonw"))
                return
            blocks, mode = [body], 0o777
        path = os.path.join(folder, *relative.split("/"))
        known = self.known.get(member.filename) if kind != "scripts" else None
        if known:
            write_file(path, blocks, mode, hashed=False)
        else:
            known = write_file(path, blocks, mode)
        if kind:
            self.add(path, *known)
        else:
            self.record.append((member.filename, *known))

    def write_script(self, name: str, body: bytes, gui: bool) -> None:
        for path in write_script(self.paths.scripts, name, self.python, body, gui):
            self.add(path)

    def write_entry_points(self) -> Dict[str, Dict[str, str]]:
        """Write the console and gui scripts; returns all entry points."""
        try:
            text = self.archive.read(self.info_dir + "/entry_points.txt").decode("utf-8")
        except KeyError:
            return {}
        groups = read_entry_points(text)
        for group in ("console_scripts", "gui_scripts"):
            for name, reference in groups.get(group, {}).items():
                body = script_text(reference).encode("utf-8")
                self.write_script(name, body, group == "gui_scripts")
        return groups


def find_info_dir(members: List[zipfile.ZipInfo]) -> str:
    """The wheel's .dist-info folder, after a look at every member that may not be there."""
    found = ""
    for member in members:
        check_member(member.filename)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadWheel("%r is a link or a device" % member.filename)
        top, _, rest = member.filename.partition("/")
        if rest == "WHEEL" and top.endswith(".dist-info"):
            found = top
    if not found:
        raise BadWheel("it has no .dist-info/WHEEL")
    return found


def read_blocks(
    archive: zipfile.ZipFile, stream: IO[bytes], member: zipfile.ZipInfo
) -> Iterable[bytes]:
    """A member's bytes: in one piece if it is small, else block by block.

    Small ones are read without ZipFile's file objects, which take as long as the unpacking itself.
    """
    plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not plain or member.flag_bits & 0x1 or member.file_size > 16 * BLOCK:
        return iter_blocks(archive, member)
    stream.seek(member.header_offset)
    header = stream.read(30)
    if header[:4] != b"PK\x03\x04":
        raise BadWheel("%r is not where it should be" % member.filename)
    skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    stream.seek(skip, os.SEEK_CUR)
    data = stream.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompress(data, -15, member.file_size or 1)
    if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
        raise BadWheel("%r is damaged" % member.filename)
    return [data]


def iter_blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterable[bytes]:
    with archive.open(member) as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            yield block


def write_record(path: str, rows: List[Tuple[str, str, Any]]) -> None:
    """Write a RECORD file, sorted by path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in sorted(rows):
        writer.writerow(row)
    write_file(path, [text.getvalue().encode("utf-8")])
