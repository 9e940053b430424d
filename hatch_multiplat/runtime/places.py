"""Where things may be: programs on PATH, and the folder for set-ups.

Any Python has to parse it, as it has to parse the preamble, so that types stand in comments.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List  # noqa: F401 - comments name it


def find_command(name, search_path):
    # type: (str, str) -> List[str]
    """Paths of programs of a name, in the order of the folders that are searched.

    As a shell has it, an empty folder is the current one; not on Windows.
    """
    found = []
    for folder in search_path.split(os.pathsep):
        if os.name == "nt":
            path = os.path.join(folder, name + ".exe") if folder else ""
        else:
            path = os.path.join(folder or os.curdir, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            found.append(path)
    return found


def is_usable(root, chosen):
    # type: (str, bool) -> bool
    """Whether a folder for set-ups is there or can be made, as far as is seen without making it.

    As with pip, root makes nothing in another user's folder, such as the home that `sudo -E` keeps:
    that user's programs could not write there any more. Unless it was `chosen`, by PEX_ROOT.
    """
    path = root
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    if not (os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)):
        return False
    return os.name == "nt" or os.geteuid() != 0 or chosen or os.stat(path).st_uid == 0


def is_noexec(path):
    # type: (str) -> bool
    """Whether native libraries cannot be loaded from there; unknown counts as no."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    try:
        return bool(os.statvfs(path).f_flag & getattr(os, "ST_NOEXEC", 0))
    except (AttributeError, OSError):
        return False
