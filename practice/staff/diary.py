"""The diary: a day of all session holders, or a week of one.

What fills the time is gathered by practice.reads.diary_columns and placed by
practice.staff.diary_layout;
what a block leads to stands in practice.staff.diary_details.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from practice import clock
from practice.models import Appointment, Location, Practitioner, Schedule
from practice.reads.appointments import appointment_in_detail
from practice.reads.diary_changes import Changes, changes_of_days
from practice.reads.diary_columns import HIDDEN, STATES, Column, Day, days, key_of
from practice.reads.diary_rows import (
    Choice,
    Filling,
    filling_of,
    people_and_places,
    sessions_between,
)
from practice.reads.diary_views import SavedView, in_saved, saved_views
from practice.reads.directory import practitioners
from practice.reads.sessions import sessions
from practice.services.appointments.rescheduling import why_not_moved
from practice.services.diary_views import choose_view
from practice.site.addresses import number, read_date
from practice.staff import diary_html
from practice.staff.base import StaffPage, found_or_404
from practice.staff.diary_layout import (
    Scale,
    Strip,
    axis_of,
    day_words,
    minutes_of,
    strip,
    time_words,
    wall_time,
)
from practice.staff.diary_notices import notices
from practice.staff.live import live

OF_SESSIONS = ("practice.add_schedule", "practice.change_schedule", "practice.add_slot")
LEGEND = [(key, words) for key, words in STATES.items() if key not in HIDDEN]


# ---------------------------------------------------------------- what is shown


@dataclass(frozen=True)
class View:
    """What of the diary an address shows: which day or week, narrowed to what."""

    day: date
    week: bool = False
    choice: Choice = Choice()

    @classmethod
    def of(cls, query: QueryDict, *, today: date) -> "View":
        """Read an address; what makes no sense in it counts as not said."""
        day = read_date(query.get("date", "")) or today
        return cls(
            day=day if 1900 < day.year < 2200 else today,
            week=query.get("view") == "week",
            choice=Choice(
                location=number(query.get("location")) or None,
                holder=number(query.get("holder")) or None,
                schedule=number(query.get("session")) or None,
                show_hidden=query.get("hidden") == "1",
                saved=number(query.get("saved")) or None,
            ),
        )

    def in_saved(self, views: list[SavedView], *, remembered: bool = False) -> "View":
        """Return this view with whom its saved one names, or that which was chosen last."""
        return replace(self, choice=in_saved(self.choice, views, remembered=remembered))

    @property
    def first(self) -> date:
        return self.day - timedelta(days=self.day.weekday()) if self.week else self.day

    @property
    def last(self) -> date:
        return self.first + timedelta(days=6) if self.week else self.day

    @property
    def step(self) -> timedelta:
        """How far the arrows lead."""
        return timedelta(days=7 if self.week else 1)

    @property
    def title(self) -> str:
        if not self.week:
            return day_words(self.day)
        first, last = self.first, self.last
        begins = f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
        if first.month == last.month:
            begins = str(first.day)
        return f"Week of {begins} to {last.day} {last:%B %Y}"

    def address(self, **changes: Any) -> str:
        """The address of this view, or of one that differs in this."""
        in_choice = {k: v for k, v in changes.items() if k in Choice.__dataclass_fields__}
        rest = {k: v for k, v in changes.items() if k not in in_choice}
        view = replace(self, choice=replace(self.choice, **in_choice), **rest)
        chosen = {
            "date": view.day.isoformat(),
            "view": "week" if view.week else "",
            "location": view.choice.location,
            "holder": view.choice.holder,
            "session": view.choice.schedule,
            "hidden": "1" if view.choice.show_hidden else "",
            "saved": view.choice.saved,
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:diary')}?{query}"

    @property
    def query(self) -> str:
        """What stands in the address of this view, with its question mark."""
        return self.address().removeprefix(reverse("admin:diary"))

    def key_of(self, schedule: Schedule) -> str:
        """Name the column in which this view shows a session."""
        return f"day-{schedule.date:%Y-%m-%d}" if self.week else key_of(schedule)

    def versions(self, schedules: list[Schedule], changes: Changes) -> dict[str, str]:
        """Return the version of each column, also of one in which nothing is left to be shown."""
        parts: dict[str, list[int]] = defaultdict(list)
        for schedule in schedules:
            parts[self.key_of(schedule)].append(schedule.pk)
        return {key: changes.version_of(ids) for key, ids in parts.items()}

    def unseen(self, found: list[Day], versions: dict[str, str]) -> dict[str, str]:
        """Return what is kept of columns that have nothing to show: version and what is hidden."""
        if self.week:
            return {}
        return {
            key: f"{versions[key]}.{hidden}"
            for day in found
            for key, hidden in day.unseen.items()
            if all(column.key != key for column in day.columns)
        }

    def strips(self, found: list[Day], versions: dict[str, str], *, now: datetime) -> list[Strip]:
        """Return the columns of these days; a weekend without sessions takes no room in a week."""
        if not self.week:
            return [
                strip(
                    column,
                    Scale(day.date),
                    key=column.key,
                    title=column.name,
                    lines=[column.role, column.names, column.places if column.holder else ""],
                    now=now,
                    version=versions.get(column.key, ""),
                )
                for day in found
                for column in day.columns
            ]
        strips = []
        for day in found:
            if not day.columns and day.date.weekday() > 4:
                continue
            column = day.columns[0] if day.columns else Column(None, "", [], hidden=day.hidden)
            key = f"day-{day.date:%Y-%m-%d}"
            strips.append(
                strip(
                    column,
                    Scale(day.date, by_wall=True),
                    key=key,
                    title=f"{day.date:%a} {day.date.day} {day.date:%b}",
                    lines=[column.names, column.places] if day.columns else ["No session"],
                    now=now,
                    version=versions.get(key, ""),
                )
            )
        return strips


class Carried(NamedTuple):
    """An appointment that is being moved: what the diary says of it while a time is chosen.

    ``stays``: why it cannot be moved.
    """

    pk: int
    patient: int
    words: str
    minutes: int
    stays: str

    @classmethod
    def of(cls, appointment: Appointment, *, now: datetime) -> "Carried":
        """Return it in words such as Max Faux, Today 10:50."""
        patient = appointment.patient
        when = time_words(appointment.start, clock.today(now))
        return cls(
            pk=appointment.pk,
            patient=patient.pk,
            words=f"{patient.given_names} {patient.family_name}, {when}",
            minutes=minutes_of(appointment),
            stays=why_not_moved(appointment, now=now),
        )


# ---------------------------------------------------------------- the page


class DiaryPage(StaffPage):
    """``?date=`` a day, ``&view=week`` its week; ``location=``, ``holder=``, ``session=``."""

    permission = "practice.view_appointment"

    def filling_of(self, view: View, schedules: list[Schedule]) -> Filling:
        """Read what fills these sessions."""
        return filling_of(self.practice, view.first, view.last, schedules)

    def days_of(
        self,
        view: View,
        schedules: list[Schedule],
        filling: Filling,
        *,
        now: datetime | None = None,
    ) -> list[Day]:
        """Return what these sessions hold, now or at another moment."""
        return days(
            self.practice,
            view.first,
            view.last,
            view.choice,
            now=now or self.now,
            schedules=schedules,
            filling=filling,
        )

    def column(self, view: View, strip: Strip) -> SafeString:
        """Return a column of the page."""
        return column_of(strip, view, self.request, today=self.today)

    def record_viewed(self, view: View, found: list[Day], carried: int | None = None) -> None:
        """Audit whose appointments are in these columns, and the patient who is carried."""
        patients = [e.patient for day in found for c in day.columns for e in c.entries]
        patients.append(carried)
        shown = {"from": str(view.first), "to": str(view.last)}
        self.record_shown("diary.viewed", patients, **shown)

    def checked(self, view: View, people: list[Practitioner]) -> View:
        """Answer 404 for what is not this practice's; a week is always somebody's."""
        choice = view.choice
        if choice.schedule:
            here = sessions(organisation=self.practice)
            session = found_or_404(here.filter(pk=choice.schedule).first())
            if not view.week:
                view = replace(view, day=session.date)
        if choice.location and not self.practice.locations.filter(pk=choice.location).exists():
            raise Http404("There is no such location at this practice.")
        if choice.holder and not any(person.pk == choice.holder for person in people):
            everybody = practitioners(organisation=self.practice)
            people.append(found_or_404(everybody.filter(pk=choice.holder).first()))
        if view.week and not choice.holder and people:
            holder = next(iter(choice.holders), people[0].pk)
            view = replace(view, choice=replace(choice, holder=holder, schedule=None))
        return view

    def saved_views(self) -> list[SavedView]:
        """The views that the reader may choose from."""
        return saved_views(organisation=self.practice, user=self.reader)


class Diary(DiaryPage):
    """The whole page; with ``move=`` an appointment is carried to a free slot, from day to day."""

    template = "staff/diary/page.html"
    title = "Diary"

    def get(self, request: HttpRequest) -> HttpResponse:
        views = self.saved_views()
        view = View.of(request.GET, today=self.today).in_saved(views, remembered=True)
        people, places = people_and_places(self.practice)
        view = self.checked(view, people)
        if elsewhere := self.elsewhere(view, views):
            return redirect(elsewhere)
        changes = changes_of_days(self.practice.pk, view.first, view.last)
        shown = (view.first, view.last)
        is_live = live(self.practice, self.now, shown, changed=changes.total)
        wanted = view.choice if view.week else Choice()
        every = sessions_between(self.practice, view.first, view.last, wanted)
        schedules = [schedule for schedule in every if view.choice.has(schedule)]
        filling = self.filling_of(view, schedules)
        found = self.days_of(view, schedules, filling)
        versions = view.versions(schedules, changes)
        strips = view.strips(found, versions, now=self.now)
        carried = self.carried()
        self.record_viewed(view, found, carried.patient if carried else None)
        return self.render(
            is_fullwidth="1",
            view=view,
            heading=view.title,
            strips=strips,
            columns=[self.column(view, one) for one in strips],
            notices=notices(
                self.practice, view, filling.closures, is_empty=not strips, now=self.now
            ),
            live=is_live,
            live_changes=f"{reverse('admin:diary_changes')}{view.query}",
            live_at=clock.seconds(self.now),
            unseen=json.dumps(view.unseen(found, versions)),
            axis=axis_of(strips, Scale(view.day, by_wall=view.week)),
            hidden=sum(day.hidden for day in found),
            carried=carried,
            now_words=wall_time(self.now),
            on_paper=(clock.local(self.now), narrowed_words(view, people, places, schedules)),
            now_at=next((one.now_at for one in strips if one.now_at), ""),
            people=people,
            places=places,
            saved_views=views,
            sessions=[] if view.week else [each for each in every if not each.withdrawn],
            legend=LEGEND,
            links=self.links_of(view),
            previous=step_words(view, view.first - view.step),
            next=step_words(view, view.first + view.step),
        )

    def elsewhere(self, view: View, views: list[SavedView]) -> str:
        """Where the address leads: to a column, or to the view that was just chosen, if any."""
        if go := self.request.GET.get("go"):
            return f"{view.address()}#column-{go}"
        chosen = self.request.GET.get("choose")
        if chosen == "views":
            return reverse("admin:diary_views")
        if chosen is None or number(chosen) == number(self.request.GET.get("saved")):
            return ""
        choose_view(organisation=self.practice, user=self.reader, view_id=number(chosen))
        wanted = next((each for each in views if each.pk == number(chosen)), None)
        address = view.address(
            saved=wanted and wanted.pk,
            show_hidden=bool(wanted and wanted.show_hidden),
            location=None,
            holder=None,
            schedule=None,
        )
        moved = number(self.request.GET.get("move"))
        return f"{address}&move={moved}" if moved else address

    def carried(self) -> Carried | None:
        """Return the appointment that the address carries, for whoever may move it."""
        pk = number(self.request.GET.get("move"))
        if not pk or not self.request.user.has_perm("practice.change_appointment"):
            return None
        found = appointment_in_detail(organisation=self.practice, appointment_id=pk)
        return Carried.of(found, now=self.now) if found else None

    def links_of(self, view: View) -> dict[str, str]:
        """Return where the buttons around the columns lead."""
        return {
            "today": view.address(day=self.today),
            "previous": view.address(day=view.day - view.step, schedule=None),
            "next": view.address(day=view.day + view.step, schedule=None),
            "day": view.address(week=False),
            "week": view.address(week=True, schedule=None),
            "hidden": view.address(show_hidden=not view.choice.show_hidden),
            "print": self.clinic_list_of(view),
            "book": reverse("admin:practice_appointment_add"),
            "slots": slots_of(view.day),
        }

    def clinic_list_of(self, view: View) -> str:
        chosen = {"date": view.day.isoformat(), "holder": view.choice.holder}
        if view.choice.schedule:
            chosen = {"schedule": view.choice.schedule}
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:clinic_list')}?{query}"


def slots_of(day: date) -> str:
    """Return the list of a day's slots, where several can be ticked and changed."""
    asked = {"start__year": day.year, "start__month": day.month, "start__day": day.day}
    return f"{reverse('admin:practice_slot_changelist')}?{urlencode(asked)}"


