"""Facts about wheels and targets: selection, incompatibility, metadata, ELF, proof, coverage.

Wheels, locks and targets come in; a `Selection` for each target, or what is missing, goes out.
The text of the matrix of both is made here too, since errors of every room have it below them.
"""

__all__ = [
    "elf",
    "incompatibility",
    "matrix",
    "matrix_layout",
    "matrix_text",
    "metadata",
    "proof",
    "pylock",
    "selection",
    "wheel_check",
    "wheel_file",
]
