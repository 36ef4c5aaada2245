"""A holder's calendar behind a secret address: what it says, to whom, and until when."""

from datetime import UTC, date, datetime, time, timedelta

import icalendar
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import AuditEvent, CalendarFeed
from practice.services import calendar_feeds
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)
from workbench.staff import AUDITOR, MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/calendars/"


def make_feed(practice, practitioner=None) -> CalendarFeed:
    return calendar_feeds.make_feed(
        organisation=practice.organisation,
        practitioner_id=(practitioner or practice.practitioner).pk,
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )


def read(feed, **given):
    """As a calendar program does: without a session."""
    return Client().get(f"/calendar/{feed.secret}.ics", **given)


def events(feed) -> dict[str, icalendar.Component]:
    calendar = icalendar.Calendar.from_ical(read(feed).content)
    return {str(event["summary"]): event for event in calendar.walk("VEVENT")}


def booked(practice, patient=None, **schedule):
    session = make_schedule(practice.organisation, session_holder=practice.practitioner, **schedule)
    return make_appointment(
        slots=make_slots(2, session)[:1],
        patient=patient or practice.patient,
        description="Something private",
    )


# ---------------------------------------------------------------- what it says


def test_it_holds_sessions_and_appointments_with_initials_only(practice):
    patient = make_patient(given_names="Edie Mary", family_name="Fauxley")
    appointment = booked(practice, patient)

    response = read(make_feed(practice))
    found = events(CalendarFeed.objects.get())

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert set(found) == {"Morning surgery (session)", "E.F., Routine"}
    assert found["E.F., Routine"]["dtstart"].dt == appointment.start
    assert found["E.F., Routine"]["dtend"].dt == appointment.end
    assert str(found["E.F., Routine"]["location"]) == practice.location.name
    for private in ("Edie", "Fauxley", patient.nhs_number, "Something private", "1980"):
        assert private not in response.content.decode()


def test_it_holds_names_where_the_practice_wants_them(practice):
    practice.organisation.calendar_shows_names = True
    practice.organisation.save()
    booked(practice, make_patient(given_names="Edie", family_name="Fauxley"))

    assert "Mrs Edie Fauxley, Routine" in events(make_feed(practice))


