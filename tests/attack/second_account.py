"""On a real Windows, as an administrator: what a second account has planted is not run.

It plants an environment wherever a start might look for one that the account can write to, and
starts the file with the variables that lead there. Run by .github/workflows/second-account.yml.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.support.app import build_app, host_target
from tests.support.wheels import make_wheel

ACCOUNT: Final = "attacker"
PLANTED: Final = "planted code ran"


def run(*words: object, **env: str | None) -> str:
    environ = {**os.environ, **{name: value for name, value in env.items() if value is not None}}
    for name in [name for name, value in env.items() if value is None]:
        environ.pop(name, None)
    result = subprocess.run(
        [str(word) for word in words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def main() -> None:
    run("net", "user", ACCOUNT, secrets.token_urlsafe(12) + "aA1!", "/add")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        wheel = make_wheel(
            folder / "wheels",
            "demo",
            files={"demo.py": "def main():\n    print('right')\n"},
            scripts={"demo": "demo:main"},
        )
        minor = (sys.version_info[0], sys.version_info[1])
        app = build_app(folder / "app.pex", [wheel], [host_target(minor)])
        made = folder / "made"
        assert "right" in run(sys.executable, app, PEX_ROOT=str(made))
        for script in made.glob("multiplat/*/*/app/*"):
            script.write_text(f"print('{PLANTED}')\n")
        shared = [Path(r"C:\Windows\Temp"), Path(r"C:\Temp"), Path(r"C:\Users\Public")]
        for place in shared:
            place.mkdir(exist_ok=True)
            planted = place / "multiplat"
            shutil.rmtree(planted, ignore_errors=True)
            shutil.copytree(made / "multiplat", planted)
            run("icacls", planted, "/setowner", ACCOUNT, "/T")
            for env in (
                {"TEMP": str(place), "TMP": str(place)},
                {"TEMP": str(place), "TMP": str(place), "LOCALAPPDATA": None},
                {"TEMP": str(place), "LOCALAPPDATA": r"Z:\nowhere", "USERPROFILE": r"Z:\nowhere"},
                {"TEMP": None, "TMP": None, "LOCALAPPDATA": r"Z:\nowhere"},
                {"PEX_ROOT": str(place)},
            ):
                shown = run(sys.executable, app, **env)
                assert PLANTED not in shown, (place, env, shown)
                assert "right" in shown or "cannot store its files" in shown, (place, env, shown)
            shutil.rmtree(planted, ignore_errors=True)
    run("net", "user", ACCOUNT, "/delete")
    print("nothing that the second account has planted was run")


if __name__ == "__main__":
    main()
