"""Make the page of all messages that a build, `check` or `lock` can end with, from the tests.

The tests run, and each error of ours that one makes is recorded: docs/data/messages.json. The page
docs/reference/messages.md is made of that.

With `--check`, as a test calls it, nothing runs and nothing is written: the page has to be that of
the data, each place of the sources that makes an error has to be in the data, and each test that is
named has to exist.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from venvs import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = ROOT / "docs" / "data" / "messages.json"
PAGE = ROOT / "docs" / "reference" / "messages.md"
PACKAGE = ROOT / "hatch_multiplat"
TESTS = ("tests/unit", "tests/integration")
KINDS: Final = {
    1: "What a package says of itself",
    2: "A mistake in the table, in other settings, or on the command line",
    3: "The lock",
    4: "Missing wheels",
    5: "Versions that contradict each other",
    6: "Servers, and files that are not what they should be",
    7: "Programs that a build runs",
    8: "What cannot be written",
    9: "What would not be complete",
}
# What reads finished files: that is for verify, inspect, split and merge.
LEFT_OUT: Final = re.compile(
    r"^(inspection|runtime)/|/(verify|inspect|split|merge|executables)\.py"
    r"|^executable/(accounting|blocks_reader|executable|reader|table)\.py"
)
HEAD: Final = """\
# Messages

Each message that a build, `init`, `check` or `lock` can end with, by exit code. The tests make
them: below each stands the one that does, and with it the cause. Names, numbers and addresses are
that test's.
Most messages end with what to do next. `scripts/messages.py` makes this page.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="run and write nothing; compare")
    parser.add_argument(
        "tests", nargs="*", default=TESTS, help="run only these, and add to the data"
    )
    options = parser.parse_args()
    if options.check:
        sys.exit("\n".join(find_faults()) or None)
    adds = options.tests != TESTS and DATA.is_file()
    known = json.loads(DATA.read_text("utf-8")) if adds else []
    sites = find_sites()
    known = [
        item
        for item in known
        if item["site"] in sites and not item["test"].startswith(tuple(options.tests))
    ]
    found = distil([*known, *record(options.tests)])
    DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(render(found), "utf-8")
    for site in sorted(sites - {item["site"] for item in found}):
        print(f"no test shows what {site} says")


def record(tests: list[str]) -> list[dict[str, Any]]:
    """Run tests, whether or not they pass, and return the errors that they have made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages"
        path.touch()
        words = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "tests.messages", *tests]
        subprocess.run(
            words, cwd=ROOT, env={**os.environ, "HATCH_MULTIPLAT_MESSAGES": str(path)}, check=False
        )
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def distil(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one item for each message, whatever the names and numbers in it."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for item in found:
        if LEFT_OUT.search(item["site"]) or "test_schema.py" in item["test"]:
            continue
        for line in (
            item["message"].splitlines() if item["kind"] == "ConfigError" else [item["message"]]
        ):
            text = clean(line)
            test = re.sub(r"\[.*", "", item["test"])
            one = {**item, "message": text, "test": test}
            old = kept.setdefault((item["site"], pattern(text)), one)
            kept[item["site"], pattern(text)] = min(one, old, key=_preferred)
    return sorted(
        kept.values(), key=lambda item: (item["exit_code"], item["message"], item["site"])
    )


def _preferred(item: dict[str, Any]) -> tuple[object, ...]:
    """Rank what shows one message: what a command ended with, then the shortest."""
    return not item["ends"], len(item["message"]), item["message"], item["test"]


def clean(text: str) -> str:
    """Return a message without what is another in each run: folders, ports, digests."""
    text = re.sub(
        r"/tmp/pytest-of-[^/\s]+/pytest-\d+/(popen-gw\d+/)?[^/\s'\":;,]+", "/home/ada", text
    )
    text = re.sub(r"/tmp/[\w.-]+(/[\w.-]+)*", "/tmp/...", text)
    text = text.replace(str(ROOT), "/home/ada/project").replace(sys.prefix, "/usr")
    text = re.sub(r"127\.0\.0\.1:\d+|localhost:\d+", "index.example", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def pattern(text: str) -> str:
    """Return what messages of one form have in common."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", text)
    text = re.sub(r"\S*[\d/=\[\]@*]\S*", "#", text)
    words = text.split()
    return " ".join(
        word for word, before in zip(words, ["", *words], strict=False) if word != before
    )


def render(found: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for code, title in KINDS.items():
        items = [item for item in found if item["exit_code"] == code and item["ends"]]
        if not items:
            continue
        lines.append(f"## {code}: {title}\n")
        for item in items:
            name = item["test"].rpartition("::")[2].removeprefix("test_").replace("_", " ")
            lines += ["```text", item["message"], "```", f"{name[:1].upper()}{name[1:]}.\n"]
    return "\n".join(lines)


def find_sites() -> set[str]:
    """Return the places of the sources that make an error, as the tests' plugin names them."""
    sites = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            if not LEFT_OUT.search(name) and any(makes_error(node) for node in own_nodes(function)):
                sites.add(f"{name}:{function.name}")
    return sites


def own_nodes(function: ast.FunctionDef) -> list[ast.AST]:
    """Return the nodes of a function without those of the functions in it."""
    found: list[ast.AST] = []
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if not isinstance(node, ast.FunctionDef):
            found.append(node)
            left += ast.iter_child_nodes(node)
    return found


def makes_error(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    named = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return isinstance(named, ast.Name) and named.id in ERRORS


def find_errors() -> set[str]:
    """Return the names of the errors that have exit codes of their own."""
    names = {"MultiplatError"}
    trees = [ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in range(4):
        names |= {
            node.name
            for node in classes
            if names & {base.id for base in node.bases if isinstance(base, ast.Name)}
        }
    return names


ERRORS: Final = find_errors()


def find_faults() -> list[str]:
    """Return what is not true of the page."""
    found = json.loads(DATA.read_text("utf-8"))
    faults, hidden = [], frozenset(NOT_SHOWN)
    if PAGE.read_text("utf-8") != render(found):
        faults.append(f"{PAGE.name} is not made of {DATA.name}: scripts/messages.py TEST")
    shown, sites = {item["site"] for item in found}, find_sites()
    faults += [
        f"no test shows what {site} says; NOT_SHOWN says why" for site in sites - shown - hidden
    ]
    faults += [
        f"{site} is shown now: take it out of NOT_SHOWN" for site in NOT_SHOWN.keys() & shown
    ]
    faults += [f"{site} makes no error any more: take its messages out" for site in shown - sites]
    for item in found:
        file, *_, name = item["test"].split("::")
        path = ROOT / file
        if not path.is_file() or f"def {name}(" not in path.read_text("utf-8"):
            faults.append(f"{item['test']} is gone; its message is {item['message']!r}")
    return sorted(faults)


NOT_SHOWN: Final[Mapping[str, str]] = {
    "executable/blocks.py:block_members": "only a Python without the module lzma makes it",
    "frontends/commands/terminal.py:end_output": "test_command_ends.py, in a process of its own",
}
"""The places whose errors no recorded test makes, each with the reason."""


if __name__ == "__main__":
    main()
