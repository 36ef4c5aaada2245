"""Which organisations really ask: counted from the audit trail, as far as it has been read."""

from typing import Any, ClassVar

from django.db import models

from practice.models.directory import Organisation


class AskingOrganisation(models.Model):
    """An organisation that searched for slots of a practice or booked there, and what came of it.

    ``ods_code`` and ``name`` are what its token said, empty where no token could be read; the two
    ``for_`` lists are what its last search said of whom it is for. ``last_shown``: how many slots
    that search showed, if it was answered. ``nothing_since``: it has been shown nothing since then.
    ``days`` counts, by London date: searches, bookings, refusals by reason.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # the constraint has one
        related_name="asking_organisations",
        verbose_name="practice",
    )
    ods_code = models.CharField("ODS code", max_length=100, blank=True)
    name = models.CharField(max_length=200, blank=True)
    for_ods_codes = models.JSONField(default=list)
    for_organisation_types = models.JSONField(default=list)
    last_search_at = models.DateTimeField(null=True)
    last_shown = models.PositiveIntegerField(null=True)
    nothing_since = models.DateTimeField(null=True)
    last_booking_at = models.DateTimeField(null=True)
    days = models.JSONField(default=dict)

    class Meta:
        ordering = ["organisation", "ods_code"]
        default_permissions: ClassVar[Any] = ()
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "ods_code"], name="asking_organisation_once_in_practice"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.ods_code


class AskingWatch(models.Model):
    """How far a practice's trail has been counted, and what of it staff should know.

    ``read_to`` is the number of the last seal that was read. ``findings`` are what stands now (see
    practice.reads.asking.Finding), ``told`` those that people have been sent. ``telling_until``:
    until then somebody is about to tell.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="asking_watch"
    )
    read_to = models.BigIntegerField(default=0)
    began_at = models.DateTimeField()
    read_at = models.DateTimeField()
    findings = models.JSONField(default=list)
    told = models.JSONField(default=list)
    telling_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions: ClassVar[Any] = ()

    def __str__(self) -> str:
        return f"trail read up to {self.read_to}"
