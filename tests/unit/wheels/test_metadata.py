from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import MultiplatError
from hatch_multiplat.wheels.metadata import (
    Licensing,
    ProjectMetadata,
    parse_metadata,
    parse_wheel_texts,
    read_licensing,
    root_requirements,
    unknown_extras,
)


def metadata(*requires: str, extras: str = "") -> ProjectMetadata:
    lines = [
        "Metadata-Version: 2.4",
        "Name: Demo.App",
        "Version: 1.0",
        *(f"Provides-Extra: {extra}" for extra in extras.split()),
        *(f"Requires-Dist: {line}" for line in requires),
    ]
    return parse_metadata("\n".join(lines) + "\n", where="demo.whl")


def roots(*requires: str, extras: str = "") -> list[str]:
    names = [canonicalize_name(extra) for extra in extras.split()]
    return [str(found) for found in root_requirements(metadata(*requires), names)]


def test_the_fields_that_a_build_needs_are_read() -> None:
    text = (
        "Metadata-Version: 2.4\nName: Demo.App\nVersion: 1.0\nRequires-Python: >=3.11\n"
        "Provides-Extra: Fast_JSON\nRequires-Dist: rich>=13\n\nName: not this one\n"
    )

    found = parse_metadata(text, where="demo.whl")

    assert found.name == "Demo.App"
    assert found.version == Version("1.0")
    assert found.requires_python == SpecifierSet(">=3.11")
    assert [str(requirement) for requirement in found.requires] == ["rich>=13"]
    assert found.extras == ("fast-json",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "Version: 1.0\n",
            "demo.whl: its METADATA has no Name or no Version; build it anew",
            id="no name",
        ),
        pytest.param(
            "Name: demo\n",
            "demo.whl: its METADATA has no Name or no Version; build it anew",
            id="no version",
        ),
        pytest.param(
            "Name: demo\nVersion: one\n",
            (
                "demo.whl: its METADATA is not valid: Invalid version: 'one'; take another "
                "version of it, or tell its authors"
            ),
            id="version",
        ),
        pytest.param(
            "Name: demo\nVersion: 1\nRequires-Python: three\n",
            (
                "demo.whl: its METADATA is not valid: Invalid specifier: 'three'; take another "
                "version of it, or tell its authors"
            ),
            id="requires-python",
        ),
    ],
)
def test_invalid_metadata_is_refused(text: str, message: str) -> None:
    with pytest.raises(MultiplatError) as caught:
        parse_metadata(text, where="demo.whl")

    assert str(caught.value) == message


def test_an_invalid_requirement_is_refused_with_its_text() -> None:
    with pytest.raises(MultiplatError, match=r"(?s)demo\.whl: .*not valid.*rich >>13"):
        metadata("rich >>13")


@pytest.mark.parametrize(
    ("requires", "extras", "expected"),
    [
        pytest.param(["rich>=13"], "", ["rich>=13"], id="plain"),
        pytest.param(
            ["rich; sys_platform == 'win32'"], "", ['rich; sys_platform == "win32"'], id="marker"
        ),
        pytest.param(["rich; extra == 'fast'"], "", [], id="extra not asked for"),
        pytest.param(["rich; extra == 'fast'"], "fast", ["rich"], id="extra"),
        pytest.param(["rich; 'fast' == extra"], "fast", ["rich"], id="reversed"),
        pytest.param(["rich; extra == 'Fast_JSON'"], "fast-json", ["rich"], id="spelling"),
        pytest.param(["rich; extra != 'slim'"], "", ["rich"], id="unequal"),
        pytest.param(["rich; extra != 'slim'"], "slim", ["rich"], id="still for the project"),
        pytest.param(
            ["rich; sys_platform == 'linux' and extra == 'fast'"],
            "fast",
            ['rich; sys_platform == "linux"'],
            id="and",
        ),
        pytest.param(
            ["rich; (os_name == 'nt' or os_name == 'posix') and extra == 'fast'"],
            "fast",
            ['rich; os_name == "nt" or os_name == "posix"'],
            id="and an or",
        ),
        pytest.param(["rich; extra == 'a' or extra == 'b'"], "b", ["rich"], id="either extra"),
        pytest.param(["rich; extra == 'a' or extra == 'b'"], "a b", ["rich"], id="taken once"),
        pytest.param(["rich; extra == 'a' and extra == 'b'"], "a b", [], id="no two at once"),
        pytest.param(
            ["demo-app[web]; extra == 'all'", "flask; extra == 'web'", "rich; extra == 'cli'"],
            "all",
            ["flask"],
            id="an extra made of others",
        ),
        pytest.param(
            ["Demo_App[Web,cli]; extra == 'all'", "flask; extra == 'web'", "rich; extra == 'cli'"],
            "all",
            ["rich", "flask"],
            id="of several",
        ),
        pytest.param(
            ["demo-app[b]; extra == 'a'", "demo-app[a]; extra == 'b'", "rich; extra == 'b'"],
            "a",
            ["rich"],
            id="a circle",
        ),
        pytest.param(
            [
                "demo-app[win]; sys_platform == 'win32' and extra == 'all'",
                "pywin32; extra == 'win'",
            ],
            "all",
            ['pywin32; sys_platform == "win32"'],
            id="made of another on one platform",
        ),
        pytest.param(
            ["demo-app[web]", "flask; extra == 'web'"], "", ["flask"], id="required by the project"
        ),
        pytest.param(
            ["rich; python_version < '3.12' and extra == 'a'", "rich; extra == 'b'"],
            "a b",
            ['rich; python_version < "3.12"', "rich"],
            id="one package for two reasons",
        ),
    ],
)
def test_what_a_project_requires_with_extras(
    requires: list[str], extras: str, expected: list[str]
) -> None:
    assert roots(*requires, extras=extras) == expected


@pytest.mark.parametrize("extras", ["", "fast"])
@pytest.mark.parametrize("system", ["linux", "win32"])
def test_an_or_with_an_extra_holds_on_its_platform_or_with_the_extra(
    extras: str, system: str
) -> None:
    found = root_requirements(
        metadata("rich; sys_platform == 'win32' or extra == 'fast'"),
        [canonicalize_name(extra) for extra in extras.split()],
    )

    markers = [requirement.marker or Marker("python_version >= '0'") for requirement in found]

    assert any(marker.evaluate({"sys_platform": system}) for marker in markers) == (
        bool(extras) or system == "win32"
    )


def test_a_circle_under_markers_ends() -> None:
    found = roots(
        "demo-app[b]; extra == 'a' and os_name == 'nt'",
        "demo-app[a]; extra == 'b' and sys_platform == 'win32'",
        "rich; extra == 'b'",
        extras="a",
    )

    assert found == ['rich; os_name == "nt"']


def test_extras_that_the_project_lacks_are_named() -> None:
    wanted = [canonicalize_name("fast"), canonicalize_name("slow")]

    assert unknown_extras(metadata(extras="fast"), wanted) == ("slow",)


def test_requirements_of_old_wheels_that_are_none_are_left_out() -> None:
    text = (
        "Metadata-Version: 2.1\nName: x\nVersion: 1\nRequires-Dist: a\nRequires-Dist: pytz (>dev)\n"
    )
    assert [str(item) for item in parse_wheel_texts(text).requires] == ["a"]


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
