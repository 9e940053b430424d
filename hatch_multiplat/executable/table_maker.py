"""Selections and Config to the table that start-up reads.

A target names an ABI, a C library and a floor. Its wheels may need less: a set of pure ones needs
the target's Python, system and processor, for which their markers were read, and nothing else. A
set that all targets share may also run on machines that fit no target.
"""

from __future__ import annotations

import copy
import itertools
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.markers import UndefinedComparison
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.executable.table import (
    Anywhere,
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    TargetNeeds,
    rank_targets,
)
from hatch_multiplat.targets.platforms import named_floor
from hatch_multiplat.targets.target import tag_ranks
from hatch_multiplat.wheels.pylock import mentions_unknowable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.tags import Tag
    from packaging.utils import NormalizedName

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.wheels.metadata import ProjectMetadata, WheelTexts
    from hatch_multiplat.wheels.proof import Requirements
    from hatch_multiplat.wheels.selection import Selection

_ANY: Final = (0, 0)

# Of what no target is for, the systems and processors that a marker may name, as Python has them:
# sys_platform, platform_system, os_name and platform_machine.
_SYSTEMS: Final = (
    *(("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt")),
    *(("freebsd14", "FreeBSD", "posix"), ("openbsd7", "OpenBSD", "posix")),
    *(("netbsd10", "NetBSD", "posix"), ("sunos5", "SunOS", "posix"), ("aix", "AIX", "posix")),
    *(("cygwin", "CYGWIN_NT-10.0", "posix"), ("android", "Android", "posix")),
    *(("ios", "iOS", "posix"), ("gnu0", "GNU", "posix"), ("haiku1", "Haiku", "posix")),
    ("another", "Another", "posix"),
)
_MACHINES: Final = (
    *("x86_64", "amd64", "AMD64", "i686", "i386", "x86", "aarch64", "arm64", "ARM64", "armv7l"),
    *("armv6l", "ppc64le", "ppc64", "s390x", "riscv64", "loongarch64", "mips64", "sparc64"),
    "another",
)
_IMPLEMENTATIONS: Final = (("cpython", "CPython"), ("pypy", "PyPy"), ("graalpy", "GraalVM"))
_MINORS: Final = range(6, 40)


def make_table(
    *,
    metadata: ProjectMetadata,
    config: Config,
    run: Run,
    selections: Sequence[Selection],
    contents: Mapping[str, tuple[str, int]],
    gui: Collection[str] = (),
    scripts: Mapping[str, str],
    required: Requirements,
    texts: Mapping[str, WheelTexts],
) -> Table:
    """Make the table of an executable.

    `contents` maps each wheel's file name to the SHA-256 (hex) and the size (bytes) of the file
    on disk, which is what start-up will find in the executable; `gui` are those with scripts that
    want no console. `texts` has what each wheel says of itself, by the same name. `scripts` are the
    project's own, name to `module:function`. Of `required`, what stands in place of the wheels' own
    word goes into the file.
    """
    return Table(
        name=metadata.name,
        version=str(metadata.version),
        run=_run_fields(run),
        executables=_make_commands(metadata, config, run, scripts),
        inject_args=config.inject_args,
        inject_env=dict(config.inject_env),
        options=StartOptions(
            inherit_path=config.inherit_path,
            runtime_root=config.runtime_root,
            include_tools=config.include_tools,
            path=config.path,
            shebang=config.shebang,
        ),
        wheels=tuple(
            TableWheel(file=name, sha256=contents[name][0], size=contents[name][1], gui=name in gui)
            for name in _wheel_names(selections)
        ),
        targets=make_targets(selections),
        overrides=tuple(str(without_url(item)) for item in required.overrides),
        excluded=tuple(sorted(required.excluded)),
        metadata=tuple(
            sorted(
                (name, str(version or ""), tuple(str(without_url(item)) for item in said.requires))
                for (name, version), said in required.metadata.items()
            )
        ),
        anywhere=None if config.strict else find_anywhere(selections, texts, required),
        pythons=tuple(
            sorted(
                (name, str(version or ""), str(said.requires_python))
                for (name, version), said in required.metadata.items()
                if said.requires_python
            )
        ),
    )


