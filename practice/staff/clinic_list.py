"""The clinic list: who comes to a session or to a holder on a day, to be printed."""

from datetime import date

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from practice import clock
from practice.models import Appointment, Practitioner, Schedule
from practice.reads.call_list import telephones
from practice.staff.base import StaffPage


class ClinicList(StaffPage):
    """``?schedule=`` one session, or ``?holder=&date=`` everything of a person on a day."""

    permission = "practice.view_appointment"
    template = "staff/clinic_list/page.html"
    title = "Clinic list"

    def get(self, request: HttpRequest) -> HttpResponse:
        day = read_date(request.GET.get("date", "")) or self.today
        sessions = self.sessions(day)
        chosen = sessions.filter(pk=number(request.GET.get("schedule")))
        holder = number(request.GET.get("holder"))
        if not chosen and holder:
            chosen = sessions.filter(session_holder=holder)
        listed = list(chosen or sessions)
        appointments = self.appointments(listed)
        self.record_shown("clinic_list.viewed", [a.patient_id for a in appointments])
        return self.render(
            day=day,
            sessions=[
                (session, [a for a in appointments if a.schedule_id == session.pk])
                for session in listed
            ],
            holders=Practitioner.objects.filter(schedules__in=sessions).distinct(),
            holder=holder,
            printed_at=clock.local(self.now),
        )

    def sessions(self, day: date) -> QuerySet[Schedule]:
        """The sessions of the day, or of the day of the session that was asked for."""
        here = Schedule.objects.filter(organisation=self.practice)
        if pk := number(self.request.GET.get("schedule")):
            here = here.filter(pk=pk)
        else:
            here = here.filter(date=day)
        return here.select_related("session_holder", "location").order_by("start", "pk")

    def appointments(self, sessions: list[Schedule]) -> list[Appointment]:
        """Everybody who is expected, by time; two queries, however many there are."""
        found = list(
            Appointment.objects.live()
            .filter(organisation=self.practice, schedule__in=sessions)
            .select_related("patient")
            .order_by("start", "pk")
        )
        numbers = telephones(appointment.patient_id for appointment in found)
        for appointment in found:
            appointment.telephone = numbers.get(appointment.patient_id, "")  # type: ignore[attr-defined]
        return found


def read_date(text: str) -> date | None:
    """A date of an address (yyyy-mm-dd), or None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def number(text: str | None) -> int:
    """An id of an address; 0, which nothing has, for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0
