"""The diary: a day of all session holders, or a week of one.

What fills the time is gathered by practice.reads.diary_columns and placed by
practice.staff.diary_layout;
what a block leads to stands in practice.staff.diary_details.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from practice.models import Practitioner
from practice.reads.diary_columns import (
    HIDDEN,
    STATES,
    Choice,
    Column,
    Day,
    days,
    people_and_places,
    sessions_between,
)
from practice.reads.directory import practitioners
from practice.reads.sessions import sessions
from practice.site.addresses import number, read_date
from practice.staff.base import StaffPage, found_or_404
from practice.staff.diary_layout import Scale, Strip, axis_of, day_words, strip, wall_time

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
            ),
        )

    @property
    def first(self) -> date:
        return self.day - timedelta(days=self.day.weekday()) if self.week else self.day

    @property
    def last(self) -> date:
        return self.first + timedelta(days=6) if self.week else self.day

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
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:diary')}?{query}"

    def strips(self, found: list[Day], *, now: datetime) -> list[Strip]:
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
                )
                for day in found
                for column in day.columns
            ]
        strips = []
        for day in found:
            if not day.columns and day.date.weekday() > 4:
                continue
            column = day.columns[0] if day.columns else Column(None, "", [])
            strips.append(
                strip(
                    column,
                    Scale(day.date, by_wall=True),
                    key=f"day-{day.date:%Y-%m-%d}",
                    title=f"{day.date:%a} {day.date.day} {day.date:%b}",
                    lines=[column.names, column.places] if day.columns else ["No session"],
                    now=now,
                )
            )
        return strips


# ---------------------------------------------------------------- the page


class Diary(StaffPage):
    """``?date=`` a day, ``&view=week`` its week; ``location=``, ``holder=``, ``session=``."""

    permission = "practice.view_appointment"
    template = "staff/diary/page.html"
    title = "Diary"

    def get(self, request: HttpRequest) -> HttpResponse:
        view = View.of(request.GET, today=self.today)
        people, places = people_and_places(self.practice)
        view = self.checked(view, people)
        if go := request.GET.get("go"):
            return redirect(f"{view.address()}#column-{go}")
        found = days(self.practice, view.first, view.last, view.choice, now=self.now)
        strips = view.strips(found, now=self.now)
        todays = []
        if not view.week:
            every = sessions_between(self.practice, view.day, view.day, Choice())
            todays = [session for session in every if not session.withdrawn]
        patients = [e.patient for day in found for c in day.columns for e in c.entries]
        shown = {"from": str(view.first), "to": str(view.last)}
        self.record_shown("diary.viewed", patients, **shown)
        step = timedelta(days=7 if view.week else 1)
        return self.render(
            is_fullwidth="1",
            view=view,
            heading=view.title,
            strips=strips,
            axis=axis_of(strips, Scale(view.day, by_wall=view.week)),
            hidden=sum(day.hidden for day in found),
            now_words=wall_time(self.now),
            now_at=next((one.now_at for one in strips if one.now_at), ""),
            people=people,
            places=places,
            sessions=todays,
            legend=LEGEND,
            links={
                "today": view.address(day=self.today),
                "previous": view.address(day=view.day - step, schedule=None),
                "next": view.address(day=view.day + step, schedule=None),
                "day": view.address(week=False),
                "week": view.address(week=True, schedule=None),
                "hidden": view.address(show_hidden=not view.choice.show_hidden),
                "print": self.clinic_list_of(view),
                "book": reverse("admin:practice_appointment_add"),
            },
            previous=step_words(view, view.first - step),
            next=step_words(view, view.first + step),
        )

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
            view = replace(view, choice=replace(choice, holder=people[0].pk, schedule=None))
        return view

    def clinic_list_of(self, view: View) -> str:
        chosen = {"date": view.day.isoformat(), "holder": view.choice.holder}
        if view.choice.schedule:
            chosen = {"schedule": view.choice.schedule}
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:clinic_list')}?{query}"


def step_words(view: View, day: date) -> str:
    """Return what the arrows lead to: Wed 18, or 9 Nov."""
    return f"{day.day} {day:%b}" if view.week else f"{day:%a} {day.day}"
