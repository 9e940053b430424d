"""A wheel's own words: METADATA, entry points, and the requirements that follow."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.errors import MultiplatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_EXTRA_ATOM: Final = re.compile(
    r"\bextra\s*(?P<operator>==|!=)\s*[\"'](?P<value>[^\"']*)[\"']"
    r"|[\"'](?P<value_first>[^\"']*)[\"']\s*(?P<operator_second>==|!=)\s*extra\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectMetadata:
    """What a wheel says of itself (core metadata), as far as a build needs it."""

    name: str
    version: Version
    requires_python: SpecifierSet
    requires: tuple[Requirement, ...]
    extras: tuple[NormalizedName, ...]


def parse_metadata(text: str, *, where: str) -> ProjectMetadata:
    """Parse the METADATA of a wheel (core metadata specification).

    Raises MultiplatError when a field that we need is missing or wrong.
    """
    raw, _ = parse_email(text)
    name, version = raw.get("name"), raw.get("version")
    if not name or not version:
        raise MultiplatError(f"{where}: its METADATA has no Name or no Version; build it anew")
    try:
        return ProjectMetadata(
            name=name,
            version=Version(version),
            requires_python=SpecifierSet(raw.get("requires_python") or ""),
            requires=tuple(Requirement(line) for line in raw.get("requires_dist", [])),
            extras=tuple(canonicalize_name(extra) for extra in raw.get("provides_extra", [])),
        )
    except (InvalidVersion, InvalidSpecifier, InvalidRequirement) as error:
        raise MultiplatError(f"{where}: its METADATA is not valid: {error}") from error


def parse_scripts(text: str) -> dict[str, str]:
    """Return the console and gui scripts of an `entry_points.txt`, name to `module:function`."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    sections = ("console_scripts", "gui_scripts")
    return {
        name: target.partition("[")[0].strip()
        for section in sections
        if parser.has_section(section)
        for name, target in parser.items(section)
    }


def root_requirements(
    metadata: ProjectMetadata, extras: Iterable[NormalizedName]
) -> tuple[Requirement, ...]:
    """Return what a project requires with these extras, no marker naming an extra any more.

    An extra that the project defines by its own extras (`all = ["demo[fast,web]"]`) is followed.
    """
    wanted = _closure(metadata, extras)
    own = canonicalize_name(metadata.name)
    found = []
    for requirement in metadata.requires:
        if canonicalize_name(requirement.name) == own:
            continue
        settled = _without_extra(requirement, wanted)
        if settled is not None:
            found.append(settled)
    return tuple(found)


def unknown_extras(
    metadata: ProjectMetadata, extras: Sequence[NormalizedName]
) -> tuple[NormalizedName, ...]:
    """Return the extras that the project does not have."""
    return tuple(extra for extra in extras if extra not in metadata.extras)


def _closure(metadata: ProjectMetadata, extras: Iterable[NormalizedName]) -> set[str]:
    own = canonicalize_name(metadata.name)
    wanted: set[str] = set()
    queue = [str(extra) for extra in extras]
    while queue:
        extra = queue.pop()
        if extra in wanted:
            continue
        wanted.add(extra)
        for requirement in metadata.requires:
            if canonicalize_name(requirement.name) != own:
                continue
            if _without_extra(requirement, {extra}) is not None:
                queue += [canonicalize_name(name) for name in requirement.extras]
    return wanted


def _without_extra(requirement: Requirement, extras: set[str]) -> Requirement | None:
    """Settle what a requirement's marker says of `extra`; None when that rules it out."""
    if requirement.marker is None:
        return requirement
    text = str(requirement.marker)
    if not _EXTRA_ATOM.search(text):
        return requirement

    def settle(match: re.Match[str]) -> str:
        value = match["value"] if match["value"] is not None else match["value_first"]
        operator = match["operator"] or match["operator_second"]
        holds = (canonicalize_name(value) in extras) == (operator == "==")
        return 'python_version >= "0"' if holds else 'python_version < "0"'

    settled = Marker(_EXTRA_ATOM.sub(settle, text))
    copy = Requirement(str(requirement))
    copy.marker = settled
    return None if _never(settled) else copy


def _never(marker: Marker) -> bool:
    """Tell whether a marker is false whatever the platform: only its settled atoms count."""
    text = re.sub(
        r"[\w.]+\s*(?:===|==|~=|!=|<=|>=|<|>|not\s+in|in)\s*(?:\"[^\"]*\"|'[^']*')"
        r"|(?:\"[^\"]*\"|'[^']*')\s*(?:===|==|~=|!=|<=|>=|<|>|not\s+in|in)\s*[\w.]+",
        lambda match: match[0] if match[0] == 'python_version < "0"' else 'python_version >= "0"',
        str(marker),
    )
    return not Marker(text).evaluate({"python_version": "3.13"})
