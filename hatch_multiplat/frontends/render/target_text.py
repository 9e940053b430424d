"""Targets for people: their machines, the tags they accept, and their marker variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hatch_multiplat.base.text import Line, format_count
from hatch_multiplat.wheels.matrix import make_columns
from hatch_multiplat.wheels.matrix_layout import describe_floor, describe_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.matrix import Column

BEST: Final = 2
"""The number of best tags shown for each target; `targets --target` shows all."""

NARROWEST: Final = 40

_OF_PYTHON: Final = frozenset(
    {
        "implementation_name",
        "implementation_version",
        "platform_python_implementation",
        "python_full_version",
        "python_version",
    }
)
_HEAD: Final = "bold"


def render_targets(targets: Sequence[Target], *, width: int) -> list[Line]:
    """Render all targets by platform, in lines of at most `width` columns.

    Under each platform stand its markers, and then a line for each Python.
    """
    width = max(width, NARROWEST)
    columns = make_columns(targets)
    lines = []
    for column in columns:
        lines += _platform(column, width)
        names = max(len(str(target)) for target in column.targets)
        for target in column.targets:
            head = f"  {str(target).ljust(names)}  {len(target.tags):>4} tags  "
            best = f"best {', '.join(str(tag) for tag in target.tags[:BEST])}"
            if len(head) + len(best) <= width:
                lines.append(_named(target, head + best))
            else:
                lines.append(_named(target, head.rstrip()))
                lines += _wrap(best, width, indent=4)
        lines.append(Line())
    lines.append(Line(format_count(len(targets), "target"), style=_HEAD))
    return lines


def render_target(target: Target, *, width: int) -> list[Line]:
    """Render one target whole: every marker variable, and every tag, ranked best first."""
    width = max(width, NARROWEST)
    (column,) = make_columns([target])
    lines = [Line(str(target), style=_HEAD), *_system(column, width)]
    environment = _variables([target])
    longest = max(map(len, environment))
    lines += [Line(), Line("markers", style=_HEAD)]
    lines += [
        Line(f"  {name.ljust(longest)}  {value or '(not known ahead)'}")
        for name, value in environment.items()
    ]
    lines += [Line(), Line(f"{len(target.tags)} tags, best first", style=_HEAD)]
    lines += [Line(f"  {tag}") for tag in target.tags]
    return lines


def targets_to_json(targets: Iterable[Target]) -> list[dict[str, Any]]:
    """Return targets as JSON-ready data: tags ranked best first, all marker variables.

    Without a pinned patch release, `python_full_version` and its like end in `.*`.
    """
    return [
        {
            "name": str(target),
            "platform": target.name or str(target.platform),
            "python": str(target.python),
            "system": describe_system(column) or target.platform.system,
            "floor": describe_floor(target.platform.floor) if target.platform.floor else None,
            "tags": [str(tag) for tag in target.tags],
            "marker_environment": _variables([target]),
        }
        for column in make_columns(targets)
        for target in column.targets
    ]


def _named(target: Target, text: str) -> Line:
    end = 2 + len(str(target))
    return Line(text[:end], "cyan").append(text[end:])


def _platform(column: Column, width: int) -> list[Line]:
    variables = _variables(column.targets).items()
    own = [f"{name} '{value}'" for name, value in variables if name not in _OF_PYTHON and value]
    return [
        Line(column.label, style=_HEAD),
        *_system(column, width),
        *_wrap(", ".join(own), width, indent=2, style="dim"),
    ]


def _system(column: Column, width: int) -> list[Line]:
    floor = column.platform.floor
    system = describe_system(column) or "Windows"
    needs = f"needs {system} {describe_floor(floor)} or newer" if floor else "any Windows"
    return _wrap(f"{needs}, {column.platform.tag}", width, indent=2)


def _variables(targets: Iterable[Target]) -> Mapping[str, str]:
    """Return the marker variables of targets of one platform, those of the first for all.

    A target is every patch release of its minor, unless one is pinned.
    """
    target = next(iter(targets))
    values = {name: str(value) for name, value in sorted(target.environment().items())}
    if target.python.patch is None and not target.explicit_environment:
        names = ["python_full_version"]
        if target.python.implementation == "cpython":
            names.append("implementation_version")
        minor = ".".join(map(str, target.python.version))
        values |= dict.fromkeys(names, f"{minor}.*")
    return values


def _wrap(text: str, width: int, *, indent: int, style: str = "") -> list[Line]:
    return list(Line(" " * indent + text, style).fit(width))
