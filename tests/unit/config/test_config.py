# Messages stand here as they are printed.
# ruff: noqa: E501, ISC004
from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import ConfigError
from hatch_multiplat.config.config import (
    Config,
    Overrides,
    ProjectFacts,
    known_keys,
    parse_config,
    widen_targets,
)
from hatch_multiplat.config.run import Command, Run
from hatch_multiplat.targets.platforms import Platform
from hatch_multiplat.targets.python import Python
from hatch_multiplat.targets.target import Target
from hatch_multiplat.targets.target_list import Host, PlatformEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
MAC = Target.parse("cp312-macosx_13_0_arm64")
CURRENT = Target.from_complete_platform(
    Target.parse("cp313-manylinux_2_36_x86_64").to_complete_platform(label="", patch=7),
    name="cpython313-current",
)
COMPLETE = json.dumps(LINUX.to_complete_platform(label="", patch=4))
START = 'platforms = ["linux-x86_64"]\npython = ["3.12"]\n'


def host(files: Mapping[str, str] | None = None) -> Host:
    def read_text(path: str) -> str:
        try:
            return (files or {})[path]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    return Host(read_text=read_text, current=lambda: CURRENT)


def parse(
    text: str, *, requires_python: str = "", files: Mapping[str, str] | None = None
) -> Config:
    project = ProjectFacts(
        name="demo",
        requires_python=SpecifierSet(requires_python),
        dependency_groups=(canonicalize_name("test"), canonicalize_name("dev-tools")),
        extras=tuple(map(canonicalize_name, ("fast-json", "web", "ok"))),
    )
    return parse_config(tomllib.loads(text), project=project, host=host(files))


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, **options)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def names(config: Config) -> list[str]:
    return [str(target) for target in config.targets]


def test_a_table_with_platforms_alone_has_every_default() -> None:
    config = parse('platforms = ["linux-x86_64"]', requires_python=">=3.13,<3.15")

    assert config == Config(
        targets=(
            Target.parse("cp313-manylinux_2_28_x86_64"),
            Target.parse("cp314-manylinux_2_28_x86_64"),
        ),
        platforms=(PlatformEntry(meant=Platform.parse("linux-x86_64")),),
        pythons=(Python.parse("3.13"), Python.parse("3.14")),
    )


