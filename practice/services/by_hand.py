"""What all changes by hand have in common: their checks, and finding what they refer to."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from practice import terminology
from practice.clock import moment, seconds
from practice.exceptions import DiaryRefused, NotFound, ReferenceNotFound
from practice.models import AccessProfile, Organisation, Schedule, Slot
from practice.reads import bookability
from practice.services.generation import bulk
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind

LONGEST_SESSION = timedelta(days=1)
LONGEST_SLOT_MINUTES = 480  # of an extra slot, and of a session that is made by hand


def set_checked(record: Slot | Schedule, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Set those of the values that differ, each checked as its column says; return from and to."""
    changes = {}
    for name, value in values.items():
        field = type(record)._meta.get_field(name.removesuffix("_id"))
        before = getattr(record, name)
        if value == before:
            continue
        if not field.is_relation:
            try:
                field.clean(value, record)  # type: ignore[union-attr]
            except ValidationError as error:
                label = str(field.verbose_name)  # type: ignore[union-attr]
                said = " ".join(error.messages)
                raise DiaryRefused(f"{label[:1].upper()}{label[1:]}: {said}") from error
        old = named(getattr(record, field.name))
        setattr(record, name, value)
        changes[field.name] = {"from": old, "to": named(getattr(record, field.name))}
    return changes


def named(value: Any) -> Any:
    """Return a value as the audit trail keeps it: a record by its name and its number."""
    return f"{value} ({value.pk})" if isinstance(value, Model) else value


def save_changed(record: Slot | Schedule, columns: Iterable[str]) -> None:
    """Store the next version of a record, and of the rest these columns only."""
    record.version += 1
    record.save(update_fields=[*dict.fromkeys(columns), "version", "updated_at"])


def check_times(start: datetime, end: datetime, *, now: datetime) -> None:
    """Raise DiaryRefused unless these are full minutes of at most a day that is not over."""
    if any(at.second or at.microsecond for at in (start, end)):
        raise DiaryRefused("Times are full minutes.")
    # Durations in whole seconds: two London datetimes would be compared by the wall clock.
    if seconds(end) <= seconds(start):
        raise DiaryRefused("The end lies before the start.")
    if seconds(end) - seconds(start) > LONGEST_SESSION.total_seconds():
        raise DiaryRefused("A session lasts a day at most.")
    if end <= now:
        raise DiaryRefused("That time is over.")


def own_session(organisation: Organisation, schedule_id: int) -> Schedule:
    schedules = Schedule.objects.filter(organisation=organisation).select_related("session_holder")
    if found := schedules.filter(pk=schedule_id).first():
        return found
    raise NotFound("There is no such session at this practice.")


def own_profile(organisation: Organisation, profile_id: int | None) -> AccessProfile | None:
    if profile_id is None:
        return None
    if found := AccessProfile.objects.filter(organisation=organisation, pk=profile_id).first():
        return found
    raise ReferenceNotFound("The access profile does not exist at this practice.")


def known_channel(code: str) -> str:
    if code and code not in dict(terminology.delivery_channels()):
        raise DiaryRefused("The delivery channel is not one of the national list.")
    return code


def check_new_slots(schedule: Schedule, minutes: int, kind: SlotKind) -> None:
    """Raise DiaryRefused unless slots of this length and kind can stand in a session."""
    if minutes > LONGEST_SLOT_MINUTES:
        raise DiaryRefused(f"A slot lasts {LONGEST_SLOT_MINUTES} minutes at most.")
    if not kind.slot_type.strip():
        raise DiaryRefused("A slot needs a type.")
    known_channel(kind.delivery_channel)
    if kind.gp_connect_bookable:
        one = Slot(schedule=schedule, **kind._asdict())
        if why := bookability.never_offered_in_words(one, organisation=schedule.organisation):
            raise DiaryRefused(f"It could never be offered to other organisations. {why}")


def place_slots(
    schedule: Schedule, slots: Iterable[PlannedSlot], *, now: datetime, note: str = ""
) -> None:
    """Put free slots into a session; where a withdrawn one begins, that comes back as the new one.

    Call under the practice's lock, for times in which no other slot of the session stands.
    """
    wanted = {slot.start: slot for slot in slots}
    there = Slot.objects.filter(
        schedule=schedule, overbooked=False, start__in=[moment(start) for start in wanted]
    )
    for old in there.select_for_update(of=("self",), no_key=True).order_by("pk"):
        new = wanted.pop(seconds(old.start))
        values = {
            **new.kind._asdict(),
            "end": moment(new.end),
            "status": Slot.Status.FREE,
            "note": note,
            "withdrawn": False,
            "withdrawn_by_plan": False,
            "changed_by_hand": True,
        }
        for name, value in values.items():
            setattr(old, name, value)
        save_changed(old, [name.removesuffix("_id") for name in values])
    bulk.insert_slots(
        ((schedule.pk, slot) for slot in wanted.values()),
        organisation_id=schedule.organisation_id,
        now=now,
        changed_by_hand=True,
        note=note,
    )
