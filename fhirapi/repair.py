"""Booking organisations that were stored before they were checked, made to keep to their profile.

What cannot stay is taken out, and nothing else: a telephone number of no known kind stays, as of
another kind. ``manage.py repair_booking_organisations`` asks this of what is stored.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import orjson

from fhirapi import conformance
from fhirapi.conformance import Path, Problem
from fhirapi.resources import booking_organisation
from fhirapi.resources.common import Element, logical_id
from fhirapi.validation import in_fhir_order

IsHeld = Callable[[str, int], bool]  # whether the practice holds a resource of a kind and id

# What consumers wrote, and what they must have meant.
KINDS_OF_CONTACT = {"telephone": "phone", "tel": "phone", "mobile": "phone", "mail": "email"}


def repaired(json: str, *, is_held: IsHeld) -> tuple[str, list[str]]:
    """The JSON of an organisation as it may be sent, and in sentences what was wrong with it.

    One that is right already is returned letter for letter, without a sentence.
    """
    stored: Element = orjson.loads(json)
    found: Element = deepcopy(booking_organisation.without_what_is_never_contained(stored))
    wrong = [] if found == stored else ["Organization.text, contained or meta held too much."]
    while problem := next(problems(found, is_held), None):
        wrong.append(problem.within("Organization"))
        mend(found, problem.path)
    if not wrong:
        return json, []
    return orjson.dumps(in_fhir_order(found)).decode(), wrong


def problems(found: Element, is_held: IsHeld) -> Iterator[Problem]:
    """All that a booking of today would be refused for."""
    yield from conformance.problems_in(found)
    yield from booking_organisation.profile_problems(found)
    for path, kind, pk in conformance.references_in(found):
        if not is_held(kind, logical_id(pk)):
            yield Problem(path, "refers to what is not at this practice")


def mend(found: Element, path: Path) -> None:
    """Take out what stands at a path, or put something in its place that may stand there."""
    *above, last = path
    parent: Any = at(found, tuple(above))
    value: Any = parent.get(last) if isinstance(parent, dict) else parent[last]
    if last == "system":
        parent[last] = KINDS_OF_CONTACT.get(str(value).lower(), "other")
    elif last == "family" and (name := parent.get("text") or " ".join(words(parent, "given"))):
        parent[last] = name
    elif last == "family":
        remove(found, tuple(above))
    elif last == "state" and "district" not in parent:
        parent["district"] = parent.pop(last)
    elif above[-1:] == ["telecom"]:
        value["system"] = "other"
    elif isinstance(value, dict) and "reference" in value:
        remove(found, (*path, "reference"))
    else:
        remove(found, path)


def at(value: Any, path: Path) -> Any:
    """What stands at a path."""
    for step in path:
        value = value[step]
    return value


def words(element: Element, name: str) -> list[str]:
    """A repeating text, without the nulls that keep places."""
    return [text for text in element.get(name, []) if text]


def remove(found: Element, path: Path) -> None:
    """Take out what stands at a path, and what is empty without it."""
    *above, last = path
    parent = at(found, tuple(above))
    if isinstance(parent, dict):
        parent.pop(last, None)
        parent.pop(f"_{last}", None)
    else:
        del parent[last]
    if not parent and above:
        remove(found, tuple(above))
