"""FHIR as JSON and as XML, both as the same plain dicts.

XML needs to know which elements repeat and which are no texts: ``elements.json`` says it for the
resources of GP Connect. Narratives (``text``) are left out of what is read from XML.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from xml.parsers import expat  # nosec B406: it is told to refuse document types, below

Resource = dict[str, Any]

TYPES = {"json": "application/fhir+json", "xml": "application/fhir+xml"}
NAMESPACE = "http://hl7.org/fhir"
DEEPEST = 100


class Unreadable(ValueError):
    """Bytes that are not FHIR in the format that they claim to be in; says why."""


def read(content_type: str, body: bytes) -> Resource:
    """The resource of an answer, by its media type; JSON's older names are understood too."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith(("+json", "/json")):
        return from_json(body)
    if kind.endswith(("+xml", "/xml")):
        return from_xml(body)
    raise Unreadable(f"its Content-Type is {kind[:60] or 'missing'}, which is not FHIR")


def write(resource: Mapping[str, Any], format: str) -> bytes:
    """A resource as "json" or "xml"."""
    return to_xml(resource) if format == "xml" else json.dumps(resource).encode()


def from_json(body: bytes) -> Resource:
    """The resource in a JSON text."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("its body is not well-formed JSON") from error
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise Unreadable("its body is no FHIR resource: it has no resourceType")
    return found


@cache
def _types() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(
        files("consumer").joinpath("elements.json").read_text(encoding="utf-8")
    )
    return found


# ---------------------------------------------------------------- reading XML


class _Node:
    """An element of XML: its name, its attributes, its children."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.children: list[_Node] = []


def _refuse(*_: object) -> None:
    raise Unreadable("its XML has a document type, which FHIR forbids")


def _tree(body: bytes) -> _Node:
    """The elements of FHIR's namespace; whatever is in another (narratives) is left out."""
    parser = expat.ParserCreate(namespace_separator="}")
    top = _Node("", {})
    open_nodes = [top]
    foreign = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal foreign
        namespace, _, local = name.rpartition("}")
        if foreign or namespace != NAMESPACE:
            foreign += 1
            return
        node = _Node(local, attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)
        if len(open_nodes) > DEEPEST:
            raise Unreadable("its XML is nested too deeply")

    def end(_: str) -> None:
        nonlocal foreign
        if foreign:
            foreign -= 1
        else:
            open_nodes.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Unreadable("its body is not well-formed XML") from error
    if not top.children:
        raise Unreadable("its body is no FHIR resource: nothing is in FHIR's namespace")
    return top.children[0]


def from_xml(body: bytes) -> Resource:
    """The dict of the JSON that says the same as an XML document."""
    return _resource(_tree(body))


def _resource(node: _Node) -> Resource:
    if node.name not in _types():
        raise Unreadable(f"{node.name[:60]} is no resource of GP Connect")
    return {"resourceType": node.name, **_members(node, node.name)}


def _members(node: _Node, kind: str) -> Resource:
    known = _types()[kind]
    found: Resource = {
        name: node.attributes[name] for name in ("id", "url") if name in node.attributes
    }
    beside: dict[str, list[Any]] = {}
    for child in node.children:
        if child.name == "text" and known.get("text") == "Narrative":
            continue
        if child.name not in known:
            raise Unreadable(f"{kind} has no element {child.name[:60]}")
        said = known[child.name]
        value, extension = _value(child, said.rstrip("*"))
        if said.endswith("*"):
            found.setdefault(child.name, []).append(value)
            beside.setdefault(child.name, []).append(extension)
        else:
            if value is not None:
                found[child.name] = value
            if extension:
                found[f"_{child.name}"] = extension
    found.update({f"_{name}": given for name, given in beside.items() if any(given)})
    return found


def _value(node: _Node, kind: str) -> tuple[Any, Resource | None]:
    """A value, and the id and extensions of it if it is a primitive that has any."""
    if kind in ("Resource", "ResourceContainer"):
        if len(node.children) != 1:
            raise Unreadable(f"{node.name} does not hold one resource")
        return _resource(node.children[0]), None
    if kind not in ("", "!", "#"):
        return _members(node, kind), None
    extensions = [_members(child, "Extension") for child in node.children]
    beside = {name: node.attributes[name] for name in ("id",) if name in node.attributes}
    extra: Resource = {**beside, **({"extension": extensions} if extensions else {})}
    text = node.attributes.get("value")
    return (None if text is None else _primitive(text, kind)), extra or None


def _primitive(text: str, kind: str) -> Any:
    """The JSON value of an attribute; a text that does not fit stays a text, to be named later."""
    if kind == "!":
        return {"true": True, "false": False}.get(text, text)
    if kind == "#":
        try:
            return float(text) if set(text) & set(".eE") else int(text)
        except ValueError:
            return text
    return text


# ---------------------------------------------------------------- writing XML

ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


def to_xml(resource: Mapping[str, Any]) -> bytes:
    """A resource as XML, its elements in the order in which FHIR defines them."""
    parts = [
        "<?xml version='1.0' encoding='UTF-8'?>\n",
        *_written(resource, f' xmlns="{NAMESPACE}"'),
    ]
    return "".join(parts).encode()


def _written(resource: Mapping[str, Any], namespace: str = "") -> Iterator[str]:
    kind = resource["resourceType"]
    if kind not in _types():
        raise ValueError(f"{kind} is no resource of GP Connect")
    yield f"<{kind}{namespace}>"
    yield from _content(resource, kind, set())
    yield f"</{kind}>"


def _content(element: Mapping[str, Any], kind: str, attributes: set[str]) -> Iterator[str]:
    known = _types()[kind]
    unknown = {name.lstrip("_") for name in element} - set(known) - {"resourceType"}
    if unknown:
        raise ValueError(f"{kind} has no element {sorted(unknown)[0]}")
    for name, said in known.items():
        if name in attributes or (name not in element and f"_{name}" not in element):
            continue
        value, beside = element.get(name), element.get(f"_{name}")
        if said.endswith("*"):
            values, besides = list(value or []), list(beside or [])
            length = max(len(values), len(besides))
            for one, other in zip(
                values + [None] * (length - len(values)),
                besides + [None] * (length - len(besides)),
                strict=True,
            ):
                yield from _one(name, one, other, said[:-1])
        else:
            yield from _one(name, value, beside, said)


def _one(name: str, value: Any, beside: Any, kind: str) -> Iterator[str]:
    if kind == "Narrative":
        return
    if kind in ("Resource", "ResourceContainer"):
        yield from (f"<{name}>", *_written(value), f"</{name}>")
    elif kind not in ("", "!", "#"):
        own = {"id", "url"} if kind == "Extension" else {"id"}
        yield f"<{name}{_attributes(value, own)}>"
        yield from _content(value, kind, own)
        yield f"</{name}>"
    else:
        text = {True: "true", False: "false"}.get(value, value) if kind == "!" else value
        attribute = "" if text is None else f' value="{str(text).translate(ESCAPES)}"'
        yield f"<{name}{_attributes(beside or {}, {'id'})}{attribute}>"
        for extension in (beside or {}).get("extension", ()):
            yield from _one("extension", extension, None, "Extension")
        yield f"</{name}>"


def _attributes(element: Mapping[str, Any], names: set[str]) -> str:
    return "".join(
        f' {name}="{str(element[name]).translate(ESCAPES)}"'
        for name in ("id", "url")
        if name in names and name in element
    )
