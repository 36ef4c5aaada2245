"""What one organisation is offered, and every reason for every slot that it is not."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from practice import terminology
from practice.reads.bookability import WHENEVER, Refusal
from practice.reads.profile_limits import BookingParty
from practice.reads.visibility import Explained, explain, in_full
from practice.site.fields import DayField
from practice.site.mending import where_mended
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation_type"]
        field.choices = [("", "None is sent"), *terminology.organisation_types()]

    def clean_ods_code(self) -> str:
        return str(self.cleaned_data["ods_code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", "The last day is before the first.")
        elif first and last and last - first > LONGEST:
            self.add_error("last", "A search may span two weeks at most.")
        return cleaned

    @property
    def requester(self) -> BookingParty:
        code, kind = self.cleaned_data["ods_code"], self.cleaned_data["organisation_type"]
        return BookingParty(
            frozenset({code}) if code else frozenset(), frozenset({kind}) if kind else frozenset()
        )


class Visibility(StaffPage):
    """The page: ``?ods_code=&organisation_type=&first=&last=``."""

    permission = "practice.view_accessprofile"
    template = "staff/visibility/page.html"
    title = "Visibility"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.copy()
        asked.setdefault("first", str(self.today))
        asked.setdefault("last", str(self.today + timedelta(days=6)))
        form = VisibilityForm(asked)
        if not form.is_valid():
            return self.render(form=form, status=422)
        explanation = explain(
            organisation=self.practice,
            requester=form.requester,
            first=form.cleaned_data["first"],
            last=form.cleaned_data["last"],
            now=self.now,
        )
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
            wanted=wanted,
            address=address,
            without_reason=asked.urlencode(),
        )


def with_links(each: Explained) -> list[tuple[Refusal, str]]:
    """Each reason against a slot, and where it is mended; asked for what a page shows only."""
    return [(refusal, where_mended(refusal.reason, each.slot)) for refusal in each.refusals]
