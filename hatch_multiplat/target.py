"""One Python on one platform: the wheel tags it accepts and the marker environments it has.

Tags come from `packaging.tags`, always with explicit ABIs and platforms, since it fills what is
missing from the machine it runs on without saying so.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from packaging.markers import Environment
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, parse_tag

from hatch_multiplat.platforms import Platform, PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_CPYTHON: Final = (3, 6)
NEWEST_CPYTHON: Final = (3, 15)
FIRST_FREE_THREADED: Final = (3, 13)

# The PyPy minors there are, each with its last release, which is its implementation_version.
PYPY_RELEASES: Final[dict[tuple[int, int], str]] = {
    (3, 6): "7.3.3",
    (3, 7): "7.3.9",
    (3, 8): "7.3.11",
    (3, 9): "7.3.16",
    (3, 10): "7.3.19",
    (3, 11): "7.3.20",
}

MARKER_VARIABLES: Final = tuple(sorted(Environment.__annotations__))


class TargetError(ValueError):
    """A Python or a target that cannot be; the message is made for the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Python:
    """A minor release of an implementation, or one patch release of it."""

    implementation: str
    version: tuple[int, int]
    free_threaded: bool = False
    patch: int | None = None

    def __post_init__(self) -> None:
        problem = _python_problem(
            self.implementation, self.version, free_threaded=self.free_threaded
        )
        if problem:
            raise TargetError(problem)

    @classmethod
    def parse(cls, text: str) -> Python:
        """Return the Python that `3.12`, `cp312`, `3.14t`, `cp314t`, `pp311` or `3.8.10` means.

        Raises `TargetError`, with what would do where that can be told.
        """
        if not (fields := _read_python(text)):
            raise TargetError(f"unknown Python {text!r}{_did_you_mean_python(text)}")
        implementation, version, patch, free_threaded = fields
        if problem := _python_problem(implementation, version, free_threaded=free_threaded):
            raise TargetError(f"impossible Python {text!r}: {problem}")
        return cls(
            implementation=implementation,
            version=version,
            free_threaded=free_threaded,
            patch=patch,
        )

    def __str__(self) -> str:
        if self.implementation == "cpython":
            return self._dotted
        return self.tag if self.patch is None else f"pp{self._dotted}"

    @property
    def tag(self) -> str:
        """The words `cp312`, `cp314t`, `pp311`: the interpreter, and a t if free-threaded."""
        return f"{self.interpreter}{'t' if self.free_threaded else ''}"

    @property
    def interpreter(self) -> str:
        """The python tag of a wheel made for just this minor, `cp312` or `pp311`."""
        short = "pp" if self.implementation == "pypy" else "cp"
        return f"{short}{self.version[0]}{self.version[1]}"

    @property
    def abi(self) -> str:
        """The ABI tag: `cp36m` up to 3.7, `cp312`, `cp314t`, `pypy311_pp73`."""
        if self.implementation == "pypy":
            return f"pypy{self.version[0]}{self.version[1]}_pp73"
        # CPython 3.8 dropped the m of pymalloc (bpo-36707).
        return f"{self.tag}m" if self.version < (3, 8) else self.tag

    @property
    def _dotted(self) -> str:
        patch = "" if self.patch is None else f".{self.patch}"
        return f"{self.version[0]}.{self.version[1]}{patch}{'t' if self.free_threaded else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One Python on one platform; from a complete-platform file, with that file's own words."""

    python: Python
    platform: Platform
    explicit_tags: tuple[Tag, ...] | None = None
    explicit_environment: tuple[tuple[str, str], ...] | None = None
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target that `cp312-manylinux_2_28_x86_64` means.

        pex's abbreviated platforms, PLATFORM-IMPL-VERSION-ABI, are read too:
        `manylinux2014_x86_64-cp-39-cp39`, `macosx_11_0_x86_64-cp-3.8.10-cp38`.

        Raises `TargetError`.
        """
        if match := _PEX_PLATFORM.fullmatch(text):
            return _read_pex_platform(text, match)
        python, dash, platform = text.partition("-")
        if not dash:
            raise TargetError(
                f"unknown target {text!r}; a target is PYTHON-PLATFORM,"
                " as 'cp312-manylinux_2_28_x86_64'"
            )
        return cls(python=Python.parse(python), platform=_parse_platform(platform))

    @classmethod
    def from_complete_platform(cls, data: Mapping[str, Any], *, name: str) -> Target:
        """Return the target that a complete-platform file describes.

        Takes the JSON object that `pex3 interpreter inspect --markers --tags` writes, and the
        name that the target is to have. Its tags and its marker variables are used as they are;
        variables it lacks come from our tables. Raises `TargetError`.
        """
        tags = _read_tags(data.get("compatible_tags"))
        environment = _read_environment(data.get("marker_environment"))
        python, platform = _recognise(tags)
        target = cls(
            python=python,
            platform=platform,
            explicit_tags=tags,
            explicit_environment=tuple(sorted(environment.items())),
            name=name,
        )
        minor = f"{python.version[0]}.{python.version[1]}"
        for variable, expected in (
            ("python_version", minor),
            ("sys_platform", platform.sys_platform),
        ):
            if environment.get(variable, expected) != expected:
                raise TargetError(
                    f"marker_environment says {variable} {environment[variable]!r},"
                    f" compatible_tags say {expected!r}"
                )
        return target

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        python = self.python
        if python.patch is None:
            return f"{python.tag}-{self.platform.tag}"
        words = str(python)
        return f"{words if words.startswith('pp') else f'cp{words}'}-{self.platform.tag}"

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every wheel tag that fits, ranked best first as `packaging.tags.sys_tags` has them."""
        if self.explicit_tags is not None:
            return self.explicit_tags
        return _ranked_tags(self.python, self.platform)

    @property
    def covers_patches(self) -> bool:
        """Whether every patch release of the minor belongs to the target, or just one."""
        return self.python.patch is None

    @property
    def full_versions(self) -> tuple[str, str]:
        """The range of `python_full_version`: from the first, up to but without the second."""
        major, minor = self.python.version
        if self.python.patch is None:
            return f"{major}.{minor}", f"{major}.{minor + 1}"
        patch = self.python.patch
        return f"{major}.{minor}.{patch}", f"{major}.{minor}.{patch + 1}"

    def environment(self, patch: int | None = None) -> Environment:
        """Return all 11 marker variables, for one patch release of the minor.

        Without `patch` it is the pinned one, that of the complete-platform file, or 0.
        `platform_release` and `platform_version` are empty: they cannot be known ahead.
        """
        pinned = self.python.patch
        if pinned is not None and patch not in {None, pinned}:
            raise TargetError(f"{self} has patch release {pinned} only, not {patch}")
        major, minor = self.python.version
        explicit = dict(self.explicit_environment or ())
        wanted = patch if patch is not None else pinned
        full = f"{major}.{minor}.{wanted or 0}"
        is_cpython = self.python.implementation == "cpython"
        if wanted is not None:
            explicit.pop("python_full_version", None)
            if is_cpython:
                explicit.pop("implementation_version", None)
        values = {
            "implementation_name": self.python.implementation,
            "implementation_version": full if is_cpython else PYPY_RELEASES[self.python.version],
            "os_name": self.platform.os_name,
            "platform_machine": self.platform.platform_machine,
            "platform_python_implementation": "CPython" if is_cpython else "PyPy",
            "platform_release": "",
            "platform_system": self.platform.platform_system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{major}.{minor}",
            "sys_platform": self.platform.sys_platform,
        }
        return cast("Environment", values | explicit)

    @property
    def solver_marker(self) -> str:
        """The marker that is true just for this target's family, as uv's `environments` want.

        What markers cannot tell apart (libc and floors, free-threading) is one family.
        """
        environment = self.environment()
        first, end = self.full_versions
        return (
            f"sys_platform == '{environment['sys_platform']}'"
            f" and platform_machine == '{environment['platform_machine']}'"
            f" and implementation_name == '{environment['implementation_name']}'"
            f" and python_full_version >= '{first}' and python_full_version < '{end}'"
        )

    def to_complete_platform(self, *, label: str, patch: int) -> dict[str, Any]:
        """Return the JSON object that `pex --complete-platform` reads.

        `label` becomes its `platform_version`, free text by which markers can tell it apart.
        """
        environment = self.environment(patch) | {"platform_version": label}
        return {
            "compatible_tags": [str(tag) for tag in self.tags],
            "marker_environment": dict(sorted(environment.items())),
        }


