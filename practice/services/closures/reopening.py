"""Taking a closure away: what it took from the diary comes back, where nothing else is closed."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from practice import clock
from practice.clock import moment, seconds
from practice.exceptions import HolderElsewhere, NotFound, PlanChanged
from practice.models import Closure, GenerationRun, Organisation, Schedule
from practice.services.audit.recording import Actor
from practice.services.closures.closing import (
    apply_plan,
    as_plan,
    closures_meeting,
    days_met,
    is_met,
    record_closure,
    sessions_met,
)
from practice.services.generation.planner import week_plans
from practice.services.generation.plans import (
    Action,
    HeldAppointment,
    Plan,
    Scope,
    SessionPlan,
    Skipped,
    SlotChange,
    SlotRow,
)
from practice.services.generation.runs import generate, retry_on_conflict
from practice.services.generation.stored_sessions import slots_and_bookings, title, values_of
from practice.services.locks import lock_practice, lock_slots_of_days
from practice.services.sessions import check_holder_is_free


@dataclass(frozen=True)
class Return:
    """What a closure's going would bring back: of what was made by hand, and of templates."""

    by_hand: Plan
    generated: Plan | None

    @property
    def counts(self) -> Counter[str]:
        """The numbers of both together, by the names of GenerationRun where it has them."""
        return self.by_hand.counts + (self.generated.counts if self.generated else Counter())

    @property
    def digest(self) -> str:
        """A short text that differs when anything that would come back differs."""
        generated = self.generated.digest if self.generated else ""
        return hashlib.sha256(f"{self.by_hand.digest} {generated}".encode()).hexdigest()


def plan_return(closure: Closure, *, now: datetime) -> Return:
    """Say what opening again would bring back. Nothing is written."""
    generated = None
    if dates := _dates_to_generate(closure, now):
        scope = Scope(closure.organisation, *dates, now, without_closure=closure.pk)
        generated = Plan(scope, tuple(week_plans(scope)))
    return Return(plan_reopening(closure, now), generated)


def reopen(
    *,
    organisation: Organisation,
    closure_id: int,
    actor: Actor,
    now: datetime,
    digest: str | None = None,
) -> GenerationRun | None:
    """Take a closure away, and bring back what it took; return the run that filled the diary.

    Sessions made by hand are restored as they were. Those of templates are generated again, as far
    ahead as the diary reaches; beyond that there is nothing to do. ``digest`` is that of the return
    that was shown. Raises NotFound, and PlanChanged when something else would now come back.
    """

    def do(lock_slots_first: bool) -> Closure:
        lock_practice(organisation)
        closure = Closure.objects.filter(organisation=organisation, pk=closure_id).first()
        if closure is None:
            raise NotFound("There is no such closure at this practice.")
        if lock_slots_first:
            lock_slots_of_days(organisation, *days_met(closure))
        if digest is None:
            plan = plan_reopening(closure, now)
        else:
            returning = plan_return(closure, now=now)
            if returning.digest != digest:
                raise PlanChanged
            plan = returning.by_hand
        record_closure("closure.delete", closure, plan, actor, now)
        closure.delete()
        apply_plan(plan, actor, now)
        return closure

    closure = retry_on_conflict(do)
    dates = _dates_to_generate(closure, now)
    if dates is None:
        return None
    first, last = dates
    return generate(organisation=organisation, from_date=first, to_date=last, actor=actor, now=now)


def _dates_to_generate(closure: Closure, now: datetime) -> tuple[date, date] | None:
    """The days of a closure that are not over and that the diary has reached; None: there are none.

    How far the diary reaches, the last session of a template says.
    """
    reach = (
        Schedule.objects.filter(organisation=closure.organisation_id, template__isnull=False)
        .order_by("-date")
        .values_list("date", flat=True)
        .first()
    )
    first, last = days_met(closure)
    first = max(first, clock.today(now) - timedelta(days=1))
    if reach is None or min(reach, last) < first:
        return None
    return first, min(reach, last)


def plan_reopening(closure: Closure, now: datetime) -> Plan:
    """Plan the return of hand-made sessions and extra slots, where nothing else is closed.

    What templates made is not in it: generating brings that back.
    """
    others = list(
        Closure.objects.filter(
            organisation=closure.organisation,
            start_date__lte=closure.end_date + timedelta(days=1),
            end_date__gte=closure.start_date - timedelta(days=1),
        ).exclude(pk=closure.pk)
    )
    schedules = [schedule for schedule in sessions_met(closure) if is_met(closure, schedule)]
    slots, held = slots_and_bookings([schedule.pk for schedule in schedules], now)
    sessions, skipped = [], []
    for schedule in schedules:
        if schedule.withdrawn and not schedule.withdrawn_by_plan:
            continue
        reopened = ReopenedTime(closure, others, schedule)
        try:
            sessions.append(_plan_session(reopened, slots[schedule.pk], held[schedule.pk], now=now))
        except HolderElsewhere as error:
            skipped.append(Skipped(schedule.date, title(schedule), str(error)))
    return as_plan(closure, sessions, skipped, now)


class ReopenedTime:
    """The part of a session that one closure has closed and no other closure does."""

    def __init__(self, closure: Closure, others: list[Closure], schedule: Schedule) -> None:
        self.schedule = schedule
        self.first, self.last = (seconds(at) for at in closure.period)
        self.still_closed = closures_meeting(others, schedule)

    def has(self, item: SlotRow | HeldAppointment) -> bool:
        """Whether a slot or an appointment lies in it."""
        return (
            item.start < self.last
            and self.first < item.end
            and not any(
                start < item.end and item.start < end for start, end, _ in self.still_closed
            )
        )


def _plan_session(
    reopened: ReopenedTime, slots: list[SlotRow], held: list[HeldAppointment], *, now: datetime
) -> SessionPlan:
    """Plan what comes back of one session. Raises HolderElsewhere when the session cannot."""
    schedule = reopened.schedule
    by_hand = schedule.template_id is None
    returning = tuple(
        SlotChange(row, None)
        for row in slots
        if row.withdrawn and row.withdrawn_by_plan and moment(row.start) >= now
        if (by_hand or row.overbooked) and reopened.has(row)
    )
    fits_again = tuple(h for h in held if h.orphaned and (by_hand or h.extra) and reopened.has(h))
    action = Action.LEAVE
    if schedule.withdrawn and by_hand and returning:
        check_holder_is_free(
            schedule.session_holder,
            schedule.start,
            schedule.end,
            organisation=schedule.organisation,
        )
        action = Action.RESTORE
    return SessionPlan(
        title(schedule),
        schedule.date,
        action,
        schedule.template_id,
        schedule.pk,
        values_of(schedule),
        restore=returning,
        unorphan=fits_again,
    )
