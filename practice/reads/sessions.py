"""Sessions (Schedules) one by one: what their pages show, and what they can be given."""

from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet

from practice.models import (
    Appointment,
    Location,
    Organisation,
    Practitioner,
    Schedule,
)

EXTRA_SLOTS_AHEAD = timedelta(days=14)


def sessions(*, organisation: Organisation) -> QuerySet[Schedule]:
    """The practice's sessions, withdrawn ones too."""
    return Schedule.objects.filter(organisation=organisation)


def session_in_detail(*, organisation: Organisation, schedule_id: int) -> Schedule | None:
    """Return a session with everything that its page names."""
    found = sessions(organisation=organisation).select_related(
        *("organisation", "session_holder", "location"),
        *("access_profile", "template", "healthcare_service"),
    )
    return found.filter(pk=schedule_id).first()


def sessions_for_extra_slots(
    *, organisation: Organisation, now: datetime, also: int | None = None
) -> QuerySet[Schedule]:
    """The sessions of the coming two weeks that are not over, and the one with the id ``also``."""
    here = Schedule.objects.taking_place().filter(organisation=organisation, end__gt=now)
    soon = Q(start__lt=now + EXTRA_SLOTS_AHEAD) | Q(pk=also)
    return here.filter(soon).select_related("session_holder", "location").order_by("start", "pk")


def number_booked(session: Schedule) -> int:
    """How many appointments of the session have not been cancelled."""
    return session.appointments.exclude(status=Appointment.Status.CANCELLED).count()


# ---------------------------------------------------------------- what a session can be given


def possible_places(*, organisation: Organisation, now_at: int | None = None) -> QuerySet[Location]:
    """The practice's open places, and the one where the session is now."""
    is_open = Q(status=Location.Status.ACTIVE) | Q(pk=now_at)
    return organisation.locations.filter(is_open)


def next_day_with_sessions(
    organisation: Organisation, *, after: date, holder: Practitioner | None = None
) -> date | None:
    """Return the first day after this one on which anybody holds a session, or a holder does."""
    coming = Schedule.objects.taking_place().filter(organisation=organisation, date__gt=after)
    if holder is not None:
        coming = coming.filter(session_holder=holder)
    return coming.order_by("date").values_list("date", flat=True).first()
