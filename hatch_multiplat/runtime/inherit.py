"""Put into a set-up's library where `inherit-path` asks for it: orders `sys.path` at every start.

A `.pth` file imports it, so that it counts for whatever runs in the set-up: the program, the
interpreter with a script, `-c`, `-m` or stdin, and the children of each. `HOW` and `ROOT`, the
set-up's folder, are filled in when the set-up is made.
"""

import os
import sys

TYPE_CHECKING = False  # as in entry.py
if TYPE_CHECKING:
    from typing import List

HOW, ROOT = "", ""


def ordered(paths: "List[str]", given: "List[str]", root: str, how: str) -> "List[str]":
    """The paths so that what is outside comes after our packages, or before them.

    `given` are the folders of PYTHONPATH. Our packages are below `root`, as on Windows the standard
    library may be. The outer Python's begin with its first site-packages; what follows was named by
    the `.pth` files there.
    """
    known = {os.path.abspath(path) for path in given}
    own, before, sites, standard = [], [], [], []  # type: List[str], List[str], List[str], List[str]
    for path in paths:
        below = path[len(root) :] if path.startswith(root + os.sep) else ""
        if below and "site-packages" in below.split(os.sep):
            own.append(path)
        elif below or path == root:
            standard.append(path)
        elif path and os.path.abspath(path) in known:
            before.append(path)
        elif sites or os.path.basename(path) in ("site-packages", "dist-packages"):
            sites.append(path)
        else:
            standard.append(path)
    outer = before + sites
    return standard + (outer + own if how == "prefer" else own + outer)


def order() -> None:
    """Order `sys.path` as `HOW` says."""
    text = os.environ.get("PYTHONPATH")
    sys.path[:] = ordered(sys.path, text.split(os.pathsep) if text else [], ROOT, HOW)


def order_when_complete() -> None:
    """Order `sys.path` as soon as `site` has put all of it together, its `.pth` files too."""
    import site

    proceed = site.execsitecustomize

    def execsitecustomize() -> None:
        order()
        proceed()

    site.execsitecustomize = execsitecustomize


if __name__ == "_multiplat_inherit":
    order_when_complete()
