"""Install a wheel, by the binary distribution format's rules, from inside another file.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

import csv
import io
import os
import stat
import zipfile
import zlib
from typing import IO, Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from hatch_multiplat.runtime.writing import BadWheel, script_text, write_file, write_script

BLOCK = 1 << 20  # bytes
REPLACED = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER")  # what an installer writes anew


class Paths(NamedTuple):
    """Where each kind of a wheel's files goes; `root` holds all of them."""

    root: str
    purelib: str
    platlib: str
    scripts: str
    headers: str


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
