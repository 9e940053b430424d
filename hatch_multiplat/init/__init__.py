"""The table for a project that has none, with defaults from a look at the project.

A project folder comes in; the text of its pyproject.toml with the table goes out.
"""

__all__ = ["detection", "init_table"]
