"""The search for free slots: which slots, and what comes with them."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from consumer.check.checks import NotSeen, Problem, answered, check
from consumer.check.exchange import Exchange
from consumer.check.kit import INCLUDES, Kit, begins, instant, local_day
from consumer.times import write as uk


@check(
    "search.answered",
    "A right search is answered with a Bundle of type searchset",
    *("SLOT-001", "SLOT-002", "SLOT-070", "GEN-110", "SSP-029"),
)
def is_answered(kit: Kit) -> Iterator[Problem]:
    yield from answered(kit.found, 200, "Bundle")
    if kit.found.kind == "Bundle" and kit.found.resource.get("type") != "searchset":
        yield Problem(f"the type is {kit.found.resource.get('type')!r}", kit.found)


@check("search.free", "Every slot found is free", "SLOT-051")
def all_are_free(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    for slot in kit.found.of_type("Slot"):
        if slot.get("status") != "free":
            yield Problem(f"Slot/{slot.get('id')} has the status {slot.get('status')!r}", kit.found)
            return


def middle(kit: Kit) -> dict[str, Any]:
    """A slot with others around it, as far as there are."""
    found = kit.some_slots()
    return found[len(found) // 2]


def inside(kit: Kit, start: Any, end: Any) -> Exchange:
    """A search between two moments."""
    query = kit.slot_query(uk(start), uk(end), includes=())
    exchange = kit.search(query)
    if exchange.status != 200:
        raise NotSeen(f"a search with dates and times is refused: {exchange}")
    return exchange


def ids(exchange: Exchange) -> set[Any]:
    return {each.get("id") for each in exchange.of_type("Slot")}


@check(
    "search.times",
    "start and end may be dates and times; slots that touch the bounds are found",
    *("SLOT-005", "SLOT-014", "SLOT-054"),
)
def times_are_taken(kit: Kit) -> Iterator[Problem]:
    slot = middle(kit)
    query = kit.slot_query(uk(begins(slot)), uk(ends(slot)), includes=())
    exchange = kit.search(query)
    yield from answered(exchange, 200, "Bundle")
    if exchange.status == 200 and slot["id"] not in ids(exchange):
        words = f"Slot/{slot['id']}, which fills the range, is not found"
        yield Problem(words, exchange)


def ends(slot: dict[str, Any]) -> Any:
    return instant(slot.get("end")) or begins(slot) + timedelta(minutes=1)


@check("search.start", "No slot begins before start", "SLOT-052", "SLOT-056")
def start_holds(kit: Kit) -> Iterator[Problem]:
    slot = middle(kit)
    bound = begins(slot) + timedelta(minutes=1)
    exchange = inside(kit, bound, ends(slot) + timedelta(hours=6))
    yield from beyond(exchange, lambda each: begins(each) < bound, "begins before start")


@check("search.end", "No slot ends after end", "SLOT-052", "SLOT-056")
def end_holds(kit: Kit) -> Iterator[Problem]:
    slot = middle(kit)
    bound = ends(slot) - timedelta(minutes=1)
    exchange = inside(kit, begins(slot) - timedelta(hours=6), bound)
    yield from beyond(exchange, lambda each: ends(each) > bound, "ends after end")


def beyond(exchange: Exchange, is_beyond: Any, words: str) -> Iterator[Problem]:
    for slot in exchange.of_type("Slot"):
        if is_beyond(slot):
            times = f"{slot.get('start')} to {slot.get('end')}"
            yield Problem(f"Slot/{slot.get('id')} ({times}) {words}", exchange)
            return


@check("search.days", "No slot lies outside of the days asked for", "SLOT-052", "SLOT-053")
def days_hold(kit: Kit) -> Iterator[Problem]:
    day = local_day(middle(kit)["start"])
    exchange = kit.search(kit.slot_query(str(day), str(day), includes=()))
    yield from answered(exchange, 200, "Bundle")
    yield from beyond(
        exchange, lambda each: local_day(each.get("start")) != day, "is of another day"
    )


@check("search.last-day", "A date as end means all of that day", "SLOT-053")
def last_day_counts(kit: Kit) -> Iterator[Problem]:
    slot = middle(kit)
    day = local_day(slot["start"])
    exchange = kit.search(kit.slot_query(str(day), str(day), includes=()))
    if slot["id"] not in ids(exchange):
        words = f"Slot/{slot['id']} of the {day} is not found when {day} is the last day"
        yield Problem(words, exchange)


@check(
    "search.schedules",
    "The Bundle holds the Schedule of each slot, and no other",
    *("SLOT-071", "SLOT-077", "SLOT-007"),
)
def schedules_come_along(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    wanted = {str(each.get("schedule", {}).get("reference")) for each in kit.found.of_type("Slot")}
    came = {f"Schedule/{each.get('id')}" for each in kit.found.of_type("Schedule")}
    for missing in sorted(wanted - came)[:3]:
        yield Problem(f"{missing}, which a slot refers to, is not in the Bundle", kit.found)
    for spare in sorted(came - wanted)[:3]:
        yield Problem(f"{spare} belongs to no slot of the Bundle", kit.found)


@check("search.once", "Nothing is in the Bundle twice", "SLOT-077")
def nothing_comes_twice(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    names = Counter(f"{each.get('resourceType')}/{each.get('id')}" for each in kit.found.entries)
    for name, number in names.items():
        if number > 1:
            yield Problem(f"{name} is there {number} times", kit.found)


@check(
    "search.people",
    "Practitioners and places that were asked for are in the Bundle; those that nobody refers to "
    "are not",
    *("SLOT-072", "SLOT-073", "SLOT-077", "SLOT-114", "GEN-025"),
)
def people_come_along(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    wanted = {
        str(actor.get("reference"))
        for schedule in kit.found.of_type("Schedule")
        for actor in schedule.get("actor", [])
    }
    came = {
        f"{each['resourceType']}/{each.get('id')}"
        for each in kit.found.entries
        if each.get("resourceType") in ("Practitioner", "Location")
    }
    for missing in sorted(wanted - came)[:3]:
        yield Problem(f"{missing}, which a Schedule refers to, is not in the Bundle", kit.found)
    for spare in sorted(came - wanted)[:3]:
        yield Problem(f"{spare} is referred to by no Schedule of the Bundle", kit.found)


@check(
    "search.unasked",
    "Practitioners and places that were not asked for are not in the Bundle",
    *("SLOT-009", "SLOT-072", "SLOT-073"),
)
def unasked_stay_away(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    exchange = kit.found_plainly
    yield from answered(exchange, 200, "Bundle")
    for kind in ("Practitioner", "Location"):
        if exchange.of_type(kind):
            yield Problem(f"a {kind} is there, although it was not asked for", exchange)


@check(
    "search.practice",
    "The practice's Organization is in the Bundle, asked for or not, and places refer to it",
    *("SLOT-074", "SLOT-075", "SLOT-076", "LOC-014", "LOC-030"),
)
def practice_comes_along(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    for exchange in (kit.found, kit.found_plainly):
        if not exchange.of_type("Organization"):
            yield Problem("there is no Organization", exchange)
    came = {f"Organization/{each.get('id')}" for each in kit.found.of_type("Organization")}
    for place in kit.found.of_type("Location"):
        reference = (place.get("managingOrganization") or {}).get("reference")
        if came and str(reference).partition("/_history/")[0] not in came:
            words = f"Location/{place.get('id')} refers to {reference!r}, not in the Bundle"
            yield Problem(words, kit.found)


@check(
    "search.empty",
    "A search that finds nothing gives a Bundle without entry",
    *("SLOT-010", "SLOT-061", "GEN-111"),
)
def nothing_is_an_empty_bundle(kit: Kit) -> Iterator[Problem]:
    exchange = kit.search(kit.slot_query("2000-01-02", "2000-01-02"))
    yield from answered(exchange, 200, "Bundle")
    if exchange.of_type("Slot"):
        raise NotSeen("slots are found on 2 January 2000")
    if "entry" in exchange.resource:
        yield Problem("the Bundle has an entry although no slot matches", exchange)


@check("search.order", "Slots come in the order of their start", "SLOT-078", must=False)
def slots_are_in_order(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    starts = [begins(each) for each in kit.found.of_type("Slot")]
    if starts != sorted(starts):
        yield Problem("the slots are not in the order of their start", kit.found)


@check(
    "search.plain",
    "The Bundle has no total and no link, its entries no fullUrl and no search",
    *("GEN-112", "GEN-113"),
    must=False,
)
def bundle_is_plain(kit: Kit) -> Iterator[Problem]:
    bundle = kit.found.resource
    for name in ("total", "link"):
        if name in bundle:
            yield Problem(f"the Bundle has {name}", kit.found)
    for name in ("fullUrl", "search"):
        if any(name in each for each in bundle.get("entry", []) if isinstance(each, dict)):
            yield Problem(f"entries have {name}", kit.found)


def same_slots(kit: Kit, exchange: Exchange) -> Iterator[Problem]:
    yield from answered(exchange, 200, "Bundle")
    if exchange.status == 200 and ids(exchange) != ids(kit.found):
        words = f"{len(ids(exchange))} slots are found, {len(ids(kit.found))} without"
        yield Problem(words, exchange)


@check(
    "search.unknown-parameter",
    "A parameter that GP Connect does not know is ignored",
    *("GEN-078", "SLOT-013"),
)
def unknown_parameters_are_ignored(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    return same_slots(kit, kit.search([*kit.slot_query(), ("favourite-colour", "green")]))


@check(
    "search.no-paging",
    "The whole result comes at once, whatever _count and _summary want",
    *("GEN-114", "GEN-115"),
)
def nothing_is_paged(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    return same_slots(kit, kit.search([*kit.slot_query(), ("_count", "1"), ("_summary", "count")]))


@check(
    "search.unknown-filter",
    "A searchFilter of another system, or without any, is ignored",
    *("SLOT-035", "SLOT-036"),
)
def unknown_filters_are_ignored(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    filters = (("searchFilter", "https://x.example/disposition|Dx05"), ("searchFilter", "nothing"))
    return same_slots(kit, kit.search([*kit.slot_query(), *filters]))


@check(
    "search.recurse-order",
    "Parameters may come in any order, their names percent-encoded",
    *("SLOT-009", "SLOT-011", "GEN-071"),
)
def order_does_not_matter(kit: Kit) -> Iterator[Problem]:
    kit.some_slots()
    return same_slots(kit, kit.search(kit.slot_query(includes=INCLUDES[::-1])[::-1]))


@check(
    "search.plus",
    "A + of an offset that arrives as a space is read as +",
    *("SLOT-012", "GEN-062"),
)
def plus_survives(kit: Kit) -> Iterator[Problem]:
    slot = middle(kit)
    query = kit.slot_query(uk(begins(slot)), uk(ends(slot)), includes=())
    spaced = [(name, value.replace("+0", " 0")) for name, value in query]
    exchange = kit.search(spaced)
    yield from answered(exchange, 200, "Bundle")
