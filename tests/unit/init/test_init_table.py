"""The plugin in a `pyproject.toml`: golden cases, and properties over layouts of every kind."""

from __future__ import annotations

import copy
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.init.init_table import (
    PLUGIN,
    Settings,
    add_hook,
    add_requirement,
    add_settings,
    brings_plugin,
    describe_missing,
    needs_request,
    remove_requirement,
    uses_hatchling,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = ("tool", "hatch")
SETTINGS = Settings(
    platforms=("linux-x86_64", "windows-x86_64"), pythons=("3.12",), run=("script", "demo")
)
HATCHLING = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
OURS = """\

# Run hatch-multiplat in every build of the wheel.
[tool.hatch.build.hooks.multiplat]

# The executable runs on each of these platforms, with each of these Pythons.
[tool.multiplat]
platforms = ["linux-x86_64", "windows-x86_64"]
python = ["3.12"]
script = "demo"
"""
ON_REQUEST = """\

# Run hatch-multiplat in builds with HATCH_BUILD_HOOK_ENABLE_MULTIPLAT=true.
# Nobody who installs the sdist, and no other build, downloads it.
[tool.hatch.build.hooks.multiplat]
enable-by-default = false
dependencies = ["hatch-multiplat[build]"]

# The executable runs on each of these platforms, with each of these Pythons.
[tool.multiplat]
platforms = ["linux-x86_64", "windows-x86_64"]
python = ["3.12"]
script = "demo"
"""


def add_all(text: str, *, on_request: bool = False) -> str:
    """Do what the command does with a project that hatchling builds."""
    text = add_hook(text, root=ROOT, on_request=on_request)
    brought = brings_plugin(tomllib.loads(text), ROOT)
    if not brought:
        text = add_requirement(text)
    elif on_request:
        text = remove_requirement(text)
    return add_settings(text, SETTINGS)


GOLDEN = [
    pytest.param(
        HATCHLING, HATCHLING.replace('"]', '", "hatch-multiplat"]') + OURS, id="a plain project"
    ),
    pytest.param(
        '[build-system]\nrequires = ["hatchling", "Hatch_Multiplat>=1"]\n',
        '[build-system]\nrequires = ["hatchling", "Hatch_Multiplat>=1"]\n' + OURS,
        id="the requirement is there, spelt otherwise",
    ),
    pytest.param(
        HATCHLING + "\n[tool.hatch.build.targets.wheel.hooks.multiplat]\n",
        HATCHLING.replace('"]', '", "hatch-multiplat"]')
        + "\n[tool.hatch.build.targets.wheel.hooks.multiplat]\n"
        + OURS[OURS.index("\n# The") :],
        id="the hook is there, for wheels",
    ),
    pytest.param(
        HATCHLING + "\n[tool.multiplat]  # ours\nlock = 'x.toml'\nmodule = 'demo'\n",
        HATCHLING.replace('"]', '", "hatch-multiplat"]')
        + "\n[tool.multiplat]  # ours\n"
        + 'platforms = ["linux-x86_64", "windows-x86_64"]\npython = ["3.12"]\n'
        + "lock = 'x.toml'\nmodule = 'demo'\n"
        + OURS[: OURS.index("\n# The")],
        id="a table without platforms, which says what runs",
    ),
    pytest.param(
        "# top\r\n[tool.hatch.build.hooks.vcs]\r\nversion-file = 'v.py'\r\n\r\n# build\r\n"
        "[build-system]\r\nrequires = [\r\n    'hatchling', # it\r\n    'hatch-vcs'\r\n]\r\n# end",
        "# top\r\n[tool.hatch.build.hooks.vcs]\r\nversion-file = 'v.py'\r\n\r\n# build\r\n"
        "[build-system]\r\nrequires = [\r\n    'hatchling', # it\r\n    'hatch-vcs',\r\n"
        '    "hatch-multiplat"\r\n]\r\n# end\r\n' + OURS.replace("\n", "\r\n"),
        id="CRLF, odd order, comments, no end of line",
    ),
    pytest.param(
        "build-system.requires = ['hatchling']\n"
        "tool.hatch = { build = { hooks = { vcs = {} } } }\n",
        "build-system.requires = ['hatchling', \"hatch-multiplat\"]\n"
        "tool.hatch = { build = { hooks = { vcs = {}, multiplat = {}} } }\n"
        + OURS[OURS.index("\n# The") :],
        id="dotted keys and inline tables",
    ),
    pytest.param(
        "tool = {}\nbuild-system = {requires = []}\n",
        "tool = {hatch = {build = {hooks = {multiplat = {}}}},multiplat = "
        '{platforms = ["linux-x86_64", "windows-x86_64"], python = ["3.12"], script = "demo"}}\n'
        'build-system = {requires = ["hatch-multiplat"]}\n',
        id="everything inline",
    ),
    pytest.param(
        "[tool.hatch]\nbuild.hooks.vcs.a = 1\nversion.path = 'v'\n[build-system]\nrequires = []\n",
        "[tool.hatch]\nbuild.hooks.vcs.a = 1\nversion.path = 'v'\n"
        '[build-system]\nrequires = ["hatch-multiplat"]\n' + OURS,
        id="a hook in dotted keys",
    ),
    pytest.param(
        "[build-system]\nrequires=['a'\n  , 'b[x,y]' # b\n  ]\n",
        "[build-system]\nrequires=[\"hatch-multiplat\",'a'\n  , 'b[x,y]' # b\n  ]\n" + OURS,
        id="commas first",
    ),
    pytest.param(
        "[build-system]\nrequires = [\n\t'hatchling',\t# it\n\t# 'no'\n]\n\n"
        "[tool.multiplat]\t# ours\n\toutput = 'x'\n\n# of ruff\n[tool.ruff]\n",
        "[build-system]\nrequires = [\n\t'hatchling',\t# it\n\t# 'no'\n"
        '\t"hatch-multiplat"\n]\n\n[tool.multiplat]\t# ours\n'
        'platforms = ["linux-x86_64", "windows-x86_64"]\npython = ["3.12"]\nscript = "demo"\n'
        "\toutput = 'x'\n\n# of ruff\n[tool.ruff]\n" + OURS[: OURS.index("\n# The")],
        id="tabs, and the comment of the table behind ours",
    ),
]


def test_a_long_list_has_a_line_for_each_item() -> None:
    names = tuple(f"linux-x86_64-glibc2.{minor}" for minor in range(17, 21))
    added = add_settings("", Settings(platforms=names))
    assert added.splitlines()[2:4] == ["platforms = [", '  "linux-x86_64-glibc2.17",']
    assert tomllib.loads(added)["tool"]["multiplat"]["platforms"] == list(names)


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_the_default_form(text: str, expected: str) -> None:
    assert add_all(text) == expected
    assert add_all(expected) == expected


def test_the_form_on_request_leaves_what_the_build_requires_alone() -> None:
    text = add_all(HATCHLING, on_request=True)
    assert text == HATCHLING + ON_REQUEST
    assert add_all(text, on_request=True) == text
    assert add_all(text) == text
    assert needs_request(tomllib.loads(text), ROOT)
    assert not needs_request(tomllib.loads(HATCHLING + OURS), ROOT)


def test_the_default_form_becomes_the_one_on_request_with_its_comment() -> None:
    assert add_all(add_all(HATCHLING), on_request=True) == HATCHLING + ON_REQUEST


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("dependencies = ['x']", "enable-by-default = false\ndependencies = ['x', \"{}\"]"),
        ("enable-by-default = false", 'dependencies = ["{}"]\nenable-by-default = false'),
    ],
)
def test_a_hook_with_half_of_the_form_on_request_gets_the_other_half(
    hook: str, expected: str
) -> None:
    header = "[tool.hatch.build.hooks.multiplat]\n"
    text = add_hook(f"{header}{hook}\n", root=ROOT, on_request=True)
    assert text == f"{header}{expected.format(f'{PLUGIN}[build]')}\n"


