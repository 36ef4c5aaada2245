"""Whom the practice looks after: patients, and what belongs to them."""

from django.db import models
from django.db.models import Q

from practice import nhs_number, terminology
from practice.models.common import PostalAddress, Versioned
from practice.models.directory import Location, Organisation, Practitioner
from practice.models.rehearsals import RealOnly, in_rehearsal


class Patient(Versioned):
    """A person registered at the practice, now or once.

    Visible outside only while active, alive, not sensitive, and with a verified NHS number
    (PAT-010 to PAT-022): see ``practice.reads.patients``. Whoever registers at the desk may have no
    number yet, or none at all: a visitor, a newborn, somebody from abroad.
    The name here is the official one, as synchronised with the national record (PAT-063).
    """

    class Source(models.TextChoices):
        PRACTICE = "practice", "The practice"
        GP_CONNECT = "gp-connect", "GP Connect"

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="patients", verbose_name="practice"
    )
    nhs_number = models.CharField(  # noqa: DJ001 - unique where there is one
        "NHS number",
        max_length=10,
        null=True,
        blank=True,
        validators=[nhs_number.validate],
        help_text="Empty: not known yet, or there is none. Nobody outside sees the patient then.",
    )
    nhs_number_verification = models.CharField(
        "NHS number verification",
        max_length=2,
        choices=terminology.nhs_number_verification_statuses,
        default="02",
        help_text="Only patients with a verified number are visible outside.",
    )
    prefix = models.CharField("title", max_length=35, blank=True)
    given_names = models.CharField(max_length=100, blank=True, help_text="Separated by spaces.")
    family_name = models.CharField(max_length=100)
    birth_date = models.DateField("date of birth")
    gender = models.CharField(
        max_length=10, choices=terminology.administrative_genders, default="unknown"
    )
    deceased_at = models.DateField("date of death", null=True, blank=True)
    sensitive = models.BooleanField(
        default=False, help_text="Flagged on the national record: never shown outside."
    )
    active = models.BooleanField("registered", default=True)
    registration_type = models.CharField(
        max_length=2, choices=terminology.registration_types, default="R"
    )
    registration_start = models.DateField("registered from", null=True, blank=True)
    registration_end = models.DateField(
        "registered until", null=True, blank=True, help_text="The last day, where there is one."
    )
    registered_via = models.CharField(
        max_length=10, choices=Source.choices, default=Source.PRACTICE, editable=False
    )
    registration_provenance = models.JSONField(default=dict, blank=True, editable=False)
    preferred_branch = models.ForeignKey(
        Location, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    general_practitioner = models.ForeignKey(
        Practitioner, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rehearsal = in_rehearsal()

    objects: RealOnly["Patient"] = RealOnly()
    with_tests: models.Manager["Patient"] = models.Manager()

    class Meta:
        ordering = ["family_name", "given_names", "birth_date"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "nhs_number"], name="patient_once_in_practice"
            ),
            models.CheckConstraint(
                condition=Q(nhs_number__isnull=False) | ~Q(nhs_number_verification="01"),
                name="verified_patient_has_a_number",
            ),
            models.CheckConstraint(
                condition=~Q(nhs_number=""), name="patient_number_is_there_or_null"
            ),
            models.CheckConstraint(
                condition=Q(registration_end__isnull=True)
                | Q(registration_start__isnull=True)
                | Q(registration_end__gte=models.F("registration_start")),
                name="registration_ends_after_it_starts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "family_name", "given_names"], name="patient_by_name"
            ),
            models.Index(fields=["organisation", "birth_date"], name="patient_by_birth_date"),
            models.Index(
                fields=["rehearsal"],
                condition=Q(rehearsal__isnull=False),
                name="patient_of_rehearsal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.family_name.upper()}, {self.given_names} ({self.prefix})".replace(" ()", "")

    @property
    def full_name(self) -> str:
        """The name as reception calls it out: Mrs Edie Fauxley."""
        return " ".join(filter(None, [self.prefix, self.given_names, self.family_name]))


class PatientName(models.Model):
    """Another name of a patient: a maiden name, what they like to be called. Not sent outside."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="other_names")
    use = models.CharField(max_length=10, choices=terminology.name_uses)
    prefix = models.CharField("title", max_length=35, blank=True)
    given_names = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = "other name"

    def __str__(self) -> str:
        return " ".join(filter(None, [self.prefix, self.given_names, self.family_name]))


class PatientAddress(PostalAddress):
    """Where a patient lives or, for a time, stays (``use`` temp, until ``end``)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="addresses")
    use = models.CharField(max_length=10, choices=terminology.address_uses, default="home")
    type = models.CharField(max_length=10, choices=terminology.address_types, blank=True)
    start = models.DateField("from", null=True, blank=True)
    end = models.DateField("until", null=True, blank=True)

    class Meta:
        verbose_name = "address"
        verbose_name_plural = "addresses"

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.address_line_1, self.city, self.postal_code]))


class PatientTelecom(models.Model):
    """How to reach a patient."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="telecoms")
    system = models.CharField(
        "kind", max_length=10, choices=terminology.contact_point_systems, default="phone"
    )
    value = models.CharField("number or address", max_length=100)
    use = models.CharField(max_length=10, choices=terminology.contact_point_uses, default="home")
    start = models.DateField("from", null=True, blank=True)
    end = models.DateField("until", null=True, blank=True)

    class Meta:
        verbose_name = "telephone or e-mail"
        verbose_name_plural = "telephone and e-mail"

    def __str__(self) -> str:
        return self.value


class PatientContact(PostalAddress):
    """Somebody to be contacted about a patient (PAT-066, PAT-067)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="contacts")
    relationship = models.CharField(max_length=100, help_text="In words: mother, neighbour, carer.")
    prefix = models.CharField("title", max_length=35, blank=True)
    given_names = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100)
    gender = models.CharField(max_length=10, blank=True, choices=terminology.administrative_genders)
    telephone = models.CharField(max_length=30, blank=True)
    telephone_use = models.CharField(
        max_length=10, choices=terminology.contact_point_uses, default="home"
    )

    class Meta:
        verbose_name = "contact"

    def __str__(self) -> str:
        return f"{self.given_names} {self.family_name} ({self.relationship})".strip()


class PatientLanguage(models.Model):
    """A language of a patient, and whether an interpreter is needed (NHSCommunication)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="languages")
    language = models.CharField(max_length=10, choices=terminology.human_languages)
    preferred = models.BooleanField(null=True, blank=True)
    mode = models.CharField(max_length=10, blank=True, choices=terminology.language_ability_modes)
    proficiency = models.CharField(
        max_length=10, blank=True, choices=terminology.language_ability_proficiencies
    )
    interpreter_required = models.BooleanField(null=True, blank=True)

    class Meta:
        verbose_name = "language"

    def __str__(self) -> str:
        return str(self.get_language_display())


class PatientNote(models.Model):
    """What reception should know of a patient; never sent outside. An ended one is kept."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="notes")
    text = models.CharField(max_length=300)
    written_at = models.DateTimeField()
    written_by_name = models.CharField("written by", max_length=200)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by_name = models.CharField("ended by", max_length=200, blank=True)

    class Meta:
        ordering = ["-written_at", "-id"]
        verbose_name = "note"
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="patient_note_says_something"),
        ]

    def __str__(self) -> str:
        return self.text
