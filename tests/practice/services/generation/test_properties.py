"""Whatever happens to plans and diary in between, what generating leaves behind makes sense.

Hypothesis makes small practices and does random things to them, as people do in a working week:
templates change, the clinician is away, slots are booked, blocked, withdrawn, cancelled. After each
run the diary is looked at as a whole. Two holders and three days, so that things get in each
other's way.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from practice.exceptions import PracticeError
from practice.models import (
    Appointment,
    Closure,
    Organisation,
    Practitioner,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.services import sessions, slots
from practice.services.appointments import changing
from practice.services.audit.recording import Actor
from practice.services.closures import closing, reopening
from practice.services.generation import runs
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind
from practice.services.generation.slot_differences import Covered
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_template,
)

pytestmark = pytest.mark.django_db

# The night before the clocks go forward, in the middle of the three days.
FIRST, LAST = date(2027, 3, 26), date(2027, 3, 29)
NOW = datetime(2027, 3, 26, 8, 15, tzinfo=UTC)
STAFF = Actor(door="staff", name="Rita")
HOURS = st.integers(0, 23).map(lambda hour: time(hour, 0)) | st.just(time(1, 30))
CHANCE = st.integers(0, 10**6)

blocks = st.lists(
    st.fixed_dictionaries(
        {
            "start": HOURS,
            "end": HOURS,
            "slot_minutes": st.sampled_from([None, 20, 30, 45]),
            "slot_count": st.sampled_from([None, None, 2]),
            "slot_type": st.sampled_from(["Routine", "Urgent"]),
            "gp_connect_bookable": st.just(False),
        }
    ),
    min_size=1,
    max_size=2,
)
templates = st.fixed_dictionaries(
    {
        "session_holder": st.sampled_from([0, 1, None]),
        "weekdays": st.sets(st.sampled_from([4, 5, 6, 0]), min_size=1).map(sorted),
        "effective_to": st.sampled_from([None, FIRST, LAST]),
        "runs_on_bank_holidays": st.booleans(),
        "blocks": blocks,
    }
)
acts = st.one_of(
    st.tuples(st.just("change template"), CHANCE, templates),
    st.tuples(
        st.sampled_from(["book", "cancel", "block", "withdraw", "restore", "locum", "extra"]),
        CHANCE,
        CHANCE,
    ),
    st.tuples(st.just("close"), st.sampled_from([0, 1, None]), st.tuples(CHANCE, HOURS, HOURS)),
    st.tuples(st.just("reopen"), CHANCE, CHANCE),
    st.tuples(st.just("generate"), CHANCE, CHANCE),
)


class World:
    """A practice, and what people may do to it; an act that is refused does nothing."""

    def __init__(self, wanted: list[dict]) -> None:
        self.organisation: Organisation = make_organisation()
        make_location(self.organisation)
        self.holders: list[Practitioner] = [make_practitioner(self.organisation) for _ in range(2)]
        self.patient = make_patient(self.organisation)
        self.templates: list[SessionTemplate] = [
            make_template(self.organisation, effective_from=FIRST, **self._fields(template))
            for template in wanted
        ]

    def _fields(self, template: dict) -> dict:
        holder = template["session_holder"]
        return {**template, "session_holder": None if holder is None else self.holders[holder]}

    def generate(self):
        return runs.generate(
            organisation=self.organisation, from_date=FIRST, to_date=LAST, actor=STAFF, now=NOW
        )

    def one(self, records, chance: int):
        """One of some records, or none if there are none."""
        found = list(records.order_by("pk"))
        return found[chance % len(found)] if found else None

    def do(self, act: str, first, second) -> None:  # noqa: C901 - a list of acts
        own: dict[str, Any] = {"organisation": self.organisation, "actor": STAFF, "now": NOW}
        slot = None
        if isinstance(first, int):
            slot = self.one(Slot.objects.filter(organisation=self.organisation), first)
        try:
            with transaction.atomic():
                if act == "generate":
                    self.generate()
                elif act == "change template":
                    self.change(self.templates[first % len(self.templates)], second)
                elif act == "close":
                    chance, start, end = second
                    day = FIRST + timedelta(days=chance % 4)
                    closure = Closure(
                        organisation=self.organisation,
                        practitioner=None if first is None else self.holders[first],
                        start_date=day,
                        end_date=day + timedelta(days=end <= start),
                        start_time=start,
                        end_time=end,
                    )
                    closing.close(closure, actor=STAFF, now=NOW)
                elif act == "reopen":
                    of_ours = Closure.objects.filter(organisation=self.organisation)
                    if closure := self.one(of_ours, first):
                        reopening.reopen(closure_id=closure.pk, **own)
                elif slot is None:
                    pass
                elif act == "book":
                    make_appointment([slot], self.patient, door="staff", now=NOW)
                elif act == "cancel":
                    self.cancel(first, own)
                elif act == "locum":
                    sessions.change_session_holder(
                        schedule_id=slot.schedule_id,
                        practitioner_id=self.holders[second % 2].pk,
                        **own,
                    )
                elif act == "extra":
                    slots.add_extra_slot(
                        schedule_id=slot.schedule_id,
                        start=slot.start,
                        end=slot.end,
                        slot_type="Extra",
                        reason="Asked for",
                        **own,
                    )
                else:
                    service = getattr(slots, f"{act}_slots")
                    service(slot_ids=[slot.pk], **own)
        except PracticeError:
            pass

    def change(self, template: SessionTemplate, wanted: dict) -> None:
        values = self._fields(wanted)
        new = values.pop("blocks")
        SessionTemplate.objects.filter(pk=template.pk).update(**values)
        template.blocks.all().delete()
        for position, block in enumerate(new):
            TemplateBlock.objects.create(template=template, position=position, **block)

    def cancel(self, chance: int, own: dict) -> None:
        live = Appointment.objects.filter(organisation=self.organisation, status="booked")
        if appointment := self.one(live, chance):
            locked = changing.appointment_for_change(appointment_id=appointment.pk, **own)
            changing.cancel_appointment(
                appointment=locked, reason="Not needed", actor=STAFF, now=NOW
            )

    # ------------------------------------------------------------ looking at it

    def rows(self) -> list[list[Any]]:
        """Every row of the diary in every column."""
        return [
            list(model.objects.filter(organisation=self.organisation).order_by("pk").values_list())
            for model in (Schedule, Slot, Appointment)
        ]

    def busy(self) -> list[Any]:
        found = Slot.objects.filter(organisation=self.organisation, status="busy")
        return list(found.order_by("pk").values())

    def by_hand(self) -> list[Any]:
        found = Slot.objects.filter(organisation=self.organisation, changed_by_hand=True)
        return list(found.filter(withdrawn_by_plan=False).order_by("pk").values())

    def check(self) -> None:
        schedules = Schedule.objects.filter(organisation=self.organisation)
        for schedule in schedules:
            slots = schedule.slots.filter(withdrawn=False, overbooked=False).order_by("start")
            intervals = [(slot.start, slot.end) for slot in slots]
            for one, following in zip(intervals, intervals[1:], strict=False):
                assert one[1] <= following[0], f"overlapping slots in {schedule}"
            assert not (schedule.withdrawn and slots.filter(status__in=["free", "busy"]).exists())
        for holder in self.holders:
            mine = schedules.filter(session_holder=holder, withdrawn=False).order_by("start")
            times = [(schedule.start, schedule.end) for schedule in mine]
            for one, following in zip(times, times[1:], strict=False):
                assert one[1] <= following[0], f"{holder} is in two places"


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(templates, min_size=1, max_size=3), st.lists(acts, max_size=14))
def test_generating_leaves_a_diary_that_makes_sense(wanted, done):
    with transaction.atomic():
        world = World(wanted)
        world.generate()
        for act in done:
            world.do(*act)
        busy, by_hand = world.busy(), world.by_hand()

        shown = runs.plan(organisation=world.organisation, from_date=FIRST, to_date=LAST, now=NOW)
        run = world.generate()

        after = world.rows()
        assert world.busy() == busy
        assert [row for row in by_hand if row not in world.by_hand()] == []
        assert run.slots_created == shown.counts["slots_created"]
        assert run.slots_withdrawn == shown.counts["slots_withdrawn"]
        assert run.skipped == [item.as_json() for item in shown.skipped]
        world.check()
        world.generate()
        assert world.rows() == after
        transaction.set_rollback(True)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=8),
    st.tuples(st.integers(0, 25), st.integers(1, 8)),
)
def test_what_covers_a_time_covers_each_moment_of_it(slots, asked):
    kind = SlotKind("Routine", "", False, None, None, None, None)
    planned = sorted(PlannedSlot(start, start + length, kind) for start, length in slots)
    start, end = asked[0], sum(asked)

    covered = Covered(planned).holds(start, end)

    moments = {at for slot in planned for at in range(slot.start, slot.end)}
    assert covered == moments.issuperset(range(start, end))
