"""The hook under every ordinary build: when the wheel is there, the executable follows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from hatch_multiplat.door import (
    files_for_sdist,
    find_wheel,
    is_installation,
    is_switched_off,
    renew_checksums,
    run_build,
)


class MultiplatBuildHook(BuildHookInterface[BuilderConfig]):
    """Acts on the sdist (adds what a build from it needs) and on the standard wheel."""

    PLUGIN_NAME = "multiplat"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name == "sdist" and not self._stays_out():
            build_data["force_include"].update(
                files_for_sdist(self.app, project_dir=Path(self.root))
            )

    def finalize(
        self,
        version: str,
        build_data: dict[str, Any],  # noqa: ARG002
        artifact_path: str,
    ) -> None:
        if self._stays_out():
            return
        if self.target_name == "sdist":
            renew_checksums(self.app, project_dir=Path(self.root), sdist=Path(artifact_path))
        elif self.target_name == "wheel" and version == "standard":
            wheel = find_wheel(Path(artifact_path))
            run_build(self.app, project_dir=Path(self.root), wheel=wheel)

    def _stays_out(self) -> bool:
        return is_switched_off(os.environ) or is_installation(os.environ, Path(self.directory))
