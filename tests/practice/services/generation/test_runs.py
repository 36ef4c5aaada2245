"""Templates become a diary, again and again, and nothing that a person did or booked is lost."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.urls import reverse

from practice.exceptions import DiaryRefused, PlanChanged
from practice.models import (
    AuditEvent,
    GenerationRun,
    Location,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.services.generation import runs
from tests.practice.admin_world import form_data
from tests.practice.services.generation.weeks import (
    FRIDAY,
    MONDAY,
    NOW,
    OPERATOR,
    at,
    counts,
    generate,
    plan,
    reasons,
    slot_at,
)
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_practitioner,
    make_template,
)
from workbench.staff import signed_in

# ---------------------------------------------------------------- what is made


def test_a_template_becomes_a_session_with_its_own_columns(practice):
    profile, own = make_access_profile(), make_access_profile()
    template = make_template(
        session_holder=practice.practitioner,
        session_name="Urgent surgery",
        weekdays=[0],
        effective_from=MONDAY,
        access_profile=profile,
        booking_window_days=14,
        embargo_minutes=120,
        minimum_notice_minutes=15,
        blocks=[
            {
                "start": time(9),
                "end": time(9, 20),
                "slot_type": "Urgent",
                "delivery_channel": "Telephone",
                "access_profile": own,
                "booking_window_days": 7,
                "embargo_minutes": 60,
                "minimum_notice_minutes": 5,
            }
        ],
    )

    run = generate(practice.organisation)

    schedule, slot = Schedule.objects.get(), slot_at("09:00")
    assert counts(run) == {"sessions_created": 1, "slots_created": 2}
    assert run.status == "done"
    assert (schedule.template, schedule.date) == (template, MONDAY)
    assert (schedule.start, schedule.end) == (at("09:00"), at("09:20"))
    for name in (
        "organisation",
        "session_name",
        "session_holder",
        "location",
        "practitioner_role",
        "access_profile",
        "booking_window_days",
        "embargo_minutes",
        "minimum_notice_minutes",
    ):
        assert getattr(schedule, name) == getattr(template, name)
    assert (slot.end, slot.status, slot.version) == (at("09:10"), "free", 1)
    assert (slot.slot_type, slot.delivery_channel) == ("Urgent", "Telephone")
    assert slot.gp_connect_bookable
    assert (slot.access_profile, slot.booking_window_days) == (own, 7)
    assert (slot.embargo_minutes, slot.minimum_notice_minutes) == (60, 5)
    slot.full_clean()
    schedule.full_clean()


@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2026, 10, 24), 54), (date(2027, 3, 27), 42)],
    ids=["into the longer day", "into the shorter day"],
)
def test_a_night_across_a_clock_change_is_stored_as_it_will_be(practice, day, count):
    make_template(weekdays=[5], effective_from=day, blocks=[{"start": time(22), "end": time(6)}])

    generate(practice.organisation, day, day, now=datetime(2026, 10, 1, tzinfo=UTC))

    slots = list(Slot.objects.order_by("start"))
    assert len(slots) == count
    assert all(one.end == following.start for one, following in zip(slots, slots[1:], strict=False))
    assert {slot.end - slot.start for slot in slots} == {timedelta(minutes=10)}


def test_only_the_dates_asked_for_are_generated(practice, template):
    generate(practice.organisation, MONDAY, MONDAY + timedelta(days=20))

    assert list(Schedule.objects.order_by("date").values_list("date", flat=True)) == [
        MONDAY,
        MONDAY + timedelta(days=7),
        MONDAY + timedelta(days=14),
    ]


def test_only_the_templates_asked_for_are_generated(practice, template):
    other = make_template(effective_from=MONDAY)

    generate(practice.organisation, template_ids=[other.pk])

    assert {schedule.template for schedule in Schedule.objects.all()} == {other}


def test_another_practice_is_left_alone(practice, template):
    other = make_organisation()
    make_template(other, effective_from=MONDAY)

    generate(practice.organisation)

    assert {schedule.organisation for schedule in Schedule.objects.all()} == {practice.organisation}


def test_dates_in_the_wrong_order_are_refused(practice):
    with pytest.raises(DiaryRefused):
        generate(practice.organisation, FRIDAY, MONDAY)

    assert not GenerationRun.objects.exists()


def test_who_no_longer_works_here_and_what_is_closed_for_good_get_no_sessions(practice, template):
    make_template(weekdays=[1], effective_from=MONDAY, location=make_location(status="inactive"))
    template.session_holder.roles.update(active=False)

    run = generate(practice.organisation)

    assert not Schedule.objects.exists()
    holder, place = template.session_holder, Location.objects.get(status="inactive")
    assert reasons(run) == [f"{holder} no longer works here.", f"{place} is closed."]


@pytest.mark.req("STAFF-004")
def test_who_leaves_one_practice_keeps_their_clinics_at_the_other(practice):
    """A locum who leaves A: B's sessions stand, and whoever is booked in them stays booked."""
    here, there = practice.organisation, make_organisation()
    locum = make_practitioner(here, also_at=[there])
    for organisation, weekday in ((here, 0), (there, 1)):
        make_template(organisation, session_holder=locum, weekdays=[weekday], effective_from=MONDAY)
        generate(organisation)
    slot = Slot.objects.filter(organisation=there).first()
    booked = make_appointment(slots=[slot], now=NOW)

    leave(here, locum)
    generate(here)
    generate(there)

    ours, theirs = (Schedule.objects.get(organisation=each) for each in (here, there))
    booked.refresh_from_db()
    assert (ours.withdrawn, theirs.withdrawn) == (True, False)
    assert not booked.orphaned


