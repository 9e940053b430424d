"""The certificates that this machine trusts, by the variables that users of uv and pip know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CA_VARIABLES: Final = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "SSL_CERT_FILE",
)


def certificate_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which uv trusts the file of certificates that a session does.

    By itself it knows one of their names only, and a relative path is not for its folder.
    """
    chosen = choose_certificates(environ)
    if chosen is None or not Path(chosen).is_file():
        return {}
    return {"SSL_CERT_FILE": str(Path(chosen).absolute())}


def missing_certificates(environ: Mapping[str, str]) -> str:
    """Return the variable that names a file of certificates which is not there, if one does."""
    names = [name for name in CA_VARIABLES if environ.get(name)][:1]
    return next((name for name in names if not Path(environ[name]).exists()), "")


def choose_certificates(environ: Mapping[str, str]) -> str | None:
    """Return the file or folder of CA certificates that the environment names.

    A file that is not there is an error later on; SSL_CERT_DIR may be a list, as OpenSSL has it,
    of which requests can use one.
    """
    for name in CA_VARIABLES:
        if environ.get(name):
            return environ[name]
    folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    return next((folder for folder in folders if folder and Path(folder).is_dir()), None)
