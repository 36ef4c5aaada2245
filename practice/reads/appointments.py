"""What was booked at a practice, and which of it another organisation may read."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import CharField, DateField, DateTimeField, QuerySet

from practice import clock
from practice.db.prepared import Later, Number, Numbers, Prepared, QueryParameter
from practice.exceptions import AppointmentInPast, AppointmentNotFound, PatientNotFound
from practice.models import Appointment, AppointmentSlot, Organisation, Patient
from practice.reads import rehearsals
from practice.reads.patients import VERIFIED, visible_patients, visible_to_others


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

PRACTICE = QueryParameter("practice", CharField())  # its ODS code

APPOINTMENT = Prepared(
    lambda: Appointment.objects.filter(
        organisation__ods_code=PRACTICE, pk=Number("appointment")
    ).select_related("patient", "schedule")
)
APPOINTMENT_OR_TEST = Prepared(
    lambda: Appointment.with_tests.filter(
        organisation__ods_code=PRACTICE, pk=Number("appointment")
    ).select_related("patient", "schedule")
)


def appointment_by_id(*, organisation: Organisation, appointment_id: int) -> Appointment | None:
    """Return an appointment of the practice with its patient and its session."""
    found: Appointment | None = APPOINTMENT.first(
        practice=organisation.ods_code, appointment=appointment_id
    )
    return found


class AskedAppointment(NamedTuple):
    """An appointment that was asked for on a journey, and the ids of its slots."""

    appointment: Later[Appointment]
    slots: Later[AppointmentSlot]

    def found(self) -> tuple[Appointment | None, list[int]]:
        """The appointment with patient and session, and its slots by start, which never change."""
        appointment = self.appointment.first()
        return appointment, [slot for _, slot in self.slots.rows()] if appointment else []


def appointment_later(*, ods_code: str, appointment_id: int) -> AskedAppointment:
    """Ask on a journey for an appointment of the practice with this code, and for its slots.

    It may be one of a rehearsal: ``check_patient_may_be_known`` says who may know of those.
    """
    return AskedAppointment(
        APPOINTMENT_OR_TEST.later(practice=ods_code, appointment=appointment_id),
        SLOTS_OF_APPOINTMENTS.later(appointments=[appointment_id]),
    )


def appointment_in_detail(*, organisation: Organisation, appointment_id: int) -> Appointment | None:
    """Return an appointment with everything that its page names."""
    found = appointments(organisation=organisation).select_related(
        "patient",
        "schedule__session_holder",
        "location",
        "booked_by",
        "access_profile",
        "moved_from",
        "called_in",
        "in_series__series",
    )
    return found.filter(pk=appointment_id).first()


def check_may_be_read(found: Appointment | None, *, asked_by: str, now: datetime) -> Appointment:
    """Return an appointment that another organisation names, if there is one and it may see it.

    Raises AppointmentNotFound; PatientNotFound when its patient is not to be known of;
    AppointmentInPast, by date and time (READ-003, READ-004).
    """
    if found is None:
        raise AppointmentNotFound
    check_patient_may_be_known(found.patient, asked_by=asked_by, now=now)
    if found.start <= now:
        raise AppointmentInPast("Appointments in the past cannot be read.")
    return found


def check_patient_may_be_known(patient: Patient, *, asked_by: str, now: datetime) -> None:
    """Raise PatientNotFound when an appointment of this patient is not to be shown outside.

    So it is when they are flagged sensitive (READ-007), or while their NHS number was never
    verified, if there is one (PAT, visibility matrix). That they have left or died does not hide
    it, so that it can be cancelled (DEC-059). A test patient is known of to the organisation that
    the rehearsal is with, while it stands: ``asked_by`` is the ODS code of whoever asks.
    """
    if patient.sensitive or patient.nhs_number_verification != VERIFIED:
        raise PatientNotFound
    if not rehearsals.is_with(patient.rehearsal_id, ods_code=asked_by, now=now):
        raise PatientNotFound


# ---------------------------------------------------------------- as other organisations see them


class AppointmentRow(NamedTuple):
    """An appointment as it is shown outside, with the holder and service of its session today."""

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
    healthcare_service_id: int | None


# From an Appointment: all but the last two are its own.
APPOINTMENT_COLUMNS = (
    *AppointmentRow._fields[:-2],
    *("schedule__session_holder_id", "schedule__healthcare_service_id"),
)
_values_of = attrgetter(*(column.replace("__", ".") for column in APPOINTMENT_COLUMNS))


def appointment_row(appointment: Appointment) -> AppointmentRow:
    """Return the row of an appointment that is at hand, its session included; no query."""
    return AppointmentRow._make(_values_of(appointment))


SLOTS_OF_APPOINTMENTS = Prepared(
    lambda: (
        AppointmentSlot.objects.filter(appointment__pk__among=Numbers("appointments"))
        .order_by("slot__start")
        .values_list("appointment", "slot")
    )
)


def slot_ids_of(appointment_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of the slots that each appointment has or, if cancelled, had, by start."""
    return _by_appointment(SLOTS_OF_APPOINTMENTS.rows(appointments=appointment_ids))


