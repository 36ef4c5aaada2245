"""What repeats and what does not: templates, closures, and the runs that turn them into a diary.

Plans are wall-clock times in Europe/London and become instants only when they are generated, so a
09:00 clinic stays a 09:00 clinic on both sides of a clock change (practice.clock says how).
"""

from datetime import date, datetime, time

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from practice import clock, terminology
from practice.models.access import AccessProfile
from practice.models.common import OfferLimits
from practice.models.directory import Location, Organisation, Practitioner
from practice.models.service_filtering import OfService


class SessionTemplate(OfferLimits, OfService):
    """A session that repeats: on which days, whose, where. Its blocks say what fills it.

    It runs on ``weekdays`` (0 is Monday) of every ``every_n_weeks``-th week counted from the week
    of ``effective_from`` (two templates with 2 and a week between make A and B weeks), or, when
    ``nth_of_month`` is set, on the nth such weekday of each month (5: the last).
    """

    class NthOfMonth(models.IntegerChoices):
        FIRST = 1, "first"
        SECOND = 2, "second"
        THIRD = 3, "third"
        FOURTH = 4, "fourth"
        LAST = 5, "last"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="session_templates",
        verbose_name="practice",
    )
    session_name = models.CharField(max_length=100, help_text="Shown to other organisations too.")
    session_holder = models.ForeignKey(
        Practitioner,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="session_templates",
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="session_templates"
    )
    practitioner_role = models.CharField(
        "role",
        max_length=10,
        blank=True,
        choices=terminology.practitioner_roles,
        help_text="Needed before any slot of the session can be GP Connect bookable.",
    )
    weekdays = models.JSONField(default=list)
    every_n_weeks = models.PositiveSmallIntegerField(
        "every … weeks",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(52)],
        help_text="2 for A and B weeks. Counted from the week of the first date.",
    )
    nth_of_month = models.PositiveSmallIntegerField(
        "only the … of the month", null=True, blank=True, choices=NthOfMonth.choices
    )
    effective_from = models.DateField("first date")
    effective_to = models.DateField("last date", null=True, blank=True)
    runs_on_bank_holidays = models.BooleanField(
        default=False, help_text="For a holiday clinic: bank holidays do not stop it."
    )
    access_profile = models.ForeignKey(
        AccessProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who outside may book. Empty: everybody.",
    )

    class Meta:
        ordering = ["session_name", "effective_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gte=F("effective_from")),
                name="template_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(every_n_weeks__gte=1), name="template_repeats_every_week_or_more"
            ),
            models.CheckConstraint(
                condition=Q(nth_of_month__isnull=True) | Q(nth_of_month__range=(1, 5)),
                name="template_nth_of_month_is_a_code",
            ),
            models.CheckConstraint(
                condition=Q(healthcare_service__isnull=True) | Q(no_healthcare_service=False),
                name="template_has_a_service_or_none",
            ),
        ]

    def __str__(self) -> str:
        holder = f", {self.session_holder}" if self.session_holder else ""
        return f"{self.session_name}{holder}"


class TemplateBlock(OfferLimits):
    """A stretch of a session: slots of one kind, or a break (no slot length).

    Blocks follow each other by ``position``. One that ends at or before its own start, or starts
    before the one before it ended, belongs to the following day: a night session is 22:00 to 06:00.
    """

    template = models.ForeignKey(SessionTemplate, on_delete=models.CASCADE, related_name="blocks")
    position = models.PositiveSmallIntegerField(default=0)
    start = models.TimeField("from")
    end = models.TimeField("to")
    slot_minutes = models.PositiveSmallIntegerField(
        "slot length (minutes)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Empty: a break.",
    )
    slot_count = models.PositiveSmallIntegerField(
        "how many",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Empty: as many as fit.",
    )
    slot_type = models.CharField(
        max_length=100, blank=True, help_text="The practice's own words. Shown outside."
    )
    delivery_channel = models.CharField(
        max_length=10, blank=True, choices=terminology.delivery_channels
    )
    gp_connect_bookable = models.BooleanField("GP Connect bookable", default=False)
    access_profile = models.ForeignKey(
        AccessProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who outside may book. Empty: as for the session.",
    )

    class Meta:
        ordering = ["template", "position", "start"]
        verbose_name = "block"
        constraints = [
            models.CheckConstraint(
                condition=Q(slot_minutes__isnull=True) | Q(slot_minutes__gte=1),
                name="block_slots_have_a_length",
            ),
            models.CheckConstraint(
                condition=Q(gp_connect_bookable=False)
                | (Q(slot_minutes__isnull=False) & ~Q(delivery_channel="") & ~Q(slot_type="")),
                name="bookable_block_has_channel_and_type",
            ),
        ]

    def __str__(self) -> str:
        what = self.slot_type if self.slot_minutes else "Break"
        return f"{self.start:%H:%M} to {self.end:%H:%M} {what}"


