"""Every way of failing has its row of the error table, and is answered in one shape."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import exceptions as django_errors
from django.core.handlers.exception import response_for_exception
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions as drf_errors

from fhirapi import errors, renderers
from fhirapi.errors import FHIRError, SpineError
from practice import exceptions as refusals
from tests import profiles
from tests.shared import GPCONNECT, needs_shared
from workbench.consumer import as_dict, diagnostics, issues, read_back, spine_code

ALL = {name: value for name, value in vars(errors).items() if isinstance(value, SpineError)}
# Not in the required code list, so not valid against the profile: DEC-002, DEC-003.
SPELT_AS_ON_THE_PAGE = {"ACCESS_DENIED", "NO_ORGANISATION_CONSENT"}


def published_rows() -> list[dict]:
    path = GPCONNECT / "terminology" / "error_codes.json"
    return json.loads(path.read_text())["errors"] if path.exists() else []


def answer_to(exc: Exception, **headers: str):
    """What the exception handler of Django REST framework answers to a request."""
    request = RequestFactory().get("/", headers=headers)
    return errors.exception_handler(exc, {"request": request})


# ---------------------------------------------------------------- the table


@needs_shared
@pytest.mark.req(
    *("ERR-020", "ERR-021", "ERR-022", "ERR-023", "ERR-024", "ERR-025", "ERR-026", "ERR-027"),
    *("ERR-028", "ERR-029", "ERR-030", "ERR-031", "ERR-032", "ERR-033", "ERR-034", "ERR-035"),
    *("ERR-036", "ERR-037", "ERR-060", "ERR-061", "ERR-005"),
)
@pytest.mark.parametrize(
    "row", published_rows(), ids=lambda row: f"{row['httpStatus']}-{row['code']}"
)
def test_each_row_of_the_published_table_is_a_constant(row):
    expected = SpineError(row["httpStatus"], row["issueType"], row["code"], row["display"])

    assert expected in ALL.values()


@needs_shared
def test_no_constant_is_made_up():
    """Two are ours, for which HTTP has a status and the table none."""
    published = {
        SpineError(row["httpStatus"], row["issueType"], row["code"], row["display"])
        for row in published_rows()
    }

    assert set(ALL.values()) - published == {errors.UNAVAILABLE, errors.BODY_TOO_LARGE}


# ---------------------------------------------------------------- the shape


@needs_shared
@pytest.mark.req("ERR-001", "ERR-003", "ERR-004", "ERR-006", "ERR-007")
@pytest.mark.parametrize("name", sorted(ALL))
def test_an_outcome_keeps_to_the_profile(name):
    outcome = errors.operation_outcome(ALL[name], ["Slot.status must be free."])

    violations = profiles.check(outcome)

    if ALL[name].code in SPELT_AS_ON_THE_PAGE:
        violations = [text for text in violations if "details" not in str(text)]
    assert not violations


@needs_shared
@pytest.mark.req("ERR-001", "ERR-005", "ERR-008")
@pytest.mark.parametrize(
    "path",
    sorted((GPCONNECT / "examples" / "corrected").glob("operation_outcome.*.json")),
    ids=lambda path: path.stem.removeprefix("operation_outcome."),
)
def test_an_outcome_equals_the_published_example(path):
    example = json.loads(path.read_text())
    [issue] = example["issue"]
    code = issue["details"]["coding"][0]["code"]
    error = next(error for error in ALL.values() if error.code == code)

    assert errors.operation_outcome(error, [issue["diagnostics"]]) == example


@pytest.mark.req("ERR-064")
def test_several_problems_become_several_issues_with_one_code():
    response = answer_to(FHIRError(errors.INVALID_RESOURCE, ["A is missing.", "B is missing."]))

    assert [issue["diagnostics"] for issue in issues(response)] == [
        "A is missing.",
        "B is missing.",
    ]
    assert {issue["details"]["coding"][0]["code"] for issue in issues(response)} == {
        "INVALID_RESOURCE"
    }


@pytest.mark.req("ERR-001", "ERR-011", "ERR-012", "GEN-074", "GEN-059")
@pytest.mark.parametrize("name", ["json", "xml"])
def test_an_error_is_sent_in_the_format_asked_for_uncached_and_without_etag(name):
    response = answer_to(FHIRError(errors.BAD_REQUEST, "No."), accept=f"application/fhir+{name}")

    assert response.status_code == 400
    assert response["Content-Type"] == f"application/fhir+{name};charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    assert "ETag" not in response
    assert read_back(response).issue[0].severity == "error"


@pytest.mark.req("ERR-015")
def test_an_error_is_json_where_no_format_could_be_agreed():
    response = answer_to(FHIRError(errors.BAD_REQUEST, "No."), accept="text/html")

    assert response["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert spine_code(response) == "BAD_REQUEST"


# ---------------------------------------------------------------- the map


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (refusals.SwitchedOff, 403, "ACCESS_DENIED"),
        (refusals.PatientNotFound, 404, "PATIENT_NOT_FOUND"),
        (refusals.AppointmentNotFound, 404, "NO_RECORD_FOUND"),
        (refusals.SlotNotFound, 422, "REFERENCE_NOT_FOUND"),
        (refusals.LocationNotFound, 422, "REFERENCE_NOT_FOUND"),
        (refusals.PractitionerNotFound, 422, "REFERENCE_NOT_FOUND"),
        (refusals.BookedPatientNotFound, 422, "REFERENCE_NOT_FOUND"),
        (refusals.SlotNotFree, 409, "DUPLICATE_REJECTED"),
        (refusals.SlotsNotAdjacent, 422, "INVALID_RESOURCE"),
        (refusals.NotOffered, 422, "INVALID_RESOURCE"),
        (refusals.AppointmentCancelled, 422, "INVALID_RESOURCE"),
        (refusals.VersionConflict, 409, "FHIR_CONSTRAINT_VIOLATION"),
        (refusals.AlreadyRegistered, 409, "DUPLICATE_REJECTED"),
        (refusals.DemographicsNotConfirmed, 400, "INVALID_PATIENT_DEMOGRAPHICS"),
        (refusals.NHSNumberRefused, 400, "INVALID_NHS_NUMBER"),
        (refusals.DemographicsUnavailable, 500, "INTERNAL_SERVER_ERROR"),
    ],
)
def test_a_refusal_of_the_practice_has_its_code(refusal, status, code):
    response = answer_to(refusal())

    assert response.status_code == status
    assert spine_code(response) == code
    assert diagnostics(response) == str(refusal())


def subclasses(parent: Any) -> list[Any]:
    return [kind for child in parent.__subclasses__() for kind in (child, *subclasses(child))]


@pytest.mark.req("ERR-009", "ERR-052")
@pytest.mark.parametrize("refusal", subclasses(refusals.PracticeError))
def test_no_refusal_is_a_surprise(refusal):
    """Also those not yet written: a new one has the code of its nearest ancestor, and words."""
    own = "__init__" in vars(refusal)  # it is told more than nothing
    response = answer_to(Exception.__new__(refusal, "In words") if own else refusal())

    assert spine_code(response) in {error.code for error in errors.SPINE_ERRORS.values()}
    assert diagnostics(response)


@pytest.mark.req("ERR-002", "ERR-044")
@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (Http404("secret"), 404, "NO_RECORD_FOUND"),
        (django_errors.PermissionDenied("secret"), 403, "ACCESS_DENIED"),
        (django_errors.RequestDataTooBig("secret"), 413, "BAD_REQUEST"),
        (django_errors.TooManyFieldsSent("secret"), 400, "BAD_REQUEST"),
        (django_errors.DisallowedHost("secret"), 400, "BAD_REQUEST"),
        (django_errors.SuspiciousFileOperation("secret"), 400, "BAD_REQUEST"),
        (drf_errors.ParseError("secret"), 400, "BAD_REQUEST"),
        (drf_errors.MethodNotAllowed("PATCH"), 400, "BAD_REQUEST"),
        (drf_errors.NotAcceptable("secret"), 415, "BAD_REQUEST"),
        (drf_errors.UnsupportedMediaType("secret"), 415, "BAD_REQUEST"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_frameworks_raise_is_converted_without_their_words(exc, status, code):
    response = answer_to(exc)

    assert response.status_code == status
    assert spine_code(response) == code
    assert "secret" not in diagnostics(response)


@pytest.mark.req("ERR-063", "ERR-037", "ERR-009")
def test_an_unforeseen_failure_says_nothing_but_its_trace_id_and_is_logged_in_full(caplog):
    with caplog.at_level(logging.ERROR, logger="fhirapi.errors"):
        response = answer_to(ValueError("SELECT secret"), **{"Ssp-TraceID": "4fd1-b\n\r 'x"})

    assert response.status_code == 500
    assert issues(response)[0]["code"] == "processing"
    assert "4fd1-bx" in diagnostics(response)
    assert "secret" not in response.content.decode()
    assert "SELECT secret" in caplog.text
    assert "4fd1-bx" in caplog.text


def test_an_unforeseen_failure_without_a_trace_id_is_given_one(caplog):
    response = answer_to(ValueError())

    [record] = caplog.records
    assert record.getMessage().split()[1] in diagnostics(response)


def read_only(words):
    """As a replica refuses to write, which Django counts among the database's internal errors."""
    error = InternalError(words)
    error.__cause__ = type("Cause", (Exception,), {"sqlstate": "25006"})()
    return error


