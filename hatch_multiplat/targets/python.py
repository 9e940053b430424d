"""One Python, a minor of CPython or PyPy or one patch release of it: names, tags, ABI, patches."""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.specifiers import SpecifierSet

CPYTHONS: Final = tuple((3, minor) for minor in range(6, 16))
"""The minors that are known, from the oldest that an executable starts on."""
SUPPORTED_CPYTHONS: Final = CPYTHONS[CPYTHONS.index((3, 11)) :]
"""Those that upstream still supports as of this release."""
FREE_THREADED_CPYTHONS: Final = tuple(version for version in CPYTHONS if version >= (3, 13))

# The PyPys: for each minor its ABIs, the usual one first, with the last release that has it.
# PyPy changed its ABI from pp73 to pp80 in its release 8.0, within Python 3.11; for that minor
# pp73 is the usual one, since it is what wheels are made for.
PYPYS: Final[dict[tuple[int, int], dict[str, str]]] = {
    (3, 6): {"pp73": "7.3.3"},
    (3, 7): {"pp73": "7.3.9"},
    (3, 8): {"pp73": "7.3.11"},
    (3, 9): {"pp73": "7.3.16"},
    (3, 10): {"pp73": "7.3.19"},
    (3, 11): {"pp73": "7.3.23", "pp80": "8.0.1"},
    (3, 12): {"pp80": "8.0.1"},
}


MAX_PATCH: Final = 50
"""More patch releases than any minor has had."""


