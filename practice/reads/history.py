"""What has happened to a slot, a session or what is planned, as the audit trail has it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet

from practice.models import AuditEvent, Organisation, Schedule, Slot

MOST = 200  # of the newest entries of one record; the audit trail has them all
MOST_OF_MANY = 1000  # of those about many slots at once, among which the slot is looked for

# What people did to many slots at once is one event, which names each of them in its detail.
OF_MANY_SLOTS = [
    f"slot.{verb}"
    for verb in (
        "block",
        "unblock",
        "make-bookable",
        "make-not-bookable",
        "withdraw",
        "restore",
        "split",
        "merge",
        "give",
    )
]


class Happening(NamedTuple):
    """One change: when, what (the event's name), by whom, through which door, from what to what."""

    at: datetime
    event: str
    who: str
    door: str
    changes: list[tuple[str, Any, Any]]
    appointment: int | None = None  # the one that took the slot, or gave it back


def slot_history(slot: Slot, *, organisation: Organisation) -> list[Happening]:
    """Return what people did to a slot, bookings included, the newest first: three queries."""
    here = AuditEvent.objects.filter(organisation=organisation)
    named = here.filter(resource=f"Slot/{slot.pk}").exclude(event__endswith=".viewed")
    many = here.filter(resource="", event__in=OF_MANY_SLOTS, recorded_at__lte=slot.end)
    events = [
        *newest(named, MOST),
        *(event for event in newest(many, MOST_OF_MANY) if _about(event, slot.pk)),
    ]
    found = [happening(event, _changes_of(event, slot.pk)) for event in events]
    return sorted([*found, *_bookings(slot)], key=lambda each: each.at, reverse=True)


def _bookings(slot: Slot) -> Iterator[Happening]:
    """Who took the slot and who gave it back, as its appointments remember it."""
    for held in slot.appointment_slots.select_related("appointment"):
        for line in held.appointment.provenance:
            if line.get("action") in {"booked", "cancelled"} and line.get("at"):
                who = [line.get("name") or line.get("user_id") or "Unknown", line.get("role")]
                yield Happening(
                    at=datetime.fromisoformat(line["at"]),
                    event=f"appointment.{line['action']}",
                    who=", ".join(filter(None, who)),
                    door=dict(AuditEvent.Door.choices).get(line.get("door", ""), ""),
                    changes=[],
                    appointment=held.appointment_id,
                )


def session_history(session: Schedule, *, organisation: Organisation) -> list[Happening]:
    """Return what people did to a session, the newest first: one query."""
    named = AuditEvent.objects.filter(
        organisation=organisation, resource=f"Schedule/{session.pk}"
    ).exclude(event__endswith=".viewed")
    return [happening(event, _changes_of(event, session.pk)) for event in newest(named, MOST)]


def plan_history(record: Model, *, organisation: Organisation) -> list[Happening]:
    """Return what people did to a template, a closure or a run, the newest first: one query."""
    named = AuditEvent.objects.filter(
        organisation=organisation, resource=f"{record._meta.object_name}/{record.pk}"
    ).exclude(event__endswith=".viewed")
    return [happening(event) for event in newest(named, MOST)]


def _changes_of_plan(event: AuditEvent) -> Iterator[tuple[str, dict[str, object]]]:
    """Each column that an event changed, of the record itself and of the blocks within it."""
    yield from sorted(event.detail.get("changes", {}).items())
    for place, record in enumerate(event.detail.get("records", []), 1):
        for verb in ("added", "changed", "removed"):
            if what := record.get(verb):
                gone = {name: {"from": value} for name, value in record.get("values", {}).items()}
                for name, change in sorted(record.get("changes", gone).items()):
                    yield f"{what} {verb} ({place}), {name}", change


def newest(events: QuerySet[AuditEvent], most: int) -> QuerySet[AuditEvent]:
    """The latest events, the newest first."""
    return events.order_by("-recorded_at", "-pk")[:most]


def _about(event: AuditEvent, slot_id: int) -> bool:
    return any(each.get("slot") == slot_id for each in event.detail.get("changes", []))


def happening(event: AuditEvent, changes: dict[str, dict[str, Any]] | None = None) -> Happening:
    """An event as one change; what was changed is what it says itself, if it is not given."""
    if changes is None:
        changes = dict(_changes_of_plan(event))
    who = [event.user_name or event.user_id or "Unknown", event.user_role]
    return Happening(
        at=event.recorded_at,
        event=event.event,
        who=", ".join(filter(None, who)),
        door=event.get_door_display(),
        changes=[(name, each.get("from"), each.get("to")) for name, each in changes.items()],
    )


def _changes_of(event: AuditEvent, record_id: int) -> dict[str, dict[str, Any]]:
    """Return each column that an event changed, from and to, in whichever form it was kept.

    By name: PostgreSQL does not keep the order in which a detail was written.
    """
    detail = event.detail
    changes = detail.get("changes", {})
    if isinstance(changes, dict):  # a form: each column from and to
        if changes:
            return dict(sorted(changes.items()))
        before, after = detail.get("from", {}), detail.get("to", {})
    else:  # many slots: each with its columns before and after
        mine: dict[str, Any] = next((each for each in changes if each.get("slot") == record_id), {})
        before, after = mine.get("from", {}), mine.get("to", {})
    return {name: {"from": before.get(name), "to": after[name]} for name in sorted(after)}
