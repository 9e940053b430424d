"""A project folder made to measure, and its build through the real pipeline."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomlkit

from hatch_multiplat.build.pipeline import Request, build_executable, prepare
from hatch_multiplat.index.progress import Progress
from hatch_multiplat.resolve.build_context import Invocation
from hatch_multiplat.resolve.project import open_project
from tests.support.caches import make_cache
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hatch_multiplat.build.report import Report


@dataclass(kw_only=True)
class ProjectFolder:
    """A project with a `[tool.multiplat]`, and its wheel, which hatchling need not build.

    `said` collects what the builds said on the way.
    """

    root: Path
    wheel: Path
    environ: dict[str, str]
    said: list[str] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=dict)

    @property
    def dist(self) -> Path:
        return self.root / "dist"

    def write(self, table: Mapping[str, Any], **tables: Any) -> None:
        """Write `pyproject.toml` anew: `[tool.multiplat]`, and further tables by their name."""
        self.table = dict(table)
        project = {"name": "demo", "version": "1.0"} | tables.pop("project", {})
        tool = tables.pop("tool", {})
        document = {"project": project, **tables, "tool": {"multiplat": dict(table), **tool}}
        (self.root / "pyproject.toml").write_text(tomlkit.dumps(document), "utf-8")

    def build(self, **environ: str) -> Report:
        request = Request(project=open_project(self.root), default_dir=self.dist)
        variables = {**os.environ, **self.environ, **environ}
        invocation = Invocation(progress=Progress(), say=self.said.append, environ=variables)
        return build_executable(prepare(request, invocation), self.wheel)


def make_project(
    folder: Path,
    *,
    index_url: str,
    requires: Sequence[str] = (),
    table: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    **wheel: Any,
) -> ProjectFolder:
    """Make a project `demo` whose wheel requires this, whose packages come from one index."""
    root = folder / "demo"
    root.mkdir(parents=True, exist_ok=True)
    options = {
        "scripts": {"demo": "demo:main"},
        "files": {"demo.py": "def main():\n    print('demo ran')\n"},
    } | wheel
    project = ProjectFolder(
        root=root,
        wheel=make_wheel(folder / "wheel", "demo", "1.0", requires=requires, **options),
        environ={"HATCH_MULTIPLAT_CACHE": make_cache(folder / "cache")} | dict(environ or {}),
    )
    project.write({"index-url": index_url, **table})
    return project
