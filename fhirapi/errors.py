"""What can go wrong, as a consumer sees it: the codes, the map from exceptions, the answer.

An OperationOutcome is made here and nowhere else. Source: GP Connect, "Error handling".
"""

import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.core import exceptions as django_errors
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework import exceptions as drf_errors

from fhirapi import renderers
from fhirapi.resources.common import Element
from practice import exceptions as refusals
from practice.db.availability import RETRY_AFTER_SECONDS, NoConnection, is_away

logger = logging.getLogger(__name__)

PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1"
# The page's examples show the address of the ValueSet, which does not validate (DEC-001).
SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"


# ---------------------------------------------------------------- the table of codes


@dataclass(frozen=True)
class SpineError:
    """One row of the error table: ``display`` is the code system's text (DEC-004)."""

    status: int
    issue_type: str
    code: str
    display: str


INVALID_IDENTIFIER_SYSTEM = SpineError(
    400, "value", "INVALID_IDENTIFIER_SYSTEM", "Invalid identifier system"
)
INVALID_IDENTIFIER_VALUE = SpineError(
    400, "value", "INVALID_IDENTIFIER_VALUE", "Invalid identifier value"
)
INVALID_NHS_NUMBER = SpineError(400, "value", "INVALID_NHS_NUMBER", "Invalid NHS number")
INVALID_PATIENT_DEMOGRAPHICS = SpineError(
    400, "business-rule", "INVALID_PATIENT_DEMOGRAPHICS", "Invalid patient demographics"
)
ORGANISATION_NOT_FOUND = SpineError(
    404, "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found"
)
PATIENT_NOT_FOUND = SpineError(404, "not-found", "PATIENT_NOT_FOUND", "Patient not found")
PRACTITIONER_NOT_FOUND = SpineError(
    404, "not-found", "PRACTITIONER_NOT_FOUND", "Practitioner not found"
)
NO_RECORD_FOUND = SpineError(404, "not-found", "NO_RECORD_FOUND", "No record found")
NO_PATIENT_CONSENT = SpineError(
    403, "forbidden", "NO_PATIENT_CONSENT", "Patient has not provided consent to share data"
)
# The code system spells it NO_ORGANISATIONAL_CONSENT; the page prevails, and neither is ever
# raised by appointments (DEC-003).
NO_ORGANISATION_CONSENT = SpineError(
    403,
    "forbidden",
    "NO_ORGANISATION_CONSENT",
    "Organisation has not provided consent to share data",
)
# The code system spells it with a space; the page, which prevails, with an underscore (DEC-002).
ACCESS_DENIED = SpineError(403, "forbidden", "ACCESS_DENIED", "Access denied")
DUPLICATE_REJECTED = SpineError(
    409,
    "duplicate",
    "DUPLICATE_REJECTED",
    "Create would lead to creation of a duplicate resource",
)
# The specification has no code for an If-Match that no longer holds; this one fits best (DEC-007).
FHIR_CONSTRAINT_VIOLATION = SpineError(
    409, "conflict", "FHIR_CONSTRAINT_VIOLATION", "FHIR constraint violated"
)
INVALID_RESOURCE = SpineError(422, "invalid", "INVALID_RESOURCE", "Invalid validation of resource")
INVALID_PARAMETER = SpineError(422, "invalid", "INVALID_PARAMETER", "Invalid parameter")
REFERENCE_NOT_FOUND = SpineError(422, "invalid", "REFERENCE_NOT_FOUND", "Reference not found")
BAD_REQUEST = SpineError(400, "invalid", "BAD_REQUEST", "Bad request")
# 415 is demanded, but 1.2.7 has no code of its own for it (DEC-030).
UNSUPPORTED_MEDIA_TYPE = SpineError(415, "not-supported", "BAD_REQUEST", "Bad request")
# 413 likewise: the table of codes speaks of bodies that are wrong, not of those nobody reads.
BODY_TOO_LARGE = SpineError(413, "invalid", "BAD_REQUEST", "Bad request")
NOT_IMPLEMENTED = SpineError(501, "not-supported", "NOT_IMPLEMENTED", "Not implemented")
INTERNAL_SERVER_ERROR = SpineError(
    500, "processing", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"
)
# The same to a reader of codes; the status says that trying again is worth while.
UNAVAILABLE = SpineError(
    503, "processing", "INTERNAL_SERVER_ERROR", "Unexpected internal server error"
)


