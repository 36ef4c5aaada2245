"""Templates, closures and generation in the admin site."""

from datetime import time, timedelta

import pytest
from django.urls import reverse

from practice.models import Closure, GenerationRun, SessionTemplate, Slot
from tests.practice.admin_world import form_data, last_event, new_events, words
from workbench import factories
from workbench.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(practice):
    return signed_in(practice.organisation, role="Practice manager")


def template_data(client, practice, *blocks, **values):
    """Return what a browser sends for a new template with these blocks."""
    data = form_data(client.get(reverse("admin:practice_sessiontemplate_add")))
    data = {name: value for name, value in data.items() if not name.startswith("blocks-0")}
    filled = {
        "session_name": "Morning surgery",
        "session_holder": practice.practitioner.pk,
        "location": practice.location.pk,
        "practitioner_role": "R0260",
        "weekdays": ["0", "2"],
        "every_n_weeks": 1,
        "effective_from": factories.tomorrow().isoformat(),
        "blocks-TOTAL_FORMS": len(blocks),
    }
    for number, block in enumerate(blocks):
        usual = {
            "position": number,
            "start": "09:00",
            "end": "12:00",
            "slot_minutes": 10,
            "slot_type": "Routine",
            "delivery_channel": "In-person",
            "gp_connect_bookable": "on",
        }
        for name, value in {**usual, **block}.items():
            if value is not None:
                filled[f"blocks-{number}-{name}"] = value
    sent = {**data, **filled, **values}
    return {name: value for name, value in sent.items() if value is not None}


def add_template(client, practice, *blocks, **values):
    address = reverse("admin:practice_sessiontemplate_add")
    return client.post(address, template_data(client, practice, *blocks, **values))


BREAK = {
    "slot_minutes": "",
    "slot_type": "",
    "delivery_channel": "",
    "gp_connect_bookable": None,
}


# ---------------------------------------------------------------- templates


def test_a_template_with_blocks_is_saved_and_audited(practice, manager):
    before = last_event()

    add_template(
        manager,
        practice,
        {"end": "10:00"},
        {"start": "10:00", "end": "10:20", **BREAK},
        {"start": "10:20", "slot_type": "Urgent", "delivery_channel": "Telephone"},
    )

    template = SessionTemplate.objects.get()
    assert template.organisation == practice.organisation
    assert template.weekdays == [0, 2]
    assert [block.slot_type for block in template.blocks.all()] == ["Routine", "", "Urgent"]
    [event] = new_events(before)
    assert event.event == "sessiontemplate.add"
    assert len(event.detail["records"]) == 3


REFUSED = {
    "no day": ([{}], {"weekdays": []}, "This field is required"),
    "ends before it starts": (
        [{}],
        {"effective_to": "2020-01-01"},
        "The last date is before the first date",
    ),
    "every second week and the first of the month": (
        [{}],
        {"every_n_weeks": 2, "nth_of_month": 1},
        "Choose one: every few weeks, or a certain week of the month",
    ),
    "overlap": (
        [{"end": "10:00"}, {"start": "09:50"}],
        {},
        "This block starts at 09:50, before the block above it (09:00 to 10:00) has ended",
    ),
    "wrong order": (
        [{"start": "10:00", "end": "12:00"}, {"start": "08:00", "end": "09:00"}],
        {},
        "drag the blocks into order",
    ),
    "slot longer than block": (
        [{"end": "09:20", "slot_minutes": 30}],
        {},
        "A slot of 30 minutes does not fit between 09:00 and 09:20 (20 minutes)",
    ),
    "count does not fit": (
        [{"end": "09:30", "slot_count": 5}],
        {},
        "5 slots of 10 minutes do not fit between 09:00 and 09:30: at most 3 do",
    ),
    "slots of no kind": ([{"slot_type": ""}], {}, "Say what kind of slots these are"),
    "bookable break": (
        [{**BREAK, "gp_connect_bookable": "on"}],
        {},
        "A break has no slots to book",
    ),
    "breaks only": ([BREAK], {}, "a session of breaks offers none"),
    "bookable without role": ([{}], {"practitioner_role": ""}, "The session has no role"),
    "bookable without channel": ([{"delivery_channel": ""}], {}, "It has no delivery channel"),
    "embargo against notice": (
        [{"embargo_minutes": 30, "minimum_notice_minutes": 60}],
        {},
        "Its embargo ends 30 minutes before it starts",
    ),
    "role of another list": ([{}], {"practitioner_role": "R9999"}, "Select a valid choice"),
}


