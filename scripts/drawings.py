"""Draw the pictures of the documentation, in a light and a dark version each: docs/images/*.svg.

What they show comes from where it is true: the rooms from the imports in `hatch_multiplat/`, the
terminal from the recorded sessions. With `--check`, as scripts/check.py calls it, nothing is
written; a picture that would be another one is named, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass, field
from html import escape
from itertools import permutations
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.text import Line
from venvs import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

IMAGES = ROOT / "docs" / "images"
SANS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
MONO: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SYSTEMS: Final = ("Linux x86_64", "Linux aarch64", "macOS arm64", "macOS x86_64", "Windows x86_64")
EVERYWHERE: Final = ("targets", "base")  # What nearly every room imports; no arrows for these.


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    text: str
    faint: str
    line: str
    fill: str
    accent: str
    accent_fill: str


PALETTES: Final = {
    "light": Palette(
        text="#1f2328",
        faint="#59636e",
        line="#8c959f",
        fill="#f6f8fa",
        accent="#0969da",
        accent_fill="#ddf4ff",
    ),
    "dark": Palette(
        text="#e6edf3",
        faint="#9198a1",
        line="#6e7681",
        fill="#161b22",
        accent="#58a6ff",
        accent_fill="#0c2d6b",
    ),
}


@dataclass(kw_only=True, slots=True)
class Drawing:
    """An SVG in the making; x and y are those of the left upper corner, in its own pixels."""

    title: str
    width: int
    height: int
    palette: Palette
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, *, accent: bool = False) -> None:
        fill, line = (
            (self.palette.accent_fill, self.palette.accent)
            if accent
            else (self.palette.fill, self.palette.line)
        )
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
            f'fill="{fill}" stroke="{line}" stroke-width="1.5"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 16,
        anchor: str = "middle",
        faint: bool = False,
        bold: bool = False,
        mono: bool = False,
    ) -> None:
        """Write words with their baseline at y."""
        style = f' font-family="{MONO}"' if mono else ""
        style += ' font-weight="600"' if bold else ""
        color = self.palette.faint if faint else self.palette.text
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{color}"{style}>{escape(words)}</text>'
        )

    def arrow(self, path: str, *, width: float = 2, accent: bool = False) -> None:
        color = self.palette.accent if accent else self.palette.line
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width:g}" '
            f'marker-end="url(#{"accent" if accent else "plain"})"/>'
        )

    def render(self) -> str:
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
            f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0.5 L8 4 L0 7.5 Z" fill="{color}"/></marker>'
            for name, color in (("plain", self.palette.line), ("accent", self.palette.accent))
        )
        lines = [
            svg_head(self.width, self.height, f'font-family="{SANS}"'),
            f"<title>{escape(self.title)}</title>",
            f"<defs>{heads}</defs>",
            *self.parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def svg_head(width: int, height: int, more: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" {more}>'
    )


def draw_file(palette: Palette) -> str:
    """Draw one project, one build, one file, five systems."""
    title = "One project, one ordinary build, one file, and it runs on five systems"
    drawing = Drawing(title=title, width=720, height=300, palette=palette)
    drawing.box(10, 92, 160, 116)
    drawing.text(90, 128, "your project", bold=True, size=18)
    drawing.text(90, 158, "pyproject.toml", mono=True, size=14, faint=True)
    drawing.text(90, 180, "src/", mono=True, size=14, faint=True)
    drawing.arrow("M172 150 H262")
    drawing.text(216, 138, "one build", size=15, faint=True)
    drawing.box(266, 92, 172, 116, accent=True)
    drawing.text(352, 128, "one file", bold=True, size=18)
    drawing.text(352, 156, "app-1.0.pex", mono=True, size=15)
    drawing.text(352, 184, "locked wheels for all", size=14, faint=True)
    for number, system in enumerate(SYSTEMS):
        y = 12 + number * 58
        drawing.box(540, y, 170, 44)
        drawing.text(625, y + 28, system, size=16)
        drawing.arrow(f"M440 150 C 490 150, 480 {y + 22}, 536 {y + 22}", accent=True)
    return drawing.render()


def draw_start(palette: Palette) -> str:
    """Draw what the first start does, and what every later one does."""
    title = "The first start makes an environment from this machine's wheels; later ones use it"
    drawing = Drawing(title=title, width=720, height=310, palette=palette)
    drawing.box(10, 118, 120, 70, accent=True)
    drawing.text(70, 150, "./app-1.0.pex", mono=True, size=13)
    drawing.text(70, 172, "starts", size=14, faint=True)
    drawing.text(360, 24, "first start", bold=True, size=17)
    steps = (
        ("recognise", "this machine"),
        ("check the hashes", "of its own wheels"),
        ("unpack them", "into the cache"),
    )
    for number, (first, second) in enumerate(steps):
        x = 146 + number * 146
        drawing.box(x, 42, 134, 62)
        drawing.text(x + 67, 69, first, size=14)
        drawing.text(x + 67, 90, second, size=14)
        if number:
            drawing.arrow(f"M{x - 11} 73 H{x - 1}")
    drawing.arrow("M70 116 V73 H144")
    drawing.arrow("M573 73 H650 V116")
    drawing.box(590, 118, 120, 70, accent=True)
    drawing.text(650, 150, "your program", size=14, bold=True)
    drawing.text(650, 172, "runs", size=14, faint=True)
    drawing.arrow("M70 190 V237 H650 V192", accent=True)
    drawing.text(360, 222, "every later start: straight into its environment", size=16)
    drawing.text(360, 272, "A file that is damaged says so. A machine that fits no target", size=14)
    drawing.text(360, 294, "is told which systems and Pythons the file is for.", size=14)
    return drawing.render()


def draw_flow(palette: Palette) -> str:
    """Draw how a build goes, from the table and the wheel's metadata to the executable."""
    title = "From the table and the metadata to a lock, to the wheels of each target, to one file"
    drawing = Drawing(title=title, width=720, height=448, palette=palette)
    drawing.box(40, 10, 290, 64)
    drawing.text(185, 37, "[tool.multiplat]", mono=True, size=15)
    drawing.text(185, 60, "platforms and Pythons", size=14, faint=True)
    drawing.box(390, 10, 290, 64)
    drawing.text(535, 37, "METADATA of the project's wheel", size=15)
    drawing.text(535, 60, "requirements", size=14, faint=True)
    drawing.box(40, 108, 290, 64)
    drawing.text(185, 135, "targets", bold=True)
    drawing.text(185, 158, "ranked tags and marker variables", size=14, faint=True)
    drawing.arrow("M185 76 V105")
    drawing.arrow("M535 76 V105")
    drawing.arrow("M332 140 H386")
    drawing.box(390, 108, 290, 64)
    drawing.text(535, 135, "lock", bold=True)
    drawing.text(535, 158, "uv solves for all targets together", size=14, faint=True)
    steps = (
        ("selection", "for each target the best wheel of each package, or why there is none"),
        ("wheels", "downloaded once, hashes checked, opened and judged"),
        ("executable", "launcher, table and wheels; the same bytes every time"),
    )
    drawing.arrow("M185 174 V203")
    drawing.arrow("M535 174 V203")
    for number, (name, job) in enumerate(steps):
        y = 206 + number * 84
        last = number == len(steps) - 1
        drawing.box(40, y, 640, 58, accent=last)
        drawing.text(360, y + 25, name, bold=True)
        drawing.text(360, y + 46, job, size=14, faint=True)
        if not last:
            drawing.arrow(f"M360 {y + 60} V{y + 81}")
    drawing.arrow("M682 235 H705 V140 H684")
    drawing.text(700, 196, "what does not fit", size=13, anchor="end", faint=True)
    return drawing.render()


