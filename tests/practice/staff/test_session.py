"""The pages of a session: one made for a day, another holder, and what it says of itself."""

import datetime
import re
from urllib.parse import urljoin

import pytest
from django.urls import reverse

from practice import clock
from practice.models import AuditEvent, Schedule
from workbench import factories
from workbench.staff import MANAGER, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(practice):
    return signed_in(practice.organisation, role=MANAGER, first_name="Mo", last_name="Manager")


def address(session: Schedule) -> str:
    return reverse("admin:practice_schedule_change", args=[session.pk])


def text(answer) -> str:
    return answer.content.decode()


def change(client, session: Schedule, **values):
    """Send the form of the page as it is shown, but for these values."""
    form = client.get(f"{address(session)}?ask=change").context["form"]
    shown = {field.html_name: field.value() for field in form}
    sent = {name: value for name, value in (shown | values).items() if value is not None}
    usual = {"do": "change", "expected_version": session.version}
    return client.post(address(session), {**usual, **sent})


# ---------------------------------------------------------------- a session for one day


def new(practice, **values):
    usual = {
        "session_name": "Flu clinic",
        "session_holder": practice.practitioner.pk,
        "location": practice.location.pk,
        "practitioner_role": "R0260",
        "date": factories.tomorrow().isoformat(),
        "start": "09:00",
        "end": "10:00",
        "slot_minutes": 5,
        "slot_type": "Flu",
        "delivery_channel": "In-person",
        "gp_connect_bookable": "on",
    }
    return {name: value for name, value in {**usual, **values}.items() if value is not None}


