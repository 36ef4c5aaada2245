"""What becomes of an appointment on its day: arrived, in, seen, did not attend, and taking it back.

The slots stay booked throughout. Each step is a new version, as other organisations see the status
(GEN-032), and an entry of the provenance, from which the last step can be undone.
"""

from datetime import datetime

from django.db import transaction

from practice import clock
from practice.exceptions import ChangeRefused, VersionConflict
from practice.models import Appointment, CalledIn, Organisation
from practice.services.appointments.changing import appointment_for_change, record_change
from practice.services.appointments.provenance import record_in_trail
from practice.services.audit.recording import Actor
from practice.services.diary_changes import note_change

Status = Appointment.Status

# From which status each may follow.
STEPS: dict[str, tuple[str, ...]] = {
    Status.ARRIVED: (Status.BOOKED,),
    Status.FULFILLED: (Status.ARRIVED, Status.BOOKED),
    Status.NO_SHOW: (Status.BOOKED,),
}


@transaction.atomic
def mark(
    *,
    organisation: Organisation,
    appointment_id: int,
    status: str,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Appointment:
    """Mark an appointment arrived, fulfilled (seen) or noshow (did not attend).

    People arrive on the day of the appointment, in London; that they have been seen is said on that
    day or later, and that they did not attend once it has started. Of an orphan it settles what
    became of it, so that it is none any more. Raises ChangeRefused, and what
    ``appointment_for_change`` raises.
    """
    appointment = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    check_step(appointment, status, now=now)
    _set(appointment, status, "marked", actor=actor, now=now)
    return appointment


def check_step(appointment: Appointment, status: str, *, now: datetime) -> None:
    """Raise ChangeRefused when this status cannot follow, or not yet."""
    wanted = Status(status).label.lower()
    if appointment.status not in STEPS[status]:
        current = appointment.get_status_display().lower()
        raise ChangeRefused(f"The appointment is {current}: it cannot be marked {wanted}.")
    day = clock.local(appointment.start).date()
    if status == Status.NO_SHOW:
        if appointment.start > now:
            raise ChangeRefused("The appointment has not started yet.")
    elif clock.today(now) < day:
        raise ChangeRefused(f"It can be marked {wanted} on its day, not before.")
    elif status == Status.ARRIVED and clock.today(now) > day:
        raise ChangeRefused(f"Only an appointment of today can be marked {wanted}.")


@transaction.atomic
def call_in(
    *,
    organisation: Organisation,
    appointment_id: int,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Appointment:
    """Say that a patient is in, with the clinician; whom nobody has marked arrived is so now.

    To other organisations they have arrived: there is no such status, nor a new version by it.
    Raises ChangeRefused, and what ``appointment_for_change`` raises.
    """
    appointment = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    if appointment.status != Status.ARRIVED:
        check_step(appointment, Status.ARRIVED, now=now)
        _set(appointment, Status.ARRIVED, "marked", actor=actor, now=now)
    elif clock.local(appointment.start).date() != clock.today(now):
        raise ChangeRefused("Only a patient of today can be called in.")
    _, is_new = CalledIn.objects.get_or_create(
        appointment=appointment, defaults={"at": now, "by_name": actor.name}
    )
    if not is_new:
        raise ChangeRefused("The patient is in already.")
    note_change(appointment, now=now)
    record_in_trail("called_in", appointment, actor=actor, now=now)
    return appointment


@transaction.atomic
def undo(
    *,
    organisation: Organisation,
    appointment_id: int,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Appointment:
    """Take the last step back: the status before it holds again. Raises ChangeRefused.

    Who is in, waits again.
    """
    appointment = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    called_in = CalledIn.objects.filter(appointment=appointment)
    if appointment.status == Status.ARRIVED and called_in.delete()[0]:
        note_change(appointment, now=now)
        record_in_trail("not_called_in", appointment, actor=actor, now=now)
        return appointment
    before = status_before(appointment)
    if before is None:
        raise ChangeRefused("There is nothing to undo.")
    was_orphaned = "orphaned" in _last_step(appointment)
    _set(appointment, before, "undone", actor=actor, now=now, orphaned=was_orphaned)
    return appointment


def status_before(appointment: Appointment) -> str | None:
    """Return the status that undoing would bring back, or None when there is no step to undo."""
    if appointment.status not in STEPS:
        return None
    changed = _last_step(appointment).get("status")
    return changed["from"] if changed else Status.BOOKED


def _last_step(appointment: Appointment) -> dict[str, dict[str, str]]:
    """Return what the last step changed that has not been undone; nothing: there is none."""
    steps: list[dict[str, dict[str, str]]] = []
    for entry in appointment.provenance:
        changes = entry.get("changes", {})
        if "status" in changes and entry["action"] == "undone":
            steps.pop()
        elif "status" in changes:
            steps.append(changes)
    return steps[-1] if steps else {}


def _set(
    appointment: Appointment,
    status: str,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    orphaned: bool = False,
) -> None:
    """Write a status; what stays, or becomes again, ``orphaned`` is on the worklist."""
    orphaned = orphaned or (appointment.orphaned and status not in Appointment.SETTLED)
    changes = {"status": {"from": appointment.status, "to": Status(status).value}}
    if orphaned != appointment.orphaned:
        words = {True: "yes", False: "no"}
        changes["orphaned"] = {"from": words[appointment.orphaned], "to": words[orphaned]}
    appointment.status, appointment.orphaned = status, orphaned
    record_change(appointment, action, actor=actor, now=now, changes=changes)


def close_day(
    *, organisation: Organisation, status: str, actor: Actor, now: datetime
) -> list[Appointment]:
    """Mark what is still booked on days before today: noshow or fulfilled, as the practice wants.

    Doing it again changes nothing. One transaction for each appointment, so that a person's change
    of one does not hold up the rest; one changed meanwhile is left to that person.
    """
    # Whose session did not take place has missed nothing.
    left_open = Appointment.objects.left_open(clock.today(now)).filter(organisation=organisation)
    closed = []
    for pk, version in left_open.order_by("start", "pk").values_list("pk", "version"):
        try:
            closed.append(
                _close(organisation, pk, str(version), status=status, actor=actor, now=now)
            )
        except (ChangeRefused, VersionConflict):
            continue
    return closed


@transaction.atomic
def _close(
    organisation: Organisation,
    appointment_id: int,
    version: str,
    *,
    status: str,
    actor: Actor,
    now: datetime,
) -> Appointment:
    appointment = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=version,
    )
    _set(appointment, status, "closed", actor=actor, now=now)
    return appointment
