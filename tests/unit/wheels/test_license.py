from __future__ import annotations

import pytest

from hatch_multiplat.wheels.license import Licensing, read_licensing


@pytest.mark.parametrize(
    ("fields", "licensing"),
    [
        pytest.param([], Licensing(), id="nothing"),
        pytest.param(
            ["License-Expression: MIT OR Apache-2.0", "License: old words"],
            Licensing(expression="MIT OR Apache-2.0"),
            id="expression",
        ),
        pytest.param(
            ["Classifier: License :: OSI Approved :: MIT License"],
            Licensing(names=("MIT",)),
            id="classifier with one meaning",
        ),
        pytest.param(
            ["Classifier: License :: OSI Approved :: BSD License"],
            Licensing(names=("BSD License",)),
            id="classifier with several meanings",
        ),
        pytest.param(
            [
                "Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
                "Classifier: License :: OSI Approved :: BSD License",
                "Classifier: Programming Language :: Python",
            ],
            Licensing(names=("BSD License", "MPL-2.0")),
            id="two",
        ),
        pytest.param(
            ["Classifier: License :: Public Domain"],
            Licensing(names=("Public Domain",)),
            id="not approved",
        ),
        pytest.param(["Classifier: License :: OSI Approved"], Licensing(), id="approved, no name"),
        pytest.param(["License: BSD-3-Clause"], Licensing(text="BSD-3-Clause"), id="text"),
        pytest.param(
            ["License: Copyright Ada", "        All rights", "        reserved."],
            Licensing(text="Copyright Ada"),
            id="a whole licence",
        ),
        pytest.param(["License: UNKNOWN"], Licensing(), id="unknown"),
    ],
)
def test_licences_are_read_from_the_newest_field(fields: list[str], licensing: Licensing) -> None:
    lines = ["Metadata-Version: 2.4", "Name: demo", "Version: 1.0", *fields, "", "Words."]
    assert read_licensing("\n".join(lines)) == licensing
