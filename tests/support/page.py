"""The pages of the documentation as tests read them: what people type, see, and copy.

`open_page` keeps account: whoever opens a page has to use all of its blocks, but for those that
`NOT_RUN` lists with a reason. So a page cannot have a block that no test runs.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
# Page and line of what no test can run here, with the reason. What runs it elsewhere is named.
NOT_RUN: Final[dict[tuple[str, str], str]] = {
    ("README", "$ python3 scripts/example.py"): "tests/e2e/test_example.py runs it",
    ("README", "$ python3 scripts/test.py"): "it is what runs the tests",
    ("how-to/ci", "- run: pip install build"): "it is installed where the tests run",
    ("how-to/container-image", "FROM python:3.13-slim AS build"): "no test pulls an image",
    ("how-to/container-image", "FROM python:3.13-slim"): "no test pulls an image",
    ("how-to/container-image", "FROM debian:12-slim AS build"): "no test pulls an image",
    ("how-to/container-image", "FROM gcr.io/distroless/python3-debian12"): "no test pulls an image",
    (
        "how-to/container-image",
        "RUN apt-get update && apt-get install --yes --no-install-recommends python3",
    ): "it installs Python in an image; the lines after it run under the tests' own",
    ("how-to/windows-exe", r"C:\> git-inspect-1.0.0.exe --version"): (
        "wants Windows; tests/e2e/test_windows_exe.py runs such a program in the lab"
    ),
    **dict.fromkeys(
        [
            ("install", '$ uv tool install "hatch-multiplat[cli]"'),
            ("install", '$ pipx install "hatch-multiplat[cli]"'),
            ("install", '$ python3 -m pip install "hatch-multiplat[cli]"'),
            ("how-to/without-hatch", '$ pip install "hatch-multiplat[cli]"'),
        ],
        "it is not on PyPI yet",
    ),
    ("how-to/without-hatch", "$ ./hatch-multiplat.pex build path/to/project"): (
        "a release takes a minute; tests/e2e/test_release.py makes one, and builds with it so"
    ),
}

_BLOCK: Final = re.compile(
    r"^(?:<!-- from (?P<source>\S+) -->\n+)?^```(?P<kind>\S+)(?: (?P<path>\S+))?\n"
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block of code: its language, what is in it, and its place in the page.

    `source` is the file in the repository that it quotes, or that it is (`literalinclude`).
    """

    kind: str
    text: str
    line: int
    source: str | None

    @property
    def from_elsewhere(self) -> bool:
        """Whether another test has it: a recorded session, or a quote from an example project.

        tests/e2e/test_sessions.py records the former again, tests/unit/test_docs.py compares the
        latter with the project, which tests build.
        """
        return self.source is not None and self.source.startswith(
            ("docs/sessions/", "example_project/")
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A command of a page, and the lines that the page shows under it."""

    command: str
    shown: tuple[str, ...]


class Page:
    """A page by its path in `docs/`, without the ending; or a file of the repository's root."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = read_page(name)
        self._left = [block for block in read_blocks(name) if not block.from_elsewhere]

    @property
    def left(self) -> list[Block]:
        """The blocks that nobody has taken yet, nor need not."""
        return [block for block in self._left if not is_listed(self.name, block)]

    def take(self, kind: str, having: str = "") -> str:
        """Return the first block of a kind that is left, and has this text in it."""
        for block in self._left:
            if block.kind == kind and having in block.text:
                self._left.remove(block)
                return block.text
        raise AssertionError(f"{self.name} has no more {kind} with {having!r}")

    def take_all(self, kind: str) -> list[str]:
        """Return all blocks of a kind that are left."""
        return [self.take(kind) for block in tuple(self._left) if block.kind == kind]

    def steps(self, having: str = "") -> list[Step]:
        """Return the commands of the first console block left with this text, but those listed."""
        return [
            step
            for step in read_steps(self.take("console", having))
            if (self.name, f"$ {step.command}") not in NOT_RUN
        ]

    def all_steps(self) -> list[Step]:
        """Return the commands of all console blocks that are left, but those listed."""
        return [
            step for block in tuple(self._left) if block.kind == "console" for step in self.steps()
        ]


@contextmanager
def open_page(name: str) -> Iterator[Page]:
    """Open a page; at the end, all of its blocks have to be taken."""
    page = Page(name)
    yield page
    left = [f"{name}.md, line {block.line}:\n{block.text}" for block in page.left]
    assert not left, "nothing has run this:\n" + "\n".join(left)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """A person's terminal in a folder. `replace` is what stands here for a page's words."""

    cwd: Path
    environ: Mapping[str, str]
    replace: Mapping[str, str]

    def here(self, text: str) -> str:
        for word, other in self.replace.items():
            text = text.replace(word, other)
        return text

    def run(self, steps: list[Step], **environ: str) -> list[str]:
        """Run commands, which have to print what their page shows; returns what they printed.

        They run one after the other in one shell: a folder or a variable that one sets stays.
        Only stdout counts, and only where something is shown.
        """
        end = "-- the next command --"
        script = f"\necho '{end}'\n".join(self.here(step.command) for step in steps)
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.cwd,
            env=dict(self.environ) | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        printed = done.stdout.split(f"{end}\n")
        assert len(printed) == len(steps)
        for step, output in zip(steps, printed, strict=True):
            if step.shown:
                assert output.splitlines() == [self.here(line) for line in step.shown]
        return printed

    def do(self, command: str, **environ: str) -> str:
        """Run a command that no page shows; returns what it printed."""
        return self.run([Step(command=command, shown=())], **environ)[0]


def read_page(name: str) -> str:
    """Return a page by its path in `docs/`, without the ending; README is the repository's."""
    path = ROOT / "README.md" if name == "README" else DOCS / f"{name}.md"
    return path.read_text("utf-8")


def read_blocks(name: str) -> list[Block]:
    """Return the blocks of code in a page, in order."""
    text = read_page(name)
    blocks = []
    for match in _BLOCK.finditer(text):
        source, kind = match["source"], match["kind"]
        if kind == "{literalinclude}":
            # From the documentation's own root, which may be left by dots.
            path = (DOCS / match["path"].removeprefix("/")).resolve()
            source = path.relative_to(ROOT).as_posix()
        blocks.append(
            Block(
                kind=kind,
                text=match["text"],
                line=text.count("\n", 0, match.start("kind")) + 1,
                source=source,
            )
        )
    return [block for block in blocks if block.kind not in {"{toctree}", "text"}]


def read_steps(block: str) -> list[Step]:
    """Return what stands behind the prompts of a console block, each with what is shown after."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", block
    lines = [part.splitlines() for part in parts[1:]]
    return [Step(command=first, shown=tuple(others)) for first, *others in lines]


def read_commands(name: str) -> list[str]:
    """Return what stands behind the prompts in a page's own blocks, in order."""
    blocks = [block for block in read_blocks(name) if block.kind == "console"]
    return [step.command for block in blocks for step in read_steps(block.text)]


def is_listed(name: str, block: Block) -> bool:
    """Tell whether all that can be run in a block is in NOT_RUN."""
    if block.kind == "console":
        lines = [f"$ {step.command}" for step in read_steps(block.text)]
    elif block.kind == "doscon":
        lines = [line for line in block.text.splitlines() if line.startswith("C:\\>")]
    else:
        return False
    return all((name, line) in NOT_RUN for line in lines)
