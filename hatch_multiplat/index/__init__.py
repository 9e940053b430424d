"""The network and the cache: settings of pip and uv, package indexes, downloads, the wheel cache.

Settings and names of packages come in; `Sources`, `IndexFile` and checked files on disk go out.
"""

__all__ = [
    "fetch",
    "http_client",
    "index_page",
    "index_trouble",
    "local_files",
    "locations",
    "progress",
    "project_settings",
    "simple_api",
    "sources",
    "user_settings",
    "wheel_cache",
]
