"""Templates become a diary, again and again, and nothing that a person did or booked is lost."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from practice.exceptions import DiaryRefused, PlanChanged
from practice.models import (
    Appointment,
    AuditEvent,
    Closure,
    GenerationRun,
    Location,
    Practitioner,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.services import diary
from practice.services.appointments import changing
from practice.services.audit.recording import Actor
from practice.services.generation import bulk, runs
from practice.services.generation.bank_holidays import seed_bank_holidays
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_template,
)

LONDON = ZoneInfo("Europe/London")
# Saturday noon; the first working day after it is Monday 1 February, far from bank holidays.
NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)
FRIDAY = date(2027, 2, 5)
OPERATOR = Actor(door="command", name="operator")


def generate(organisation, first=MONDAY, last=FRIDAY, *, now=NOW, **options):
    return runs.generate(
        organisation=organisation,
        from_date=first,
        to_date=last,
        actor=OPERATOR,
        now=now,
        **options,
    )


def plan(organisation, first=MONDAY, last=FRIDAY, *, now=NOW):
    return runs.plan(organisation=organisation, from_date=first, to_date=last, now=now)


def at(clock_time: str, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock_time), LONDON)


def slot_at(clock_time: str, day: date = MONDAY, **filters) -> Slot:
    return Slot.objects.get(start=at(clock_time, day), **filters)


def times(**filters) -> list[str]:
    """The slots that take place, as people write them: 09:00-09:10."""
    slots = Slot.objects.filter(withdrawn=False, **filters).order_by("start")
    return [
        f"{slot.start.astimezone(LONDON):%H:%M}-{slot.end.astimezone(LONDON):%H:%M}"
        for slot in slots
    ]


def everything() -> list[list]:
    """Every row of the diary, in every column."""
    return [
        list(model.objects.order_by("pk").values_list()) for model in (Schedule, Slot, Appointment)
    ]


def counts(run: GenerationRun) -> dict[str, int]:
    """The numbers of a run that are not zero."""
    names = [f.name for f in run._meta.fields if f.name.startswith(("slots", "sess", "appoint"))]
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def reasons(run: GenerationRun) -> list[str]:
    return [item["reason"] for item in run.skipped]


@pytest.fixture
def template(practice):
    """One hour on each Monday: six slots."""
    return make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9), "end": time(10)}],
    )


def change_block(template: SessionTemplate, **values) -> None:
    TemplateBlock.objects.filter(template=template).update(**values)


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


def test_every_column_of_a_slot_is_written_in_bulk():
    """A column that is added to Slot has to be thought of in the bulk insert too."""
    assert set(bulk.COLUMNS) == {field.column for field in Slot._meta.concrete_fields} - {"id"}


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
    Practitioner.objects.filter(pk=template.session_holder_id).update(active=False)

    run = generate(practice.organisation)

    assert not Schedule.objects.exists()
    holder, place = template.session_holder, Location.objects.get(status="inactive")
    assert reasons(run) == [f"{holder} no longer works here.", f"{place} is closed."]


# ---------------------------------------------------------------- again


def test_generating_again_changes_nothing(practice, template):
    make_template(effective_from=MONDAY, location=make_location())
    make_closure(start_date=date(2027, 2, 3))
    generate(practice.organisation)
    make_appointment([slot_at("09:30", schedule__template=template)], now=NOW)
    diary.block_slots(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:40", schedule__template=template).pk],
        actor=OPERATOR,
        now=NOW,
    )
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert set(counts(run)) == {"slots_left"}
    assert run.slots_left == Slot.objects.count()


@pytest.mark.parametrize(
    "values",
    [
        {"slot_type": "Telephone advice"},
        {"delivery_channel": "Telephone"},
        {"gp_connect_bookable": False},
        {"embargo_minutes": 30},
        {"booking_window_days": 3},
        {"minimum_notice_minutes": 10},
    ],
    ids=lambda values: next(iter(values)),
)
@pytest.mark.req("GEN-032")
def test_free_slots_follow_a_changed_block_as_new_versions(practice, template, values):
    generate(practice.organisation)
    change_block(template, **values)

    run = generate(practice.organisation)

    assert counts(run) == {"slots_changed": 6}
    assert Slot.objects.filter(version=2, **values).count() == 6
    assert Schedule.objects.get().version == 1


@pytest.mark.req("GEN-032")
def test_a_session_follows_its_template_as_a_new_version(practice, template):
    generate(practice.organisation)
    surgery, profile = make_location(), make_access_profile()
    SessionTemplate.objects.update(
        location=surgery, practitioner_role="R0270", session_name="Clinic", access_profile=profile
    )

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    assert (schedule.location, schedule.practitioner_role) == (surgery, "R0270")
    assert (schedule.session_name, schedule.access_profile) == ("Clinic", profile)
    assert schedule.version == 2
    assert set(Slot.objects.values_list("version", flat=True)) == {1}


@pytest.mark.req("AVAIL-082", "GEN-032")
def test_a_new_holder_makes_new_versions_of_the_appointments(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:00")], now=NOW)
    locum = make_practitioner()
    SessionTemplate.objects.update(session_holder=locum)

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    appointment.refresh_from_db()
    assert (schedule.session_holder, schedule.version) == (locum, 2)
    assert appointment.version == 2
    assert not appointment.orphaned


def test_a_shorter_block_withdraws_slots_and_a_longer_one_restores_them(practice, template):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))

    shorter = generate(practice.organisation)

    assert counts(shorter) == {"slots_withdrawn": 3, "slots_left": 3}
    assert times() == ["09:00-09:10", "09:10-09:20", "09:20-09:30"]
    assert Slot.objects.filter(withdrawn=True, withdrawn_by_plan=True, version=2).count() == 3
    assert Schedule.objects.get().end == at("09:30")

    change_block(template, end=time(10, 10))

    longer = generate(practice.organisation)

    assert counts(longer) == {"slots_created": 1, "slots_restored": 3, "slots_left": 3}
    assert len(times()) == 7
    assert Slot.objects.filter(withdrawn_by_plan=True).count() == 0
    assert Slot.objects.filter(version=3).count() == 3


def test_another_slot_length_keeps_the_starts_it_can(practice, template):
    generate(practice.organisation)
    change_block(template, slot_minutes=15)

    run = generate(practice.organisation)

    assert times() == ["09:00-09:15", "09:15-09:30", "09:30-09:45", "09:45-10:00"]
    assert counts(run) == {"slots_created": 2, "slots_changed": 2, "slots_withdrawn": 4}


def test_a_session_on_another_day_moves_whole(practice, template):
    generate(practice.organisation)
    SessionTemplate.objects.update(weekdays=[2])

    generate(practice.organisation)

    monday, wednesday = Schedule.objects.order_by("date")
    assert (monday.withdrawn, monday.withdrawn_by_plan, monday.version) == (True, True, 2)
    assert wednesday.date == date(2027, 2, 3)
    assert times(schedule=monday) == []

    SessionTemplate.objects.update(weekdays=[0])

    generate(practice.organisation)

    monday.refresh_from_db()
    assert (monday.withdrawn, monday.withdrawn_by_plan) == (False, False)
    assert len(times(schedule=monday)) == 6
    assert Schedule.objects.count() == 2


def test_what_a_person_did_stays_done(practice, template):
    generate(practice.organisation)
    act = {"organisation": practice.organisation, "actor": OPERATOR, "now": NOW}
    diary.withdraw_slots(slot_ids=[slot_at("09:00").pk], **act)
    diary.block_slots(slot_ids=[slot_at("09:10").pk], **act)
    diary.make_not_bookable(slot_ids=[slot_at("09:20").pk], **act)
    diary.change_session_holder(
        schedule_id=Schedule.objects.get().pk, practitioner_id=make_practitioner().pk, **act
    )
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert counts(run) == {"slots_left": 5}


def test_a_slot_that_was_withdrawn_in_whichever_way_is_not_resurrected(practice, template):
    """Also one without the mark that the services leave."""
    generate(practice.organisation)
    Slot.objects.filter(start=at("09:00")).update(withdrawn=True)

    run = generate(practice.organisation)

    assert slot_at("09:00").withdrawn
    assert counts(run) == {"slots_left": 5}


def test_a_free_slot_changed_by_hand_that_is_no_longer_planned_stays_and_is_named(
    practice, template
):
    generate(practice.organisation)
    diary.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:50").pk],
        actor=OPERATOR,
        now=NOW,
    )
    change_block(template, end=time(9, 30))

    run = generate(practice.organisation)

    assert times() == ["09:00-09:10", "09:10-09:20", "09:20-09:30", "09:50-10:00"]
    assert reasons(run) == ["1 free slots are not planned, but were changed by hand."]


def test_hand_changed_slots_of_a_session_that_is_no_longer_planned_stay_and_are_named(
    practice, template
):
    generate(practice.organisation)
    diary.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[slot_at("09:20").pk],
        actor=OPERATOR,
        now=NOW,
    )
    SessionTemplate.objects.update(weekdays=[2])

    run = generate(practice.organisation)

    assert times(schedule__date=MONDAY) == ["09:20-09:30"]
    assert not Schedule.objects.get(date=MONDAY).withdrawn
    assert reasons(run) == ["No longer planned, but 1 free slots were changed by hand and stay."]


def test_a_session_that_a_person_withdrew_is_not_resurrected(practice, template):
    generate(practice.organisation)
    Schedule.objects.update(withdrawn=True)
    change_block(template, slot_type="Other")
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert reasons(run) == ["A person has withdrawn this session."]


def test_the_past_is_left_alone(practice, template):
    generate(practice.organisation)
    change_block(template, slot_type="Other", end=time(10, 10))

    run = generate(practice.organisation, now=at("09:25"))

    assert counts(run) == {"slots_created": 1, "slots_changed": 3, "slots_left": 1}
    assert set(Slot.objects.filter(start__lt=at("09:25")).values_list("version", flat=True)) == {1}


def test_nothing_is_made_of_a_session_that_is_over(practice, template):
    generate(practice.organisation, now=at("10:00"))

    assert not Schedule.objects.exists()


def test_what_is_left_of_a_session_that_has_begun_is_made(practice, template):
    generate(practice.organisation, now=at("09:35"))

    assert times() == ["09:40-09:50", "09:50-10:00"]
    assert Schedule.objects.get().start == at("09:00")


# ---------------------------------------------------------------- bookings


@pytest.mark.req("AVAIL-083")
def test_a_booked_slot_is_never_changed_and_its_stranded_booking_is_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:40"), slot_at("09:50")], now=NOW)
    booked = list(Slot.objects.filter(status="busy").values())
    change_block(template, end=time(9, 50), slot_type="Other")

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert list(Slot.objects.filter(status="busy").values()) == booked
    assert (appointment.orphaned, appointment.version) == (True, 1)
    assert run.appointments_orphaned == 1
    event = AuditEvent.objects.get(event="appointment.orphan")
    assert event.patient_id == appointment.patient_id
    assert event.resource == f"Appointment/{appointment.pk}"

    change_block(template, end=time(10))

    again = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert again.appointments_orphaned == 0
    assert AuditEvent.objects.filter(event="appointment.unorphan").count() == 1


def test_a_booking_that_longer_slots_still_cover_is_not_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    change_block(template, slot_minutes=15)

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert times() == ["09:10-09:20", "09:30-09:45", "09:45-10:00"]
    assert "2 slots are not made" in reasons(run)[0]
    before = everything()

    generate(practice.organisation)

    assert everything() == before


def test_a_session_stands_while_a_booking_is_orphaned_in_it(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    SessionTemplate.objects.update(weekdays=[2])

    generate(practice.organisation)

    monday = Schedule.objects.get(date=MONDAY)
    appointment.refresh_from_db()
    assert appointment.orphaned
    assert not monday.withdrawn
    assert times(schedule=monday) == ["09:10-09:20"]

    cancel(practice.organisation, appointment)
    generate(practice.organisation)

    monday.refresh_from_db()
    assert monday.withdrawn
    assert times(schedule=monday) == []


def cancel(organisation, appointment):
    locked = changing.appointment_for_change(
        organisation=organisation, appointment_id=appointment.pk, actor=OPERATOR, now=NOW
    )
    changing.cancel_appointment(appointment=locked, reason="Moved", actor=OPERATOR, now=NOW)


def test_a_cancelled_booking_is_not_orphaned(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    cancel(practice.organisation, appointment)
    SessionTemplate.objects.update(weekdays=[2])

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert run.appointments_orphaned == 0


def test_extra_slots_beside_the_plan_stay_and_their_bookings_are_not_orphaned(practice, template):
    generate(practice.organisation)
    extra = diary.add_extra_slot(
        organisation=practice.organisation,
        schedule_id=Schedule.objects.get().pk,
        start=at("10:00"),
        end=at("10:05"),
        slot_type="Extra",
        reason="Results",
        actor=OPERATOR,
        now=NOW,
    )
    appointment = make_appointment([extra], door="staff", now=NOW)

    run = generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert counts(run) == {"slots_left": 7}


# ---------------------------------------------------------------- closures


@pytest.mark.parametrize(
    ("scope", "closed"),
    [
        pytest.param({}, True, id="the practice"),
        pytest.param({"location": "own"}, True, id="its location"),
        pytest.param({"location": "other"}, False, id="another location"),
        pytest.param({"practitioner": "own"}, True, id="its holder"),
        pytest.param({"practitioner": "other"}, False, id="another holder"),
        pytest.param({"practitioner": "own", "location": "other"}, False, id="holder elsewhere"),
    ],
)
def test_a_closure_closes_what_it_names(practice, template, scope, closed):
    things = {
        ("location", "own"): practice.location,
        ("location", "other"): make_location(),
        ("practitioner", "own"): practice.practitioner,
        ("practitioner", "other"): make_practitioner(),
    }
    fields = {name: things[name, which] for name, which in scope.items()}
    make_closure(start_date=MONDAY, name="Away day", **fields)

    run = generate(practice.organisation)

    assert Schedule.objects.exists() is not closed
    assert reasons(run) == (["All slots are closed: Away day."] if closed else [])


def test_a_closure_of_some_hours_takes_the_slots_it_overlaps(practice, template):
    make_closure(
        start_date=MONDAY, start_time=time(9, 15), end_time=time(9, 40), kind="training", name=""
    )

    run = generate(practice.organisation)

    assert times() == ["09:00-09:10", "09:40-09:50", "09:50-10:00"]
    assert reasons(run) == ["3 of 6 slots are closed: Training."]


def test_a_closure_withdraws_and_reopening_restores(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    closure = make_closure(start_date=MONDAY)

    generate(practice.organisation)

    appointment.refresh_from_db()
    assert appointment.orphaned
    assert times() == ["09:10-09:20"]

    closure.delete()
    generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert len(times()) == 6


def test_a_locum_takes_a_session_while_its_usual_holder_is_away(practice, template):
    generate(practice.organisation)
    make_closure(start_date=MONDAY, practitioner=practice.practitioner, kind="sick")
    generate(practice.organisation)
    locum = make_practitioner()
    diary.change_session_holder(
        organisation=practice.organisation,
        schedule_id=Schedule.objects.get().pk,
        practitioner_id=locum.pk,
        actor=OPERATOR,
        now=NOW,
    )

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    assert (schedule.session_holder, schedule.withdrawn) == (locum, False)
    assert len(times()) == 6


GOOD_FRIDAY = date(2027, 3, 26)


@pytest.mark.parametrize("runs", [False, True], ids=["ordinary", "holiday clinic"])
def test_bank_holidays_close_all_but_holiday_clinics(practice, runs):
    make_template(weekdays=[4], effective_from=MONDAY, runs_on_bank_holidays=runs)

    run = generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert Schedule.objects.exists() is runs
    assert reasons(run) == ([] if runs else ["All slots are closed: Good Friday."])


def test_a_bank_holiday_that_a_person_deleted_does_not_come_back(practice):
    make_template(weekdays=[4], effective_from=MONDAY)
    generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)
    Closure.objects.get(start_date=GOOD_FRIDAY).delete()

    generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert Schedule.objects.get().date == GOOD_FRIDAY


def test_bank_holidays_are_seeded_once_from_the_start_of_the_year(practice):
    first = seed_bank_holidays(
        organisation=practice.organisation, through=date(2027, 12, 31), now=NOW
    )
    again = seed_bank_holidays(
        organisation=practice.organisation, through=date(2027, 12, 31), now=NOW
    )
    further = seed_bank_holidays(
        organisation=practice.organisation, through=date(2028, 1, 3), now=NOW
    )

    names = dict(Closure.objects.values_list("start_date", "name"))
    assert (again, first, further) == (0, len(names) - 2, 2)
    assert names[date(2027, 1, 1)] == "New Year's Day"
    assert names[date(2027, 12, 27)] == "Christmas Day (substitute day)"
    assert set(Closure.objects.values_list("kind", flat=True)) == {"bank-holiday"}


def test_a_bank_holiday_that_is_there_already_is_not_added_again(practice):
    make_closure(start_date=date(2027, 1, 1), kind="bank-holiday", name="New Year")

    seed_bank_holidays(organisation=practice.organisation, through=date(2027, 1, 1), now=NOW)

    assert Closure.objects.get().name == "New Year"


# ---------------------------------------------------------------- one holder, one place


def test_a_holder_is_not_planned_into_two_sessions_at_once(practice, template):
    other = make_template(
        session_holder=practice.practitioner,
        session_name="Nurse clinic",
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9, 50), "end": time(11)}],
    )

    run = generate(practice.organisation)

    assert {schedule.template for schedule in Schedule.objects.all()} == {template}
    assert run.skipped == [
        {
            "date": "2027-02-01",
            "session": f"Nurse clinic, {other.session_holder}",
            "reason": f"{other.session_holder} already has Morning surgery from 09:00 to 10:00.",
        }
    ]


def test_a_session_under_way_keeps_its_holder_when_its_plan_now_ends_in_the_past(
    practice, template
):
    change_block(template, end=time(12))
    generate(practice.organisation)
    change_block(template, end=time(10))
    make_template(
        session_holder=practice.practitioner,
        session_name="Nurse clinic",
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(11), "end": time(12)}],
    )

    run = generate(practice.organisation, now=at("10:30"))

    assert {schedule.template for schedule in Schedule.objects.all()} == {template}
    assert times()[-1] == "10:20-10:30", "what is still to come is withdrawn"
    holder = practice.practitioner
    assert reasons(run) == [f"{holder} already has Morning surgery from 09:00 to 12:00."]


def test_sessions_that_touch_do_not_overlap(practice, template):
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(10), "end": time(11)}],
    )

    generate(practice.organisation)

    assert Schedule.objects.count() == 2


def test_a_session_made_by_hand_comes_first(practice, template):
    make_schedule(start=at("09:30"), session_holder=practice.practitioner, session_name="By hand")

    run = generate(practice.organisation)

    assert not Schedule.objects.filter(template=template).exists()
    assert "already has By hand from 09:30 to 12:30." in reasons(run)[0]


def test_a_holder_at_another_practice_is_not_here_and_that_practice_is_not_named(
    practice, template
):
    other = make_organisation()
    make_schedule(
        other, start=at("09:30"), session_holder=practice.practitioner, session_name="Secret"
    )

    run = generate(practice.organisation)

    assert not Schedule.objects.filter(template=template).exists()
    assert "already is at another practice from 09:30 to 12:30." in reasons(run)[0]


def test_two_sessions_may_swap_their_holders(practice, template):
    other = make_template(
        weekdays=[0], effective_from=MONDAY, blocks=[{"start": time(9), "end": time(10)}]
    )
    generate(practice.organisation)
    first, second = template.session_holder, other.session_holder
    SessionTemplate.objects.filter(pk=template.pk).update(session_holder=second)
    SessionTemplate.objects.filter(pk=other.pk).update(session_holder=first)

    run = generate(practice.organisation)

    assert Schedule.objects.get(template=template).session_holder == second
    assert Schedule.objects.get(template=other).session_holder == first
    assert run.skipped == []


def test_a_session_that_cannot_move_stays_as_it_is(practice, template):
    other = make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(10), "end": time(11)}],
    )
    generate(practice.organisation)
    change_block(other, start=time(9, 30))
    before = everything()

    run = generate(practice.organisation)

    assert everything() == before
    assert "already has Morning surgery from 09:00 to 10:00." in reasons(run)[0]


def test_a_night_session_reaches_into_the_next_week_of_the_plan(practice):
    """Planned a week at a time: what Sunday night takes is not free on Monday."""
    sunday = MONDAY - timedelta(days=1)
    make_template(
        session_holder=practice.practitioner,
        weekdays=[6],
        effective_from=sunday,
        blocks=[{"start": time(22), "end": time(6)}],
    )
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(5), "end": time(7)}],
    )
    first = sunday - timedelta(days=6)

    shown = plan(practice.organisation, first, MONDAY)
    run = generate(practice.organisation, first, MONDAY)

    assert Schedule.objects.count() == 1
    assert [item.as_json() for item in shown.skipped] == run.skipped
    assert len(run.skipped) == 1


def test_a_night_session_that_ends_in_the_plan_leaves_room_in_the_next_week_of_it(practice):
    sunday = MONDAY - timedelta(days=1)
    night = make_template(
        session_holder=practice.practitioner,
        weekdays=[6],
        effective_from=sunday,
        blocks=[{"start": time(22), "end": time(6)}],
    )
    first = sunday - timedelta(days=6)
    generate(practice.organisation, first, MONDAY)
    SessionTemplate.objects.filter(pk=night.pk).update(weekdays=[5])
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(5), "end": time(7)}],
    )

    shown = plan(practice.organisation, first, MONDAY)
    run = generate(practice.organisation, first, MONDAY)

    assert shown.counts["sessions_created"] == run.sessions_created == 1
    assert [item.as_json() for item in shown.skipped] == run.skipped == []


# ---------------------------------------------------------------- plan, then apply


def test_a_plan_writes_nothing_and_says_what_generating_does(practice, template):
    make_closure(start_date=MONDAY, start_time=time(9), end_time=time(9, 20))

    shown = plan(practice.organisation)

    assert everything() == [[], [], []]
    assert not Closure.objects.filter(kind="bank-holiday").exists()

    run = generate(practice.organisation)

    assert {name: n for name, n in shown.counts.items() if n} == counts(run)
    assert [item.as_json() for item in shown.skipped] == run.skipped


def test_a_plan_knows_bank_holidays_that_are_not_in_the_closures_yet(practice):
    make_template(weekdays=[4], effective_from=MONDAY)

    shown = plan(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)
    run = generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert [item.as_json() for item in shown.skipped] == run.skipped
    assert len(run.skipped) == 1


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


@pytest.mark.parametrize("change", ["template", "diary"])
def test_a_plan_that_no_longer_holds_is_not_applied(practice, template, change):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))
    shown = plan(practice.organisation)
    if change == "template":
        change_block(template, end=time(9, 20))
    else:
        make_appointment([slot_at("09:40")], now=NOW)
    before = everything()

    with pytest.raises(PlanChanged):
        runs.apply(shown, actor=OPERATOR, now=NOW)

    assert everything() == before

    runs.apply(shown, actor=OPERATOR, now=NOW, even_if_changed=True)

    assert everything() != before


def test_a_booking_in_a_slot_that_stays_does_not_make_the_plan_another(practice, template):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))
    shown = plan(practice.organisation)
    make_appointment([slot_at("09:00")], now=NOW)

    run = runs.apply(shown, actor=OPERATOR, now=NOW)

    assert run.slots_withdrawn == 3


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
