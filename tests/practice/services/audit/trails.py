"""Trails to seal, to break and to check: what the tests of sealing and of verifying share."""

from django.db import connection
from django.utils import timezone

from practice.models import AuditSeal
from practice.services.audit import heads, recording, sealing, verifying
from tests.append_only import unprotected
from workbench.factories import make_actor, make_organisation


def record(organisation, number=1, **overrides):
    """Add events to a practice's trail, or to that of no practice."""
    for n in range(number):
        fields = {
            "organisation": organisation,
            "actor": make_actor(trace_id=f"trace {n}"),
            "event": "appointment.booked",
            "outcome": "ok",
            "now": timezone.now(),
            "resource": f"Appointment/{n}",
            "patient_id": 7,
            "detail": {"sent": 1.5, "name": "Zoë", "codes": ["b", "a"]},
        }
        recording.record(**{**fields, **overrides})


def seal():
    return sealing.seal_everything(now=timezone.now())


def sealed_trail(number=6):
    """A practice whose trail holds so many sealed events."""
    organisation = make_organisation()
    record(organisation, number)
    seal()
    return organisation


def tamper(*statements):
    """Do something to the tables as an intruder with the owner's rights could."""
    with unprotected(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def event_id(organisation, sequence):
    return AuditSeal.objects.get(organisation=organisation, sequence=sequence).event_id


def check(organisation, **published):
    trail, *_ = verifying.verify(organisation=organisation, **published)
    return trail


def first_fault(organisation):
    faults = check(organisation).faults
    return (faults[0].kind, faults[0].sequence) if faults else None


# ---------------------------------------------------------------- held to what was published


def logged(*found):
    """The log that holds these heads."""
    now = timezone.now()
    return "".join(
        f"{now:%Y-%m-%d %H:%M:%S},000 INFO practice.audit {heads.record_of(head, now=now)}\n"
        for head in found
    )


def forge(organisation, keep):
    """Cut a trail off after ``keep``, and make the head agree: a perfect forgery from inside."""
    last = AuditSeal.objects.get(organisation=organisation, sequence=keep)
    after = (
        f"SELECT event_id FROM practice_auditseal WHERE organisation_id = {organisation.pk} "
        f"AND sequence > {keep}"
    )
    tamper(
        f"DELETE FROM practice_auditevent WHERE id IN ({after})",
        f"DELETE FROM practice_auditseal WHERE event_id IN ({after})",
        f"UPDATE practice_audithead SET sequence = {keep}, hash = '{last.hash}' "
        f"WHERE organisation_id = {organisation.pk}",
    )
