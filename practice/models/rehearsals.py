"""A rehearsal with another organisation's system, and what keeps its records out of all else."""

from typing import Any, ClassVar, TypeVar

from django.db import models
from django.db.models import F, Q

from practice.models.common import validate_ods_code
from practice.models.directory import Organisation


class Rehearsal(models.Model):
    """Another organisation tries our side out, with a patient and slots that are not real.

    Those of its own records name it (``rehearsal``) and are met by nothing that does not ask for
    them: ``objects`` of Patient, Schedule, Slot and Appointment leaves them out, ``with_tests``
    does not. It stands from ``begun_at`` until ``ended_at``, and no longer than ``ends_at``.
    ``record`` is what its page said when it ended.
    """

    class Ending(models.TextChoices):
        FINISHED = "finished", "Every step was done"
        GIVEN_UP = "given-up", "Given up"
        OVER = "over", "Its time was over"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # rehearsal_by_practice begins with it
        related_name="rehearsals",
        verbose_name="practice",
    )
    name = models.CharField(
        "organisation", max_length=100, help_text="Such as the provider of NHS 111."
    )
    ods_code = models.CharField(
        "ODS code",
        max_length=20,
        validators=[validate_ods_code],
        help_text="The code that its system sends.",
    )
    begun_at = models.DateTimeField()
    begun_by_name = models.CharField(max_length=200)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=10, blank=True, choices=Ending.choices)
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by_name = models.CharField(max_length=200, blank=True)
    record = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-begun_at", "-id"]
        default_permissions: ClassVar[Any] = ("add", "change", "view")
        indexes = [
            models.Index(fields=["organisation", "-begun_at"], name="rehearsal_by_practice"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "ods_code"],
                condition=Q(ended_at__isnull=True),
                name="one_rehearsal_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begun_at")), name="rehearsal_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="")
                | Q(ended_at__isnull=False, ending__in=["finished", "given-up", "over"]),
                name="ended_rehearsal_says_how",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.ods_code})"


def in_rehearsal() -> Any:
    """Return the column of a record that may be one of a rehearsal's."""
    return models.ForeignKey(
        Rehearsal,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,  # a partial index holds the few that there are
        related_name="+",
    )


Record = TypeVar("Record", bound=models.Model, covariant=True)


class RealOnly(models.Manager[Record]):
    """Leaves out what belongs to a rehearsal, so that whoever does not think of it is right."""

    def get_queryset(self) -> models.QuerySet[Record]:
        return super().get_queryset().filter(rehearsal__isnull=True)
