"""Whether a place for environments is of use, and the one to fall back to."""

import os
from typing import Optional

from .enter import FOLDER, HOME, NAMED, SHARED, Place, is_absolute

OPEN_TO_OTHERS = "others can write to it, or it is not this user's"


def find_fallback() -> Optional[Place]:
    """The place for when the first is of no use: in the folder for temporary files.

    On Windows that is the user's own in the profile; elsewhere the access list has to say so.
    """
    environ = os.environ
    if os.name == "nt":
        profile = environ.get("USERPROFILE", "")
        for variable in ("TEMP", "TMP"):
            folder = environ.get(variable, "")
            inside = os.path.normcase(folder).startswith(os.path.normcase(profile) + os.sep)
            if is_absolute(folder) and os.path.isdir(folder):
                kind = HOME if is_absolute(profile) and inside else NAMED
                return Place(os.path.join(folder, FOLDER), kind)
        return None
    for folder in (environ.get("TMPDIR", ""), "/tmp", "/var/tmp"):
        if os.path.isabs(folder) and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            name = "%s-%d" % (FOLDER, os.geteuid())
            return Place(os.path.join(os.path.normpath(folder), name), SHARED)
    return None


def is_usable(place: Place) -> bool:
    """Whether a place is there or can be made, as far as is seen without making it.

    As with pip, root makes nothing in another user's folder, such as the home that `sudo -E` keeps:
    that user's programs could not write there any more. Unless root named it.
    """
    path = place.root
    if os.path.lexists(path):
        return place.trusts("") and os.access(path, os.W_OK | os.X_OK)
    path = nearest(path)
    if not (os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)):
        return False
    return os.name == "nt" or os.geteuid() != 0 or place.kind == NAMED or not os.stat(path).st_uid


def nearest(path: str) -> str:
    """A path, or the first above it that is there."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def describe_problem(place: Place) -> str:
    """Why a place is not usable."""
    if os.path.lexists(place.root) and not place.trusts(""):
        return OPEN_TO_OTHERS
    return "no permission to write"


def is_noexec(place: Place) -> bool:
    """Whether native libraries cannot be loaded from there; unknown counts as no."""
    try:
        return bool(os.statvfs(nearest(place.root)).f_flag & getattr(os, "ST_NOEXEC", 0))
    except (AttributeError, OSError):
        return False


def is_good(place: Place) -> bool:
    """Whether a place seems to be of use, and native libraries can be loaded from there."""
    return is_usable(place) and not is_noexec(place)
