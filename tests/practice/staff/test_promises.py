"""The page of what was promised to others, and who may change it."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Promise
from practice.services.promises import watch
from tests.practice.staff.diary_world import words_of
from workbench.factories import make_access_profile, make_organisation, make_schedule, make_slots
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/promises/"
NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)  # a Wednesday


def text(answer):
    """What a person reads on a page."""
    return words_of(answer.content.decode())


FORM = {
    "name": "NHS 111",
    "ods_code": "y00123 ",
    "slots_a_day": "2",
    "weekdays": ["0", "1", "2", "3", "4"],
    "days_ahead": "2",
    "silent_after_days": "2",
    "mail_to": "manager@practice.example",
}


@pytest.fixture(autouse=True)
def wednesday_morning(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def test_a_promise_is_made_seen_short_and_explained(practice, manager):
    made = manager.post(f"{PAGE}add/", FORM, follow=True)
    assert "“NHS 111” is watched from now on." in text(made)
    make_slots(1, make_schedule(start=clock.instant(NOW.date(), time(9))), slot_type="Routine")
    make_slots(
        2,
        make_schedule(start=clock.instant(NOW.date() + timedelta(days=1), time(9))),
        slot_type="Routine",
    )

    said = text(manager.get(PAGE))

    assert "Wed 18 Nov There: 1, short" in said
    assert "Thu 19 Nov There: 2 " in said
    assert Promise.objects.get().ods_code == "Y00123"


def test_a_short_day_stands_on_the_worklist_and_is_counted_on_the_front_page(practice, manager):
    Promise.objects.create(
        organisation=practice.organisation,
        name="NHS 111",
        ods_code="Y00123",
        slots_a_day=2,
        days_ahead=1,
    )
    watch(organisation=practice.organisation, now=NOW)

    assert "NHS 111 : 0 of 2. There are no slots on this day." in text(
        manager.get("/admin/worklist/")
    )
    assert "promised to others 1" in text(manager.get("/admin/"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ods_code": ""}, "Say to whom"),
        ({"slots_a_day": ""}, "Say how many"),
        ({"patients_for_each_slot": "3000"}, "Say how many"),
        ({"start_time": "12:00", "end_time": "09:00"}, "The hours end before they begin."),
        ({"mail_to": "not an address"}, "is not an e-mail address"),
        ({"days_ahead": "400"}, "28"),
    ],
)
def test_what_contradicts_itself_is_said_and_nothing_typed_is_lost(practice, manager, wrong, said):
    answer = manager.post(f"{PAGE}add/", {**FORM, **wrong})

    assert answer.status_code == 422
    assert said in text(answer)
    assert 'value="NHS 111"' in answer.content.decode()
    assert not Promise.objects.exists()


def test_a_name_is_promised_once(practice, manager):
    manager.post(f"{PAGE}add/", FORM)

    assert manager.post(f"{PAGE}add/", FORM).status_code == 422


def test_a_receptionist_sees_promises_and_changes_none(practice, client):
    promise = Promise.objects.create(
        organisation=practice.organisation, name="NHS 111", ods_code="Y00123", slots_a_day=2
    )
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))

    assert client.get(PAGE).status_code == 200
    for address, sent in (
        (f"{PAGE}add/", FORM),
        (f"{PAGE}{promise.pk}/", FORM),
        (f"{PAGE}{promise.pk}/", {"do": "withdraw"}),
    ):
        assert client.post(address, sent).status_code == 403
    assert Promise.objects.get() == promise


def test_a_promise_and_the_profiles_of_another_practice_are_not_to_be_had(practice, manager):
    other = make_organisation()
    theirs = Promise.objects.create(
        organisation=other, name="NHS 111", ods_code="Y00123", slots_a_day=2
    )
    profile = make_access_profile(other)

    assert manager.get(f"{PAGE}{theirs.pk}/").status_code == 404
    answer = manager.post(f"{PAGE}add/", {**FORM, "ods_code": "", "access_profile": profile.pk})
    assert answer.status_code == 422


def test_a_promise_is_withdrawn(practice, manager):
    manager.post(f"{PAGE}add/", FORM)
    pk = Promise.objects.get().pk

    answer = manager.post(f"{PAGE}{pk}/", {"do": "withdraw"}, follow=True)

    assert "is promised no longer" in text(answer)
    assert not Promise.objects.exists()
