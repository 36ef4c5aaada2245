"""Request bytes to a plain dict that is valid FHIR STU3, whether they were JSON or XML.

fhir.resources knows the elements, their cardinality and most lexical forms, but takes numbers for
instants, "true" for true, and ignores nulls; so each value's kind is checked against its tables
first. Coded values, profiles and business rules are left to the parse() of each resource.

Malformed bytes are BAD_REQUEST, a malformed resource INVALID_RESOURCE. Diagnostics name the element
and the rule and never quote a value.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type
from lxml import etree
from pydantic import ValidationError

from fhirapi.errors import BAD_REQUEST, INVALID_RESOURCE, UNSUPPORTED_MEDIA_TYPE, FHIRError
from fhirapi.renderers import NAMES, NAMESPACE, Format, media_type

DEEPEST = 60  # levels of nesting; real resources need about ten
MOST_PROBLEMS = 10  # reported for one resource
CHUNKED_BODY = "fhirapi.chunked_body"  # where the WSGI environment keeps one that was read


class Malformed(ValueError):
    """The bytes are not well-formed; the message says how, and quotes nothing."""


def parse_body(request: HttpRequest, *, expected: str) -> dict[str, Any]:
    """The resource in the body of a request, as a dict: for XML the one of the equal JSON.

    ``expected`` is its FHIR type. Raises BAD_REQUEST (no Content-Type, malformed), 415 (another
    format), INVALID_RESOURCE (another type, or not valid FHIR STU3).
    """
    as_format = body_format(request)
    body = read_body(request)
    if not body.strip():
        raise FHIRError(BAD_REQUEST, "The request has no body.")
    try:
        resource = strict_json(body) if as_format is Format.JSON else from_xml(body)
    except Malformed as malformed:
        raise FHIRError(BAD_REQUEST, f"The request body is malformed: {malformed}") from malformed
    problems = problems_of(resource, expected)
    if problems:
        raise FHIRError(INVALID_RESOURCE, problems)
    return resource


def body_format(request: HttpRequest) -> Format:
    """The format that Content-Type gives for the body; UTF-8 is the only encoding (GEN-070)."""
    header = request.META.get("CONTENT_TYPE", "")
    if not header.strip():
        raise FHIRError(BAD_REQUEST, "The Content-Type header is missing.")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", header, flags=re.IGNORECASE)
    known = NAMES.get(media_type(header))
    if known is None or (charset and charset[1].lower() not in {"utf-8", "utf8"}):
        raise FHIRError(
            UNSUPPORTED_MEDIA_TYPE,
            "The format of the request body (Content-Type) is not supported.",
        )
    return known


def read_body(request: HttpRequest) -> bytes:
    """The body, also of a chunked request, whose length Django takes for nought (GEN-073).

    Can be called again, as when a command is tried again.
    """
    environ = request.META
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not (chunked and environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH")):
        return request.body
    if CHUNKED_BODY not in environ:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        environ[CHUNKED_BODY] = environ["wsgi.input"].read(limit + 1)
        if len(environ[CHUNKED_BODY]) > limit:
            raise RequestDataTooBig
    return environ[CHUNKED_BODY]


# ---------------------------------------------------------------- JSON


def strict_json(data: bytes) -> Any:
    """The value of a JSON text, refusing what others would let pass or read differently.

    Raises Malformed, also for an object that names a member twice, for NaN, for half a surrogate
    pair, for a byte order mark and for nesting deeper than DEEPEST.
    """
    try:
        value = orjson.loads(data)
        check_depth(value)
        json.loads(data, object_pairs_hook=refuse_repeated_names)
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("it is not valid JSON.") from error
    return value


def refuse_repeated_names(members: list[tuple[str, Any]]) -> None:
    """Refuse an object in which one name stands twice: readers disagree on which one counts."""
    if len({name for name, _ in members}) < len(members):
        raise Malformed("an object names the same element twice.")


def check_depth(value: Any) -> None:
    """Refuse what is nested so deep that reading it would exhaust the stack."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise Malformed("it is nested too deep.")
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]


# ---------------------------------------------------------------- what the definitions say


@dataclass(frozen=True)
class Element:
    """What the definition of a type says of one of its elements."""

    type_name: str
    is_list: bool
    is_primitive: bool


