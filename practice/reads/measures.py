"""The national measures of a stretch of days: waits, urgent on the day, two weeks or less.

Each appointment is looked at once, as its slot type counted on its day; a few queries, however many
appointments. What is paid for a measure is no matter of this module: thresholds are data.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from practice import clock, terminology
from practice.models import Appointment, ExceptionReason, Location, Organisation
from practice.national_data import NationalData
from practice.reads import national_data
from practice.reads.how_booked import LONG_WAIT_DAYS, wait_days
from practice.reads.mapping import COUNTED, UNMAPPED
from practice.reads.slot_types import Mappings

# As published: the most days of each band; a booking after its own start is "Unknown".
BANDS = (
    (0, "Same day"),
    (1, "1 day"),
    (7, "2 to 7 days"),
    (14, "8 to 14 days"),
    (21, "15 to 21 days"),
    (28, "22 to 28 days"),
    (10**6, "More than 28 days"),
)
UNKNOWN = "Unknown"


class Counted(NamedTuple):
    """An appointment, as far as a measure looks at it; ``category`` is None where unmapped."""

    pk: int
    day: date
    wait: int
    category: str | None
    was: str | None  # what its type counted as on the day it was booked
    status: str
    has_reason: bool
    role: str
    location: int

    @property
    def band(self) -> str:
        if self.wait < 0:
            return UNKNOWN
        return next(name for most, name in BANDS if self.wait <= most)

    @property
    def is_inconsistent(self) -> bool:
        """Whether its type was mapped to something else when it was booked."""
        return self.category is not None and self.was not in (None, self.category)


@dataclass(frozen=True)
class Measure:
    """A share: which appointments count at all, which of them fulfil it."""

    key: str
    name: str
    of: Callable[[Counted, NationalData], bool]
    fulfils: Callable[[Counted], bool]
    words: str


def _in(measure: str) -> Callable[[Counted, NationalData], bool]:
    return lambda each, lists: each.category in lists.measures[measure]


def _is_acc_08(each: Counted, lists: NationalData) -> bool:
    category = lists.categories.get(each.category or "")
    return bool(category and category.acc_08) and not each.has_reason


MEASURES = (
    Measure(
        "urgent_same_day",
        "Urgent on the same day",
        _in("urgent"),
        lambda each: each.wait == 0,
        "urgent, and not on the day of booking",
    ),
    Measure(
        "routine_7_days",
        "Routine within 7 days",
        _in("routine"),
        lambda each: 0 <= each.wait <= 7,
        "routine, and later than 7 days",
    ),
    Measure(
        "routine_14_days",
        "Routine within 14 days",
        _in("routine"),
        lambda each: 0 <= each.wait <= LONG_WAIT_DAYS,
        "routine, and later than 14 days",
    ),
    Measure(
        "acc_08",
        "Two weeks or less (ACC-08)",
        _is_acc_08,
        lambda each: 0 <= each.wait <= LONG_WAIT_DAYS,
        "later than two weeks, and no reason given",
    ),
)
BY_KEY = {each.key: each for each in MEASURES}


@dataclass
class Share:
    """How many there are, and how many of them fulfil a measure."""

    fulfilled: int = 0
    total: int = 0

    def add(self, fulfils: bool) -> None:
        self.total += 1
        self.fulfilled += fulfils

    @property
    def percent(self) -> float | None:
        return round(100 * self.fulfilled / self.total, 1) if self.total else None

    @property
    def missing(self) -> int:
        return self.total - self.fulfilled


@dataclass
class Measures:
    """The whole answer, for one stretch of days."""

    lists: NationalData
    total: int = 0
    unmapped: int = 0
    inconsistent: int = 0
    with_reason: int = 0
    without_reason: int = 0
    care_home_round: int = 0
    still_booked: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    shares: dict[str, Share] = field(default_factory=lambda: {m.key: Share() for m in MEASURES})
    by_role: dict[Hashable, dict[str, Share]] = field(default_factory=dict)
    by_location: dict[Hashable, dict[str, Share]] = field(default_factory=dict)

    def add(self, each: Counted, *, is_over: bool) -> None:
        self.total += 1
        self.unmapped += each.category is None
        self.inconsistent += each.is_inconsistent
        self.waits[each.band] += 1
        self.categories[each.category or UNMAPPED] += 1
        self.care_home_round += each.category in self.lists.measures["care_home_round"]
        self.still_booked += is_over and each.status == Appointment.Status.BOOKED
        if each.has_reason:
            self.with_reason += 1
        elif asks_for_reason(each, self.lists):
            self.without_reason += 1
        for measure in MEASURES:
            if measure.of(each, self.lists):
                fulfils = measure.fulfils(each)
                self.shares[measure.key].add(fulfils)
                for groups, key in ((self.by_role, each.role), (self.by_location, each.location)):
                    shares = groups.setdefault(key, defaultdict(Share))
                    shares[measure.key].add(fulfils)


def asks_for_reason(each: Counted, lists: NationalData) -> bool:
    """Whether a reason may be given, and none is."""
    category = lists.categories.get(each.category or "")
    late = each.wait > LONG_WAIT_DAYS
    return late and bool(category and category.exception) and not each.has_reason


def measures(*, organisation: Organisation, first: date, last: date, now: datetime) -> Measures:
    """Count the appointments of some London days: five queries."""
    found = Measures(national_data.in_force())
    today = clock.today(now)
    for each in counted(organisation=organisation, first=first, last=last):
        found.add(each, is_over=each.day < today)
    roles = dict(terminology.practitioner_roles())
    places: dict[Any, str] = dict(
        Location.objects.filter(organisation=organisation).values_list("pk", "name")
    )
    found.by_role = {roles.get(str(key), "No role"): v for key, v in found.by_role.items()}
    found.by_location = {places.get(key, ""): v for key, v in found.by_location.items()}
    return found


def counted(*, organisation: Organisation, first: date, last: date) -> Iterator[Counted]:
    """The appointments that count, each as its type counted on its day."""
    mappings = Mappings(organisation)
    rows = (
        Appointment.objects.filter(organisation=organisation, status__in=COUNTED)
        .on_days(first, last)
        .order_by("start", "pk")
        .annotate(has_reason=Exists(ExceptionReason.objects.filter(appointment=OuterRef("pk"))))
        .values_list(
            "pk",
            "start",
            "created",
            "slot_type",
            "status",
            "has_reason",
            "practitioner_role",
            "location_id",
        )
    )
    for pk, start, created, slot_type, status, has_reason, role, location in rows:
        day = clock.local(start).date()
        counts, was = mappings.on(slot_type, day), mappings.on(slot_type, clock.today(created))
        yield Counted(
            pk,
            day,
            wait_days(created, start),
            counts.category if counts else None,
            was.category if was else None,
            status,
            has_reason,
            role,
            location,
        )


# ---------------------------------------------------------------- what stands in the way


def lists_of(found: Measures) -> list[tuple[str, str, int]]:
    """What would change a number: the key of its list, in words, and how many."""
    rows = [(each.key, each.words, found.shares[each.key].missing) for each in MEASURES]
    rows += [
        ("reasons", "longer than 14 days, where a reason may be given", found.without_reason),
        ("unmapped", "without a national category", found.unmapped),
        ("inconsistent", "mapped to something else when they were booked", found.inconsistent),
        ("still_booked", "past, but still “booked”: neither seen nor missed", found.still_booked),
    ]
    return [row for row in rows if row[2]]


def behind(
    key: str, *, organisation: Organisation, first: date, last: date, now: datetime, most: int
) -> tuple[list[Appointment], int]:
    """The appointments behind a number, at most so many, and how many there are."""
    lists, today = national_data.in_force(), clock.today(now)
    measure = BY_KEY.get(key)
    tests: dict[str, Callable[[Counted], bool]] = {
        "reasons": lambda each: asks_for_reason(each, lists),
        "unmapped": lambda each: each.category is None,
        "inconsistent": lambda each: each.is_inconsistent,
        "still_booked": lambda each: each.day < today and each.status == Appointment.Status.BOOKED,
    }
    if measure:
        tests[key] = lambda each: measure.of(each, lists) and not measure.fulfils(each)
    if key not in tests:
        return [], 0
    ids = [
        each.pk
        for each in counted(organisation=organisation, first=first, last=last)
        if tests[key](each)
    ]
    shown = Appointment.objects.filter(organisation=organisation, pk__in=ids[:most])
    joined: Any = shown.select_related("patient", "schedule__session_holder")
    return list(joined.order_by("start", "pk")), len(ids)


def this_week(today: date) -> tuple[date, date]:
    """Monday to Sunday."""
    first = date.fromordinal(today.toordinal() - today.weekday())
    return first, date.fromordinal(first.toordinal() + 6)


def this_month(today: date) -> tuple[date, date]:
    first = today.replace(day=1)
    following = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return first, date.fromordinal(following.toordinal() - 1)


def this_financial_year(today: date) -> tuple[date, date]:
    """From the first of April to the last of March."""
    year = today.year if today.month >= 4 else today.year - 1
    return date(year, 4, 1), date(year + 1, 3, 31)