_NUMBER = r"(0|[1-9][0-9]?)"
_COMPACT_PYTHON = re.compile(rf"(cp|pp)([2-9]){_NUMBER}(t?)")
_DOTTED_PYTHON = re.compile(rf"([2-9])\.{_NUMBER}(?:\.{_NUMBER})?(t?)")
_PINNED_PYTHON = re.compile(rf"(cp|pp)([2-9])\.{_NUMBER}\.{_NUMBER}(t?)")
_PEX_PLATFORM = re.compile(r"(.+)-(cp|pp)-([0-9.]+)-([a-z0-9_]*)")

_PythonFields = tuple[str, tuple[int, int], int | None, bool]


def _read_python(text: str) -> _PythonFields | None:
    short, patch = "cp", None
    if match := _COMPACT_PYTHON.fullmatch(text):
        short, major, minor, t = match.groups()
    elif match := _DOTTED_PYTHON.fullmatch(text):
        major, minor, patch, t = match.groups()
    elif match := _PINNED_PYTHON.fullmatch(text):
        short, major, minor, patch, t = match.groups()
    else:
        return None
    implementation = "pypy" if short == "pp" else "cpython"
    return implementation, (int(major), int(minor)), None if patch is None else int(patch), t == "t"


def _python_problem(
    implementation: str, version: tuple[int, int], *, free_threaded: bool
) -> str | None:
    """Say why there is no such Python; None if there is."""
    if implementation == "pypy":
        if free_threaded:
            return "PyPy has no free-threaded build"
        if version not in PYPY_RELEASES:
            return f"PyPy is known for {_minor(min(PYPY_RELEASES))} to {_minor(max(PYPY_RELEASES))}"
        return None
    if implementation != "cpython":
        return f"no implementation {implementation!r} (there are cpython, pypy)"
    if not OLDEST_CPYTHON <= version <= NEWEST_CPYTHON:
        return f"CPython is known for {_minor(OLDEST_CPYTHON)} to {_minor(NEWEST_CPYTHON)}"
    if free_threaded and version < FIRST_FREE_THREADED:
        return f"free-threaded builds begin with {_minor(FIRST_FREE_THREADED)}"
    return None


