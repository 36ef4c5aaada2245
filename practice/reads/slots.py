"""Slots one by one: what their pages show, and which of them are free to be taken."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from practice.models import Appointment, AppointmentSlot, Organisation, Schedule, Slot


def slots(*, organisation: Organisation) -> QuerySet[Slot]:
    """The practice's slots, withdrawn ones too."""
    return Slot.objects.filter(organisation=organisation)


def slot_in_detail(*, organisation: Organisation, slot_id: int) -> Slot | None:
    """Return a slot with everything that its page names."""
    found = slots(organisation=organisation).select_related(
        "organisation",
        "access_profile__consumer_group",
        "schedule__session_holder",
        "schedule__location",
        "schedule__access_profile__consumer_group",
    )
    return found.filter(pk=slot_id).first()


def chosen_slots(*, organisation: Organisation, ids: Iterable[int]) -> list[Slot]:
    """Return those of the practice's slots, by start, with their sessions."""
    found = slots(organisation=organisation).filter(pk__in=list(ids))
    return list(
        found.select_related("schedule__session_holder", "schedule__location").order_by("start")
    )


def slots_of_session(session: Schedule) -> list[Slot]:
    """Return a session's slots by start, each with who has it now (``held_by``): two queries."""
    found = session.slots.order_by("start", "pk")
    return list(found.prefetch_related(who_has_each()))


def last_slot(session: Schedule) -> Slot | None:
    """Return the last of a session's own slots that is in the diary; one query."""
    own = session.slots.valid().filter(withdrawn=False, overbooked=False)
    return own.order_by("start").last()


def slot_after(slot: Slot) -> Slot | None:
    """Return the free slot of the same session that begins just when this one ends; one query."""
    own = Slot.objects.free().filter(
        organisation=slot.organisation_id, schedule=slot.schedule_id, start=slot.end
    )
    return own.filter(withdrawn=False, overbooked=False).first()


def who_has_each() -> "Prefetch[str, Any, str]":
    """Bring along who has a slot now, as ``held_by``: one query for a whole list."""
    held = AppointmentSlot.objects.held().select_related("appointment__patient")
    return Prefetch("appointment_slots", queryset=held, to_attr="held_by")


def slot_count(**conditions: Any) -> Coalesce:
    """Count a session's slots beside its row, those that fulfil the conditions."""
    slots = Slot.objects.filter(schedule=OuterRef("pk"), withdrawn=False, **conditions)
    counted = slots.order_by().values("schedule").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


def appointment_in(slot: Slot) -> Appointment | None:
    """Return the appointment that has a slot now, with its patient."""
    held = slot.appointment_slots.filter(released=False).select_related("appointment__patient")
    found = held.first()
    return found.appointment if found else None


def slots_given_back(appointment: Appointment, *, now: datetime) -> list[Slot]:
    """Return the slots that a cancelled appointment had and that somebody else could have now."""
    if appointment.status != Appointment.Status.CANCELLED:
        return []
    had = appointment.appointment_slots.filter(released=True)
    free = Slot.objects.in_diary().free().not_over(now)
    return list(free.filter(pk__in=had.values("slot")).order_by("start", "pk"))
