"""The two formats that are spoken here, and how a resource is written in each.

JSON by orjson. XML by one generic writer, which knows no resource: elements keep the order of the
dict's keys. Source: FHIR STU3, "XML Representation of Resources".
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

import orjson

from fhirapi.resources.common import Element
from fhirapi.well_formed import JSON

Write: TypeAlias = Callable[[str], object]  # adds to the XML that has been written so far


class Format(Enum):
    """The two formats spoken here; the value is the bare media type (GEN-050, GEN-051)."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"

    @property
    def content_type(self) -> str:
        """The Content-Type header of a response, letter for letter (GEN-059)."""
        return f"{self.value};charset=utf-8"

    @property
    def between_entries(self) -> str:
        """What stands between two entries of a Bundle."""
        return "," if self is Format.JSON else ""

    def resource(self, resource: Element) -> bytes:
        """A resource, finished."""
        return orjson.dumps(resource) if self is Format.JSON else to_xml(resource)

    def entry(self, resource: Element) -> str:
        """The entry of a Bundle that holds a resource, without what is around it."""
        entry: Element = {"resource": resource}
        if self is Format.JSON:
            return orjson.dumps(entry).decode()
        parts: list[str] = []
        write_one(parts.append, "entry", entry, None)
        return "".join(parts)


# ---------------------------------------------------------------- XML

NAMESPACE = "http://hl7.org/fhir"
DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"
WITH_URL_ATTRIBUTE = {"extension", "modifierExtension"}

# Line breaks and tabs need references too: a parser reads them as spaces in an attribute.
ESCAPES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
TO_BE_ESCAPED = re.compile('[\x00-\x1f&<>"\ud800-\udfff\ufffe\uffff]')


def to_xml(resource: Element) -> bytes:
    """A resource in FHIR's XML; elements keep the order of the dict's keys.

    Source: FHIR STU3, "XML Representation of Resources". Characters that XML cannot hold, not
    even escaped, become U+FFFD.
    """
    parts = [DECLARATION]
    write_resource(parts.append, resource, f' xmlns="{NAMESPACE}"')
    return "".join(parts).encode()


def write_resource(write: Write, resource: Element, namespace: str = "") -> None:
    """An element named for the type of the resource. Its id is an element like any other."""
    name = resource["resourceType"]
    write(f"<{name}{namespace}>")
    for key, value in resource.items():
        if key != "resourceType":
            write_element(write, key, value, resource)
    write(f"</{name}>")


def write_element(write: Write, name: str, value: JSON, parent: Element) -> None:
    """One member of a JSON object: ``name`` once, or once for each member of an array.

    ``_name`` beside it holds the ids and extensions of a primitive, and is written with it.
    """
    if name[0] == "_":
        if name[1:] in parent:
            return
        name, value, beside = name[1:], None, value
        if isinstance(beside, list):
            value = [None] * len(beside)
    else:
        beside = parent.get("_" + name)
    if not isinstance(value, list):
        write_one(write, name, value, beside)
    elif beside is None:
        for item in value:
            write_one(write, name, item, None)
    else:
        for index, item in enumerate(value):
            write_one(write, name, item, beside[index] if index < len(beside) else None)


def write_one(write: Write, name: str, value: JSON, beside: Element | None) -> None:
    """A primitive, an element, a resource inside its wrapper, or a narrative."""
    if isinstance(value, dict):
        if "resourceType" in value:
            write(f"<{name}>")
            write_resource(write, value)
            write(f"</{name}>")
        else:
            write_complex(write, name, "", value)
    elif name == "div" and isinstance(value, str):
        write(value)  # XHTML, a string only in JSON
    elif beside:
        attribute = "" if value is None else f' value="{escape(value)}"'
        write_complex(write, name, attribute, beside)
    elif value is not None:
        write(f'<{name} value="{escape(value)}"/>')


def write_complex(write: Write, name: str, attributes: str, element: Element) -> None:
    """An element with children; its id, and the url of an extension, are attributes."""
    in_attributes = {"id", "url"} if name in WITH_URL_ATTRIBUTE else {"id"}
    for key in ("id", "url"):
        if key in in_attributes and key in element:
            attributes += f' {key}="{escape(element[key])}"'
    write(f"<{name}{attributes}>")
    for key, value in element.items():
        if key not in in_attributes:
            write_element(write, key, value, element)
    write(f"</{name}>")


def escape(value: JSON) -> str:
    """A primitive as the text of an XML attribute."""
    if value is True or value is False:
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if TO_BE_ESCAPED.search(text):
        return TO_BE_ESCAPED.sub(lambda found: ESCAPES.get(found[0], "\ufffd"), text)
    return text
