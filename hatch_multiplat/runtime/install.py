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
import sys
import zipfile
import zlib
from typing import IO, Any, Dict, Iterable, Iterator, List, NamedTuple, Tuple

from . import rules, windows
from .rules import BadWheel

BLOCK = 1 << 20  # bytes
SHEBANG_LIMIT = 124  # bytes of the interpreter's path; Linux before 5.1 cuts the line at 127
SYSTEM = {"nt": rules.WINDOWS}.get(
    os.name, rules.MACOS if sys.platform == "darwin" else rules.LINUX
)
ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+.*(\n|$)")  # PEP 263

EntryPoints = Dict[str, Dict[str, str]]


class Interpreter(NamedTuple):
    """The interpreter that scripts name, and what makes programs of them on Windows.

    That is a launcher for those with a console, and one for those without, if there are any.
    """

    path: str
    launchers: Tuple[bytes, ...] = ()


def install_wheel(
    wheel: "Source", root: str, folders: rules.Folders, python: Interpreter
) -> EntryPoints:
    """Install one wheel into these folders of `root`; returns its entry points by group.

    Raises BadWheel if it breaks a rule.
    """
    placed, problems = rules.judge_wheel(wheel.facts, folders, SYSTEM)
    if problems:
        raise BadWheel(problems[0])
    return Installer(wheel, root, folders, python).install(placed)


class Source:
    """What a wheel holds, and the texts about it, wherever its members are read from.

    Raises BadWheel for what is no wheel.
    """

    def __init__(self, members: Iterable[rules.WheelMember]) -> None:
        members = tuple(members)
        self.names = {member.name for member in members}
        self.info_dir = rules.find_info_dir(self.names)
        self.pure = rules.is_pure(self.read_text("WHEEL"))
        self.entry_points = rules.parse_entry_points(self.read_text("entry_points.txt"))
        self.record = parse_record(self.read_text("RECORD"))
        self.facts = rules.WheelFacts(
            info_dir=self.info_dir,
            pure=self.pure,
            scripts={
                name: reference
                for group in rules.SCRIPT_GROUPS
                for name, reference in self.entry_points.get(group, {}).items()
            },
            members=members,
        )

    def look_at(self, name: str, mode: int, size: int, crc: int) -> rules.WheelMember:
        link = b"".join(self.read(name)).decode("utf-8", "replace") if stat.S_ISLNK(mode) else ""
        return rules.WheelMember(name, mode, size, crc, link)

    def read_text(self, file: str) -> str:
        """A text of the .dist-info folder; empty if there is none."""
        name = self.info_dir + "/" + file
        try:
            return b"".join(self.read(name)).decode("utf-8") if name in self.names else ""
        except UnicodeDecodeError as error:
            raise BadWheel("%r is not in UTF-8" % name) from error

    def read(self, name: str) -> Iterator[bytes]:
        """A member's bytes, block by block."""
        raise NotImplementedError

    def place(self, name: str, path: bytes, mode: int, hashed: bool) -> Tuple[str, int]:
        """Put a member's bytes into a file, as `write_file` does."""
        return write_file(path, self.read(name), mode, hashed)


