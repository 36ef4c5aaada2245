"""Whether a resource is valid FHIR STU3, and if not, which rules of its definition it breaks.

fhir.resources knows the elements, their cardinality and most lexical forms, but takes numbers for
instants, "true" for true, and ignores nulls; so each value's kind is checked against its tables
first. Coded values and references are looked at afterwards (conformance).
Diagnostics name the element and the rule and never quote a value.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type
from lxml import etree
from pydantic import ValidationError

from fhirapi.remembered import Remembered
from fhirapi.resources.common import Element
from fhirapi.well_formed import JSON, Malformed, strict_xml

MOST_PROBLEMS = 10  # reported for one resource

# ---------------------------------------------------------------- what the definitions say


@dataclass(frozen=True)
class Definition:
    """What the definition of a type says of one of its elements.

    ``codes`` are those of the list that a code must be of, ``targets`` the types that a reference
    may lead to; empty where the definition leaves it open.
    """

    type_name: str
    is_list: bool
    is_primitive: bool
    codes: frozenset[str]
    targets: tuple[str, ...]


@lru_cache(maxsize=512)
def definitions_of(klass: type[FHIRAbstractModel]) -> dict[str, Definition]:
    """The elements of a resource or data type by name, choices (``value[x]``) spelled out."""
    fields = klass.get_alias_mapping()
    elements = {}
    for name in klass.elements_sequence():
        field = klass.model_fields[fields[name]]
        type_name = get_fhir_type_name(field, prefix="STU3.")
        said: Any = field.json_schema_extra or {}
        codes = said.get("enum_values") or CODES_NOT_LISTED.get((type_name, name), ())
        elements[name] = Definition(
            type_name,
            is_list_type(field),
            is_primitive_type(field),
            frozenset(codes if type_name == "code" else ()),
            tuple(said.get("enum_reference_types", ())),
        )
    return elements


# Required lists that fhir.resources leaves out, by the name of the element.
CODES_NOT_LISTED = {
    ("code", "comparator"): ("<", "<=", ">=", ">"),
    ("code", "when"): (
        *("MORN", "AFT", "EVE", "NIGHT", "PHS", "HS", "WAKE", "C", "CM", "CD", "CV"),
        *("AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"),
    ),
}


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


def in_fhir_order(value: JSON, klass: type[FHIRAbstractModel] | None = None) -> JSON:
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
    for name, element in definitions_of(klass).items():
        if name in value:
            inner = None
            if not element.is_primitive and element.type_name != "Resource":
                inner = get_fhir_model_class(element.type_name)
            ordered[name] = in_fhir_order(value[name], inner)
        if f"_{name}" in value:
            ordered[f"_{name}"] = in_fhir_order(value[f"_{name}"], EXTENSION_OF_PRIMITIVE)
    return ordered


# ---------------------------------------------------------------- what it looks like

# Two resources that differ only in words, moments and ids are both valid or both not, and looking
# at all of one costs much more than drawing its outline. Nothing is remembered of invalid ones.
valid_outlines: Remembered[bool] = Remembered(most=4096)

ANY = 1  # stands where a text was: no text looks like that
MOMENT = re.compile(
    r"(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
)
LONGEST_WORDS = 1000  # characters


def are_words(text: str) -> bool:
    """Whether a text is nothing out of the ordinary: any other such could stand in its place."""
    return (
        0 < len(text) <= LONGEST_WORDS
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
    )


def is_moment(text: str) -> bool:
    """Whether a text is a moment of our time that there is: the 30th of February is none."""
    try:
        return bool(MOMENT.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
INTERCHANGEABLE: dict[str, Callable[[str], object]] = {
    "string": are_words,
    "instant": is_moment,
    "dateTime": is_moment,
    "id": ID.fullmatch,
}


class Undrawn(Exception):
    """There is something odd in a resource: nothing is to be concluded from others."""


def outline(resource: Element, klass: type[FHIRAbstractModel]) -> bytes | None:
    """A resource with ANY in the place of what is interchangeable, or None where it is odd."""
    try:
        return klass.__resource_type__.encode() + orjson.dumps(outline_of(resource, klass))
    except (Undrawn, TypeError):  # orjson's: such as a number that is too large
        return None


def outline_of(value: object, klass: type[FHIRAbstractModel]) -> Element:
    """The same of a resource or an element, of which orjson makes the bytes."""
    if not isinstance(value, dict):
        raise Undrawn
    known = definitions_of(klass)
    drawn: Element = {}
    for name, member in value.items():
        if name == "resourceType":
            drawn[name] = member
            continue
        element = known.get(name)
        if element is None or isinstance(member, list) != element.is_list:
            raise Undrawn
        if element.is_list:
            drawn[name] = [outline_of_one(item, element) for item in member]
        else:
            drawn[name] = outline_of_one(member, element)
    return drawn


def outline_of_one(value: object, element: Definition) -> object:
    """The same of one value of an element."""
    if element.is_primitive:
        is_ordinary = INTERCHANGEABLE.get(element.type_name)
        if is_ordinary is None:
            return value
        if not isinstance(value, str):
            raise Undrawn
        return ANY if is_ordinary(value) else value
    if element.type_name != "Resource":
        return outline_of(value, get_fhir_model_class(element.type_name))
    klass = resource_class(value.get("resourceType")) if isinstance(value, dict) else None
    if klass is None:
        raise Undrawn
    return outline_of(value, klass)


# ---------------------------------------------------------------- is it valid?


def problems_of(resource: object, expected: str) -> list[str]:
    """What keeps a value from being a valid STU3 resource of the type ``expected``.

    The empty list if nothing does; otherwise a sentence for each problem, the first ones only.
    """
    klass = get_fhir_model_class(expected)
    if not isinstance(resource, dict) or resource.get("resourceType") != expected:
        return [f"A resource of type {expected} is expected."]
    drawn = outline(resource, klass)
    if drawn is None:
        return all_problems(resource, klass, expected)
    digest, is_valid = valid_outlines.get(drawn)
    if is_valid:
        return []
    problems = all_problems(resource, klass, expected)
    if not problems:
        valid_outlines.keep(digest, found=True)
    return problems


def all_problems(resource: Element, klass: type[FHIRAbstractModel], expected: str) -> list[str]:
    """The same for a resource of the right type, each of its values being looked at."""
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


def object_problems(value: object, klass: type[FHIRAbstractModel], path: str) -> Iterator[str]:
    """The problems of a resource or element: unknown members, and members of the wrong kind."""
    if not isinstance(value, dict):
        yield f"{path} must be an object."
        return
    if not value.keys() - {"resourceType"} and klass.__resource_type__ != "Resource":
        yield f"{path} must not be empty."
    known = definitions_of(klass)
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


def list_problems(value: object, element: Definition, path: str, beside: object) -> Iterator[str]:
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


def beside_problems(value: object, element: Definition, path: str) -> Iterator[str]:
    """The problems of ``_name``, the id and extensions of a primitive, or of each in a list."""
    if not element.is_list:
        yield from object_problems(value, EXTENSION_OF_PRIMITIVE, path)
    elif not isinstance(value, list) or not any(value):
        yield f"{path} must be a list with something in it."
    else:
        for index, item in enumerate(value):
            if item is not None:
                yield from object_problems(item, EXTENSION_OF_PRIMITIVE, f"{path}[{index}]")


def one_problem(value: object, element: Definition, path: str) -> Iterator[str]:
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


WHOLE_NUMBERS = ("integer", "unsignedInt", "positiveInt")
# The types whose JSON values are no texts: which kinds they are, and the rule in words.
JSON_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "must be true or false"),
    "decimal": ((int, float), "must be a number"),
    **dict.fromkeys(WHOLE_NUMBERS, ((int,), "must be a whole number")),
}
FREE_TEXT = {"string", "markdown", "xhtml"}
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def is_narrative(text: str) -> bool:
    """Whether a text is a ``div`` that can stand in XML as it is."""
    try:
        return bool(etree.QName(strict_xml(text.encode())).localname == "div")
    except Malformed:
        return False


# The types whose texts have a form that fhir.resources does not check.
TEXT_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "id": (ID.fullmatch, "is not a FHIR id"),
    "uri": (re.compile(r"\S*").fullmatch, "is not a URI"),
    "base64Binary": (re.compile(r"[A-Za-z0-9+/\s]+={0,2}").fullmatch, "is not base64"),
    "xhtml": (is_narrative, "is not a well-formed div"),
}


def broken_rule(value: object, type_name: str) -> str:
    """The rule of a primitive type that a value breaks, or an empty string.

    Only what fhir.resources leaves out: kinds of JSON values, and the form of free text and ids.
    """
    if type_name in JSON_KINDS:
        kinds, rule = JSON_KINDS[type_name]
        return "" if type(value) in kinds else rule
    if not isinstance(value, str):
        return f"must be a string holding a FHIR {type_name}"
    if not value.strip():
        return "must not be empty"
    if FORBIDDEN_CHARACTERS.search(value):
        return "must not contain control characters"
    if type_name not in FREE_TEXT and value != value.strip():
        return "must not begin or end with a space"
    if type_name in TEXT_FORMS:
        has_form, rule = TEXT_FORMS[type_name]
        return "" if has_form(value) else rule
    return ""


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
