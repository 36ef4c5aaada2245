"""The page of a slot: each change in one step, under the version that the page showed."""

from datetime import timedelta

import pytest

from practice.models import AuditEvent, Schedule, Slot, SlotType
from tests.practice.staff.diary_world import THURSDAY, booked, post, slot_address, words_of
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_schedule,
    make_slot,
    make_slot_type,
    make_slots,
)
from workbench.staff import MANAGER, signed_in


def test_a_slot_is_blocked_with_a_note_and_freed_again(client, slot):
    response = post(client, slot_address(slot), "block", 1, note="Tutorial")

    slot.refresh_from_db()
    assert (slot.status, slot.note, slot.changed_by_hand) == ("busy-unavailable", "Tutorial", True)
    assert "The slot at 10:00 is blocked." in client.get(response.url).content.decode()
    assert AuditEvent.objects.filter(event="slot.block", resource=f"Slot/{slot.pk}").exists()

    post(client, slot_address(slot), "unblock", 2)

    slot.refresh_from_db()
    assert (slot.status, slot.note) == ("free", "")


@pytest.mark.parametrize(
    ("do", "back", "field", "value"),
    [
        ("withhold", "offer", "gp_connect_bookable", False),
        ("withdraw", "restore", "withdrawn", True),
    ],
)
def test_a_slot_is_changed_and_changed_back(client, slot, do, back, field, value):
    content = client.get(slot_address(slot)).content.decode()
    assert f'value="{do}"' in content

    post(client, slot_address(slot), do, 1)
    slot.refresh_from_db()
    assert getattr(slot, field) is value
    assert f'value="{back}"' in client.get(slot_address(slot)).content.decode()

    post(client, slot_address(slot), back, 2)
    slot.refresh_from_db()
    assert getattr(slot, field) is not value


@pytest.mark.req("STAFF-026", "AVAIL-052")
def test_what_keeps_a_slot_from_being_offered_is_said_in_words(client, slot):
    Slot.objects.filter(pk=slot.pk).update(gp_connect_bookable=False)
    slot.schedule.practitioner_role = ""
    slot.schedule.save()

    page = client.get(slot_address(slot)).content.decode()
    refused = post(client, slot_address(slot), "offer", 1)

    assert 'value="offer"' not in page
    assert "The session has no role: choose one first." in page
    assert refused.status_code == 422
    assert "The session has no role" in words_of(refused.content.decode())


def test_a_form_of_a_slot_that_was_changed_meanwhile_changes_nothing(client, slot):
    post(client, slot_address(slot), "withhold", 1)

    for do in ("block", "withdraw", "withhold", "offer"):
        response = post(client, slot_address(slot), do, 1)

        assert response.status_code == 409
        assert "Somebody else has changed this" in response.content.decode()
    slot.refresh_from_db()
    assert (slot.status, slot.withdrawn, slot.version) == ("free", False, 2)
    assert not AuditEvent.objects.filter(event="slot.block").exists()


def test_a_slot_that_was_booked_meanwhile_leads_to_the_appointment(client, slot):
    appointment = booked(slot)

    content = client.get(slot_address(slot)).content.decode()

    assert f'href="/admin/practice/appointment/{appointment.pk}/change/' in content
    assert 'name="do"' not in content.replace('value="withhold"', "").split("Slot</h3>")[1]
    event = AuditEvent.objects.get(event="slot.viewed")
    assert event.detail["patients"] == [appointment.patient_id]


def test_looking_at_a_slot_changes_nothing(client, slot):
    client.get(slot_address(slot))

    slot.refresh_from_db()
    assert (slot.status, slot.version) == ("free", 1)


# ---------------------------------------------------------------- what a slot says of itself


def change(client, slot: Slot, **values):
    """Send the form of the page as it is shown, but for these values; None: an empty box."""
    address = slot_address(slot)
    form = client.get(f"{address}?ask=change").context["form"]
    data = {field.html_name: field.value() for field in form} | values
    sent = {name: value for name, value in data.items() if value not in (None, False)}
    version = sent.pop("version", slot.version)
    return post(client, address, "change", version, **sent)


