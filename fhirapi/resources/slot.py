"""Slot: a time that can be booked. Sent by the search for free slots only."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from fhirapi.formats import Format
from fhirapi.resources import fragments
from fhirapi.resources.common import STRUCTURES, Element, UKTimes, meta, reference
from practice.reads.slot_search import SlotRow

PROFILE = f"{STRUCTURES}/GPConnect-Slot-1"
DELIVERY_CHANNEL = f"{STRUCTURES}/Extension-GPConnect-DeliveryChannel-2"


def delivery_channel(code: str) -> Element:
    """The extension that says whether a slot is in person, by telephone or by video (SLOT-093)."""
    return {"url": DELIVERY_CHANNEL, "valueCode": code}


def render(row: SlotRow, times: UKTimes) -> Element:
    """A row as GPConnect-Slot-1: the definition that ``encode`` is held to."""
    pk, version, channel, slot_type, schedule, status, start, end = row
    return {
        "resourceType": "Slot",
        "id": str(pk),
        "meta": meta(PROFILE, version),
        "extension": [delivery_channel(channel)],
        "serviceType": [{"text": slot_type}],
        "schedule": reference("Schedule", schedule),
        "status": status,
        "start": times[start],
        "end": times[end],
    }


def encode(rows: Iterable[SlotRow], times: UKTimes, as_format: Format) -> list[str]:
    """Rows as entries of a Bundle. The only hot place: there are thousands."""
    # What the slots of a session have in common is put together once.
    shared: dict[tuple[int, str, str, int, str], tuple[str, str, str, str]] = {}
    entries = []
    for pk, version, channel, slot_type, schedule, status, start, end in rows:
        key = (version, channel, slot_type, schedule, status)
        if key not in shared:
            a, b, c, d, e, f = _cut(as_format, channel, slot_type, status)
            shared[key] = a, f"{b}{version}{c}{schedule}{d}", e, f
        before, between, until, after = shared[key]
        entries.append(f"{before}{pk}{between}{times[start]}{until}{times[end]}{after}")
    return entries


@lru_cache(fragments.MOST_KINDS)
def _cut(as_format: Format, channel: str, slot_type: str, status: str) -> tuple[str, ...]:
    """The entry of every slot of a kind, without its ids, version, start and end."""

    def marked(mark: str) -> Element:
        # A row with the mark instead of numbers.
        row: Any = (mark, mark, channel, slot_type, mark, status, 0, 0)
        return render(row, UKTimes({0: mark}))

    return fragments.cut(as_format, marked, channel, slot_type, status)
