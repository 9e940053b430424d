"""Facts about wheels and targets: selection, incompatibility, metadata, ELF, proof, coverage.

Wheels, locks and targets come in; a `Selection` for each target, or what is missing, goes out.
The text of the matrix of both is made here too, since errors of every room have it below them.
"""
