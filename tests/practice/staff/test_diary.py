"""The diary: everybody's day in words, each change in one step, and nothing of other practices."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from practice import clock
from practice.models import Appointment, AuditEvent, Slot
from practice.services.appointments import changing
from practice.staff.diary_layout import LANES, LONGEST_AXIS, Scale, lanes_of, wall_time
from workbench.factories import (
    make_actor,
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.staff import AUDITOR, make_staff

THURSDAY = date(2026, 11, 19)
MORNING = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
DURING = MORNING + timedelta(minutes=25)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def receptionist(practice, client, monkeypatch) -> User:
    """Signed in at 09:25 of the Thursday."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    user = make_staff(practice.organisation)
    client.force_login(user)
    return user


@pytest.fixture
def at(receptionist, client, monkeypatch):
    """Set the clock: ``at(moment)``. The receptionist signs in then."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
        client.force_login(receptionist)

    return set_clock


def booked(slot: Slot, **patient) -> Appointment:
    return make_appointment(
        slots=[slot],
        patient=make_patient(slot.organisation, **patient),
        actor=make_actor(door="staff", role="Receptionist", organisation="The practice"),
        booking_organisation=None,
        now=MORNING - timedelta(days=1),
    )


def block_of(content: str, key: str) -> str:
    """The list item of a block, as text."""
    found = re.search(rf'<li class="([^"]*)"><a id="{key}".*?</li>', content, re.DOTALL)
    assert found, f"{key} is not in the diary"
    return found.group(0)


def post(client, address: str, do: str, version: int | str, **fields):
    return client.post(address, {"do": do, "expected_version": version, **fields})


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# ---------------------------------------------------------------- what the day shows


@pytest.mark.req("STAFF-040", "STAFF-048")
def test_every_state_is_told_in_words_and_by_its_class(practice, client, receptionist, at):
    schedule = make_schedule(date=THURSDAY, session_name="Minor illness")
    slots = make_slots(12, schedule)
    Slot.objects.filter(pk=slots[9].pk).update(embargo_minutes=30)
    Slot.objects.filter(pk=slots[10].pk).update(status="busy-unavailable", note="Tutorial")
    Slot.objects.filter(pk=slots[11].pk).update(withdrawn=True)
    statuses = {1: "booked", 2: "arrived", 3: "fulfilled", 4: "noshow", 5: "booked"}
    appointments = {n: booked(slots[n], given_names=f"Nr{n}") for n in statuses}
    for n, status in statuses.items():
        Appointment.objects.filter(pk=appointments[n].pk).update(status=status, orphaned=n == 5)

    response = client.get("/admin/diary/", {"date": THURSDAY})
    content = response.content.decode()

    expected = {
        f"slot-{slots[0].pk}": ("free past", "09:00 Not used"),
        f"appointment-{appointments[1].pk}": ("booked", "Nr1"),
        f"appointment-{appointments[2].pk}": ("arrived", "Arrived"),
        f"appointment-{appointments[3].pk}": ("seen", "Seen"),
        f"appointment-{appointments[4].pk}": ("dna", "Did not attend"),
        f"appointment-{appointments[5].pk}": ("orphaned", "Orphaned"),
        f"slot-{slots[6].pk}": ("free", "Free GPC Routine"),
        f"slot-{slots[9].pk}": ("embargoed", "Embargoed GPC until 10:00"),
        f"slot-{slots[10].pk}": ("blocked", "Blocked Tutorial"),
    }
    for key, (classes, words) in expected.items():
        block = block_of(content, key)
        assert all(f" {name}" in block for name in classes.split())
        assert words in words_of(block)
    assert f"slot-{slots[11].pk}" not in content
    assert "<b>3</b> free, <b>1</b> waiting" in content
    assert "withdrawn (<span data-hidden-total>1</span>)" in content
    everything = client.get("/admin/diary/", {"date": THURSDAY, "hidden": 1}).content.decode()
    assert "Withdrawn" in words_of(block_of(everything, f"slot-{slots[11].pk}"))


def test_a_cancelled_appointment_and_a_withdrawn_session_are_hidden_and_counted(
    practice, client, receptionist
):
    schedule = make_schedule(date=THURSDAY)
    appointment = booked(make_slot(schedule))
    cancel(appointment)
    gone = make_schedule(date=THURSDAY, withdrawn=True)
    make_slots(3, gone)

    hidden = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()
    shown = client.get("/admin/diary/", {"date": THURSDAY, "hidden": 1}).content.decode()

    assert f"appointment-{appointment.pk}" not in hidden
    assert f"column-holder-{gone.session_holder_id}" not in hidden
    assert "<span data-hidden-total>4</span>" in hidden
    assert "cancelled" in block_of(shown, f"appointment-{appointment.pk}")
    assert f"column-holder-{gone.session_holder_id}" in shown


def cancel(appointment: Appointment) -> None:
    actor = make_actor(door="staff")
    changing.cancel_appointment(
        appointment=appointment, reason="Better", actor=actor, now=MORNING - timedelta(hours=1)
    )


def test_the_day_narrows_to_a_place_a_person_or_a_session(practice, client, receptionist):
    branch = make_location(practice.organisation)
    here, there = make_schedule(date=THURSDAY), make_schedule(date=THURSDAY, location=branch)
    for schedule in (here, there):
        make_slot(schedule)
    mine, theirs = (f"column-holder-{s.session_holder_id}" for s in (here, there))

    def shown(**query) -> str:
        return client.get("/admin/diary/", query).content.decode()

    for query in (
        {"date": THURSDAY, "location": branch.pk},
        {"date": THURSDAY, "holder": there.session_holder_id},
        {"session": there.pk},
    ):
        assert f'id="{theirs}"' in shown(**query)
        assert f'id="{mine}"' not in shown(**query)


def test_a_week_shows_the_days_of_one_person(practice, client, receptionist):
    holder = make_practitioner(practice.organisation)
    for offset in (0, 1):
        make_slot(make_schedule(date=THURSDAY + timedelta(days=offset), session_holder=holder))
    make_slot(make_schedule(date=THURSDAY))

    content = client.get(
        "/admin/diary/", {"date": THURSDAY, "view": "week", "holder": holder.pk}
    ).content.decode()

    assert "Week of 16 to 22 November 2026" in content
    titles = re.findall(r'<h3 id="title-day-[^>]*>([^<]*)', content)
    assert titles == ["Mon 16 Nov", "Tue 17 Nov", "Wed 18 Nov", "Thu 19 Nov", "Fri 20 Nov"]
    assert content.count('class="entry') == 2


@pytest.mark.parametrize(
    "query",
    [
        {"date": "never"},
        {"date": "0001-01-01", "view": "week"},
        {"date": "9999-12-31", "view": "week"},
        {"holder": "x", "location": "9" * 40},
        {"date": "2026-11-21"},
    ],
)
def test_an_address_that_makes_no_sense_still_shows_a_day(client, receptionist, query):
    assert client.get("/admin/diary/", query).status_code == 200


def test_two_at_one_time_stand_beside_each_other(practice, client, receptionist):
    schedule = make_schedule(date=THURSDAY)
    slot = make_slot(schedule)
    extra = make_slot(schedule, start=slot.start, overbooked=True, gp_connect_bookable=False)

    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()

    assert "lane0 of2" in block_of(content, f"slot-{slot.pk}")
    assert "lane1 of2" in block_of(content, f"slot-{extra.pk}")
    assert lanes_of([(0, 30), (0, 10), (10, 20), (30, 40)]) == [(0, 2), (1, 2), (1, 2), (0, 1)]


def test_now_is_marked_today_and_on_no_other_day(practice, client, receptionist):
    make_slot(make_schedule(date=THURSDAY))
    make_slot(make_schedule(date=THURSDAY + timedelta(days=1)))

    assert "now-line h9 m25" in client.get("/admin/diary/").content.decode()
    tomorrow = {"date": THURSDAY + timedelta(days=1)}
    assert "now-line" not in client.get("/admin/diary/", tomorrow).content.decode()


def test_the_day_makes_as_many_queries_for_ten_holders_as_for_one(
    practice, client, receptionist, django_assert_max_num_queries
):
    def queries(day: date, holders: int, slots: int) -> int:
        for _ in range(holders):
            schedule = make_schedule(date=day)
            for slot in make_slots(slots, schedule)[::2]:
                make_appointment(slots=[slot], patient=make_patient(), now=DURING)
        with django_assert_max_num_queries(40) as made:
            response = client.get("/admin/diary/", {"date": day})
        assert response.content.decode().count('class="entry') == holders * slots
        return len(made.captured_queries)

    client.get("/admin/diary/")
    few, many = date(2026, 11, 23), date(2026, 11, 24)
    assert queries(few, 1, 2) == queries(many, 10, 6)


def test_who_looks_is_written_down_once_with_everybody_shown(practice, client, receptionist):
    first, second = make_slots(2, make_schedule(date=THURSDAY))
    patients = {booked(first).patient_id, booked(second).patient_id}

    client.get("/admin/diary/", {"date": THURSDAY})

    event = AuditEvent.objects.get(event="diary.viewed")
    assert set(event.detail["patients"]) == patients
    assert event.user_id == receptionist.username


# ---------------------------------------------------------------- clock changes


def test_the_hour_that_comes_twice_is_drawn_twice_and_named(practice, client, receptionist, at):
    start = clock.instant(date(2026, 10, 25), datetime.min.time())
    schedule = make_schedule(start=start, end=start + timedelta(hours=6), session_name="Night")
    slots = make_slots(6, schedule, minutes=60)
    at(start - timedelta(hours=3))

    content = client.get("/admin/diary/", {"date": "2026-10-25"}).content.decode()

    times = re.findall(r"<time>([^<]*)</time>", content)
    assert times == ["00:00", "01:00 BST", "01:00 GMT", "02:00", "03:00", "04:00"]
    for n, slot in enumerate(slots):
        assert f" h{n} m0 x1 y0" in block_of(content, f"slot-{slot.pk}")
    marks = re.findall(r'<li class="h\d+ m0 full">([^<]*)</li>', content)
    assert marks == ["00:00", "01:00 BST", "01:00 GMT", "02:00", "03:00", "04:00", "05:00"]


def test_the_hour_that_never_comes_takes_no_room(practice, client, receptionist, at):
    start = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    schedule = make_schedule(start=start, end=start + timedelta(hours=3), session_name="Night")
    make_slots(3, schedule, minutes=60)
    at(start - timedelta(hours=3))

    content = client.get("/admin/diary/", {"date": "2027-03-28"}).content.decode()

    assert re.findall(r"<time>([^<]*)</time>", content) == ["00:00", "02:00", "03:00"]
    marks = re.findall(r'<li class="h\d+ m0 full">([^<]*)</li>', content)
    assert marks == ["00:00", "02:00", "03:00", "04:00"]


@pytest.mark.parametrize("night", [date(2026, 10, 24), date(2027, 3, 27)])
def test_a_night_session_over_the_change_belongs_to_the_day_on_which_it_began(
    practice, client, receptionist, at, night
):
    start = clock.instant(night, datetime(2026, 1, 1, 20).time())
    schedule = make_schedule(start=start, end=start + timedelta(hours=12))
    slots = make_slots(12, schedule, minutes=60)
    at(start)

    content = client.get("/admin/diary/", {"date": night}).content.decode()

    for n, slot in enumerate(slots):
        block = block_of(content, f"slot-{slot.pk}")
        assert f" h{20 + n} m0 " in block
        assert f"<time>{wall_time(slot.start)}</time>" in block
    next_day = client.get("/admin/diary/", {"date": night + timedelta(days=1)}).content.decode()
    assert 'class="entry' not in next_day


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 10, 23), "09:00"), (date(2026, 10, 26), "09:00")]
)
def test_nine_oclock_is_nine_oclock_on_both_sides_of_the_change(
    practice, client, receptionist, at, day, expected
):
    at(clock.instant(day, datetime(2026, 1, 1, 8).time()))
    make_slot(make_schedule(date=day))

    content = client.get("/admin/diary/", {"date": day}).content.decode()

    assert re.findall(r"<time>([^<]*)</time>", content) == [expected]
    assert " h9 m0 " in content


def test_the_days_of_a_week_share_an_axis_by_the_clock_on_the_wall():
    sunday = Scale(date(2026, 10, 25), by_wall=True)

    nine = clock.instant(date(2026, 10, 25), datetime(2026, 1, 1, 9).time())

    assert sunday.minutes(nine) == 9 * 60
    assert Scale(date(2026, 10, 25)).minutes(nine) == 10 * 60


# ---------------------------------------------------------------- an appointment


@pytest.fixture
def appointment(practice, receptionist) -> Appointment:
    """Booked at 09:20 of the day, by staff."""
    return booked(make_slots(4, make_schedule(date=THURSDAY))[2], given_names="Max")


def address(appointment: Appointment) -> str:
    return f"/admin/diary/appointment/{appointment.pk}/"


@pytest.mark.req("STAFF-042", "STAFF-043", "STAFF-044", "STAFF-045")
def test_the_details_say_who_booked_from_where_and_what_was_changed(practice, client, receptionist):
    slot = make_slot(make_schedule(date=THURSDAY))
    before = MORNING - timedelta(days=1)
    appointment = make_appointment(
        slots=[slot], description="Sore throat", comment="Hard of hearing", now=before
    )
    actor = make_actor(name="Mr Ben Amender")
    changing.amend_appointment(
        appointment=appointment, description="Sore ear", comment="", actor=actor, now=MORNING
    )

    words = words_of(client.get(address(appointment)).content.decode())

    for expected in (
        "Booked from outside",
        "Out of Hours Service",
        "B00001",
        "Miss Jane Handler",
        "Wed 18 Nov 2026 09:00, through GP Connect",
        "Version 2 (amended Today 09:00)",
        "Description: “Sore throat” became “Sore ear”",
        "Comment: “Hard of hearing” became “”",
        "Mr Ben Amender",
        "Description Sore ear",
        "Patient’s appointments (1)",
    ):
        assert expected in words
    event = AuditEvent.objects.get(event="appointment.viewed")
    assert event.patient_id == appointment.patient_id
    assert event.resource == f"Appointment/{appointment.pk}"


@pytest.mark.parametrize(
    ("do", "status", "said"),
    [
        ("arrived", "arrived", "Max {} marked arrived."),
        ("seen", "fulfilled", "Max {} marked seen."),
        ("dna", "noshow", "Max {} marked did not attend."),
    ],
)
def test_a_state_is_set_at_once_announced_and_undone(client, appointment, do, status, said):
    response = client.post(address(appointment), {"do": do, "expected_version": 1}, headers=HTMX)

    appointment.refresh_from_db()
    assert appointment.status == status
    content = response.content.decode()
    announced = re.search(r'id="diary-said" hx-swap-oob="innerHTML">(.*?)</form>', content, re.S)
    assert said.format(appointment.patient.family_name) in announced.group(1)
    assert f'id="column-holder-{appointment.schedule.session_holder_id}"' in content
    assert 'hx-swap-oob="true"' in content

    undone = post(client, address(appointment), "undo", 2, back="/admin/diary/?date=2026-11-19")

    appointment.refresh_from_db()
    assert appointment.status == "booked"
    assert undone.status_code == 302
    page = client.get(undone.url).content.decode()
    assert "is booked again." in page
    assert f'href="/admin/diary/?date=2026-11-19#appointment-{appointment.pk}"' in page


@pytest.mark.req("STAFF-047")
def test_cancelling_needs_a_reason_and_frees_the_time(client, appointment):
    ask = client.get(f"{address(appointment)}?ask=cancel").content.decode()
    assert 'name="reason"' in ask

    refused = post(client, address(appointment), "cancel", 1, reason=" ")
    assert refused.status_code == 422
    assert "A cancellation needs a reason." in refused.content.decode()
    assert 'name="reason"' in refused.content.decode()

    post(client, address(appointment), "cancel", 1, reason="She rang: better")

    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancellation_reason) == (
        "cancelled",
        "She rang: better",
    )
    assert appointment.slots.get().status == "free"
    page = client.get(address(appointment)).content.decode()
    assert "The time is free again" in page
    assert 'name="do"' not in page


@pytest.mark.parametrize("do", ["arrived", "seen", "dna", "undo", "cancel"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_made_before_somebody_elses_change_is_told_kindly_and_shown_what_is(
    client, appointment, do, headers
):
    post(client, address(appointment), "arrived", 1)

    for version in ("1", ""):
        response = client.post(
            address(appointment),
            {"do": do, "expected_version": version, "reason": "Better"},
            headers=headers,
        )

        assert response.status_code == 409
        assert "Somebody else has changed this" in response.content.decode()
        assert "Arrived" in response.content.decode()
    appointment.refresh_from_db()
    assert (appointment.status, appointment.version) == ("arrived", 2)


def test_what_cannot_be_done_is_refused_in_words_and_not_offered(client, appointment, at):
    at(MORNING - timedelta(days=1))

    page = client.get(address(appointment)).content.decode()
    response = post(client, address(appointment), "dna", 1)

    assert 'value="dna"' not in page
    assert response.status_code == 422
    assert "The appointment has not started yet." in response.content.decode()
    assert post(client, address(appointment), "nonsense", 1).status_code == 404


def test_where_a_page_leads_back_to_is_the_diary_and_nothing_else(client, appointment):
    def back(**kwargs) -> str:
        page = client.get(address(appointment), **kwargs).content.decode()
        (found,) = re.findall(r'href="([^"]*)">Back to the diary', page)
        return found

    here = f"#appointment-{appointment.pk}"
    assert back() == f"/admin/diary/?date=2026-11-19{here}"
    diary = "/admin/diary/?date=2026-11-19&amp;location=1"
    referer = {"Referer": f"http://testserver{diary.replace('&amp;', '&')}"}
    assert back(headers=referer) == f"{diary}{here}"
    for elsewhere in ("https://evil.example/admin/diary/", "//evil.example/", "/admin/logout/"):
        assert back(headers={"Referer": elsewhere}) == f"/admin/diary/?date=2026-11-19{here}"
        assert back(data={"back": elsewhere}) == f"/admin/diary/?date=2026-11-19{here}"


# ---------------------------------------------------------------- a slot


@pytest.fixture
def slot(practice, receptionist) -> Slot:
    """Free at 10:00 of the day, and GP Connect bookable."""
    return make_slots(7, make_schedule(date=THURSDAY))[6]


def slot_address(slot: Slot) -> str:
    return f"/admin/diary/slot/{slot.pk}/"


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

    assert f'href="/admin/diary/appointment/{appointment.pk}/' in content
    assert 'name="do"' not in content.replace('value="withhold"', "").split("Slot</h3>")[1]
    event = AuditEvent.objects.get(event="slot.viewed")
    assert event.detail["patients"] == [appointment.patient_id]


# ---------------------------------------------------------------- who may, and whose


def test_an_auditor_reads_everything_and_changes_nothing(practice, client, appointment, slot):
    client.force_login(make_staff(practice.organisation, role=AUDITOR))

    for place, do in ((address(appointment), "arrived"), (slot_address(slot), "block")):
        content = client.get(place).content.decode()
        assert 'name="do"' not in content
        assert post(client, place, do, 1).status_code == 403
    assert "Book an appointment <kbd>" not in client.get("/admin/diary/").content.decode()


def test_somebody_without_a_role_sees_nothing(practice, client, appointment, slot):
    user = make_staff(practice.organisation)
    user.groups.clear()
    client.force_login(user)

    for place in ("/admin/diary/", address(appointment), slot_address(slot)):
        assert client.get(place).status_code == 403


def test_another_practices_ids_lead_nowhere(practice, client, receptionist):
    theirs = make_schedule(make_organisation(), date=THURSDAY)
    first, second = make_slots(2, theirs)
    appointment = booked(first, family_name="Theirs")

    queries = [
        {"session": theirs.pk},
        {"location": theirs.location_id},
        {"holder": theirs.session_holder_id},
        {"holder": theirs.session_holder_id, "view": "week"},
    ]
    for query in queries:
        assert client.get("/admin/diary/", {"date": THURSDAY, **query}).status_code == 404
    for place, do in ((address(appointment), "dna"), (slot_address(second), "block")):
        assert client.get(place).status_code == 404
        assert post(client, place, do, 1).status_code == 404
    assert "Theirs" not in client.get("/admin/diary/", {"date": THURSDAY}).content.decode()
    second.refresh_from_db()
    assert second.status == "free"


# ---------------------------------------------------------------- what the browser is given


def test_no_template_of_the_diary_needs_inline_styles_or_scripts():
    folder = settings.BASE_DIR / "templates" / "staff" / "diary"
    for template in folder.glob("*.html"):
        text = template.read_text()
        assert not re.search(r'\sstyle="|<style|<script(?![^>]* src=)|\son\w+="', text), template


def test_every_place_on_the_scale_has_its_class():
    sheet = (settings.BASE_DIR / "practice/static/practice/diary_scale.css").read_text()
    ranges = {
        "h": range(LONGEST_AXIS),
        "m": range(60),
        "x": range(25),
        "y": range(60),
        "lane": range(LANES),
        "of": range(1, LANES + 1),
        "from": range(LONGEST_AXIS),
        "to": range(LONGEST_AXIS + 1),
    }
    for name, numbers in ranges.items():
        for number in numbers:
            assert f".{name}{number}{{--{name}:{number}}}" in sheet
