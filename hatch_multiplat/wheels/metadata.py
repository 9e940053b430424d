"""The metadata of a wheel: METADATA, entry points, and the requirements that follow.

A project's own METADATA has to be valid. Of that of others, what no tool can read is left out.
"""

from __future__ import annotations

import functools
import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.base.urls import redact_text
from hatch_multiplat.index.project_settings import valid_requirements
from hatch_multiplat.runtime.rules import SCRIPT_GROUPS
from hatch_multiplat.wheels.pylock import ALWAYS, LITERAL, NEVER, OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ATOM: Final = re.compile(rf"[\w.]+\s*{OPERATOR}\s*{LITERAL}|{LITERAL}\s*{OPERATOR}\s*[\w.]+")
_EXTRA_ATOM: Final = re.compile(
    rf"\bextra\s*(?P<operator>==|!=)\s*(?P<value>{LITERAL})"
    rf"|(?P<value_first>{LITERAL})\s*(?P<operator_second>==|!=)\s*extra\b"
)


_LICENSE: Final = "License :: "
_SPDX_OF_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}
"""The classifiers that mean one licence of the SPDX list; "BSD License" means several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelTexts:
    """The requirements of a wheel, and its entry points: group to name to `module:function`."""

    requires: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)

    @property
    def scripts(self) -> dict[str, str]:
        """The console and gui scripts, name to `module:function`; those with a console count."""
        found: dict[str, str] = {}
        for group in SCRIPT_GROUPS:
            found = {**self.entry_points.get(group, {}), **found}
        return found


def parse_wheel_texts(metadata: str) -> WheelTexts:
    """Return the requirements in the METADATA of a wheel.

    Lines that are no requirements, which old wheels have, are left out: no tool can follow them.
    """
    raw, _ = parse_email(metadata)
    return WheelTexts(
        requires=tuple(valid_requirements(raw.get("requires_dist", ()))),
        requires_python=parse_bound(raw.get("requires_python")),
    )


def parse_bound(text: object) -> SpecifierSet:
    """Return the specifier in a Requires-Python; an invalid one allows everything."""
    try:
        return SpecifierSet(str(text or ""))
    except InvalidSpecifier:
        return SpecifierSet()


@dataclass(frozen=True, kw_only=True, slots=True)
class Licensing:
    """What a wheel says of its licence, the newest way of saying it first (PEP 639).

    `expression` is its License-Expression. Without one, `names` has what its classifiers say, as
    SPDX identifiers where they mean one, and `text` the first line of its License field, which
    may be an SPDX identifier too, any words, or the beginning of a whole licence.
    """

    expression: str = ""
    names: tuple[str, ...] = ()
    text: str = ""


def read_licensing(metadata: str) -> Licensing:
    """Read the licence fields of a METADATA (core metadata specification)."""
    raw, _ = parse_email(metadata)
    expression = raw.get("license_expression")
    if expression:
        return Licensing(expression=expression.strip())
    # "License :: OSI Approved" alone says that there is one, not which.
    words = [
        classifier.removeprefix(_LICENSE).removeprefix("OSI Approved").removeprefix(" :: ")
        for classifier in raw.get("classifiers", [])
        if classifier.startswith(_LICENSE)
    ]
    names = {_SPDX_OF_CLASSIFIERS.get(word, word) for word in words if word}
    lines = [line.strip() for line in (raw.get("license") or "").splitlines() if line.strip()]
    text = lines[0] if lines and lines[0].upper() != "UNKNOWN" else ""
    return Licensing(names=tuple(sorted(names)), text=text)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectMetadata:
    """The metadata of a wheel (core metadata), as far as a build needs it."""

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
        reason = redact_text(str(error))
        raise MultiplatError(
            f"{where}: its METADATA is not valid: {reason}; take another version of it, or tell "
            "its authors"
        ) from error


def root_requirements(
    metadata: ProjectMetadata, extras: Iterable[NormalizedName]
) -> tuple[Requirement, ...]:
    """Return what a project requires with these extras, no marker naming an extra any more.

    An extra that the project defines by its own extras (`all = ["demo[fast,web]"]`) is followed,
    under the marker that it is named with. Markers are read for one extra at a time, as pip does.
    """
    own = canonicalize_name(metadata.name)
    # "" is the project without extras. An extra is asked for anywhere, or where a marker holds.
    queue = [_Asked(extra="")] + [_Asked(extra=extra) for extra in extras]
    found: dict[str, Requirement] = {}
    for asked in queue:  # It grows on the way.
        for requirement in metadata.requires:
            settled = _settle(requirement, asked.extra, asked.where)
            if settled is None:
                continue
            if canonicalize_name(requirement.name) != own:
                found.setdefault(str(settled), settled)
                continue
            through = asked.through | {asked.extra}
            named = {canonicalize_name(name) for name in requirement.extras} - through
            queue += [
                _Asked(extra=name, where=settled.marker, through=through) for name in sorted(named)
            ]
    return tuple(found.values())


def unknown_extras(
    metadata: ProjectMetadata, extras: Sequence[NormalizedName]
) -> tuple[NormalizedName, ...]:
    """Return the extras that the project does not have."""
    return tuple(extra for extra in extras if extra not in metadata.extras)


def unknown_own_extras(metadata: ProjectMetadata) -> tuple[NormalizedName, ...]:
    """Return the extras that a project requires of itself, and those that it does not have."""
    own = canonicalize_name(metadata.name)
    named = [
        canonicalize_name(extra)
        for requirement in metadata.requires
        if canonicalize_name(requirement.name) == own
        for extra in sorted(requirement.extras)
    ]
    return unknown_extras(metadata, tuple(dict.fromkeys(named)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """An extra, where it is asked for, and the extras that led to it (circles end there)."""

    extra: str
    where: Marker | None = None
    through: frozenset[str] = frozenset()


def _settle(requirement: Requirement, extra: str, condition: Marker | None) -> Requirement | None:
    """Return a requirement as it is for one extra, under a condition; None if it is not for it."""
    marker = requirement.marker
    if marker is None or not _EXTRA_ATOM.search(str(marker)):
        # It is for the project, and was taken with that.
        return None if extra else requirement

    def settle(match: re.Match[str]) -> str:
        value = (match["value"] or match["value_first"])[1:-1]
        equal = (match["operator"] or match["operator_second"]) == "=="
        return ALWAYS if (canonicalize_name(value) == extra) == equal else NEVER

    text = _EXTRA_ATOM.sub(settle, str(marker))
    if not _evaluate(text, others=ALWAYS):
        return None
    conditions = [] if _evaluate(text, others=NEVER) else [Marker(_shorten(text))]
    conditions += [condition] if condition is not None else []
    settled = Requirement(str(requirement))
    settled.marker = functools.reduce(operator.and_, conditions) if conditions else None
    return settled


def _evaluate(text: str, *, others: str) -> bool:
    """Evaluate a marker whose atoms, the settled ones apart, are all taken for the same.

    Markers have no negation: one that is false while they are true is false on every platform.
    """
    settled = _ATOM.sub(lambda match: match[0] if match[0] in {ALWAYS, NEVER} else others, text)
    return Marker(settled).evaluate({"python_version": "3.13"})


def _shorten(text: str) -> str:
    """Return a marker without true atoms that stand beside an `and`."""
    return text.replace(f" and {ALWAYS}", "").replace(f"{ALWAYS} and ", "")
