"""PEX-INFO: what pex writes down about an executable, and the hash by which it names its caches."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HASH = "pex_hash"


def dump_info(info: Mapping[str, Any]) -> str:
    """Return PEX-INFO's text as pex writes it."""
    return json.dumps(info, sort_keys=True, separators=(",", ":"))


def with_hash(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return PEX-INFO with its hash, which is over everything else in it."""
    rest = {key: value for key, value in info.items() if key != HASH}
    digest = hashlib.sha1(dump_info(rest).encode(), usedforsecurity=False).hexdigest()
    return {**rest, HASH: digest}
