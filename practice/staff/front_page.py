"""The front page: today at a glance, what waits for a person, and how the practice is open."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Appointment, Organisation
from practice.reads import bookability, slot_types, worklist
from practice.reads import front_page as asked
from practice.reads.consumer_groups import coming_changes
from practice.site.people import actor_of, current_practice
from practice.site.shown import record_shown
from practice.staff.base import StaffPage
from practice.staff.live import Part, answer, changed_parts, live

PERMISSION = "practice.view_appointment"
PEOPLE = "front-people"


class Waiting(NamedTuple):
    """Somebody who has arrived: for how many minutes they wait, and since when, since 1970."""

    appointment: Appointment
    minutes: int
    since: int


class Today:
    """What the front page says of a practice: as many queries on any day."""

    def __init__(self, practice: Organisation, now: datetime) -> None:
        self.practice, self.now = practice, now
        waiting = asked.waiting(practice, now=now)
        self.waiting = [waiting_since(each, asked.arrived_at(each), now) for each in waiting]
        self.outside = asked.from_outside(practice, now=now)

    @property
    def patients(self) -> set[int]:
        """Who is named."""
        return {each.patient_id for each in [*(w.appointment for w in self.waiting), *self.outside]}

    def parts(self, request: HttpRequest) -> list[Part]:
        """Return its parts: in figures, who is named, and what needs to be looked after."""
        context = {
            "practice": self.practice,
            "now": self.now,
            "waiting": self.waiting,
            "outside": self.outside,
            "glance": asked.glance(self.practice, now=self.now),
            "to_do": worklist.to_do(self.practice, now=self.now),
            "coming": coming_changes(organisation=self.practice, today=clock.today(self.now)),
            "unmapped": slot_types.number_unmapped(organisation=self.practice),
            "is_open": bookability.is_open(self.practice),
            "runs": asked.generation_runs(self.practice, now=self.now),
        }
        names = ("front-glance", PEOPLE, "front-state")
        return [
            Part(request, name, f"staff/front_page/{name.removeprefix('front-')}.html", context)
            for name in names
        ]

    def record(self, request: HttpRequest) -> None:
        """Audit who is named, if anybody."""
        if shown := self.patients:
            record_shown(
                "front_page.viewed",
                shown,
                practice=self.practice,
                actor=actor_of(request, self.practice),
                now=self.now,
            )


def front_page(request: HttpRequest) -> dict[str, Any]:
    """Return what the front page shows besides the menu."""
    practice, now = current_practice(request), timezone.now()
    context = {"practice": practice, "now": now, "today": clock.today(now)}
    if practice is None or not request.user.has_perm(PERMISSION):
        return context
    given = live(practice, now)
    today = Today(practice, now)
    today.record(request)
    return {
        **context,
        "live": given,
        "live_changes": reverse("admin:front_page_changes"),
        "parts": today.parts(request),
    }


class FrontPageChanges(StaffPage):
    """What has changed on it since a page showed it: for live.js, and nobody else."""

    permission = PERMISSION

    def get(self, request: HttpRequest) -> HttpResponse:
        given = live(self.practice, self.now)
        today = Today(self.practice, self.now)
        changed = changed_parts(request, today.parts(request))
        if any(part.name == PEOPLE for part in changed):
            today.record(request)
        return JsonResponse(answer(given, changed))


def waiting_since(appointment: Appointment, arrived: datetime, now: datetime) -> Waiting:
    """Say for how many minutes somebody has been waiting."""
    minutes = max((now - arrived) // timedelta(minutes=1), 0)
    return Waiting(appointment, minutes, clock.seconds(arrived))
