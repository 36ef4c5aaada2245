"""My list: the day of a clinician, on a telephone too: who waits, who is in, a word to the desk.

Whoever opens it is, by their membership, a session holder of the practice, and meets nobody but the
people of the own sessions. What a step needs is asked by services.appointments, as for reception.
"""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from practice import clock
from practice.exceptions import PracticeError, VersionConflict
from practice.models import Appointment, DeskMessage, Practitioner, Slot
from practice.reads import own_list as asked
from practice.reads.diary_columns import age
from practice.reads.own_list import Line, OwnList
from practice.reads.sessions import next_day_with_sessions
from practice.services.appointments import attendance
from practice.services.appointments.desk_messages import LENGTH, mark_seen, write_message
from practice.site.addresses import number, read_date
from practice.staff.base import StaffPage
from practice.staff.live import Part, answer, changed_parts, live

Status = Appointment.Status
SIDE = DeskMessage.Side.CLINICIAN
WORDS = {
    "to come": "To come",
    "waiting": "Waiting",
    "in": "In",
    "seen": "Seen",
    "missed": "Did not attend",
}
# How each state is coloured, as in the diary.
COLOURS = {"to come": "booked", "waiting": "arrived", "in": "in", "seen": "seen", "missed": "dna"}
DONE = {"seen", "missed"}
MARKS = {"arrived": Status.ARRIVED, "seen": Status.FULFILLED, "missed": Status.NO_SHOW}
PEOPLE = "own-list"
NOBODY = (
    "Nobody has said yet who you are in the diary. A practice administrator does, on your account "
    "(Users, works at, session holder)."
)


class OwnListPage(StaffPage):
    """What the page and its changes have in common; ``?date=`` another day than today."""

    permission = "practice.use_own_list"

    def read(self) -> None:
        """Find out whose list it is, and of which day."""
        self.day = read_date(self.sent.get("date", "")) or self.today
        self.holder = asked.holder_of(organisation=self.practice, user_id=self.reader.pk)

    def list_of(self, holder: Practitioner) -> OwnList:
        return asked.own_list(organisation=self.practice, holder=holder, day=self.day, now=self.now)

    def parts(self, found: OwnList) -> list[Part]:
        """Return the list as the page shows it, in one part; it names people."""
        counts = found.counts
        context = {
            "here": self.address,
            "rows": [self.row(each) for each in found.by_time],
            "sessions": found.sessions,
            "day": self.day,
            "counts": [(WORDS[name], n, COLOURS[name]) for name, n in counts.items()],
            "free": len(found.free),
            "length": LENGTH,
            "is_today": self.day == self.today,
        }
        return [Part(self.request, PEOPLE, "staff/own_list/list.html", context)]

    def row(self, row: Line | Slot) -> dict[str, Any]:
        """Return a line as it is shown: a person with what can be done, or a free slot."""
        if isinstance(row, Slot):
            return {"slot": row}
        appointment = row.appointment
        return {
            "line": row,
            "appointment": appointment,
            "patient": appointment.patient,
            "age": age(appointment.patient.birth_date, self.now),
            "words": WORDS[row.state],
            "colour": COLOURS[row.state],
            "since": clock.seconds(row.arrived) if row.arrived else 0,
            "may": self.steps_from(row),
            "is_done": row.state in DONE,
        }

    def steps_from(self, line: Line) -> set[str]:
        """Return what can be done next: no button leads to a refusal."""
        appointment, may = line.appointment, set()
        for step, status in MARKS.items():
            try:
                attendance.check_step(appointment, status, now=self.now)
                may.add(step)
            except PracticeError:
                pass
        if "arrived" in may or (line.state == "waiting" and self.day == self.today):
            may.add("in")
        if line.state == "in" or attendance.status_before(appointment):
            may.add("undo")
        if self.day == self.today:
            may.add("message")
        return may

    def record_list(self, found: OwnList) -> None:
        if found.patients:
            self.record_shown("own_list.viewed", found.patients, date=self.day.isoformat())

    @property
    def address(self) -> str:
        address = reverse("admin:own_list")
        return address if self.day == self.today else f"{address}?date={self.day.isoformat()}"

    @property
    def live(self) -> Any:
        return live(self.practice, self.now, (self.day, self.day))


class OwnListOfDay(OwnListPage):
    """The whole page, and each step of it."""

    template = "staff/own_list/page.html"
    title = "My list"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read()
        if self.holder is None:
            return self.render(problem=NOBODY)
        given = self.live
        found = self.list_of(self.holder)
        self.record_list(found)
        query = "" if self.day == self.today else f"?date={self.day.isoformat()}"
        following = None
        if not found.sessions:
            following = next_day_with_sessions(self.practice, after=self.day, holder=self.holder)
        return self.render(
            holder=self.holder,
            day=self.day,
            before=self.day - timedelta(days=1),
            after=self.day + timedelta(days=1),
            following=following,
            parts=self.parts(found),
            live=given,
            live_changes=reverse("admin:own_list_changes") + query,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        self.read()
        pk = number(request.POST.get("appointment"))
        back = f"{self.address}#own-{pk}"
        if self.holder is None or not asked.is_on_own_list(
            organisation=self.practice, holder=self.holder, appointment_id=pk, day=self.day
        ):
            raise Http404("Nobody like that is on this list.")
        try:
            self.do(request.POST.get("do", ""), pk)
        except VersionConflict:
            return self.refused("Somebody else was quicker. Here is how it is now.", back)
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        return HttpResponse(status=303, headers={"Location": back})

    def do(self, step: str, pk: int) -> None:
        """Take a step; what is shown then says that it was taken."""
        whose: dict[str, Any] = {
            "organisation": self.practice,
            "appointment_id": pk,
            "actor": self.actor,
            "now": self.now,
        }
        expected = self.request.POST.get("expected_version", "") or "none"
        if step == "message":
            write_message(side=SIDE, text=self.request.POST.get("text", ""), **whose)
        elif step == "noted":
            mark_seen(side=SIDE, **whose)
        elif step == "in":
            attendance.call_in(expected_version=expected, **whose)
        elif step == "undo":
            attendance.undo(expected_version=expected, **whose)
        elif step in MARKS:
            attendance.mark(status=MARKS[step], expected_version=expected, **whose)
        else:
            raise Http404("There is no such step.")


class OwnListChanges(OwnListPage):
    """What has changed on it since a page showed it: for live.js, and nobody else."""

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read()
        if self.holder is None:
            raise Http404(NOBODY)
        given = self.live
        found = self.list_of(self.holder)
        changed = changed_parts(request, self.parts(found))
        if changed:
            self.record_list(found)
        return JsonResponse(answer(given, changed))
