"""Finished files: inspect, verify, split, merge.

The path of an executable comes in; what it holds, whether it is complete, or other executables
of its targets go out.
"""

__all__ = ["inspection", "interpreters", "parts", "verification"]
