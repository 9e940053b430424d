from __future__ import annotations

from hatch_multiplat.config.config import ProjectFacts
from hatch_multiplat.config.readers import KeyReader
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host

WINDOWS = Target.parse("cp312-win_amd64")
HOST = Host(read_text=lambda path: "{}", current=lambda: WINDOWS)


def test_entries_that_are_right_are_read_beside_those_that_are_not() -> None:
    reader = KeyReader(project=ProjectFacts(name="demo"), host=HOST)

    found = reader.platforms("p", ["win_amd64", "amiga", "current"])

    assert [str(entry.meant) for entry in found] == ["windows-x86_64", "cp312-win_amd64"]
    (problem,) = reader.problems
    assert problem.startswith("p[1]: unknown platform 'amiga'; the platforms are linux-ARCH (")


def test_pythons_are_read_once_each() -> None:
    reader = KeyReader(project=ProjectFacts(name="demo"), host=HOST)

    found = reader.pythons("p", ["3.12", "cp312"])

    assert [str(python) for python in found] == ["3.12"]
    assert reader.problems == ["p[1]: 'cp312' is the same Python as p[0]; drop one"]
