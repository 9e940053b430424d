"""The settings of uv and pip that would change a build and have no effect on it.

A build that finds one of them set says so, with what to do instead. All others either count, as
they do to uv or pip, or are of no concern: they say nothing of what is resolved, from where, and
how. tests/support/tool_settings.py lists those, and makes docs/reference/tool-settings.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DOWNLOADS: Final = "it counts while uv solves, and not for what is downloaded"
_CERTIFICATES: Final = f"{_DOWNLOADS}; name the file with your CA certificates in SSL_CERT_FILE"
_PROXY: Final = f"{_DOWNLOADS}; set HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
_SDIST: Final = "an sdist that is built here is built without it"
_NO_SOURCES: Final = "the sources are in force; set UV_NO_SOURCES=1 to leave all of them out"

UV_WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "allow-insecure-host": f"{_DOWNLOADS}, whose certificates are always checked",
    "build-constraint-dependencies": _SDIST,
    "config-settings": _SDIST,
    "config-settings-package": _SDIST,
    "extra-build-dependencies": _SDIST,
    "extra-build-variables": _SDIST,
    "http-proxy": _PROXY,
    "https-proxy": _PROXY,
    "native-tls": _CERTIFICATES,
    "no-build-isolation": _SDIST,
    "no-build-isolation-package": _SDIST,
    "no-deps": "dependencies are always followed; name what is not wanted in exclude-dependencies",
    "no-proxy": _PROXY,
    "no-sources": _NO_SOURCES,
    "no-sources-package": _NO_SOURCES,
    "require-build-hashes": _SDIST,
    "system-certs": _CERTIFICATES,
    "torch-backend": "name PyTorch's index in tool.uv.index, and bind its packages to that",
}
"""Each setting of uv that does not count here, with the reason or with what to do instead."""

UV_VARIABLES_WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("UV_AZURE_ENDPOINT_URL", "UV_GCS_ENDPOINT_URL", "UV_S3_ENDPOINT_URL"),
        f"{_DOWNLOADS}; give the index a user and a password",
    ),
    "UV_CREDENTIALS_DIR": f"{_DOWNLOADS}; put the login into ~/.netrc or the keyring",
    "UV_INSECURE_HOST": UV_WITHOUT_EFFECT["allow-insecure-host"],
    "UV_INSECURE_NO_ZIP_VALIDATION": "every wheel is checked",
    "UV_ISOLATED": "set UV_NO_CONFIG=1",
    "UV_NATIVE_TLS": _CERTIFICATES,
    "UV_NO_BUILD_ISOLATION": _SDIST,
    "UV_NO_SOURCES_PACKAGE": _NO_SOURCES,
    "UV_REQUIRE_BUILD_HASHES": _SDIST,
    "UV_SKIP_WHEEL_FILENAME_CHECK": "every wheel is checked",
    "UV_SYSTEM_CERTS": _CERTIFICATES,
    "UV_TORCH_BACKEND": UV_WITHOUT_EFFECT["torch-backend"],
}
"""The same for uv's variables."""

PIP_WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "all-releases": "set prerelease in tool.uv",
    "build-constraint": _SDIST,
    "client-cert": "no certificate of a client is sent",
    "config-settings": _SDIST,
    "ignore-requires-python": "what a package says of its Pythons is kept to",
    "no-build-isolation": _SDIST,
    **dict.fromkeys(("no-deps", "no-dependencies"), "dependencies are always followed"),
    "no-proxy-env": "unset HTTPS_PROXY and HTTP_PROXY",
    **dict.fromkeys(
        ("only-deps", "only-dependencies"), "the project itself is always in the executable"
    ),
    "only-final": "set prerelease in tool.uv",
    "pre": 'set prerelease = "allow" in tool.uv',
    "proxy": "set HTTPS_PROXY and HTTP_PROXY",
    "pypi-url": "set index-url, which is the same to pip",
    "trusted-host": "certificates are always checked; name yours in SSL_CERT_FILE",
    "uploaded-prior-to": "set exclude-newer in tool.uv",
}
"""The same for pip's options, by their names in its files and variables (`PIP_...`)."""


def settings_without_effect(
    *tables: tuple[str, Mapping[str, Any]],
    environ: Mapping[str, str],
    pip_config: Mapping[str, str],
) -> Iterator[str]:
    """Yield a sentence for each setting that would change a build and does not count in it.

    A table of uv's comes with the words that messages name its keys with.
    """
    for where, table in tables:
        for key, reason in UV_WITHOUT_EFFECT.items():
            pip = table.get("pip", {})
            for place, part in ((key, table), (f"pip.{key}", pip)):
                if part.get(key):
                    yield f"{where}{place} has no effect here: {reason}"
    for name, reason in UV_VARIABLES_WITHOUT_EFFECT.items():
        if _is_set(environ.get(name)):
            yield f"{name} has no effect here: {reason}"
    for key, reason in PIP_WITHOUT_EFFECT.items():
        variable = f"PIP_{key.upper().replace('-', '_')}"
        if _is_set(environ.get(variable)):
            yield f"{variable} has no effect here: {reason}"
        elif _is_set(pip_config.get(key)):
            yield f"pip's {key} has no effect here: {reason}"


def _is_set(value: str | None) -> bool:
    return (value or "").strip().lower() not in {"", "0", "false", "no", "off"}
