"""The table for a project that has none: defaults found by looking at the project.

A project folder comes in; the text of its pyproject.toml with the table goes out.
"""
