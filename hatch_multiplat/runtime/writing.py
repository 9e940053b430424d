"""Write the files of an installation: plain ones, and scripts that start on their system."""

import base64
import hashlib
import os
import re
from typing import Iterable, List, Tuple

SHEBANG_LIMIT = 124  # bytes of the interpreter's path; Linux before 5.1 cuts the line at 127


class BadWheel(Exception):  # noqa: N818 - the name is the message
    """A wheel breaks the rules; nothing of it may be used."""


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
