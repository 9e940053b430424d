"""Every byte of an executable accounted for: by a release of ours, by pex's, by the table.

What is the same in every file of one release is known by its SHA-256: that of this release is made
from its own files, those of the releases before it are in `releases.json`, which
`scripts/digests.py` writes. What depends on the table is rendered anew and compared.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.errors import ExecutableError
from hatch_multiplat.config.config import Config
from hatch_multiplat.executable.executable import (
    BLOCKS,
    BOOTSTRAP,
    CONTENTS,
    DEPS,
    INFO,
    LAUNCHERS,
    MAIN,
    MULTIPLAT,
    PEX_MAIN,
    PEX_PACKAGE,
    TABLE,
)
from hatch_multiplat.executable.pex import HASH, digest_contents, find_skeleton, with_hash
from hatch_multiplat.executable.rendering import (
    HEADER_MARK,
    digest_checked,
    digest_header,
    digest_members,
    render_constant_header,
    render_members,
    render_prefix,
)
from hatch_multiplat.executable.zip_writer import LAUNCHER, find_strays, read_prefix
from hatch_multiplat.wheels.wheel_file import BROKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_multiplat.executable.executable import Executable
    from hatch_multiplat.executable.pex import PexHome
    from hatch_multiplat.executable.table import Table

State = Literal["known", "rewritten", "unknown", "wrong"]

# Where the launcher has what its file is about, by a literal.
_ABOUT: Final = re.compile(rb"\nABOUT = (\{\n.*?\n\})", re.DOTALL)
# The last lines of pex's start: a call with what PEX-INFO says, too.
_BOOT: Final = re.compile(rb"^    (\w+)=(.*),$", re.MULTILINE)
_MARK: Final = HEADER_MARK.encode()
_EMPTY_CODE: Final = hashlib.sha1(b"", usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Account:
    """A part of a file: who wrote it, or what is wrong with it.

    `rewritten` is a first line that is not the build's, as packagers write it. `unknown` is a part
    that this release cannot account for, but another release may.
    """

    part: str
    state: State
    why: str


def account_for(executable: Executable) -> tuple[Account, ...]:
    """Account for every part of an executable of ours except its wheels, which it has checked.

    Raises ExecutableError for a PEX that is not ours, or that cannot be read.
    """
    table = executable.own_table()
    prefix: bytes | None = None
    strays: tuple[str, ...] = ()
    try:
        if executable.path.is_dir():
            contents = _read_folder(executable)
        else:
            contents, prefix, strays = _read_file(executable)
        rendered = render_members(table)
        own = {name: data for name, data in contents.items() if not _is_content(name, table)}
        accounts = [*_account_others(contents, table, strays)]
        if table.contents:
            accounts.append(_account_contents(executable))
        if prefix is not None:
            accounts.append(_account_header(prefix, table, contents[MAIN], rendered[MAIN]))
        accounts += _account_first_line(contents[MAIN], rendered[MAIN], is_folder=prefix is None)
        accounts += _account_own(own, rendered, prefix)
        if not table.contents:
            accounts += _account_pex(contents, table)
        return tuple(accounts)
    except (OSError, ValueError, KeyError, *BROKEN) as error:
        raise ExecutableError(f"{executable.path} cannot be accounted for: {error}") from error


def constant_digests() -> dict[str, str]:
    """Return the SHA-256 of each part that this release puts into every file."""
    package = resources.files("hatch_multiplat")
    launcher = package.joinpath("executable/launcher.py").read_bytes()
    runtime = {
        item.name: item.read_bytes()
        for item in package.joinpath("runtime").iterdir()
        if item.name.endswith(".py")
    }
    return {
        "header": _sha256(render_constant_header().encode()),
        "launcher": _sha256(launcher.replace(b"\nABOUT = {}", b"\nABOUT = ", 1)),
        "runtime": digest_contents(runtime),
    }


def pex_digests(home: PexHome) -> dict[str, object]:
    """Return pex's parts of every file: its runtime, with and without tools, and its start."""
    found = [
        find_skeleton(Config(targets=(), include_tools=tools), home) for tools in (False, True)
    ]
    start, _ = split_start(found[0].texts[MAIN])
    return {
        "runtimes": [skeleton.runtime for skeleton in found],
        "start": digest_contents({"start": start}),
    }


def read_releases() -> dict[str, Any]:
    """Return the known digests of earlier releases, and of pex's."""
    text = resources.files("hatch_multiplat").joinpath("executable/releases.json")
    found: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return found


