"""`hatch-multiplat platforms`: the possible entries of `platforms` and `python`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from hatch_multiplat.frontends.commands.terminal import Command, Terminal, json_option, print_json
from hatch_multiplat.targets.platforms import FLOOR_SYSTEMS, Platform, oldest_floor, short_names
from hatch_multiplat.targets.python import known_pythons

if TYPE_CHECKING:
    from hatch_multiplat.targets.python import Python

_FORMS = """\
A floor is the oldest system that the executable has to run on. A name without a
floor stands for the one above. To name another:

  linux-x86_64-glibc2.17  linux-x86_64-musl1.1  macos-arm64-14.0

{floors}

These may be entries of `platforms`, too:

  manylinux2014_x86_64                 the platform tag of a wheel, with its floor
  manylinux2014_x86_64-cp-39-cp39      pex's abbreviated platform, with its Python
  platforms/host.json                  a complete-platform file
  current                              the machine and Python that build

Entries of `python`:
"""


@click.command(
    cls=Command,
    short_help="Show the possible platforms and Pythons.",
    examples=[
        "hatch-multiplat platforms",
        "hatch-multiplat platforms --json | jq -r '.platforms[].name'",
    ],
)
@json_option
def platforms(*, as_json: bool) -> None:
    """Show the possible `platforms` and `python` of [tool.multiplat], and the meaning of floors."""
    known = [Platform.parse(name) for name in short_names()]
    if as_json:
        described = {
            "platforms": [
                {
                    "name": str(platform),
                    "tag": platform.tag,
                    "floor": _floor(platform) or None,
                    "oldest_floor": _oldest(platform) or None,
                }
                for platform in known
            ],
            "floors": [
                {"floor": _version(kind, floor), "systems": systems}
                for (kind, floor), systems in FLOOR_SYSTEMS.items()
            ],
            "python": [str(python) for python in known_pythons()],
        }
        print_json(described)
        return
    terminal = Terminal()
    terminal.display_success(f"{'platform':24}{'wheel tag':26}{'floor':14}oldest floor")
    for platform in known:
        floor = _floor(platform) or "none"
        line = f"{platform!s:24}{platform.tag:26}{floor:14}{_oldest(platform)}"
        terminal.display_success(line.rstrip())
    floors = "\n".join(
        f"  {_version(kind, floor):12}{systems}" for (kind, floor), systems in FLOOR_SYSTEMS.items()
    )
    terminal.display_success(f"\n{_FORMS.format(floors=floors)}")
    for kind, pythons in groupby(known_pythons(), _kind):
        terminal.display_success(f"  {kind:24}{' '.join(map(str, pythons))}")


def _floor(platform: Platform) -> str:
    return _version(platform.libc or platform.system, platform.floor)


def _oldest(platform: Platform) -> str:
    floor = oldest_floor(platform.system, platform.arch, platform.libc)
    return _version(platform.libc or platform.system, floor)


def _version(kind: str, version: tuple[int, int] | None) -> str:
    """Write a floor, such as `glibc 2.28`; "" if there is none."""
    name = "macOS" if kind == "macos" else kind
    return f"{name} {version[0]}.{version[1]}" if version else ""


def _kind(python: Python) -> str:
    if python.implementation == "pypy":
        return "PyPy"
    return "free-threaded CPython" if python.free_threaded else "CPython"
