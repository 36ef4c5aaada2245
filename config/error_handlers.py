"""Django's handlers of what no view answers: each door has words of its own for it."""

import sys

from django.http import HttpRequest, HttpResponse

from fhirapi import errors
from practice.db import availability
from practice.staff import error_pages


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if error_pages.is_for_staff(request):
        return error_pages.page(request, 400)
    return errors.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if error_pages.is_for_staff(request):
        return error_pages.page(request, 403, why=str(exception))
    return errors.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
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
