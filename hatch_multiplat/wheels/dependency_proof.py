"""(Selections, METADATA) to proof: each target's set of wheels is complete, or what is wrong.

The proof walks from the root requirements through the Requires-Dist of every wheel that they lead
to, for each patch release at which some marker may turn. Markers are read as for a selection:
what cannot be known ahead (`platform_release`, `platform_version`) counts as true.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from hatch_multiplat.base.errors import LockError
from hatch_multiplat.targets.patch_spans import make_spans, spell_spans
from hatch_multiplat.targets.target_list import MAX_PATCH
from hatch_multiplat.wheels.incompatibility import explain_incompatibility
from hatch_multiplat.wheels.pylock import lock_environment, marker_boundaries, marker_holds
from hatch_multiplat.wheels.python_bounds import find_refusals, served_patches
from hatch_multiplat.wheels.selection import tag_ranks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import Selection, Wheel, WheelSet

FaultKind = Literal["missing", "version", "wheel", "twice", "damaged", "lock", "python"]

EXECUTABLE: Final = "the executable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A problem with one package on one target; `target` is None if it is on all."""

    kind: FaultKind
    name: NormalizedName
    target: Target | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What a set has to satisfy: root requirements, and what a user overrode or excluded.

    An override stands for every requirement of its project, as uv's `override-dependencies`;
    `excluded` projects need not be there. `metadata` has what a user says that packages require,
    in place of what their wheels say, as uv's `dependency-metadata`: by name and version, or by
    name and None for all other versions; `pythons` has the Requires-Python of those of them for
    which the user gives one. `requires_python` is the program's own: patch releases that it does
    not admit prove nothing.
    """

    roots: tuple[Requirement, ...]
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    overrides: tuple[Requirement, ...] = ()
    excluded: frozenset[NormalizedName] = frozenset()
    metadata: Mapping[tuple[NormalizedName, Version | None], tuple[Requirement, ...]] = field(
        default_factory=dict, hash=False
    )
    pythons: Mapping[tuple[NormalizedName, Version | None], SpecifierSet] = field(
        default_factory=dict, hash=False
    )

    def python_of(self, wheel: Wheel) -> SpecifierSet | None:
        """Return the Requires-Python of a wheel by the user's word; None where that says nothing.

        Who says what a package requires, and of Python nothing, says that it runs on any.
        """
        for key in ((wheel.name, wheel.version), (wheel.name, None)):
            if key in self.metadata:
                return self.pythons.get(key, SpecifierSet())
        return None

    def requires_of(self, wheel: Wheel) -> tuple[Requirement, ...] | None:
        """Return what a wheel requires by the user's word; None where that says nothing of it."""
        found = self.metadata.get((wheel.name, wheel.version))
        return self.metadata.get((wheel.name, None)) if found is None else found


def parse_requires(text: str) -> tuple[Requirement, ...]:
    """Return the Requires-Dist of a wheel's METADATA.

    Lines that are no requirements, which old wheels have, are left out: no tool can heed them.
    """
    raw, _ = parse_email(text)
    return tuple(valid_requirements(raw.get("requires_dist", ())))


def parse_requires_python(text: str) -> SpecifierSet:
    """Return the Requires-Python of a wheel's METADATA; an invalid one allows everything."""
    raw, _ = parse_email(text)
    return parse_bound(raw.get("requires_python"))


def parse_bound(text: object) -> SpecifierSet:
    """Return the specifier in a Requires-Python; an invalid one allows everything."""
    try:
        return SpecifierSet(str(text or ""))
    except InvalidSpecifier:
        return SpecifierSet()


def valid_requirements(texts: Iterable[object]) -> Iterable[Requirement]:
    """Return the texts that are valid requirements."""
    for text in texts:
        try:
            yield Requirement(str(text))
        except InvalidRequirement:
            continue


