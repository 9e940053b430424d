"""The program that an executable starts: named in the table, or the script a user would expect."""

from __future__ import annotations

import difflib
import functools
import sys
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.run import Run
from hatch_multiplat.runtime.rules import SCRIPT_START, WINDOWS, script_candidates, script_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.wheels.selection import Selection
    from hatch_multiplat.wheels.wheel_file import WheelFile

_ABSENT: Final = "absent"
_MODULE_FILES: Final = ("py", "pyc", "so", "pyd")

_ENTRY_POINT_HINT: Final = "name a function by the key 'entry-point' instead"


def choose_run(
    config: Config, *, name: str, own_scripts: Collection[str], all_scripts: Collection[str]
) -> Run:
    """Choose what the executable starts, and check that every script that is named is there.

    Without a word in the table it is the script named like the project, else the only one, else
    an interpreter. `own_scripts` are the project's, `all_scripts` those of all its wheels. Raises
    ConfigError for scripts that no wheel has.
    """
    _check_scripts(config, own_scripts=own_scripts, all_scripts=all_scripts)
    if config.run is not None:
        return config.run
    named = {canonicalize_name(script): script for script in own_scripts}
    own = named.get(canonicalize_name(name))
    if own is None and len(own_scripts) == 1:
        own = next(iter(own_scripts))
    return Run(kind="script", value=own) if own else Run(kind="interpreter")


def _keyed_runs(config: Config, run: Run | None) -> list[tuple[str, Run]]:
    """Return this and the other programs of the table, each with the key that names it."""
    runs = [("", run)] if run else []
    runs += [(f"executables.{name}.", item.run) for name, item in config.executables]
    return [(f"tool.multiplat.{where}{found.kind}", found) for where, found in runs]


def _check_scripts(
    config: Config, *, own_scripts: Collection[str], all_scripts: Collection[str]
) -> None:
    missing = [
        (key, run.value)
        for key, run in _keyed_runs(config, config.run)
        if run.kind == "script" and run.value not in own_scripts
    ]
    if not missing:
        return
    known = {*all_scripts, *own_scripts}
    listed = ", ".join(sorted(known)) or "none"
    problems = []
    for key, value in missing:
        if known.intersection(script_candidates(value, WINDOWS)):
            continue
        close = difflib.get_close_matches(value, sorted(own_scripts), n=1)
        close = close or difflib.get_close_matches(value, sorted(known), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {listed}"
        hint = _ENTRY_POINT_HINT if ":" in value else hint
        problems.append(f"{key}: no wheel has a console script {value!r}; {hint}")
    if problems:
        raise ConfigError(problems)


def describe_interpreter(
    config: Config, run: Run, *, name: str, scripts: Collection[str]
) -> list[str]:
    """Note that an executable starts only a Python interpreter, unless the table asks for that."""
    if run.kind != "interpreter" or config.run is not None:
        return []
    has = f"several console scripts ({', '.join(sorted(scripts))}), none named {name!r}"
    return [
        (
            "note: the executable starts Python itself: the project has "
            f"{has if scripts else 'no console script'}; name what runs in [tool.multiplat], "
            'or say script = ""'
        )
    ]


def names_foreign_script(config: Config, own_scripts: Collection[str]) -> bool:
    """Tell whether a script in the table is not one of the project's own."""
    runs = [run for _, run in _keyed_runs(config, config.run)]
    return any(run.kind == "script" and run.value not in own_scripts for run in runs)


def script_warnings(
    config: Config,
    run: Run,
    selections: Sequence[Selection],
    files: Mapping[str, WheelFile],
) -> list[str]:
    """Note each script that is started although the system cannot run its file.

    `files` has the wheels by file name; those of a selection are in the order of installation.
    """
    lines = []
    for key, item in _keyed_runs(config, run):
        if item.kind != "script":
            continue
        kinds = {str(s.target): _unfit_kind(item.value, s, files) for s in selections}
        for kind in sorted({kind for kind in kinds.values() if kind}):
            where = ", ".join(target for target, found in kinds.items() if found == kind)
            what = f"{item.value!r} is {kind}, which cannot run on {where}"
            if kind == _ABSENT:
                what = f"no wheel for {where} has a script {item.value!r}"
            lines.append(f"{key}: {what}")
    return lines


def _unfit_kind(script: str, selection: Selection, files: Mapping[str, WheelFile]) -> str:
    """Name the kind of a script that the system of a target cannot run; "" if it can."""
    system = selection.target.platform.system
    wheels = [files[wheel.filename] for wheel in reversed(selection.sets[-1].wheels)]
    if any(script in wheel.texts.scripts for wheel in wheels):
        return ""
    for name in script_candidates(script, system):
        for wheel in wheels:
            member = wheel.script_files().get(name)
            if member is not None:
                kind = script_kind(name, wheel.read(member)[:SCRIPT_START])
                return "" if system in kind.systems else kind.name
    return _ABSENT


def check_modules(
    config: Config,
    run: Run,
    selections: Sequence[Selection],
    *,
    scripts: Mapping[str, str],
    members: Callable[[str], Collection[str]],
) -> None:
    """Check that on every target some wheel has each module that the executable starts.

    `scripts` are the console scripts of all wheels, as `module:function`; `members` gives the paths
    that a wheel, named by its file name, has below site-packages. Raises ConfigError with every
    module that is missing, or that is a package and cannot be run.
    """
    problems = []
    for key, started in _named_runs(config, run, scripts):
        module = started.value.partition(":")[0]
        if module.partition(".")[0] in sys.stdlib_module_names:
            continue
        problem = _find_problem(module, selections, members, is_run=started.kind == "module")
        if problem:
            problems.append(f"{key}: {problem}")
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))


