"""Setting up a practice: what is there already, and what it still needs before others can book."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from practice import clock
from practice.models import (
    AccessProfile,
    AuditEvent,
    Closure,
    Location,
    Membership,
    Organisation,
    Patient,
    Practitioner,
    Promise,
    SessionTemplate,
    Slot,
    SlotType,
)
from practice.reads.slot_types import number_unmapped
from practice.reads.templates import going_on
from practice.reads.worklist import FEW_DAYS, days_left

RECENT = timedelta(weeks=4)
SEARCH = "search:slot-1"  # how GP Connect names the interaction; the trail holds its whole name


@dataclass(frozen=True)
class Staff:
    """Who may sign in, by role; somebody with two roles counts in both."""

    people: int
    by_role: dict[str, int]
    without_role: int
    never_signed_in: int


@dataclass(frozen=True)
class Search:
    """When somebody outside last searched for free slots and was answered, and who that was."""

    at: datetime
    by: str


@dataclass(frozen=True)
class SetUp:
    """What a practice has, in numbers. ``search`` looks back four weeks."""

    places: int
    places_without_address: int
    holders: int
    holders_without_number: list[str]
    staff: Staff
    slot_types: int
    unmapped: int
    templates: int
    bookable_templates: int
    bank_holidays_to: date | None
    closures: int
    days_left: int
    patients: int
    profiles: int
    promises: int
    marked_slots: int
    search: Search | None

    @property
    def runs_out(self) -> bool:
        """Whether there is less diary ahead than the worklist wants."""
        return self.days_left < FEW_DAYS


def set_up(organisation: Organisation, *, now: datetime) -> SetUp:
    """Look at everything: as many queries for any practice."""
    today = clock.today(now)
    holders = Practitioner.objects.working_at(organisation).order_by("family_name", "pk")
    records = counted_records(today, now)
    row = Organisation.objects.filter(pk=organisation.pk).values_list(
        *map(number_of, records.values())
    )
    numbers: dict[str, Any] = dict(zip(records, row[0], strict=True))
    return SetUp(
        **numbers,
        holders=len(holders),
        holders_without_number=[each.full_name for each in holders if not each.sds_user_id],
        staff=staff_of(organisation),
        unmapped=number_unmapped(organisation=organisation),
        bank_holidays_to=organisation.bank_holidays_seeded_to,
        days_left=days_left(organisation, now=now),
        search=last_search(organisation, now=now),
    )


def counted_records(today: date, now: datetime) -> dict[str, QuerySet[Any]]:
    """What is counted of each practice, by the name of the number in SetUp."""
    places = Location.objects.filter(status=Location.Status.ACTIVE)
    going_on_now = SessionTemplate.objects.filter(going_on(today))
    return {
        "places": places,
        "places_without_address": places.filter(Q(address_line_1="") | Q(postal_code="")),
        "slot_types": SlotType.objects.filter(archived=False),
        "templates": going_on_now,
        "bookable_templates": going_on_now.filter(blocks__gp_connect_bookable=True),
        "closures": Closure.objects.filter(end_date__gte=today).exclude(
            kind=Closure.Kind.BANK_HOLIDAY
        ),
        "patients": Patient.objects.filter(active=True),
        "profiles": AccessProfile.objects.all(),
        "promises": Promise.objects.all(),
        "marked_slots": Slot.objects.in_diary().coming(now).filter(gp_connect_bookable=True),
    }


def number_of(found: QuerySet[Any]) -> Coalesce:
    """How many of these a practice has, as part of a query for practices."""
    counted = (
        found.filter(organisation=OuterRef("pk"))
        .order_by()
        .values("organisation")
        .annotate(number=Count("pk", distinct=True))
        .values("number")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def staff_of(organisation: Organisation) -> Staff:
    """Who may sign in and works here: one query."""
    found: dict[int, tuple[bool, set[str]]] = {}
    rows = Membership.objects.filter(organisation=organisation, user__is_active=True).values_list(
        "user", "user__last_login", "user__is_superuser", "user__groups__name"
    )
    for user, last_login, everything, role in rows:
        roles = found.setdefault(user, (last_login is not None, set()))[1]
        if role or everything:
            roles.add(role or "Administrator of this site")
    by_role = Counter(role for _, roles in found.values() for role in roles)
    return Staff(
        people=len(found),
        by_role=dict(sorted(by_role.items())),
        without_role=sum(not roles for _, roles in found.values()),
        never_signed_in=sum(not signed_in for signed_in, _ in found.values()),
    )


def last_search(organisation: Organisation, *, now: datetime) -> Search | None:
    """Return the last search from outside that was answered, in the last four weeks."""
    found = (
        AuditEvent.objects.filter(
            organisation=organisation,
            recorded_at__gte=now - RECENT,
            door=AuditEvent.Door.GP_CONNECT,
            event__endswith=SEARCH,
            outcome="200",
        )
        .order_by("-recorded_at", "-id")
        .values_list("recorded_at", "user_organisation")
        .first()
    )
    return Search(*found) if found else None