class Archive(Source):
    """A wheel, read where it lies in a stream.

    Only the zip file's directory is read by `zipfile`, whose file objects take as long as the
    unpacking itself.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        try:
            infos = zipfile.ZipFile(stream).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
            raise BadWheel("it cannot be read: %s" % error) from error
        # Names as they are, not as `zipfile` cuts them at a null byte.
        infos = [info for info in infos if info.orig_filename[-1:] != "/"]
        self.infos = {info.orig_filename: info for info in infos}
        super().__init__(
            self.look_at(info.orig_filename, info.external_attr >> 16, info.file_size, info.CRC)
            for info in infos
        )

    def read(self, name: str) -> Iterator[bytes]:
        """A member's bytes, block by block; small ones in one piece.

        Raises BadWheel, at the end, if they are not what the zip file's directory says.
        """
        info, size, crc = self.infos[name], 0, 0
        if info.flag_bits & 0x1:
            raise BadWheel("%r is encrypted" % name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadWheel("%r is compressed in a way that not every Python can read" % name)
        try:
            blocks = read_range(self.stream, find_data(self.stream, info), info.compress_size)
            for block in inflate(blocks) if info.compress_type else blocks:
                size, crc = size + len(block), zlib.crc32(block, crc)
                if size > info.file_size:
                    break
                yield block
        except zipfile.BadZipFile as error:
            raise BadWheel("%r is not where it should be" % name) from error
        except zlib.error as error:
            raise BadWheel("%r is damaged: %s" % (name, error)) from error
        if size != info.file_size or crc != info.CRC:
            raise BadWheel("%r is damaged" % name)


def find_data(stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where a member's data begins in a zip file; raises BadZipFile if the member is not there."""
    stream.seek(max(0, info.header_offset))
    header = stream.read(30)
    size = int.from_bytes(header[26:28], "little")
    name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    if info.header_offset < 0 or header[:4] != b"PK\x03\x04" or stream.read(size) != name:
        raise zipfile.BadZipFile("%s is not where it should be" % info.filename)
    return info.header_offset + 30 + size + int.from_bytes(header[28:30], "little")


