"""What one organisation is offered, and every reason for every slot that it is not."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock, terminology
from practice.models import Organisation
from practice.reads.bookability import WHENEVER, Reason, Refusal
from practice.reads.causes import Cause, causes
from practice.reads.directory import possible_holders
from practice.reads.profile_limits import BookingParty
from practice.reads.visibility import (
    Explained,
    Explanation,
    SlotRow,
    explain,
    in_full,
    organisations_known,
)
from practice.site.fields import DayField
from practice.site.mending import where_mended
from practice.site.spreadsheets import spreadsheet
from practice.site.widgets import SuggestingInput, time_input
from practice.staff.base import StaffPage

LONGEST = timedelta(days=14)
PER_PAGE = 100


class VisibilityForm(forms.Form):
    """Who would ask, and for which days."""

    ods_code = forms.CharField(
        label="ODS code", required=False, max_length=20, help_text="Empty: none is sent."
    )
    organisation_type = forms.ChoiceField(label="Organisation type", required=False)
    first = DayField(label="From")
    last = DayField(label="To", help_text="At most two weeks.")
    holder: Any = forms.ModelChoiceField(
        queryset=None, label="Session holder", required=False, empty_label="All"
    )
    at_day = DayField(label="As seen on", required=False, help_text="Empty: now.")
    at_time = forms.TimeField(label="At", required=False, widget=time_input())

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["organisation_type"].choices = [
            ("", "None is sent"),
            *terminology.organisation_types(),
        ]
        fields["ods_code"].widget = SuggestingInput()
        fields["ods_code"].widget.suggested = organisations_known(organisation=organisation).items()
        fields["holder"].queryset = possible_holders(organisation=organisation)

    def clean_ods_code(self) -> str:
        return str(self.cleaned_data["ods_code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", "The last day is before the first.")
        elif first and last and last - first > LONGEST:
            self.add_error("last", "A search may span two weeks at most.")
        if cleaned.get("at_time") and not cleaned.get("at_day") and "at_day" not in self.errors:
            self.add_error("at_day", "Say on which day.")
        return cleaned

    @property
    def moment(self) -> datetime | None:
        """The moment at which they would ask; None: now."""
        day, at = self.cleaned_data["at_day"], self.cleaned_data["at_time"]
        if day is None:
            return None
        return clock.instant(day, at) if at else clock.day_start(day)

    @property
    def requester(self) -> BookingParty:
        code, kind = self.cleaned_data["ods_code"], self.cleaned_data["organisation_type"]
        return BookingParty(
            frozenset({code}) if code else frozenset(), frozenset({kind}) if kind else frozenset()
        )


class Visibility(StaffPage):
    """``?ods_code=&organisation_type=&first=&last=&holder=&at_day=&at_time=``; ``&csv=1``."""

    permission = "practice.view_accessprofile"
    template = "staff/visibility/page.html"
    title = "Visibility"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.copy()
        asked.setdefault("first", str(self.today))
        asked.setdefault("last", str(self.today + timedelta(days=6)))
        form = VisibilityForm(asked, organisation=self.practice)
        if not form.is_valid():
            return self.render(form=form, status=422)
        explanation = self.explained(form)
        if request.GET.get("csv"):
            return self.file(form, explanation)
        wanted = request.GET.get("reason", "")
        not_offered = [
            each
            for each in explanation.not_offered
            if not wanted or any(reason.name == wanted for reason in each.reasons)
        ]
        shown = Paginator(not_offered, PER_PAGE).get_page(request.GET.get("page"))
        doubtful = in_full(explanation.doubtful, organisation=self.practice, asked=WHENEVER)
        doubts = {doubt: each.slot for each in doubtful for doubt in each.refusals}
        asked.pop("page", None)
        address = asked.urlencode()
        here = f"{request.path}?{address}"
        asked.pop("reason", None)
        return self.render(
            form=form,
            explanation=explanation,
            offered=Paginator(explanation.offered, PER_PAGE).get_page(request.GET.get("offered")),
            not_offered=shown,
            reasons=[
                (each, with_links(each))
                for each in in_full(
                    list(shown), organisation=self.practice, asked=explanation.asked
                )
            ],
            doubts=[(doubt, where_mended(doubt.reason, slot)) for doubt, slot in doubts.items()],
            causes=[
                (cause, where_planned(cause, here))
                for cause in causes(explanation.not_offered, organisation=self.practice)
            ],
            moment=form.moment,
            wanted=wanted,
            address=address,
            without_reason=asked.urlencode(),
        )

    def explained(self, form: VisibilityForm) -> Explanation:
        """Return the answer to what the form asks."""
        found = explain(
            organisation=self.practice,
            requester=form.requester,
            first=form.cleaned_data["first"],
            last=form.cleaned_data["last"],
            now=form.moment or self.now,
        )
        holder = form.cleaned_data["holder"]
        return found.of_holder(holder.pk) if holder else found

    def file(self, form: VisibilityForm, explanation: Explanation) -> HttpResponse:
        """Answer with every slot and all reasons against it, for a spreadsheet."""
        rows: list[tuple[SlotRow, str, tuple[Reason, ...]]] = [
            (slot, "yes", ()) for slot in explanation.offered
        ]
        rows += [(each.slot, "no", each.reasons) for each in explanation.not_offered]
        rows.sort(key=lambda row: (row[0].start, row[0].pk))
        first, last = form.cleaned_data["first"], form.cleaned_data["last"]
        return spreadsheet(
            f"visibility-{self.practice.ods_code}-{first}-to-{last}.csv",
            [
                ("Day", "From", "To", "Slot type", "Channel", "With", "At", "Offered", "Reasons"),
                *(
                    (
                        str(clock.local(slot.start).date()),
                        f"{clock.local(slot.start):%H:%M}",
                        f"{clock.local(slot.end):%H:%M}",
                        slot.slot_type,
                        slot.delivery_channel,
                        str(slot.schedule.session_holder or slot.schedule.session_name),
                        str(slot.schedule.location),
                        offered,
                        "; ".join(reasons),
                    )
                    for slot, offered, reasons in rows
                ),
            ],
        )


def where_planned(cause: Cause, back: str) -> str:
    """The block in its template's editor, from which the way leads back to the question."""
    page = reverse("admin:practice_sessiontemplate_change", args=[cause.template.pk])
    anchor = f"#blocks-{cause.place}" if cause.block else ""
    return f"{page}?{urlencode({'back': back})}{anchor}"


def with_links(each: Explained) -> list[tuple[Refusal, str]]:
    """Each reason against a slot, and where it is mended; asked for what a page shows only."""
    return [(refusal, where_mended(refusal.reason, each.slot)) for refusal in each.refusals]
