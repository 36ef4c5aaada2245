"""Every question a visitor asks. Each begins with the practice whose door was knocked at."""

from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet

from practice import clock
from practice.db.prepared import Number, Parameter, Prepared
from practice.exceptions import AppointmentInPast, AppointmentNotFound, PatientNotFound
from practice.models import (
    Appointment,
    Location,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
)

VERIFIED = "01"


HOSTED = Prepared(lambda: Organisation.objects.filter(ods_code=Parameter("ods_code", CharField())))


def practice_by_ods_code(ods_code: str) -> Organisation | None:
    """Return the practice hosted here under exactly this ODS code."""
    found: Organisation | None = HOSTED.first(ods_code=ods_code)
    return found


# ---------------------------------------------------------------- patients


PATIENT = Prepared(
    lambda: Patient.objects.filter(
        organisation=Number("organisation"),
        pk=Number("patient"),
    )
)


def patient_by_id(*, organisation: Organisation, patient_id: int) -> Patient | None:
    """Return a patient of the practice, whatever is to be known of them."""
    found: Patient | None = PATIENT.first(organisation=organisation.pk, patient=patient_id)
    return found


def known_patients(*, organisation: Organisation, now: datetime) -> QuerySet[Patient]:
    """Patients who are registered today, alive and not flagged sensitive, verified or not."""
    today = clock.today(now)
    return Patient.objects.filter(
        Q(registration_end__isnull=True) | Q(registration_end__gte=today),
        organisation=organisation,
        active=True,
        sensitive=False,
        deceased_at__isnull=True,
    )


def visible_patients(*, organisation: Organisation, now: datetime) -> QuerySet[Patient]:
    """Patients whom others may see: known ones with a verified NHS number (PAT-011)."""
    return known_patients(organisation=organisation, now=now).filter(
        nhs_number_verification=VERIFIED
    )


# ---------------------------------------------------------------- appointments


def appointments(*, organisation: Organisation) -> QuerySet[Appointment]:
    """The practice's appointments, whoever booked them and whatever became of them."""
    return Appointment.objects.filter(organisation=organisation)


APPOINTMENT = Prepared(
    lambda: Appointment.objects.filter(
        organisation=Number("organisation"),
        pk=Number("appointment"),
    ).select_related("patient", "schedule")
)


def appointment_by_id(*, organisation: Organisation, appointment_id: int) -> Appointment | None:
    """Return an appointment of the practice with its patient and its session."""
    found: Appointment | None = APPOINTMENT.first(
        organisation=organisation.pk, appointment=appointment_id
    )
    return found


def check_may_be_read(found: Appointment | None, *, now: datetime) -> Appointment:
    """Return an appointment that another organisation names, if there is one and it may see it.

    Raises AppointmentNotFound; PatientNotFound when its patient is not to be known of;
    AppointmentInPast, by date and time (READ-003, READ-004).
    """
    if found is None:
        raise AppointmentNotFound
    check_patient_may_be_known(found.patient, now=now)
    if found.start <= now:
        raise AppointmentInPast("Appointments in the past cannot be read.")
    return found


def check_patient_may_be_known(patient: Patient, *, now: datetime) -> None:
    """Raise PatientNotFound when an appointment of this patient is not to be shown outside.

    So it is when they are flagged sensitive (READ-007), or still registered with a number never
    verified (PAT, visibility matrix). That they have left or died does not hide it, so that it can
    be cancelled (DEC-059).
    """
    gone = (
        not patient.active
        or patient.deceased_at is not None
        or (patient.registration_end is not None and patient.registration_end < clock.today(now))
    )
    unverified = patient.nhs_number_verification != VERIFIED
    if patient.sensitive or (unverified and not gone):
        raise PatientNotFound


def patient_appointments(
    *, organisation: Organisation, patient_id: int, now: datetime
) -> QuerySet[Appointment]:
    """Every appointment of a patient at the practice, by start (RETR-033 to RETR-036).

    Raises PatientNotFound unless the patient may be seen outside (RETR-018).
    """
    if not visible_patients(organisation=organisation, now=now).filter(pk=patient_id).exists():
        raise PatientNotFound
    found = appointments(organisation=organisation).filter(patient=patient_id)
    return found.order_by("start", "pk")


# ---------------------------------------------------------------- the directory


def practitioners(*, organisation: Organisation) -> QuerySet[Practitioner]:
    """Everybody who works here or once did, or whom a session names (PRAC-011, GEN-025)."""
    theirs = {"organisation": organisation}
    return Practitioner.objects.filter(
        Exists(PractitionerRole.objects.filter(practitioner=OuterRef("pk"), **theirs))
        | Exists(Schedule.objects.filter(session_holder=OuterRef("pk"), **theirs))
    )


def locations(*, organisation: Organisation) -> QuerySet[Location]:
    """The practice's places, closed ones included (LOC-004)."""
    return Location.objects.filter(organisation=organisation)
