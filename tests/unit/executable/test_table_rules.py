from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hatch_multiplat.executable.table import (
    StartOptions,
    Table,
    TableCommand,
    TableTarget,
    TableWheel,
    find_breaches,
)

WHEEL = TableWheel(file="demo-1.0-py3-none-any.whl", sha256="a" * 64, size=9)
TARGET = TableTarget(
    name="cp312-win_amd64",
    implementation="cpython",
    python=(3, 12),
    system="windows",
    arch="x86_64",
    sets=((0, (0,)),),
)
TABLE = Table(
    name="de.mo-1_x",
    version="1!2.0rc1.post3+local.1",
    run={"script": "demo tool"},
    executables={"other": TableCommand(run={"entry_point": "demo.cli:main"})},
    inject_args=("{pex.env.HOME}", "line\nbreak"),
    inject_env={"WORD": "any\x1btext"},
    options=StartOptions(runtime_root="~/größe $X"),
    wheels=(WHEEL,),
    targets=(TARGET, replace(TARGET, name="my.platform_1+x-3.12")),
)


def test_what_a_build_writes_breaks_no_rule() -> None:
    assert list(find_breaches(TABLE)) == []
    assert list(find_breaches(replace(TABLE, run={}))) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"name": "demo\nrm -rf"}, "its name is not a project's name", id="name"),
        pytest.param({"name": "'"}, "its name is not a project's name", id="quote"),
        pytest.param({"version": "1\x1b[2J"}, "its version is none", id="version"),
        pytest.param({"run": {"script": "a\nb"}}, "it runs something with", id="script"),
        pytest.param({"run": {"eval": "x"}}, "it runs something of", id="kind"),
        pytest.param({"run": {"script": "a", "module": "b"}}, "it runs something of", id="two"),
        pytest.param(
            {"executables": {"../x": TableCommand(run={})}}, "a command has a name", id="command"
        ),
        pytest.param(
            {"executables": {"x": TableCommand(run={"module": "\x00"})}},
            "a command runs something",
            id="command's",
        ),
        pytest.param({"inject_args": ("{0.__class__}",)}, "it injects an argument", id="braces"),
        pytest.param({"inject_env": {"A=B": "x"}}, "it injects a variable", id="variable"),
        pytest.param(
            {"options": StartOptions(runtime_root="/x\n/y")}, "its runtime-root", id="root"
        ),
        pytest.param(
            {"wheels": (replace(WHEEL, file="../../x.whl"),)}, "a wheel has an invalid name", id="w"
        ),
        pytest.param(
            {"wheels": (replace(WHEEL, file="demo-1.0-py3-none-any\x1b.whl"),)},
            "a wheel has an invalid name",
            id="wheel, control",
        ),
        pytest.param(
            {"wheels": (replace(WHEEL, sha256="A" * 64),)}, "a wheel has an invalid hash", id="h"
        ),
        pytest.param(
            {"wheels": (replace(WHEEL, size=-1),)}, "a wheel has an invalid hash", id="size"
        ),
        pytest.param({"targets": (replace(TARGET, name="x/../../EVIL"),)}, "a target has", id="up"),
        pytest.param({"targets": (replace(TARGET, name=".."),)}, "a target has", id="dots"),
        pytest.param({"targets": (replace(TARGET, name="a\n"),)}, "a target has", id="newline"),
        pytest.param({"targets": (replace(TARGET, name="C:x"),)}, "a target has", id="drive"),
        pytest.param({"targets": (TARGET, TARGET)}, "two targets have the same name", id="twice"),
    ],
)
def test_what_no_build_writes_is_told_without_its_own_words(
    changed: dict[str, Any], said: str
) -> None:
    (found,) = find_breaches(replace(TABLE, **changed))
    assert found.startswith(said)


@pytest.mark.parametrize("version", ["1.0", ""])
def test_replaced_metadata_is_of_a_version(version: str) -> None:
    known = replace(TABLE, metadata=(("demo", version, ()),), pythons=(("demo", version, ""),))
    assert list(find_breaches(known)) == []
    other = replace(TABLE, pythons=(("demo", "newest", ">=3"),))
    (found,) = find_breaches(other)
    assert found == "it replaces the metadata of an invalid version"
