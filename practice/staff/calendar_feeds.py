"""Calendar feeds: the page on which they are made and revoked, and what a calendar program reads.

Whoever has the address can read the feed, so that it says little: initials unless the practice has
decided otherwise, never why somebody comes. Times are instants in UTC, which every program shows
right on both sides of a clock change.
"""

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import icalendar
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from practice.db.row_security import bound_to
from practice.exceptions import PracticeError
from practice.models import (
    Appointment,
    AuditEvent,
    CalendarFeed,
    Patient,
    Practitioner,
    Schedule,
)
from practice.reads.calendar_feeds import (
    appointments_in_feed,
    live_feeds,
    sessions_in_feed,
)
from practice.reads.directory import possible_holders
from practice.services import calendar_feeds
from practice.services.audit.recording import Actor, record_done
from practice.site.addresses import number
from practice.site.people import client_address, person
from practice.staff.base import StaffPage, found_or_404

# ---------------------------------------------------------------- what a calendar program reads


@never_cache
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """A holder's sessions and appointments; 404 for a secret that is unknown or revoked."""
    found = calendar_feeds.live_feed(secret)
    if found is None:
        return HttpResponseNotFound("There is no such calendar.\n", content_type="text/plain")
    with bound_to(found.organisation_id):
        return feed_of(request, found)


def feed_of(request: HttpRequest, found: CalendarFeed) -> HttpResponse:
    """The calendar of a feed, once its secret has opened it."""
    now = timezone.now()
    appointments = list(appointments_in_feed(found, now=now))
    record_done(
        "calendar_feed.read",
        found,
        actor=Actor(
            door=AuditEvent.Door.STAFF,
            name=str(found),
            role="unknown",
            organisation=str(found.organisation),
            device=request.headers.get("User-Agent", ""),
            address=client_address(request),
        ),
        now=now,
        detail={"patients": sorted({each.patient_id for each in appointments})},
    )
    body = written(found, sessions_in_feed(found, now=now), appointments)
    return HttpResponse(body, content_type="text/calendar; charset=utf-8")


def written(feed: CalendarFeed, sessions: Any, appointments: list[Appointment]) -> bytes:
    """Write the calendar: a session leaves its time free, an appointment takes it."""
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Appointment book//Calendar feed//EN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{feed.practitioner}, {feed.organisation.name}")
    calendar.add("x-wr-timezone", "Europe/London")
    calendar.add("refresh-interval", timedelta(minutes=15), {"VALUE": "DURATION"})
    for session in sessions:
        calendar.add_component(
            event(
                feed,
                session,
                summary=f"{session.session_name or 'Session'} (session)",
                transp="TRANSPARENT",
            )
        )
    for appointment in appointments:
        calendar.add_component(
            event(
                feed,
                appointment,
                summary=f"{who(feed, appointment.patient)}, {appointment.slot_type}",
                description="\n".join(about(appointment)),
                transp="OPAQUE",
            )
        )
    return calendar.to_ical()


def event(feed: CalendarFeed, record: Schedule | Appointment, **texts: str) -> icalendar.Event:
    """What sessions and appointments have in common; an unchanged one is written as before."""
    made = icalendar.Event()
    kind = type(record).__name__.lower()
    made.add("uid", f"{kind}-{record.pk}@{feed.organisation.ods_code.lower()}.appointment-book")
    made.add("dtstamp", record.updated_at.astimezone(UTC).replace(microsecond=0))
    made.add("dtstart", record.start.astimezone(UTC))
    made.add("dtend", record.end.astimezone(UTC))
    made.add("sequence", record.version)
    made.add("location", record.location.name)
    made.add("class", "PRIVATE")
    for name, text in texts.items():
        made.add(name, text)
    return made


def who(feed: CalendarFeed, patient: Patient) -> str:
    """A patient's initials, E.F.; the name where the practice wants names."""
    if feed.organisation.calendar_shows_names:
        return patient.full_name
    names = [*patient.given_names.split()[:1], patient.family_name]
    return "".join(f"{name[0].upper()}." for name in names if name)


def about(appointment: Appointment) -> Iterator[str]:
    """What else helps to plan the day, and says nothing of the patient."""
    if appointment.delivery_channel:
        yield appointment.get_delivery_channel_display()
    if appointment.status != Appointment.Status.BOOKED:
        yield appointment.get_status_display()
    if appointment.orphaned:
        yield "The session it was booked in is no longer planned."


# ---------------------------------------------------------------- the page


class Calendars(StaffPage):
    """Whose feeds there are. POST ``do`` makes one, shows its address once more, or revokes it.

    A practice manager may for everybody, others for the session holder whom their membership names.
    """

    permission = "practice.view_schedule"
    template = "staff/calendar_feeds/page.html"
    title = "Calendar feeds"

    def get(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        feeds = {feed.practitioner_id: feed for feed in self.feeds()}
        rows = [
            (holder, feeds.get(holder.pk), self.may_change(holder.pk)) for holder in self.holders()
        ]
        return self.render(rows=rows, **shown)

    def post(self, request: HttpRequest) -> HttpResponse:
        holder = number(request.POST.get("holder"))
        if not self.may_change(holder):
            return self.refused(
                "You may make and revoke a feed for yourself only, and only if your account says "
                "who you are in the diary. Ask a practice manager.",
                reverse("admin:calendars"),
            )
        do = {"make": self.make, "show": self.show, "revoke": self.revoke}
        return do.get(request.POST.get("do", ""), self.show)(holder)

    def make(self, holder: int) -> HttpResponse:
        try:
            made = calendar_feeds.make_feed(
                organisation=self.practice, practitioner_id=holder, actor=self.actor, now=self.now
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), reverse("admin:calendars"))
        return self.with_address(made, made.secret)

    def show(self, holder: int) -> HttpResponse:
        found = found_or_404(self.feeds().filter(practitioner=holder).first())
        secret = calendar_feeds.show_feed(feed=found, actor=self.actor, now=self.now)
        return self.with_address(found, secret)

    def revoke(self, holder: int) -> HttpResponse:
        found = found_or_404(self.feeds().filter(practitioner=holder).first())
        calendar_feeds.revoke_feed(feed=found, actor=self.actor, now=self.now)
        return self.done(
            f"The address of {found.practitioner}'s calendar leads nowhere from now on.",
            reverse("admin:calendars"),
        )

    def with_address(self, feed: CalendarFeed, secret: str) -> HttpResponse:
        path = reverse("calendar_feed", args=[secret])
        return self.get(self.request, shown=feed, address=self.request.build_absolute_uri(path))

    def feeds(self) -> QuerySet[CalendarFeed]:
        return live_feeds(organisation=self.practice)

    def holders(self) -> QuerySet[Practitioner]:
        return possible_holders(organisation=self.practice)

    def may_change(self, holder: int) -> bool:
        if self.request.user.has_perm("practice.change_practitioner"):
            return True
        return bool(holder) and holder == self.own_holder

    @property
    def own_holder(self) -> int | None:
        """Who the reader is in this practice's diary."""
        if not hasattr(self, "_own_holder"):
            memberships = person(self.request).user.memberships.filter(organisation=self.practice)
            self._own_holder = memberships.values_list("session_holder", flat=True).first()
        return self._own_holder
