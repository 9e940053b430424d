from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.pylock import Pylock

from hatch_multiplat.resolve.lock_writer import files_of, render_lock
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.selection import select_all

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE = PurePosixPath("/staged")
LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
MUSL = Target.parse("cp312-musllinux_1_2_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")


def wheel(filename: str, **values: Any) -> dict[str, Any]:
    return {
        "url": f"https://files.test/{filename}",
        "hashes": {"sha256": "00"},
        "size": 7,
        **values,
    }


def make_lock(*packages: dict[str, Any]) -> Pylock:
    return Pylock.from_dict(
        {
            "lock-version": "1.0",
            "created-by": "uv",
            "packages": [{"version": "1.0", **package} for package in packages],
        }
    )


def locate(url: str) -> tuple[str, str]:
    return ("url", url) if "://" in url else ("path", url)


def render(lock: Pylock, for_targets: Sequence[Target], **inputs: Sequence[str]) -> str:
    outcome = select_all(lock, for_targets, base=BASE)
    assert not outcome.missing_wheels
    return render_lock(
        lock,
        outcome.selections,
        inputs=inputs or {"targets": [str(target) for target in for_targets]},
        requires_python=">=3.12",
        locate=locate,
    )


def packages_in(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(text)["packages"]
    return found


def test_a_lock_reads_as_it_is_written() -> None:
    time = datetime(2020, 2, 2, 2, 2, 2, tzinfo=UTC)
    dated = wheel("demo-1.0-py3-none-any.whl", **{"upload-time": time})
    lock = make_lock({"name": "demo", "wheels": [dated]})
    assert render(lock, [LINUX], targets=["here"], requirements=["demo"]) == (
        'lock-version = "1.0"\n'
        "environments = [\n"
        '    \'sys_platform == "linux" and platform_machine == "x86_64" and '
        'implementation_name == "cpython" and python_full_version >= "3.12" and '
        'python_full_version < "3.13"\',\n'
        "]\n"
        'requires-python = ">=3.12"\n'
        'created-by = "hatch-multiplat"\n'
        "\n"
        "[[packages]]\n"
        'name = "demo"\n'
        'version = "1.0"\n'
        "wheels = [\n"
        '    {url = "https://files.test/demo-1.0-py3-none-any.whl", '
        "upload-time = 2020-02-02T02:02:02Z, size = 7, "
        'hashes = {sha256 = "00"}},\n'
        "]\n"
        "\n"
        "[tool.hatch-multiplat]\n"
        "targets = [\n"
        '    "here",\n'
        "]\n"
        "requirements = [\n"
        '    "demo",\n'
        "]\n"
    )


def test_only_what_some_target_takes_is_kept() -> None:
    tags = ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "macosx_13_0_arm64", "win_amd64")
    lock = make_lock(
        {"name": "demo", "wheels": [wheel(f"demo-1.0-cp312-cp312-{tag}.whl") for tag in tags]},
        {
            "name": "apple",
            "marker": "sys_platform == 'darwin'",
            "wheels": [wheel("apple-1.0-py3-none-any.whl")],
        },
    )
    (package,) = packages_in(render(lock, [LINUX, WINDOWS]))
    assert [file["url"].rpartition("-")[2] for file in package["wheels"]] == [
        "manylinux_2_28_x86_64.whl",
        "win_amd64.whl",
    ]


def test_the_order_of_a_solver_and_of_targets_does_not_matter() -> None:
    packages = [
        {"name": name, "wheels": [wheel(f"{name}-1.0-py3-none-any.whl")]} for name in ("b", "a")
    ]
    first = render(make_lock(*packages), [LINUX, WINDOWS], targets=["x"])
    assert first == render(make_lock(*reversed(packages)), [WINDOWS, LINUX], targets=["x"])


def test_versions_for_glibc_and_for_musl_stand_side_by_side_and_other_tools_get_the_first() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "version": "2.0",
            "marker": "platform_version == 'multiplat:linux-x86_64'",
            "wheels": [wheel("demo-2.0-cp312-cp312-manylinux_2_28_x86_64.whl")],
        },
        {
            "name": "demo",
            "version": "1.0",
            "marker": "platform_version == 'multiplat:linux-x86_64-musl'",
            "wheels": [wheel("demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl")],
        },
    )
    text = render(lock, [LINUX, MUSL])
    written = Pylock.from_dict(tomllib.loads(text))
    again = select_all(written, [LINUX, MUSL], base=BASE)
    assert [selection.wheels[0].filename for selection in again.selections] == [
        "demo-2.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
    ]
    taken = written.select(environment=LINUX.environment(0), tags=list(LINUX.tags))
    assert [str(package.version) for package, _ in taken] == ["2.0"]


def test_a_package_without_wheels_keeps_its_sdist() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "sdist": {"url": "https://files.test/demo-1.0.tar.gz", "hashes": {"sha256": "00"}},
        }
    )
    built = select_all(
        make_lock({"name": "demo", "wheels": [wheel("demo-1.0-py3-none-any.whl")]}),
        [LINUX],
        base=BASE,
    )
    text = render_lock(lock, built.selections, inputs={}, requires_python=">=3.12", locate=locate)
    assert packages_in(text) == [
        {
            "name": "demo",
            "version": "1.0",
            "sdist": {"url": "https://files.test/demo-1.0.tar.gz", "hashes": {"sha256": "00"}},
        }
    ]


def test_a_file_is_named_where_its_address_does_not_name_it() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "version": "1.0+cpu",
            "wheels": [
                {
                    "name": "demo-1.0+cpu-py3-none-any.whl",
                    "url": "https://files.test/demo-1.0%2Bcpu-py3-none-any.whl",
                    "hashes": {"sha256": "00"},
                }
            ],
        }
    )
    (package,) = packages_in(render(lock, [LINUX]))
    assert package["wheels"][0]["name"] == "demo-1.0+cpu-py3-none-any.whl"


def test_a_folder_is_kept_by_its_path() -> None:
    lock = make_lock({"name": "demo", "directory": {"path": "../demo"}})
    taken = make_lock({"name": "demo", "wheels": [wheel("demo-1.0-py3-none-any.whl")]})
    selections = select_all(taken, [LINUX], base=BASE).selections
    text = render_lock(lock, selections, inputs={}, requires_python=">=3.12", locate=locate)
    assert packages_in(text)[0]["directory"] == {"path": "../demo"}


def test_the_files_of_a_lock_are_all_that_it_names() -> None:
    lock = make_lock(
        {
            "name": "demo",
            "sdist": {"path": "files/demo-1.0.tar.gz", "hashes": {"sha256": "01"}},
            "wheels": [wheel("demo-1.0-py3-none-any.whl")],
        },
        {"name": "folder", "directory": {"path": "../folder"}},
    )
    assert files_of(lock, locate) == {
        ("path", "files/demo-1.0.tar.gz", ("sha256", "01")),
        ("url", "https://files.test/demo-1.0-py3-none-any.whl", ("sha256", "00")),
    }
