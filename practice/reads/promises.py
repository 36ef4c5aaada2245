"""What was promised to others each day, what they are offered, and why it is less.

The same rule is asked as by the search of the API (practice.reads.offered_slots), for each
organisation that a promise names. What they took counts as offered, and so does what of today is
over: a slot that nobody wanted was there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from django.db.models import Count, DateTimeField, Q, QuerySet

from practice import clock
from practice.db.prepared import QueryParameter
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    Closure,
    Organisation,
    Patient,
    Promise,
    Shortfall,
    Slot,
)
from practice.reads.bookability import Reason, is_open
from practice.reads.closures import closures
from practice.reads.how_booked import organisation_types
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import BookingParty, admits
from practice.reads.slot_search import EPOCHS, within
from practice.reads.visibility import Explanation, SlotReasons, explain

MOST_CAUSES = 3
# What is so of most slots of any practice: a cause only where no slot is marked at all.
EVERYDAY = {Reason.NOT_BOOKABLE, Reason.NOT_FREE}

STARTS_OFFERED = OfferedRows(
    lambda found, **span: (
        within(found, **span).annotate(start_epoch=EPOCHS["start_epoch"]).values_list("start_epoch")
    ),
    start=QueryParameter("start", DateTimeField()),
    end=QueryParameter("end", DateTimeField()),
)


def promises(*, organisation: Organisation) -> QuerySet[Promise]:
    """What the practice has promised, by name."""
    return Promise.objects.filter(organisation=organisation).select_related("access_profile")


def promise_of(*, organisation: Organisation, pk: int) -> Promise | None:
    """Return one of the practice's promises."""
    return promises(organisation=organisation).filter(pk=pk).first()


def is_promised(name: str, *, but: int | None, organisation: Organisation) -> bool:
    """Whether another promise of the practice has this name."""
    return promises(organisation=organisation).filter(name=name).exclude(pk=but or 0).exists()


def shortfalls(*, organisation: Organisation) -> QuerySet[Shortfall]:
    """The days that are known to fall short, soonest first."""
    found = Shortfall.objects.filter(organisation=organisation, ended_at__isnull=True)
    return found.select_related("promise").order_by("day", "promise__name", "pk")


def short_days(*, organisation: Organisation) -> int:
    """How many days are known to fall short."""
    known = shortfalls(organisation=organisation).order_by()
    return known.values("day").distinct().count()


def short_days_by_practice() -> dict[str, int]:
    """The same for each practice that has promised something, by ODS code; one query."""
    known = Q(promises__shortfalls__ended_at__isnull=True)
    days = Count("promises__shortfalls__day", filter=known, distinct=True)
    practices = Organisation.objects.filter(promises__isnull=False).annotate(short=days)
    return dict(practices.order_by("ods_code").values_list("ods_code", "short"))


class DayOfPromise(NamedTuple):
    """A day that was promised: how many slots, how many are on offer, how many were taken."""

    day: date
    promised: int
    offered: int
    taken: int

    @property
    def there(self) -> int:
        return self.offered + self.taken

    @property
    def is_short(self) -> bool:
        return self.there < self.promised


class Taken(NamedTuple):
    """A slot that somebody outside has booked: when it starts, by whom, under which profile."""

    start: int
    ods_code: str
    organisation_types: set[str]
    profile: int | None


