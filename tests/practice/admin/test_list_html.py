"""The lists of the site: light, however long; ticked, sorted and narrowed without a script."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from practice import clock
from practice.models import Slot
from tests.practice.admin_world import words
from workbench import factories
from workbench.staff import signed_in

pytestmark = pytest.mark.django_db

MOST_BYTES = 120_000
ROWS = 50
QUERIES = {"slot": 20, "schedule": 16, "patient": 16, "appointment": 20}


def address(name):
    return reverse(f"admin:practice_{name}_changelist")


@pytest.fixture
def full(practice):
    """A practice with more of everything than one page of a list shows."""
    organisation = practice.organisation
    holders = [factories.make_practitioner(organisation) for _ in range(20)]
    for number in range(ROWS + 1):
        schedule = factories.make_schedule(
            organisation,
            session_holder=holders[number % 20],
            session_name=f"Session <{number}> & more",
            date=factories.tomorrow() + timedelta(days=number),
        )
        factories.make_appointment(
            slots=[factories.make_slot(schedule)], patient=factories.make_patient(organisation)
        )
    return organisation


def test_fifty_rows_are_light_and_take_few_queries(full, django_assert_max_num_queries):
    client = signed_in(full, role="Practice manager")
    sizes, counts = {}, {}
    for name in QUERIES:
        client.get(address(name))
        with django_assert_max_num_queries(100) as queries:
            page = client.get(address(name))
        assert page.content.count(b'class="action-select"') in {0, ROWS}
        assert len(page.context["cl"].result_list) == ROWS
        sizes[name], counts[name] = len(page.content), len(queries)

    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}
    assert {name: counts[name] for name in counts if counts[name] > QUERIES[name]} == {}


def test_what_people_wrote_is_text_and_no_markup(full):
    page = signed_in(full, role="Practice manager").get(address("schedule")).content.decode()

    assert "Session &lt;0&gt; &amp; more" in page
    assert "Session <0>" not in page


def test_each_row_leads_to_its_record_and_back_to_the_list_as_it_was(full):
    client = signed_in(full, role="Practice manager")
    page = client.get(address("patient"), {"q": "specimen"})

    for patient in page.context["cl"].result_list:
        assert reverse("admin:practice_patient_page", args=[patient.pk]) in words(page)

    locations = client.get(reverse("admin:practice_location_changelist"), {"q": "surgery"})
    assert "/change/?_changelist_filters=q%3Dsurgery" in words(locations)


def test_a_list_is_sorted_by_its_headings(full):
    client = signed_in(full, role="Practice manager")
    first = words(client.get(address("schedule")))
    heading = re.search(r'aria-sort="ascending"><a href="([^"]+)">Date</a>', first)

    turned = client.get(address("schedule") + heading[1])

    starts = [session.start for session in turned.context["cl"].result_list]
    assert starts == sorted(starts, reverse=True)
    assert 'aria-sort="descending"' in words(turned)


def test_every_slot_of_all_pages_may_be_selected_without_a_script(full):
    client = signed_in(full, role="Practice manager")
    page = words(client.get(address("slot")))
    some = re.search(r'name="_selected_action" value="(\d+)" aria-label="Select \w', page)

    asked = {"action": "make_not_bookable", "index": "0", "_selected_action": some[1]}

    client.post(address("slot"), asked)
    assert Slot.objects.filter(organisation=full, gp_connect_bookable=True).count() == ROWS
    client.post(
        address("slot"),
        {**asked, "select_across": "1"},
    )

    assert 'name="select_across" value="1"' in page
    assert not Slot.objects.filter(organisation=full, gp_connect_bookable=True).exists()


@pytest.mark.parametrize("typed", ["{:%Y-%m-%d}", "{0.day}/{0.month}/{0:%y}", "{0.day} {0:%b %Y}"])
def test_a_day_of_a_filter_is_typed_in_any_usual_way_and_meant_whole(full, typed):
    day = factories.tomorrow() + timedelta(days=3)
    client = signed_in(full, role="Practice manager")
    text = typed.format(day)

    found = client.get(address("slot"), {"start_from_0": text, "start_to_0": text})
    sessions = client.get(address("schedule"), {"date_from": text, "date_to": text})

    assert {clock.local(slot.start).date() for slot in found.context["cl"].result_list} == {day}
    assert {session.date for session in sessions.context["cl"].result_list} == {day}
    assert f'value="{day.isoformat()}"' in words(found)


def test_an_empty_list_says_what_to_do_next(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    nothing = words(client.get(address("patient"), {"q": "nobody of this name"}))
    today = words(client.get(address("appointment")))

    assert "Nothing was found for “nobody of this name”" in nothing
    assert "Clear search and filters" in nothing
    assert "There are no appointments from today on." in today
    assert "Look at all days" in today


def test_a_list_is_named_for_what_it_lists(practice):
    page = words(signed_in(practice.organisation, role="Practice manager").get(address("slot")))

    assert "to change" not in page
    assert "to view" not in page


def test_the_calendar_of_a_list_leads_to_a_day_and_back(full):
    client = signed_in(full, role="Practice manager")
    day = factories.tomorrow()
    chosen = {"start__year": day.year, "start__month": day.month, "start__day": day.day}

    year = words(client.get(address("slot")))
    of_day = client.get(address("slot"), chosen)

    assert f"start__year={day.year}" in year
    assert {clock.local(slot.start).date() for slot in of_day.context["cl"].result_list} == {day}
    assert f"Back to {day:%B} {day.year}" in words(of_day)