def column_of(
    strip: Strip, view: View, request: HttpRequest, *, today: date, swap: bool = False
) -> SafeString:
    """Return a column with the way to what its heading leads to (practice.staff.diary_menu).

    ``swap``: to be put in the place of the one that is there.
    """
    more = f"m/{strip.key}{view.query}" if has_menu(strip, view, request, today=today) else ""
    return diary_html.column(strip, more=more, swap=swap)


def has_menu(strip: Strip, view: View, request: HttpRequest, *, today: date) -> bool:
    """Whether the heading of a column leads anywhere, for this reader."""
    if view.week or strip.holder:
        return not view.week
    return view.day >= today and any(map(request.user.has_perm, OF_SESSIONS))


def narrowed_words(
    view: View, people: list[Practitioner], places: list[Location], schedules: list[Schedule]
) -> str:
    """Return what the view shows alone, for paper: whoever reads it has not chosen that."""
    choice = view.choice
    parts = [str(person) for person in people if person.pk == choice.holder]
    parts += [str(place) for place in places if place.pk == choice.location]
    if choice.schedule:
        parts += [each.session_name for each in schedules if each.session_name]
    return ", ".join(parts)


def step_words(view: View, day: date) -> str:
    """Return what the arrows lead to: Wed 18, or 9 Nov."""
    return f"{day.day} {day:%b}" if view.week else f"{day:%a} {day.day}"
