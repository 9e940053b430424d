from __future__ import annotations

from packaging.pylock import Pylock

from hatch_multiplat.build.sbom import ListedFile, Origin, list_components
from hatch_multiplat.targets.target import Target
from hatch_multiplat.wheels.metadata import Licensing
from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet, parse_wheel

LINUX = Target.parse("cp312-manylinux_2_28_x86_64")
WINDOWS = Target.parse("cp312-win_amd64")
METADATA = "Metadata-Version: 2.4\nName: x\nVersion: 1.0\nLicense-Expression: MIT\n\n"


def make_lock(*packages: dict[str, object]) -> Pylock:
    return Pylock.from_dict(
        {"lock-version": "1.0", "created-by": "test", "packages": list(packages)}
    )


def select(target: Target, *wheels: Wheel) -> Selection:
    return Selection(target=target, sets=(WheelSet(from_patch=0, wheels=wheels),))


def components(*selections: Selection, lock: Pylock | None = None) -> tuple[ListedFile, ...]:
    names = {wheel.filename for selection in selections for wheel in selection.wheels}
    return list_components(
        selections,
        lock=lock or make_lock(),
        digests={name: f"digest of {name}" for name in names},
        metadata=dict.fromkeys(names, METADATA),
    )


def wheel(name: str, url: str = "https://files.test/") -> Wheel:
    filename = f"{name}-1.0-py3-none-any.whl"
    return parse_wheel(filename, f"{url}{filename}", {"sha256": "00"})


def test_each_wheel_is_listed_once_with_its_targets() -> None:
    first, second = components(
        select(LINUX, wheel("one"), wheel("two")), select(WINDOWS, wheel("one"))
    )
    assert first == ListedFile(
        name="one",
        version="1.0",
        filename="one-1.0-py3-none-any.whl",
        sha256="digest of one-1.0-py3-none-any.whl",
        licensing=Licensing(expression="MIT"),
        targets=("cp312-manylinux_2_28_x86_64", "cp312-win_amd64"),
        origin=Origin(
            url="https://files.test/one-1.0-py3-none-any.whl", hashes=(("sha256", "00"),)
        ),
    )
    assert second.targets == ("cp312-manylinux_2_28_x86_64",)


def test_the_url_has_no_credentials_and_no_signature() -> None:
    filename = "one-1.0-py3-none-any.whl"
    secret = parse_wheel(
        filename, f"https://ada:secret@files.test/{filename}?signature=abc#x", {"sha256": "00"}
    )
    (found,) = components(select(LINUX, secret))
    assert found.origin is not None
    assert found.origin.url == f"https://files.test/{filename}"


def test_a_wheel_that_was_built_here_is_from_its_sdist() -> None:
    lock = make_lock(
        {
            "name": "one",
            "version": "1.0",
            "sdist": {"url": "https://files.test/one-1.0.tar.gz", "hashes": {"sha256": "11"}},
        }
    )
    (found,) = components(select(LINUX, wheel("one", "file:///home/ada/store/")), lock=lock)
    assert found.origin == Origin(
        url="https://files.test/one-1.0.tar.gz", hashes=(("sha256", "11"),), is_source=True
    )


def test_what_only_this_machine_has_is_from_nowhere() -> None:
    lock = make_lock({"name": "one", "version": "1.0", "directory": {"path": "../one"}})
    (found,) = components(select(LINUX, wheel("one", "file:///home/ada/store/")), lock=lock)
    assert found.origin is None
