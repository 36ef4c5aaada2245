"""Giving a patient another time: choose it, see both times named, move."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from practice import clock
from practice.exceptions import PracticeError, SlotNotFree, VersionConflict
from practice.models import Appointment, Slot
from practice.reads.appointments import appointment_in_detail
from practice.reads.slot_types import hints
from practice.services.appointments import rescheduling
from practice.staff.base import RecordPage, found_or_404
from practice.staff.booking import TAKEN
from practice.staff.diary_layout import minutes_of
from practice.staff.next_available import ChosenSlotsPage

CHANGED = "Somebody has changed this appointment since you opened it. Nothing was moved."


class Move(RecordPage, ChosenSlotsPage):
    """First which other time, then with ``?slot=`` what it moves to."""

    permission = "practice.change_appointment"
    title = "Move an appointment"
    model = Appointment

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        appointment = self.appointment(pk)
        if why := rescheduling.why_not_moved(appointment, now=self.now):
            return self.ask_whether(appointment, [], refusal=why, is_fixed=True)
        slots = self.chosen_slots()
        if slots:
            return self.ask_whether(appointment, slots)
        # An earlier day only if somebody asks for it: who is not reached would miss it.
        own_day = clock.local(appointment.start).date()
        return self.render(
            template="staff/reschedule/when.html",
            appointment=appointment,
            nothing_suits=self.nothing_suits(("appointment", pk)),
            **self.times(first=max(self.today, own_day), slot_type=appointment.slot_type),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        appointment = self.appointment(pk)
        slots = self.chosen_slots()
        try:
            moved = rescheduling.move_appointment(
                organisation=self.practice,
                appointment_id=appointment.pk,
                slot_ids=[slot.pk for slot in slots],
                expected_version=request.POST.get("version"),
                booked_by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except SlotNotFree:
            return self.ask_whether(appointment, slots, refusal=TAKEN, status=409)
        except VersionConflict:
            return self.ask_whether(appointment, slots, refusal=CHANGED, status=409)
        except PracticeError as refusal:
            return self.ask_whether(appointment, slots, refusal=str(refusal), status=422)
        return self.done("Moved.", self.booked_address(moved))

    def appointment(self, pk: int) -> Appointment:
        return found_or_404(appointment_in_detail(organisation=self.practice, appointment_id=pk))

    def ask_whether(self, appointment: Appointment, slots: list[Slot], **more: Any) -> HttpResponse:
        first = clock.local(slots[0].start).date() if slots else self.today
        return self.render(
            template="staff/reschedule/whether.html",
            status=more.pop("status", 200),
            appointment=appointment,
            slots=slots,
            hints=hints((slot.slot_type for slot in slots), organisation=self.practice),
            is_earlier=bool(slots) and slots[0].start < appointment.start,
            shorter_by=minutes_of(appointment) - sum(map(minutes_of, slots)) if slots else 0,
            minutes=minutes_of(appointment),
            others=self.step() if self.carried else f"?{urlencode({'first': first})}",
            carried=self.carried,
            is_fullwidth="1",
            **more,
        )