def split_start(main: bytes) -> tuple[bytes, dict[str, str]]:
    """Return pex's start without the part that depends on PEX-INFO, and that part.

    The first line, which names a Python, is not in it.
    """
    text = main.partition(b"\n")[2] if main.startswith(b"#!") else main
    values = {key.decode(): value.decode("utf-8", "replace") for key, value in _BOOT.findall(text)}
    return _BOOT.sub(rb"    \1=", text).lstrip(b"\n"), values


def _read_file(executable: Executable) -> tuple[dict[str, bytes], bytes, tuple[str, ...]]:
    strays = find_strays(executable.path)
    with zipfile.ZipFile(executable.path) as archive:
        contents = {
            info.filename: b"" if info.filename.startswith((DEPS, BLOCKS)) else archive.read(info)
            for info in archive.infolist()
        }
    return contents, read_prefix(executable.path), strays


def _read_folder(executable: Executable) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for path in sorted(executable.path.rglob("*")):
        name = path.relative_to(executable.path).as_posix()
        if name == BOOTSTRAP.rstrip("/") and path.is_file():
            with zipfile.ZipFile(path) as archive:
                contents |= {BOOTSTRAP + item: archive.read(item) for item in archive.namelist()}
        elif path.is_file():
            contents[name] = b"" if name.startswith(DEPS) else path.read_bytes()
    # pex's link to what starts the folder.
    if contents.get("pex") == contents.get(MAIN):
        contents.pop("pex")
    return contents


def _account_others(
    contents: Mapping[str, bytes], table: Table, strays: tuple[str, ...]
) -> Iterator[Account]:
    """Account for the rest: bytes between members, and members that no build writes."""
    for stray in strays:
        yield Account("bytes", "wrong", stray)
    if table.contents:
        blocks = {f"{BLOCKS}{name}.xz" for name, _ in json.loads(contents[CONTENTS])["blocks"]}
        for name in contents:
            ours = name == MAIN or (name.startswith(MULTIPLAT) and not name.startswith(BLOCKS))
            if name in {PEX_MAIN, MULTIPLAT} or not (ours or name in blocks):
                yield Account("members", "wrong", f"{name} is in no build")
        return
    wheels = {DEPS + wheel.file for wheel in table.wheels}
    for name in contents:
        ours = name in {MAIN, INFO, DEPS, *wheels} or name.startswith((MULTIPLAT, BOOTSTRAP))
        if not ours and name not in {PEX_PACKAGE, f"{PEX_PACKAGE}__init__.py"}:
            yield Account("members", "wrong", f"{name} is in no build")


def _is_content(name: str, table: Table) -> bool:
    """Tell whether a member holds contents of wheels, which a PEX does not have."""
    return bool(table.contents) and (name == CONTENTS or name.startswith(BLOCKS))


def _account_contents(executable: Executable) -> Account:
    """Account for the contents of wheels, which were all compared when the file was read."""
    if executable.damages:
        return Account("contents", "wrong", "they differ from the table")
    many = len({member.sha256 for held in executable.wheels.values() for member in held.members})
    why = f"{many} have the SHA-256 that the table says; only --lock compares them with wheels"
    return Account("contents", "known", why)


def _account_header(
    prefix: bytes, table: Table, launcher: bytes, rendered_launcher: bytes
) -> Account:
    """Account for everything before the first member."""
    if prefix.startswith(LAUNCHER):
        return _account_launcher_of_windows(prefix)
    own_id = str(_read_about(launcher).get("id", ""))[:16].encode()
    expected_id = str(_read_about(rendered_launcher)["id"])[:16].encode()
    # The id covers the runtime, which may be another release's.
    rendered = render_prefix(table).replace(expected_id, own_id)
    if prefix == rendered and not prefix.partition(_MARK)[1]:
        return Account("header", "known", "the lines that its table says")
    if prefix == rendered:
        return _known("header", prefix.partition(_MARK)[2])
    first, _, rest = prefix.partition(b"\n")
    if rest == rendered.partition(b"\n")[2] or (not rest and first.startswith(b"#!")):
        shown = ascii(first[:80].decode("utf-8", "replace"))
        why = f"its first line is {shown}, which hatch-multiplat does not write by itself"
        return Account("header", "rewritten", why)
    own, mark, constant = prefix.partition(_MARK)
    if mark and own == rendered.partition(_MARK)[0]:
        return _known("header", constant)
    return Account("header", "unknown", "it is not as its table says")


