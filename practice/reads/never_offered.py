"""Sessions that other organisations can never be offered: what the worklist and check_diary list.

For one slot, as forms ask: practice.reads.bookability.why_never_offered.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, DateField, DateTimeField, Q

from practice import clock
from practice.db.prepared import Number, Prepared, QueryParameter
from practice.models import Organisation, Schedule, Slot
from practice.models.diary import SLOT_HAS_ITS_OWN
from practice.reads.bookability import (
    LIMITS_OF_PRACTICE,
    NEVER,
    SWITCHES,
    Reason,
    Rule,
    nearest_limits,
    with_limits,
)

MOST_SUSPECTS = 5_000  # sessions that are named in one query; with more, all are looked at
# What cannot be said of a slot that is asked for: the database or the question keeps it out.
SETTLED = {
    *(Reason.NO_CHANNEL, Reason.NO_TYPE, Reason.EXTRA, Reason.IN_ERROR),
    *(Reason.WITHDRAWN, Reason.SESSION_WITHDRAWN),
}


class NeverOffered(NamedTuple):
    """A session with free slots for other organisations, none of which can ever be offered."""

    schedule: int
    organisation: int
    day: date
    reasons: tuple[Reason, ...]


def never_offered_sessions(
    *, now: datetime, organisation: Organisation | None = None, switches: bool = False
) -> list[NeverOffered]:
    """Return the sessions to come of a practice, or of all, that are marked in vain.

    At most three queries. Each session with the reasons of any of its slots. ``switches``: name
    those, too, that are only hidden because GP Connect is switched off; a page of the practice says
    so once instead.
    """
    rules = [*SWITCHES, *NEVER] if switches else NEVER
    slots = Slot.objects.in_diary().free().coming(now).filter(gp_connect_bookable=True)
    if organisation is not None:
        slots = slots.filter(organisation=organisation)
        found = None if switches else suspects(organisation=organisation, now=now)
        if found is not None and not found:
            return []
        if found is not None and len(found) <= MOST_SUSPECTS:
            slots = slots.filter(schedule__in=found)
    clear = _all_clear(rules)
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


# ---------------------------------------------------------------- where to look

# A practice has many more slots than sessions, and most slots have no settings of their own: what
# their session and practice say is true of them all. The others have an index (slot_with_its_own).


def suspects(*, organisation: Organisation, now: datetime) -> set[int] | None:
    """Return the ids of the sessions where something may speak against a slot; two queries.

    None: a rule is about the columns of any slot, so that all of them have to be looked at.
    """
    if SESSION_IS_CLEAR is None:
        return None
    asked = {"organisation": organisation.pk, "now": now}
    # A session of the night before reaches into today.
    since = clock.today(now) - timedelta(days=1)
    return {
        *(pk for (pk,) in UNCLEAR_SESSIONS.rows(**asked, since=since)),
        *(pk for (pk,) in SESSIONS_OF_UNCLEAR_SLOTS.rows(**asked)),
    }


def _all_clear(rules: Sequence[Rule]) -> Q:
    return Q(*(rule.clear(LIMITS_OF_PRACTICE) for rule in rules))


def _of_session(condition: Q) -> Q | None:
    """A condition on slots as one on their session; None where it is about the slot itself."""
    found = Q(_connector=condition.connector, _negated=condition.negated)
    children: list[Any] = condition.children
    for child in children:
        if isinstance(child, Q):
            inner = _of_session(child)
            if inner is None:
                return None
            found.add(inner, condition.connector)
            continue
        lookup, value = child
        name = lookup.partition("__")[0]
        if name not in {"schedule", "organisation", "window", "embargo", "notice"}:
            return None
        found.children.append((lookup.removeprefix("schedule__"), value))
    return found


SESSION_IS_CLEAR = _of_session(_all_clear([r for r in NEVER if r.reason not in SETTLED]))
PRACTICE, NOW = Number("organisation"), QueryParameter("now", DateTimeField())


UNCLEAR_SESSIONS = Prepared(
    lambda: (
        Schedule.objects.taking_place()
        .filter(
            organisation=PRACTICE,
            date__gte=QueryParameter("since", DateField()),
            end__gt=NOW,
        )
        .alias(**nearest_limits(LIMITS_OF_PRACTICE, levels=("",)))
        .exclude(SESSION_IS_CLEAR or Q())
        .order_by()
        .values_list("pk")
    )
)
SESSIONS_OF_UNCLEAR_SLOTS = Prepared(
    lambda: (
        with_limits(
            Slot.objects.in_diary()
            .free()
            .filter(
                SLOT_HAS_ITS_OWN, organisation=PRACTICE, start__gt=NOW, gp_connect_bookable=True
            ),
            LIMITS_OF_PRACTICE,
        )
        .exclude(_all_clear(NEVER))
        .order_by()
        .values_list("schedule_id")
        .distinct()
    )
)
