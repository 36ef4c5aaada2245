"""What staff do to several slots at once, and how they are told what became of them."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.contrib import messages
from django.http import HttpRequest

from practice.services import slots
from practice.services.slots import Outcome

MOST = 400  # slots at once: more make an address that some servers refuse


class Change(NamedTuple):
    """The service that does it, and what the slots are afterwards."""

    service: Callable[..., Outcome]
    done: str


CHANGES = {
    "block": Change(slots.block_slots, "blocked"),
    "unblock": Change(slots.unblock_slots, "unblocked"),
    "offer": Change(slots.make_bookable, "made GP Connect bookable"),
    "withhold": Change(slots.make_not_bookable, "made not GP Connect bookable"),
    "give": Change(slots.give_slots, "given to {profile}"),
    "withdraw": Change(slots.withdraw_slots, "withdrawn"),
    "restore": Change(slots.restore_slots, "put back into the diary"),
}


def in_words(outcomes: Iterable[Outcome], done: str) -> tuple[str, str]:
    """Return how many slots were changed, and how many were left with the reasons, if any."""
    outcomes = list(outcomes)
    changed = sum(len(outcome.changed) for outcome in outcomes)
    whys = Counter(refused.why for outcome in outcomes for refused in outcome.refused)
    reasons = " ".join(f"{number} × {why}" for why, number in whys.most_common())
    left = f"{counted(sum(whys.values()))} left as before: {reasons}" if whys else ""
    return f"{counted(changed)} {done}." if changed else "", left


def report(request: HttpRequest, outcomes: Iterable[Outcome], done: str) -> None:
    """Say it on the next page."""
    changed, left = in_words(outcomes, done)
    if changed:
        messages.success(request, changed)
    if left:
        messages.add_message(request, messages.WARNING if changed else messages.ERROR, left)


def counted(number: int) -> str:
    return f"{number} slot" if number == 1 else f"{number} slots"
