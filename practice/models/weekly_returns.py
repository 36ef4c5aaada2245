"""Which weekly returns a practice has made, and what was in them, by its hash."""

from datetime import date, timedelta

from django.db import models
from django.db.models import Q

from practice.models.directory import Organisation


class WeeklyReturn(models.Model):
    """The appointments and slots of a week, Monday to Sunday, as they were written into files.

    The same data make the same bytes, and so no second record. Other data of the same week make a
    correction: the next ``number``. ``rows`` are all rows, ``appointments`` those of a booking.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # weekly_return_made_once begins with it
        related_name="weekly_returns",
        verbose_name="practice",
    )
    first_day = models.DateField("week from")
    number = models.PositiveSmallIntegerField(default=1)
    rows = models.PositiveIntegerField()
    appointments = models.PositiveIntegerField()
    csv_sha256 = models.CharField(max_length=64)
    ndjson_sha256 = models.CharField(max_length=64)
    list_version = models.CharField("version of the lists", max_length=40)
    made_at = models.DateTimeField()
    made_by_name = models.CharField("by", max_length=200)

    class Meta:
        ordering = ["-first_day", "-number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "first_day", "number"], name="weekly_return_made_once"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="weekly_return_counts_from_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day:%d %b %Y}, number {self.number}"

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=6)
