"""The other Pythons of a machine, as PATH and Windows name them: the system's part is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Self

import pytest

from hatch_multiplat.runtime import pythons

# What the launchers of Python 3.12's and of 3.8's installer and the Python install manager print.
LISTS: Final = {
    "3.12": (
        (
            " -V:3.13t         C:\\Users\\A B\\Python313\\python3.13t.exe\r\n"
            " -V:3.12 *        C:\\Program Files\\Python312\\python.exe\r\n"
            " -V:ContinuumAnalytics/py311_23.3.1-0  D:\\conda\\python.exe\r\n"
        ),
        [
            "C:\\Users\\A B\\Python313\\python3.13t.exe",
            "C:\\Program Files\\Python312\\python.exe",
            "D:\\conda\\python.exe",
        ],
    ),
    "3.8": (
        (
            "Installed Pythons found by py Launcher for Windows\r\n"
            ' -3.9-64\t"C:\\Program Files\\Python39\\python.exe" *\r\n'
            " -3.8-32\tC:\\Python38\\python.exe\r\n"
        ),
        ["C:\\Program Files\\Python39\\python.exe", "C:\\Python38\\python.exe"],
    ),
    "manager": (
        " -V:3.14[-64] *   C:\\Users\\me\\AppData\\Local\\Python\\pythoncore-3.14-64\\python.exe\n",
        ["C:\\Users\\me\\AppData\\Local\\Python\\pythoncore-3.14-64\\python.exe"],
    ),
    "none": ("No installed Pythons found!\r\n", []),
}


class Key:
    """An open key of a replaced registry."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Registry:
    """What `winreg` has, over a dict: (hive, view, key) to its values."""

    HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE = "HKCU\\", "HKLM\\"
    KEY_WOW64_64KEY, KEY_WOW64_32KEY, KEY_READ = 256, 512, 1

    def __init__(self, keys: dict[tuple[str, int, str], dict[str | None, str]]) -> None:
        self.keys = {f"{view} {hive}\\{key}": values for (hive, view, key), values in keys.items()}

    def OpenKey(self, hive: str, key: str, _: int, access: int) -> Key:  # noqa: N802
        name = f"{access - 1} {hive}{key}"
        if not any(known == name or known.startswith(name + "\\") for known in self.keys):
            raise FileNotFoundError(name)
        return Key(name)

    def EnumKey(self, key: Key, index: int) -> str:  # noqa: N802
        below = [
            name[len(key.name) + 1 :] for name in self.keys if name.startswith(key.name + "\\")
        ]
        names = list(dict.fromkeys(name.partition("\\")[0] for name in below))
        if index >= len(names):
            raise OSError(259, "no more data")
        return names[index]

    def QueryValueEx(self, key: Key, name: str | None) -> tuple[str, int]:  # noqa: N802
        try:
            return self.keys[key.name][name], 1
        except KeyError:
            raise FileNotFoundError(name) from None


def python_key(tag: str, company: str = "PythonCore") -> str:
    return f"Software\\Python\\{company}\\{tag}\\InstallPath"


def test_the_registry_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(
        {
            ("HKCU", 256, python_key("3.9")): {None: "C:\\Py39\\"},
            ("HKCU", 256, python_key("3.12")): {None: "X", "ExecutablePath": "C:\\Py312\\p.exe"},
            ("HKCU", 256, python_key("3.11", "PyLauncher")): {"ExecutablePath": "C:\\no.exe"},
            ("HKCU", 256, python_key("3.10")): {"Other": "no path at all"},
            ("HKLM", 256, python_key("py311_1", "ContinuumAnalytics")): {None: "D:\\conda"},
            ("HKLM", 512, python_key("3.13-32")): {None: "C:\\Py313"},
        }
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(os.path, "join", lambda a, b: a.rstrip("\\") + "\\" + b)
    assert pythons.read_registry() == [
        "D:\\conda\\python.exe",
        "C:\\Py313\\python.exe",
        "C:\\Py312\\p.exe",
        "C:\\Py39\\python.exe",
    ]


def test_a_registry_without_any_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winreg", Registry({}))
    assert pythons.read_registry() == []


@pytest.mark.parametrize("name", LISTS)
def test_the_launchers_list(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, wanted = LISTS[name]
    asked: list[Any] = []

    def check_output(command: list[str], **_: object) -> bytes:
        asked.append(command)
        return text.encode()

    monkeypatch.setattr(subprocess, "check_output", check_output)
    assert pythons.ask_launcher("C:\\py.exe") == wanted
    assert asked == [["C:\\py.exe", "-0p"]]


@pytest.mark.parametrize(
    "failure",
    [
        FileNotFoundError("py"),
        subprocess.CalledProcessError(103, "py"),
        subprocess.TimeoutExpired("py", 20),
    ],
)
def test_without_a_launcher(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def check_output(*_: object, **__: object) -> bytes:
        raise failure

    monkeypatch.setattr(subprocess, "check_output", check_output)
    assert pythons.ask_launcher("C:\\py.exe") == []


def test_windows_is_asked_after_path_and_only_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths: list[str] = []
    for name in ("python3.12", "python3", "registered", "listed", "py"):
        file = tmp_path / name
        file.write_text("")
        file.chmod(0o755)
        paths.append(str(file))
    monkeypatch.setattr(pythons, "read_registry", lambda: [paths[2], "C:\\gone.exe"])
    monkeypatch.setattr(pythons, "ask_launcher", {paths[4] + ".exe": [paths[3], paths[2]]}.get)
    search = os.pathsep.join(["/nonexistent", "", str(tmp_path)])
    names = ("python3.12", "python3")
    assert list(pythons.find_pythons(names, search)) == paths[:2]
    for path in (*paths[:2], paths[4]):
        Path(path).rename(path + ".exe")
    with monkeypatch.context() as context:
        context.setattr(os, "name", "nt")
        found = list(pythons.find_pythons(names, search))
    assert found == [paths[0] + ".exe", paths[1] + ".exe", paths[2], paths[3], paths[2]]
