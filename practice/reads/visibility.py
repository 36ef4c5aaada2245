"""What one organisation is offered of some days, and every reason for every slot that it is not.

The offered slots come from the query that the API's search asks, in its order; the reasons come
from the same rule (practice.reads.bookability), asked once for all slots that are alike.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import DateTimeField

from practice import clock
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import (
    AccessProfile,
    AskingOrganisation,
    ConsumerGroup,
    Organisation,
    Promise,
    Schedule,
    Slot,
)
from practice.models.common import OFFER_LIMITS
from practice.reads import bookability, profile_limits
from practice.reads.bookability import (
    BY_START,
    DOUBTS,
    WHATEVER_START,
    WHENEVER,
    Asked,
    Reason,
    Refusal,
)
from practice.reads.offered_slots import OfferedRows
from practice.reads.profile_limits import BookingParty


class SlotRow(NamedTuple):
    """A slot with its session: what the rule goes by, as thousands of instances cost too much.

    What slots that are alike have in common stands together, from ``status`` on (ALIKE).
    """

    pk: int
    schedule_id: int
    start: datetime
    end: datetime
    status: str
    slot_type: str
    delivery_channel: str
    overbooked: bool
    withdrawn: bool
    gp_connect_bookable: bool
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None
    schedule: Schedule
    access_profile: AccessProfile | None

    def get_status_display(self) -> str:
        return STATUSES.get(self.status, self.status)


STATUSES = {str(value): str(words) for value, words in Slot.Status.choices}
STORED = SlotRow._fields[:-2]
ALIKE = slice(STORED.index("status"), len(STORED))


class SlotReasons(NamedTuple):
    """A slot, with every reason that speaks against it."""

    slot: SlotRow
    reasons: tuple[Reason, ...]


class Explained(NamedTuple):
    """A slot as it is stored, and each reason with what makes it so: for those that are shown."""

    slot: Slot
    refusals: list[Refusal]


@dataclass(frozen=True)
class ReasonCount:
    """How often a reason is the first, is there at all, and is the only one."""

    reason: Reason
    first: int
    all: int
    only: int


@dataclass(frozen=True)
class Explanation:
    """The whole answer.

    ``doubtful`` are offered slots that staff could not mark today: a place without an address.
    """

    offered: list[SlotRow]
    not_offered: list[SlotReasons]
    doubtful: list[SlotReasons]
    counts: list[ReasonCount]
    asked: Asked

    @property
    def total(self) -> int:
        return len(self.offered) + len(self.not_offered)

    def of_holder(self, holder: int) -> "Explanation":
        """Return the part of it that is about one session holder's slots."""

        def theirs(slot: SlotRow) -> bool:
            return slot.schedule.session_holder_id == holder

        not_offered = [each for each in self.not_offered if theirs(each.slot)]
        return Explanation(
            [slot for slot in self.offered if theirs(slot)],
            not_offered,
            [each for each in self.doubtful if theirs(each.slot)],
            _counts(not_offered),
            self.asked,
        )

    @property
    def sentence(self) -> str:
        """41 of 312 are offered; what most often speaks against the others: “Not free” (180)."""
        if not self.total:
            return "There are no slots on these days."
        offered = len(self.offered)
        said = f"{offered} of {self.total} slots {'is' if offered == 1 else 'are'} offered"
        if not self.not_offered:
            return f"{said}."
        most = max(self.counts, key=lambda count: count.first)
        return f"{said}; what most often speaks against the others: “{most.reason}” ({most.first})."


def explain(
    *,
    organisation: Organisation,
    requester: BookingParty,
    first: date,
    last: date,
    now: datetime,
    day: date | None = None,
) -> Explanation:
    """Explain the diary of some days to a requester: a constant number of queries.

    ``day``: who is in which group is taken as it is on that day, not as it is now.
    """
    since, until = clock.day_start(first), clock.day_end(last)
    every = _rows(organisation, since, until)
    found = ORDER.rows(
        organisation=organisation, requester=requester, now=now, day=day, since=since, until=until
    )
    order = {pk: place for place, (pk,) in enumerate(found)}
    rows = {row.pk: row for row in every}
    profiles = {p.pk: p for row in every if (p := bookability.effective_profile(row))}
    asked = Asked(requester, now, profile_limits.usage(profiles.values(), now), day=day)
    offered = [rows[pk] for pk in order if pk in rows]
    others = [row for row in every if row.pk not in order]
    not_offered = _against(others, organisation=organisation, asked=asked)
    doubtful = _doubtful(offered, organisation=organisation)
    return Explanation(offered, not_offered, doubtful, _counts(not_offered), asked)


def in_full(
    wanted: Sequence[SlotReasons], *, organisation: Organisation, asked: Asked
) -> list[Explained]:
    """Return these with their slots, and with what makes each reason so; one query."""
    rows = {each.slot.pk: each.slot for each in wanted}
    slots = Slot.objects.in_bulk(list(rows))
    for pk, slot in slots.items():
        known = slot._state.fields_cache
        known["organisation"], known["schedule"] = organisation, rows[pk].schedule
        known["access_profile"] = rows[pk].access_profile
    return [
        Explained(
            slots[each.slot.pk],
            bookability.speaking(
                each.reasons, slots[each.slot.pk], organisation=organisation, asked=asked
            ),
        )
        for each in wanted
        if each.slot.pk in slots
    ]


