"""A real browser without a window, for tests of pages."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# A fresh profile, and nothing asked of any server but the page's own.
_QUIET: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str:
    """Return the browser's command; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("there is no Chromium on this machine")


def dump_page(url: str, folder: Path, *options: str) -> str:
    """Return what a page has become when its scripts have run; the profile lies in `folder`."""
    words = [*_QUIET, "--dump-dom", "--window-size=1280,900", *options]
    done = subprocess.run(
        [find_chromium(), *words, f"--user-data-dir={folder / 'profile'}", url],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return done.stdout
