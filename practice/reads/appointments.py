"""What was booked at a practice, and which of it another organisation may read."""

from datetime import datetime

from django.db.models import QuerySet

from practice import clock
from practice.db.prepared import Number, Prepared
from practice.exceptions import AppointmentInPast, AppointmentNotFound, PatientNotFound
from practice.models import Appointment, Organisation, Patient
from practice.reads.patients import VERIFIED, visible_patients


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
