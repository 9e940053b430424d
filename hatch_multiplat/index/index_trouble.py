"""The problem with an index, from uv's words: the index, the setting that names it, the remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hatch_multiplat.base.urls import redact
from hatch_multiplat.index.sources import credentials_hint
from hatch_multiplat.index.user_settings import missing_certificates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_multiplat.index.sources import Sources

OFFLINE: Final = (
    "offline, and uv's cache lacks something that solving needs; build once without UV_OFFLINE and "
    "HATCH_MULTIPLAT_OFFLINE, or write a lock, so that nothing has to be solved"
)

_ADDRESS: Final = re.compile(
    r"Failed to fetch: `?(?P<fetched>[^\s`]+)"
    r"|(?:Missing|Unsupported) .Content-Type.[^\n]* (?:for|from):? [`']?(?P<untyped>https?://[^\s`']+)"
    r"|An index(?: URL)? \((?P<refused>[^\s)]+)\) (?:could not be queried|returned a 403)"
)
_REFUSED: Final = re.compile(r"could not be queried.*\((401[^)]*)\)|returned a (403[^.]*?) error")
_CERTIFICATE: Final = re.compile(r"invalid peer certificate: (.*)")
_CAUSE: Final = re.compile(r"^\s*(?:cause|Caused by): (.*?)(?: \(os error \d+\))?$", re.MULTILINE)
_REASONS: Final = (
    (
        "Content-Type",
        (
            "sends something other than an index page, or redirects without end; "
            "check the address, and whether a login is asked for there"
        ),
    ),
    ("(?i:redirect)", "redirects without end; does it need a login?"),
    (
        r"HTTP status \w+ error \((?P<status>\d{3}[^)]*)\)",
        "answered {status}; try again later, or ask the people who run it",
    ),
    (
        "(?i:tunnel error|proxy)",
        "is not reached through the proxy ({cause}); see HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
    ),
    (
        "dns error|failed to lookup address",
        (
            "is at a host that cannot be looked up ({cause}): there is no network, or its name is "
            "wrong; without network, UV_OFFLINE=1 builds from what earlier builds have kept"
        ),
    ),
    ("(?i:timed out|timeout)", "does not answer in time; try again, or check the network"),
    ("", "cannot be reached ({cause}); correct the address, or check the network"),
)
"""What uv says, and the second half of our sentence with the remedy; the first that fits counts."""


def explain_trouble(
    said: str, sources: Sources, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return why uv cannot read an index, and what to do; None for any other failure.

    `said` is what uv wrote, without credentials.
    """
    if "network was disabled" in said:
        return OFFLINE
    found = _ADDRESS.search(said)
    if found is None:
        return None
    refused = _REFUSED.search(said)
    if found["refused"] and not (refused and "was not found in" in said):
        return None
    address = redact(found["fetched"] or found["refused"] or found["untyped"])
    index = _source_of(address, sources)
    origin = sources.origins.get(index) if index else None
    where = f"{origin}: " if origin else ""
    reason = _reason(said, index or address, sources, environ or {})
    return f"{where}{redact(index or address)} {reason}"


def _reason(said: str, url: str, sources: Sources, environ: Mapping[str, str]) -> str:
    """Return the second half of the sentence, and the remedy."""
    if refused := _REFUSED.search(said):
        proxy = environ.get("HTTP_PROXY") or environ.get("http_proxy")
        between = ""
        if proxy and url.startswith("http://"):  # With TLS no proxy can answer for a server.
            between = f", or the proxy {redact(proxy)} did: see what that lets through"
        status = refused[1] or refused[2]
        return f"refused us ({status}); {credentials_hint(url, sources)}{between}"
    if certificate := _CERTIFICATE.search(said):
        missing = missing_certificates(environ)
        todo = "name the file with your CA certificates in SSL_CERT_FILE"
        if missing:
            todo = f"{missing} names {environ[missing]}, which is not there"
        return f"has a certificate that is not trusted ({certificate[1].strip()}); {todo}"
    causes = _CAUSE.findall(said) or ["no reason was given"]
    return next(
        reason.format(cause=causes[-1], **found.groupdict())
        for pattern, reason in _REASONS
        if (found := re.search(pattern, said))
    )


def _source_of(address: str, sources: Sources) -> str | None:
    """Return the source that an address lies in: of several the longest."""
    locations = [
        *(url for _, url in sources.named),
        *sources.find_links,
        *sources.extra_index_urls,
        sources.index_url,
    ]
    fitting = [url for url in locations if f"{address}/".startswith(f"{redact(url).rstrip('/')}/")]
    return max(fitting, key=len, default=None)