def test_what_exclude_names_is_no_target() -> None:
    config = parse(
        'platforms = ["linux-x86_64", "windows-arm64", "current"]\npython = ["3.12", "3.13", "3.14t"]\n'
        'exclude = ["cp314t-*", "cp312-win_arm64", "cpython313-current"]',
        requires_python=">=3.12",
    )
    assert list(map(str, config.targets)) == [
        "cp312-manylinux_2_28_x86_64",
        "cp313-manylinux_2_28_x86_64",
        "cp313-win_arm64",
    ]


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ('script = "demo"', "run", Run(kind="script", value="demo")),
        ('script = ""', "run", Run(kind="interpreter")),
        ('entry-point = "demo.cli:main"', "run", Run(kind="entry-point", value="demo.cli:main")),
        ('module = "demo.cli"', "run", Run(kind="module", value="demo.cli")),
        ('extras = ["Fast_JSON", "fast-json", "web"]', "extras", ("fast-json", "web")),
        ('dependency-groups = ["Dev.Tools"]', "dependency_groups", ("dev-tools",)),
        ('requirements = ["rich>=13"]', "requirements", (Requirement("rich>=13"),)),
        ('constraints = ["urllib3<3"]', "constraints", (Requirement("urllib3<3"),)),
        ('lock = "locks/pylock.toml"', "lock", "locks/pylock.toml"),
        ('index-url = "https://me:pw@own.test/x"', "index_url", "https://me:pw@own.test/x"),
        ('index-url = "file:///srv/index"', "index_url", "file:///srv/index"),
        ('extra-index-urls = ["http://own.test"]', "extra_index_urls", ("http://own.test",)),
        ('find-links = ["wheels", "https://own.test/x"]', "find_links", ("wheels", "https://own.test/x")),
        ('sdists = "never"', "sdists", "never"),
        ('output = "{name}-{version}-any"', "output", "{name}-{version}-any"),
        ('output-dir = "out"', "output_dir", "out"),
        ('inject-args = ["-v", ""]', "inject_args", ("-v", "")),
        ('inject-env = {B = "2", A = ""}', "inject_env", (("A", ""), ("B", "2"))),
        ('shebang = "#!/usr/bin/env python3.12"', "shebang", "/usr/bin/env python3.12"),
        ('inherit-path = "fallback"', "inherit_path", "fallback"),
        ("include-tools = true", "include_tools", True),
        ("checksums = true", "checksums", True),
        ("sbom = true", "sbom", True),
        ('runtime-root = "/var/cache/demo"', "runtime_root", "/var/cache/demo"),
        (
            "[executables.b]\n[executables.a]\nmodule = 'demo.a'\ninject-args = ['-q']\n"
            "inject-env = {X = '1'}",
            "executables",
            (
                (
                    "a",
                    Command(
                        run=Run(kind="module", value="demo.a"),
                        inject_args=("-q",),
                        inject_env=(("X", "1"),),
                    ),
                ),
                ("b", Command(run=Run(kind="script", value="b"))),
            ),
        ),
        ('pex-args = ["--strip-pex-env"]', "pex_args", ("--strip-pex-env",)),
    ],
    ids=lambda value: value.split("\n")[0] if isinstance(value, str) else "",
)  # fmt: skip
def test_each_key_has_its_place(text: str, attribute: str, value: object) -> None:
    assert parse(START + text) == replace(parse(START), **{attribute: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            'platforms = ["macos-arm64", "windows-x86_64"]\npython = ["3.13", "3.14t", "pp311"]',
            [
                "cp313-macosx_13_0_arm64",
                "cp314t-macosx_13_0_arm64",
                "pp311-macosx_13_0_arm64",
                "cp313-win_amd64",
                "cp314t-win_amd64",
                "pp311-win_amd64",
            ],
            id="short names times Pythons, in their order",
        ),
        pytest.param(
            'platforms = ["manylinux2014_x86_64", "musllinux_1_2_aarch64"]\npython = ["cp312"]',
            ["cp312-manylinux_2_17_x86_64", "cp312-musllinux_1_2_aarch64"],
            id="wheel tags",
        ),
        pytest.param(
            'platforms = ["linux-x86_64", "linux-x86_64-glibc2.17"]\npython = ["3.12"]',
            ["cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_17_x86_64"],
            id="two floors",
        ),
        pytest.param(
            'platforms = ["manylinux2014_x86_64-cp-39-cp39", "win_amd64"]\npython = ["3.12"]',
            ["cp39-manylinux_2_17_x86_64", "cp312-win_amd64"],
            id="pex's platform has its own Python",
        ),
        pytest.param(
            'platforms = ["macosx_11_0_x86_64-cp-3.8.10-cp38"]',
            ["cp3.8.10-macosx_11_0_x86_64"],
            id="pex's platform with a patch release",
        ),
        pytest.param(
            'platforms = ["linux-x86_64"]\npython = ["3.12.3"]',
            ["cp3.12.3-manylinux_2_28_x86_64"],
            id="a patch release",
        ),
        pytest.param('platforms = ["current"]', ["cpython313-current"], id="current"),
        pytest.param('platforms = ["ci/host.json"]', ["host"], id="complete platform"),
        pytest.param(
            'platforms = ["linux-x86_64", "linux-x86_64-cp-312-cp312"]\npython = ["3.12"]',
            ["cp312-manylinux_2_28_x86_64"],
            id="a target that two entries mean",
        ),
    ],
)
def test_platforms_and_pythons_are_multiplied(text: str, expected: list[str]) -> None:
    assert names(parse(text, files={"ci/host.json": COMPLETE})) == expected


def test_complete_platform_files_are_named_for_the_sdist() -> None:
    config = parse(
        'platforms = ["linux-x86_64", "ci/host.json"]\npython = ["3.12"]',
        files={"ci/host.json": COMPLETE},
    )

    assert config.files == ("ci/host.json",)
    assert config.targets[1].tags == LINUX.tags


def test_of_a_complete_platform_every_patch_release_is_covered() -> None:
    (target,) = parse('platforms = ["host.json"]', files={"host.json": COMPLETE}).targets

    assert target.python.patch is None


@pytest.mark.parametrize(
    ("requires_python", "expected"),
    [
        pytest.param("", ["3.11", "3.12", "3.13", "3.14", "3.15"], id="none"),
        pytest.param(">=3.12", ["3.12", "3.13", "3.14", "3.15"], id="lower bound"),
        pytest.param("<3.12.4", ["3.11", "3.12"], id="part of a minor"),
        pytest.param("==3.13.*", ["3.13"], id="one"),
    ],
)
def test_without_python_it_is_every_supported_minor_that_the_project_admits(
    requires_python: str, expected: list[str]
) -> None:
    config = parse('platforms = ["win_amd64"]', requires_python=requires_python)

    assert [str(target.python) for target in config.targets] == expected


