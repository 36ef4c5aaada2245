"""Who saw and did what: a trail that grows and never changes."""

from django.db import models


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
        related_name="audit_events",
        verbose_name="practice",
    )
    recorded_at = models.DateTimeField("at")
    door = models.CharField(max_length=10, choices=Door.choices)
    event = models.CharField(max_length=100, help_text="The interaction ID, or the staff action.")
    outcome = models.CharField(max_length=10, help_text="The HTTP status, or ok or refused.")
    spine_code = models.CharField(max_length=40, blank=True)
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
            models.Index(fields=["organisation", "-id"], name="audit_by_practice"),
            models.Index(fields=["organisation", "patient_id", "-id"], name="audit_by_patient"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.outcome}"
