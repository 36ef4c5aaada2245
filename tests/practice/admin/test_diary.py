"""Sessions, slots and appointments in the admin site: every change goes through a service."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Appointment, Schedule, Slot
from tests.practice.admin_world import form_data, last_event, new_events, words
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


def slot_url(slot: Slot, page: str = "change") -> str:
    return reverse(f"admin:practice_slot_{page}", args=[slot.pk])


def on_many(client, action: str, *slots: Slot):
    """Tick slots in the list and run an action on them; return the list as it is afterwards."""
    address = reverse("admin:practice_slot_changelist")
    chosen = {"action": action, "_selected_action": [slot.pk for slot in slots]}
    return client.post(address, chosen, follow=True)


def save(client, slot: Slot, **values):
    data = {**form_data(client.get(slot_url(slot))), **values}
    sent = {name: value for name, value in data.items() if value is not None}
    return client.post(slot_url(slot), sent)


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


def test_an_action_on_one_slot_asks_first(receptionist):
    slot = factories.make_slot()

    asked = receptionist.get(slot_url(slot, "block_one"))
    slot.refresh_from_db()
    assert "Block this slot?" in words(asked)
    assert slot.status == Slot.Status.FREE

    receptionist.post(slot_url(slot, "block_one"), {"note": "Tutorial"})
    slot.refresh_from_db()
    assert (slot.status, slot.note) == (Slot.Status.BUSY_UNAVAILABLE, "Tutorial")


def test_an_auditor_is_offered_no_action(practice):
    slot = factories.make_slot()
    auditor = signed_in(practice.organisation, role="Auditor")

    on_many(auditor, "block", slot)

    slot.refresh_from_db()
    assert slot.status == Slot.Status.FREE


# ---------------------------------------------------------------- one slot


def test_a_slot_changed_by_hand_is_left_alone_by_the_generator(receptionist):
    slot = factories.make_slot()
    before = last_event()

    save(receptionist, slot, slot_type="Urgent")

    slot.refresh_from_db()
    assert (slot.slot_type, slot.version, slot.changed_by_hand) == ("Urgent", 2, True)
    [event] = new_events(before)
    assert event.detail["changes"] == {"slot_type": {"from": "Routine", "to": "Urgent"}}


NEVER_SEEN = {
    "no role": ({"practitioner_role": ""}, {}, "The session has no role"),
    "no channel": ({}, {"delivery_channel": ""}, "It has no delivery channel"),
    "embargo against notice": (
        {"minimum_notice_minutes": 120},
        {"embargo_minutes": 60},
        "Its embargo ends 60 minutes before it starts",
    ),
    "window against notice": (
        {"minimum_notice_minutes": 3000},
        {"booking_window_days": 1},
        "Its booking window of 1 days is shorter",
    ),
}


@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052")
@pytest.mark.parametrize(("session", "values", "said"), NEVER_SEEN.values(), ids=NEVER_SEEN)
def test_a_slot_that_can_never_be_seen_cannot_be_ticked(receptionist, session, values, said):
    schedule = factories.make_schedule(**session)
    [slot] = factories.make_slots(1, schedule, gp_connect_bookable=False)

    answer = save(receptionist, slot, gp_connect_bookable="on", **values)

    slot.refresh_from_db()
    assert said in words(answer)
    assert reverse("admin:practice_schedule_change", args=[schedule.pk]) in words(answer)
    assert not slot.gp_connect_bookable


@pytest.mark.req("AVAIL-010")
def test_a_slot_has_its_own_access_profile(receptionist, practice):
    profile = factories.make_access_profile(practice.organisation)
    slot = factories.make_slot()

    save(receptionist, slot, access_profile=profile.pk)

    slot.refresh_from_db()
    assert slot.access_profile == profile


def test_a_slot_booked_while_its_form_was_open_stays_booked(receptionist):
    slot = factories.make_slot()
    opened = form_data(receptionist.get(slot_url(slot)))
    factories.make_appointment(slots=[slot])

    answer = receptionist.post(slot_url(slot), {**opened, "note": "Ring first"})

    slot.refresh_from_db()
    assert slot.status == Slot.Status.BUSY
    assert "Somebody else has changed this" in words(answer)


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
    assert listed(start__day=yesterday.day, start__month=yesterday.month) == {past.pk}


# ---------------------------------------------------------------- booking


def booking_data(practice, **values):
    usual = {"patient": practice.patient.pk, "slots": 1, "description": "Sore throat"}
    return {**usual, **values}


@pytest.mark.req("AVAIL-080")
def test_a_receptionist_books_a_slot_for_a_patient(receptionist, practice):
    slot = factories.make_slot()

    answer = receptionist.post(slot_url(slot, "book"), booking_data(practice, comment="Deaf"))

    appointment = Appointment.objects.get()
    assert answer.url == reverse("admin:practice_appointment_change", args=[appointment.pk])
    assert appointment.booked_by == receptionist.user
    assert appointment.booked_via == Appointment.Door.STAFF
    assert (appointment.description, appointment.comment) == ("Sore throat", "Deaf")
    assert appointment.provenance[0]["name"] == "Rita Reception"


def test_adjacent_slots_are_booked_as_one_appointment(receptionist, practice):
    first, second, third = factories.make_slots(3)
    page = words(receptionist.get(slot_url(first, "book")))

    receptionist.post(slot_url(first, "book"), booking_data(practice, slots=2))

    assert "20 minutes, until" in page
    assert set(Appointment.objects.get().slots.all()) == {first, second}
    third.refresh_from_db()
    assert third.status == Slot.Status.FREE


def test_a_slot_taken_meanwhile_is_refused_kindly(receptionist, practice):
    slot = factories.make_slot()
    receptionist.get(slot_url(slot, "book"))
    factories.make_appointment(slots=[slot])

    answer = receptionist.post(slot_url(slot, "book"), booking_data(practice))

    assert "A slot has been taken since it was searched for." in words(answer)
    assert Appointment.objects.count() == 1


def test_a_patient_of_another_practice_cannot_be_booked(receptionist, practice):
    stranger = factories.make_patient(factories.make_organisation())
    slot = factories.make_slot()

    answer = receptionist.post(slot_url(slot, "book"), booking_data(practice, patient=stranger.pk))

    assert "Select a valid choice" in words(answer)
    assert str(stranger) not in words(answer)
    assert not Appointment.objects.exists()


# ---------------------------------------------------------------- appointments


def appointment_url(appointment, page="change"):
    return reverse(f"admin:practice_appointment_{page}", args=[appointment.pk])


def test_an_appointment_cannot_be_edited_around_the_service(receptionist):
    appointment = factories.make_appointment()

    answer = receptionist.post(appointment_url(appointment), {"status": "noshow"})

    appointment.refresh_from_db()
    assert answer.status_code == 403
    assert appointment.status == Appointment.Status.BOOKED


def test_a_cancellation_needs_a_reason(receptionist):
    appointment = factories.make_appointment()

    answer = receptionist.post(appointment_url(appointment, "cancel"), {"reason": "  "})

    appointment.refresh_from_db()
    assert "This field is required" in words(answer)
    assert appointment.status == Appointment.Status.BOOKED


def test_a_cancelled_appointment_frees_its_slots_and_says_why(receptionist):
    slot = factories.make_slot()
    appointment = factories.make_appointment(slots=[slot])

    receptionist.post(appointment_url(appointment, "cancel"), {"reason": "Patient is better"})

    slot.refresh_from_db()
    page = words(receptionist.get(appointment_url(appointment)))
    assert slot.status == Slot.Status.FREE
    assert "Patient is better" in page
    assert "Given back" in page


def test_cancelling_twice_is_refused_in_words(receptionist):
    appointment = factories.make_appointment()
    address = appointment_url(appointment, "cancel")
    receptionist.post(address, {"reason": "First"})

    answer = receptionist.post(address, {"reason": "Second"})

    assert "has been cancelled and can no longer be changed" in words(answer)


def test_amending_an_appointment_changed_meanwhile_is_refused(receptionist):
    appointment = factories.make_appointment()
    address = appointment_url(appointment, "amend")

    receptionist.post(address, {"description": "First", "version": "1"})
    answer = receptionist.post(address, {"description": "Second", "version": "1"})

    appointment.refresh_from_db()
    assert "The record was changed since the copy was read" in words(answer)
    assert appointment.description == "First"


@pytest.mark.req("AUD-032", "AUD-033", "BOOK-038")
def test_a_booking_from_outside_shows_who_booked_it_and_how_to_reach_them(receptionist):
    appointment = factories.make_appointment(
        actor=factories.make_actor(
            door="gp-connect",
            name="Nina Nonesuch",
            role="Health adviser",
            organisation="Example Valley NHS 111 (X9X01)",
        ),
        booking_organisation=factories.make_booking_organisation(),
    )

    page = words(receptionist.get(appointment_url(appointment)))

    for said in (
        appointment.booking_organisation_name,
        appointment.booking_organisation_ods_code,
        "Through GP Connect",
        "Nina Nonesuch, Health adviser",
        appointment.description,
    ):
        assert said in page


# ---------------------------------------------------------------- sessions


def test_a_session_is_made_with_its_slots(manager, practice):
    day = factories.tomorrow()

    manager.post(
        reverse("admin:practice_schedule_create_session"),
        {
            "session_name": "Flu clinic",
            "session_holder": practice.practitioner.pk,
            "location": practice.location.pk,
            "practitioner_role": "R0260",
            "date": day.isoformat(),
            "start": "09:00",
            "end": "10:00",
            "slot_minutes": 5,
            "slot_type": "Flu",
            "delivery_channel": "In-person",
            "gp_connect_bookable": "on",
        },
    )

    session = Schedule.objects.get()
    assert session.slots.count() == 12
    assert clock.local(session.start).hour == 9


def test_a_session_without_a_role_cannot_offer_slots_outside(manager, practice):
    answer = manager.post(
        reverse("admin:practice_schedule_create_session"),
        {
            "location": practice.location.pk,
            "date": factories.tomorrow().isoformat(),
            "start": "09:00",
            "end": "10:00",
            "slot_minutes": 5,
            "slot_type": "Flu",
            "delivery_channel": "In-person",
            "gp_connect_bookable": "on",
        },
    )

    assert "role" in words(answer)
    assert not Schedule.objects.exists()


@pytest.mark.req("AVAIL-082", "GEN-164")
def test_a_locum_takes_over_a_session(manager, practice):
    session = factories.make_schedule()
    appointment = factories.make_appointment(slots=factories.make_slots(1, session))
    locum = factories.make_practitioner(practice.organisation)

    manager.post(
        reverse("admin:practice_schedule_change_holder", args=[session.pk]),
        {"practitioner": locum.pk},
    )

    session.refresh_from_db()
    appointment.refresh_from_db()
    assert session.session_holder == locum
    assert (session.version, appointment.version) == (2, 2)


def test_a_locum_with_another_session_then_is_refused_in_words(manager, practice):
    busy = factories.make_practitioner(practice.organisation)
    factories.make_schedule(session_holder=busy)
    session = factories.make_schedule()

    answer = manager.post(
        reverse("admin:practice_schedule_change_holder", args=[session.pk]),
        {"practitioner": busy.pk},
    )

    session.refresh_from_db()
    assert answer.status_code == 200
    assert session.session_holder != busy


def test_the_role_of_a_session_with_bookable_slots_cannot_be_taken_away(manager):
    session = factories.make_schedule()
    factories.make_slots(3, session)
    address = reverse("admin:practice_schedule_change", args=[session.pk])

    answer = manager.post(address, {**form_data(manager.get(address)), "practitioner_role": ""})

    session.refresh_from_db()
    assert "3 slots of this session are GP Connect bookable and need the role" in words(answer)
    assert session.practitioner_role


def test_a_session_changed_by_hand_is_left_alone_by_the_generator(manager):
    session = factories.make_schedule()
    address = reverse("admin:practice_schedule_change", args=[session.pk])

    manager.post(address, {**form_data(manager.get(address)), "session_name": "Flu clinic"})

    session.refresh_from_db()
    assert (session.session_name, session.changed_by_hand, session.version) == (
        "Flu clinic",
        True,
        2,
    )


def test_an_extra_slot_is_added_with_a_reason_and_never_offered(manager):
    session = factories.make_schedule()
    address = reverse("admin:practice_schedule_add_extra_slot", args=[session.pk])
    start = clock.local(session.start)

    refused = manager.post(
        address, {"start": f"{start:%H:%M}", "minutes": 10, "slot_type": "Extra"}
    )
    manager.post(
        address,
        {"start": f"{start:%H:%M}", "minutes": 10, "slot_type": "Extra", "reason": "Urgent child"},
    )

    slot = Slot.objects.get()
    assert "This field is required" in words(refused)
    assert slot.overbooked
    assert not slot.gp_connect_bookable
    assert slot.note == "Urgent child"
