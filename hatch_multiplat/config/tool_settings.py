"""The settings of uv and pip: which of them count in a build, and what is said of the others.

Of every setting that uv and pip have, one of three things is true. It counts, as it does to uv or
pip. It is of no concern, since it says nothing of what is resolved, from where, and how. Or it
would change that and does not count here: then a build that finds it set says so, with what to do
instead. docs/reference/tool-settings.md is made from these tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COUNTS: Final = ""
"""Instead of a reason: the setting means the same here as to the tool."""

_DOWNLOADS: Final = "it counts while uv solves, and not for what is downloaded"
_CERTIFICATES: Final = f"{_DOWNLOADS}; name the file with your CA certificates in SSL_CERT_FILE"
_PROXY: Final = f"{_DOWNLOADS}; set HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
_SDIST: Final = "an sdist that is built here is built without it"
_NO_SOURCES: Final = "the sources are in force; set UV_NO_SOURCES=1 to leave all of them out"

UV_SETTINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "cache-dir",
            "constraint-dependencies",
            "dependency-metadata",
            "exclude-dependencies",
            "exclude-newer",
            "exclude-newer-package",
            "extra-index-url",
            "find-links",
            "fork-strategy",
            "index",
            "index-strategy",
            "index-url",
            "keyring-provider",
            "no-binary",
            "no-binary-package",
            "no-build",
            "no-build-package",
            "no-index",
            "offline",
            "only-binary",
            "override-dependencies",
            "pip",
            "prerelease",
            "prerelease-package",
            "resolution",
            "sources",
            "workspace",
        ),
        COUNTS,
    ),
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
"""Each setting of uv that counts or would change something, with the reason why it does not."""

UV_WITHOUT_CONCERN: Final = frozenset(
    {
        # What is resolved for: the targets of [tool.multiplat] say it.
        *("conflicts", "default-groups", "dependency-groups", "dev-dependencies", "environments"),
        *("minimum-libc-version", "required-environments", "all-extras", "extra", "group"),
        *("no-extra", "python-platform", "python-version", "universal"),
        # Other commands of uv, and how it installs.
        *("add-bounds", "allow-empty-requirements", "annotation-style", "audit"),
        *("break-system-packages", "build-backend", "cache-keys", "check-url", "compile-bytecode"),
        *("custom-compile-command", "emit-build-options", "emit-find-links"),
        *("emit-index-annotation", "emit-index-url", "emit-marker-expression", "generate-hashes"),
        *("link-mode", "managed", "no-annotate", "no-emit-package", "no-header"),
        *("no-strip-extras", "no-strip-markers", "output-file", "package", "prefix"),
        *("publish-url", "reinstall", "reinstall-package", "require-hashes", "strict", "system"),
        *("target", "trusted-publishing", "upgrade", "upgrade-package", "verify-hashes"),
        # How uv itself runs; the Python of the build is the one that it is given.
        *("concurrent-builds", "concurrent-downloads", "concurrent-installs"),
        *("graalpy-install-mirror", "no-cache", "preview", "preview-features", "python"),
        *("pypy-install-mirror", "pyodide-install-mirror", "python-downloads"),
        *("python-downloads-json-url", "python-install-mirror", "python-preference"),
        "required-version",
    }
)

UV_VARIABLES: Final[Mapping[str, str]] = {
    "UV_INSECURE_HOST": UV_SETTINGS["allow-insecure-host"],
    "UV_NATIVE_TLS": _CERTIFICATES,
    "UV_NO_BUILD_ISOLATION": _SDIST,
    "UV_NO_SOURCES_PACKAGE": _NO_SOURCES,
    "UV_SYSTEM_CERTS": _CERTIFICATES,
    "UV_TORCH_BACKEND": UV_SETTINGS["torch-backend"],
}
"""uv's variables that would change something and do not count; the others do, or do not matter."""

