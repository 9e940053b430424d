"""`extra` and `group` of `[tool.uv.sources]`: the entries that are in force for an executable.

uv applies an entry with `extra` to the requirements of that extra alone, one with `group` to those
of that dependency group, whatever groups it includes. An executable has certain extras and
groups: the entries for these are in force, without further condition, and the others are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

_CONDITIONS: Final = {
    "extra": ("tool.multiplat.extras", "project.optional-dependencies"),
    "group": ("tool.multiplat.dependency-groups", "dependency-groups"),
}
"""What chooses each kind of condition, and where it is defined."""


def settle_sources(
    sources: Mapping[str, Any], pyproject: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the sources that are in force, without conditions on extras and groups, and problems.

    `pyproject` says which extras and groups the executable has, and which sources are its own: for
    those of a workspace's root, a condition that means nothing here is none that is wrong. A
    problem is a sentence that starts with the TOML path of what is wrong.
    """
    own = pyproject.get("tool", {}).get("uv", {}).get("sources", {})
    active = {
        "extra": frozenset(active_extras(pyproject)),
        "group": frozenset(_names(_multiplat(pyproject).get("dependency-groups", ()))),
    }
    settled: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in sources.items():
        entries = value if isinstance(value, list) else [value]
        if not any(kind in entry for entry in entries for kind in _CONDITIONS):
            settled[name] = value
            continue
        kept: list[dict[str, Any]] = []
        for number, entry in enumerate(entries):
            where = f"tool.uv.sources.{name}" + (f"[{number}]" if isinstance(value, list) else "")
            if name in own:
                problems += _check(where, name, entry, pyproject)
            plain = {key: said for key, said in entry.items() if key not in _CONDITIONS}
            holds = all(
                canonicalize_name(str(entry[kind])) in active[kind]
                for kind in _CONDITIONS
                if kind in entry
            )
            if holds and plain not in kept:
                kept.append(plain)
        if len(kept) > 1 and any("marker" not in entry for entry in kept):
            problems.append(_explain_several(name, entries, active))
        if kept:
            settled[name] = kept if isinstance(value, list) else kept[0]
    return settled, problems


def active_extras(pyproject: Mapping[str, Any]) -> Iterator[NormalizedName]:
    """Yield the extras of the executable, those that another one asks for (`all`) among them."""
    project = pyproject.get("project", {})
    own = canonicalize_name(str(project.get("name", "")))
    optional = {
        canonicalize_name(name): texts
        for name, texts in project.get("optional-dependencies", {}).items()
    }
    queue = _names(_multiplat(pyproject).get("extras", ()))
    queue += _asked(own, project.get("dependencies", ()))
    for extra in queue:  # It grows on the way.
        yield extra
        queue += [more for more in _asked(own, optional.get(extra, ())) if more not in queue]


def _asked(own: NormalizedName, texts: Iterable[str]) -> list[NormalizedName]:
    """Return the extras that a project asks for of itself."""
    return [
        canonicalize_name(extra)
        for requirement in valid_requirements(texts)
        if canonicalize_name(requirement.name) == own
        for extra in sorted(requirement.extras)
    ]


def valid_requirements(texts: Iterable[Any]) -> Iterator[Requirement]:
    """Yield those of the texts that are requirements."""
    for text in texts:
        try:
            yield Requirement(text)
        except (InvalidRequirement, TypeError):  # A group may include another by a table.
            continue


def _check(
    where: str, name: str, entry: Mapping[str, Any], pyproject: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what uv finds wrong with the conditions of an entry."""
    if all(kind in entry for kind in _CONDITIONS):
        yield f"{where}: an entry has either extra or group, not both"
    project = pyproject.get("project", {})
    dynamic = set(project.get("dynamic", ())) & {"optional-dependencies"}
    for kind, (_, table) in _CONDITIONS.items():
        if kind not in entry or (kind == "extra" and (dynamic or not project)):
            continue
        home = project.get("optional-dependencies", {}) if kind == "extra" else pyproject.get(table)
        defined = {canonicalize_name(key): texts for key, texts in (home or {}).items()}
        wanted = canonicalize_name(str(entry[kind]))
        if wanted not in defined:
            known = ", ".join(defined) or "none"
            yield f"{where}.{kind}: there is no {entry[kind]!r} in {table} (it has: {known})"
        elif not _includes(defined[wanted], name):
            yield f"{where}.{kind}: {name} is not in {table}.{wanted}; add it there"


def _includes(texts: Iterable[Any], name: str) -> bool:
    """Tell whether requirements have a package; those of an included group may have it, too."""
    return any(not isinstance(text, str) for text in texts) or any(
        canonicalize_name(requirement.name) == canonicalize_name(name)
        for requirement in valid_requirements(texts)
    )


def _explain_several(
    name: str, entries: Iterable[Mapping[str, Any]], active: Mapping[str, frozenset[NormalizedName]]
) -> str:
    words = []
    for entry in entries:
        found = [kind for kind in _CONDITIONS if kind in entry]
        if not found:
            words.append("the one without extra and group")
        elif canonicalize_name(str(entry[found[0]])) in active[found[0]]:
            words.append(f"that of {found[0]} {entry[found[0]]!r}")
    keys = dict.fromkeys(
        key for kind, (key, _) in _CONDITIONS.items() if any(kind in entry for entry in entries)
    )
    return (
        f"tool.uv.sources.{name}: several entries are in force at once: {' and '.join(words)}; "
        f"leave one in force by {' and '.join(keys)}, or give each a marker"
    )


def _multiplat(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    table: Mapping[str, Any] = pyproject.get("tool", {}).get("multiplat", {})
    return table


def _names(values: Any) -> list[NormalizedName]:
    """Return names normalised; what is no array of strings is reported by who reads the table."""
    if not isinstance(values, list | tuple):
        return []
    return [canonicalize_name(value) for value in values if isinstance(value, str)]
