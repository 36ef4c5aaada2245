"""Turning templates into a diary: planner says what to do, this module does it.

A week is a transaction: lock the practice, plan under the lock, apply. So two runs at once queue
week by week, bookings are not held up for long, memory stays flat, and a run that dies has done
whole weeks only. Running again does what is left, and nothing twice.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from practice.clock import moment
from practice.db.rows import batches
from practice.exceptions import DiaryRefused, PlanChanged
from practice.models import Appointment, GenerationRun, Organisation, Schedule, Slot
from practice.services.audit import recording
from practice.services.audit.recording import Actor, record_done
from practice.services.generation import bulk
from practice.services.generation.bank_holidays import seed_bank_holidays
from practice.services.generation.planned_sessions import SlotKind
from practice.services.generation.planner import WeekPlanner, plan
from practice.services.generation.plans import (
    COUNTED,
    Action,
    Plan,
    Scope,
    SessionPlan,
    SlotChange,
    SlotRow,
    WeekPlan,
)
from practice.services.locks import lock_practice, lock_slots_of_days

__all__ = ["Plan", "apply", "generate", "plan"]

logger = logging.getLogger(__name__)

Progress = Callable[[int], object]
Result = TypeVar("Result")

# A plan is shown, read and then applied. After this time it no longer says what is still to come.
SHOWN_FOR = timedelta(minutes=30)
# No run takes so long; one that says so was killed.
LONGEST_RUN = timedelta(hours=1)
ATTEMPTS = 5


class DiaryConflict(Exception):
    """Something was booked or changed between reading and locking: plan the week again.

    No refusal and so not in practice.exceptions: this module raises it, catches it and tries again.
    """


def generate(
    *,
    organisation: Organisation,
    from_date: date,
    to_date: date,
    actor: Actor,
    now: datetime,
    started_by: User | None = None,
    template_ids: Iterable[int] | None = None,
    progress: Progress | None = None,
) -> GenerationRun:
    """Bring the diary of these dates, both included, in line with templates and closures.

    ``template_ids`` limits it to these templates' sessions; ``progress`` is told the number of days
    each time some are done. Returns the run with its numbers; one that fails is marked so, and what
    went wrong is raised.
    """
    ids = None if template_ids is None else frozenset(template_ids)
    scope = Scope(organisation, from_date, to_date, now, ids)
    return _run(scope, actor=actor, now=now, started_by=started_by, progress=progress)


def apply(
    shown: Plan,
    *,
    actor: Actor,
    now: datetime,
    started_by: User | None = None,
    progress: Progress | None = None,
    even_if_changed: bool = False,
) -> GenerationRun:
    """Execute the plan that was shown and no other.

    A page that showed it makes it again from its dates and its ``scope.now``, and compares the
    digest with the one that it showed. Raises PlanChanged, having changed nothing, when something
    else would now be done; when that becomes so during the run, the weeks before it are done.
    """
    scope = shown.scope
    if even_if_changed:
        return _run(scope, actor=actor, now=now, started_by=started_by, progress=progress)
    if now - scope.now > SHOWN_FOR:
        raise PlanChanged("The plan was shown too long ago.")
    fresh = plan(
        organisation=scope.organisation,
        from_date=scope.from_date,
        to_date=scope.to_date,
        now=scope.now,
        template_ids=scope.template_ids,
    )
    if fresh.digest != shown.digest:
        raise PlanChanged
    digests = [week.digest for week in shown.weeks]
    return _run(
        scope, actor=actor, now=now, started_by=started_by, progress=progress, digests=digests
    )


# ---------------------------------------------------------------- a run


def _run(
    scope: Scope,
    *,
    actor: Actor,
    now: datetime,
    started_by: User | None,
    progress: Progress | None,
    digests: list[str] | None = None,
) -> GenerationRun:
    if scope.to_date < scope.from_date:
        raise DiaryRefused("The last date lies before the first.")
    _mark_dead_runs(scope.organisation, now)
    run = GenerationRun.objects.create(
        organisation=scope.organisation,
        from_date=scope.from_date,
        to_date=scope.to_date,
        started_at=now,
        started_by=started_by,
    )
    counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    try:
        seed_bank_holidays(organisation=scope.organisation, through=scope.to_date, now=now)
        for number, (first, last) in enumerate(scope.weeks()):
            week = _do_week(scope, first, last, actor, now, digests[number] if digests else None)
            counts.update(week.counts)
            run.skipped += [item.as_json() for item in week.skipped]
            if progress:
                progress((last - first).days + 1)
    except BaseException as error:
        words = str(error) or type(error).__name__
        _finish(run, counts, actor=actor, now=now, error=words)
        raise
    _finish(run, counts, actor=actor, now=now)
    return run


def _mark_dead_runs(organisation: Organisation, now: datetime) -> None:
    """Say of runs that were killed that they failed."""
    GenerationRun.objects.filter(
        organisation=organisation,
        status=GenerationRun.Status.RUNNING,
        started_at__lt=now - LONGEST_RUN,
    ).update(
        status=GenerationRun.Status.FAILED,
        finished_at=now,
        error="The run ended without a word: it was stopped from outside.",
    )


@transaction.atomic
def _finish(
    run: GenerationRun, counts: Counter[str], *, actor: Actor, now: datetime, error: str = ""
) -> None:
    for name in COUNTED:
        if hasattr(run, name):
            setattr(run, name, counts[name])
    run.status = GenerationRun.Status.FAILED if error else GenerationRun.Status.DONE
    run.error = error
    run.finished_at = now
    run.save()
    record_done(
        "diary.generate",
        run,
        actor=actor,
        now=now,
        outcome="failed" if error else "ok",
        diagnostics=error,
        detail={
            "from": run.from_date.isoformat(),
            "to": run.to_date.isoformat(),
            **{name: number for name, number in counts.items() if number},
            "skipped": len(run.skipped),
        },
    )


def _do_week(
    scope: Scope, first: date, last: date, actor: Actor, now: datetime, digest: str | None
) -> WeekPlan:
    """Plan and apply one week under the practice's lock."""

    def do(lock_slots_first: bool) -> WeekPlan:
        lock_practice(scope.organisation)
        if lock_slots_first:
            lock_slots_of_days(scope.organisation, first, last)
        week = WeekPlanner(scope, first, last).plan()
        if digest is not None and week.digest != digest:
            raise PlanChanged
        apply_week(week, organisation=scope.organisation, actor=actor, now=now)
        return week

    return retry_on_conflict(do)


