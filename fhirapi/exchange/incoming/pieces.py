"""A file cut into the resources in it, one after another, so that none need be held whole.

JSON is cut by bytes and each piece read by itself: an entry of a Bundle, a line of NDJSON. XML
comes through an incremental parser. How large a piece may be is bounded, and nothing in a message
quotes what was read.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson
from lxml import etree

from fhirapi.errors import FHIRError
from fhirapi.formats import NAMESPACE
from fhirapi.parsers import resource_from_xml
from fhirapi.resources.common import Element
from fhirapi.well_formed import (
    Malformed,
    check_depth,
    may_repeat_names,
    refuse_repeated_names,
)

CHUNK = 256 * 1024
LARGEST_PIECE = 16 * 1024 * 1024  # bytes; a resource of a practice has some thousand


class Unreadable(ValueError):
    """The file is not what it should be, and behind this place nothing can be read."""


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Piece:
    """A resource by itself, an entry of a Bundle, or a Bundle without its entries.

    ``place`` is where it stands in the file, for people; ``is_entry`` says that what is around the
    resource is in ``value`` too. ``wrong`` says why there is no value. ``data`` is what it was read
    from, where that is JSON.
    """

    place: str
    is_entry: bool
    value: Element
    wrong: str = ""
    data: bytes = b""

    def check_strictly(self) -> None:
        """Refuse what readers of JSON would read differently. Raises Malformed."""
        check_depth(self.value)
        if self.data and may_repeat_names(self.data, self.value):
            json.loads(self.data, object_pairs_hook=refuse_repeated_names)


def pieces(stream: Readable) -> Iterator[Piece]:
    """What is in a file, in whichever format. Raises Unreadable, and OSError of the stream."""
    start = stream.read(CHUNK)
    check_encoding(start)
    start = start.removeprefix(BOM_UTF8)
    while not (start := start.lstrip()):
        start = stream.read(CHUNK)
        if not start:
            raise Unreadable("it is empty")
    if start[:1] == b"<":
        yield from XmlFile(stream, start).pieces()
    elif start[:1] in (b"{", b"["):
        yield from JsonFile(stream, start).pieces()
    else:
        raise Unreadable("it is neither JSON nor XML")


ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF 32",
    b"\x00\x00\xfe\xff": "UTF 32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def check_encoding(start: bytes) -> None:
    """Refuse what is not UTF-8, by its first bytes. Raises Unreadable."""
    for mark, name in ENCODINGS.items():
        if start.startswith(mark):
            raise Unreadable(f"it is written in {name}; UTF-8 is expected")
    if b"\x00" in start[:4]:
        raise Unreadable("it is written in UTF-16 or UTF 32; UTF-8 is expected")


# ---------------------------------------------------------------- JSON

STRING = rb'"(?:[^"\\]++|\\.)*+"'
FLAT = rb'(?:[^{}\[\]"]++|' + STRING + rb")*+"
# Whatever comes before the next bracket that counts: an object or list of plain values is passed
# over whole, which makes it several times as fast.
NEXT_BRACKET = re.compile(
    rb'(?:[^{}\[\]"]++|' + STRING + rb"|\{" + FLAT + rb"\}|\[" + FLAT + rb"\])*+([{}\[\]])",
    re.DOTALL,
)
WHOLE_STRING = re.compile(STRING, re.DOTALL)
SCALAR = re.compile(rb'[^\s,\]}{\["]++')
SPACE = re.compile(rb"[ \t\r\n]*+")
TOO_LARGE = f"something in it is larger than {LARGEST_PIECE // 1024 // 1024} MB"
CUT_OFF = "it ends in the middle: it was cut off"
NO_JSON = "it is not valid JSON"


class JsonFile:
    """One or more JSON objects, read from a stream; ``keep`` is what must not be forgotten yet."""

    def __init__(self, stream: Readable, start: bytes) -> None:
        self.stream, self.data = stream, start
        self.at = self.keep = 0

    def _more(self) -> bool:
        """Read on, and forget what came before ``keep``; False at the end."""
        # What was looked at is looked at again: each time with as much more, so only a few times.
        chunk = self.stream.read(max(CHUNK, len(self.data) - self.keep))
        if not chunk:
            return False
        if len(self.data) - self.keep > LARGEST_PIECE:
            raise Unreadable(TOO_LARGE)
        self.data = self.data[self.keep :] + chunk
        self.at -= self.keep
        self.keep = 0
        return True

    def _peek(self) -> bytes:
        """The next byte that is no space; none at the end."""
        while True:
            found = SPACE.match(self.data, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            self.keep = min(self.keep, self.at)
            if not self._more():
                return b""

    def _expect(self, wanted: bytes) -> None:
        found = self._peek()
        if found != wanted:
            raise Unreadable(NO_JSON if found else CUT_OFF)
        self.at += 1

    def _value(self) -> bytes:
        """The bytes of the value that begins here."""
        self.keep = self.at
        first = self.data[self.at : self.at + 1]
        if first in (b"{", b"["):
            self.at += 1
            depth = 1
            while depth:
                found = NEXT_BRACKET.match(self.data, self.at)
                if found is None:
                    if not self._more():
                        raise Unreadable(CUT_OFF)
                    continue
                self.at = found.end()
                depth += 1 if found[1] in b"{[" else -1
        else:
            pattern = WHOLE_STRING if first == b'"' else SCALAR
            while (found := pattern.match(self.data, self.at)) is None or (
                found.end() == len(self.data) and first != b'"'
            ):
                if not self._more():
                    if found is None:
                        raise Unreadable(CUT_OFF if first == b'"' else NO_JSON)
                    break
            self.at = found.end()
        value = self.data[self.keep : self.at]
        self.keep = self.at
        if len(value) > LARGEST_PIECE:
            raise Unreadable(TOO_LARGE)
        return value

    def pieces(self) -> Iterator[Piece]:
        number = 0
        while first := self._peek():
            if first == b"[":
                raise Unreadable("it is a list; a resource or a Bundle is expected")
            if first != b"{":
                raise Unreadable(NO_JSON)
            number += 1
            yield from self._object(f"line {number}" if number > 1 else "")

    def _object(self, line: str) -> Iterator[Piece]:
        """The entries of an object as they come, then what else it has."""
        self.at += 1
        around = [b"{"]
        size = 0
        while (found := self._peek()) != b"}":
            self.keep = self.at
            if found == b",":
                self.at += 1
                around.append(b",")
                continue
            if found != b'"':
                raise Unreadable(NO_JSON if found else CUT_OFF)
            name = self._value()
            self._expect(b":")
            if self._peek() == b"[" and name == b'"entry"':
                around.append(b'"entry":null')
                yield from self._entries(f"{line}, " if line else "")
                continue
            if not self._peek():
                raise Unreadable(CUT_OFF)
            value = self._value()
            size += len(value)
            if size > LARGEST_PIECE:
                raise Unreadable(TOO_LARGE)
            around += [name, b":", value]
        self.at += 1
        self.keep = self.at
        yield piece(line, False, b"".join([*around, b"}"]))

    def _entries(self, line: str) -> Iterator[Piece]:
        self.at += 1
        number = 0
        if self._peek() == b"]":
            self.at += 1
            return
        while True:
            if self._peek() in (b"", b",", b"]", b"}", b":"):
                raise Unreadable(NO_JSON if self._peek() else CUT_OFF)
            number += 1
            yield piece(f"{line}entry {number}", True, self._value())
            found = self._peek()
            if found not in (b",", b"]"):
                raise Unreadable(NO_JSON if found else CUT_OFF)
            self.at += 1
            if found == b"]":
                return


def piece(place: str, is_entry: bool, data: bytes) -> Piece:
    """A piece of these bytes, or one that says what is wrong with them."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        is_text = "utf-8" in str(error).lower()
        return Piece(place, is_entry, {}, "this is not UTF-8" if is_text else NO_JSON)
    if not isinstance(value, dict):
        return Piece(place, is_entry, {}, "an object is expected")
    return Piece(place, is_entry, value, data=data)