def _rows(organisation: Organisation, since: datetime, until: datetime) -> list[SlotRow]:
    """Return the slots that begin and end between these moments, by time; three queries."""
    found = SLOTS.rows(organisation=organisation.pk, since=since, until=until)
    ids = {row[1] for row in found}
    sessions = {each.pk: each for each in SESSIONS.objects(sessions=ids)}
    profile = STORED.index("access_profile_id")
    own = {row[profile] for row in found} - {None}
    profiles = {each.pk: each for each in PROFILES.objects(profiles=own)}
    return [SlotRow._make((*row, sessions[row[1]], profiles.get(row[profile]))) for row in found]


def _against(rows: list[SlotRow], *, organisation: Organisation, asked: Asked) -> list[SlotReasons]:
    """Return every reason against each; what is the same for many slots is asked once for them."""
    kinds = _kinds(rows)
    known: dict[Any, tuple[Reason, ...]] = {}
    joined: dict[Any, tuple[Reason, ...]] = {}
    found = []
    for row in rows:
        kind = (kinds[row.schedule_id], row[ALIKE])
        start = (kind, row.start)
        both = []
        for alike, rules in ((kind, WHATEVER_START), (start, BY_START)):
            if alike not in known:
                known[alike] = bookability.reasons(
                    rules, row, organisation=organisation, asked=asked
                )
            both.append(known[alike])
        pair = (*both,)
        if pair not in joined:
            joined[pair] = tuple(sorted(both[0] + both[1], key=IN_ORDER.__getitem__))
        found.append(SlotReasons(row, joined[pair]))
    return found


IN_ORDER = {rule.reason: place for place, rule in enumerate(bookability.RULES)}


def _kinds(rows: list[SlotRow]) -> dict[int, Any]:
    """Return for each session what the rule goes by: those with the same are of one kind.

    A limit counts each session by itself, so that a session under one is a kind of its own.
    """
    found: dict[int, Any] = {}
    for row in rows:
        if row.schedule_id not in found:
            found[row.schedule_id] = GOES_BY(row.schedule)
        profile = bookability.effective_profile(row)
        if profile is not None and profile.is_limited:
            found[row.schedule_id] = row.schedule_id
    return found


GOES_BY = attrgetter(
    "withdrawn", "practitioner_role", "location_id", "access_profile_id", *OFFER_LIMITS
)


def _doubtful(offered: list[SlotRow], *, organisation: Organisation) -> list[SlotReasons]:
    """Return offered slots that staff could not mark today, one of each kind."""
    kinds = _kinds(offered)
    alike = {(kinds[row.schedule_id], row[ALIKE]): row for row in reversed(offered)}
    found = [
        SlotReasons(
            row,
            bookability.reasons(DOUBTS, row, organisation=organisation, asked=WHENEVER),
        )
        for row in alike.values()
    ]
    return [each for each in found if each.reasons]


def _counts(not_offered: list[SlotReasons]) -> list[ReasonCount]:
    first: Counter[Reason] = Counter()
    every: Counter[Reason] = Counter()
    only: Counter[Reason] = Counter()
    for reasons, times in Counter(each.reasons for each in not_offered).items():
        if reasons:
            first[reasons[0]] += times
        for reason in reasons:
            every[reason] += times
        if len(reasons) == 1:
            only[reasons[0]] += times
    return [
        ReasonCount(reason, first[reason], every[reason], only[reason])
        for reason in sorted(every, key=lambda reason: (-first[reason], reason))
    ]


def organisations_known(*, organisation: Organisation) -> dict[str, str]:
    """Return whom a practice knows outside, by ODS code, with their names where they are known.

    Those who asked or booked, the members of groups, and those whom profiles and promises name.
    """
    found: dict[str, str] = {}
    profiles = AccessProfile.objects.filter(organisation=organisation)
    for codes in profiles.values_list("ods_codes", flat=True):
        found |= dict.fromkeys(codes, "")
    promised = Promise.objects.filter(organisation=organisation).exclude(ods_code="")
    found |= dict.fromkeys(promised.values_list("ods_code", flat=True), "")
    for group in ConsumerGroup.objects.filter(pk__in=profiles.values("consumer_group")):
        found |= {each["ods_code"]: each["name"] for each in group.members}
    asked = AskingOrganisation.objects.filter(organisation=organisation).exclude(ods_code="")
    for code, name in asked.values_list("ods_code", "name"):
        found[code] = name or found.get(code, "")
    return dict(sorted(found.items()))


# ---------------------------------------------------------------- the statements

SINCE, UNTIL = (QueryParameter(name, DateTimeField()) for name in ("since", "until"))

SLOTS = Prepared(
    lambda: (
        Slot.objects.valid()
        .filter(organisation=Number("organisation"), start__gte=SINCE, end__lte=UNTIL)
        .order_by("start", "pk")
        .values_list(*STORED)
    )
)
SESSIONS = Prepared(
    lambda: Schedule.objects.filter(pk__among=Numbers("sessions")).select_related(
        "session_holder", "access_profile__consumer_group", "location"
    )
)
PROFILES = Prepared(
    lambda: AccessProfile.objects.filter(pk__among=Numbers("profiles")).select_related(
        "consumer_group"
    )
)
ORDER = OfferedRows(
    lambda found, since, until: (
        found.filter(start__gte=since, end__lte=until).order_by("start", "pk").values_list("pk")
    ),
    since=SINCE,
    until=UNTIL,
)
