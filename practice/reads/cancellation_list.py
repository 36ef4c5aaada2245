"""The cancellation list: who waits for an earlier time, and who would take one that is free.

Whoever has asked longest comes first: nothing else gives anybody a place before others, and a
person decides. Who fits is decided by ``slots_for``, for every page that says it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When

from practice import clock
from practice.models import (
    Appointment,
    AppointmentSlot,
    CancellationListCall,
    CancellationListEntry,
    Organisation,
    Slot,
)
from practice.reads.call_list import telephones
from practice.reads.free_times import coming_slots, listed
from practice.reads.patients import why_nobody_books_for

ENDED_LATELY = timedelta(days=14)

# Those who still want one: on the list, with the appointment that would be moved, or without one.
WANTS_ONE = Q(ended_at__isnull=True) & (
    Q(appointment__isnull=True) | Q(appointment__status=Appointment.Status.BOOKED)
)


def entries(*, organisation: Organisation) -> QuerySet[CancellationListEntry]:
    """The practice's entries with what a list of them names, whoever has asked longest first."""
    found = CancellationListEntry.objects.filter(organisation=organisation)
    return (
        found.select_related("patient", "appointment__schedule__session_holder")
        .prefetch_related("clinicians__practitioner", "calls")
        .order_by("noted_at", "pk")
    )


def waiting(
    *,
    organisation: Organisation,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
) -> list[CancellationListEntry]:
    """Return who waits now, in order; with days, who would come on one of them.

    Nobody for whom nothing can be booked any more. Four queries; one where nobody waits.
    """
    found = entries(organisation=organisation).filter(
        WANTS_ONE,
        last_day__gte=max(filter(None, [first, clock.today(now)])),
        **({"first_day__lte": last} if last else {}),
    )
    return [each for each in found if not why_nobody_books_for(each.patient, now=now)]


def entry_of(*, organisation: Organisation, pk: int) -> CancellationListEntry | None:
    """Return an entry of the practice, ended or not."""
    return entries(organisation=organisation).filter(pk=pk).first()


def entries_of_patient(
    patient_id: int, *, organisation: Organisation, now: datetime
) -> list[CancellationListEntry]:
    """Return for what a patient waits: four queries, or one for most patients."""
    found = entries(organisation=organisation).filter(
        WANTS_ONE, patient=patient_id, last_day__gte=clock.today(now)
    )
    return list(found)


def entries_met_by(appointment: Appointment) -> list[CancellationListEntry]:
    """Return the entries that an appointment took off the list; one query."""
    found = CancellationListEntry.objects.filter(
        organisation=appointment.organisation_id, patient=appointment.patient_id
    )
    return list(found.filter(met_by=appointment).order_by("pk"))


def waiting_entry_of(appointment: Appointment) -> CancellationListEntry | None:
    """Return the entry that waits for an earlier time for this appointment; one query."""
    return CancellationListEntry.objects.filter(
        organisation=appointment.organisation_id, appointment=appointment, ended_at__isnull=True
    ).first()


def listed_patients(
    appointment_ids: Collection[int], *, organisation: Organisation, now: datetime
) -> set[int]:
    """Return which of these appointments' patients wait for a time, by the appointments: one query.

    Whoever has lost theirs waits without one.
    """
    found = Appointment.objects.filter(organisation=organisation, pk__in=appointment_ids)
    on_list = CancellationListEntry.objects.filter(
        Q(appointment=OuterRef("pk")) | Q(appointment__isnull=True),
        organisation=organisation,
        patient=OuterRef("patient"),
        ended_at__isnull=True,
        last_day__gte=clock.today(now),
    )
    return set(found.filter(Exists(on_list)).values_list("pk", flat=True))


class Ended(NamedTuple):
    """An entry that counts no more, and why, in words."""

    entry: CancellationListEntry
    why: str


def ended_lately(*, organisation: Organisation, now: datetime) -> list[Ended]:
    """Return who waits no more since a short time ago, whatever ended it; the latest first.

    Those whose weeks are over, or whose appointment was cancelled, have not been helped.
    """
    since = clock.today(now) - ENDED_LATELY
    found = entries(organisation=organisation).select_related(
        "patient", "appointment__schedule__session_holder", "met_by"
    )
    lately = found.filter(
        Q(ended_at__gte=clock.day_start(since))
        | Q(ended_at__isnull=True, last_day__gte=since)
        & (Q(last_day__lt=clock.today(now)) | ~WANTS_ONE)
    )
    return [Ended(each, why_ended(each, now=now)) for each in lately.order_by("-noted_at", "-pk")]


