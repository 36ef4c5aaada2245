"""Bytes to the value of a JSON text or to the tree of an XML document, refusing what is malformed.

Strict where readers would differ: names that stand twice, byte order marks, document types. Nothing
is known here of FHIR, and no message quotes what was sent.
"""

import json
from typing import TypeAlias

import orjson
from lxml import etree

# What a JSON text can say; a value is looked at (isinstance) before it is used.
JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

DEEPEST = 60  # levels of nesting; real resources need about ten


class Malformed(ValueError):
    """The bytes are not well-formed; the message says how, and quotes nothing."""


def strict_json(data: bytes) -> JSON:
    """The value of a JSON text, refusing what others would let pass or read differently.

    Raises Malformed, also for an object that names a member twice, for NaN, for half a surrogate
    pair, for a byte order mark and for nesting deeper than DEEPEST.
    """
    try:
        value: JSON = orjson.loads(data)
        check_depth(value)
        if may_repeat_names(data, value):
            json.loads(data, object_pairs_hook=refuse_repeated_names)
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("it is not valid JSON.") from error
    return value


def may_repeat_names(data: bytes, value: JSON) -> bool:
    """Whether a JSON text may name a member twice: looked for only then, as it takes long.

    Written anew, its value has a colon for each member that was kept, and those in texts. So it
    has as many as the text only if none was dropped, unless the text has an escaped one.
    """
    return data.count(b":") != orjson.dumps(value).count(b":") or b"\\u003" in data


def refuse_repeated_names(members: list[tuple[str, object]]) -> None:
    """Refuse an object in which one name stands twice: readers disagree on which one counts."""
    if len({name for name, _ in members}) < len(members):
        raise Malformed("an object names the same element twice.")


def check_depth(value: JSON) -> None:
    """Refuse what is nested so deep that reading it would exhaust the stack."""
    level: list[JSON] = [value]
    depth = 0
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


def strict_xml(data: bytes) -> etree._Element:
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
