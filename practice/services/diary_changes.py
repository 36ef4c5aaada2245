"""Forgetting what the database has noted for pages that stay open: nobody asks after a day."""

from datetime import datetime, timedelta

from practice.models import DiaryChange

KEPT = timedelta(days=2)


def forget_changes(*, now: datetime) -> int:
    """Remove the notes of changes that every open page has long seen, of all practices in reach.

    By night: for a page that is open, less is a change too.
    """
    removed, _ = DiaryChange.objects.filter(at__lt=now - KEPT).delete()
    return removed
