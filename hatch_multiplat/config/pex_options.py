"""pex's own vocabulary: which of its options `pex-args` may have, and its placeholders."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the build decides, by the words of pex that would decide it otherwise. The options of a
# group stand in one text, as pex's help has them; after them comes what to do instead.
_GROUPS: Final = {
    "-o --output-file": "use the keys 'output' and 'output-dir'",
    "-p --preamble-file": "start-up needs the place",
    "--pylock --pep-751-lock --lock --pex-lock --pex-repository --pre-resolved-dist "
    "--pre-resolved-dists --venv-repository --path-mapping": "use the key 'lock'",
    "--pylock-extra": "use the key 'extras'",
    "--pylock-group --pylock-dependency-group --group --dependency-group": (
        "use the key 'dependency-groups'"
    ),
    "-r --requirement --requirements --with-requirements --requirements-pex --pex-path "
    "--project --pep723 --enable-script-metadata": "use the key 'requirements'",
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
        "wheels lie in the file as they came, so that they can be checked"
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
    "--pex-root --disable-cache --cache-dir --tmpdir": "the build has folders of its own",
    "--rcfile": "write its options into 'pex-args'",
    "-h --help -V --version --help-variables --docs --help-html": "nothing would be built",
}
_REFUSED: Final[Mapping[str, str]] = {
    option: instead for options, instead in _GROUPS.items() for option in options.split()
}
# What looks like the beginning of an option above, and is an option itself.
_NO_BEGINNINGS: Final = frozenset({"--", "--pre", "--no-pre", "--venv", "--rc"})
_PLACEHOLDER: Final = re.compile(r"pex\.env(\.[A-Za-z_]\w*|\[\w+\])")


def refuse_option(word: str) -> str | None:
    """Say what to do in place of an option of pex that the build decides; None for any other.

    `word` is one word of a command line. A value of an option is none, unless it begins with "-".
    """
    if not word.startswith("-"):
        return None
    if not word.startswith("--"):
        return _REFUSED.get(word[:2])
    option = "--scie" if word.startswith("--scie-") else word.partition("=")[0]
    if option in _REFUSED or option in _NO_BEGINNINGS:
        return _REFUSED.get(option)
    # pex's parser takes the beginning of an option for the option.
    return next((_REFUSED[known] for known in _REFUSED if known.startswith(option)), None)


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
