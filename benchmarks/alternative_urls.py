"""Alternatives to the search behind the same guards, negotiation and audit, and what costs nothing.

Only ``benchmarks.alternative_settings`` knows these addresses: /alternatives/NAME/ODS CODE/Slot.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from benchmarks.alternatives import Statement, by_serializer, passing_through
from fhirapi import ssp
from fhirapi.filters import SlotFilter
from fhirapi.formats import Format, to_xml
from fhirapi.views import GPConnectRequest, GPConnectView
from practice.models import Organisation

own = threading.local()  # each thread's connection
statements: dict[tuple[str, int], Statement] = {}


def by_postgresql(query: str, organisation: Organisation, now: datetime) -> bytes:
    """The Bundle from a statement that was made when it was first asked for."""
    if not hasattr(own, "connection"):
        own.connection = passing_through()
    key = (query, organisation.pk)
    if key not in statements:
        statements[key] = Statement.of(query, organisation, now)
    return statements[key].bundle(own.connection)


def nothing(query: str, organisation: Organisation, now: datetime) -> bytes:
    return b'{"resourceType":"Bundle","type":"searchset"}'


class AlternativeView(GPConnectView):
    """A search that makes its Bundle in another way, as JSON; if need be, XML is made of it."""

    interactions = {"GET": ssp.SEARCH_SLOTS}
    bundle: ClassVar[Callable[[str, Organisation, datetime], bytes]]

    def get(self, request: GPConnectRequest) -> HttpResponse:
        SlotFilter(request.GET).checked()
        query = request.META["QUERY_STRING"]
        found = type(self).bundle(query, request.practice, request.now)
        if request.fhir_format is Format.XML:
            found = to_xml(orjson.loads(found))
        return self.bundle_response(found)


class ByPostgreSQLView(AlternativeView):
    bundle = by_postgresql


class BySerializerView(AlternativeView):
    bundle = by_serializer


class GuardsView(AlternativeView):
    bundle = nothing


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"")


urlpatterns = [
    path("alternatives/postgresql/<str:ods_code>/Slot", ByPostgreSQLView.as_view()),
    path("alternatives/serializer/<str:ods_code>/Slot", BySerializerView.as_view()),
    path("alternatives/guards/<str:ods_code>/Slot", GuardsView.as_view()),
    path("alternatives/empty", empty),
    path("", include("config.urls")),
]
