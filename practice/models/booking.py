"""What has been taken: appointments and the slots they hold."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from practice import clock, terminology
from practice.models.access import AccessProfile
from practice.models.common import Versioned
from practice.models.diary import Schedule, Slot
from practice.models.directory import Location, Organisation
from practice.models.patients import Patient
from practice.models.rehearsals import RealOnly, in_rehearsal
from practice.models.templates import Closure


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """What appointments are called when they are asked for."""

    def live(self) -> Self:
        """Appointments that stand, or stood: neither cancelled nor entered in error."""
        return self.exclude(status__in=Appointment.GONE)

    def gone(self) -> Self:
        """Appointments that hold no slot any more: cancelled, or entered in error."""
        return self.filter(status__in=Appointment.GONE)

    def valid(self) -> Self:
        """Appointments that were not entered in error; cancelled ones too."""
        return self.exclude(status=Appointment.Status.ENTERED_IN_ERROR)

    def booked(self) -> Self:
        """Appointments that nobody has arrived for, nor missed, nor cancelled."""
        return self.filter(status=Appointment.Status.BOOKED)

    def left_open(self, day: date) -> Self:
        """Booked ones of before a London day, which nobody marked and whose session took place."""
        return self.booked().filter(orphaned=False, start__lt=clock.day_start(day))

    def orphaned(self) -> Self:
        """Appointments whose session is no longer planned."""
        return self.filter(orphaned=True)

    def to_be_told(self) -> Self:
        """Appointments whose patients do not know yet what has become of them."""
        return self.filter(to_be_told=True)

    def on_worklist(self) -> Self:
        """Appointments that wait for a person; the index ``appointment_on_worklist`` holds them."""
        return self.filter(Q(orphaned=True) | Q(to_be_told=True))

    def on_days(self, first: date, last: date) -> Self:
        """Appointments that start on a London day from the first to the last."""
        return self.filter(start__gte=clock.day_start(first), start__lt=clock.day_end(last))


class Appointment(Versioned):
    """A patient's booking of one slot, or of several adjacent ones of one session.

    It keeps what it said when it was booked (place, times, words, role, channel), whatever is done
    to the session later; only the practitioner is the session's current one (GEN-164, READ-028).
    ``created`` is what the consumer sent (BOOK-111), to the second. ``booking_organisation_json``
    is the contained Organization as it was sent, a JSON text so that its element order survives
    (BOOK-107). ``access_profile`` is the one it counts against (AVAIL-007).
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        PENDING = "pending", "Pending"
        BOOKED = "booked", "Booked"
        ARRIVED = "arrived", "Arrived"
        FULFILLED = "fulfilled", "Seen"
        CANCELLED = "cancelled", "Cancelled"
        NO_SHOW = "noshow", "Did not attend"
        ENTERED_IN_ERROR = "entered-in-error", "Entered in error"

    GONE = (Status.CANCELLED, Status.ENTERED_IN_ERROR)
    SETTLED = (Status.FULFILLED, Status.NO_SHOW)  # it is known what became of them

    class Door(models.TextChoices):
        STAFF = "staff", "Practice staff"
        GP_CONNECT = "gp-connect", "GP Connect"

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # appointment_by_start begins with it
        related_name="appointments",
        verbose_name="practice",
    )
    patient = models.ForeignKey(
        Patient,
        on_delete=models.PROTECT,
        db_index=False,  # appointment_by_patient begins with it
        related_name="appointments",
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, related_name="appointments", verbose_name="session"
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.PROTECT,
        db_index=False,  # nothing asks by place alone
        related_name="+",
    )
    slots = models.ManyToManyField(Slot, through="AppointmentSlot", related_name="appointments")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.BOOKED)
    start = models.DateTimeField()
    end = models.DateTimeField()
    description = models.CharField(max_length=100)
    comment = models.CharField(max_length=500, blank=True)
    priority = models.PositiveIntegerField(null=True, blank=True)
    created = models.DateTimeField()
    session_name = models.CharField(max_length=100, blank=True)
    practitioner_role = models.CharField(
        "role", max_length=10, blank=True, choices=terminology.practitioner_roles
    )
    slot_type = models.CharField(max_length=100)
    delivery_channel = models.CharField(
        max_length=10, blank=True, choices=terminology.delivery_channels
    )
    identifiers = models.JSONField(default=list, blank=True)
    booking_organisation_json = models.TextField(blank=True)
    booking_organisation_ods_code = models.CharField("ODS code", max_length=20, blank=True)
    booking_organisation_name = models.CharField("booking organisation", max_length=200, blank=True)
    access_profile = models.ForeignKey(
        AccessProfile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # appointment_under_profile: most are under none
        related_name="appointments",
    )
    cancellation_reason = models.TextField(blank=True)
    orphaned = models.BooleanField(
        default=False, help_text="The session it was booked in is no longer planned."
    )
    booked_via = models.CharField(max_length=10, choices=Door.choices, default=Door.STAFF)
    booked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,  # nothing asks by it
        related_name="+",
    )
    provenance = models.JSONField(
        default=list,
        blank=True,
        help_text="One entry for each change: author, role, organisation, time, interaction.",
    )
    to_be_told = models.BooleanField(
        default=False, help_text="The patient does not know yet what has become of it."
    )
    affected_by = models.ForeignKey(
        Closure,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,  # appointment_of_closure: most are of none
        related_name="appointments",
        help_text="The closure because of which it was orphaned, cancelled or moved.",
    )
    moved_from = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # appointment_by_origin: most are where they were
        related_name="moved_to",
    )

    rehearsal = in_rehearsal()

    objects = RealOnly.from_queryset(AppointmentQuerySet)()
    with_tests = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["start", "id"]
        permissions = [("use_own_list", "Can see and mark the own list of the day")]
        constraints = [
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="appointment_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "proposed",
                        "pending",
                        "booked",
                        "arrived",
                        "fulfilled",
                        "cancelled",
                        "noshow",
                        "entered-in-error",
                    ]
                ),
                name="appointment_status_is_a_code",
            ),
            models.CheckConstraint(
                condition=~Q(description=""), name="appointment_has_a_description"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "start"], name="appointment_by_patient"),
            models.Index(fields=["organisation", "start"], name="appointment_by_start"),
            models.Index(
                fields=["organisation", "start"],
                condition=Q(orphaned=True) | Q(to_be_told=True),
                name="appointment_on_worklist",
            ),
            models.Index(
                fields=["access_profile"],
                condition=Q(access_profile__isnull=False),
                name="appointment_under_profile",
            ),
            models.Index(
                fields=["affected_by"],
                condition=Q(affected_by__isnull=False),
                name="appointment_of_closure",
            ),
            models.Index(
                fields=["moved_from"],
                condition=Q(moved_from__isnull=False),
                name="appointment_by_origin",
            ),
            models.Index(
                fields=["rehearsal"],
                condition=Q(rehearsal__isnull=False),
                name="appointment_of_rehearsal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.patient}, {self.slot_type}"

    @property
    def was_told(self) -> bool:
        """Whether the last who rang said that the patient knows: that can be taken back."""
        attempts = list(self.contact_attempts.all())  # the latest first
        return bool(attempts) and attempts[0].reached and not self.to_be_told


class AppointmentSlotQuerySet(models.QuerySet["AppointmentSlot"]):
    """What the links between appointments and slots are called when they are asked for."""

    def held(self) -> Self:
        """Links of live appointments: their slots are taken."""
        return self.filter(released=False)


class AppointmentSlot(models.Model):
    """An appointment holds a slot, or held it: ``released`` once the appointment was cancelled.

    A slot is in at most one live appointment; the database itself refuses a second one.
    """

    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.CASCADE,
        db_index=False,  # appointment_holds_a_slot_once begins with it
        related_name="appointment_slots",
    )
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="appointment_slots")
    released = models.BooleanField(default=False)

    objects = AppointmentSlotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["slot"], condition=Q(released=False), name="slot_booked_once"
            ),
            models.UniqueConstraint(
                fields=["appointment", "slot"], name="appointment_holds_a_slot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id} holds {self.slot_id}"


class HowBooked(models.Model):
    """What staff said of a booking of theirs; of others the door and the organisation say it.

    Codes of our own, for reports: practice.reads.how_booked says what they are of any appointment.
    """

    class Method(models.TextChoices):
        TELEPHONE = "telephone", "By telephone"
        IN_PERSON = "in-person", "At the desk"
        ONLINE = "online", "Online"
        LETTER = "letter", "By letter or email"
        GP_CONNECT = "gp-connect", "GP Connect"

    class Source(models.TextChoices):
        PRACTICE = "practice", "The patient, or the practice"
        URGENT_CARE = "urgent-care", "NHS 111 or urgent care"
        GP_PRACTICE = "gp-practice", "Another GP practice"
        OTHER = "other", "Another organisation"

    appointment = models.OneToOneField(
        Appointment, on_delete=models.CASCADE, related_name="how_booked"
    )
    method = models.CharField(max_length=20, blank=True, choices=Method.choices)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.PRACTICE)

    def __str__(self) -> str:
        return f"{self.method} {self.source}".strip()