# ---------------------------------------------------------------- XML

DOCTYPE = b"<!DOCTYPE"
TYPE, ENTRY, FULL_URL, RESOURCE, REQUEST = (
    f"{{{NAMESPACE}}}{name}" for name in ("type", "entry", "fullUrl", "resource", "request")
)


class XmlFile:
    """A resource or a Bundle in XML, read from a stream."""

    def __init__(self, stream: Readable, start: bytes) -> None:
        self.stream, self.start = stream, start
        self.parser = etree.XMLPullParser(
            events=("start", "end"),
            encoding="utf-8",  # whatever it declares: see strict_xml
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
        )
        self.root: etree._Element | None = None
        self.number = self.depth = 0
        self.type: str | None = None  # of the Bundle
        self.since = 0  # bytes since the last entry ended

    def pieces(self) -> Iterator[Piece]:
        chunk, tail = self.start, b""
        try:
            while chunk:
                if DOCTYPE in tail + chunk:
                    raise Unreadable("a document type declaration is not accepted")
                tail = chunk[-len(DOCTYPE) :]
                self.since += len(chunk)
                self.parser.feed(chunk)
                yield from self._entries()
                if self.since > LARGEST_PIECE:
                    raise Unreadable(TOO_LARGE)
                chunk = self.stream.read(CHUNK)
            self.parser.close()
        except etree.XMLSyntaxError as error:
            is_short = "Premature end" in str(error) or "Couldn't find end" in str(error)
            raise Unreadable(CUT_OFF if is_short else "it is not well-formed XML") from error
        yield from self._entries()
        if self.root is not None:
            yield self._whole(self.root)

    def _entries(self) -> Iterator[Piece]:
        for event, node in self.parser.read_events():
            if event == "start":
                self.depth += 1
                if self.root is None:
                    self.root = node
                continue
            self.depth -= 1
            if self.depth == 1 and node.tag == TYPE:
                self.type = node.get("value")
            if self.depth == 1 and node.tag == ENTRY and self._is_bundle():
                self.number += 1
                self.since = 0
                yield entry_from_xml(node, f"entry {self.number}")
                node.clear()
                while node.getprevious() is not None:
                    del node.getparent()[0]

    def _is_bundle(self) -> bool:
        return self.root is not None and self.root.tag == f"{{{NAMESPACE}}}Bundle"

    def _whole(self, root: etree._Element) -> Piece:
        if not self._is_bundle():
            return resource_piece(root, "", False)
        value: Element = {"resourceType": "Bundle", "type": self.type, "entry": None}
        return Piece("", False, value)