@pytest.mark.req("AVAIL-050", "AVAIL-051", "AVAIL-052", "AVAIL-053", "AVAIL-056")
@pytest.mark.parametrize(("blocks", "values", "said"), REFUSED.values(), ids=REFUSED)
def test_a_template_that_cannot_work_is_refused_in_words(practice, manager, blocks, values, said):
    answer = add_template(manager, practice, *blocks, **values)

    assert said in words(answer)
    assert not SessionTemplate.objects.exists()


@pytest.mark.req("AVAIL-060")
def test_a_bookable_block_needs_a_place_with_an_address(practice, manager):
    practice.location.address_line_1 = ""
    practice.location.save()

    page = words(add_template(manager, practice, {}))

    assert "has no full address" in page
    assert reverse("admin:practice_location_change", args=[practice.location.pk]) in page


def test_a_night_session_is_no_overlap(practice, manager):
    add_template(
        manager,
        practice,
        {"start": "22:00", "end": "01:00"},
        {"start": "01:00", "end": "01:30", **BREAK},
        {"start": "01:30", "end": "06:00"},
    )

    assert SessionTemplate.objects.get().blocks.count() == 3


def test_a_practice_wide_embargo_counts_when_a_block_says_nothing(practice, manager):
    practice.organisation.embargo_minutes = 15
    practice.organisation.save()

    answer = add_template(manager, practice, {"minimum_notice_minutes": 60})

    assert "Its embargo ends 15 minutes before it starts" in words(answer)


def test_the_profile_of_another_practice_cannot_be_chosen(practice, manager):
    foreign = factories.make_access_profile(factories.make_organisation())

    answer = add_template(manager, practice, {"access_profile": foreign.pk})

    assert "Select a valid choice" in words(answer)


def test_a_template_is_cloned_with_its_blocks(practice, manager):
    template = factories.make_template(blocks=[{"end": time(10)}, {"start": time(10)}])
    address = reverse("admin:practice_sessiontemplate_clone", args=[template.pk])

    answer = manager.post(
        address, {"session_name": "B week", "effective_from": factories.tomorrow().isoformat()}
    )

    copy = SessionTemplate.objects.get(session_name="B week")
    assert answer.url == reverse("admin:practice_sessiontemplate_change", args=[copy.pk])
    assert copy.blocks.count() == template.blocks.count() == 2
    assert copy.session_holder == template.session_holder


# ---------------------------------------------------------------- generation


def generate(client, address, **values):
    dates = {
        "from_date": factories.tomorrow().isoformat(),
        "to_date": (factories.tomorrow() + timedelta(days=6)).isoformat(),
        "_do": "1",
    }
    return client.post(address, {**dates, **values})


def test_generating_for_a_template_leads_to_what_the_run_did(practice, manager):
    template = factories.make_template()
    factories.make_template(session_name="Not this one")

    answer = generate(
        manager, reverse("admin:practice_sessiontemplate_generate_template", args=[template.pk])
    )

    run = GenerationRun.objects.get()
    assert answer.url == reverse("admin:practice_generationrun_change", args=[run.pk])
    assert run.started_by == manager.user
    assert run.sessions_created == 5
    assert {slot.schedule.template for slot in Slot.objects.all()} == {template}
    assert "5 sessions created" in words(manager.get(answer.url, follow=True))


