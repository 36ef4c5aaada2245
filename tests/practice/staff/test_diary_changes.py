"""What an open diary is sent: the columns that changed, and the blocks that the clock changed."""

import json
import re
from datetime import timedelta

import pytest

from practice.models import AuditEvent, Slot
from practice.services.appointments import changing
from tests.practice.staff.diary_world import DURING, MORNING, THURSDAY, booked
from workbench.factories import make_actor, make_appointment, make_schedule, make_slots

ADDRESS = "/admin/changes/diary/"


class Page:
    """An open diary: what it shows, and what it is told when it asks."""

    def __init__(self, client, **query):
        self.client = client
        self.query = {"date": str(THURSDAY), **query}
        content = client.get("/admin/diary/", self.query).content.decode()
        shown = re.findall(r'id="column-([\w-]+)"[^>]* data-version="([\w.]*)"', content)
        unseen = re.search(r'data-unseen="([^"]*)"', content)
        self.have = {**dict(shown), **json.loads(unseen[1].replace("&quot;", '"'))}
        self.at = int(re.search(r'data-live-at="(\d+)"', content)[1])
        begins, ends = re.search(r'diary-grid from(\d+) to(\d+)"', content).groups()
        self.axis = {"from": begins, "to": ends}

    def ask(self):
        sent = {**self.query, "have": json.dumps(self.have), "at": self.at, **self.axis}
        return self.client.get(ADDRESS, sent).json()


@pytest.fixture
def day(practice, receptionist):
    """Two sessions on the Thursday from 09:00, twelve slots each."""
    sessions = [make_schedule(date=THURSDAY), make_schedule(date=THURSDAY)]
    return [make_slots(12, session) for session in sessions]


def key(slots):
    return f"holder-{slots[0].schedule.session_holder_id}"


def events():
    return AuditEvent.objects.filter(event="diary.viewed").order_by("pk")


def test_nothing_is_sent_and_nothing_written_down_where_nothing_changed(client, day):
    page = Page(client)
    before = events().count()

    answer = page.ask()

    assert (answer["columns"], answer["cells"], answer["gone"]) == ({}, {}, [])
    assert "axis" not in answer
    assert events().count() == before


@pytest.mark.req("STAFF-040")
def test_a_booking_sends_its_column_and_no_other(client, day):
    mine, theirs = day
    booked(theirs[2], given_names="Theirs")
    page = Page(client)

    appointment = make_appointment(slots=[mine[8]], now=DURING)
    answer = page.ask()

    assert list(answer["columns"]) == [key(mine)]
    assert f"a{appointment.pk}" in answer["columns"][key(mine)]
    assert events().last().detail["patients"] == [appointment.patient_id]


def test_what_the_page_has_after_it_was_told_is_not_sent_again(client, day):
    page = Page(client)
    make_appointment(slots=[day[0][8]], now=DURING)
    answer = page.ask()

    [column] = answer["columns"].values()
    page.have[key(day[0])] = re.search(r'data-version="([\w.]*)"', column)[1]

    assert page.ask()["columns"] == {}


def test_a_new_column_has_its_place_and_one_without_anything_left_goes(client, day):
    page = Page(client)
    Slot.objects.filter(schedule=day[0][0].schedule).update(withdrawn=True)
    gone = day[0][0].schedule
    gone.withdrawn = True
    gone.save()
    new = make_slots(2, make_schedule(date=THURSDAY))

    answer = page.ask()

    assert answer["gone"] == [key(day[0])]
    assert key(new) in answer["columns"]
    assert answer["order"].index(key(new)) > answer["order"].index(key(day[1]))
    assert answer["hidden"] == 12
    page.have.pop(key(day[0]))
    page.have |= answer["unseen"]
    assert key(day[0]) not in page.ask()["gone"]


def test_what_is_hidden_is_counted_as_on_the_page(client, day):
    appointment = booked(day[0][8])
    booked_elsewhere = booked(day[1][8])
    for each in (appointment, booked_elsewhere):
        page = Page(client)
        changing.cancel_appointment(
            appointment=each, reason="Better", actor=make_actor(door="staff"), now=MORNING
        )

        shown = Page(client)
        assert page.ask()["hidden"] == sum(int(v.partition(".")[2]) for v in shown.have.values())


def test_the_clock_sends_the_blocks_that_it_changes_and_writes_nothing_down(client, day, at):
    booked(day[0][1])
    page = Page(client)
    written = events().count()
    at(DURING + timedelta(minutes=5))

    answer = page.ask()

    ended = [slots[2] for slots in day]  # at 09:30
    assert set(answer["cells"]) == {f"s{slot.pk}" for slot in ended}
    assert all("Not used" in html for html in answer["cells"].values())
    assert set(answer["counts"]) == {key(slots) for slots in day}
    assert answer["columns"] == {}
    assert events().count() == written


def test_the_end_of_an_embargo_shows(client, day, at):
    Slot.objects.filter(pk=day[0][8].pk).update(embargo_minutes=50)  # until 09:30
    page = Page(client)
    at(DURING + timedelta(minutes=5))

    assert "Free" in page.ask()["cells"][f"s{day[0][8].pk}"]


def test_a_slot_beyond_the_scale_makes_it_longer(client, day):
    page = Page(client)
    make_slots(1, day[0][0].schedule, start=MORNING + timedelta(hours=6))

    axis = page.ask()["axis"]

    assert axis["classes"] == "from9 to16"
    assert "15:30" in axis["marks"]


def test_a_week_is_told_day_by_day(client, day):
    holder = day[0][0].schedule.session_holder_id
    page = Page(client, view="week", holder=holder)
    make_appointment(slots=[day[0][8]], now=DURING)

    answer = page.ask()

    assert list(answer["columns"]) == ["day-2026-11-19"]
    assert answer["gone"] == []


@pytest.mark.parametrize("have", ["", "[]", "{", '{"x": 3}'])
def test_an_address_that_makes_no_sense_is_sent_everything(client, day, have):
    answer = client.get(ADDRESS, {"date": THURSDAY, "have": have, "at": "never"}).json()

    assert set(answer["columns"]) == {key(slots) for slots in day}
