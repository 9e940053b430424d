"""Render what starts an executable: its launcher, the members in `.multiplat/`, its header."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.executable.executable import LAUNCHERS, MAIN, MULTIPLAT, TABLE
from hatch_multiplat.runtime.enter import FILES, FOLDER, PLACES
from hatch_multiplat.runtime.run import PRIME
from hatch_multiplat.runtime.windows import launcher_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.executable.table import Table, TableTarget

PYTHON: Final = "/usr/bin/env python3"
_CHECKED: Final = (f"{MULTIPLAT}enter.py", f"{MULTIPLAT}windows.py")
"""The modules that a later start by `python FILE` imports; the second on Windows only."""

# pex's variables, but for PEX_ROOT: each sends a start to pex's own runtime. So does any other that
# begins with PEX_, but a shell cannot list variables without starting a process: the header goes on
# with one that pex does not have yet, and enter.py turns back.
PEX_VARIABLES: Final = tuple(
    f"PEX_{name}"
    for name in (
        *("ALWAYS_CACHE", "COVERAGE", "COVERAGE_FILENAME", "DISABLE_VARIABLES", "EMIT_WARNINGS"),
        *("EXTRA_SYS_PATH", "FORCE_LOCAL", "IGNORE_ERRORS", "IGNORE_RCFILES", "INHERIT_PATH"),
        *("INTERPRETER", "INTERPRETER_HISTORY", "INTERPRETER_HISTORY_FILE", "MAX_INSTALL_JOBS"),
        *("MODULE", "MULTIPROCESSING_START_METHOD", "PATH", "PROFILE", "PROFILE_FILENAME"),
        *("PROFILE_SORT", "PYTHON", "PYTHON_PATH", "SCRIPT", "TEARDOWN_VERBOSE", "TOOLS"),
        *("UNZIP", "VENV", "VENV_BIN_PATH", "VERBOSE"),
    )
)


def python_names(targets: tuple[TableTarget, ...]) -> tuple[str, ...]:
    """The command names of interpreters for these targets, newest first."""
    newest = sorted(targets, key=lambda t: (t.implementation, -t.python[0], -t.python[1]))
    stems = {"pypy": "pypy"}
    names = [f"{stems.get(t.implementation, 'python')}{_minor(t)}" for t in newest]
    pypy = ["pypy3"] if any(t.implementation == "pypy" for t in targets) else []
    return tuple(dict.fromkeys([*names, *pypy, "python3", "python"]))


def render_members(table: Table) -> dict[str, bytes]:
    """The members that make an executable start, but for pex's own: the launcher and `.multiplat`.

    The launcher's `id` is what `digest_members` says of them, its `header` what `digest_header`
    says of the lines in front, its `check` what `digest_checked` says.
    """
    text = json.dumps(table.to_json(), sort_keys=True, separators=(",", ":"))
    members = {TABLE: text.encode()}
    members |= _read_runtime() | _read_launchers(table)
    about: dict[str, object] = {
        "name": table.name,
        "id": "",
        "header": "",
        "check": "",
        "commands": [table.main, *sorted(table.executables)],
        "pythons": list(python_names(table.targets)),
        "needs": _needs(table),
        "runtime_root": table.options.runtime_root,
        "inherit_path": table.options.inherit_path,
        "pex": not table.contents,
        "members": sorted([MAIN, *members]),
    }
    members[MAIN] = _render_launcher(table, about)
    about["id"] = digest_members(members)
    about["header"] = digest_header(render_prefix(table, str(about["id"])))
    about["check"] = digest_checked({**members, MAIN: _render_launcher(table, about)})
    return {**members, MAIN: _render_launcher(table, about)}


def _read_runtime() -> dict[str, bytes]:
    folder = resources.files("hatch_multiplat").joinpath("runtime")
    sources = (item for item in folder.iterdir() if item.name.endswith(".py"))
    return {MULTIPLAT + item.name: item.read_bytes() for item in sources}


def _read_launchers(table: Table) -> dict[str, bytes]:
    """The launchers that the scripts of Windows targets' wheels need, and no others.

    The program's own script has a console, unless it is a wheel's.
    """
    wanted = {
        launcher_name(target.arch, gui)
        for target in table.targets
        if target.system == "windows"
        for gui in {
            False,
            *(table.wheels[index].gui for _, indexes in target.sets for index in indexes),
        }
    }
    return {LAUNCHERS + name: read_launcher(name) for name in sorted(wanted)}


def read_launcher(name: str) -> bytes:
    """Return one of distlib's launchers, `t64.exe` and the like; raises ToolError."""
    try:
        return resources.files("distlib").joinpath(name).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise ToolError(
            f"cannot read distlib's launcher {name}: {error}; "
            "some systems package distlib without its launchers, install it from PyPI"
        ) from error