def _by_appointment(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[int]]:
    held: dict[int, list[int]] = {}
    for appointment, slot in rows:
        held.setdefault(appointment, []).append(slot)
    return held


def number_still_booked(organisation: Organisation, day: date) -> int:
    """How many people are booked on a day and have not come yet, nor been told not to."""
    found = Appointment.objects.filter(organisation=organisation)
    return found.booked().on_days(day, day).count()


# ---------------------------------------------------------------- those of a patient


def of_patient(practice: Any, patient: Any, first: Any, end: Any) -> QuerySet[Appointment]:
    """A patient's appointments that start between two instants, by start (RETR-033 to RETR-036)."""
    return Appointment.objects.filter(
        organisation__ods_code=practice, patient=patient, start__gte=first, start__lt=end
    ).order_by("start", "pk")


SPAN = (
    *(PRACTICE, Number("patient")),
    *(QueryParameter(name, DateTimeField()) for name in ("first", "end")),
)
OF_PATIENT = Prepared(lambda: of_patient(*SPAN).values_list(*APPOINTMENT_COLUMNS))
SLOTS_OF_PATIENT = Prepared(
    lambda: (
        AppointmentSlot.objects.filter(appointment__in=of_patient(*SPAN).order_by())
        .order_by("slot__start")
        .values_list("appointment", "slot")
    )
)
VISIBLE_PATIENT = Prepared(
    lambda: (
        visible_to_others(QueryParameter("today", DateField()))
        .filter(organisation__ods_code=PRACTICE, pk=Number("patient"))
        .values_list("pk")
    )
)


class AskedAppointments(NamedTuple):
    """A patient's appointments that were asked for on a journey, and the ids of their slots."""

    patient: Later[Patient]
    appointments: Later[Appointment]
    slots: Later[AppointmentSlot]

    def found(self) -> list[tuple[AppointmentRow, list[int]]]:
        """Each appointment and its slots by start.

        Raises PatientNotFound unless the patient may be seen by all outside (RETR-018).
        """
        if not self.patient.rows():
            raise PatientNotFound
        held = _by_appointment(self.slots.rows())
        rows = (AppointmentRow._make(row) for row in self.appointments.rows())
        return [(row, held[row.pk]) for row in rows]


def patient_appointments_later(
    *, ods_code: str, patient_id: int, first: date, last: date, now: datetime
) -> AskedAppointments:
    """Ask on a journey for a patient's appointments on some days, the last one included."""
    of_practice = {"practice": ods_code, "patient": patient_id}
    try:
        end = clock.day_end(last)
    except OverflowError:  # the last day there is
        end = datetime.max.replace(tzinfo=UTC)
    span = {**of_practice, "first": clock.day_start(first), "end": end}
    return AskedAppointments(
        VISIBLE_PATIENT.later(**of_practice, today=clock.today(now)),
        OF_PATIENT.later(**span),
        SLOTS_OF_PATIENT.later(**span),
    )


def appointments_in_rehearsal(
    *,
    organisation: Organisation,
    patient_id: int,
    first: date,
    last: date,
    asked_by: str,
    now: datetime,
) -> list[tuple[AppointmentRow, list[int]]]:
    """Return the same of the test patient of a rehearsal with whoever asks.

    Raises PatientNotFound unless it is one, for which nobody else may take them.
    """
    seen = visible_patients(organisation=organisation, asked_by=asked_by, now=now)
    if not seen.filter(pk=patient_id, rehearsal__isnull=False).exists():
        raise PatientNotFound
    found = Appointment.with_tests.filter(organisation=organisation, patient=patient_id)
    rows = [
        AppointmentRow._make(row)
        for row in found.on_days(first, last)
        .order_by("start", "pk")
        .values_list(*APPOINTMENT_COLUMNS)
    ]
    held = slot_ids_of([row.pk for row in rows])
    return [(row, held[row.pk]) for row in rows]