def why_ended(entry: CancellationListEntry, *, now: datetime) -> str:
    """Return in words why somebody waits no more; empty: they do."""
    if entry.met_by:
        return f"Has {_when(entry.met_by.start)}"
    if entry.ended_at:
        return f"Withdrawn by {entry.ended_by_name}"
    if entry.appointment and entry.appointment.status != Appointment.Status.BOOKED:
        return f"The appointment is {entry.appointment.get_status_display().lower()}"
    if entry.last_day < clock.today(now):
        return "Nothing was found: the weeks are over"
    return why_nobody_books_for(entry.patient, now=now)


def _when(moment: datetime) -> str:
    local = clock.local(moment)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


# ---------------------------------------------------------------- who fits


def minutes_needed(entry: CancellationListEntry) -> int:
    """How long somebody needs: what was noted, or as long as they have now; 0: any one slot."""
    if entry.minutes or entry.appointment is None:
        return entry.minutes or 0
    return (entry.appointment.end - entry.appointment.start) // timedelta(minutes=1)


def slots_for(entry: CancellationListEntry, free: Iterable[Slot], *, now: datetime) -> list[Slot]:
    """Return which of these an entry would take; none: they do not fit.

    ``free``: a free slot, and the free ones alike that follow it without a gap. As many as the
    minutes need are taken, the first in any case. An appointment is only moved to an earlier time,
    unless it has lost its session.
    """
    slots = _as_many_as_needed(free, minutes_needed(entry))
    if not slots or slots[0].start <= now:
        return []
    first, held = slots[0], entry.appointment
    is_earlier = held is None or held.orphaned or first.start < held.start
    is_wanted = is_as_wanted(
        entry,
        start=first.start,
        end=slots[-1].end,
        slot_type=first.slot_type,
        holder_id=first.schedule.session_holder_id,
    )
    return slots if is_earlier and is_wanted else []


def is_as_wanted(
    entry: CancellationListEntry,
    *,
    start: datetime,
    end: datetime,
    slot_type: str,
    holder_id: int | None,
) -> bool:
    """Whether a time is on a day, at an hour, of a type and with somebody that an entry names."""
    begins, ends = clock.local(start), clock.local(end)
    wanted = {each.practitioner_id for each in entry.clinicians.all()}
    return all(
        (
            entry.first_day <= begins.date() <= entry.last_day,
            not entry.weekdays or begins.weekday() in entry.weekdays,
            not entry.start_time or begins.time() >= entry.start_time,
            not entry.end_time or (ends.date() == begins.date() and ends.time() <= entry.end_time),
            not entry.slot_type or slot_type == entry.slot_type,
            not wanted or holder_id in wanted,
        )
    )


def _as_many_as_needed(free: Iterable[Slot], minutes: int) -> list[Slot]:
    """The first slots that last long enough together; too short all together: none."""
    taken: list[Slot] = []
    for slot in free:
        taken.append(slot)
        if taken[-1].end - taken[0].start >= timedelta(minutes=minutes):
            return taken
    return []


def run_from(first: Slot, free: Iterable[Slot]) -> list[Slot]:
    """Return a free slot, and those alike of its session that follow it without a gap."""
    run = [first]
    for slot in free:  # by start
        is_alike = (slot.slot_type, slot.delivery_channel) == (
            first.slot_type,
            first.delivery_channel,
        )
        if slot.schedule_id == first.schedule_id and slot.start == run[-1].end and is_alike:
            run.append(slot)
    return run


@dataclass(frozen=True)
class Candidate:
    """Somebody who would take a time: which slots; the last call about it, if there was one."""

    entry: CancellationListEntry
    slots: list[Slot]
    call: CancellationListCall | None = None

    @property
    def has_declined(self) -> bool:
        return bool(self.call and self.call.outcome == CancellationListCall.Outcome.DECLINED)


def candidates(
    people: Iterable[CancellationListEntry], run: list[Slot], *, now: datetime
) -> list[Candidate]:
    """Return who of these would take a time, in their order; who has declined it comes last."""
    found = []
    for entry in people:
        if slots := slots_for(entry, run, now=now):
            about_it = (call for call in entry.calls.all() if call.start == run[0].start)
            found.append(Candidate(entry, slots, next(about_it, None)))
    return sorted(found, key=lambda each: each.has_declined)


class FreedTime(NamedTuple):
    """A time that came free, and how many would take it who have not declined it."""

    slot: Slot
    people: int


CAME_FREE = Q(changed_by_hand=True) | Exists(
    AppointmentSlot.objects.filter(slot=OuterRef("pk"), released=True)
)


