"""Every change of a practice's diary is noted by the database, whoever makes it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from practice.models import Appointment, DiaryChange, Organisation, Patient, Practitioner, Slot
from practice.reads.diary_changes import changes_of_days, version_of_days, version_of_practice
from practice.services.closures.follow_up import record_contact
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_closure,
    make_organisation,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


class Day:
    """Tomorrow at the practice: two sessions, one appointment, and what else the diary shows."""

    def __init__(self, practice):
        self.practice = practice.organisation
        self.schedule, self.other = make_schedule(), make_schedule()
        self.slots = make_slots(4, self.schedule)
        make_slots(4, self.other)
        self.appointment = make_appointment(slots=[self.slots[0]])
        self.closure = make_closure()
        self.profile = make_access_profile()

    def version(self, days_later=0):
        day = tomorrow() + timedelta(days=days_later)
        return version_of_days(self.practice.pk, day, day)


@pytest.fixture
def day(practice):
    return Day(practice)


def update(model, **values):
    """A statement that passes by every service, as somebody may type it."""
    return lambda day: model.objects.all().update(**values)


CHANGES = {
    "a booking": lambda day: make_appointment(slots=[day.slots[1]]),
    "a slot by hand": update(Slot, note="Tutorial"),
    "a slot by hand, the same as before": update(Slot, status="free"),
    "an appointment by hand": update(Appointment, orphaned=True),
    "a new slot": lambda day: make_slots(1, day.schedule),
    "a new session": lambda day: make_schedule(),
    "a session": lambda day: day.schedule.save(),
    "a closure made": lambda day: make_closure(),
    "a closure renamed": lambda day: day.closure.save(),
    "a closure taken away": lambda day: day.closure.delete(),
    "a patient's name": update(Patient, family_name="Other"),
    "a profile's name": lambda day: day.profile.save(),
    "the practice's embargo": update(Organisation, embargo_minutes=60),
    "a place": lambda day: day.schedule.location.save(),
    "a role": lambda day: day.schedule.session_holder.roles.get().save(),
    "a call that reached nobody": lambda day: record_contact(
        organisation=day.practice,
        appointment_id=day.appointment.pk,
        reached=False,
        note="",
        by=make_staff(day.practice),
        actor=make_actor(door="staff"),
        now=timezone.now(),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_gives_the_day_another_version(day, change):
    before, of_practice = day.version(), version_of_practice(day.practice.pk)

    change(day)

    assert day.version() > before
    assert version_of_practice(day.practice.pk) > of_practice


@pytest.mark.postgresql
def test_a_clinicians_name_is_a_change_at_each_of_their_practices(day):
    before = day.version()

    Practitioner.objects.filter(pk=day.schedule.session_holder_id).update(family_name="Other")

    assert day.version() > before


def test_what_is_only_looked_at_or_locked_changes_nothing(day):
    before = day.version()

    list(Slot.objects.select_for_update().all())
    Patient.objects.update(active=True)  # nothing that the diary shows

    assert day.version() == before


def test_another_practice_does_not_hear_of_it(day):
    other = make_organisation()
    before = version_of_practice(other.pk)

    make_appointment(slots=[day.slots[1]])

    assert version_of_practice(other.pk) == before


@pytest.mark.postgresql
def test_another_day_does_not_hear_of_it(day):
    before = day.version(days_later=1)

    make_appointment(slots=[day.slots[1]])

    assert day.version(days_later=1) == before


def test_it_is_told_in_which_session(day):
    def versions():
        found = changes_of_days(day.practice.pk, tomorrow(), tomorrow())
        return [found.version_of([each.pk]) for each in (day.schedule, day.other)]

    before = versions()
    make_appointment(slots=[day.slots[1]])
    after = versions()

    assert before[0] != after[0]
    assert before[1] == after[1]


def test_which_sessions_stand_in_a_column_is_part_of_its_version(day):
    found = changes_of_days(day.practice.pk, tomorrow(), tomorrow())
    ids = [day.schedule.pk, day.other.pk]

    assert found.version_of(ids) == found.version_of(reversed(ids))
    assert found.version_of(ids) != found.version_of(ids[:1])


def test_a_booking_writes_one_note(day):
    """What it costs bookings: one short row; on SQLite one that counts up."""
    before = DiaryChange.objects.count()
    times = sum(DiaryChange.objects.values_list("times", flat=True))

    make_appointment(slots=day.slots[1:2], patient=day.appointment.patient)

    assert sum(DiaryChange.objects.values_list("times", flat=True)) == times + 1
    assert DiaryChange.objects.count() - before == (connection.vendor == "postgresql")


def test_the_question_is_one_statement(day, django_assert_num_queries):
    with django_assert_num_queries(1):
        day.version()


def test_every_trigger_is_there(db):
    """On SQLite Django remakes a table whose columns change, and its triggers go with the old one.

    Then a migration makes them again: ``note`` of 0020_pages_see_what_changed.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger "
                "WHERE tgname LIKE 'note\\_%' AND tgenabled = 'O'"
            )
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'note\\_%' "
                "ESCAPE '\\'"
            )
        found = {name for (name,) in cursor.fetchall()}

    assert len(found) == (15 if connection.vendor == "postgresql" else 14), sorted(found)
