"""Who may book a slot, and how many of them: access profiles, and what is taken under each.

Source: GP Connect, "Slot availability management" (the matching table); the limits are ours.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import CharField, Count, Q

from practice import clock
from practice.db.prepared import Later, Prepared, QueryParameter
from practice.models import AccessProfile, AppointmentSlot


@dataclass(frozen=True)
class BookingParty:
    """Who asks: the ODS codes and organisation types that were sent, either or both empty."""

    ods_codes: frozenset[str] = frozenset()
    organisation_types: frozenset[str] = frozenset()


ANYBODY = BookingParty()


def admits_type(profile: AccessProfile | None, requester: BookingParty) -> bool:
    """Whether a profile is open to a requester's types: one of them must match, if it names any."""
    if not profile or not profile.organisation_types:
        return True
    return not requester.organisation_types.isdisjoint(profile.organisation_types)


def admits_code(profile: AccessProfile | None, requester: BookingParty, day: date) -> bool:
    """Whether a profile is open to a requester's ODS codes: likewise, as its group is on a day."""
    if not profile or not profile.names_codes:
        return True
    return not requester.ods_codes.isdisjoint(profile.codes_on(day))


def admits(profile: AccessProfile | None, requester: BookingParty, day: date) -> bool:
    """Whether a profile, or none, is open to a requester on a day: by type and by code."""
    return admits_type(profile, requester) and admits_code(profile, requester, day)


ALL_PROFILES = Prepared(
    lambda: (
        AccessProfile.objects.filter(organisation__ods_code=QueryParameter("practice", CharField()))
        .select_related("consumer_group")
        .order_by("pk")
    )
)


class AskedProfiles(NamedTuple):
    """The access profiles of a practice, that were asked for on a journey."""

    profiles: Later[AccessProfile]

    def admitting(self, requester: BookingParty, day: date) -> list[AccessProfile]:
        """Those that are open to a requester on a day."""
        return [each for each in self.profiles.objects() if admits(each, requester, day)]


class KnownProfiles(NamedTuple):
    """The access profiles of a practice, that are at hand."""

    profiles: list[AccessProfile]

    def admitting(self, requester: BookingParty, day: date) -> list[AccessProfile]:
        """Those that are open to a requester on a day."""
        return [profile for profile in self.profiles if admits(profile, requester, day)]


def profiles_later(*, ods_code: str) -> AskedProfiles:
    """Ask on a journey for all access profiles of the practice with this code."""
    return AskedProfiles(ALL_PROFILES.later(practice=ods_code))


# ---------------------------------------------------------------- how many are taken


@dataclass(frozen=True)
class Usage:
    """How many slots are taken under each limited access profile, by session, day and week."""

    by_session: Counter[tuple[int, int]] = field(default_factory=Counter)
    by_day: Counter[tuple[int, date]] = field(default_factory=Counter)
    by_week: Counter[tuple[int, date]] = field(default_factory=Counter)


def week_of(day: date) -> date:
    """Return the Monday of a date's week."""
    return day - timedelta(days=day.weekday())


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
    profile: AccessProfile | None, taken: Usage, *, schedule_id: int, day: date, wanted: int = 1
) -> str:
    """Say which limit of the profile ``wanted`` further slots would break, or nothing: "3 of 3"."""
    if profile is None:
        return ""
    for limit, used, period in (
        (profile.slots_per_session, taken.by_session[profile.pk, schedule_id], "in this session"),
        (profile.slots_per_day, taken.by_day[profile.pk, day], "on this day"),
        (profile.slots_per_week, taken.by_week[profile.pk, week_of(day)], "in this week"),
    ):
        if limit is not None and used + wanted > limit:
            return f"{used} of {limit} {period}"
    return ""


def has_room(profiles: list[AccessProfile], now: datetime) -> Q:
    """``not exhausted`` in SQL: slots under no profile, or under one with something left.

    Mostly it is empty: no profile has a limit, or none is used up. For a query of slots with their
    ``profile`` (see bookability.with_limits). In one OR: to exclude the exhausted ones would
    compare the profile that a slot does not have, and lose every slot without one in their
    sessions, because NULL is neither true nor false.
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
