"""What reception has before it while a patient is on the telephone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from practice import clock
from practice.models import (
    Appointment,
    CancellationListEntry,
    Organisation,
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientNote,
    PatientTelecom,
    RemoteAppointment,
)
from practice.reads.cancellation_list import entries_of_patient
from practice.reads.elsewhere import booked_elsewhere

PAST = timedelta(days=365)
MOST_PAST = 50


@dataclass(frozen=True)
class Attendance:
    """What became of a year's appointments: how many took place or were missed, and missed."""

    expected: int
    missed: int


@dataclass(frozen=True)
class PatientFile:
    """A patient with everything that their page names; ``past`` is the last year, newest first."""

    patient: Patient
    telecoms: list[PatientTelecom]
    address: PatientAddress | None
    contacts: list[PatientContact]
    languages: list[PatientLanguage]
    notes: list[PatientNote]
    coming: list[Appointment]
    past: list[Appointment]
    attendance: Attendance
    namesakes: list[Patient]
    waits_for: list[CancellationListEntry]
    elsewhere: list[RemoteAppointment]


def patient_file(
    *, organisation: Organisation, patient_id: int, now: datetime
) -> PatientFile | None:
    """Return a patient of the practice with what belongs to them: a query for each kind of it."""
    patients = Patient.objects.filter(organisation=organisation)
    found = patients.select_related("general_practitioner", "preferred_branch")
    patient = found.filter(pk=patient_id).first()
    if patient is None:
        return None
    appointments = list(
        Appointment.objects.valid()
        .filter(patient=patient, end__gt=now - PAST)
        .select_related("schedule__session_holder", "location", "booked_by", "in_series__series")
        .order_by("start", "pk")
    )
    gone = Appointment.Status.CANCELLED
    coming = [each for each in appointments if each.end > now and each.status != gone]
    past = [each for each in appointments if each not in coming][::-1]
    missed = sum(each.status == Appointment.Status.NO_SHOW for each in past)
    seen = sum(each.status == Appointment.Status.FULFILLED for each in past)
    return PatientFile(
        patient=patient,
        telecoms=list(patient.telecoms.order_by("pk")),
        address=patient.addresses.exclude(use="old").order_by("pk").first(),
        contacts=list(patient.contacts.order_by("pk")),
        languages=list(patient.languages.order_by("pk")),
        notes=list(patient.notes.filter(ended_at__isnull=True)),
        coming=coming,
        past=past,
        attendance=Attendance(missed + seen, missed),
        namesakes=namesakes(patient),
        waits_for=entries_of_patient(patient.pk, organisation=organisation, now=now),
        elsewhere=booked_elsewhere(patient.pk, organisation=organisation, now=now),
    )


def namesakes(patient: Patient) -> list[Patient]:
    """Return others of the practice with the family name and the first of the given names."""
    first = patient.given_names.partition(" ")[0]
    others = Patient.objects.filter(
        organisation=patient.organisation_id,
        family_name__iexact=patient.family_name,
        given_names__istartswith=first,
    ).exclude(pk=patient.pk)
    return list(others.order_by("-active", "birth_date")[:3])


def days_ahead(appointment: Appointment, *, now: datetime) -> int:
    """For how many days a patient still waits."""
    return (clock.local(appointment.start).date() - clock.today(now)).days
