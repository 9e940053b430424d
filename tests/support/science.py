"""A stand-in for `science`: it notes what it was asked to put together, and makes no program.

The real one is loaded from GitHub, with a Python for each platform. This one takes the arguments
that pex gives it, and what it writes is JSON: the manifest and the PEX's hash.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE: Final = """\
import hashlib, json, os, sys, tomllib

words = sys.argv[1:]
if words == ["--version"]:
    print("0.21.0")
    sys.exit()
if os.environ.get("STAND_IN_SCIENCE_FAILS"):
    sys.exit("cannot load the Python: no route to host")
files = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--file")
folder = words[words.index("--dest-dir") + 1]
assert "--use-platform-suffix" in words
with open(words[-1], "rb") as stream:
    lift = tomllib.load(stream)["lift"]
with open(files["pex"], "rb") as stream:
    pex = stream.read()
(platform,) = lift["platforms"]
if isinstance(platform, dict):
    prefix = "musl-" if platform["libc"] == "musl" else ""
    platform = prefix + platform["platform"]
suffix = ".exe" if platform.startswith("windows") else ""
path = os.path.join(folder, lift["name"] + "-" + platform + suffix)
import io, zipfile
with zipfile.ZipFile(io.BytesIO(pex)) as archive:
    wheels = sorted(n[6:] for n in archive.namelist() if n.startswith(".deps/") and n[6:])
with open(path, "w") as stream:
    json.dump({"lift": lift, "wheels": wheels}, stream, sort_keys=True)
os.chmod(path, 0o755)
"""


def write_stand_in(path: Path) -> Path:
    """Write the stand-in as an executable script and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{_SOURCE}", "utf-8")
    path.chmod(0o755)
    return path