def leave(organisation, locum):
    """Let somebody who manages the practice untick what says that a person works there."""
    client = signed_in(organisation, role="Practice manager")
    address = reverse("admin:practice_practitioner_change", args=[locum.pk])
    data = form_data(client.get(address))
    unticked = {name: value for name, value in data.items() if not name.endswith("active")}
    client.post(address, unticked)


# ---------------------------------------------------------------- plan, then apply


def test_a_plan_is_applied_whole_or_not_at_all_when_a_later_week_has_changed(practice, template):
    last = MONDAY + timedelta(days=13)
    shown = plan(practice.organisation, MONDAY, last)
    make_closure(start_date=MONDAY + timedelta(days=7))

    with pytest.raises(PlanChanged):
        runs.apply(shown, actor=OPERATOR, now=NOW)

    assert not Schedule.objects.exists()
    assert not GenerationRun.objects.exists()


def test_the_plan_that_was_shown_is_applied(practice, template):
    shown = plan(practice.organisation)

    run = runs.apply(shown, actor=OPERATOR, now=NOW + timedelta(minutes=5))

    assert counts(run) == {"sessions_created": 1, "slots_created": 6}


def test_a_plan_shown_long_ago_is_not_applied(practice, template):
    shown = plan(practice.organisation)

    with pytest.raises(PlanChanged, match="too long ago"):
        runs.apply(shown, actor=OPERATOR, now=NOW + timedelta(hours=1))


# ---------------------------------------------------------------- runs


def test_a_run_is_recorded_and_audited(practice, template):
    run = generate(practice.organisation)

    run.refresh_from_db()
    assert (run.status, run.slots_created, run.finished_at) == ("done", 6, NOW)
    event = AuditEvent.objects.get(event="diary.generate")
    assert (event.outcome, event.door) == ("ok", "command")
    assert event.resource == f"GenerationRun/{run.pk}"
    assert event.detail["slots_created"] == 6


def test_a_run_that_dies_is_marked_and_leaves_no_half_session(practice, template, monkeypatch):
    def die(*arguments, **options):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(runs.bulk, "insert_slots", die)

    with pytest.raises(RuntimeError):
        generate(practice.organisation)

    run = GenerationRun.objects.get()
    assert (run.status, run.error) == ("failed", "the disk is full")
    assert not Schedule.objects.exists()
    assert AuditEvent.objects.get(event="diary.generate").outcome == "failed"


def test_a_run_that_was_killed_is_found_by_the_next_one(practice, template):
    dates = {"from_date": MONDAY, "to_date": FRIDAY, "organisation": practice.organisation}
    killed = GenerationRun.objects.create(started_at=NOW - timedelta(hours=2), **dates)
    running = GenerationRun.objects.create(started_at=NOW - timedelta(minutes=5), **dates)

    generate(practice.organisation)

    killed.refresh_from_db()
    running.refresh_from_db()
    assert (killed.status, running.status) == ("failed", "running")
    assert "stopped from outside" in killed.error


def test_progress_counts_the_days(practice, template):
    days = []

    generate(practice.organisation, MONDAY, MONDAY + timedelta(days=9), progress=days.append)

    assert days == [7, 3]


def queries(django_assert_max_num_queries, organisation) -> int:
    with django_assert_max_num_queries(100) as found:
        generate(organisation)
    return len(found)


@pytest.mark.parametrize("what", ["create", "again", "change", "withdraw", "restore"])
def test_the_number_of_queries_does_not_grow_with_the_slots(
    practice, django_assert_max_num_queries, what
):
    numbers = []
    for minutes in (60, 1):
        organisation = make_organisation()
        for _ in range(1 if minutes == 60 else 5):
            make_template(organisation, effective_from=MONDAY, blocks=[{"slot_minutes": minutes}])
        templates = SessionTemplate.objects.filter(organisation=organisation)
        if what != "create":
            generate(organisation)
        if what == "change":
            TemplateBlock.objects.update(slot_type="Other")
        if what in ("withdraw", "restore"):
            templates.update(effective_to=MONDAY)
        if what == "restore":
            generate(organisation)
            templates.update(effective_to=None)
        numbers.append(queries(django_assert_max_num_queries, organisation))

    assert numbers[0] == numbers[1]
    assert numbers[0] < 35
