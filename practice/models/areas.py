"""Areas: which practices somebody above them looks after, and nothing about any patient."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from practice.models.directory import Organisation


class Area(models.Model):
    """Practices whose promises area managers see side by side; an operator says who and which."""

    name = models.CharField(max_length=100, unique=True)
    practices = models.ManyToManyField(Organisation, related_name="areas", blank=True)
    managers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="areas", blank=True)

    class Meta:
        ordering = ["name"]
        default_permissions: ClassVar[Any] = ("view",)
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="area_has_name")]

    def __str__(self) -> str:
        return self.name
