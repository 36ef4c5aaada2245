"""The one rule: may this slot be offered to that organisation now, and if not, every reason.

The rule is written twice, as a query and for one slot, side by side so that they can be compared;
a property-based test holds them to each other. Search uses the query, booking asks about the slots
it has locked, and the staff's explainer asks about every slot.

Source: GP Connect, "Slot availability management" (the matching table, booking window, embargo) and
"Search for free slots". A slot in the past is still found by a search, but cannot be booked
(SLOT-010): IN_PAST is therefore a reason against booking only.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce

from practice import clock
from practice.db.expressions import Epoch
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import AccessProfile, AppointmentSlot, Organisation, Slot


class Reason(StrEnum):
    """Why a slot is not offered, in words for a practice manager."""

    NOT_BOOKABLE = "Not marked GP Connect bookable"
    GP_CONNECT_OFF = "GP Connect is switched off"
    APPOINTMENTS_OFF = "GP Connect appointment management is switched off"
    NO_ROLE = "The session has no role"
    NO_CHANNEL = "The slot has no delivery channel"
    SESSION_WITHDRAWN = "The session does not take place"
    WITHDRAWN = "Withdrawn"
    NOT_FREE = "Not free"
    IN_PAST = "In the past"
    BEFORE_WINDOW = "Not yet in its booking window"
    EMBARGOED = "Still under embargo"
    TOO_LATE = "Too close to its start"
    OTHER_TYPES = "Restricted to other organisation types"
    OTHER_CODES = "Restricted to other ODS codes"
    LIMIT_USED_UP = "The access profile's limit is used up"


@dataclass(frozen=True)
class BookingParty:
    """Who asks: the ODS codes and organisation types that were sent, either or both empty."""

    ods_codes: frozenset[str] = frozenset()
    organisation_types: frozenset[str] = frozenset()


ANYBODY = BookingParty()


@dataclass(frozen=True)
class Refusal:
    """One reason, and what makes it so: "3 of 3", the instant from which it no longer holds."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


@dataclass(frozen=True)
class Usage:
    """How many slots are taken under each limited access profile, by session, day and week."""

    by_session: Counter[tuple[int, int]] = field(default_factory=Counter)
    by_day: Counter[tuple[int, date]] = field(default_factory=Counter)
    by_week: Counter[tuple[int, date]] = field(default_factory=Counter)


def week_of(day: date) -> date:
    """Return the Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def restriction(profile: AccessProfile | None, requester: BookingParty) -> list[Reason]:
    """Apply the matching table to one profile: no reason means that the requester is admitted."""
    reasons = []
    if profile and profile.organisation_types:  # noqa: SIM102 - one rule a line, as in the table
        if requester.organisation_types.isdisjoint(profile.organisation_types):
            reasons.append(Reason.OTHER_TYPES)
    if profile and profile.ods_codes:  # noqa: SIM102
        if requester.ods_codes.isdisjoint(profile.ods_codes):
            reasons.append(Reason.OTHER_CODES)
    return reasons


def usage(profiles: Iterable[AccessProfile], now: datetime) -> Usage:
    """Count the slots that live bookings hold under the limited ones of these profiles: one query.

    Sessions from the start of last week on are counted: what is over no longer matters. Cancelled
    appointments have released theirs (AVAIL-007). Called under lock, the count decides (AVAIL-074).
    """
    limited = [profile.pk for profile in profiles if profile.is_limited]
    counted = Usage()
    if not limited:
        return counted
    rows = (
        AppointmentSlot.objects.held()
        .filter(
            appointment__access_profile__in=limited,
            slot__schedule__date__gte=week_of(clock.today(now)) - timedelta(days=7),
        )
        .values_list("appointment__access_profile_id", "slot__schedule_id", "slot__schedule__date")
        .annotate(taken=Count("pk"))
        .order_by()
    )
    for profile_id, schedule_id, day, taken in rows:
        counted.by_session[profile_id, schedule_id] += taken
        counted.by_day[profile_id, day] += taken
        counted.by_week[profile_id, week_of(day)] += taken
    return counted


def exhausted(
    profile: AccessProfile, taken: Usage, *, schedule_id: int, day: date, wanted: int = 1
) -> str:
    """Say which limit of the profile ``wanted`` further slots would break, or nothing: "3 of 3"."""
    for limit, used, period in (
        (profile.slots_per_session, taken.by_session[profile.pk, schedule_id], "in this session"),
        (profile.slots_per_day, taken.by_day[profile.pk, day], "on this day"),
        (profile.slots_per_week, taken.by_week[profile.pk, week_of(day)], "in this week"),
    ):
        if limit is not None and used + wanted > limit:
            return f"{used} of {limit} {period}"
    return ""


# ---------------------------------------------------------------- for one slot


LIMITS = ("booking_window_days", "embargo_minutes", "minimum_notice_minutes")


def effective_limit(name: str, slot: Slot, organisation: Organisation) -> int | None:
    """Return the nearest setting of one of LIMITS: the slot's, its session's, the practice's."""
    for level in (slot, slot.schedule, organisation):
        value: int | None = getattr(level, name)
        if value is not None:
            return value
    return None


