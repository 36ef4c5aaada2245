"""Writes ``consumer/elements.json``: which elements FHIR STU3 has, for reading and writing XML.

    python -m workbench.consumer_elements

The consumer has no fhir.resources to ask; tests/consumer/test_formats.py holds the file to it.
"""

import json
from typing import Any

from fhir.resources.STU3 import get_fhir_model_class

from fhirapi.validation import definitions_of
from workbench.paths import ROOT

FILE = ROOT / "consumer" / "elements.json"
# What GP Connect's appointments and foundations send; the types within them follow.
RESOURCES = (
    *("Appointment", "Bundle", "CapabilityStatement", "Device", "HealthcareService", "Location"),
    *("OperationOutcome", "Organization", "Parameters", "Patient", "Practitioner"),
    *("PractitionerRole", "Schedule", "Slot"),
)
# A value of an extension or parameter may be of any type; these are the ones that occur.
PLAIN = {"boolean": "!", "decimal": "#", "integer": "#", "positiveInt": "#", "unsignedInt": "#"}


def table() -> dict[str, dict[str, str]]:
    """Type to element to what it is: a type, or ``""`` (text), ``!`` (boolean), ``#`` (number).

    A ``*`` at the end: it repeats.
    """
    found: dict[str, dict[str, str]] = {}
    waiting = list(RESOURCES)
    while waiting:
        name = waiting.pop()
        if name in found or name in ("Resource", "ResourceContainer", "Narrative"):
            continue
        found[name] = {}
        for element, said in definitions_of(get_fhir_model_class(name)).items():
            kind = PLAIN.get(said.type_name, "") if said.is_primitive else said.type_name
            found[name][element] = kind + ("*" if said.is_list else "")
            if not said.is_primitive:
                waiting.append(said.type_name)
    return {name: found[name] for name in sorted(found)}


def text() -> str:
    """The file: a type a line."""
    lines: list[Any] = [
        f"{json.dumps(name)}: {json.dumps(elements)}" for name, elements in table().items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
