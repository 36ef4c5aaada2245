"""Taking a closure away: what it took from the diary comes back, where nothing else is closed."""

from datetime import datetime, timedelta

from practice import clock
from practice.clock import moment, seconds
from practice.exceptions import HolderElsewhere, NotFound
from practice.models import Closure, GenerationRun, Organisation, Schedule
from practice.services.audit.recording import Actor
from practice.services.closures.closing import (
    apply_plan,
    as_plan,
    days_met,
    is_met,
    record_closure,
    runs_on_bank_holidays,
    sessions_met,
)
from practice.services.diary import check_holder_is_free
from practice.services.generation.planner import (
    Closed,
    closures_of,
    slots_and_bookings,
    title,
    values_of,
)
from practice.services.generation.plans import (
    Action,
    HeldAppointment,
    Plan,
    SessionPlan,
    Skipped,
    SlotChange,
    SlotRow,
)
from practice.services.generation.runs import generate, retry_on_conflict
from practice.services.locks import lock_practice, lock_slots_of_days


def reopen(
    *, organisation: Organisation, closure_id: int, actor: Actor, now: datetime
) -> GenerationRun | None:
    """Take a closure away, and bring back what it took; return the run that filled the diary.

    Sessions made by hand are restored as they were. Those of templates are generated again, as far
    ahead as the diary reaches; beyond that there is nothing to do. Raises NotFound.
    """

    def do(lock_slots_first: bool) -> Closure:
        lock_practice(organisation)
        closure = Closure.objects.filter(organisation=organisation, pk=closure_id).first()
        if closure is None:
            raise NotFound("There is no such closure at this practice.")
        if lock_slots_first:
            lock_slots_of_days(organisation, *days_met(closure))
        plan = plan_reopening(closure, now)
        record_closure("closure.delete", closure, plan, actor, now)
        closure.delete()
        apply_plan(plan, actor, now)
        return closure

    closure = retry_on_conflict(do)
    reach = (
        Schedule.objects.filter(organisation=organisation, template__isnull=False)
        .order_by("-date")
        .values_list("date", flat=True)
        .first()
    )
    first, last = days_met(closure)
    first = max(first, clock.today(now) - timedelta(days=1))
    if reach is None or min(reach, last) < first:
        return None
    last = min(reach, last)
    return generate(organisation=organisation, from_date=first, to_date=last, actor=actor, now=now)


def plan_reopening(closure: Closure, now: datetime) -> Plan:
    """Plan the return of hand-made sessions and extra slots, where nothing else is closed."""
    first, last = (seconds(at) for at in closure.period)
    others = list(
        Closure.objects.filter(
            organisation=closure.organisation,
            start_date__lte=closure.end_date + timedelta(days=1),
            end_date__gte=closure.start_date - timedelta(days=1),
        ).exclude(pk=closure.pk)
    )
    schedules = [schedule for schedule in sessions_met(closure) if is_met(closure, schedule)]
    ids = [schedule.pk for schedule in schedules]
    slots, held = slots_and_bookings(ids, now)
    sessions, skipped = [], []
    for schedule in schedules:
        if schedule.withdrawn and not schedule.withdrawn_by_plan:
            continue
        by_hand = schedule.template_id is None
        closed = closures_of(
            others,
            start=seconds(schedule.start),
            end=seconds(schedule.end),
            location_id=schedule.location_id,
            holder_id=schedule.session_holder_id,
            runs_on_bank_holidays=runs_on_bank_holidays(schedule),
        )

        def opens(item: SlotRow | HeldAppointment, closed: list[Closed] = closed) -> bool:
            return (
                item.start < last
                and first < item.end
                and not any(start < item.end and item.start < end for start, end, _ in closed)
            )

        returning = tuple(
            SlotChange(row, None)
            for row in slots[schedule.pk]
            if row.withdrawn and row.withdrawn_by_plan and moment(row.start) >= now
            if (by_hand or row.overbooked) and opens(row)
        )
        rebooked = tuple(
            h for h in held[schedule.pk] if h.orphaned and (by_hand or h.extra) and opens(h)
        )
        action = Action.LEAVE
        if schedule.withdrawn and by_hand and returning:
            try:
                check_holder_is_free(schedule.session_holder, schedule.start, schedule.end)
            except HolderElsewhere as error:
                skipped.append(Skipped(schedule.date, title(schedule), str(error)))
                continue
            action = Action.RESTORE
        sessions.append(
            SessionPlan(
                title(schedule),
                schedule.date,
                action,
                schedule.template_id,
                schedule.pk,
                values_of(schedule),
                restore=returning,
                unorphan=rebooked,
            )
        )
    return as_plan(closure, sessions, skipped, now)
