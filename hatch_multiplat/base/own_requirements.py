"""The requirements of this distribution, read from its installed metadata."""

from __future__ import annotations

from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ToolError

DISTRIBUTION: Final = "hatch-multiplat"


def own_requirements(extra: str) -> dict[str, Requirement]:
    """Return the requirements of an extra by name, without markers and without our own extras."""
    try:
        texts = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # sources alone, on a path
        return {}
    found = {}
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        asked = marker is not None and marker.evaluate({"extra": extra})
        name = canonicalize_name(requirement.name)
        if asked and not (marker and marker.evaluate({"extra": ""})) and name != DISTRIBUTION:
            requirement.marker = None
            found[str(name)] = requirement
    return found


def not_installed(needed: str, extras: str = "build") -> ToolError:
    """Return the error for requirements of a build that are not installed here."""
    return ToolError(
        f"the build needs {needed}, not installed here; "
        f"install it with: pip install '{DISTRIBUTION}[{extras}]'"
    )