def make_targets(selections: Sequence[Selection]) -> tuple[TableTarget, ...]:
    """Make the targets of a table, ranked; its wheels are those of the targets, by file name."""
    position = {name: index for index, name in enumerate(_wheel_names(selections))}
    return rank_targets(tuple(_make_target(selection, position) for selection in selections))


def _wheel_names(selections: Sequence[Selection]) -> list[str]:
    return sorted({wheel.filename for selection in selections for wheel in selection.wheels})


def _run_fields(run: Run) -> dict[str, str]:
    if run.kind == "interpreter":
        return {}
    return {run.kind.replace("-", "_"): run.value}


def _make_commands(
    metadata: ProjectMetadata, config: Config, run: Run, scripts: Mapping[str, str]
) -> dict[str, TableCommand]:
    """The commands by other names: those of the table, then each other script of the project.

    The name that the build gives the file always means the main command.
    """
    output = config.output.format(name=metadata.name, version=metadata.version)
    main = {output, PurePosixPath(output).stem, run.value if run.kind == "script" else ""}
    found = {
        name: TableCommand(run={"entry_point": reference.replace(" ", "")})
        for name, reference in sorted(scripts.items())
        if name not in main
    }
    configured = {
        name: TableCommand(
            run=_run_fields(item.run),
            inject_args=item.inject_args,
            inject_env=dict(item.inject_env),
        )
        for name, item in config.executables
    }
    return found | configured


def _make_target(selection: Selection, position: Mapping[str, int]) -> TableTarget:
    target = selection.target
    platform, floor = target.platform, target.platform.floor
    return TableTarget(
        name=str(target),
        implementation=target.python.implementation,
        python=target.python.version,
        abi=target.python.abi_flavour,
        system=platform.system,
        arch=platform.arch,
        libc=(platform.libc, *floor) if platform.libc and floor else None,
        macos=floor if platform.system == "macos" else None,
        patch=target.python.patch,
        sets=tuple(
            # The first set is for release 0 also where the target is one patch release only.
            (
                group.from_patch if index else 0,
                tuple(position[wheel.filename] for wheel in group.wheels),
            )
            for index, group in enumerate(selection.sets)
        ),
        patches=selection.patches,
        needs=find_needs(selection),
        tags=_explicit_tags(selection),
        environment=target.explicit_environment or (),
    )


def without_url(requirement: Requirement) -> Requirement:
    """Return a requirement without its URL, which is useless in the file and may be secret."""
    plain = copy.copy(requirement)
    plain.url = None
    return plain


def _explicit_tags(selection: Selection) -> tuple[str, ...]:
    """Return those tags of a complete-platform file that a wheel has, of the thousand it lists."""
    carried = {tag for wheel in selection.wheels for tag in wheel.tags}
    explicit = selection.target.explicit_tags or ()
    return tuple(str(tag) for tag in explicit if tag in carried)


def find_needs(selection: Selection) -> TargetNeeds:
    """Return what the wheels of a target need beyond its Python, system and processor."""
    target = selection.target
    ranks = tag_ranks(target)
    abi, floor = False, _ANY
    for wheel in selection.wheels:
        fitting = [tag for tag in wheel.tags if tag in ranks]
        abi = abi or not any(tag.abi == "none" for tag in fitting)
        # A tag without a floor means the one of the target.
        own = target.platform.floor or _ANY
        floors = (
            _ANY if tag.platform == "any" else named_floor(tag.platform) or own for tag in fitting
        )
        floor = max(floor, min(floors, default=own))
    native = any(not _is_pure(wheel.tags) for wheel in selection.wheels)
    platform = target.platform
    return TargetNeeds(
        abi=abi,
        native=native,
        libc=(platform.libc, *floor) if native and platform.libc else None,
        macos=floor if native and platform.system == "macos" else None,
    )


def _is_pure(tags: Iterable[Tag]) -> bool:
    return any(tag.platform == "any" and tag.abi == "none" for tag in tags)