PLATFORMS = "tool.multiplat.platforms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "",
            [
                "tool.multiplat.platforms is required: the platforms to build for, "
                'such as ["linux-x86_64", "macos-arm64", "windows-x86_64"]'
            ],
            id="empty table",
        ),
        pytest.param("platforms = []", [f"{PLATFORMS} must not be empty"], id="no platform"),
        pytest.param(
            'platforms = ["linux-x86_64", "windows-x86_64"]\npython = ["3.12", "3.13"]\n'
            'exclude = ["cp315-*", "cp312-windows", "cp31-linux", "cp312-*"]',
            [
                "tool.multiplat.exclude[0]: no target is called 'cp315-*'; there are: "
                "cp312-manylinux_2_28_x86_64, cp313-manylinux_2_28_x86_64, "
                "cp312-win_amd64, cp313-win_amd64",
                "tool.multiplat.exclude[1]: no target is called 'cp312-windows'; "
                "did you mean 'cp312-win_amd64'?",
                "tool.multiplat.exclude[2]: no target is called 'cp31-linux'; "
                "did you mean 'cp312-manylinux_2_28_x86_64'?",
            ],
            id="exclude, what is no target",
        ),
        pytest.param(
            'platforms = ["linux-x86_64", "macos-arm64", "macos-x86_64"]\npython = ["3.12", "3.13"]\n'
            'exclude = ["macos", "linux-x86_64", "3.13", "*arm64"]',
            [
                "tool.multiplat.exclude[0]: no target is called 'macos'; "
                "did you mean '*-macosx_13_0_arm64' and '*-macosx_13_0_x86_64'?",
                "tool.multiplat.exclude[1]: no target is called 'linux-x86_64'; "
                "did you mean '*-manylinux_2_28_x86_64'?",
                "tool.multiplat.exclude[2]: no target is called '3.13'; did you mean 'cp313-*'?",
            ],
            id="exclude, words of other keys",
        ),
        pytest.param(
            'platforms = ["linux-x86_64"]\nexclude = ["*"]',
            ["tool.multiplat.exclude leaves out every target; shorten that list"],
            id="exclude, everything",
        ),
        pytest.param(
            'platforms = ["linux-x86_64"]\nexclude = "cp312-*"',
            ["tool.multiplat.exclude must be an array of strings (got str)"],
            id="exclude, a string",
        ),
        pytest.param(
            'platforms = "linux-x86_64"',
            [f"{PLATFORMS} must be an array of strings (got str)"],
            id="platforms, a string",
        ),
        pytest.param(
            'platforms = ["linux-x86_64", 3, {}]',
            [f"{PLATFORMS}[1] must be a string (got int)", f"{PLATFORMS}[2] must be a string (got table)"],
            id="platforms, wrong items",
        ),
        pytest.param(
            'platforms = [3, "linux_x64"]',
            [
                f"{PLATFORMS}[0] must be a string (got int)",
                f"{PLATFORMS}[1]: unknown platform 'linux_x64'; did you mean 'linux-x86_64'?",
            ],
            id="positions count wrong items",
        ),
        pytest.param(
            'platforms = ["win32", "windows-i686", "linux", "darwin"]',
            [
                f"{PLATFORMS}[1]: 'windows-i686' is the same platform as {PLATFORMS}[0]; drop one",
                f"{PLATFORMS}[2]: unknown platform 'linux'; did you mean 'linux-x86_64' or 'linux-aarch64'?",
                f"{PLATFORMS}[3]: unknown platform 'darwin'; did you mean 'macos-arm64' or 'macos-x86_64'?",
            ],
            id="the words of sys.platform",
        ),
        pytest.param(
            'platforms = ["linux-x86_64", "manylinux_2_28_x86_64"]',
            [f"{PLATFORMS}[1]: 'manylinux_2_28_x86_64' is the same platform as {PLATFORMS}[0]; drop one"],
            id="one platform twice",
        ),
        pytest.param(
            'platforms = ["a/host.json", "b/host.json"]',
            [f"{PLATFORMS}[1]: 'b/host.json' goes by the name 'host', as {PLATFORMS}[0] does; rename the file"],
            id="two files of one name",
        ),
        pytest.param(
            'platforms = ["missing.json"]',
            [
                f"{PLATFORMS}[0]: cannot read the complete-platform file 'missing.json': "
                "No such file or directory; the path is relative to pyproject.toml"
            ],
            id="no file",
        ),
        pytest.param(
            'platforms = ["text.json"]',
            [f"{PLATFORMS}[0]: 'text.json' is not JSON: Expecting value: line 1 column 1 (char 0)"],
            id="no JSON",
        ),
        pytest.param(
            'platforms = ["list.json"]',
            [
                f"{PLATFORMS}[0]: 'list.json' must hold one JSON object, "
                "as `pex3 interpreter inspect --markers --tags` prints it"
            ],
            id="no object",
        ),
        pytest.param(
            'platforms = ["tags.json"]',
            [
                f"{PLATFORMS}[0]: 'tags.json': compatible_tags has 'nonsense', which is not a wheel tag",
                f"{PLATFORMS}[0]: 'tags.json': marker_environment must be an object of strings",
            ],
            id="bad tags and no variables",
        ),
        pytest.param(
            "platforms = [\"it's.json\"]",
            [
                f"{PLATFORMS}[0]: \"it's.json\" gives its target a name other than letters, digits "
                "and '._+-'; rename the file"
            ],
            id="file name",
        ),
        pytest.param(
            'platforms = ["linux-x86_65-cp-39-cp93"]',
            [
                f"{PLATFORMS}[0]: unknown Python 'cp-39-cp93': the ABI of 3.9 is 'cp39'",
                f"{PLATFORMS}[0]: unknown platform 'linux-x86_65'; "
                "did you mean 'linux-x86_64'?",
            ],
            id="pex's platform, wrong in both",
        ),
    ],
)  # fmt: skip
def test_wrong_platforms(text: str, expected: list[str]) -> None:
    files = {
        "a/host.json": COMPLETE,
        "b/host.json": json.dumps(MAC.to_complete_platform(label="", patch=0)),
        "text.json": "host",
        "list.json": "[]",
        "tags.json": '{"compatible_tags": ["nonsense"], "marker_environment": []}',
    }
    assert problems(text, files=files) == expected


