"""The checks, a module for each subject, imported in the order in which they are done."""

from consumer.check.about import (  # noqa: I001  the order is that of the visit
    capability,
    people,
    search,
    search_refusals,
    access,
    tokens,
    formats,
    lifecycle,
    booking_refusals,
    changing_refusals,
    together,
    clocks,
    content,
    answers,
)

__all__ = [
    "access",
    "answers",
    "booking_refusals",
    "capability",
    "changing_refusals",
    "clocks",
    "content",
    "formats",
    "lifecycle",
    "people",
    "search",
    "search_refusals",
    "together",
    "tokens",
]
