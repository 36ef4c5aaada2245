"""What an amendment or a cancellation may say, compared with what is stored."""

from copy import deepcopy
from typing import Any

import pytest

from fhirapi.resources import appointment
from tests.fhirapi.appointments import INVALID, appointment_in, assert_refused, changed, diary
from tests.fhirapi.copies_sent_back import (
    DIFFERENT,
    SAME,
    Change,
    an_hour_later,
    having,
    without,
)
from workbench.bodies import cancelled
from workbench.consumer import as_dict

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- what else the body says


@pytest.mark.req(
    "AMEND-005", "AMEND-030", "AMEND-032", "AMEND-033", "AMEND-044", "DEC-020", "DEC-062"
)
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("write", SAME.values(), ids=SAME.keys())
def test_an_amendment_that_means_the_same_is_the_same(consumer, received, write, format):
    """And the answer is as complete as ever."""
    body = deepcopy(received)
    write(body)
    body["description"] = "Worse since the morning."

    amended = appointment_in(consumer.amend(received["id"], body, format=format))

    assert amended == {
        **received,
        "meta": {**received["meta"], "versionId": "2"},
        "description": "Worse since the morning.",
    }


REASON = {"url": appointment.CANCELLATION_REASON, "valueString": "No longer needed."}

ONLY_AMENDMENTS: dict[str, tuple[Change, str]] = {
    "AMEND-015 description of 101": (
        having(description="x" * 101),
        "Appointment.description may have at most 100 characters",
    ),
    "AMEND-015 comment of 501": (
        having(comment="x" * 501),
        "Appointment.comment may have at most 500 characters",
    ),
    "AMEND-016 no description": (without("description"), "Appointment.description"),
    "AMEND-016 empty description": (having(description=""), "Appointment.description"),
    "AMEND-016 blank description": (having(description="   "), "Appointment.description"),
    **{
        f"AMEND-018 {status}": (having(status=status), "Appointment.status cannot be amended")
        for status in ("cancelled", "arrived", "proposed")
    },
    "AMEND-018 unknown status": (having(status="confirmed"), "Appointment.status is not a code"),
    "AMEND-019 cancellation reason": (
        lambda body: body["extension"].append(REASON),
        "An amendment has no cancellation reason",
    ),
    "AMEND-018 AMEND-019 a whole cancellation": (
        lambda body: (body.update(status="cancelled"), body["extension"].append(REASON)),
        "An amendment has no cancellation reason",
    ),
}


@pytest.mark.req("AMEND-002", "AMEND-010", "AMEND-015", "AMEND-016", "AMEND-017", "AMEND-018")
@pytest.mark.req("AMEND-019", "AMEND-030", "AMEND-031", "AMEND-033", "AMEND-047", "GEN-033")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [*DIFFERENT.values(), *ONLY_AMENDMENTS.values()],
    ids=[*DIFFERENT, *ONLY_AMENDMENTS],
)
def test_an_amendment_of_anything_else_changes_nothing(consumer, received, spoil, words, format):
    body = changed(received, description="Worse since the morning.")
    body = deepcopy(body)
    spoil(body)
    before = diary()

    response = consumer.amend(received["id"], body, if_match='W/"1"', format=format)

    assert_refused(response, INVALID, words, before=before)


@pytest.mark.req("AMEND-010", "ERR-064")
def test_every_element_that_differs_is_named(consumer, received):
    body = deepcopy(received)
    an_hour_later("start")(body)
    body["priority"] = 1

    response = consumer.amend(received["id"], body)

    assert [issue["diagnostics"] for issue in as_dict(response)["issue"]] == [
        "Appointment.start cannot be changed.",
        "Appointment.priority cannot be changed.",
    ]


# ---------------------------------------------------------------- cancellations


# ---------------------------------------------------------------- what else the body says


@pytest.mark.req("CANC-020", "AMEND-005", "AMEND-030", "AMEND-032", "AMEND-033", "DEC-062")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("write", SAME.values(), ids=SAME.keys())
def test_a_cancellation_that_means_the_same_is_the_same(consumer, received, write, format):
    body = deepcopy(received)
    write(body)

    response = consumer.cancel(received["id"], cancelled(body), format=format)

    ended = appointment_in(response)
    assert ended["status"] == "cancelled"
    assert {name: ended[name] for name in ended if name not in ("meta", "extension", "status")} == {
        name: received[name] for name in received if name not in ("meta", "extension", "status")
    }
    assert [
        each
        for each in ended["extension"]
        if not each["url"].endswith("AppointmentCancellationReason-1")
    ] == (received["extension"])


def with_reason(**value: Any) -> Change:
    """The extension of the reason with another value, or without one."""

    def change(body: dict[str, Any]) -> None:
        body["extension"][-1] = {"url": appointment.CANCELLATION_REASON, **value}

    return change


ONLY_CANCELLATIONS: dict[str, tuple[Change, str]] = {
    **{
        f"CANC-002 CANC-016 {status}": (
            having(status=status),
            "Appointment.status must be cancelled",
        )
        for status in ("booked", "arrived", "noshow", "proposed", "entered-in-error")
    },
    "CANC-016 unknown status": (having(status="canceled"), "Appointment.status is not a code"),
    "CANC-003 CANC-014 no reason": (
        lambda body: body["extension"].pop(),
        "A cancellation needs the extension with its reason",
    ),
    "CANC-014 a reason without value": (
        with_reason(),
        "must have a value or extensions",
    ),
    "CANC-014 an empty reason": (with_reason(valueString=""), "Appointment.extension"),
    "CANC-014 a blank reason": (with_reason(valueString=" \n "), "Appointment.extension"),
    "CANC-003 a reason of another type": (
        with_reason(valueCode="other"),
        "A cancellation needs the extension with its reason",
    ),
    "CANC-003 two reasons": (
        lambda body: body["extension"].append(body["extension"][-1]),
        "must not be repeated",
    ),
    "CANC-010 CANC-020 another description": (
        having(description="Worse"),
        "Appointment.description cannot be changed",
    ),
    "CANC-010 CANC-020 another comment": (
        having(comment="Blind"),
        "Appointment.comment cannot be changed",
    ),
    "CANC-020 no comment": (
        lambda body: body.pop("comment"),
        "Appointment.comment cannot be changed",
    ),
    "CANC-010 no description": (lambda body: body.pop("description"), "Appointment.description"),
}


@pytest.mark.req("CANC-002", "CANC-003", "CANC-004", "CANC-010", "CANC-014", "CANC-016", "CANC-020")
@pytest.mark.req("CANC-021", "GEN-033")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [*DIFFERENT.values(), *ONLY_CANCELLATIONS.values()],
    ids=[*DIFFERENT, *ONLY_CANCELLATIONS],
)
def test_a_cancellation_that_says_anything_else_changes_nothing(
    consumer, received, spoil, words, format
):
    body = cancelled(received)
    spoil(body)
    before = diary()

    response = consumer.cancel(received["id"], body, if_match='W/"1"', format=format)

    assert_refused(response, INVALID, words, before=before)
