"""The outputs of earlier builds of a project, of any version: found and removed."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import WriteError, find_cure
from hatch_multiplat.base.temporary import BESIDE, sweep
from hatch_multiplat.build.bundles import MADE_BY, REQUIREMENTS, is_wheelhouses
from hatch_multiplat.build.checksums import FILENAME, listed_files, renew_checksums
from hatch_multiplat.build.output_paths import SBOM_SUFFIX, WHEELHOUSE, output_names
from hatch_multiplat.executable.executable import INFO, TABLE
from hatch_multiplat.targets.python import TargetError
from hatch_multiplat.targets.target import Target

if TYPE_CHECKING:
    from hatch_multiplat.config.config import Config
    from hatch_multiplat.resolve.project import Project

_VERSION: Final = "\0"


def remove_leftovers(project: Project, default_dir: Path) -> tuple[Path, ...]:
    """Remove the outputs of earlier builds of a project, of any version; returns the removed paths.

    These are the files that the table's `output`, `formats` and targets name in its `output-dir`,
    or in `default_dir`, with their inventories. Their lines in a SHA256SUMS there are removed, too.
    Files of any other name stay, and so do folders that no build has made. Raises WriteError if
    something cannot be removed.
    """
    config = project.config
    folder = project.folder / config.output_dir if config.output_dir else default_dir
    if not folder.is_dir():
        return ()
    name = str(project.pyproject.get("project", {}).get("name", ""))
    sweep(folder, prefix=BESIDE)
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
            f"cannot remove what is in {folder}: {error.strerror or error}; "
            f"{find_cure(error, 'it')}"
        ) from error
    return gone


def is_named_as_output(filename: str, config: Config, *, project_name: str) -> bool:
    """Tell whether a build of this table would write a file or folder of this name."""
    output = config.output.format(name=project_name, version=_VERSION)
    for name in output_names(output, config):
        pattern = re.escape(name).replace(re.escape(_VERSION), "(.+)")
        match = re.fullmatch(pattern, filename)
        if match is not None and all(map(_is_version, match.groups())):
            return True
    return False


class OwnOutputs:
    """Recognises files in a project's folder that our builds have written there.

    It stands in for hatchling's pattern of excluded files, `others`, which counts as well.
    """

    def __init__(self, project: Project, others: Any) -> None:
        self._project = project
        self._others = others
        self._name = str(project.pyproject.get("project", {}).get("name", ""))
        self._known: dict[Path, bool] = {}

    def match_file(self, relative_path: str) -> bool:
        if self._others is not None and self._others.match_file(relative_path):
            return True
        path = Path(relative_path)
        return any(self._is_ours(part) for part in (path, *path.parents[:-1]))

    def _is_ours(self, relative: Path) -> bool:
        if relative not in self._known:
            path = self._project.folder / relative
            self._known[relative] = relative.name.startswith(BESIDE) or self._is_output(path)
        return self._known[relative]

    def _is_output(self, path: Path) -> bool:
        if path.name == FILENAME:
            return any(self._is_ours_beside(path, name) for name in listed_files(path))
        if path.name.endswith(SBOM_SUFFIX):
            return self._is_ours_beside(path, path.name.removesuffix(SBOM_SUFFIX))
        if path.is_dir():
            is_named = self._is_named(path.name) or path.name.endswith(WHEELHOUSE)
            return (is_named and _is_our_folder(path)) or holds_project(path, self._name)
        return _begins_as_program(path) and (
            self._is_named(path.name)
            or holds_project(path, self._name)
            or _is_bundle(path, self._name)
        )

    def _is_ours_beside(self, path: Path, name: str) -> bool:
        beside = path.with_name(name)
        is_ours = name != FILENAME and self._is_ours(beside.relative_to(self._project.folder))
        return is_ours or (self._is_named(name) and not beside.exists())

    def _is_named(self, name: str) -> bool:
        return is_named_as_output(name, self._project.config, project_name=self._name)


def holds_project(path: Path, name: str) -> bool:
    """Tell whether a file or folder, under any name, is an executable of a project."""
    try:
        if path.is_dir():
            text = (path / TABLE).read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read(TABLE)
        table = json.loads(text)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return False
    return isinstance(table, dict) and table.get("name") == name


def _is_bundle(path: Path, name: str) -> bool:
    """Tell whether a zip file, under any name, has a project's wheels, or its files, for a target.

    A wheelhouse says so itself; a zip of installed files has the project's metadata, and its name
    ends with its target.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if REQUIREMENTS in members:
                first = archive.read(REQUIREMENTS).partition(b"\n")[0].decode("utf-8", "replace")
                return first.startswith(f"# {name} ") and first.endswith(MADE_BY)
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
    project = canonicalize_name(name).replace("-", "_")
    metadata = re.compile(rf"(.*/)?{re.escape(project)}-[^/]+\.dist-info/METADATA")
    words = path.stem.split("-")
    return (
        path.suffix == ".zip"
        and any(map(metadata.fullmatch, members))
        and any(_is_target("-".join(words[place:])) for place in range(1, len(words) - 1))
    )


def _is_target(text: str) -> bool:
    with suppress(TargetError):
        Target.parse(text)
        return True
    return False


_PROGRAMS: Final = (b"#!", b"PK", b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""The first bytes of archives and programs; no source of a project with such a name has them."""


def _begins_as_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_PROGRAMS)
    except OSError:
        return False


def _is_version(text: str) -> bool:
    """Tell whether a text is a normalized version, as in the metadata of a wheel."""
    try:
        return str(Version(text)) == text
    except InvalidVersion:
        return False


def _remove(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return True
    ours = _is_our_folder(path)
    if ours:
        shutil.rmtree(path)
    return ours


def _is_our_folder(path: Path) -> bool:
    return (path / INFO).is_file() or (any(path.iterdir()) and is_wheelhouses(path))
