"""The certificates that this machine trusts, by the variables of uv and pip."""

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
    """Return the variables by which uv trusts the same file of certificates as a session.

    uv itself only knows one of their names, and does not run in the current folder.
    """
    chosen = choose_certificates(environ)
    if chosen is None or not Path(chosen).is_file():
        return {}
    return {"SSL_CERT_FILE": str(Path(chosen).absolute())}


def missing_certificates(environ: Mapping[str, str]) -> str:
    """Return the variable that names a missing file of certificates, if there is one."""
    names = [name for name in CA_VARIABLES if environ.get(name)][:1]
    return next((name for name in names if not Path(environ[name]).exists()), "")


def choose_certificates(environ: Mapping[str, str]) -> str | None:
    """Return the file or folder of CA certificates that the environment names.

    A missing file is reported later. SSL_CERT_DIR may be a list, as in OpenSSL, of which requests
    can use one folder.
    """
    for name in CA_VARIABLES:
        if environ.get(name):
            return environ[name]
    folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    return next((folder for folder in folders if folder and Path(folder).is_dir()), None)
