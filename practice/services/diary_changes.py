"""What the database notes for pages that stay open: forgotten after a day, when nobody asks.

Its triggers note what changes in the diary itself; what stands beside an appointment, and what is
promised to whom, is noted here.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from practice.models import Appointment, DiaryChange, Organisation

KEPT = timedelta(days=2)


def note_change(appointment: Appointment, *, now: datetime) -> None:
    """Note that pages show something else of an appointment, in the transaction that says so."""
    schedule = appointment.schedule
    DiaryChange.objects.create(
        organisation_id=schedule.organisation_id,
        date=schedule.date,
        schedule_id=schedule.pk,
        times=1,
        at=now,
    )


def note_practices(practices: Iterable[Organisation], *, now: datetime) -> None:
    """Note that something beside their diaries has changed, so that their promises are looked at.

    In the transaction that changes it, by whoever has these practices in reach.
    """
    DiaryChange.objects.bulk_create(
        DiaryChange(organisation=each, times=1, at=now) for each in practices
    )


def forget_changes(*, now: datetime) -> int:
    """Remove the notes of changes that every open page has long seen, of all practices in reach.

    By night: for a page that is open, less is a change too.
    """
    removed, _ = DiaryChange.objects.filter(at__lt=now - KEPT).delete()
    return removed
