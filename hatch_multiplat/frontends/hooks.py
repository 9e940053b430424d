"""Registers the plugin with hatchling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_multiplat.frontends.build_hook import MultiplatBuildHook
    from hatch_multiplat.frontends.builder import MultiplatBuilder


# The imports stay inside: hatchling loads every plugin for every build, also for those that
# have nothing to do with this one.
@hookimpl
def hatch_register_build_hook() -> type[MultiplatBuildHook]:
    from hatch_multiplat.frontends.build_hook import MultiplatBuildHook  # noqa: PLC0415

    return MultiplatBuildHook


@hookimpl
def hatch_register_builder() -> type[MultiplatBuilder]:
    from hatch_multiplat.frontends.builder import MultiplatBuilder  # noqa: PLC0415

    return MultiplatBuilder
