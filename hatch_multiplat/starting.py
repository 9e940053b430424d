"""What an executable starts: the table's word for it, or the script that a user would expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from hatch_multiplat.config import Config, Run
from hatch_multiplat.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def choose_run(
    config: Config, *, name: str, own_scripts: Collection[str], all_scripts: Callable[[], set[str]]
) -> Run:
    """Choose what the executable starts, and check that every script that is named is there.

    Without a word in the table it is the script named like the project, else the only one, else
    an interpreter. `own_scripts` are the project's, `all_scripts` those of all its wheels. Raises
    ConfigError for scripts that no wheel has.
    """
    _check_scripts(config, own_scripts=own_scripts, all_scripts=all_scripts)
    if config.run is not None:
        return config.run
    named = {canonicalize_name(script): script for script in own_scripts}
    own = named.get(canonicalize_name(name))
    if own is None and len(own_scripts) == 1:
        own = next(iter(own_scripts))
    return Run(kind="script", value=own) if own else Run(kind="interpreter")


def _check_scripts(
    config: Config, *, own_scripts: Collection[str], all_scripts: Callable[[], set[str]]
) -> None:
    wanted = [("script", config.run)] if config.run else []
    wanted += [(f"executables.{name}.script", item.run) for name, item in config.executables]
    missing = [
        (key, run.value)
        for key, run in wanted
        if run.kind == "script" and run.value not in own_scripts
    ]
    if not missing:
        return
    known = all_scripts() | set(own_scripts)
    listed = ", ".join(sorted(known)) or "none"
    problems = [
        f"tool.multiplat.{key}: no wheel has a console script {value!r}; there are: {listed}"
        for key, value in missing
        if value not in known
    ]
    if problems:
        raise ConfigError(problems)
