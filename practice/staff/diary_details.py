"""What the pages of one appointment, slot or session have in common: read it, change it.

A page of its own, which for an appointment or a slot also opens beside the diary (htmx) where the
window is wide enough. Each change is one form of that page and one call of a service.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers

from practice.exceptions import PracticeError, VersionConflict
from practice.models import Schedule
from practice.reads.diary_changes import changes_of_days
from practice.reads.diary_columns import days
from practice.reads.diary_rows import sessions_between
from practice.reads.diary_views import saved_views
from practice.staff.base import RecordPage
from practice.staff.diary import View, column_of
from practice.staff.diary_layout import address_of, block_key, time_words, wall_time

CHANGED = (
    "Somebody else has changed this since you opened it. Nothing was changed: "
    "here is how it is now."
)


class Detail(RecordPage):
    """One record: read, and changed by the forms on it.

    A page of its own, or, asked for by htmx, the part that opens beside the diary; after a change
    that part comes with the column it changed and the words to announce. ``?ask=`` opens the form
    of a change that needs words first.
    """

    template = "staff/diary/detail.html"
    part: ClassVar[str]
    what: ClassVar[str]
    change: ClassVar[str]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.find(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.may_change:
            raise PermissionDenied
        record = self.find(pk)
        do = self.steps.get(request.POST.get("do", ""))
        if do is None:
            raise Http404("There is no such change.")
        form = self.form_of(request.POST["do"], record, request.POST)
        if form is not None and not form.is_valid():
            return self.show(record, form=form, status=422)
        try:
            said = do(record, form)
        except VersionConflict:
            now = self.find(pk)
            return self.show(now, problem=self.what_changed(now), status=409)
        except PracticeError as refusal:
            return self.show(self.find(pk), problem=str(refusal), form=form, status=422)
        if request.htmx:  # type: ignore[attr-defined]
            return self.show(self.find(pk), said=said)
        here = address_of(self.what, pk)
        return self.done(said, f"{here}?{urlencode({'back': self.address_back(record)})}")

    @property
    def steps(self) -> dict[str, Callable[[Any, Any], str]]:
        """What can be done, by name: given the record and the form, do it and say so in words."""
        raise NotImplementedError

    def form_of(self, step: str, record: Any, sent: QueryDict | None) -> forms.Form | None:
        """Return the form of a step that has one; ``sent`` is what somebody wrote into it."""
        return None

    @property
    def may_change(self) -> bool:
        return self.request.user.has_perm(self.change)

    @property
    def expected_version(self) -> str:
        """The version that the form was made from; a form without one is never up to date."""
        return self.request.POST.get("expected_version", "") or "none"

    def find(self, pk: int) -> Any:
        """Return the record of this practice, or answer 404."""
        raise NotImplementedError

    def facts(self, record: Any) -> dict[str, Any]:
        """Return what the template shows of the record."""
        raise NotImplementedError

    def what_changed(self, record: Any) -> str:
        """Say that somebody else was quicker, and what they did if that is known."""
        return CHANGED

    def show(
        self,
        record: Any,
        *,
        said: str = "",
        problem: str = "",
        form: forms.Form | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """Show it, beside the diary or as a page; then what was said or refused."""
        facts = self.facts(record)
        back = self.address_back(record)
        self.record_view(record, facts)
        beside: bool = self.request.htmx  # type: ignore[attr-defined]
        changed = beside and self.request.method == "POST"
        ask = self.request.GET.get("ask", "")
        if status == 422:  # the form again, with what was written and what is wrong with it
            ask = self.request.POST.get("do", "")
        response = self.render(
            template="staff/diary/answer.html" if beside else "",
            status=status,
            part=self.part,
            here=address_of(self.what, record.pk),
            back=back,
            beside=beside,
            said=said,
            problem=problem,
            may_change=self.may_change,
            ask=ask,
            form=form or self.form_of(ask, record, None),
            typed=self.request.POST,
            changed_column=self.column_of(self.session_of(record), back) if changed else "",
            **facts,
        )
        patch_vary_headers(response, ["HX-Request"])
        return response

    def record_view(self, record: Any, facts: dict[str, Any]) -> None:
        """Audit which patients were shown, if any: ``facts`` are what the template shows."""

    # ------------------------------------------------------------ the diary behind

    def session_of(self, record: Any) -> Schedule:
        session: Schedule = record.schedule
        return session

    def address_back(self, record: Any) -> str:
        """The page from which this was opened, at the block or row: as a form or the browser says.

        That is the diary or a patient's page; else the diary of the day.
        """
        address = (self.back("") or came_from(self.request)).partition("#")[0]
        if not leads_back(address.partition("?")[0]):
            address = View(self.session_of(record).date).address()
        return f"{address}#{block_key(self.what, record.pk)}"

    def column_of(self, schedule: Schedule, back: str) -> str:
        """Return the column of the diary behind that shows this session, as it is now."""
        query = QueryDict(back.partition("#")[0].partition("?")[2])
        view = View.of(query, today=self.today)
        views = saved_views(organisation=self.practice, user=self.reader)
        view = view.in_saved(views, remembered=True)
        if not view.first <= schedule.date <= view.last:
            return ""
        choice = replace(view.choice, holder=schedule.session_holder_id)
        if choice.holder is None:
            choice = replace(choice, location=schedule.location_id)
        changes = changes_of_days(self.practice.pk, schedule.date, schedule.date)
        schedules = sessions_between(self.practice, schedule.date, schedule.date, choice)
        found = days(
            self.practice,
            schedule.date,
            schedule.date,
            choice,
            now=self.now,
            schedules=schedules,
        )
        entries = [e for day in found for c in day.columns for e in c.entries]
        patients = [entry.patient for entry in entries]
        self.record_shown("diary.viewed", patients, **{"from": str(schedule.date)})
        key = view.key_of(schedule)
        strips = view.strips(found, view.versions(schedules, changes), now=self.now)
        found_there = next((one for one in strips if one.key == key), None)
        if found_there is None:
            return ""
        return column_of(found_there, view, self.request, today=self.today, swap=True)


def came_from(request: HttpRequest) -> str:
    """Return the page of ours from which the browser came, if it says so."""
    referer = request.headers.get("Referer", "")
    host = request.build_absolute_uri("/")
    return f"/{referer.removeprefix(host)}" if referer.startswith(host) else ""


def leads_back(path: str) -> bool:
    """Whether a page lists appointments, so that one goes back to it."""
    try:
        return resolve(path).url_name in {"diary", "practice_patient_page"}
    except Resolver404:
        return False


def when_words(start: datetime, end: datetime, today: date) -> str:
    """Return Today 10:50–11:00, or with the day: Thu 19 Nov 2026 10:50–11:00."""
    return f"{time_words(start, today)}–{wall_time(end)}"
