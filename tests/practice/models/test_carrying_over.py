"""What was said of the shared person before is said by the roles of each practice from now on."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from practice.models import CalendarFeed, Practitioner
from workbench.factories import (
    make_organisation,
    make_practitioner,
    make_schedule,
    make_template,
    tomorrow,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def before():
    """The models as they were before the person's own ``active`` went."""
    loader = MigrationLoader(None)
    return loader.project_state(("practice", "0018_roles_have_versions")).apps


def carry_over(before) -> None:
    migration = import_module("practice.migrations.0019_roles_say_who_works_here")
    migration.carry_over(before, SimpleNamespace(connection=connection))


def deactivate(before, person: Practitioner) -> None:
    before.get_model("practice", "Practitioner").objects.filter(pk=person.pk).update(active=False)


def works_at(person: Practitioner, *practices) -> list[bool]:
    working = Practitioner.objects.filter(pk=person.pk)
    return [working.working_at(practice).exists() for practice in practices]


def test_who_was_not_active_works_nowhere_and_who_was_goes_on(before):
    here, there = make_organisation(), make_organisation()
    gone, stays = (make_practitioner(here, also_at=[there]) for _ in range(2))
    make_template(here, session_holder=gone)
    deactivate(before, gone)

    carry_over(before)

    assert works_at(gone, here, there) == [False, False]
    assert works_at(stays, here, there) == [True, True]


@pytest.mark.parametrize("what", ["a template", "a session to come"])
def test_whom_the_diary_still_counts_on_keeps_the_last_role_here(before, what):
    """The plan went on with them though their role had ended: the next one withdraws nothing."""
    here, there = make_organisation(), make_organisation()
    person = make_practitioner(here, works_here=False)
    person.roles.create(organisation=there, role="R0260", active=False)
    CalendarFeed.objects.create(
        organisation=here, practitioner=person, secret="s", created_at=timezone.now()
    )
    make = make_template if what == "a template" else make_schedule
    make(here, session_holder=person)

    carry_over(before)

    assert works_at(person, here, there) == [True, False]
    assert CalendarFeed.objects.get().revoked_at  # it led nowhere, and does not come back to life


def test_a_session_whose_holder_has_no_role_here_keeps_its_holder(before):
    here = make_organisation()
    locum, other = make_practitioner(role=None), make_practitioner(role=None)
    make_template(here, session_holder=locum, practitioner_role="R0600")
    make_template(here, session_holder=other, practitioner_role="")

    carry_over(before)

    assert locum.roles.get().role == "R0600"
    assert works_at(other, here) == [True]


def test_whom_only_the_past_names_does_not_come_back(before):
    here, today = make_organisation(), tomorrow() - timedelta(days=1)
    person = make_practitioner(here, works_here=False)
    yesterday = today - timedelta(days=1)
    make_template(here, session_holder=person, effective_from=yesterday, effective_to=yesterday)
    make_schedule(here, session_holder=person, date=yesterday)
    make_schedule(here, session_holder=person, withdrawn=True)

    carry_over(before)

    assert works_at(person, here) == [False]
    person.refresh_from_db()
    assert person.version == 2
