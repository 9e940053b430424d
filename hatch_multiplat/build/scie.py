"""Programs that bring their own Python: pex's scies, one for each platform."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from hatch_multiplat.base.errors import ConfigError, FetchError, ToolError
from hatch_multiplat.base.temporary import BESIDE, temporary_folder
from hatch_multiplat.config.formats import scie_targets
from hatch_multiplat.executable.pex import own_pex_root, run_pex
from hatch_multiplat.executable.writer import write_executable
from hatch_multiplat.inspection.parts import restrict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.config.formats import ScieOptions
    from hatch_multiplat.executable.pex import PexHome
    from hatch_multiplat.executable.writer import BuildInputs
    from hatch_multiplat.targets.target import Target

SCIENCE: Final = "HATCH_MULTIPLAT_SCIENCE"
ASSETS_URL: Final = "HATCH_MULTIPLAT_SCIE_ASSETS_URL"

# How pex, science and what they load with say that the network, or what is there, is in the way.
_NETWORK: Final = re.compile(
    r"urlopen|connect|timed? ?out|resol(?:ve|ution)|name or service|getaddrinfo|no route|network"
    r"|certificate|\bssl|\btls\b|proxy|http error|status code|\b(?:403|404|407|429|50[0-4])\b",
    re.IGNORECASE,
)
_HELP: Final = f"""\
pex has scies put together by the program `science`, which it loads from GitHub, and which loads
a Python for each platform from there. Where this machine cannot reach it:
  name `science`, got another way, in tool.multiplat.scie.science or {SCIENCE}
  (a path or URL), and a mirror made by `science download` in tool.multiplat.scie.assets-url
  or {ASSETS_URL}"""


def write_scies(
    inputs: BuildInputs, folder: Path, *, stem: str, home: PexHome, options: ScieOptions
) -> list[tuple[str, Path]]:
    """Write a program for each platform into `folder`; returns the targets' names with the paths.

    Each holds an executable for one target, that of the newest Python, and that Python itself or
    where to get it. Raises ToolError, with what to do about it where the network is in the way, and
    ConfigError for a path that leads nowhere.
    """
    check_places(options, in_table=inputs.config.scie)
    made: list[tuple[str, Path]] = []
    targets = [selection.target for selection in inputs.selections]
    for platform, target in scie_targets(targets, options).items():
        with (
            temporary_folder(folder, prefix=BESIDE) as own,
            own_pex_root(home.root) as root,
        ):
            pex = write_executable(
                restrict(inputs, {target}),
                own / "built" / f"{stem}.pex",
                home=home,
                layout="zipapp",
            )
            words = scie_arguments(options, platform=platform, target=target)
            try:
                run_pex(
                    ["scie", "create", *words, pex],
                    module="pex.cli",
                    folder=own,
                    home=replace(home, root=root),
                )
            except ToolError as error:
                what = f"the scie for {platform} with CPython {_python(target)}"
                raise ToolError(f"cannot make {what}: {error}{_help_for(error)}") from error
            made += [
                (str(target), path.replace(folder / path.name))
                for path in sorted((own / "built").iterdir())
            ]
    return made


def settle_options(
    options: ScieOptions, *, environ: Mapping[str, str], project_dir: Path, offline: bool
) -> ScieOptions:
    """Return the options, overridden by the environment's variables.

    A path in the table starts from the project. Raises FetchError if offline work is asked for and
    something would be loaded.
    """
    science, assets_url = options.science, environ.get(ASSETS_URL) or options.assets_url
    if science and not is_url(science):
        science = str(project_dir.resolve() / Path(science).expanduser())
    named = environ.get(SCIENCE)
    if named:
        science = named if is_url(named) else str(Path(named).expanduser().resolve())
    if offline and (is_remote(science) or is_remote(assets_url)):
        raise FetchError(f"a scie cannot be made offline from what is elsewhere.\n{_HELP}")
    return replace(options, science=science, assets_url=assets_url)


def check_places(options: ScieOptions, *, in_table: ScieOptions) -> None:
    """Raise ConfigError for each path of a file or folder that does not exist.

    `in_table` are the options before the environment's variables replaced them.
    """
    key = "tool.multiplat.scie"
    places = (
        (f"{key}.science", SCIENCE, in_table.science, options.science),
        (f"{key}.assets-url", ASSETS_URL, in_table.assets_url, options.assets_url),
    )
    problems = []
    for dotted, variable, written, place in places:
        path = None if place is None or is_remote(place) else _local_path(place)
        if path is None or path.exists():
            continue
        of_table = written is not None and str(place).endswith(str(Path(written).expanduser()))
        where = dotted if of_table or place == written else variable
        problems.append(f"{where}: there is no {path}; correct the path, or take it out")
    if problems:
        raise ConfigError(problems)


def _local_path(place: str) -> Path:
    if place.startswith("file:"):
        return Path(url2pathname(urlsplit(place).path))
    return Path(place)


def _help_for(error: ToolError) -> str:
    """Return the ways around a blocked network, if pex failed because of one."""
    said = "\n".join(line for line in str(error).splitlines() if not line.startswith("  ran:"))
    return f"\n{_HELP}" if _NETWORK.search(said) else ""


def is_url(text: str) -> bool:
    return "://" in text


def is_remote(place: str | None) -> bool:
    """Tell whether pex or science would use the network."""
    return place is None or (is_url(place) and not place.startswith("file://"))


def scie_arguments(options: ScieOptions, *, platform: str, target: Target) -> list[str]:
    """Return pex's flags for one scie, with the platform at the end of its name."""
    return [
        *("--style", options.style, "--scie-only", "--scie-platform", platform),
        *("--scie-name-style", "platform-file-suffix", "--scie-python-version", _python(target)),
        *(["--scie-science-binary", options.science] if options.science else []),
        *(["--scie-assets-base-url", options.assets_url] if options.assets_url else []),
        *options.args,
    ]


def _python(target: Target) -> str:
    python = target.python
    patch = () if python.patch is None else (python.patch,)
    return ".".join(map(str, (*python.version, *patch)))