def draw_rooms(palette: Palette) -> str:
    """Draw the rooms of the package, and the imports between them."""
    rows = read_layers()
    drawing = Drawing(
        title="The rooms of the package, from the top down, and the imports between them",
        width=720,
        height=24 + 62 * len(rows),
        palette=palette,
    )
    where: dict[str, float] = {}
    for number, rooms in enumerate(rows):
        y = 14 + 62 * number
        width = (330 - 10 * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            x = 10 + place * (width + 10)
            drawing.box(x, y, width, 44)
            drawing.text(x + width / 2, y + 28, room, bold=True)
            where[room] = y + 22
    for above, below in find_imports(where):
        start, end = where[above] + 5, where[below] - 5
        if below in EVERYWHERE:
            continue
        reach = 352 + (end - start) * 0.75
        drawing.arrow(f"M342 {start:g} C {reach:g} {start:g}, {reach:g} {end:g}, 344 {end:g}")
    drawing.text(710, 28, "An arrow is an import.", anchor="end", size=14, faint=True)
    drawing.text(
        710, 48, f"All may import {' and '.join(EVERYWHERE)}.", anchor="end", size=14, faint=True
    )
    return drawing.render()


def read_layers() -> list[list[str]]:
    """Return the rooms as the contract in pyproject.toml has them, row by row from the top."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = table["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [row.split(" | ") for row in layers]


def find_imports(rooms: Iterable[str]) -> list[tuple[str, str]]:
    """Return each pair of rooms of which the first imports from the second."""
    # The recorded sessions need this module too, but not the tools that read our code.
    import grimp  # noqa: PLC0415

    graph = grimp.build_graph("hatch_multiplat", cache_dir=None)
    names = {room: f"hatch_multiplat.{room}" for room in rooms}
    return [
        (above, below)
        for above, below in permutations(sorted(names), 2)
        if graph.direct_import_exists(
            importer=names[above], imported=names[below], as_packages=True
        )
    ]


def draw_terminal() -> str:
    """Draw a terminal with the recorded sessions of a build and of a run, line after line."""
    sessions = ROOT / "docs" / "sessions"
    build, run = ((sessions / f"{name}.txt").read_text("utf-8") for name in ("build", "run"))
    command, *lines = build.splitlines()
    wheel = lines.index("* Building wheel...")
    printed = [command, "...", *lines[wheel:], *run.splitlines()]
    # Lines end where they would on a terminal that is narrow enough for a phone.
    shown = [str(part) for line in printed for part in Line(line).fit(70)]
    height, size = 19, 13
    top = 46
    # A letter of these fonts is 0.6 times as wide as high, and a little more in some.
    width = 32 + round(0.61 * size * max(map(len, shown)))
    style = (
        "@keyframes appear{from{opacity:.65}to{opacity:1}}"
        "text{animation:appear .01s both}"
        "@media (prefers-reduced-motion:reduce){text{animation:none}}"
    )
    parts = [
        svg_head(width, top + height * len(shown), f'font-family="{MONO}" font-size="{size}"'),
        "<title>A build in a terminal, and the executable that it leaves</title>",
        f"<style>{style}</style>",
        '<rect width="100%" height="100%" rx="8" fill="#161b22"/>',
        *(
            f'<circle cx="{20 + 20 * number}" cy="18" r="6" fill="{color}"/>'
            for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
    ]
    clock = 0.0
    for number, line in enumerate(shown):
        clock += 0.8 if line.startswith("$ ") else 0.06
        color = "#7ee787" if line.startswith("$ ") else "#e6edf3"
        parts.append(
            f'<text x="16" y="{top + 4 + height * number}" xml:space="preserve" fill="{color}" '
            f'style="animation-delay:{clock:.2f}s">{escape(line)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_all() -> dict[str, str]:
    """Return each picture by its file name."""
    drawings = {"file": draw_file, "flow": draw_flow, "start": draw_start, "rooms": draw_rooms}
    pictures = {
        f"{name}-{theme}.svg": draw(palette)
        for name, draw in drawings.items()
        for theme, palette in PALETTES.items()
    }
    return pictures | {"terminal.svg": draw_terminal()}


def find_outdated() -> list[str]:
    """Return the names of the pictures that are not what they would be now."""
    pictures = draw_all()
    there = {path.name: path.read_text("utf-8") for path in IMAGES.glob("*.svg")}
    return sorted(name for name in pictures | there if pictures.get(name) != there.get(name))


def write_all() -> None:
    IMAGES.mkdir(exist_ok=True)
    for name, text in draw_all().items():
        (IMAGES / name).write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    if not parser.parse_args().check:
        write_all()
    elif outdated := find_outdated():
        sys.exit(f"outdated: {', '.join(outdated)}; scripts/drawings.py draws them anew")


if __name__ == "__main__":
    main()
