"""Which organisations may book what, where that is set, and how many places are left."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from practice import clock
from tests.practice.admin_world import words
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
    make_template,
)
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/practice/accessprofile/"
NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def wednesday_morning(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def session(days=0, hour=9, **overrides):
    day = TODAY + timedelta(days=days)
    return make_schedule(start=clock.instant(day, time(hour)), **overrides)


def book(slots):
    for slot in slots:
        make_appointment(slots=[slot], patient=make_patient(), now=NOW - timedelta(days=5))


def shown(client, profile):
    (found,) = [p for p in client.get(PAGE).context["profiles"] if p.profile == profile]
    return found


def test_it_says_who_may_book_and_how_much(practice, manager):
    make_access_profile(
        name="Evening hub", ods_codes=["X9X01"], organisation_types=["urgent-care"], slots_per_day=4
    )

    page = words(manager.get(PAGE))

    assert "Urgent Care, and of these only X9X01" in page
    assert "4 a day" in page
    assert "Nowhere: it restricts nothing yet." in page


def test_places_are_counted_in_todays_sessions_today_and_this_week(practice, manager):
    hub = make_access_profile(slots_per_session=3, slots_per_day=4, slots_per_week=5)
    morning = make_slots(6, session(access_profile=hub))
    make_slots(6, session(hour=14, access_profile=hub, session_name="Afternoon"))
    monday = make_slots(2, session(days=-2, access_profile=hub))
    last_week = make_slots(2, session(days=-5, access_profile=hub))
    book([*morning[:2], *monday[:1], *last_week[:1]])

    places = [(p.period, p.used, p.left) for p in shown(manager, hub).places]

    assert places == [
        ("in Morning surgery, 09:00", 2, 1),
        ("in Afternoon, 14:00", 0, 3),
        ("today", 2, 2),
        ("this week", 3, 2),
    ]


def test_a_limit_that_is_used_up_says_so(practice, manager):
    hub = make_access_profile(slots_per_day=1)
    book(make_slots(1, session(access_profile=hub)))

    assert "none left" in words(manager.get(PAGE))


def test_it_says_where_each_is_set(practice, manager):
    hub = make_access_profile()
    template = make_template(access_profile=hub, session_name="Hub session")
    mixed = make_template(
        session_name="Mixed", blocks=[{"access_profile": hub, "start": time(10), "end": time(11)}]
    )
    make_template(
        access_profile=hub,
        session_name="Ended",
        effective_from=TODAY - timedelta(days=90),
        effective_to=TODAY - timedelta(days=1),
    )
    make_slots(3, session(days=1, access_profile=hub))
    make_slots(2, session(days=1), access_profile=hub)

    found, page = shown(manager, hub), words(manager.get(PAGE))

    assert found.templates == [template]
    assert [block.template for block in found.blocks] == [mixed]
    assert (found.sessions, found.single_slots, found.free) == (1, 2, 5)
    assert "Mixed" in page
    assert "block 10:00 to 11:00" in page
    assert "Ended" not in page


def test_slots_under_no_profile_are_open_to_everybody(practice, manager):
    make_slots(3, session(days=1))
    make_slots(2, session(days=1), gp_connect_bookable=False)

    response = manager.get(PAGE)

    assert response.context["open_to_all"] == 3


def test_it_leads_to_the_change_only_for_those_who_may(practice, client, manager):
    make_access_profile()
    with_link = words(manager.get(PAGE))
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))

    without = words(client.get(PAGE))

    assert ">Change<" in with_link
    assert ">Change<" not in without


def test_it_says_when_nobody_outside_may_book_at_all(practice, manager):
    practice.organisation.appointment_management_enabled = False
    practice.organisation.save()

    assert "Nobody outside may book at all" in words(manager.get(PAGE))


def test_profiles_of_another_practice_are_not_shown(practice, manager):
    make_access_profile(make_organisation(), name="Theirs")

    assert "Theirs" not in words(manager.get(PAGE))


def test_the_page_makes_as_many_queries_for_thirty_profiles_as_for_three(
    manager, django_assert_max_num_queries
):
    def queries(number):
        for _ in range(number):
            hub = make_access_profile(slots_per_session=2)
            make_template(access_profile=hub)
            book(make_slots(3, session(access_profile=hub))[:1])
        with django_assert_max_num_queries(40) as made:
            manager.get(PAGE)
        return len(made.captured_queries)

    assert queries(3) == queries(27)


def test_the_search_box_finds_a_profile_by_name_or_code(practice, manager):
    make_access_profile(name="Evening hub", ods_codes=["X9X01"])
    make_access_profile(name="Urgent care")

    for words_typed, found in (("hub", ["Evening hub"]), ("x9x01", ["Evening hub"]), ("zzz", [])):
        page = manager.get(PAGE, {"q": words_typed})
        assert [each.profile.name for each in page.context["profiles"]] == found
    assert "No profile has “zzz” in its name or codes" in words(page)
