"""Who saw and did what: a trail that grows and never changes, and the seals that prove it.

The database itself refuses to change or remove events and seals (migration
audit_trail_is_append_only). A trigger puts each new event into the queue, AuditWaiting, so that
whoever records one writes one row and takes no lock; practice.services.audit.sealing numbers and
seals what waits there.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce


class AuditEvent(models.Model):
    """One API transaction or staff action, as it was at the time (AUD-002 to AUD-015).

    Names and roles are copied, not looked up later (AUD-011). ``organisation`` is empty only when a
    request addressed no practice hosted here. Rows are only ever added.
    """

    class Door(models.TextChoices):
        GP_CONNECT = "gp-connect", "GP Connect"
        STAFF = "staff", "Staff"
        COMMAND = "command", "Command"

    organisation = models.ForeignKey(
        "practice.Organisation",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # audit_by_time begins with it
        related_name="audit_events",
        verbose_name="practice",
    )
    recorded_at = models.DateTimeField("at")
    door = models.CharField(max_length=10, choices=Door.choices)
    event = models.CharField(
        max_length=100, help_text="What another system asked for, or what staff did."
    )
    outcome = models.CharField(
        max_length=10, help_text="200 and 201: done, as ok; the rest was refused."
    )
    spine_code = models.CharField("reason of a refusal", max_length=40, blank=True)
    diagnostics = models.TextField(blank=True)
    trace_id = models.CharField(max_length=100, blank=True)
    user_id = models.CharField(max_length=100, blank=True)
    user_name = models.CharField(max_length=200, blank=True)
    user_role = models.CharField(max_length=100, blank=True)
    user_organisation = models.CharField(max_length=200, blank=True)
    on_authority_of = models.CharField(max_length=200, blank=True)
    device = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=200, blank=True)
    patient_id = models.BigIntegerField(null=True, blank=True)
    resource = models.CharField(max_length=100, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-recorded_at", "-id"], name="audit_by_time"),
            models.Index(fields=["organisation", "patient_id", "-id"], name="audit_by_patient"),
            models.Index(fields=["organisation", "resource"], name="audit_by_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.outcome}"


@dataclass(slots=True)
class NewEvent:
    """The columns of an AuditEvent that is to be stored; the practice may be said last.

    Each request makes one. An instance of the model would cost it several times as much.
    """

    recorded_at: datetime
    door: str
    event: str
    outcome: str
    spine_code: str
    diagnostics: str
    trace_id: str
    user_id: str
    user_name: str
    user_role: str
    user_organisation: str
    on_authority_of: str
    device: str
    address: str
    patient_id: int | None
    resource: str
    detail: Any
    organisation_id: int | None = None


class AuditWaiting(models.Model):
    """An event that has no seal yet. Written by a trigger, taken away by the sealer.

    No foreign key constraint: that an event was removed while it waited has to show.
    """

    event = models.OneToOneField(
        AuditEvent,
        on_delete=models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="waiting",
    )
    organisation = models.ForeignKey(
        "practice.Organisation",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,  # there is one below
        related_name="+",
        verbose_name="practice",
    )

    class Meta:
        verbose_name = "event waiting for its seal"
        verbose_name_plural = "events waiting for their seals"
        indexes = [models.Index(fields=["organisation", "event"], name="audit_queue_of_practice")]

    def __str__(self) -> str:
        return f"event {self.event_id}"


class AuditSeal(models.Model):
    """The place of an event in its practice's trail, and the proof that nothing changed since.

    ``sequence`` counts from 1 without gaps in each practice, and by itself for the events of no
    practice. ``hash`` is taken over the seal, every column of the event, and the hash before it;
    ``format`` says how (practice.services.audit.sealing.FORMATS).
    """

    event = models.OneToOneField(
        AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="seal"
    )
    organisation = models.ForeignKey(
        "practice.Organisation",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # the constraint below has one
        related_name="+",
        verbose_name="practice",
    )
    sequence = models.BigIntegerField()
    sealed_at = models.DateTimeField()
    format = models.PositiveSmallIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = "seal"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "sequence"], name="audit_sequence_once_in_practice"
            ),
            models.UniqueConstraint(
                fields=["sequence"],
                condition=Q(organisation__isnull=True),
                name="audit_sequence_once_in_no_practice",
            ),
        ]

    def __str__(self) -> str:
        return f"seal {self.sequence}"


class AuditHead(models.Model):
    """The last seal of a practice's trail, kept apart from it, so that a removed end is missed.

    Its row is also the lock that lets one sealer at a time work on a trail. It only ever grows.
    """

    organisation = models.OneToOneField(
        "practice.Organisation",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name="practice",
    )
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)
    sealed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "end of a trail"
        verbose_name_plural = "ends of trails"
        constraints = [
            models.UniqueConstraint(Coalesce("organisation", 0), name="one_head_of_a_trail"),
        ]

    def __str__(self) -> str:
        return f"trail up to {self.sequence}"
