"""pex's own vocabulary: which of its options `pex-args` may have, and its placeholders.

The build puts an executable together by itself; pex makes what is no wheel, once for all builds. So
those of its options count that end in PEX-INFO, where its runtime reads them.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FLAGS: Final = frozenset(
    {
        *("--emit-warnings", "--no-emit-warnings", "--strip-pex-env", "--no-strip-pex-env"),
        *("--venv-copies", "--no-venv-copies", "--non-hermetic-venv-scripts"),
        *("--venv-site-packages-copies", "--no-venv-site-packages-copies", "--ignore-errors"),
    }
)
_WITH_VALUE: Final = frozenset(
    {"--build-property", "--max-install-jobs", "--interpreter-selection-strategy"}
)
_VENV: Final = "--venv"  # Its value may be left out.
_VENV_VALUES: Final = frozenset({"prepend", "append"})
_KNOWN: Final = (*sorted(_FLAGS), _VENV, *sorted(_WITH_VALUE))

# All other options, by the words of pex. Those of a group stand in one text, as pex's help has
# them; after them comes what to do instead.
_GROUPS: Final = {
    "-o --output-file": "use the keys 'output' and 'output-dir'",
    "-p --preamble-file": "the launcher is in that place",
    "--pylock --pep-751-lock --lock --pex-lock --pex-repository --pre-resolved-dist "
    "--pre-resolved-dists --venv-repository --path-mapping": "use the key 'lock'",
    "--pylock-extra": "use the key 'extras'",
    "--pylock-group --pylock-dependency-group --group --dependency-group": (
        "use the key 'dependency-groups'"
    ),
    "-r --requirement --requirements --with-requirements --requirements-pex --pex-path "
    "--project --pep723 --enable-script-metadata --no-pep723 --no-enable-script-metadata": (
        "use the key 'requirements'"
    ),
    "--constraint --constraints": "use the key 'constraints'",
    "--exclude": "use exclude-dependencies of [tool.uv]",
    "--override": "use override-dependencies of [tool.uv]",
    "-i --index --index-url --pypi --no-pypi --no-index --source "
    "--derive-sources-from-requirements-files": "use the keys 'index-url' and 'extra-index-urls'",
    "-f --find-links --repo": "use the key 'find-links'",
    "--platform --abbreviated-platform --complete-platform --python --python-path "
    "--interpreter-constraint --manylinux --no-manylinux --no-use-manylinux "
    "--resolve-local-platforms": "use the keys 'platforms' and 'python'",
    "--pre-install-wheels --no-pre-install-wheels --compress --compressed --no-compress "
    "--not-compressed --no-compression -Z --compression-method --compression-level": (
        "wheels are in the file unchanged, so that they can be checked"
    ),
    "--layout": "use the key 'layout'",
    "-D --sources-directory -R --resources-directory -P --package -M --module": (
        "put the files into the project's wheel, "
        "such as by [tool.hatch.build.targets.wheel.force-include]"
    ),
    "-c --script --console-script": "use the key 'script'",
    "-e -m --entry-point": "use the keys 'entry-point' and 'module'",
    "--exe --executable --python-script": (
        "put the file into the project's wheel, "
        "such as by [tool.hatch.build.targets.wheel.shared-scripts], and use the key 'script'"
    ),
    "--inject-args": "use the key 'inject-args'",
    "--inject-env": "use the key 'inject-env'",
    "--inject-python-args": (
        "start-up has nothing like it; Python's own variables, such as PYTHONUNBUFFERED, count"
    ),
    "--bind-resource-path": "start-up has nothing like it; importlib.resources finds files",
    "--inherit-path --venv-system-site-packages --no-venv-system-site-packages": (
        "use the key 'inherit-path'"
    ),
    "--include-tools": "use the key 'include-tools'",
    "--runtime-pex-root": "use the key 'runtime-root'",
    "--python-shebang --sh-boot --no-sh-boot": "use the key 'shebang'",
    "--scie --par --scie-only --no-scie-only --pex-and-scie": "use the key 'formats'",
    "--pex-root --disable-cache --cache-dir --tmpdir": "the build uses its own folders",
    "--rcfile": "write its options into 'pex-args'",
    "-h --help -V --version --help-variables --docs --help-html": "nothing would be built",
    "--resolver-version --pip-version --allow-pip-version-fallback "
    "--no-allow-pip-version-fallback --extra-pip-requirement --use-pip-config --no-use-pip-config "
    "--keyring-provider --uploaded-prior-to --retries --resume-retries --timeout --proxy --cert "
    "--client-cert --cache-ttl -H --header --pip-log --preserve-pip-download-log "
    "--no-preserve-pip-download-log -j --jobs": (
        "pex loads nothing here: uv resolves, by its own settings and pip's"
    ),
    "--pre --no-pre --wheel --binary --no-wheel --no-use-wheel --no-binary --no-use-binary "
    "--only-binary --only-wheel --build --no-build --only-build --prefer-wheel --prefer-binary "
    "--no-prefer-wheel --no-prefer-binary --force-pep517 --use-pep517 --no-use-pep517 "
    "--build-isolation --no-build-isolation": "uv resolves; use its settings, such as [tool.uv]",
    "--transitive --no-transitive --intransitive": "everything that a wheel requires is included",
    "--seed --no-seed": "start-up makes an environment by itself; MULTIPLAT=venv makes one ahead",
    "--build-properties --record-git-state --no-record-git-state": (
        "name each property by '--build-property'"
    ),
    "--compile --no-compile": "each machine compiles for its own Python, at its first start",
    "--use-system-time --no-use-system-time": "the same inputs give the same bytes",
    "--check": "the build itself refuses files that no Python can read",
    "--zip-safe --not-zip-safe --unzip --no-unzip --always-write-cache": "pex ignores it now",
    "--rc --no-rc --pexrc --no-pexrc --native-runtime --no-native-runtime --pexrc-platform "
    "--pexrc-binary": "start-up is the launcher's",
    "--validate-entry-point": "the build itself checks that a wheel has the program",
    "-v": "pex's output is shown if it fails",
}
_REFUSED: Final[Mapping[str, str]] = {
    option: instead for options, instead in _GROUPS.items() for option in options.split()
}
_PLACEHOLDER: Final = re.compile(r"pex\.env(\.[A-Za-z_]\w*|\[\w+\])")


def refused_words(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of each pex argument that cannot be used, and the alternative."""
    before = ""  # the option that may take the next word for its value
    for place, word in enumerate([*words, "-"]):
        if before in _WITH_VALUE and word.startswith("-"):
            yield place - 1, f"{before} needs a value"
        if place == len(words):
            break
        if not word.startswith("-"):
            refused = before == "" or (before == _VENV and word not in _VENV_VALUES)
            if refused or before in _FLAGS:
                yield place, refuse_option(word)
            before = ""
            continue
        option, equals, value = word.partition("=")
        is_venv = option == _VENV and (not equals or value in _VENV_VALUES)
        if not (word in _FLAGS or option in _WITH_VALUE or is_venv):
            yield place, refuse_option(word)
        before = "" if equals else word


def refuse_option(word: str) -> str:
    """Return the alternative to a word of pex's command line that cannot be used."""
    instead = None
    if word.startswith("--"):
        option = "--scie" if word.startswith("--scie-") else word.partition("=")[0]
        # pex's parser takes the beginning of an option for the option.
        short = len(option) <= len("--") or option in _KNOWN
        whole = (known for known in _REFUSED if not short and known.startswith(option))
        instead = _REFUSED.get(option) or next((_REFUSED[known] for known in whole), None)
    elif word.startswith("-"):
        instead = _REFUSED.get(word[:2])
    return instead or f"only these options of pex have an effect on the file: {', '.join(_KNOWN)}"


def is_template(text: str) -> bool:
    """Tell whether pex can fill in an injected argument: `{pex.env.NAME}`, and `{{` for a brace."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    return all(
        name is None or (_PLACEHOLDER.fullmatch(name) and not spec and conversion is None)
        for _, name, spec, conversion in parts
    )
