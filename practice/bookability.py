"""The one rule: may this slot be offered to that organisation now, and if not, every reason.

The rule is written twice, as a query and for one slot, side by side so that they can be compared;
a property-based test holds them to each other. Search uses the query, booking asks about the slots
it has locked, and the staff's explainer asks about every slot.

Source: GP Connect, "Slot availability management" (the matching table, booking window, embargo) and
"Search for free slots". A slot in the past is still found by a search, but cannot be booked
(SLOT-010): IN_PAST is therefore a reason against booking only.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import BigIntegerField, Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast, Coalesce

from practice import clock
from practice.models import AccessProfile, AppointmentSlot, Organisation, Slot
from practice.models.expressions import Epoch


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
class Requester:
    """Who asks: the ODS codes and organisation types that were sent, either or both empty."""

    ods_codes: frozenset[str] = frozenset()
    organisation_types: frozenset[str] = frozenset()


ANYBODY = Requester()


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


def restriction(profile: AccessProfile | None, requester: Requester) -> list[Reason]:
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
        AppointmentSlot.objects.filter(
            released=False,
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
    requester: Requester,
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


def offered(*, organisation: Organisation, requester: Requester, now: datetime) -> QuerySet[Slot]:
    """Return the practice's slots against which nothing speaks but that they may be in the past.

    Two small queries run first, whatever the number of slots: the practice's access profiles, and
    what is taken under those with a limit. The rest is one WHERE clause over the index
    ``slot_on_offer``; status and flags are literals there, so that the partial index is used.
    """
    if not (organisation.gp_connect_enabled and organisation.appointment_management_enabled):
        return Slot.objects.none()
    profiles = AccessProfile.objects.filter(organisation=organisation)
    admitted = [profile for profile in profiles if not restriction(profile, requester)]
    return (
        Slot.objects.filter(
            organisation=organisation,
            status=Slot.Status.FREE,
            gp_connect_bookable=True,
            withdrawn=False,
            schedule__withdrawn=False,
        )
        .exclude(schedule__practitioner_role="")
        .exclude(delivery_channel="")
        .alias(
            profile=Coalesce("access_profile_id", "schedule__access_profile_id"),
            epoch=Epoch("start"),
            window=_nearest("booking_window_days", organisation),
            embargo=_nearest("embargo_minutes", organisation),
            notice=_nearest("minimum_notice_minutes", organisation),
        )
        .alias(wall_distance=_wall_distance(now))
        .filter(_within_limits(now), _admitted(admitted, now))
    )


def _admitted(profiles: list[AccessProfile], now: datetime) -> Q:
    """Slots under no profile, or under one of these unless its limit is used up.

    In one OR: to exclude the exhausted ones would compare the profile that a slot does not have,
    and lose every slot without one in their sessions, because NULL is neither true nor false.
    """
    under_one = Q(profile__in=[profile.pk for profile in profiles])
    return Q(profile__isnull=True) | (under_one & ~_exhausted_sessions(profiles, now))


def _nearest(name: str, organisation: Organisation) -> Cast:
    """``effective_limit`` in SQL; wide enough to be turned into seconds, however large."""
    levels: list[F | Value] = [F(name), F(f"schedule__{name}")]
    default = getattr(organisation, name)
    if default is not None:
        levels.append(Value(default))
    return Cast(Coalesce(*levels, output_field=IntegerField()), BigIntegerField())


def _wall_distance(now: datetime) -> CombinedExpression:
    """``wall_distance`` in SQL, in seconds: the offset at each start by the changes ahead."""
    yesterday, horizon = now - timedelta(days=1), now + timedelta(days=732)
    offset = _offset_seconds(yesterday)
    cases = []
    for change, next_offset in clock.offset_changes(yesterday, horizon):
        cases.append(When(start__lt=change, then=Value(offset)))
        offset = int(next_offset.total_seconds())
    offset_at_start = Case(*cases, default=Value(offset), output_field=IntegerField())
    return F("epoch") + offset_at_start - Value(int(now.timestamp()) + _offset_seconds(now))


def _offset_seconds(moment: datetime) -> int:
    return int((clock.local(moment).utcoffset() or timedelta()).total_seconds())


def _within_limits(now: datetime) -> Q:
    """``time_refusals`` in SQL, in whole seconds: a slot starts on one, ``now`` need not."""
    floor = int(now.timestamp())
    ceiling = floor + bool(now.microsecond)
    return (
        (Q(window__isnull=True) | Q(wall_distance__lte=F("window") * 86_400))
        & (Q(embargo__isnull=True) | Q(epoch__lte=F("embargo") * 60 + floor))
        & (Q(notice__isnull=True) | Q(epoch__gte=F("notice") * 60 + ceiling))
    )


def _exhausted_sessions(profiles: list[AccessProfile], now: datetime) -> Q:
    """``exhausted`` in SQL: the slots under a profile whose limit is used up."""
    taken = usage(profiles, now)
    full = Q(pk__in=[])
    for profile in profiles:
        mine = Q(profile=profile.pk)
        if (limit := profile.slots_per_session) is not None:
            sessions = [
                s for (p, s), n in taken.by_session.items() if p == profile.pk and n >= limit
            ]
            full |= mine & Q(schedule__in=sessions)
        if (limit := profile.slots_per_day) is not None:
            days = [d for (p, d), n in taken.by_day.items() if p == profile.pk and n >= limit]
            full |= mine & Q(schedule__date__in=days)
        if (limit := profile.slots_per_week) is not None:
            for (p, monday), n in taken.by_week.items():
                if p == profile.pk and n >= limit:
                    week = (monday, monday + timedelta(days=6))
                    full |= mine & Q(schedule__date__range=week)
    return full
