"""The documentation's settings: `python3 scripts/check.py` builds it, warnings are errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from sphinx.application import Sphinx

UNIT = re.compile(r"(\d) (s|ms|kB|MB|GB|KiB|MiB|GiB)\b")

project = "hatch-multiplat"
author = "hatch-multiplat contributors"
copyright = f"2026, {author}"  # noqa: A001 -- Sphinx's name for it

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["sessions"]
nitpicky = True

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

# What is copied are the commands, without prompt and without what they print.
copybutton_prompt_text = r"\$ |C:\\> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_copy_empty_lines = False

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    app.connect("doctree-resolved", keep_numbers_with_units)


def keep_numbers_with_units(app: Sphinx, document: nodes.document, name: str) -> None:  # noqa: ARG001
    """Put a space that does not break between a number and its unit in tables."""
    for table in document.findall(nodes.table):
        for text in list(table.findall(nodes.Text)):
            kept = UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", text)
            if kept != text:
                text.parent.replace(text, nodes.Text(kept))
