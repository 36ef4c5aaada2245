"""The body of a request to a plain dict that is valid FHIR STU3, whether it was JSON or XML.

Malformed bytes (well_formed) are BAD_REQUEST, an invalid resource (validation) INVALID_RESOURCE.
Diagnostics name the element and the rule and never quote a value.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from lxml import etree

from fhirapi.errors import (
    BAD_REQUEST,
    INVALID_RESOURCE,
    UNSUPPORTED_MEDIA_TYPE,
    FHIRError,
)
from fhirapi.formats import NAMESPACE, Format
from fhirapi.renderers import FORMATS_BY_MEDIA_TYPE, media_type
from fhirapi.resources.common import Element
from fhirapi.validation import (
    EXTENSION_OF_PRIMITIVE,
    WHOLE_NUMBERS,
    Definition,
    definitions_of,
    printable,
    problems_of,
    resource_class,
)
from fhirapi.well_formed import JSON, Malformed, check_depth, strict_json, strict_xml

CHUNKED_BODY = "fhirapi.chunked_body"  # where the WSGI environment keeps one that was read
# Bytes of a body; nginx has the same limit (deploy/nginx). The largest legal booking needs 300,000:
# all slots of a day's session of one minute each, an organisation that says everything about itself
# in long texts, twenty identifiers, and every letter escaped. A test adds it up.
LARGEST_BODY = 512 * 1024


def parse_body(request: HttpRequest, *, expected: str) -> Element:
    """The resource in the body of a request, as a dict: for XML the one of the equal JSON.

    ``expected`` is its FHIR type. Raises BAD_REQUEST (no Content-Type, malformed), 415 (another
    format), INVALID_RESOURCE (another type, or not valid FHIR STU3).
    """
    as_format = body_format(request)
    body = read_body(request)
    if not body.strip():
        raise FHIRError(BAD_REQUEST, "The request has no body.")
    try:
        # A byte order mark says nothing in UTF-8. XML's reader leaves it out by itself.
        is_json = as_format is Format.JSON
        resource = strict_json(body.removeprefix(BOM_UTF8)) if is_json else from_xml(body)
    except Malformed as malformed:
        raise FHIRError(BAD_REQUEST, f"The request body is malformed: {malformed}") from malformed
    problems = problems_of(resource, expected)
    if problems:
        raise FHIRError(INVALID_RESOURCE, problems)
    return cast(Element, resource)


def body_format(request: HttpRequest) -> Format:
    """The format that Content-Type gives for the body; UTF-8 is the only encoding (GEN-070)."""
    header = request.META.get("CONTENT_TYPE", "")
    if request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        raise FHIRError(
            UNSUPPORTED_MEDIA_TYPE, "A body that is encoded (Content-Encoding) is not supported."
        )
    if not header.strip():
        raise FHIRError(BAD_REQUEST, "The Content-Type header is missing.")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", header, flags=re.IGNORECASE)
    known = FORMATS_BY_MEDIA_TYPE.get(media_type(header))
    if known is None or (charset and charset[1].lower() not in {"utf-8", "utf8"}):
        raise FHIRError(
            UNSUPPORTED_MEDIA_TYPE,
            "The format of the request body (Content-Type) is not supported.",
        )
    return known


def read_body(request: HttpRequest) -> bytes:
    """The body, also of a chunked request, whose length Django takes for nought (GEN-073).

    Can be called again, as when a command is tried again. Raises RequestDataTooBig.
    """
    environ = request.META
    limit = min(LARGEST_BODY, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > limit:
        raise RequestDataTooBig
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not (chunked and environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH")):
        return request.body
    if CHUNKED_BODY not in environ:
        try:
            environ[CHUNKED_BODY] = environ["wsgi.input"].read(limit + 1)
        except Exception as broken:  # each server has exceptions of its own for a broken chunk
            raise UnreadablePostError from broken
        if len(environ[CHUNKED_BODY]) > limit:
            raise RequestDataTooBig
    return bytes(environ[CHUNKED_BODY])


# ---------------------------------------------------------------- XML

XHTML = "http://www.w3.org/1999/xhtml"
SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def from_xml(data: bytes) -> Element:
    """The dict of the JSON that says the same as an XML document.

    Values keep their text where it does not fit the type, for problems_of to name. Raises
    Malformed, and INVALID_RESOURCE for what has no counterpart in JSON.
    """
    root = strict_xml(data)
    resource = resource_from_xml(root, printable(etree.QName(root).localname))
    check_depth(resource)
    return resource


def resource_from_xml(node: etree._Element, path: str) -> Element:
    """A resource from the element that is named for its type."""
    name = local_name(node, path)
    klass = resource_class(name)
    if klass is None:
        raise FHIRError(INVALID_RESOURCE, f"{path} is not a resource of a known type.")
    return {"resourceType": name, **object_from_xml(node, klass, path)}


def local_name(node: etree._Element, path: str) -> str:
    """The name of an element, which must be in FHIR's namespace."""
    name = etree.QName(node)
    if name.namespace != NAMESPACE:
        raise FHIRError(
            INVALID_RESOURCE,
            f"The element {printable(name.localname)} in {path} is not in the FHIR namespace.",
        )
    return str(name.localname)