@lru_cache(maxsize=512)
def elements_of(klass: type[FHIRAbstractModel]) -> dict[str, Element]:
    """The elements of a resource or data type by name, choices (``value[x]``) spelled out."""
    fields = klass.get_alias_mapping()
    elements = {}
    for name in klass.elements_sequence():
        field = klass.model_fields[fields[name]]
        elements[name] = Element(
            get_fhir_type_name(field, prefix="STU3."), is_list_type(field), is_primitive_type(field)
        )
    return elements


def resource_class(name: object) -> type[FHIRAbstractModel] | None:
    """The class of a resource type, or None where STU3 has no such resource."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Z][A-Za-z]{1,60}", name):
        return None
    try:
        klass = get_fhir_model_class(name)
    except ValueError:
        return None
    return klass if klass.has_resource_base() else None


EXTENSION_OF_PRIMITIVE = get_fhir_model_class("FHIRPrimitiveExtension")


def in_fhir_order(value: Any, klass: type[FHIRAbstractModel] | None = None) -> Any:
    """A valid resource, or a value of ``klass``, with all members in the order of the definitions.

    The members of a JSON object have no order, the elements of XML do.
    """
    if isinstance(value, list):
        return [in_fhir_order(item, klass) for item in value]
    if not isinstance(value, dict):
        return value
    klass = resource_class(value.get("resourceType")) or klass
    if klass is None:
        return value
    ordered = {name: value[name] for name in ("resourceType",) if name in value}
    for name, element in elements_of(klass).items():
        if name in value:
            inner = None
            if not element.is_primitive and element.type_name != "Resource":
                inner = get_fhir_model_class(element.type_name)
            ordered[name] = in_fhir_order(value[name], inner)
        if f"_{name}" in value:
            ordered[f"_{name}"] = in_fhir_order(value[f"_{name}"], EXTENSION_OF_PRIMITIVE)
    return ordered


# ---------------------------------------------------------------- is it valid?


def problems_of(resource: Any, expected: str) -> list[str]:
    """What keeps a value from being a valid STU3 resource of the type ``expected``.

    The empty list if nothing does; otherwise a sentence for each problem, the first ones only.
    """
    klass = get_fhir_model_class(expected)
    if not isinstance(resource, dict) or resource.get("resourceType") != expected:
        return [f"A resource of type {expected} is expected."]
    problems = []
    for problem in object_problems(resource, klass, expected):
        problems.append(problem)
        if len(problems) == MOST_PROBLEMS:
            return problems
    if problems:
        return problems
    try:
        klass.model_validate(resource)
    except ValidationError as error:
        return list(dict.fromkeys(map_problems(error, expected)))[:MOST_PROBLEMS]
    return []


def object_problems(value: Any, klass: type[FHIRAbstractModel], path: str) -> Iterator[str]:
    """The problems of a resource or element: unknown members, and members of the wrong kind."""
    if not isinstance(value, dict):
        yield f"{path} must be an object."
        return
    if not value.keys() - {"resourceType"} and klass.__resource_type__ != "Resource":
        yield f"{path} must not be empty."
    known = elements_of(klass)
    for name, member in value.items():
        if name == "resourceType" and klass.has_resource_base():
            continue
        element = known.get(name.removeprefix("_"))
        if element is None or (name.startswith("_") and not element.is_primitive):
            yield f"{path}.{printable(name)} is not an element of {klass.__resource_type__}."
        elif name.startswith("_"):
            yield from beside_problems(member, element, f"{path}.{name}")
        elif element.is_list:
            yield from list_problems(member, element, f"{path}.{name}", value.get(f"_{name}"))
        elif isinstance(member, list):
            yield f"{path}.{name} must not be a list."
        else:
            yield from one_problem(member, element, f"{path}.{name}")


def printable(name: str) -> str:
    """A name that the consumer made up, if it is harmless enough to be repeated."""
    looks_like_fhir = re.fullmatch(r"_?[A-Za-z]{1,40}([0-9]{1,2}[A-Za-z]{0,40})?", name)
    return name if looks_like_fhir else "(an unknown name)"


def list_problems(value: Any, element: Element, path: str, beside: Any) -> Iterator[str]:
    """The problems of a repeating element; a null keeps the place of a primitive's extension."""
    if not isinstance(value, list):
        yield f"{path} must be a list."
        return
    if not value:
        yield f"{path} must not be empty."
    for index, item in enumerate(value):
        extended = isinstance(beside, list) and index < len(beside) and beside[index] is not None
        if item is not None or not (element.is_primitive and extended):
            yield from one_problem(item, element, f"{path}[{index}]")


