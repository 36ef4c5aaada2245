"""Cancelling at the other end what was booked there."""

from datetime import datetime
from typing import Any

from django.db import transaction

from practice.exceptions import (
    ChangeRefused,
    ElsewhereError,
    ElsewhereUnknown,
    ReasonMissing,
    TextTooLong,
)
from practice.models import Organisation, RemoteAppointment
from practice.reads.elsewhere import Caller
from practice.services.audit.recording import Actor, record_done
from practice.services.elsewhere.settling import REASON_LENGTH
from practice.services.elsewhere.states import NOT_CANCELLED, State, about, change, locked
from practice.services.elsewhere.wire import Line, turn


def cancel_elsewhere(
    *,
    organisation: Organisation,
    booking: RemoteAppointment,
    reason: str,
    caller: Caller,
    actor: Actor,
    now: datetime,
) -> RemoteAppointment:
    """Cancel what stands elsewhere; what became of it is in the row that is returned.

    It counts as not known from before anything is sent, until the answer is there. Raises
    ReasonMissing, TextTooLong, ChangeRefused.
    """
    if not reason.strip():
        raise ReasonMissing("Say why it is cancelled: they are told.")
    if len(reason) > REASON_LENGTH:
        raise TextTooLong(f"The reason has at most {REASON_LENGTH} characters.")
    line = Line.to(booking.service, organisation=organisation, caller=caller)
    with turn():
        row = _intend(booking, reason.strip(), actor=actor, now=now)
        return _carry_out(row, line, actor=actor, now=now)


def _carry_out(
    row: RemoteAppointment, line: Line, *, actor: Actor, now: datetime
) -> RemoteAppointment:
    told: dict[str, Any] = {"actor": actor, "now": now, "only_from": [State.CANCELLING]}
    try:
        line.cancel(row.remote_id, reason=row.cancellation_reason)
    except ElsewhereUnknown as unknown:
        return change(row, State.CANCELLING, str(unknown), event="elsewhere.not_known", **told)
    except ElsewhereError as failure:
        event = "elsewhere.not_cancelled"
        return change(row, State.BOOKED, str(failure), event=event, **NOT_CANCELLED, **told)
    return change(row, State.CANCELLED, event="elsewhere.cancelled", checked_at=now, **told)


@transaction.atomic
def _intend(
    booking: RemoteAppointment, reason: str, *, actor: Actor, now: datetime
) -> RemoteAppointment:
    """Store that it is to be cancelled; pressing twice finds that it is so already."""
    row = locked(booking)
    if row.state != State.BOOKED:
        raise ChangeRefused(f"It cannot be cancelled: {row.get_state_display().lower()}.")
    if row.start <= now:
        raise ChangeRefused("It has begun: nothing is cancelled there any more.")
    row.state, row.said, row.sent_at = State.CANCELLING, "", now
    row.cancelled_at, row.cancelled_by_name = now, actor.name[:200]
    row.cancellation_reason = reason
    row.save()
    detail = {**about(row), "appointment": row.remote_id, "reason": reason}
    record_done("elsewhere.cancel_asked", row, actor=actor, now=now, detail=detail)
    return row
