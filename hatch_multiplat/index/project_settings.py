"""uv's settings of a project: its own or its workspace's, and the sources that apply.

uv applies an entry of `sources` with `extra` to the requirements of that extra alone, one with
`group` to those of that dependency group, whatever groups it includes. An executable has certain
extras and groups: the entries for these are in force, without further condition, the others not.
"""

from __future__ import annotations

import functools
import operator
import os
import tomllib
from typing import TYPE_CHECKING, Any, Final

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.base.toml_table import table_at
from hatch_multiplat.config.pyproject_shapes import check_pyproject, check_uv_table
from hatch_multiplat.index.local_files import is_unpacked_sdist
from hatch_multiplat.index.sources import bindings_of
from hatch_multiplat.index.user_settings import place_locations, read_uv_toml

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_multiplat.base.urls import Credentials
    from hatch_multiplat.index.sources import Binding


_FROM_REPOSITORY: Final = (
    "; an sdist has no workspace: build it from the repository: python -m build --wheel"
)

_CONDITIONS: Final = {
    "extra": ("tool.multiplat.extras", "project.optional-dependencies"),
    "group": ("tool.multiplat.dependency-groups", "dependency-groups"),
}
"""What chooses each kind of condition, and where it is defined."""


_WITH_URLS: Final = (
    ("project", "dependencies"),
    ("project", "optional-dependencies"),
    ("dependency-groups",),
    ("tool", "multiplat", "constraints"),
    ("tool", "multiplat", "extra-index-urls"),
    ("tool", "multiplat", "find-links"),
    ("tool", "multiplat", "index-url"),
    ("tool", "multiplat", "requirements"),
    ("tool", "uv"),
)
"""The tables and keys of a `pyproject.toml` in which URLs say where packages come from."""


def take_credentials(pyproject: Mapping[str, Any], credentials: Credentials) -> dict[str, Any]:
    """Return a `pyproject.toml` without the secrets in its URLs, which go into `credentials`.

    Raises ConfigError with each URL that cannot be read.
    """
    problems: list[str] = []

    def take(value: Any, path: tuple[str, ...]) -> Any:
        if path in _WITH_URLS:
            return credentials.take_all(value, ".".join(path), problems)
        if not isinstance(value, dict):
            return value
        return {key: take(item, (*path, key)) for key, item in value.items()}

    taken: dict[str, Any] = take(pyproject, ())
    if problems:
        raise ConfigError(problems)
    return taken


def require_by_token(
    requirements: Sequence[Requirement], uv_table: Mapping[str, Any], credentials: Credentials
) -> tuple[tuple[Requirement, ...], dict[str, Any]]:
    """Return requirements by URL in place of those sources of uv's that are URLs with a token.

    uv takes the token of a requirement from a variable, and that of a source from a file only.
    """
    left: dict[str, Any] = {}
    urls: dict[NormalizedName, list[Mapping[str, Any]]] = {}
    for name, value in uv_table.get("sources", {}).items():
        entries = value if isinstance(value, list) else [value]
        by_token = [
            entry
            for entry in entries
            if (url := str(entry.get("url", ""))) and credentials.restore_query(url) != url
        ]
        if by_token:
            urls[canonicalize_name(name)] = by_token
            entries = [entry for entry in entries if entry not in by_token]
        if entries:
            left[name] = entries if isinstance(value, list) else entries[0]
    if not urls:
        return tuple(requirements), dict(uv_table)
    found = list(requirements)
    for requirement in requirements:
        for entry in urls.get(canonicalize_name(requirement.name), ()):
            by_url = Requirement(f"{requirement.name} @ {entry['url']}")
            by_url.extras = set(requirement.extras)
            markers = [m for m in (requirement.marker, _marker_of(entry)) if m is not None]
            by_url.marker = functools.reduce(operator.and_, markers) if markers else None
            found.append(by_url)
    return tuple(found), {**uv_table, "sources": left}


def _marker_of(entry: Mapping[str, Any]) -> Marker | None:
    return Marker(entry["marker"]) if "marker" in entry else None


def find_workspace(project_dir: Path, pyproject: Mapping[str, Any]) -> Path | None:
    """Return the root of the workspace above a project; None where it is in none, or is the root.

    Raises ConfigError where the root's settings have a wrong shape.
    """
    root, _ = _find_root(project_dir, pyproject)
    return root if root != project_dir.resolve() else None


