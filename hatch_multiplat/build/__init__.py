"""One request to the files in `dist`: the pipeline, the other formats, checksums, inventory.

A `Request` comes in; the files and a `Report` go out.
"""

__all__ = [
    "checksums",
    "leftovers",
    "output_paths",
    "own_wheels",
    "pipeline",
    "report",
]