def find_anywhere(
    selections: Sequence[Selection], texts: Mapping[str, WheelTexts], required: Requirements
) -> Anywhere | None:
    """Return the wheels that run where no target fits, and on which Pythons; None if none do.

    All targets have to have the same pure wheels, and all markers have to select just these,
    whatever the system, processor, implementation and minor of Python.
    """
    sets = {group.wheels for selection in selections for group in selection.sets}
    if len(sets) != 1:
        return None
    wheels = next(iter(sets))
    if not all(_is_pure(wheel.tags) and _is_for_all(wheel.tags) for wheel in wheels):
        return None
    texts = required.apply(wheels, texts)
    told = {wheel.name: texts[wheel.filename] for wheel in wheels}
    bounds = [required.requires_python, *(said.requires_python for said in told.values())]
    minors = [minor for minor in _MINORS if all(_admits(bound, minor) for bound in bounds)]
    if not minors or minors != list(range(minors[0], minors[-1] + 1)):
        return None
    requires = {name: said.requires for name, said in told.items()}
    markers = {
        str(item.marker)
        for item in itertools.chain(required.roots, required.overrides, *requires.values())
        if item.marker is not None
    }
    if any(mentions_unknowable(marker) for marker in markers):
        return None
    names = {wheel.name for wheel in wheels}
    # Without a marker that asks for the environment, one is as good as all.
    asked = " ".join(markers)
    environments = _environments(asked, minors)
    if any(_reach(environment, requires, required) != names for environment in environments):
        return None
    last = None if minors[-1] == _MINORS[-1] else minors[-1] + 1
    return Anywhere(python=(minors[0], last), wheels=tuple(wheel.filename for wheel in wheels))


def _is_for_all(tags: Iterable[Tag]) -> bool:
    return any(tag.interpreter == "py3" for tag in tags)


def _admits(bound: SpecifierSet, minor: int) -> bool:
    """Return whether a bound admits all patch releases of a minor."""
    return all(bound.contains(Version(f"3.{minor}.{patch}")) for patch in _patches(str(bound)))


def _patches(text: str) -> list[int]:
    """Return patch releases that stand for all: those that a text names, and the next to them."""
    named = {int(patch) for patch in re.findall(r"\d\.\d+\.(\d+)", text)}
    return sorted({0, 30}.union(*({max(patch - 1, 0), patch, patch + 1} for patch in named)))


def _environments(asked: str, minors: Sequence[int]) -> Iterable[dict[str, str]]:
    """Yield an environment for each combination of values that some marker compares."""
    systems = (
        _SYSTEMS if re.search(r"sys_platform|platform_system|os_name", asked) else _SYSTEMS[-1:]
    )
    machines = _MACHINES if "platform_machine" in asked else _MACHINES[-1:]
    pythons = _IMPLEMENTATIONS if "implementation" in asked else _IMPLEMENTATIONS[:1]
    patches = _patches(asked) if "full_version" in asked else [0]
    chosen = minors if "version" in asked else minors[-1:]
    for system, machine, python, minor, patch in itertools.product(
        systems, machines, pythons, chosen, patches
    ):
        full = f"3.{minor}.{patch}"
        yield {
            "sys_platform": system[0],
            "platform_system": system[1],
            "os_name": system[2],
            "platform_machine": machine,
            "implementation_name": python[0],
            "platform_python_implementation": python[1],
            "implementation_version": full,
            "python_version": f"3.{minor}",
            "python_full_version": full,
            "platform_release": "",
            "platform_version": "",
        }


def _reach(
    environment: Mapping[str, str],
    requires: Mapping[NormalizedName, tuple[Requirement, ...]],
    required: Requirements,
) -> set[NormalizedName]:
    """Return the names of the projects that the roots lead to in an environment."""
    queue = [("", requirement) for requirement in required.roots]
    seen: set[tuple[NormalizedName, str]] = set()
    for extra, requirement in queue:  # It grows on the way.
        name = canonicalize_name(requirement.name)
        if not _holds(requirement, environment, extra) or name in required.excluded:
            continue
        overrides = [o for o in required.overrides if canonicalize_name(o.name) == name]
        for asked in overrides or [requirement]:
            if overrides and not _holds(asked, environment, ""):
                continue
            for wanted in ("", *map(canonicalize_name, asked.extras)):
                if (name, wanted) not in seen:
                    seen.add((name, wanted))
                    queue += [(wanted, item) for item in requires.get(name, ())]
    return {name for name, _ in seen}


def _holds(requirement: Requirement, environment: Mapping[str, str], extra: str) -> bool:
    try:
        return requirement.marker is None or requirement.marker.evaluate(
            {**environment, "extra": extra}
        )
    except UndefinedComparison:
        return False
