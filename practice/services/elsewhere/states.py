"""What became of something booked elsewhere: one row, changed under its lock, with its event."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction

from practice.models import RemoteAppointment
from practice.services.audit.recording import Actor, record_done
from practice.services.elsewhere import wire

State = RemoteAppointment.State
SAID_LENGTH = 300
# The columns of what was to be cancelled, and stands after all.
NOT_CANCELLED: dict[str, Any] = {
    "cancelled_at": None,
    "cancelled_by_name": "",
    "cancellation_reason": "",
}


def about(booking: RemoteAppointment) -> dict[str, Any]:
    """What the trail says of it, whatever happened."""
    return {**wire.named(booking.service), "start": booking.start.isoformat()}


def locked(booking: RemoteAppointment) -> RemoteAppointment:
    """The row as it is now, locked until the transaction ends."""
    found = RemoteAppointment.objects.select_for_update(of=("self",), no_key=True)
    return found.select_related("service", "patient", "organisation").get(
        pk=booking.pk, organisation=booking.organisation_id
    )


@transaction.atomic
def change(
    booking: RemoteAppointment,
    state: str,
    said: str = "",
    *,
    event: str,
    actor: Actor,
    now: datetime,
    only_from: Collection[str] = (),
    **values: Any,
) -> RemoteAppointment:
    """Store a state and what was said of it, with an event, and return the row as it is now.

    With ``only_from`` a row that is in no such state any more stays as it is.
    """
    row = locked(booking)
    if only_from and row.state not in only_from:
        return row
    before, row.state, row.said = row.state, state, said[:SAID_LENGTH]
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    detail = {**about(row), "state": {"from": before, "to": state}}
    if row.remote_id:
        detail["appointment"] = row.remote_id
    record_done(
        event,
        row,
        actor=actor,
        now=now,
        outcome="refused" if said else "ok",
        diagnostics=said,
        detail=detail,
    )
    return row
