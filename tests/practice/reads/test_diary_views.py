"""Which saved views somebody may choose from; a constant number of queries."""

import pytest

from practice.models import DiaryView
from practice.reads.diary_views import saved_views
from workbench.factories import make_location, make_practitioner
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


def test_many_views_cost_as_many_queries_as_one(practice, django_assert_num_queries):
    here, rita = practice.organisation, make_staff(practice.organisation)
    for number in range(3):
        view = DiaryView.objects.create(organisation=here, user=rita, name=f"{number}")
        view.holders.create(practitioner=make_practitioner(), position=1)
        view.locations.create(location=make_location())
        with django_assert_num_queries(4):
            assert len(saved_views(organisation=here, user=rita)) == number + 1