def test_it_leaves_out_what_is_cancelled_withdrawn_or_somebody_elses(practice):
    booked(practice)
    make_appointment()  # another holder's
    withdrawn = booked(practice, start=clock.instant(tomorrow(), time(14)))
    withdrawn.schedule.withdrawn = True
    withdrawn.schedule.save()
    withdrawn.status = "cancelled"
    withdrawn.save()
    other = make_organisation()
    practice.practitioner.roles.create(organisation=other, role="R0260")
    make_schedule(
        other,
        session_holder=practice.practitioner,
        start=clock.instant(tomorrow() + timedelta(days=1), time(9)),
        session_name="Elsewhere",
    )

    assert len(events(make_feed(practice))) == 2
    assert "Elsewhere" not in read(CalendarFeed.objects.get()).content.decode()


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [
        (date(2027, 3, 27), 9),
        (date(2027, 3, 28), 8),
        (date(2027, 10, 30), 8),
        (date(2027, 10, 31), 9),
    ],
    ids=["before spring", "on the day of spring", "before autumn", "on the day of autumn"],
)
def test_nine_by_the_clock_on_the_wall_is_nine_on_both_sides_of_a_change(
    practice, day, utc_hour, monkeypatch
):
    now = datetime(2027, 3, 20, 12, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    schedule = make_schedule(
        practice.organisation,
        session_holder=practice.practitioner,
        start=clock.instant(day, time(9)),
    )

    event = events(make_feed(practice))["Morning surgery (session)"]

    assert event["dtstart"].dt == schedule.start
    assert event["dtstart"].to_ical().decode() == f"{day:%Y%m%d}T{utc_hour:02}0000Z"


def test_a_change_is_a_later_version_of_the_same_event(practice):
    appointment = booked(practice)
    feed = make_feed(practice)
    (before,) = (e for s, e in events(feed).items() if "Routine" in s)

    appointment.version += 1
    appointment.save()
    (after,) = (e for s, e in events(feed).items() if "Routine" in s)

    assert before["uid"] == after["uid"]
    assert after["sequence"] == before["sequence"] + 1


def test_words_cannot_break_out_of_their_line(practice):
    make_schedule(
        session_holder=practice.practitioner, session_name="One\r\nATTENDEE:mailto:x@example.org"
    )

    calendar = icalendar.Calendar.from_ical(read(make_feed(practice)).content)

    (event,) = calendar.walk("VEVENT")
    assert "attendee" not in event


def test_it_makes_as_many_queries_for_forty_appointments_as_for_four(
    practice, django_assert_max_num_queries
):
    feed = make_feed(practice)

    def queries(number: int, day: int) -> int:
        session = make_schedule(
            session_holder=practice.practitioner,
            start=clock.instant(tomorrow() + timedelta(days=day), time(9)),
        )
        for slot in make_slots(number, session, minutes=5):
            make_appointment(slots=[slot], patient=make_patient())
        with django_assert_max_num_queries(20) as made:
            read(feed)
        return len(made.captured_queries)

    assert queries(4, 0) == queries(36, 1)


# ---------------------------------------------------------------- to whom


def test_an_unknown_or_revoked_address_leads_nowhere(practice):
    feed = make_feed(practice)
    assert read(feed).status_code == 200

    calendar_feeds.revoke_feed(feed=feed, actor=make_actor(door="staff"), now=timezone.now())

    assert read(feed).status_code == 404
    assert Client().get("/calendar/unknown.ics").status_code == 404
    assert Client().get("/calendar/.ics").status_code in {404, 501}


def test_somebody_who_has_left_reads_no_longer(practice):
    feed = make_feed(practice)
    practice.practitioner.roles.update(active=False)

    assert read(feed).status_code == 404


def test_no_answer_is_kept_anywhere(practice):
    feed = make_feed(practice)

    for response in (read(feed), Client().get("/calendar/unknown.ics")):
        assert "no-store" in response["Cache-Control"]


def test_it_can_only_be_read(practice):
    assert Client().post(f"/calendar/{make_feed(practice).secret}.ics").status_code == 405


def test_each_reading_is_on_the_record(practice):
    booked(practice)
    feed = make_feed(practice)

    read(feed, REMOTE_ADDR="", headers={"X-Forwarded-For": "192.0.2.7"})  # through nginx

    event = AuditEvent.objects.get(event="calendar_feed.read")
    assert event.address == "192.0.2.7"
    assert event.resource == f"CalendarFeed/{feed.pk}"
    assert event.detail["patients"] == [practice.patient.pk]
    assert not AuditEvent.objects.filter(detail__icontains=feed.secret).exists()


# ---------------------------------------------------------------- the page


def test_a_manager_makes_shows_and_revokes_a_feed(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    holder = {"holder": practice.practitioner.pk}

    made = client.post(PAGE, {**holder, "do": "make"})
    feed = CalendarFeed.objects.get()
    later = client.get(PAGE)
    shown = client.post(PAGE, {**holder, "do": "show"})
    client.post(PAGE, {**holder, "do": "revoke"})

    feed.refresh_from_db()
    address = f"http://testserver{reverse('calendar_feed', args=[feed.secret])}"
    assert address in made.content.decode()
    assert feed.secret not in later.content.decode()
    assert address in shown.content.decode()
    assert feed.revoked_at is not None
    assert [event.event for event in AuditEvent.objects.order_by("pk")] == [
        "calendar_feed.made",
        "calendar_feed.shown",
        "calendar_feed.revoked",
    ]


def test_a_second_feed_is_refused_until_the_first_is_revoked(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    form = {"holder": practice.practitioner.pk, "do": "make"}

    client.post(PAGE, form)
    again = client.post(PAGE, form, follow=True)
    client.post(PAGE, {**form, "do": "revoke"})
    client.post(PAGE, form)

    assert "Revoke it first" in again.content.decode()
    assert CalendarFeed.objects.count() == 2
    assert len(set(CalendarFeed.objects.values_list("secret", flat=True))) == 2


def test_a_session_holder_makes_their_own_feed_and_no_other(practice, client):
    user = make_staff(practice.organisation, role=RECEPTIONIST)
    user.memberships.update(session_holder=practice.practitioner)
    client.force_login(user)
    colleague = make_practitioner()

    client.post(PAGE, {"holder": colleague.pk, "do": "make"})
    client.post(PAGE, {"holder": practice.practitioner.pk, "do": "make"})

    assert CalendarFeed.objects.get().practitioner == practice.practitioner


@pytest.mark.parametrize("do", ["make", "show", "revoke"])
@pytest.mark.parametrize("role", [RECEPTIONIST, AUDITOR])
def test_others_may_not(practice, client, role, do):
    feed = make_feed(practice) if do != "make" else None
    client.force_login(make_staff(practice.organisation, role=role))

    response = client.post(PAGE, {"holder": practice.practitioner.pk, "do": do}, follow=True)

    assert CalendarFeed.objects.filter(revoked_at__isnull=True).count() == bool(feed)
    if feed:
        assert feed.secret not in response.content.decode()


@pytest.mark.parametrize("do", ["make", "show", "revoke"])
def test_nothing_can_be_done_to_the_feeds_of_another_practice(practice, client, do):
    other = make_organisation()
    stranger = make_practitioner(other)
    calendar_feeds.make_feed(
        organisation=other,
        practitioner_id=stranger.pk,
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )
    client.force_login(make_staff(practice.organisation, role=MANAGER))

    response = client.post(PAGE, {"holder": stranger.pk, "do": do}, follow=True)

    feed = CalendarFeed.objects.get()
    assert feed.revoked_at is None
    assert feed.secret not in response.content.decode()
    assert str(stranger) not in client.get(PAGE).content.decode()


def test_the_page_makes_as_many_queries_for_twenty_holders_as_for_two(
    practice, client, django_assert_max_num_queries
):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))

    def queries(holders: int) -> int:
        for _ in range(holders):
            make_feed(practice, make_practitioner())
        with django_assert_max_num_queries(40) as made:
            client.get(PAGE)
        return len(made.captured_queries)

    assert queries(2) == queries(18)
