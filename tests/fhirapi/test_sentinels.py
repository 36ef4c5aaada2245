"""Sentinels: in a sandbox they are heard wherever such a value may stand, elsewhere never."""

from dataclasses import replace

import pytest

from fhirapi import errors, ssp
from fhirapi.developer import requests
from fhirapi.developer.refusals import REFUSALS
from fhirapi.developer.requests import REQUESTS
from fhirapi.resources import common
from fhirapi.sentinels import BY_FORM, SENTINELS
from practice import nhs_number
from practice.models import Appointment, Patient
from tests.fhirapi.developer.world import make_world, named
from workbench.consumer import spine_code

CONSENT = next(each for each in SENTINELS if each.error is errors.NO_PATIENT_CONSENT)


def carriers(values, sentinel=CONSENT):
    """Each place where a sentinel may stand, with an interaction that has it."""
    pk, number = sentinel.value, sentinel.nhs_number
    book = REQUESTS[ssp.BOOK_APPOINTMENT](values)
    search = REQUESTS[ssp.SEARCH_SLOTS](values)
    for interaction in ssp.INTERACTIONS:
        if "[id]" in interaction.path:
            request = replace(REQUESTS[interaction](values), path=interaction.path)
            yield replace(request, path=request.path.replace("[id]", pk))
    yield requests.find(ssp.FIND_PATIENT, common.NHS_NUMBER, number)
    yield requests.find(ssp.FIND_PRACTITIONER, common.SDS_USER_ID, pk)
    yield requests.find(ssp.FIND_ORGANISATION, common.ODS_CODE, pk)
    yield replace(search, query=(*search.query[:-1], ("searchFilter", f"{common.ODS_CODE}|{pk}")))
    yield replace(book, body={**book.body, "description": sentinel.description})
    yield replace(book, body={**book.body, "slot": [{"reference": f"Slot/{pk}"}]})
    yield requests.register(replace(values, newcomer=number))


def test_a_sentinel_is_heard_wherever_it_may_stand_in_a_sandbox(values, send):
    answers = [send(request, values) for request in carriers(values)]

    assert {spine_code(answer) for answer in answers} == {"NO_PATIENT_CONSENT"}
    assert {each.interaction for each in carriers(values)} == set(CONSENT.interactions)
    assert Appointment.objects.count() == 2


@pytest.mark.parametrize("sentinel", SENTINELS, ids=lambda each: each.description)
def test_at_a_real_practice_it_means_nothing(sentinel, values, send, national_record):
    """The same requests are answered as any others with a value that nobody knows."""
    real = named(make_world())

    for request in carriers(real, sentinel):
        answer = send(request, real)
        if request.body and request.body.get("description") == sentinel.description:
            assert answer.status_code == 201
        elif answer.status_code != 200:
            assert (answer.status_code, spine_code(answer)) in {
                (404, "PATIENT_NOT_FOUND"),
                (404, "PRACTITIONER_NOT_FOUND"),
                (404, "ORGANISATION_NOT_FOUND"),
                (404, "NO_RECORD_FOUND"),
                (400, "BAD_REQUEST"),  # the id in the body is another one
                (422, "REFERENCE_NOT_FOUND"),
                (400, "INVALID_PATIENT_DEMOGRAPHICS"),
            }
            assert "sentinel" not in answer.content.decode()


def test_no_guard_is_passed_by_a_sentinel(values, send, settings):
    """Who may not ask hears so, and nothing of what a sentinel would say."""
    unnamed = replace(
        requests.read(ssp.READ_PATIENT, CONSENT.value), headers=((ssp.SENT_FROM, ""),)
    )
    assert spine_code(send(unnamed, values)) == "BAD_REQUEST"

    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    answer = send(requests.read(ssp.READ_PATIENT, CONSENT.value), values)
    assert (answer.status_code, spine_code(answer)) == (403, "ACCESS_DENIED")
    assert b"certificate" in answer.content


def test_sentinels_are_values_that_no_record_has():
    assert len(BY_FORM) == 3 * len(SENTINELS)
    for sentinel in SENTINELS:
        assert common.logical_id(sentinel.value) == int(sentinel.value) > 10**17
        assert nhs_number.is_valid(sentinel.nhs_number)
        assert sentinel.nhs_number.startswith("999990")
        assert sentinel.error in [each.error for each in REFUSALS]


def test_the_demo_has_nobody_with_the_number_of_a_sentinel(settings):
    files = "".join(
        path.read_text(encoding="utf-8") for path in (settings.BASE_DIR / "demo").glob("*.yaml")
    )

    assert [each.nhs_number for each in SENTINELS if each.nhs_number in files] == []
    assert Patient._meta.get_field("nhs_number").unique is False