@pytest.mark.parametrize(
    ("text", "requires_python", "expected"),
    [
        pytest.param(
            'python = "3.12"',
            "",
            ["tool.multiplat.python must be an array of strings (got str)"],
            id="a string",
        ),
        pytest.param(
            "python = [3.12]",
            "",
            ['tool.multiplat.python[0] must be a string (got float); put it in quotes, as "3.12"'],
            id="a number",
        ),
        pytest.param(
            "python = []", "", ["tool.multiplat.python must not be empty"], id="an empty array"
        ),
        pytest.param(
            'python = ["3.12", "cp312", "python3.13"]',
            "",
            [
                "tool.multiplat.python[1]: 'cp312' is the same Python as "
                "tool.multiplat.python[0]; drop one",
                "tool.multiplat.python[2]: unknown Python 'python3.13'; did you mean '3.13'?",
            ],
            id="twice, and unknown",
        ),
        pytest.param(
            'python = ["3.11", "3.12", "3.12.3"]',
            ">=3.12.4",
            [
                "tool.multiplat.python[0]: Python 3.11 is not allowed by "
                "project.requires-python '>=3.12.4'; change one of them",
                "tool.multiplat.python[2]: Python 3.12.3 is not allowed by "
                "project.requires-python '>=3.12.4'; change one of them",
            ],
            id="not admitted by requires-python",
        ),
        pytest.param(
            "",
            "<3.9",
            [
                "tool.multiplat.python is required: project.requires-python '<3.9' "
                "allows no CPython that upstream still supports; name the Pythons to build for, "
                'as in python = ["3.6", "3.7", "3.8"]'
            ],
            id="no default",
        ),
        pytest.param(
            "",
            ">=4",
            [
                "tool.multiplat.python is required: project.requires-python '>=4' "
                "allows no CPython that upstream still supports; "
                "change requires-python, or name Pythons"
            ],
            id="none that there is",
        ),
    ],
)
def test_wrong_pythons(text: str, requires_python: str, expected: list[str]) -> None:
    found = problems(f'platforms = ["win_amd64"]\n{text}', requires_python=requires_python)

    assert found == expected


@pytest.mark.parametrize("entry", ["linux-x86_64-cp-39-cp39", "host.json", "current"])
def test_a_target_of_its_own_has_to_be_admitted_by_requires_python_too(entry: str) -> None:
    (problem,) = problems(
        f"platforms = [{entry!r}]", requires_python=">=3.14", files={"host.json": COMPLETE}
    )

    assert problem.startswith(f"{PLATFORMS}[0]: Python 3.")
    assert problem.endswith(
        "is not allowed by project.requires-python '>=3.14'; change one of them"
    )


