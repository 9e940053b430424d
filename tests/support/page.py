"""The commands that a page of the documentation tells people to type."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_BLOCK: Final = re.compile(r"^```console\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def read_page(name: str) -> str:
    """Return a page by its path in `docs/`, without the ending."""
    return (DOCS / f"{name}.md").read_text("utf-8")


def read_commands(name: str) -> list[str]:
    """Return what stands behind the prompts in a page's blocks, in order."""
    blocks = _BLOCK.finditer(read_page(name))
    lines = [line for block in blocks for line in block["text"].splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