@pytest.mark.parametrize(
    "exc", [OperationalError("locked: secret"), InterfaceError("secret"), read_only("secret")]
)
def test_a_database_out_of_reach_is_worth_another_try(exc):
    response = answer_to(exc)

    assert response.status_code == 503
    assert response["Retry-After"] == "2"
    assert spine_code(response) == "INTERNAL_SERVER_ERROR"
    assert "secret" not in diagnostics(response)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (SimpleNamespace(sqlstate="40P01"), True),
        (SimpleNamespace(sqlstate="08006"), False),
        (SimpleNamespace(sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), True),
        (SimpleNamespace(sqlite_errorname="SQLITE_FULL"), False),
        (None, False),
    ],
)
def test_contention_is_told_from_other_faults_of_a_database(cause, expected):
    error = OperationalError()
    if cause:
        error.__cause__ = type("Cause", (Exception,), vars(cause))()

    assert errors.is_contention(error) is expected


# ---------------------------------------------------------------- outside the views


@pytest.mark.req("ERR-002", "GEN-003", "GEN-004", "GEN-007")
@pytest.mark.parametrize(
    "path",
    ["/nonsense", "/A20047/stu3/1/gpconnect/metadata", "/A20047/STU3/2/gpconnect/metadata"],
)
@pytest.mark.parametrize("name", ["json", "xml"])
def test_an_address_below_no_service_root_is_an_outcome_too(path, name):
    response = Client().get(path, headers={"Accept": f"application/fhir+{name}"})

    assert response.status_code == 404
    assert response["Content-Type"] == f"application/fhir+{name};charset=utf-8"
    assert spine_code(response) == "ORGANISATION_NOT_FOUND"


@pytest.mark.req("ERR-002")
def test_a_host_that_is_not_ours_is_an_outcome_too():
    response = Client().get("/A20047/STU3/1/gpconnect/metadata", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
    assert "evil" not in diagnostics(response)


@pytest.mark.req("ERR-002", "ERR-063")
@pytest.mark.urls("tests.fhirapi.echo")
def test_a_crash_outside_the_views_is_an_outcome_too():
    response = Client(raise_request_exception=False).get("/crash")

    assert response.status_code == 500
    assert spine_code(response) == "INTERNAL_SERVER_ERROR"
    assert "trace id" in diagnostics(response)


@pytest.mark.urls("tests.fhirapi.echo")
def test_a_refusal_by_a_middleware_is_an_outcome(rf):
    response = response_for_exception(rf.get("/x"), django_errors.PermissionDenied("secret"))

    assert response.status_code == 403
    assert as_dict(response) == errors.operation_outcome(
        errors.ACCESS_DENIED, ["Access is denied."]
    )


def test_too_many_parameters_cannot_break_the_error_itself(rf, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    request = rf.get("/?a=1&b=2&c=3")

    assert renderers.format_or_json(request) is renderers.Format.JSON
