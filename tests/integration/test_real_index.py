"""What is true of the real index: each target gets its newest, in any order of the table."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING

import pytest
import tomlkit
from click.testing import CliRunner

from hatch_multiplat.frontends.cli import main

if TYPE_CHECKING:
    from pathlib import Path

PLATFORMS = ("macos-x86_64", "linux-x86_64", "linux-aarch64", "windows-x86_64")


@pytest.mark.network
@pytest.mark.slow
def test_no_order_of_platforms_holds_a_target_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intel Macs have no wheels of the newest cryptography; the others take it, and its cffi."""
    monkeypatch.setenv("HATCH_MULTIPLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    answers = []
    orders = list(itertools.permutations(PLATFORMS))[::3]  # Each platform comes first in two.
    for platforms in orders:
        document = {
            "project": {"name": "demo", "version": "1.0", "dependencies": ["cryptography"]},
            "tool": {"multiplat": {"platforms": list(platforms), "python": ["3.12"]}},
        }
        (tmp_path / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")
        result = CliRunner().invoke(main, ["check", "--json", str(tmp_path)])
        assert result.exit_code == 0, result.output
        answers.append(
            {
                (package["name"], wheel["target"]): wheel["version"]
                for package in json.loads(result.stdout)["packages"]
                for wheel in package["wheels"]
            }
        )
    assert all(answer == answers[0] for answer in answers)
    versions = {
        target: version for (name, target), version in answers[0].items() if name == "cryptography"
    }
    others = {version for target, version in versions.items() if "macosx" not in target}
    assert len(others) == 1
    assert len({version for (name, _), version in answers[0].items() if name == "cffi"}) == 1