PIP_SETTINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "cert",
            "constraint",
            "extra-index-url",
            "find-links",
            "index-url",
            "keyring-provider",
            "no-binary",
            "no-index",
            "only-binary",
            "prefer-binary",
        ),
        COUNTS,
    ),
    "all-releases": "set prerelease in tool.uv",
    "build-constraint": _SDIST,
    "client-cert": "no certificate of a client is sent",
    "config-settings": _SDIST,
    "ignore-requires-python": "what a package says of its Pythons is kept to",
    "no-build-isolation": _SDIST,
    "no-deps": "dependencies are always followed",
    "no-proxy-env": "unset HTTPS_PROXY and HTTP_PROXY",
    "only-deps": "the project itself is always in the executable",
    "only-final": "set prerelease in tool.uv",
    "pre": 'set prerelease = "allow" in tool.uv',
    "proxy": "set HTTPS_PROXY and HTTP_PROXY",
    "trusted-host": "certificates are always checked; name yours in SSL_CERT_FILE",
    "uploaded-prior-to": "set exclude-newer in tool.uv",
}
"""The same for pip's options, by their names in its files and variables (`PIP_...`)."""

PIP_WITHOUT_CONCERN: Final = frozenset(
    {
        # What is resolved for and what is installed: the project and its table say it.
        *("abi", "editable", "group", "implementation", "platform", "python-version"),
        *("requirement", "requirements-from-script"),
        # How pip installs.
        *("break-system-packages", "check-build-dependencies", "compile", "dry-run"),
        *("force-reinstall", "ignore-installed", "no-clean", "no-compile"),
        *("no-warn-conflicts", "no-warn-script-location", "prefix", "report", "root"),
        *("root-user-action", "src", "target", "upgrade", "upgrade-strategy", "user"),
        # Hashes are always checked.
        *("no-require-hashes", "require-hashes"),
        # How pip itself runs.
        *("cache-dir", "debug", "disable-pip-version-check", "exists-action", "help"),
        *("isolated", "log", "no-cache-dir", "no-color", "no-input", "progress-bar", "python"),
        *("quiet", "refresh-package", "require-virtualenv", "resume-retries", "retries"),
        *("timeout", "use-deprecated", "use-feature", "verbose"),
    }
)


def settings_without_effect(
    *tables: tuple[str, Mapping[str, Any]],
    environ: Mapping[str, str],
    pip_config: Mapping[str, str],
) -> Iterator[str]:
    """Yield a sentence for each setting that would change a build and does not count in it.

    A table of uv's comes with the words that messages name its keys with.
    """
    for where, table in tables:
        for key, reason in UV_SETTINGS.items():
            pip = table.get("pip", {})
            for place, part in ((key, table), (f"pip.{key}", pip)):
                if reason and part.get(key):
                    yield f"{where}{place} has no effect here: {reason}"
    for name, reason in UV_VARIABLES.items():
        if environ.get(name):
            yield f"{name} has no effect here: {reason}"
    for key, reason in PIP_SETTINGS.items():
        variable = f"PIP_{key.upper().replace('-', '_')}"
        if reason and _is_set(environ.get(variable)):
            yield f"{variable} has no effect here: {reason}"
        elif reason and _is_set(pip_config.get(key)):
            yield f"pip's {key} has no effect here: {reason}"


def _is_set(value: str | None) -> bool:
    return (value or "").strip().lower() not in {"", "0", "false", "no", "off"}


def render_page() -> str:
    """Return the page of the documentation that lists every setting."""
    return "\n".join(
        [
            "# Settings of uv and pip",
            "",
            "A build resolves what uv and pip would, so their settings count: those of the",
            "project, of a workspace, of the user and of the system, and the variables of the",
            "environment. This page has each of them. What counts means here what it means to the",
            "tool. What would change a build and does not count is named by a warning when it is",
            "set.",
            "",
            "## uv",
            "",
            "Settings of `[tool.uv]` and of `uv.toml`, at the top or under `pip`:",
            "",
            *_rows(UV_SETTINGS),
            "",
            "Of no concern to a build: " + _listed(UV_WITHOUT_CONCERN) + ".",
            "",
            "Variables mean what they mean to uv; without effect are these:",
            "",
            *_rows(UV_VARIABLES),
            "",
            "## pip",
            "",
            "Options in `pip.conf`, or as `PIP_...` in the environment. The locations among them",
            "count where uv's settings and the table name none",
            "([the order](../how-to/private-index.md#in-the-environment)).",
            "",
            *_rows(PIP_SETTINGS),
            "",
            "Of no concern to a build: " + _listed(PIP_WITHOUT_CONCERN) + ".",
            "",
        ]
    )


def _rows(settings: Mapping[str, str]) -> Iterator[str]:
    yield "| Setting | In a build |"
    yield "| --- | --- |"
    for key, reason in sorted(settings.items()):
        yield f"| `{key}` | {f'no effect: {reason}' if reason else 'counts'} |"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
