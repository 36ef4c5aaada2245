"""Slot types: made, described, archived, and mapped to what they count as in the national data.

A mapping holds from a day on, today at the earliest: what past days report never changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from practice import clock
from practice.exceptions import DiaryRefused, NotFound
from practice.models import (
    Appointment,
    Organisation,
    Slot,
    SlotType,
    SlotTypeMapping,
    TemplateBlock,
)
from practice.national_data import NationalData
from practice.reads import national_data
from practice.services.audit.changes import changes_between
from practice.services.audit.recording import Actor, record_done

NOT_THERE = "There is no such slot type at this practice."
FIELDS = ("name", "hint", "default_minutes", "archived")


@dataclass(frozen=True)
class CountsAs:
    """What a type is mapped to; without a mode it is that of the slot's channel."""

    category: str
    setting: str
    mode: str = ""


# ---------------------------------------------------------------- the types


def keep_known(organisation: Organisation, names: Iterable[str]) -> list[SlotType]:
    """Make a record, not mapped yet, of each name that has none; return those that are new.

    Whatever takes a type as text calls it, in its own transaction.
    """
    wanted = {name for name in names if name.strip()}
    there = SlotType.objects.filter(organisation=organisation, name__in=wanted)
    missing = wanted - set(there.values_list("name", flat=True))
    return SlotType.objects.bulk_create(
        [SlotType(organisation=organisation, name=name) for name in sorted(missing)],
        ignore_conflicts=True,
    )


def keep_known_all(organisation: Organisation) -> None:
    """The same for whatever stands in the practice's diary and templates, after a large load."""
    names: set[str] = set()
    for rows in (
        Slot.objects.filter(organisation=organisation),
        Appointment.objects.filter(organisation=organisation),
        TemplateBlock.objects.filter(template__organisation=organisation),
    ):
        names.update(rows.order_by().values_list("slot_type", flat=True).distinct())
    keep_known(organisation, names)


@transaction.atomic
def add_slot_type(*, slot_type: SlotType, actor: Actor, now: datetime) -> SlotType:
    """Make a type of a name that the practice does not have yet. Raises DiaryRefused."""
    _check(slot_type)
    try:
        with transaction.atomic():
            slot_type.save(force_insert=True)
    except IntegrityError:
        raise DiaryRefused(f"There is a slot type “{slot_type.name}” already.") from None
    changes = changes_between(None, slot_type, FIELDS)
    record_done("slottype.add", slot_type, actor=actor, now=now, detail={"changes": changes})
    return slot_type


@transaction.atomic
def change_slot_type(*, slot_type: SlotType, actor: Actor, now: datetime) -> SlotType:
    """Change what a type says to staff; its name stays. Raises NotFound, DiaryRefused."""
    stored = _locked(slot_type.organisation, [slot_type.pk])[0]
    if slot_type.name != stored.name:
        raise DiaryRefused("The name stays, as slots and appointments have it: add another type.")
    _check(slot_type)
    if changes := changes_between(stored, slot_type, FIELDS):
        slot_type.save(update_fields=list(changes))
        record_done("slottype.change", slot_type, actor=actor, now=now, detail={"changes": changes})
    return slot_type


def _check(slot_type: SlotType) -> None:
    if not slot_type.name.strip() or slot_type.name != slot_type.name.strip():
        raise DiaryRefused("A slot type needs a name, without spaces around it.")
    if slot_type.default_minutes is not None and not 1 <= slot_type.default_minutes <= 480:
        raise DiaryRefused("The usual length is 1 to 480 minutes.")


def _locked(organisation: Organisation, ids: Sequence[int]) -> list[SlotType]:
    rows = SlotType.objects.filter(organisation=organisation, pk__in=ids).order_by("pk")
    found = list(rows.select_for_update(no_key=True))
    if {each.pk for each in found} != set(ids) or not found:
        raise NotFound(NOT_THERE)
    return found


# ---------------------------------------------------------------- what they count as


@transaction.atomic
def map_slot_types(
    *,
    organisation: Organisation,
    wanted: dict[int, CountsAs],
    first_day: date,
    actor: Actor,
    now: datetime,
) -> list[SlotTypeMapping]:
    """Let types, by their ids, count as something from a day on; return what is new of that.

    Today at the earliest. Days before keep what they had, and so does what was reported of them.
    Raises NotFound, DiaryRefused.
    """
    if first_day < clock.today(now):
        raise DiaryRefused("A mapping begins today or later: past days stay as they were.")
    lists = national_data.in_force()
    types = _locked(organisation, list(wanted))
    return [
        made
        for each in types
        if (made := map_one(each, wanted[each.pk], first_day, lists=lists, actor=actor, now=now))
    ]