def digest_members(members: Mapping[str, bytes]) -> str:
    """The SHA-256 of the launcher and of what is ours in `.multiplat`, as 64 hex digits.

    Each stands behind a line with its name and length; the launcher counts without its digests.
    """
    digest = hashlib.sha256()
    for name in sorted(members):
        data = members[name]
        if name == MAIN:
            data = _blank(data, "id", "header", "check")
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def digest_checked(members: Mapping[str, bytes]) -> str:
    """The CRC-32 of what each start by `python FILE` runs, as 8 hex digits.

    That is the launcher without `check`, `enter.py`, and `windows.py`.
    """
    data = _blank(members[MAIN], "check") + b"".join(members[name] for name in _CHECKED)
    return f"{binascii.crc32(data):08x}"


def digest_header(header: bytes) -> str:
    """The size and the digest by which a start by these lines finds out that they are damaged.

    The first line, which packagers rewrite, does not count. The program's own Python asks at each
    start, hence a digest that it can make without importing anything: see run.py.
    """
    lines = header.partition(b"\n")[2]
    return f"{len(lines):x} {int.from_bytes(lines, 'big') % PRIME:x}"


def _blank(launcher: bytes, *names: str) -> bytes:
    """A launcher without these digests, and without its first line, which packagers rewrite."""
    pattern = rf"^(    '(?:{'|'.join(names)})': ')[0-9a-f ]+(',)$".encode()
    return re.sub(pattern, rb"\1\2", launcher.partition(b"\n")[2], flags=re.MULTILINE)


def _render_launcher(table: Table, about: Mapping[str, object]) -> bytes:
    source = resources.files("hatch_multiplat").joinpath("executable/launcher.py")
    filled = "".join(f"    {key!r}: {value!a},\n" for key, value in about.items())
    text = source.read_text(encoding="utf-8").replace(
        "\nABOUT = {}", f"\nABOUT = {{\n{filled}}}", 1
    )
    title = ascii(_title(table))[1:-1]
    return (
        f"#!{table.options.shebang or PYTHON}\n# {title}: made by hatch-multiplat.\n{text}".encode()
    )


def render_prefix(table: Table, digest: str = "") -> bytes:
    """The bytes before the first member: the header, or the project's own first line.

    `digest` is what `digest_members` says of the table's members, where that is known.
    """
    if table.options.shebang:
        return f"#!{table.options.shebang}\n".encode()
    return render_header(table, digest)


def render_header(table: Table, digest: str = "") -> bytes:
    """The `/bin/sh` lines that an executable starts with, unless it has the project's own.

    They find the first Python on PATH and its environment, and go there without starting that
    Python at all. Shell builtins only; where there is no environment yet, they first ask whether
    that Python starts, and whether the file ends as a zip file does.

    Whose files count is what `enter.Place.trusts` says, but for what no shell can see: the
    permissions, which run.py looks at, and root's files.

    The second line is for Python: a file cut short is no zip file any more, Python takes it for a
    script, and gives up at the encoding that is named there, whose name says what is wrong. The
    third is for the shell: if these lines end before the last of them, which takes the trap away,
    it says what is wrong. No line does anything unless all of it is there.

    A file for Windows alone has no use for a shell. Its first line is one that the `py` launcher
    knows, as that refuses every other.
    """
    if table.targets and all(target.system == "windows" for target in table.targets):
        return _WINDOWS_HEADER.replace("@TITLE@", _title(table)).encode()
    digest = digest or digest_members(render_members(table))
    keep_path = table.options.inherit_path != "false"
    names = [n for n in python_names(table.targets) if n not in ("python3", "python")]
    # Where the packages around a Python count, the one that is active has to be the first.
    wanted = ["python3", *names, "python"] if keep_path else [*names, "python3", "python"]
    text = _HEADER
    for field_name, value in {
        "@TITLE@": _title(table),
        "@NAME@": _sh_quote(table.name),
        "@TRAP@": _sh_quote(f"echo {_sh_quote(table.name)}{_INCOMPLETE}; exit 1"),
        "@MAIN@": _sh_quote(table.main),
        "@ID@": digest[:16],
        "@PYTHONS@": ":".join(wanted),
        "@NEEDS@": _sh_quote(_needs(table)),
        "@ROOT@": _sh_root(table.options.runtime_root),
        "@UNSET@": "PYTHONHOME" if keep_path else "'PYTHONHOME PYTHONPATH'",
    }.items():
        text = text.replace(field_name, value)
    return (text + HEADER_MARK + render_constant_header()).encode()


