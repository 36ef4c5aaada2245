"""The sessions that the diary has: their values, their slots, and who is booked in them."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db.models import FilteredRelation, Q

from practice.clock import next_second, seconds
from practice.db.expressions import Epoch
from practice.models import Appointment, Schedule, SessionTemplate, Slot
from practice.services.generation.planned_sessions import SlotKind
from practice.services.generation.plans import HeldAppointment, SessionValues, SlotRow

SETTLED = Appointment.SETTLED
LIVE = Q(appointment_slots__released=False)


def slots_and_bookings(
    schedule_ids: Collection[int], now: datetime
) -> tuple[dict[int, list[SlotRow]], dict[int, list[HeldAppointment]]]:
    """Return, by session, its slots that are not over at ``now``, and its live appointments.

    Appointments that have begun are left out. One statement, so that no booking or cancellation
    lies between the two: a slot read as busy whose appointment is already gone would be left alone
    by the plan, and stay on offer for good. Later ones are noticed when the plan is applied.
    """
    slots: dict[int, list[SlotRow]] = defaultdict(list)
    held: dict[int, dict[int, HeldAppointment]] = defaultdict(dict)
    rows = (
        Slot.objects.filter(schedule__in=schedule_ids, end__gt=now)
        .annotate(live=FilteredRelation("appointment_slots", condition=LIVE))
        .values_list(
            "schedule_id",
            "pk",
            "version",
            Epoch("start"),
            Epoch("end"),
            "status",
            "withdrawn",
            "withdrawn_by_plan",
            "changed_by_hand",
            "overbooked",
            *SlotKind._fields,
            "live__appointment_id",
            "live__appointment__status",
            "live__appointment__patient_id",
            Epoch("live__appointment__start"),
            Epoch("live__appointment__end"),
            "live__appointment__orphaned",
        )
    )
    first = next_second(now)
    for row in rows.order_by("schedule_id", "overbooked", "start", "pk"):
        schedule, *about_slot, appointment, status, patient, start, end, orphaned = row
        about = (patient, start, end, orphaned)
        slot = SlotRow._make((*about_slot[:9], tuple(about_slot[9:])))
        slots[schedule].append(slot)
        if appointment is not None and start >= first:
            # Of several slots the first counts: one of the session's own, if there is one.
            held[schedule].setdefault(
                appointment,
                HeldAppointment(appointment, *about, slot.overbooked, status in SETTLED),
            )
    return slots, defaultdict(
        list, {schedule: sorted(found.values(), key=_by_start) for schedule, found in held.items()}
    )


def _by_start(appointment: HeldAppointment) -> tuple[int, int]:
    return appointment.start, appointment.id


def title(session: SessionTemplate | Schedule) -> str:
    """Name a session as people do: Morning surgery, Dr Ada Specimen."""
    name = session.session_name or "Session"
    return f"{name}, {session.session_holder}" if session.session_holder else name


def values_of(schedule: Schedule) -> SessionValues:
    return SessionValues(
        seconds(schedule.start),
        seconds(schedule.end),
        *(getattr(schedule, name) for name in SessionValues._fields[2:]),
    )
