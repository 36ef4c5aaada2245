"""What was booked at a practice, and which of it another organisation may read."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from operator import attrgetter
from typing import NamedTuple

from django.db.models import QuerySet

from practice.db.journeys import one_journey
from practice.db.prepared import Number, Numbers, Prepared
from practice.exceptions import AppointmentInPast, AppointmentNotFound, PatientNotFound
from practice.models import Appointment, AppointmentSlot, Organisation, Patient
from practice.reads.patients import VERIFIED, visible_patients


def appointments(*, organisation: Organisation) -> QuerySet[Appointment]:
    """The practice's appointments, whoever booked them and whatever became of them."""
    return Appointment.objects.filter(organisation=organisation)


def booking_organisations(*, organisation: Organisation) -> Iterator[tuple[int, str]]:
    """Each appointment that another organisation booked: its id, and the JSON of who booked it.

    In portions, so that whoever asks may change them meanwhile.
    """
    booked = appointments(organisation=organisation).exclude(booking_organisation_json="")
    columns = booked.order_by("pk").values_list("pk", "booking_organisation_json")
    portion = list(columns[:PORTION])
    while portion:
        yield from portion
        portion = list(columns.filter(pk__gt=portion[-1][0])[:PORTION])


PORTION = 500  # appointments

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


def appointment_with_slots(
    *, organisation: Organisation, appointment_id: int
) -> tuple[Appointment | None, list[int]]:
    """Return the same and the ids of its slots by start, which never change, on one journey."""
    with one_journey():
        asked = APPOINTMENT.later(organisation=organisation.pk, appointment=appointment_id)
        held = SLOTS_OF_APPOINTMENTS.later(appointments=[appointment_id])
    found: Appointment | None = asked.first()
    return found, [slot for _, slot in held.rows()] if found else []


def appointment_in_detail(*, organisation: Organisation, appointment_id: int) -> Appointment | None:
    """Return an appointment with everything that its page names."""
    found = appointments(organisation=organisation).select_related(
        "patient",
        "schedule__session_holder",
        "location",
        "booked_by",
        "access_profile",
        "moved_from",
    )
    return found.filter(pk=appointment_id).first()


def check_may_be_read(found: Appointment | None, *, now: datetime) -> Appointment:
    """Return an appointment that another organisation names, if there is one and it may see it.

    Raises AppointmentNotFound; PatientNotFound when its patient is not to be known of;
    AppointmentInPast, by date and time (READ-003, READ-004).
    """
    if found is None:
        raise AppointmentNotFound
    check_patient_may_be_known(found.patient)
    if found.start <= now:
        raise AppointmentInPast("Appointments in the past cannot be read.")
    return found


def check_patient_may_be_known(patient: Patient) -> None:
    """Raise PatientNotFound when an appointment of this patient is not to be shown outside.

    So it is when they are flagged sensitive (READ-007), or while their NHS number was never
    verified, if there is one (PAT, visibility matrix). That they have left or died does not hide
    it, so that it can be cancelled (DEC-059).
    """
    if patient.sensitive or patient.nhs_number_verification != VERIFIED:
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


# ---------------------------------------------------------------- as other organisations see them


class AppointmentRow(NamedTuple):
    """An appointment as it is shown outside, with the holder that its session has today."""

    pk: int
    version: int
    booking_organisation_json: str
    practitioner_role: str
    delivery_channel: str
    cancellation_reason: str
    identifiers: list[dict[str, str]]
    status: str
    session_name: str
    slot_type: str
    priority: int | None
    description: str
    start: datetime
    end: datetime
    created: datetime
    comment: str
    patient_id: int
    location_id: int
    session_holder_id: int | None


# From an Appointment: all but the holder are its own.
APPOINTMENT_COLUMNS = (*AppointmentRow._fields[:-1], "schedule__session_holder_id")
_values_of = attrgetter(*(column.replace("__", ".") for column in APPOINTMENT_COLUMNS))


def appointment_row(appointment: Appointment) -> AppointmentRow:
    """Return the row of an appointment that is at hand, its session included; no query."""
    return AppointmentRow._make(_values_of(appointment))


def appointment_rows(found: QuerySet[Appointment]) -> list[AppointmentRow]:
    """Return the rows of appointments, in their order, in one query."""
    return [AppointmentRow._make(row) for row in found.values_list(*APPOINTMENT_COLUMNS)]


SLOTS_OF_APPOINTMENTS = Prepared(
    lambda: (
        AppointmentSlot.objects.filter(appointment__pk__among=Numbers("appointments"))
        .order_by("slot__start")
        .values_list("appointment", "slot")
    )
)


def slot_ids_of(appointment_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of the slots that each appointment has or, if cancelled, had, by start."""
    held: dict[int, list[int]] = {}
    for appointment, slot in SLOTS_OF_APPOINTMENTS.rows(appointments=appointment_ids):
        held.setdefault(appointment, []).append(slot)
    return held


def number_still_booked(organisation: Organisation, day: date) -> int:
    """How many people are booked on a day and have not come yet, nor been told not to."""
    found = Appointment.objects.filter(organisation=organisation)
    return found.booked().on_days(day, day).count()