def _read_distlib() -> dict[bytes, str]:
    """Return the launchers of the installed distlib, and their names."""
    folder = resources.files("distlib")
    return {item.read_bytes(): item.name for item in folder.iterdir() if item.name[-4:] == ".exe"}


def _account_launchers(launchers: Mapping[str, bytes]) -> Iterator[Account]:
    """Account for the programs that start console scripts on Windows."""
    if not launchers:
        return
    known = _read_distlib()
    others = [n for n, data in launchers.items() if known.get(data) != n.removeprefix(LAUNCHERS)]
    if others:
        why = f"{', '.join(others)} is not one of the installed distlib"
        yield Account("Windows launchers", "unknown", why)
    else:
        names = ", ".join(name.removeprefix(LAUNCHERS) for name in launchers)
        yield Account("Windows launchers", "known", f"distlib's {names}")


def _account_launcher_of_windows(prefix: bytes) -> Account:
    program, _, line = prefix.rstrip(b"\n").rpartition(b"#!")
    known = _read_distlib()
    if program in known and line.startswith(b"/usr/bin/env ") and b"\n" not in line:
        name = known[program]
        return Account("header", "known", f"distlib's launcher {name}, as installed")
    why = "its launcher for Windows is not one of the installed distlib"
    return Account("header", "unknown", why)


def _account_first_line(launcher: bytes, rendered: bytes, *, is_folder: bool) -> Iterator[Account]:
    """Account for the launcher's first lines, which its digest does not cover."""
    (first, *rest), (wanted, *others) = launcher.split(b"\n", 2), rendered.split(b"\n", 2)
    if rest[:1] != others[:1] or (first != wanted and not (is_folder and first.startswith(b"#!"))):
        yield Account("launcher", "wrong", "its first lines are in no build")
    elif first != wanted:
        why = f"its first line is {first[:80].decode('utf-8', 'replace')!a}"
        yield Account("launcher", "rewritten", why)


def _account_own(
    contents: Mapping[str, bytes], rendered: Mapping[str, bytes], prefix: bytes | None
) -> Iterator[Account]:
    """Account for the launcher, the runtime and the table."""
    own = {
        name: data
        for name, data in contents.items()
        if name.startswith(MULTIPLAT) and name not in {PEX_MAIN, MULTIPLAT}
    }
    launcher = contents[MAIN]
    about = _read_about(launcher)
    launchers = {name: data for name, data in own.items() if name.startswith(LAUNCHERS)}
    runtime = {
        name.removeprefix(MULTIPLAT): data
        for name, data in own.items()
        if name != TABLE and name not in launchers
    }
    digest = digest_members({**own, MAIN: launcher})
    if digest != about.get("id") or sorted([MAIN, *own]) != about.get("members"):
        why = "launcher, runtime and table do not have the digest that the launcher names"
        yield Account("launcher", "wrong", why)
        return
    is_header = prefix is not None and not prefix.startswith(LAUNCHER) and prefix.count(b"\n") > 1
    if about.get("check") != digest_checked({**own, MAIN: launcher}):
        why = "launcher and enter.py do not have the check that the launcher names"
        yield Account("launcher", "wrong", why)
    elif is_header and about.get("header") != digest_header(prefix or b""):
        why = "the lines in front of the zip file do not have the digest that it names"
        yield Account("launcher", "wrong", why)
    wanted = _read_about(rendered[MAIN])
    digests = {"id", "header", "check", "members"}
    if any(about[key] != wanted.get(key) for key in about.keys() - digests):
        yield Account("launcher", "unknown", "it differs from the table")
    else:
        without = _ABOUT.sub(b"\nABOUT = ", launcher, count=1).split(b"\n", 2)[2]
        yield _known("launcher", without)
    yield _known("runtime", digest_contents(runtime))
    yield from _account_launchers(launchers)
    if own[TABLE] == rendered[TABLE]:
        yield Account("table", "known", f"sha256 of the start-up: {digest}")
    else:
        yield Account("table", "unknown", "it has more than this release reads")


def _read_about(launcher: bytes) -> dict[str, Any]:
    found = _ABOUT.search(launcher)
    about = ast.literal_eval(found[1].decode("ascii", "replace")) if found else {}
    return about if isinstance(about, dict) else {}