def object_from_xml(node: etree._Element, klass: type[FHIRAbstractModel], path: str) -> Element:
    """A resource or element: its attributes and its children, repeating ones as lists."""
    known = definitions_of(klass)
    attributes: tuple[str, ...] = () if klass.has_resource_base() else ("id",)
    if klass.__resource_type__ == "Extension":
        attributes = ("id", "url")
    members: Element = attributes_from_xml(node, attributes, path)
    beside: dict[str, list[Element | None]] = {}
    for child in children_of(node, path):
        name = etree.QName(child).localname
        here = f"{path}.{printable(name)}"
        element = known.get(name)
        if element is None or name in attributes:
            raise FHIRError(
                INVALID_RESOURCE, f"{here} is not an element of {klass.__resource_type__}."
            )
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


def attributes_from_xml(node: etree._Element, allowed: tuple[str, ...], path: str) -> Element:
    """The attributes of an element; another one than those allowed is no part of FHIR."""
    found = {}
    for name, value in node.attrib.items():
        if name in allowed:
            found[name] = value
        elif not name.startswith(SCHEMA_INSTANCE):
            raise FHIRError(INVALID_RESOURCE, f"{path} has an attribute that FHIR does not know.")
    return found


def children_of(node: etree._Element, path: str) -> Iterator[etree._Element]:
    """The child elements, once it is clear that there is no text between them."""
    texts = [node.text, *(child.tail for child in node)]
    if any(text and text.strip() for text in texts):
        raise FHIRError(INVALID_RESOURCE, f"{path} must not contain text outside its attributes.")
    yield from node


def value_from_xml(
    node: etree._Element, element: Definition, path: str
) -> tuple[JSON, Element | None]:
    """The value of an element, and what JSON keeps beside it: a primitive's id and extensions."""
    if element.type_name == "xhtml":
        return xhtml_from_xml(node, path), None
    local_name(node, path)
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


def primitive_from_xml(text: str, type_name: str) -> JSON:
    """The JSON value of an attribute, or its text where that is no such value."""
    if type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_name in WHOLE_NUMBERS and re.fullmatch(r"-?(0|[1-9][0-9]{0,15})", text):
        return int(text)
    if type_name == "decimal" and re.fullmatch(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,18})?", text):
        return float(text) if "." in text else int(text)
    return text


def xhtml_from_xml(node: etree._Element, path: str) -> str:
    """A narrative as the text that JSON holds."""
    if etree.QName(node).namespace != XHTML:
        raise FHIRError(INVALID_RESOURCE, f"{path} is not in the XHTML namespace.")
    return str(etree.tostring(node, encoding="unicode", with_tail=False))
