"""(Selections, METADATA) to proof: each target's set of wheels is complete, or what is wrong.

The proof walks from the root requirements through the Requires-Dist of every wheel that they lead
to, for each patch release at which some marker may turn, and compares each Requires-Python with
the patch releases of the target. Markers are read as for a selection: what cannot be known ahead
(`platform_release`, `platform_version`) counts as true.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_multiplat.base.errors import LockError, VerificationError
from hatch_multiplat.index.project_settings import valid_requirements
from hatch_multiplat.targets.python import (
    admitted_patches,
    in_spans,
    make_spans,
    spell_spans,
)
from hatch_multiplat.targets.target import tag_ranks
from hatch_multiplat.wheels.incompatibility import (
    Incompatibility,
    explain_incompatibility,
    explain_refusal,
)
from hatch_multiplat.wheels.metadata import WheelTexts, parse_bound
from hatch_multiplat.wheels.pylock import lock_environment, marker_holds, marker_runs
from hatch_multiplat.wheels.selection import missing_because

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from hatch_multiplat.targets.target import Target
    from hatch_multiplat.wheels.selection import MissingWheel, Selection, Wheel, WheelSet

ProblemKind = Literal["missing", "version", "wheel", "twice", "damaged", "lock", "python"]

EXECUTABLE: Final = "the executable"
_HINT: Final = "if that is wrong, correct it in dependency-metadata of [tool.uv]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A problem with one package on one target; `target` is None if it is on all."""

    kind: ProblemKind
    name: NormalizedName
    target: Target | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What a set has to satisfy: root requirements, and what a user overrode or excluded.

    An override stands for every requirement of its project, as uv's `override-dependencies`;
    `excluded` projects need not be there. `metadata` has what a user says that packages require,
    and of which Python, in place of what their wheels say, as uv's `dependency-metadata`: by name
    and version, or by name and None for all other versions. `requires_python` is the program's own:
    patch releases that it does not admit prove nothing.
    """

    roots: tuple[Requirement, ...]
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    overrides: tuple[Requirement, ...] = ()
    excluded: frozenset[NormalizedName] = frozenset()
    metadata: Mapping[tuple[NormalizedName, Version | None], WheelTexts] = field(
        default_factory=dict, hash=False
    )

    def apply(
        self, wheels: Iterable[Wheel], texts: Mapping[str, WheelTexts]
    ) -> Mapping[str, WheelTexts]:
        """Return what wheels say, by file name, with the user's word in place where there is one.

        A user who says what a package requires, and nothing of Python, says that it runs on any.
        """
        if not self.metadata:
            return texts
        told = {}
        for wheel in wheels:
            by_name = self.metadata.get((wheel.name, None))
            said = self.metadata.get((wheel.name, wheel.version), by_name)
            if said is not None:
                told[wheel.filename] = said
        return {**texts, **told}


def read_requirements(
    roots: Iterable[Requirement], *, requires_python: SpecifierSet, uv_table: Mapping[str, Any]
) -> Requirements:
    """Return what a set has to satisfy, with the user's own words on it that uv follows too."""
    return Requirements(
        roots=tuple(roots),
        requires_python=requires_python,
        overrides=tuple(valid_requirements(uv_table.get("override-dependencies", ()))),
        excluded=frozenset(
            canonicalize_name(item.name)
            for item in valid_requirements(uv_table.get("exclude-dependencies", ()))
        ),
        metadata={
            (
                canonicalize_name(entry["name"]),
                Version(entry["version"]) if "version" in entry else None,
            ): WheelTexts(
                requires=tuple(valid_requirements(entry.get("requires-dist", ()))),
                requires_python=parse_bound(entry.get("requires-python")),
            )
            for entry in uv_table.get("dependency-metadata", ())
            if "name" in entry
        },
    )


