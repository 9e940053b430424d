"""What earlier builds left: the outputs of a project, whatever its version, found and removed."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.build.checksums import FILENAME, renew_checksums
from hatch_multiplat.build.outputs import PEX
from hatch_multiplat.build.side_outputs import SBOM_SUFFIX
from hatch_multiplat.build.wheelhouse import is_wheelhouses
from hatch_multiplat.config.formats import exe_platforms, scie_targets
from hatch_multiplat.executable.executable import INFO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.resolve.project import Project

_VERSION: Final = "\0"


def remove_leftovers(project: Project, default_dir: Path) -> tuple[Path, ...]:
    """Remove what builds of a project's table have left, of any version; returns what is gone.

    That is what the table's `output`, `formats` and targets name in its `output-dir`, or in
    `default_dir`, and the inventories of it. A SHA256SUMS there forgets what is gone. Files of any
    other name stay, and so do folders that no build has made. Raises WriteError where something
    cannot be removed.
    """
    config = project.config
    folder = project.folder / config.output_dir if config.output_dir else default_dir
    if not folder.is_dir():
        return ()
    name = str(project.pyproject.get("project", {}).get("name", ""))
    try:
        gone = tuple(
            path
            for path in sorted(folder.iterdir())
            if is_named_as_output(path.name, config, project_name=name) and _remove(path)
        )
        if gone and (folder / FILENAME).is_file():
            renew_checksums(folder)
    except OSError as error:
        raise WriteError(
            f"cannot remove what is in {folder}: {error.strerror or error}; make it writable"
        ) from error
    return gone


def is_named_as_output(filename: str, config: Config, *, project_name: str) -> bool:
    """Tell whether a build of this table would write a file or folder of this name."""
    output = config.output.format(name=project_name, version=_VERSION)
    for name in _names(output, config):
        pattern = re.escape(name).replace(re.escape(_VERSION), "(.+)")
        match = re.fullmatch(pattern, filename)
        if match is not None and all(map(_is_version, match.groups())):
            return True
    return False


def _names(output: str, config: Config) -> Iterator[str]:
    stem = output.removesuffix(PEX)
    files = []
    if "pex" in config.formats:
        files.append(output)
    if "exe" in config.formats:
        platforms = exe_platforms(config.targets)
        labels = [f"-{platform}" for platform in platforms] if len(platforms) > 1 else [""]
        files += [f"{stem}{label}.exe" for label in labels]
    yield from files
    yield from (name + SBOM_SUFFIX for name in files)
    if "wheelhouse" in config.formats:
        yield f"{stem}-wheelhouse"
    for target in config.targets:
        if "wheelhouse-zip" in config.formats:
            yield f"{stem}-wheelhouse-{target}.zip"
        if "zip" in config.formats:
            yield f"{stem}-{target}.zip"
    if "scie" in config.formats:
        for platform in scie_targets(config.targets, config.options.scie):
            yield f"{stem}-{platform}{'.exe' if platform.startswith('windows') else ''}"


def _is_version(text: str) -> bool:
    """Tell whether a text is a version as the metadata of a wheel has it: normalized."""
    try:
        return str(Version(text)) == text
    except InvalidVersion:
        return False


def _remove(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return True
    ours = (path / INFO).is_file() or (any(path.iterdir()) and is_wheelhouses(path))
    if ours:
        shutil.rmtree(path)
    return ours
