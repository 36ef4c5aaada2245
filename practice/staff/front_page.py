"""The front page: today at a glance, what waits for a person, and how the practice is open."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from practice import clock
from practice.models import Appointment
from practice.reads import bookability, worklist
from practice.reads import front_page as asked
from practice.site.people import actor_of
from practice.site.shown import record_shown
from practice.staff.base import current_practice


def front_page(request: HttpRequest) -> dict[str, Any]:
    """Return what the front page shows besides the menu: as many queries on any day."""
    practice, now = current_practice(request), timezone.now()
    context = {"practice": practice, "now": now, "today": clock.today(now)}
    if practice is None or not request.user.has_perm("practice.view_appointment"):
        return context
    waiting = asked.waiting(practice, now=now)
    outside = asked.from_outside(practice, now=now)
    if shown := {each.patient_id for each in [*waiting, *outside]}:
        actor = actor_of(request, practice)
        record_shown("front_page.viewed", shown, practice=practice, actor=actor, now=now)
    return {
        **context,
        "glance": asked.glance(practice, now=now),
        "waiting": [(each, _waited(each, now)) for each in waiting],
        "outside": outside,
        "to_do": worklist.to_do(practice, now=now),
        "is_open": bookability.is_open(practice),
        "runs": asked.generation_runs(practice, now=now),
    }


def _waited(appointment: Appointment, now: datetime) -> int:
    """For how many minutes somebody has been waiting."""
    return max((now - asked.arrived_at(appointment)) // timedelta(minutes=1), 0)
