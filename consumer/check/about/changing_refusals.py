"""Retrieving, amending and cancelling in ways that are to be refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from consumer import bodies
from consumer import interactions as gpc
from consumer.check.checks import refuses
from consumer.check.codes import (
    BAD_REQUEST,
    INVALID_PARAMETER,
    INVALID_RESOURCE,
    NO_RECORD_FOUND,
    PATIENT_NOT_FOUND,
    VERSION_CONFLICT,
    Refusal,
)
from consumer.check.exchange import Exchange
from consumer.check.kit import NOBODY, Kit, begins, cancelled
from consumer.times import write as uk

# ---------------------------------------------------------------- retrieving

RETRIEVE_ROWS = (
    ("no-start", "start is missing", "RETR-010", ()),
    ("one-start", "start comes once", "RETR-001 RETR-010", ("ge{day}",)),
    ("same-prefix", "start comes twice with ge", "RETR-011", ("ge{day}", "ge{day}")),
    ("three-starts", "start comes three times", "RETR-011", ("ge{day}", "le{day}", "le{day}")),
    ("no-prefix", "start has no prefix", "RETR-012", ("{day}", "le{day}")),
    ("other-prefix", "start has the prefix gt", "RETR-004 RETR-012", ("gt{day}", "le{day}")),
    ("time", "start has a time", "RETR-002 RETR-013", ("ge{day}T09:00:00+00:00", "le{day}")),
    ("month", "start is a month", "RETR-014", ("ge{month}", "le{day}")),
    ("no-such-day", "start is a 30 February", "RETR-014", ("ge{day}", "le2030-02-30")),
    ("backwards", "The end is before the start", "RETR-015", ("ge{later}", "le{day}")),
    ("past", "The range begins yesterday", "RETR-003 RETR-016", ("ge{before}", "le{day}")),
)


def register_retrievals() -> None:
    """Make each row a check."""
    for name, sentence, requirements, values in RETRIEVE_ROWS:

        def send(kit: Kit, values: tuple[str, ...] = values) -> Exchange:
            days = {
                "day": kit.today,
                "month": f"{kit.today:%Y-%m}",
                "later": kit.today + timedelta(days=2),
                "before": kit.today - timedelta(days=1),
            }
            query = [("start", value.format(**days)) for value in values]
            return kit.wire.ask(gpc.RETRIEVE_APPOINTMENTS, kit.patient_id, query=query)

        refuses(f"retrieve.refuses-{name}", sentence, requirements, INVALID_PARAMETER)(send)


register_retrievals()


@refuses("retrieve.unknown-patient", "The patient does not exist", "RETR-018", PATIENT_NOT_FOUND)
def unknown_patient(kit: Kit) -> Exchange:
    query = [("start", f"ge{kit.today}"), ("start", f"le{kit.today}")]
    return kit.wire.ask(gpc.RETRIEVE_APPOINTMENTS, NOBODY, query=query)


# ---------------------------------------------------------------- amending and cancelling


def standing(kit: Kit) -> Exchange:
    """An appointment that stands until the end of the visit, read anew each time."""
    booked = kit.once("standing", kit.book_for_changes)
    return kit.wire.ask(gpc.READ_APPOINTMENT, str(booked.resource["id"]))


Change = Callable[[dict[str, Any]], Any]


def put(
    kit: Kit, interaction: gpc.Interaction, change: Change, *, if_match: str | None = None
) -> Exchange:
    """Send the standing appointment back with a change, or as a cancellation with one."""
    current = standing(kit)
    is_cancel = interaction is gpc.CANCEL_APPOINTMENT
    body = cancelled(current.resource) if is_cancel else dict(current.resource)
    change(body)
    etag = current.header("ETag") if if_match is None else if_match
    headers = {"If-Match": etag} if etag else {}
    return kit.change(interaction, current.resource, headers, body=body)


def later(body: dict[str, Any]) -> None:
    """An hour later than it is."""
    body["start"] = uk(begins(body) + timedelta(hours=1))


def drop(name: str) -> Change:
    return lambda body: body.pop(name, None)


def with_reason(body: dict[str, Any]) -> None:
    body["extension"] = cancelled(body)["extension"]


def without_reason(body: dict[str, Any]) -> None:
    body["extension"] = bodies.without_reason(body)


def reworded(body: dict[str, Any]) -> None:
    body["description"] = "Other words."


BAD = (INVALID_RESOURCE,)
MALFORMED = (BAD_REQUEST, INVALID_RESOURCE)
ROWS: tuple[tuple[str, str, str, Change, tuple[Refusal, ...]], ...] = (
    ("amend.refuses-other-start", "start is another", "AMEND-010 AMEND-047", later, BAD),
    (
        *("amend.refuses-other-slot", "slot is another", "AMEND-010 AMEND-031"),
        lambda body: body.update(slot=[{"reference": f"Slot/{NOBODY}"}]),
        (INVALID_RESOURCE,),
    ),
    (
        *("amend.refuses-cancelled", "status is cancelled", "AMEND-018 SSP-012"),
        *(lambda body: body.update(status="cancelled"), BAD),
    ),
    ("amend.refuses-reason", "A cancellation reason is there", "AMEND-019", with_reason, BAD),
    (
        *("amend.refuses-no-description", "description is missing", "AMEND-016"),
        *(drop("description"), BAD),
    ),
    (
        *("amend.refuses-long-description", "description has 101 characters", "AMEND-015"),
        *(lambda body: body.update(description="d" * 101), BAD),
    ),
    (
        *("amend.refuses-long-comment", "comment has 501 characters", "AMEND-015"),
        *(lambda body: body.update(comment="c" * 501), BAD),
    ),
    (
        *("amend.refuses-medical-reason", "reason is there", "AMEND-017"),
        *(lambda body: body.update(reason=[{"text": "Cough"}]), BAD),
    ),
    ("amend.refuses-no-profile", "meta is missing", "AMEND-002", drop("meta"), BAD),
    ("amend.refuses-no-id", "id is missing", "AMEND-021 GEN-101", drop("id"), MALFORMED),
    (
        *("amend.refuses-other-id", "id is not that of the address", "AMEND-021 GEN-101"),
        *(lambda body: body.update(id=NOBODY), MALFORMED),
    ),
    ("cancel.refuses-no-reason", "The reason is missing", "CANC-003 CANC-014", without_reason, BAD),
    (
        *("cancel.refuses-booked", "status is booked", "CANC-002 CANC-016"),
        *(lambda body: body.update(status="booked"), BAD),
    ),
    ("cancel.refuses-description", "description is another", "CANC-010", reworded, BAD),
    ("cancel.refuses-other-start", "start is another", "CANC-010", later, BAD),
    ("cancel.refuses-no-profile", "meta is missing", "CANC-004", drop("meta"), BAD),
    ("cancel.refuses-no-id", "id is missing", "CANC-018 GEN-101", drop("id"), MALFORMED),
)


def register() -> None:
    """Make each row a check."""
    for name, sentence, requirements, change, expected in ROWS:
        cancels = name.startswith("cancel.")
        interaction = gpc.CANCEL_APPOINTMENT if cancels else gpc.AMEND_APPOINTMENT

        def send(
            kit: Kit, change: Change = change, interaction: gpc.Interaction = interaction
        ) -> Exchange:
            return put(kit, interaction, change)

        refuses(name, sentence, requirements, *expected)(send)


register()


@refuses(
    "amend.malformed-version",
    "If-Match is no ETag",
    "AMEND-014 GEN-094",
    VERSION_CONFLICT,
    BAD_REQUEST,
)
def malformed_version(kit: Kit) -> Exchange:
    return put(kit, gpc.AMEND_APPOINTMENT, reworded, if_match="not an etag")


@refuses(
    "amend.unknown",
    "An appointment that there is not is amended",
    "AMEND-020 GEN-100",
    NO_RECORD_FOUND,
)
def unknown_amended(kit: Kit) -> Exchange:
    body = {**standing(kit).resource, "id": NOBODY}
    return kit.change(gpc.AMEND_APPOINTMENT, body, {}, body=body)


@refuses(
    "cancel.unknown",
    "An appointment that there is not is cancelled",
    "CANC-017 GEN-100",
    NO_RECORD_FOUND,
)
def unknown_cancelled(kit: Kit) -> Exchange:
    body = cancelled({**standing(kit).resource, "id": NOBODY})
    return kit.change(gpc.CANCEL_APPOINTMENT, body, {}, body=body)
