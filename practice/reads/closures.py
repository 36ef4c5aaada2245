"""Closures: when nobody works, and which appointments that met."""

from collections.abc import Iterable
from datetime import date

from django.db.models import Count, DateField, QuerySet

from practice.db.prepared import Number, Prepared, QueryParameter
from practice.models import Appointment, Closure, Organisation


def closures(*, organisation: Organisation) -> QuerySet[Closure]:
    """Return a practice's closures, each with whose and where."""
    return Closure.objects.filter(organisation=organisation).select_related(
        "organisation", "practitioner", "location"
    )


def closure_of(*, organisation: Organisation, pk: int) -> Closure | None:
    """Return one of the practice's closures."""
    return closures(organisation=organisation).filter(pk=pk).first()


def closures_between(first: date, last: date, *, organisation: Organisation) -> list[Closure]:
    """Return the closures that touch these days, both included, each with whose and where."""
    return BETWEEN.objects(organisation=organisation.pk, first=first, last=last)


BETWEEN = Prepared(
    lambda: Closure.objects.filter(
        organisation=Number("organisation"),
        start_date__lte=QueryParameter("last", DateField()),
        end_date__gte=QueryParameter("first", DateField()),
    ).select_related("organisation", "practitioner", "location")
)


def appointments_named(ids: Iterable[int], *, organisation: Organisation) -> QuerySet[Appointment]:
    """Return the practice's appointments that a plan names, by time, each with whose and where."""
    return (
        Appointment.objects.filter(organisation=organisation, pk__in=list(ids))
        .select_related("patient", "schedule__session_holder", "location")
        .order_by("start", "pk")
    )


def still_to_ring(closures: Iterable[Closure]) -> dict[int, int]:
    """Return how many people of each closure do not know yet what it means for them; one query."""
    met = Appointment.objects.to_be_told().filter(affected_by__in=list(closures))
    counted = met.order_by().values("affected_by").annotate(people=Count("pk"))
    return dict(counted.values_list("affected_by", "people"))
