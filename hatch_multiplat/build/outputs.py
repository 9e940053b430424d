"""Everything that a build makes, in the forms that `formats` asks for."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.errors import ExecutableError, WriteError
from hatch_multiplat.base.temporary import BESIDE, temporary_folder
from hatch_multiplat.build.bundles import (
    is_wheelhouses,
    named_selections,
    size_warnings,
    write_installed_zip,
    write_wheelhouse_zip,
    write_wheelhouses,
)
from hatch_multiplat.build.output_paths import PEX, PYZ, WHEELHOUSE, exe_names, pyz_name, stem_of
from hatch_multiplat.build.report import Output
from hatch_multiplat.build.scie import write_scies
from hatch_multiplat.executable.executable import INFO
from hatch_multiplat.executable.writer import write_executable, write_pyz, write_windows_exe
from hatch_multiplat.inspection.parts import restrict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_multiplat.config.formats import ScieOptions
    from hatch_multiplat.executable.pex import PexHome
    from hatch_multiplat.executable.writer import BuildInputs

    # The outputs of one format: the name of the target that each is for, or "", and its path.
    Made = Iterator[tuple[str, Path]]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputContext:
    """Where outputs are made: a temporary folder, and what the makers need besides the inputs.

    `name` is that of the executable. Below `cache` is kept what takes long. `say` hears a warning
    at a time.
    """

    folder: Path
    name: str
    cache: Path
    home: PexHome
    scie: ScieOptions
    say: Callable[[str], object]

    @property
    def stem(self) -> str:
        """The common prefix of the names of all other outputs."""
        return stem_of(self.name)


def write_outputs(
    inputs: BuildInputs,
    output: Path,
    *,
    cache: Path,
    home: PexHome,
    scie: ScieOptions,
    say: Callable[[str], object],
) -> tuple[Output, ...]:
    """Make every output in a temporary folder, and only then rename all of them into place.

    `output` is the executable's path; the other outputs lie beside it and are named after it.
    `scie` are the options of scies as `scie.settle_options` gives them.
    Returns them in the order of `formats.FORMATS`. Raises a MultiplatError; then the folder is as
    it was.
    """
    with _translated(output), _temporary_folder(output.parent) as folder:
        context = OutputContext(
            folder=folder / "made", name=output.name, cache=cache, home=home, scie=scie, say=say
        )
        context.folder.mkdir()
        made = [
            Output(format=name, path=str(path), size=size_of(path), target=target)
            for name in inputs.config.formats
            for target, path in _MAKERS[name](inputs, context)
        ]
        return _publish(made, output.parent, gone=folder / "gone")


def _make_pex(inputs: BuildInputs, context: OutputContext) -> Made:
    path = context.folder / context.name
    yield "", write_executable(inputs, path, home=context.home)


def _make_pyz(inputs: BuildInputs, context: OutputContext) -> Made:
    path = context.folder / pyz_name(context.name, inputs.config.formats)
    yield "", _write_pyz(inputs, path, context)


def _write_pyz(inputs: BuildInputs, path: Path, context: OutputContext) -> Path:
    with temporary_folder(context.folder.parent) as folder:
        return write_pyz(inputs, path, cache=context.cache, folder=folder, say=context.say)


def _make_wheelhouse(inputs: BuildInputs, context: OutputContext) -> Made:
    yield "", write_wheelhouses(inputs, context.folder / f"{context.stem}{WHEELHOUSE}")


def _make_wheelhouse_zip(inputs: BuildInputs, context: OutputContext) -> Made:
    for selection in named_selections(inputs, inputs.config.wheelhouse.targets):
        path = context.folder / f"{context.stem}{WHEELHOUSE}-{selection.target}.zip"
        yield str(selection.target), write_wheelhouse_zip(inputs, selection, path)


def _make_zip(inputs: BuildInputs, context: OutputContext) -> Made:
    for selection in named_selections(inputs, inputs.config.zip.targets):
        path = context.folder / f"{context.stem}-{selection.target}.zip"
        yield str(selection.target), write_installed_zip(inputs, selection, path)
        for warning in size_warnings(path):
            context.say(warning)


def _make_exe(inputs: BuildInputs, context: OutputContext) -> Made:
    """Write programs for Windows, which hold only the Windows targets.

    The archive behind their launcher is one without wheels if that is asked for.
    """
    names = exe_names(context.stem, (selection.target for selection in inputs.selections))
    targets = {item.target for item in inputs.selections if item.target.platform in names}
    inputs = restrict(inputs, targets)
    if "pyz" in inputs.config.formats:
        archive = context.folder.parent / f"{context.stem}{PYZ}"
        _write_pyz(inputs, archive, context)
    else:
        archive = context.folder.parent / f"{context.stem}{PEX}"
        write_executable(inputs, archive, home=context.home, layout="zipapp")
    for platform, name in names.items():
        path = context.folder / name
        options = inputs.config.exe
        yield "", write_windows_exe(archive, path, platform=platform, options=options)


def _make_scie(inputs: BuildInputs, context: OutputContext) -> Made:
    yield from write_scies(
        inputs, context.folder, stem=context.stem, home=context.home, options=context.scie
    )


_MAKERS: Final[dict[str, Callable[[BuildInputs, OutputContext], Made]]] = {
    "pex": _make_pex,
    "pyz": _make_pyz,
    "wheelhouse": _make_wheelhouse,
    "wheelhouse-zip": _make_wheelhouse_zip,
    "zip": _make_zip,
    "exe": _make_exe,
    "scie": _make_scie,
}


def _publish(made: list[Output], folder: Path, *, gone: Path) -> tuple[Output, ...]:
    """Rename what was made into place; a folder takes the place of one of its own kind only.

    Existing files are kept in `gone`, and restored if a rename fails.
    """
    gone.mkdir()
    moves = [
        (Path(item.path), folder / Path(item.path).name, gone / str(number))
        for number, item in enumerate(made)
    ]
    for item, (_, place, _) in zip(made, moves, strict=True):
        _check_place(item.format, place)
    try:
        for made_at, place, kept in moves:
            _keep(place, kept, is_folder=made_at.is_dir())
            made_at.replace(place)
    except OSError:
        for made_at, place, kept in reversed(moves):
            with suppress(OSError):
                _put_back(made_at, place, kept)
        raise
    return tuple(
        replace(item, path=str(place)) for item, (_, place, _) in zip(made, moves, strict=True)
    )


def _keep(place: Path, kept: Path, *, is_folder: bool) -> None:
    """Move an existing path to another name; a file stays until another replaces it."""
    if not os.path.lexists(place):
        return
    if place.is_dir() or is_folder:
        place.rename(kept)
        return
    try:
        os.link(place, kept)
    except OSError:
        place.rename(kept)


def _put_back(made_at: Path, place: Path, kept: Path) -> None:
    if not os.path.lexists(made_at):
        place.rename(made_at)
    if os.path.lexists(kept):
        kept.replace(place)


def _check_place(form: str, place: Path) -> None:
    if not place.is_dir() or not any(place.iterdir()):
        return
    ours = is_wheelhouses(place) if form == "wheelhouse" else (place / INFO).is_file()
    if not ours:
        raise ExecutableError(
            f"{place} is a folder that no build of this kind has made; "
            "move it away, or name another in 'output' or 'output-dir'"
        )


def size_of(path: Path) -> int:
    """Return the size in bytes of a file or folder; a file with several names counts once."""
    if path.is_file():
        return path.stat().st_size
    found = {}
    for file in path.rglob("*"):
        status = file.stat()
        if file.is_file():
            found[status.st_dev, status.st_ino, str(file) if not status.st_ino else ""] = status
    return sum(status.st_size for status in found.values())


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Make a temporary folder in `folder`; where the build fails, folders made for it go too."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder, prefix=BESIDE) as temporary:
            yield temporary
    except BaseException:
        with suppress(OSError):  # One that is not empty stays, and all above it.
            for path in made:
                path.rmdir()
        raise


@contextmanager
def _translated(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError.of(output, error, instead="'output-dir'") from error
