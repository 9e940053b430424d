"""What wheels say of themselves: the texts in their `.dist-info`, read once for a whole build."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from packaging.specifiers import SpecifierSet

from hatch_multiplat.base.errors import VerificationError
from hatch_multiplat.wheels.dependency_proof import parse_requires, parse_requires_python

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

# How zipfile and the decompressors under it say that what they read is damaged.
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelTexts:
    """The requirements of a wheel, and its `entry_points.txt`, empty where it has none."""

    requires: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    entry_points: str = ""


def read_wheel_texts(paths: Mapping[str, Path]) -> dict[str, WheelTexts]:
    """Read each of these wheels, by file name; those of one version mostly share their texts.

    Raises VerificationError for what is no wheel.
    """
    made: dict[tuple[bytes, bytes], WheelTexts] = {}
    found = {}
    for filename, path in paths.items():
        texts = _read_texts(path)
        if texts not in made:
            metadata, entry_points = (text.decode("utf-8", "replace") for text in texts)
            made[texts] = WheelTexts(
                requires=parse_requires(metadata),
                requires_python=parse_requires_python(metadata),
                entry_points=entry_points,
            )
        found[filename] = made[texts]
    return found


def _read_texts(path: Path) -> tuple[bytes, bytes]:
    """Return METADATA and `entry_points.txt` of a wheel."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {
                file: name
                for name in archive.namelist()
                for folder, _, file in (name.partition("/"),)
                if file in {"METADATA", "entry_points.txt"} and folder.endswith(".dist-info")
            }
            if "METADATA" in names:
                scripts = names.get("entry_points.txt")
                return archive.read(names["METADATA"]), archive.read(scripts) if scripts else b""
    except (OSError, *BROKEN) as error:
        raise VerificationError(f"{path} cannot be read as a wheel: {error}") from error
    raise VerificationError(f"{path} is no wheel: it has no METADATA")
