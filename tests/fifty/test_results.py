"""What `check` says of the fifty applications, as `results.json` has it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

HERE = Path(__file__).parent


def test_each_application_of_the_list_has_a_result_without_an_untrue_line() -> None:
    listed = tomllib.loads((HERE / "applications.toml").read_text("utf-8"))
    results = json.loads((HERE / "results.json").read_text("utf-8"))
    assert {found["requirement"] for found in results.values()} == {
        requirement for _, requirement in listed["applications"]
    }
    for found in results.values():
        assert found["targets"] == len(listed["platforms"]) * len(listed["python"])
        assert found["exit"] == (0 if found["covered"] == found["targets"] else 4)
        assert bool(found["missing"]) == (found["exit"] == 4)
        assert found["untrue"] == []
