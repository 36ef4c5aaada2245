"""Finding out what stands at the other end.

Asking changes nothing there, so it may be done as often as somebody likes. What was sent a moment
ago may still be on its way: that nothing is found there means something only after a while.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from practice import clock
from practice.exceptions import ElsewhereError
from practice.models import Organisation, RemoteAppointment
from practice.reads.elsewhere import Caller
from practice.services.audit.recording import Actor
from practice.services.elsewhere.searching import at_once
from practice.services.elsewhere.states import NOT_CANCELLED, State, change
from practice.services.elsewhere.wire import NOTHING_LOST, Line, RemoteBooking

REASON_LENGTH = 300
ON_ITS_WAY = timedelta(minutes=2)
STILL_ON_ITS_WAY = (
    "It is not there. What was sent may still be on its way: ask again in two minutes."
)
NEVER_SENT = "The booking was never sent."
NOT_THERE = "It is not there: nothing was booked."
STILL_ON_ITS_WAY_BACK = (
    "It stands there still. What was sent may be on its way: ask again in two minutes."
)
STANDS = "It still stands there: it was not cancelled."
DAY_IS_OVER = "Its day is over, so that it can no longer be found there: ring them."


def find_out(
    *,
    organisation: Organisation,
    bookings: Sequence[RemoteAppointment],
    caller: Caller,
    actor: Actor,
    now: datetime,
) -> list[RemoteAppointment]:
    """Ask at the other end what stands, all at once, and store it; who does not answer is noted.

    Returns the rows as they are now, in their order.
    """
    asked = list(bookings)
    who: dict[str, Any] = {"organisation": organisation, "caller": caller}

    def look(booking: RemoteAppointment) -> RemoteBooking | None:
        return _look(Line.to(booking.service, **who), booking, now)

    found = at_once([partial(look, each) for each in asked])
    return [
        _settle(each, answer, actor=actor, now=now)
        for each, answer in zip(asked, found, strict=True)
    ]


def _look(line: Line, booking: RemoteAppointment, now: datetime) -> RemoteBooking | None:
    """What stands there, or None; no question to the database."""
    if booking.remote_id:
        return line.read(booking.remote_id)
    if not booking.sent_at or _is_over(booking, now):
        return None
    day = clock.local(booking.start).date()
    found = line.appointments(booking.remote_patient_id, day, day)
    alike = (each for each in found if booking.first_slot in each.slots and not each.is_cancelled)
    return next(alike, None)


def _is_over(booking: RemoteAppointment, now: datetime) -> bool:
    """Whether its day is over: others tell of coming days only."""
    return clock.local(booking.start).date() < clock.today(now)


def _settle(
    booking: RemoteAppointment,
    found: RemoteBooking | ElsewhereError | None,
    *,
    actor: Actor,
    now: datetime,
) -> RemoteAppointment:
    """Store what was found; somebody who was quicker has settled it."""
    judged = _judge(booking, found, now)
    return change(
        booking,
        judged.pop("state"),
        judged.pop("said", ""),
        event="elsewhere.found_out",
        actor=actor,
        now=now,
        only_from=[booking.state],
        **judged,
    )


def _judge(
    booking: RemoteAppointment, found: RemoteBooking | ElsewhereError | None, now: datetime
) -> dict[str, Any]:
    """What a booking is after what was found there: its state, what is said, other columns."""
    is_fresh = bool(booking.sent_at and now - booking.sent_at < ON_ITS_WAY)
    if isinstance(found, ElsewhereError):
        why = str(found).replace(NOTHING_LOST, "").strip()  # what went before may be
        return {"state": booking.state, "said": f"It could not be looked up: {why}"}
    if found is None:
        if not booking.sent_at:
            return {"state": State.NOT_BOOKED, "said": NEVER_SENT}
        if _is_over(booking, now):
            return {"state": State.NEVER_KNOWN, "said": DAY_IS_OVER}
        if is_fresh:
            return {"state": booking.state, "said": STILL_ON_ITS_WAY}
        return {"state": State.NOT_BOOKED, "said": NOT_THERE}
    seen = {"remote_id": found.id, "checked_at": now}
    if found.is_cancelled:
        by_us = booking.state == State.CANCELLING
        theirs = {
            "cancelled_at": now,
            "cancelled_by_name": booking.service.name,
            "cancellation_reason": found.cancellation_reason[:REASON_LENGTH],
        }
        return {"state": State.CANCELLED, **seen, **({} if by_us else theirs)}
    if booking.state == State.CANCELLING and is_fresh:
        return {"state": State.CANCELLING, "said": STILL_ON_ITS_WAY_BACK, **seen}
    if booking.state == State.CANCELLING:
        return {"state": State.BOOKED, "said": STANDS, **seen, **NOT_CANCELLED}
    return {"state": State.BOOKED, **seen}
