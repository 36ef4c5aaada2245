"""What kinds of slots a practice has, and what each counts as in the national data.

Slots, appointments and blocks of templates hold the name of their type as it was when they were
made: a record is found by that name, and the name of a record never changes.
"""

from django.db import models
from django.db.models import F, Q

from practice.models.directory import Organisation


class NationalDataVersion(models.Model):
    """A version of the national lists that an administrator has loaded, for all practices.

    The last one is in force. ``data`` is checked before it is kept (practice.national_data).
    """

    version = models.CharField(max_length=40, unique=True)
    data = models.JSONField()
    loaded_at = models.DateTimeField()
    loaded_by = models.CharField(max_length=200)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.version


class SlotType(models.Model):
    """A kind of slot by the practice's own name, which other organisations see too."""

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # slot_type_once_in_practice begins with it
        related_name="slot_types",
        verbose_name="practice",
    )
    name = models.CharField(max_length=100)
    hint = models.CharField(
        max_length=200,
        blank=True,
        help_text="For reception, such as: not for children. Never shown outside.",
    )
    default_minutes = models.PositiveSmallIntegerField(
        "usual length (minutes)", null=True, blank=True
    )
    archived = models.BooleanField(
        default=False, help_text="Not offered for new templates, sessions and slots any more."
    )

    class Meta:
        ordering = ["name"]
        verbose_name = "slot type"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="slot_type_once_in_practice"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="slot_type_has_a_name"),
            models.CheckConstraint(
                condition=Q(default_minutes__isnull=True) | Q(default_minutes__gte=1),
                name="slot_type_lasts_a_minute_or_more",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SlotTypeMapping(models.Model):
    """What a slot type counts as from a first to a last day, or until further notice.

    All that a report of these days needs stands here, so that neither another mapping nor another
    version of the lists changes it. ``mode`` is empty where the slot's channel says it: then
    ``channel_modes`` holds what each channel counted as. ``accepted``: warnings about it that
    somebody looked at, and called it right.
    """

    slot_type = models.ForeignKey(
        SlotType,
        on_delete=models.CASCADE,
        db_index=False,  # mapping_once_from_a_day begins with it
        related_name="mappings",
    )
    category = models.CharField("national category", max_length=100)
    context = models.CharField("context type", max_length=100)
    setting = models.CharField("service setting", max_length=100)
    mode = models.CharField(max_length=100, blank=True)
    channel_modes = models.JSONField(default=dict, blank=True)
    list_version = models.CharField("version of the lists", max_length=40)
    first_day = models.DateField("from")
    last_day = models.DateField("to", null=True, blank=True)
    made_at = models.DateTimeField()
    made_by_name = models.CharField("by", max_length=200)
    accepted = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["slot_type", "first_day"]
        verbose_name = "mapping"
        constraints = [
            models.UniqueConstraint(
                fields=["slot_type", "first_day"], name="mapping_once_from_a_day"
            ),
            models.UniqueConstraint(
                fields=["slot_type"],
                condition=Q(last_day__isnull=True),
                name="mapping_in_force_once",
            ),
            models.CheckConstraint(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")),
                name="mapping_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} from {self.first_day:%d %b %Y}"
