"""Whom to telephone: the people whose appointments a closure took, or that are still to be told."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from practice.models import (
    Appointment,
    AppointmentQuerySet,
    Closure,
    Organisation,
    PatientTelecom,
)


def on_call_list(closure: Closure) -> QuerySet[Appointment]:
    """Return the appointments that a closure orphaned, or that took the place of one."""
    return Appointment.objects.filter(organisation=closure.organisation_id, affected_by=closure)


def people_waiting(organisation: Organisation) -> AppointmentQuerySet:
    """Return the appointments of the practice that wait for a person."""
    return Appointment.objects.filter(organisation=organisation).on_worklist()


def telephones(patient_ids: Iterable[int]) -> dict[int, str]:
    """Return the number at which to reach each patient: a mobile before others; one query."""
    found: dict[int, str] = {}
    rows = PatientTelecom.objects.filter(patient__in=list(patient_ids), system="phone")
    for patient, use, value in rows.order_by("pk").values_list("patient", "use", "value"):
        if patient not in found or use == "mobile":
            found[patient] = value
    return found


def with_telephones(appointments: Iterable[Appointment]) -> list[Appointment]:
    """Return appointments in their order, each with the patient's number as ``telephone``."""
    found = list(appointments)
    numbers = telephones(appointment.patient_id for appointment in found)
    for appointment in found:
        appointment.telephone = numbers.get(appointment.patient_id, "")  # type: ignore[attr-defined]
    return found


def tell_before(appointment: Appointment) -> datetime:
    """Return until when somebody must have been told: their old or their new time."""
    old = appointment.moved_from
    return min(old.start, appointment.start) if old else appointment.start


def in_order_to_ring(appointments: QuerySet[Appointment]) -> list[Appointment]:
    """Return who is still to be told, in the order in which they must be, then who has been.

    Each has its number as ``telephone``, which every list of people shows, and until when they must
    know as ``tell_before``. Three queries.
    """
    found = with_telephones(
        appointments.select_related("patient", "schedule__session_holder", "moved_from")
        .prefetch_related("contact_attempts")
        .order_by("start", "pk")
    )
    for appointment in found:
        appointment.tell_before = tell_before(appointment)  # type: ignore[attr-defined]
    return sorted(
        found,
        key=lambda a: (not a.to_be_told, a.tell_before, bool(a.telephone)),  # type: ignore[attr-defined]
    )
