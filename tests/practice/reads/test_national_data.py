"""The lists in force are the last that were loaded."""

import pytest
from django.utils import timezone

from practice import national_data as lists
from practice.models import NationalDataVersion
from practice.reads import national_data

pytestmark = pytest.mark.django_db


def test_the_last_loaded_are_in_force_else_those_of_the_release():
    assert national_data.as_given() == lists.shipped()

    for version in ("2", "1"):
        NationalDataVersion.objects.create(
            version=version,
            data={**lists.shipped(), "version": version},
            loaded_at=timezone.now(),
            loaded_by="Olive Operator",
        )

    assert national_data.in_force().version == "1"
