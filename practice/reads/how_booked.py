"""How an appointment was booked, by whom, and whether a reason is asked for why it is so late.

From outside, both follow from the door and from the type of the organisation that booked; inside,
staff say it, when they book or later.
"""

import json
from datetime import date, datetime

from practice import clock
from practice.models import Appointment, Organisation
from practice.models.booking import HowBooked
from practice.reads import national_data
from practice.reads.slot_types import Mappings

LONG_WAIT_DAYS = 14  # later than this, a reason may be given
Method, Source = HowBooked.Method, HowBooked.Source
SOURCES = {"urgent-care": Source.URGENT_CARE, "gp-practice": Source.GP_PRACTICE}


def method_and_source(
    *, booked_via: str, organisation_json: str, said: tuple[str, str] | None
) -> tuple[str, str]:
    """The codes of how it was booked and by whom; an empty method: nobody said."""
    if booked_via == Appointment.Door.GP_CONNECT:
        types = organisation_types(organisation_json)
        found = next((SOURCES[code] for code in SOURCES if code in types), Source.OTHER)
        return Method.GP_CONNECT.value, found.value
    return said or ("", Source.PRACTICE.value)


def of_appointment(appointment: Appointment) -> tuple[str, str]:
    """The same of one appointment."""
    said = HowBooked.objects.filter(appointment=appointment).first()
    return method_and_source(
        booked_via=appointment.booked_via,
        organisation_json=appointment.booking_organisation_json,
        said=(said.method, said.source) if said else None,
    )


def organisation_types(text: str) -> set[str]:
    """The codes of the types that a booking organisation sent of itself."""
    try:
        sent = json.loads(text or "{}")
        return {
            str(coding.get("code", ""))
            for concept in sent.get("type", [])
            for coding in concept.get("coding", [])
        }
    except (ValueError, AttributeError, TypeError):
        return set()


def wait_days(created: datetime, start: datetime) -> int:
    """How many days on a London calendar lie between booking and appointment."""
    days: int = (clock.local(start).date() - clock.local(created).date()).days
    return days


def reasons_asked_for(
    *, organisation: Organisation, slot_type: str, created: datetime, start: datetime
) -> tuple[str, ...]:
    """The reasons to choose from; none where none is asked for.

    They are where an appointment is booked more than 14 days ahead, and its category has them.
    """
    if wait_days(created, start) <= LONG_WAIT_DAYS:
        return ()
    day: date = clock.local(start).date()
    counts_as = Mappings(organisation).on(slot_type, day)
    lists = national_data.in_force()
    category = lists.categories.get(counts_as.category) if counts_as else None
    return lists.exception_reasons if category and category.exception else ()


def reasons_given(appointment: Appointment) -> list[str]:
    """The reasons that were given for a long wait, in the order of the alphabet."""
    found = appointment.exception_reasons.order_by("reason")
    return list(found.values_list("reason", flat=True))
