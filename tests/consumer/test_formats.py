"""JSON and XML say the same; what is not FHIR is refused and never guessed."""

import json

import pytest

from consumer import formats
from fhirapi import formats as ours
from fhirapi import parsers
from workbench import consumer_elements
from workbench.paths import ROOT

EXAMPLES = sorted((ROOT / "tests" / "examples").rglob("*.json"))


def test_the_table_of_elements_is_that_of_fhir():
    """Made by python -m workbench.consumer_elements."""
    assert consumer_elements.FILE.read_text(encoding="utf-8") == consumer_elements.text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_our_answers_are_read_from_xml_as_from_json(path):
    resource = json.loads(path.read_text(encoding="utf-8"))
    assert formats.from_xml(ours.to_xml(resource)) == resource
    assert parsers.from_xml(formats.to_xml(resource)) == resource


@pytest.mark.parametrize(
    ("content_type", "body", "problem"),
    [
        ("text/html", b"{}", "Content-Type is text/html, which is not FHIR"),
        ("", b"{}", "Content-Type is missing"),
        ("application/fhir+json", b"{", "not well-formed JSON"),
        ("application/fhir+json", b"[" * 100_000, "not well-formed JSON"),
        ("application/fhir+json", b"{}", "no resourceType"),
        ("application/fhir+xml", b"<Patient", "not well-formed XML"),
        ("application/fhir+xml", b"<Patient/>", "nothing is in FHIR's namespace"),
        (
            "application/fhir+xml",
            b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>',
            "has a document type",
        ),
        (
            "application/fhir+xml",
            b'<Patient xmlns="http://hl7.org/fhir"><nickname value="Jo"/></Patient>',
            "Patient has no element nickname",
        ),
        (
            "application/fhir+xml",
            b'<Parameters xmlns="http://hl7.org/fhir">' + b"<parameter><part>" * 200,
            "nested too deeply",
        ),
        ("application/fhir+xml", b'<Claim xmlns="http://hl7.org/fhir"/>', "no resource of GP Conn"),
    ],
)
def test_what_is_not_fhir_is_refused_in_words(content_type, body, problem):
    with pytest.raises(formats.Unreadable, match=problem):
        formats.read(content_type, body)


def test_xml_keeps_types_extensions_of_primitives_and_the_order_of_fhir():
    resource = {
        "resourceType": "Patient",
        "birthDate": "1985-06-18",
        "_birthDate": {"extension": [{"url": "https://x.example/e", "valueInteger": 3}]},
        "active": True,
        "name": [{"given": ["A", "B"], "_given": [None, {"id": "g2"}]}],
    }
    written = formats.to_xml(resource)

    assert written.index(b"<active") < written.index(b"<name") < written.index(b"<birthDate")
    assert formats.from_xml(written) == resource
    assert parsers.from_xml(written) == resource
