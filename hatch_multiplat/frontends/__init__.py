"""The entrances for people and build tools: hatchling's hook and build target, the command line.

It is thin: it calls the rooms below and turns what they return or raise into output.
"""

__all__ = ["cli", "hooks"]
