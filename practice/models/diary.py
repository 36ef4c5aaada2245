"""Which time is on offer: sessions on their dates, and the slots in them."""

from datetime import date, datetime
from typing import Self

from django.db import models
from django.db.models import Expression, F, Q

from practice import clock, terminology
from practice.models.access import AccessProfile
from practice.models.common import OfferLimits, Versioned
from practice.models.directory import Location, Organisation, Practitioner
from practice.models.rehearsals import RealOnly, in_rehearsal
from practice.models.service_filtering import OfService
from practice.models.templates import SessionTemplate

# A slot with limits of its own, or with a type that may be nothing but blanks.
SLOT_HAS_ITS_OWN = (
    Q(booking_window_days__isnull=False)
    | Q(embargo_minutes__isnull=False)
    | Q(minimum_notice_minutes__isnull=False)
    | Q(slot_type__startswith=" ")
)


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """What sessions are called when they are asked for."""

    def taking_place(self) -> Self:
        """Sessions that have not been withdrawn."""
        return self.filter(withdrawn=False)


class Schedule(Versioned, OfferLimits, OfService):
    """One session on one date, in one place. FHIR calls it a Schedule.

    ``start`` and ``end`` are the planning horizon. No two sessions of one holder overlap: on
    PostgreSQL an exclusion constraint says so, and services check it under lock for both.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # schedule_by_date begins with it
        related_name="schedules",
        verbose_name="practice",
    )
    template = models.ForeignKey(
        SessionTemplate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # template_once_on_a_date begins with it
        related_name="schedules",
    )
    date = models.DateField(help_text="The London date on which the session starts.")
    start = models.DateTimeField()
    end = models.DateTimeField()
    session_name = models.CharField(max_length=100, blank=True)
    session_holder = models.ForeignKey(
        Practitioner,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # schedule_by_holder begins with it
        related_name="schedules",
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.PROTECT,
        db_index=False,  # nothing asks by place alone
        related_name="schedules",
    )
    practitioner_role = models.CharField(
        "role",
        max_length=10,
        blank=True,
        choices=terminology.practitioner_roles,
        help_text="Needed before any slot of the session can be GP Connect bookable.",
    )
    access_profile = models.ForeignKey(
        AccessProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # schedule_under_profile: most are under none
        related_name="+",
        help_text="Who outside may book. Empty: everybody.",
    )
    withdrawn = models.BooleanField(default=False, help_text="The session does not take place.")
    withdrawn_by_plan = models.BooleanField(default=False, editable=False)
    changed_by_hand = models.BooleanField(
        default=False, help_text="Generating again leaves whose, where and for whom as they are."
    )
    # Set where a person has made the session longer than its template has it.
    extended_from = models.DateTimeField(null=True, blank=True, editable=False)
    extended_to = models.DateTimeField(null=True, blank=True, editable=False)

    rehearsal = in_rehearsal()

    objects = RealOnly.from_queryset(ScheduleQuerySet)()
    with_tests = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["start", "id"]
        verbose_name = "session"
        constraints = [
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="schedule_ends_after_it_starts"
            ),
            models.UniqueConstraint(fields=["template", "date"], name="template_once_on_a_date"),
            models.CheckConstraint(
                condition=Q(healthcare_service__isnull=True) | Q(no_healthcare_service=False),
                name="schedule_has_a_service_or_none",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "date"], name="schedule_by_date"),
            models.Index(fields=["session_holder", "start"], name="schedule_by_holder"),
            models.Index(
                fields=["access_profile"],
                condition=Q(access_profile__isnull=False),
                name="schedule_under_profile",
            ),
            models.Index(
                fields=["rehearsal"],
                condition=Q(rehearsal__isnull=False),
                name="schedule_of_rehearsal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_name or 'Session'}, {self.date:%a %d %b %Y}"


class SlotQuerySet(models.QuerySet["Slot"]):
    """What slots are called when they are asked for."""

    def in_diary(self) -> Self:
        """Slots that are not withdrawn, in sessions that take place."""
        return self.filter(withdrawn=False, schedule__withdrawn=False)

    def valid(self) -> Self:
        """Slots that were not entered in error."""
        return self.exclude(status=Slot.Status.ENTERED_IN_ERROR)

    def free(self) -> Self:
        """Slots that nobody has and nobody blocked."""
        return self.filter(status=Slot.Status.FREE)

    def coming(self, now: datetime) -> Self:
        """Slots that have not begun."""
        return self.filter(start__gt=now)

    def not_over(self, now: datetime | Expression) -> Self:
        """Slots that have not ended: staff may still book them."""
        return self.filter(end__gt=now)

    def on_days(self, first: date, last: date) -> Self:
        """Slots that start on a London day from the first to the last."""
        return self.filter(start__gte=clock.day_start(first), start__lt=clock.day_end(last))


class Slot(Versioned, OfferLimits):
    """A piece of a session that one patient can have. ``start`` and ``end`` are instants.

    ``organisation`` repeats the schedule's, so that a search walks one index. A slot is withdrawn,
    never deleted: generating again must not bring back what a person removed, and old appointments
    refer to it. ``changed_by_hand`` keeps the generator's hands off.
    """

    class Status(models.TextChoices):
        FREE = "free", "Free"
        BUSY = "busy", "Booked"
        BUSY_UNAVAILABLE = "busy-unavailable", "Blocked"
        BUSY_TENTATIVE = "busy-tentative", "Held"
        ENTERED_IN_ERROR = "entered-in-error", "Entered in error"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # slot_by_start begins with it
        related_name="+",
        verbose_name="practice",
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, related_name="slots", verbose_name="session"
    )
    start = models.DateTimeField()
    end = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.FREE)
    slot_type = models.CharField(
        max_length=100, help_text="The practice's own words. Shown to other organisations."
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
        db_index=False,  # slot_under_profile: most are under none
        related_name="+",
        help_text="Who outside may book. Empty: as for the session.",
    )
    overbooked = models.BooleanField(
        default=False, help_text="An extra slot on purpose, beside the session's own."
    )
    note = models.CharField(max_length=200, blank=True, help_text="For staff only.")
    withdrawn = models.BooleanField(default=False)
    withdrawn_by_plan = models.BooleanField(default=False, editable=False)
    changed_by_hand = models.BooleanField(
        default=False, help_text="Generating again leaves the slot as it is."
    )

    rehearsal = in_rehearsal()

    objects = RealOnly.from_queryset(SlotQuerySet)()
    with_tests = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["start", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="slot_ends_after_it_starts"
            ),
            models.UniqueConstraint(
                fields=["schedule", "start"],
                condition=Q(overbooked=False),
                name="schedule_has_one_slot_at_a_start",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "free",
                        "busy",
                        "busy-unavailable",
                        "busy-tentative",
                        "entered-in-error",
                    ]
                ),
                name="slot_status_is_a_code",
            ),
            models.CheckConstraint(
                condition=Q(gp_connect_bookable=False)
                | (~Q(delivery_channel="") & ~Q(slot_type="") & Q(overbooked=False)),
                name="bookable_slot_has_channel_and_type",
            ),
            models.CheckConstraint(
                condition=~Q(status="busy") | Q(withdrawn=False), name="booked_slot_not_withdrawn"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "start", "id"],
                condition=Q(status="free", gp_connect_bookable=True, withdrawn=False),
                name="slot_on_offer",
            ),
            models.Index(fields=["organisation", "start"], name="slot_by_start"),
            models.Index(
                fields=["organisation", "start"],
                condition=Q(status="free", gp_connect_bookable=True, withdrawn=False)
                & SLOT_HAS_ITS_OWN,
                name="slot_with_its_own",
            ),
            models.Index(
                fields=["access_profile"],
                condition=Q(access_profile__isnull=False),
                name="slot_under_profile",
            ),
            models.Index(
                fields=["rehearsal"],
                condition=Q(rehearsal__isnull=False),
                name="slot_of_rehearsal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slot_type}, {clock.local(self.start):%a %d %b %Y %H:%M}"


class DiaryChange(models.Model):
    """The diary of a practice has changed: its triggers say so, whoever made the change.

    ``date`` and ``schedule_id`` say where; without a date, it may be any day, and without a
    session all of them. What changed is not told. ``times`` is one, or how often in this place.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_constraint=False,  # the triggers take it from a row that has been checked
        db_index=False,  # diary_change_by_date begins with it
        related_name="+",
    )
    date = models.DateField(null=True)
    schedule_id = models.BigIntegerField(null=True)
    times = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["organisation", "date"], name="diary_change_by_date")]

    def __str__(self) -> str:
        return f"Session {self.schedule_id} on {self.date}"
