"""What `preamble.py` loads on a first run: shipped as source inside executables.

Python 3.6 or newer and the standard library only; the build never runs any of it. Each module is
embedded whole by `boot.py`, in the order of `boot.RUNTIME_MODULES`, so imports point back only.
"""
