"""manage.py close_day: past days closed as each practice has set, once, and on the record."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice.models import Appointment, AuditEvent
from practice.services.appointments import attendance
from workbench.factories import make_appointment, make_organisation, make_schedule, make_slot

pytestmark = pytest.mark.django_db


def close_day(*arguments) -> str:
    said = StringIO()
    call_command("close_day", *arguments, stdout=said)
    return said.getvalue()


def booked(organisation, days_ago, **slot) -> Appointment:
    """An appointment that many days ago, booked the day before it."""
    start = timezone.now() - timedelta(days=days_ago)
    schedule = make_schedule(organisation, start=start)
    return make_appointment(
        slots=[make_slot(schedule, **slot)], door="staff", now=start - timedelta(days=1)
    )


def status(appointment) -> str:
    appointment.refresh_from_db()
    return appointment.status


@pytest.mark.parametrize("wanted", ["noshow", "fulfilled"])
def test_past_appointments_become_what_the_practice_has_set(practice, wanted):
    practice.organisation.close_day_as = wanted
    practice.organisation.save()
    yesterday, before = booked(practice.organisation, 1), booked(practice.organisation, 9)
    to_come = make_appointment(door="staff")

    said = json.loads(close_day("--json"))

    assert [status(each) for each in (yesterday, before, to_come)] == [wanted, wanted, "booked"]
    report = {"practice": practice.organisation.ods_code, "marked_as": wanted, "status": "done"}
    assert said == {"practices": [{**report, "appointments": 2}]}


def test_doing_it_again_changes_nothing_and_each_change_is_audited_once(practice):
    practice.organisation.close_day_as = "noshow"
    practice.organisation.save()
    appointment = booked(practice.organisation, 1)

    close_day()
    again = close_day()

    event = AuditEvent.objects.get(event="appointment.closed")
    appointment.refresh_from_db()
    assert (event.door, event.resource) == ("command", f"Appointment/{appointment.pk}")
    assert event.device == "manage.py close_day"
    assert appointment.version == 2
    assert "0 marked: did not attend" in again


def test_a_practice_that_has_set_nothing_keeps_its_appointments_booked(practice):
    appointment = booked(practice.organisation, 1)

    said = close_day()

    assert status(appointment) == "booked"
    assert "left as they are" in said


def test_one_practice_can_be_closed_alone(practice):
    other = make_organisation(close_day_as="noshow")
    practice.organisation.close_day_as = "noshow"
    practice.organisation.save()
    ours, theirs = booked(practice.organisation, 1), booked(other, 1)

    close_day("--practice", practice.organisation.ods_code.lower())

    assert (status(ours), status(theirs)) == ("noshow", "booked")


def test_an_unknown_practice_is_refused(practice):
    with pytest.raises(CommandError, match="no practice with the ODS code X1") as refused:
        close_day("--practice", "X1")

    assert refused.value.returncode == 2


def test_a_practice_that_fails_keeps_no_other_from_being_closed(practice, monkeypatch):
    other = make_organisation(close_day_as="noshow")
    practice.organisation.close_day_as = "noshow"
    practice.organisation.save()
    theirs, real = booked(other, 1), attendance.close_day

    def broken(*, organisation, **arguments):
        if organisation == practice.organisation:
            raise OSError("the disk is full")
        return real(organisation=organisation, **arguments)

    monkeypatch.setattr(attendance, "close_day", broken)

    with pytest.raises(CommandError, match=practice.organisation.ods_code) as failed:
        close_day()

    assert failed.value.returncode == 1
    assert status(theirs) == "noshow"


def test_an_empty_installation_is_no_failure(db):
    assert "There is no practice yet" in close_day()
