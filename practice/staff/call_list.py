"""Whom to ring, and the worklist: everything that waits for a person."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import Appointment, DeskMessage
from practice.reads import asking, call_list, worklist
from practice.reads.appointments import appointment_by_id
from practice.reads.cancellation_list import freed_times, listed_patients
from practice.reads.consumer_groups import coming_changes
from practice.reads.desk_messages import messages_waiting, with_whom
from practice.reads.patients import TO_BE_TRACED, to_be_traced
from practice.reads.promises import shortfalls
from practice.services.appointments.desk_messages import LENGTH, mark_seen, write_message
from practice.services.closures import follow_up
from practice.staff.base import StaffPage, found_or_404
from practice.staff.live import Part, answer, changed_parts, live

PEOPLE, MESSAGES = "worklist-people", "worklist-messages"


class CallPage(StaffPage):
    """What every list of people to be told has: their numbers, who rang them, who looked at it."""

    permission = "practice.change_appointment"

    def people(self, appointments: QuerySet[Appointment], *, of: str = "") -> list[Appointment]:
        """Who is still to be told first, in the order in which they must be; ``of`` a closure."""
        found = self.with_listed(call_list.in_order_to_ring(appointments))
        self.record_people(found, of=of)
        return found

    def with_listed(self, found: list[Appointment]) -> list[Appointment]:
        """Say of each whether the patient is on the cancellation list, as ``listed``."""
        ids = [each.pk for each in found]
        there = listed_patients(ids, organisation=self.practice, now=self.now) if ids else set()
        for each in found:
            each.listed = each.pk in there  # type: ignore[attr-defined]
        return found

    def record_people(self, found: list[Appointment], *, of: str = "") -> None:
        """Audit who is on the list, if anybody, and what it is the list of."""
        if found:
            detail = {"of": of} if of else {}
            self.record_shown("call_list.viewed", [each.patient_id for each in found], **detail)


class Contacted(StaffPage):
    """Note that somebody was rung or written to."""

    permission = "practice.change_appointment"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        back = self.back(reverse("admin:worklist"))
        found_or_404(appointment_by_id(organisation=self.practice, appointment_id=pk))
        said = request.POST.get("reached", "")
        reached = said == "yes"
        if said == "undo":
            return self.take_back(pk, back)
        try:
            follow_up.record_contact(
                organisation=self.practice,
                appointment_id=pk,
                reached=reached,
                note=request.POST.get("note", "")[:200],
                by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        return self.done("Marked as told." if reached else "Noted: not reached yet.", back)

    def take_back(self, pk: int, back: str) -> HttpResponse:
        """Somebody was marked as told by mistake."""
        try:
            follow_up.take_back_told(
                organisation=self.practice,
                appointment_id=pk,
                by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        return self.done("Still to be told.", back)


class Messages(StaffPage):
    """Answer what a clinician wrote about an appointment, or say that it was seen."""

    permission = "practice.change_appointment"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        back = self.back(reverse("admin:worklist"))
        found_or_404(appointment_by_id(organisation=self.practice, appointment_id=pk))
        whose: dict[str, Any] = {
            "organisation": self.practice,
            "appointment_id": pk,
            "side": DeskMessage.Side.RECEPTION,
            "actor": self.actor,
            "now": self.now,
        }
        try:
            if request.POST.get("do") == "noted":
                mark_seen(**whose)
            else:
                write_message(text=request.POST.get("text", ""), **whose)
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        is_seen = request.POST.get("do") == "noted"
        return self.done("Noted: the clinician sees that." if is_seen else "Sent.", back)


class WorklistPage(CallPage):
    """Everything that waits for a person: messages, orphaned, to be told, never offered."""

    def read(self, *, audit: bool) -> tuple[list[Appointment], list[DeskMessage]]:
        """Return who is to be told, and what clinicians wrote."""
        waiting = call_list.people_waiting(self.practice)
        people = self.with_listed(call_list.in_order_to_ring(waiting))
        messages = with_whom(messages_waiting(organisation=self.practice))
        if audit:
            self.record_people([*people, *(each.appointment for each in messages)])
        return people, messages

    def parts_with(self, people: list[Appointment], messages: list[DeskMessage]) -> list[Part]:
        """Return the parts of the page; the first two name these people."""
        written = {
            "messages": messages,
            "now": self.now,
            "length": LENGTH,
            "back": reverse("admin:worklist"),
        }
        named = {
            "orphaned": [a for a in people if a.orphaned],
            "to_be_told": [a for a in people if a.to_be_told and not a.orphaned],
            "back": reverse("admin:worklist"),
        }
        rest = {
            "never_offered": worklist.sessions_never_offered(self.practice, now=self.now),
            "days_left": worklist.days_left(self.practice, now=self.now),
            "coming": coming_changes(organisation=self.practice, today=self.today),
            "freed": freed_times(organisation=self.practice, now=self.now),
            "shortfalls": shortfalls(organisation=self.practice),
            "asking": asking.findings(organisation=self.practice),
            "to_be_traced": to_be_traced(organisation=self.practice),
            "traced_as": TO_BE_TRACED,
        }
        return [
            Part(self.request, MESSAGES, "staff/worklist/messages.html", written),
            Part(self.request, PEOPLE, "staff/worklist/people.html", named),
            Part(self.request, "worklist-rest", "staff/worklist/rest.html", rest),
        ]


class Worklist(WorklistPage):
    """The whole page."""

    template = "staff/worklist/page.html"
    title = "Worklist"

    def get(self, request: HttpRequest) -> HttpResponse:
        given = live(self.practice, self.now)
        people, messages = self.read(audit=True)
        return self.render(
            parts=self.parts_with(people, messages),
            live=given,
            live_changes=reverse("admin:worklist_changes"),
        )


class WorklistChanges(WorklistPage):
    """What has changed on it since a page showed it: for live.js, and nobody else."""

    def get(self, request: HttpRequest) -> HttpResponse:
        given = live(self.practice, self.now)
        people, messages = self.read(audit=False)
        changed = changed_parts(request, self.parts_with(people, messages))
        shown = {part.name for part in changed}
        self.record_people(
            [
                *(people if PEOPLE in shown else ()),
                *(each.appointment for each in messages if MESSAGES in shown),
            ]
        )
        return JsonResponse(answer(given, changed))
