"""A package without any wheel, built here once, if what comes out is platform-independent."""

from __future__ import annotations

import contextlib
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import tomlkit
import uv

from hatch_multiplat.base.errors import ToolError
from hatch_multiplat.base.process import run_tool
from hatch_multiplat.base.temporary import temporary_folder
from hatch_multiplat.index.fetch import Artifact, fetch_files
from hatch_multiplat.index.http_client import certificate_variables
from hatch_multiplat.index.sources import uv_environment
from hatch_multiplat.index.user_settings import UNHEARD
from hatch_multiplat.wheels.selection import parse_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_multiplat.index.http_client import HttpClient
    from hatch_multiplat.index.progress import ProgressSink
    from hatch_multiplat.index.sources import Sources
    from hatch_multiplat.index.wheel_cache import WheelCache
    from hatch_multiplat.wheels.selection import LockedSource, Wheel

# Any fixed moment does; zip files know none before 1980.
FIXED_EPOCH: Final = "315532800"


class NotUniversalError(Exception):
    """What a source builds is no use here; the message completes "sdist only, ..."."""


def build_universal_wheel(
    source: LockedSource,
    *,
    sources: Sources,
    wheel_cache: WheelCache,
    client: HttpClient,
    offline: bool,
    progress: ProgressSink,
    say: Callable[[str], object],
) -> Wheel:
    """Build the wheel of an sdist or a project folder, and put it into the store.

    What its backend needs comes from the same indexes as everything else.
    An sdist is built once and its wheel found again. Raises NotUniversalError when the build fails
    or its wheel is for one platform only, FetchError when the sdist cannot be had.
    """
    if source.kind == "vcs":
        raise NotUniversalError("and a checkout from version control is not built here")
    if source.kind == "directory":
        # Resolved first: the way there may lead through the solver's folder, which is gone.
        folder = Path(url2pathname(urlsplit(source.url).path)).resolve()
        if not folder.is_dir():
            # As in the folder of an unpacked sdist, which has only what is in the project.
            raise NotUniversalError(f"and {folder} is not there, where it should be")
        say(f"Building {source.name} from its folder")
        return _build(folder, sources=sources, wheel_cache=wheel_cache, offline=offline)
    artifact = Artifact(
        filename=source.filename, url=source.url, hashes=dict(source.hashes), size=source.size
    )
    sdist = fetch_files(
        [artifact], wheel_cache=wheel_cache, client=client, offline=offline, progress=progress
    )[artifact.key]
    note = sdist.with_name(f"{sdist.name}.built")
    with contextlib.suppress(OSError, ValueError):
        sha256, _, filename = note.read_text(encoding="utf-8").partition(" ")
        found = wheel_cache.find_verified(filename, {"sha256": sha256})
        if found is not None:
            return _locked(found)
    say(f"Building {source.name} {source.version or ''}".rstrip() + ", which has no wheel")
    wheel = _build(sdist, sources=sources, wheel_cache=wheel_cache, offline=offline)
    aside = note.with_name(f"{note.name}.{os.getpid()}")
    aside.write_text(f"{wheel.sha256} {wheel.filename}", encoding="utf-8")
    aside.replace(note)
    return wheel


def _build(tree: Path, *, sources: Sources, wheel_cache: WheelCache, offline: bool) -> Wheel:
    with temporary_folder() as folder:
        settings = folder / "uv.toml"
        settings.write_text(tomlkit.dumps(sources.uv_settings()), encoding="utf-8")
        try:
            run_tool(
                "uv",
                [
                    uv.find_uv_bin(),
                    *("build", *wheel_flags(tree), "--no-create-gitignore"),
                    *("--python", sys.executable),
                    *("--out-dir", folder / "out"),
                    *(["--offline"] if offline else []),
                    tree,
                ],
                cwd=folder,
                environ={
                    **UNHEARD,
                    **uv_environment(sources),
                    **certificate_variables(os.environ),
                    "UV_CONFIG_FILE": str(settings),
                    "UV_PYTHON_DOWNLOADS": "never",
                    "SOURCE_DATE_EPOCH": FIXED_EPOCH,
                    "NO_COLOR": "1",
                    "HATCH_MULTIPLAT": "0",
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
        return _locked(wheel_cache.add(wheels[0]))


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

    Where it never began, as when what it needs cannot be had, the cause that uv gives last.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ends = [index for index, line in enumerate(lines) if line.startswith("error:")]
    if not ends:
        return lines[-1]
    before = lines[ends[0] - 1]
    causes = [line for line in lines if line.startswith("cause:")]
    if before.startswith("Building ") and causes:
        return causes[-1].removeprefix("cause:").strip()
    return before


def _locked(path: Path) -> Wheel:
    """Describe a wheel that lies in the store, whose folder is named by its SHA-256."""
    return parse_wheel(path.name, path.as_uri(), {"sha256": path.parent.name}, path.stat().st_size)
