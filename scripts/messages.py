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
from typing import Any, Final

from venvs import ROOT

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
# Verify, inspect, split and merge read finished files, and these errors have no message of ours.
LEFT_OUT: Final = re.compile(
    r"^(inspection|runtime)/|/(verify|inspect|split|merge|executables)\.py"
)
HEAD: Final = """\
# Messages

Each message that a build, `check` or `lock` can end with, by exit code. The tests make them: below
each stands the one that does, and with it the cause. Names, numbers and addresses are that test's.
Most messages end with what to do next. `python3 scripts/messages.py` makes this page.
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
    known = [item for item in known if not item["test"].startswith(tuple(options.tests))]
    found = distil([*known, *record(options.tests)])
    DATA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(render(found), "utf-8")
    for site in sorted(find_sites() - {item["site"] for item in found}):
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
            if (len(text), text, test) < (len(old["message"]), old["message"], old["test"]):
                kept[item["site"], pattern(text)] = one
    return sorted(
        kept.values(), key=lambda item: (item["exit_code"], item["message"], item["site"])
    )


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
        items = [item for item in found if item["exit_code"] == code]
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
    faults = []
    if PAGE.read_text("utf-8") != render(found):
        faults.append(f"{PAGE.name} is not made of {DATA.name}: python3 scripts/messages.py TEST")
    shown, sites = {item["site"] for item in found}, find_sites()
    faults += [
        f"no test shows what {site} says; NOT_SHOWN says why" for site in sites - shown - NOT_SHOWN
    ]
    faults += [f"{site} is shown now: take it out of NOT_SHOWN" for site in NOT_SHOWN & shown]
    faults += [f"{site} makes no error any more: take its messages out" for site in shown - sites]
    for item in found:
        file, *_, name = item["test"].split("::")
        path = ROOT / file
        if not path.is_file() or f"def {name}(" not in path.read_text("utf-8"):
            faults.append(f"{item['test']} is gone; its message is {item['message']!r}")
    return sorted(faults)


NOT_SHOWN: Final = frozenset(
    {
        "base/temporary.py:_make_in_tmpdir",
        "build/checksums.py:write_checksums",
        "build/leftovers.py:remove_leftovers",
        "build/scie.py:write_scies",
        "build/side_outputs.py:_read_epoch",
        "build/side_outputs.py:check_wanted",
        "build/side_outputs.py:write_side_outputs",
        "executable/accounting.py:account_for",
        "executable/blocks.py:block_members",
        "executable/blocks_reader.py:_open",
        "executable/executable.py:check_whole",
        "executable/executable.py:own_table",
        "executable/reader.py:_executable",
        "executable/reader.py:_named",
        "executable/reader.py:_read_archive",
        "executable/reader.py:_read_file",
        "executable/reader.py:_read_folder",
        "executable/reader.py:_read_pyz",
        "executable/reader.py:read_executable",
        "executable/windows_exe.py:read_launcher",
        "executable/writer.py:_run_info",
        "frontends/commands/check.py:_end",
        "frontends/commands/check.py:_write",
        "frontends/commands/check.py:check",
        "frontends/commands/init.py:_read_pyproject",
        "frontends/commands/init.py:_reject_other",
        "frontends/commands/init.py:_write",
        "frontends/commands/targets.py:_pick",
        "frontends/commands/targets.py:_write_files",
        "frontends/commands/terminal.py:end_output",
        "frontends/plugin.py:check_installed",
        "index/project_settings.py:read_sources",
        "index/simple_api.py:_list_location",
        "index/simple_api.py:_parse",
        "index/simple_api.py:receive",
        "index/sources.py:_refuse_queries",
        "index/sources.py:choose_sources",
        "index/sources.py:refuse_foreign_files",
        "index/user_settings.py:read_pip_config",
        "index/wheel_cache.py:remove_entries",
        "init/init_table.py:_refuse",
        "init/init_table.py:remove_requirement",
        "resolve/build_context.py:open_context",
        "resolve/pages.py:write_index",
        "resolve/project.py:all_requirements",
        "resolve/project.py:read_wheel",
        "resolve/project.py:without_credentials",
        "resolve/solve.py:_check_constrained",
        "resolve/solve.py:_check_indexes",
        "resolve/solve.py:_limit",
    }
)
"""Places whose errors no recorded test makes yet: run such tests with this script."""


if __name__ == "__main__":
    main()
