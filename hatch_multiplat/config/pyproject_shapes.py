"""The shapes of what is read of `[project]` and of uv's settings: mistakes by their TOML path.

The tools that these tables are for check them too, but later, or not at all in some commands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

from packaging.version import InvalidVersion, Version

from hatch_multiplat.base.toml_table import TableReader, table_at, unreadable_texts

TABLE: Final = "tool.multiplat"

Shape: TypeAlias = Callable[[TableReader, str, object], object]
"""Reports the problem with a value, if any, to the reader; the value has this TOML path."""


def check_pyproject(pyproject: object, where: str = "") -> None:
    """Raise ConfigError for everything in a `pyproject.toml` that has the wrong shape.

    `where` is the path of the file, if it is another than the project's own.
    """
    reader = TableReader()
    _PYPROJECT(reader, "", pyproject)
    if isinstance(pyproject, dict):
        tool = pyproject.get("tool")
        tables = {key: pyproject.get(key) for key in ("project", "dependency-groups")}
        if isinstance(tool, dict):
            tables |= {f"tool.{key}": tool.get(key) for key in ("multiplat", "uv")}
        for name, table in tables.items():
            reader.problems += unreadable_texts(name, table)
    start = f"{where}: " if where else ""
    reader.finish(lambda problem: start + problem.removeprefix("."))


def check_uv_table(table: object, where: str) -> None:
    """Do the same for settings of uv; `where` is the path of their table, or of their file."""
    reader = TableReader()
    _UV(reader, where, table)
    reader.problems += unreadable_texts(where, table)
    reader.finish()


def misplaced_options(
    pyproject: Mapping[str, Any], hatch_toml: Mapping[str, Any], known: Collection[str]
) -> list[str]:
    """Return a problem for each of our options in a table of Hatch.

    Other plugins have theirs there. `known` are the keys of `[tool.multiplat]`, and `hatch_toml` is
    the file of that name beside pyproject.toml, where Hatch's tables may be, too.
    """
    found = []
    hatch = table_at(pyproject, "tool", "hatch")
    for start, tables in (("tool.hatch.", hatch), ("hatch.toml: ", hatch_toml)):
        if "multiplat" in tables:
            found.append(f"{start}multiplat is not read; did you mean [{TABLE}]?")
        build = table_at(tables, "build")
        hooks = {f"{start}build.hooks.multiplat": table_at(build, "hooks", "multiplat")}
        for name in table_at(build, "targets"):
            where = f"{start}build.targets.{name}.hooks.multiplat"
            hooks[where] = table_at(build, "targets", name, "hooks", "multiplat")
        misplaced = [(where, key) for where in hooks for key in hooks[where] if key not in _HOOK]
        where = f"{start}build.targets.multiplat"
        # Hatch's own key of this name is about files.
        ours = set(known) - {"exclude"}
        misplaced += [
            (where, key) for key in table_at(build, "targets", "multiplat") if key in ours
        ]
        found += [f"{place}.{key} belongs in [{TABLE}]; move it there" for place, key in misplaced]
    return found


# What hatchling itself reads of the table of each hook.
_HOOK: Final = frozenset(
    {
        "enable-by-default",
        "dependencies",
        "require-runtime-dependencies",
        "require-runtime-features",
    }
)


_text: Final = TableReader.text


def _anything(_reader: TableReader, _where: str, _value: object) -> None:
    pass


def _version(reader: TableReader, where: str, value: object) -> None:
    text = reader.text(where, value)
    try:
        Version(text or "0")
    except InvalidVersion:
        reader.problem(f"{where}: {text!r} is not a version")
    except ValueError:  # Of too many digits, which is told of all texts.
        pass


def _table(**keys: Shape) -> Shape:
    """Return the shape of a table with these keys; other keys may have any shape.

    An underscore stands for the dash of a key.
    """
    shapes = {key.replace("_", "-"): shape for key, shape in keys.items()}

    def shape_of(reader: TableReader, where: str, value: object) -> None:
        table = reader.table(where, value)
        for key, shape in shapes.items():
            if key in table:
                shape(reader, f"{where}.{key}", table[key])

    return shape_of


def _each(shape: Shape) -> Shape:
    """Return the shape of a table whose values all have this shape."""

    def shape_of(reader: TableReader, where: str, value: object) -> None:
        for key, item in reader.table(where, value).items():
            shape(reader, f"{where}.{key}", item)

    return shape_of


def _array(shape: Shape) -> Shape:
    def shape_of(reader: TableReader, where: str, value: object) -> None:
        for here, item in reader.array(where, value):
            shape(reader, here, item)

    return shape_of


def _one_or_more(shape: Shape) -> Shape:
    several = _array(shape)

    def shape_of(reader: TableReader, where: str, value: object) -> None:
        (several if isinstance(value, list) else shape)(reader, where, value)

    return shape_of


_LOCATIONS: Final[dict[str, Shape]] = {
    "index_url": _text,
    "extra_index_url": _one_or_more(_text),
    "find_links": _one_or_more(_text),
    "index_strategy": _text,
    "keyring_provider": _text,
}
_UV: Final = _table(
    **_LOCATIONS,
    index=_array(_table(name=_text, url=_text)),
    pip=_table(**_LOCATIONS),
    sources=_each(
        _one_or_more(_table(index=_text, path=_text, marker=_text, extra=_text, group=_text))
    ),
    workspace=_table(members=_array(_text), exclude=_array(_text)),
    override_dependencies=_array(_anything),
    constraint_dependencies=_array(_anything),
    exclude_dependencies=_array(_anything),
    dependency_metadata=_array(
        _table(name=_text, version=_version, requires_dist=_array(_text), requires_python=_text)
    ),
)
_PYPROJECT: Final = _table(
    build_system=_table(build_backend=_text),
    project=_table(
        name=_text,
        version=_text,
        requires_python=_text,
        dynamic=_array(_text),
        dependencies=_array(_text),
        optional_dependencies=_each(_array(_text)),
        scripts=_each(_text),
        gui_scripts=_each(_text),
    ),
    dependency_groups=_each(_array(_anything)),
    tool=_table(uv=_UV),
)
