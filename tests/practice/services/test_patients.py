"""Notes about a patient, and that a caller was asked who they are: both are on record."""

import pytest
from django.utils import timezone

from practice.exceptions import ChangeRefused, PatientNotFound
from practice.models import AuditEvent, PatientNote
from practice.services.audit.recording import Actor
from practice.services.patients import add_note, confirm_identity, end_note
from workbench.factories import make_organisation, make_patient

pytestmark = pytest.mark.django_db

RITA = Actor(door=AuditEvent.Door.STAFF, user_id="rita", name="Rita Reception", role="Receptionist")


@pytest.fixture
def whose(practice):
    return {
        "organisation": practice.organisation,
        "patient_id": practice.patient.pk,
        "actor": RITA,
        "now": timezone.now(),
    }


def test_a_note_is_written_and_taken_off_and_kept(practice, whose):
    note = add_note(text="  Prefers mornings. ", **whose)
    end_note(note_id=note.pk, **whose)

    kept = PatientNote.objects.get()
    assert (kept.text, kept.written_by_name) == ("Prefers mornings.", "Rita Reception")
    assert kept.ended_at
    events = AuditEvent.objects.filter(patient_id=practice.patient.pk).order_by("pk")
    assert [(each.event, each.detail) for each in events] == [
        ("patient.note_written", {"note": "Prefers mornings."}),
        ("patient.note_ended", {"note": "Prefers mornings."}),
    ]


def test_of_two_who_take_a_note_off_the_second_is_told(whose):
    note = add_note(text="Prefers mornings.", **whose)
    end_note(note_id=note.pk, **whose)

    with pytest.raises(ChangeRefused, match="no longer there"):
        end_note(note_id=note.pk, **whose)


@pytest.mark.parametrize("text", ["", "   ", "x" * 301], ids=["empty", "blank", "long"])
def test_a_note_says_something_and_not_too_much(whose, text):
    with pytest.raises(ChangeRefused, match="1 to 300 characters"):
        add_note(text=text, **whose)


def test_three_things_a_caller_says_are_enough_and_recorded(practice, whose):
    confirm_identity(asked=["born", "name", "telephone", "colour"], **whose)

    event = AuditEvent.objects.get(event="patient.identified")
    assert event.patient_id == practice.patient.pk
    assert event.detail == {"asked": ["name", "born", "telephone"]}
    with pytest.raises(ChangeRefused, match="Ask for 3"):
        confirm_identity(asked=["born", "name", "name", "colour"], **whose)
    assert AuditEvent.objects.filter(event="patient.identified").count() == 1


def test_patients_of_another_practice_are_out_of_reach(whose):
    theirs = make_patient(make_organisation())
    note = PatientNote.objects.create(patient=theirs, text="Theirs", written_at=timezone.now())
    mine = dict(whose)
    whose["patient_id"] = theirs.pk

    for change in (
        lambda: add_note(text="Mine", **whose),
        lambda: end_note(note_id=note.pk, **whose),
        lambda: confirm_identity(asked=["name", "born", "address"], **whose),
    ):
        with pytest.raises(PatientNotFound):
            change()
    with pytest.raises(ChangeRefused):
        end_note(note_id=note.pk, **mine)
    assert PatientNote.objects.filter(ended_at__isnull=True).get() == note
