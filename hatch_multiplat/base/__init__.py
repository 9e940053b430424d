"""The base of every other room: the error tree, processes, atomic writes, TOML values, URLs.

Nothing of hatch-multiplat's own subject comes in or goes out.
"""
