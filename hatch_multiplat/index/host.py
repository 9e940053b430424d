"""What a table may ask of this machine: its own target, and the text of project files."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.tags import sys_tags

from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

if TYPE_CHECKING:
    from pathlib import Path


def project_host(project_dir: Path) -> Host:
    """Return the Host of a project: paths in its table start from the project's folder."""

    def read_text(path: str) -> str:
        return (project_dir / path).read_text(encoding="utf-8")

    return Host(read_text=read_text, current=current_target)


def current_target() -> Target:
    """Return the target of the interpreter that runs this build, every tag of it."""
    environment = {key: str(value) for key, value in default_environment().items()}
    # One patch release and one kernel are this machine's own; the executable is for its like.
    for variable in ("platform_release", "platform_version"):
        environment[variable] = ""
    abi = f"{sys.version_info.major}{sys.version_info.minor}"
    name = f"{platform.python_implementation().lower()}{abi}-current"
    data = {
        "compatible_tags": [str(tag) for tag in sys_tags()],
        "marker_environment": environment,
    }
    return Target.from_complete_platform(data, name=name)
