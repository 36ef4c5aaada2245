"""Two consumers at the same moment."""

from collections.abc import Iterator

from consumer import interactions as gpc
from consumer.check.checks import Problem, check
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit


@check(
    "together.one-slot",
    "Of two bookings of one slot at the same moment exactly one succeeds, the other is a 409",
    *("BOOK-073", "BOOK-061"),
)
def one_slot_is_booked_once(kit: Kit) -> Iterator[Problem]:
    body = kit.body(kit.free_slot())
    both = kit.wire.together([lambda: kit.book(body), lambda: kit.book(body)])
    made = [each for each in both if each.status == 201]
    for each in made:
        kit.cancel(each.resource, each.header("ETag"))
    yield from one_of(both, made, "DUPLICATE_REJECTED")


def one_of(both: list[Exchange], made: list[Exchange], code: str) -> Iterator[Problem]:
    """What is wrong with two answers of which one should be a success."""
    came = " and ".join(str(each) for each in both)
    if len(made) != 1:
        yield Problem(f"{len(made)} of two succeeded: {came}", both[0])
    for each in both:
        if each not in made and (each.status, each.spine_code or code) != (409, code):
            yield Problem(f"expected 409 {code} for the other, came {each}", each)


@check(
    "together.one-version",
    "Of two amendments from one version at the same moment exactly one succeeds",
    *("GEN-102", "GEN-093"),
)
def one_version_is_amended_once(kit: Kit) -> Iterator[Problem]:
    with kit.booked() as booked:
        etag = {"If-Match": booked.header("ETag")}

        def amend(words: str) -> Exchange:
            body = {**booked.resource, "description": f"{kit.mark} {words}"}
            return kit.change(gpc.AMEND_APPOINTMENT, booked.resource, etag, body=body)

        both = kit.wire.together([lambda: amend("one"), lambda: amend("two")])
        made = [each for each in both if each.status == 200]
        if len(made) != 1 or any(each.status != 409 for each in both if each not in made):
            came = " and ".join(str(each) for each in both)
            yield Problem(f"{len(made)} of two succeeded: {came}", both[-1])
        for each in made:  # the newest version is what has to be cancelled
            kit.cancel(each.resource, each.header("ETag"))
