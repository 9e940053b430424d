"""CycloneDX inventories of executables: each wheel, its licence, and its source.

Needs `hatch-multiplat[sbom]`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import fixup_id, is_expression
from packageurl import PackageURL

from hatch_multiplat.__about__ import __version__
from hatch_multiplat.base.atomic_write import write_atomically
from hatch_multiplat.base.errors import WriteError
from hatch_multiplat.base.urls import display_url
from hatch_multiplat.build.output_paths import SBOM_SUFFIX
from hatch_multiplat.index.wheel_cache import hash_file
from hatch_multiplat.inspection.inspection import takers_of
from hatch_multiplat.wheels.metadata import Licensing, read_licensing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from packaging.pylock import Pylock

    from hatch_multiplat.resolve.project import ProjectWheel
    from hatch_multiplat.wheels.selection import Selection, Wheel
    from hatch_multiplat.wheels.wheel_file import WheelFile

TARGET_PROPERTY: Final = "hatch-multiplat:target"
NAMESPACE: Final = uuid.UUID("6f3c1f0e-6a0c-5d43-9a4b-0d2a8a1c7e55")
"""Any fixed UUID does: it keeps our serial numbers apart from those of others (RFC 9562)."""

_ALGORITHMS: Final = {
    "md5": HashAlgorithm.MD5,
    "sha1": HashAlgorithm.SHA_1,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The source of a wheel: its URL without credentials, or that of its sdist."""

    url: str
    hashes: tuple[tuple[str, str], ...]
    is_source: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedFile:
    """A file in an inventory; `origin` is None if it only exists on this machine."""

    name: str
    version: str
    filename: str
    sha256: str
    licensing: Licensing
    targets: tuple[str, ...]
    origin: Origin | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory(ListedFile):
    """An executable and all its wheels, sorted by file name."""

    components: tuple[ListedFile, ...]


def write_sboms(
    executables: Sequence[Path],
    own: ProjectWheel,
    *,
    selections: Sequence[Selection],
    files: Mapping[str, WheelFile],
    lock: Pylock,
    timestamp: datetime | None,
) -> list[Path]:
    """Write an inventory beside each of these executables of a project; returns their paths.

    `own` is a wheel of the project; `files` has every wheel by its file name. Raises WriteError.
    """
    components = list_components(
        selections,
        lock=lock,
        digests={name: file.sha256 for name, file in files.items()},
        metadata={name: file.metadata for name, file in files.items()},
    )
    written = []
    for executable in executables:
        inventory = Inventory(
            name=own.metadata.name,
            version=str(own.metadata.version),
            filename=executable.name,
            sha256=hash_file(executable, "sha256"),
            licensing=read_licensing(files[own.path.name].metadata),
            targets=tuple(str(selection.target) for selection in selections),
            components=components,
        )
        path = executable.with_name(executable.name + SBOM_SUFFIX)
        try:
            write_atomically(path, render_sbom(inventory, timestamp=timestamp))
        except OSError as error:
            raise WriteError.of(path, error, instead="'output-dir'") from error
        written.append(path)
    return written


def list_components(
    selections: Sequence[Selection],
    *,
    lock: Pylock,
    digests: Mapping[str, str],
    metadata: Mapping[str, str],
) -> tuple[ListedFile, ...]:
    """List every wheel that some selection takes, each once.

    `digests` and `metadata` map file names to the SHA-256 and the METADATA text of the wheels.
    The lock says which sdist a wheel was built from.
    """
    targets = takers_of(selections)
    wheels = {wheel.filename: wheel for selection in selections for wheel in selection.wheels}
    return tuple(
        ListedFile(
            name=str(wheel.name),
            version=str(wheel.version),
            filename=filename,
            sha256=digests[filename],
            licensing=read_licensing(metadata[filename]),
            targets=targets[filename],
            origin=_find_origin(wheel, lock),
        )
        for filename, wheel in sorted(wheels.items())
    )


def _find_origin(wheel: Wheel, lock: Pylock) -> Origin | None:
    if _is_remote(wheel.url):
        return Origin(url=display_url(wheel.url), hashes=wheel.hashes)
    for package in lock.packages:
        sdist = package.sdist or package.archive
        is_it = package.name == wheel.name and package.version == wheel.version
        if is_it and not package.wheels and sdist is not None and _is_remote(sdist.url or ""):
            return Origin(
                url=display_url(sdist.url or ""),
                hashes=tuple(sorted(sdist.hashes.items())),
                is_source=True,
            )
    return None


def _is_remote(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def render_sbom(inventory: Inventory, *, timestamp: datetime | None) -> str:
    """Render a CycloneDX 1.6 document in JSON.

    The application is the executable; every wheel in it is a component, with the targets that take
    it as properties. The same inventory gives the same text: the serial number is made from the
    hash of the executable, and without a `timestamp` the document carries none.
    """
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, f"{__version__} {inventory.sha256}"))
    if timestamp is not None:
        bom.metadata.timestamp = timestamp
    else:
        bom.metadata.timestamp = None  # type: ignore[assignment]  # It may be left out.
    bom.metadata.tools.components.add(
        Component(type=ComponentType.APPLICATION, name="hatch-multiplat", version=__version__)
    )
    application = _component(inventory, ComponentType.APPLICATION)
    bom.metadata.component = application
    components = [
        _component(
            wheel,
            ComponentType.LIBRARY,
            purl=PackageURL(
                type="pypi",
                name=wheel.name,
                version=wheel.version,
                qualifiers={"file_name": wheel.filename},
            ),
            external_references=_references(wheel),
        )
        for wheel in inventory.components
    ]
    bom.components.update(components)
    bom.register_dependency(application, components)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def _component(item: ListedFile, kind: ComponentType, **more: Any) -> Component:
    return Component(
        type=kind,
        bom_ref=item.filename,
        name=item.name,
        version=item.version,
        hashes=_hashes((("sha256", item.sha256),)),
        licenses=_licenses(item.licensing),
        properties=[Property(name=TARGET_PROPERTY, value=target) for target in item.targets],
        **more,
    )


def _references(wheel: ListedFile) -> list[ExternalReference]:
    """Return the source of the wheel, or of the sdist that it was built from here."""
    origin = wheel.origin
    if origin is None:
        return []
    kind = (
        ExternalReferenceType.SOURCE_DISTRIBUTION
        if origin.is_source
        else ExternalReferenceType.DISTRIBUTION
    )
    return [ExternalReference(type=kind, url=XsUri(origin.url), hashes=_hashes(origin.hashes))]


def _hashes(hashes: Iterable[tuple[str, str]]) -> list[HashType]:
    return [
        HashType(alg=_ALGORITHMS[algorithm], content=digest)
        for algorithm, digest in hashes
        if algorithm in _ALGORITHMS
    ]


def _licenses(licensing: Licensing) -> list[DisjunctiveLicense | LicenseExpression]:
    """Return the licences as CycloneDX allows: one expression, or any number of single licences."""
    for text in (licensing.expression, licensing.text):
        identifier = fixup_id(text)
        if identifier is not None:
            return [DisjunctiveLicense(id=identifier)]
        if text and (text == licensing.expression or is_expression(text)):
            return [LicenseExpression(text)]
    if licensing.names:
        return [_single(name) for name in licensing.names]
    return [_single(licensing.text)] if licensing.text else []


def _single(name: str) -> DisjunctiveLicense:
    identifier = fixup_id(name)
    return DisjunctiveLicense(id=identifier) if identifier else DisjunctiveLicense(name=name)
