"""Who and where: the practice, its places and the people who work there."""

from typing import Any, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from practice import terminology
from practice.models.common import OfferLimits, PostalAddress, Versioned, validate_ods_code

validate_asid = RegexValidator(r"^[0-9]{12}\Z", "An ASID has twelve digits.")
validate_sds_id = RegexValidator(r"^[A-Za-z0-9]+\Z", "Letters and digits only.")
validate_gmp_code = RegexValidator(
    r"^[A-Z][0-9]{7}\Z", "A GMP code is a capital letter and seven digits."
)


USUAL_REASONS = "\n".join(
    (
        "Patient cancelled",
        "Patient no longer needs it",
        "Booked in error",
        "Clinician unavailable",
        "Practice closed",
    )
)


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    """What practices are called when they are asked for."""

    def real(self) -> Self:
        """Those with patients: no sandboxes. Whatever counts or watches practices asks this."""
        return self.filter(sandbox_of="")

    def sandboxes(self) -> Self:
        """Those where suppliers try their systems, and nobody is real."""
        return self.exclude(sandbox_of="")


class Organisation(Versioned, PostalAddress, OfferLimits):
    """A practice: one legal organisation, one FHIR service root, one appointment book.

    ``asid`` is what ``Ssp-To`` must hold; the offer limits are the practice's defaults. The
    switches are off until a person turns them on (ENA-002, ENA-004, SF-004). ``sandbox_of`` names
    the supplier whose sandbox it is, from the first moment on: a real practice never becomes one.
    """

    ods_code = models.CharField(
        "ODS code",
        max_length=12,
        unique=True,
        validators=[validate_ods_code],
        help_text="Part of the practice's address for other systems.",
    )
    name = models.CharField(max_length=200)
    organisation_type = models.CharField(
        max_length=20, choices=terminology.organisation_types, default="gp-practice"
    )
    asid = models.CharField(
        "ASID",
        max_length=12,
        blank=True,
        validators=[validate_asid],
        help_text="The NHS's number for this practice's system.",
    )
    party_key = models.CharField(max_length=20, blank=True)
    telephone = models.CharField(max_length=30, blank=True)
    email = models.EmailField(blank=True)
    gp_connect_enabled = models.BooleanField(
        "GP Connect",
        default=False,
        help_text="Off: no other organisation can reach the practice's data.",
    )
    appointment_management_enabled = models.BooleanField(
        "GP Connect appointment management",
        default=False,
        help_text="Off: no other organisation can search, book, read, amend or cancel.",
    )
    service_filtering_enabled = models.BooleanField(
        "service filtering",
        default=False,
        help_text="On: whoever asks for one of the practice’s services is offered its slots only.",
    )
    service_filtering_open = models.CharField(
        max_length=10,
        choices=[
            ("off", "Off at all practices"),
            ("elsewhere", "On, but not here"),
            ("here", "On here"),
        ],
        default="off",
        editable=False,
        help_text="What the supplier’s switch of service filtering says of the practice.",
    )
    temporary_registration_days = models.PositiveSmallIntegerField(
        "temporary registration (days)",
        default=90,
        help_text="How long a patient registered from outside stays registered.",
    )
    close_day_as = models.CharField(
        "overnight, appointments still booked become",
        max_length=10,
        blank=True,
        choices=[("noshow", "Did not attend"), ("fulfilled", "Seen")],
        help_text="For appointments of past days that nobody marked. Empty: they stay as they are.",
    )
    calendar_shows_names = models.BooleanField(
        "names in calendar feeds",
        default=False,
        help_text="Off: a holder's calendar shows patients' initials only.",
    )
    cancellation_reasons = models.TextField(
        "reasons for cancelling",
        blank=True,
        default=USUAL_REASONS,
        help_text="One a line. Whoever cancels chooses one, and may write more beside it.",
    )
    bank_holidays_seeded_to = models.DateField(null=True, blank=True, editable=False)
    rehearsing_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Until then another organisation may try the system out. Empty: none does.",
    )
    diary_complete_from = models.DateField(
        null=True,
        blank=True,
        editable=False,
        help_text="Slots of days before it that nobody booked have been archived. Empty: none.",
    )
    sandbox_of = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",  # dumps do not hold it
        editable=False,
        help_text="The supplier who tries their system here: nobody in it is real. "
        "Empty: a real practice.",
    )

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "practice"
        constraints = [
            # That it never changes is held by a trigger: migration sandboxes_of_suppliers.
            models.UniqueConstraint(
                fields=["sandbox_of"],
                condition=~Q(sandbox_of=""),
                name="one_sandbox_of_a_supplier",
            ),
            models.CheckConstraint(
                condition=Q(service_filtering_open__in=["off", "elsewhere", "here"]),
                name="service_filtering_open_is_a_code",
            ),
        ]
        permissions = [("switch_gp_connect", "Can turn GP Connect on and off")]

    def __str__(self) -> str:
        return f"{self.name} ({self.ods_code})"

    @property
    def filters_by_service(self) -> bool:
        """Whether both switches of service filtering are on: the supplier's and its own."""
        return self.service_filtering_enabled and self.service_filtering_open == "here"