def read_sources(project_dir: Path, pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """Return a project's `[tool.uv.sources]`, members of its workspace by their paths.

    Sources of the workspace's root count for its members, too, unless they have their own. All
    paths are relative to the project. Those for an extra or a group that the executable does not
    have are left out. Raises ConfigError for a member that is not there (an index may have a
    project of that name, which is another one), and for conditions that make no sense.
    """
    own = dict(table_at(pyproject, "tool", "uv", "sources"))
    root, table = _find_root(project_dir, pyproject)
    inherited = table.get("sources", {}) if root not in {None, project_dir.resolve()} else {}
    members = _list_members(root, table.get("workspace", {})) if root is not None else {}
    sources: dict[str, Any] = {}
    problems = []
    for name, value in {**inherited, **own}.items():
        start = root if root is not None and name not in own else project_dir.resolve()
        entries = []
        for entry in value if isinstance(value, list) else [value]:
            placed = dict(entry)
            if placed.pop("workspace", False):
                member = members.get(canonicalize_name(name))
                if member is None:
                    hint = (
                        _FROM_REPOSITORY if root is None and is_unpacked_sdist(project_dir) else ""
                    )
                    problems.append(
                        f"tool.uv.sources.{name}: the workspace has no such member{hint}"
                    )
                    continue
                placed["path"] = _relative(member, project_dir)
            elif "path" in placed:
                placed["path"] = _relative(start / placed["path"], project_dir)
            entries.append(placed)
        sources[name] = entries if isinstance(value, list) or len(entries) != 1 else entries[0]
    settled, more = settle_sources(sources, pyproject)
    if problems or more:
        raise ConfigError([*problems, *more])
    return settled


def read_bindings(
    project_dir: Path, sources: Mapping[str, Any], direct: Container[NormalizedName]
) -> tuple[Binding, ...]:
    """Return the bindings that the folders among a project's direct dependencies have themselves.

    uv applies the sources of every folder that a source leads to for the requirements of that
    folder's own project, by the indexes that are named there. A folder that cannot be read is
    reported by uv. Raises ConfigError for a `pyproject.toml` there that has a wrong shape.
    """
    found: dict[Binding, None] = {}
    queue = [(project_dir, dict(sources), direct)]
    seen = {project_dir.resolve()}
    for start, table, names in queue:  # It grows on the way.
        for name, value in table.items():
            if canonicalize_name(name) not in names:
                continue
            for entry in value if isinstance(value, list) else [value]:
                folder = (start / str(entry.get("path", "."))).resolve()
                if folder in seen:
                    continue
                seen.add(folder)
                pyproject = _read(folder)
                check_pyproject(pyproject, str(folder / "pyproject.toml"))
                own = read_sources(folder, pyproject) if pyproject else {}
                required = _required_names(pyproject)
                indexes = place_locations(read_settings(folder, pyproject), folder).get("index", ())
                urls = {item["name"]: item["url"] for item in indexes if {"name", "url"} <= {*item}}
                bound = bindings_of(own, urls)
                found |= dict.fromkeys(binding for binding in bound if binding.name in required)
                queue.append((folder, own, required))
    return tuple(found)


def _required_names(pyproject: Mapping[str, Any]) -> frozenset[NormalizedName]:
    """Return the packages that a project requires, in any of its extras as well."""
    project = pyproject.get("project", {})
    groups = [project.get("dependencies", ()), *project.get("optional-dependencies", {}).values()]
    return frozenset(
        canonicalize_name(requirement.name)
        for texts in groups
        for requirement in valid_requirements(texts)
    )


def read_settings(project_dir: Path, pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that uv has for a project: those of its workspace's root.

    They are in `uv.toml`, or else in `[tool.uv]`. Indexes that a member has of its own are for
    its own sources only. Paths are relative to the project; to a member, the root's folders of
    packages are file URLs. Raises ConfigError for a `uv.toml` that is not TOML.
    """
    own = dict(table_at(pyproject, "tool", "uv"))
    own.pop("sources", None)
    root, table = _find_root(project_dir, pyproject)
    if root not in {None, project_dir.resolve()}:
        members = _list_members(root, table.get("workspace", {}))
        if project_dir.resolve() in members.values():
            table = place_locations(_with_uv_toml(root, table), root)
            bound = [{**entry, "explicit": True} for entry in own.get("index", ())]
            if bound:
                table["index"] = [*table.get("index", ()), *bound]
            table.pop("sources", None)
            return table
    return _with_uv_toml(project_dir, own)


def settle_sources(
    sources: Mapping[str, Any], pyproject: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the sources that are in force, without conditions on extras and groups, and problems.

    `pyproject` says which extras and groups the executable has, and which sources are its own: in
    those of a workspace's root, a condition that means nothing here is not a mistake. A
    problem is a sentence that starts with the TOML path of what is wrong.
    """
    own = table_at(pyproject, "tool", "uv", "sources")
    active = {
        "extra": frozenset(active_extras(pyproject)),
        "group": frozenset(
            _names(table_at(pyproject, "tool", "multiplat").get("dependency-groups", ()))
        ),
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
    """Yield the extras of the executable, including those that another extra (`all`) asks for."""
    project = pyproject.get("project", {})
    own = canonicalize_name(str(project.get("name", "")))
    optional = {
        canonicalize_name(name): texts
        for name, texts in project.get("optional-dependencies", {}).items()
    }
    queue = _names(table_at(pyproject, "tool", "multiplat").get("extras", ()))
    queue += _asked(own, project.get("dependencies", ()))
    for extra in queue:  # It grows on the way.
        yield extra
        queue += [more for more in _asked(own, optional.get(extra, ())) if more not in queue]


def _asked(own: NormalizedName, texts: Iterable[str]) -> list[NormalizedName]:
    """Return the extras of itself that a project requires."""
    return [
        canonicalize_name(extra)
        for requirement in valid_requirements(texts)
        if canonicalize_name(requirement.name) == own
        for extra in sorted(requirement.extras)
    ]


def valid_requirements(texts: Iterable[Any]) -> Iterator[Requirement]:
    """Yield the texts that are valid requirements."""
    for text in texts:
        try:
            yield Requirement(text)
        except (InvalidRequirement, TypeError):  # A group may include another by a table.
            continue


def _with_uv_toml(folder: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a folder: only those of its `uv.toml`, if it has one."""
    path = folder / "uv.toml"
    return read_uv_toml(path) if path.is_file() else dict(table)


def _find_root(
    project_dir: Path, pyproject: Mapping[str, Any]
) -> tuple[Path | None, Mapping[str, Any]]:
    """Return the root of the workspace that a project is in, with its `[tool.uv]`; None without.

    Raises ConfigError where that of another folder has a wrong shape; the project's own is known.
    """
    folder = project_dir.resolve()
    table = table_at(pyproject, "tool", "uv")
    if "workspace" in table:
        return folder, table
    for parent in folder.parents:
        table = table_at(_read(parent), "tool", "uv")
        if "workspace" in table:
            check_uv_table(table, f"{parent / 'pyproject.toml'}: tool.uv")
            return parent, table
    return None, {}


def _list_members(root: Path, workspace: Mapping[str, Any]) -> dict[str, Path]:
    """Return the folders of a workspace's members by name, the root itself among them."""
    excluded = {*_find_folders(root, workspace, "exclude")}
    folders = [root, *_find_folders(root, workspace, "members")]
    names = {folder: _name_of(folder) for folder in folders if folder not in excluded}
    return {canonicalize_name(name): folder for folder, name in names.items() if name}


def _find_folders(root: Path, workspace: Mapping[str, Any], key: str) -> list[Path]:
    """Return the folders that the patterns of a key match; raises ConfigError for invalid ones."""
    found: list[Path] = []
    problems = []
    for number, pattern in enumerate(workspace.get(key, ())):
        where = f"{root / 'pyproject.toml'}: tool.uv.workspace.{key}[{number}]"
        try:
            found += root.glob(pattern)
        except NotImplementedError:
            problems.append(f"{where}: {pattern!r} is absolute; write it from that file's folder")
        except (ValueError, IndexError, RecursionError, OSError) as error:
            reason = str(error).partition(": '")[0]
            problems.append(f"{where}: {pattern!r} is not a pattern for folders: {reason}")
    if problems:
        raise ConfigError(problems)
    return found


def _name_of(folder: Path) -> str:
    """Return the name of the project in a folder; "" if there is none."""
    name = table_at(_read(folder), "project").get("name")
    return name if isinstance(name, str) else ""


def _read(folder: Path) -> Mapping[str, Any]:
    """Read a folder's pyproject.toml; a missing or invalid one is not part of a workspace."""
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _relative(path: Path, project_dir: Path) -> str:
    try:
        return os.path.relpath(path.resolve(), project_dir.resolve()).replace(os.sep, "/")
    except ValueError:  # Another drive of Windows.
        return str(path.resolve())


def _check(
    where: str, name: str, entry: Mapping[str, Any], pyproject: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the problems that uv finds in the conditions of an entry."""
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
    """Tell whether requirements include a package, perhaps through an included group."""
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


def _names(values: Any) -> list[NormalizedName]:
    """Return normalized names; if it is not an array of strings, the table's reader reports it."""
    if not isinstance(values, list | tuple):
        return []
    return [canonicalize_name(value) for value in values if isinstance(value, str)]
