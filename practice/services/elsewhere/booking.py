"""Booking a time at another organisation, so that no end of either side loses or doubles it.

Stored and committed before anything is sent: that it is asked for. From the moment the booking may
have left, it counts as not known until the other side has said what became of it.
"""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from practice.exceptions import (
    BookedPatientNotFound,
    ChangeRefused,
    ElsewhereError,
    ElsewhereNotSent,
    ElsewhereRefused,
    ElsewhereUnknown,
)
from practice.models import Organisation, Patient, RemoteAppointment, RemoteService
from practice.models.elsewhere import why_not_called
from practice.reads.elsewhere import Caller, reached_at, why_not_elsewhere
from practice.services.audit.recording import Actor, record_done
from practice.services.elsewhere.states import State, about, change, locked
from practice.services.elsewhere.wire import Line, RemoteTime, turn

DESCRIPTION_LENGTH = 100

TWICE = (
    "This time, or one whose fate is not known yet, has been asked for there already for this "
    "patient. Nothing was sent: look at the patient’s page."
)
NO_LONGER = "Somebody else has settled this meanwhile: look at it again."


def book_elsewhere(
    *,
    organisation: Organisation,
    patient: Patient,
    service: RemoteService,
    time: RemoteTime,
    description: str,
    may_register: bool,
    caller: Caller,
    actor: Actor,
    now: datetime,
) -> RemoteAppointment:
    """Book a time for a patient there, registering them there if that was agreed to.

    Returns what became of it: booked, nothing booked (``said`` tells why), or not known yet. Before
    anything is stored or sent it raises BookedPatientNotFound, ChangeRefused or ElsewhereNotSent.
    """
    if why := why_not_elsewhere(patient, organisation=organisation, now=now):
        raise BookedPatientNotFound(why)
    if not service.active or (why := why_not_called(service.base_url)):
        raise ChangeRefused(why or f"{service} is not in use any more.")
    if time.start <= now:
        raise ChangeRefused("This time is over.")
    line = Line.to(service, organisation=organisation, caller=caller)
    told: dict[str, Any] = {"actor": actor, "now": now}
    with turn():
        booking = _intend(organisation, patient, service, time, description=description, **told)
        return _carry_out(booking, line, time, patient, may_register=may_register, **told)


def _carry_out(
    booking: RemoteAppointment,
    line: Line,
    time: RemoteTime,
    patient: Patient,
    *,
    may_register: bool,
    actor: Actor,
    now: datetime,
) -> RemoteAppointment:
    """Find or register the patient there, and book; store what became of it."""
    told: dict[str, Any] = {"actor": actor, "now": now}
    try:
        there = _patient_there(line, booking, patient, may_register=may_register, **told)
        booking = _mark_sent(booking, remote_patient_id=there, **told)
        found = line.book(time, patient_id=there, description=booking.description)
    except ElsewhereUnknown as unknown:
        asked = [State.ASKED]
        event = "elsewhere.not_known"
        return change(booking, State.ASKED, str(unknown), event=event, only_from=asked, **told)
    except ElsewhereError as failure:
        return _not_booked(booking, str(failure), **told)
    return change(  # so it is, whatever was thought meanwhile
        booking,
        State.BOOKED,
        event="elsewhere.booked",
        remote_id=found.id,
        checked_at=now,
        **told,
    )


def _intend(
    organisation: Organisation,
    patient: Patient,
    service: RemoteService,
    time: RemoteTime,
    *,
    description: str,
    actor: Actor,
    now: datetime,
) -> RemoteAppointment:
    """Store that it is asked for; another that stands, or may, is in its way."""
    booking = RemoteAppointment(
        organisation=organisation,
        patient=patient,
        service=service,
        start=time.start,
        end=time.end,
        with_whom=time.with_whom,
        at_place=time.at_place,
        slot_type=time.slot_type,
        delivery_channel=time.delivery_channel,
        description=description[:DESCRIPTION_LENGTH],
        remote_slots=[time.slot],
        first_slot=time.slot,
        asked_at=now,
        asked_by_name=actor.name[:200],
    )
    try:
        with transaction.atomic():
            booking.save()
            detail = {**about(booking), "slot": time.slot, "description": booking.description}
            record_done("elsewhere.asked", booking, actor=actor, now=now, detail=detail)
    except IntegrityError as error:
        raise ChangeRefused(TWICE) from error
    return booking


def _patient_there(
    line: Line,
    booking: RemoteAppointment,
    patient: Patient,
    *,
    may_register: bool,
    actor: Actor,
    now: datetime,
) -> str:
    """The patient's id at the other end.

    A registration whose fate is not known does no harm: whoever tries again finds them, or not.
    """
    there = line.find(patient)
    if there:
        return there
    if not may_register:
        raise ElsewhereRefused(f"{booking.service} does not know this patient.")
    told: dict[str, Any] = {"actor": actor, "now": now}
    record_done("elsewhere.registering", booking, detail=about(booking), **told)
    try:
        there = line.register(patient, reached_at(patient))
    except ElsewhereUnknown as unknown:
        raise ElsewhereNotSent(
            f"{booking.service} did not say whether the patient is registered there now. Try again."
        ) from unknown
    detail = {**about(booking), "remote_patient": there}
    record_done("elsewhere.registered", booking, detail=detail, **told)
    return there


@transaction.atomic
def _mark_sent(
    booking: RemoteAppointment, *, remote_patient_id: str, actor: Actor, now: datetime
) -> RemoteAppointment:
    """Store that the request goes now; from here on nobody knows, until the answer is there."""
    row = locked(booking)
    if row.state != State.ASKED or row.sent_at:
        raise ElsewhereNotSent(NO_LONGER)
    row.sent_at, row.remote_patient_id = now, remote_patient_id
    row.save(update_fields=["sent_at", "remote_patient_id"])
    record_done("elsewhere.sent", row, actor=actor, now=now, detail=about(row))
    return row


def _not_booked(
    booking: RemoteAppointment, said: str, *, actor: Actor, now: datetime
) -> RemoteAppointment:
    """Store that nothing is booked, and why; unless somebody has settled it meanwhile."""
    return change(
        booking,
        State.NOT_BOOKED,
        said,
        event="elsewhere.not_booked",
        actor=actor,
        now=now,
        only_from=[State.ASKED],
    )