class ExceptionReason(models.Model):
    """Why an appointment was booked more than 14 days ahead, as the national lists had it then."""

    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.CASCADE,
        db_index=False,  # exception_reason_given_once begins with it
        related_name="exception_reasons",
    )
    reason = models.CharField(max_length=100)
    given_at = models.DateTimeField()
    given_by_name = models.CharField(max_length=200)

    class Meta:
        ordering = ["reason"]
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "reason"], name="exception_reason_given_once"
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class Series(models.Model):
    """Appointments of a patient that were booked together.

    ``every_weeks``: the same time every so many weeks; None: a set, such as injection and review.
    Each of them is an appointment like any other, outside too.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="series", verbose_name="practice"
    )
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="series")
    every_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    made_at = models.DateTimeField()
    made_by_name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(every_weeks__isnull=True) | Q(every_weeks__gte=1),
                name="series_repeats_every_week_or_more",
            ),
        ]

    def __str__(self) -> str:
        if self.every_weeks is None:
            return "Booked together"
        weeks = "week" if self.every_weeks == 1 else f"{self.every_weeks} weeks"
        return f"Every {weeks}"


class InSeries(models.Model):
    """An appointment belongs to a series: whichever now has that place, once it was moved."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="places")
    appointment = models.OneToOneField(
        Appointment, on_delete=models.CASCADE, related_name="in_series"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.appointment_id} of series {self.series_id}"


