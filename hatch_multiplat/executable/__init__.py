"""The format of an executable, read and written in one place: table, launcher, skeleton, zip.

Selections and wheels on disk come in; one file that starts on every platform goes out, and back.
"""

__all__ = [
    "accounting",
    "blocks",
    "executable",
    "pex",
    "reader",
    "rendering",
    "run_choice",
    "table",
    "table_maker",
    "writer",
    "zip_writer",
]
