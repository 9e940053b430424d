"""The cases of peers' own tests, out of their sdists.

packaging, installer and uv ship theirs; pip's sdists have had none since 1.5, so that pip itself is
asked instead, in the cases of the others.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tarfile
import textwrap
import tomllib
import urllib.request
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INDEX: Final = "https://pypi.org/simple/"
RELEASES: Final = {"packaging": "26.4", "installer": "1.1.0", "uv": "0.13.9"}
"""The releases whose cases were looked at."""


def read_sdist(name: str, pattern: str) -> dict[str, str]:
    """Return the files of a peer's sdist whose paths match, by path without the first folder."""
    version = RELEASES[name]
    request = urllib.request.Request(
        f"{INDEX}{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = {file["filename"]: file["url"] for file in json.load(answer)["files"]}
    with urllib.request.urlopen(files[f"{name}-{version}.tar.gz"], timeout=60) as answer:
        packed = io.BytesIO(answer.read())
    found = {}
    with tarfile.open(fileobj=packed) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            if member.isfile() and re.search(pattern, path):
                file = archive.extractfile(member)
                assert file is not None
                found[path] = file.read().decode()
    return found


def literal_cases(source: str, arguments: str) -> list[tuple[Any, ...]]:
    """Return the literal cases of parametrized tests in Python whose arguments are named so."""
    found: list[tuple[Any, ...]] = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("parametrize")):
            continue
        names = ast.literal_eval(node.args[0])
        if names != arguments and tuple(names) != tuple(arguments.split(", ")):
            continue
        for item in getattr(node.args[1], "elts", []):
            values = item.args if isinstance(item, ast.Call) else item.elts
            found.append(tuple(ast.literal_eval(value) for value in values))
    return found


def rust_strings(source: str) -> Iterator[str]:
    """Yield the string literals of a source in Rust, without the indentation of raw ones."""
    for raw in re.finditer(r'r(#*)"(.*?)"\1|"((?:[^"\\]|\\.)*)"', source, re.DOTALL):
        text = raw[2] if raw[2] is not None else raw[3].replace('\\"', '"').replace("\\n", "\n")
        yield textwrap.dedent(text)


def rust_test(source: str, name: str) -> str:
    """Return the body of one test of a source in Rust."""
    (body,) = re.findall(
        rf"^    fn {name}\(\).*?\{{\n(.*?)^    \}}$", source, re.DOTALL | re.MULTILINE
    )
    return str(body)


def locks_of(sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every PEP 751 lock that uv's tests write, or expect to be written."""
    found = []
    for source in sources.values():
        for text in rust_strings(source):
            lock = re.search(r"^lock-version.*?(?=^-----|\Z)", text, re.DOTALL | re.MULTILINE)
            try:
                found.append(
                    tomllib.loads(lock[0].replace("{{", "{").replace("}}", "}")) if lock else {}
                )
            except tomllib.TOMLDecodeError:
                continue
    return [lock for lock in found if lock]
