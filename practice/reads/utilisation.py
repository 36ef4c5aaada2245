"""How a practice's time was used: what was offered, booked, missed and left, and how early.

Three queries, however many slots there are: the database counts, by session holder, hour, type and
channel; the tables are then sums of a few thousand such counts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from django.db.models import BigIntegerField, Count, ExpressionWrapper, FilteredRelation, Q

from practice import clock
from practice.db.expressions import Epoch
from practice.models import Appointment, Organisation, Practitioner, Slot

HOUR, DAY = 3600, 86_400
NEVER_OFFERED = (Slot.Status.BUSY_UNAVAILABLE, Slot.Status.ENTERED_IN_ERROR)
# How long before it an appointment was booked: at most so many days, and what that is called.
LEADS = (
    (0, "Within 24 hours"),
    (2, "1 to 2 days"),
    (6, "3 to 6 days"),
    (13, "1 to 2 weeks"),
    (27, "2 to 4 weeks"),
    (10**6, "Longer"),
)


@dataclass(slots=True)
class Use:
    """Counts of slots. Booked ones were offered; those missed were booked; unused ones are over."""

    offered: int = 0
    booked: int = 0
    missed: int = 0
    unused: int = 0

    def add(self, other: "Use") -> None:
        self.offered += other.offered
        self.booked += other.booked
        self.missed += other.missed
        self.unused += other.unused

    @property
    def percent(self) -> int:
        """Booked of offered, rounded; nothing offered is nothing used."""
        return round(100 * self.booked / self.offered) if self.offered else 0

    @property
    def free(self) -> int:
        """What was offered, is not booked, and can still be."""
        return self.offered - self.booked - self.unused


@dataclass(frozen=True, slots=True)
class Cell:
    """The use of all slots that agree in everything that a table can show."""

    day: date
    hour: int
    holder: str
    slot_type: str
    channel: str
    outside: bool
    use: Use


@dataclass
class Bookings:
    """The appointments that one organisation booked, and how many days before each."""

    name: str
    ods_code: str
    outside: bool
    booked: int = 0
    missed: int = 0
    cancelled: int = 0
    leads: Counter[int] = field(default_factory=Counter)

    @property
    def median_lead(self) -> int | None:
        return median(self.leads)


@dataclass(frozen=True)
class Utilisation:
    """The whole answer of the page."""

    cells: list[Cell]
    bookings: list[Bookings]

    @property
    def total(self) -> Use:
        total = Use()
        for cell in self.cells:
            total.add(cell.use)
        return total

    def by(self, key: Callable[[Cell], Hashable]) -> dict[Any, Use]:
        """Sum up the cells by whatever ``key`` makes of each, in its order."""
        sums: defaultdict[Any, Use] = defaultdict(Use)
        for cell in self.cells:
            sums[key(cell)].add(cell.use)
        return dict(sorted(sums.items()))

    @property
    def leads(self) -> Counter[int]:
        return sum((each.leads for each in self.bookings), Counter())

    @property
    def lead_groups(self) -> list[tuple[str, int]]:
        """How many appointments were booked how early, in a few groups."""
        groups = Counter[str]()
        for days, number in self.leads.items():
            groups[next(name for most, name in LEADS if days <= most)] += number
        return [(name, groups[name]) for _, name in LEADS]


def utilisation(
    *, organisation: Organisation, first: date, last: date, now: datetime
) -> Utilisation:
    """Count what became of the slots and appointments of some London days."""
    span = (clock.day_start(first), clock.day_end(last))
    return Utilisation(list(_cells(organisation, span, now)), _bookings(organisation, span))


def _cells(
    organisation: Organisation, span: tuple[datetime, datetime], now: datetime
) -> Iterator[Cell]:
    rows = (
        Slot.objects.in_diary()
        .filter(organisation=organisation, start__gte=span[0], start__lt=span[1])
        .exclude(status__in=NEVER_OFFERED)
        .alias(
            held=FilteredRelation(
                "appointment_slots", condition=Q(appointment_slots__released=False)
            ),
        )
        .values_list(
            _whole(Epoch("start"), HOUR),
            "schedule__session_holder",
            "schedule__session_name",
            "slot_type",
            "delivery_channel",
            "gp_connect_bookable",
        )
        .annotate(
            offered=Count("pk"),
            booked=Count("pk", filter=Q(status=Slot.Status.BUSY)),
            missed=Count("pk", filter=Q(held__appointment__status=Appointment.Status.NO_SHOW)),
            unused=Count("pk", filter=Q(status=Slot.Status.FREE, end__lte=now)),
        )
        .order_by()
    )
    found = list(rows)
    holders = Practitioner.objects.in_bulk({holder for _, holder, *_ in found if holder})
    names = {pk: holder.full_name for pk, holder in holders.items()}
    channels = dict(Slot._meta.get_field("delivery_channel").flatchoices)
    for hours, holder, session_name, slot_type, channel, outside, *counts in found:
        day, hour = _wall(hours)
        yield Cell(
            day,
            hour,
            names.get(holder) or session_name or "No session holder",
            slot_type,
            channels.get(channel, channel) or "No channel",
            outside,
            Use(*counts),
        )


def _bookings(organisation: Organisation, span: tuple[datetime, datetime]) -> list[Bookings]:
    rows = (
        Appointment.objects.valid()
        .filter(organisation=organisation, start__gte=span[0], start__lt=span[1])
        .values_list(
            "booked_via",
            "booking_organisation_ods_code",
            "booking_organisation_name",
            "status",
            _whole(Epoch("start") - Epoch("created"), DAY),
        )
        .annotate(number=Count("pk"))
        .order_by()
    )
    found: dict[tuple[bool, str], Bookings] = {}
    for door, ods_code, name, status, lead, number in rows:
        outside = door == Appointment.Door.GP_CONNECT
        key = (outside, ods_code or name)
        each = found.setdefault(key, Bookings(name or "Practice staff", ods_code, outside))
        if status == Appointment.Status.CANCELLED:
            each.cancelled += number
            continue
        each.booked += number
        each.missed += number if status == Appointment.Status.NO_SHOW else 0
        each.leads[max(lead, 0)] += number
    return sorted(found.values(), key=lambda each: (each.outside, -each.booked, each.name))


def _whole(expression: Any, unit: int) -> "ExpressionWrapper[Any]":
    """Whole hours or days of seconds; both databases divide whole numbers to whole numbers."""
    return ExpressionWrapper(expression / unit, output_field=BigIntegerField())


@lru_cache(maxsize=10_000)
def _wall(hours: int) -> tuple[date, int]:
    """The London date and hour of an hour since 1970; clocks change by whole hours."""
    local = clock.local(datetime.fromtimestamp(hours * HOUR, UTC))
    return local.date(), local.hour


def median(counted: Counter[int]) -> int | None:
    """The middle of many numbers, given how often each occurs; the lower one of two."""
    middle, passed = (counted.total() + 1) // 2, 0
    for value in sorted(counted):
        passed += counted[value]
        if passed >= middle:
            return value
    return None


def rows_for_export(cells: Iterable[Cell]) -> Iterator[tuple[Any, ...]]:
    """Each cell as a row of a spreadsheet, by time."""
    for cell in sorted(cells, key=lambda c: (c.day, c.hour, c.holder, c.slot_type, c.channel)):
        use = cell.use
        yield (
            cell.day,
            f"{cell.hour:02}:00",
            cell.holder,
            cell.slot_type,
            cell.channel,
            "yes" if cell.outside else "no",
            use.offered,
            use.booked,
            use.missed,
            use.unused,
        )
