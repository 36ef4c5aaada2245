"""What people did to a template, a closure or a run, as the audit trail has it."""

from django.db.models import Model, QuerySet

from practice.models import AuditEvent, Organisation

MOST = 200  # of the newest entries; the audit trail has them all


def events_of(record: Model, *, organisation: Organisation) -> QuerySet[AuditEvent]:
    """Return the changes of a record, the newest first; not who looked at it."""
    name = record._meta.object_name
    return (
        AuditEvent.objects.filter(organisation=organisation, resource=f"{name}/{record.pk}")
        .exclude(event__endswith=".viewed")
        .order_by("-recorded_at", "-pk")[:MOST]
    )
