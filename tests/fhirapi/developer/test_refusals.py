"""Each error of the error table is provoked on a sandbox by the request that the page shows."""

import pytest

from fhirapi import errors, ssp
from fhirapi.developer import requests
from fhirapi.developer.refusals import REFUSALS, refusals_of
from fhirapi.errors import SpineError
from fhirapi.sentinels import SENTINELS
from practice.models import AuditEvent
from workbench.consumer import issues, spine_code

TABLE = [each for each in vars(errors).values() if isinstance(each, SpineError)]


@pytest.mark.req("ERR-020", "ERR-030", "ERR-036", "ERR-037")
def test_the_page_has_a_row_for_each_row_of_the_error_table():
    assert [each for each in TABLE if each not in [row.error for row in REFUSALS]] == []
    assert len(REFUSALS) == len(TABLE)
    assert len({each.name for each in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("format", ["json", "xml"])
def test_each_error_is_provoked_on_a_sandbox(format, values, send):
    for refusal in REFUSALS:
        error = refusal.error
        answer = send(refusal.request(values), values, format)

        known = (answer.status_code, spine_code(answer), issues(answer)[0]["code"])
        assert known == (error.status, error.code, error.issue_type), answer.content
        is_json = format == "json" or error is errors.UNSUPPORTED_MEDIA_TYPE
        assert ("json" if is_json else "xml") in answer["Content-Type"]
        assert AuditEvent.objects.latest("pk").spine_code == error.code
        if error is errors.UNAVAILABLE:
            assert int(answer["Retry-After"]) > 0


def test_what_provokes_an_error_is_a_request_of_an_interaction_that_can_have_it(values):
    for refusal in REFUSALS:
        if refusal.error is not errors.NOT_IMPLEMENTED:
            assert refusal.request(values).interaction in refusal.raised_by


def test_a_sentinel_is_heard_by_interactions_that_can_be_answered_so():
    for sentinel in SENTINELS:
        for interaction in sentinel.interactions:
            assert sentinel.error in [each.error for each in refusals_of(interaction)]


def test_what_needs_no_sentinel_has_none(values):
    """A request that is simply wrong is refused at a real practice too."""
    for refusal in REFUSALS:
        request = refusal.request(values)
        said = repr((request.path, request.query, request.body))
        assert bool(refusal.sentinel and any(f in said for f in refusal.sentinel.forms)) == (
            "sentinel" in refusal.how and "in a registration" not in refusal.how
        )


def test_every_interaction_has_a_request():
    assert list(requests.REQUESTS) == list(ssp.INTERACTIONS)
