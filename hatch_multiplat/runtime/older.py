"""Run under a newer Python from PATH, or say what is needed: the launcher's part for Python 2.7.

It runs as if it were text of the launcher, under any Python that is older than 3.6.
"""

import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: F401 - a comment names it

    ABOUT = APP = fail = None  # type: Any  # they are the launcher's


def run_newer_python():
    # type: () -> None
    environ = dict(os.environ, MULTIPLAT="probe", _MULTIPLAT_SEARCHED="1")
    names = ABOUT["pythons"] if "_MULTIPLAT_SEARCHED" not in os.environ else ()
    suffix = ".exe" if os.name == "nt" else ""
    with open(os.devnull, "r+b") as null:
        for name in names:
            for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
                if not folder and suffix:
                    continue
                path = os.path.join(folder or os.curdir, name + suffix)
                if os.path.realpath(path) == os.path.realpath(sys.executable):
                    continue
                try:
                    tools = "/usr/bin/xcode-select"  # see is_stub in pythons.py
                    stub = os.path.exists(tools) and os.path.samefile(path, "/usr/bin/python3")
                    if stub and subprocess.call([tools, "-p"], stdout=null, stderr=null):
                        continue
                    code = subprocess.call(
                        [path, APP], env=environ, stdin=null, stdout=null, stderr=null
                    )
                except OSError:
                    continue
                if code == 90 and os.name == "nt":  # launch.FITS
                    sys.exit(subprocess.call([path, APP] + sys.argv[1:]))
                if code == 90:
                    os.execv(path, [path, APP] + sys.argv[1:])
    words = (ABOUT["needs"], sys.version_info[0], sys.version_info[1])
    fail("needs %s; this is Python %d.%d" % words)


run_newer_python()
