"""Saved views on the diary: made on a page, chosen in its filters, met again, forgotten."""

import re

import pytest
from django.urls import reverse

from practice.models import AuditEvent, DiaryView
from tests.practice.staff.diary_world import THURSDAY, words_of
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.staff import MANAGER, make_staff, signed_in

ADD = "/admin/diary/views/add/"


@pytest.fixture
def team(practice):
    """Three clinicians with a session on the Thursday, the last of them at a branch."""
    people = [make_practitioner() for _ in range(3)]
    branch = make_location()
    for person in people:
        place = branch if person == people[-1] else practice.location
        make_slot(make_schedule(date=THURSDAY, session_holder=person, location=place))
    return people


def columns_of(client, address="/admin/diary/", **query) -> list[int]:
    content = client.get(address, query or {"date": THURSDAY}, follow=True).content.decode()
    return [int(pk) for pk in re.findall(r'id="column-holder-(\d+)"', content)]


def upstairs(team, **more):
    """The last clinician first, without the second."""
    first, _, last = team
    return {"name": "Upstairs team", f"place_{last.pk}": 1, f"place_{first.pk}": 2, **more}


def test_a_view_is_made_chosen_and_met_again_in_its_order(client, receptionist, team):
    first, second, last = (person.pk for person in team)
    assert set(columns_of(client)) == {first, second, last}

    answer = client.post(ADD, upstairs(team), follow=True)

    page = answer.content.decode()
    assert "The view Upstairs team is saved." in page
    assert re.search(r'<option value="\d+" selected>Upstairs team', page)
    assert columns_of(client) == [last, first]
    tomorrow = reverse("admin:diary") + re.search(r'diary/(\?[^"]*)" rel="next"', page)[1]
    assert "saved=" in tomorrow
    view = DiaryView.objects.get()
    views = client.get("/admin/diary/", {"choose": "views", "saved": view.pk})
    assert views.url == "/admin/diary/views/"
    assert columns_of(client, date=THURSDAY, saved=view.pk, holder=second) == [second]
    assert columns_of(client, date=THURSDAY, saved=view.pk, choose="") != [last, first]
    assert set(columns_of(client)) == {first, second, last}
    assert view.user_id == receptionist.pk


def test_a_view_narrows_to_places_and_leaves_out_who_is_elsewhere(
    practice, client, receptionist, team
):
    branch = team[-1].schedules.get().location_id
    client.post(ADD, {"name": "Branch", "locations": [branch]}, follow=True)

    assert columns_of(client) == [team[-1].pk]


def test_a_week_in_a_view_is_that_of_its_first_clinician(client, receptionist, team):
    client.post(ADD, upstairs(team), follow=True)

    page = client.get("/admin/diary/", {"date": THURSDAY, "view": "week"}).content.decode()

    assert f'<option value="{team[-1].pk}" selected>' in page


def test_an_open_page_of_a_view_hears_of_its_columns_only_and_in_their_order(
    client, receptionist, team
):
    client.post(ADD, upstairs(team), follow=True)
    page = client.get("/admin/diary/", {"date": THURSDAY}).content.decode()
    changes = re.search(r'data-live-changes="([^"]*)"', page)[1].replace("&amp;", "&")

    answer = client.get(f"{changes}&have=%7B%7D&at=0").json()

    assert answer["order"] == [f"holder-{team[2].pk}", f"holder-{team[0].pk}"]
    assert set(answer["columns"]) == set(answer["order"])


def test_a_view_is_renamed_and_deleted_and_one_that_is_gone_shows_everybody(
    client, receptionist, team
):
    client.post(ADD, upstairs(team))
    view = DiaryView.objects.get()
    page = reverse("admin:diary_view_change", args=[view.pk])
    assert 'value="Upstairs team"' in client.get(page).content.decode()
    same = client.post(ADD, upstairs(team))
    assert same.status_code == 422
    assert "There is a view of this name already." in same.content.decode()

    client.post(page, upstairs(team, name="Attic", do="save"))

    assert "Attic" in words_of(client.get("/admin/diary/views/").content.decode())
    client.post(page, {"do": "forget"})
    assert client.get(page).status_code == 404
    assert len(columns_of(client, date=THURSDAY, saved=view.pk)) == 3
    events = AuditEvent.objects.filter(event__startswith="diaryview.").order_by("pk")
    assert [each.event for each in events] == [
        "diaryview.add",
        "diaryview.change",
        "diaryview.delete",
    ]


def test_a_manager_keeps_views_for_all_and_a_receptionist_uses_them(
    practice, client, receptionist, team
):
    mo = signed_in(practice.organisation, role=MANAGER)
    mo.post(ADD, upstairs(team, for_practice="on", show_hidden="on"))
    mo.post(ADD, {"name": "Mo's own"})
    view = DiaryView.objects.get(user=None)
    page = reverse("admin:diary_view_change", args=[view.pk])

    listed = words_of(client.get("/admin/diary/views/").content.decode())
    chosen = client.get("/admin/diary/", {"date": THURSDAY, "choose": view.pk})

    assert "Upstairs team" in listed
    assert "Mo's own" not in listed
    assert f"saved={view.pk}" in chosen.url
    assert "hidden=1" in chosen.url
    assert 'name="for_practice"' not in client.get(ADD).content.decode()
    assert client.post(page, upstairs(team, name="Ours")).status_code == 422
    assert client.post(page, {"do": "forget"}).status_code == 422
    client.post(ADD, {"name": "All", "for_practice": "on"})
    assert DiaryView.objects.get(name="All").user_id == receptionist.pk
    assert DiaryView.objects.filter(user=None).count() == 1


def test_a_view_that_is_chosen_while_an_appointment_is_carried_keeps_it(
    practice, client, receptionist, team
):
    client.post(ADD, upstairs(team))
    view = DiaryView.objects.get()
    carried = make_appointment(slots=make_slots(1, make_schedule()), patient=practice.patient)

    for chosen in (view.pk, ""):
        content = client.get(
            "/admin/diary/",
            {
                "date": THURSDAY,
                "saved": "" if chosen else view.pk,
                "choose": chosen,
                "move": carried.pk,
            },
            follow=True,
        ).content.decode()
        assert f'data-carry="{carried.pk}"' in content


def test_the_view_of_another_or_of_another_practice_is_not_there(client, receptionist, team):
    here, elsewhere = team[0].schedules.get().organisation, make_organisation()
    others = make_staff(here)
    for view in (
        DiaryView.objects.create(organisation=here, user=others, name="Not mine"),
        DiaryView.objects.create(organisation=elsewhere, name="Not ours"),
    ):
        page = reverse("admin:diary_view_change", args=[view.pk])
        assert client.get(page).status_code == 404
        assert client.post(page, {"do": "forget"}).status_code == 404
        assert len(columns_of(client, date=THURSDAY, choose=view.pk)) == 3
        assert view.name not in client.get("/admin/diary/views/").content.decode()
    assert DiaryView.objects.count() == 2
