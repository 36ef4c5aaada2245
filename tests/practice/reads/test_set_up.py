"""What a practice has, and what it still needs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Organisation
from practice.reads.set_up import last_search, set_up
from workbench.factories import make_patient, make_practitioner, make_template
from workbench.staff import MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db


def test_only_its_own_counts(practice):
    bare = Organisation.objects.create(ods_code="N00009", name="Newtown Practice")
    make_staff(practice.organisation, role=MANAGER)
    make_patient(practice.organisation)
    make_practitioner(practice.organisation)
    make_template(organisation=practice.organisation)

    there = set_up(bare, now=timezone.now())

    numbers = (there.places, there.holders, there.templates, there.patients, there.staff.people)
    assert numbers == (0, 0, 0, 0, 0)


def test_staff_count_once_each_and_in_every_role(practice):
    both = make_staff(practice.organisation, role=MANAGER)
    both.groups.add(*make_staff(practice.organisation, role=RECEPTIONIST).groups.all())
    make_staff(practice.organisation, role="")
    make_staff(practice.organisation, is_active=False)
    both.last_login = timezone.now()
    both.save()

    staff = set_up(practice.organisation, now=timezone.now()).staff

    assert (staff.people, staff.without_role, staff.never_signed_in) == (3, 1, 2)
    assert staff.by_role == {"Practice manager": 1, "Receptionist": 2}


def test_a_search_counts_for_four_weeks_and_a_refused_one_never(practice, consumer):
    consumer.search_slots()
    now = timezone.now()
    assert last_search(practice.organisation, now=now) is None
    first, last = now + timedelta(days=1), now + timedelta(days=3)
    consumer.search_slots(
        {
            "status": "free",
            "start": f"ge{first:%Y-%m-%d}",
            "end": f"le{last:%Y-%m-%d}",
            "_include": "Slot:schedule",
        }
    )

    found = last_search(practice.organisation, now=timezone.now())

    assert found is not None
    assert found.by.startswith("Test Hospital")
    assert last_search(practice.organisation, now=now + timedelta(weeks=5)) is None