def entry_from_xml(node: etree._Element, place: str) -> Piece:
    """An entry: its address, on which condition it is to be made, and its resource."""
    inner = node.find(RESOURCE)
    if inner is None or len(inner) != 1:
        return Piece(place, True, {})
    found = resource_piece(inner[0], place, True)
    if found.wrong:
        return found
    found.value = {"resource": found.value}
    address, request = node.find(FULL_URL), node.find(REQUEST)
    if address is not None:
        found.value["fullUrl"] = address.get("value")
    if request is not None:
        found.value["request"] = {
            etree.QName(child).localname: child.get("value") for child in request
        }
    return found


# What a practice takes, and so what must be understood: of all else the name is enough.
TAKEN = (
    *("Organization", "Location", "Practitioner", "PractitionerRole"),
    *("Patient", "Schedule", "Slot", "Appointment"),
)


def resource_piece(node: etree._Element, place: str, is_entry: bool) -> Piece:
    """A resource by itself; of a kind that is left only its type is read."""
    name = etree.QName(node).localname
    if etree.QName(node).namespace == NAMESPACE and name not in TAKEN:
        return Piece(place, is_entry, {"resourceType": name})
    try:
        return Piece(place, is_entry, resource_from_xml(node, name))
    except FHIRError as refusal:
        return Piece(
            place, is_entry, {"resourceType": name}, ". ".join(refusal.diagnostics).rstrip(".")
        )
    except Malformed as error:
        return Piece(place, is_entry, {}, str(error).rstrip("."))