def test_a_hook_that_says_otherwise_is_not_changed() -> None:
    text = "[tool.hatch.build.hooks.multiplat]\nenable-by-default = true\n"
    with pytest.raises(ConfigError) as caught:
        add_hook(text, root=ROOT, on_request=True)
    assert caught.value.problems == (
        "tool.hatch.build.hooks.multiplat.enable-by-default is not false; remove it",
    )


def test_a_layout_that_cannot_be_edited_is_left_to_the_person() -> None:
    with pytest.raises(ConfigError) as caught:
        add_hook("tool.hatch = {build = {hooks.vcs.x = 1}}\n", root=ROOT)
    assert str(caught.value) == (
        "the file has a layout that init cannot edit; "
        "write [tool.hatch.build.hooks.multiplat] by hand"
    )


def test_the_hook_in_hatch_toml_needs_no_tool() -> None:
    text = add_hook("[build]\n", root=())
    assert tomllib.loads(text) == {"build": {"hooks": {"multiplat": {}}}}


@pytest.mark.parametrize("table", ["build", "build.targets.wheel", "build.hooks.multiplat"])
def test_a_build_that_gets_the_plugin_from_hatch_requires_it_nowhere_else(table: str) -> None:
    text = f"[tool.hatch.{table}]\ndependencies = ['hatch.multiplat']\n"
    assert brings_plugin(tomllib.loads(text), ROOT)
    assert not brings_plugin(tomllib.loads(text.replace("multiplat'", "vcs'")), ROOT)


