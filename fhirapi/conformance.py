"""Whether a valid resource holds only what we, and every reader after us, may be given.

FHIR that is valid element by element may still hold a code outside the list that its element is
bound to, a reference to somebody else's server, or an element that changes the meaning of others.
What is stored is sent to every consumer, so one such value would spoil the answers of all. The
definitions say what to look at, so it is looked at everywhere, contained resources included
(GEN-024, GEN-035). The parse() of each resource asks this, and knows its profile and its rules.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeAlias

from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel

from fhirapi.resources.common import Element
from fhirapi.validation import (
    EXTENSION_OF_PRIMITIVE,
    MOST_PROBLEMS,
    Definition,
    definitions_of,
    resource_class,
)
from fhirapi.well_formed import JSON

Path: TypeAlias = tuple[str | int, ...]  # such as ("contained", 0, "name")


@dataclass(frozen=True)
class Problem:
    """Where something stands that must not, and the rule that it breaks."""

    path: Path
    rule: str

    def within(self, name: str) -> str:
        """A sentence; ``name`` is that of the resource. It quotes no value."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{name}{''.join(steps)} {self.rule}."


def sentences(resource: Element) -> list[str]:
    """What is wrong with a resource that is valid FHIR; the first problems only."""
    found = islice(problems_in(resource), MOST_PROBLEMS)
    return [problem.within(resource["resourceType"]) for problem in found]


# ---------------------------------------------------------------- the walk

# They say that other elements do not mean what they seem to. Who does not understand them must not
# go on, and nobody has told us of any (FHIR STU3, "Extensibility", "Resource").
CHANGE_MEANING = {"modifierExtension", "implicitRules"}


def problems_in(
    value: Element, klass: type[FHIRAbstractModel] | None = None, path: Path = ()
) -> Iterator[Problem]:
    """The problems of a resource, or of an element that is a ``klass``."""
    klass = resource_class(value.get("resourceType")) or klass
    if klass is None:
        return
    known = definitions_of(klass)
    for name, member in value.items():
        if name == "resourceType":
            continue
        plain = name.removeprefix("_")
        if plain in CHANGE_MEANING:
            yield Problem((*path, plain), "must not be sent: its meaning is not known here")
            continue
        element = known[plain]
        inner = EXTENSION_OF_PRIMITIVE if name != plain else None
        for where, item in items(member, (*path, name)):
            if inner is not None:
                yield from problems_in(item, inner, where)
            else:
                yield from item_problems(item, plain, element, where)


def items(member: JSON, path: Path) -> Iterator[tuple[Path, Element]]:
    """Each value of a member with its place; a null only keeps the place of an extension."""
    if not isinstance(member, list):
        yield path, member  # type: ignore[misc]
        return
    for index, item in enumerate(member):
        if item is not None:
            yield (*path, index), item  # type: ignore[misc]


def item_problems(item: JSON, name: str, element: Definition, path: Path) -> Iterator[Problem]:
    """The problems of one value of an element."""
    if not isinstance(item, dict):
        if element.type_name == "code" and not is_of_its_list(str(item), name, element):
            yield Problem(path, "is not a code of its list")
        return
    if element.type_name == "Reference":
        yield from reference_problems(item, element, path)
    for rule in INVARIANTS.get(element.type_name, ()):
        if not rule.holds(item):
            yield Problem(path, rule.words)
    is_resource = element.type_name == "Resource"
    yield from problems_in(
        item, None if is_resource else get_fhir_model_class(element.type_name), path
    )


# ---------------------------------------------------------------- codes

# Codes whose list is too long to be listed have at least its form: BCP 47 and media types.
FORMS_OF_CODES = {
    "language": re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE),
    "contentType": re.compile(r"[\w.+-]+/[\w.+-]+(\s*;.*)?"),
}


def is_of_its_list(code: str, name: str, element: Definition) -> bool:
    """Whether a code is of the list that its element is bound to, where nothing else is allowed."""
    if element.codes:
        return code in element.codes
    form = FORMS_OF_CODES.get(name)
    return form is None or form.fullmatch(code) is not None


# ---------------------------------------------------------------- references

RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,60})/([A-Za-z0-9\-.]{1,64})")


def make_local(value: JSON, *, service_root: str) -> None:
    """Make every reference below our own service root the relative one that it is (DEC-067)."""
    root = f"{service_root}/"
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str):
            value["reference"] = reference.removeprefix(root)
        for member in value.values():
            make_local(member, service_root=service_root)
    elif isinstance(value, list):
        for item in value:
            make_local(item, service_root=service_root)


def reference_problems(item: Element, element: Definition, path: Path) -> Iterator[Problem]:
    """Whether a reference leads to where it may: to a resource of ours of a fitting type.

    One to a contained resource is for its reader to look up; an identifier alone leads nowhere.
    """
    text = item.get("reference")
    if text is None or text.startswith("#"):
        return
    match = RELATIVE.fullmatch(text)
    allowed = () if "Resource" in element.targets else element.targets
    if not match or resource_class(match[1]) is None or (allowed and match[1] not in allowed):
        kinds = f" to a {' or '.join(allowed)}" if allowed else ""
        yield Problem(path, f"must hold a relative reference{kinds}")


def links_in(value: JSON, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where something is referred to, and by which text."""
    if isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str):
            yield path, text
        for name, member in value.items():
            yield from links_in(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from links_in(item, (*path, index))


def references_in(value: JSON) -> Iterator[tuple[Path, str, str]]:
    """Where a conforming value refers to something beside what it holds: to which type and id."""
    for path, text in links_in(value):
        if match := RELATIVE.fullmatch(text):
            yield path, match[1], match[2]


# ---------------------------------------------------------------- rules of data types


class Invariant(NamedTuple):
    """A rule on several members of one value, as FHIR publishes it."""

    holds: Callable[[Element], bool]
    words: str


def ends_after_it_begins(period: Element) -> bool:
    """per-1; of dates that are not of one precision only what they have in common counts."""
    start, end = period.get("start"), period.get("end")
    if not start or not end:
        return True
    try:
        if "T" in start and "T" in end:
            return datetime.fromisoformat(start) <= datetime.fromisoformat(end)
    except ValueError:  # a leap second
        pass
    common = min(len(start), len(end), len("yyyy-mm-dd"))
    return bool(start[:common] <= end[:common])


def has(value: Element, name: str) -> bool:
    """Whether an element is there, if only as an extension."""
    return name in value or f"_{name}" in value


def has_one_content(extension: Element) -> bool:
    """ext-1: a value, or extensions, and not both."""
    has_value = any(name.lstrip("_").startswith("value") for name in extension)
    return has_value != ("extension" in extension)


INVARIANTS: dict[str, tuple[Invariant, ...]] = {
    "Period": (Invariant(ends_after_it_begins, "must not end before it begins"),),
    "ContactPoint": (
        Invariant(lambda v: has(v, "system") or not has(v, "value"), "needs a system"),
    ),
    "Extension": (Invariant(has_one_content, "must have a value or extensions, and not both"),),
}
