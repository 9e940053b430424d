"""Packages without any wheel: build each once, and use the wheel if it is for any platform."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import tomlkit

from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import find_uv, run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.base.urls import local_path, redact
from hatch_multiplat.index.fetch import Artifact, fetch_files
from hatch_multiplat.index.sources import uv_environment
from hatch_multiplat.targets.target import tag_ranks
from hatch_multiplat.wheels.incompatibility import explain_incompatibility
from hatch_multiplat.wheels.selection import parse_wheel, select_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import PurePath

    from packaging.pylock import Pylock
    from packaging.tags import Tag

    from hatch_multiplat.index.wheel_cache import CachedFile
    from hatch_multiplat.resolve.build_context import BuildContext
    from hatch_multiplat.resolve.question import Question
    from hatch_multiplat.wheels.selection import LockedSource, MissingWheel, Outcome, Wheel

# Any fixed moment does; zip files know none before 1980.
FIXED_EPOCH: Final = "315532800"

_OWN_PLATFORM: Final = {"darwin": "macosx", "win32": "win"}.get(sys.platform, sys.platform)


class NotUniversalError(Exception):
    """A source's wheel cannot be used; the message completes "sdist only, ..."."""


@dataclass(kw_only=True, slots=True)
class BuiltSdists:
    """Builds packages that are needed and can be built, and remembers those that cannot.

    `native` tells whether a package that lacks a wheel has wheels for its target's platform in
    other versions. `listed` gives the tags of the wheels that an index has beside the sdist: a lock
    that was solved for some platforms has no others, and then looks as if there were only an sdist.
    """

    question: Question
    context: BuildContext
    native: Callable[[MissingWheel], bool] = lambda _: False
    listed: Callable[[MissingWheel], Collection[Tag]] = lambda _: ()
    built: dict[str, Wheel] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def filenames(self) -> frozenset[str]:
        return frozenset(wheel.filename for wheel in self.built.values())

    def select(self, lock: Pylock, base: PurePath) -> Outcome:
        """Select from a lock for every target, building what it has as an sdist only."""
        outcome = self.select_ready(lock, base)
        known = self.built.keys() | self.refused.keys()
        new = [source for source in outcome.sources if source.key not in known]
        for source in new:
            missing_wheels = [one for one in outcome.missing_wheels if one.source == source]
            why = self._refuse(source, missing_wheels)
            if why is not None:
                self.refused[source.key] = why
        return self.select_ready(lock, base) if new else outcome

    def select_ready(self, lock: Pylock, base: PurePath) -> Outcome:
        """Select from a lock without building anything further."""
        question = self.question
        return select_all(
            lock, question.targets, base=base, built=self.built, rules=question.tag_constraints
        )

    def _refuse(self, source: LockedSource, missing_wheels: Sequence[MissingWheel]) -> str | None:
        """Build a package; where that is not to be, or fails, return why."""
        if not self.question.build_sdists:
            return 'and sdists = "never"'
        if why := self.context.policy.forbids(source.name):
            return f"and {why} forbids building it"
        if source.of_index and any(map(self.native, missing_wheels)):
            return "while other versions have wheels for this platform"
        if source.of_index and any(_is_native_here(self.listed(one)) for one in missing_wheels):
            return ""
        try:
            self.built[source.key] = build_universal_wheel(source, self.context)
        except NotUniversalError as error:
            what = f"{source.name} {source.version or ''}".rstrip()
            self.context.say(f"{what} is not used: it has no wheel, {error}")
            return str(error)
        return None

    def annotate(self, missing_wheel: MissingWheel) -> MissingWheel:
        """Add to a missing wheel the existing wheels, and why its sdist was not built."""
        source = missing_wheel.source
        if source is None:
            return missing_wheel
        tags = self.listed(missing_wheel) if source.of_index else ()
        if tags and tag_ranks(missing_wheel.target).keys().isdisjoint(tags):
            missing_wheel = replace(
                missing_wheel, **explain_incompatibility(tags, missing_wheel.target)._asdict()
            )
        why = self.refused.get(source.key)
        reason = f"{missing_wheel.reason}, {why}" if why else missing_wheel.reason
        return replace(missing_wheel, reason=reason)


