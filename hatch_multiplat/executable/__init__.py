"""The format of an executable, read and written in one place: table, launcher, skeleton, zip.

Selections and wheels on disk come in; one file that starts on every platform goes out, and back.
"""