STRINGS = ("extras", "dependency-groups", "requirements", "constraints", "extra-index-urls",
           "find-links", "inject-args", "pex-args")  # fmt: skip
STRING = ("script", "entry-point", "module", "lock", "index-url", "output", "output-dir",
          "shebang", "runtime-root")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            pytest.param(
                f"{key} = {value}",
                [f"tool.multiplat.{key} must be an array of strings (got {got})"],
                id=f"{key}, {got}",
            )
            for key in STRINGS
            for value, got in [('"text"', "str"), ("{}", "table"), ("1", "int")]
        ),
        *(
            pytest.param(
                f'{key} = [1, "ok", true, 1.5, 2026-01-01]',
                [
                    f"tool.multiplat.{key}[{position}] must be a string (got {got})"
                    for position, got in [(0, "int"), (2, "bool"), (3, "float"), (4, "date")]
                ],
                id=f"{key}, items",
            )
            for key in ("extras", "requirements", "find-links", "inject-args", "pex-args")
        ),
        *(
            pytest.param(
                f"{key} = {value}",
                [f"tool.multiplat.{key} must be a string (got {got})"],
                id=f"{key}, {got}",
            )
            for key in STRING
            for value, got in [("1", "int"), ("true", "bool"), ("[]", "array")]
        ),
        *(
            pytest.param(
                f'{key} = " "', [f"tool.multiplat.{key} must not be empty"], id=f"{key}, empty"
            )
            for key in ("lock", "index-url", "output", "output-dir", "shebang", "runtime-root")
        ),
        pytest.param(
            'find-links = [""]', ["tool.multiplat.find-links[0] must not be empty"], id="no link"
        ),
        pytest.param(
            "checksums = 1\nsbom = 'cyclonedx'",
            [
                "tool.multiplat.checksums must be true or false (got int)",
                "tool.multiplat.sbom must be true or false (got str)",
            ],
            id="files beside",
        ),
        pytest.param(
            'include-tools = "yes"',
            ["tool.multiplat.include-tools must be true or false (got str)"],
            id="include-tools",
        ),
        pytest.param(
            'sdists = "all"',
            ["tool.multiplat.sdists must be one of 'universal', 'never' (got 'all')"],
            id="sdists",
        ),
        pytest.param(
            "inherit-path = false",
            ["tool.multiplat.inherit-path must be one of 'false', 'fallback', 'prefer' (got bool)"],
            id="inherit-path",
        ),
        pytest.param(
            'inject-env = ["A=1"]',
            ["tool.multiplat.inject-env must be a table of strings (got array)"],
            id="inject-env",
        ),
        pytest.param(
            'inject-env = {A = 1, "B=2" = "x"}',
            [
                "tool.multiplat.inject-env.A must be a string (got int)",
                "tool.multiplat.inject-env: 'B=2' is not a name of an environment variable",
            ],
            id="inject-env, values and names",
        ),
        pytest.param(
            'executables = ["a"]',
            ["tool.multiplat.executables must be a table of tables (got array)"],
            id="executables",
        ),
        pytest.param(
            'executables = {a = "b"}',
            ["tool.multiplat.executables.a must be a table (got str)"],
            id="executables, a string",
        ),
    ],
)
def test_wrong_types(text: str, expected: list[str]) -> None:
    assert problems(START + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "entry_point = 'a:b'",
            ["tool.multiplat: unknown key 'entry_point'; did you mean 'entry-point'?"],
            id="underscore",
        ),
        pytest.param(
            "Extra = []", ["tool.multiplat: unknown key 'Extra'; did you mean 'extras'?"], id="near"
        ),
        pytest.param(
            "colour = 1",
            [f"tool.multiplat: unknown key 'colour'; known: {', '.join(known_keys())}"],
            id="unknown key",
        ),
        pytest.param(
            "script = 'a'\nmodule = 'b'",
            ["tool.multiplat: script and module exclude each other; keep one"],
            id="two of what runs",
        ),
        pytest.param(
            "module = 'b'\nentry-point = 1\nscript = 'a'",
            [
                "tool.multiplat.entry-point must be a string (got int)",
                "tool.multiplat: script and entry-point and module exclude each other; keep one",
            ],
            id="three of what runs",
        ),
        pytest.param(
            "entry-point = 'demo.cli'",
            [
                "tool.multiplat.entry-point: 'demo.cli' is not of the form "
                "'package.module:function'; for `python -m` use the key 'module'"
            ],
            id="a module as entry point",
        ),
        pytest.param(
            "entry-point = 'demo cli:main'",
            [
                "tool.multiplat.entry-point: 'demo cli:main' is not of the form "
                "'package.module:function'"
            ],
            id="entry point",
        ),
        pytest.param(
            "module = 'demo/cli.py'",
            ["tool.multiplat.module: 'demo/cli.py' is not a module name such as 'pkg.mod'"],
            id="module",
        ),
        pytest.param(
            "module = ''",
            ["tool.multiplat.module: '' is not a module name such as 'pkg.mod'"],
            id="no module",
        ),
        pytest.param(
            "extras = ['ok', '-x', 'a b']",
            [
                "tool.multiplat.extras[1]: '-x' is not a valid name",
                "tool.multiplat.extras[2]: 'a b' is not a valid name",
            ],
            id="extras",
        ),
        pytest.param(
            "extras = ['fast_jsn', 'nope']\nscript = 3",
            [
                "tool.multiplat.script must be a string (got int)",
                "tool.multiplat.extras[0]: demo has no extra 'fast-jsn'; did you mean 'fast-json'?",
                "tool.multiplat.extras[1]: demo has no extra 'nope' (it has: fast-json, web, ok)",
            ],
            id="unknown extras, and another mistake",
        ),
        pytest.param(
            "dependency-groups = ['Test', 'test', 'dev-tool', 'docs']",
            [
                "tool.multiplat.dependency-groups[2]: no dependency group 'dev-tool'; "
                "did you mean 'dev-tools'?",
                "tool.multiplat.dependency-groups[3]: no dependency group 'docs' "
                "in [dependency-groups]; add it",
            ],
            id="dependency groups",
        ),
        pytest.param(
            "requirements = ['rich>=13', 'rich >>13', '']",
            [
                "tool.multiplat.requirements[1]: 'rich >>13' is not a requirement: "
                "Expected semicolon (after name with no version specifier) or end",
                "tool.multiplat.requirements[2]: '' is not a requirement: "
                "Expected package name at the start of dependency specifier",
            ],
            id="requirements",
        ),
        pytest.param(
            "requirements = ['rich @ htp://me:secret@host/rich.whl', 'rich @ hg+https://host/rich', "
            "'rich @ git+ssh://git@host/rich', 'rich @ ./rich']",
            [
                f"tool.multiplat.requirements[{number}]: 'rich @ {shown}': {scheme} is not "
                "supported; name a file by https://, http:// or file:///, a repository by "
                "git+https:// or git+ssh://"
                for number, scheme, shown in (
                    (0, "htp://", "htp://***@host/rich.whl"),
                    (1, "hg+https://", "hg+https://host/rich"),
                    (3, "a path alone", "./rich"),
                )
            ],
            id="schemes of requirements",
        ),
        pytest.param(
            "constraints = ['rich[fast]<14', 'urllib3 <<3']",
            [
                "tool.multiplat.constraints[0]: 'rich[fast]<14': 'fast' is not a wheel tag; extras belong into 'requirements'",
                "tool.multiplat.constraints[1]: 'urllib3 <<3' is not a requirement: "
                "Expected semicolon (after name with no version specifier) or end",
            ],
            id="constraints",
        ),
        pytest.param(
            "constraints = ['lxml[manylinux20114, abi3]', 'pip==1.3.1[]', 'x=1', 'a[cp39]; x']",
            [
                "tool.multiplat.constraints[0]: 'lxml[manylinux20114, abi3]': 'manylinux20114' "
                "is not a wheel tag; did you mean 'manylinux2014'?",
                "tool.multiplat.constraints[1]: 'pip==1.3.1[]': the bracket is empty; "
                "name tags, or drop it",
                "tool.multiplat.constraints[2]: 'x=1' is not a requirement: "
                "Expected semicolon (after name with no version specifier) or end",
                "tool.multiplat.constraints[3]: 'a[cp39]; x': a tag constraint takes no marker; "
                "tag words say which platforms they mean",
            ],
            id="tags in constraints",
        ),
        pytest.param(
            "index-url = 'own.test/simple'\nextra-index-urls = ['https://', 'ftp://own.test', 'file:']",
            [
                "tool.multiplat.index-url: 'own.test/simple' is not an http, https or file URL",
                "tool.multiplat.extra-index-urls[0]: 'https://' is not an http, https or file URL",
                "tool.multiplat.extra-index-urls[1]: 'ftp://own.test' is not an http, https or file URL",
                "tool.multiplat.extra-index-urls[2]: 'file:' is not an http, https or file URL",
            ],
            id="URLs",
        ),
        pytest.param(
            "output = 'dist/{name}.pex'",
            [
                "tool.multiplat.output: 'dist/{name}.pex' must be a file name; "
                "put the folder in 'output-dir'"
            ],
            id="a path as output",
        ),
        pytest.param(
            'output = "a\\u001bb"',
            [
                "tool.multiplat.output: 'a\\x1bb' has a control character in its name; "
                "take a name that any system allows"
            ],
            id="a control character in the output",
        ),
        pytest.param(
            "output = 'nul.{version}.pex'",
            [
                "tool.multiplat.output: 'nul.{version}.pex' has a name that Windows reserves; "
                "take a name that any system allows"
            ],
            id="an output that Windows reserves",
        ),
        pytest.param(
            "output = '{name}?.'",
            [
                "tool.multiplat.output: '{name}?.' has a character that Windows forbids in names; "
                "take a name that any system allows"
            ],
            id="an output that Windows forbids",
        ),
        pytest.param(
            "output = '..'",
            ["tool.multiplat.output: '..' must be a file name; put the folder in 'output-dir'"],
            id="the folder above as output",
        ),
        *(
            pytest.param(
                f"output = '{output}'",
                [f"tool.multiplat.output: '{output}' may only use the fields {{name}}, {{version}}"],
                id=f"output {output}",
            )
            for output in ("{platform}.pex", "{name!r}", "{name:>9}", "a{b", "a}b", "{{name}}", "{}")
        ),
        pytest.param(
            "shebang = 'python3'",
            [
                "tool.multiplat.shebang: 'python3' must be one line with an absolute path, "
                "such as '/usr/bin/env python3.12'"
            ],
            id="relative shebang",
        ),
        pytest.param(
            'shebang = "#!/bin/sh\\nexec python3"',
            [
                "tool.multiplat.shebang: '/bin/sh\\nexec python3' must be one line with an "
                "absolute path, such as '/usr/bin/env python3.12'"
            ],
            id="two lines of shebang",
        ),
        pytest.param(
            "[executables.one]\nscipt = 'a'\n[executables.two]\nscript = 'a'\nmodule = 'b'\n"
            "[executables.three]\nscript = 1\ninject-args = '-v'\ninject-env = 1\n"
            "[executables.four]\nentry-point = 'x'\n[executables.'a/b']",
            [
                "tool.multiplat.executables.one: unknown key 'scipt'; did you mean 'script'?",
                "tool.multiplat.executables.two: script and module exclude each other; keep one",
                "tool.multiplat.executables.three.script must be a string (got int)",
                "tool.multiplat.executables.three.inject-args must be an array of strings (got str)",
                "tool.multiplat.executables.three.inject-env must be a table of strings (got int)",
                "tool.multiplat.executables.four.entry-point: 'x' is not of the form "
                "'package.module:function'; for `python -m` use the key 'module'",
                "tool.multiplat.executables.a/b: 'a/b' must be a file name",
            ],
            id="executables",
        ),
        pytest.param(
            'pex-args = ["--no-strip-pex-env", "-o", "x.pex", "--pylock=a.toml", "--outp=b"]',
            [
                "tool.multiplat.pex-args[1]: '-o' cannot be used here: "
                "use the keys 'output' and 'output-dir'",
                "tool.multiplat.pex-args[3]: '--pylock=a.toml' cannot be used here: use the key 'lock'",
                "tool.multiplat.pex-args[4]: '--outp=b' cannot be used here: "
                "use the keys 'output' and 'output-dir'",
            ],
            id="pex-args",
        ),
        pytest.param(
            "inject-args = ['{pex.env.HOME}', '{\"a\": 1}']\n[executables.x]\ninject-args = ['}']",
            [
                "tool.multiplat.inject-args[1]: '{\"a\": 1}' has braces that are not a "
                "placeholder such as '{pex.env.HOME}'; write '{{' and '}}' for braces",
                "tool.multiplat.executables.x.inject-args[0]: '}' has braces that are not a "
                "placeholder such as '{pex.env.HOME}'; write '{{' and '}}' for braces",
            ],
            id="inject-args",
        ),
    ],
)  # fmt: skip
def test_wrong_values(text: str, expected: list[str]) -> None:
    assert problems(START + text) == expected


