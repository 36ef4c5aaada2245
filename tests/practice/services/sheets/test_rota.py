"""A rota out of a spreadsheet: sessions are added, and clash with none."""

from datetime import time, timedelta

import pytest

from practice import clock
from practice.exceptions import SheetRefused
from practice.models import AuditEvent, PractitionerRole, Schedule, Slot
from practice.services.sheets.rota import Rota
from workbench import sheets
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    tomorrow,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(practice) -> dict[str, str]:
    return {
        "Date": str(tomorrow()),
        "From": "09:00",
        "To": "12:00",
        "Session holder": practice.practitioner.sds_user_id,
        "Slot length (minutes)": "10",
        "Slot type": "Routine",
    }


def planned(practice, *rows):
    return sheets.planned(Rota, practice.organisation, *rows)[1]


def test_a_session_is_made_as_by_hand(practice, row):
    place = make_location(practice.organisation, name="Branch")
    profile = make_access_profile(name="111")

    sheets.imported(
        Rota,
        practice.organisation,
        row
        | {
            "Location": "branch",
            "Session name": "Surgery",
            "Role": "General Medical Practitioner",
            "Delivery channel": "In-person",
            "GP Connect bookable": "yes",
            "Access profile": "111",
        },
        row | {"From": "14:00", "To": "15:00", "Session holder": "", "Location": ""},
    )

    first, second = Schedule.objects.order_by("start")
    assert first.start == clock.instant(tomorrow(), time(9))
    assert (first.session_holder, first.location) == (practice.practitioner, place)
    assert (first.access_profile, first.session_name) == (profile, "Surgery")
    assert (first.slots.count(), first.slots.filter(gp_connect_bookable=True).count()) == (18, 18)
    assert (second.session_holder, second.location) == (None, practice.location)
    assert Slot.objects.filter(schedule=second, slot_type="Routine").count() == 6
    event = AuditEvent.objects.filter(event="session.create").order_by("pk").first()
    assert (event.detail["spreadsheet"], event.detail["row"]) == (1, 2)


def test_the_second_time_a_file_changes_nothing(practice, row):
    free = row | {"Session holder": "", "From": "14:00", "To": "15:00"}
    sheets.imported(Rota, practice.organisation, row, free)

    again = planned(practice, row, free)

    assert [each.verdict for each in again] == ["same", "same"]


def test_what_goes_out_changes_nothing_when_it_comes_back(practice, row):
    sheets.imported(Rota, practice.organisation, row)
    make_schedule(session_holder=None)
    make_schedule(date=tomorrow() - timedelta(days=9))

    rows = sheets.taken_out_and_back(Rota, practice.organisation)

    assert [(each.verdict, each.problems) for each in rows if each.verdict != "wrong"] == [
        ("same", [])
    ]
    assert len(rows) == 2


def test_nobody_is_in_two_places_at_once(practice, row):
    there = make_organisation()
    other = make_practitioner()
    PractitionerRole.objects.create(organisation=there, practitioner=other, role="R0260")
    make_schedule(there, session_holder=other)
    late = row | {"From": "11:50", "To": "13:00"}

    rows = planned(
        practice,
        row,
        late,
        row | {"Session holder": other.sds_user_id},
        row | {"Session holder": ""},
    )
    sheets.imported(Rota, practice.organisation, row)
    (clash,) = planned(practice, late)

    name = str(practice.practitioner)
    assert [each.problems for each in rows] == [
        [],
        [f"{name} has another session in row 2 then."],
        [f"{other} is at another practice at that time."],
        [],
    ]
    assert clash.problems == [f"{name} already has a session from 09:00 to 12:00 that day."]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"Date": "2020-01-01"}, "That time is over."),
        ({"Date": ""}, "Date: this is missing."),
        ({"From": "noon"}, "From: this is not a time of day"),
        ({"To": "09:00"}, "The end lies before the start."),
        ({"Slot length (minutes)": "0"}, "No slot of that length fits"),
        ({"Slot length (minutes)": "181"}, "No slot of that length fits"),
        ({"Slot length (minutes)": "481"}, "A slot lasts 480 minutes at most."),
        ({"Slot type": "x" * 101}, "Slot type: 100 characters at most."),
        ({"Session holder": "Nobody"}, "nobody of that name or SDS user ID works"),
        ({"Location": "Atlantis"}, "no open location of that name"),
        ({"Access profile": "None"}, "no access profile of that name"),
        ({"GP Connect bookable": "yes"}, "It could never be offered to other organisations."),
    ],
)
def test_what_is_wrong_is_said_in_words(practice, row, cells, said):
    (found,) = planned(practice, row | cells)

    assert any(said in problem for problem in found.problems), found.problems


def test_what_has_become_wrong_meanwhile_is_named_by_its_row(practice, row):
    made, found = sheets.planned(Rota, practice.organisation, row)
    make_schedule(session_holder=practice.practitioner)

    with pytest.raises(SheetRefused, match="Row 2: .* already has a session"):
        made.apply(found, actor=sheets.ACTOR, source={})


def test_another_practice_is_neither_named_nor_used(practice, row):
    there = make_organisation()
    place = make_location(there, name="Elsewhere")
    theirs = make_practitioner(there)

    rows = planned(
        practice, row | {"Location": place.name}, row | {"Session holder": theirs.sds_user_id}
    )

    assert [each.verdict for each in rows] == ["wrong", "wrong"]