def _named_runs(config: Config, run: Run, scripts: Mapping[str, str]) -> list[tuple[str, Run]]:
    """Return the modules and functions that the executable starts, each with the key that names it.

    Modules of the machine's own Python cannot be checked.
    """
    wanted = _keyed_runs(config, run)
    if config.inherit_path != "false":
        return []
    found = [(key, run) for key, run in wanted if run.kind in {"entry-point", "module"}]
    return found + [
        (f"console script {run.value!r}", Run(kind="entry-point", value=scripts[run.value]))
        for _, run in wanted
        if run.kind == "script" and run.value in scripts
    ]


def _find_problem(
    module: str,
    selections: Sequence[Selection],
    members: Callable[[str], Collection[str]],
    *,
    is_run: bool,
) -> str:
    """Say why a module cannot be started on some targets; "" if it can on all."""
    # What most targets share, such as the project's own wheel, is read once.
    read = functools.cache(lambda filename: _read_forms(module, members(filename)))
    startable = {"file", "main"} if is_run else {"file", "package"}
    missing = []
    found: set[str] = set()
    for selection in selections:
        for group in selection.sets:
            forms = {form for wheel in group.wheels for form in read(wheel.filename)}
            # A .pth file may put any folder on the path.
            if not forms & {*startable, "path"}:
                missing.append(str(selection.target))
                found |= forms
                break
    if not missing:
        return ""
    where = f" for {', '.join(missing)}" if len(missing) < len(selections) else ""
    if is_run and "folder" in found:
        return (
            f"{module!r} is a package without __main__.py{where}; "
            "name a module in it, or a function by 'entry-point'"
        )
    return (
        f"no wheel has a module {module!r}{where}; correct the name, or add the package that has it"
    )


def _read_forms(module: str, members: Collection[str]) -> frozenset[str]:
    """Return the forms in which a wheel has a module: file, package, main, folder.

    The form "path" stands for a .pth file.
    """
    path = module.replace(".", "/")
    forms = set()
    for member in members:
        if member.endswith(".pth") and "/" not in member:
            forms.add("path")
        if not member.startswith(path):
            continue
        inside, _, file = member[len(path) :].partition("/")
        if not file and _is_module_file(inside):
            forms.add("file")
        elif not inside and file:
            forms.add("folder")
            for name, form in (("__init__", "package"), ("__main__", "main")):
                if file.startswith(name) and _is_module_file(file.removeprefix(name)):
                    forms.add(form)
    return frozenset(forms)


def _is_module_file(endings: str) -> bool:
    """Tell whether these are the endings of a module's file: `.py`, `.cpython-312-darwin.so`."""
    return endings.startswith(".") and endings.rpartition(".")[2] in _MODULE_FILES