def beside_problems(value: Any, element: Element, path: str) -> Iterator[str]:
    """The problems of ``_name``, the id and extensions of a primitive, or of each in a list."""
    if not element.is_list:
        yield from object_problems(value, EXTENSION_OF_PRIMITIVE, path)
    elif not isinstance(value, list) or not any(value):
        yield f"{path} must be a list with something in it."
    else:
        for index, item in enumerate(value):
            if item is not None:
                yield from object_problems(item, EXTENSION_OF_PRIMITIVE, f"{path}[{index}]")


def one_problem(value: Any, element: Element, path: str) -> Iterator[str]:
    """The problems of one value: a primitive, a resource, or an object of a data type."""
    if value is None:
        yield f"{path} must not be null."
    elif element.is_primitive:
        rule = broken_rule(value, element.type_name)
        if rule:
            yield f"{path} {rule}."
    elif element.type_name == "Resource":
        klass = resource_class(value.get("resourceType")) if isinstance(value, dict) else None
        if klass is None:
            yield f"{path} must be a resource of a known type."
        else:
            yield from object_problems(value, klass, path)
    else:
        yield from object_problems(value, get_fhir_model_class(element.type_name), path)


FREE_TEXT = {"string", "markdown", "xhtml"}
WHOLE_NUMBERS = {"integer", "unsignedInt", "positiveInt"}
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
LONGEST_STRING = 1_048_576  # characters (FHIR STU3, "string")


def broken_rule(value: Any, type_name: str) -> str:
    """The rule of a primitive type that a value breaks, or an empty string.

    Only what fhir.resources leaves out: kinds of JSON values, and the form of free text and ids.
    """
    if type_name == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if type_name in WHOLE_NUMBERS:
        return "" if type(value) is int else "must be a whole number"
    if type_name == "decimal":
        return "" if type(value) in (int, float) else "must be a number"
    if not isinstance(value, str):
        return f"must be a string holding a FHIR {type_name}"
    if not value.strip():
        return "must not be empty"
    if FORBIDDEN_CHARACTERS.search(value):
        return "must not contain control characters"
    if len(value) > LONGEST_STRING:
        return "is too long"
    if type_name not in FREE_TEXT and value != value.strip():
        return "must not begin or end with a space"
    if type_name == "id" and not re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", value):
        return "is not a FHIR id"
    if type_name == "uri" and re.search(r"\s", value):
        return "is not a URI"
    if type_name == "base64Binary" and not re.fullmatch(r"[A-Za-z0-9+/\s]+={0,2}", value):
        return "is not base64"
    if type_name == "xhtml" and not is_narrative(value):
        return "is not a well-formed div"
    return ""


def is_narrative(text: str) -> bool:
    """Whether a text is a ``div`` that can stand in XML as it is."""
    try:
        return etree.QName(strict_xml(text.encode())).localname == "div"
    except Malformed:
        return False


def map_problems(error: ValidationError, expected: str) -> Iterator[str]:
    """The problems that fhir.resources found, told from their places: its words quote values."""
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = expected
        for step in problem["loc"]:
            if isinstance(step, int):
                path += f"[{step}]"
            elif step != "root":
                path += f".{printable(step)}"
        if "missing" in problem["type"]:
            yield f"{path} is required."
        elif "one field value" in problem["msg"]:
            yield f"{path} must have exactly one of its alternative values."
        else:
            yield f"{path} does not have the form that FHIR requires."


# ---------------------------------------------------------------- XML

XHTML = "http://www.w3.org/1999/xhtml"
SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def from_xml(data: bytes) -> Any:
    """The dict of the JSON that says the same as an XML document.

    Values keep their text where it does not fit the type, for problems_of to name. Raises
    Malformed, and INVALID_RESOURCE for what has no counterpart in JSON.
    """
    root = strict_xml(data)
    resource = resource_from_xml(root, printable(etree.QName(root).localname))
    check_depth(resource)
    return resource


def strict_xml(data: bytes) -> Any:
    """The root element of an XML document.

    Raises Malformed, also for a document type whatever it holds, so that no entity is expanded.
    """
    if b"<!DOCTYPE" in data:
        raise Malformed("a document type declaration is not accepted.")
    # The encoding is fixed: some libraries declare UTF-16 and send UTF-8. So the bytes looked for
    # above cannot hide in another one, and without a document type there are no entities.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed("it is not well-formed XML.") from error


