"""An executable without wheels, as pex makes it; kept, so that most builds need not run pex.

It depends on pex and on its options, and on nothing of a project's wheels and targets: in place of
the preamble, which holds them, it has a line that stands for it. Below pex's own folder there is a
file for each kind that was needed lately: the SHA-256 of the rest in its first line, then the PEX.
Two builds that lack the same one both make it, and the second puts the same bytes in the place of
the first.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.executable.executable import INFO, MAIN, PEX_PACKAGE
from hatch_multiplat.executable.pex_file import disk_full_told, option_arguments, pex_environment
from hatch_multiplat.executable.pex_info import HASH, dump_info, with_hash
from hatch_multiplat.executable.pex_root import own_pex_root, told_as_cache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.config.config import Config

FOLDER: Final = "skeletons"
KEPT: Final = 16
"""How many are kept, those used last. Each is some 4 MB, and one project needs one or a few."""
PREAMBLE: Final = "# Here stands the preamble of hatch-multiplat.\n"

# What else of pex's options ends in PEX-INFO alone. With any other, pex has to see the wheels.
_FLAGS: Final = frozenset(
    {
        *("--emit-warnings", "--no-emit-warnings", "--strip-pex-env", "--no-strip-pex-env"),
        *("--venv", "--venv=false", "--venv=prepend", "--venv=append"),
        *("--venv-copies", "--no-venv-copies", "--non-hermetic-venv-scripts"),
        *("--venv-site-packages-copies", "--no-venv-site-packages-copies"),
    }
)
_WITH_VALUE: Final = frozenset({"--build-property"})
# By these variables pex finds the folder of its caches, which it writes into `__main__.py`.
_HOMES: Final = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")
_CACHE: Final = re.compile(rb"^    pex_root=.+,$", re.MULTILINE)
_USUAL_CACHE: Final = b"    pex_root='~/.cache/pex',"


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeleton:
    """A PEX without wheels: what stands before its first member, its PEX-INFO and its members.

    The members are in their order, each with its bytes, which are not compressed.
    """

    prefix: bytes
    info: Mapping[str, Any]
    members: tuple[tuple[zipfile.ZipInfo, bytes], ...]


def can_shape(arguments: Sequence[str]) -> bool:
    """Tell whether what 'pex-args' asks for can be seen in a skeleton, whatever its wheels are."""
    words = iter(arguments)
    for word in words:
        option, equals, _ = word.partition("=")
        if option in _WITH_VALUE:
            if not equals and next(words, None) is None:
                return False
        elif word not in _FLAGS:
            return False
    return True


def find_skeleton(config: Config, *, pex_root: Path) -> Skeleton | None:
    """Return the skeleton for these options, made by pex if there is none yet.

    Below `pex_root`, pex and this keep what the next build can use. Returns None where pex writes
    something else than what is known here: then it has to make the whole file. Raises ToolError
    when pex fails, ExecutableError where it meets a full disk or the folder cannot be written.
    """
    arguments = _arguments(config)
    path = pex_root / FOLDER / _key(arguments)
    content = _read_kept(path)
    if content is None:
        content = _make(arguments, pex_root)
        # A cache that cannot be written costs time at the next build, and nothing else.
        with suppress(OSError):
            _keep(content, path)
    return parse_skeleton(content)


def parse_skeleton(content: bytes) -> Skeleton | None:
    """Return the skeleton in the bytes of a PEX; None if it is not one that can be filled."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            members = tuple((info, archive.read(info)) for info in infos)
        texts = {info.filename: data for info, data in members}
        info = json.loads(texts[INFO])
        main = texts[MAIN].decode()
    except (zipfile.BadZipFile, ValueError, KeyError):
        return None
    known = (
        isinstance(info, dict)
        and dump_info(info).encode() == texts[INFO]
        and with_hash(info) == info
        and info.get("distributions") == {}
        and info.get("requirements") == []
        and main.count(PREAMBLE) == 1
        and str(info[HASH]) in main.partition(PREAMBLE)[2]
        and all(item.compress_type == zipfile.ZIP_STORED for item in infos)
    )
    if not known:
        return None
    start = min(item.header_offset for item in infos)
    if "pex_root" not in info:
        members = tuple((item, _with_usual_cache(item.filename, data)) for item, data in members)
    return Skeleton(prefix=content[:start], info=info, members=members)


def _with_usual_cache(filename: str, data: bytes) -> bytes:
    """Return a member that names `~/.cache/pex` as the folder of the runtime's caches.

    pex writes another where `~/.cache` leads out of the home folder, on macOS and on Windows.
    """
    if filename in {MAIN, f"{PEX_PACKAGE}__init__.py"}:
        return _CACHE.sub(_USUAL_CACHE, data)
    return data


def _arguments(config: Config) -> tuple[str, ...]:
    """Return pex's flags that shape a skeleton."""
    return (
        *("--layout", "zipapp", "--no-pre-install-wheels", "--no-compress"),
        *option_arguments(config),
        *config.pex_args,
    )


def _make(arguments: Sequence[str], pex_root: Path) -> bytes:
    with own_pex_root(pex_root) as root, told_as_cache(pex_root):
        # The root is this build's own; what a killed one has left in it goes first.
        folder = root.resolve() / "skeleton"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "preamble.py").write_text(PREAMBLE, encoding="utf-8")
        with disk_full_told():
            run_tool(
                "pex",
                [
                    *(sys.executable, "-m", "pex", "--output-file", "built.pex"),
                    *("--preamble-file", "preamble.py", *arguments),
                ],
                cwd=folder,
                environ=pex_environment(root),
            )
        content = (folder / "built.pex").read_bytes()
        shutil.rmtree(folder, ignore_errors=True)
        return content


def _key(arguments: Sequence[str]) -> str:
    """Return a name for all that shapes a skeleton: pex, the Python that runs it, its options."""
    pex = metadata.distribution("pex")
    shapes = {
        "pex": [pex.version, hashlib.sha256((pex.read_text("RECORD") or "").encode()).hexdigest()],
        "python": [sys.implementation.name, sys.version, sys.platform],
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name in _HOMES or name.startswith("PEX_")
        },
        "arguments": list(arguments),
        "preamble": PREAMBLE,
    }
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()


def _read_kept(path: Path) -> bytes | None:
    """Return what is kept there; None if there is nothing, or it is damaged."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    with suppress(OSError):
        os.utime(path)
    return content


def _keep(content: bytes, path: Path) -> None:
    """Keep a skeleton, and no more of them than `KEPT`, nor what killed builds have left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest().encode()
    write_atomically(path, digest + b"\n" + content)
    by_age = sorted(path.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
    for old in by_age[KEPT:]:
        with suppress(OSError):
            old.unlink()
