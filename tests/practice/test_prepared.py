"""Prepared queries answer as the query sets do that they are made of."""

from datetime import timedelta

import pytest
from django.db.models import BigIntegerField, DateTimeField

from practice.models import Slot
from practice.models.expressions import Epoch
from practice.models.prepared import Numbers, Parameter, Prepared
from tests.factories import make_slots

pytestmark = pytest.mark.django_db


def slots_of(organisation, before, ids):
    return (
        Slot.objects.filter(organisation=organisation, start__lt=before, pk__among=ids)
        .annotate(start_epoch=Epoch("start"))
        .order_by("pk")
        .values_list("pk", "slot_type", "start_epoch", "start", "gp_connect_bookable")
    )


PREPARED = Prepared(
    lambda: slots_of(
        Parameter("organisation", BigIntegerField()),
        Parameter("before", DateTimeField()),
        Numbers("ids"),
    )
)


@pytest.mark.parametrize("wanted", [0, 1, 3], ids=["no slot", "one slot", "every slot"])
def test_a_prepared_query_finds_what_its_query_set_finds(practice, wanted):
    slots = make_slots(3)
    ids = [slot.pk for slot in slots[:wanted]]
    before = slots[1].start + timedelta(minutes=1)

    found = PREPARED.rows(organisation=practice.organisation.pk, before=before, ids=ids)

    expected = Slot.objects.filter(pk__in=ids, start__lt=before).order_by("pk")
    assert [row[0] for row in found] == [slot.pk for slot in expected]
    assert [row[3] for row in found] == [slot.start for slot in expected]
    assert [row[2] for row in found] == [int(slot.start.timestamp()) for slot in expected]
    assert all(row[4] is True for row in found)


def test_asking_again_makes_no_new_statement(practice, django_assert_num_queries):
    slots = make_slots(2)
    values = {"organisation": practice.organisation.pk, "before": slots[1].end}

    with django_assert_num_queries(2) as queries:
        PREPARED.rows(**values, ids=[slots[0].pk])
        PREPARED.rows(**values, ids=[slot.pk for slot in slots])

    assert len(queries.captured_queries) == 2
