"""Each request is one line with what support needs, and no address."""

import re

import pytest

from config import logs

NHS_NUMBER = "9476719931"


@pytest.mark.req("PERF-035", "SEC-023")
@pytest.mark.django_db
def test_a_request_is_one_line_with_what_support_needs_and_no_address(consumer, practice, lines):
    consumer.find_patient(NHS_NUMBER, headers={"Ssp-TraceID": "trace-1"})
    consumer.read_metadata(headers={"Ssp-TraceID": "trace-2", "Ssp-From": ""})

    found, refused = [line for line in lines() if line["logger"] == "config.requests"]
    assert found.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}\+00:00", found.pop("time"))
    assert found == {
        "level": "INFO",
        "logger": "config.requests",
        "message": "GET 200",
        "trace_id": "trace-1",
        "practice": practice.organisation.ods_code,
        "interaction": "rest:search:patient-1",
        "status": 200,
    }
    assert (refused["status"], refused["code"]) == (400, "BAD_REQUEST")


@pytest.mark.django_db
def test_what_is_logged_on_the_way_carries_the_trace_id(consumer, monkeypatch, lines):
    monkeypatch.setattr(
        "fhirapi.views.practice_later", lambda code: (_ for _ in ()).throw(KeyError(NHS_NUMBER))
    )

    consumer.read_metadata(headers={"Ssp-TraceID": "trace-3"})

    failure = next(line for line in lines() if line["logger"] == "fhirapi.errors")
    assert failure["trace_id"] == "trace-3"
    assert "KeyError: '[NHS number]'" in failure["exception"]
    assert logs.context.get() == {}


def test_probes_and_static_files_leave_no_line(client, lines):
    client.get("/health/live")
    client.get("/static/no-such-file.css")

    assert [line for line in lines() if line["logger"] == "config.requests"] == []


@pytest.mark.req("SEC-023")
@pytest.mark.django_db
def test_no_part_of_a_line_can_hold_an_nhs_number(consumer, lines):
    """Neither the verb, nor the trace id, nor what stands where the practice's code would."""
    headers = {"Ssp-TraceID": f"trace-{NHS_NUMBER}", "Ssp-InteractionID": NHS_NUMBER}
    consumer.read_metadata(verb=NHS_NUMBER, headers=headers)
    consumer.client.get(f"/{NHS_NUMBER}/STU3/1/gpconnect/metadata", headers=headers)

    odd, unknown = [line for line in lines() if line["logger"] == "config.requests"]
    assert odd["message"] == "[NHS number] 400"
    assert odd["trace_id"] == "trace-[NHS number]"
    assert unknown["practice"] == "[NHS number]"
    assert NHS_NUMBER not in f"{odd}{unknown}"
