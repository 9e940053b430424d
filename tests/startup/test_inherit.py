"""The order of inherited paths, on systems that are not here."""

from __future__ import annotations

import os
from typing import Final

import pytest

from hatch_multiplat.runtime.inherit import ordered

ROOT: Final = "/cache/key"
SITE: Final = f"{ROOT}/Lib/site-packages"

# A set-up of an embeddable Python for Windows has the standard library in it.
STANDARD: Final = [f"{ROOT}/Scripts/python311.zip", f"{ROOT}/Scripts", ROOT, "/outer"]
SITES: Final = ["/outer/Lib/site-packages", "/src/of/an/editable/project"]


@pytest.mark.parametrize("how", ["fallback", "prefer"])
def test_windows(how: str) -> None:
    paths = ["", "/given", *STANDARD[:3], SITE, f"{SITE}/win32", STANDARD[3], *SITES]
    own = [SITE, f"{SITE}/win32"]
    outer = ["/given", *SITES]
    wanted = ["", *STANDARD, *(outer + own if how == "prefer" else own + outer)]
    assert ordered(paths, ["/given", ""], ROOT, how) == wanted


def test_a_folder_named_like_the_set_up_is_not_in_it() -> None:
    paths = [f"{ROOT}-2/site-packages", f"{ROOT}/lib/python3.15/site-packages"]
    assert ordered(paths, [], ROOT, "fallback") == paths[::-1]


def test_relative_folders_of_pythonpath_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    paths = ["/lib", "/tmp", "/usr/lib/python3.15", f"{ROOT}/lib/python3.15/site-packages"]
    given = os.pathsep.join(["lib", "tmp", ""]).split(os.pathsep)
    assert ordered(paths, given, ROOT, "fallback") == [*paths[2:], *paths[:2]]