def build_universal_wheel(source: LockedSource, context: BuildContext) -> Wheel:
    """Build the wheel of an sdist, a checkout or a project folder, and put it into the wheel cache.

    What its backend needs comes from the same indexes as everything else.
    An sdist or a commit is built once and its wheel found again. Raises NotUniversalError when the
    build fails or its wheel is for one platform only, FetchError when the sdist cannot be had.
    """
    if source.kind == "directory":
        # Resolved first: the way there may lead through the solver's folder, which is gone.
        folder = Path(url2pathname(urlsplit(source.url).path)).resolve()
        if not folder.is_dir():
            # As in the folder of an unpacked sdist, which has only what is in the project.
            raise NotUniversalError(f"and {folder} is not there, where it should be")
        context.say(f"Building {source.name} from its folder")
        return _build(_find_inside(folder, source.subdirectory), context)
    archive = None if source.kind == "vcs" else _fetch(source, context)
    kept = _place(source) if archive is None else f"{archive.sha256}#{source.subdirectory}"
    key = hashlib.sha256(kept.encode()).hexdigest()
    note = context.wheel_cache.root / "built" / key[:2] / key
    with contextlib.suppress(OSError, ValueError):
        sha256, _, filename = note.read_text(encoding="utf-8").partition(" ")
        found = context.wheel_cache.find_verified(filename, {"sha256": sha256})
        if found is not None:
            return _locked(found)
    with temporary_folder() as folder:
        if archive is None:
            context.say(f"Building {source.name} from {redact(source.url)}")
            tree = _check_out(source, folder / "checkout", context)
        else:
            what = f"{source.name} {source.version or ''}".rstrip()
            context.say(f"Building {what}, which has no wheel")
            tree = archive.path
            if source.subdirectory:
                tree = _unpack(tree, folder / "unpacked")
        if source.subdirectory:
            tree = _find_inside(tree, source.subdirectory)
        wheel = _build(tree, context)
    with contextlib.suppress(OSError):  # It is built again where the cache cannot be written.
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(note, f"{wheel.sha256} {wheel.filename}")
    return wheel


def _find_inside(tree: Path, subdirectory: str) -> Path:
    """Return a folder in a source tree; neither `..` nor a link may lead out of it."""
    found = (tree / subdirectory).resolve()
    if not found.is_dir() or not found.is_relative_to(tree.resolve()):
        raise NotUniversalError(f"and there is no {subdirectory} in it")
    return found


def _place(source: LockedSource) -> str:
    """Return the repository of a commit: a lock may name one of this machine by its path."""
    path = local_path(source.url)
    return source.key if path is None else replace(source, url=str(path.resolve())).key


def _fetch(source: LockedSource, context: BuildContext) -> CachedFile:
    artifact = Artifact(
        filename=source.filename, url=source.url, hashes=dict(source.hashes), size=source.size
    )
    return fetch_files(
        [artifact],
        wheel_cache=context.wheel_cache,
        client=context.client,
        offline=context.offline,
        progress=context.progress,
    )[artifact.key]


