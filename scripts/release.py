"""Build what a release consists of: the sdist, the wheel, and the plugin as its own executable.

The executable is made by the hook, from this very checkout: `dist/hatch-multiplat.pex` is the
command, for all platforms and Pythons in `[tool.multiplat]`, with uv and pex in it.
"""

from __future__ import annotations

import os
import shutil
import sys

from venvs import ROOT, make_environment, run


def main() -> None:
    # Without isolation, as the plugin that the build needs is the one that it builds.
    python = make_environment("release", "--editable", ".", "build")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    # A release takes its packages from PyPI, whatever pip is set to on the machine that makes it.
    enabled = {"HATCH_BUILD_HOOK_ENABLE_MULTIPLAT": "true", "PIP_CONFIG_FILE": os.devnull}
    run(python, "-m", "build", "--no-isolation", extra_env=enabled)
    run(sys.executable, ROOT / "dist" / "hatch-multiplat.pex", "--version")


if __name__ == "__main__":
    main()
