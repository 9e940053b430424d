"""What every other room stands on: the error tree, processes, atomic writes, TOML values, URLs.

Nothing of hatch-multiplat's own subject comes in or goes out.
"""
