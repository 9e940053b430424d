"""Build what a release consists of: the sdist, the wheel, and the plugin as its own executables.

The hook makes them, from this very checkout: `dist/hatch-multiplat.pex` and `.pyz` are the command,
for all platforms and Pythons in `[tool.multiplat]`, with uv and pex in it. Their inventories and
`SHA256SUMS` lie beside them.

With `--tag v1.2.3`, as the release workflow calls it, nothing is built unless the tag names the
version in `__about__.py` and CHANGELOG.md has a dated section for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import shutil
import sys

from venvs import ROOT, make_environment, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="build only if the repository is ready for this tag")
    tag = parser.parse_args().tag
    if tag and (problems := find_problems(tag)):
        sys.exit("\n".join(problems))
    # Without isolation, as the plugin that the build needs is the one that it builds.
    python = make_environment("release", "--editable", ".[cli,sbom]", "build")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    # A release takes its packages from PyPI, whatever pip is set to on the machine that makes it.
    enabled = {"HATCH_BUILD_HOOK_ENABLE_MULTIPLAT": "true", "PIP_CONFIG_FILE": os.devnull}
    run(python, "-m", "build", "--no-isolation", extra_env=enabled)
    for name in ("hatch-multiplat.pyz", "hatch-multiplat.pex"):
        run(sys.executable, ROOT / "dist" / name, "--version")


def find_problems(tag: str) -> list[str]:
    """Return what keeps this checkout from being the release of that tag."""
    version = runpy.run_path(str(ROOT / "hatch_multiplat" / "__about__.py"))["__version__"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    problems = []
    if tag != f"v{version}":
        problems.append(f"the tag is {tag}, but hatch_multiplat/__about__.py has version {version}")
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    ):
        problems.append(f"CHANGELOG.md has no section '## [{version}] - DATE'")
    text = (ROOT / "hatch_multiplat" / "executable" / "releases.json").read_text("utf-8")
    if version not in json.loads(text)["releases"]:
        problems.append(f"no digests of {version}: run python scripts/digests.py --release")
    return problems


if __name__ == "__main__":
    main()
