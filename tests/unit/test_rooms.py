"""What a room exports is what others import: `__all__` of each room names these modules."""

from __future__ import annotations

import ast
import importlib
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "hatch_multiplat"


def test_each_room_exports_the_modules_that_others_import_and_no_more() -> None:
    exported = {
        (room.name, module)
        for room in (ROOT / PACKAGE).iterdir()
        if (room / "__init__.py").is_file()
        for module in importlib.import_module(f"{PACKAGE}.{room.name}").__all__
    }
    assert exported == imported_by_others() | entry_points()


def imported_by_others() -> set[tuple[str, str]]:
    """Return the modules that are imported from outside of their room, each with its room."""
    found = set()
    for path in (ROOT / PACKAGE).rglob("*.py"):
        own = path.relative_to(ROOT / PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for package, *rest in (name.split(".") for name in names):
                is_module = ROOT.joinpath(PACKAGE, *rest).with_suffix(".py").is_file()
                if package == PACKAGE and len(rest) == 2 and is_module and rest[0] != own:
                    found.add((rest[0], rest[1]))
    return found


def entry_points() -> set[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    references = [
        reference for group in project["entry-points"].values() for reference in group.values()
    ]
    modules = [reference.partition(":")[0].split(".") for reference in references]
    return {(room, module) for _, room, module in modules}


def test_only_the_frontends_read_the_variables_of_the_process() -> None:
    """All else gets them from its caller; what runs inside an executable has no caller of ours."""
    reading = {
        path.relative_to(ROOT / PACKAGE).as_posix()
        for path in (ROOT / PACKAGE).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if getattr(node, "attr", getattr(node, "name", "")) in {"environ", "environb", "getenv"}
        and (isinstance(node, ast.alias) or ast.unparse(node).startswith("os."))
    }
    allowed = ("frontends/", "runtime/", "executable/launcher.py")
    assert reading
    assert {name for name in reading if not name.startswith(allowed)} == set()
