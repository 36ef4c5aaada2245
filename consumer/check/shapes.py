"""What shape a resource has, written as a table, and what is wrong with one.

A line of a table: the element's name, how often it occurs, its type. How often: ``1``, ``?`` (or
not at all), ``*`` (a list), ``+`` (a list with something in it), ``[1]`` and ``[?]`` (a list of
one, of at most one), ``0`` (never). The type: a data type of FHIR, another table, ``a|b`` (one of
these codes), ``Ref:Patient,Location`` (a reference to one of these).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consumer import times


@dataclass(frozen=True)
class Fault:
    """What is wrong at a path. ``kind``: profile, shape, extension, coding, reference or time."""

    kind: str
    path: str
    words: str

    def __str__(self) -> str:
        return f"{self.path} {self.words}"


@dataclass(frozen=True)
class Element:
    """One line of a table."""

    name: str
    least: int
    most: float
    is_list: bool
    type: str


COUNTS: dict[str, tuple[int, float, bool]] = {
    "1": (1, 1, False),
    "?": (0, 1, False),
    "*": (0, float("inf"), True),
    "+": (1, float("inf"), True),
    "[1]": (1, 1, True),
    "[?]": (0, 1, True),
    "0": (0, 0, False),
}


def table(text: str) -> dict[str, Element]:
    """The elements of a table by name."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        name, count, *kind = line.split()
        found[name] = Element(name, *COUNTS[count], kind[0] if kind else "")
    return found


@dataclass(frozen=True)
class Extension:
    """An extension that is looked for: where its value stands, and what that must be."""

    url: str
    value: str
    least: int = 0
    most: int = 1
    rule: Callable[[Any], str] = lambda value: ""


Rule = Callable[[dict[str, Any]], Iterator[tuple[str, str, str]]]


@dataclass(frozen=True)
class Shape:
    """The table of a resource, its extensions, and rules that no table holds.

    A rule yields (kind, path below the resource, words).
    """

    kind: str
    profile: str
    elements: Mapping[str, Element]
    extensions: Sequence[Extension] = ()
    rules: Sequence[Rule] = ()
    tables: Mapping[str, Mapping[str, Element]] = field(default_factory=dict)


# ---------------------------------------------------------------- primitive values

_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
FORMATS = {
    "code": r"\S+(\s\S+)*",
    "date": rf"\d{{4}}(-\d\d(-\d\d)?)?|{_DAY}",
    "dateTime": rf"\d{{4}}(-\d\d)?|{_DAY}(T{_CLOCK})?",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "instant": rf"{_DAY}T{_CLOCK}",
    "string": r"[\s\S]*\S[\s\S]*",
    "uri": r"\S+",
}
NUMBERS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "decimal": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "positiveInt": lambda value: type(value) is int and value > 0,
    "unsignedInt": lambda value: type(value) is int and value >= 0,
}


def is_of(value: Any, kind: str) -> bool:
    """Whether a value is of a primitive type; any value is of a type that is not known here."""
    if kind in NUMBERS:
        return NUMBERS[kind](value)
    if kind in FORMATS:
        return isinstance(value, str) and re.fullmatch(FORMATS[kind], value) is not None
    return True


def is_uk_time(value: Any) -> bool:
    """Whether a time is written as UK clocks show it, with the offset of that very instant."""
    if not isinstance(value, str) or not times.UK_LOCAL.fullmatch(value):
        return False
    try:
        return times.write(datetime.fromisoformat(value)) == value
    except ValueError:
        return False


# ---------------------------------------------------------------- the check


def faults(resource: Any, shape: Shape) -> list[Fault]:
    """Everything that is wrong with a resource."""
    if not isinstance(resource, dict) or resource.get("resourceType") != shape.kind:
        return [Fault("shape", shape.kind, "is not what was answered")]
    checker = _Checker(shape)
    checker.members(resource, shape.elements, shape.kind)
    checker.extensions(resource)
    for rule in shape.rules:
        for kind, path, words in rule(resource):
            checker.say(kind, f"{shape.kind}.{path}" if path else shape.kind, words)
    checker.nothing_empty(resource, shape.kind)
    return checker.found