class CalledIn(models.Model):
    """A patient who has arrived is in, with the clinician: beside the status, which stays arrived.

    FHIR has no such status, so that nothing of it shows outside.
    """

    appointment = models.OneToOneField(
        Appointment, on_delete=models.CASCADE, related_name="called_in"
    )
    at = models.DateTimeField()
    by_name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"In since {self.at:%H:%M}"


class DeskMessageQuerySet(models.QuerySet["DeskMessage"]):
    """What messages are called when they are asked for."""

    def unseen_by(self, side: str) -> Self:
        """Messages of the other side that nobody of this one has seen."""
        return self.filter(seen_at__isnull=True).exclude(side=side)


class DeskMessage(models.Model):
    """A short word between a clinician and reception about an appointment, on its day.

    It is no part of a clinical record, and never sent outside. Until ``seen_at`` it waits for
    somebody on the other side than ``side``, which wrote it.
    """

    class Side(models.TextChoices):
        CLINICIAN = "clinician", "Clinician"
        RECEPTION = "reception", "Reception"

    appointment = models.ForeignKey(
        Appointment, on_delete=models.CASCADE, related_name="desk_messages"
    )
    side = models.CharField(max_length=10, choices=Side.choices)
    text = models.CharField(max_length=200)
    written_at = models.DateTimeField()
    written_by_name = models.CharField(max_length=200)
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by_name = models.CharField(max_length=200, blank=True)

    objects = DeskMessageQuerySet.as_manager()

    class Meta:
        ordering = ["written_at", "id"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="desk_message_says_something"),
            models.CheckConstraint(
                condition=Q(side__in=["clinician", "reception"]), name="desk_message_has_a_side"
            ),
        ]
        indexes = [
            models.Index(
                fields=["appointment"],
                condition=Q(seen_at__isnull=True),
                name="desk_message_unseen",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class ContactAttempt(models.Model):
    """Somebody told a patient what has become of their appointment, or tried to.

    ``reached`` says whether the person knows now; ``by_name`` is kept as it was at the time.
    """

    appointment = models.ForeignKey(
        Appointment, on_delete=models.CASCADE, related_name="contact_attempts"
    )
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_name = models.CharField(max_length=200)
    reached = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%d %b %Y %H:%M} {self.by_name}"