def _check_out(source: LockedSource, folder: Path, context: BuildContext) -> Path:
    """Check out one commit of a repository by git, as uv does."""
    if source.vcs_type != "git":
        raise NotUniversalError(f"and a checkout by {source.vcs_type} is not built here")
    if context.offline and urlsplit(source.url).scheme != "file":
        raise NotUniversalError("and it cannot be checked out offline")
    folder.mkdir()
    never = {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": None, "GIT_WORK_TREE": None}
    environ = {**context.environ, **never}

    def run(*words: str) -> None:
        run_tool("git", ["git", *words], cwd=folder, environ=environ)

    try:
        run("init", "--quiet")
        try:
            run("fetch", "--quiet", "--depth=1", "--", source.url, source.commit_id)
        except ToolError:  # Not every server hands out a commit by itself.
            run("fetch", "--quiet", "--tags", "--", source.url, "+refs/heads/*:refs/remotes/o/*")
        run("-c", "advice.detachedHead=false", "checkout", "--quiet", source.commit_id)
        run("submodule", "--quiet", "update", "--init", "--recursive")
    except ToolError as error:
        last = str(error).splitlines()[-1].strip()
        raise NotUniversalError(f"and git could not check it out: {last}") from error
    return folder


def _unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive; returns its only folder, or the folder that it was unpacked to."""
    folder.mkdir()
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        else:
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(folder)  # noqa: S202 - it takes no name out of the folder
    except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise NotUniversalError(f"and it cannot be unpacked: {error}") from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _build(tree: Path, context: BuildContext) -> Wheel:
    with temporary_folder() as folder:
        settings = folder / "uv.toml"
        settings.write_text(tomlkit.dumps(context.sources.uv_settings()), encoding="utf-8")
        try:
            run_tool(
                "uv",
                [
                    find_uv(),
                    *("build", *wheel_flags(tree), "--no-create-gitignore"),
                    *("--python", sys.executable),
                    *("--out-dir", folder / "out"),
                    *(["--offline"] if context.offline else []),
                    tree,
                ],
                cwd=folder,
                environ={
                    **uv_environment(context.sources, context.environ),
                    "UV_CONFIG_FILE": str(settings),
                    "SOURCE_DATE_EPOCH": FIXED_EPOCH,
                },
            )
        except ToolError as error:
            raise NotUniversalError(f"and building it failed: {_last_words(error)}") from error
        wheels = sorted((folder / "out").glob("*.whl"))
        if len(wheels) != 1:
            raise NotUniversalError(f"and building it gave {len(wheels)} wheels")
        wheel = parse_wheel(wheels[0].name, wheels[0].as_uri(), {})
        if any(tag.platform != "any" for tag in wheel.tags):
            platforms = sorted({tag.platform for tag in wheel.tags})
            raise NotUniversalError(
                f"and what it builds is for one platform only ({', '.join(platforms)})"
            )
        return _locked(context.wheel_cache.add(wheels[0]))


def wheel_flags(tree: Path) -> tuple[str, ...]:
    """Return the flags of `uv build` for the wheel of a project's folder, or of an sdist.

    setuptools keeps what it once built in the project's `build` folder, and puts it into the next
    wheel, modules that are gone too. Without a flag uv builds the sdist first and the wheel from
    that, which has no such folder.
    """
    if not tree.is_dir():
        return ("--wheel",)
    try:
        system = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["build-system"]
        backend = str(system["build-backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # Without a word about the backend it is setuptools.
    return () if backend.startswith("setuptools") else ("--wheel",)


def _last_words(error: ToolError) -> str:
    """Return the last line of the build backend, which comes before uv's own lines.

    If the backend was never started, for instance because its requirements cannot be found, return
    the last cause that uv gives.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ends = [index for index, line in enumerate(lines) if line.startswith("error:")]
    if not ends:
        return lines[-1]
    before = lines[ends[0] - 1] if ends[0] else lines[0].removeprefix("error:").strip()
    causes = [line for line in lines if line.startswith("cause:")]
    if before.startswith("Building ") and causes:
        return causes[-1].removeprefix("cause:").strip()
    return before


def _locked(file: CachedFile) -> Wheel:
    """Describe a wheel that lies in the wheel cache."""
    path = file.path
    return parse_wheel(path.name, path.as_uri(), {"sha256": file.sha256}, path.stat().st_size)


def _is_native_here(tags: Collection[Tag]) -> bool:
    """Tell whether these wheels are native ones for this machine's system too, as a built one is.

    The system counts and not the machine's architecture: whoever compiles for one does for all.
    """
    return any(_OWN_PLATFORM in tag.platform for tag in tags) and all(
        tag.platform != "any" for tag in tags
    )
