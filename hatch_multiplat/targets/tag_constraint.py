"""The wheel tags that a package may use, which requirement specifiers cannot express.

    cryptography[manylinux2014_x86_64, abi3]
    pip==1.3.1[manylinux1, cp36, x86_64]

The bracket holds tag words: python tags, ABI tags, platform tags, and architectures. A wheel fits
when it carries one word of each kind that is named.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.targets.platforms import ARCHS, Platform, PlatformError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from packaging.tags import Tag
    from packaging.utils import NormalizedName

    from hatch_multiplat.targets.target import Target

Kind = Literal["python", "abi", "platform", "arch"]

_BRACKET: Final = re.compile(r"(?P<before>[^\[\];]*)\[(?P<words>[^\]]*)\](?P<after>[^\[\]]*)")
_PYTHON: Final = re.compile(r"(cp|pp|py|ip|jy)([23])(\d{0,2})")
_ABI: Final = re.compile(r"abi3t?|none|cp(2[67]|3\d{1,2})(mu?|t|d|td|dm)|pypy\d{2,3}_pp\d{2}")
_FAMILIES: Final = ("manylinux1", "manylinux2010", "manylinux2014", "any")
_FAMILY: Final = re.compile(r"(manylinux|musllinux|macosx)_\d+_\d+")
_ARCHS: Final = frozenset(
    {
        *(arch for archs in ARCHS.values() for arch in archs),
        *("amd64", "universal2", "universal", "intel", "fat64"),
    }
)
_NEWEST_MINOR: Final = 20
_EXAMPLES: Final = (
    "manylinux1",
    "manylinux2010",
    "manylinux2014",
    "manylinux2014_x86_64",
    "manylinux_2_17",
    "manylinux_2_28_x86_64",
    "musllinux_1_2_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
    "win_arm64",
    "win32",
    "any",
    "abi3",
    "none",
    "cp311",
    "cp312",
    "cp313",
    "py3",
    *sorted(_ARCHS),
)


class TagConstraintError(ValueError):
    """A tag constraint is invalid; the message is for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TagConstraint:
    """The tag words that wheels of one package may have, by kind; without words, any tag fits."""

    name: NormalizedName
    words: tuple[tuple[Kind, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(word for _, words in self.words for word in words)}]"

    def admits(self, tags: Iterable[Tag]) -> bool:
        """Tell whether one of these tags has a word of each named kind."""
        return any(
            all(any(_carries(tag, kind, word) for word in words) for kind, words in self.words)
            for tag in tags
        )

    def concerns(self, target: Target) -> bool:
        """Tell whether a target accepts any wheel with such words.

        `[manylinux2014_x86_64]` says nothing about Windows, and `[cp36]` nothing about 3.9.
        """
        return _concerns(self, target)


def has_bracket(text: str) -> bool:
    """Tell whether a constraint has a bracket, which holds tag words (or by mistake extras)."""
    return "[" in text.partition(";")[0]


def parse_tag_constraint(text: str) -> tuple[TagConstraint, Requirement | None]:
    """Parse `name[words]` or `name==1.0[words]`; the version, if any, as a plain constraint.

    Raises TagConstraintError for a word that is no tag that an index could serve, and for extras.
    """
    match = _BRACKET.fullmatch(text.strip())
    if match is None:
        raise TagConstraintError(f"{text!r} is not of the form 'name==1.0[tag, tag]'")
    if ";" in match["after"]:
        raise TagConstraintError(
            f"{text!r}: a tag constraint takes no marker; tag words say which platforms they mean"
        )
    words = [word.strip() for word in match["words"].split(",") if word.strip()]
    if not words:
        raise TagConstraintError(f"{text!r}: the bracket is empty; name tags, or drop it")
    try:
        requirement = Requirement(f"{match['before']}{match['after']}")
    except InvalidRequirement as error:
        raise TagConstraintError(f"{text!r} is not a requirement with tags: {error}") from error
    by_kind: dict[Kind, list[str]] = {}
    for word in words:
        by_kind.setdefault(_kind_of(word, text), []).append(word)
    constraint = TagConstraint(
        name=canonicalize_name(requirement.name),
        words=tuple((kind, tuple(found)) for kind, found in sorted(by_kind.items())),
    )
    return constraint, requirement if requirement.specifier else None


def admitted(
    constraints: Iterable[TagConstraint], name: str, tags: Collection[Tag], target: Target
) -> bool:
    """Tell whether a wheel of a package may be used on a target by all constraints on it."""
    return all(
        constraint.admits(tags)
        for constraint in constraints
        if constraint.name == name and constraint.concerns(target)
    )


def _kind_of(word: str, text: str) -> Kind:
    if word in _ARCHS:
        return "arch"
    if word in _FAMILIES or _FAMILY.fullmatch(word):
        return "platform"
    if _ABI.fullmatch(word):
        return "abi"
    match = _PYTHON.fullmatch(word)
    if match and (not match[3] or int(match[3]) <= _NEWEST_MINOR):
        return "python"
    try:
        Platform.parse(word)
    except PlatformError:
        pass
    else:
        return "platform"
    close = difflib.get_close_matches(word.lower(), _EXAMPLES, n=1, cutoff=0.8)
    hint = f"did you mean {close[0]!r}?" if close else "extras belong into 'requirements'"
    raise TagConstraintError(f"{text!r}: {word!r} is not a wheel tag; {hint}")


def _carries(tag: Tag, kind: Kind, word: str) -> bool:
    match kind:
        case "python":
            return tag.interpreter == word
        case "abi":
            return tag.abi == word
        case "arch":
            return tag.platform == word or tag.platform.endswith(f"_{word}")
        case _:
            return tag.platform == word or tag.platform.startswith(f"{word}_")


@functools.lru_cache(maxsize=4096)
def _concerns(constraint: TagConstraint, target: Target) -> bool:
    return constraint.admits(target.tags)
