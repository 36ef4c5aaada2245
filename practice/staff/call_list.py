"""Whom to ring, and the worklist: everything that waits for a person."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import Appointment, Schedule, Slot
from practice.services.audit import recording
from practice.services.closures import follow_up
from practice.staff.base import StaffPage
from practice.staff.clinic_list import telephones


class CallPage(StaffPage):
    """What every list of people to be told has: their numbers, who rang them, who looked at it."""

    permission = "practice.change_appointment"

    def people(self, appointments: QuerySet[Appointment]) -> list[Appointment]:
        """Those without a telephone first, then by how long they have been waiting."""
        found = list(
            appointments.select_related("patient", "schedule__session_holder", "moved_from")
            .prefetch_related("contact_attempts")
            .order_by("start", "pk")
        )
        numbers = telephones(appointment.patient_id for appointment in found)
        for appointment in found:
            appointment.telephone = numbers.get(appointment.patient_id, "")  # type: ignore[attr-defined]
        if found:
            recording.record(
                organisation=self.practice,
                actor=self.actor,
                event="call_list.viewed",
                outcome="ok",
                now=self.now,
                detail={"patients": sorted({a.patient_id for a in found})},
            )
        return sorted(found, key=lambda a: (not a.to_be_told, bool(a.telephone), a.start))  # type: ignore[attr-defined]


class Contacted(StaffPage):
    """Note that somebody was rung or written to."""

    permission = "practice.change_appointment"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        back = self.back(reverse("admin:worklist"))
        self.own(Appointment.objects, pk=pk)
        reached = request.POST.get("reached") == "yes"
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


class Worklist(CallPage):
    """Everything that waits for a person: orphaned, to be told, never seen outside, days left."""

    template = "staff/worklist/page.html"
    title = "Worklist"

    def get(self, request: HttpRequest) -> HttpResponse:
        here = Appointment.objects.filter(organisation=self.practice)
        people = self.people(here.filter(waiting()))
        unseen = list(
            never_seen(self.practice, self.today).select_related("session_holder", "location")[:100]
        )
        return self.render(
            orphaned=[a for a in people if a.orphaned],
            to_be_told=[a for a in people if a.to_be_told and not a.orphaned],
            unseen=unseen,
            days_left=days_left(self.practice, self.today),
            back=request.get_full_path(),
        )


def waiting() -> Q:
    """Appointments that wait for a person; the index ``appointment_on_worklist`` holds them."""
    return Q(orphaned=True) | Q(to_be_told=True)


def never_seen(organisation: Any, today: Any) -> QuerySet[Schedule]:
    """Coming sessions with slots marked bookable that nobody outside can ever see: no role."""
    marked = Slot.objects.filter(gp_connect_bookable=True, withdrawn=False, status=Slot.Status.FREE)
    return Schedule.objects.filter(
        organisation=organisation,
        date__gte=today,
        withdrawn=False,
        practitioner_role="",
        pk__in=marked.filter(organisation=organisation).values("schedule"),
    ).order_by("start")


def days_left(organisation: Any, today: Any) -> int:
    """How many days ahead the diary reaches."""
    last = (
        Schedule.objects.filter(organisation=organisation, withdrawn=False)
        .order_by("-date")
        .values_list("date", flat=True)
        .first()
    )
    return max((last - today) // timedelta(days=1), 0) if last else 0
