"""Slot types as forms offer them, and the way to where each gets its national category."""

from collections.abc import Collection
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html

from practice.models import Organisation
from practice.reads.slot_types import on_offer, why_not_planned_with


def suggested_types(organisation: Organisation) -> list[tuple[str, str]]:
    """The types that a field suggests: each by its name, and in words what it is for."""
    return [
        (
            each.name,
            ". ".join(
                filter(
                    None,
                    [
                        str(getattr(each, "category", "")),
                        f"{each.default_minutes} minutes" if each.default_minutes else "",
                        each.hint,
                    ],
                )
            ),
        )
        for each in on_offer(organisation=organisation)
    ]


def why_not_with_links(organisation: Organisation, names: Collection[str]) -> dict[str, str]:
    """Why no template may begin to use these names, each with a link to the page that mends it."""
    found = why_not_planned_with(organisation=organisation, names=names)
    page = reverse("admin:practice_slottype_changelist")
    return {
        name: format_html(
            '{} <a class="staff-link" href="{}?{}">National categories</a>',
            why,
            page,
            urlencode({"name": name}),
        )
        for name, why in found.items()
    }
