"""One Python on one platform: the wheel tags it accepts and the marker environments it has.

Tags come from `packaging.tags`, always with explicit ABIs and platforms, since it fills what is
missing from the machine it runs on without saying so.
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from packaging.markers import Environment
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, parse_tag

from hatch_multiplat.targets.platforms import Platform, PlatformError
from hatch_multiplat.targets.python import PYPYS, Python, TargetError, dotted, read_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MARKER_VARIABLES: Final = tuple(sorted(Environment.__annotations__))


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One Python on one platform.

    The last three are those of a complete-platform file: its tags and its marker variables, which
    are used as they are, and the name it goes by.
    """

    python: Python
    platform: Platform
    explicit_tags: tuple[Tag, ...] | None = None
    explicit_environment: tuple[tuple[str, str], ...] | None = None
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target that `cp312-manylinux_2_28_x86_64` or `3.12-linux-x86_64` means.

        pex's abbreviated platforms, PLATFORM-IMPL-VERSION-ABI, are read too:
        `manylinux2014_x86_64-cp-39-cp39`, `macosx_11_0_x86_64-cp-3.8.10-cp38`.

        Raises `TargetError`, which names all that is wrong.
        """
        problems: list[str] = []
        if match := _PEX_PLATFORM.fullmatch(text):
            # pex takes macosx-10.13-x86_64 for the tag macosx_10_13_x86_64.
            words = match[1]
            words = re.sub("[-.]", "_", words) if words.startswith("macosx-") else words
            python = _try(_parse_pex_python, match[2], problems=problems)
        else:
            python_words, dash, words = text.partition("-")
            if not dash:
                raise TargetError(
                    f"unknown target {text!r}: a target is a Python and a platform,"
                    " as 'cp312-manylinux_2_28_x86_64'"
                )
            python = _try(Python.parse, python_words, problems=problems)
        platform = _try(Platform.parse, words, problems=problems)
        if python is None or platform is None:
            raise TargetError(*problems)
        return cls(python=python, platform=platform)

    @classmethod
    def from_complete_platform(cls, data: Mapping[str, Any], *, name: str) -> Target:
        """Return the target that a complete-platform file describes.

        Takes the JSON object that `pex3 interpreter inspect --markers --tags` writes and the name
        that the target is to have. Python and platform are those of the first tag that tells
        them; variables that the file lacks come from our tables. Its patch release is that of the
        machine it was written on and pins nothing.

        Raises `TargetError`, which names all that is wrong.
        """
        problems: list[str] = []
        tags = _read_tags(data.get("compatible_tags"), problems=problems)
        environment = _read_environment(data.get("marker_environment"), problems=problems)
        if problems:
            raise TargetError(*problems)
        python, platform = _recognise(tags)
        target = cls(
            python=python,
            platform=platform,
            explicit_tags=tags,
            explicit_environment=tuple(sorted(environment.items())),
            name=name,
        )
        expected = Target(python=python, platform=platform).environment()
        for variable in ("implementation_name", "os_name", "python_version", "sys_platform"):
            said, known = environment.get(variable, expected[variable]), expected[variable]
            if said != known:
                problems.append(
                    f"marker_environment.{variable} is {said!r}, but compatible_tags mean {known!r}"
                )
        if problems:
            raise TargetError(*problems)
        return target

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        return f"{self.python.full_tag}-{self.platform.tag}"

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every wheel tag that fits, ranked best first as `packaging.tags.sys_tags` ranks them."""
        if self.explicit_tags is not None:
            return self.explicit_tags
        return _ranked_tags(self.python, self.platform)

    @property
    def full_versions(self) -> tuple[str, str]:
        """The range of `python_full_version`: from the first, up to and without the second."""
        version, patch = self.python.version, self.python.patch
        if patch is None:
            return dotted(version), dotted((version[0], version[1] + 1))
        return dotted((*version, patch)), dotted((*version, patch + 1))

    def environment(self, patch: int | None = None) -> Environment:
        """Return all 11 marker variables, for one patch release of the minor.

        Without `patch` it is the one pinned, else that of the complete-platform file, else 0.
        `platform_release` and `platform_version` cannot be known ahead and are empty but in a
        complete-platform file.
        """
        python, platform = self.python, self.platform
        if patch is not None and python.patch not in {None, patch}:
            raise TargetError(f"{self} is patch release {python.patch} only, not {patch}")
        patch = python.patch if patch is None else patch
        is_cpython = python.implementation == "cpython"
        full_version = dotted((*python.version, patch or 0))
        release = full_version if is_cpython else PYPYS[python.version][python.abi_flavour]
        explicit = dict(self.explicit_environment or ())
        if patch is not None:
            explicit.pop("python_full_version", None)
        if patch is not None and is_cpython:
            explicit.pop("implementation_version", None)
        values = {
            "implementation_name": python.implementation,
            "implementation_version": release,
            "os_name": platform.os_name,
            "platform_machine": platform.platform_machine,
            "platform_python_implementation": "CPython" if is_cpython else "PyPy",
            "platform_release": "",
            "platform_system": platform.platform_system,
            "platform_version": "",
            "python_full_version": full_version,
            "python_version": dotted(python.version),
            "sys_platform": platform.sys_platform,
        }
        return cast("Environment", values | explicit)

    def to_complete_platform(self, *, label: str, patch: int) -> dict[str, Any]:
        """Return the JSON object that `pex --complete-platform` takes, for one patch release.

        `label` becomes its `platform_version`, a free text by which a marker can name it.
        """
        environment = {**self.environment(patch), "platform_version": label}
        return {
            "compatible_tags": [str(tag) for tag in self.tags],
            "marker_environment": dict(sorted(environment.items())),
        }


