"""Slot: a time that can be booked. Sent by the search for free slots only."""

from collections.abc import Iterable
from typing import Any

import orjson

from fhirapi.resources.common import STRUCTURES, UKTimes, meta, reference
from practice.models.expressions import Epoch

PROFILE = f"{STRUCTURES}/GPConnect-Slot-1"
DELIVERY_CHANNEL = f"{STRUCTURES}/Extension-GPConnect-DeliveryChannel-2"

ANNOTATIONS = {"start_epoch": Epoch("start"), "end_epoch": Epoch("end")}
COLUMNS = (
    "pk",
    "version",
    "delivery_channel",
    "slot_type",
    "schedule_id",
    "status",
    "start_epoch",
    "end_epoch",
)


def delivery_channel(code: str) -> dict[str, Any]:
    """The extension that says whether a slot is in person, by telephone or by video (SLOT-093)."""
    return {"url": DELIVERY_CHANNEL, "valueCode": code}


def render(row: tuple[Any, ...], times: UKTimes) -> dict[str, Any]:
    """A row of COLUMNS as GPConnect-Slot-1: the definition that ``encode`` is held to."""
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


def encode(rows: Iterable[tuple[Any, ...]], times: UKTimes) -> bytes:
    """Rows of COLUMNS as the JSON of Bundle entries, with a comma between each.

    The only hot place: thousands of slots that differ in an id, a version and two times. What is
    the same for a schedule, type and channel is rendered once and cut at the gaps, and each row
    fills the gaps.
    """
    middles: dict[tuple[Any, ...], tuple[str, str]] = {}
    entries = []
    for pk, version, *kind, start, end in rows:
        key = tuple(kind)
        if key not in middles:
            middles[key] = _cut(key)
        after_version, before_start = middles[key]
        entries.append(
            f'{{"resource":{{"resourceType":"Slot","id":"{pk}","meta":{{"versionId":"{version}"'
            f'{after_version}{before_start}"start":"{times[start]}","end":"{times[end]}"}}}}'
        )
    return ",".join(entries).encode()


def _cut(kind: tuple[Any, ...]) -> tuple[str, str]:
    """What stands between the version and the start of every slot of a kind, in two pieces."""
    whole = render((0, 0, *kind, 0, 0), UKTimes())
    rest_of_meta = orjson.dumps({"profile": whole["meta"]["profile"]}).decode()
    kept = {
        name: value
        for name, value in whole.items()
        if name not in {"resourceType", "id", "meta", "start", "end"}
    }
    return f",{rest_of_meta[1:]}", f",{orjson.dumps(kept).decode()[1:-1]},"