class TargetError(ValueError):
    """There is no such Python or target; the message is for the user.

    `problems` has each problem, one for each line of the message.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class Python:
    """A minor of an implementation, or one patch release of it. Only those there are can be made.

    `pypy_abi` is None but for a PyPy whose ABI is not the usual one of its minor, as "pp80".
    """

    implementation: str
    version: tuple[int, int]
    free_threaded: bool = False
    patch: int | None = None
    pypy_abi: str | None = None

    def __post_init__(self) -> None:
        pypy = self.implementation == "pypy"
        if problem := _pypy_problem(self) if pypy else _cpython_problem(self):
            raise TargetError(problem)

    @classmethod
    def parse(cls, text: str) -> Python:
        """Return the Python that one of these words means.

        `3.12`, `cp312`, `3.14t`, `cp314t` (free-threaded), `3.8.10` (just this patch release),
        `pp311` (PyPy), `pypy311_pp80` (PyPy with this ABI).

        Raises `TargetError`: the rule that the text breaks, and the nearest word that would do.
        """
        try:
            return read_python(text)
        except TargetError as e:
            reason = f": {e}" if str(e) else ""
            near = _suggest_python(text)
            hint = f"; did you mean {near!r}?" if near else ""
            raise TargetError(f"unknown Python {text!r}{reason}{hint}") from None

    def __str__(self) -> str:
        if self.implementation == "pypy":
            return self.full_tag
        patch = "" if self.patch is None else f".{self.patch}"
        return f"{dotted(self.version)}{patch}{'t' if self.free_threaded else ''}"

    @property
    def tag(self) -> str:
        """The shortest word for the minor: `cp312`, `cp314t`, `pp311`, `pypy311_pp80`."""
        if self.pypy_abi is not None:
            return self.abi
        return f"{self.interpreter}t" if self.free_threaded else self.interpreter

    @property
    def interpreter(self) -> str:
        """The python tag of wheels made for just this minor: `cp312`, `cp314`, `pp311`."""
        return f"{'cp' if self.implementation == 'cpython' else 'pp'}{_joined(self.version)}"

    @property
    def abi(self) -> str:
        """The ABI tag: `cp37m`, `cp312`, `cp314t`, `pypy311_pp73`."""
        if self.implementation == "pypy":
            return f"pypy{_joined(self.version)}_{self.abi_flavour}"
        # CPython 3.8 dropped the m of pymalloc (bpo-36707).
        return f"{self.interpreter}m" if self.version < (3, 8) else self.tag

    @property
    def abi_flavour(self) -> str:
        """The flavour of a build of one minor: nothing or `t`; for PyPy `pp73` or `pp80`."""
        if self.implementation == "pypy":
            return self.pypy_abi or next(iter(PYPYS[self.version]))
        return "t" if self.free_threaded else ""

    @property
    def full_tag(self) -> str:
        """The tag, with the patch release if one is pinned: `cp312`, `cp3.8.10`, `pp3.11.13`."""
        if self.patch is None:
            return self.tag
        version = dotted((*self.version, self.patch))
        if self.implementation == "cpython":
            return f"cp{version}{'t' if self.free_threaded else ''}"
        return f"pp{version}" if self.pypy_abi is None else f"pypy{version}_{self.pypy_abi}"


def known_pythons() -> list[Python]:
    """Return every known Python: CPython, free-threaded CPython, PyPy; oldest first."""
    return [
        *(Python(implementation="cpython", version=version) for version in CPYTHONS),
        *(
            Python(implementation="cpython", version=version, free_threaded=True)
            for version in FREE_THREADED_CPYTHONS
        ),
        *(
            Python(implementation="pypy", version=version, pypy_abi=abi if at else None)
            for version, abis in PYPYS.items()
            for at, abi in enumerate(abis)
        ),
    ]


def _cpython_problem(python: Python) -> str | None:
    if python.implementation != "cpython" or python.pypy_abi is not None:
        return "the implementations are cpython, and pypy with its own ABIs"
    if python.version not in CPYTHONS:
        return f"CPython is known from {dotted(min(CPYTHONS))} to {dotted(max(CPYTHONS))}"
    if python.free_threaded and python.version not in FREE_THREADED_CPYTHONS:
        return f"free-threaded builds begin with {dotted(min(FREE_THREADED_CPYTHONS))}t"
    return None


def _pypy_problem(python: Python) -> str | None:
    if python.free_threaded:
        return "PyPy has no free-threaded build"
    if python.version not in PYPYS:
        return f"PyPy is known from Python {dotted(min(PYPYS))} to {dotted(max(PYPYS))}"
    usual, *others = PYPYS[python.version]
    if python.pypy_abi not in {None, *others}:
        return f"the ABI of PyPy {dotted(python.version)} is {' or '.join([usual, *others])}"
    return None


def _joined(version: Iterable[int]) -> str:
    return "".join(map(str, version))


def dotted(version: Iterable[int]) -> str:
    """Write a version for people: 3.12."""
    return ".".join(map(str, version))


# Parsing. A dotted form after `cp`, `pp` or `pypy` is how a target that pins a patch release
# begins; without the patch it would be a second spelling of the undotted form.

_MINOR = r"(?P<major>[23])(?P<minor>0|[1-9][0-9]?)"
_PATCH = r"(?P<major>[23])\.(?P<minor>0|[1-9][0-9]?)\.(?P<patch>0|[1-9][0-9]?)"
_PYTHON_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<major>[23])\.(?P<minor>0|[1-9][0-9]?)(?P<free>t?)",
        rf"{_PATCH}(?P<free>t?)",
        rf"(?P<short>cp|pp){_MINOR}(?P<free>t?)",
        rf"(?P<short>cp|pp){_PATCH}(?P<free>t?)",
        rf"(?P<short>pypy){_MINOR}_(?P<pypy_abi>pp[0-9]+)",
        rf"(?P<short>pypy){_PATCH}_(?P<pypy_abi>pp[0-9]+)",
    )
)


def read_python(text: str) -> Python:
    """Read one of the forms; the error says which rule is broken, or nothing if it has no form."""
    match = next(filter(None, (form.fullmatch(text) for form in _PYTHON_FORMS)), None)
    if match is None:
        raise TargetError
    fields = match.groupdict()
    version = (int(fields["major"]), int(fields["minor"]))
    patch, pypy_abi = fields.get("patch"), fields.get("pypy_abi")
    if pypy_abi == next(iter(PYPYS.get(version, ())), None):
        pypy_abi = None
    return Python(
        implementation="pypy" if fields.get("short") in {"pp", "pypy"} else "cpython",
        version=version,
        free_threaded=bool(fields.get("free")),
        patch=None if patch is None else int(patch),
        pypy_abi=pypy_abi,
    )


_LIKE_PYTHON = re.compile(
    r"(?P<name>[a-z]*)[-_ ]?3\.?(?P<minor>[0-9]{1,2})(?:\.(?P<patch>[0-9]{1,2}))?(?:\.[x*])?"
    r"[-_+ ]?(?P<free>t|td|freethreaded|free-threaded|nogil)?"
)


def _suggest_python(text: str) -> str | None:
    """Return the word that was probably meant, if there is a similar one."""
    words = text.strip().lower()
    if match := _LIKE_PYTHON.fullmatch(words):
        try:
            python = Python(
                implementation="pypy"
                if "pp" in match["name"] or "ypy" in match["name"]
                else "cpython",
                version=(3, int(match["minor"])),
                free_threaded=match["free"] is not None,
                patch=None if match["patch"] is None else int(match["patch"]),
            )
        except TargetError:
            return None
        return None if str(python) == text else str(python)
    known = [Python(implementation="cpython", version=version) for version in CPYTHONS]
    known += [Python(implementation="pypy", version=version) for version in PYPYS]
    names = [*map(str, known), *(python.tag for python in known)]
    return next(iter(difflib.get_close_matches(words, names, n=1, cutoff=0.8)), None)


# Some of the patch releases of a minor, as ranges.

Spans = tuple[tuple[int, int | None], ...]
"""Patch releases, as ranges from the first up to and without the second; None is no end."""

EVERY: Final[Spans] = ((0, None),)


@functools.lru_cache(maxsize=4096)
def admitted_patches(requires_python: SpecifierSet, version: tuple[int, int]) -> frozenset[int]:
    """Return the patch releases of a minor that a Requires-Python allows."""
    return frozenset(
        patch for patch in range(MAX_PATCH) if requires_python.contains(dotted((*version, patch)))
    )


def admits(requires_python: SpecifierSet, python: Python) -> bool:
    """Tell whether some patch release of this minor, or the pinned one, is allowed."""
    if python.patch is None:
        return bool(admitted_patches(requires_python, python.version))
    return requires_python.contains(dotted((*python.version, python.patch)))


def make_spans(patches: Iterable[int]) -> Spans:
    """Return the ranges of these patch releases; one that reaches the last we count has no end."""
    spans: list[tuple[int, int | None]] = []
    for patch in sorted(patches):
        end = None if patch == MAX_PATCH - 1 else patch + 1
        if spans and spans[-1][1] == patch:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((patch, end))
    return tuple(spans)


def in_spans(spans: Spans, patch: int) -> bool:
    """Tell whether one of the ranges has a patch release."""
    return any(first <= patch and (end is None or patch < end) for first, end in spans)


def spell_spans(spans: Spans, version: tuple[int, int]) -> str:
    """Return the patch releases as words: "3.12.0, 3.12.3 to 3.12.5, 3.12.9 and newer"."""
    minor, words = dotted(version), []
    for first, end in spans:
        word = f"{minor}.{first}"
        if end is None:
            word += " and newer"
        elif end > first + 1:
            word += f" to {minor}.{end - 1}"
        words.append(word)
    return ", ".join(words)
