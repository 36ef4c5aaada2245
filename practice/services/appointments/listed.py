"""What a booking means for the patient's place on the cancellation list.

Whoever got what they waited for is off the list, whichever page it was booked from. What others
book through GP Connect is left to staff, who see it beside the entry: it must wait for nothing.
"""

from datetime import datetime

from practice.models import Appointment, CancellationListEntry
from practice.reads.cancellation_list import is_as_wanted
from practice.services.audit.recording import Actor, record_done


def follow(booked: Appointment, *, actor: Actor, now: datetime) -> None:
    """End the patient's entries that this appointment meets; call inside the transaction.

    One for an appointment that was moved to where it is not met waits for the new one. One query
    where the patient is on no list.
    """
    found = CancellationListEntry.objects.filter(
        organisation=booked.organisation_id, patient=booked.patient_id, ended_at__isnull=True
    )
    locked = found.select_for_update(of=("self",), no_key=True).order_by("pk")
    for entry in locked.prefetch_related("clinicians"):
        is_its_own = booked.moved_from_id and entry.appointment_id == booked.moved_from_id
        if entry.appointment_id and not is_its_own:
            continue
        old = booked.moved_from
        is_earlier = old is None or old.orphaned or booked.start < old.start
        if is_earlier and is_as_wanted(
            entry,
            start=booked.start,
            end=booked.end,
            slot_type=booked.slot_type,
            holder_id=booked.schedule.session_holder_id,
        ):
            end(entry, CancellationListEntry.End.MET, met_by=booked, actor=actor, now=now)
        elif is_its_own:
            entry.appointment = booked
            entry.save(update_fields=["appointment"])


def end(
    entry: CancellationListEntry,
    how: str,
    *,
    actor: Actor,
    now: datetime,
    met_by: Appointment | None = None,
) -> None:
    """Take an entry, which the caller has locked, off the list."""
    entry.ended_at, entry.ended_as, entry.ended_by_name = now, how, actor.name[:200]
    entry.met_by = met_by
    entry.save(update_fields=["ended_at", "ended_as", "ended_by_name", "met_by"])
    detail = {"appointment": f"Appointment/{met_by.pk}"} if met_by else {}
    record_done(f"cancellation_list.{how}", entry, actor=actor, now=now, detail=detail)
