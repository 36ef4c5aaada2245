"""Does what is sent keep to the profiles? For each type of resource."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, check, of_kinds
from consumer.check.exchange import Exchange
from consumer.check.journey import journey
from consumer.check.kit import Kit
from consumer.check.shapes import Fault

Seen = Callable[[Kit], list[Exchange]]


def appointments(kit: Kit) -> list[Exchange]:
    """The answers that show an appointment, in all of its life."""
    trip = journey(kit)
    names = ("booked", "read", "retrieved", "amended", "cancelled", "read cancelled")
    trip.at(names[-1])
    return [trip.done[name] for name in names]


SEEN: dict[str, Seen] = {
    "Slot": lambda kit: [kit.found],
    "Schedule": lambda kit: [kit.found],
    "Appointment": appointments,
    "Patient": lambda kit: [kit.patient_found, kit.patient_read],
    "Practitioner": lambda kit: [kit.found, kit.practitioner_read],
    "Location": lambda kit: [kit.found, kit.location_read],
    "Organization": lambda kit: [kit.found, kit.organisation_read],
}
REQUIREMENTS = {
    "Slot": ("SLOT-090", "SLOT-092", "SLOT-094", "SLOT-095", "SLOT-096"),
    "Schedule": ("SLOT-110", "SLOT-111", "SLOT-114", "SLOT-117", "SLOT-118", "SLOT-119"),
    "Appointment": ("BOOK-103", "BOOK-104", "BOOK-108", "READ-021", "READ-025", "RETR-054"),
    "Patient": ("PAT-060", "PAT-061", "PAT-063", "PAT-064", "PAT-070", "PAT-071", "PAT-072"),
    "Practitioner": ("PRAC-020", "PRAC-023", "PRAC-026", "PRAC-027"),
    "Location": ("LOC-010", "LOC-011", "LOC-012", "LOC-014", "LOC-015", "LOC-016"),
    "Organization": ("ORG-020", "ORG-021", "ORG-022", "ORG-023", "ORG-025", "ORG-026"),
}
CODED = {
    "Slot": ("SLOT-093",),
    "Schedule": ("SLOT-116",),
    "Appointment": ("BOOK-106", "RETR-055", "RETR-057"),
    "Patient": ("PAT-062", "PAT-071"),
    "Practitioner": ("PRAC-024",),
    "Location": ("LOC-017",),
    "Organization": ("ORG-024",),
}


def faults(kit: Kit, kind: str) -> list[tuple[Exchange, Fault]]:
    """What is wrong with everything seen of a type; NotSeen if nothing of it was seen."""
    exchanges = SEEN[kind](kit)
    if not any(
        kind in (each.kind, *(e.get("resourceType") for e in each.entries)) for each in exchanges
    ):
        raise NotSeen(f"no {kind} was seen")
    return kit.once(f"faults {kind}", lambda: kit.faults(kind, exchanges))


def register() -> None:
    """Three checks for each type."""
    for kind in SEEN:
        name = kind.lower()

        def profile(kit: Kit, kind: str = kind) -> Iterator[Problem]:
            return of_kinds(faults(kit, kind), "profile")

        def elements(kit: Kit, kind: str = kind) -> Iterator[Problem]:
            return of_kinds(faults(kit, kind), "shape")

        def coded(kit: Kit, kind: str = kind) -> Iterator[Problem]:
            return of_kinds(faults(kit, kind), "extension", "coding")

        check(
            f"content.{name}-profile",
            f"Every {kind} names its profile and its version",
            *("GEN-030", "GEN-031"),
        )(named(profile, kind))
        check(
            f"content.{name}-elements",
            f"Every {kind} has the elements that it must have, and none that it must not",
            *(*REQUIREMENTS[kind], "GEN-039", "GEN-133", "GEN-139"),
        )(elements)
        check(
            f"content.{name}-codes",
            f"The extensions and codes of every {kind} are those of GP Connect",
            *(*CODED[kind], "GEN-136"),
        )(coded)


def named(
    faulty: Callable[[Kit], Iterator[Problem]], kind: str
) -> Callable[[Kit], Iterator[Problem]]:
    """The faults of ``meta``, and profiles that are others than GP Connect's."""

    def run(kit: Kit) -> Iterator[Problem]:
        yield from faulty(kit)
        for exchange in SEEN[kind](kit):
            for each in exchange.shown(kind):
                sent = (each.get("meta") or {}).get("profile") or []
                if each.get("resourceType") == kind and sent and codes.PROFILES[kind] not in sent:
                    yield Problem(f"meta.profile is {sent}, not {codes.PROFILES[kind]}", exchange)
                    return

    return run


register()


@check(
    "content.times",
    "Every time is UK local time with the offset of its moment: no Z, no fractions",
    *("GEN-130", "GEN-131", "GEN-132", "SLOT-091", "SLOT-112", "READ-023", "RETR-051"),
)
def times_are_uk_local(kit: Kit) -> Iterator[Problem]:
    found = faults(kit, "Slot") + faults(kit, "Schedule")
    with suppress(NotSeen):  # slots have times, too
        found = found + faults(kit, "Appointment")
    return of_kinds(found, "time")


@check(
    "content.references",
    "Every reference is relative and leads to a type of resource that may stand there",
    *("GEN-023", "GEN-025"),
)
def references_are_relative(kit: Kit) -> Iterator[Problem]:
    found: list[tuple[Exchange, Fault]] = []
    for kind in SEEN:
        with suppress(NotSeen):
            found += faults(kit, kind)
    return of_kinds(found, "reference")
