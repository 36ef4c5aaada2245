"""Prepared statements do as the query sets and models do that they are made of."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import BigIntegerField, DateTimeField, F
from django.utils import timezone

from practice.db.expressions import Epoch
from practice.db.prepared import Numbers, Prepared, PreparedInsert, PreparedUpdate, QueryParameter
from practice.models import AppointmentSlot, AuditEvent, Slot
from workbench.factories import make_access_profile, make_appointment, make_slots

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
        QueryParameter("organisation", BigIntegerField()),
        QueryParameter("before", DateTimeField()),
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


# ---------------------------------------------------------------- instances, changes, new rows

KEPT = Prepared(
    lambda: (
        Slot.objects.filter(pk__among=Numbers("ids"), status=Slot.Status.FREE)
        .select_related("schedule", "access_profile")
        .order_by("start")
    )
)


def test_instances_come_with_what_was_selected_beside_them(practice, django_assert_num_queries):
    profile = make_access_profile()
    slots = make_slots(2)
    Slot.objects.filter(pk=slots[1].pk).update(access_profile=profile)

    with django_assert_num_queries(1):
        found = KEPT.objects(ids=[slot.pk for slot in slots])
        seen = [(slot.schedule.session_name, slot.access_profile) for slot in found]

    assert found == slots
    assert seen == [
        (slots[0].schedule.session_name, None),
        (slots[1].schedule.session_name, profile),
    ]
    assert [(slot.start, slot.version) for slot in found] == [
        (slot.start, slot.version) for slot in slots
    ]


def test_an_instance_is_as_the_orm_makes_it(practice):
    (slot,) = make_slots(1)

    (ours,) = KEPT.objects(ids=[slot.pk])
    theirs = Slot.objects.select_related("schedule", "access_profile").get(pk=slot.pk)

    for mine, other in ((ours, theirs), (ours.schedule, theirs.schedule)):
        assert columns_of(mine) == columns_of(other)
        assert (mine._state.adding, mine._state.db) == (False, "default")
    assert ours._state.fields_cache.keys() == theirs._state.fields_cache.keys()
    ours.version = 7
    ours.save(update_fields=["version"])
    assert Slot.objects.get().version == 7


def columns_of(instance):
    return {name: value for name, value in vars(instance).items() if name != "_state"}


BLOCK = PreparedUpdate(
    lambda: Slot.objects.filter(pk__among=Numbers("ids")),
    status=Slot.Status.BUSY_UNAVAILABLE,
    version=F("version") + 1,
    updated_at=QueryParameter("now", DateTimeField()),
)


def test_a_prepared_update_changes_the_rows_of_its_query_set_and_no_other(practice):
    slots = make_slots(3)
    now = slots[0].start

    changed = BLOCK(ids=[slots[0].pk, slots[2].pk], now=now)

    assert changed == 2
    assert list(Slot.objects.order_by("start").values_list("status", "version")) == [
        ("busy-unavailable", 2),
        ("free", 1),
        ("busy-unavailable", 2),
    ]
    assert Slot.objects.filter(updated_at=now).count() == 2


def test_what_is_inserted_is_read_back_as_the_orm_would_have_stored_it(practice):
    detail = {"reason": "100 % sure", "values": [1, None, True]}
    event = AuditEvent(
        organisation=practice.organisation,
        recorded_at=timezone.now(),
        door=AuditEvent.Door.STAFF,
        event="looked at the diary",
        outcome="ok",
        patient_id=2**62,
        detail=detail,
    )

    PreparedInsert(AuditEvent).one(event)

    stored = AuditEvent.objects.get(pk=event.pk)
    for field in AuditEvent._meta.concrete_fields:
        assert getattr(stored, field.attname) == getattr(event, field.attname), field.name
    assert stored.recorded_at.utcoffset() == timedelta()


def test_several_rows_are_inserted_at_once(practice):
    slots = make_slots(3)
    booked = make_appointment(slots=slots[:1])

    PreparedInsert(AppointmentSlot).all(
        AppointmentSlot(appointment=booked, slot=slot) for slot in slots[1:]
    )

    assert set(booked.slots.all()) == set(slots)


@pytest.mark.postgresql
def test_postgresql_keeps_the_statement_with_constants_that_match_a_partial_index(practice):
    """As a value, the status would keep a plan for all values from using the index."""
    KEPT.objects(ids=[1])
    KEPT.objects(ids=[1, 2, 2**40])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, parameter_types::text FROM pg_prepared_statements"
            " WHERE statement LIKE '%practice_accessprofile%ANY%'"
        )
        kept = [row for row in cursor.fetchall() if "= 'free'" in row[0]]

    assert [types for _, types in kept] == ["{bigint[]}"]