def prove_selections(
    selections: Sequence[Selection],
    texts: Mapping[str, WheelTexts],
    required: Requirements,
    *,
    renewal: str = "",
) -> tuple[Selection, ...]:
    """Prove that the wheels of each target are all that it needs, and that they admit its Python.

    `texts` has what every wheel says of itself, by its file name. Returns the selections, each for
    those patch releases of its Python that all of its wheels admit. `renewal` says how the lock
    is renewed that the wheels are from, if they are from one. Raises VerificationError with every
    problem.
    """
    narrowed = narrow_selections(selections, texts, required)
    problems = find_problems(narrowed, texts, required)
    if problems:
        targets = {problem.target for problem in problems}
        lines = "\n".join(render_problems(problems, total=len(selections)))
        to_do = "\n".join(f"to do: {way}" for way in _ways(problems, renewal))
        raise VerificationError(
            f"{len(targets)} of {len(selections)} targets would not be complete; nothing was "
            f"written.\n\n{lines}\n\n{to_do}"
        )
    return narrowed


def _ways(problems: Sequence[Problem], renewal: str) -> list[str]:
    """Return the remedies for these kinds of problems."""
    ways = []
    if any(problem.kind != "python" for problem in problems):
        override = "if a version is meant, name it in override-dependencies of [tool.uv]"
        ways.append(f"{renewal}; {override}" if renewal else override)
    if any(problem.kind == "python" for problem in problems):
        ways.append(
            "allow a version that is for this Python, by 'constraints', or leave these targets out "
            "by 'exclude'; if what the package says is wrong, correct it in dependency-metadata of "
            "[tool.uv]"
        )
    return ways


def find_problems(
    selections: Sequence[Selection], texts: Mapping[str, WheelTexts], required: Requirements
) -> tuple[Problem, ...]:
    """Return every problem of these sets of wheels; none is the proof that they are complete.

    A wheel that `texts` lacks is taken to require nothing, as its own problem is known elsewhere.
    """
    texts = required.apply(_wheels(selections), texts)
    markers = {
        str(requirement.marker)
        for said in {id(said): said for said in texts.values()}.values()
        for requirement in said.requires
        if requirement.marker is not None
    }
    found: dict[Problem, None] = {}
    for selection in selections:
        served = _served_patches(selection, required.requires_python)
        found.update(dict.fromkeys(_incompatible_wheels(selection)))
        found.update(dict.fromkeys(_refusals(selection, served, texts, required)))
        for patch, group in _stages(selection, markers, served):
            walk = _Walk(selection.target, patch, group, texts, required)
            found.update(dict.fromkeys(walk.problems()))
    return tuple(found)


def list_requirements(
    selection: Selection, texts: Mapping[str, WheelTexts], required: Requirements
) -> dict[NormalizedName, list[tuple[str, Requirement]]]:
    """Return the requirements on each package of a target, with the name of what requires it.

    `texts` is that of `find_problems`; the words are "scipy 1.2", or "the executable".
    """
    texts = required.apply(selection.wheels, texts)
    found: dict[NormalizedName, list[tuple[str, Requirement]]] = defaultdict(list)
    for group in selection.sets:
        walk = _Walk(selection.target, group.from_patch, group, texts, required)
        for by, requirement in walk.steps():
            pair = by, requirement
            if pair not in found[canonicalize_name(requirement.name)]:
                found[canonicalize_name(requirement.name)].append(pair)
    return found


def narrow_selections(
    selections: Sequence[Selection], texts: Mapping[str, WheelTexts], required: Requirements
) -> tuple[Selection, ...]:
    """Return the selections for the patch releases that the program and its wheels allow.

    A wheel that allows none of a target's patch releases is ignored here, since patch releases are
    not its problem; if nothing would be left, the target keeps those that the program allows.
    """
    texts = required.apply(_wheels(selections), texts)
    narrowed = []
    for selection in selections:
        served = _served_patches(selection, required.requires_python)
        left = served
        for refused in _refused_patches(selection, served, texts).values():
            left = left if refused == served else left - refused
        spans = make_spans(left or served)
        pinned = selection.target.python.patch is not None
        narrowed.append(replace(selection, patches=spans) if spans and not pinned else selection)
    return tuple(narrowed)


