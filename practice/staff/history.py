"""What has happened to an appointment, a slot or a session, in words.

An appointment keeps its own history; what people did to slots and sessions stands in the audit
trail, and is for those who may read that.
"""

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst

from practice import clock
from practice.models import Appointment, Schedule, Slot
from practice.reads.appointments import appointment_in_detail
from practice.reads.history import Happening, session_history, slot_history
from practice.reads.sessions import session_in_detail
from practice.reads.slots import slot_in_detail
from practice.services.audit.recording import record_done
from practice.site.trail_words import phrase_of
from practice.staff.appointment import history_line, name_of
from practice.staff.base import RecordPage, found_or_404
from practice.staff.diary_details import when_words
from practice.staff.diary_layout import time_words

# What the events of the trail are called here; any other as the trail's page says it.
EVENTS = {
    "slot.add-extra": "Added as an extra slot",
    "slot.block": "Blocked",
    "slot.unblock": "Unblocked",
    "slot.make-bookable": "Made GP Connect bookable",
    "slot.make-not-bookable": "Made not GP Connect bookable",
    "slot.withdraw": "Withdrawn",
    "slot.restore": "Put back into the diary",
    "slot.give": "Given to an access profile",
    "slot.change": "Changed",
    "slot.split": "Split in two",
    "slot.merge": "Merged with its neighbours",
    "appointment.booked": "Booked",
    "appointment.cancelled": "Given back: the appointment was cancelled",
    "session.create": "Added for one day",
    "session.extend": "Made longer",
    "session.change-holder": "Given to another session holder",
    "schedule.change": "Changed",
    "sessiontemplate.add": "Added",
    "sessiontemplate.change": "Changed",
    "sessiontemplate.clone": "Copied from another",
    "closure.create": "Closed",
    "closure.change": "Changed",
    "diary.generate": "Applied to the diary",
}


INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+\d{2}:\d{2}")


class History(RecordPage):
    """What has happened to one record, the newest first, or from the beginning."""

    template = "staff/history/page.html"
    title = "History"

    def show(self, *, heading: str, entries: list[dict[str, Any]], back: str) -> HttpResponse:
        return self.render(heading=heading, entries=entries, back=back)


class AppointmentHistory(History):
    """Every change of an appointment: it keeps them itself, so that whoever sees it sees them."""

    permission = "practice.view_appointment"
    title = "History of an appointment"
    model = Appointment

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        appointment = found_or_404(
            appointment_in_detail(organisation=self.practice, appointment_id=pk)
        )
        record_done("appointment.viewed", appointment, actor=self.actor, now=self.now)
        when = when_words(appointment.start, appointment.end, self.today)
        return self.show(
            heading=f"{name_of(appointment)}, {when}",
            entries=[history_line(line, self.today) for line in appointment.provenance],
            back=reverse("admin:practice_appointment_change", args=[pk]),
        )


class TrailHistory(History):
    """A history out of the audit trail, and a look into that is in the trail too (AUD-014)."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm("practice.view_auditevent"):
            raise PermissionDenied("Only some roles may read the audit trail.")
        return super().dispatch(request, *args, **kwargs)

    def show_trail(
        self, *, heading: str, found: list[Happening], resource: str, back: str
    ) -> HttpResponse:
        record_done(
            "auditevent.searched",
            practice=self.practice,
            actor=self.actor,
            now=self.now,
            detail={"resource": resource},
        )
        return self.show(heading=heading, entries=[self.entry(each) for each in found], back=back)

    def entry(self, happening: Happening) -> dict[str, Any]:
        """Return a change in the words of the page."""
        return {
            "when": time_words(happening.at, self.today),
            "action": EVENTS.get(happening.event) or capfirst(phrase_of(happening.event)),
            "who": happening.who,
            "through": happening.door.lower(),
            "changes": [
                (name.replace("_", " ").capitalize(), in_words(before), in_words(after))
                for name, before, after in happening.changes
                if before != after
            ],
            "appointment": happening.appointment,
        }


def in_words(value: Any) -> str:
    """Return a value of a column as a person says it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return f"{clock.local(datetime.fromisoformat(value)):%H:%M}"
    return "" if value is None else str(value)


class SlotHistory(TrailHistory):
    permission = "practice.view_slot"
    title = "History of a slot"
    model = Slot

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        slot = found_or_404(slot_in_detail(organisation=self.practice, slot_id=pk))
        return self.show_trail(
            heading=f"{slot.slot_type}, {when_words(slot.start, slot.end, self.today)}",
            found=slot_history(slot, organisation=self.practice),
            resource=f"Slot/{pk}",
            back=reverse("admin:practice_slot_change", args=[pk]),
        )


class SessionHistory(TrailHistory):
    permission = "practice.view_schedule"
    title = "History of a session"
    model = Schedule

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        session = found_or_404(session_in_detail(organisation=self.practice, schedule_id=pk))
        when = when_words(session.start, session.end, self.today)
        return self.show_trail(
            heading=f"{session.session_name or 'Session'}, {when}",
            found=session_history(session, organisation=self.practice),
            resource=f"Schedule/{pk}",
            back=reverse("admin:practice_schedule_change", args=[pk]),
        )