def test_all_mistakes_of_a_table_are_in_one_message() -> None:
    assert problems('platform = ["linux-x86_64"]\ninject-args = "-v"\noutput = "{arch}"') == [
        "tool.multiplat: unknown key 'platform'; did you mean 'platforms'?",
        "tool.multiplat.output: '{arch}' may only use the fields {name}, {version}",
        "tool.multiplat.inject-args must be an array of strings (got str)",
        "tool.multiplat.platforms is required: the platforms to build for, "
        'such as ["linux-x86_64", "macos-arm64", "windows-x86_64"]',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "index-url = 'ftp://me:secret@own.test/simple'",
        "index-url = 'me:secret@own.test/simple'",
        "index-url = 'https:/me:secret@own.test/simple'",
        "index-url = 'https://me:secret@[::1/simple'",
        "extra-index-urls = ['htps://me:sec@ret@own.test/simple']",
        "requirements = ['demo @ https://me:secret@own.test/x.whl ;; bad']",
        "requirements = ['https://me:secret@own.test/x.whl']",
        "constraints = ['demo[x] @ https://me:secret@own.test/x.whl']",
    ],
)
def test_no_message_shows_credentials(text: str) -> None:
    (problem,) = problems(START + text)

    assert "own.test" in problem or "[::1" in problem
    assert "me:" not in problem
    assert "sec" not in problem
    assert "ret@" not in problem