def test_a_slot_changed_by_hand_is_left_alone_by_the_generator(client, slot):
    change(client, slot, slot_type="Urgent")

    slot.refresh_from_db()
    assert (slot.slot_type, slot.version, slot.changed_by_hand) == ("Urgent", 2, True)
    event = AuditEvent.objects.get(event="slot.change")
    assert event.resource == f"Slot/{slot.pk}"
    assert event.detail["changes"] == {"slot_type": {"from": "Routine", "to": "Urgent"}}


def test_the_form_of_a_slot_says_what_zero_means(client, slot):
    page = client.get(f"{slot_address(slot)}?ask=change").content.decode()

    for words in ("0: only on the day itself.", "0: not hidden, whatever", "0: until it starts,"):
        assert words in page


def test_a_note_alone_leaves_the_slot_to_the_generator_and_so_does_who_says_so(client, slot):
    change(client, slot, note="Ring first")
    slot.refresh_from_db()
    assert (slot.note, slot.version, slot.changed_by_hand) == ("Ring first", 2, False)

    change(client, slot, embargo_minutes=30)
    slot.refresh_from_db()
    assert (slot.embargo_minutes, slot.changed_by_hand) == (30, True)

    change(client, slot, changed_by_hand=None)
    slot.refresh_from_db()
    assert (slot.embargo_minutes, slot.changed_by_hand) == (30, False)


def test_a_form_that_changes_nothing_makes_no_version(client, slot):
    change(client, slot)

    slot.refresh_from_db()
    assert (slot.version, slot.changed_by_hand) == (1, False)
    assert not AuditEvent.objects.filter(event="slot.change").exists()


@pytest.mark.req("AVAIL-010")
def test_a_slot_has_its_own_access_profile(practice, client, slot):
    profile = make_access_profile(practice.organisation)

    change(client, slot, access_profile=profile.pk)

    slot.refresh_from_db()
    assert slot.access_profile == profile
    event = AuditEvent.objects.get(event="slot.change")
    named = f"{profile} ({profile.pk})"
    assert event.detail["changes"] == {"access_profile": {"from": None, "to": named}}


def test_the_profile_of_another_practice_is_no_choice(client, slot):
    theirs = make_access_profile(make_organisation())

    answer = change(client, slot, access_profile=theirs.pk)

    slot.refresh_from_db()
    assert answer.status_code == 422
    assert str(theirs) not in answer.content.decode()
    assert (slot.access_profile, slot.version) == (None, 1)


NEVER_OFFERED = {
    "no channel": ({}, {"delivery_channel": ""}, "The slot has no delivery channel"),
    "embargo against notice": (
        {"minimum_notice_minutes": 120},
        {"embargo_minutes": 60},
        "embargo",
    ),
    "window against notice": (
        {"minimum_notice_minutes": 3000},
        {"booking_window_days": 1},
        "booking window",
    ),
}


@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052")
@pytest.mark.parametrize(("session", "values", "said"), NEVER_OFFERED.values(), ids=NEVER_OFFERED)
def test_what_is_offered_stays_what_can_be_seen(client, slot, session, values, said):
    Schedule.objects.filter(pk=slot.schedule_id).update(**session)

    answer = change(client, slot, **values)

    slot.refresh_from_db()
    assert answer.status_code == 422
    assert said in words_of(answer.content.decode())
    assert (slot.gp_connect_bookable, slot.version) == (True, 1)


