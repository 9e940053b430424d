"""Inventories that the tests read: CycloneDX's own validator takes them first."""

from __future__ import annotations

import functools
import json
from typing import Any


@functools.cache
def _validator() -> Any:
    # To import it takes a second, which each process of the tests would spend at collection.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    return JsonStrictValidator(SchemaVersion.V1_6)


def parse_inventory(text: str) -> dict[str, Any]:
    """Parse an inventory, once it was found valid."""
    assert _validator().validate_str(text) is None
    parsed: dict[str, Any] = json.loads(text)
    return parsed
