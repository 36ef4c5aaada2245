"""Who would come earlier if a time came free, and what they were asked."""

from django.db import models
from django.db.models import F, Q

from practice.models.booking import Appointment
from practice.models.directory import Organisation, Practitioner
from practice.models.patients import Patient


class CancellationListEntry(models.Model):
    """A patient who would take a time that comes free, until a last day.

    With an ``appointment`` that one is moved; without, a time is booked. What is left empty may be
    anything: no weekdays are all of them, no clinicians everybody. An entry ends when it is met or
    withdrawn; once its last day is over it counts no more (practice.reads.cancellation_list).
    """

    class End(models.TextChoices):
        MET = "met", "Has an appointment now"
        WITHDRAWN = "withdrawn", "Withdrawn"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # cancellation_list_waiting: who waits is asked for, and no other
        related_name="+",
        verbose_name="practice",
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.CASCADE, related_name="cancellation_list_entries"
    )
    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # appointment_listed_once
        related_name="cancellation_list_entries",
        help_text="The appointment that is moved. Empty: one is booked.",
    )
    first_day = models.DateField("from")
    last_day = models.DateField("until")
    weekdays = models.JSONField("days of the week", default=list, blank=True)
    start_time = models.TimeField(
        "not before", null=True, blank=True, help_text="Empty: from the morning on."
    )
    end_time = models.TimeField(
        "over by", null=True, blank=True, help_text="Empty: until the evening."
    )
    slot_type = models.CharField(max_length=100, blank=True)
    minutes = models.PositiveSmallIntegerField(
        "minutes needed", null=True, blank=True, help_text="Empty: one slot, however long."
    )
    note = models.CharField(max_length=200, blank=True)
    noted_at = models.DateTimeField()
    noted_by_name = models.CharField("noted by", max_length=200)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_as = models.CharField(max_length=10, blank=True, choices=End.choices)
    ended_by_name = models.CharField("ended by", max_length=200, blank=True)
    met_by = models.ForeignKey(
        Appointment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # nothing asks by it
        related_name="+",
        help_text="The appointment that they got.",
    )

    class Meta:
        ordering = ["noted_at", "id"]
        verbose_name = "entry of the cancellation list"
        verbose_name_plural = "cancellation list"
        indexes = [
            models.Index(
                fields=["organisation", "noted_at"],
                condition=Q(ended_at__isnull=True),
                name="cancellation_list_waiting",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["appointment"],
                condition=Q(ended_at__isnull=True),
                name="appointment_listed_once",
            ),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="listed_until_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(start_time__isnull=True)
                | Q(end_time__isnull=True)
                | Q(end_time__gt=F("start_time")),
                name="listed_hours_end_after_they_begin",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_as="")
                | Q(ended_at__isnull=False, ended_as__in=["met", "withdrawn"]),
                name="listed_end_is_a_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient}, {self.first_day:%d %b} to {self.last_day:%d %b %Y}"


class CancellationListClinician(models.Model):
    """Somebody whom a patient on the list would see; without any it may be everybody."""

    entry = models.ForeignKey(
        CancellationListEntry,
        on_delete=models.CASCADE,
        related_name="clinicians",
        db_index=False,  # listed_for_a_clinician_once begins with it
    )
    practitioner = models.ForeignKey(
        Practitioner,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # nothing asks by person
    )

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        verbose_name = "clinician of an entry"
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "practitioner"], name="listed_for_a_clinician_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.practitioner)


class CancellationListCall(models.Model):
    """Somebody was asked whether they would take the time that begins at ``start``."""

    class Outcome(models.TextChoices):
        NO_ANSWER = "no-answer", "Asked, no answer"
        DECLINED = "declined", "Declined this time"

    entry = models.ForeignKey(CancellationListEntry, on_delete=models.CASCADE, related_name="calls")
    start = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    at = models.DateTimeField()
    by_name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        ordering = ["-at", "-id"]
        verbose_name = "call about a time"
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["no-answer", "declined"]),
                name="listed_call_outcome_is_a_code",
            )
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()
