"""Closing and reopening: what it means for the diary that has been generated already.

A closure is a person's word about a time, newer than what was changed by hand before: it withdraws
hand-made free slots too, which generation by itself never does. Bookings are orphaned, not moved;
what to do about each is for people to decide.
"""

from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from practice import clock
from practice.exceptions import (
    DiaryRefused,
    HolderElsewhere,
    LocationNotFound,
    NotFound,
    PlanChanged,
    PractitionerNotFound,
)
from practice.models import Closure, GenerationRun, Organisation, Schedule
from practice.reads import directory
from practice.services import audit
from practice.services.audit import Actor
from practice.services.diary import check_holder_is_free
from practice.services.generation import (
    apply_week,
    generate,
    plan_again_when_the_diary_moves,
)
from practice.services.locks import lock_practice, lock_slots_of_days
from practice.services.planning import (
    Closed,
    closures_of,
    slots_and_bookings,
    title,
    values_of,
)
from practice.services.plans import (
    Action,
    Held,
    Plan,
    Scope,
    SessionPlan,
    Skipped,
    SlotChange,
    SlotRow,
    WeekPlan,
)
from practice.timetable import moment, seconds


def impact(closure: Closure, *, now: datetime) -> Plan:
    """Say what closing would do: slots withdrawn, bookings orphaned. Nothing is written.

    ``closure`` need not be saved. A constant number of queries.
    """
    first, last = (seconds(at) for at in closure.period)
    schedules = [
        schedule
        for schedule in _sessions(closure).filter(withdrawn=False)
        if _meets(closure, schedule)
    ]
    ids = [schedule.pk for schedule in schedules]
    slots, held = slots_and_bookings(ids, now)
    sessions = []
    for schedule in schedules:
        rows = [row for row in slots[schedule.pk] if not row.withdrawn]
        going = [
            row
            for row in rows
            if row.is_free and moment(row.start) >= now and row.start < last and first < row.end
        ]
        stranded = [h for h in held[schedule.pk] if h.start < last and first < h.end]
        # Blocked slots alone keep no session.
        kept = [row for row in rows if row not in going and (row.is_free or row.is_booked)]
        ends = not kept and schedule.start >= now
        sessions.append(
            SessionPlan(
                title(schedule),
                schedule.date,
                Action.WITHDRAW if ends else Action.LEAVE,
                schedule.template_id,
                schedule.pk,
                values_of(schedule),
                withdraw=tuple(going),
                slots_left=len(rows) - len(going),
                orphan=tuple(h for h in stranded if not h.orphaned),
            )
        )
    return _as_plan(closure, sessions, [], now)


def close(closure: Closure, *, actor: Actor, now: datetime, digest: str | None = None) -> Plan:
    """Save a new closure and do what ``impact`` says; return what was done.

    ``digest`` is that of the impact that was shown. Raises PlanChanged when it is no longer that,
    DiaryRefused, LocationNotFound, PractitionerNotFound; then nothing has changed.
    """
    _check(closure)

    def do(hold_still: bool) -> Plan:
        lock_practice(closure.organisation)
        if hold_still:
            lock_slots_of_days(closure.organisation, *_days(closure))
        plan = impact(closure, now=now)
        if digest is not None and plan.digest != digest:
            raise PlanChanged
        closure.pk = None
        closure._state.adding = True
        closure.save()
        _apply(plan, actor, now)
        _record("closure.create", closure, plan, actor, now)
        return plan

    return plan_again_when_the_diary_moves(do)


def reopen(
    *, organisation: Organisation, closure_id: int, actor: Actor, now: datetime
) -> GenerationRun | None:
    """Take a closure away, and bring back what it took; return the run that filled the diary.

    Sessions made by hand are restored as they were. Those of templates are generated again, as far
    ahead as the diary reaches; beyond that there is nothing to do. Raises NotFound.
    """

    def do(hold_still: bool) -> Closure:
        lock_practice(organisation)
        closure = Closure.objects.filter(organisation=organisation, pk=closure_id).first()
        if closure is None:
            raise NotFound("There is no such closure at this practice.")
        if hold_still:
            lock_slots_of_days(organisation, *_days(closure))
        plan = _return(closure, now)
        _record("closure.delete", closure, plan, actor, now)
        closure.delete()
        _apply(plan, actor, now)
        return closure

    closure = plan_again_when_the_diary_moves(do)
    reach = (
        Schedule.objects.filter(organisation=organisation, template__isnull=False)
        .order_by("-date")
        .values_list("date", flat=True)
        .first()
    )
    first, last = _days(closure)
    first = max(first, clock.today(now) - timedelta(days=1))
    if reach is None or min(reach, last) < first:
        return None
    last = min(reach, last)
    return generate(organisation=organisation, from_date=first, to_date=last, actor=actor, now=now)