def _minor(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _parse_platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except PlatformError as e:
        raise TargetError(str(e)) from e


def _read_pex_platform(text: str, match: re.Match[str]) -> Target:
    platform_words, short, version, abi = match.groups()
    dotted = version if "." in version else f"{version[0]}.{version[1:]}"
    # "Abbreviated" in pex's words: the ABI may leave out the interpreter, as m for cp37m.
    free_threaded = short == "cp" and abi.endswith("t")
    python = Python.parse(
        f"{short}{dotted}{'t' if free_threaded else ''}"
        if dotted.count(".") > 1
        else f"{short}{dotted.replace('.', '')}{'t' if free_threaded else ''}"
    )
    if abi not in {python.abi, python.abi.removeprefix(python.interpreter)}:
        raise TargetError(f"impossible target {text!r}: the ABI of {python.tag} is {python.abi}")
    # pex reads macosx-10.13-x86_64 as the tag macosx_10_13_x86_64.
    if platform_words.startswith("macosx-"):
        platform_words = platform_words.replace("-", "_").replace(".", "_")
    return Target(python=python, platform=_parse_platform(platform_words))


def _read_tags(value: object) -> tuple[Tag, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TargetError("compatible_tags must be an array of strings")
    tags: list[Tag] = []
    for item in value:
        try:
            tags.extend(sorted(parse_tag(item), key=str))
        except ValueError as e:
            raise TargetError(f"compatible_tags has {item!r}, which is no wheel tag") from e
    return tuple(tags)


def _read_environment(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TargetError("marker_environment must be an object of strings")
    unknown = sorted(set(value) - set(MARKER_VARIABLES))
    if unknown:
        raise TargetError(f"marker_environment has unknown variables: {', '.join(unknown)}")
    wrong = sorted(k for k, v in value.items() if not isinstance(v, str | None))
    if wrong:
        raise TargetError(f"marker_environment must have strings (got others: {', '.join(wrong)})")
    return {k: v for k, v in value.items() if v is not None}


def _recognise(tags: tuple[Tag, ...]) -> tuple[Python, Platform]:
    """Tell Python and platform from the first tag that names both.

    A plain `linux_x86_64`, which packaging 26.3 ranks first, names no floor, and a macOS tag
    for several architectures names no one of them: both are passed over.
    """
    for tag in tags:
        try:
            python = Python.parse(tag.interpreter + ("t" if tag.abi.endswith("t") else ""))
            platform = Platform.parse(tag.platform)
        except (TargetError, PlatformError):
            continue
        return python, platform
    raise TargetError(
        "compatible_tags has no tag that names a CPython or PyPy and a known platform"
    )


@functools.cache
def _ranked_tags(python: Python, platform: Platform) -> tuple[Tag, ...]:
    if python.implementation == "pypy":
        own = generic_tags(python.interpreter, [python.abi], platform.tags)
        interpreter = "pp3"
    else:
        own = cpython_tags(python.version, [python.abi], platform.tags)
        interpreter = python.interpreter
    return (*own, *compatible_tags(python.version, interpreter, platform.tags))


def _did_you_mean_python(text: str) -> str:
    return ""
