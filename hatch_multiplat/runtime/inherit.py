"""Put into an environment's library where `inherit-path` asks for it: orders `sys.path`.

A `.pth` file calls it, so that it counts for whatever runs in the environment: the program, the
interpreter with a script, `-c`, `-m` or stdin, and the children of each.
"""

import os
import sys

TYPE_CHECKING = False  # as in run.py
if TYPE_CHECKING:
    from typing import List


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


def order(how: str, root: bytes) -> None:
    """Order `sys.path` for the environment at `root`."""
    text = os.environ.get("PYTHONPATH")
    given = text.split(os.pathsep) if text else []
    sys.path[:] = ordered(sys.path, given, os.fsdecode(root), how)


def order_when_complete(how: str, root: bytes) -> None:
    """Order `sys.path` as soon as `site` has put all of it together, its `.pth` files too."""
    import site

    proceed = site.execsitecustomize

    def execsitecustomize() -> None:
        order(how, root)
        proceed()

    site.execsitecustomize = execsitecustomize