def resource_from_xml(node: Any, path: str) -> dict[str, Any]:
    """A resource from the element that is named for its type."""
    name = local_name(node, path)
    klass = resource_class(name)
    if klass is None:
        raise FHIRError(INVALID_RESOURCE, f"{path} is not a resource of a known type.")
    return {"resourceType": name, **object_from_xml(node, klass, path)}


def local_name(node: Any, path: str) -> str:
    """The name of an element, which must be in FHIR's namespace."""
    name = etree.QName(node)
    if name.namespace != NAMESPACE:
        raise FHIRError(
            INVALID_RESOURCE,
            f"The element {printable(name.localname)} in {path} is not in the FHIR namespace.",
        )
    return name.localname


def object_from_xml(node: Any, klass: type[FHIRAbstractModel], path: str) -> dict[str, Any]:
    """A resource or element: its attributes and its children, repeating ones as lists."""
    known = elements_of(klass)
    attributes: tuple[str, ...] = () if klass.has_resource_base() else ("id",)
    if klass.__resource_type__ == "Extension":
        attributes = ("id", "url")
    members: dict[str, Any] = attributes_from_xml(node, attributes, path)
    beside: dict[str, list[Any]] = {}
    for child in children_of(node, path):
        name = etree.QName(child).localname
        here = f"{path}.{printable(name)}"
        element = known.get(name)
        if element is None or name in attributes:
            raise FHIRError(
                INVALID_RESOURCE, f"{here} is not an element of {klass.__resource_type__}."
            )
        if element.type_name == "xhtml":
            value, extension = xhtml_from_xml(child, here), None
        else:
            local_name(child, path)
            value, extension = value_from_xml(child, element, here)
        if element.is_list:
            members.setdefault(name, []).append(value)
            beside.setdefault(name, []).append(extension)
        elif name in members or f"_{name}" in members:
            raise FHIRError(INVALID_RESOURCE, f"{here} must not be repeated.")
        else:
            if value is not None:
                members[name] = value
            if extension:
                members[f"_{name}"] = extension
    members.update({f"_{name}": given for name, given in beside.items() if any(given)})
    return members


def attributes_from_xml(node: Any, allowed: tuple[str, ...], path: str) -> dict[str, Any]:
    """The attributes of an element; another one than those allowed is no part of FHIR."""
    found = {}
    for name, value in node.attrib.items():
        if name in allowed:
            found[name] = value
        elif not name.startswith(SCHEMA_INSTANCE):
            raise FHIRError(INVALID_RESOURCE, f"{path} has an attribute that FHIR does not know.")
    return found


def children_of(node: Any, path: str) -> Iterator[Any]:
    """The child elements, once it is clear that there is no text between them."""
    texts = [node.text, *(child.tail for child in node)]
    if any(text and text.strip() for text in texts):
        raise FHIRError(INVALID_RESOURCE, f"{path} must not contain text outside its attributes.")
    yield from node


def value_from_xml(node: Any, element: Element, path: str) -> tuple[Any, dict[str, Any] | None]:
    """The value of an element, and what JSON keeps beside it: a primitive's id and extensions."""
    if element.is_primitive:
        text = node.attrib.pop("value", None)
        extension = object_from_xml(node, EXTENSION_OF_PRIMITIVE, path) or None
        if text is None:
            return (None if extension else ""), extension
        return primitive_from_xml(text, element.type_name), extension
    if element.type_name == "Resource":
        attributes_from_xml(node, (), path)
        resources = list(children_of(node, path))
        if len(resources) != 1:
            raise FHIRError(INVALID_RESOURCE, f"{path} must contain one resource.")
        return resource_from_xml(resources[0], path), None
    return object_from_xml(node, get_fhir_model_class(element.type_name), path), None


def primitive_from_xml(text: str, type_name: str) -> Any:
    """The JSON value of an attribute, or its text where that is no such value."""
    if type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_name in WHOLE_NUMBERS and re.fullmatch(r"-?(0|[1-9][0-9]{0,15})", text):
        return int(text)
    if type_name == "decimal" and re.fullmatch(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,18})?", text):
        return float(text) if "." in text else int(text)
    return text


def xhtml_from_xml(node: Any, path: str) -> str:
    """A narrative as the text that JSON holds."""
    if etree.QName(node).namespace != XHTML:
        raise FHIRError(INVALID_RESOURCE, f"{path} is not in the XHTML namespace.")
    return etree.tostring(node, encoding="unicode", with_tail=False)