def effective_profile(slot: Slot) -> AccessProfile | None:
    """Return the access profile that counts: the slot's own, or else its session's (AVAIL-010)."""
    return slot.access_profile or slot.schedule.access_profile


def wall_distance(now: datetime, start: datetime) -> timedelta:
    """Return how far ahead a start is by the clock on the wall.

    So that 14 days ahead is the same time of day on both sides of a clock change (AVAIL-043).
    """
    return clock.local(start).replace(tzinfo=None) - clock.local(now).replace(tzinfo=None)


def time_refusals(slot: Slot, organisation: Organisation, now: datetime) -> list[Refusal]:
    """Check the three limits; a slot exactly at a limit is inside it (AVAIL-044)."""
    window, embargo, notice = (effective_limit(name, slot, organisation) for name in LIMITS)
    refusals = []
    if window is not None and wall_distance(now, slot.start) > timedelta(days=window):
        opens = clock.local(slot.start) - timedelta(days=window)
        refusals.append(Refusal(Reason.BEFORE_WINDOW, f"opens {opens:%a %d %b %H:%M}"))
    if embargo is not None and slot.start - now > timedelta(minutes=embargo):
        ends = clock.local(slot.start - timedelta(minutes=embargo))
        refusals.append(Refusal(Reason.EMBARGOED, f"until {ends:%a %d %b %H:%M}"))
    if notice is not None and slot.start - now < timedelta(minutes=notice):
        closed = clock.local(slot.start - timedelta(minutes=notice))
        refusals.append(Refusal(Reason.TOO_LATE, f"since {closed:%a %d %b %H:%M}"))
    return refusals


def refusals(
    slot: Slot,
    *,
    organisation: Organisation,
    requester: BookingParty,
    now: datetime,
    taken: Usage,
    wanted: int = 1,
) -> list[Refusal]:
    """Return every reason why a slot is not offered for booking; none: it is.

    ``slot`` comes with its schedule and both access profiles (``select_related``), ``taken`` from
    ``usage`` of those profiles; ``wanted`` is how many slots of the session are asked for at once.
    """
    schedule, profile = slot.schedule, effective_profile(slot)
    found = [
        Refusal(reason)
        for reason, holds in (
            (Reason.GP_CONNECT_OFF, not organisation.gp_connect_enabled),
            (Reason.APPOINTMENTS_OFF, not organisation.appointment_management_enabled),
            (Reason.NOT_BOOKABLE, not slot.gp_connect_bookable),
            (Reason.NO_ROLE, not schedule.practitioner_role),
            (Reason.NO_CHANNEL, not slot.delivery_channel),
            (Reason.SESSION_WITHDRAWN, schedule.withdrawn),
            (Reason.WITHDRAWN, slot.withdrawn),
        )
        if holds
    ]
    if slot.status != Slot.Status.FREE:
        found.append(Refusal(Reason.NOT_FREE, slot.get_status_display()))
    if slot.start <= now:
        found.append(Refusal(Reason.IN_PAST))
    found += time_refusals(slot, organisation, now)
    found += map(Refusal, restriction(profile, requester))
    if profile and (
        full := exhausted(profile, taken, schedule_id=schedule.pk, day=schedule.date, wanted=wanted)
    ):
        found.append(Refusal(Reason.LIMIT_USED_UP, full))
    return found


