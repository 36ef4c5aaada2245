"""What stands above a day of the diary: closures, messages from clinicians, where there is more."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Protocol

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from practice import clock
from practice.models import Closure, Organisation
from practice.reads.appointments import number_still_booked
from practice.reads.cancellation_list import freed_times
from practice.reads.desk_messages import messages_waiting
from practice.reads.diary_columns import closed_in_words
from practice.reads.sessions import next_day_with_sessions


class DayShown(Protocol):
    """What is asked of the view of a diary."""

    @property
    def week(self) -> bool: ...
    @property
    def day(self) -> date: ...
    def address(self, *, day: date) -> str: ...


def notices(
    practice: Organisation,
    view: DayShown,
    closures: Iterable[Closure],
    *,
    is_empty: bool,
    now: datetime,
) -> SafeString:
    """Return a line for each closure of the practice, one for messages, the next with sessions.

    And one for the times that came free and somebody on the cancellation list would take.
    """
    if view.week:
        return SafeString()
    today = clock.today(now)
    messages = messages_waiting(organisation=practice).count() if view.day == today else 0
    closed = [
        closure
        for closure in closures
        if closure.practitioner_id is None and closure.location_id is None
    ]
    freed = []
    if not is_empty and view.day >= today:
        freed = freed_times(organisation=practice, now=now, first=view.day, last=view.day)
    if not (closed or is_empty or messages or freed):
        return SafeString()
    booked = number_still_booked(practice, view.day) if closed else 0
    shows_next = closed or is_empty
    following = next_day_with_sessions(practice, after=view.day) if shows_next else None
    context = {
        "messages": messages,
        "freed": freed,
        "back": view.address(day=view.day),
        "closed": [(closed_in_words(each), each) for each in closed],
        "booked": booked,
        "following": following,
        "following_words": f"{following:%a} {following.day}" if following else "",
        "following_address": view.address(day=following) if following else "",
    }
    return render_to_string("staff/diary/notices.html", context)
