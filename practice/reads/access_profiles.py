"""Access profiles: where each is set, what is free under it, and today's sessions under limits.

As many queries for a hundred profiles as for one.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce

from practice import clock
from practice.models import (
    AccessProfile,
    Organisation,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.reads.templates import going_on


def profiles(*, organisation: Organisation, words: str = "") -> QuerySet[AccessProfile]:
    """Return a practice's profiles by name; with words: those that all of them occur in."""
    found = AccessProfile.objects.filter(organisation=organisation)
    found = found.select_related("consumer_group").order_by("name", "pk")
    for word in words.split():
        found = found.filter(
            Q(name__icontains=word)
            | Q(ods_codes__icontains=word.upper())
            | Q(consumer_group__name__icontains=word)
        )
    return found


def templates_under(
    profile_ids: Collection[int], *, organisation: Organisation, today: date
) -> QuerySet[SessionTemplate]:
    """Return the templates that go on and name one of these profiles for the whole session."""
    return SessionTemplate.objects.filter(
        going_on(today), organisation=organisation, access_profile__in=profile_ids
    ).select_related("session_holder")


def blocks_under(
    profile_ids: Collection[int], *, organisation: Organisation, today: date
) -> QuerySet[TemplateBlock]:
    """Return the blocks of templates that go on and name one of these profiles themselves."""
    templates = SessionTemplate.objects.filter(going_on(today), organisation=organisation)
    return (
        TemplateBlock.objects.filter(template__in=templates, access_profile__in=profile_ids)
        .select_related("template__session_holder")
        .order_by("template__session_name", "template", "position")
    )


class SessionsUnder(NamedTuple):
    """How many sessions of the diary name a profile."""

    profile_id: int
    number: int


def sessions_under(
    profile_ids: Collection[int], first: date, last: date, *, organisation: Organisation
) -> list[SessionsUnder]:
    """Count the sessions of these days that name one of these profiles."""
    rows = (
        Schedule.objects.taking_place()
        .filter(
            organisation=organisation,
            date__range=(first, last),
            access_profile__in=profile_ids,
        )
        .values_list("access_profile")
        .annotate(number=Count("pk"))
        .order_by()
    )
    return [SessionsUnder(*row) for row in rows]


class FreeUnder(NamedTuple):
    """How many free bookable slots have this profile of their own, and this one in effect."""

    own_id: int | None
    effective_id: int | None
    number: int


def free_under(last: date, *, organisation: Organisation, now: datetime) -> list[FreeUnder]:
    """Count the bookable free slots from now through a day by the profiles that they are under."""
    rows = (
        Slot.objects.in_diary()
        .free()
        .coming(now)
        .filter(
            organisation=organisation,
            gp_connect_bookable=True,
            start__lt=clock.day_end(last),
        )
        .values_list("access_profile", Coalesce("access_profile", "schedule__access_profile"))
        .annotate(number=Count("pk"))
        .order_by()
    )
    return [FreeUnder(*row) for row in rows]


class SessionUnder(NamedTuple):
    """A session in which slots are under a profile."""

    schedule_id: int
    start: datetime
    name: str


def sessions_of_day_under(
    profile_ids: Collection[int], day: date, *, organisation: Organisation
) -> dict[int, list[SessionUnder]]:
    """Return the sessions of a day in which bookable slots are under each of these profiles."""
    rows = (
        Slot.objects.in_diary()
        .filter(
            organisation=organisation,
            schedule__date=day,
            schedule__organisation=organisation,
            gp_connect_bookable=True,
        )
        .annotate(profile=Coalesce("access_profile", "schedule__access_profile"))
        .filter(profile__in=profile_ids)
        .order_by("schedule__start", "schedule")
        .values_list("profile", "schedule", "schedule__start", "schedule__session_name")
        .distinct()
    )
    found: dict[int, list[SessionUnder]] = defaultdict(list)
    for profile, schedule, start, name in rows:
        found[profile].append(SessionUnder(schedule, start, name))
    return found
