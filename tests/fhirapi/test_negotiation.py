"""Which format is spoken: _format, then Accept, then Content-Type, then JSON."""

import pytest

from fhirapi.formats import Format
from fhirapi.renderers import negotiate

JSON, XML = Format.JSON, Format.XML


def agreed(rf, query="", accept=None, content_type=None) -> Format | None:
    request = rf.get(f"/{query}")
    if accept is not None:
        request.META["HTTP_ACCEPT"] = accept
    if content_type is not None:
        request.META["CONTENT_TYPE"] = content_type
    return negotiate(request)


@pytest.mark.req("GEN-051", "GEN-052", "GEN-053", "GEN-054", "GEN-055")
@pytest.mark.parametrize(
    ("query", "accept", "content_type", "expected"),
    [
        ("", None, None, JSON),
        ("", None, "application/fhir+json", JSON),
        ("", None, "application/fhir+xml", XML),
        ("", "application/fhir+json", "application/fhir+xml", JSON),
        ("", "application/fhir+xml", "application/fhir+json", XML),
        ("?_format=application/fhir%2Bjson", "application/fhir+xml", "application/fhir+xml", JSON),
        ("?_format=application/fhir%2Bxml", "application/fhir+json", "application/fhir+json", XML),
        ("?_format=xml", "text/html", None, XML),
        ("?_format=", "application/fhir+xml", None, XML),
        ("", "", "application/fhir+xml", XML),
    ],
)
def test_the_first_that_speaks_decides(rf, query, accept, content_type, expected):
    assert agreed(rf, query, accept, content_type) is expected


@pytest.mark.req("GEN-060", "GEN-061", "GEN-062")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("json", JSON),
        ("xml", XML),
        ("application/fhir%2Bjson", JSON),
        ("application/fhir+json", JSON),
        ("application/fhir+xml", XML),
        ("application%2Ffhir%2Bxml%3Bcharset%3Dutf-8", XML),
        ("application/fhir+xml%3B%20charset=utf-8", XML),
        ("application/json", JSON),
        ("text/xml", XML),
        ("APPLICATION/FHIR%2BJSON", JSON),
        ("html", None),
        ("application/json%2Bfhir", None),
        ("text/html", None),
        ("ttl", None),
    ],
)
def test_format_is_read_with_all_its_spellings(rf, value, expected):
    assert agreed(rf, f"?_format={value}") is expected


@pytest.mark.req("GEN-050", "GEN-056", "GEN-060", "GEN-061")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/fhir+json;charset=utf-8", JSON),
        ("application/fhir+json ; charset=utf-8", JSON),
        ("application/fhir+xml; charset=UTF-8", XML),
        ("application/json", JSON),
        ("text/xml", XML),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.8", XML),
        ("application/fhir+xml;q=0.8, application/fhir+json;q=0.9", JSON),
        ("application/fhir+xml, application/fhir+json", XML),
        ("application/fhir+json, application/fhir+xml", JSON),
        ("text/html, application/fhir+xml;q=0.5, */*;q=0.1", XML),
        ("*/*, application/fhir+xml", XML),
        ("application/fhir+xml;q=0.5, */*", JSON),
        ("application/fhir+json;q=0, */*", XML),
        ("application/fhir+json;q=0", None),
        ("application/fhir+json;q=high, application/fhir+xml;q=0.1", XML),
        ("text/html", None),
        ("application/json+fhir", None),
        ("image/*", None),
    ],
)
def test_accept_is_weighed(rf, accept, expected):
    assert agreed(rf, accept=accept) is expected


@pytest.mark.parametrize("accept", ["*/*", "application/*", "*/*;q=0.1"])
def test_a_consumer_that_takes_anything_is_answered_in_its_own_format(rf, accept):
    assert agreed(rf, accept=accept, content_type="application/fhir+xml") is XML


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_content_type_on_a_get_that_is_no_format_is_noise(rf, content_type):
    """Some servers add text/plain where the request has no Content-Type at all."""
    assert agreed(rf, content_type=content_type) is JSON
