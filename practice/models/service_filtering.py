"""Service filtering (GP Connect 1.2.8): the services of a practice, and the supplier's switch.

A practice that runs several services, such as its own surgery and an access hub, says which of its
sessions belong to which. Others who were led to one of them by the Directory of Services (DoS) are
then offered the slots of that one only. Until the supplier opens it, and the practice then switches
it on, nothing of it is seen outside.
"""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from practice.models.common import Versioned
from practice.models.directory import Organisation

validate_service_id = RegexValidator(r"^[0-9]{1,20}\Z", "A service ID of the DoS is a number.")


class ServiceFilteringSwitch(models.Model):
    """The supplier's switch, for all practices of the installation: one row, or none while off.

    ``ods_codes`` are the practices that it is on at while it is on at selected ones. What a
    practice needs to know stands in its own ``service_filtering_open``, kept by the service that
    turns the switch.
    """

    class State(models.TextChoices):
        OFF = "off", "Off"
        SELECTED = "selected", "On at selected practices"
        ON = "on", "On at all practices"

    ONLY = 1  # the id of the one row

    state = models.CharField(max_length=10, choices=State.choices, default=State.OFF)
    ods_codes = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = "service filtering"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_service_filtering_switch"),
            models.CheckConstraint(
                condition=Q(state__in=["off", "selected", "on"]),
                name="service_filtering_state_is_a_code",
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_state_display())


class HealthcareService(Versioned):
    """A service that a practice provides, as the Directory of Services knows it."""

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        db_index=False,  # service_id_once_in_practice begins with it
        related_name="healthcare_services",
        verbose_name="practice",
    )
    service_id = models.CharField(
        "service ID",
        max_length=20,
        validators=[validate_service_id],
        help_text="Its number in the Directory of Services (DoS). Your DoS lead knows it.",
    )
    name = models.CharField(
        max_length=200, help_text="As in the Directory of Services. Shown to other organisations."
    )

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "service"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "service_id"], name="service_id_once_in_practice"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.service_id})"


class OfService(models.Model):
    """What belongs to at most one service; or somebody has said that none applies to it."""

    healthcare_service = models.ForeignKey(
        HealthcareService,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # asked by practice and date, never by service alone
        related_name="+",
        verbose_name="service",
    )
    no_healthcare_service = models.BooleanField(
        "no service applies", default=False, help_text="A person has said that none applies."
    )

    class Meta:
        abstract = True

    @property
    def service_is_chosen(self) -> bool:
        """Whether somebody has said which service it belongs to, or that none applies."""
        return self.healthcare_service_id is not None or self.no_healthcare_service
