"""The practices of an area by day; its page is asked in tests/practice/staff/test_areas.py."""

from datetime import timedelta

import pytest

from practice.models import Area
from practice.reads.areas import area_books, areas_of
from tests.practice.promise_world import NOW, TODAY, TOMORROW, promise, session, watched
from workbench.factories import make_organisation
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


def test_each_day_is_as_the_watch_saw_it_with_its_causes(practice):
    area = Area.objects.create(name="Mockshire")
    silent = make_organisation(name="Zero Surgery")
    area.practices.set([practice.organisation, silent])
    promise(practice)
    session(practice, TODAY, 3)
    watched(practice)

    (book,) = area_books([area], TODAY)

    assert book.days == [TODAY + timedelta(days=number) for number in range(7)]
    first, second = book.rows
    assert [cell and cell.found.missing for cell in first.cells] == [0, 3, *[None] * 5]
    (short,) = first.short
    assert (short.found.day, short.causes) == (TOMORROW, ["There are no slots on this day."])
    assert (second.practice, second.promise, second.cells) == (silent, "", [None] * 7)
    assert book.looked_at == NOW


def test_areas_are_of_those_who_look_after_them(practice):
    ours, theirs = (Area.objects.create(name=name) for name in ("Mockshire", "Shamshire"))
    user = make_staff()
    ours.managers.add(user)

    assert areas_of(user) == [ours]
    assert areas_of(make_staff(is_superuser=True)) == [ours, theirs]
