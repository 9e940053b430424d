"""The base of every other room: the error tree, processes, atomic writes, TOML values, URLs.

Nothing of hatch-multiplat's own subject comes in or goes out.
"""

__all__ = [
    "atomic_write",
    "errors",
    "log",
    "own_requirements",
    "process",
    "temporary",
    "text",
    "threads",
    "toml_table",
    "urls",
]
