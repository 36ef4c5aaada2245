"""JSON and XML say the same."""

import json

import pytest
from fhir.resources.STU3 import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fhirapi import parsers
from fhirapi.formats import to_xml
from tests.shared import GPCONNECT, needs_shared

# ---------------------------------------------------------------- any resource there may be

# Whatever XML can hold. No blank ends, since FHIR lets a reader drop them.
text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n&<>\"'"),
    min_size=1,
    max_size=12,
).filter(lambda value: value == value.strip() and value)
codes = st.sampled_from(["home", "work", "a-b"])
ids = st.from_regex(r"[A-Za-z0-9\-.]{1,8}", fullmatch=True)
urls = st.sampled_from(["https://fhir.nhs.uk/Id/x", "urn:a:b", "https://x.example/?a=b&c=<d>"])


def shape(required: dict, **optional) -> st.SearchStrategy[dict]:
    """A dict with the required members and some of the optional ones."""
    return st.fixed_dictionaries(required, optional=optional)


simple_extensions = st.one_of(
    shape({"url": urls, "valueString": text}, id=text),
    shape({"url": urls, "valueBoolean": st.booleans()}),
    shape({"url": urls, "valueInteger": st.integers(-(2**31), 2**31 - 1)}),
    shape({"url": urls, "valueCode": codes}),
)
extensions = st.one_of(
    simple_extensions,
    shape({"url": urls, "extension": st.lists(simple_extensions, min_size=1, max_size=2)}),
)
beside = shape({"extension": st.lists(extensions, min_size=1, max_size=2)})
identifiers = shape({"system": urls, "value": text}, id=text)
names = st.one_of(
    shape(
        {"use": codes},
        _use=beside,
        family=text,
        given=st.lists(text, min_size=1, max_size=3),
        extension=st.lists(extensions, min_size=1, max_size=2),
    ),
    st.builds(
        lambda given, exts: {"given": given, "_given": exts + [None] * (len(given) - 1)},
        st.lists(text, min_size=1, max_size=3),
        st.lists(beside, min_size=1, max_size=1),
    ),
)
organisations = shape(
    {"resourceType": st.just("Organization"), "id": ids, "name": text},
    identifier=st.lists(identifiers, min_size=1, max_size=2),
    active=st.booleans(),
)
patients = shape(
    {"resourceType": st.just("Patient")},
    id=ids,
    meta=shape({"versionId": ids, "profile": st.lists(urls, min_size=1, max_size=2)}),
    contained=st.lists(organisations, min_size=1, max_size=2),
    extension=st.lists(extensions, min_size=1, max_size=2),
    identifier=st.lists(identifiers, min_size=1, max_size=2),
    active=st.booleans(),
    name=st.lists(names, min_size=1, max_size=2),
    gender=st.sampled_from(["male", "female"]),
    _gender=beside,
    birthDate=st.dates().map(str).filter(lambda value: value > "1000"),
    multipleBirthInteger=st.integers(0, 5),
)
bundles = shape(
    {"resourceType": st.just("Bundle"), "type": st.just("searchset")},
    entry=st.lists(shape({"resource": patients | organisations}), min_size=1, max_size=3),
)


def canonical(xml: bytes | str) -> bytes:
    return etree.tostring(
        etree.fromstring(xml if isinstance(xml, bytes) else xml.encode()), method="c14n"
    )


def in_order(resource: dict) -> dict:
    """The same with elements in FHIR's order, as fhir.resources writes them.

    Without the ids of identifiers: fhir.resources writes the id of an element as a child of it.
    """
    for each in resource.get("identifier", []):
        each.pop("id", None)
    for each in resource.get("contained", []):
        in_order(each)
    for each in resource.get("entry", []):
        in_order(each["resource"])
    validated = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return json.loads(validated.model_dump_json())


@pytest.mark.req("GEN-051", "GEN-070")
@given(patients | organisations | bundles)
def test_our_xml_is_that_of_fhir_resources(resource):
    resource = in_order(resource)
    validated = get_fhir_model_class(resource["resourceType"]).model_validate(resource)

    assert canonical(to_xml(resource)) == canonical(validated.model_dump_xml())


@pytest.mark.req("GEN-051", "GEN-070")
@given(patients | organisations | bundles)
def test_our_xml_reads_back_as_the_same_dict(resource):
    assert parsers.from_xml(to_xml(resource)) == resource


@needs_shared
@pytest.mark.parametrize(
    "path",
    sorted((GPCONNECT / "examples" / "corrected").glob("*.json")),
    ids=lambda path: path.name,
)
def test_the_published_examples_survive_the_way_through_xml(path):
    resource = json.loads(path.read_text())

    assert parsers.from_xml(to_xml(resource)) == resource


# ---------------------------------------------------------------- XML, case by case


def inner(resource: dict) -> str:
    """The XML of a Basic with these members, without what is around them."""
    written = to_xml({"resourceType": "Basic", **resource}).decode()
    return written.partition('"http://hl7.org/fhir">')[2].removesuffix("</Basic>")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"id": "1"}, '<id value="1"/>'),
        (
            {"active": True, "n": 0, "d": 1.5},
            '<active value="true"/><n value="0"/><d value="1.5"/>',
        ),
        ({"a": ["x", "y"]}, '<a value="x"/><a value="y"/>'),
        ({"a": {"id": "i", "b": "c"}}, '<a id="i"><b value="c"/></a>'),
        (
            {"extension": [{"id": "i", "url": "u", "valueUri": "v"}]},
            '<extension id="i" url="u"><valueUri value="v"/></extension>',
        ),
        ({"link": [{"url": "u"}]}, '<link><url value="u"/></link>'),
        (
            {"a": "b", "_a": {"id": "i", "extension": [{"url": "u", "valueCode": "c"}]}},
            '<a value="b" id="i"><extension url="u"><valueCode value="c"/></extension></a>',
        ),
        (
            {"_a": {"extension": [{"url": "u", "valueCode": "c"}]}},
            '<a><extension url="u"><valueCode value="c"/></extension></a>',
        ),
        ({"a": ["x", None], "_a": [None, {"id": "i"}]}, '<a value="x"/><a id="i"></a>'),
        ({"a": ["x", "y"], "_a": [{"id": "i"}]}, '<a value="x" id="i"></a><a value="y"/>'),
        ({"_a": [{"id": "i"}]}, '<a id="i"></a>'),
        (
            {"contained": [{"resourceType": "Basic", "id": "1"}]},
            '<contained><Basic><id value="1"/></Basic></contained>',
        ),
        (
            {"text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'}},
            '<text><div xmlns="http://www.w3.org/1999/xhtml">a</div></text>',
        ),
        ({"a": "<b> & \"c\" 'd'"}, "<a value=\"&lt;b&gt; &amp; &quot;c&quot; 'd'\"/>"),
        ({"a": "1\n2\t3\r"}, '<a value="1&#10;2&#9;3&#13;"/>'),
        ({"a": "\x00\x0b\ufffe\ud800"}, '<a value="\ufffd\ufffd\ufffd\ufffd"/>'),
    ],
)
def test_xml_is_written_by_the_rules_of_fhir(resource, expected):
    assert inner(resource) == expected


def test_line_breaks_and_tabs_in_a_value_survive_xml():
    resource = {"resourceType": "Basic", "code": {"text": "a\tb\nc\r\nd  e"}}

    assert parsers.from_xml(to_xml(resource)) == resource
