"""The documentation as a browser shows it, on a desk and on a phone."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import dump_page, find_chromium
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WIDTHS = (1280, 390)
# For each page and width: what is wider than the page and not in a box that scrolls, and the
# images that are missing. Every page is loaded in a frame of that width, one after the other.
MEASURE = """
<body><pre id="result"></pre><script>
const found = [];
function scrolls(element) {
  for (let box = element; box; box = box.parentElement) {
    const style = getComputedStyle(box);
    if (/auto|scroll|hidden/.test(style.overflowX) || style.position === "fixed") return true;
  }
  return false;
}
async function measure(page, width) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:800px;border:0`;
  frame.src = page;
  const loaded = new Promise((done) => { frame.onload = done; });
  document.body.append(frame);
  await loaded;
  const inner = frame.contentDocument;
  for (const image of inner.images) {
    image.loading = "eager";
    try { await image.decode(); } catch (error) { /* found below */ }
    if (!image.naturalWidth) found.push([page, width, "missing", image.src]);
  }
  const right = inner.documentElement.clientWidth;
  if (inner.documentElement.scrollWidth > right) found.push([page, width, "page scrolls", ""]);
  for (const element of inner.querySelectorAll("article *")) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > right + 1 && !scrolls(element.parentElement))
      found.push([page, width, "too wide", element.outerHTML.slice(0, 80)]);
  }
  // A phone scrolls a wide table; a desk shows it whole.
  for (const box of inner.querySelectorAll("article .table-wrapper"))
    if (width > 1000 && box.scrollWidth > box.clientWidth + 1)
      found.push([page, width, "clipped", box.innerText.slice(0, 80)]);
  frame.remove();
}
(async () => {
  for (const page of PAGES) for (const width of WIDTHS) await measure(page, width);
  document.getElementById("result").textContent = JSON.stringify({ found, pages: PAGES.length });
})();
</script></body>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Return the built documentation, and the address that serves it on loopback."""
    find_chromium()
    pytest.importorskip("sphinx", reason="the documentation's tools are not here")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "--quiet", "--jobs", "2"]
    run_command(*words, DOCS, folder, cwd=ROOT)
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        pass


def measure(folder: Path, address: str, pages: list[str], profile: Path) -> dict[str, Any]:
    text = MEASURE.replace("PAGES", json.dumps(pages)).replace("WIDTHS", json.dumps(WIDTHS))
    (folder / "measure.html").write_text(text, "utf-8")
    dumped = dump_page(f"{address}/measure.html", profile, "--virtual-time-budget=60000")
    result = re.search(r'<pre id="result">(.*?)</pre>', dumped, re.DOTALL)
    assert result is not None
    assert result[1], "the pages did not load in time"
    return json.loads(html.unescape(result[1]))  # type: ignore[no-any-return]


def test_nothing_is_wider_than_its_page_and_no_image_is_missing(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = site
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    pages = [page for page in pages if not page.startswith(("_", "genindex", "search"))]
    assert len(pages) > 40
    assert measure(folder, address, pages, tmp_path) == {"found": [], "pages": len(pages)}


def test_what_is_too_wide_or_missing_would_be_found(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    table = '<div class="table-wrapper" style="overflow:auto"><p style="width:2000px">-</p></div>'
    wide = f'<article><p style="width:900px">wide</p><img src="none.png">{table}</article>'
    (folder / "bad.html").write_text(f"<!doctype html>{wide}", "utf-8")
    found = measure(folder, address, ["bad.html"], tmp_path)["found"]
    assert {(width, what) for _, width, what, _ in found} == {
        (1280, "missing"),
        (1280, "clipped"),
        (390, "missing"),
        (390, "page scrolls"),
        (390, "too wide"),
    }


def test_commands_are_copied_without_their_prompt_and_without_what_they_print(
    site: tuple[Path, str],
) -> None:
    """The settings stand in the pages, where sphinx-copybutton's script reads them."""
    folder, _ = site
    script = (folder / "_static" / "copybutton.js").read_text("utf-8")
    assert r"'\\$ |C:\\\\> ', true, true, true, false" in script