class FHIRError(Exception):
    """A refusal with its Spine code. ``diagnostics`` name the element and the rule, never data.

    Several diagnostics become several issues with the same code (ERR-064).
    """

    def __init__(
        self,
        error: SpineError,
        diagnostics: str | Sequence[str],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.error = error
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, str) else tuple(diagnostics)
        self.headers = dict(headers or {})
        super().__init__(error.code, *self.diagnostics)


def refuse_resource(diagnostics: str | Sequence[str]) -> NoReturn:
    """Refuse a resource that was sent: it does not keep to its profile or to a rule."""
    raise FHIRError(INVALID_RESOURCE, diagnostics)


def check_resource(problems: Sequence[str]) -> None:
    """Refuse a resource that was sent if there is any problem with it, naming all of them."""
    if problems:
        refuse_resource(problems)


# ---------------------------------------------------------------- from exceptions to codes

# Looked up along the ancestors of a class, so that a new refusal of a known kind has a code too.
SPINE_ERRORS: dict[type[Exception], SpineError] = {
    refusals.PracticeError: INVALID_RESOURCE,
    refusals.SwitchedOff: ACCESS_DENIED,
    refusals.NotFound: NO_RECORD_FOUND,
    refusals.PatientNotFound: PATIENT_NOT_FOUND,
    refusals.ReferenceNotFound: REFERENCE_NOT_FOUND,
    refusals.SlotNotFree: DUPLICATE_REJECTED,
    refusals.VersionConflict: FHIR_CONSTRAINT_VIOLATION,
    refusals.AlreadyRegistered: DUPLICATE_REJECTED,
    refusals.DemographicsNotConfirmed: INVALID_PATIENT_DEMOGRAPHICS,
    refusals.NHSNumberRefused: INVALID_NHS_NUMBER,
    refusals.DemographicsUnavailable: INTERNAL_SERVER_ERROR,
}

# What the frameworks raise about a request, with neutral words: their own may quote it.
FRAMEWORK_ERRORS: dict[type[Exception], tuple[SpineError, str]] = {
    Http404: (NO_RECORD_FOUND, "There is no such record."),
    django_errors.PermissionDenied: (ACCESS_DENIED, "Access is denied."),
    django_errors.RequestDataTooBig: (BODY_TOO_LARGE, "The request body is too large."),
    django_errors.TooManyFieldsSent: (BAD_REQUEST, "The request has too many parameters."),
    django_errors.DisallowedHost: (BAD_REQUEST, "The Host header is not a name of this server."),
    django_errors.SuspiciousOperation: (BAD_REQUEST, "The request is malformed."),
    django_errors.BadRequest: (BAD_REQUEST, "The request is malformed."),
    UnreadablePostError: (BAD_REQUEST, "The request body could not be read to its end."),
    MultiPartParserError: (BAD_REQUEST, "The request body is malformed."),
    drf_errors.NotFound: (NO_RECORD_FOUND, "There is no such record."),
    drf_errors.PermissionDenied: (ACCESS_DENIED, "Access is denied."),
    drf_errors.MethodNotAllowed: (BAD_REQUEST, "The HTTP verb is not offered here."),
    drf_errors.NotAcceptable: (UNSUPPORTED_MEDIA_TYPE, "The format asked for is not supported."),
    drf_errors.UnsupportedMediaType: (
        UNSUPPORTED_MEDIA_TYPE,
        "The format of the request body is not supported.",
    ),
    drf_errors.ParseError: (BAD_REQUEST, "The request is malformed."),
}