class Closure(models.Model):
    """A time when nobody works: the practice, one of its locations, or one practitioner.

    Whole days without times, else from ``start_time`` on the first day to ``end_time`` on the last.
    """

    class Kind(models.TextChoices):
        CLOSED = "closed", "Closed"
        BANK_HOLIDAY = "bank-holiday", "Bank holiday"
        LEAVE = "leave", "Leave"
        SICK = "sick", "Off sick"
        TRAINING = "training", "Training"

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="closures", verbose_name="practice"
    )
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.CLOSED)
    name = models.CharField(max_length=100, blank=True)
    location = models.ForeignKey(
        Location,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="closures",
        help_text="Empty: everywhere.",
    )
    practitioner = models.ForeignKey(
        Practitioner,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="closures",
        help_text="Empty: everybody.",
    )
    start_date = models.DateField("from")
    start_time = models.TimeField("at", null=True, blank=True, help_text="Empty: the whole day.")
    end_date = models.DateField("to", help_text="The last day.")
    end_time = models.TimeField("until", null=True, blank=True, help_text="Empty: the whole day.")

    class Meta:
        ordering = ["start_date", "start_time"]
        permissions = [("report_sick", "Can report that a clinician is off sick today")]
        indexes = [models.Index(fields=["organisation", "start_date"], name="closure_by_date")]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_date__gte=F("start_date")), name="closure_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["closed", "bank-holiday", "leave", "sick", "training"]),
                name="closure_kind_is_a_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.get_kind_display()}, {self.start_date:%d %b %Y}"

    def is_of(self, location_id: int | None, holder_id: int | None) -> bool:
        """Whether it closes what is at this place and held by this person (None: by nobody)."""
        of_person = self.practitioner_id in (None, holder_id)
        return of_person and self.location_id in (None, location_id)

    @property
    def when(self) -> str:
        """The time as people say it: Thu 26 Nov to Fri 27 Nov, all day."""
        days = f"{self.start_date:%a %d %b}"
        if self.end_date != self.start_date:
            days += f" to {self.end_date:%a %d %b}"
        if not self.start_time and not self.end_time:
            return f"{days}, all day"
        first, last = (clock.local(edge) for edge in self.period)
        return f"{first:%a %d %b %H:%M} to {last:%a %d %b %H:%M}"

    @property
    def period(self) -> tuple[datetime, datetime]:
        """The instants between which the closure holds: from the first, before the second."""
        return closure_period(self.start_date, self.start_time, self.end_date, self.end_time)


def closure_period(
    start_date: date, start_time: time | None, end_date: date, end_time: time | None
) -> tuple[datetime, datetime]:
    """Return the half-open interval of instants of a closure given in wall-clock terms."""
    start = clock.instant(start_date, start_time) if start_time else clock.day_start(start_date)
    end = clock.instant(end_date, end_time) if end_time else clock.day_end(end_date)
    return start, end


class GenerationRun(models.Model):
    """What one run of the generator did for one practice."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        related_name="generation_runs",
        verbose_name="practice",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    from_date = models.DateField("from")
    to_date = models.DateField("to")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sessions_created = models.PositiveIntegerField(default=0)
    slots_created = models.PositiveIntegerField(default=0)
    slots_changed = models.PositiveIntegerField(default=0)
    slots_restored = models.PositiveIntegerField(default=0)
    slots_withdrawn = models.PositiveIntegerField(default=0)
    slots_left = models.PositiveIntegerField(default=0)
    appointments_orphaned = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "done", "failed"]),
                name="generation_run_status_is_a_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_date:%d %b %Y} to {self.to_date:%d %b %Y}"
