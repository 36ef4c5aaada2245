"""Amending and cancelling what was booked: the appointment is locked first, then changed."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet

from practice import clock
from practice.db.journeys import one_journey
from practice.db.prepared import (
    Number,
    Prepared,
    PreparedChange,
    PreparedUpdate,
    QueryParameter,
)
from practice.db.transactions import atomic_service
from practice.exceptions import (
    AppointmentCancelled,
    AppointmentInPast,
    AppointmentNotFound,
    ChangeRefused,
    ReasonMissing,
    TextTooLong,
)
from practice.models import Appointment, AppointmentSlot, AuditEvent, Organisation, Slot
from practice.reads.appointments import check_patient_may_be_known
from practice.services.appointments.booking import check_texts
from practice.services.appointments.provenance import provenance, record_in_trail
from practice.services.audit.recording import Actor
from practice.services.locks import check_version

ASKED_FOR: dict[str, Any] = {name: Number(name) for name in ("organisation", "appointment")}
# Ordered, so that it takes its place in the order of locks; the rows themselves are not needed.
SLOTS_TO_LOCK = Prepared(
    lambda: (
        Slot.with_tests.filter(
            organisation=ASKED_FOR["organisation"],
            pk__in=AppointmentSlot.objects.held()
            .filter(appointment=ASKED_FOR["appointment"])
            .values("slot"),
        )
        .select_for_update(no_key=True)
        .order_by("pk")
        .values_list("pk")
    )
)
APPOINTMENT_TO_LOCK = Prepared(
    lambda: (
        Appointment.with_tests.filter(
            organisation=ASKED_FOR["organisation"], pk=ASKED_FOR["appointment"]
        )
        .select_related("patient", "schedule")
        .select_for_update(of=("self",), no_key=True)
    )
)


HELD = AppointmentSlot.objects.held().filter(appointment=ASKED_FOR["appointment"])


def slots_held() -> QuerySet[Slot]:
    return Slot.with_tests.filter(pk__in=HELD.values("slot"))


FREED: dict[str, Any] = {
    "status": Slot.Status.FREE,
    "version": F("version") + 1,
    "updated_at": QueryParameter("now", DateTimeField()),
}
SET_FREE = PreparedUpdate(slots_held, **FREED)
WITHDRAW = PreparedUpdate(slots_held, **FREED, withdrawn=True, withdrawn_by_plan=True)
RELEASE = PreparedUpdate(lambda: HELD.all(), released=True)
APPOINTMENTS = PreparedChange(Appointment)


def appointment_for_change(
    *,
    organisation: Organisation,
    appointment_id: int,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Appointment:
    """Lock an appointment and its slots for a change, and return it with patient and schedule.

    ``expected_version`` is the version that the caller holds, if it said so; compared under the
    lock, and before anything else is (AMEND-023). Call inside a transaction.
    Raises AppointmentNotFound, PatientNotFound, VersionConflict, AppointmentCancelled and, through
    GP Connect, AppointmentInPast.
    """
    which = {"organisation": organisation.pk, "appointment": appointment_id}
    with one_journey():
        SLOTS_TO_LOCK.later("default", **which)
        locked = APPOINTMENT_TO_LOCK.later("default", **which)
    appointment: Appointment | None = locked.first()
    if appointment is None:
        raise AppointmentNotFound
    through_gp_connect = actor.door == AuditEvent.Door.GP_CONNECT
    if through_gp_connect:
        check_patient_may_be_known(appointment.patient, asked_by=actor.ods_code, now=now)
    check_version(appointment, expected_version)
    if appointment.status == Appointment.Status.CANCELLED:
        raise AppointmentCancelled
    if through_gp_connect and appointment.start <= now:
        raise AppointmentInPast("Appointments in the past cannot be changed.")
    return appointment


# Why an appointment stays as it is, by its status: what became of it, or that it never was one.
WHAT_BECAME_OF_IT: dict[str, str] = {
    Appointment.Status.FULFILLED: "The patient has been seen",
    Appointment.Status.NO_SHOW: "The patient did not attend",
    Appointment.Status.ENTERED_IN_ERROR: "The appointment was entered in error",
}


def why_it_stays(appointment: Appointment, *, now: datetime) -> str:
    """Return why a live appointment can no longer be cancelled or moved; empty: it can.

    Whoever asks: that a patient came, or did not, is not to be lost, and no time in the past is to
    be given back. Until the end of its day one that nobody came to can still be moved, for those
    who are late. An orphan can whenever somebody gets to it: its session did not take place.
    """
    if why := WHAT_BECAME_OF_IT.get(appointment.status):
        return f"{why}: it can no longer be cancelled or moved."
    if appointment.orphaned:
        return ""
    if appointment.status == Appointment.Status.ARRIVED:
        return "The patient has arrived: it can no longer be cancelled or moved."
    if appointment.end <= now and clock.local(appointment.start).date() < clock.today(now):
        return (
            "It was on an earlier day: it can no longer be cancelled or moved. "
            "Say whether the patient came."
        )
    return ""


def check_can_be_given_up(appointment: Appointment, *, now: datetime) -> None:
    """Raise ChangeRefused for an appointment that can no longer be cancelled or moved."""
    if why := why_it_stays(appointment, now=now):
        raise ChangeRefused(why)


@atomic_service
def amend_appointment(
    *, appointment: Appointment, description: str, comment: str, actor: Actor, now: datetime
) -> Appointment:
    """Change the two texts of an appointment that ``appointment_for_change`` locked.

    A change that changes nothing is accepted and makes no new version (AMEND-035). Raises
    TextTooLong, BookingRefused. Source: GP Connect, "Amend an appointment".
    """
    check_texts(description, comment)
    before = {"description": appointment.description, "comment": appointment.comment}
    after = {"description": description, "comment": comment}
    changes = {
        name: {"from": before[name], "to": after[name]}
        for name in before
        if before[name] != after[name]
    }
    if changes:
        appointment.description, appointment.comment = description, comment
        record_change(appointment, "amended", actor=actor, now=now, changes=changes)
    return appointment


@atomic_service
def cancel_appointment(
    *, appointment: Appointment, reason: str, actor: Actor, now: datetime
) -> Appointment:
    """Cancel an appointment that ``appointment_for_change`` locked; its slots are free at once.

    The slots of an orphaned appointment are no longer planned: they are withdrawn instead.
    Raises ReasonMissing, ChangeRefused. Source: GP Connect, "Cancel an appointment".
    """
    check_can_be_given_up(appointment, now=now)
    if not reason.strip():
        raise ReasonMissing
    free = WITHDRAW if appointment.orphaned else SET_FREE
    changes = {
        "status": {"from": appointment.status, "to": Appointment.Status.CANCELLED.value},
        "cancellation_reason": {"from": "", "to": reason},
    }
    appointment.status = Appointment.Status.CANCELLED
    appointment.cancellation_reason = reason
    appointment.orphaned = False
    with one_journey():
        free.later(appointment=appointment.pk, now=now)
        RELEASE.later(appointment=appointment.pk)
        record_change(appointment, "cancelled", actor=actor, now=now, changes=changes)
    return appointment


# ---------------------------------------------------------------- as staff do it, in one step

REASON_LENGTH = 300
CHOSEN_LENGTH = 100  # of a reason in the practice's list, so that there is room for words beside it


def reason_of(chosen: str, written: str, *, organisation: Organisation) -> str:
    """Return what is stored: a reason of the practice's list, what was written beside it, or both.

    What is in the list no more counts as written nothing.
    """
    known = chosen if chosen in organisation.cancellation_reasons.splitlines() else ""
    return ": ".join(filter(None, [known, written.strip()]))


@transaction.atomic
def amend_by_staff(
    *,
    organisation: Organisation,
    appointment_id: int,
    description: str,
    comment: str,
    actor: Actor,
    now: datetime,
    expected_version: str,
) -> Appointment:
    """Lock an appointment, and change its texts if it is still what the person saw.

    Raises what ``appointment_for_change`` and ``amend_appointment`` raise.
    """
    locked = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    return amend_appointment(
        appointment=locked, description=description, comment=comment, actor=actor, now=now
    )


@transaction.atomic
def cancel_by_staff(
    *,
    organisation: Organisation,
    appointment_id: int,
    reason: str,
    actor: Actor,
    now: datetime,
    expected_version: str,
) -> Appointment:
    """Lock an appointment, and cancel it if it is still what the person saw.

    Raises TextTooLong, and what ``appointment_for_change`` and ``cancel_appointment`` raise.
    """
    if len(reason) > REASON_LENGTH:
        raise TextTooLong(f"The reason may have at most {REASON_LENGTH} characters.")
    locked = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    return cancel_appointment(appointment=locked, reason=reason, actor=actor, now=now)


# ---------------------------------------------------------------- by a command


@transaction.atomic
def replace_booking_organisation(
    *,
    organisation: Organisation,
    appointment_id: int,
    stored: str,
    json: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Keep another description of who booked an appointment, as its next version; tell whether.

    ``stored`` is the JSON that ``json`` was made of: nothing is done where it is no longer there.
    """
    which = {"organisation": organisation.pk, "appointment": appointment_id}
    appointment: Appointment | None = APPOINTMENT_TO_LOCK.first("default", **which)
    if appointment is None or appointment.booking_organisation_json != stored:
        return False
    appointment.booking_organisation_json = json
    changes = {"booking_organisation": {"from": stored, "to": json}}
    record_change(appointment, "repaired", actor=actor, now=now, changes=changes)
    return True


def record_change(
    appointment: Appointment, action: str, *, actor: Actor, now: datetime, changes: dict[str, Any]
) -> None:
    """Store a changed appointment as its next version, with who changed what, and audit it.

    ``changes`` maps each changed field to its values ``from`` and ``to``.
    """
    appointment.version += 1
    appointment.provenance = [
        *appointment.provenance,
        {**provenance(action, actor, now), "changes": changes},
    ]
    APPOINTMENTS.one(appointment)
    record_in_trail(action, appointment, actor=actor, now=now, changes=changes)