def map_one(
    slot_type: SlotType,
    counts_as: CountsAs,
    first_day: date,
    *,
    lists: NationalData,
    actor: Actor,
    now: datetime,
) -> SlotTypeMapping | None:
    """Map one type, which is locked, and record it; None when it is so already."""
    new = _mapping(slot_type, counts_as, first_day, lists=lists, actor=actor, now=now)
    there = SlotTypeMapping.objects.filter(slot_type=slot_type)
    before = there.filter(first_day__lte=first_day).order_by("-first_day").first()
    later = there.filter(first_day__gte=first_day)
    if before and before.last_day is None and _says(before) == _says(new):
        return None
    replaced = [_in_trail(each) for each in later]
    later.delete()
    there.filter(Q(last_day__isnull=True) | Q(last_day__gte=first_day)).update(
        last_day=first_day - timedelta(days=1)
    )
    new.save()
    detail: dict[str, Any] = {"from": before and _in_trail(before), "to": _in_trail(new)}
    if replaced:
        detail["replaced"] = replaced
    record_done("slottype.map", slot_type, actor=actor, now=now, detail=detail)
    return new


def map_as_described(
    slot_type: SlotType,
    described: Mapping[str, Any],
    *,
    lists: NationalData,
    actor: Actor,
    now: datetime,
) -> SlotTypeMapping | None:
    """Map a type as a practice file says; only the first mapping of all may begin in the past."""
    today = clock.today(now)
    first_day = described.get("mapped_from") or today
    if slot_type.mappings.exists():
        first_day = max(first_day, today)
    counts_as = CountsAs(
        described["national_category"],
        described.get("service_setting") or lists.settings[0],
        described.get("mode") or "",
    )
    return map_one(slot_type, counts_as, first_day, lists=lists, actor=actor, now=now)


def _mapping(
    slot_type: SlotType,
    counts_as: CountsAs,
    first_day: date,
    *,
    lists: NationalData,
    actor: Actor,
    now: datetime,
) -> SlotTypeMapping:
    category = lists.categories.get(counts_as.category)
    if category is None:
        raise DiaryRefused(f"“{counts_as.category}” is no national category.")
    if counts_as.setting not in lists.settings:
        raise DiaryRefused(f"“{counts_as.setting}” is no service setting.")
    if counts_as.mode and counts_as.mode not in lists.modes:
        raise DiaryRefused(f"“{counts_as.mode}” is no mode.")
    return SlotTypeMapping(
        slot_type=slot_type,
        category=category.name,
        context=category.context,
        setting=counts_as.setting,
        mode=counts_as.mode,
        channel_modes={} if counts_as.mode else dict(lists.channel_modes),
        list_version=lists.version,
        first_day=first_day,
        made_at=now,
        made_by_name=actor.name,
    )


def _says(mapping: SlotTypeMapping) -> tuple[Any, ...]:
    return (
        mapping.category,
        mapping.context,
        mapping.setting,
        mapping.mode,
        mapping.channel_modes,
    )


def _in_trail(mapping: SlotTypeMapping) -> dict[str, str]:
    return {
        "category": mapping.category,
        "setting": mapping.setting,
        "mode": mapping.mode,
        "from": mapping.first_day.isoformat(),
    }


@transaction.atomic
def accept_warnings(
    *,
    organisation: Organisation,
    slot_type_id: int,
    warnings: Iterable[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Call a mapping right, whatever these warnings say of it; another mapping is warned of anew.

    Raises NotFound.
    """
    [slot_type] = _locked(organisation, [slot_type_id])
    mapping = slot_type.mappings.filter(last_day__isnull=True).first()
    if mapping is None:
        raise NotFound("It is not mapped.")
    mapping.accepted = sorted({*mapping.accepted, *warnings})
    mapping.save(update_fields=["accepted"])
    record_done(
        "slottype.accept-warnings",
        slot_type,
        actor=actor,
        now=now,
        detail={"warnings": mapping.accepted},
    )
