"""Programs that bring their own Python: pex's scies, one for each platform."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.errors import ToolError
from hatch_multiplat.formats import scie_targets
from hatch_multiplat.parts import cut_table
from hatch_multiplat.pex_file import Parts, run_pex
from hatch_multiplat.pex_root import own_pex_root
from hatch_multiplat.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.formats import ScieOptions
    from hatch_multiplat.target import Target

SCIENCE: Final = "HATCH_MULTIPLAT_SCIENCE"
ASSETS_URL: Final = "HATCH_MULTIPLAT_SCIE_ASSETS_URL"

_HELP: Final = f"""\
scies are put together by the program `science`, of which pex loads a release from GitHub; that in \
turn loads a Python for each platform. If this machine cannot reach it, get `science` another way \
and name it in tool.multiplat.scie.science or {SCIENCE} (a path or URL), and a mirror made by \
`science download` in tool.multiplat.scie.assets-url or {ASSETS_URL}."""


def write_scies(
    parts: Parts, folder: Path, *, stem: str, pex_root: Path, environ: Mapping[str, str]
) -> list[tuple[str, Path]]:
    """Write a program for each platform into `folder`; returns the targets' names with the paths.

    Each holds the wheels of one target, that of the newest Python, and that Python itself or where
    to get it. Raises ToolError, with what to do about it where the network is in the way.
    """
    options = with_environment(parts.config.options.scie, environ)
    made = []
    targets = [selection.target for selection in parts.selections]
    for platform, target in scie_targets(targets, options).items():
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".scie-") as name,
            own_pex_root(pex_root) as root,
        ):
            aside = Path(name).resolve()
            try:
                run_pex(
                    only(parts, target),
                    aside,
                    output=aside / "built" / f"{stem}.pex",
                    pex_root=root,
                    more=scie_arguments(options, platform=platform, target=target),
                )
            except ToolError as error:
                raise ToolError(f"{error}\n{_HELP}") from error
            made += [
                (str(target), path.rename(folder / path.name))
                for path in sorted((aside / "built").iterdir())
            ]
    return made


def with_environment(options: ScieOptions, environ: Mapping[str, str]) -> ScieOptions:
    """Return the options with what the environment's variables say in their place."""
    return replace(
        options,
        science=environ.get(SCIENCE) or options.science,
        assets_url=environ.get(ASSETS_URL) or options.assets_url,
    )


def scie_arguments(options: ScieOptions, *, platform: str, target: Target) -> list[str]:
    """Return pex's flags for one scie, whose name ends with its platform."""
    return [
        *("--scie", options.style, "--scie-only", "--scie-platform", platform),
        *("--scie-name-style", "platform-file-suffix", "--scie-python-version", _python(target)),
        *(["--scie-science-binary", options.science] if options.science else []),
        *(["--scie-assets-base-url", options.assets_url] if options.assets_url else []),
        *options.args,
    ]


def only(parts: Parts, target: Target) -> Parts:
    """Return the parts of one target, with what the newest patch releases of its Python take."""
    (selection,) = (item for item in parts.selections if item.target == target)
    last = selection.sets[-1]
    return replace(
        parts,
        selections=(Selection(target=target, sets=(last,)),),
        paths={wheel.filename: parts.paths[wheel.filename] for wheel in last.wheels},
        table=cut_table(parts.table, {str(target)}),
        config=replace(parts.config, layout="zipapp"),
    )


def _python(target: Target) -> str:
    python = target.python
    return ".".join(map(str, python.version)) + (f".{python.patch}" if python.patch else "")
