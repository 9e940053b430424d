"""Compiles `_sieve.c` for the Python that runs the build, and puts it into the wheel."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

SOURCE = "src/count_primes/_sieve.c"


class CompileHook(BuildHookInterface[Any]):
    """Runs before each wheel is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        extension = Extension("count_primes._sieve", [str(Path(self.root, SOURCE))])
        command = build_ext(Distribution({"ext_modules": [extension]}))
        command.build_lib = command.build_temp = self.folder.name
        command.ensure_finalized()
        command.run()
        built = Path(command.get_ext_fullpath(extension.name))
        build_data["force_include"][str(built)] = f"count_primes/{built.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()