def test_generating_for_the_practice_takes_all_templates(practice, manager):
    factories.make_template()
    factories.make_template()

    generate(manager, reverse("admin:practice_sessiontemplate_generate_practice"))

    assert GenerationRun.objects.get().sessions_created == 10


def test_generating_for_chosen_templates_asks_for_dates_first(practice, manager):
    one, two = factories.make_template(), factories.make_template()
    factories.make_template()
    address = reverse("admin:practice_sessiontemplate_changelist")
    chosen = {"action": "generate_selected", "_selected_action": [one.pk, two.pk]}

    asked = manager.post(address, chosen)
    generate(manager, address, **chosen)

    assert "Generate slots" in words(asked)
    assert GenerationRun.objects.get().sessions_created == 10


def test_dates_in_the_wrong_order_are_refused_in_words(practice, manager):
    address = reverse("admin:practice_sessiontemplate_generate_practice")

    answer = generate(manager, address, to_date="2020-01-01")

    assert "The last day is before the first" in words(answer)
    assert not GenerationRun.objects.exists()


def test_a_receptionist_cannot_generate(practice):
    receptionist = signed_in(practice.organisation, role="Receptionist")

    answer = generate(receptionist, reverse("admin:practice_sessiontemplate_generate_practice"))

    assert answer.status_code == 403


# ---------------------------------------------------------------- closures


def add_closure(client, **values):
    address = reverse("admin:practice_closure_add")
    day = factories.tomorrow().isoformat()
    usual = {"kind": "closed", "start_date": day, "end_date": day}
    return client.post(address, {**usual, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"end_date": "2020-01-01"}, "The last day is before the first"),
        ({"start_time": "12:00", "end_time": "09:00"}, "It ends before it begins"),
        ({"kind": "sick"}, "Whose? Choose who is off sick"),
    ],
    ids=["days in the wrong order", "times in the wrong order", "nobody is off sick"],
)
def test_a_closure_that_makes_no_sense_is_refused_in_words(practice, manager, values, said):
    answer = add_closure(manager, **values)

    assert said in words(answer)
    assert not Closure.objects.exists()


def test_a_closure_withdraws_the_free_slots_it_meets(practice, manager):
    slot = factories.make_slot()
    before = last_event()

    answer = add_closure(manager)

    slot.refresh_from_db()
    assert slot.withdrawn
    assert "1 slot withdrawn" in words(manager.get(answer.url))
    assert "closure.create" in [event.event for event in new_events(before)]
    assert "closure.add" not in [event.event for event in new_events(before)]


def test_a_closure_that_strands_patients_says_so_before_it_does(practice, manager):
    appointment = factories.make_appointment()

    warned = add_closure(manager)
    assert "1 appointment is booked in this time. Tick this to close anyway" in words(warned)
    assert not Closure.objects.exists()

    add_closure(manager, strand="on")
    appointment.refresh_from_db()
    assert appointment.orphaned


def test_deleting_a_closure_brings_back_what_it_took(practice, manager):
    slot = factories.make_slot()
    add_closure(manager)
    closure = Closure.objects.get()

    manager.post(reverse("admin:practice_closure_delete", args=[closure.pk]), {"post": "yes"})

    slot.refresh_from_db()
    assert not Closure.objects.exists()
    assert not slot.withdrawn


def test_when_a_closure_has_taken_effect_its_time_is_fixed(practice, manager):
    add_closure(manager, name="Fire alarm works")
    closure = Closure.objects.get()
    address = reverse("admin:practice_closure_change", args=[closure.pk])

    manager.post(address, {"kind": "training", "name": "Training", "start_date": "2020-01-01"})

    closure.refresh_from_db()
    assert (closure.kind, closure.name) == ("training", "Training")
    assert closure.start_date == factories.tomorrow()