@pytest.mark.parametrize("requires", ["", "requires = 'hatchling'", "requires = [1]"])
def test_a_build_that_requires_no_list_is_an_error(requires: str) -> None:
    with pytest.raises(ConfigError, match=r"^build-system\.requires must be an array of strings"):
        add_requirement(f"[build-system]\n{requires}\n")


def test_what_should_be_a_table_and_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"tool\.hatch\.build\.hooks\.multiplat: 'build' must be"):
        add_hook("[tool.hatch]\nbuild = 1\n", root=ROOT)
    with pytest.raises(ConfigError, match=r"tool\.multiplat: 'multiplat' must be a table"):
        add_settings("[[tool.multiplat]]\n", SETTINGS)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ({}, False),
        ({"build-backend": "setuptools.build_meta"}, False),
        ({"build-backend": "hatchling.build"}, True),
        ({"build-backend": "hatchling.ouroboros"}, True),
    ],
)
def test_hatchling_alone_runs_hooks(system: Mapping[str, str], *, expected: bool) -> None:
    assert uses_hatchling({"build-system": system}) is expected
    assert not uses_hatchling({})


NO_HOOK = (
    "no build makes the executable, as [{}build.hooks.multiplat] is missing; "
    "add it with: hatch-multiplat init"
)
NO_REQUIREMENT = (
    "builds end with 'Unknown build hook: multiplat', as build-system.requires lacks "
    "'hatch-multiplat'; add it with: hatch-multiplat init"
)


@pytest.mark.parametrize(
    ("text", "hatch_toml", "expected"),
    [
        pytest.param(HATCHLING, "", [NO_HOOK.format("tool.hatch.")], id="no hook"),
        pytest.param(HATCHLING, "[build]", [NO_HOOK.format("")], id="no hook in hatch.toml"),
        pytest.param(HATCHLING + OURS, "", [NO_REQUIREMENT], id="no requirement"),
        pytest.param(HATCHLING + ON_REQUEST, "", [], id="on request"),
        pytest.param(add_all(HATCHLING), "", [], id="both"),
        pytest.param(HATCHLING + "[tool.hatch.build.targets.multiplat]", "", [], id="a target"),
        pytest.param(HATCHLING.replace("hatchling.", "flit_core."), "", [], id="another backend"),
    ],
)
def test_what_keeps_a_build_from_making_the_executable_is_told_and_init_adds_it(
    text: str, hatch_toml: str, expected: list[str]
) -> None:
    assert describe_missing(tomllib.loads(text), tomllib.loads(hatch_toml)) == expected
    if not hatch_toml and uses_hatchling(tomllib.loads(text)):
        assert describe_missing(tomllib.loads(add_all(text)), {}) == []


# -- by property -----------------------------------------------------------------------------------