# ---------------------------------------------------------------- for all slots, as a query


# The offset from UTC in seconds that holds before each change of the clocks, and the one after all.
Offsets = tuple[tuple[tuple[datetime, int], ...], int]


def offered(
    *, organisation: Organisation, requester: BookingParty, now: datetime
) -> QuerySet[Slot]:
    """Return the practice's slots against which nothing speaks but that they may be in the past.

    Two small queries run first, whatever the number of slots: the practice's access profiles, and
    what is taken under those with a limit. The rest is one WHERE clause over the index
    ``slot_on_offer``; status and flags are literals there, so that the partial index is used.
    """
    if not is_open(organisation):
        return Slot.objects.none()
    question = OfferQuery.of(organisation, requester, now)
    return _offered(question.values, question.offsets).filter(question.has_room)


class OfferedRows:
    """What ``offered`` finds, as rows: asked all day, so that its SQL is made once.

    ``shape`` narrows the query set by further values and turns it into one of tuples; each of
    ``parameters`` stands for such a value while the SQL is made.
    """

    def __init__(
        self, shape: Callable[..., QuerySet[Any, Any]], **parameters: QueryParameter
    ) -> None:
        self.shape = shape
        self.parameters = parameters
        self.prepared: dict[Offsets, Prepared] = {}

    def rows(
        self, *, organisation: Organisation, requester: BookingParty, now: datetime, **values: Any
    ) -> list[tuple[Any, ...]]:
        """The rows for a requester at a moment, narrowed by these values."""
        if not is_open(organisation):
            return []
        question = OfferQuery.of(organisation, requester, now)
        if question.has_room:  # which sessions are full is different every time
            found = _offered(question.values, question.offsets).filter(question.has_room)
            return list(self.shape(found, **values))
        return self._prepared(question.offsets).rows(**question.values, **values)

    def _prepared(self, offsets: Offsets) -> Prepared:
        prepared = self.prepared.get(offsets)
        if prepared is None:
            prepared = Prepared(
                lambda: self.shape(_offered(PARAMETERS, offsets), **self.parameters)
            )
            # The clock has changed, or a day on which it will came in sight: the one before it is
            # dropped. Another thread may still be asking on the day before.
            self.prepared = {offsets: prepared}
        return prepared


def is_open(organisation: Organisation) -> bool:
    """Whether the practice lets other organisations into its appointment book."""
    return organisation.gp_connect_enabled and organisation.appointment_management_enabled


@dataclass(frozen=True)
class OfferQuery:
    """What a search wants to know, as the values that stand in its query.

    ``has_room`` keeps out sessions where a profile's limit is used up; mostly it is empty.
    """

    values: dict[str, Any]
    offsets: Offsets
    has_room: Q

    @classmethod
    def of(cls, organisation: Organisation, requester: BookingParty, now: datetime) -> Self:
        """Ask for the access profiles of a practice, and for what is taken under limited ones."""
        admitted = [
            profile for profile in _profiles_of(organisation) if not restriction(profile, requester)
        ]
        floor = int(now.timestamp())
        values = {
            "organisation": organisation.pk,
            "profiles": [profile.pk for profile in admitted],
            "floor": floor,
            "ceiling": floor + bool(now.microsecond),
            "wall_now": floor + _offset_seconds(now),
            **{name: getattr(organisation, name) for name in LIMITS},
        }
        return cls(values, _offsets(clock.today(now)), _has_room(admitted, now))


PARAMETERS: dict[str, Any] = {
    "organisation": Number("organisation"),
    "profiles": Numbers("profiles"),
    **{name: Number(name) for name in ("floor", "ceiling", "wall_now", *LIMITS)},
}


