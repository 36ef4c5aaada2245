"""Django's handlers of what no view answers: a page for staff, an OperationOutcome for others."""

import sys

from django.http import HttpRequest, HttpResponse

from fhirapi import errors
from practice.db import availability
from practice.staff import error_pages


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request so odd that it reached no view."""
    if error_pages.is_for_staff(request):
        return error_pages.page(request, 400)
    return errors.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: a page that is not for this person, or a form without its CSRF token."""
    if error_pages.is_for_staff(request):
        return error_pages.page(request, 403, why=str(exception))
    return errors.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: an address that is nobody's."""
    if error_pages.is_for_staff(request):
        return error_pages.page(request, 404)
    return errors.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """While Django handles the exception, which is not handed over."""
    if not error_pages.is_for_staff(request):
        return errors.server_error(request)
    fault = sys.exc_info()[1]
    availability.note_failure(fault)
    return (
        error_pages.unavailable(request)
        if availability.is_away(fault)
        else error_pages.page(request, 500)
    )
