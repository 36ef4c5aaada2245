"""Templates as pages ask for them: a practice's own, with their blocks in order."""

from datetime import time, timedelta

import pytest

from practice.models import SessionTemplate
from practice.reads import access_profiles, directory, templates
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_template,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def test_the_template_of_another_practice_is_not_found(practice):
    theirs = make_template(make_organisation())

    assert templates.template_of(organisation=practice.organisation, pk=theirs.pk) is None
    assert not templates.templates(organisation=practice.organisation).exists()


def test_blocks_come_in_their_order_and_with_one_query(practice, django_assert_num_queries):
    for _ in range(3):
        make_template(blocks=[{"position": 2, "start": time(11)}, {"position": 1}])

    with django_assert_num_queries(2):
        found = [list(t.blocks.all()) for t in templates.with_blocks(SessionTemplate.objects.all())]

    assert [[block.position for block in blocks] for blocks in found] == [[1, 2]] * 3


@pytest.mark.parametrize(("days", "goes_on"), [(None, True), (0, True), (-1, False)])
def test_a_template_goes_on_through_its_last_date(practice, days, goes_on):
    today = tomorrow()
    last = None if days is None else today + timedelta(days=days)
    make_template(effective_from=today - timedelta(days=30), effective_to=last)

    assert SessionTemplate.objects.filter(templates.going_on(today)).exists() is goes_on


def test_only_sessions_made_from_it_are_its_sessions(practice):
    template = make_template()
    mine = make_schedule(template=template)
    make_schedule()

    assert list(templates.sessions_made_from(template)) == [mine]


def test_only_what_is_the_practices_can_be_named(practice):
    there = make_organisation()
    ours = make_practitioner(), make_location(), make_access_profile()
    theirs = make_practitioner(there), make_location(there), make_access_profile(there)
    asked = (directory.possible_holders, directory.locations, access_profiles.profiles)

    for ask, mine, other in zip(asked, ours, theirs, strict=True):
        found = ask(organisation=practice.organisation)
        assert mine in found
        assert other not in found
