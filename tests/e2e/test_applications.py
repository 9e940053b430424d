"""Real applications from their own sdists, by the script that builds those of the documentation."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Checkout

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "explanation" / "applications.json"
LIST = ROOT / "scripts" / "applications.toml"


def test_the_page_has_each_application_of_the_list_in_all_its_targets() -> None:
    listed = tomllib.loads(LIST.read_text("utf-8"))["applications"]
    figures = json.loads(DATA.read_text("utf-8"))
    page = DATA.with_suffix(".md").read_text("utf-8")
    assert len(figures) == 16
    assert [(found["name"], found["version"]) for found in figures] == [
        (entry["name"], entry["version"]) for entry in listed
    ]
    for found in figures:
        assert found["targets"] == 15
        assert all(found["starts"].values())
        assert f"\n| {found['name']} {found['version']} |" in page


@pytest.mark.network
@pytest.mark.slow
def test_two_of_the_applications_build_and_start(checkout: Checkout, tmp_path: Path) -> None:
    data = tmp_path / "figures.json"
    checkout.run_script("applications.py", "black", "httpx", "--data", str(data))
    black, httpx = json.loads(data.read_text("utf-8"))
    assert (black["targets"], httpx["targets"]) == (15, 15)
    assert black["wheels"] > black["packages"], "it has wheels for several platforms"
    assert httpx["table"] == 'extras = ["cli"]'
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for found in (black, httpx):
        assert found["starts"].get(here), "it starts under the Python that runs this"
