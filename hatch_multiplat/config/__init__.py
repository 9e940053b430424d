"""`[tool.multiplat]` to Config: every key, every default, and every mistake at once.

A parsed pyproject.toml comes in; a `Config` goes out. It is pure.
"""

__all__ = [
    "config",
    "formats",
    "pex_options",
    "pyproject_shapes",
    "run",
    "schema",
    "tool_settings",
]
