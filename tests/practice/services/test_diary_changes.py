"""What was noted of changes is forgotten after two days, and the overnight command does it."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from practice.models import DiaryChange
from workbench.factories import make_slot


@pytest.mark.django_db
def test_the_overnight_command_forgets_what_is_old_and_nothing_else(practice):
    make_slot()
    old, *rest = DiaryChange.objects.order_by("pk")
    DiaryChange.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=3))

    call_command("close_day", verbosity=0)

    assert list(DiaryChange.objects.order_by("pk")) == rest