@pytest.mark.req("AVAIL-084")
def test_a_session_is_made_with_its_slots(manager, practice):
    answer = manager.post(reverse("admin:practice_schedule_add"), new(practice))

    session = Schedule.objects.get()
    assert answer.url == address(session)
    assert session.slots.count() == 12
    assert clock.local(session.start).hour == 9
    assert session.session_holder == practice.practitioner


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"practitioner_role": ""}, "role"),
        ({"end": "08:00"}, "The session ends before it begins"),
        ({"slot_minutes": 90}, "No slot of that length fits"),
        ({"slot_minutes": 481}, "less than or equal to 480"),
        ({"date": "2020-01-01"}, "That time is over"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_session_that_makes_no_sense_is_refused_in_words(manager, practice, values, said):
    answer = manager.post(reverse("admin:practice_schedule_add"), new(practice, **values))

    assert answer.status_code == 422
    assert said in text(answer)
    assert "Flu clinic" in text(answer)
    assert not Schedule.objects.exists()


def test_the_places_and_people_of_another_practice_are_no_choice(manager, practice):
    other = factories.make_organisation()
    place = factories.make_location(other)
    profile = factories.make_access_profile(other)
    stranger = factories.make_practitioner(other)
    page = reverse("admin:practice_schedule_add")

    for values in (
        {"location": place.pk},
        {"access_profile": profile.pk},
        {"session_holder": stranger.pk},
    ):
        assert manager.post(page, new(practice, **values)).status_code == 422
    for theirs in (place, profile, stranger):
        assert str(theirs) not in text(manager.get(page))
    assert not Schedule.objects.exists()


def test_a_receptionist_makes_no_session_and_changes_none(practice):
    receptionist = signed_in(practice.organisation, role="Receptionist")
    session = factories.make_schedule()

    assert receptionist.get(reverse("admin:practice_schedule_add")).status_code == 403
    assert receptionist.post(reverse("admin:practice_schedule_add"), {}).status_code == 403
    page = text(receptionist.get(address(session)))
    assert "Change session holder" not in page
    assert "Add an extra slot" not in page
    refused = receptionist.post(address(session), {"do": "holder", "expected_version": 1})
    assert refused.status_code == 403


# ---------------------------------------------------------------- who holds it


@pytest.mark.req("AVAIL-082", "GEN-164")
def test_a_locum_takes_over_a_session(manager, practice):
    session = factories.make_schedule()
    appointment = factories.make_appointment(slots=factories.make_slots(1, session))
    locum = factories.make_practitioner(practice.organisation)

    answer = manager.post(
        address(session), {"do": "holder", "expected_version": 1, "holder": locum.pk}
    )

    session.refresh_from_db()
    appointment.refresh_from_db()
    assert session.session_holder == locum
    assert (session.version, appointment.version) == (2, 2)
    assert f"now held by {locum}" in text(manager.get(answer.url))


def test_a_locum_with_another_session_then_is_refused_in_words(manager, practice):
    busy = factories.make_practitioner(practice.organisation)
    factories.make_schedule(session_holder=busy)
    session = factories.make_schedule()

    answer = manager.post(
        address(session), {"do": "holder", "expected_version": 1, "holder": busy.pk}
    )

    session.refresh_from_db()
    assert answer.status_code == 422
    assert f"{busy} already has a session" in text(answer)
    assert session.session_holder != busy


# ---------------------------------------------------------------- what it says of itself


def test_the_page_shows_its_slots_and_who_has_them_and_that_is_on_record(manager):
    session = factories.make_schedule()
    free, taken = factories.make_slots(2, session)
    appointment = factories.make_appointment(slots=[taken])

    page = text(manager.get(address(session)))

    for slot in (free, taken):
        assert reverse("admin:practice_slot_change", args=[slot.pk]) in page
    assert reverse("admin:practice_appointment_change", args=[appointment.pk]) in page
    event = AuditEvent.objects.get(event="schedule.viewed")
    assert event.detail["patients"] == [appointment.patient_id]
    assert event.resource == f"Schedule/{session.pk}"


def test_the_page_makes_as_many_queries_for_thirty_slots_as_for_three(
    manager, django_assert_max_num_queries
):
    def queries(count: int) -> int:
        session = factories.make_schedule()
        for slot in factories.make_slots(count, session)[::2]:
            factories.make_appointment(slots=[slot], patient=factories.make_patient())
        with django_assert_max_num_queries(60) as made:
            manager.get(address(session))
        return len(made.captured_queries)

    assert queries(3) == queries(30)


def test_a_session_changed_by_hand_is_left_alone_by_the_generator(manager):
    session = factories.make_schedule()
    before = session.session_name

    change(manager, session, session_name="Flu clinic")

    session.refresh_from_db()
    assert (session.session_name, session.changed_by_hand) == ("Flu clinic", True)
    assert session.version == 2
    event = AuditEvent.objects.get(event="schedule.change")
    assert event.detail["changes"] == {"session_name": {"from": before, "to": "Flu clinic"}}


def test_place_role_profile_and_limits_of_a_session_are_changed(manager, practice):
    session = factories.make_schedule()
    branch = factories.make_location(practice.organisation)
    profile = factories.make_access_profile(practice.organisation)

    change(
        manager,
        session,
        location=branch.pk,
        practitioner_role="R0600",
        access_profile=profile.pk,
        booking_window_days=14,
        embargo_minutes=0,
    )

    session.refresh_from_db()
    assert (session.location, session.access_profile) == (branch, profile)
    assert session.practitioner_role == "R0600"
    assert (session.booking_window_days, session.embargo_minutes) == (14, 0)
    page = text(manager.get(address(session)))
    assert "booking window (days): 14" in page


def test_a_session_does_not_move_to_a_place_that_is_closed_or_not_ours(manager, practice):
    session = factories.make_schedule()
    closed = factories.make_location(practice.organisation, status="inactive")
    theirs = factories.make_location(factories.make_organisation())

    for place in (closed, theirs):
        assert change(manager, session, location=place.pk).status_code == 422
    session.refresh_from_db()
    assert session.version == 1


def test_the_role_of_a_session_with_bookable_slots_cannot_be_taken_away(manager):
    session = factories.make_schedule()
    factories.make_slots(3, session)

    answer = change(manager, session, practitioner_role="")

    session.refresh_from_db()
    assert "3 slots of this session are GP Connect bookable and need the role" in text(answer)
    assert session.practitioner_role


def test_a_form_made_before_somebody_elses_change_is_told_kindly(manager, practice):
    session = factories.make_schedule()
    locum = factories.make_practitioner(practice.organisation)
    change(manager, session, session_name="First")

    late = change(manager, session, session_name="Second")
    holder = manager.post(
        address(session), {"do": "holder", "expected_version": 1, "holder": locum.pk}
    )

    for answer in (late, holder):
        assert answer.status_code == 409
        assert "Somebody else has changed this" in text(answer)
    session.refresh_from_db()
    assert (session.session_name, session.version) == ("First", 2)


def test_the_session_of_another_practice_is_not_there(manager):
    theirs = factories.make_schedule(factories.make_organisation())

    assert manager.get(address(theirs)).status_code == 404
    assert manager.post(address(theirs), {"do": "change"}).status_code == 404


# ---------------------------------------------------------------- from the diary


def make_longer(client, session: Schedule, **values):
    form = client.get(f"{address(session)}?ask=extend").context["form"]
    shown = {field.html_name: field.value() for field in form}
    sent = {name: value for name, value in (shown | values).items() if value not in (None, False)}
    usual = {"do": "extend", "expected_version": session.version}
    return client.post(address(session), {**usual, **sent})


@pytest.mark.req("AVAIL-084")
def test_a_session_is_made_longer_with_slots_like_its_last(manager):
    session = factories.make_schedule()
    last = factories.make_slots(2, session, minutes=15, slot_type="Minor illness")[-1]

    answer = make_longer(manager, session, end="12:30")

    session.refresh_from_db()
    first, second = session.slots.order_by("start")[2:]
    assert clock.local(session.end).hour == 12
    assert (second.end - first.start).total_seconds() == 30 * 60
    assert (first.slot_type, first.delivery_channel) == (last.slot_type, last.delivery_channel)
    assert not first.gp_connect_bookable
    said = text(manager.get(answer.url))
    assert "The session is from 09:00 to 12:30 now, with 2 more slots." in said


def test_times_that_make_it_no_longer_are_refused_at_their_fields(manager):
    session = factories.make_schedule()
    factories.make_slot(session)

    later, earlier = (make_longer(manager, session, **at) for at in LATER_AND_EARLIER)

    assert "It begins at 09:00 already" in text(later)
    assert "It goes on until 12:00 already" in text(earlier)
    assert "earlier start or a later end" in text(make_longer(manager, session))
    session.refresh_from_db()
    assert session.version == 1


LATER_AND_EARLIER = ({"start": "09:30"}, {"end": "11:00"})


def test_an_evening_session_goes_on_after_midnight(manager):
    evening = clock.instant(factories.tomorrow(), datetime.time(20))
    session = factories.make_schedule(start=evening)
    factories.make_slot(session)

    make_longer(manager, session, end="00:30")

    session.refresh_from_db()
    assert session.end == evening + datetime.timedelta(hours=4, minutes=30)


def test_the_heading_of_a_column_leads_to_what_can_be_done_about_its_sessions(manager, practice):
    session = factories.make_schedule(session_holder=practice.practitioner)
    diary = f"/admin/diary/?date={session.date}"

    page = menu_of(manager, diary)
    extra = f"{reverse('admin:practice_slot_add')}?session={session.pk}"
    add = f"{reverse('admin:practice_schedule_add')}?date={session.date}"
    add += f"&holder={practice.practitioner.pk}&location={session.location_id}"

    longer = f"{address(session)}?ask=extend"
    for link in (add, longer, extra):
        assert f'href="{link}"' in page
    assert manager.get(longer).status_code == 200
    form = manager.get(add, headers={"referer": f"http://testserver{diary}"})
    first = form.context["form"].initial
    assert (first["date"], first["session_holder"]) == (session.date, practice.practitioner.pk)
    answer = manager.post(
        reverse("admin:practice_schedule_add"),
        {**new(practice, start="13:00", end="14:00"), "back": form.context["back"]},
    )
    assert answer.url == f"{diary}#column-holder-{practice.practitioner.pk}"
    receptionist = signed_in(practice.organisation, role="Receptionist")
    theirs = menu_of(receptionist, diary)
    assert "Only this clinician" in theirs
    assert "Add a session" not in theirs
    assert "longer" not in theirs
    assert make_longer_refused(receptionist, session)


def menu_of(client, diary: str) -> str:
    """What the heading of the only column leads to, as a page of its own."""
    [menu] = re.findall(
        r'<details class="diary-menu.*?<li><a href="([^"]*)"', text(client.get(diary))
    )
    return text(client.get(urljoin(diary, menu.replace("&amp;", "&")))).replace("&amp;", "&")


def make_longer_refused(client, session: Schedule) -> bool:
    sent = {"do": "extend", "expected_version": 1, "start": "08:00", "end": "12:00"}
    return client.post(address(session), sent).status_code == 403
