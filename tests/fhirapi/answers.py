"""Reading one answer in both formats."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from tests import profiles
from workbench.consumer import as_dict, read_back


def in_both_formats(send: Callable[..., HttpResponse]) -> dict[str, Any]:
    """What ``send(format=...)`` answers, which must be the same in JSON and XML, and valid FHIR."""
    as_json, as_xml = send(format="json"), send(format="xml")
    assert (as_json.status_code, as_xml.status_code) == (200, 200), as_json.content
    assert as_json["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert as_xml["Content-Type"] == "application/fhir+xml;charset=utf-8"
    assert read_back(as_json) == read_back(as_xml)
    assert as_dict(as_json) == as_dict(as_xml)
    return as_dict(as_json)


def violations(resource: dict[str, Any]) -> list[str]:
    """What keeps a resource, or those in a Bundle, from the published profiles."""
    return [*profiles.check(resource, ordered=True), *profiles.uk_times(resource)]


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of a searchset; it has no ``entry`` when there are none (GEN-111)."""
    assert set(bundle) <= {"resourceType", "meta", "type", "entry"}, "as REG-072 and GEN-113 want"
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    assert bundle.get("entry") != []
    return [entry["resource"] for entry in bundle.get("entry", [])]
