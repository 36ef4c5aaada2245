"""What reception writes about a patient, and that it asked who is on the telephone."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from practice.exceptions import ChangeRefused, PatientNotFound
from practice.models import Organisation, Patient, PatientNote
from practice.reads.patients import VERIFIED
from practice.services.audit.recording import Actor, record_done

NOTE_LENGTH = 300
# What a caller may be asked, of which three are enough.
IDENTITY = ("name", "born", "address", "telephone")
ENOUGH = 3


def _own(organisation: Organisation, patient_id: int) -> Patient:
    found = Patient.objects.filter(organisation=organisation, pk=patient_id).first()
    if found is None:
        raise PatientNotFound
    return found


def contradictions(patient: Patient, *, today: date) -> list[tuple[str, str]]:
    """What of a patient, stored or not, cannot be so: a field each, and why in words."""
    born, died = patient.birth_date, patient.deceased_at
    start, end = patient.registration_start, patient.registration_end
    verified = patient.nhs_number_verification == VERIFIED
    rules = (
        (
            "nhs_number_verification",
            "There is no NHS number to be verified.",
            verified and not patient.nhs_number,
        ),
        ("birth_date", "The date of birth is in the future.", born and born > today),
        ("deceased_at", "The date of death is in the future.", died and died > today),
        (
            "deceased_at",
            "The date of death is before the date of birth.",
            born and died and died < born,
        ),
        (
            "registration_end",
            "The registration ends before it begins.",
            start and end and end < start,
        ),
    )
    return [(name, words) for name, words, is_so in rules if is_so]


@transaction.atomic
def add_note(
    *, organisation: Organisation, patient_id: int, text: str, actor: Actor, now: datetime
) -> PatientNote:
    """Write a note about a patient; raises PatientNotFound, and ChangeRefused for an empty one."""
    patient, text = _own(organisation, patient_id), text.strip()
    if not text or len(text) > NOTE_LENGTH:
        raise ChangeRefused(f"A note has 1 to {NOTE_LENGTH} characters.")
    note = PatientNote.objects.create(
        patient=patient, text=text, written_at=now, written_by_name=actor.name
    )
    record_done("patient.note_written", patient, actor=actor, now=now, detail={"note": text})
    return note


@transaction.atomic
def end_note(
    *, organisation: Organisation, patient_id: int, note_id: int, actor: Actor, now: datetime
) -> None:
    """Take a note off the page; it is kept.

    Raises PatientNotFound, and ChangeRefused if it is off already.
    """
    patient = _own(organisation, patient_id)
    standing = PatientNote.objects.filter(patient=patient, pk=note_id, ended_at__isnull=True)
    note = standing.first()
    if note is None or not standing.update(ended_at=now, ended_by_name=actor.name):
        raise ChangeRefused("The note is no longer there.")
    record_done("patient.note_ended", patient, actor=actor, now=now, detail={"note": note.text})


@transaction.atomic
def confirm_identity(
    *,
    organisation: Organisation,
    patient_id: int,
    asked: Sequence[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Record that somebody asked a caller who they are, and what of IDENTITY they said rightly.

    Raises PatientNotFound, and ChangeRefused when it was too little.
    """
    patient = _own(organisation, patient_id)
    said = [name for name in IDENTITY if name in asked]
    if len(said) < ENOUGH:
        raise ChangeRefused(f"Ask for {ENOUGH} of these before you tell the caller anything.")
    record_done("patient.identified", patient, actor=actor, now=now, detail={"asked": said})