def find_problems(
    selections: Sequence[Selection],
    requires: Mapping[str, tuple[Requirement, ...]],
    required: Requirements,
    bounds: Mapping[str, SpecifierSet] | None = None,
) -> tuple[Problem, ...]:
    """Return every problem of these sets of wheels; none is the proof that they are complete.

    `requires` maps the file name of each wheel to its requirements, `bounds` to its
    Requires-Python; a wheel that they lack is taken to require nothing, as its own problem is known
    elsewhere.
    """
    told = {
        wheel.filename: said
        for selection in selections
        for wheel in selection.wheels
        if required.metadata and (said := required.requires_of(wheel)) is not None
    }
    requires = {**requires, **told}
    markers = {
        str(requirement.marker)
        for group in {id(group): group for group in requires.values()}.values()
        for requirement in group
        if requirement.marker is not None
    }
    found: dict[Problem, None] = {}
    bounds = apply_user_bounds(selections, bounds or {}, required)
    for selection in selections:
        served = served_patches(selection, required.requires_python)
        found.update(dict.fromkeys(_misfits(selection)))
        found.update(dict.fromkeys(_refusals(selection, served, bounds, required)))
        for patch in _patches(selection, markers, served):
            walk = _Walk(selection.target, patch, _set_of(selection, patch), requires, required)
            found.update(dict.fromkeys(walk.problems()))
    return tuple(found)


def list_requirements(
    selection: Selection, requires: Mapping[str, tuple[Requirement, ...]], required: Requirements
) -> dict[NormalizedName, list[tuple[str, Requirement]]]:
    """Return the requirements on each package of a target, with the name of what requires it.

    `requires` is that of `find_problems`; the words are "scipy 1.2", or "the executable".
    """
    told = {
        wheel.filename: said
        for wheel in selection.wheels
        if required.metadata and (said := required.requires_of(wheel)) is not None
    }
    found: dict[NormalizedName, list[tuple[str, Requirement]]] = defaultdict(list)
    for group in selection.sets:
        walk = _Walk(selection.target, group.from_patch, group, {**requires, **told}, required)
        for by, requirement in walk.steps():
            pair = by, requirement
            if pair not in found[canonicalize_name(requirement.name)]:
                found[canonicalize_name(requirement.name)].append(pair)
    return found


def render_problems(problems: Sequence[Problem], *, total: int) -> list[str]:
    """Return the lines for problems, with the targets of each problem together.

    `total` is the number of targets that there are.
    """
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for problem in problems:
        places = grouped[problem.name, problem.reason]
        if problem.target is not None:
            places.append(str(problem.target))
    lines = []
    for (name, reason), places in sorted(grouped.items()):
        unique = list(dict.fromkeys(places))
        if len(unique) == total:
            unique = [f"all {total} targets"] if total > 1 else unique
        lines.append(f"{name}: {reason}")
        if unique:
            lines += [f"  on {place}" for place in unique]
    return lines


def apply_user_bounds(
    selections: Iterable[Selection], bounds: Mapping[str, SpecifierSet], required: Requirements
) -> dict[str, SpecifierSet]:
    """Return the Requires-Python of wheels with a user's word in place of those it is about."""
    told = {
        wheel.filename: said
        for selection in selections
        for wheel in selection.wheels
        if required.metadata and (said := required.python_of(wheel)) is not None
    }
    return {**bounds, **told}


def _patches(selection: Selection, markers: Iterable[str], served: Collection[int]) -> list[int]:
    """Return a patch release of each span in which no marker and no set turns.

    It is the first of its span that is served; a span without one is left out.
    """
    python = selection.target.python
    if python.patch is not None:
        return [patch for patch in served if patch == python.patch]
    turns = {group.from_patch for group in selection.sets[1:]}
    firsts = sorted(turns.union(marker_boundaries(markers, python.version)))
    found = []
    for first, end in itertools.pairwise([*firsts, max(MAX_PATCH, firsts[-1] + 1)]):
        here = (patch for patch in range(first, end) if patch in served)
        found += list(itertools.islice(here, 1))
    return found


def _refusals(
    selection: Selection,
    served: frozenset[int],
    bounds: Mapping[str, SpecifierSet],
    required: Requirements,
) -> Iterable[Problem]:
    """Return the packages whose Requires-Python excludes a target's Python, the program first."""
    target = selection.target
    if not served:
        bound = str(required.requires_python)
        name = required.roots[0].name if required.roots else "python"
        yield Problem(
            kind="python",
            name=canonicalize_name(name),
            target=target,
            reason=f"{EXECUTABLE} requires Python {bound!r}, which leaves out {target.python}",
        )
        return
    for wheel, refused in find_refusals(selection, served, bounds):
        bound = str(bounds[wheel.filename])
        out = str(target.python)
        if refused != served:
            out = spell_spans(make_spans(refused), target.python.version)
        yield Problem(
            kind="python",
            name=wheel.name,
            target=target,
            reason=f"{wheel.version} requires Python {bound!r}, which leaves out {out}",
        )


