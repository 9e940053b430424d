"""The folder and the names of the files that a build writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.config.formats import exe_platforms, scie_targets
from hatch_multiplat.index.local_files import is_unpacked_sdist

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from hatch_multiplat.config.config import Config
    from hatch_multiplat.targets.platforms import Platform
    from hatch_multiplat.targets.target import Target

PEX: Final = ".pex"
PYZ: Final = ".pyz"
SBOM_SUFFIX: Final = ".cdx.json"
WHEELHOUSE: Final = "-wheelhouse"


def stem_of(output: str) -> str:
    """Return the common prefix of all outputs, from the name of the executable."""
    return output.removesuffix(PEX).removesuffix(PYZ)


def pyz_name(output: str, formats: Collection[str]) -> str:
    """Return the name of the file without wheels: the executable's own where there is no PEX."""
    has_own = "pex" not in formats and not output.endswith(PEX)
    return output if has_own else stem_of(output) + PYZ


def exe_names(stem: str, targets: Iterable[Target]) -> dict[Platform, str]:
    """Return the names of the programs for Windows, by platform."""
    platforms = exe_platforms(targets)
    labels = [f"-{platform}" if len(platforms) > 1 else "" for platform in platforms]
    return {
        platform: f"{stem}{label}.exe" for platform, label in zip(platforms, labels, strict=True)
    }


def output_names(output: str, config: Config) -> Iterator[str]:
    """Yield the name of each file and folder that a build of a table may write."""
    stem = stem_of(output)
    files = []
    if "pex" in config.formats:
        files.append(output)
    if "pyz" in config.formats:
        files.append(pyz_name(output, config.formats))
    if "exe" in config.formats:
        files += exe_names(stem, config.targets).values()
    yield from files
    yield from (name + SBOM_SUFFIX for name in files)
    if "wheelhouse" in config.formats:
        yield stem + WHEELHOUSE
    for target in config.targets:
        if "wheelhouse-zip" in config.formats:
            yield f"{stem}{WHEELHOUSE}-{target}.zip"
        if "zip" in config.formats:
            yield f"{stem}-{target}.zip"
    if "scie" in config.formats:
        for platform in scie_targets(config.targets, config.scie):
            yield f"{stem}-{platform}{'.exe' if platform.startswith('windows') else ''}"


def choose_folder(
    output_dir: str | None,
    *,
    project_dir: Path,
    default: Path,
    copied: bool,
    environ: Mapping[str, str],
    say: Callable[[str], object],
) -> Path:
    """Return the folder for the executable: the table's `output_dir`, else `default`, the wheel's.

    With `copied`, `project_dir` may be what a build frontend has unpacked the sdist to, which it
    takes away after the build. A relative path then starts from the project itself; where that
    cannot be found, the executable goes beside the wheel, and `say` is told so.
    """
    if output_dir is None:
        return default
    if not copied or Path(output_dir).is_absolute() or not is_unpacked_sdist(project_dir):
        return project_dir / output_dir
    original = find_original(project_dir, near=[default, *_shell_folder(environ)])
    if original is not None:
        return original / output_dir
    say(
        f"output-dir {output_dir!r} is relative, and the project cannot be found from its "
        f"unpacked sdist: the executable goes beside the wheel, to {default}"
    )
    return default


def find_original(copy: Path, *, near: list[Path]) -> Path | None:
    """Return the project whose unpacked sdist a folder is; None if it is not found.

    It is the nearest folder at or above one of those in `near` with the same pyproject.toml. An
    sdist that somebody has unpacked to work in may be its own.
    """
    wanted = _read(copy)
    for start in near:
        folder = start.resolve()
        for candidate in (folder, *folder.parents):
            if wanted is not None and _read(candidate) == wanted:
                return candidate
    return None


def _read(folder: Path) -> bytes | None:
    try:
        return (folder / "pyproject.toml").read_bytes()
    except OSError:
        return None


def _shell_folder(environ: Mapping[str, str]) -> list[Path]:
    """Return the shell's current folder: with `python -m build -o FOLDER`, mostly the project.

    The hook itself is run in the unpacked sdist, but this variable is not changed for that.
    """
    folder = environ.get("PWD")
    return [Path(folder)] if folder else []
