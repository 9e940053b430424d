from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hatch_multiplat.build.sbom import Inventory, ListedFile, Origin, render_sbom
from hatch_multiplat.wheels.metadata import Licensing
from tests.support.inventory import parse_inventory

ONE = ListedFile(
    name="one",
    version="1.0",
    filename="one-1.0-py3-none-any.whl",
    sha256="0" * 64,
    licensing=Licensing(expression="MIT"),
    targets=("cp312-win_amd64",),
    origin=Origin(
        url="https://files.test/one-1.0-py3-none-any.whl",
        hashes=(("sha256", "0" * 64), ("blake2b", "1" * 64)),
    ),
)
INVENTORY = Inventory(
    name="demo",
    version="2.0",
    filename="demo-2.0.pex",
    sha256="f" * 64,
    licensing=Licensing(),
    targets=("cp312-win_amd64",),
    components=(ONE,),
)


def render(inventory: Inventory, timestamp: datetime | None = None) -> dict[str, Any]:
    """Render, have the library's validator look at it, and parse."""
    return parse_inventory(render_sbom(inventory, timestamp=timestamp))


def test_every_wheel_has_its_name_hash_source_licence_and_targets() -> None:
    (component,) = render(INVENTORY)["components"]
    assert component == {
        "type": "library",
        "bom-ref": "one-1.0-py3-none-any.whl",
        "name": "one",
        "version": "1.0",
        "hashes": [{"alg": "SHA-256", "content": "0" * 64}],
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": "pkg:pypi/one@1.0?file_name=one-1.0-py3-none-any.whl",
        "externalReferences": [
            {
                "type": "distribution",
                "url": "https://files.test/one-1.0-py3-none-any.whl",
                "hashes": [{"alg": "SHA-256", "content": "0" * 64}],
            }
        ],
        "properties": [{"name": "hatch-multiplat:target", "value": "cp312-win_amd64"}],
    }


def test_the_executable_is_the_application_that_depends_on_all() -> None:
    document = render(INVENTORY)
    application = document["metadata"]["component"]
    assert application["type"] == "application"
    assert (application["name"], application["version"]) == ("demo", "2.0")
    assert application["hashes"] == [{"alg": "SHA-256", "content": "f" * 64}]
    assert {item["ref"]: item.get("dependsOn", []) for item in document["dependencies"]} == {
        "demo-2.0.pex": ["one-1.0-py3-none-any.whl"],
        "one-1.0-py3-none-any.whl": [],
    }


def test_an_sdist_that_was_built_here_is_named_as_such() -> None:
    origin = Origin(url="https://files.test/one-1.0.tar.gz", hashes=(), is_source=True)
    document = render(replace(INVENTORY, components=(replace(ONE, origin=origin),)))
    (reference,) = document["components"][0]["externalReferences"]
    assert reference["type"] == "source-distribution"
    unknown = render(replace(INVENTORY, components=(replace(ONE, origin=None),)))
    assert "externalReferences" not in unknown["components"][0]


@pytest.mark.parametrize(
    ("licensing", "licenses"),
    [
        pytest.param(Licensing(expression="mit"), [{"license": {"id": "MIT"}}], id="spelling"),
        pytest.param(
            Licensing(expression="MIT OR Apache-2.0"),
            [{"expression": "MIT OR Apache-2.0"}],
            id="expression",
        ),
        pytest.param(
            Licensing(expression="LicenseRef-Own AND MIT"),
            [{"expression": "LicenseRef-Own AND MIT"}],
            id="own licence",
        ),
        pytest.param(
            Licensing(text="BSD-3-Clause", names=("BSD License",)),
            [{"license": {"id": "BSD-3-Clause"}}],
            id="identifier as text",
        ),
        pytest.param(
            Licensing(text="Apache-2.0 OR BSD-2-Clause"),
            [{"expression": "Apache-2.0 OR BSD-2-Clause"}],
            id="expression as text",
        ),
        pytest.param(
            Licensing(text="Dual licence", names=("BSD License", "MIT")),
            [{"license": {"id": "MIT"}}, {"license": {"name": "BSD License"}}],
            id="classifiers before words",
        ),
        pytest.param(
            Licensing(text="Copyright Ada"), [{"license": {"name": "Copyright Ada"}}], id="words"
        ),
        pytest.param(Licensing(), None, id="nothing"),
    ],
)
def test_licences_are_in_the_forms_that_cyclonedx_knows(
    licensing: Licensing, licenses: list[dict[str, Any]] | None
) -> None:
    document = render(replace(INVENTORY, components=(replace(ONE, licensing=licensing),)))
    found = document["components"][0].get("licenses")
    assert (found and sorted(found, key=str)) == (licenses and sorted(licenses, key=str))


def test_the_same_inventory_gives_the_same_text() -> None:
    two = replace(ONE, filename="two-1.0-py3-none-any.whl", name="two")
    first = replace(INVENTORY, components=(ONE, two))
    second = replace(INVENTORY, components=(two, ONE))
    assert render_sbom(first, timestamp=None) == render_sbom(second, timestamp=None)
    other = replace(INVENTORY, sha256="e" * 64)
    assert render(INVENTORY)["serialNumber"] != render(other)["serialNumber"]


def test_the_time_is_the_one_given_or_none() -> None:
    assert "timestamp" not in render(INVENTORY)["metadata"]
    document = render(INVENTORY, datetime(2020, 2, 2, tzinfo=UTC))
    assert document["metadata"]["timestamp"] == "2020-02-02T00:00:00+00:00"
