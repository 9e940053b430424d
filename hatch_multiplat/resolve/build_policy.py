"""The packages that may be built from source, by the settings of uv and pip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import InvalidName, canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.index.sources import says_yes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

ALL: Final = ":all:"
_NONE: Final = ":none:"
VARIABLES: Final = ("UV_NO_BUILD", "UV_NO_BUILD_PACKAGE", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE")
"""uv's own variables; a uv that gets the flags of a policy must not see them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPolicy:
    """The packages that must not be built, and those that must be, by name with the setting.

    The name `:all:` stands for every package; where a package has both, building it is forbidden.
    """

    forbidden: Mapping[str, str] = field(default_factory=dict, hash=False)
    demanded: Mapping[str, str] = field(default_factory=dict, hash=False)

    def forbids(self, name: NormalizedName) -> str:
        """Return the setting that forbids building a package; empty if none does."""
        return self.forbidden.get(name) or self.forbidden.get(ALL, "")

    def flags(self) -> list[str]:
        """Return uv's flags with the same meaning.

        To uv a name beside `:all:` is an exception from it: one that says the opposite is left out.
        """
        demanded = [name for name in self.demanded if ALL not in self.forbidden]
        return [
            *(f"--only-binary={name}" for name in sorted(self.forbidden)),
            *(f"--no-binary={name}" for name in sorted(demanded) if name not in self.forbidden),
        ]


def read_policy(
    *tables: tuple[str, Mapping[str, Any]],
    environ: Mapping[str, str],
    pip_config: Mapping[str, str],
) -> BuildPolicy:
    """Read the settings in uv's tables, the environment and pip's files; all of them count.

    A table comes with the words that name it in messages. Users forbid builds for safety, so no
    setting undoes another one, except pip's `:none:`, which undoes those before it. Raises
    ConfigError for a variable that is neither yes nor no, and for an invalid name.
    """
    forbidden: dict[str, str] = {}
    demanded: dict[str, str] = {}
    for where, table in tables:
        for part, place in ((table, where), (table.get("pip", {}), f"{where}.pip")):
            _read_table(part, place, forbidden, demanded)
    for found, switch, names in (
        (forbidden, "UV_NO_BUILD", "UV_NO_BUILD_PACKAGE"),
        (demanded, "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE"),
    ):
        if says_yes(environ, switch):
            found.setdefault(ALL, switch)
        _add(found, environ.get(names, "").split(), names)
    for found, variable, key in (
        (forbidden, "PIP_ONLY_BINARY", "only-binary"),
        (demanded, "PIP_NO_BINARY", "no-binary"),
    ):
        said = environ.get(variable) or pip_config.get(key, "")
        where = variable if environ.get(variable) else f"pip's {key}"
        _add(found, _after_none(said), where)
    return BuildPolicy(forbidden=forbidden, demanded=demanded)


def _read_table(
    table: Mapping[str, Any], place: str, forbidden: dict[str, str], demanded: dict[str, str]
) -> None:
    for key, found in (
        ("no-build", forbidden),
        ("no-build-package", forbidden),
        ("only-binary", forbidden),
        ("no-binary", demanded),
        ("no-binary-package", demanded),
    ):
        value = table.get(key)
        where = f"{place}.{key}"
        if isinstance(value, bool):
            _add(found, [ALL] if value else [], where)
        elif isinstance(value, list):
            _add(found, _after_none(" ".join(map(str, value))), where)
        elif value is not None:
            raise ConfigError([f"{where} must be a boolean or an array of strings"])


def _after_none(text: str) -> Iterator[str]:
    """Yield the names in pip's list that come after its last `:none:`."""
    words = text.replace(",", " ").split()
    last = max((index for index, word in enumerate(words) if word == _NONE), default=-1)
    yield from words[last + 1 :]


def _add(found: dict[str, str], names: Iterable[str], where: str) -> None:
    for name in names:
        try:
            found.setdefault(name if name == ALL else canonicalize_name(name, validate=True), where)
        except InvalidName:
            message = f"{where}: {name!r} is not a name of a package; separate names by spaces"
            raise ConfigError([message]) from None
