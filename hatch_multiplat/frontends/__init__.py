"""Where people and build tools come in: hatchling's hook and build target, and the command line.

It is thin: it calls the rooms below and turns what they return or raise into output.
"""
