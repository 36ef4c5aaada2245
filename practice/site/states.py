"""What state a slot is in, as lists and pages of the site say it."""

from datetime import datetime

from practice.models import Slot


def state_of(slot: Slot, *, now: datetime) -> str:
    """Return the key of a slot's state: its status, unless something counts for more."""
    if slot.withdrawn:
        return "withdrawn"
    if slot.status == Slot.Status.FREE and slot.end <= now:
        return "not-used"
    return slot.status


def state_in_words(slot: Slot, *, now: datetime) -> str:
    """Return Free, Booked, Blocked, Withdrawn, or Not used."""
    words = {"withdrawn": "Withdrawn", "not-used": "Not used"}
    return words.get(state_of(slot, now=now), str(slot.get_status_display()))
