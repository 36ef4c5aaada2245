"""The OpenAPI 3.1 description of the API, made of what routes, reads and refuses requests.

Addresses come from fhirapi.urls, interactions from fhirapi.ssp, parameters from fhirapi.filters,
errors from the error table, formats from the renderers, examples from the requests of the page.
OpenAPI knows one operation for a verb and an address: where two interactions share them, as amend
and cancel do, the operation is both, and Ssp-InteractionID tells them apart.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.urls import URLPattern

from fhirapi import capability, renderers, ssp, urls
from fhirapi.developer import refusals, schemas
from fhirapi.developer.refusals import Refusal
from fhirapi.developer.requests import REQUESTS, Values
from fhirapi.errors import SpineError, operation_outcome
from fhirapi.filters import INCLUDES, SEARCHES, SLOT_SCHEDULE, SearchParameter
from fhirapi.formats import Format
from fhirapi.jwt import LIFE_SECONDS
from fhirapi.resources.common import Element
from fhirapi.ssp import Interaction

VERBS = ("GET", "POST", "PUT")

WORDS = """\
Free slots, bookings and what they need at GP practices in England, by GP Connect {version} (FHIR
STU3). XML says the same as JSON: each schema here is that of the JSON, and FHIR STU3 ("XML
Representation of Resources") says how its XML is written.

Every request carries four Ssp headers and an unsigned token (RFC 7519) that lives {life} seconds.
Every error is an OperationOutcome with a Spine code. A verb that an address does not offer is
answered with 400 and a resource type that is not offered with 501: GP Connect wants it so.
"""
TOKEN = """\
A JWT with the header {"alg": "none", "typ": "JWT"} and an empty signature: three parts, the last
one empty. Trust comes from the client's certificate, not from the token. The claims are those of
GP Connect, "Cross organisation audit and provenance".
"""


class Route(NamedTuple):
    """An address as OpenAPI writes it, and the interactions that each verb serves there."""

    path: str
    interactions: dict[str, tuple[Interaction, ...]]


def routes() -> Iterator[Route]:
    """The addresses of GP Connect 1.2.7 below a service root, in the order of their table.

    Those of service filtering (1.2.8) are a practice's own switch: its statement tells of them.
    """
    for pattern in urls.interactions:
        interactions = served(pattern)
        if any(each in ssp.INTERACTIONS for found in interactions.values() for each in found):
            yield Route(template(pattern), interactions)


def template(pattern: URLPattern) -> str:
    """An address, ``^Patient/(?P<patient_id>...)\\Z`` as ``/Patient/{patient_id}``."""
    text = re.sub(r"\(\?P<(\w+)>(?:\(\?!\[\$_\]\))?\[\^/\]\*\)", r"{\1}", str(pattern.pattern))
    return "/" + text.removeprefix("^").removesuffix(r"\Z").replace("\\", "")


def served(pattern: URLPattern) -> dict[str, tuple[Interaction, ...]]:
    """The interactions of an address by verb; that of a version has its own."""
    view = pattern.callback.view_class  # type: ignore[attr-defined]
    given = pattern.callback.view_initkwargs  # type: ignore[attr-defined]
    by_verb = given.get("interactions", view.interactions)
    return {verb: each if isinstance(each, tuple) else (each,) for verb, each in by_verb.items()}


def description(values: Values, *, is_sandbox: bool) -> Element:
    """The whole document; its examples name what a sandbox holds, or stand for it in words."""
    statement = capability.statement()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{statement['name']} {statement['version']}: appointments",
            "version": statement["software"]["version"],
            "summary": statement["description"],
            "description": WORDS.format(version=statement["version"], life=LIFE_SECONDS),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [server(values, is_sandbox=is_sandbox)],
        "security": [{"token": []}],
        "tags": [{"name": kind} for kind in tags()],
        "paths": {
            route.path: {
                verb.lower(): operation(route, interactions, values)
                for verb, interactions in route.interactions.items()
            }
            for route in routes()
        },
        "components": {
            "schemas": schemas.components(),
            "responses": error_responses(),
            "examples": {each.name: refusal_example(each) for each in refusals.REFUSALS},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": TOKEN,
                }
            },
        },
    }


def server(values: Values, *, is_sandbox: bool) -> Element:
    """The service root: of the sandbox, or of any practice."""
    if is_sandbox:
        return {"url": values.root, "description": "Your sandbox"}
    return {
        "url": "https://{host}/{ods_code}/STU3/1/gpconnect",
        "variables": {"host": {"default": "localhost"}, "ods_code": {"default": "Y99001"}},
    }


def tags() -> list[str]:
    """The types of resources, as the interaction table orders them."""
    return list(dict.fromkeys(tag(each) for each in ssp.INTERACTIONS))


def tag(interaction: Interaction) -> str:
    """What an interaction is about."""
    last = capability.resource_type(interaction)
    return (
        "CapabilityStatement"
        if last == "metadata"
        else last.replace("$gpc.registerpatient", "Patient")
    )


# ---------------------------------------------------------------- an operation


def operation(route: Route, interactions: tuple[Interaction, ...], values: Values) -> Element:
    """One verb at one address."""
    first = interactions[0]
    names = " or ".join(each.name if each is first else lowered(each.name) for each in interactions)
    is_version = "_history" in route.path
    name = "-or-".join(each.id.removeprefix(ssp.PREFIX).replace(":", ".") for each in interactions)
    found: Element = {
        "operationId": f"{name}.version" if is_version else name,
        "summary": f"{names}, the current version only" if is_version else names,
        "tags": [tag(first)],
        "x-interactions": [
            {"id": each.id, "name": each.name, "scope": each.scope, "capability": each.capability}
            for each in interactions
        ],
        "parameters": list(parameters(route, interactions, values)),
        "responses": {
            str(first.success_status): success(interactions),
            **errors_of(interactions),
        },
    }
    if any(each.is_command for each in interactions):
        found["requestBody"] = request_body(interactions, values)
    return found


def lowered(name: str) -> str:
    """A name within a sentence."""
    return name[0].lower() + name[1:]


def parameters(
    route: Route, interactions: tuple[Interaction, ...], values: Values
) -> Iterator[Element]:
    """Ids of the path, headers, and what a search takes."""
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": "The id of the record." if name != "version" else "The versionId.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"},
            **example(path_example(interactions[0], name, values)),
        }
    yield from ssp_headers(interactions, values)
    yield from search_parameters(interactions[0], values)
    yield {
        "name": "_format",
        "in": "query",
        "description": "The format of the answer; goes before Accept.",
        "schema": {
            "type": "string",
            "enum": [*renderers.FORMATS_BY_MEDIA_TYPE, *renderers.FORMATS_BY_SHORT_NAME],
        },
    }
    if any(each.is_command for each in interactions):
        yield {
            "name": "Prefer",
            "in": "header",
            "description": "return=minimal: an answer without its body.",
            "schema": {"type": "string", "enum": ["return=representation", "return=minimal"]},
        }
    if "PUT" in {each.verb for each in interactions}:
        yield {
            "name": "If-Match",
            "in": "header",
            "description": "The ETag as it was read: refused (409) if the appointment is another "
            "version by now. Without it nobody notices.",
            "schema": {"type": "string", "pattern": '^W/"[0-9]+"$'},
        }


def example(value: object) -> Element:
    """An example, if there is one."""
    return {"example": value} if value else {}


def path_example(interaction: Interaction, name: str, values: Values) -> str:
    """The value in the path of the interaction's own request."""
    if name == "version":
        return ""
    sent = REQUESTS[interaction](values).path.split("/")
    return sent[interaction.path.split("/").index("[id]")]


def ssp_headers(interactions: tuple[Interaction, ...], values: Values) -> Iterator[Element]:
    """The four headers of the Secure Proxy."""
    sent = REQUESTS[interactions[0]](values).headers_for(values)
    for name, words in (
        (ssp.TRACE_ID, "Your own id of this request: a new one for each."),
        (ssp.SENT_FROM, "The ASID of your system."),
        (ssp.SENT_TO, "The ASID of the practice's system."),
        (ssp.INTERACTION_ID, "What is asked for."),
    ):
        schema: Element = {"type": "string", "minLength": 1}
        if name == ssp.INTERACTION_ID:
            schema = {"type": "string", "enum": [each.id for each in interactions]}
        yield {
            "name": name,
            "in": "header",
            "required": True,
            "description": words,
            "schema": schema,
            "example": sent[name],
        }


def search_parameters(interaction: Interaction, values: Values) -> Iterator[Element]:
    """What SEARCHES declares for the type that an interaction searches."""
    kind = capability.resource_type(interaction)
    if capability.fhir_code(interaction) != "search-type" or kind not in SEARCHES:
        return
    search = SEARCHES[kind]
    sent = REQUESTS[interaction](values).query
    for parameter in search.parameters:
        given = [value for name, value in sent if name == parameter.name]
        yield search_parameter(parameter, given)
    for name in dict.fromkeys(name for name, value in INCLUDES if value in search.includes):
        choices = [value for known, value in INCLUDES if known == name]
        schema: Element = {"type": "array", "items": {"enum": choices}}
        if SLOT_SCHEDULE in choices:
            schema["contains"] = {"const": SLOT_SCHEDULE}
        yield {
            "name": name,
            "in": "query",
            "required": SLOT_SCHEDULE in choices,
            "description": "What comes with the slots.",
            "schema": schema,
            "example": choices,
        }


def search_parameter(parameter: SearchParameter, given: list[str]) -> Element:
    """One parameter: an array where it may be sent several times."""
    least, most = parameter.times
    one: Element = {
        "type": "string",
        **({"pattern": parameter.pattern} if parameter.pattern else {}),
    }
    many: Element = {"type": "array", "items": one, "minItems": least}
    if most is not None:
        many["maxItems"] = most
    is_one = most == 1
    return {
        "name": parameter.name,
        "in": "query",
        "required": least > 0,
        "description": parameter.documentation,
        "schema": one if is_one else many,
        **({} if is_one else {"style": "form", "explode": True}),
        **example(given[0] if is_one and given else given),
    }


# ---------------------------------------------------------------- bodies

BODIES = {
    ssp.BOOK_APPOINTMENT: "BookAppointment",
    ssp.AMEND_APPOINTMENT: "AmendAppointment",
    ssp.CANCEL_APPOINTMENT: "CancelAppointment",
    ssp.REGISTER_PATIENT: "RegisterPatient",
}
ANSWERS = {
    ssp.READ_METADATA: "CapabilityStatement",
    ssp.REGISTER_PATIENT: "RegisterPatientBundle",
    ssp.RETRIEVE_APPOINTMENTS: "AppointmentBundle",
}


def in_both_formats(schema: Element, examples: Element | None = None) -> Element:
    """The media types of a body; the examples are in JSON."""
    return {
        Format.JSON.value: {"schema": schema, **({"examples": examples} if examples else {})},
        Format.XML.value: {"schema": schema},
    }


def request_body(interactions: tuple[Interaction, ...], values: Values) -> Element:
    """What is sent, with an example for each interaction."""
    choices = [{"$ref": schemas.COMPONENTS + BODIES[each]} for each in interactions]
    examples = {
        BODIES[each]: {"summary": each.name, "value": REQUESTS[each](values).body}
        for each in interactions
    }
    return {
        "required": True,
        "content": in_both_formats(
            choices[0] if len(choices) == 1 else {"anyOf": choices}, examples
        ),
    }


def answer_of(interaction: Interaction) -> str:
    """The name of the schema that answers keep to."""
    kind = capability.resource_type(interaction)
    is_search = capability.fhir_code(interaction) == "search-type"
    return ANSWERS.get(interaction, f"{kind}Bundle" if is_search else kind)


def success(interactions: tuple[Interaction, ...]) -> Element:
    """The answer when all went well."""
    first = interactions[0]
    name = answer_of(first)
    headers: Element = {"Cache-Control": header("no-store: never kept.", "no-store")}
    if name in schemas.RESOURCES:
        headers["ETag"] = header("The version, for If-Match.")
        headers["Content-Location"] = header("The address of this version.")
    if first.success_status == 201:
        headers["Location"] = header("The address of what was made.")
    return {
        "description": "; ".join(each.name for each in interactions) + ": done.",
        "headers": headers,
        "content": in_both_formats({"$ref": schemas.COMPONENTS + name}),
    }


def header(words: str, const: str = "") -> Element:
    """A header of an answer, which is always there."""
    schema = {"type": "string", **({"const": const} if const else {})}
    return {"description": words, "required": True, "schema": schema}


def refused(interactions: tuple[Interaction, ...]) -> dict[int, tuple[Refusal, ...]]:
    """What interactions can be answered with instead, by status."""
    by_status: dict[int, dict[SpineError, Refusal]] = {}
    for interaction in interactions:
        for refusal in refusals.refusals_of(interaction):
            by_status.setdefault(refusal.error.status, {})[refusal.error] = refusal
    return {status: tuple(found.values()) for status, found in sorted(by_status.items())}


def response_name(status: int, found: tuple[Refusal, ...]) -> str:
    """The name of a response, by its status and codes: operations have most in common."""
    return f"{status}_{'_or_'.join(each.error.code for each in found)}"


def errors_of(interactions: tuple[Interaction, ...]) -> Element:
    """The answers by status when it was refused."""
    return {
        str(status): {"$ref": f"#/components/responses/{response_name(status, found)}"}
        for status, found in refused(interactions).items()
    }


def error_responses() -> Element:
    """Every answer to what was refused, with the codes that it can have, by its name."""
    return {
        response_name(status, found): {
            "description": " ".join(f"{each.error.code}: {each.meaning}" for each in found),
            "headers": refusal_headers(status),
            "content": in_both_formats(
                schemas.outcome(each.error for each in found),
                {each.name: {"$ref": f"#/components/examples/{each.name}"} for each in found},
            ),
        }
        for route in routes()
        for interactions in route.interactions.values()
        for status, found in refused(interactions).items()
    }


def refusal_headers(status: int) -> Element:
    """The headers of a refusal: when to try again."""
    headers: Element = {"Cache-Control": header("no-store: never kept.", "no-store")}
    if status == 503:
        headers["Retry-After"] = header("In how many seconds to try again.")
    return headers


def refusal_example(refusal: Refusal) -> Element:
    """The answer, and how to bring it about in a sandbox."""
    sentinel = refusal.sentinel
    words = refusal.how
    if sentinel:
        words += (
            f" Sentinels in a sandbox: the id or code {sentinel.value}, the NHS number"
            f" {sentinel.nhs_number}, the description “{sentinel.description}”."
        )
    return {
        "summary": refusal.error.code,
        "description": words,
        "value": operation_outcome(refusal.error, [refusal.meaning]),
    }
