"""The description says what the server does: no route, parameter, error or format is left out."""

import re
from functools import reduce

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from fhirapi import capability, errors, renderers, ssp, urls
from fhirapi.developer import description, schemas
from fhirapi.developer.refusals import refusals_of
from fhirapi.developer.requests import REQUESTS
from fhirapi.filters import INCLUDES, SEARCHES
from fhirapi.formats import Format
from tests.fhirapi.appointments import appointment_in
from workbench.consumer import as_dict

pytestmark = [pytest.mark.django_db, pytest.mark.req("META-001")]


@pytest.fixture
def document(values):
    return description.description(values, is_sandbox=True)


def operations(document):
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            yield path, verb.upper(), operation


def serving(document, interaction):
    """The operations that serve an interaction: its own, and that of the version."""
    return [
        operation
        for _, verb, operation in operations(document)
        if verb == interaction.verb
        and interaction.id in [each["id"] for each in operation["x-interactions"]]
    ]


def parameters(operation):
    return {each["name"]: each for each in operation["parameters"]}


def resolved(document, value):
    """What a ``$ref`` leads to."""
    if "$ref" not in value:
        return value
    return reduce(lambda part, step: part[step], value["$ref"].split("/")[1:], document)


def test_it_is_openapi_3_1(document, values):
    OpenAPIV31SpecValidator(document).validate()
    OpenAPIV31SpecValidator(description.description(values, is_sandbox=False)).validate()
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_address_that_is_served_is_in_it(document):
    later = {each.path.split("/")[1] for each in ssp.OF_SERVICE_FILTERING}
    patterns = [
        str(each.pattern)
        for each in urls.interactions
        if not any(str(each.pattern).startswith(f"^{kind}") for kind in later)
    ]

    assert len(document["paths"]) == len(patterns)
    for pattern, path in zip(patterns, document["paths"], strict=True):
        filled = re.sub(r"\{\w+\}", "17", path)
        assert re.match(pattern, filled.removeprefix("/")), (pattern, path)


def test_every_interaction_is_in_it_with_its_address_and_status(document):
    for interaction in ssp.INTERACTIONS:
        found = [
            operation
            for path, verb, operation in operations(document)
            if re.sub(r"\{\w+\}", "[id]", path) == interaction.path and verb == interaction.verb
        ]
        assert found, interaction
        assert found[0] in serving(document, interaction)
        assert str(interaction.success_status) in found[0]["responses"]
        named = parameters(found[0])[ssp.INTERACTION_ID]["schema"]["enum"]
        assert interaction.id in named
    known = [each["id"] for _, _, o in operations(document) for each in o["x-interactions"]]
    assert set(known) == {each.id for each in ssp.INTERACTIONS}


def test_every_search_parameter_of_the_capability_statement_is_in_it(document):
    (rest,) = capability.statement()["rest"]
    for resource in rest["resource"]:
        searches = [
            each
            for each in ssp.INTERACTIONS
            if capability.fhir_code(each) == "search-type"
            and capability.resource_type(each) == resource["type"]
        ]
        for interaction in searches:
            (operation,) = serving(document, interaction)
            known = parameters(operation)
            for parameter in resource.get("searchParam", []):
                assert known[parameter["name"]]["description"] == parameter["documentation"]
            included = [
                value
                for name, found in known.items()
                if name.startswith("_include")
                for value in found["schema"]["items"]["enum"]
            ]
            assert included == resource.get("searchInclude", [])
    assert set(SEARCHES["Slot"].includes) == {value for _, value in INCLUDES}


def test_the_request_of_the_page_keeps_to_it(document, values):
    """So that no pattern is narrower than what is accepted of it: the server takes them too."""
    for interaction, make in REQUESTS.items():
        request = make(values)
        (operation, *_) = serving(document, interaction)
        known = parameters(operation)
        given = {}
        for name, value in request.query:
            given.setdefault(name, []).append(value)
        assert set(given) <= set(known)
        for name, found in known.items():
            if found["in"] == "query" and name in given:
                schema = found["schema"]
                value = given[name] if schema["type"] == "array" else given[name][0]
                Draft202012Validator(schema).validate(value)
            assert not found.get("required") or found["in"] != "query" or name in given
        if request.body is not None:
            content = operation["requestBody"]["content"]
            schema = {**content[Format.JSON.value]["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(request.body)


def test_every_error_is_in_it_with_an_example(document):
    for interaction in ssp.INTERACTIONS:
        for operation in serving(document, interaction):
            for refusal in refusals_of(interaction):
                response = resolved(document, operation["responses"][str(refusal.error.status)])
                for media in response["content"].values():
                    assert refusal.error.code in repr(media["schema"])
                    example = (
                        resolved(document, media["examples"][refusal.name])
                        if ("examples" in media)
                        else None
                    )
                    assert example is None or refusal.how in example["description"]
    described = repr(document["components"]["responses"])
    for error in vars(errors).values():
        if isinstance(error, errors.SpineError):
            assert error.code in described
            assert any(
                name.startswith(str(error.status)) for name in document["components"]["responses"]
            )


def test_both_formats_are_everywhere(document):
    formats = {each.value for each in Format}
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            assert set(resolved(document, response)["content"]) == formats
        if "requestBody" in operation:
            assert set(operation["requestBody"]["content"]) == formats
        choices = parameters(operation)["_format"]["schema"]["enum"]
        assert set(choices) == {
            *renderers.FORMATS_BY_MEDIA_TYPE,
            *renderers.FORMATS_BY_SHORT_NAME,
        }


def test_answers_keep_to_their_schemas_in_json_and_xml(document, values, send):
    for interaction, make in REQUESTS.items():
        (operation, *_) = serving(document, interaction)
        success = operation["responses"][str(interaction.success_status)]
        schema = {
            **success["content"][Format.JSON.value]["schema"],
            "components": document["components"],
        }
        for format in ("json", "xml") if not interaction.is_command else ("json",):
            answer = send(make(values), values, format)
            assert answer.status_code == interaction.success_status, answer.content
            Draft202012Validator(schema).validate(as_dict(answer))
            for name in success["headers"]:
                assert answer[name]


def test_a_schema_takes_nothing_that_answers_never_hold(values, send):
    """Each is closed: an element more, one less, or one of another kind is found."""
    found = appointment_in(send(REQUESTS[ssp.READ_APPOINTMENT](values), values))
    known = schemas.components()
    validator = Draft202012Validator({**known["Appointment"], "components": {"schemas": known}})

    assert validator.is_valid(found)
    for spoilt in (
        {**found, "reason": []},
        {name: value for name, value in found.items() if name != "slot"},
        {**found, "start": found["start"].replace("+00:00", "Z").replace("+01:00", "Z")},
        {**found, "status": "maybe"},
        {**found, "minutesDuration": "10"},
        {**found, "meta": {"versionId": "1"}},
        {**found, "slot": []},
    ):
        assert not validator.is_valid(spoilt), spoilt
