"""pex: how it is started, the folders that it works in, and its part of an executable.

That part is a skeleton: pex's runtime, its start and PEX-INFO, without wheels. It depends on pex
and its options, but not on a project's wheels and targets, so it is kept in the cache, and most
builds do not run pex. It is the same on every host: differences of Windows and some Pythons are
removed.

Below pex's own folder there is a file for each kind that was needed lately: the SHA-256 of the rest
in its first line, then a zip file. Two builds that lack the same one both make it, and the second
puts the same bytes in the place of the first.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import re
import shlex
import shutil
import sys
import zipfile
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.atomic_write import read_sealed, write_sealed
from hatch_multiplat.base.errors import ExecutableError, ToolError, WriteError
from hatch_multiplat.base.own_requirements import own_requirements
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.threads import run_in_threads
from hatch_multiplat.executable.executable import DEPS, INFO, MAIN, MULTIPLAT, PEX_MAIN, PEX_PACKAGE
from hatch_multiplat.executable.rendering import PYTHON
from hatch_multiplat.executable.zip_writer import Member, read_members, write_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hatch_multiplat.config.config import Config

FOLDER: Final = "skeletons"
FORM: Final = 2
"""The version of the kept form; raise it when the form changes."""
KEPT: Final = 16
"""The number kept: the last used ones. Each takes some 1 MB, and a project needs one or a few."""
HASH: Final = "pex_hash"

# A pex under Python 3.12 or newer leaves this out, and its runtime does without on any Python.
_LEFT_OUT: Final = ".bootstrap/pex/vendor/_vendored/setuptools/"
# By these variables pex finds the folder of its caches, which it writes into `__main__.py`.
_HOMES: Final = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")
_CACHE: Final = re.compile(rb"^    pex_root=.+,$", re.MULTILINE)
_USUAL_CACHE: Final = b"    pex_root='~/.cache/pex',"
COPIES: Final = "downloads"
FULL: Final = ("No space left on device", "Errno 28", "Disk quota exceeded")
"""Words with which pex, and the programs that it runs, fail on a full disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PexHome:
    """The folder below which pex keeps what the next build can use, and the variables it gets."""

    root: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeleton:
    """A PEX without wheels: PEX-INFO's values, the texts that name its hash, all other members.

    `texts` are pex's start, by the names of their members; the others may be packed already, and
    `runtime` is what `digest_contents` says of them.
    """

    info: Mapping[str, Any]
    texts: Mapping[str, bytes]
    others: tuple[Member, ...]
    runtime: str = ""

    def describe(self) -> dict[str, str]:
        """Return a table's facts about pex: its version, and two SHA-256 in hex digits."""
        start = {**self.texts, INFO: dump_info(self.info).encode()}
        properties = self.info.get("build_properties", {})
        return {
            "runtime": self.runtime,
            "start": digest_contents(start),
            "version": str(properties.get("pex_version", "")),
        }

    def fill(self, info: Mapping[str, Any]) -> Skeleton:
        """Return the skeleton with other values in its PEX-INFO, and the resulting hash."""
        filled = with_hash({**self.info, **info})
        old, new = str(self.info[HASH]).encode(), str(filled[HASH]).encode()
        texts = {name: text.replace(old, new) for name, text in self.texts.items()}
        return replace(self, info=filled, texts=texts)


