"""What a practice has promised to offer to others each day, and the days that fall short of it."""

from datetime import date, timedelta
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from practice import terminology
from practice.models.access import AccessProfile
from practice.models.common import validate_ods_code
from practice.models.directory import Organisation

MOST_DAYS_AHEAD = 28


def monday_to_friday() -> list[int]:
    """The weekdays of most promises: 0 is Monday."""
    return [0, 1, 2, 3, 4]


class Promise(models.Model):
    """So many slots a day, for one organisation, one type of them, or all of an access profile.

    English contracts say "one for every 3,000 patients on the list": ``patients_for_each_slot``.
    ``mail_to`` are addresses, one a line, that hear of a short day; never of a patient.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="promises", verbose_name="practice"
    )
    name = models.CharField(max_length=100, help_text="Such as NHS 111.")
    access_profile = models.ForeignKey(
        AccessProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Everybody whom it names must be offered as much.",
    )
    ods_code = models.CharField(
        "ODS code", max_length=20, blank=True, validators=[validate_ods_code]
    )
    organisation_type = models.CharField(
        max_length=20, blank=True, choices=terminology.organisation_types
    )
    slots_a_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    patients_for_each_slot = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="One slot a day for every so many patients who are registered.",
    )
    weekdays = models.JSONField(default=monday_to_friday)
    start_time = models.TimeField("from", null=True, blank=True, help_text="Empty: all day.")
    end_time = models.TimeField("until", null=True, blank=True, help_text="Empty: all day.")
    days_ahead = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS_AHEAD)],
        help_text="How many days are watched, today the first.",
    )
    silent_after_days = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1)],
        help_text="Who has not searched for so long is said to be silent.",
    )
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    mail_to = models.TextField("mail to", blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="promise_name_once_in_practice"
            ),
            models.CheckConstraint(
                condition=Q(access_profile__isnull=False)
                | ~Q(ods_code="")
                | ~Q(organisation_type=""),
                name="promise_says_to_whom",
            ),
            models.CheckConstraint(
                condition=Q(slots_a_day__isnull=False, patients_for_each_slot__isnull=True)
                | Q(slots_a_day__isnull=True, patients_for_each_slot__isnull=False),
                name="promise_says_how_many",
            ),
            models.CheckConstraint(
                condition=Q(days_ahead__gte=1) & Q(days_ahead__lte=MOST_DAYS_AHEAD),
                name="promise_looks_some_days_ahead",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def slots_promised(self, patients: int) -> int:
        """How many slots a day, with so many registered patients; a part of a slot is a whole."""
        if self.slots_a_day is not None:
            return self.slots_a_day
        assert self.patients_for_each_slot is not None  # the database holds this
        return -(-patients // self.patients_for_each_slot)

    def days(self, today: date) -> list[date]:
        """The days that are watched, weekdays without a promise left out."""
        every = (today + timedelta(days=number) for number in range(self.days_ahead))
        return [day for day in every if day.weekday() in self.weekdays]


class PromisedDay(models.Model):
    """A day of a promise as the watch saw it last: for who may look at many practices at once."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="promised_days"
    )
    promise = models.ForeignKey(Promise, on_delete=models.CASCADE, related_name="watched_days")
    day = models.DateField()
    promised = models.PositiveIntegerField()
    offered = models.PositiveIntegerField(help_text="On offer when it was looked at.")
    taken = models.PositiveIntegerField()
    looked_at = models.DateTimeField()

    class Meta:
        ordering = ["day", "promise"]
        default_permissions: ClassVar[Any] = ()
        constraints = [
            models.UniqueConstraint(fields=["promise", "day"], name="promised_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.promise}, {self.day}: {self.there} of {self.promised}"

    @property
    def there(self) -> int:
        return self.offered + self.taken

    @property
    def missing(self) -> int:
        return max(self.promised - self.there, 0)


class Shortfall(models.Model):
    """A day on which a promise is not kept, from when that was noticed until it was no longer so.

    ``causes`` are sentences. ``told`` are the kinds of them that people have been sent; where the
    day is good again, they are to be told that as long as it is not empty. ``telling_until``: until
    then somebody is about to tell.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, db_index=False, related_name="shortfalls"
    )
    promise = models.ForeignKey(Promise, on_delete=models.CASCADE, related_name="shortfalls")
    day = models.DateField()
    promised = models.PositiveIntegerField()
    offered = models.PositiveIntegerField(help_text="On offer now, or taken.")
    causes = models.JSONField(default=list)
    told = models.JSONField(default=list)
    noticed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    telling_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["day", "promise"]
        default_permissions: ClassVar[Any] = ()
        indexes = [
            models.Index(
                fields=["organisation", "day"],
                condition=Q(ended_at__isnull=True),
                name="shortfall_of_practice",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["promise", "day"],
                condition=Q(ended_at__isnull=True),
                name="shortfall_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.promise}, {self.day}: {self.offered} of {self.promised}"

    @property
    def kinds_of_cause(self) -> set[str]:
        """What the causes have in common with those of other days: how many slots they meet not."""
        return {cause.rpartition("”: ")[2] for cause in self.causes}

    @property
    def is_news(self) -> bool:
        """Whether people are still to be told of it: that it is short, and why, or good again."""
        if self.ended_at:
            return bool(self.told)
        return not self.kinds_of_cause <= set(self.told)
