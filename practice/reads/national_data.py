"""Which version of the national lists is in force: the last that was loaded."""

from typing import Any

from practice import national_data
from practice.models import NationalDataVersion
from practice.national_data import NationalData


def as_given() -> dict[str, Any]:
    """The lists in force as they were loaded; those of this release where none were."""
    last = NationalDataVersion.objects.order_by("-pk").values_list("data", flat=True).first()
    found: dict[str, Any] = last or national_data.shipped()
    return found


def in_force() -> NationalData:
    """The lists in force."""
    return national_data.read(as_given())
