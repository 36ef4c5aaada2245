"""Whom a closure meets, what is decided for each, and who has told them.

The decisions are made once the closure stands: an appointment that could not be moved as decided is
left as orphaned, never lost, and the one who decided is told why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from practice.exceptions import AppointmentNotFound, ChangeRefused, PracticeError
from practice.models import Appointment, Closure, ContactAttempt, Organisation
from practice.services.appointments.changing import appointment_for_change, cancel_appointment
from practice.services.appointments.rescheduling import move_appointment
from practice.services.audit.recording import Actor, record_done


@dataclass(frozen=True)
class Decision:
    """What becomes of one appointment: moved to a slot, cancelled, or left as orphaned."""

    what: str
    slot_id: int | None = None


@dataclass
class Outcome:
    """What became of all of them; ``failed`` says of which, and why it was left."""

    moved: list[Appointment] = field(default_factory=list)
    cancelled: list[Appointment] = field(default_factory=list)
    left: list[Appointment] = field(default_factory=list)
    failed: list[tuple[Appointment, str]] = field(default_factory=list)


def apply_decisions(
    *,
    closure: Closure,
    decisions: Mapping[int, Decision],
    reason: str,
    actor: Actor,
    now: datetime,
    booked_by: User | None = None,
) -> Outcome:
    """Do for each appointment that a closure orphaned what was decided; without a word it is left.

    ``reason`` is the cancellation reason, which other organisations can read. Everybody concerned
    stays on the call list that closing has put them on; of a move, the new appointment does.
    """
    outcome = Outcome()
    organisation = closure.organisation
    found = Appointment.objects.filter(organisation=organisation, pk__in=decisions)
    for appointment in found.order_by("start", "pk"):
        decision = decisions[appointment.pk]
        try:
            with transaction.atomic():
                changed = _apply_decision(
                    appointment, decision, reason=reason, actor=actor, now=now, booked_by=booked_by
                )
                if changed.pk != appointment.pk:
                    _hand_on_call(appointment, changed, closure)
        except PracticeError as refusal:
            outcome.failed.append((appointment, str(refusal)))
            continue
        {"move": outcome.moved, "cancel": outcome.cancelled}.get(
            decision.what, outcome.left
        ).append(changed)
    return outcome


def _apply_decision(
    appointment: Appointment,
    decision: Decision,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    **who: Any,
) -> Appointment:
    if decision.what == "move" and decision.slot_id:
        return move_appointment(
            organisation=appointment.organisation,
            appointment_id=appointment.pk,
            slot_ids=[decision.slot_id],
            actor=actor,
            now=now,
            **who,
        )
    if decision.what == "cancel":
        locked = appointment_for_change(
            organisation=appointment.organisation,
            appointment_id=appointment.pk,
            actor=actor,
            now=now,
        )
        return cancel_appointment(appointment=locked, reason=reason, actor=actor, now=now)
    return appointment


def _hand_on_call(old: Appointment, new: Appointment, closure: Closure) -> None:
    """Let the call list name the new appointment in place of the one that was moved."""
    Appointment.objects.filter(pk=old.pk).update(to_be_told=False, affected_by=None)
    Appointment.objects.filter(pk=new.pk).update(to_be_told=True, affected_by=closure)


# ---------------------------------------------------------------- who has told them


@transaction.atomic
def record_contact(
    *,
    organisation: Organisation,
    appointment_id: int,
    reached: bool,
    note: str,
    by: User,
    actor: Actor,
    now: datetime,
) -> ContactAttempt:
    """Note that somebody rang or wrote; once reached, the patient is no longer to be told.

    Raises AppointmentNotFound.
    """
    appointment = _locked(organisation, appointment_id)
    attempt = _attempt(appointment, reached=reached, note=note, by=by, actor=actor, now=now)
    # Also when nobody was reached: pages that stay open see that somebody has tried.
    waits = appointment.to_be_told and not reached
    Appointment.objects.filter(pk=appointment.pk).update(to_be_told=waits)
    record_done(
        "appointment.patient_contacted",
        appointment,
        actor=actor,
        now=now,
        detail={"reached": reached, "note": note},
    )
    return attempt


@transaction.atomic
def take_back_told(
    *, organisation: Organisation, appointment_id: int, by: User, actor: Actor, now: datetime
) -> ContactAttempt:
    """Put somebody back among those to be told: they were marked as told by mistake.

    What was noted before stays, with this after it. Raises AppointmentNotFound, ChangeRefused.
    """
    appointment = _locked(organisation, appointment_id)
    if not appointment.was_told:
        raise ChangeRefused("Nobody has marked this patient as told.")
    mistake = "Marked as told by mistake"
    attempt = _attempt(appointment, reached=False, note=mistake, by=by, actor=actor, now=now)
    Appointment.objects.filter(pk=appointment.pk).update(to_be_told=True)
    record_done("appointment.told_taken_back", appointment, actor=actor, now=now)
    return attempt


def _locked(organisation: Organisation, appointment_id: int) -> Appointment:
    appointment = (
        Appointment.objects.select_for_update(no_key=True, of=("self",))
        .filter(organisation=organisation, pk=appointment_id)
        .first()
    )
    if appointment is None:
        raise AppointmentNotFound
    return appointment


def _attempt(
    appointment: Appointment, *, reached: bool, note: str, by: User, actor: Actor, now: datetime
) -> ContactAttempt:
    return ContactAttempt.objects.create(
        appointment=appointment,
        at=now,
        by=by,
        by_name=actor.name[:200],
        reached=reached,
        note=note[:200],
    )
