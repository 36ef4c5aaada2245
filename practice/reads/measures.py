"""The national measures of a stretch of days: waits, urgent on the day, two weeks or less.

Each appointment is looked at once, as its slot type counted on its day; a few queries, however many
appointments. What is paid for a measure is no matter of this module: thresholds are data.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Count, DateField, Exists, F, OuterRef
from django.db.models.functions import TruncDate

from practice import clock, terminology
from practice.models import Appointment, ExceptionReason, Location, Organisation
from practice.national_data import NationalData
from practice.reads import national_data
from practice.reads.how_booked import LONG_WAIT_DAYS, wait_days
from practice.reads.mapping import COUNTED, UNMAPPED
from practice.reads.slot_types import Mappings, Periods

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
# Each band by the key of its list.
WAITS = {**{f"wait-{most}": name for most, name in BANDS[:-1]}, "wait-more": BANDS[-1][1]}
WAITS["wait-unknown"] = UNKNOWN


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

    def add(self, fulfils: bool, number: int = 1) -> None:
        self.total += number
        self.fulfilled += number * fulfils

    @property
    def percent(self) -> float | None:
        return round(100 * self.fulfilled / self.total, 1) if self.total else None

    @property
    def missing(self) -> int:
        return self.total - self.fulfilled


@dataclass
class Measures:
    """The whole answer, for one stretch of days; groups by the code and the key that rows have."""

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
    by_role: dict[str, dict[str, Share]] = field(default_factory=dict)
    by_location: dict[int, dict[str, Share]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    locations: dict[int, str] = field(default_factory=dict)

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
                for shares in (
                    self.by_role.setdefault(each.role, defaultdict(Share)),
                    self.by_location.setdefault(each.location, defaultdict(Share)),
                ):
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
    found.roles = dict(terminology.practitioner_roles())
    found.locations = dict(
        Location.objects.filter(organisation=organisation).values_list("pk", "name")
    )
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


def lists_of(found: Measures, today: date) -> list[tuple[str, str, int]]:
    """What would change a number: the key of its list, in words, and how many."""
    words = numbers(found.lists, today)
    how_many = {each.key: found.shares[each.key].missing for each in MEASURES}
    how_many |= {
        "reasons": found.without_reason,
        "unmapped": found.unmapped,
        "inconsistent": found.inconsistent,
        "still_booked": found.still_booked,
    }
    return [(key, words[key][0], number) for key, number in how_many.items() if number]


Test = Callable[[Counted], bool]


def numbers(lists: NationalData, today: date) -> dict[str, tuple[str, Test]]:
    """Every number there is by its key: in words, and which appointments it counts."""
    found: dict[str, tuple[str, Test]] = {
        "all": ("in all", lambda each: True),
        "care_home_round": (
            "of a care home round",
            lambda each: each.category in lists.measures["care_home_round"],
        ),
        "with_reason": ("with an exception reason", lambda each: each.has_reason),
        "reasons": (
            "longer than 14 days, where a reason may be given",
            lambda each: asks_for_reason(each, lists),
        ),
        "unmapped": ("without a national category", lambda each: each.category is None),
        "inconsistent": (
            "mapped to something else when they were booked",
            lambda each: each.is_inconsistent,
        ),
        "still_booked": (
            "past, but still “booked”: neither seen nor missed",
            lambda each: each.day < today and each.status == Appointment.Status.BOOKED,
        ),
    }
    for key, name in WAITS.items():
        found[key] = (f"with a wait of: {name}", partial(_is_of_band, name))
    for measure in MEASURES:
        of = partial(_counts, measure, lists)
        found[f"{measure.key}-of"] = (f"that count for “{measure.name}”", of)
        found[f"{measure.key}-met"] = (
            f"that fulfil “{measure.name}”",
            partial(_counts, measure, lists, fulfils=True),
        )
        found[measure.key] = (measure.words, partial(_counts, measure, lists, fulfils=False))
    return found


def _is_of_band(name: str, each: Counted) -> bool:
    return each.band == name


def _counts(
    measure: Measure, lists: NationalData, each: Counted, *, fulfils: bool | None = None
) -> bool:
    counts = measure.of(each, lists)
    return counts and (fulfils is None or measure.fulfils(each) == fulfils)


class Behind(NamedTuple):
    """Some of the appointments behind a number, how many there are, and the number in words."""

    shown: list[Appointment]
    number: int
    words: str


def behind(
    key: str,
    *,
    organisation: Organisation,
    first: date,
    last: date,
    now: datetime,
    most: int,
    skip: int = 0,
    role: str | None = None,
    location: str | None = None,
) -> Behind:
    """The appointments behind a number, also of one role or location only; at most so many."""
    words, test = numbers(national_data.in_force(), clock.today(now)).get(key, ("", None))
    if test is None:
        return Behind([], 0, "")
    ids = [
        each.pk
        for each in counted(organisation=organisation, first=first, last=last)
        if test(each)
        and (role is None or each.role == role)
        and (location is None or str(each.location) == location)
    ]
    shown = Appointment.objects.filter(organisation=organisation, pk__in=ids[skip : skip + most])
    joined: Any = shown.select_related("patient", "schedule__session_holder")
    return Behind(list(joined.order_by("start", "pk")), len(ids), words)


# ---------------------------------------------------------------- month by month


def last_twelve_months(
    *, organisation: Organisation, today: date
) -> list[tuple[date, dict[str, Share]]]:
    """Each measure of this month and the eleven before, by the first day of the month.

    The database counts: a row for each month, slot type and wait in days, and none for an
    appointment. Each then counts as ``counted`` has it, by the mapping of its day.
    """
    first, last = this_month(today)
    months = [first]
    while len(months) < 12:
        months.insert(0, this_month(months[0] - timedelta(days=1))[0])
    mappings, lists = Mappings(organisation), national_data.in_force()
    periods = Periods(mappings, months[0], last, also=months[1:])
    found = {month: {each.key: Share() for each in MEASURES} for month in months}
    rows = (
        Appointment.objects.filter(organisation=organisation, status__in=COUNTED)
        .on_days(months[0], last)
        .order_by()
        .annotate(
            has_reason=Exists(ExceptionReason.objects.filter(appointment=OuterRef("pk"))),
            wait=_day_of("start") - _day_of("created"),
        )
        .values_list(periods.number, "slot_type", "has_reason", "wait")
        .annotate(number=Count("pk"))
    )
    for part, slot_type, has_reason, wait, number in rows:
        day = periods.first_days[part]
        mapping = mappings.on(slot_type, day)
        category = mapping.category if mapping else None
        like = Counted(0, day, wait.days, category, None, "", has_reason, "", 0)
        for measure in MEASURES:
            if measure.of(like, lists):
                found[day.replace(day=1)][measure.key].add(measure.fulfils(like), number)
    return list(found.items())


def _day_of(name: str) -> TruncDate:
    return TruncDate(F(name), tzinfo=clock.LONDON, output_field=DateField())


# ---------------------------------------------------------------- stretches of days


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
