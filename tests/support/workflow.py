"""Steps of a GitHub action or workflow as a runner takes them: expressions filled in, then bash.

Only what our own files use is known: `${{ inputs.NAME }}`, `${{ steps.ID.outputs.NAME }}` and other
dotted names. An expression that nothing answers is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from tests.support.commands import run_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
_OUTPUT = re.compile(
    r"^(?P<name>[\w-]+)(?:=(?P<line>.*)|<<(?P<end>\S+)\n(?P<lines>(?:.*\n)*?)(?P=end))$",
    re.MULTILINE,
)


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


@dataclass(kw_only=True, slots=True)
class Runner:
    """A machine that takes steps: `values` are what expressions stand for, by their dotted name."""

    folder: Path
    cwd: Path
    environ: Mapping[str, str]
    values: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What the steps have put into the job's summary."""
        return (self.folder / "summary").read_text("utf-8")

    def fill(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self.values[match[1]], text)

    def run(self, steps: Sequence[Mapping[str, Any]], *, code: int = 0) -> str:
        """Take the `run:` steps until one fails; the last has to end with `code`.

        Returns what they printed. Outputs are kept for later expressions.
        """
        printed, ended = "", 0
        for step in steps:
            if "run" not in step or ended:
                continue
            output = self.folder / "output"
            output.write_text("", "utf-8")
            done = run_process(
                *("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.fill(step["run"])),
                cwd=self.cwd,
                environ={
                    **self.environ,
                    "GITHUB_OUTPUT": str(output),
                    "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                    **{key: self.fill(value) for key, value in step.get("env", {}).items()},
                },
            )
            printed, ended = printed + done.stdout, done.returncode
            for match in _OUTPUT.finditer(output.read_text("utf-8")):
                value = match["line"] if match["line"] is not None else match["lines"].rstrip("\n")
                self.values[f"steps.{step.get('id')}.outputs.{match['name']}"] = value
        assert ended == code, printed
        return printed
