"""Requirements and targets to a resolution: solving, stepping back, locks.

A project and its targets come in; a lock and a `Selection` for each target go out.
"""