class Membership(models.Model):
    """A member of staff works at a practice, and so may see and change what is its own."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships", verbose_name="practice"
    )
    session_holder = models.ForeignKey(
        "Practitioner",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who they are in the diary: they may have a calendar feed of their own sessions.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.organisation}"


class Location(Versioned, PostalAddress):
    """A surgery, a room or another place where appointments happen (LOC-032)."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Open"
        SUSPENDED = "suspended", "Closed for a time"
        INACTIVE = "inactive", "Closed"

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="locations", verbose_name="practice"
    )
    name = models.CharField(max_length=200)
    is_main = models.BooleanField("main surgery", default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    telephone = models.CharField(max_length=30, blank=True)
    email = models.EmailField(blank=True)

    class Meta:
        ordering = ["-is_main", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="location_name_once_in_practice"
            ),
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_main=True), name="one_main_location"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "inactive"]),
                name="location_status_is_a_code",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PractitionerQuerySet(models.QuerySet["Practitioner"]):
    """What practitioners are called when they are asked for."""

    def working_at(self, organisation: Any) -> Self:
        """Whoever has a role at the practice that has not ended: the one meaning of works here."""
        here = PractitionerRole.objects.current().filter(organisation=organisation)
        return self.filter(Exists(here.filter(practitioner=OuterRef("pk"))))


class Practitioner(Versioned):
    """A clinician, the same person at every practice where they work.

    The person is shared between those practices; where somebody works, and as what, each practice
    says for itself (see PractitionerRole). ``version`` counts changes of the person alone.
    """

    sds_user_id = models.CharField(
        "SDS user ID",
        max_length=20,
        unique=True,
        null=True,
        blank=True,
        validators=[validate_sds_id],
        help_text="The smartcard's number, where there is one.",
    )
    gmp_code = models.CharField(  # noqa: DJ001 - unique where there is one
        "GMP code",
        max_length=8,
        null=True,
        blank=True,
        validators=[validate_gmp_code],
        help_text="Of a GP, as the national directory lists them: G and seven digits. It is not "
        "the number at the GMC. Not sent outside.",
    )
    prefix = models.CharField("title", max_length=35, blank=True)
    given_names = models.CharField(max_length=100, blank=True, help_text="Separated by spaces.")
    family_name = models.CharField(max_length=100)
    gender = models.CharField(max_length=10, blank=True, choices=terminology.administrative_genders)
    languages = models.JSONField(
        default=list, blank=True, help_text="Codes of the national list of human languages."
    )

    objects = PractitionerQuerySet.as_manager()

    class Meta:
        ordering = ["family_name", "given_names"]
        constraints = [
            # With a condition it is an index, for which SQLite makes no new table.
            models.UniqueConstraint(
                fields=["gmp_code"],
                condition=Q(gmp_code__isnull=False),
                name="gmp_code_is_of_one_person",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """The name as reception says it: Dr Ada Specimen."""
        return " ".join(filter(None, [self.prefix, self.given_names, self.family_name]))


class PractitionerRoleQuerySet(models.QuerySet["PractitionerRole"]):
    """What roles are called when they are asked for."""

    def current(self) -> Self:
        """Roles that have not ended."""
        return self.filter(active=True)


class PractitionerRole(Versioned):
    """What a practitioner does at one practice, and whether they (still) do: ``active``.

    An ended role is kept, as old sessions name it. A practice shows the person with their roles
    there, so that its versionId is the person's ``version`` and those of these roles together:
    what one practice says of a role is no change at another (GEN-032).
    """

    practitioner = models.ForeignKey(Practitioner, on_delete=models.PROTECT, related_name="roles")
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="practitioner_roles",
        verbose_name="practice",
    )
    role = models.CharField(max_length=10, choices=terminology.practitioner_roles)
    sds_role_profile_id = models.CharField(
        "SDS role profile ID", max_length=20, blank=True, validators=[validate_sds_id]
    )
    active = models.BooleanField("works here", default=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    objects = PractitionerRoleQuerySet.as_manager()

    class Meta:
        ordering = ["practitioner__family_name", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "practitioner", "role"], name="role_once_in_practice"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.practitioner}, {self.get_role_display()}"


class CalendarFeed(models.Model):
    """A secret address at which a holder's calendar program reads their sessions.

    ``secret`` is the address; whoever has it can read. Revoking is for good, a new feed is made.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="calendar_feeds"
    )
    practitioner = models.ForeignKey(
        Practitioner, on_delete=models.CASCADE, related_name="calendar_feeds"
    )
    secret = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "practitioner"],
                condition=Q(revoked_at__isnull=True),
                name="one_calendar_feed_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Calendar of {self.practitioner}"