def read_range(stream: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """A part of a stream, block by block; it ends early where the stream does."""
    end = start + size
    while start < end:
        stream.seek(start)
        block = stream.read(min(BLOCK, end - start))
        if not block:
            return
        start += len(block)
        yield block


def inflate(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack deflated blocks into such as fit into memory, whatever they are made of."""
    engine = zlib.decompressobj(-15)
    for block in blocks:
        left = block
        while left:
            yield engine.decompress(left, BLOCK)
            left = engine.unconsumed_tail
    if not engine.eof:
        yield engine.flush()
    if not engine.eof:
        raise zlib.error("its data ends early")


class Installer:
    """One wheel on its way into an environment; `rows` are those of its new RECORD."""

    def __init__(
        self, wheel: Source, root: str, folders: rules.Folders, python: Interpreter
    ) -> None:
        self.wheel, self.folders, self.python = wheel, folders, python
        self.library = folders.purelib if wheel.facts.pure else folders.platlib
        self.root = os.fsencode(os.path.join(windows.verbatim(root), ""))
        self.rows: Dict[str, Tuple[str, Any]] = {}

    def install(self, placed: List[rules.Placed]) -> EntryPoints:
        """Unpack, write the scripts, then RECORD; returns the entry points by group."""
        for item in placed:
            self.unpack(item)
        for group in rules.SCRIPT_GROUPS:
            for name, reference in self.wheel.entry_points.get(group, {}).items():
                body = script_text(reference).encode("utf-8")
                self.write_script(self.folders.scripts + "/" + name, body, group == "gui_scripts")
        info_dir = self.library + "/" + self.wheel.info_dir
        path = info_dir + "/INSTALLER"
        self.rows[path] = write_file(self.locate(path), [b"hatch-multiplat\n"])
        self.rows[info_dir + "/RECORD"] = ("", "")
        text = io.StringIO()
        rows = [(self.name(path), *row) for path, row in self.rows.items()]
        csv.writer(text, lineterminator="\n").writerows(sorted(rows))
        write_file(self.locate(info_dir + "/RECORD"), [text.getvalue().encode("utf-8")])
        return self.wheel.entry_points

    def name(self, path: str) -> str:
        """What RECORD calls a path of the environment: relative to the library."""
        if path.startswith(self.library + "/"):
            return path[len(self.library) + 1 :]
        # Absolute, as the current folder may be gone.
        return os.path.relpath("/" + path, "/" + self.library).replace(os.sep, "/")

    def locate(self, path: str) -> bytes:
        """Where in the filesystem a path of the environment is: bytes, whatever the locale is."""
        return self.root + path.replace("/", os.sep).encode("utf-8")

    def unpack(self, item: rules.Placed) -> None:
        """Put one member where it belongs, with its executable bits."""
        member = item.member
        if member.link:
            write_link(self.locate(item.path), member.link)
            self.rows[item.path] = ("", "")
            return
        mode, known = 0o777 if member.mode & 0o111 else 0o666, self.wheel.record.get(member.name)
        if item.kind == "scripts":
            body = b"".join(self.wheel.read(member.name))
            first, _, rest = body.partition(b"\n")
            if first.startswith(b"#!python"):
                self.write_script(item.path, rest, first.startswith(b"#!pythonw"))
                return
            mode, known = 0o777, None
        made = self.wheel.place(member.name, self.locate(item.path), mode, hashed=not known)
        self.rows[item.path] = known or made

    def write_script(self, path: str, body: bytes, gui: bool) -> None:
        folder, _, name = path.rpartition("/")
        file = write_script(self.locate(folder), name, self.python, body, gui)
        self.rows[folder + "/" + file] = ("", "")


def parse_record(text: str) -> Dict[str, Tuple[str, Any]]:
    """The hash and the size of each member, as the wheel's own RECORD has them."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise BadWheel("its RECORD cannot be read: %s" % error) from error
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3 and row[1]}


def write_file(
    path: Any, blocks: Iterable[bytes], mode: int = 0o666, hashed: bool = True
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
    return record_hash(digest.digest()) if hashed else "", size


def record_hash(digest: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def write_link(path: bytes, link: str) -> None:
    """Make a symbolic link, in place of one that another wheel has put there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(link.encode("utf-8"), path)


def shebang(python: str, encoding: bytes = b"") -> bytes:
    """The first lines of a script for this interpreter, also where a kernel's limits forbid it.

    `encoding` is the line that says how the script's text is encoded, if it is not UTF-8.
    """
    path = os.fsencode(python)
    if len(path) <= SHEBANG_LIMIT and not re.search(rb"\s", path):
        try:
            path.decode("ascii" if encoding else "utf-8")
            return b"#!" + path + b"\n" + encoding
        except UnicodeDecodeError:
            pass  # Python could not read the line.
    # A line of shell that Python takes for a string, in ASCII alone.
    quoted = re.sub(b"[^A-Za-z0-9/._-]", lambda found: b"\\0%03o" % found.group()[0], path)
    start = b"'''exec' \"$(printf %b '" + quoted + b"')\" \"$0\" \"$@\"\n' '''\n"
    return b"#!/bin/sh\n" + encoding + start


def script_text(reference: str) -> str:
    """The body of a console script, as pip writes it, for a reference that was looked at."""
    module, _, attribute = reference.partition(":")
    lines = [
        "import sys",
        "from %s import %s" % (module, attribute.partition(".")[0]),
        "if __name__ == '__main__':",
        *(["    sys.argv[0] = sys.argv[0][:-4]"] if os.name == "nt" else []),  # without .exe
        "    sys.exit(%s())" % attribute,
    ]
    return "\n".join(lines) + "\n"


def write_script(
    folder: Any, name: str, python: Interpreter, body: bytes, gui: bool = False
) -> str:
    """Write one executable script, on Windows as a program. Returns the file's name."""
    found = ENCODING.match(body)
    encoding = found.group() if found else b""
    file = rules.script_file(name, SYSTEM)
    if python.launchers:
        data = windows.make_program(python.launchers[-1 if gui else 0], python.path, body, gui)
    elif os.name == "nt":  # the file has no target for Windows, yet runs there
        file, data = name + ".py", body
    else:
        data = shebang(python.path, encoding) + body[len(encoding) :]
    write_file(os.path.join(os.fsencode(folder), file.encode("utf-8")), [data], 0o777)
    return file
