"""What has changed: in a question since it was locked, and between two locks."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.urls import redact, redact_text
from hatch_multiplat.resolve.build_context import POLICY_KEYS
from hatch_multiplat.resolve.lock_writer import find_situations
from hatch_multiplat.resolve.question import lowest_python
from hatch_multiplat.targets.python import admits
from hatch_multiplat.wheels.pylock import (
    lock_environment,
    marker_holds,
    package_applies,
    patch_boundaries,
)
from hatch_multiplat.wheels.selection import covered_patches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.pylock import Package, Pylock

    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.targets.target import Target


OVERRIDE: Final = "override "
SETTINGS: Final = (
    "dependency-metadata",
    "exclude-dependencies",
    "exclude-newer",
    "exclude-newer-package",
    "fork-strategy",
    "index-strategy",
    "prerelease",
    "prerelease-package",
    "resolution",
    "sources",
    *POLICY_KEYS,
    *(f"pip.{key}" for key in POLICY_KEYS),
)
"""The keys of `[tool.uv]` that change the choice, apart from those that are requirements.

Those that say where packages come from are not among them: a mirror has the same packages. Of
those under `pip`, all but these stand at the top by now.
"""


def lock_inputs(question: Question) -> dict[str, tuple[str, ...]]:
    """Return the inputs of a lock, for recording in it: sorted, without credentials."""
    uv_table = question.uv_table
    overrides = uv_table.get("override-dependencies", ())
    settings = {**uv_table, **{f"pip.{key}": item for key, item in uv_table.get("pip", {}).items()}}
    if not question.build_sdists:
        settings["sdists"] = "never"
    inputs = {
        "requirements": {_spell(item) for item in question.requirements},
        "constraints": {_spell(item) for item in question.constraints}
        | {str(item) for item in question.tag_constraints}
        | {_spell_text(item) for item in uv_table.get("constraint-dependencies", ())}
        | {f"{OVERRIDE}{_spell_text(item)}" for item in overrides},
        "settings": {
            redact_text(f"{key} = {json.dumps(settings[key], sort_keys=True, default=str)}")
            for key in (*SETTINGS, "sdists")
            if key in settings
        },
        "targets": {str(target) for target in question.targets},
    }
    return {key: tuple(sorted(values)) for key, values in inputs.items() if values}


def locked_python(question: Question) -> str:
    """Return the `requires-python` of a lock that answers a question."""
    return f">={lowest_python(question.targets, question.requires_python)}"


def find_stale(
    lock: Pylock, question: Question, *, inputs: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the parts of a question that a lock no longer answers, a line for each.

    `inputs` is what a lock of ours was made from. It is empty for one that another tool wrote:
    then every root requirement is tried on every target.
    """
    if not inputs:
        return _find_unmet(lock, question)
    now = lock_inputs(question)
    problems = []
    for key in sorted(now.keys() | inputs.keys()):
        # Releases of packaging differ in how they spell a requirement.
        before = tuple(map(_respell, inputs.get(key, ())))
        after = now.get(key, ())
        problems += [f"{key}: {value!r} is new" for value in after if value not in before]
        problems += [f"{key}: {value!r} is gone" for value in before if value not in after]
    if lock.requires_python != SpecifierSet(locked_python(question)):
        problems.append(f"requires-python: {locked_python(question)!r} is new")
    return problems


def _find_unmet(lock: Pylock, question: Question) -> list[str]:
    """Name each problem once, with its targets unless all have it."""
    where: dict[str, list[str]] = {}
    for target in question.targets:
        for problem in _unmet(lock, question.requirements, target):
            where.setdefault(problem, []).append(str(target))
    count = len(question.targets)
    return [
        problem if len(found) == count else f"{problem} ({', '.join(found)})"
        for problem, found in where.items()
    ]


