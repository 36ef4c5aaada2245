"""To whom: which organisations may see and book a slot, and how many they may take."""

from django.db import models
from django.db.models import Q

from practice.models.directory import Organisation


class AccessProfile(models.Model):
    """A named, reusable set of organisations, and how many slots they may take between them.

    ``organisation_types`` and ``ods_codes`` are lists of codes; an empty list restricts nothing,
    and where both are given both must match (AVAIL-020 to AVAIL-027). A profile without either is
    open to everybody, which is how one slot of a restricted session is opened (AVAIL-010).
    Changing a profile takes effect at once wherever it is set (AVAIL-011).
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="access_profiles",
        verbose_name="practice",
    )
    name = models.CharField(max_length=100)
    organisation_types = models.JSONField(default=list, blank=True)
    ods_codes = models.JSONField("ODS codes", default=list, blank=True)
    slots_per_session = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many slots of one session. Empty: no limit."
    )
    slots_per_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many slots on one day. Empty: no limit."
    )
    slots_per_week = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="At most so many slots from a Monday to the Sunday after. Empty: no limit.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="access_profile_name_once_in_practice"
            ),
            models.CheckConstraint(
                condition=(Q(slots_per_session__isnull=True) | Q(slots_per_session__gte=1))
                & (Q(slots_per_day__isnull=True) | Q(slots_per_day__gte=1))
                & (Q(slots_per_week__isnull=True) | Q(slots_per_week__gte=1)),
                name="access_profile_limits_leave_something",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_limited(self) -> bool:
        """Whether bookings under this profile are counted."""
        return any(
            limit is not None
            for limit in (self.slots_per_session, self.slots_per_day, self.slots_per_week)
        )
