"""What one organisation is offered of some days, and every reason for every slot that it is not.

The offered slots come from the query that the API's search asks, in its order; the reasons come
from the same rule asked of each slot (practice.reads.bookability).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from practice import clock
from practice.models import AccessProfile, Organisation, Schedule, Slot
from practice.models.common import OFFER_LIMITS
from practice.reads import bookability, offered_slots, profile_limits
from practice.reads.bookability import Reason, Refusal
from practice.reads.profile_limits import BookingParty


@dataclass(frozen=True)
class SlotReasons:
    """A slot, with every reason that speaks against it."""

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

    offered: list[Slot]
    not_offered: list[SlotReasons]
    doubtful: list[SlotReasons]
    counts: list[ReasonCount]

    @property
    def total(self) -> int:
        return len(self.offered) + len(self.not_offered)

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
) -> Explanation:
    """Explain the diary of some days to a requester: a constant number of queries."""
    span = {"start__gte": clock.day_start(first), "end__lte": clock.day_end(last)}
    valid = Slot.objects.valid().filter(organisation=organisation, **span)
    every = list(valid.order_by("start", "pk"))
    _give_sessions(every)
    found = offered_slots.offered(organisation=organisation, requester=requester, now=now)
    in_order = found.filter(**span).order_by("start", "pk").values_list("pk", flat=True)
    order = {pk: place for place, pk in enumerate(in_order)}
    profiles = {p.pk: p for slot in every if (p := bookability.effective_profile(slot))}
    taken = profile_limits.usage(profiles.values(), now)
    offered, not_offered, doubtful = [], [], []
    known: dict[tuple[Any, ...], list[Refusal]] = {}
    for slot in every:
        slot.organisation = organisation
        if slot.pk in order:
            offered.append(slot)
            alike = DOUBTED_BY(slot)
            if alike not in known:
                known[alike] = bookability.doubts(slot, organisation=organisation)
            if doubts := known[alike]:
                doubtful.append(SlotReasons(slot, doubts))
            continue
        reasons = bookability.why_not_offered(
            slot, organisation=organisation, requester=requester, now=now, taken=taken
        )
        not_offered.append(SlotReasons(slot, reasons))
    offered.sort(key=lambda slot: order[slot.pk])
    return Explanation(offered, not_offered, doubtful, _counts(not_offered))


# What a doubt about an offered slot goes by, beside its session: the same for most slots of one.
DOUBTED_BY = attrgetter(
    "schedule_id",
    "status",
    "slot_type",
    "delivery_channel",
    "overbooked",
    "withdrawn",
    *OFFER_LIMITS,
)


def _give_sessions(slots: list[Slot]) -> None:
    """Give each slot its session and its profile, each of which is fetched and made once."""
    around = ("session_holder", "access_profile", "location")
    sessions = Schedule.objects.select_related(*around).in_bulk(
        {each.schedule_id for each in slots}
    )
    own = {each.access_profile_id for each in slots if each.access_profile_id}
    profiles = AccessProfile.objects.in_bulk(own)
    for slot in slots:
        known = slot._state.fields_cache
        known["schedule"] = sessions[slot.schedule_id]
        known["access_profile"] = profiles.get(slot.access_profile_id)


def _counts(not_offered: list[SlotReasons]) -> list[ReasonCount]:
    first: Counter[Reason] = Counter()
    every: Counter[Reason] = Counter()
    only: Counter[Reason] = Counter()
    for each in not_offered:
        reasons = [refusal.reason for refusal in each.refusals]
        first.update(reasons[:1])
        every.update(reasons)
        if len(reasons) == 1:
            only.update(reasons)
    return [
        ReasonCount(reason, first[reason], every[reason], only[reason])
        for reason in sorted(every, key=lambda reason: (-first[reason], reason))
    ]
