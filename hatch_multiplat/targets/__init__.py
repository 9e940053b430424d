"""The vocabulary: platforms, Pythons, the targets that they make, and tag constraints.

Text of the table comes in; `Target` objects with ranked tags and marker environments go out. It is
pure: it touches neither this machine nor the network.
"""

__all__ = [
    "platforms",
    "python",
    "tag_constraint",
    "target",
    "target_choice",
    "target_list",
]
