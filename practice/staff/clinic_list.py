"""The clinic list: who comes to a session or to a holder on a day, to be printed."""

from collections import defaultdict
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse

from practice import clock
from practice.models import Appointment, Schedule, Slot
from practice.reads.clinic_list import (
    people_expected,
    session_with_id,
    sessions_on,
    slots_without_patient,
)
from practice.site.addresses import number, read_date
from practice.staff.base import StaffPage


class ClinicList(StaffPage):
    """``?schedule=`` one session, or ``?holder=&date=`` everything of a person on a day."""

    permission = "practice.view_appointment"
    template = "staff/clinic_list/page.html"
    title = "Clinic list"

    def get(self, request: HttpRequest) -> HttpResponse:
        day = read_date(request.GET.get("date", "")) or self.today
        holder = number(request.GET.get("holder"))
        if schedule := number(request.GET.get("schedule")):
            sessions = session_with_id(organisation=self.practice, schedule_id=schedule)
            listed = sessions
        else:
            sessions = sessions_on(organisation=self.practice, day=day)
            listed = [s for s in sessions if holder and s.session_holder_id == holder] or sessions
        people = people_expected(organisation=self.practice, sessions=listed)
        self.record_shown("clinic_list.viewed", [each.patient_id for each in people])
        holders = {s.session_holder_id: s.session_holder for s in sessions if s.session_holder}
        return self.render(
            day=day,
            clinicians=by_clinician(
                listed, people, slots_without_patient(organisation=self.practice, sessions=listed)
            ),
            holders=sorted(holders.values(), key=lambda each: (each.family_name, each.given_names)),
            holder=holder,
            printed_at=clock.local(self.now),
        )


def by_clinician(
    sessions: Iterable[Schedule], people: Iterable[Appointment], slots: Iterable[Slot]
) -> list[tuple[str, list[tuple[Schedule, list[Appointment | Slot]]]]]:
    """Return a name for each page of paper, and its sessions with their rows by time."""
    rows: dict[int, list[Appointment | Slot]] = defaultdict(list)
    for appointment in people:
        rows[appointment.schedule_id].append(appointment)
    for slot in slots:
        rows[slot.schedule_id].append(slot)
    pages: dict[str, list[tuple[Schedule, list[Appointment | Slot]]]] = defaultdict(list)
    for session in sessions:
        if session.withdrawn and not rows[session.pk]:
            continue
        name = str(session.session_holder or f"No named holder, {session.location}")
        in_order = sorted(rows[session.pk], key=lambda row: (row.start, row.pk))
        pages[name].append((session, in_order))
    return sorted(pages.items())
