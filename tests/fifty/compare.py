"""Compare each missing wheel that `check` told of with what the index has.

`python -m tests.fifty.compare FOLDER` reads what `tests.fifty.run` left there and the pages of the
packages concerned, by code of its own that shares nothing with the package, and writes
`results.json` beside this file. It ends with 1 where a line is untrue.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

HERE = Path(__file__).parent
INDEX = "https://pypi.org/simple/"
JSON_PAGE = "application/vnd.pypi.simple.v1+json"
OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
MAC_GROUPS = {
    "arm64": {"universal2"},
    "x86_64": {"universal2", "universal", "intel", "fat3", "fat64"},
}


class Target(NamedTuple):
    """A target by its name: cp312-macosx_13_0_arm64."""

    minor: int
    system: str
    arch: str
    floor: tuple[int, int]


class File(NamedTuple):
    """A wheel of the index, as its name says it."""

    version: Version
    pythons: list[str]
    abis: list[str]
    platforms: list[str]
    requires_python: str
    yanked: bool


def read_target(name: str) -> Target:
    found = re.fullmatch(r"cp3(\d+)-(?:(manylinux|macosx)_(\d+)_(\d+)_(\w+)|win_(amd64))", name)
    assert found is not None, name
    system = {"manylinux": "linux", "macosx": "macos", None: "windows"}[found[2]]
    floor = (int(found[3]), int(found[4])) if found[2] else (0, 0)
    return Target(int(found[1]), system, found[5] or found[6], floor)


@functools.cache
def read_page(name: str) -> list[File]:
    """Return the wheels that the index has of a package."""
    request = urllib.request.Request(f"{INDEX}{name}/", headers={"Accept": JSON_PAGE})
    with urllib.request.urlopen(request, timeout=60) as answer:
        listed = json.load(answer)["files"]
    files = []
    for entry in listed:
        if entry["filename"].endswith(".whl"):
            parts = entry["filename"].removesuffix(".whl").split("-")
            try:
                version = Version(parts[1])
            except InvalidVersion:
                continue
            pythons, abis, platforms = (part.split(".") for part in parts[-3:])
            bound = entry.get("requires-python") or ""
            yanked = entry.get("yanked", False) is not False
            files.append(File(version, pythons, abis, platforms, bound, yanked))
    return files


def is_for_python(file: File, minor: int) -> bool:
    """Tell whether a CPython of this minor, with the usual ABI, can load a wheel."""
    try:
        bound = SpecifierSet(file.requires_python)
    except InvalidSpecifier:
        bound = SpecifierSet()
    if not any(bound.contains(f"3.{minor}.{patch}") for patch in range(50)):
        return False
    for python in file.pythons:
        kind = re.fullmatch(r"(py|cp)(\d)(\d*)", python)
        if kind is None or kind[2] != "3":
            continue
        number = int(kind[3] or 0)
        own = kind[1] == "cp" and number == minor
        if own and {f"cp3{minor}", "none", "abi3"} & set(file.abis):
            return True
        if kind[1] == "cp" and number <= minor and "abi3" in file.abis:
            return True
        if kind[1] == "py" and number <= minor and "none" in file.abis:
            return True
    return False


def is_for_platform(file: File, target: Target) -> bool:
    return any(platform_fits(platform, target) for platform in file.platforms)


def platform_fits(platform: str, target: Target) -> bool:
    known = re.fullmatch(r"(manylinux|macosx)_(\d+)_(\d+)_(\w+)", platform)
    old = re.fullmatch(r"(manylinux(?:1|2010|2014))_(\w+)", platform)
    if known is not None:
        mac = target.system == "macos"
        group = {target.arch} | (MAC_GROUPS[target.arch] if mac else set())
        same = known[1] == {"macos": "macosx", "linux": "manylinux"}.get(target.system)
        return same and known[4] in group and (int(known[2]), int(known[3])) <= target.floor
    if old is not None:
        same = target.system == "linux" and old[2] == target.arch
        return same and OLD_MANYLINUX[old[1]] <= target.floor
    own = "win_amd64" if target.system == "windows" else f"{target.system}_{target.arch}"
    return platform in {"any", own}


def fitting(name: str, target: Target, *, yanked: bool = False) -> set[Version]:
    """Return the versions of which a target can install a wheel."""
    return {
        file.version
        for file in read_page(name)
        if (yanked or not file.yanked)
        and is_for_python(file, target.minor)
        and is_for_platform(file, target)
    }


def judge_gap(name: str, gap: dict[str, Any]) -> list[str]:
    """Return what is untrue of one missing wheel."""
    target = read_target(gap["target"])
    have = fitting(name, target)
    final = {version for version in have if not version.is_prerelease}
    wrong = []
    if gap["version"] and Version(gap["version"]) in have:
        wrong.append(f"{name} {gap['version']} has a wheel for {gap['target']}")
    newest = gap["newest"]
    if newest and Version(newest) not in have:
        wrong.append(f"{name} {newest} has no wheel for {gap['target']}")
    if newest and final and max(final) > Version(newest):
        wrong.append(f"{name} {max(final)} has a wheel for {gap['target']}, and not only {newest}")
    if "no version has one" in gap["to_do"] and final:
        wrong.append(f"{name} {max(final)} has a wheel for {gap['target']}")
    if gap["floor"]:
        major, minor = map(int, gap["floor"].split("."))
        named = re.search(rf"where {re.escape(name)} (\S+) has one", gap["to_do"])
        version = Version(named[1] if named else gap["version"])
        if (major, minor) <= target.floor:
            wrong.append(f"{gap['target']} has the floor {gap['floor']}")
        if version not in fitting(name, target._replace(floor=(major, minor))):
            wrong.append(f"{name} {version} has no wheel for {gap['target']} on {gap['floor']}")
    return wrong


def judge_differences(report: dict[str, Any]) -> list[str]:
    """Return what is untrue of the versions that are said not to fit."""
    wrong = []
    for difference in report["differences"]:
        for share in difference["versions"]:
            for line in share["not"]:
                version, _, reason = line.partition(": ")
                for name in share["targets"]:
                    have = fitting(difference["name"], read_target(name))
                    if reason.startswith(("no wheel", "floor")) and Version(version) in have:
                        wrong.append(f"{difference['name']} {version} has a wheel for {name}")
    return wrong


def compare(folder: Path) -> dict[str, Any]:
    """Return what is to be kept of one application."""
    ended = json.loads((folder / "run.json").read_text("utf-8"))
    said = (folder / "stderr.txt").read_text("utf-8")
    report = json.loads((folder / "check.json").read_text("utf-8"))
    wrong = ["traceback"] if "Traceback" in said else []
    missing: dict[tuple[str, str, str], list[str]] = {}
    for package in report.get("packages", ()):
        for gap in package["gaps"]:
            key = (package["name"], gap["version"] or "", gap["reason"])
            missing.setdefault(key, []).append(gap["target"])
            wrong += judge_gap(package["name"], gap)
    wrong += judge_differences(report) if "differences" in report else []
    targets = report.get("targets", ())
    return {
        **ended,
        "packages": len(report.get("packages", ())),
        "targets": len(targets),
        "covered": sum(target["covered"] for target in targets),
        "missing": [
            {"name": name, "version": version, "reason": reason, "targets": found}
            for (name, version, reason), found in missing.items()
        ],
        "untrue": wrong,
        "stderr": said.strip().splitlines()[:4],
    }


def main() -> None:
    """Compare all of the list."""
    listed = tomllib.loads((HERE / "applications.toml").read_text("utf-8"))
    results = {}
    for _, requirement in listed["applications"]:
        name = requirement.partition("[")[0]
        results[name] = compare(Path(sys.argv[1], name))
        sys.stdout.write(f"{name}: {results[name]['untrue'] or 'true'}\n")
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    (HERE / "results.json").write_text(text, "utf-8")
    sys.exit(any(found["untrue"] for found in results.values()))


if __name__ == "__main__":
    main()