def is_pex_platform(text: str) -> bool:
    """Whether the text has the form of pex's abbreviated platforms, PLATFORM-IMPL-VERSION-ABI."""
    return _PEX_PLATFORM.fullmatch(text) is not None


@functools.cache
def _ranked_tags(python: Python, platform: Platform) -> tuple[Tag, ...]:
    """The order of `packaging.tags.sys_tags`, with nothing asked of the running interpreter."""
    own: Iterable[Tag]
    if python.implementation == "pypy":
        own = generic_tags(python.interpreter, [python.abi], platform.tags)
        any_interpreter = "pp3"
    else:
        own = cpython_tags(python.version, [python.abi], platform.tags)
        any_interpreter = python.interpreter
    return (*own, *compatible_tags(python.version, any_interpreter, platform.tags))


@functools.lru_cache(maxsize=512)
def tag_ranks(target: Target) -> Mapping[Tag, int]:
    """Return the rank of each tag that a target accepts; 0 is best."""
    ranks: dict[Tag, int] = {}
    for rank, tag in enumerate(target.tags):
        ranks.setdefault(tag, rank)
    return ranks


_PEX_PLATFORM = re.compile(r"(.+)-((?:cp|pp)-[0-9.]+-[a-z0-9_]+)")

_Parsed = TypeVar("_Parsed")


def _try(parse: Callable[[str], _Parsed], text: str, *, problems: list[str]) -> _Parsed | None:
    try:
        return parse(text)
    except (TargetError, PlatformError) as e:
        problems.append(str(e))
        return None


def _parse_pex_python(text: str) -> Python:
    """Read `cp-39-cp39`, `cp-3.8.10-cp38`, `cp-37-m` (pex takes the ABI's flavour for the ABI)."""
    short, version, abi = text.split("-")
    dotted = version if "." in version else f"{version[0]}.{version[1:]}"
    compact = version if version.count(".") > 1 else version.replace(".", "")
    forms = [f"{short}{compact}", f"{short}{compact}t"]
    if short == "pp":
        forms = [f"{short}{compact}", f"pypy{compact}_{abi.rpartition('_')[2]}"]
    usual = Python.parse(forms[0])
    for form in forms:
        try:
            python = read_python(form)
        except TargetError:
            continue
        if abi in {python.abi, python.abi.removeprefix(python.interpreter)}:
            return python
    raise TargetError(f"unknown Python {text!r}: the ABI of {dotted} is {usual.abi!r}")


def _read_tags(value: object, *, problems: list[str]) -> tuple[Tag, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        problems.append("compatible_tags must be an array of strings")
        return ()
    tags: list[Tag] = []
    for item in value:
        try:
            tags.extend(sorted(parse_tag(item), key=str))
        except ValueError:
            problems.append(f"compatible_tags has {item!r}, which is not a wheel tag")
    return tuple(tags)


def _read_environment(value: object, *, problems: list[str]) -> dict[str, str]:
    if not isinstance(value, dict):
        problems.append("marker_environment must be an object of strings")
        return {}
    environment = {}
    for variable, said in value.items():
        if variable not in MARKER_VARIABLES:
            near = difflib.get_close_matches(str(variable), MARKER_VARIABLES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"marker_environment has the unknown variable {variable!r}{hint}")
        elif isinstance(said, str):
            environment[variable] = said
        elif said is not None:
            problems.append(f"marker_environment.{variable} must be a string")
    return environment


def _recognise(tags: Iterable[Tag]) -> tuple[Python, Platform]:
    """Tell Python and platform from the first tag that has both.

    A plain `linux_x86_64`, which packaging 26.3 ranks first, has no floor, and a macOS tag for
    several architectures is of no one of them: both are passed over.
    """
    for tag in tags:
        own_abi = tag.abi.startswith(tag.interpreter) and tag.abi.endswith("t")
        words = tag.abi if tag.abi.startswith("pypy") else f"{tag.interpreter}{'t' * own_abi}"
        try:
            return read_python(words), Platform.parse(tag.platform)
        except (TargetError, PlatformError):
            continue
    raise TargetError("compatible_tags has no tag of a known Python on a known platform")
