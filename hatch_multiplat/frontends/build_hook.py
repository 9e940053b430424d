"""The hook in every ordinary build: after the wheel, it makes the executable.

A frontend starts a process for each question that it has, and for an sdist there is nothing to
answer. So functions import what they need themselves; nothing else may be installed yet.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from hatch_multiplat.base.errors import MultiplatError
    from hatch_multiplat.build.pipeline import Prepared
    from hatch_multiplat.resolve.project import Project


class MultiplatBuildHook(BuildHookInterface[BuilderConfig]):
    """Acts on the sdist (adds files that a build from it needs) and on the standard wheel."""

    PLUGIN_NAME = "multiplat"

    _has_built = False
    _prepared: Prepared
    """What `initialize` has found out, for `finalize`."""

    def dependencies(self) -> list[str]:
        """Return the requirements of a wheel build; none for an sdist or an installation.

        hatchling asks before it knows the folder to build into.
        """
        if self.target_name != "wheel":
            return []
        from hatch_multiplat.frontends.plugin import dependencies

        return dependencies(Path(self.root), os.environ)

    def clean(self, versions: list[str]) -> None:
        """Remove the executables of earlier builds, with the wheels that hatchling removes.

        Hatch also calls this after a build, for hooks that leave something to take away: what was
        built then is what the build is for.
        """
        if self._is_standard_wheel(*versions) and not self._has_built and not self._stays_out():
            from hatch_multiplat.frontends.plugin import clean

            clean(self.app, self._read, Path(self.directory))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from hatch_multiplat.frontends.plugin import files_for_sdist, is_pips, is_switched_off

        if not is_switched_off(os.environ):
            self._keep_outputs_out()
        if self._stays_out():
            if is_pips(os.environ) and self._is_standard_wheel(version):
                self.app.display_info("hatch-multiplat: pip only makes wheels, no executable")
            return
        if self.target_name == "sdist":
            build_data["force_include"].update(files_for_sdist(self._project))
        elif self._is_standard_wheel(version):
            from hatch_multiplat.frontends.plugin import require_installed

            require_installed(self.app, self._read, os.environ)
            from hatch_multiplat.frontends.frontend import prepare_build

            self._prepared = prepare_build(self.app, self._project)

    def finalize(
        self,
        version: str,
        build_data: dict[str, Any],  # noqa: ARG002
        artifact_path: str,
    ) -> None:
        if self._stays_out():
            return
        if self.target_name == "sdist":
            from hatch_multiplat.frontends.plugin import renew_checksums

            renew_checksums(self.app, self._project, Path(artifact_path))
        elif self._is_standard_wheel(version):
            from hatch_multiplat.frontends.frontend import run_build
            from hatch_multiplat.frontends.plugin import find_wheel

            run_build(self.app, self._prepared, find_wheel(Path(artifact_path)))
            self._has_built = True

    def _keep_outputs_out(self) -> None:
        """Keep files that our builds have written, in whatever folder, out of the sdist."""
        from hatch_multiplat.base.errors import MultiplatError
        from hatch_multiplat.build.leftovers import OwnOutputs

        if isinstance(self._read, MultiplatError):
            return  # An installation takes no notice of a table that is wrong.
        config: Any = self.build_config
        config.exclude_spec = OwnOutputs(self._read, config.exclude_spec)

    @cached_property
    def _read(self) -> Project | MultiplatError:
        from hatch_multiplat.frontends.plugin import read_project

        return read_project(Path(self.root))

    @property
    def _project(self) -> Project:
        from hatch_multiplat.frontends.plugin import require_project

        return require_project(self.app, self._read)

    def _is_standard_wheel(self, *versions: str) -> bool:
        return self.target_name == "wheel" and "standard" in versions

    def _stays_out(self) -> bool:
        from hatch_multiplat.frontends.plugin import is_installation, is_switched_off

        return is_switched_off(os.environ) or is_installation(os.environ, Path(self.directory))
