"""Does a resource keep to the profiles that GP Connect 1.2.7 publishes?

``check(resource)`` takes a plain dict, as parsed from JSON, and returns what is wrong with it: no
entry, no violation. It follows ``meta.profile``, else the profile of the resource's type, and goes
into bundles, parameters, contained resources and extensions. Checked are: unknown and forbidden
elements, cardinalities, lists where FHIR has lists, slices, fixed values, types and their formats,
allowed types of ``value[x]``, bindings (code, system and display), extensions, reference targets,
the profiles' own constraints, and empty values. ``ordered=True`` also wants elements in FHIR's
order, which our XML inherits from our dicts.

The data is ``profiles/elements`` and ``terminology`` of the published specification (tests.shared).
This is a second opinion beside fhir.resources, which knows FHIR but not GP Connect.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.shared import GPCONNECT

# The profile of each type, for a resource that does not say. Bundles other than the registration's
# answer, Parameters and CapabilityStatements have none.
DEFAULTS = {
    "Appointment": "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1",
    "Location": "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Location-1",
    "OperationOutcome": "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1",
    "Organization": "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1",
    "Patient": "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1",
    "Practitioner": "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Practitioner-1",
    "Schedule": "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Schedule-1",
    "Slot": "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Slot-1",
}

# ---------------------------------------------------------------- the published data


@dataclass
class Element:
    """One element of a profile, with those inside it and the slices that it is cut into."""

    name: str
    min: int
    max: float
    is_list: bool
    types: list[dict[str, str]] = field(default_factory=list)
    fixed: str | None = None
    binding: tuple[str, str] | None = None
    slice_name: str | None = None
    discriminators: list[str] = field(default_factory=list)
    closed: bool = False
    open_at_end: bool = False
    constraints: list[str] = field(default_factory=list)
    children: dict[str, "Element"] = field(default_factory=dict)
    slices: list["Element"] = field(default_factory=list)

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Element":
        slicing = data.get("slicing", {})
        binding = data.get("binding")
        fixed = [value for key, value in data.items() if key.startswith("fixed")]
        return cls(
            name=data["path"].rsplit(".", 1)[-1],
            min=data["min"],
            max=float("inf") if data["max"] == "*" else int(data["max"]),
            is_list=data["baseMax"] not in ("0", "1"),
            types=data.get("type", []),
            fixed=fixed[0] if fixed else None,
            binding=(binding["strength"], binding.get("valueSet", "")) if binding else None,
            slice_name=data.get("sliceName"),
            discriminators=[each["path"] for each in slicing.get("discriminator", [])],
            closed=slicing.get("rules") == "closed",
            open_at_end=slicing.get("rules") == "openAtEnd",
            constraints=[each["key"] for each in data.get("constraint", [])],
        )

    def json_keys(self) -> dict[str, dict[str, str]]:
        """The JSON keys that this element may have: one, or one for each type of ``value[x]``."""
        if not self.name.endswith("[x]"):
            return {self.name: self.types[0] if self.types else {}}
        stem = self.name.removesuffix("[x]")
        return {stem + kind["code"][0].upper() + kind["code"][1:]: kind for kind in self.types}


@cache
def profile(url: str) -> Element | None:
    """The root element of a published profile or extension, or None for another URL."""
    for path in sorted((GPCONNECT / "profiles" / "elements").glob("*.json")):
        if path.stem == url.rsplit("/", 1)[-1]:
            data = json.loads(path.read_text(encoding="utf-8"))
            return _tree(data["elements"]) if data["url"] == url else None
    return None


@cache
def resource_type(url: str) -> str:
    """The type that a profile constrains: what a reference to it must point at."""
    name = url.rsplit("/", 1)[-1]
    path = GPCONNECT / "profiles" / "elements" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["type"] if path.exists() else name


def _tree(elements: list[dict[str, Any]]) -> Element:
    nodes: dict[str, Element] = {}
    for data in elements:
        node = nodes[data["id"]] = Element.read(data)
        parent_id, _, segment = data["id"].rpartition(".")
        if not parent_id:
            continue
        base, colon, _ = segment.partition(":")
        sliced = nodes.get(f"{parent_id}.{base}")
        if colon and sliced and sliced.discriminators:
            sliced.slices.append(node)
        else:
            nodes[parent_id].children[node.name] = node
    return nodes[elements[0]["id"]]


@cache
def value_sets() -> dict[str, dict[str, dict[str, str]]]:
    """``{value set URL: {system: {code: display}}}`` for every published list of 1.2.7."""
    folder = GPCONNECT / "terminology"
    found = json.loads((folder / "valuesets_by_url.json").read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if path.stem.startswith("later_") or "choices" not in data or data["valueSet"] in found:
            continue
        systems = found.setdefault(data["valueSet"], {})
        for choice in data["choices"]:
            systems.setdefault(choice["system"], {})[choice["code"]] = choice["display"]
    return found


# ---------------------------------------------------------------- base data types

# Elements of the data types that a snapshot may leave unexpanded, in FHIR's order; "*" marks lists.
DATA_TYPES: dict[str, dict[str, str]] = {
    "Address": {
        **{"use": "code", "type": "code", "text": "string", "line": "string*", "city": "string"},
        **{"district": "string", "state": "string", "postalCode": "string", "country": "string"},
        "period": "Period",
    },
    "Attachment": {
        **{"contentType": "code", "language": "code", "data": "base64Binary", "url": "uri"},
        **{"size": "unsignedInt", "hash": "base64Binary", "title": "string"},
        "creation": "dateTime",
    },
    "CodeableConcept": {"coding": "Coding*", "text": "string"},
    "Coding": {
        **{"system": "uri", "version": "string", "code": "code", "display": "string"},
        "userSelected": "boolean",
    },
    "ContactPoint": {
        **{"system": "code", "value": "string", "use": "code", "rank": "positiveInt"},
        "period": "Period",
    },
    "HumanName": {
        **{"use": "code", "text": "string", "family": "string", "given": "string*"},
        **{"prefix": "string*", "suffix": "string*", "period": "Period"},
    },
    "Identifier": {
        **{"use": "code", "type": "CodeableConcept", "system": "uri", "value": "string"},
        **{"period": "Period", "assigner": "Reference"},
    },
    "Meta": {
        **{"versionId": "id", "lastUpdated": "instant", "profile": "uri*"},
        **{"security": "Coding*", "tag": "Coding*"},
    },
    "Narrative": {"status": "code", "div": "xhtml"},
    "Period": {"start": "dateTime", "end": "dateTime"},
    "Reference": {"reference": "string", "identifier": "Identifier", "display": "string"},
}
EVERYWHERE = {"id": "string", "extension": "Extension*"}

_DATE = r"-?[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
FORMATS = {
    "base64Binary": r"(\s*[0-9a-zA-Z+/=]){4,}\s*",
    "code": r"\S+(\s\S+)*",
    "date": _DATE,
    "dateTime": rf"-?[0-9]{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T{_TIME}{_ZONE})?)?)?",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "instant": rf"[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T{_TIME}{_ZONE}",
    "markdown": r"[\s\S]*\S[\s\S]*",
    "oid": r"urn:oid:[0-2](\.[1-9]\d*)+",
    "string": r"[\s\S]*\S[\s\S]*",
    "time": _TIME,
    "uri": r"\S+",
    "xhtml": r"<div[\s\S]*</div>",
}
NUMBERS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "decimal": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "positiveInt": lambda value: type(value) is int and value > 0,
    "unsignedInt": lambda value: type(value) is int and value >= 0,
}


# ---------------------------------------------------------------- the check


def check(resource: dict[str, Any], *, url: str | None = None, ordered: bool = False) -> list[str]:
    """Return every violation of the resource's profile, or of the profile ``url``, as a sentence.

    Each begins with the path of the element at fault.
    """
    path = resource.get("resourceType", "?")
    checker = _Checker(resource, ordered=ordered)
    checker.resource(resource, path, url)
    return [*_empty(resource, path), *checker.violations]


class _Checker:
    """One walk through one resource; ``root`` is what ``#id`` references are looked up in."""

    def __init__(self, root: dict[str, Any], *, ordered: bool) -> None:
        self.root = root
        self.ordered = ordered
        self.violations: list[str] = []

    def say(self, path: str, words: str) -> None:
        self.violations.append(f"{path}: {words}")

    # ------------------------------------------------ resources

    def resource(self, resource: dict[str, Any], path: str, url: str | None = None) -> None:
        """Check a resource, whatever it is inside of."""
        kind = resource.get("resourceType")
        if not isinstance(kind, str):
            return self.say(path, "resourceType is missing")
        sent = next(iter(resource.get("meta", {}).get("profile", [])), None)
        if kind in DEFAULTS and sent is None:
            self.say(f"{path}.meta.profile", "is missing (GEN-030)")
        url = url or sent or DEFAULTS.get(kind)
        definition = profile(url) if url else None
        if url and definition is None:
            self.say(f"{path}.meta.profile", f"{url} is not a profile of GP Connect 1.2.7")
        elif definition and definition.name != kind:
            self.say(f"{path}.meta.profile", f"{url} is not for {kind}")
        elif definition:
            self.members(resource, definition, path)
            self.constraints(definition, resource, path)
        else:
            for name, inner in self.inner_resources(resource):
                self.inner(inner, f"{path}.{name}")

    def inner_resources(self, resource: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The resources of a resource that has no profile: a Bundle's, a Parameters'."""
        for list_name in ("entry", "parameter"):
            for number, item in enumerate(_list(resource.get(list_name))):
                if isinstance(item, dict) and "resource" in item:
                    yield f"{list_name}[{number}].resource", item["resource"]

    def inner(self, resource: Any, path: str) -> None:
        """Check a resource of its own inside another one."""
        if not isinstance(resource, dict):
            return self.say(path, "is not a resource")
        # A contained resource shares its container's ids, an entry of a bundle has its own.
        if ".contained[" in path:
            return self.resource(resource, path)
        within = _Checker(resource, ordered=self.ordered)
        within.resource(resource, path)
        self.violations += within.violations

    # ------------------------------------------------ elements

    def members(self, value: dict[str, Any], element: Element, path: str) -> None:
        """Check what is inside a resource or a complex element against the children defined."""
        allowed: dict[str, tuple[Element, dict[str, str]]] = {}
        for child in element.children.values():
            for key, kind in child.json_keys().items():
                allowed[key] = (child, kind)
            found = [key for key in child.json_keys() if key in value]
            if len(found) > 1:
                self.say(path, f"has both {found[0]} and {found[1]}")
            self.count(value, child, found, path)
            if not found:  # a slice may be required of an element that is not
                self.sliced([], child, {}, f"{path}.{child.name}")
        for key, inner in value.items():
            if key == "resourceType" and path.split(".")[-1] != "resourceType":
                continue
            known = key.removeprefix("_")
            if known not in allowed:
                self.say(f"{path}.{key}", "is not an element of this profile")
            elif key == known:
                child, kind = allowed[key]
                self.element(inner, child, kind, f"{path}.{key}")
            else:  # the id and extensions of a primitive value
                self.primitive_extension(inner, allowed[known][0], f"{path}.{known}")
        if self.ordered:
            # What XML writes as attributes has no place among the elements.
            attributes = {"url"} if element.name.lower() == "extension" else set()
            attributes |= set() if "resourceType" in value else {"id"}
            self.order(value, [key for key in allowed if key not in attributes], path)

    def count(self, value: dict[str, Any], child: Element, keys: list[str], path: str) -> None:
        """Check that an element occurs as often as it must and may."""
        number = sum(len(_list(value[key])) for key in keys)
        name = f"{path}.{keys[0] if keys else child.name}"
        if child.max == 0 and number:
            self.say(name, "is forbidden by this profile")
        elif number > child.max:
            self.say(name, f"occurs {number} times, at most {child.max} allowed")
        elif number < child.min:
            self.say(name, f"occurs {number} times, at least {child.min} required")

    def element(self, value: Any, element: Element, kind: dict[str, str], path: str) -> None:
        """Check one element: its shape, each of its items, then the slices."""
        if isinstance(value, list) != element.is_list:
            self.say(path, "must be a list" if element.is_list else "must not be a list")
        if element.slices:
            return self.sliced(_list(value), element, kind, path)
        for number, item in enumerate(_list(value)):
            self.item(item, element, kind, f"{path}[{number}]" if isinstance(value, list) else path)

    def item(self, value: Any, element: Element, kind: dict[str, str], path: str) -> None:
        """Check one occurrence of an element."""
        if value is None:
            return
        code = kind.get("code", "")
        if code == "Resource":
            return self.inner(value, path)
        if code == "Extension":
            return self.extension(value, element, kind, path)
        if element.children and isinstance(value, dict):
            self.members(value, element, path)
        else:
            self.data_type(value, code, path)
        if element.fixed is not None and value != element.fixed:
            self.say(path, f"must be {element.fixed!r}, not {value!r}")
        if element.binding:
            self.binding(value, *element.binding, path)
        if code == "Reference":
            self.reference(value, element, path)
        self.constraints(element, value, path)

    def sliced(self, values: list[Any], element: Element, kind: dict[str, str], path: str) -> None:
        """Check each item against the slice that it belongs to, and count the slices."""
        counts = dict.fromkeys((part.slice_name for part in element.slices), 0)
        unmatched_at = None
        for number, value in enumerate(values):
            where = f"{path}[{number}]"
            part = next((each for each in element.slices if _belongs(value, each, element)), None)
            if part is None:
                unmatched_at = where
                if element.closed:
                    self.say(where, "belongs to none of the slices, and they are closed")
                self.item(value, element, kind, where)
                continue
            counts[part.slice_name] += 1
            if unmatched_at and element.open_at_end:
                self.say(unmatched_at, f"must come after those of the slice {part.slice_name}")
            self.item(value, part, part.types[0] if part.types else {}, where)
        for part in element.slices:
            number = counts[part.slice_name]
            if part.max == 0 and number:
                self.say(path, f"slice {part.slice_name} is forbidden by this profile")
            elif not part.min <= number <= part.max:
                self.say(
                    path,
                    f"slice {part.slice_name} occurs {number} times, "
                    f"between {part.min} and {part.max} allowed",
                )

    def extension(self, value: Any, element: Element, kind: dict[str, str], path: str) -> None:
        """Check an extension against its own definition; one without is a violation."""
        if not isinstance(value, dict) or not isinstance(value.get("url"), str):
            return self.say(path, "an extension has a url")
        if kind and element.children:  # defined on the spot: part of another extension
            return self.members(value, element, path)
        definition = profile(kind["profile"]) if "profile" in kind else None
        if definition is None:
            return self.say(f"{path}.url", f"{value['url']} is not an extension of this element")
        self.members(value, definition, path)

    def primitive_extension(self, value: Any, element: Element, path: str) -> None:
        """Check ``_birthDate`` and its like: only an id and extensions are there."""
        for number, item in enumerate(_list(value)):
            where = f"{path}[{number}]" if isinstance(value, list) else path
            if not isinstance(item, dict) or set(item) - {"id", "extension"}:
                self.say(where, "a primitive element has only an id and extensions beside it")
            elif element.children:
                inner = element.children.get("extension")
                if inner:
                    kind = {"code": "Extension"}
                    self.element(item.get("extension", []), inner, kind, f"{where}.extension")
            else:
                for at, extension in enumerate(_list(item.get("extension"))):
                    self.extension(extension, element, {}, f"{where}.extension[{at}]")

    def order(self, value: dict[str, Any], expected: list[str], path: str) -> None:
        positions = {"resourceType": -1, **{key: number for number, key in enumerate(expected)}}
        found = [key for key in value if key in positions]
        for before, after in zip(found, found[1:], strict=False):
            if positions[before] > positions[after]:
                self.say(f"{path}.{after}", f"comes before {before} in FHIR")

    # ------------------------------------------------ values

    def data_type(self, value: Any, code: str, path: str) -> None:
        """Check a value against a type of base FHIR."""
        if code in NUMBERS:
            if not NUMBERS[code](value):
                self.say(path, f"{value!r} is not of type {code}")
        elif code in FORMATS:
            if not isinstance(value, str) or not re.fullmatch(FORMATS[code], value):
                self.say(path, f"{value!r} is not of type {code}")
            elif code in ("date", "dateTime", "instant") and not _exists(value):
                self.say(path, f"{value!r} is not in the calendar")
        elif code in DATA_TYPES:
            self.structure(value, {**EVERYWHERE, **DATA_TYPES[code]}, path)

    def structure(self, value: Any, members: dict[str, str], path: str) -> None:
        """Check a value of a complex type of base FHIR."""
        if not isinstance(value, dict):
            return self.say(path, "must be an object")
        for key, inner in value.items():
            kind = members.get(key)
            if kind is None:
                self.say(f"{path}.{key}", "is not an element of this type")
                continue
            if isinstance(inner, list) != kind.endswith("*"):
                self.say(f"{path}.{key}", "must be a list" if "*" in kind else "must not be a list")
            for number, item in enumerate(_list(inner)):
                where = f"{path}.{key}[{number}]" if kind.endswith("*") else f"{path}.{key}"
                if kind == "Extension*":
                    self.extension(item, Element("extension", 0, 1, True), {}, where)
                else:
                    self.data_type(item, kind.removesuffix("*"), where)
        if self.ordered:
            self.order(value, [key for key in members if key != "id"], path)

    def binding(self, value: Any, strength: str, value_set: str, path: str) -> None:
        """Check a coded value against the list it is bound to, where that list is published."""
        systems = value_sets().get(value_set)
        if systems is None or strength not in ("required", "extensible"):
            return
        if isinstance(value, str):
            if strength == "required" and not any(value in codes for codes in systems.values()):
                self.say(path, f"{value!r} is not in {value_set}")
            elif strength == "extensible" and not any(value in c for c in systems.values()):
                self.say(path, f"{value!r} is not in {value_set}, which has no other code for it")
            return
        if not isinstance(value, dict):
            return
        concept = "coding" in value or "text" in value
        codings = [each for each in _list(value.get("coding") if concept else value) if each]
        known = [each for each in codings if each.get("system") in systems]
        for coding in known:
            codes = systems[coding["system"]]
            if coding.get("code") not in codes:
                self.say(path, f"{coding.get('code')!r} is not in {value_set}")
            elif coding.get("display", codes[coding["code"]]) != codes[coding["code"]]:
                wanted = codes[coding["code"]]
                self.say(path, f"display {coding['display']!r} must be {wanted!r}")
        if strength == "required" and not known:
            systems_found = sorted({str(each.get("system")) for each in codings}) or "no coding"
            self.say(path, f"needs a code of {value_set}, found {systems_found}")

    def reference(self, value: Any, element: Element, path: str) -> None:
        """Check that a reference points at a type of resource that the profile allows."""
        target = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(target, str):
            return
        allowed = {
            resource_type(kind["targetProfile"])
            for kind in element.types
            if "targetProfile" in kind
        }
        if target.startswith("#"):
            contained = {
                each.get("id"): each.get("resourceType") for each in self.root.get("contained", [])
            }
            if target[1:] not in contained:
                return self.say(path, f"{target!r} is not contained in the resource (ref-1)")
            found = contained[target[1:]]
        else:
            parts = target.split("/")
            if len(parts) < 2 or not re.fullmatch(FORMATS["id"], parts[-1]):
                return self.say(path, f"{target!r} is not of the form Type/id")
            found = parts[-2]
        if allowed and "Resource" not in allowed and found not in allowed:
            self.say(path, f"must refer to {' or '.join(sorted(allowed))}, not {found}")

    def constraints(self, element: Element, value: Any, path: str) -> None:
        """Check the profiles' own constraints, by their published keys."""
        if not isinstance(value, dict):
            return
        for key in element.constraints:
            holds = CONSTRAINTS.get(key)
            if holds and not holds(value):
                self.say(path, f"constraint {key} does not hold")


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _belongs(value: Any, part: Element, sliced: Element) -> bool:
    """Tell whether an item is of a slice, by the fixed values that its discriminators name."""
    for discriminator in sliced.discriminators:
        if discriminator == "url" and part.types and "profile" in part.types[0]:
            wanted: str | None = part.types[0]["profile"]
        else:
            inner: Element | None = part
            for name in discriminator.split("."):
                inner = inner.children.get(name) if inner else None
            wanted = inner.fixed if inner else None
        if wanted not in _at(value, discriminator.split(".")):
            return False
    return True


def _at(value: Any, names: Iterable[str]) -> list[Any]:
    """Every value at a path, through lists."""
    found = _list(value)
    for name in names:
        found = [
            inner for item in found if isinstance(item, dict) for inner in _list(item.get(name))
        ]
    return found


def _empty(value: Any, path: str) -> Iterator[str]:
    """Everything that FHIR's JSON must leave out instead of sending it empty (GEN-133)."""
    if value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip()):
        yield f"{path}: is empty"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith("_") and isinstance(inner, list):
                inner = [item for item in inner if item is not None]
            yield from _empty(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _empty(inner, f"{path}[{number}]")


def _exists(value: str) -> bool:
    """Tell whether a date of the right form is one of the calendar: not the 31st of June."""
    try:
        datetime.fromisoformat(value if len(value) >= 10 else f"{value}-01-01"[:10])
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- constraints


def _instant(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo("Europe/London"))


def _period_holds(value: dict[str, Any]) -> bool:
    start, end = value.get("start"), value.get("end")
    if not start or not end:
        return True
    if len(start) < 10 or len(end) < 10:
        return start[: len(end)] <= end[: len(start)]
    return _instant(start) <= _instant(end)


def _contained_is_used(value: dict[str, Any]) -> bool:
    referred = _references(value)
    return all(f"#{each.get('id')}" in referred for each in value.get("contained", []))


def _references(value: Any) -> set[str]:
    """Every reference anywhere inside a value."""
    if isinstance(value, dict):
        inner = set().union(*map(_references, value.values()))
        return inner | {value["reference"]} if isinstance(value.get("reference"), str) else inner
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def _uses(value: dict[str, Any]) -> list[str | None]:
    return [each.get("use") for each in _list(value) if isinstance(each, dict)]


CONSTRAINTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "app-1": lambda v: "type" in v or "actor" in v,
    "app-2": lambda v: ("start" in v) == ("end" in v),
    "app-3": lambda v: (
        ("start" in v and "end" in v) or v.get("status") in ("proposed", "cancelled")
    ),
    "bdl-5": lambda v: bool({"resource", "request", "response"} & set(v)),
    "bdl-8": lambda v: "/_history/" not in v.get("fullUrl", ""),
    "cpt-2": lambda v: "value" not in v or "system" in v,
    "dom-1": lambda v: not any("text" in each for each in v.get("contained", [])),
    "dom-2": lambda v: not any("contained" in each for each in v.get("contained", [])),
    "dom-3": _contained_is_used,
    "dom-4": lambda v: (
        not any(
            {"versionId", "lastUpdated"} & set(each.get("meta", {}))
            for each in v.get("contained", [])
        )
    ),
    "org-1": lambda v: "identifier" in v or "name" in v,
    "org-2": lambda v: "home" not in _uses(v),
    "org-3": lambda v: "home" not in _uses(v),
    "pat-1": lambda v: bool({"name", "telecom", "address", "organization"} & set(v)),
    "per-1": _period_holds,
}


# ---------------------------------------------------------------- times as GP Connect writes them


def uk_times(resource: dict[str, Any]) -> list[str]:
    """Return every time in a resource that is not written as GEN-130 and GEN-131 want.

    That is ``2026-10-25T09:00:00+00:00``: UK local time with the offset of that very instant, no
    ``Z``, no fractions. Plain dates are left alone.
    """
    return [
        f"{path}: {value!r} is not UK local time"
        for path, value in _strings(resource, resource.get("resourceType", "?"))
        if re.match(r"\d{4}-\d\d-\d\dT", value) and not is_uk_time(value)
    ]


def is_uk_time(value: str) -> bool:
    """Tell whether a date and time is written as GEN-130 wants, with the right offset."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[01]:00", value):
        return False
    try:
        written = datetime.fromisoformat(value)
    except ValueError:
        return False
    return written.astimezone(ZoneInfo("Europe/London")).isoformat() == value


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _strings(inner, f"{path}[{number}]")