def render_constant_header() -> str:
    """The lines of a header, after its mark, that are the same in every file of this release."""
    return (
        _CONSTANT.replace("@FILES@", " ".join(FILES))
        .replace("@INCOMPLETE@", _INCOMPLETE)
        .replace("@VARIABLES@", "".join(f"${{{name}+x}}" for name in PEX_VARIABLES))
    )


_WINDOWS_HEADER: Final = """\
#!/usr/bin/env python3
#coding:damaged-file--download-it-again
# @TITLE@: one file for several platforms, made by hatch-multiplat.
"""
_INCOMPLETE: Final = '": this file is damaged or incomplete, download it again" >&2'
_HEADER: Final = """\
#!/bin/sh
#coding:damaged-file--download-it-again
{ trap @TRAP@ 0; }
# @TITLE@: one file for several platforms, made by hatch-multiplat.
{ _mp_app=@NAME@ _mp_main=@MAIN@ _mp_needs=@NEEDS@; }
{ _mp_id=@ID@ _mp_words=@PYTHONS@ _mp_unset=@UNSET@; }
_mp_places() { # Look for an environment in each folder where the cache may be.
@ROOT@
}
"""
HEADER_MARK: Final = "# What follows is the same in every file of one release.\n"
_CONSTANT: Final = """\
_mp_own() { # Is the folder $1, and all on the path $2 below it, real and this user's?
    _mp_at=$1
    _mp_rest=${2:+$2/}
    while [ -O "$_mp_at" ] && [ ! -L "$_mp_at" ]; do
        if [ -z "$_mp_rest" ]; then return 0; fi
        _mp_at=$_mp_at/${_mp_rest%%/*}
        _mp_rest=${_mp_rest#*/}
    done
    return 1
}
_mp_enter() { # Go to the environment that the folder $_mp_cache has for the Python $1.
    _mp_of=$1
    shift
    if [ -f "$_mp_cache/$_mp_id/from$_mp_of" ] && _mp_own "$_mp_cache" "$_mp_id/from$_mp_of"
    then :; else return 0; fi
    { IFS= read -r _mp_key && IFS= read -r _mp_how && IFS= read -r _mp_base &&
        IFS= read -r _mp_real && IFS= read -r _mp_library
    } <"$_mp_cache/$_mp_id/from$_mp_of" || return 0
    _mp_root=$_mp_cache/$_mp_id/$_mp_key
    _mp_exe=$_mp_root/venv/bin/python
    if [ "$_mp_how" = base ]; then _mp_exe=$_mp_base; fi
    if [ -x "$_mp_exe" ] && [ "$_mp_of" -ef "$_mp_real" ]; then :; else return 0; fi
    _mp_name=${0##*/}
    [ -f "$_mp_root/app/$_mp_name" ] || _mp_name=${_mp_name%.*}
    [ -f "$_mp_root/app/$_mp_name" ] || _mp_name=$_mp_main
    _mp_own "$_mp_cache" "$_mp_id/$_mp_key/app/$_mp_name" || return 0
    for _mp_part in "$_mp_library" bin venv/bin code/_multiplat; do
        _mp_own "$_mp_root" "$_mp_part" || return 0
    done
    for _mp_part in @FILES@; do
        [ -f "$_mp_root/$_mp_part" ] && _mp_own "$_mp_root/$_mp_part" || return 0
    done
    unset $_mp_unset __PYVENV_LAUNCHER__
    export _MULTIPLAT_FILE="$0"
    if [ "$_mp_how" = direct ]; then exec "$_mp_root/app/$_mp_name" "$@"; fi
    exec "$_mp_exe" "$_mp_root/app/$_mp_name" "$@"
}
_mp_look() { # Look for an environment of the Python $1 in the cache.
    if [ -n "${MULTIPLAT+x}${_MULTIPLAT_AGAIN+x}${PYTHONHOME+x}$_mp_pex" ] ||
        [ "${PEX_ROOT:-/}" != "/${PEX_ROOT#/}" ]; then return 0; fi
    _mp_places "$@"
}
_mp_try() { # Start the Python $1, unless it cannot be started.
    _mp_python=$1
    export _MULTIPLAT_SH="$1"
    _mp_look "$@"
    if [ -x /usr/bin/xcode-select ] && [ "$_mp_python" -ef /usr/bin/python3 ] &&
        ! /usr/bin/xcode-select -p >/dev/null 2>&1; then return 0; fi
    _mp_answer=$(exec 2>/dev/null </dev/null; "$_mp_python" -E -s -S -c '
import sys
sys.path[:] = filter(None, sys.path)  # not from the current folder
import os, zlib
try:
    file = open(sys.argv[1], "rb")
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 65557))
    parts = file.read().split(b"__main__.py")
    whole = any(p[-46:-42] == b"PK\\1\\2" for p in parts[:-1]) and b"PK\\5\\6" in parts[-1]
except Exception:
    whole = True
path = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable or "")
os.write(1, path if bytes is str else os.fsencode(path))
sys.exit(90 if whole else 91)' "$0"; exit $?)
    case $? in
    90) ;;
    91) echo "$_mp_app"@INCOMPLETE@; exit 1 ;;
    *) return 0 ;;
    esac
    shift
    if [ "$_mp_answer" != "$_mp_python" ]; then _mp_look "$_mp_answer" "$@"; fi
    if [ -z "$_mp_pex" ] && [ -n "${PYTHONPATH+x}" ]; then
        export _MULTIPLAT_PYTHONPATH="$PYTHONPATH"
        unset PYTHONPATH
    fi
    exec "$_mp_python" "$0" "$@"
}
_mp_start() {
    trap - 0
    _mp_pex=@VARIABLES@
    _mp_ifs=$IFS
    _mp_seen=
    IFS=:
    set -f
    for _mp_dir in ${PATH:-/usr/bin:/bin}; do
        for _mp_word in $_mp_words; do
            _mp_file=${_mp_dir:-.}/$_mp_word
            if [ -f "$_mp_file" ] && [ -x "$_mp_file" ]; then
                set +f
                IFS=$_mp_ifs
                _mp_try "$_mp_file" "$@"
                _mp_seen=" that starts"
                IFS=:
                set -f
            fi
        done
    done
    echo "$_mp_app: no Python$_mp_seen found on PATH; needs $_mp_needs" >&2
    exit 127
}
{ _mp_start "$@"; exit 1; }
"""


