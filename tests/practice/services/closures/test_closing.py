"""Closing and reopening: the impact that is shown is what happens, and reopening undoes it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from practice.exceptions import (
    DiaryRefused,
    LocationNotFound,
    NotFound,
    PlanChanged,
    PractitionerNotFound,
)
from practice.models import Appointment, AuditEvent, Closure, Schedule, Slot
from practice.services import slots
from practice.services.audit.recording import Actor
from practice.services.closures import closing, reopening
from practice.services.generation import runs
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slots,
    make_template,
)

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)
MARTHA = Actor(door="staff", name="Martha Manager")


def at(clock_time: str, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock_time), ZoneInfo("Europe/London"))


def closure(practice, **overrides) -> Closure:
    """A closure of the whole Monday, not saved yet."""
    fields = {"organisation": practice.organisation, "start_date": MONDAY, "end_date": MONDAY}
    return Closure(**{**fields, **overrides})


def close(practice, **overrides):
    return closing.close(closure(practice, **overrides), actor=MARTHA, now=NOW)


def reopen(practice):
    return reopening.reopen(
        organisation=practice.organisation,
        closure_id=Closure.objects.get(organisation=practice.organisation, kind="closed").pk,
        actor=MARTHA,
        now=NOW,
    )


def generate(practice):
    return runs.generate(
        organisation=practice.organisation,
        from_date=MONDAY,
        to_date=MONDAY + timedelta(days=6),
        actor=MARTHA,
        now=NOW,
    )


def taking_place() -> list[str]:
    slots = Slot.objects.filter(withdrawn=False).order_by("start", "pk")
    return [f"{slot.start:%H:%M}" for slot in slots]


def everything() -> list:
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (Schedule, Slot, Appointment, Closure)
    ]


@pytest.fixture
def generated(practice):
    """Monday from nine to ten in the diary, six slots."""
    template = make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9), "end": time(10)}],
    )
    generate(practice)
    return template


def test_the_impact_is_shown_and_nothing_written(practice, generated, django_assert_num_queries):
    make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    before = everything()

    with django_assert_num_queries(2):
        shown = closing.plan_closing(closure(practice), now=NOW)

    assert everything() == before
    assert (shown.counts["slots_withdrawn"], shown.counts["appointments_orphaned"]) == (5, 1)
    assert shown.counts["sessions_withdrawn"] == 0


def test_a_time_that_is_over_or_people_who_have_been_seen_are_not_undone_by_closing(
    practice, generated
):
    """Nobody has to be told anything of an appointment that took place (H24)."""
    slots = [Slot.objects.get(start=at(when)) for when in ("09:00", "09:10", "09:40", "09:50")]
    appointments = [make_appointment([slot], now=NOW) for slot in slots]
    over, under_way, seen_early, waits = appointments
    Appointment.objects.filter(pk__in=[over.pk, seen_early.pk]).update(status="fulfilled")

    closing.close(closure(practice), actor=MARTHA, now=at("09:15"))

    for appointment in appointments:
        appointment.refresh_from_db()
    assert [each.orphaned for each in appointments] == [False, False, False, True]
    assert [each.to_be_told for each in appointments] == [False, False, False, True]
    assert Slot.objects.filter(status="busy", withdrawn=False).count() == 4


def test_whoever_is_orphaned_is_on_the_closures_call_list(practice, generated):
    """F2: whoever calls the service, the list of whom to telephone is filled."""
    met = make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    untouched = make_appointment(
        make_slots(1, make_schedule(start=at("14:00"), end=at("15:00"))), now=NOW
    )

    close(practice, end_time=time(12))

    for appointment in (met, untouched):
        appointment.refresh_from_db()
    assert (met.to_be_told, met.affected_by) == (True, Closure.objects.get(kind="closed"))
    assert (untouched.to_be_told, untouched.affected_by) == (False, None)


def test_who_was_orphaned_before_keeps_the_closure_that_did_it(practice, generated):
    met = make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    close(practice, end_time=time(12))
    first = Closure.objects.get(kind="closed")
    Appointment.objects.update(to_be_told=False)

    close(practice, kind="training")

    met.refresh_from_db()
    assert (met.to_be_told, met.affected_by) == (False, first)


def test_closing_does_what_the_impact_showed(practice, generated):
    appointment = make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    shown = closing.plan_closing(closure(practice), now=NOW)

    done = closing.close(closure(practice), actor=MARTHA, now=NOW, digest=shown.digest)

    appointment.refresh_from_db()
    assert done.counts == shown.counts
    assert taking_place() == ["09:20"]
    assert appointment.orphaned
    assert not Schedule.objects.get().withdrawn
    event = AuditEvent.objects.get(event="closure.create")
    assert event.detail["slots_withdrawn"] == 5
    assert event.resource == f"Closure/{Closure.objects.get(kind='closed').pk}"


def test_closing_is_refused_when_the_impact_is_another_by_now(practice, generated):
    shown = closing.plan_closing(closure(practice), now=NOW)
    make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    before = everything()

    with pytest.raises(PlanChanged):
        closing.close(closure(practice), actor=MARTHA, now=NOW, digest=shown.digest)

    assert everything() == before


def test_a_session_without_anything_left_does_not_take_place(practice, generated):
    close(practice)

    schedule = Schedule.objects.get()
    assert (schedule.withdrawn, schedule.withdrawn_by_plan, schedule.version) == (True, True, 2)


def test_some_hours_are_closed(practice, generated):
    close(practice, start_time=time(9, 5), end_time=time(9, 20))

    assert taking_place() == ["09:20", "09:30", "09:40", "09:50"]
    assert not Schedule.objects.get().withdrawn


def test_another_persons_absence_and_another_places_closing_do_not_matter(practice, generated):
    close(practice, practitioner=make_practitioner())
    close(practice, location=make_location())

    assert len(taking_place()) == 6


def test_generating_after_closing_changes_nothing(practice, generated):
    make_appointment([Slot.objects.get(start=at("09:20"))], now=NOW)
    close(practice)
    before = everything()

    generate(practice)

    assert everything() == before


def test_closing_withdraws_what_was_made_or_changed_by_hand_too(practice, generated):
    """Being off sick is newer than a mark that somebody set before."""
    slots.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[Slot.objects.get(start=at("09:20")).pk],
        actor=MARTHA,
        now=NOW,
    )
    by_hand = make_schedule(start=at("14:00"), session_holder=practice.practitioner)
    make_slots(2, by_hand)

    close(practice, practitioner=practice.practitioner)

    assert taking_place() == []
    by_hand.refresh_from_db()
    assert by_hand.withdrawn


def test_what_has_begun_is_left(practice, generated):
    done = closing.close(closure(practice), actor=MARTHA, now=at("09:25"))

    assert taking_place() == ["09:00", "09:10", "09:20"]
    assert done.counts["sessions_withdrawn"] == 0


def test_reopening_undoes_closing(practice, generated):
    by_hand = make_schedule(start=at("14:00"), session_holder=practice.practitioner)
    make_slots(2, by_hand)
    extra = slots.add_extra_slot(
        organisation=practice.organisation,
        schedule_id=Schedule.objects.get(template=generated).pk,
        start=at("09:00"),
        end=at("09:05"),
        slot_type="Extra",
        reason="Results",
        actor=MARTHA,
        now=NOW,
    )
    slots.make_not_bookable(
        organisation=practice.organisation,
        slot_ids=[Slot.objects.get(start=at("09:40")).pk],
        actor=MARTHA,
        now=NOW,
    )
    booked = [
        make_appointment([Slot.objects.get(start=start)], now=NOW)
        for start in (at("09:20"), at("14:00"))
    ]
    before = taking_place()
    close(practice)
    assert Appointment.objects.filter(orphaned=True).count() == 2

    run = reopen(practice)

    assert taking_place() == before
    assert not Appointment.objects.filter(orphaned=True).exists()
    assert not Schedule.objects.filter(withdrawn=True).exists()
    assert run.slots_restored == 5
    extra.refresh_from_db()
    assert not extra.withdrawn
    assert [appointment.version for appointment in booked] == [1, 1]
    assert AuditEvent.objects.filter(event="closure.delete").count() == 1


def test_what_another_closure_closes_stays_closed(practice, generated):
    by_hand = make_schedule(start=at("09:00"))
    make_slots(3, by_hand)
    close(practice)
    closing.close(
        closure(practice, kind="training", start_time=time(9), end_time=time(9, 20)),
        actor=MARTHA,
        now=NOW,
    )

    reopen(practice)

    assert taking_place() == ["09:20", "09:20", "09:30", "09:40", "09:50"]


def test_a_hand_made_session_does_not_return_when_its_holder_is_elsewhere_by_now(practice):
    by_hand = make_schedule(start=at("14:00"), session_holder=practice.practitioner)
    make_slots(2, by_hand)
    close(practice)
    make_schedule(start=at("13:00"), session_holder=practice.practitioner)

    assert reopen(practice) is None

    by_hand.refresh_from_db()
    assert by_hand.withdrawn
    assert taking_place() == []


def test_reopening_generates_no_further_than_the_diary_reaches(practice, generated):
    later = MONDAY + timedelta(days=21)
    close(practice, start_date=later, end_date=later)

    run = reopen(practice)

    assert run is None
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        (lambda other: {"location": make_location(other)}, LocationNotFound),
        (lambda other: {"practitioner": make_practitioner(other)}, PractitionerNotFound),
        (lambda other: {"start_time": time(9), "end_time": time(9)}, DiaryRefused),
    ],
    ids=["a location elsewhere", "a person elsewhere", "no time at all"],
)
def test_a_closure_that_cannot_be_is_refused(practice, fields, refusal):
    with pytest.raises(refusal):
        close(practice, **fields(make_organisation()))

    assert not Closure.objects.exists()


def test_a_closure_of_another_practice_cannot_be_reopened(practice):
    closing.close(closure(practice), actor=MARTHA, now=NOW)

    with pytest.raises(NotFound):
        reopening.reopen(
            organisation=make_organisation(),
            closure_id=Closure.objects.get().pk,
            actor=MARTHA,
            now=NOW,
        )


def test_another_practice_is_not_closed(practice):
    make_slots(2, make_schedule(make_organisation(), start=at("09:00")))

    close(practice)

    assert len(taking_place()) == 2