def _unmet(lock: Pylock, requirements: Sequence[Requirement], target: Target) -> list[str]:
    covered = covered_patches(lock, target)
    if not covered:
        return [_explain_outside(lock, target)]
    boundaries = patch_boundaries([*lock.packages, *requirements], target.python.version)
    firsts = {max((one for one in boundaries if one <= patch), default=0) for patch in covered}
    # Of each span between boundaries the first patch release that the lock is for.
    patches = [min(patch for patch in covered if patch >= first) for first in sorted(firsts)]
    found: dict[str, None] = {}
    for patch in patches:
        environment = lock_environment(target, patch)
        found |= dict.fromkeys(_unmet_in(lock, requirements, environment))
    return list(found)


def _explain_outside(lock: Pylock, target: Target) -> str:
    """Say which key of a lock leaves out a target."""
    bound = lock.requires_python
    if bound is not None and not admits(bound, target.python):
        return f"it is for Python {bound}, not {target.python}"
    return "its environments leave out this target; name it in theirs, or leave it out by 'exclude'"


def _unmet_in(
    lock: Pylock, requirements: Sequence[Requirement], environment: Mapping[str, str]
) -> Iterator[str]:
    locked: dict[str, Package] = {
        package.name: package for package in lock.packages if package_applies(package, environment)
    }
    for requirement in requirements:
        if requirement.marker is not None and not marker_holds(
            str(requirement.marker), environment
        ):
            continue
        package = locked.get(canonicalize_name(requirement.name))
        if package is None:
            yield f"it lacks {requirement.name}, which '{_spell(requirement)}' asks for"
        elif package.version is not None and not requirement.specifier.contains(
            package.version, prereleases=True
        ):
            yield f"it has {package.name} {package.version}, not '{_spell(requirement)}'"


def _respell(recorded: str) -> str:
    prefix = OVERRIDE if recorded.startswith(OVERRIDE) else ""
    return prefix + _spell_text(recorded.removeprefix(prefix))


def _spell_text(text: str) -> str:
    try:
        return _spell(Requirement(text))
    except InvalidRequirement:  # uv says so when it reads it.
        return redact_text(text)


def _spell(requirement: Requirement) -> str:
    """Spell a requirement without the credentials that its URL may carry."""
    text = str(requirement)
    return text.replace(requirement.url, redact(requirement.url)) if requirement.url else text


def describe_changes(before: Pylock | None, after: Pylock) -> list[str]:
    """Return a line for each package that was added, removed, or has other versions or files."""
    old, new = _contents(before), _contents(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"added {_with_versions(name, new[name])}")
        elif name not in new:
            lines.append(f"removed {_with_versions(name, old[name])}")
        elif old[name].keys() != new[name].keys():
            lines.append(f"updated {name} {_versions(old[name])} -> {_versions(new[name])}")
        elif old[name] != new[name]:
            lines.append(f"changed {_with_versions(name, new[name])}: other files or markers")
    return lines


def same_packages(before: Pylock, after: Pylock, targets: Sequence[Target]) -> bool:
    """Tell whether two locks have the same packages for every target, whatever their files."""
    situations = find_situations([*before.packages, *after.packages], targets)
    return all(
        _applying(before, situation.environment) == _applying(after, situation.environment)
        for situation in situations
    )


def _applying(lock: Pylock, environment: Mapping[str, str]) -> set[tuple[str, str]]:
    return {
        (str(package.name), str(package.version))
        for package in lock.packages
        if package_applies(package, environment)
    }


def _contents(lock: Pylock | None) -> dict[str, dict[str, set[str]]]:
    """Return, by name and version, the files of each package and its marker."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for package in lock.packages if lock else ():
        files = {
            f"{file.filename} {sorted(file.hashes.items())}"
            for file in (*(package.wheels or ()), package.sdist)
            if file is not None
        }
        found[package.name][str(package.version or "")] |= {*files, str(package.marker)}
    return found


def _with_versions(name: str, versions: Iterable[str]) -> str:
    """Return a name with its versions; the folder of a project may have none."""
    return f"{name} {_versions(versions)}" if set(versions) != {""} else name


def _versions(versions: Iterable[str]) -> str:
    ordered = sorted(versions, key=lambda version: (bool(version), Version(version or "0")))
    return ", ".join(version or "without a version" for version in ordered)
