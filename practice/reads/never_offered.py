"""Sessions that other organisations can never be offered: what the worklist and check_diary list.

For one slot, as forms ask: practice.reads.bookability.why_never_offered.
"""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Count, Q

from practice.models import Organisation, Slot
from practice.reads.bookability import (
    LIMITS_OF_PRACTICE,
    NEVER,
    SWITCHES,
    Reason,
    with_limits,
)


class NeverOffered(NamedTuple):
    """A session with free slots for other organisations, none of which can ever be offered."""

    schedule: int
    organisation: int
    day: date
    reasons: tuple[Reason, ...]


def never_offered_sessions(
    *, now: datetime, organisation: Organisation | None = None, switches: bool = False
) -> list[NeverOffered]:
    """Return the sessions to come of a practice, or of all, that are marked in vain; one query.

    Each with the reasons of any of its slots. ``switches``: name those, too, that are only hidden
    because GP Connect is switched off; a page of the practice says so once instead.
    """
    rules = [*SWITCHES, *NEVER] if switches else NEVER
    slots = Slot.objects.in_diary().free().coming(now).filter(gp_connect_bookable=True)
    if organisation is not None:
        slots = slots.filter(organisation=organisation)
    clear = Q(*(rule.clear(LIMITS_OF_PRACTICE) for rule in rules))
    rows = (
        with_limits(slots, LIMITS_OF_PRACTICE)
        .values("schedule_id", "organisation_id", "schedule__date")
        .annotate(can_be=Count("pk", filter=clear))
        .annotate(
            **{
                rule.reason.name: Count("pk", filter=~rule.clear(LIMITS_OF_PRACTICE))
                for rule in rules
            }
        )
        .filter(can_be=0)
        .order_by("schedule__date", "schedule_id")
    )
    return [
        NeverOffered(
            schedule,
            practice,
            day,
            tuple(rule.reason for rule, count in zip(rules, counts, strict=True) if count),
        )
        for schedule, practice, day, _, *counts in rows.values_list(
            "schedule_id",
            "organisation_id",
            "schedule__date",
            "can_be",
            *(rule.reason.name for rule in rules),
        )
    ]
