"""What a session holder's calendar shows, and which calendars there are at a practice."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from practice.models import (
    Appointment,
    CalendarFeed,
    Organisation,
    Schedule,
)

BEHIND, AHEAD = timedelta(days=28), timedelta(days=366)


def sessions_in_feed(feed: CalendarFeed, *, now: datetime) -> QuerySet[Schedule]:
    """The holder's sessions that take place, from four weeks ago to a year ahead."""
    return (
        Schedule.objects.taking_place()
        .filter(
            organisation=feed.organisation,
            session_holder=feed.practitioner,
            start__range=(now - BEHIND, now + AHEAD),
        )
        .select_related("location")
    )


def appointments_in_feed(feed: CalendarFeed, *, now: datetime) -> QuerySet[Appointment]:
    """Everybody who is booked with the holder in that time, orphaned ones included."""
    return (
        Appointment.objects.live()
        .filter(
            organisation=feed.organisation,
            schedule__session_holder=feed.practitioner,
            start__range=(now - BEHIND, now + AHEAD),
        )
        .select_related("patient", "location")
    )


def live_feeds(*, organisation: Organisation) -> QuerySet[CalendarFeed]:
    """The practice's feeds that have not been revoked, each with its holder."""
    live = CalendarFeed.objects.filter(organisation=organisation, revoked_at__isnull=True)
    return live.select_related("organisation", "practitioner")
