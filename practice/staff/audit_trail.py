"""Audit trail: who looked at this patient, what did this person or organisation do, and when.

The page never counts what it finds: it shows the newest events, and leads on to older ones.
"""

import io
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.http import FileResponse, HttpRequest, HttpResponse

from practice import nhs_number
from practice.exceptions import PatientNotFound
from practice.models import AuditEvent, Patient
from practice.reads.audit_trail import event_with_id, older_than, patients_named, patients_of
from practice.services.audit import exporting
from practice.services.audit.exporting import Search
from practice.site.addresses import number
from practice.site.fields import DayField
from practice.site.trail_words import changed_fields, phrase
from practice.staff.base import StaffPage, found_or_404

USUAL = timedelta(days=27)
PAGE = 50
NAMED = 3  # of the patients whom a page showed: the event's own page names them all


class SearchForm(forms.Form):
    """What a privacy officer asks for; nothing is required, and all that is said must hold."""

    from_date = DayField(label="From", required=False)
    to_date = DayField(label="To", required=False)
    nhs_number = forms.CharField(
        label="Patient's NHS number",
        required=False,
        max_length=14,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    user = forms.CharField(label="User ID or name", required=False, max_length=200)
    user_organisation = forms.CharField(label="User's organisation", required=False, max_length=200)
    door = forms.ChoiceField(
        label="Through", required=False, choices=[("", "Any way"), *AuditEvent.Door.choices]
    )
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[("", "Any"), *((key, key.capitalize()) for key in exporting.OUTCOMES)],
    )
    event = forms.CharField(label="Event", required=False, max_length=100)
    resource = forms.CharField(
        label="Record, such as Appointment/9", required=False, max_length=100
    )
    trace_id = forms.CharField(label="Trace ID", required=False, max_length=100)

    def clean_nhs_number(self) -> str:
        digits = str(self.cleaned_data["nhs_number"]).replace(" ", "").replace("-", "")
        if digits and not nhs_number.is_valid(digits):
            raise forms.ValidationError(
                "This is not an NHS number: ten digits, the last a check digit."
            )
        return digits

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_date"), cleaned.get("to_date")
        if first and last and last < first:
            self.add_error("to_date", "The last day is before the first.")
        return cleaned


@dataclass(frozen=True)
class Line:
    """An event in words: what was done, which fields changed, and the first patients concerned."""

    event: AuditEvent
    phrase: str
    changed: str
    named: list[Patient]
    patients: int

    @property
    def others(self) -> int:
        return self.patients - len(self.named)


class AuditTrail(StaffPage):
    """The fields of SearchForm, ``&older=`` an event's id, or ``&csv=1`` for a file of them all."""

    permission = "practice.view_auditevent"
    template = "staff/audit_trail/page.html"
    title = "Audit trail"

    def get(self, request: HttpRequest) -> HttpResponse | FileResponse:
        asked = request.GET.copy()
        asked.setdefault("from_date", str(self.today - USUAL))
        asked.setdefault("to_date", str(self.today))
        form = SearchForm(asked)
        if not form.is_valid():
            return self.render(form=form, status=422)
        search = Search(**form.cleaned_data)
        try:
            patient = search.patient(self.practice)
        except PatientNotFound:
            form.add_error("nhs_number", "No patient of this practice has this NHS number.")
            return self.render(form=form, status=422)
        if request.GET.get("csv"):
            return self.file(search)
        older = request.GET.get("older", "")
        shown, is_more = self.shown(search, patient, older)
        for name in ("older", "csv"):
            asked.pop(name, None)
        return self.render(
            form=form,
            patient=patient,
            lines=shown,
            oldest=shown[-1].event.pk if is_more else None,
            is_newest=not older,
            address=asked.urlencode(),
        )

    def shown(self, search: Search, patient: Patient | None, older: str) -> tuple[list[Line], bool]:
        """Return a page of events, the newest first, and whether there are more; audited."""
        found = search.events(self.practice, patient).order_by("-recorded_at", "-pk")
        if older.isascii() and older.isdecimal():
            last = event_with_id(organisation=self.practice, event_id=number(older))
            found = older_than(found, found_or_404(last))
        events = list(found[: PAGE + 1])
        shown = events[:PAGE]
        patients = patients_named(organisation=self.practice, events=shown, most=NAMED)
        lines = [self.line(event, patients) for event in shown]
        search.record(
            organisation=self.practice,
            patient=patient,
            actor=self.actor,
            now=self.now,
            event=exporting.SEARCHED,
            patients=sorted(patients),
        )
        return lines, len(events) > PAGE

    def line(self, event: AuditEvent, patients: dict[int, Patient]) -> Line:
        """Return an event as the page says it."""
        ids = patients_of(event)
        named = [patients[pk] for pk in ids[:NAMED] if pk in patients]
        return Line(event, phrase(event), changed_fields(event), named, len(ids))

    def file(self, search: Search) -> FileResponse:
        """Answer with all that the search finds, for a spreadsheet: it may be too much to hold."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        exporting.export(
            organisation=self.practice,
            output=text,
            format="csv",
            actor=self.actor,
            now=self.now,
            search=search,
        )
        text.flush()
        text.detach()
        file.seek(0)
        dates = "-to-".join(str(day) for day in (search.from_date, search.to_date) if day)
        return FileResponse(
            file,
            as_attachment=True,
            filename=f"audit-{self.practice.ods_code}-{dates or 'all'}.csv",
            content_type="text/csv; charset=utf-8",
        )
