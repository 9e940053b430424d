"""Our own build target: `hatch build -t multiplat`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.builders.wheel import WheelBuilder
from hatchling.plugin.manager import PluginManager

from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.frontends.plugin import (
    SWITCH,
    clean,
    list_requirements,
    read_project,
    require_installed,
    require_project,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class MultiplatBuilderConfig(BuilderConfig):
    """Asks for the requirements of the build, as the hook does."""

    @property
    def dependencies(self) -> list[str]:
        needed = map(str, list_requirements(read_project(Path(self.root)), os.environ))
        return list(dict.fromkeys([*super().dependencies, *needed]))


class MultiplatBuilder(BuilderInterface[BuilderConfig, PluginManager]):
    """Builds the project's wheel in a temporary folder, and makes only the executable from it."""

    PLUGIN_NAME = "multiplat"

    @classmethod
    def get_config_class(cls) -> type[BuilderConfig]:
        return MultiplatBuilderConfig

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        return {"standard": self.build_standard}

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002
        clean(self.app, read_project(Path(self.root)), Path(directory))

    def build_standard(self, directory: str, **build_data: Any) -> str:  # noqa: ARG002
        read = read_project(Path(self.root))
        require_installed(self.app, read, os.environ)
        project = require_project(self.app, read)
        # Not at the top: where hatchling asks for dependencies, none is installed yet.
        from hatch_multiplat.frontends.frontend import prepare_build, run_build  # noqa: PLC0415

        prepared = prepare_build(self.app, project, default_dir=Path(directory))
        with temporary_folder() as folder, _hook_off():
            builder = WheelBuilder(
                self.root, plugin_manager=self.plugin_manager, metadata=self.metadata, app=self.app
            )
            wheel = next(iter(builder.build(directory=str(folder), versions=["standard"])))
            report = run_build(self.app, prepared, Path(wheel))
        return report.path


@contextmanager
def _hook_off() -> Iterator[None]:
    """Keep the hook from building the executable a second time, beside the temporary wheel."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
        else:
            os.environ[SWITCH] = before