@dataclass(frozen=True)
class PromisesOfPractice:
    """A practice's promises as they stand at a moment.

    Queries: one for each of what all promises need (patients, closed days, what was taken, what of
    today is over), a few for each organisation that a promise names, however many days are short.
    """

    organisation: Organisation
    now: datetime
    promises: list[Promise]
    explained: dict[BookingParty, Explanation] = field(default_factory=dict)

    @classmethod
    def of(cls, organisation: Organisation, *, now: datetime) -> "PromisesOfPractice":
        return cls(organisation, now, list(promises(organisation=organisation)))

    def days(self, promise: Promise) -> list[DayOfPromise]:
        """Its days, soonest first; those on which the whole practice is closed are left out.

        Where a promise is to several, the one who is offered least counts.
        """
        days = [day for day in promise.days(self.today) if not self.is_closed(day)]
        if not days:
            return []
        promised = promise.slots_promised(self.patients)
        offered = [self._offered(promise, party, days[-1]) for party in parties(promise)]
        taken = Counter(
            day_of(each.start)
            for each in self.taken
            if is_to(promise, each) and is_within_hours(promise, each.start)
        )
        return [
            DayOfPromise(day, promised, min(each[day] for each in offered), taken[day])
            for day in days
        ]

    def _offered(self, promise: Promise, party: BookingParty, last: date) -> Counter[date]:
        """How many slots a party is offered on each day."""
        starts = STARTS_OFFERED.rows(
            organisation=self.organisation,
            requester=party,
            now=self.now,
            start=self.now,
            end=clock.day_end(last),
        )
        found = [start for (start,) in starts]
        if is_open(self.organisation):
            found += [slot.start for slot in self.over if admits(slot.profile, party)]
        return Counter(day_of(each) for each in found if is_within_hours(promise, each))

    @property
    def today(self) -> date:
        return clock.today(self.now)

    @cached_property
    def _last(self) -> date:
        watched = (promise.days(self.today)[-1:] for promise in self.promises)
        return max([self.today, *chain.from_iterable(watched)])

    @cached_property
    def patients(self) -> int:
        """How many people are on the practice's list."""
        return Patient.objects.filter(
            organisation=self.organisation,
            active=True,
            registration_type="R",
            deceased_at__isnull=True,
        ).count()

    def is_closed(self, day: date) -> bool:
        """Whether the whole practice is closed all day."""
        return any(closure.start_date <= day <= closure.end_date for closure in self.closures)

    @cached_property
    def closures(self) -> list[Closure]:
        """What closes the whole practice for whole days."""
        return list(
            closures(organisation=self.organisation).filter(
                practitioner__isnull=True,
                location__isnull=True,
                start_time__isnull=True,
                end_time__isnull=True,
                start_date__lte=self._last,
                end_date__gte=self.today,
            )
        )

    @cached_property
    def taken(self) -> list[Taken]:
        """What was booked from outside on the days that are watched."""
        rows = (
            AppointmentSlot.objects.held()
            .filter(
                appointment__organisation=self.organisation,
                appointment__booked_via=Appointment.Door.GP_CONNECT,
                slot__start__gte=clock.day_start(self.today),
                slot__start__lt=clock.day_end(self._last),
            )
            .values_list(
                "slot__start",
                "appointment__booking_organisation_ods_code",
                "appointment__booking_organisation_json",
                "appointment__access_profile",
            )
        )
        return [
            Taken(clock.seconds(start), code, organisation_types(written), profile)
            for start, code, written, profile in rows
        ]

    @cached_property
    def over(self) -> list["Over"]:
        """What of today was marked for others, is over, and was wanted by nobody."""
        slots = (
            Slot.objects.in_diary()
            .free()
            .filter(
                organisation=self.organisation,
                gp_connect_bookable=True,
                start__gte=clock.day_start(self.today),
                start__lt=self.now,
            )
            .select_related("access_profile", "schedule__access_profile")
        )
        return [
            Over(clock.seconds(slot.start), slot.access_profile or slot.schedule.access_profile)
            for slot in slots
        ]

    def causes(self, promise: Promise, day: DayOfPromise) -> list[str]:
        """Why a day is short, in sentences; the whole explanation is on the page of visibility."""
        if not is_open(self.organisation):
            return ["GP Connect is switched off: nobody outside is offered anything."]
        worst: list[str] = []
        for party in parties(promise):
            explained = self._explained(party)
            start, end = clock.day_start(day.day), clock.day_end(day.day)
            met = [each for each in explained.not_offered if start <= each.slot.start < end]
            offered = any(start <= slot.start < end for slot in explained.offered)
            within_hours = [
                each for each in met if is_within_hours(promise, clock.seconds(each.slot.start))
            ]
            said = in_words(within_hours, has_any=offered or bool(met))
            worst = said if len(said) > len(worst) else worst
        return worst

    def _explained(self, party: BookingParty) -> Explanation:
        """Why a party is not offered more on all the days that are watched; asked once."""
        if party not in self.explained:
            self.explained[party] = explain(
                organisation=self.organisation,
                requester=party,
                first=self.today,
                last=self._last,
                now=self.now,
            )
        return self.explained[party]


class Over(NamedTuple):
    """A slot of today that is over: when it started, and under which profile it was."""

    start: int
    profile: AccessProfile | None


def parties(promise: Promise) -> list[BookingParty]:
    """Who is promised something: each organisation asks by itself."""
    types = frozenset({promise.organisation_type} if promise.organisation_type else ())
    profile = promise.access_profile
    if profile is None:
        return [BookingParty(frozenset({promise.ods_code} if promise.ods_code else ()), types)]
    types |= frozenset(profile.organisation_types[:1])
    return [BookingParty(frozenset({code}), types) for code in profile.ods_codes] or [
        BookingParty(frozenset(), types)
    ]


def is_to(promise: Promise, taken: Taken) -> bool:
    """Whether what was taken was taken by those whom a promise names."""
    if promise.access_profile_id:
        return taken.profile == promise.access_profile_id
    if promise.ods_code:
        return taken.ods_code == promise.ods_code
    return promise.organisation_type in taken.organisation_types


def is_within_hours(promise: Promise, start: int) -> bool:
    """Whether a slot starts in the hours of a promise, by the clock on the wall."""
    wall = clock.local(clock.moment(start)).time()
    return (promise.start_time is None or promise.start_time <= wall) and (
        promise.end_time is None or wall < promise.end_time
    )


def day_of(start: int) -> date:
    """The London date of an instant."""
    return clock.local(clock.moment(start)).date()


def in_words(not_offered: Iterable[SlotReasons], *, has_any: bool) -> list[str]:
    """What keeps slots from being offered, most first: 14 slots of “Duty doctor”: ..."""
    if not has_any:
        return ["There are no slots on this day."]
    met: dict[Reason, list[SlotReasons]] = defaultdict(list)
    for each in not_offered:
        met[next((r for r in each.reasons if r in EVERYDAY), each.reasons[0])].append(each)
    telling = {reason: found for reason, found in met.items() if reason not in EVERYDAY} or met
    said = []
    for reason, found in sorted(telling.items(), key=lambda item: (-len(item[1]), item[0])):
        kinds = sorted({each.slot.slot_type for each in found if each.slot.slot_type})
        number = f"{len(found)} {'slot' if len(found) == 1 else 'slots'}"
        said.append(f"{number} of {' and '.join(f'“{kind}”' for kind in kinds)}: {reason}.")
    return said[:MOST_CAUSES] or ["There are too few slots in these hours."]
