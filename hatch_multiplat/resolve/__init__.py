"""Requirements and targets to a resolution: solving, stepping back, locks.

A project and its targets come in; a lock and a `Selection` for each target go out.
"""

__all__ = [
    "build_context",
    "downloads",
    "lock_changes",
    "lock_file",
    "project",
    "question",
    "resolver",
    "sdist",
    "solve",
]