def _account_pex(contents: Mapping[str, bytes], table: Table) -> Iterator[Account]:
    """Account for pex's runtime, its start, and PEX-INFO."""
    version = table.pex.get("version", "")
    releases = read_releases()["pex"].get(version)
    runtime = {
        name: data
        for name, data in contents.items()
        if name.startswith(BOOTSTRAP) or name == PEX_PACKAGE
    }
    digest = digest_contents(runtime)
    if digest != table.pex.get("runtime"):
        yield Account("pex's runtime", "wrong", "it differs from the table")
    elif releases is None or digest not in releases["runtimes"]:
        why = f"this release knows no pex {version} with these files"
        yield Account("pex's runtime", "unknown", why)
    else:
        yield Account("pex's runtime", "known", f"pex {version}")
    info = json.loads(contents[INFO])
    start = {
        MAIN: contents[PEX_MAIN],
        INFO: contents[INFO],
        f"{PEX_PACKAGE}__init__.py": contents[f"{PEX_PACKAGE}__init__.py"],
    }
    if digest_contents(start) != table.pex.get("start"):
        yield Account("pex's start", "wrong", "it differs from the table")
        return
    wrong = [*_compare_info(info, table), *_compare_start(start, info)]
    if wrong:
        yield Account("pex's start", "wrong", wrong[0])
        return
    constant = digest_contents({"start": split_start(contents[PEX_MAIN])[0]})
    if releases is None or constant != releases["start"]:
        why = f"this release knows no pex {version} that starts so"
        yield Account("pex's start", "unknown", why)
    else:
        yield Account("pex's start", "known", f"pex {version}, and the table")


def _compare_info(info: Mapping[str, Any], table: Table) -> Iterator[str]:
    """Say how PEX-INFO differs from the table."""
    run = table.run
    says = {
        "distributions": {wheel.file: wheel.sha256 for wheel in table.wheels},
        "inject_args": list(table.inject_args),
        "inject_env": dict(table.inject_env),
        "inherit_path": table.options.inherit_path,
        "overridden": sorted(table.overrides),
        "excluded": sorted(table.excluded),
        "code_hash": _EMPTY_CODE,
        "deps_are_wheel_files": True,
        "interpreter_constraints": [],
        "inject_python_args": [],
        "bind_resource_paths": {},
        "pex_path": "",
        "pex_paths": [],
    }
    if "script" not in run:
        says["entry_point"] = run.get("entry_point", run.get("module"))
    if table.options.runtime_root:
        says["pex_root"] = table.options.runtime_root
    for key, value in says.items():
        if info.get(key) != value:
            yield f"{INFO} has another {key} than the table"
    if with_hash(info) != info:
        yield f"{INFO} does not have the hash that it names"
    if run.keys() != {"script"} and info.get("script"):
        yield f"{INFO} names a script, the table does not"


def _compare_start(start: Mapping[str, bytes], info: Mapping[str, Any]) -> Iterator[str]:
    """Say how pex's start differs from the one that pex writes for this PEX-INFO."""
    is_venv = bool(info.get("venv"))
    hermetic = info.get("venv_hermetic_scripts") if is_venv else info.get("inherit_path") == "false"
    says: dict[str, object] = {
        "bootstrap_dir": ".bootstrap",
        "pex_root": info.get("pex_root", "~/.cache/pex"),
        "pex_hash": info.get(HASH),
        "hermetic_boot": bool(hermetic),
        "has_interpreter_constraints": False,
        "pex_path": (),
        "is_venv": is_venv,
        "inject_python_args": (),
    }
    for name in (MAIN, f"{PEX_PACKAGE}__init__.py"):
        text, values = split_start(start[name])
        if values != {key: repr(value) for key, value in says.items()}:
            yield f"pex's start says something else than {INFO}"
        if text != split_start(start[MAIN])[0]:
            yield "pex's two starts differ"


def _known(part: str, content: bytes | str) -> Account:
    """Account for the parts that are the same in every file of one release."""
    digest = content if isinstance(content, str) else _sha256(content)
    if digest == constant_digests()[part]:
        return Account(part, "known", f"hatch-multiplat {__version__}, this release")
    for version, digests in read_releases()["releases"].items():
        if digest == digests[part]:
            return Account(part, "known", f"hatch-multiplat {version}")
    why = f"no hatch-multiplat up to {__version__} has written it; a newer one may know it"
    return Account(part, "unknown", why)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
