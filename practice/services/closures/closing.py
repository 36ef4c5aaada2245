"""Closing a time: what it would do to the diary as it stands, and doing exactly that.

A person closes a time after what was changed by hand before: so a closure withdraws free slots made
by hand too, which generation by itself never does. Bookings are orphaned, not moved; people decide
what becomes of each.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from practice.clock import moment, seconds
from practice.exceptions import DiaryRefused, LocationNotFound, PlanChanged, PractitionerNotFound
from practice.models import Appointment, Closure, Schedule, ScheduleQuerySet
from practice.reads import directory
from practice.services.audit.recording import Actor, record_done
from practice.services.closures.changing import check_kind
from practice.services.generation.closed_times import Closed, closures_of
from practice.services.generation.plans import Action, Plan, Scope, SessionPlan, Skipped, WeekPlan
from practice.services.generation.runs import apply_week, retry_on_conflict
from practice.services.generation.stored_sessions import slots_and_bookings, title, values_of
from practice.services.locks import lock_practice, lock_slots_of_days


def plan_closing(closure: Closure, *, now: datetime) -> Plan:
    """Say what closing would do: slots withdrawn, bookings orphaned. Nothing is written.

    ``closure`` need not be saved. A constant number of queries.
    """
    first, last = (seconds(at) for at in closure.period)
    schedules = [
        schedule for schedule in sessions_met(closure).taking_place() if is_met(closure, schedule)
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
        met = [h for h in held[schedule.pk] if h.start < last and first < h.end]
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
                orphan=tuple(h for h in met if h.may_become_orphan),
            )
        )
    return as_plan(closure, sessions, [], now)


def close(closure: Closure, *, actor: Actor, now: datetime, digest: str | None = None) -> Plan:
    """Save a new closure and do what ``plan_closing`` says; return what was done.

    Whoever it orphans is on its call list from then on: still to be told, because of this closure.
    ``digest`` is that of the impact that was shown. Raises PlanChanged when it is no longer that,
    DiaryRefused, LocationNotFound, PractitionerNotFound; then nothing has changed.
    """
    _check(closure)

    def do(lock_slots_first: bool) -> Plan:
        lock_practice(closure.organisation)
        if lock_slots_first:
            lock_slots_of_days(closure.organisation, *days_met(closure))
        plan = plan_closing(closure, now=now)
        if digest is not None and plan.digest != digest:
            raise PlanChanged
        closure.pk = None
        closure._state.adding = True
        closure.save()
        apply_plan(plan, actor, now)
        _put_on_call_list(plan, closure)
        record_closure("closure.create", closure, plan, actor, now)
        return plan

    return retry_on_conflict(do)


# ---------------------------------------------------------------- which sessions a closure meets


def sessions_met(closure: Closure) -> ScheduleQuerySet:
    first, last = closure.period
    return (
        Schedule.objects.filter(organisation=closure.organisation_id, start__lt=last, end__gt=first)
        .select_related("session_holder", "template")
        .order_by("start", "pk")
    )


def days_met(closure: Closure) -> tuple[date, date]:
    """The first and last date whose sessions it may meet: one of the night before reaches in."""
    return closure.start_date - timedelta(days=1), closure.end_date


def is_met(closure: Closure, schedule: Schedule) -> bool:
    return bool(closures_meeting([closure], schedule))


def closures_meeting(closures: Iterable[Closure], schedule: Schedule) -> list[Closed]:
    """Return those of the closures that touch a session as it stands in the diary."""
    template = schedule.template
    return closures_of(
        closures,
        start=seconds(schedule.start),
        end=seconds(schedule.end),
        location_id=schedule.location_id,
        holder_id=schedule.session_holder_id,
        runs_on_bank_holidays=bool(template and template.runs_on_bank_holidays),
    )


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
    check_kind(closure)
    first, last = closure.period
    if last <= first:
        raise DiaryRefused("The closure ends before it starts.")


# ---------------------------------------------------------------- doing it


def as_plan(
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


def apply_plan(plan: Plan, actor: Actor, now: datetime) -> None:
    for week in plan.weeks:
        apply_week(week, organisation=plan.scope.organisation, actor=actor, now=now)


def _put_on_call_list(plan: Plan, closure: Closure) -> None:
    """Mark whom the closure has just orphaned: their rows are locked since ``apply_plan``."""
    if ids := plan.orphaned_ids:
        Appointment.objects.filter(pk__in=ids).update(to_be_told=True, affected_by=closure)


def record_closure(event: str, closure: Closure, plan: Plan, actor: Actor, now: datetime) -> None:
    record_done(
        event,
        closure,
        actor=actor,
        now=now,
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
