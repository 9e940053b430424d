"""The target table inside an executable, and the text around it that starts the right set-up."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Literal

from hatch_multiplat.targets.patch_spans import EVERY, Spans

FORMAT: Final = 1
# The sources that a first run needs, each importing only from those before it.
RUNTIME_MODULES: Final = (
    *(
        "machine",
        "becoming",
        "flags",
        "places",
        "pythons",
        "rules",
        "executable",
        "install",
        "entry",
        "inherit",
        "starter",
        "venv",
    ),
    *("cache", "launch"),
)
# Where a header wants the size of the whole file; `archive.replace_prefix` fills it in.
SIZE_FIELD: Final = "@MULTIPLAT-SIZE@"

# pex's variables, but for PEX_ROOT: each sends a start to pex's own runtime. So does any other that
# begins with PEX_, but a shell cannot list variables without starting a process: the header goes on
# with one that pex does not have yet, and entry.py turns back.
PEX_VARIABLES: Final = (
    "PEX_ALWAYS_CACHE",
    "PEX_COVERAGE",
    "PEX_COVERAGE_FILENAME",
    "PEX_DISABLE_VARIABLES",
    "PEX_EMIT_WARNINGS",
    "PEX_EXTRA_SYS_PATH",
    "PEX_FORCE_LOCAL",
    "PEX_IGNORE_ERRORS",
    "PEX_IGNORE_RCFILES",
    "PEX_INHERIT_PATH",
    "PEX_INTERPRETER",
    "PEX_INTERPRETER_HISTORY",
    "PEX_INTERPRETER_HISTORY_FILE",
    "PEX_MAX_INSTALL_JOBS",
    "PEX_MODULE",
    "PEX_MULTIPROCESSING_START_METHOD",
    "PEX_PATH",
    "PEX_PROFILE",
    "PEX_PROFILE_FILENAME",
    "PEX_PROFILE_SORT",
    "PEX_PYTHON",
    "PEX_PYTHON_PATH",
    "PEX_SCRIPT",
    "PEX_TEARDOWN_VERBOSE",
    "PEX_TOOLS",
    "PEX_UNZIP",
    "PEX_VENV",
    "PEX_VENV_BIN_PATH",
    "PEX_VERBOSE",
)

Run = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class BootWheel:
    """A wheel that lies at `.deps/<file>`; its size is in bytes."""

    file: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BootTarget:
    """One target: how start-up recognises it, and its wheels by first patch release.

    `sets` holds (first patch release, indexes into the table's wheels), the first for release 0.
    `patches` are the patch releases that it is for, as ranges: from one up to and without another.
    The last two are not for start-up but for those who inspect the file, where the target came from
    a complete-platform file: those of its tags that its wheels have, and its marker variables.
    """

    name: str
    implementation: str
    python: tuple[int, int]
    abi: str = ""
    system: str
    arch: str
    libc: tuple[str, int, int] | None = None
    macos: tuple[int, int] | None = None
    patch: int | None = None
    sets: tuple[tuple[int, tuple[int, ...]], ...]
    patches: Spans = EVERY
    tags: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BootCommand:
    """What runs when the file goes by another name: see `BootTable.run`."""

    run: Run
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class BootOptions:
    """Options that start-up heeds, as pex has them."""

    inherit_path: Literal["false", "fallback", "prefer"] = "false"
    runtime_root: str | None = None
    include_tools: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BootTable:
    """All that start-up knows about the file it is in.

    `run` is `{"script": ...}`, `{"entry_point": ...}`, `{"module": ...}` or `{}`, an interpreter.
    `targets` are ranked: of several that fit a machine, the first wins; see `rank_targets`.
    `overrides`, `excluded` and `metadata` are not for start-up but for those who inspect the file:
    what was heeded in place of the wheels' own requirements, as uv has it. `metadata` has a name,
    a version (empty for any) and the requirements of each package whose own word was replaced;
    `pythons` has name, version and Requires-Python of those of them that got that too.
    """

    name: str
    version: str
    run: Run
    executables: Mapping[str, BootCommand] = field(default_factory=lambda: MappingProxyType({}))
    inject_args: tuple[str, ...] = ()
    inject_env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    options: BootOptions = field(default_factory=BootOptions)
    wheels: tuple[BootWheel, ...]
    targets: tuple[BootTarget, ...]
    overrides: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    pythons: tuple[tuple[str, str, str], ...] = ()

    @property
    def main(self) -> str:
        """The name of what runs when the file goes by no name that `executables` has."""
        names = (self.name, self.run.get("script", self.name), f"{self.name}-main")
        return next((name for name in names if name not in self.executables), "main")

    @property
    def id(self) -> str:
        """The hash of the rest of the table, as 64 hex digits: the name of this build's set-ups."""
        return hashlib.sha256(_to_text(self._fields()).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The table as JSON-ready values, in the format that `runtime` reads."""
        return {**self._fields(), "id": self.id}

    def _fields(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "run": dict(self.run),
            "executables": {
                name: {
                    "run": dict(command.run),
                    "inject_args": list(command.inject_args),
                    "inject_env": dict(command.inject_env),
                }
                for name, command in self.executables.items()
            },
            "inject_args": list(self.inject_args),
            "inject_env": dict(self.inject_env),
            "options": asdict(self.options),
            "wheels": [asdict(wheel) for wheel in self.wheels],
            "targets": [_target_fields(target) for target in self.targets],
            **({"overrides": list(self.overrides)} if self.overrides else {}),
            **({"excluded": list(self.excluded)} if self.excluded else {}),
            **(
                {"metadata": [[n, v, list(r)] for n, v, r in self.metadata]}
                if self.metadata
                else {}
            ),
            **({"pythons": list(map(list, self.pythons))} if self.pythons else {}),
        }


def _target_fields(target: BootTarget) -> dict[str, Any]:
    """The fields of a target, without those that few have."""
    patches = () if target.patches == EVERY else target.patches
    fields = asdict(target) | {"environment": dict(target.environment), "patches": patches}
    rare = {"tags", "environment", "patches"}
    return {key: value for key, value in fields.items() if value or key not in rare}


def rank_targets(targets: tuple[BootTarget, ...]) -> tuple[BootTarget, ...]:
    """The targets in their order; of those for one machine, the closest fit comes first.

    That is a pinned patch release, then the newest floor. They share the places that they had.
    """

    def closeness(target: BootTarget) -> tuple[bool, tuple[int, ...]]:
        floor = target.libc[1:] if target.libc else target.macos or ()
        return target.patch is None, tuple(-number for number in floor)

    rivals: dict[tuple[object, ...], list[int]] = {}
    for place, target in enumerate(targets):
        libc = target.libc[0] if target.libc else None
        python = target.implementation, target.python, target.abi
        rivals.setdefault((*python, target.system, target.arch, libc), []).append(place)
    ranked = list(targets)
    for places in rivals.values():
        best_first = sorted((targets[place] for place in places), key=closeness)
        for place, target in zip(places, best_first, strict=True):
            ranked[place] = target
    return tuple(ranked)


def python_names(targets: tuple[BootTarget, ...]) -> tuple[str, ...]:
    """The command names that an interpreter for one of these targets may have, newest first."""
    names: dict[str, None] = {}
    for target in sorted(targets, key=lambda t: (t.implementation, -t.python[0], -t.python[1])):
        stem = "pypy" if target.implementation == "pypy" else "python"
        suffix = "t" if target.abi == "t" else ""
        names[f"{stem}{target.python[0]}.{target.python[1]}{suffix}"] = None
    if any(target.implementation == "pypy" for target in targets):
        names["pypy3"] = None
    return (*names, "python3", "python")


def render_preamble(table: BootTable) -> str:
    """The text for pex's `--preamble-file`: the table, the start, and what a first run needs.

    It is ASCII, and parses under any Python, so that an old one can say what the file needs.
    """
    sources = [(name, _read_source(f"runtime/{name}.py")) for name in RUNTIME_MODULES]
    sources = [(name, _inline(text) if name == "entry" else text) for name, text in sources]
    start = _without_docstring(_inline(_read_source("executable/preamble.py")))
    data = {
        "name": table.name,
        "id": table.id[:12],
        "root": table.options.runtime_root,
        "inherit": table.options.inherit_path,
        "names": [table.main, *table.executables],
        "pythons": list(python_names(table.targets)),
        "needs": _needs(table),
    }
    lines = [f"# {_title(table)}: made by hatch-multiplat.", "_MULTIPLAT = {"]
    lines += [f"    {key!r}: {value!a}," for key, value in data.items()]
    lines += [
        f"    'table': {_quote(json.dumps(table.to_json(), sort_keys=True))},",
        "    'sources': (",
        *(f"        ({name!r}, {_quote(source)})," for name, source in sources),
        "    ),",
        "}",
        start,
        "if __name__ == '__main__':",
        "    _multiplat_start(_MULTIPLAT)",
        "del _MULTIPLAT",
        "",
    ]
    return "\n".join(lines)


def render_header(table: BootTable) -> bytes:
    """The `/bin/sh` lines that an executable starts with.

    They find the Python that is first on PATH and the set-up that was made for it, and go there
    without starting that Python at all; in any other case they run the file with it. Shell builtins
    only, but for one `wc` before a first run.

    The second line is for Python: a file cut short is no zip file any more, Python takes it for a
    script, and gives up at the encoding that is named there, whose name says what is wrong. The
    third is for the shell: if these lines end before the last of them, which takes the trap away,
    it says what is wrong. No line does anything unless all of it is there.

    A file for Windows alone has no use for a shell. Its first line is one that the `py` launcher
    knows, as that refuses every other.
    """
    if table.targets and all(target.system == "windows" for target in table.targets):
        return _WINDOWS_HEADER.replace("@TITLE@", _title(table)).encode()
    names = [n for n in python_names(table.targets) if n not in ("python3", "python")]
    wanted = " ".join(["python3", *names, "python"])
    if table.targets and all(target.implementation == "pypy" for target in table.targets):
        wanted = " ".join([*names, "python3", "python"])
    keep_path = table.options.inherit_path != "false"
    text = _HEADER
    for field_name, value in {
        "@TITLE@": _title(table),
        "@NAME@": _sh_quote(table.name),
        "@TRAP@": _sh_quote(f"echo {_sh_quote(table.name)}{_INCOMPLETE}; exit 1"),
        "@INCOMPLETE@": _INCOMPLETE,
        "@MAIN@": _sh_quote(table.main),
        "@ID@": table.id[:12],
        "@PYTHONS@": wanted,
        "@NEEDS@": _sh_quote(_needs(table)),
        "@VARIABLES@": "".join(f"${{{name}+x}}" for name in PEX_VARIABLES),
        "@ROOT@": _sh_root(table.options.runtime_root),
        "@UNSET@": "PYTHONHOME" if keep_path else "PYTHONHOME PYTHONPATH",
    }.items():
        text = text.replace(field_name, value)
    return text.encode()


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
_mp_size=@MULTIPLAT-SIZE@
_mp_find() {
    for _mp_name in @PYTHONS@; do
        for _mp_dir in $PATH; do
            _mp_python=${_mp_dir:-.}/$_mp_name
            if [ -f "$_mp_python" ] && [ -x "$_mp_python" ]; then return 0; fi
        done
    done
    _mp_python=
}
_mp_enter() {
    _mp_record=$_mp_cache/@ID@/from$_mp_python
    if [ -f "$_mp_record" ] && [ -O "$_mp_record" ]; then :; else return 0; fi
    { IFS= read -r _mp_root && IFS= read -r _mp_exe && IFS= read -r _mp_how &&
        IFS= read -r _mp_base; } <"$_mp_record" || return 0
    if [ -x "$_mp_exe" ] && [ "$_mp_python" -ef "$_mp_base" ] &&
        [ -f "$_mp_root/pyvenv.cfg" ] && [ -f "$_mp_root/entry.py" ]; then :; else return 0; fi
    _mp_name=${0##*/}
    [ -f "$_mp_root/app/$_mp_name" ] || _mp_name=${_mp_name%.*}
    [ -f "$_mp_root/app/$_mp_name" ] || _mp_name=@MAIN@
    [ -f "$_mp_root/app/$_mp_name" ] || return 0
    unset @UNSET@ __PYVENV_LAUNCHER__
    export _MULTIPLAT_FILE="$0"
    if [ "$_mp_how" = direct ]; then exec "$_mp_root/app/$_mp_name" "$@"; fi
    exec "$_mp_exe" "$_mp_root/app/$_mp_name" "$@"
}
_mp_start() {
    trap - 0
    _mp_ifs=$IFS
    IFS=:
    set -f
    _mp_find
    set +f
    IFS=$_mp_ifs
    if [ -z "$_mp_python" ]; then
        echo @NAME@": no Python found on PATH; needs "@NEEDS@ >&2
        exit 127
    fi
    if [ -z "${MULTIPLAT+x}${_MULTIPLAT_AGAIN+x}${PYTHONHOME+x}@VARIABLES@" ]; then
@ROOT@
    fi
    _mp_now=$(wc -c <"$0" 2>/dev/null) || _mp_now=$_mp_size
    if [ $_mp_now -ne $_mp_size ]; then
        echo @NAME@@INCOMPLETE@
        exit 1
    fi
    export _MULTIPLAT_SH="$_mp_python"
    exec "$_mp_python" "$0" "$@"
}
{ _mp_start "$@"; exit 1; }
"""


def _sh_root(runtime_root: str | None) -> str:
    """Shell lines that try the record in the folder where the cache is to be.

    They take it for what the preamble takes it for; where they cannot, no record is found there.
    """
    lines = ['if [ -n "${PEX_ROOT:-}" ]; then _mp_cache=$PEX_ROOT/multiplat; _mp_enter "$@"']
    if runtime_root is not None:
        path, variables = _sh_path(runtime_root)
        lines += [
            *(f'elif [ -z "${{{name}+x}}" ]; then :' for name in variables),
            f'else _mp_cache={path}; _mp_enter "$@"',
        ]
    else:
        lines += [
            'elif [ "${XDG_CACHE_HOME#/}" != "${XDG_CACHE_HOME:-}" ]; then',
            '    _mp_cache=$XDG_CACHE_HOME/multiplat; _mp_enter "$@"',
            'elif [ -n "${HOME:-}" ]; then',
            '    _mp_cache=$HOME/.cache/multiplat; _mp_enter "$@"',
            '    _mp_cache=$HOME/Library/Caches/multiplat; _mp_enter "$@"',
        ]
    return "\n".join(" " * 8 + line for line in [*lines, "fi"])


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


def _title(table: BootTable) -> str:
    return f"{table.name} {table.version}"


def _needs(table: BootTable) -> str:
    """The Pythons that the file supports, for a person: `Python 3.11, 3.12 or 3.13`."""
    words: dict[str, None] = {}
    for target in sorted(table.targets, key=lambda t: (t.implementation, t.python)):
        stem = "PyPy " if target.implementation == "pypy" else ""
        suffix = "t" if target.abi == "t" else ""
        words[f"{stem}{target.python[0]}.{target.python[1]}{suffix}"] = None
    *most, last = list(words) or ["3.6 or newer"]
    text = f"{', '.join(most)} or {last}" if most else last
    return text if text.startswith("PyPy") else "Python " + text


def _to_text(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _read_source(name: str) -> str:
    return resources.files("hatch_multiplat").joinpath(name).read_text(encoding="utf-8")


def _inline(source: str) -> str:
    """The source with the text of the modules that it and others share in place of their import."""

    def text_of(found: re.Match[str]) -> str:
        return _without_docstring(_read_source(f"runtime/{found[1]}.py"))

    pattern = r"^from hatch_multiplat\.runtime\.(\w+) import (?:\(\n[^)]*\)|.*)\n"
    return re.sub(pattern, text_of, source, flags=re.MULTILINE)


def _without_docstring(source: str) -> str:
    return source.split('"""', 2)[2].strip() + "\n"


def _quote(text: str) -> str:
    """A Python string literal that a person can still read."""
    if "'''" in text or text.endswith(("\\", "'")):
        return ascii(text)
    return f"r'''{text}'''"


def _sh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"