def find_refused_by_python(
    selections: Sequence[Selection], texts: Mapping[str, WheelTexts], required: Requirements
) -> tuple[MissingWheel, ...]:
    """Return a missing wheel for each wheel that allows no Python of a target."""
    texts = required.apply(_wheels(selections), texts)
    missing_wheels = []
    for selection in selections:
        served = _served_patches(selection, required.requires_python)
        for wheel, refused in _refused_patches(selection, served, texts).items():
            if refused == served:
                bound = texts[wheel.filename].requires_python
                reason = f"{explain_refusal(bound, selection.target)}; {_HINT}"
                why = Incompatibility("python", reason)
                missing_wheels.append(missing_because(wheel, selection.target, why))
    return tuple(missing_wheels)


def _wheels(selections: Iterable[Selection]) -> Iterable[Wheel]:
    return itertools.chain.from_iterable(selection.wheels for selection in selections)


def _served_patches(selection: Selection, requires_python: SpecifierSet) -> frozenset[int]:
    """Return the patch releases of a target that the program allows."""
    python = selection.target.python
    admitted = admitted_patches(requires_python, python.version)
    if python.patch is not None:
        return admitted & {python.patch}
    return frozenset(patch for patch in admitted if in_spans(selection.patches, patch))


def _refused_patches(
    selection: Selection, served: frozenset[int], texts: Mapping[str, WheelTexts]
) -> dict[Wheel, frozenset[int]]:
    """Return the wheels that do not allow some of these patch releases of a target, with those."""
    version = selection.target.python.version
    found: dict[Wheel, frozenset[int]] = defaultdict(frozenset)
    for group, first, end in selection.runs():
        here = frozenset(patch for patch in served if first <= patch < end)
        for wheel in group.wheels:
            if wheel.filename in texts:
                bound = texts[wheel.filename].requires_python
                found[wheel] |= here - admitted_patches(bound, version)
    return {wheel: refused for wheel, refused in found.items() if refused}


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


def _stages(
    selection: Selection, markers: Iterable[str], served: Collection[int]
) -> Iterable[tuple[int, WheelSet]]:
    """Return a served patch release of each span in which no marker turns, and its set."""
    spans = list(marker_runs(markers, selection.target.python))
    for group, first, end in selection.runs():
        for begin, stop in spans:
            here = [patch for patch in served if max(first, begin) <= patch < min(end, stop)]
            if here:
                yield min(here), group


def _refusals(
    selection: Selection,
    served: frozenset[int],
    texts: Mapping[str, WheelTexts],
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
    for wheel, refused in _refused_patches(selection, served, texts).items():
        bound = str(texts[wheel.filename].requires_python)
        out = str(target.python)
        if refused != served:
            out = spell_spans(make_spans(refused), target.python.version)
        yield Problem(
            kind="python",
            name=wheel.name,
            target=target,
            reason=f"{wheel.version} requires Python {bound!r}, which leaves out {out}",
        )


def _incompatible_wheels(selection: Selection) -> Iterable[Problem]:
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
        texts: Mapping[str, WheelTexts],
        required: Requirements,
    ) -> None:
        self.target = target
        self.environment = lock_environment(target, patch)
        self.group = group
        self.texts = texts
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
                        queue += [(wanted, *step) for step in self.requirements_of(wheels[0])]

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

    def requirements_of(self, wheel: Wheel) -> Iterable[tuple[str, Requirement]]:
        said = self.texts.get(wheel.filename, WheelTexts())
        return ((f"{wheel.name} {wheel.version}", requirement) for requirement in said.requires)

    def problem(self, kind: ProblemKind, name: NormalizedName, reason: str) -> Problem:
        return Problem(kind=kind, name=name, target=self.target, reason=reason)
