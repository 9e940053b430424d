"""Selections and Config to the table that start-up reads."""

from __future__ import annotations

import copy
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hatch_multiplat.executable.needs import find_anywhere, find_needs
from hatch_multiplat.executable.table import (
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    rank_targets,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from packaging.requirements import Requirement

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.config.run import Run
    from hatch_multiplat.wheels.metadata import ProjectMetadata, WheelTexts
    from hatch_multiplat.wheels.proof import Requirements
    from hatch_multiplat.wheels.selection import Selection


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
