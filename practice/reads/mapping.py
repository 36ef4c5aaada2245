"""The page of national categories: every slot type, what it is used for, and what does not fit.

Five queries, however many types, slots and appointments there are.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db.models import Count

from practice import clock
from practice.models import Appointment, Organisation, Slot, SlotType, SlotTypeMapping
from practice.national_data import NationalData
from practice.reads import national_data
from practice.reads.slot_types import Mappings, Periods

UNMAPPED = "Unmapped"
YEAR = timedelta(days=365)
Status = Appointment.Status
# What is counted as an appointment: whoever was expected, whether they came or not.
COUNTED = (Status.BOOKED, Status.ARRIVED, Status.FULFILLED, Status.NO_SHOW)


class Warned(NamedTuple):
    """Something that does not fit a mapping any more: which kind of thing, and in words."""

    kind: str
    words: str


class Suggested(NamedTuple):
    """What a type may be mapped to, by its name, and why."""

    category: str
    setting: str
    mode: str
    reason: str


@dataclass
class TypeInUse:
    """A type, how often it was and will be used, and by which channels."""

    slot_type: SlotType
    mapping: SlotTypeMapping | None
    lists: NationalData
    past: int = 0
    coming: int = 0
    past_by: Counter[str] = field(default_factory=Counter)
    coming_by: Counter[str] = field(default_factory=Counter)

    @property
    def is_unmapped(self) -> bool:
        """Whether somebody has to say what it counts as."""
        return self.mapping is None and not self.slot_type.archived

    @cached_property
    def suggested(self) -> Suggested | None:
        found = self.lists.suggest(self.slot_type.name)
        if found is None:
            return None
        suggestion, word = found
        return Suggested(
            suggestion.category,
            self.lists.settings[0],
            suggestion.mode,
            f"Because the name says “{word}”",
        )

    @cached_property
    def warnings(self) -> list[Warned]:
        """What does not fit its mapping, but for what somebody called right."""
        mapping = self.mapping
        if mapping is None or self.slot_type.archived:
            return []
        return [each for each in self._warnings(mapping) if each.kind not in mapping.accepted]

    def _warnings(self, mapping: SlotTypeMapping) -> list[Warned]:
        found = []
        if mapping.category not in self.lists.categories:
            found.append(Warned("list", f"“{mapping.category}” is no national category any more."))
        said = self.suggested
        if said and said.category != mapping.category:
            words = f"{said.reason.replace('Because the', 'Its')}, which suggests {said.category}."
            found.append(Warned("name", words))
        if mapping.context != self.lists.encounter and (patients := self.past):
            words = f"It involves no patient, but {patients} appointments were booked in it."
            found.append(Warned("context", words))
        for by, words in ((self.coming_by, "coming slots are"), (self.past_by, "were")):
            if other := self._elsewhere(mapping, by, words):
                found.append(other)
                break
        return found

    def _elsewhere(self, mapping: SlotTypeMapping, by: Counter[str], are: str) -> Warned | None:
        """Whether it is held by another channel than its mode, or its name, says."""
        modes, named = self.lists.channel_modes, self.lists.channel_in(self.slot_type.name)
        if mapping.mode in modes.values():
            said, fits = (
                f"Its mode says {mapping.mode}",
                {channel for channel, mode in modes.items() if mode == mapping.mode},
            )
        elif named and not mapping.mode:
            said, fits = f"Its name says “{named[1]}”", {named[0]}
        else:
            return None
        others = Counter({channel: n for channel, n in by.items() if channel not in {"", *fits}})
        if not others:
            return None
        number, of = others.total(), by.total()
        channel = others.most_common(1)[0][0].lower()
        return Warned("channel", f"{said}; {number} of {of} {are} {channel.replace('-', ' ')}.")


@dataclass(frozen=True)
class MappingOverview:
    """The whole answer: the types, those to be mapped first, and what they add up to."""

    lists: NationalData
    types: list[TypeInUse]
    by_category: list[tuple[str, int]]

    @property
    def unmapped(self) -> list[TypeInUse]:
        return [each for each in self.types if each.is_unmapped]

    @property
    def mapped(self) -> list[TypeInUse]:
        return [each for each in self.types if each.mapping and not each.slot_type.archived]

    @property
    def archived(self) -> list[TypeInUse]:
        return [each for each in self.types if each.slot_type.archived]

    @property
    def warned(self) -> list[TypeInUse]:
        return [each for each in self.types if each.warnings]

    @property
    def total(self) -> int:
        """The appointments of twelve months."""
        return sum(number for _, number in self.by_category)

    @property
    def total_unmapped(self) -> int:
        return dict(self.by_category).get(UNMAPPED, 0)

    @property
    def percent_mapped(self) -> float | None:
        mapped = self.total - self.total_unmapped
        return round(100 * mapped / self.total, 1) if self.total else None


def mapping_overview(*, organisation: Organisation, now: datetime) -> MappingOverview:
    """Count what each type is used for, and find what does not fit."""
    today = clock.today(now)
    first = today - YEAR
    mappings, lists = Mappings(organisation), national_data.in_force()
    types = {
        each.name: TypeInUse(each, mappings.in_force(each.name), lists) for each in mappings.types
    }
    categories: Counter[str] = Counter()
    for day, name, channel, number in _past(organisation, mappings, first, today, now):
        counted_as = mappings.on(name, day)
        categories[counted_as.category if counted_as else UNMAPPED] += number
        if each := types.get(name):
            each.past += number
            each.past_by[channel] += number
    for name, channel, number in _coming(organisation, now):
        if each := types.get(name):
            each.coming += number
            each.coming_by[channel] += number
    order = sorted(
        types.values(),
        key=lambda each: (
            each.slot_type.archived,
            each.mapping is not None,
            -each.past,
            -each.coming,
            each.slot_type.name,
        ),
    )
    known = sorted(categories.items(), key=lambda row: (row[0] == UNMAPPED, -row[1], row[0]))
    return MappingOverview(lists, order, known)


def _past(
    organisation: Organisation, mappings: Mappings, first: date, today: date, now: datetime
) -> list[tuple[date, str, str, int]]:
    """Appointments by type and channel: a day of each part of the year, and how many there."""
    periods = Periods(mappings, first, today)
    rows = (
        Appointment.objects.filter(
            organisation=organisation,
            start__gte=clock.day_start(first),
            start__lt=now,
            status__in=COUNTED,
        )
        .order_by()
        .values_list(periods.number, "slot_type", "delivery_channel")
        .annotate(number=Count("pk"))
    )
    return [(periods.first_days[part], name, channel, n) for part, name, channel, n in rows]


def _coming(organisation: Organisation, now: datetime) -> list[tuple[str, str, int]]:
    """Slots that take place, free or booked, by type and channel."""
    rows = (
        Slot.objects.in_diary()
        .filter(organisation=organisation, start__gte=now)
        .filter(status__in=(Slot.Status.FREE, Slot.Status.BUSY))
        .order_by()
        .values_list("slot_type", "delivery_channel")
        .annotate(number=Count("pk"))
    )
    return list(rows)
