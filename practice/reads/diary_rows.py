"""What the diary is made of, as it is stored: sessions, and the rows that fill them.

A constant number of queries, however many holders and slots; they are built once. What of it is
shown, and how, says practice.reads.diary_columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db.models import DateField

from practice.db.journeys import one_journey
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    Closure,
    Location,
    Organisation,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads.closures import BETWEEN, still_to_ring


@dataclass(frozen=True)
class Choice:
    """What a reader wants to see of the diary; None: all of it.

    ``holders`` (in their order) and ``locations`` are those of the saved view ``saved``. Whoever or
    whatever is chosen besides takes their place.
    """

    location: int | None = None
    holder: int | None = None
    schedule: int | None = None
    show_hidden: bool = False
    saved: int | None = None
    holders: tuple[int, ...] = ()
    locations: tuple[int, ...] = ()

    def has(self, schedule: Schedule) -> bool:
        """Whether a session is among it."""
        return (
            self._is_among(schedule.location_id, self.location, self.locations)
            and self._is_among(schedule.session_holder_id, self.holder, self.holders)
            and self.schedule in (None, schedule.pk)
        )

    def _is_among(self, pk: int | None, one: int | None, several: tuple[int, ...]) -> bool:
        if one is not None:
            return pk == one
        return not several or self.schedule is not None or pk in several

    def place_of(self, holder: Practitioner | None, name: str) -> tuple[int, bool, str]:
        """By what a column is put in its place: as the saved view says, then by name."""
        known = holder is not None and holder.pk in self.holders
        place = self.holders.index(holder.pk) if holder and known else len(self.holders)
        return place, holder is None, name


def sessions_between(
    organisation: Organisation, first: date, last: date, choice: Choice
) -> list[Schedule]:
    """Return the sessions of these days, withdrawn ones too, by time; one query."""
    wanted = {
        "location": choice.location,
        "session_holder": choice.holder,
        "pk": choice.schedule,
    }
    narrowed = {name: value for name, value in wanted.items() if value is not None}
    days = {"organisation": organisation.pk, "first": first, "last": last}
    found = _sessions(*narrowed).objects(**days, **narrowed)
    return [schedule for schedule in found if choice.has(schedule)]


@cache
def _sessions(*narrowed: str) -> Prepared[Schedule]:
    """The statement for sessions that are narrowed in these ways."""
    by = {name: Number(name) for name in narrowed}
    between = QueryParameter("first", DateField()), QueryParameter("last", DateField())
    return Prepared(
        lambda: (
            Schedule.objects.filter(organisation=PRACTICE, date__range=between, **by)
            .select_related("session_holder", "location")
            .order_by("start", "pk")
        )
    )


# Hundreds of rows: as tuples, which bear the names of the models' fields. An instance costs ten
# times as much, and what an appointment keeps of its past is not needed here.


class SlotRow(NamedTuple):
    """What the diary and the rule ask of a slot."""

    pk: int
    schedule_id: int
    start: datetime
    end: datetime
    status: str
    slot_type: str
    delivery_channel: str
    gp_connect_bookable: bool
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None
    note: str
    withdrawn: bool
    schedule: Schedule


class PatientRow(NamedTuple):
    """What the diary says of a patient."""

    given_names: str
    family_name: str
    birth_date: date


class AppointmentRow(NamedTuple):
    """What the diary says of an appointment."""

    pk: int
    schedule_id: int
    patient_id: int
    start: datetime
    end: datetime
    status: str
    orphaned: bool
    slot_type: str
    delivery_channel: str
    booked_via: str
    booking_organisation_name: str
    called_in__at: datetime | None
    patient: PatientRow


@dataclass(frozen=True)
class Filling:
    """What fills some sessions, as it is stored: what is shown of it depends on the moment."""

    appointments: list[AppointmentRow]
    slots: list[SlotRow]  # that nobody has
    profiles: dict[int, AccessProfile]
    roles: dict[int, str]
    closures: list[Closure]
    to_ring: dict[int, int]

    def only(self, schedules: Iterable[Schedule]) -> "Filling":
        """Return the same of some of the sessions."""
        wanted = {schedule.pk for schedule in schedules}
        return replace(
            self,
            appointments=[each for each in self.appointments if each.schedule_id in wanted],
            slots=[each for each in self.slots if each.schedule_id in wanted],
        )


def filling_of(
    organisation: Organisation, first: date, last: date, schedules: list[Schedule]
) -> Filling:
    """Return what fills these sessions of some days: seven queries, six of them on one journey."""
    at_home = {schedule.pk: schedule for schedule in schedules}
    holders = {each.session_holder_id for each in schedules if each.session_holder_id}
    here, of_sessions = {"organisation": organisation.pk}, {"schedules": at_home}
    with one_journey():
        appointments = APPOINTMENTS.later(**here, **of_sessions)
        taken = TAKEN.later(**of_sessions)
        slots = SLOTS.later(**here, **of_sessions)
        profiles = PROFILES.later(**here)
        roles = ROLES.later(**here, holders=holders)
        closures = BETWEEN.later(**here, first=first, last=last)
    width = len(AppointmentRow._fields) - 1
    are_taken = {pk for (pk,) in taken.rows()}
    closed = closures.objects()
    return Filling(
        appointments=[
            AppointmentRow._make((*row[:width], PatientRow._make(row[width:])))
            for row in appointments.rows()
        ],
        slots=[
            SlotRow._make((*row, at_home[row[1]]))
            for row in slots.rows()
            if row[0] not in are_taken
        ],
        profiles={profile.pk: profile for profile in profiles.objects()},
        roles={role.practitioner_id: role.get_role_display() for role in roles.objects()},
        closures=closed,
        to_ring=still_to_ring(closed) if closed else {},
    )


def people_and_places(organisation: Organisation) -> tuple[list[Practitioner], list[Location]]:
    """Return whom and where the diary can be narrowed to; two queries, on one journey."""
    with one_journey():
        people = PEOPLE.later(organisation=organisation.pk)
        places = PLACES.later(organisation=organisation.pk)
    return people.objects(), places.objects()


# ---------------------------------------------------------------- the statements

PRACTICE, SCHEDULES = Number("organisation"), Numbers("schedules")

APPOINTMENTS = Prepared(
    lambda: (
        Appointment.objects.valid()
        .filter(organisation=PRACTICE, schedule__pk__among=SCHEDULES)
        .order_by()
        .values_list(*AppointmentRow._fields[:-1], *(f"patient__{n}" for n in PatientRow._fields))
    )
)
TAKEN = Prepared(
    lambda: (
        AppointmentSlot.objects.held()
        .filter(appointment__schedule__pk__among=SCHEDULES)
        .order_by()
        .values_list("slot")
    )
)
SLOTS = Prepared(
    lambda: (
        Slot.objects.valid()
        .filter(organisation=PRACTICE, schedule__pk__among=SCHEDULES)
        .order_by()
        .values_list(*SlotRow._fields[:-1])
    )
)
PROFILES = Prepared(lambda: AccessProfile.objects.filter(organisation=PRACTICE))
# Of somebody with several roles the one that has not ended counts: it comes last.
ROLES = Prepared(
    lambda: PractitionerRole.objects.filter(
        organisation=PRACTICE, practitioner__pk__among=Numbers("holders")
    ).order_by("active", "pk")
)
PEOPLE = Prepared(lambda: Practitioner.objects.working_at(PRACTICE))
PLACES = Prepared(lambda: Location.objects.filter(organisation=PRACTICE, status="active"))
