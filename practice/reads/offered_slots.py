"""The search for free slots: which ones a requester is offered at a moment, as one statement.

It holds the entries of the table in practice.reads.bookability that say ``in_search``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Self

from django.db.models import Q, QuerySet

from practice import clock
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import Organisation, Slot, SlotQuerySet
from practice.models.common import OFFER_LIMITS
from practice.reads import profile_limits, rehearsals
from practice.reads.bookability import RULES, Offsets, Values, is_open, with_limits
from practice.reads.profile_limits import AskedProfiles, BookingParty, KnownProfiles

DAY_SECONDS = 86_400
IN_SEARCH = [rule for rule in RULES if rule.in_search]


def offered(*, organisation: Organisation, requester: BookingParty, now: datetime) -> SlotQuerySet:
    """Return the practice's slots against which nothing speaks but that they may be in the past.

    Two small queries run first, whatever the number of slots: the practice's access profiles, and
    what is taken under those with a limit. The rest is one WHERE clause over the index
    ``slot_on_offer``; status and flags are literals there, so that the partial index is used.
    """
    if not is_open(organisation):
        return Slot.objects.none()
    question = OfferQuery.of(organisation, requester, now)
    return _offered(question.values, question.offsets).filter(question.has_room)


def offered_in_rehearsal(
    *, organisation: Organisation, requester: BookingParty, asked_by: str, now: datetime
) -> SlotQuerySet:
    """Return the test slots that whoever asks is offered, by the same rule.

    ``asked_by`` is the ODS code that the token names. The search must name it as well, as that of
    who will book: so no other organisation is offered them, whatever it says of itself.
    """
    if not is_open(organisation) or asked_by not in requester.ods_codes:
        return Slot.objects.none()
    question = OfferQuery.of(organisation, requester, now)
    theirs = rehearsals.standing(organisation=organisation, ods_code=asked_by, now=now)
    tests = Slot.with_tests.filter(rehearsal__in=theirs)
    return _offered(question.values, question.offsets, tests)


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
        self.prepared: dict[Offsets, Prepared[Any]] = {}

    def rows(
        self,
        *,
        organisation: Organisation,
        requester: BookingParty,
        now: datetime,
        profiles: AskedProfiles | KnownProfiles | None = None,
        day: date | None = None,
        **values: Any,
    ) -> list[tuple[Any, ...]]:
        """The rows for a requester at a moment, narrowed by these values.

        ``profiles``: those of the practice, if they are known or have been asked for. ``day``: who
        is in which group is taken as it is on that day, not as it is now.
        """
        if not is_open(organisation):
            return []
        question = OfferQuery.of(organisation, requester, now, profiles, day)
        if question.has_room:  # which sessions are full is different every time
            found = _offered(question.values, question.offsets).filter(question.has_room)
            return list(self.shape(found, **values))
        return self._prepared(question.offsets).rows(**question.values, **values)

    def _prepared(self, offsets: Offsets) -> Prepared[Any]:
        prepared = self.prepared.get(offsets)
        if prepared is None:
            prepared = Prepared(
                lambda: self.shape(_offered(PARAMETERS, offsets), **self.parameters)
            )
            # The clock has changed, or a day on which it will came in sight: the one before it is
            # dropped. Another thread may still be asking on the day before.
            self.prepared = {offsets: prepared}
        return prepared


@dataclass(frozen=True)
class OfferQuery:
    """What a search wants to know, as the values that stand in its query.

    ``has_room`` keeps out sessions where a profile's limit is used up; mostly it is empty.
    """

    values: dict[str, Any]
    offsets: Offsets
    has_room: Q

    @classmethod
    def of(
        cls,
        organisation: Organisation,
        requester: BookingParty,
        now: datetime,
        profiles: AskedProfiles | KnownProfiles | None = None,
        day: date | None = None,
    ) -> Self:
        """Ask for what is taken under limited access profiles; for these too if nobody has."""
        asked = profiles or profile_limits.profiles_later(ods_code=organisation.ods_code)
        admitted = asked.admitting(requester, day or clock.today(now))
        floor = int(now.timestamp())
        wall_now = floor + _offset_seconds(now)
        values = {
            "organisation": organisation.pk,
            "profiles": [profile.pk for profile in admitted],
            "floor": floor,
            "ceiling": floor + bool(now.microsecond),
            "wall_now": wall_now,
            "rest_of_day": DAY_SECONDS - wall_now % DAY_SECONDS,
            **{name: getattr(organisation, name) for name in OFFER_LIMITS},
        }
        return cls(values, _offsets(clock.today(now)), profile_limits.has_room(admitted, now))


PARAMETERS: dict[str, Any] = {
    "organisation": Number("organisation"),
    "profiles": Numbers("profiles"),
    **{name: Number(name) for name in ("floor", "ceiling", "wall_now", "rest_of_day")},
    **{name: Number(name) for name in OFFER_LIMITS},
}


def _offered(values: Values, offsets: Offsets, among: SlotQuerySet | None = None) -> SlotQuerySet:
    """The query, of values or of PARAMETERS that stand for them."""
    among = Slot.objects.all() if among is None else among
    of_practice = among.filter(organisation=values["organisation"])
    return with_limits(of_practice, values, offsets).filter(
        *(rule.clear(values) for rule in IN_SEARCH)
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
