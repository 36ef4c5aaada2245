"""The trail of who saw and did what, a page at a time."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from practice.models import AuditEvent, Organisation, Patient


def event_with_id(*, organisation: Organisation, event_id: int) -> AuditEvent | None:
    """Return an event of the practice's trail."""
    return AuditEvent.objects.filter(organisation=organisation, pk=event_id).first()


def version_of_trail(practice_id: int) -> str:
    """Return what is another text after each new event of a practice: a look into an index."""
    found = AuditEvent.objects.filter(organisation=practice_id).order_by("-recorded_at", "-pk")
    return f"trail-{found.values_list('pk', flat=True).first() or 0}"


def older_than(events: QuerySet[AuditEvent], last: AuditEvent) -> QuerySet[AuditEvent]:
    """Narrow events, the newest first, to those that stand below ``last``."""
    below = Q(recorded_at__lt=last.recorded_at) | Q(pk__lt=last.pk)
    return events.filter(below, recorded_at__lte=last.recorded_at)


def patients_of(event: AuditEvent) -> list[int]:
    """Return the ids of the patients whom an event is about, and of those whom a page showed."""
    shown = event.detail.get("patients") if isinstance(event.detail, dict) else None
    ids = [event.patient_id, *(shown if isinstance(shown, list) else ())]
    return list(dict.fromkeys(each for each in ids if isinstance(each, int)))


def patients_named(
    *, organisation: Organisation, events: Iterable[AuditEvent], most: int | None = None
) -> dict[int, Patient]:
    """Return the practice's patients whom these events are about, by id; one query.

    ``most``: the first so many of each event.
    """
    ids = {pk for event in events for pk in patients_of(event)[:most]}
    return Patient.with_tests.filter(organisation=organisation).in_bulk(ids)
