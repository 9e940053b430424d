"""The hook under every ordinary build: when the wheel is there, the executable follows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from hatch_multiplat.frontends.frontend import (
    check_beforehand,
    clean,
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

    _has_built = False

    def clean(self, versions: list[str]) -> None:
        """Remove the executables of earlier builds, with the wheels that hatchling removes.

        Hatch also calls this after a build, for hooks that leave something to take away: what was
        built then is what the build is for.
        """
        if self._is_standard_wheel(*versions) and not self._has_built and not self._stays_out():
            clean(self.app, project_dir=Path(self.root), directory=Path(self.directory))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._stays_out():
            return
        if self.target_name == "sdist":
            build_data["force_include"].update(
                files_for_sdist(self.app, project_dir=Path(self.root))
            )
        elif self._is_standard_wheel(version):
            check_beforehand(self.app, project_dir=Path(self.root))

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
        elif self._is_standard_wheel(version):
            wheel = find_wheel(Path(artifact_path))
            run_build(self.app, project_dir=Path(self.root), wheel=wheel)
            self._has_built = True

    def _is_standard_wheel(self, *versions: str) -> bool:
        return self.target_name == "wheel" and "standard" in versions

    def _stays_out(self) -> bool:
        return is_switched_off(os.environ) or is_installation(os.environ, Path(self.directory))