def _offered(values: Mapping[str, Any], offsets: Offsets) -> QuerySet[Slot]:
    """The query, of values or of PARAMETERS that stand for them."""
    return (
        Slot.objects.filter(organisation=values["organisation"], gp_connect_bookable=True)
        .free()
        .in_diary()
        .exclude(schedule__practitioner_role="")
        .exclude(delivery_channel="")
        .alias(
            profile=Coalesce("access_profile_id", "schedule__access_profile_id"),
            epoch=Epoch("start"),
            window=_nearest("booking_window_days", values),
            embargo=_nearest("embargo_minutes", values),
            notice=_nearest("minimum_notice_minutes", values),
        )
        .alias(wall_distance=F("epoch") + _offset_at_start(offsets) - values["wall_now"])
        .filter(
            Q(profile__isnull=True) | Q(profile__among=values["profiles"]),
            Q(window__isnull=True) | Q(wall_distance__lte=F("window") * 86_400),
            # In whole seconds: a slot starts on one, ``now`` need not.
            Q(embargo__isnull=True) | Q(epoch__lte=F("embargo") * 60 + values["floor"]),
            Q(notice__isnull=True) | Q(epoch__gte=F("notice") * 60 + values["ceiling"]),
        )
    )


def _nearest(name: str, values: Mapping[str, Any]) -> Cast:
    """``effective_limit`` in SQL; wide enough to be turned into seconds, however large."""
    practice = values[name]
    if not isinstance(practice, QueryParameter):
        practice = Value(practice, BigIntegerField())
    nearest = Coalesce(
        Cast(name, BigIntegerField()), Cast(f"schedule__{name}", BigIntegerField()), practice
    )
    return Cast(nearest, BigIntegerField())


def _offset_at_start(offsets: Offsets) -> Case:
    """The offset from UTC in seconds when a slot starts: ``wall_distance`` in SQL needs it."""
    before, after = offsets
    return Case(
        *(When(start__lt=change, then=Value(offset)) for change, offset in before),
        default=Value(after),
        output_field=BigIntegerField(),
    )


@lru_cache(maxsize=8)
def _offsets(today: date) -> Offsets:
    """The offsets around a day, for as far ahead as a booking window can reach."""
    yesterday = clock.day_start(today - timedelta(days=1))
    offset, before = _offset_seconds(yesterday), []
    for change, next_offset in clock.offset_changes(yesterday, yesterday + timedelta(days=734)):
        before.append((change, offset))
        offset = int(next_offset.total_seconds())
    return tuple(before), offset


def _offset_seconds(moment: datetime) -> int:
    return int((clock.local(moment).utcoffset() or timedelta()).total_seconds())


PROFILE_FIELDS: list[str] = [field.attname for field in AccessProfile._meta.concrete_fields]
ALL_PROFILES = Prepared(
    lambda: AccessProfile.objects.filter(organisation=Number("organisation")).values_list(
        *PROFILE_FIELDS
    )
)


def _profiles_of(organisation: Organisation) -> list[AccessProfile]:
    return [
        AccessProfile.from_db("default", PROFILE_FIELDS, row)
        for row in ALL_PROFILES.rows(organisation=organisation.pk)
    ]


def _has_room(profiles: list[AccessProfile], now: datetime) -> Q:
    """``not exhausted`` in SQL: slots under no profile, or under one with something left.

    In one OR: to exclude the exhausted ones would compare the profile that a slot does not have,
    and lose every slot without one in their sessions, because NULL is neither true nor false.
    """
    taken = usage(profiles, now)
    full = Q()
    for profile in profiles:
        mine = Q(profile=profile.pk)
        for periods, limit, among in (
            (taken.by_session, profile.slots_per_session, "schedule__in"),
            (taken.by_day, profile.slots_per_day, "schedule__date__in"),
        ):
            used_up = _used_up(periods, profile, limit)
            full |= mine & Q(**{among: used_up}) if used_up else Q()
        for monday in _used_up(taken.by_week, profile, profile.slots_per_week):
            full |= mine & Q(schedule__date__range=(monday, monday + timedelta(days=6)))
    return Q(profile__isnull=True) | ~full if full else full


def _used_up(periods: Counter[Any], profile: AccessProfile, limit: int | None) -> list[Any]:
    """The sessions, days or weeks in which a profile has as many slots as it may have."""
    return [
        period
        for (holder, period), taken in periods.items()
        if holder == profile.pk and limit is not None and taken >= limit
    ]
