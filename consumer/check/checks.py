"""What a check is, and what can come of one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumer.check.codes import Refusal
from consumer.check.exchange import Exchange
from consumer.check.shapes import Fault

if TYPE_CHECKING:
    from consumer.check.kit import Kit


class NotSeen(Exception):
    """The provider has nothing here that could show whether it keeps to the rule."""


@dataclass(frozen=True)
class Problem:
    """What a check has found wrong, and the exchange that shows it."""

    words: str
    exchange: Exchange | None = None


Run = Callable[["Kit"], Iterable[Problem]]


@dataclass(frozen=True)
class Check:
    """One thing that is looked at. Only what ``must`` be can fail a provider."""

    id: str
    sentence: str
    requirements: tuple[str, ...]
    run: Run
    must: bool = True

    @property
    def subject(self) -> str:
        return self.id.partition(".")[0]


CHECKS: dict[str, Check] = {}  # in the order in which they are done


def add(check: Check) -> None:
    if check.id in CHECKS:
        raise ValueError(f"There are two checks of the id {check.id}.")
    CHECKS[check.id] = check


def check(id: str, sentence: str, *requirements: str, must: bool = True) -> Callable[[Run], Run]:
    """Make a function a check: it yields what is wrong, or raises NotSeen."""

    def register(run: Run) -> Run:
        add(Check(id, sentence, requirements, run, must))
        return run

    return register


def refuses(
    id: str,
    sentence: str,
    requirements: str,
    *expected: Refusal,
    must: bool = True,
) -> Callable[[Callable[["Kit"], Exchange]], Callable[["Kit"], Exchange]]:
    """Make a function that sends something wrong the check that it is refused as expected.

    Several refusals where the specification can be read in several ways. ``requirements`` are
    separated by blanks.
    """

    def register(send: Callable[["Kit"], Exchange]) -> Callable[["Kit"], Exchange]:
        def run(kit: "Kit") -> Iterator[Problem]:
            return refused(send(kit), *expected)

        add(Check(id, f"Refused: {sentence}", tuple(requirements.split()), run, must))
        return send

    return register


def refused(exchange: Exchange, *expected: Refusal) -> Iterator[Problem]:
    """What is wrong with a refusal that should be one of those expected."""
    if not any(
        (each.status, each.code) == (exchange.status, exchange.spine_code) for each in expected
    ):
        wanted = " or ".join(str(each) for each in expected)
        yield Problem(f"expected {wanted}, came {exchange}", exchange)


def answered(exchange: Exchange, status: int, kind: str) -> Iterator[Problem]:
    """What is wrong with an answer that should be a resource of a kind."""
    if (exchange.status, exchange.kind) != (status, kind):
        came = f"{exchange.kind or 'no resource'}, {exchange}"
        yield Problem(f"expected {status} with a {kind}, came {came}", exchange)


def first(problems: Iterable[Problem], most: int = 5) -> Iterator[Problem]:
    """Not more problems than a reader reads: one for each sentence."""
    said: set[str] = set()
    for each in problems:
        if each.words not in said and len(said) < most:
            said.add(each.words)
            yield each


def of_kinds(faults: Iterable[tuple[Exchange, Fault]], *kinds: str) -> Iterator[Problem]:
    """The faults of some kinds as problems."""
    found = (Problem(str(fault), exchange) for exchange, fault in faults if fault.kind in kinds)
    return first(found, most=8)
