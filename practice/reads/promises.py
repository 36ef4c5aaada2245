"""What was promised to others each day, what they are offered, and why it is less.

The same rule is asked as by the search of the API (practice.reads.offered_slots), for each
organisation that a promise names. What they took counts as offered, and so does what of today is
over: a slot that nobody wanted was there.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple, TypeVar

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
from practice.reads.diary_changes import versions_of_practices
from practice.reads.how_booked import organisation_types
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import BookingParty, KnownProfiles, admits
from practice.reads.slot_search import EPOCHS, within
from practice.reads.visibility import Explanation, SlotReasons, explain

Found = TypeVar("Found")

MOST_CAUSES = 3
# What is so of most slots of any practice: a cause only where no slot is marked at all.
EVERYDAY = {Reason.NOT_BOOKABLE, Reason.NOT_FREE}

STARTS_OFFERED = OfferedRows(
    lambda found, **span: (
        within(found, **span)
        .order_by()
        .annotate(start_epoch=EPOCHS["start_epoch"])
        .values("start_epoch")
        .annotate(number=Count("pk"))
        .values_list("start_epoch", "number")
    ),
    start=QueryParameter("start", DateTimeField()),
    end=QueryParameter("end", DateTimeField()),
)


def promises(*, organisation: Organisation) -> QuerySet[Promise]:
    """What the practice has promised, by name."""
    found = Promise.objects.filter(organisation=organisation)
    return found.select_related("access_profile__consumer_group")


def promising(organisations: Collection[Organisation]) -> list[Organisation]:
    """Those of these practices that have promised something."""
    ids = set(Promise.objects.order_by().values_list("organisation", flat=True))
    return [each for each in organisations if each.pk in ids]


def versions_of_promising() -> dict[int, int]:
    """A number for each practice that has promised something, by its id, which changes with what
    it offers: another one after any change of its diary, its profiles and groups, its promises.

    What the clock alone changes, and how many patients there are, changes no number. Sandboxes of
    suppliers have none.
    """
    real = Promise.objects.filter(organisation__sandbox_of="").order_by()
    ids = real.values_list("organisation", flat=True).distinct()
    return versions_of_practices(ids)


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


def untold(*, organisations: Collection[Organisation], now: datetime) -> dict[int, list[int]]:
    """The ids of what people are still to be told, by promise: days short, days good again."""
    coming = Shortfall.objects.filter(
        organisation__in=organisations, day__gte=clock.today(now)
    ).exclude(ended_at__isnull=False, told=[])
    found: dict[int, list[int]] = defaultdict(list)
    for each in coming.order_by("promise", "day", "pk"):
        if each.is_news:
            found[each.promise_id].append(each.pk)
    return found


def short_days(*, organisation: Organisation) -> int:
    """How many days are known to fall short."""
    known = shortfalls(organisation=organisation).order_by()
    return known.values("day").distinct().count()


def short_days_by_practice() -> dict[str, int]:
    """The same for each practice that has promised something, by ODS code; one query."""
    known = Q(promises__shortfalls__ended_at__isnull=True)
    days = Count("promises__shortfalls__day", filter=known, distinct=True)
    practices = Organisation.objects.real().filter(promises__isnull=False).annotate(short=days)
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
    """A practice's promises as they stand at a moment, with what all of them need.

    ``taken`` and ``over`` reach as far as any promise of those that were loaded together. Each day
    is asked as who is in the practice's groups then: where they change, the days before and after
    are asked by themselves (``stretches``).
    """

    organisation: Organisation
    now: datetime
    promises: list[Promise]
    patients: int = 0
    closures: list[Closure] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    over: list["Over"] = field(default_factory=list)
    profiles: list[AccessProfile] = field(default_factory=list)
    on_offer: dict[tuple[BookingParty, date], Counter[int]] = field(default_factory=dict)
    explained: dict[tuple[BookingParty, date], Explanation] = field(default_factory=dict)

    @classmethod
    def of(cls, organisation: Organisation, *, now: datetime) -> "PromisesOfPractice":
        (one,) = cls.of_each([organisation], now=now)
        return one

    @classmethod
    def of_each(
        cls, practices: Sequence[Organisation], *, now: datetime
    ) -> list["PromisesOfPractice"]:
        """Those of several practices: one query for each thing that all need.

        What is on offer to whom is asked of each practice by itself, once for each of those whom
        its promises name, however many days there are.
        """
        promised: dict[int, list[Promise]] = defaultdict(list)
        found = Promise.objects.filter(organisation__in=practices)
        for promise in found.select_related("access_profile__consumer_group"):
            promised[promise.organisation_id].append(promise)
        today = clock.today(now)
        last = _last_day((each for those in promised.values() for each in those), today)
        ids = list(promised)
        patients, closed = _patients(ids), _closed(ids, today, last)
        taken, profiles = _taken(ids, today, last), _profiles(ids)
        over = _over(ids, today, now, profiles)
        return [
            cls(
                practice,
                now,
                promised.get(practice.pk, []),
                patients.get(practice.pk, 0),
                closed.get(practice.pk, []),
                taken.get(practice.pk, []),
                over.get(practice.pk, []),
                profiles.get(practice.pk, []),
            )
            for practice in practices
        ]

    def days(self, promise: Promise) -> list[DayOfPromise]:
        """Its days, soonest first; those on which the whole practice is closed are left out.

        Where a promise is to several, the one who is offered least counts.
        """
        days = [day for day in promise.days(self.today) if not self.is_closed(day)]
        if not days:
            return []
        promised = promise.slots_promised(self.patients)
        offered = self._offered_to_all(promise)
        taken = Counter(
            day_of(each.start)
            for each in self.taken
            if is_to(promise, each) and is_within_hours(promise, each.start)
        )
        return [DayOfPromise(day, promised, offered[day], taken[day]) for day in days]

    def _offered_to_all(self, promise: Promise) -> Counter[date]:
        """How many slots are offered on each day to the one who is offered least."""
        least: Counter[date] = Counter()
        for first, last in self.stretches:
            found = [
                self._offered(promise, party, first, last) for party in parties(promise, first)
            ]
            for day in {each for one in found for each in one}:
                least[day] = min(each[day] for each in found)
        return least

    @cached_property
    def stretches(self) -> list[tuple[date, date]]:
        """The days that are watched, parted where somebody joins or leaves a group."""
        last = _last_day(self.promises, self.today)
        groups = {each.consumer_group for each in self.profiles if each.consumer_group}
        changes = (change for group in groups for change in group.changes(self.today, last))
        starts = [self.today, *sorted({change.day for change in changes})]
        ends = [day - timedelta(days=1) for day in starts[1:]]
        return list(zip(starts, [*ends, last], strict=True))

    def _offered(
        self, promise: Promise, party: BookingParty, first: date, last: date
    ) -> Counter[date]:
        """How many slots a party is offered on each of these days."""
        found: Counter[date] = Counter()
        for start, number in self._on_offer(party, first, last).items():
            if is_within_hours(promise, start):
                found[day_of(start)] += number
        return found

    def _on_offer(self, party: BookingParty, first: date, last: date) -> Counter[int]:
        """How many slots begin when on these days, in the groups of the first; asked once."""
        if (party, first) not in self.on_offer:
            rows = STARTS_OFFERED.rows(
                organisation=self.organisation,
                requester=party,
                now=self.now,
                profiles=KnownProfiles(self.profiles),
                day=first,
                start=max(self.now, clock.day_start(first)),
                end=clock.day_end(last),
            )
            found = Counter(dict(rows))
            if is_open(self.organisation) and first == self.today:
                found.update(slot.start for slot in self.over if admits(slot.profile, party, first))
            self.on_offer[party, first] = found
        return self.on_offer[party, first]

    @property
    def today(self) -> date:
        return clock.today(self.now)

    def is_closed(self, day: date) -> bool:
        """Whether the whole practice is closed all day."""
        return any(closure.start_date <= day <= closure.end_date for closure in self.closures)

    def causes(self, promise: Promise, day: DayOfPromise) -> list[str]:
        """Why a day is short, in sentences; the whole explanation is on the page of visibility."""
        if not is_open(self.organisation):
            return ["GP Connect is switched off: nobody outside is offered anything."]
        worst: list[str] = []
        since = max(first for first, _ in self.stretches if first <= day.day)
        named = parties(promise, since)
        if not named:
            group = promise.access_profile and promise.access_profile.consumer_group
            return [f"Nobody is in the group “{group}” on this day."]
        for party in named:
            explained = self._explained(party, since)
            start, end = clock.day_start(day.day), clock.day_end(day.day)
            met = [each for each in explained.not_offered if start <= each.slot.start < end]
            offered = any(start <= slot.start < end for slot in explained.offered)
            within_hours = [
                each for each in met if is_within_hours(promise, clock.seconds(each.slot.start))
            ]
            said = in_words(within_hours, has_any=offered or bool(met))
            worst = said if len(said) > len(worst) else worst
        return worst

    def _explained(self, party: BookingParty, day: date) -> Explanation:
        """Why a party is not offered more on all the days that are watched; asked once.

        As who is in the groups on a day.
        """
        if (party, day) not in self.explained:
            self.explained[party, day] = explain(
                organisation=self.organisation,
                requester=party,
                first=self.today,
                last=_last_day(self.promises, self.today),
                now=self.now,
                day=day,
            )
        return self.explained[party, day]


class Over(NamedTuple):
    """A slot of today that is over: when it started, and under which profile it was."""

    start: int
    profile: AccessProfile | None


def _last_day(promises: Iterable[Promise], today: date) -> date:
    """The last day that any of these promises is about."""
    return max([today, *chain.from_iterable(each.days(today)[-1:] for each in promises)])


# ---------------------------------------------------------------- what all promises need


def _patients(practices: list[int]) -> dict[int, int]:
    """How many people are on the list of each practice."""
    registered = Patient.objects.filter(
        organisation__in=practices,
        active=True,
        registration_type="R",
        deceased_at__isnull=True,
    )
    counted = registered.order_by().values("organisation").annotate(patients=Count("pk"))
    return dict(counted.values_list("organisation", "patients"))


def _closed(practices: list[int], first: date, last: date) -> dict[int, list[Closure]]:
    """What closes each whole practice for whole days."""
    closures = Closure.objects.filter(
        organisation__in=practices,
        practitioner__isnull=True,
        location__isnull=True,
        start_time__isnull=True,
        end_time__isnull=True,
        start_date__lte=last,
        end_date__gte=first,
    )
    return by_practice((each.organisation_id, each) for each in closures)


def _taken(practices: list[int], first: date, last: date) -> dict[int, list[Taken]]:
    """What was booked from outside on these days."""
    rows = (
        AppointmentSlot.objects.held()
        .filter(
            appointment__organisation__in=practices,
            appointment__booked_via=Appointment.Door.GP_CONNECT,
            appointment__rehearsal__isnull=True,
            slot__start__gte=clock.day_start(first),
            slot__start__lt=clock.day_end(last),
        )
        .values_list(
            "appointment__organisation",
            "slot__start",
            "appointment__booking_organisation_ods_code",
            "appointment__booking_organisation_json",
            "appointment__access_profile",
        )
    )
    return by_practice(
        (practice, Taken(clock.seconds(start), code, organisation_types(written), profile))
        for practice, start, code, written, profile in rows
    )


def _profiles(practices: list[int]) -> dict[int, list[AccessProfile]]:
    """The access profiles of each practice."""
    found = AccessProfile.objects.filter(organisation__in=practices).order_by("pk")
    found = found.select_related("consumer_group")
    return by_practice((each.organisation_id, each) for each in found)


def _over(
    practices: list[int], today: date, now: datetime, profiles: dict[int, list[AccessProfile]]
) -> dict[int, list[Over]]:
    """What of today was marked for others, is over, and was wanted by nobody."""
    known = {each.pk: each for those in profiles.values() for each in those}
    rows = (
        Slot.objects.in_diary()
        .free()
        .filter(
            organisation__in=practices,
            gp_connect_bookable=True,
            start__gte=clock.day_start(today),
            start__lt=now,
        )
        .order_by()
        .values_list("organisation", "start", "access_profile", "schedule__access_profile")
    )
    return by_practice(
        (practice, Over(clock.seconds(start), known.get(own or of_session)))
        for practice, start, own, of_session in rows
    )


def by_practice(found: Iterable[tuple[int, Found]]) -> dict[int, list[Found]]:
    """What was found, by the id of the practice that it belongs to."""
    sorted_out: dict[int, list[Found]] = defaultdict(list)
    for practice, each in found:
        sorted_out[practice].append(each)
    return sorted_out


def parties(promise: Promise, day: date) -> list[BookingParty]:
    """Who is promised something on a day: each organisation asks by itself."""
    types = frozenset({promise.organisation_type} if promise.organisation_type else ())
    profile = promise.access_profile
    if profile is None:
        return [BookingParty(frozenset({promise.ods_code} if promise.ods_code else ()), types)]
    types |= frozenset(profile.organisation_types[:1])
    if not profile.names_codes:
        return [BookingParty(frozenset(), types)]
    return [BookingParty(frozenset({code}), types) for code in profile.codes_on(day)]


def is_to(promise: Promise, taken: Taken) -> bool:
    """Whether what was taken was taken by those whom a promise names."""
    if promise.access_profile_id:
        return taken.profile == promise.access_profile_id
    if promise.ods_code:
        return taken.ods_code == promise.ods_code
    return promise.organisation_type in taken.organisation_types


def is_within_hours(promise: Promise, start: int) -> bool:
    """Whether a slot starts in the hours of a promise, by the clock on the wall."""
    wall = wall_of(start).time()
    return (promise.start_time is None or promise.start_time <= wall) and (
        promise.end_time is None or wall < promise.end_time
    )


def day_of(start: int) -> date:
    """The London date of an instant."""
    return wall_of(start).date()


@lru_cache(10_000)
def wall_of(start: int) -> datetime:
    """An instant as a clock on the wall shows it; practices start at the same ones."""
    return clock.local(clock.moment(start))


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
