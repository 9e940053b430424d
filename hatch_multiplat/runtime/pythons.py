"""The other Pythons of a machine: on PATH, and where Windows notes what is installed."""

import os
import re
import subprocess
from typing import Any, Iterator, List, Sequence

from . import enter

LAUNCHER_TIMEOUT = 20  # seconds
NO_WINDOW = 0x08000000 if os.name == "nt" else 0  # for children of a Python without a console


def find_command(name: str, search_path: str) -> List[str]:
    """Paths of programs of a name, in the order of the folders that are searched.

    As a shell has it, an empty folder is the current one; not on Windows.
    """
    folders = search_path.split(os.pathsep)
    if os.name == "nt":
        paths = [os.path.join(folder, name + ".exe") for folder in folders if folder]
    else:
        paths = [os.path.join(folder or os.curdir, name) for folder in folders]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def find_pythons(names: Sequence[str], search_path: str) -> Iterator[str]:
    """Paths of interpreters, some perhaps twice: by these names on PATH, then as Windows knows."""
    for name in names:
        for path in find_command(name, search_path):
            if not is_stub(path):
                yield path
    if os.name == "nt":
        found = read_registry()
        for launcher in find_command("py", search_path)[:1]:
            found += ask_launcher(launcher)
        for path in found:
            if os.path.isfile(path):
                yield path


def is_stub(path: str) -> bool:
    """Whether it is Apple's python3 without developer tools: to start it opens a dialog."""
    tools = "/usr/bin/xcode-select"
    if not (os.path.exists(tools) and enter.is_same(path, "/usr/bin/python3")):
        return False
    return subprocess.call([tools, "-p"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) != 0


def read_registry() -> List[str]:
    """The interpreters that are registered as PEP 514 has it, newest first."""
    import winreg

    registry: Any = winreg
    found = []
    for hive in (registry.HKEY_CURRENT_USER, registry.HKEY_LOCAL_MACHINE):
        for view in (registry.KEY_WOW64_64KEY, registry.KEY_WOW64_32KEY):
            for company in subkeys(registry, hive, "Software\\Python", view):
                if company == "PyLauncher":  # settings of the launcher
                    continue
                key = "Software\\Python\\" + company
                for tag in subkeys(registry, hive, key, view):
                    path = read_place(registry, hive, key + "\\" + tag + "\\InstallPath", view)
                    if path:
                        numbers = [int(number) for number in re.findall(r"\d+", tag)[:2]]
                        found.append((numbers, path))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [path for _, path in found]


def subkeys(registry: Any, hive: Any, key: str, view: int) -> List[str]:
    """The names of the keys below a key; none where there is no such key."""
    names: List[str] = []
    try:
        with registry.OpenKey(hive, key, 0, registry.KEY_READ | view) as handle:
            while True:
                names.append(registry.EnumKey(handle, len(names)))
    except OSError:
        return names


def read_place(registry: Any, hive: Any, key: str, view: int) -> str:
    """The interpreter that an InstallPath names, or else `python.exe` in the folder it names."""
    try:
        with registry.OpenKey(hive, key, 0, registry.KEY_READ | view) as handle:
            try:
                return str(registry.QueryValueEx(handle, "ExecutablePath")[0])
            except OSError:
                folder = str(registry.QueryValueEx(handle, None)[0])
                return os.path.join(folder, "python.exe") if folder else ""
    except OSError:
        return ""


def ask_launcher(launcher: str) -> List[str]:
    """The interpreters that the `py` launcher lists; some, of the shop, are in no registry.

    It is only asked for its list: `py -3.12` could install one that is missing.
    """
    try:
        text = subprocess.check_output(
            [launcher, "-0p"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=NO_WINDOW,
            timeout=LAUNCHER_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_list(text.decode("utf-8", "replace"))


def parse_list(text: str) -> List[str]:
    """The paths in what `py -0p` prints, in its order.

    A line of it: a space, `-V:3.12 *`, spaces, the path; old launchers quote that and put a star
    behind.
    """
    pattern = r'\s"?([A-Za-z]:\\.*?\.exe)"?(\s+\*)?\s*$'
    lines = [re.search(pattern, line) for line in text.splitlines()]
    return [found.group(1) for found in lines if found]
