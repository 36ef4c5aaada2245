"""What the tests of a template's page share: what a browser sends, and what the page shows."""

from datetime import date, time
from html import unescape

from django.utils import timezone

from practice import clock

NEW = "/admin/practice/sessiontemplate/add/"
APPLY = "/admin/practice/generationrun/add/"
BREAK = {"slot_minutes": "", "slot_type": "", "delivery_channel": "", "gp_connect_bookable": None}


def sent(practice, *blocks, do="save", **values):
    """Return what a browser sends for a new template with these blocks."""
    data = {
        "session_name": "Morning surgery",
        "session_holder": practice.practitioner.pk,
        "location": practice.location.pk,
        "practitioner_role": "R0260",
        "weekdays": ["0"],
        "every_n_weeks": 1,
        "effective_from": clock.today(timezone.now()).isoformat(),
        "blocks-TOTAL_FORMS": len(blocks),
        "blocks-INITIAL_FORMS": 0,
        "do": do,
    }
    for row, block in enumerate(blocks):
        usual = {
            "position": row,
            "start": "09:00",
            "end": "10:00",
            "slot_minutes": 10,
            "slot_type": "Routine",
            "delivery_channel": "In-person",
            "gp_connect_bookable": "on",
        }
        for name, value in {**usual, **block}.items():
            if value is not None:
                data[f"blocks-{row}-{name}"] = value
    return {**data, **values}


def fields(page) -> dict:
    """Return what a browser would send of the builder's page if nothing in it were changed."""
    forms = [page.context["form"], page.context["formset"].management_form]
    data = {}
    for form in [*forms, *page.context["formset"].forms]:
        for field in form:
            value = field.value()
            if value is None or value is False or value == "":
                continue
            if isinstance(value, date | time):
                value = value.isoformat()
            data[field.html_name] = "on" if value is True else value
    return data


def blocks_of(page) -> list[str]:
    """The headings of the blocks, in order."""
    return [view.heading for view in page.context["preview"].views]


def timeline(page) -> list[str]:
    return [
        f"{clock.local(each.start):%H:%M} {each.words or 'Break'}"
        for each in page.context["preview"].timeline
    ]


def said(page) -> str:
    return unescape(page.content.decode())