def _return(closure: Closure, now: datetime) -> Plan:
    """Plan the return of hand-made sessions and extra slots, where nothing else is closed."""
    first, last = (seconds(at) for at in closure.period)
    others = list(
        Closure.objects.filter(
            organisation=closure.organisation,
            start_date__lte=closure.end_date + timedelta(days=1),
            end_date__gte=closure.start_date - timedelta(days=1),
        ).exclude(pk=closure.pk)
    )
    schedules = [schedule for schedule in _sessions(closure) if _meets(closure, schedule)]
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
            runs_on_bank_holidays=_runs_on_bank_holidays(schedule),
        )

        def opens(item: SlotRow | Held, closed: list[Closed] = closed) -> bool:
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
    return _as_plan(closure, sessions, skipped, now)


# ---------------------------------------------------------------- which sessions a closure meets


def _sessions(closure: Closure) -> QuerySet[Schedule]:
    first, last = closure.period
    return (
        Schedule.objects.filter(organisation=closure.organisation_id, start__lt=last, end__gt=first)
        .select_related("session_holder", "template")
        .order_by("start", "pk")
    )


def _days(closure: Closure) -> tuple[date, date]:
    """The first and last date whose sessions it may meet: one of the night before reaches in."""
    return closure.start_date - timedelta(days=1), closure.end_date


def _meets(closure: Closure, schedule: Schedule) -> bool:
    return bool(
        closures_of(
            [closure],
            start=seconds(schedule.start),
            end=seconds(schedule.end),
            location_id=schedule.location_id,
            holder_id=schedule.session_holder_id,
            runs_on_bank_holidays=_runs_on_bank_holidays(schedule),
        )
    )


def _runs_on_bank_holidays(schedule: Schedule) -> bool:
    return bool(schedule.template and schedule.template.runs_on_bank_holidays)


def _check(closure: Closure) -> None:
    organisation = closure.organisation
    if closure.location and closure.location.organisation_id != organisation.pk:
        raise LocationNotFound
    if (
        closure.practitioner_id
        and not directory.practitioners(organisation=organisation)
        .filter(pk=closure.practitioner_id)
        .exists()
    ):
        raise PractitionerNotFound
    first, last = closure.period
    if last <= first:
        raise DiaryRefused("The closure ends before it starts.")


# ---------------------------------------------------------------- doing it


def _as_plan(
    closure: Closure, sessions: list[SessionPlan], skipped: list[Skipped], now: datetime
) -> Plan:
    scope = Scope(closure.organisation, closure.start_date, closure.end_date, now)
    week = WeekPlan(
        closure.start_date,
        closure.end_date,
        tuple(session for session in sessions if session.changes_something),
        tuple(skipped),
        sum(session.slots_left for session in sessions),
    )
    return Plan(scope, (week,))


def _apply(plan: Plan, actor: Actor, now: datetime) -> None:
    for week in plan.weeks:
        apply_week(week, organisation=plan.scope.organisation, actor=actor, now=now)


def _record(event: str, closure: Closure, plan: Plan, actor: Actor, now: datetime) -> None:
    audit.record(
        organisation=closure.organisation,
        actor=actor,
        event=event,
        outcome="ok",
        now=now,
        resource=f"Closure/{closure.pk}",
        detail={
            "closure": {
                "kind": closure.kind,
                "name": closure.name,
                "location": closure.location_id,
                "practitioner": closure.practitioner_id,
                "from": closure.period[0].isoformat(),
                "to": closure.period[1].isoformat(),
            },
            **{name: number for name, number in plan.counts.items() if number},
        },
    )
