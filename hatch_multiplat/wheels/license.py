"""A wheel's licence, from its METADATA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from packaging.metadata import parse_email

PREFIX: Final = "License :: "

SPDX_OF_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}
"""The classifiers that mean one licence of the SPDX list; "BSD License" means several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Licensing:
    """What a wheel says of its licence, the newest way of saying it first (PEP 639).

    `expression` is its License-Expression. Without one, `names` has what its classifiers say, as
    SPDX identifiers where they mean one, and `text` the first line of its License field, which
    may be an SPDX identifier too, any words, or the beginning of a whole licence.
    """

    expression: str = ""
    names: tuple[str, ...] = ()
    text: str = ""


def read_licensing(metadata: str) -> Licensing:
    """Read the licence fields of a METADATA (core metadata specification)."""
    raw, _ = parse_email(metadata)
    expression = raw.get("license_expression")
    if expression:
        return Licensing(expression=expression.strip())
    # "License :: OSI Approved" alone says that there is one, not which.
    words = [
        classifier.removeprefix(PREFIX).removeprefix("OSI Approved").removeprefix(" :: ")
        for classifier in raw.get("classifiers", [])
        if classifier.startswith(PREFIX)
    ]
    names = {SPDX_OF_CLASSIFIERS.get(word, word) for word in words if word}
    lines = [line.strip() for line in (raw.get("license") or "").splitlines() if line.strip()]
    text = lines[0] if lines and lines[0].upper() != "UNKNOWN" else ""
    return Licensing(names=tuple(sorted(names)), text=text)
