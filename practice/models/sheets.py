"""Spreadsheets that staff upload, and how far each has come."""

from django.conf import settings
from django.db import models

from practice.models.directory import Organisation


class SheetImport(models.Model):
    """A spreadsheet that was uploaded to bring records in.

    ``stored_as`` is where the file is kept until the import ends, empty once it is gone. Rows are
    imported some hundred at a time, each time with ``rows_done``, so that whoever goes on with an
    import that was interrupted begins where it stopped. ``seen_at`` is when it was last at work.
    """

    class Kind(models.TextChoices):
        PATIENTS = "patients", "Patients"
        PRACTITIONERS = "practitioners", "Practitioners and roles"
        PROFILES = "profiles", "Access profiles"
        ROTA = "rota", "Rota of sessions"

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Not confirmed yet"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        CANCELLED = "cancelled", "Cancelled"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # sheet_import_by_time begins with it
        related_name="sheet_imports",
        verbose_name="practice",
    )
    kind = models.CharField(max_length=15, choices=Kind.choices)
    file_name = models.CharField(max_length=200)
    stored_as = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    rows = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    uploaded_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    actor = models.JSONField(default=dict, help_text="Who confirmed, as the audit trail has them.")

    class Meta:
        ordering = ["-uploaded_at", "-id"]
        verbose_name = "import of a spreadsheet"
        verbose_name_plural = "imports of spreadsheets"
        default_permissions = ()
        permissions = [("use_spreadsheets", "Can take records out and in as spreadsheets")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["uploaded", "running", "done", "stopped", "cancelled"]
                ),
                name="sheet_import_status_is_a_code",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "-uploaded_at"], name="sheet_import_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.file_name}"

    @property
    def is_over(self) -> bool:
        """Whether nothing will be done with it any more."""
        return self.status in {self.Status.DONE, self.Status.CANCELLED}
