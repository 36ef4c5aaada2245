"""What a resource says, whether it is written in JSON or in XML: its values, each with its path.

Lists have no numbers here and texts no types, so that both forms can be compared without knowing
FHIR's definitions.
"""

import re
import xml.etree.ElementTree as ET  # nosec B405: documents with a DOCTYPE are not parsed
from collections.abc import Iterator
from typing import Any

Leaf = tuple[str, str]


def of_json(value: Any, path: str = "") -> Iterator[Leaf]:
    """The values of a resource, or of a part of one."""
    if isinstance(value, dict):
        kind = value.get("resourceType")
        inside = f"{path}/{kind}" if kind else path
        for name, inner in value.items():
            if name != "resourceType":
                yield from of_json(inner, f"{inside}/{name.removeprefix('_')}")
    elif isinstance(value, list):
        for inner in value:
            yield from of_json(inner, path)
    elif value is not None:
        yield path, as_text(value)


def as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def of_xml(body: bytes) -> list[Leaf] | None:
    """The same of an XML document; None if it is not well-formed, or has a DOCTYPE."""
    if re.search(rb"<!DOCTYPE", body, flags=re.IGNORECASE):
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 # nosec B314
    except ET.ParseError:
        return None
    return list(_values(root, f"/{_name(root)}"))


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _values(element: ET.Element, path: str) -> Iterator[Leaf]:
    for name, value in element.attrib.items():
        yield (path if name == "value" else f"{path}/{name}"), value
    for child in element:
        yield from _values(child, f"{path}/{_name(child)}")
