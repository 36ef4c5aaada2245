"""What the templates of the evidence may call."""

from typing import Any

from django import template

from tests.evidence import facts, pages

register = template.Library()

STATES = {
    "held": "held by tests",
    "explained": "no test; why is said",
    "rests": "rests on requirements",
    "not held": "a test failed or was not run",
    "open": "no test",
}


@register.filter
def state_said(state: str) -> str:
    return STATES[state]


@register.filter
def mark(state: str) -> str:
    """The class of a state or verdict: good, plain, bad."""
    good, plain = {"held", "passed"}, {"explained", "rests", "open", "skipped"}
    return "good" if state in good else "plain" if state in plain else "bad"


@register.filter
def is_test(piece: Any) -> bool:
    return isinstance(piece, facts.Test)


@register.filter
def said_of(test: facts.Test) -> str:
    return facts.said_of(test)


@register.simple_tag(takes_context=True)
def exchanges_of(context: Any, test: facts.Test) -> str:
    """The page of what a test exchanged, or nothing."""
    known: facts.Facts = context["facts"]
    return pages.page_of(test.name) if test.name in known.exchanges else ""


@register.filter
def pretty(body: str) -> str:
    return pages.pretty(body)


@register.filter
def short(revision: str) -> str:
    return revision[:10] or "none"


@register.filter
def as_words(piece: str) -> Any:
    """A piece of the hazard log: its code style as such, all else as text."""
    return pages.as_html(piece)


@register.simple_tag
def counted(group: facts.Group, strength: str, *states: str) -> int:
    return group.count(*states, strength=strength)


@register.filter
def in_all(states: dict[str, int]) -> int:
    return sum(states.values())


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key, 0)


@register.filter
def group_of(identifier: str) -> str:
    return identifier.partition("-")[0]


@register.filter
def case_of(nodeid: str) -> str:
    """The case of a test with parameters, by its name."""
    _, _, case = nodeid.partition("[")
    return case.removesuffix("]") or "The one case"