def _sh_root(runtime_root: str | None) -> str:
    """Shell lines that look in the folder where the cache is to be, by `enter.PLACES`.

    They take it for what `enter.find_place` takes it for; where they cannot, nothing is found.
    """
    named, *homes = [place for place in PLACES if place[1] != "nt"]
    branches = [_sh_branch(named[2], [named[3]])]
    if runtime_root is not None:
        path, variables = _sh_path(runtime_root)
        unset = [f'[ -z "${{{name}+x}}" ]' for name in variables]
        branches += [(condition, [":"]) for condition in unset]
        branches.append(("", [f'_mp_cache={path}/{FOLDER}; _mp_enter "$@"']))
    else:
        for variable in dict.fromkeys(place[2] for place in homes):
            rests = [rest for _, _, name, rest in homes if name == variable]
            branches.append(_sh_branch(variable, rests[::-1]))
    lines = []
    for number, (condition, body) in enumerate(branches):
        word = "elif" if number else "if"
        lines += [f"{word} {condition}; then" if condition else "else", *("    " + x for x in body)]
    return "\n".join("    " + line for line in [*lines, "fi"])


def _sh_branch(variable: str, rests: list[str]) -> tuple[str, list[str]]:
    """A condition, and lines that look below each of these folders in a variable's."""
    lines = [f'_mp_cache=${variable}{rest}/{FOLDER}; _mp_enter "$@"' for rest in rests]
    return f'[ "${{{variable}#/}}" != "${{{variable}:-}}" ]', lines


def _sh_path(path: str) -> tuple[str, list[str]]:
    """A path as the shell reads it, and the variables in it: a home first, `$NAME`, `${NAME}`."""
    if path.startswith("~/"):
        path = "$HOME" + path[1:]
    pieces = re.split(r"\$([^\W\d]\w*)|\$\{([^\W\d]\w*)\}", path, flags=re.ASCII)
    quoted, variables = "", []
    for place, piece in enumerate(pieces):
        if piece and place % 3:
            quoted += f'"${{{piece}}}"'
            variables.append(piece)
        elif piece:
            quoted += _sh_quote(piece)
    return quoted, variables


def _title(table: Table) -> str:
    return f"{table.name} {table.version}"


def _needs(table: Table) -> str:
    """The Pythons that the file supports, for a person: `Python 3.11, 3.12 or 3.13`."""
    oldest = sorted(table.targets, key=lambda t: (t.implementation, t.python))
    stems = {"pypy": "PyPy "}
    words = dict.fromkeys(f"{stems.get(t.implementation, '')}{_minor(t)}" for t in oldest)
    *most, last = list(words) or ["3.6 or newer"]
    text = f"{', '.join(most)} or {last}" if most else last
    return text if text.startswith("PyPy") else "Python " + text


def _minor(target: TableTarget) -> str:
    return f"{target.python[0]}.{target.python[1]}{'t' if target.abi == 't' else ''}"


def _sh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"
