"""Every setting of uv and pip by what a build makes of it, and the page that lists them.

`python -m tests.support.tool_settings` writes docs/reference/tool-settings.md anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hatch_multiplat.config import tool_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAGE: Final = Path(__file__).parents[2] / "docs/reference/tool-settings.md"


def _with_those_that_count(
    without_effect: Mapping[str, str], counting: Iterable[str]
) -> dict[str, str]:
    """Return the settings that could change a build, and why they do not; "" for those that do."""
    return {**dict.fromkeys(counting, ""), **without_effect}


UV_SETTINGS: Final = _with_those_that_count(
    tool_settings.UV_WITHOUT_EFFECT,
    {
        *("cache-dir", "constraint-dependencies", "dependency-metadata", "exclude-dependencies"),
        *("exclude-newer", "exclude-newer-package", "extra-index-url", "find-links"),
        *("fork-strategy", "index", "index-strategy", "index-url", "keyring-provider"),
        *("no-binary", "no-binary-package", "no-build", "no-build-package", "no-index", "offline"),
        *("only-binary", "override-dependencies", "pip", "prerelease", "prerelease-package"),
        *("resolution", "sources", "workspace"),
    },
)

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

UV_VARIABLES: Final = _with_those_that_count(
    tool_settings.UV_VARIABLES_WITHOUT_EFFECT,
    {
        *("UV_BUILD_CONSTRAINT", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_CONSTRAINT"),
        *("UV_DEFAULT_INDEX", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_EXTRA_INDEX_URL"),
        *("UV_FIND_LINKS", "UV_FORK_STRATEGY", "UV_INDEX", "UV_INDEX_STRATEGY", "UV_INDEX_URL"),
        *("UV_KEYRING_PROVIDER", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD"),
        *("UV_NO_BUILD_PACKAGE", "UV_NO_CONFIG", "UV_NO_SOURCES", "UV_NO_SYSTEM_CONFIG"),
        *("UV_OFFLINE", "UV_OVERRIDE", "UV_PRERELEASE", "UV_RESOLUTION"),
    },
)

UV_VARIABLES_WITHOUT_CONCERN: Final = frozenset(
    f"UV_{name}"
    for name in (
        # What is resolved for: the project and its table say it.
        *("DEV", "NO_DEV", "NO_DEFAULT_GROUPS", "NO_GROUP", "LIBC", "PROJECT", "NO_PROJECT"),
        *("FROZEN", "LOCKED", "WORKING_DIR"),
        # Other commands of uv, and how it installs.
        *("BREAK_SYSTEM_PACKAGES", "COMPILE_BYTECODE", "COMPILE_BYTECODE_TIMEOUT"),
        *("CUSTOM_COMPILE_COMMAND", "DOWNLOAD_URL", "ENV_FILE", "GITHUB_TOKEN", "INIT_BARE"),
        *("INIT_BUILD_BACKEND", "INSTALLER_GHE_BASE_URL", "INSTALLER_GITHUB_BASE_URL"),
        *("INSTALL_DIR", "LINK_MODE", "MALWARE_CHECK", "MALWARE_CHECK_URL", "NO_EDITABLE"),
        *("NO_ENV_FILE", "NO_INSTALLER_METADATA", "NO_INSTALL_LOCAL", "NO_INSTALL_PROJECT"),
        *("NO_INSTALL_WORKSPACE", "NO_MODIFY_PATH", "NO_SYNC", "PROJECT_ENVIRONMENT"),
        *("PUBLISH_CHECK_URL", "PUBLISH_INDEX", "PUBLISH_NO_ATTESTATIONS", "PUBLISH_PASSWORD"),
        *("PUBLISH_TOKEN", "PUBLISH_URL", "PUBLISH_USERNAME", "RUN_RLIMIT_NOFILE"),
        *("TOOL_BIN_DIR", "TOOL_DIR", "UNMANAGED_INSTALL", "UPLOAD_HTTP_TIMEOUT"),
        *("VENV_CLEAR", "VENV_RELOCATABLE", "VENV_SEED"),
        # Hashes are always checked.
        *("NO_VERIFY_HASHES", "REQUIRE_HASHES"),
        # How uv itself runs; the Python of the build is the one that it is given.
        *("CONCURRENT_BUILDS", "CONCURRENT_CACHE_READS", "CONCURRENT_DOWNLOADS"),
        *("CONCURRENT_INSTALLS", "GIT_LFS", "GRAALPY_INSTALL_MIRROR", "HIDE_BUILD_OUTPUT"),
        *("HTTP_CONNECT_TIMEOUT", "HTTP_RETRIES", "HTTP_TIMEOUT", "LEGACY_TAR_BACKEND"),
        *("LOCK_TIMEOUT", "LOG_CONTEXT", "MANAGED_PYTHON", "NO_CACHE", "NO_GITHUB_FAST_PATH"),
        *("NO_HF_TOKEN", "NO_MANAGED_PYTHON", "NO_PROGRESS", "NO_WRAP", "PREVIEW"),
        *("PREVIEW_FEATURES", "PYODIDE_INSTALL_MIRROR", "PYPY_INSTALL_MIRROR", "PYTHON"),
        *("PYTHON_ARCH", "PYTHON_BIN_DIR", "PYTHON_CACHE_DIR", "PYTHON_CPYTHON_BUILD"),
        *("PYTHON_DOWNLOADS", "PYTHON_DOWNLOADS_JSON_URL", "PYTHON_GRAALPY_BUILD"),
        *("PYTHON_INSTALL_BIN", "PYTHON_INSTALL_DIR", "PYTHON_INSTALL_MIRROR"),
        *("PYTHON_INSTALL_REGISTRY", "PYTHON_NO_REGISTRY", "PYTHON_PREFERENCE"),
        *("PYTHON_PYODIDE_BUILD", "PYTHON_PYPY_BUILD", "PYTHON_SEARCH_PATH", "REQUEST_TIMEOUT"),
        *("STACK_SIZE", "SYSTEM_PYTHON"),
    )
)

PIP_SETTINGS: Final = _with_those_that_count(
    tool_settings.PIP_WITHOUT_EFFECT,
    {
        *("cert", "constraint", "extra-index-url", "find-links", "index-url", "keyring-provider"),
        *("no-binary", "no-index", "only-binary", "prefer-binary"),
    },
)

PIP_WITHOUT_CONCERN: Final = frozenset(
    {
        # What is resolved for and what is installed: the project and its table say it.
        *("abi", "editable", "group", "implementation", "platform", "python-version"),
        *("requirement", "requirements-from-script", "source", "source-dir", "source-directory"),
        # How pip installs.
        *("break-system-packages", "check-build-dependencies", "compile", "dry-run"),
        *("force-reinstall", "ignore-installed", "no-clean", "no-compile"),
        *("no-warn-conflicts", "no-warn-script-location", "prefix", "report", "root"),
        *("no-user", "root-user-action", "src", "target", "upgrade", "upgrade-strategy", "user"),
        # Hashes are always checked.
        *("no-require-hashes", "require-hashes"),
        # How pip itself runs.
        *("cache-dir", "debug", "disable-pip-version-check", "exists-action", "help"),
        *("isolated", "log", "no-cache-dir", "no-color", "no-input", "progress-bar", "python"),
        *("quiet", "refresh-package", "require-virtualenv", "resume-retries", "retries"),
        *("default-timeout", "local-log", "log-file", "no-python-version-warning", "require-venv"),
        *("timeout", "use-deprecated", "use-feature", "use-pep517", "verbose"),
    }
)


def render_page() -> str:
    """Return the page of the documentation that lists every setting."""
    return "\n".join(
        [
            "# Settings of uv and pip",
            "",
            "A build resolves dependencies as uv and pip do, and their settings count: those of",
            "the project, of its workspace, of the user and of the system, and the environment's",
            "variables. The tables below have every setting that could change a build:",
            "",
            "- *counts*: the setting means here what it means to the tool.",
            "- *no effect*: a build ignores the setting. If it is set, a warning says so.",
            "",
            "All other settings follow each table. They do not change what a build resolves.",
            "",
            "## uv",
            "",
            "These are the settings in `[tool.uv]` and in `uv.toml`, at the top or under `pip`.",
            "",
            *_rows(UV_SETTINGS),
            "",
            "Other settings: " + _listed(UV_WITHOUT_CONCERN) + ".",
            "",
            "These are the variables of the environment. Credentials, proxies and certificates",
            "have variables too, which [Environment variables](environment.md) lists.",
            "",
            *_rows(UV_VARIABLES),
            "",
            "Other variables: " + _listed(UV_VARIABLES_WITHOUT_CONCERN) + ".",
            "",
            "## pip",
            "",
            "These are pip's options, in `pip.conf` or as `PIP_...` in the environment. Indexes",
            "and folders among them count if neither uv's settings nor the table name any:",
            "[the order](../how-to/private-index.md#in-the-environment).",
            "",
            *_rows(PIP_SETTINGS),
            "",
            "Other options: " + _listed(PIP_WITHOUT_CONCERN) + ".",
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


if __name__ == "__main__":
    PAGE.write_text(render_page(), "utf-8")