def retry_on_conflict(do: Callable[[bool], Result]) -> Result:
    """Plan and apply in one transaction; all of it again, when a booking came in between.

    At first nobody who books waits for the plan to be made. ``do`` is told when that has failed:
    it then holds the slots while it plans, so that ever more bookings cannot put it off for good.
    IntegrityError: another practice took the holder's time. OperationalError: a deadlock, which
    the order of locks makes impossible for all but the database's own locks.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return do(attempt > 1)
        except (DiaryConflict, IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS:
                raise
            logger.info("planning again: %s", error)
    raise AssertionError


# ---------------------------------------------------------------- a week


def apply_week(week: WeekPlan, *, organisation: Organisation, actor: Actor, now: datetime) -> None:
    """Do what a plan says, in the caller's transaction and under the practice's lock.

    The number of statements does not grow with the number of slots. Raises DiaryConflict when a
    slot is no longer as the plan saw it.
    """
    _lock_slots(week)
    told = _shown_otherwise(week, organisation)
    _lock_appointments(week, told)
    _change_sessions(week, told, now)
    created = _create_sessions(week, organisation, now)
    _withdraw_slots([row for session in week.sessions for row in session.withdraw], now)
    _change_slots(
        [c for session in week.sessions for c in (*session.change, *session.restore)], now
    )
    new_slots = (
        (session.schedule_id or created[session.template_id, session.date], slot)
        for session in week.sessions
        for slot in session.create
    )
    if any(session.create for session in week.sessions):
        bulk.insert_slots(new_slots, organisation_id=organisation.pk, now=now)
    _mark_orphans(week, organisation, actor, now)


def _lock_slots(week: WeekPlan) -> None:
    """Lock the slots that will change, by id, and make sure that they are still as planned on."""
    seen: dict[int, SlotRow] = {}
    for session in week.sessions:
        seen.update((row.id, row) for row in session.withdraw)
        seen.update((change.row.id, change.row) for change in (*session.change, *session.restore))
    for ids in batches(sorted(seen)):
        current = (
            Slot.objects.filter(pk__in=ids)
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
            .values_list("pk", "version", "status", "withdrawn", "changed_by_hand")
        )
        for pk, *state in current:
            row = seen.pop(pk)
            if state != [row.version, row.status, row.withdrawn, row.changed_by_hand]:
                raise DiaryConflict(f"slot {pk} has changed")
    if seen:
        raise DiaryConflict("a slot has gone")


def _shown_otherwise(week: WeekPlan, organisation: Organisation) -> list[int]:
    """Sessions whose appointments others see with another holder, or another service."""
    by_service = organisation.filters_by_service
    return [
        s.schedule_id
        for s in week.sessions
        if s.schedule_id and (s.has_new_holder or (by_service and s.has_new_service))
    ]


def _lock_appointments(week: WeekPlan, told: list[int]) -> None:
    """Lock the appointments that will change; make sure that they are alive as planned on."""
    seen = {
        held.id: (held.orphaned, held.settled)
        for session in week.sessions
        for held in (*session.orphan, *session.unorphan)
    }
    if not seen and not told:
        return
    wanted = Appointment.objects.filter(pk__in=seen)
    if told:
        wanted |= Appointment.objects.filter(schedule__in=told)
    for pk, orphaned, status in (
        wanted.select_for_update(of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", "orphaned", "status")
    ):
        as_planned = seen.get(pk) == (orphaned, status in Appointment.SETTLED)
        if pk in seen and (not as_planned or status == Appointment.Status.CANCELLED):
            raise DiaryConflict(f"appointment {pk} has changed")


def _change_sessions(week: WeekPlan, told: list[int], now: datetime) -> None:
    """Withdraw, change and restore sessions; it may be news to the appointments ``told`` of too."""
    withdrawn = [
        s.schedule_id for s in week.sessions if s.schedule_id and s.action == Action.WITHDRAW
    ]
    if withdrawn:
        Schedule.objects.filter(pk__in=withdrawn).update(
            withdrawn=True, withdrawn_by_plan=True, version=F("version") + 1, updated_at=now
        )
    changing = {
        s.schedule_id: s
        for s in week.sessions
        if s.schedule_id and s.action in (Action.CHANGE, Action.RESTORE)
    }
    if not changing:
        return
    schedules = Schedule.objects.filter(pk__in=changing)
    # For a moment they take place nowhere: two that swap their times would otherwise collide.
    schedules.update(withdrawn=True)
    changed = []
    for schedule in schedules:
        _set(schedule, changing[schedule.pk])
        schedule.version += 1
        schedule.updated_at = now
        changed.append(schedule)
    Schedule.objects.bulk_update(changed, ["version", "updated_at", *SESSION_FIELDS])
    if told := [pk for pk in told if pk in changing]:
        Appointment.objects.filter(schedule__in=told).update(
            version=F("version") + 1, updated_at=now
        )


SESSION_FIELDS = [
    "start",
    "end",
    "session_name",
    "session_holder",
    "location",
    "practitioner_role",
    "access_profile",
    "booking_window_days",
    "embargo_minutes",
    "minimum_notice_minutes",
    "healthcare_service",
    "no_healthcare_service",
    "withdrawn",
    "withdrawn_by_plan",
]


def _set(schedule: Schedule, session: SessionPlan) -> None:
    for name, value in session.values._asdict().items():
        setattr(schedule, name, moment(value) if name in ("start", "end") else value)
    schedule.withdrawn = schedule.withdrawn_by_plan = False


def _create_sessions(
    week: WeekPlan, organisation: Organisation, now: datetime
) -> dict[tuple[int | None, date], int]:
    """Store new sessions; return their ids by template and date."""
    new = []
    for session in week.sessions:
        if session.action == Action.CREATE:
            schedule = Schedule(
                organisation=organisation, template_id=session.template_id, date=session.date
            )
            _set(schedule, session)
            new.append(schedule)
    created = Schedule.objects.bulk_create(new)
    return {(schedule.template_id, schedule.date): schedule.pk for schedule in created}


def _withdraw_slots(rows: list[SlotRow], now: datetime) -> None:
    for ids in batches(row.id for row in rows):
        Slot.objects.filter(pk__in=ids).update(
            withdrawn=True, withdrawn_by_plan=True, version=F("version") + 1, updated_at=now
        )


def _change_slots(changes: list[SlotChange], now: datetime) -> None:
    """Give slots their new kind and length, or only bring them back: one statement for each."""
    alike: dict[tuple[SlotKind, int] | None, list[int]] = defaultdict(list)
    for row, to in changes:
        alike[to and (to.kind, to.end - to.start)].append(row.id)
    for target, slot_ids in alike.items():
        values: dict[str, Any] = {}
        if target:
            kind, length = target
            values = {**kind._asdict(), "end": F("start") + timedelta(seconds=length)}
        for ids in batches(slot_ids):
            Slot.objects.filter(pk__in=ids).update(
                withdrawn=False,
                withdrawn_by_plan=False,
                version=F("version") + 1,
                updated_at=now,
                **values,
            )


def _mark_orphans(week: WeekPlan, organisation: Organisation, actor: Actor, now: datetime) -> None:
    """Mark stranded bookings, and unmark those that fit again. What others see does not change."""
    for orphaned, event in ((True, "appointment.orphan"), (False, "appointment.unorphan")):
        found = [
            (held, session)
            for session in week.sessions
            for held in (session.orphan if orphaned else session.unorphan)
        ]
        if not found:
            continue
        Appointment.objects.filter(pk__in=[held.id for held, _ in found]).update(orphaned=orphaned)
        for held, session in found:
            recording.record(
                organisation=organisation,
                actor=actor,
                event=event,
                outcome="ok",
                now=now,
                patient_id=held.patient_id,
                resource=f"Appointment/{held.id}",
                detail={"session": session.title, "date": session.date.isoformat()},
            )