TABLE = {"platforms": ["linux-x86_64", "macos-arm64"], "python": ["3.12"]}


def widen(
    table: dict[str, Any], overrides: Overrides, requires_python: str = ">=3.11"
) -> list[str]:
    facts = ProjectFacts(name="demo", requires_python=SpecifierSet(requires_python))
    config = parse_config(table, project=facts, host=host())
    targets = widen_targets(config, overrides, project=facts, host=host())
    return [f"{target.python} {target.platform}" for target in targets]


def test_a_platform_is_added_with_the_pythons_of_the_table() -> None:
    assert widen(TABLE, Overrides(platforms=("windows-arm64",))) == [
        "3.12 linux-x86_64",
        "3.12 macos-arm64",
        "3.12 windows-arm64",
    ]


def test_a_python_is_added_on_each_platform_of_the_table() -> None:
    assert widen(TABLE, Overrides(pythons=("3.14",))) == [
        "3.12 linux-x86_64",
        "3.14 linux-x86_64",
        "3.12 macos-arm64",
        "3.14 macos-arm64",
    ]


def test_a_python_comes_after_those_that_the_table_means_when_it_names_none() -> None:
    table = {"platforms": ["linux-x86_64"]}
    found = widen(table, Overrides(pythons=("3.14t",)), ">=3.13,<3.15")
    assert found == ["3.13 linux-x86_64", "3.14 linux-x86_64", "3.14t linux-x86_64"]


