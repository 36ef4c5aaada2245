"""What one organisation is offered, and every reason for every slot that it is not.

The offered slots come from the query that the API's search asks, in its order; the reasons come
from the same rule asked of each slot (practice.reads.bookability).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock, terminology
from practice.models import Organisation, Slot
from practice.reads import bookability
from practice.reads.bookability import BookingParty, Reason, Refusal
from practice.site.widgets import date_input
from practice.staff.base import StaffPage

LONGEST = timedelta(days=14)
PER_PAGE = 100


class VisibilityForm(forms.Form):
    """Who would ask, and for which days."""

    ods_code = forms.CharField(
        label="ODS code", required=False, max_length=20, help_text="Empty: none is sent."
    )
    organisation_type = forms.ChoiceField(label="Organisation type", required=False)
    first = forms.DateField(label="From", widget=date_input())
    last = forms.DateField(label="To", widget=date_input(), help_text="At most two weeks.")

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


@dataclass(frozen=True)
class Hidden:
    """A slot that is not offered, with every reason."""

    slot: Slot
    refusals: list[Refusal]

    @property
    def reasons(self) -> list[tuple[Refusal, str]]:
        """Each reason and where it is changed; asked for what a page shows, not for all."""
        return [(refusal, where_changed(refusal.reason, self.slot)) for refusal in self.refusals]


@dataclass(frozen=True)
class Count:
    """How often a reason is the first, is there at all, and is the only one."""

    reason: Reason
    first: int
    all: int
    only: int


@dataclass(frozen=True)
class Explanation:
    """The whole answer of the page."""

    offered: list[Slot]
    hidden: list[Hidden]
    counts: list[Count]

    @property
    def total(self) -> int:
        return len(self.offered) + len(self.hidden)

    @property
    def sentence(self) -> str:
        """41 of 312 slots are offered; most of the others are not GP Connect bookable: 180."""
        if not self.total:
            return "There are no slots on these days."
        offered = len(self.offered)
        said = f"{offered} of {self.total} slots {'is' if offered == 1 else 'are'} offered"
        if not self.hidden:
            return f"{said}."
        most = max(self.counts, key=lambda count: count.first)
        words = most.reason[0].lower() + most.reason[1:]
        return f"{said}; what most often hides the others: {words} ({most.first})."


def explain(
    *, organisation: Organisation, requester: BookingParty, first: date, last: date, now: Any
) -> Explanation:
    """Explain the diary of some days to a requester: a constant number of queries."""
    span = {"start__gte": clock.day_start(first), "end__lte": clock.day_end(last)}
    # Each session once, not once for each of its slots.
    with_profiles = ("schedule__session_holder", "schedule__access_profile", "access_profile")
    every = list(
        Slot.objects.filter(organisation=organisation, **span)
        .exclude(status=Slot.Status.ENTERED_IN_ERROR)
        .prefetch_related(*with_profiles)
        .order_by("start", "pk")
    )
    asked = bookability.offered(organisation=organisation, requester=requester, now=now)
    order = {pk: place for place, pk in enumerate(_in_order_of_the_api(asked.filter(**span)))}
    profiles = {p.pk: p for slot in every if (p := bookability.effective_profile(slot))}
    taken = bookability.usage(profiles.values(), now)
    offered, hidden = [], []
    for slot in every:
        if slot.pk in order:
            offered.append(slot)
            continue
        refusals = bookability.refusals(
            slot, organisation=organisation, requester=requester, now=now, taken=taken
        )
        hidden.append(Hidden(slot, refusals))
    offered.sort(key=lambda slot: order[slot.pk])
    return Explanation(offered, hidden, _counts(hidden))


def _in_order_of_the_api(found: Any) -> list[int]:
    return list(found.order_by("start", "pk").values_list("pk", flat=True))


def _counts(hidden: list[Hidden]) -> list[Count]:
    first: Counter[Reason] = Counter()
    every: Counter[Reason] = Counter()
    only: Counter[Reason] = Counter()
    for each in hidden:
        reasons = [refusal.reason for refusal in each.refusals]
        first.update(reasons[:1])
        every.update(reasons)
        if len(reasons) == 1:
            only.update(reasons)
    return [
        Count(reason, first[reason], every[reason], only[reason])
        for reason in sorted(every, key=lambda reason: (-first[reason], reason))
    ]


def where_changed(reason: Reason, slot: Slot) -> str:
    """Return the address of the page on which a reason can be changed."""
    profile = bookability.effective_profile(slot)
    of_slot = reverse("admin:practice_slot_change", args=[slot.pk])
    of_session = reverse("admin:practice_schedule_change", args=[slot.schedule_id])
    if reason in {Reason.GP_CONNECT_OFF, Reason.APPOINTMENTS_OFF}:
        return reverse("admin:practice_organisation_change", args=[slot.organisation_id])
    if reason in {Reason.OTHER_TYPES, Reason.OTHER_CODES, Reason.LIMIT_USED_UP} and profile:
        return reverse("admin:practice_accessprofile_change", args=[profile.pk])
    if reason in {Reason.NO_ROLE, Reason.SESSION_WITHDRAWN}:
        return of_session
    for limit, limited in (
        ("booking_window_days", Reason.BEFORE_WINDOW),
        ("embargo_minutes", Reason.EMBARGOED),
        ("minimum_notice_minutes", Reason.TOO_LATE),
    ):
        if reason is limited and getattr(slot, limit) is None:
            if getattr(slot.schedule, limit) is not None:
                return of_session
            return reverse("admin:practice_organisation_change", args=[slot.organisation_id])
    return of_slot


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
        hidden = [
            each
            for each in explanation.hidden
            if not wanted or any(refusal.reason.name == wanted for refusal in each.refusals)
        ]
        asked.pop("page", None)
        address = asked.urlencode()
        asked.pop("reason", None)
        return self.render(
            form=form,
            explanation=explanation,
            offered=Paginator(explanation.offered, PER_PAGE).get_page(request.GET.get("offered")),
            hidden=Paginator(hidden, PER_PAGE).get_page(request.GET.get("page")),
            wanted=wanted,
            address=address,
            without_reason=asked.urlencode(),
        )
