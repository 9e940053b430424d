"""The content of an executable as a CycloneDX inventory. Needs `hatch-multiplat[sbom]`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

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

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hatch_multiplat.build.components import Inventory, WheelComponent
    from hatch_multiplat.wheels.metadata import Licensing

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
    application = Component(
        type=ComponentType.APPLICATION,
        bom_ref=inventory.filename,
        name=inventory.name,
        version=inventory.version,
        hashes=_hashes((("sha256", inventory.sha256),)),
        licenses=_licenses(inventory.licensing),
        properties=[Property(name=TARGET_PROPERTY, value=target) for target in inventory.targets],
    )
    bom.metadata.component = application
    components = [_component(component) for component in inventory.components]
    bom.components.update(components)
    bom.register_dependency(application, components)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def _component(component: WheelComponent) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=component.filename,
        name=component.name,
        version=component.version,
        hashes=_hashes((("sha256", component.sha256),)),
        licenses=_licenses(component.licensing),
        purl=PackageURL(
            type="pypi",
            name=component.name,
            version=component.version,
            qualifiers={"file_name": component.filename},
        ),
        external_references=_references(component),
        properties=[Property(name=TARGET_PROPERTY, value=target) for target in component.targets],
    )


def _references(component: WheelComponent) -> list[ExternalReference]:
    """Return the source of the wheel, or of the sdist that it was built from here."""
    origin = component.origin
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