def freed_times(
    *,
    organisation: Organisation,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
) -> list[FreedTime]:
    """Return the times that came free and somebody on the list would take, by start.

    Came free: somebody had it and gave it back, or a person unblocked, restored or added it. What
    has been free all the time is found by looking for it, and what is kept for others is not told
    (the page of the time tells it all the same). Five queries; one where nobody waits.
    """
    people = waiting(organisation=organisation, now=now, first=first, last=last)
    if not people:
        return []
    since = max(first or clock.today(now), min(each.first_day for each in people))
    until = min(filter(None, [last, max(each.last_day for each in people)]))
    within = coming_slots(organisation=organisation, now=now).filter(
        start__gt=now, start__gte=clock.day_start(since), start__lt=clock.day_end(until)
    )
    freed = within.filter(CAME_FREE)
    free = listed(
        within.filter(schedule__in=freed.values("schedule")).annotate(
            came_free=Case(
                When(CAME_FREE, then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            )
        ),
        organisation=organisation,
        now=now,
    )
    of_session: dict[int, list[Slot]] = defaultdict(list)
    for slot in free:
        of_session[slot.schedule_id].append(slot)
    found = []
    for slot in free:
        if slot.came_free and not slot.kept:  # type: ignore[attr-defined]
            run = run_from(slot, of_session[slot.schedule_id])
            if willing := _number_willing(people, run, now=now):
                found.append(FreedTime(slot, willing))
    return found


@dataclass(frozen=True)
class OpenTime:
    """A free slot with what follows it free, and who would take it, in order."""

    run: list[Slot]
    people: list[Candidate]


def who_would_take(slot: Slot, *, organisation: Organisation, now: datetime) -> OpenTime:
    """Return who would take a free slot of the practice: five queries, or two if nobody waits.

    A slot that is not free, or over, is nobody's.
    """
    [run] = _runs([slot], organisation=organisation, now=now) or [[]]
    if not run:
        return OpenTime([], [])
    day = clock.local(slot.start).date()
    people = waiting(organisation=organisation, now=now, first=day, last=day)
    return OpenTime(run, candidates(people, run, now=now))


def numbers_who_would_take(
    slots: Sequence[Slot], *, organisation: Organisation, now: datetime
) -> list[FreedTime]:
    """Return those of some slots of a day that somebody would take: one query if nobody waits."""
    if not slots:
        return []
    day = clock.local(slots[0].start).date()
    people = waiting(organisation=organisation, now=now, first=day, last=day)
    if not people:
        return []
    runs = _runs(slots, organisation=organisation, now=now)
    counted = (FreedTime(run[0], _number_willing(people, run, now=now)) for run in runs)
    return [each for each in counted if each.people]


def _runs(slots: Sequence[Slot], *, organisation: Organisation, now: datetime) -> list[list[Slot]]:
    """Those of these slots that are free, each with what follows it free: one query."""
    coming = coming_slots(organisation=organisation, now=now)
    of_these = coming.filter(schedule__in={slot.schedule_id for slot in slots})
    free = listed(of_these, organisation=organisation, now=now)
    ids = {slot.pk for slot in slots}
    return [run_from(each, free) for each in free if each.pk in ids]


def _number_willing(
    people: Iterable[CancellationListEntry], run: list[Slot], *, now: datetime
) -> int:
    """How many patients would take a time who have not declined it."""
    found = candidates(people, run, now=now)
    return len({each.entry.patient_id for each in found if not each.has_declined})


def with_telephones(people: Iterable[CancellationListEntry]) -> list[CancellationListEntry]:
    """Return entries in their order, each with the patient's number as ``telephone``; one query."""
    found = list(people)
    numbers = telephones(each.patient_id for each in found)
    for each in found:
        each.telephone = numbers.get(each.patient_id, "")  # type: ignore[attr-defined]
    return found


def booked_besides(
    people: Iterable[CancellationListEntry], *, now: datetime
) -> dict[int, list[Appointment]]:
    """Return what is booked for these patients besides what their entries would move: one query.

    By entry, soonest first. So that whoever rings them knows what was booked since, and whoever
    reads the list sees what another organisation booked, which ends no entry by itself.
    """
    entries = list(people)
    of_patient: dict[int, list[Appointment]] = defaultdict(list)
    coming = Appointment.objects.booked().filter(
        patient__in={each.patient_id for each in entries}, end__gt=now
    )
    for appointment in coming.order_by("start", "pk"):
        of_patient[appointment.patient_id].append(appointment)
    return {
        entry.pk: [each for each in of_patient[entry.patient_id] if each.pk != entry.appointment_id]
        for entry in entries
    }
