"""What several themes share: versions, postal addresses, the three offer limits."""

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models

validate_ods_code = RegexValidator(
    r"^[A-Z0-9]+\Z", "An ODS code is made of capital letters and digits."
)


YEAR_MINUTES = 366 * 24 * 60
MOST_WINDOW_DAYS = 730


OFFER_LIMITS = ("booking_window_days", "embargo_minutes", "minimum_notice_minutes")


class Versioned(models.Model):
    """A resource that other organisations hold copies of.

    ``version`` is its FHIR versionId. It counts up whenever what they would be shown changes
    (GEN-032), derived content included, by whoever makes the change: see services and admin.
    """

    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True


class PostalAddress(models.Model):
    """A UK address in the parts that FHIR's Address uses: the county is its ``district``."""

    address_line_1 = models.CharField("address", max_length=100, blank=True)
    address_line_2 = models.CharField("address, second line", max_length=100, blank=True)
    address_line_3 = models.CharField("address, third line", max_length=100, blank=True)
    city = models.CharField("town or city", max_length=60, blank=True)
    district = models.CharField("county", max_length=60, blank=True)
    postal_code = models.CharField("postcode", max_length=10, blank=True)
    country = models.CharField(max_length=60, blank=True)

    class Meta:
        abstract = True


class OfferLimits(models.Model):
    """When a slot may be offered to other organisations, relative to its start.

    0 is a setting: the day itself, no embargo, no notice, whatever an outer level says.
    Empty means: as the next level up says (slot, session, practice), and at the practice: no limit.
    The specification recommends such rules and pins none of their form (AVAIL-040, AVAIL-043).
    """

    booking_window_days = models.PositiveSmallIntegerField(
        "booking window (days)",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_WINDOW_DAYS)],
        help_text="How many days ahead other organisations may book, by the clock on the wall. "
        "0: only on the day itself. "
        "Empty: as set for the session, or else for the practice.",
    )
    embargo_minutes = models.PositiveIntegerField(
        "embargo (minutes)",
        null=True,
        blank=True,
        validators=[MaxValueValidator(YEAR_MINUTES)],
        help_text="Hidden from other organisations until this long before it starts. "
        "0: not hidden, whatever the session or the practice says. "
        "Empty: as set for the session, or else for the practice.",
    )
    minimum_notice_minutes = models.PositiveIntegerField(
        "minimum notice (minutes)",
        null=True,
        blank=True,
        validators=[MaxValueValidator(YEAR_MINUTES)],
        help_text="Other organisations can no longer book once it starts within this time. "
        "0: until it starts, whatever the session or the practice says. "
        "Empty: as set for the session, or else for the practice.",
    )

    class Meta:
        abstract = True