def from_exception(exc: Exception, *, trace_id: str) -> FHIRError:
    """The refusal that an exception amounts to; the unforeseen becomes 500 and is logged in full.

    ``trace_id`` lets a reader of the answer and a reader of the log find each other (ERR-063).
    """
    if isinstance(exc, FHIRError):
        return exc
    for ancestor in type(exc).__mro__:
        if ancestor in SPINE_ERRORS:
            return FHIRError(SPINE_ERRORS[ancestor], str(exc))
        if ancestor in FRAMEWORK_ERRORS:
            error, diagnostics = FRAMEWORK_ERRORS[ancestor]
            return FHIRError(error, diagnostics)
    if not isinstance(exc, NoConnection):
        logger.error("Request %s failed.", trace_id, exc_info=exc)
    if is_away(exc):
        return FHIRError(
            UNAVAILABLE,
            f"The appointment book cannot be reached at the moment (trace id {trace_id}).",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return FHIRError(INTERNAL_SERVER_ERROR, neutral_diagnostics(trace_id))


def neutral_diagnostics(trace_id: str) -> str:
    """What may be said of a fault of ours."""
    return f"The request could not be completed (trace id {trace_id})."


CONTENTION_STATES = {"40001", "40P01", "55P03"}  # serialisation, deadlock, lock not available


def is_contention(exc: DatabaseError) -> bool:
    """Whether the database gave up because of somebody else's transaction, and did nothing."""
    cause = exc.__cause__
    if getattr(cause, "sqlstate", None) in CONTENTION_STATES:
        return True
    return getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def trace_id_of(request: HttpRequest) -> str:
    """The trace id of the request, cut down to what is safe in a log, or a new one."""
    return safe_trace_id(request.META.get("HTTP_SSP_TRACEID", ""))


def safe_trace_id(sent: str) -> str:
    """A trace id cut down to what is safe in a log, or a new one where nothing of it is left."""
    return NOT_SAFE.sub("", sent)[:100] or str(uuid.uuid4())


NOT_SAFE = re.compile(r"[^\w.:-]", flags=re.ASCII)


# ---------------------------------------------------------------- the answer


def operation_outcome(error: SpineError, diagnostics: Sequence[str]) -> Element:
    """A GPConnect-OperationOutcome-1 with an issue for each of the diagnostics, or with one."""
    details = {"coding": [{"system": SYSTEM, "code": error.code, "display": error.display}]}
    issue = {"severity": "error", "code": error.issue_type, "details": details}
    return {
        "resourceType": "OperationOutcome",
        "meta": {"profile": [PROFILE]},
        "issue": [{**issue, "diagnostics": text} for text in diagnostics if text] or [issue],
    }


def respond(request: HttpRequest, refusal: FHIRError) -> HttpResponse:
    """The response for a refusal, in the format agreed, or else in JSON."""
    response = renderers.respond(
        request,
        operation_outcome(refusal.error, refusal.diagnostics),
        status=refusal.error.status,
        headers=refusal.headers,
    )
    # Django would log the path of each refusal, which may hold an NHS number; the trail has it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Django REST framework's hook: every exception of a view becomes an OperationOutcome.

    The response remembers its ``refusal``, for the audit trail.
    """
    request = context["request"]
    refusal = from_exception(exc, trace_id=trace_id_of(request))
    response = respond(request, refusal)
    response.refusal = refusal  # type: ignore[attr-defined]
    return response


# ---------------------------------------------------------------- outside the views


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a request so odd that it reached no view."""
    refusal = from_exception(exception, trace_id=trace_id_of(request))
    return respond(request, refusal)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return respond(request, FHIRError(ACCESS_DENIED, "Access is denied."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: the address is below no service root."""
    return respond(
        request, FHIRError(ORGANISATION_NOT_FOUND, "The address is not that of a service root.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a fault outside the views, which Django itself has logged."""
    return respond(
        request, FHIRError(INTERNAL_SERVER_ERROR, neutral_diagnostics(trace_id_of(request)))
    )
