"""Applying templates to a range of dates: see what it would do, then do that and no other.

Nothing happens before the last button. It sends what was shown; when the diary has changed
meanwhile, the new plan is shown with the differences marked, and is confirmed again.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from practice.exceptions import PlanChanged, PracticeError
from practice.models import Appointment, GenerationRun, Organisation, SessionTemplate
from practice.reads.closures import appointments_named
from practice.reads.runs import run_of
from practice.reads.templates import templates
from practice.services.generation import runs
from practice.services.generation.plans import COUNTED, Plan
from practice.site.addresses import number, read_date
from practice.site.fields import DayField, ManyRecordsField
from practice.site.plan_words import run_in_words, skipped_in_words
from practice.staff.base import RecordPage, StaffPage, found_or_404
from practice.staff.plan_rows import (
    VERBS,
    Row,
    WeekOfRows,
    as_text,
    from_text,
    in_words,
    parse_moment,
    row_of,
    whole_in_words,
)

WEEKS = 4
MOST_WEEKS = 26
UNFOLDED = 8  # of more weeks than these, only those that need a person are open at first
CHANGED = "The diary has changed since you looked. Nothing was applied: this is the new plan."


class RangeForm(forms.Form):
    """Which templates (none ticked: all of them), and from which day to which."""

    template: Any = ManyRecordsField(
        queryset=None,
        required=False,
        label="Templates",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["from"] = DayField(label="From")
        self.fields["to"] = DayField(
            label="To", help_text=f"The last day. At most {MOST_WEEKS} weeks at a time."
        )
        chosen: Any = self.fields["template"]
        chosen.queryset = templates(organisation=organisation)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and last < first:
            self.add_error("to", "The last day is before the first.")
        elif first and last and last - first >= timedelta(weeks=MOST_WEEKS):
            self.add_error("to", f"At most {MOST_WEEKS} weeks at a time: choose an earlier day.")
        return cleaned

    @property
    def chosen(self) -> list[SessionTemplate]:
        """The templates that are ticked; none: all of them."""
        return list(self.cleaned_data["template"])

    def plan(self, *, organisation: Organisation, now: datetime) -> Plan:
        """What applying would do, as seen at that moment."""
        return runs.plan(
            organisation=organisation,
            from_date=self.cleaned_data["from"],
            to_date=self.cleaned_data["to"],
            now=now,
            template_ids=[template.pk for template in self.chosen] or None,
        )


class Apply(StaffPage):
    """``?template=&from=&to=``: the plan, of some templates or of all; posted, it is applied."""

    permission = "practice.add_generationrun"
    template = "staff/generation/page.html"
    title = "Apply templates to the diary"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """One of the templates that are named."""
        return [(SessionTemplate, number(self.sent.get("template", "")))]

    def get(self, request: HttpRequest) -> HttpResponse:
        self.check_templates(request.GET.getlist("template"))
        asked = request.GET.copy()
        first = read_date(asked.get("from", "")) or self.today
        asked.setdefault("from", str(first))
        asked.setdefault("to", str(first + timedelta(weeks=WEEKS, days=-1)))
        form = RangeForm(asked, organisation=self.practice)
        if not form.is_valid():
            return self.render(form=form, status=422)
        return self.show(form)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.check_templates(request.POST.getlist("template"))
        form = RangeForm(request.POST, organisation=self.practice)
        if not form.is_valid():
            return self.render(form=form, status=422)
        shown_at = parse_moment(request.POST.get("shown_at", ""))
        if shown_at is None or shown_at > self.now:
            return self.show(form, warning=CHANGED, status=409)
        shown = form.plan(organisation=self.practice, now=shown_at)
        if shown.digest != request.POST.get("digest"):
            return self.show(form, warning=CHANGED, status=409)
        try:
            run = runs.apply(shown, actor=self.actor, now=self.now, started_by=self.reader)
        except PlanChanged:
            return self.show(form, warning=CHANGED, status=409)
        except PracticeError as refusal:
            return self.show(form, warning=str(refusal), status=422)
        said = format_html(
            'Applied. {}. <a href="{}" class="text-link">See the record of this run</a>.',
            run_in_words(run),
            reverse("admin:practice_generationrun_change", args=[run.pk]),
        )
        asked: list[tuple[str, Any]] = [("template", each.pk) for each in form.chosen]
        asked += [(name, form.cleaned_data[name]) for name in ("from", "to")]
        asked += [("back", back)] if (back := self.back("")) else []
        return self.done(said, f"{reverse('admin:practice_generationrun_add')}?{urlencode(asked)}")

    def check_templates(self, sent: list[str]) -> None:
        """Answer 404 for a template that is not this practice's."""
        wanted = {number(each) for each in sent if each}
        own = set(
            templates(organisation=self.practice).filter(pk__in=wanted).values_list("pk", flat=True)
        )
        if wanted != own:
            raise Http404("There is no such template at this practice.")

    def show(self, form: RangeForm, *, warning: str = "", status: int = 200) -> HttpResponse:
        plan = form.plan(organisation=self.practice, now=self.now)
        weeks = self.weeks(plan)
        rows = [row for week in weeks for row in week.rows]
        gone = self.compare(rows) if warning else []
        words = whole_in_words(plan)
        return self.render(
            status=status,
            form=form,
            plan=plan,
            chosen=form.chosen,
            weeks=weeks,
            all_open=len(weeks) <= UNFOLDED,
            rows=len(rows),
            counts=plan.counts,
            skips=sum(len(row.reasons) for row in rows),
            gone=gone,
            button=f"Apply: {words}" if words else "",
            seen=as_text(rows),
            shown_at=self.now.isoformat(),
            warning=warning,
            back=self.back(""),
        )

    def weeks(self, plan: Plan) -> list[WeekOfRows]:
        """The plan as rows to read: one for each session that changes or is skipped."""
        people = self.people(plan)
        found = []
        for week in plan.weeks:
            rows: dict[tuple[date, str], list[Row]] = defaultdict(list)
            for session in week.sessions:
                rows[session.date, session.title].append(row_of(session, people))
            for item in week.skipped:
                if not rows[item.date, item.what]:
                    rows[item.date, item.what].append(Row(item.date, item.what))
                rows[item.date, item.what][0].reasons.append(item.reason)
            ordered = sorted(
                (row for alike in rows.values() for row in alike), key=lambda row: row.day
            )
            named = sum(row.left or 0 for row in ordered)
            found.append(WeekOfRows(week.from_date, week.to_date, ordered, week.slots_left - named))
        return found

    def people(self, plan: Plan) -> dict[int, Appointment]:
        """Who would be orphaned, or fit again, by name; that somebody saw them is audited."""
        ids = {held.id for s in plan.sessions for held in (*s.orphan, *s.unorphan)}
        if not ids:
            return {}
        if not self.reader.has_perm("practice.view_appointment"):
            raise PermissionDenied
        people = {a.pk: a for a in appointments_named(ids, organisation=self.practice)}
        self.record_shown("template_plan.viewed", [a.patient_id for a in people.values()])
        return people

    def compare(self, rows: list[Row]) -> list[str]:
        """Mark what differs from the plan that was shown; return what is no longer in it."""
        seen = from_text(self.request.POST.get("seen", ""))
        for row in rows:
            before = seen.pop(row.key, None)
            if before is None:
                row.news = "New since you looked."
            elif before[: len(VERBS)] != row.as_seen[: len(VERBS)]:
                was = in_words(dict(zip(VERBS, before, strict=False)))
                row.news = f"Changed since you looked: it was {was or 'nothing'}."
            elif before[len(VERBS) :] != row.as_seen[len(VERBS) :]:
                row.news = "Changed since you looked: whom it orphans, or what is skipped."
        return [f"{day:%a %d %b}, {key[11:]}" for key in seen if (day := read_date(key[:10]))]


class Run(RecordPage):
    """What a run did, and what it skipped, each with its reason."""

    permission = "practice.view_generationrun"
    template = "staff/generation/run.html"
    title = "Generation run"
    model = GenerationRun

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = found_or_404(run_of(organisation=self.practice, pk=pk))
        return self.render(
            run=run, title=f"Generated: {run}", skipped=skipped_in_words(run), numbers=numbers(run)
        )


def numbers(run: GenerationRun) -> list[tuple[str, int]]:
    """Return what a run counted, in the words of the model."""
    return [(name.replace("_", " "), getattr(run, name)) for name in COUNTED if hasattr(run, name)]
