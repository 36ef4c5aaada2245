"""Where else the practice books for its patients, and what it booked there."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from practice import terminology
from practice.models.common import validate_ods_code
from practice.models.directory import Organisation, validate_asid
from practice.models.patients import Patient


def validate_service_root(address: str) -> None:
    """Refuse what is no plain address of a server: with a user, a question mark or a #."""
    try:
        parts = urlsplit(address)
        is_plain = parts.port != 0 and address.isascii() and not set(address) & set(" @?#\\")
    except ValueError:
        is_plain = False
    if not is_plain or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValidationError("The address begins with https:// and holds no user, ? or #.")


def why_not_called(address: str) -> str:
    """Say why nothing is sent to an address; empty: it may be called.

    Encrypted (but for a trial, with DEBUG), and at a host that the operator named: whoever keeps a
    practice's list cannot make the server call others.
    """
    try:
        validate_service_root(address)
    except ValidationError as refusal:
        return str(refusal.message)
    parts = urlsplit(address)
    if parts.scheme != "https" and settings.ELSEWHERE_ENCRYPTED:
        return "Only encrypted connections are made: the address begins with https://."
    if parts.hostname not in settings.ELSEWHERE_HOSTS:
        return "Whoever runs this server has to allow this host first (ELSEWHERE_HOSTS)."
    return ""


class RemoteService(models.Model):
    """A practice or hub that speaks GP Connect, at which this practice may book for its patients.

    Each practice keeps its own. ``base_url`` is the FHIR service root, which is called and nothing
    else is.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # the constraint below has one
        related_name="remote_services",
        verbose_name="practice",
    )
    name = models.CharField(max_length=100, help_text="As reception calls it: Hilltop Hub.")
    ods_code = models.CharField("ODS code", max_length=12, validators=[validate_ods_code])
    asid = models.CharField(
        "ASID",
        max_length=12,
        validators=[validate_asid],
        help_text="The NHS's number for its system.",
    )
    base_url = models.CharField(
        "address",
        max_length=300,
        validators=[validate_service_root],
        help_text="Its FHIR service root, such as https://…/STU3/1/gpconnect/fhir.",
    )
    active = models.BooleanField(
        "in use", default=True, help_text="Off: nobody searches or books there."
    )

    class Meta:
        ordering = ["name"]
        verbose_name = "organisation elsewhere"
        verbose_name_plural = "organisations elsewhere"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="remote_service_name_once_in_practice"
            ),
            models.CheckConstraint(
                condition=~Q(base_url="") & ~Q(ods_code="") & ~Q(asid=""),
                name="remote_service_can_be_called",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RemoteAppointment(models.Model):
    """What was booked for a patient at another organisation, or asked for and not known yet.

    It is stored before anything is sent. ``ASKED`` and ``CANCELLING`` mean that a request has gone,
    or may have, and no answer was seen: nothing is sent again until somebody has found out there.
    ``remote_`` are the ids at the other end; ``remote_slots`` the slots by which the appointment is
    recognised there.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Not known yet whether it is booked"
        BOOKED = "booked", "Booked"
        NOT_BOOKED = "not-booked", "Nothing was booked"
        CANCELLING = "cancelling", "Not known yet whether it is cancelled"
        CANCELLED = "cancelled", "Cancelled"
        NEVER_KNOWN = "never", "Never known: its day is over"

    # Nobody knows how these end.
    OPEN = (State.ASKED, State.CANCELLING)
    # As long as one of these stands, the same time is not asked for again.
    STANDING = (*OPEN, State.BOOKED)

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="practice",
    )
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="remote_appointments"
    )
    service = models.ForeignKey(
        RemoteService,
        on_delete=models.PROTECT,
        db_index=False,  # nothing asks by it alone
        related_name="+",
        verbose_name="where",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    start = models.DateTimeField()
    end = models.DateTimeField()
    with_whom = models.CharField("with", max_length=200, blank=True)
    at_place = models.CharField("at", max_length=300, blank=True)
    slot_type = models.CharField(max_length=200, blank=True)
    delivery_channel = models.CharField(
        max_length=20, blank=True, choices=terminology.delivery_channels
    )
    description = models.CharField(max_length=100)
    remote_slots = models.JSONField(default=list)
    first_slot = models.CharField(max_length=64)
    remote_patient_id = models.CharField(max_length=64, blank=True)
    remote_id = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField()
    asked_by_name = models.CharField("booked by", max_length=200)
    sent_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by_name = models.CharField("cancelled by", max_length=200, blank=True)
    cancellation_reason = models.CharField(max_length=300, blank=True)
    said = models.CharField(
        max_length=300, blank=True, help_text="What became of it last, in words."
    )

    class Meta:
        ordering = ["start", "id"]
        verbose_name = "appointment elsewhere"
        verbose_name_plural = "appointments elsewhere"
        default_permissions: ClassVar[Any] = ()
        permissions = [("book_elsewhere", "Can book and cancel at other organisations")]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "patient", "first_slot"],
                condition=Q(state__in=["asked", "booked", "cancelling"]),
                name="remote_time_asked_for_once",
            ),
            models.UniqueConstraint(
                fields=["service", "patient"],
                condition=Q(state="asked"),
                name="remote_booking_unknown_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        *("asked", "booked", "not-booked"),
                        *("cancelling", "cancelled", "never"),
                    ]
                ),
                name="remote_appointment_state_is_a_code",
            ),
            models.CheckConstraint(
                condition=Q(end__gt=models.F("start")),
                name="remote_appointment_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(remote_id="") | Q(state__in=["asked", "not-booked", "never"]),
                name="remote_appointment_booked_has_an_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service}, {self.start:%Y-%m-%d %H:%M}"

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what became of the last request."""
        return self.state in self.OPEN