def digest_contents(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and contents, as 64 hex digits; folders do not count."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        if not name.endswith("/"):
            own = hashlib.sha256(contents[name]).hexdigest()
            digest.update(f"{name} {own}\n".encode())
    return digest.hexdigest()


def dump_info(info: Mapping[str, Any]) -> str:
    """Return PEX-INFO's text as pex writes it."""
    return json.dumps(info, sort_keys=True, separators=(",", ":"))


def with_hash(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return PEX-INFO with its hash, which is over everything else in it."""
    rest = {key: value for key, value in info.items() if key != HASH}
    digest = hashlib.sha1(dump_info(rest).encode(), usedforsecurity=False).hexdigest()
    return {**rest, HASH: digest}


def find_skeleton(config: Config, home: PexHome) -> Skeleton:
    """Return the skeleton for these options, made by pex if there is none yet.

    Raises ToolError when pex fails or writes something else than what is known here,
    ExecutableError where it meets a full disk or the folder cannot be written.
    """
    path = _path(config, home)
    content = _read_kept(path)
    if content is None:
        content = normalize(_make(_arguments(config), home))
        # A cache that cannot be written costs time at the next build, and nothing else.
        with suppress(OSError):
            _keep(content, path)
    return parse_skeleton(content)


def lacks_skeleton(config: Config, home: PexHome) -> bool:
    """Tell whether pex has to make a skeleton for a build with these options."""
    formats = config.formats
    takes_one = "pex" in formats or ("exe" in formats and "pyz" not in formats)
    return takes_one and _read_kept(_path(config, home)) is None


@contextmanager
def making_skeleton(config: Config, home: PexHome) -> Iterator[None]:
    """Let pex make the skeleton that a build lacks while the build does something else.

    At the end it is made, unless pex has failed: `find_skeleton` then says why.
    """
    lacking = [config] if lacks_skeleton(config, home) else []
    if lacking:
        with suppress(ImportError):
            import filelock  # noqa: F401, PLC0415 - no thread is to import: see HttpClient.prepare
    outcomes = run_in_threads(lambda one: find_skeleton(one, home), lacking, 1)
    try:
        yield
    except KeyboardInterrupt:  # The user waits for nothing more.
        outcomes = iter(())
        raise
    finally:
        deque(outcomes, maxlen=0)


def _arguments(config: Config) -> tuple[str, ...]:
    return (*option_arguments(config), *config.pex_args)


def _path(config: Config, home: PexHome) -> Path:
    return home.root / FOLDER / _key(_arguments(config), home.environ)


def option_arguments(config: Config) -> list[str]:
    """Return pex's flags for what its own runtime needs to know too."""
    return [
        # pex makes up a shebang from its targets, and warns that it cannot; ours is on top.
        *("--python-shebang", f"#!{config.shebang or PYTHON}"),
        f"--inherit-path={config.inherit_path}",
        *(["--include-tools"] if config.include_tools else []),
        *(["--runtime-pex-root", config.runtime_root] if config.runtime_root else []),
        # With "=", as what is injected may begin with a dash.
        *([f"--inject-args={shlex.join(config.inject_args)}"] if config.inject_args else []),
        *(word for key, value in config.inject_env for word in ("--inject-env", f"{key}={value}")),
    ]


def normalize(content: bytes) -> bytes:
    """Return a PEX without wheels in the form that is the same on all hosts, as a zip file.

    Raises ToolError if pex has written something else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = {
                info.filename: archive.read(info)
                for info in archive.infolist()
                if not info.filename.startswith(_LEFT_OUT)
            }
        skeleton = _skeleton(data, {})
        known = (
            dump_info(skeleton.info).encode() == data[INFO]
            and with_hash(skeleton.info) == skeleton.info
            and skeleton.info["distributions"] == {}
            and skeleton.info["requirements"] == []
            and all(str(skeleton.info[HASH]).encode() in text for text in skeleton.texts.values())
        )
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unknown(str(error)) from error
    if not known:
        raise _unknown(f"its {INFO} is not as pex {metadata.version('pex')} wrote it before")
    # pex writes this one on all systems but Windows.
    filled = skeleton.fill({"pex_path": ""})
    texts = dict(filled.texts)
    if "pex_root" not in filled.info:
        # It writes another where `~/.cache` leads out of the home folder, on macOS and on Windows.
        texts = {name: _CACHE.sub(_USUAL_CACHE, text) for name, text in texts.items()}
    data |= {**texts, INFO: dump_info(filled.info).encode()}
    stream = io.BytesIO()
    write_members((Member(name=name, data=found) for name, found in data.items()), stream)
    return stream.getvalue()


def parse_skeleton(content: bytes) -> Skeleton:
    """Return the skeleton in a zip file that `normalize` made."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    return _skeleton(data, read_members(content))


def read_skeleton(path: Path) -> Skeleton:
    """Return the skeleton from which an executable was made; raises ValueError, KeyError."""
    with zipfile.ZipFile(path) as archive:
        names = (name for name in archive.namelist() if not name.startswith((DEPS, MULTIPLAT)))
        data = {name: archive.read(name) for name in names}
        data[MAIN] = archive.read(PEX_MAIN)
    skeleton = _skeleton(data, read_members(path))
    if not re.fullmatch("[0-9a-f]{40}", str(skeleton.info[HASH])):
        raise ValueError(HASH)
    return skeleton


def _skeleton(data: Mapping[str, bytes], members: Mapping[str, Member]) -> Skeleton:
    others = {
        name: content for name, content in data.items() if name != INFO and not _is_text(name)
    }
    return Skeleton(
        info=json.loads(data[INFO]),
        texts={name: text for name, text in data.items() if _is_text(name)},
        others=tuple(members[name] for name in others if name in members),
        runtime=digest_contents(others),
    )


def _is_text(name: str) -> bool:
    """Tell whether a member names the hash; a program finds its own PEX by `__pex__`."""
    return name == MAIN or (name.startswith(PEX_PACKAGE) and not name.endswith("/"))


def _unknown(why: str) -> ToolError:
    return ToolError(
        f"pex {metadata.version('pex')} writes a file that is not known here: {why}; "
        "install the release of pex that hatch-multiplat requires"
    )


def _make(arguments: Sequence[str], home: PexHome) -> bytes:
    with own_pex_root(home.root) as root, told_as_cache(home.root):
        # The root is this build's own; what a killed one has left in it goes first.
        folder = root.resolve() / "skeleton"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        words = ("--output-file", "built.pex", "--layout", "zipapp")
        fixed = ("--no-pre-install-wheels", "--no-compress")
        run_pex([*words, *fixed, *arguments], folder=folder, home=replace(home, root=root))
        content = (folder / "built.pex").read_bytes()
        shutil.rmtree(folder, ignore_errors=True)
        return content


def _key(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return a name for everything that shapes a skeleton: pex, its Python, its options."""
    # The one that is required need not be installed; sources without metadata require none.
    required = own_requirements("build").get("pex")
    shapes = {
        "form": FORM,
        "pex": str(required.specifier) if required else metadata.version("pex"),
        "python": [sys.implementation.name, sys.version, sys.platform],
        "environment": {
            name: value
            for name, value in sorted(environ.items())
            if name in _HOMES or name.startswith("PEX_")
        },
        "arguments": list(arguments),
    }
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()


def _read_kept(path: Path) -> bytes | None:
    """Return the kept skeleton; None if there is none, or it is damaged."""
    content = read_sealed(path)
    with suppress(OSError):
        os.utime(path)
    return content


def _keep(content: bytes, path: Path) -> None:
    """Keep a skeleton, and no more of them than `KEPT`, nor what killed builds have left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, content)
    by_age = sorted(path.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
    for old in by_age[KEPT:]:
        with suppress(OSError):
            old.unlink()


def run_pex(
    words: Sequence[str | Path], *, module: str = "pex", folder: Path, home: PexHome
) -> None:
    """Run pex in a folder, with its caches at `home`; raises ToolError, and ExecutableError.

    Its temporary files are in that folder too: pex leaves them where it is killed with its build.
    `module` is `pex`, or `pex.cli` for what is otherwise called `pex3`. Where folders of PATH lie
    on another drive of Windows, pex fails at comparing them with its own, unless that comes first.
    """
    environ = {**pex_environment(home), "TMPDIR": str(folder)}
    if os.name == "nt":
        own = Path(str(resources.files("pex")))
        environ["PATH"] = os.pathsep.join([str(own), home.environ.get("PATH", os.defpath)])
    with _disk_full_told():
        run_tool("pex", [sys.executable, "-m", module, *words], cwd=folder, environ=environ)


def pex_environment(home: PexHome) -> dict[str, str | None]:
    """Return the variables that pex runs with: its caches at `home`, no settings of a user.

    pex writes into the file where its runtime keeps its cache unless told otherwise, and takes the
    cache folder of whoever builds for it; with the usual one it writes `~/.cache/pex`.
    """
    environ: dict[str, str | None] = {
        **home.environ,
        "PEX_IGNORE_RCFILES": "1",
        "PEX_ROOT": str(home.root),
        "PEX_EMIT_WARNINGS": "0",
        "XDG_CACHE_HOME": None,
    }
    # A user whom the system does not know has no home, as in a container with any number for one.
    with suppress(RuntimeError):
        environ["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
    return environ


@contextmanager
def own_pex_root(folder: Path) -> Iterator[Path]:
    """Give the first of pex's folders below `folder` that no other build uses.

    pex copies what it needs into its own cache; kept, it would double the disk that is used, so it
    goes at the end. Removing it under another build's eyes would break that, hence a folder for
    each. Locks of a build that was killed vanish with it. Raises WriteError where it cannot be
    made.
    """
    # A build that has the skeleton already runs no pex, and need not have this installed.
    from filelock import FileLock, Timeout  # noqa: PLC0415

    with told_as_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count():
        lock = FileLock(folder / f"{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        except OSError as error:
            raise _refuse_cache(folder, error) from error
        try:
            root = folder / str(number)
            with told_as_cache(folder):
                root.mkdir(exist_ok=True)
            yield root
            shutil.rmtree(root / COPIES, ignore_errors=True)
        finally:
            lock.release()
        return


@contextmanager
def told_as_cache(folder: Path) -> Iterator[None]:
    """Raise a WriteError for an OSError: the cache cannot be written, not an output."""
    try:
        yield
    except OSError as error:
        raise _refuse_cache(folder, error) from error


def _refuse_cache(folder: Path, error: OSError) -> WriteError:
    return WriteError.of(folder, error, instead="HATCH_MULTIPLAT_CACHE")


@contextmanager
def _disk_full_told() -> Iterator[None]:
    """Tell a full disk, of which pex speaks in its own words, from other failures of pex."""
    try:
        yield
    except ToolError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = [line for line in lines if any(words in line for words in FULL)]
        if not said:
            raise
        raise ExecutableError(
            f"pex cannot write its files: {said[-1]}; "
            "free some space there, or name other folders in HATCH_MULTIPLAT_CACHE and TMPDIR"
        ) from error
