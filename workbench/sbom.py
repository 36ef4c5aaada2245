"""Bills of materials: ``python -m workbench.sbom``, which is ``make sbom``.

Writes one CycloneDX file for what production installs and one for the developers' tools, into
``var/sbom``. The same commit gives the same bytes: the time is SOURCE_DATE_EPOCH or else that of
the last commit, and the serial number follows from the content.
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from workbench import packages
from workbench.paths import ROOT

VERSION = SchemaVersion.V1_6
FOLDER = ROOT / "var" / "sbom"


def moment() -> datetime:
    """When what is described was made."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if not seconds:
        asked = ["git", "log", "-1", "--format=%ct"]
        said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds = said.stdout.strip()
    if not seconds.isdigit():
        sys.exit("No commit to take the time from: set SOURCE_DATE_EPOCH (seconds since 1970)")
    return datetime.fromtimestamp(int(seconds), UTC)


def _licences(licence: packages.Licence | None) -> list[License]:
    if licence is None:
        return []
    said = LicenseAcknowledgement.DECLARED if licence.declared else LicenseAcknowledgement.CONCLUDED
    make = LicenseFactory().make_from_string
    return [make(licence.expression, license_acknowledgement=said)]


def _bundled(bundled: packages.Bundled) -> Component:
    """What a package has taken in from elsewhere, as a part of it."""
    purl = None
    if bundled.purl:
        purl = PackageURL.from_string(bundled.purl)._replace(version=bundled.version)
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=f"{bundled.within}/{bundled.folder}/{bundled.name}",
        name=bundled.name,
        version=bundled.version,
        purl=purl,
        licenses=_licences(packages.Licence(bundled.licence, declared=False)),
    )


def _package(pin: packages.Pin) -> Component:
    # A release is many files, for each system and version of Python one; any of them may be the
    # one that is installed. So their hashes are those of the distribution, not of the component.
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(pin.purl)),
        comment="every file of this release that may be installed",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=str(pin.purl),
        name=pin.name,
        version=pin.version,
        purl=pin.purl,
        licenses=_licences(packages.licence(pin)),
        external_references=[files],
        components=[_bundled(each) for each in packages.BUNDLED if each.within == pin.name],
    )


def bill(file: str) -> str:
    """The bill of what a file of requirements installs where the product runs, as JSON."""
    pins = {name: pin for name, pin in packages.pins(file).items() if pin.runs_in_production()}
    ourselves = Component(
        type=ComponentType.APPLICATION,
        bom_ref=packages.OURSELVES,
        name=packages.OURSELVES,
        version=packages.VERSION,
        description=packages.PROJECT["project"]["description"],
        licenses=_licences(packages.Licence(packages.PROJECT["project"]["license"], True)),
    )
    bom = Bom()
    bom.metadata.component = ourselves
    bom.metadata.timestamp = moment()
    bom.metadata.tools.components.add(this_component())
    described = {packages.OURSELVES: ourselves} | {
        name: _package(pin) for name, pin in pins.items()
    }
    bom.components.update(described[name] for name in pins)
    for wanting, component in described.items():
        wanted = [name for name, pin in pins.items() if pin.is_needed_by(wanting)]
        bom.register_dependency(component, [described[name] for name in wanted])

    outputter = make_outputter(bom, OutputFormat.JSON, VERSION)
    bom.serial_number = uuid5(NAMESPACE_URL, packages.OURSELVES)  # the same for each, to begin with
    bom.serial_number = uuid5(bom.serial_number, outputter.output_as_string())
    outputter.generate(force_regeneration=True)
    return outputter.output_as_string(indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workbench.sbom", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in (packages.PRODUCT, packages.DEVELOPERS):
        path = folder / f"{Path(file).stem}.cdx.json"
        path.write_text(bill(file), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