@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052")
@pytest.mark.parametrize(("session", "values", "said"), NEVER_OFFERED.values(), ids=NEVER_OFFERED)
def test_a_slot_that_can_never_be_seen_cannot_be_offered(client, slot, session, values, said):
    Schedule.objects.filter(pk=slot.schedule_id).update(**session)
    Slot.objects.filter(pk=slot.pk).update(gp_connect_bookable=False, **values)

    answer = post(client, slot_address(slot), "offer", 1)

    slot.refresh_from_db()
    assert answer.status_code == 422
    assert said in words_of(answer.content.decode())
    assert f'href="/admin/practice/schedule/{slot.schedule_id}/change/' in answer.content.decode()
    assert not slot.gp_connect_bookable


def test_a_slot_booked_while_its_form_was_open_stays_booked(client, slot):
    opened = slot.version
    booked(slot)

    answer = change(client, slot, note="Ring first", version=opened)

    slot.refresh_from_db()
    assert (slot.status, slot.note) == ("busy", "")
    assert answer.status_code == 409
    assert "Somebody else has changed this" in answer.content.decode()


@pytest.mark.parametrize(
    "values", [{"embargo_minutes": -1}, {"booking_window_days": 731}, {"slot_type": ""}], ids=str
)
def test_a_value_that_makes_no_sense_is_said_beside_its_field(client, slot, values):
    answer = change(client, slot, **values)

    slot.refresh_from_db()
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert slot.version == 1


# ---------------------------------------------------------------- cut anew


def test_a_manager_splits_a_slot_and_merges_it_again(practice, client, slot):
    mo = signed_in(practice.organisation, role=MANAGER)
    make_slot(slot.schedule, slot_type="Of another kind")
    page = mo.get(f"{slot_address(slot)}?ask=split").content.decode()
    assert 'name="first_minutes" value="5"' in page
    assert 'value="merge"' not in mo.get(slot_address(slot)).content.decode()

    answer = post(mo, slot_address(slot), "split", 1, first_minutes=4)

    first, second, _ = Slot.objects.filter(start__gte=slot.start).order_by("start")
    said = words_of(mo.get(answer.url).content.decode())
    assert "The slot is two now: 10:00 to 10:04 and until 10:10." in said
    assert "Merge with the next, to 10:10" in said
    answer = post(mo, slot_address(first), "merge", 2, following=second.pk)
    said = words_of(mo.get(answer.url).content.decode())
    assert "The slot is from 10:00 to 10:10 now." in said
    assert Slot.objects.filter(start__gte=slot.start, withdrawn=False).count() == 2
    history = words_of(mo.get(f"/admin/practice/slot/{first.pk}/history/").content.decode())
    assert "Split in two" in history
    assert "End: “10:10” became “10:04”" in history
    assert "Merged with its neighbours" in history


def test_a_receptionist_cuts_no_slot(client, slot):
    make_slot(slot.schedule)

    page = client.get(slot_address(slot)).content.decode()

    assert "Split in two" not in page
    assert "Merge with" not in page
    for sent in ({"do": "split", "first_minutes": 5}, {"do": "merge", "following": 1}):
        answer = client.post(slot_address(slot), {**sent, "expected_version": 1})
        assert answer.status_code == 403
    assert set(Slot.objects.values_list("version", flat=True)) == {1}


def test_what_reception_should_know_of_a_slot_type_stands_where_it_is_booked(
    practice, client, receptionist
):
    [slot] = make_slots(1, make_schedule(date=THURSDAY + timedelta(days=1)), slot_type="Smear")
    make_slot_type(name="Smear")
    SlotType.objects.filter(name="Smear").update(hint="Not for children")
    booking = f"/admin/practice/appointment/add/?patient={practice.patient.pk}"
    held = booked(make_slots(1, make_schedule(date=THURSDAY + timedelta(days=2)))[0])

    for page in (
        booking,
        f"{booking}&slot={slot.pk}",
        f"/admin/practice/appointment/{held.pk}/move/?slot={slot.pk}",
        slot_address(slot),
    ):
        assert "Smear: Not for children" in words_of(client.get(page).content.decode()), page
    SlotType.objects.update(hint="")
    assert "Not for children" not in client.get(booking).content.decode()