@pytest.mark.parametrize(
    ("overrides", "targets"),
    [
        (Overrides(platforms=("windows-x86_64",), only=True), ["3.12 windows-x86_64"]),
        (Overrides(pythons=("3.13",), only=True), ["3.13 linux-x86_64", "3.13 macos-arm64"]),
        (
            Overrides(platforms=("windows-x86_64",), pythons=("3.13",), only=True),
            ["3.13 windows-x86_64"],
        ),
    ],
)
def test_only_replaces_what_is_given(overrides: Overrides, targets: list[str]) -> None:
    assert widen(TABLE, overrides) == targets


def test_what_the_table_has_already_adds_nothing() -> None:
    overrides = Overrides(platforms=("macosx_13_0_arm64",), pythons=("cp312",))
    assert widen(TABLE, overrides) == ["3.12 linux-x86_64", "3.12 macos-arm64"]


def test_what_the_table_excludes_stays_out_of_what_is_added() -> None:
    table = TABLE | {"exclude": ["cp312-macosx*"]}
    assert widen(table, Overrides(pythons=("3.13",))) == [
        "3.12 linux-x86_64",
        "3.13 linux-x86_64",
        "3.13 macos-arm64",
    ]
    only = Overrides(platforms=("macos-arm64",), only=True)
    assert widen(table, only) == ["3.12 macos-arm64"]


def test_every_mistake_is_told_by_the_option_that_it_is_in() -> None:
    overrides = Overrides(platforms=("linux_x64", "gone.json"), pythons=("3.31", "3.10"))
    with pytest.raises(ConfigError) as caught:
        widen(TABLE, overrides)
    told = caught.value.problems
    assert told[0] == ("--platform: unknown platform 'linux_x64'; did you mean 'linux-x86_64'?")
    assert told[1].startswith("--platform: cannot read the complete-platform file 'gone.json'")
    assert told[2].startswith("--python: unknown Python '3.31'")
    assert told[3] == (
        "--python: Python 3.10 is not allowed by project.requires-python '>=3.11'; "
        "change one of them"
    )
    assert len(told) == 4
