"""The lists of sessions, slots and appointments: actions call services, rows lead to pages."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Slot
from tests.practice.admin_world import last_event, new_events, words
from workbench import factories
from workbench.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def receptionist(practice):
    return signed_in(
        practice.organisation, role="Receptionist", first_name="Rita", last_name="Reception"
    )


@pytest.fixture
def manager(practice):
    return signed_in(practice.organisation, role="Practice manager")


def on_many(client, action: str, *slots: Slot):
    """Tick slots in the list and run an action on them; return the list as it is afterwards."""
    address = reverse("admin:practice_slot_changelist")
    chosen = {"action": action, "_selected_action": [slot.pk for slot in slots]}
    return client.post(address, chosen, follow=True)


# ---------------------------------------------------------------- slots, many at once


@pytest.mark.req("AVAIL-013", "AVAIL-083")
def test_blocking_many_says_how_many_and_why_the_others_were_left(receptionist, practice):
    free, other, taken = factories.make_slots(3)
    factories.make_appointment(slots=[taken])

    page = words(on_many(receptionist, "block", free, other, taken))

    assert "2 slots blocked." in page
    assert "1 slot left as before: 1 × It is booked" in page
    statuses = set(Slot.objects.filter(pk__in=[free.pk, other.pk]).values_list("status", flat=True))
    assert statuses == {Slot.Status.BUSY_UNAVAILABLE}


MANY = [
    ("unblock", {"status": "busy-unavailable"}, {"status": "free"}),
    ("make_bookable", {"gp_connect_bookable": False}, {"gp_connect_bookable": True}),
    ("make_not_bookable", {}, {"gp_connect_bookable": False}),
    ("withdraw", {}, {"withdrawn": True}),
    ("restore", {"withdrawn": True}, {"withdrawn": False}),
]


@pytest.mark.req("AVAIL-001", "AVAIL-013")
@pytest.mark.parametrize(("action", "before", "after"), MANY, ids=[row[0] for row in MANY])
def test_each_action_changes_the_slots_and_their_version(receptionist, action, before, after):
    slots = factories.make_slots(2, **before)
    old = last_event()

    page = words(on_many(receptionist, action, *slots))

    assert "2 slots" in page
    for slot in slots:
        slot.refresh_from_db()
        assert {name: getattr(slot, name) for name in after} == after
        assert slot.version == 2
    assert [event.user_name for event in new_events(old)] == ["Rita Reception"]


@pytest.mark.req("AVAIL-050", "AVAIL-052")
def test_slots_that_could_never_be_seen_are_not_made_bookable(receptionist):
    session = factories.make_schedule(practitioner_role="")
    [slot] = factories.make_slots(1, session, gp_connect_bookable=False)

    page = words(on_many(receptionist, "make_bookable", slot))

    slot.refresh_from_db()
    assert not slot.gp_connect_bookable
    assert "The session has no role" in page


def test_an_auditor_is_offered_no_action(practice):
    slot = factories.make_slot()
    auditor = signed_in(practice.organisation, role="Auditor")

    on_many(auditor, "block", slot)

    slot.refresh_from_db()
    assert slot.status == Slot.Status.FREE


def test_the_list_begins_today_unless_something_is_looked_for(receptionist, practice):
    yesterday = clock.today(timezone.now()) - timedelta(days=1)
    past = factories.make_slot(factories.make_schedule(date=yesterday))
    coming = factories.make_slot()
    address = reverse("admin:practice_slot_changelist")

    def listed(**query):
        return {slot.pk for slot in receptionist.get(address, query).context["cl"].result_list}

    assert listed() == {coming.pk}
    assert listed(when="past") == {past.pk}
    assert listed(when="all") == {past.pk, coming.pk}
    assert listed(q="Routine") == {past.pk, coming.pk}
    day = {"start__year": yesterday.year, "start__month": yesterday.month}
    assert listed(**day, start__day=yesterday.day) == {past.pk}


# ---------------------------------------------------------------- where rows and Add lead


LISTS = {"slot": factories.make_slot, "schedule": factories.make_schedule}
LISTS["appointment"] = factories.make_appointment


@pytest.mark.parametrize("name", LISTS)
def test_rows_and_the_add_button_lead_to_the_page_of_the_job(manager, practice, name):
    record = LISTS[name]()

    page = words(manager.get(reverse(f"admin:practice_{name}_changelist")))

    assert f'href="{reverse(f"admin:practice_{name}_change", args=[record.pk])}' in page
    assert f'href="{reverse(f"admin:practice_{name}_add")}' in page


@pytest.mark.parametrize("name", LISTS)
def test_nothing_of_the_diary_is_deleted_there(manager, practice, name):
    record = LISTS[name]()

    change = reverse(f"admin:practice_{name}_change", args=[record.pk])
    answer = manager.post(change.replace("change", "delete"), {"post": "yes"})

    assert answer.status_code == 404
    assert type(record).objects.filter(pk=record.pk).exists()


def test_a_free_slot_is_offered_to_whoever_may_book(receptionist, practice):
    slot = factories.make_slot()
    address = reverse("admin:practice_slot_changelist")
    link = f'href="/admin/practice/appointment/add/?slot={slot.pk}"'

    assert link in words(receptionist.get(address))
    assert link not in words(signed_in(practice.organisation, role="Auditor").get(address))


def test_the_records_of_two_practices_are_opened_from_one_list(practice):
    """Who works at both and has chosen neither; each page works in the practice of its record."""
    other = factories.make_organisation()
    both = signed_in(practice.organisation, other, role="Practice manager")
    theirs = factories.make_schedule(other)
    slot = factories.make_slot(theirs)
    appointment = factories.make_appointment(
        slots=[factories.make_slot(theirs)], patient=factories.make_patient(other)
    )

    for record in (theirs, slot, appointment):
        name = record._meta.model_name
        assert (
            both.get(reverse(f"admin:practice_{name}_change", args=[record.pk])).status_code == 200
        )
    both.post(
        reverse("admin:practice_slot_change", args=[slot.pk]),
        {"do": "block", "expected_version": slot.version},
    )
    slot.refresh_from_db()
    assert slot.status == Slot.Status.BUSY_UNAVAILABLE
