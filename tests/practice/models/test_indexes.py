"""The queries that are asked all day find the index that was made for them (docs/performance.md).

Structure, not time: with enough rows and fresh statistics, the database's own plan names the index.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, models

from benchmarks import world
from practice import clock
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    AuditEvent,
    AuditSeal,
    AuditWaiting,
    Organisation,
    Schedule,
    Slot,
)
from practice.reads import offered_slots, profile_limits, slot_search
from practice.reads.appointments import of_patient
from workbench.factories import make_access_profile

NOW = datetime.now(UTC)
FIRST = clock.today(NOW) + timedelta(days=1)
DAY = {"start": clock.day_start(FIRST), "end": clock.day_end(FIRST)}
# Tables that grow with the diary: an index there costs something with every booking and slot.
GROWING = (Slot, Schedule, Appointment, AppointmentSlot, AuditEvent, AuditSeal, AuditWaiting)
# SQLite names the index of a constraint after the table.
UNNAMED = {
    "appointment_holds_a_slot_once": "sqlite_autoindex_practice_appointmentslot",
    "audit_sequence_once_in_practice": "sqlite_autoindex_practice_auditseal",
}


@dataclass(frozen=True)
class Diary:
    """One of many practices with a full diary, and what its staff and other systems ask."""

    organisation: Organisation
    profile: AccessProfile

    def slots_on_offer(self):
        found = offered_slots.offered(
            organisation=self.organisation, requester=profile_limits.ANYBODY, now=DAY["start"]
        )
        return slot_search.within(found, **DAY).order_by("start", "pk")

    def slots_of_a_day(self):
        return Slot.objects.filter(
            organisation=self.organisation, start__gte=DAY["start"], start__lt=DAY["end"]
        )

    def last_slot(self):
        return Slot.objects.filter(organisation=self.organisation).order_by("-start")[:1]

    def sessions_of_a_day(self):
        return Schedule.objects.filter(organisation=self.organisation, date=FIRST)

    def slots_of_a_session(self):
        return Slot.objects.filter(schedule=Schedule.objects.earliest("pk").pk)

    def sessions_of_a_holder(self):
        holder = Schedule.objects.earliest("pk").session_holder_id
        return Schedule.objects.filter(
            session_holder=holder, start__lt=DAY["end"], end__gt=DAY["start"]
        )

    def appointments_of_a_patient(self):
        patient = Appointment.objects.filter(organisation=self.organisation).earliest("pk").patient
        return of_patient(self.organisation.ods_code, patient.pk, DAY["start"], DAY["end"])

    def appointments_of_a_day(self):
        return Appointment.objects.filter(
            organisation=self.organisation, start__gte=DAY["start"], start__lt=DAY["end"]
        )

    def appointments_of_a_session(self):
        return Appointment.objects.filter(schedule=Schedule.objects.earliest("pk").pk)

    def appointments_on_the_worklist(self):
        return Appointment.objects.filter(
            models.Q(orphaned=True) | models.Q(to_be_told=True), organisation=self.organisation
        )

    def appointments_under_a_limit(self):
        return Appointment.objects.filter(access_profile__in=[self.profile.pk])

    def slots_of_an_appointment(self):
        return AppointmentSlot.objects.filter(appointment=Appointment.objects.earliest("pk").pk)

    def events_of_a_practice(self):
        found = AuditEvent.objects.filter(organisation=self.organisation)
        return found.filter(recorded_at__lt=NOW).order_by("-recorded_at", "-pk")[:10]

    def events_of_a_patient(self):
        return AuditEvent.objects.filter(organisation=self.organisation, patient_id=7)

    def events_of_an_appointment(self):
        return AuditEvent.objects.filter(organisation=self.organisation, resource="Appointment/7")

    def seals_in_order(self):
        return AuditSeal.objects.filter(organisation=self.organisation).order_by("sequence")[:50]

    def events_that_wait(self):
        return AuditWaiting.objects.filter(organisation=self.organisation).order_by("event")[:50]


@pytest.fixture
def diary(db):
    """Twenty practices with four weeks of diary, and a trail of three thousand events."""
    practices = world.build(practices=20, holders=2, first=FIRST, days=28, patients=20)
    world.book(every=3, now=NOW)
    events = AuditEvent.objects.bulk_create(
        AuditEvent(
            organisation=practices[7 if n % 100 == 0 else n % 7],  # few are of the seventh
            recorded_at=NOW,
            door=AuditEvent.Door.STAFF,
            event="appointment.booked",
            outcome="ok",
            patient_id=n % 100,
            resource=f"Appointment/{n % 300}",
        )
        for n in range(3000)
    )
    AuditSeal.objects.bulk_create(
        AuditSeal(
            event=event,
            organisation_id=event.organisation_id,
            sequence=n,
            sealed_at=NOW,
            format=1,
            hash="0" * 64,
        )
        for n, event in enumerate(events)
    )
    profile = make_access_profile(practices[7], slots_per_day=3)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Diary(practices[7], profile)


INDEXES = {
    Diary.slots_on_offer: "slot_on_offer",
    Diary.slots_of_a_day: "slot_by_start",
    Diary.last_slot: "slot_by_start",
    Diary.sessions_of_a_day: "schedule_by_date",
    Diary.sessions_of_a_holder: "schedule_by_holder",
    Diary.appointments_of_a_patient: "appointment_by_patient",
    Diary.appointments_of_a_day: "appointment_by_start",
    Diary.appointments_on_the_worklist: "appointment_on_worklist",
    Diary.appointments_under_a_limit: "appointment_under_profile",
    Diary.slots_of_an_appointment: "appointment_holds_a_slot_once",
    Diary.events_of_a_practice: "audit_by_time",
    Diary.events_of_a_patient: "audit_by_patient",
    Diary.events_of_an_appointment: "audit_by_resource",
    Diary.seals_in_order: "audit_sequence_once_in_practice",
    Diary.events_that_wait: "audit_queue_of_practice",
    # Django's own, named after the column:
    Diary.slots_of_a_session: "practice_slot_schedule_id",
    Diary.appointments_of_a_session: "practice_appointment_schedule_id",
}


def test_every_question_finds_its_index(diary):
    """One test, as the practices take longer to make than all their plans."""
    missed = {}
    for question, index in INDEXES.items():
        plan = question(diary).explain()
        if (UNNAMED.get(index, index) if connection.vendor == "sqlite" else index) not in plan:
            missed[index] = plan

    assert not missed


@pytest.mark.django_db
@pytest.mark.parametrize("model", GROWING, ids=lambda model: model.__name__)
def test_no_index_of_a_growing_table_is_the_beginning_of_another(model):
    """A foreign key's own index is one too many where a longer one begins with the same column."""
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    columns = {
        name: tuple(made["columns"])
        for name, made in there.items()
        if (made["index"] or made["unique"]) and made["columns"] and not made["primary_key"]
    }
    partial = {
        index.name
        for index in (*model._meta.indexes, *model._meta.constraints)
        if getattr(index, "condition", None) is not None
    }

    superfluous = {
        (shorter, longer)
        for shorter in columns
        for longer in columns.keys() - partial
        if shorter != longer and shorter not in partial
        if columns[longer][: len(columns[shorter])] == columns[shorter]
    }

    assert not superfluous