class _Checker:
    """One walk through one resource."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.found: list[Fault] = []

    def say(self, kind: str, path: str, words: str) -> None:
        self.found.append(Fault(kind, path, words))

    def members(self, value: dict[str, Any], known: Mapping[str, Element], path: str) -> None:
        """Each element against its line; elements that have none are not known to FHIR."""
        for element in known.values():
            self.count(value.get(element.name), element, f"{path}.{element.name}")
        for name, inner in value.items():
            bare = name.removeprefix("_")
            if bare in ("resourceType", "id", "extension", "modifierExtension", "fhir_comments"):
                continue
            line = known.get(bare)
            if line is None:
                self.say("shape", f"{path}.{name}", "is no element of this resource")
            elif name == bare and line.most:
                self.element(inner, line, f"{path}.{name}")

    def count(self, value: Any, element: Element, path: str) -> None:
        number = len(value) if isinstance(value, list) else 0 if value is None else 1
        kind = "profile" if ".meta" in path else "shape"
        if element.most == 0 and number:
            self.say(kind, path, "must not be there")
        elif number < element.least:
            self.say(kind, path, "is missing")
        elif number > element.most:
            self.say(kind, path, f"occurs {number} times, which is too often")

    def element(self, value: Any, line: Element, path: str) -> None:
        if isinstance(value, list) != line.is_list:
            self.say("shape", path, "must be a list" if line.is_list else "must not be a list")
            return
        for number, item in enumerate(value if line.is_list else [value]):
            self.item(item, line.type, f"{path}[{number}]" if line.is_list else path)

    def item(self, value: Any, kind: str, path: str) -> None:
        """One value against its type."""
        if kind.startswith("Ref:"):
            self.reference(value, kind[4:].split(","), path)
        elif kind in TABLES or kind in self.shape.tables:
            if isinstance(value, dict):
                self.members(value, self.shape.tables.get(kind) or TABLES[kind], path)
            else:
                self.say("shape", path, "must be an object")
        else:
            self.primitive(value, kind, path)

    def primitive(self, value: Any, kind: str, path: str) -> None:
        """One value against a primitive type or a list of codes."""
        if "|" in kind:
            if value not in kind.split("|"):
                self.say("coding", path, f"is {value!r}, not {' or '.join(kind.split('|'))}")
        elif kind == "ukTime":
            if not is_uk_time(value):
                self.say("time", path, f"is {value!r}, not UK local time with its offset")
        elif not is_of(value, kind):
            self.say("shape", path, f"is {value!r}, not of type {kind}")

    def reference(self, value: Any, targets: list[str], path: str) -> None:
        """A relative reference to a resource of one of these types."""
        found = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(found, str):
            self.say("reference", path, "has no reference")
            return
        match = re.fullmatch(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[^/]+)?", found)
        if match is None:
            self.say("reference", path, f"is {found!r}, not relative (Type/id)")
        elif match[1] not in targets:
            self.say("reference", path, f"refers to {match[1]}, not to {' or '.join(targets)}")

    def extensions(self, resource: dict[str, Any]) -> None:
        """The extensions that the resource must have, and the values of those that it has."""
        sent = resource.get("extension", [])
        if not isinstance(sent, list):
            return self.say("shape", f"{self.shape.kind}.extension", "must be a list")
        for known in self.shape.extensions:
            name = known.url.rsplit("/", 1)[-1]
            path = f"{self.shape.kind}.extension({name})"
            values = [
                each for each in sent if isinstance(each, dict) and each.get("url") == known.url
            ]
            if len(values) < known.least:
                self.say("extension", path, "is missing")
            elif len(values) > known.most:
                words = "occurs too often" if known.most else "must not be there"
                self.say("extension", path, words)
            for each in values:
                if known.value and known.value not in each:
                    self.say("extension", path, f"has no {known.value}")
                elif words := known.rule(each.get(known.value)):
                    self.say("coding", path, words)

    def nothing_empty(self, value: Any, path: str) -> None:
        """FHIR's JSON leaves out what is empty (GEN-133)."""
        if value is None or value in ("", [], {}):
            self.say("shape", path, "is empty: it must be left out")
        elif isinstance(value, dict):
            for name, inner in value.items():
                if not name.startswith("_"):
                    self.nothing_empty(inner, f"{path}.{name}")
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self.nothing_empty(inner, f"{path}[{number}]")


# ---------------------------------------------------------------- data types

TABLES = {
    "Address": table("""
        use ? home|work|temp|old
        type ? postal|physical|both
        text ? string
        line * string
        city ? string
        district ? string
        state 0
        postalCode ? string
        country ? string
        period ? Period
    """),
    "CodeableConcept": table("""
        coding * Coding
        text ? string
    """),
    "Coding": table("""
        system ? uri
        version ? string
        code ? code
        display ? string
        userSelected ? boolean
    """),
    "ContactPoint": table("""
        system 1 phone|fax|email|pager|url|sms|other
        value 1 string
        use ? home|work|temp|old|mobile
        rank ? positiveInt
        period ? Period
    """),
    "HumanName": table("""
        use ? usual|official|temp|nickname|anonymous|old|maiden
        text ? string
        family ? string
        given * string
        prefix * string
        suffix * string
        period ? Period
    """),
    "Identifier": table("""
        use ? usual|official|temp|secondary
        type ? CodeableConcept
        system ? uri
        value ? string
        period ? Period
        assigner ? any
    """),
    "Meta": table("""
        versionId 1 id
        lastUpdated ? instant
        profile + uri
        security * Coding
        tag * Coding
    """),
    "Period": table("""
        start ? dateTime
        end ? dateTime
    """),
    "PlainIdentifier": table("""
        system 1 uri
        value 1 string
        use 0
        type 0
        period 0
        assigner 0
    """),
    "UKPeriod": table("""
        start 1 ukTime
        end 1 ukTime
    """),
    "Worded": table("""
        coding * Coding
        text 1 string
    """),
}
