"""What the views of single appointments have in common: the version that a change is meant for."""

import pytest

from practice.models import AuditEvent
from tests.fhirapi.appointments import BAD, CONFLICT, appointment_in, assert_refused, changed, diary
from workbench.consumer import as_dict

pytestmark = pytest.mark.django_db


@pytest.mark.req("AMEND-021", "GEN-101", "DEC-018")
@pytest.mark.parametrize("pk", [None, "999999", "01"])
def test_the_id_in_the_body_is_the_one_in_the_address(consumer, received, pk):
    before = diary()

    response = consumer.amend(received["id"], changed(received, id=pk))

    assert_refused(response, BAD, "Appointment.id must be the id in the address", before=before)


# ---------------------------------------------------------------- versions


@pytest.mark.req("AMEND-013", "AMEND-014", "AMEND-023", "GEN-093", "GEN-094", "DEC-007", "DEC-008")
@pytest.mark.parametrize(
    "if_match",
    [
        'W/"2"',
        '"2"',
        'W/"0"',
        'W/"01"',
        "1",
        "W/1",
        '""',
        "",
        "*",
        "'1'",
        'w/"1"',
        'W/"1',
        "nonsense",
    ]
    + ['W/"1", W/"2"', 'W/"1 "'],
)
def test_an_if_match_that_is_not_the_current_etag_is_a_conflict(consumer, received, if_match):
    """Told before anything that differs: a stale copy differs because it is stale."""
    before = diary()

    response = consumer.amend(received["id"], changed(received, priority=1), if_match=if_match)

    assert_refused(
        response, CONFLICT, "The record was changed since the copy was read", before=before
    )
    assert as_dict(response)["issue"][0]["code"] == "conflict"
    event = AuditEvent.objects.latest("pk")
    assert event.resource == f"Appointment/{received['id']}"
    assert event.patient_id is not None


@pytest.mark.req("AMEND-003", "AMEND-014", "GEN-092", "GEN-094")
@pytest.mark.parametrize(
    "sent",
    [{"if_match": 'W/"1"'}, {"if_match": '"1"'}, {"if_match": '  W/"1" '}, {}],
    ids=["as received", "strong", "with spaces", "none"],
)
def test_an_if_match_that_is_the_current_etag_or_absent_is_accepted(consumer, received, sent):
    body = changed(received, description="Worse since the morning.")

    response = consumer.amend(received["id"], body, **sent)

    assert (response.status_code, response["ETag"]) == (200, 'W/"2"')


@pytest.mark.req("AMEND-013", "AMEND-023", "GEN-093", "GEN-102")
def test_the_second_of_two_amendments_of_one_version_is_refused(consumer, received):
    first = consumer.amend(received["id"], changed(received, description="First"), if_match='W/"1"')
    before = diary()

    second = consumer.amend(
        received["id"], changed(received, description="Second"), if_match='W/"1"'
    )

    assert first.status_code == 200
    assert_refused(second, CONFLICT, "The record was changed", before=before)


@pytest.mark.req("AMEND-014", "GEN-094")
def test_without_if_match_a_stale_copy_still_may_not_undo_other_elements(consumer, received):
    """Only the two texts are at the mercy of the last writer."""
    consumer.amend(received["id"], changed(received, description="First"))

    second = consumer.amend(received["id"], changed(received, comment="Second"))

    amended = appointment_in(second)
    assert (amended["description"], amended["comment"]) == (received["description"], "Second")
    assert amended["meta"]["versionId"] == "3"
