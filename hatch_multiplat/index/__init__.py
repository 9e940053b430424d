"""The network and the cache: settings of pip and uv, package indexes, downloads, the wheel cache.

Settings and names of packages come in; `Sources`, `IndexFile` and checked files on disk go out.
"""
