"""Write down the SHA-256 of what this release puts into every file, and of its pex's files.

`hatch-multiplat verify` accounts for the files of earlier releases by them. Run it when pex is
raised, and with `--release` when a release is prepared: `scripts/release.py` looks for its entry.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.executable.accounting import constant_digests, pex_digests, read_releases
from hatch_multiplat.executable.pex import PexHome
from venvs import ROOT

RELEASES = ROOT / "hatch_multiplat" / "executable" / "releases.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", action="store_true", help="add this release itself")
    releases = read_releases()
    if parser.parse_args().release:
        releases["releases"][__version__] = constant_digests()
    with tempfile.TemporaryDirectory() as name:
        home = PexHome(root=Path(name), environ=os.environ)
        releases["pex"][metadata.version("pex")] = pex_digests(home)
    RELEASES.write_text(json.dumps(releases, indent=1, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(f"wrote {RELEASES.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
