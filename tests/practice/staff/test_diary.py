"""The diary: everybody's day in words, and nothing of other practices."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group

from practice import clock
from practice.models import Appointment, AuditEvent, Slot
from practice.services.appointments import changing
from practice.staff.diary_layout import wall_time
from tests.practice.staff.diary_world import DURING, MORNING, THURSDAY, booked, words_of
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)


def block_of(content: str, key: str) -> str:
    """The list item of a block, as text."""
    found = re.search(rf'<li class="([^"]*)"><a id={key} .*?</a>', content, re.DOTALL)
    assert found, f"{key} is not in the diary"
    return found.group(0)


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
        f"s{slots[0].pk}": ("free past", "09:00 Not used"),
        f"a{appointments[1].pk}": ("booked", "Nr1"),
        f"a{appointments[2].pk}": ("arrived", "Arrived"),
        f"a{appointments[3].pk}": ("seen", "Seen"),
        f"a{appointments[4].pk}": ("dna", "Did not attend"),
        f"a{appointments[5].pk}": ("orphaned", "Orphaned"),
        f"s{slots[6].pk}": ("free", "Free GPC Routine"),
        f"s{slots[9].pk}": ("embargoed", "Embargoed GPC until 10:00"),
        f"s{slots[10].pk}": ("blocked", "Blocked Tutorial"),
    }
    for key, (classes, words) in expected.items():
        block = block_of(content, key)
        assert all(f" {name}" in block for name in classes.split())
        assert words in words_of(block)
    assert f"s{slots[11].pk}" not in content
    assert "<b>3</b> free, <b>1</b> waiting" in content
    assert "withdrawn</span> (<span data-hidden-total>1</span>)" in content
    everything = client.get("/admin/diary/", {"date": THURSDAY, "hidden": 1}).content.decode()
    assert "Withdrawn" in words_of(block_of(everything, f"s{slots[11].pk}"))


def test_the_short_address_of_a_block_leads_to_its_page(practice, client, receptionist, at):
    first, second = make_slots(2, make_schedule(date=THURSDAY))
    appointment = booked(second)
    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()

    diary = "/admin/diary/"
    led = re.findall(r'<li class="entry[^>]*><a id=\S+ href=([^\s>]+)>', content)

    assert [client.get(diary + short + "?x=1").headers["Location"] for short in led] == [
        f"/admin/practice/slot/{first.pk}/change/?x=1",
        f"/admin/practice/appointment/{appointment.pk}/change/?x=1",
    ]


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

    assert f"a{appointment.pk}" not in hidden
    assert f"column-holder-{gone.session_holder_id}" not in hidden
    assert "<span data-hidden-total>4</span>" in hidden
    assert "cancelled" in block_of(shown, f"a{appointment.pk}")
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

    assert "lane0 of2" in block_of(content, f"s{slot.pk}")
    assert "lane1 of2" in block_of(content, f"s{extra.pk}")


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

    times = re.findall(r"<b><i>([^<]*)</i>", content)
    assert times == ["00:00", "01:00 BST", "01:00 GMT", "02:00", "03:00", "04:00"]
    for n, slot in enumerate(slots):
        assert f" h{n} m0 x1 y0" in block_of(content, f"s{slot.pk}")
    marks = re.findall(r'<li class="h\d+ m0 full">([^<]*)</li>', content)
    assert marks == ["00:00", "01:00 BST", "01:00 GMT", "02:00", "03:00", "04:00", "05:00"]


def test_the_hour_that_never_comes_takes_no_room(practice, client, receptionist, at):
    start = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    schedule = make_schedule(start=start, end=start + timedelta(hours=3), session_name="Night")
    make_slots(3, schedule, minutes=60)
    at(start - timedelta(hours=3))

    content = client.get("/admin/diary/", {"date": "2027-03-28"}).content.decode()

    assert re.findall(r"<b><i>([^<]*)</i>", content) == ["00:00", "02:00", "03:00"]
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
        block = block_of(content, f"s{slot.pk}")
        assert f" h{20 + n} m0 " in block
        assert f"<i>{wall_time(slot.start)}</i>" in block
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

    assert re.findall(r"<b><i>([^<]*)</i>", content) == [expected]
    assert " h9 m0 " in content


# ---------------------------------------------------------------- what the browser is given


def test_no_template_of_the_diary_needs_inline_styles_or_scripts():
    folder = settings.BASE_DIR / "templates" / "staff" / "diary"
    for template in folder.glob("*.html"):
        text = template.read_text()
        assert not re.search(r'\sstyle="|<style|<script(?![^>]* src=)|\son\w+="', text), template


# ---------------------------------------------------------------- the day explains itself


def closed(**fields):
    return make_closure(start_date=THURSDAY, **fields)


@pytest.mark.req("STAFF-040")
def test_who_is_off_sick_keeps_the_column_with_the_reason_between_what_is_still_booked(
    practice, client, receptionist
):
    schedule = make_schedule(date=THURSDAY)
    slots = make_slots(18, schedule)  # 09:00 to 12:00
    appointment = booked(slots[6])  # 10:00
    Slot.objects.exclude(pk=slots[6].pk).update(withdrawn=True)
    closure = closed(kind="sick", name="clinician unwell", practitioner=schedule.session_holder)
    Appointment.objects.filter(pk=appointment.pk).update(
        orphaned=True, to_be_told=True, affected_by=closure
    )

    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()

    bands = re.findall(r'<li class="closed ([^"]*)"><b>([^<]*)', content)
    assert bands == [
        ("h9 m0 x1 y0", "Off sick: clinician unwell"),
        ("h10 m10 x1 y50", "Off sick: clinician unwell"),
    ]
    assert f'<b>Off sick</b>, <a class="text-link" href="/admin/practice/closure/{closure.pk}' in (
        content
    )
    assert "1 to ring" in content

    appointment.delete()
    Slot.objects.update(status="free", withdrawn=True)
    schedule.withdrawn = True
    schedule.save()
    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()
    assert f'id="column-holder-{schedule.session_holder_id}"' in content
    assert 'class="closed h9 m0 x3 y0"' in content


def test_a_closure_of_somebody_else_or_elsewhere_closes_nothing_here(
    practice, client, receptionist
):
    make_slots(3, make_schedule(date=THURSDAY))
    closed(kind="leave", practitioner=make_practitioner())
    closed(kind="closed", location=make_location())

    assert '"closed ' not in client.get("/admin/diary/", {"date": THURSDAY}).content.decode()


def test_a_bank_holiday_is_a_line_with_the_next_day_that_has_sessions(
    practice, client, receptionist
):
    closed(kind="bank-holiday", name="A holiday")
    make_schedule(date=THURSDAY + timedelta(days=4))
    make_slots(3, make_schedule(date=THURSDAY))  # a holiday clinic: it takes place all the same

    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()

    assert "Bank holiday: A holiday. The practice is closed." in words_of(content)
    assert "Next day with sessions: Mon 23" in content
    assert '"closed ' not in content


def test_a_reserved_slot_says_for_whom_and_until_when(practice, client, receptionist):
    profile = make_access_profile(name="NHS 111", organisation_types=["urgent-care"])
    slots = make_slots(8, make_schedule(date=THURSDAY, access_profile=profile))
    Slot.objects.filter(pk=slots[6].pk).update(minimum_notice_minutes=20)
    Slot.objects.filter(pk=slots[7].pk).update(embargo_minutes=30)

    content = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()

    assert "Reserved GPC for NHS 111 until 09:40 · Routine" in words_of(
        block_of(content, f"s{slots[6].pk}")
    )
    assert "until 09:40 for NHS 111 · Routine" in words_of(block_of(content, f"s{slots[7].pk}"))


# ---------------------------------------------------------------- carrying an appointment


def test_who_is_carried_is_named_and_audited_for_whoever_may_move(practice, client, receptionist):
    """On a day without them: the banner alone names the patient."""
    appointment = booked(make_slot(make_schedule(date=THURSDAY)), given_names="Max")
    asked = {"date": THURSDAY + timedelta(days=1), "move": appointment.pk}

    content = client.get("/admin/diary/", asked).content.decode()

    assert f'data-carry="{appointment.pk}" data-words="Max ' in content
    assert AuditEvent.objects.latest("pk").detail["patients"] == [appointment.patient_id]
    change = Group.objects.get(name="Receptionist").permissions
    change.remove(change.get(codename="change_appointment"))
    without = client.get("/admin/diary/", asked).content.decode()
    assert "data-carry" not in without
    assert "data-move" not in without


def test_nobody_of_another_practice_is_carried(practice, client, receptionist):
    theirs = make_appointment(slots=[make_slot(make_schedule(make_organisation()))])

    assert "data-carry" not in client.get("/admin/diary/", {"move": theirs.pk}).content.decode()