BUILD_SYSTEMS = [
    "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n",
    "[build-system] # b\nrequires = [\n    'hatchling>=1', # it\n  # 'no'\n]\n",
    "[build-system]\nrequires=['a'\n  , 'b[x,y]' # b\n  ]\n",
    "[build-system]\n'requires' = [ \"a\" , ]#x\n",
    "[build-system]\nrequires = [ 'hatch-multiplat' ]\n",
]
HOOKS = [
    "",
    "[tool.hatch.version]\npath = 'v.py'\n",
    "[tool.hatch.build.hooks.vcs]\nversion-file = '''v\n[tool.multiplat]\n'''\n",
    "[tool.hatch.build]\nhooks = { vcs = { a = [ {b = 1} ] } } # inline\n",
    "[tool.hatch.build]\nhooks.vcs.a = 1\ninclude = [ '*.py' ]\n",
    "[tool.hatch]\nbuild.hooks = {}\n",
    "[ tool . 'hatch' . build . hooks . multiplat ]\n# nothing\n",
    "[tool.hatch.build.targets.wheel.hooks.multiplat]\nrequire-runtime-dependencies = false\n",
]
TABLES = [
    "",
    "[tool.multiplat]\n",
    "[tool.multiplat] # ours\noutput = '{name}'\n\n# hm\n",
    "[tool.multiplat.executables.x]\nmodule = 'x'\n",
    "[tool]\nmultiplat.lock = 'l'\nmultiplat.inject-args = [\n'a' ]\n",
    "[tool]\nmultiplat = { lock = 'l' }\n",
    "[tool.multiplat]\nplatforms = ['macos-arm64']\npython = ['3.13']\nscript = 's'\n",
]
OTHERS = [
    "# about the project\n[project]\nname = 'demo' # it\nclassifiers = [\n  'A :: B',\n]\n",
    "[[tool.uv.index]]\nname = 'i'\nurl = \"u\"\n[[tool.uv.index]]\nname = 'j'\n",
    "[tool.ruff]\nline-length = 100\n\n[tool.ruff.lint]\nselect = ['ALL']\n",
    "[tool.black]\nextend-exclude = '''\n# [build-system]\n'''\n",
    "[dependency-groups]\ntest = [{include-group = 'x'}, \"y\"]\nx = []\n",
    "# vim: ft=toml",
]


@st.composite
def pyprojects(draw: st.DrawFn) -> str:
    """Draw a `pyproject.toml` whose tables lie in any order, with line ends of either kind."""
    parts = [draw(st.sampled_from(kind)) for kind in (BUILD_SYSTEMS, HOOKS, TABLES)]
    parts += draw(st.lists(st.sampled_from(OTHERS), unique=True))
    space = draw(st.sampled_from(["\n", "\n\n", "\n# c\n"]))
    text = space.join(draw(st.permutations(parts)))
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def expect(data: dict[str, Any], *, on_request: bool) -> dict[str, Any]:
    """Return what the result has to say: all that was said, and ours."""
    expected = copy.deepcopy(data)
    build = expected.setdefault("tool", {}).setdefault("hatch", {}).setdefault("build", {})
    wheel_hooks = build.get("targets", {}).get("wheel", {}).get("hooks", {})
    hooks = wheel_hooks if "multiplat" in wheel_hooks else build.setdefault("hooks", {})
    hook = hooks.setdefault("multiplat", {})
    requires = expected["build-system"]["requires"]
    if on_request:
        hook |= {"enable-by-default": False, "dependencies": [f"{PLUGIN}[build]"]}
        expected["build-system"]["requires"] = [item for item in requires if item != PLUGIN]
    elif PLUGIN not in requires:
        requires.append(PLUGIN)
    table = expected["tool"].setdefault("multiplat", {})
    table.setdefault("platforms", ["linux-x86_64", "windows-x86_64"])
    table.setdefault("python", ["3.12"])
    table.setdefault("script", "demo")
    return expected


@given(text=pyprojects(), on_request=st.booleans())
def test_the_result_says_what_was_said_and_ours_and_keeps_every_byte(
    text: str, *, on_request: bool
) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # Two of the parts say where `tool` is.
        assume(False)  # noqa: FBT003 -- its only form
    added = add_all(text, on_request=on_request)
    expected, found = expect(data, on_request=on_request), tomllib.loads(added)
    for one in (expected, found):  # Where commas begin the lines, the plugin comes first.
        one["build-system"]["requires"].sort()
    assert found == expected
    if not (on_request and PLUGIN in data["build-system"]["requires"]):
        rest = iter(added)
        assert all(character in rest for character in text)
    if "\r\n" in text:
        assert "\n" not in added.replace("\r\n", "")
    assert add_all(added, on_request=on_request) == added