def _set_of(selection: Selection, patch: int) -> WheelSet:
    fitting = [group for group in selection.sets[1:] if group.from_patch <= patch]
    return (fitting or selection.sets[:1])[-1]


def _misfits(selection: Selection) -> Iterable[Problem]:
    """Return the wheels of a target that its Python cannot load there."""
    ranks = tag_ranks(selection.target)
    for wheel in selection.wheels:
        if not any(tag in ranks for tag in wheel.tags):
            _, reason, _ = explain_incompatibility(wheel.tags, selection.target)
            yield Problem(
                kind="wheel",
                name=wheel.name,
                target=selection.target,
                reason=f"{wheel.filename} does not fit: {reason}",
            )


class _Walk:
    """One walk through the requirements of a set, at one patch release of a target's Python."""

    def __init__(
        self,
        target: Target,
        patch: int,
        group: WheelSet,
        requires: Mapping[str, tuple[Requirement, ...]],
        required: Requirements,
    ) -> None:
        self.target = target
        self.environment = lock_environment(target, patch)
        self.group = group
        self.requires = requires
        self.required = required
        self.present: dict[NormalizedName, list[Wheel]] = defaultdict(list)
        for wheel in group.wheels:
            self.present[wheel.name].append(wheel)

    def problems(self) -> Iterable[Problem]:
        for name, wheels in self.present.items():
            if len(wheels) > 1:
                names = " and ".join(wheel.filename for wheel in wheels)
                yield self.problem("twice", name, f"there is more than one: {names}")
        for by, requirement in self.steps():
            name = canonicalize_name(requirement.name)
            wheels = self.present.get(name, [])
            if not wheels:
                yield self.problem("missing", name, f"{by} requires '{requirement}'; it is missing")
            elif not requirement.specifier.contains(wheels[0].version, prereleases=True):
                reason = f"{by} requires '{requirement}'; it is {wheels[0].version}"
                yield self.problem("version", name, reason)

    def steps(self) -> Iterable[tuple[str, Requirement]]:
        """Yield every requirement that counts here, after the words for what has it."""
        queue = [("", EXECUTABLE, requirement) for requirement in self.required.roots]
        seen: set[tuple[NormalizedName, str]] = set()
        for extra, by, asked in queue:  # It grows on the way.
            for requirement in self.applied(asked, extra):
                yield by, requirement
                name = canonicalize_name(requirement.name)
                wheels = self.present.get(name, [])
                if not wheels:
                    continue
                for wanted in ("", *sorted(map(canonicalize_name, requirement.extras))):
                    if (name, wanted) not in seen:
                        seen.add((name, wanted))
                        queue += self.requirements_of(wheels[0], wanted)

    def applied(self, requirement: Requirement, extra: str) -> Iterable[Requirement]:
        """Return what a requirement comes to on this target: nothing, itself, or an override."""
        if not self.can_hold(requirement, extra):
            return []
        name = canonicalize_name(requirement.name)
        if name in self.required.excluded:
            return []
        overrides = [o for o in self.required.overrides if canonicalize_name(o.name) == name]
        if not overrides:
            return [requirement]
        return [override for override in overrides if self.can_hold(override)]

    def can_hold(self, requirement: Requirement, extra: str = "") -> bool:
        if requirement.marker is None:
            return True
        try:
            return marker_holds(str(requirement.marker), self.environment, extra=extra)
        except LockError:  # It compares what cannot be compared, and holds nowhere.
            return False

    def requirements_of(self, wheel: Wheel, extra: str) -> Iterable[tuple[str, str, Requirement]]:
        by = f"{wheel.name} {wheel.version}"
        for requirement in self.requires.get(wheel.filename, ()):
            yield extra, by, requirement

    def problem(self, kind: FaultKind, name: NormalizedName, reason: str) -> Problem:
        return Problem(kind=kind, name=name, target=self.target, reason=reason)
