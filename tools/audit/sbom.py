"""A bill of materials in CycloneDX 1.6: the packages of a lock, with licence and hashes. Equal locks, equal bytes."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.audit.licences import Licence
from tools.audit.lock_file import Locked

VARYING = ("serialNumber", "metadata")  # a number and the time of the run


def write_sbom(path: Path, packages: Iterable[Locked], licences: Mapping[str, Licence], *, version: str) -> None:
    """Write the file; `version`: of the service."""
    bom = Bom(components=[_component(package, licences.get(package.name)) for package in packages])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    for name in VARYING:
        document.pop(name, None)
    service = {"type": "application", "bom-ref": "service", "name": "ml-training-service", "version": version}
    document["metadata"] = {"component": {**service, "licenses": [{"license": {"id": "Apache-2.0"}}]}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _component(package: Locked, licence: Licence | None) -> Component:
    factory = LicenseFactory()
    url = PackageURL("pypi", None, package.name, package.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=str(url),
        purl=url,
        licenses=[factory.make_from_string(licence.spdx)] if licence and licence.spdx else (),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in package.sha256],
    )
