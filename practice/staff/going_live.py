"""Going live with another organisation: what its system needs to know, and a rehearsal with it."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.module_loading import import_string

from practice import nhs_number
from practice.exceptions import RehearsalRefused
from practice.models import Organisation, Rehearsal
from practice.reads import bookability, rehearsals
from practice.reads.rehearsal_report import Report
from practice.services import rehearsals as rehearsing
from practice.staff.base import RecordPage, StaffPage, found_or_404
from practice.staff.live import Part, answer, changed_parts, live_trail

PROGRESS = "rehearsal-progress"


class RehearsalForm(forms.ModelForm):
    """With whom."""

    class Meta:
        model = Rehearsal
        fields = ("name", "ods_code")
        labels: ClassVar[dict[str, str]] = {"name": "Name of the organisation"}


class GoingLive(StaffPage):
    """The page: what the other side needs, the rehearsals there are; POST begins one."""

    permission = "practice.view_rehearsal"
    template = "staff/going_live/page.html"
    title = "Going live with another organisation"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(RehearsalForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("practice.add_rehearsal"):
            raise PermissionDenied
        sent = request.POST.copy()
        sent["ods_code"] = sent.get("ods_code", "").strip().upper()
        form = RehearsalForm(sent)
        if not form.is_valid():
            return self.shown(form, status=422)
        try:
            begun = rehearsing.begin(
                organisation=self.practice, **form.cleaned_data, actor=self.actor, now=self.now
            )
        except RehearsalRefused as refusal:
            form.add_error(None, str(refusal))
            return self.shown(form, status=422)
        return self.done(
            f"The rehearsal with {begun.name} has begun.",
            reverse("admin:rehearsal", args=[begun.pk]),
        )

    def shown(self, form: RehearsalForm, status: int = 200) -> HttpResponse:
        return self.render(
            form=form,
            status=status,
            needed=needed(self.request, self.practice),
            is_open=bookability.is_open(self.practice),
            interactions=import_string(settings.GPCONNECT_INTERACTIONS),
            rehearsals=rehearsals.of_practice(organisation=self.practice)[:MOST_LISTED],
        )


MOST_LISTED = 50


def service_root(request: HttpRequest, practice: Organisation) -> str:
    """Return where the practice's FHIR addresses begin, as others reach it."""
    host = settings.GPCONNECT_HOST or request.get_host()
    return f"{request.scheme}://{host}/{practice.ods_code}/STU3/1/gpconnect"


def needed(request: HttpRequest, practice: Organisation) -> list[tuple[str, str, str]]:
    """Return what the other side is told of a practice: what it is, the text, what it is for."""
    root = service_root(request, practice)
    asid = practice.asid
    return [
        ("Service root", root, "Of all addresses, as it stands in the national directory (SDS)."),
        ("ODS code", practice.ods_code, "How the practice is found in the national directory."),
        ("ASID", asid, "What the header Ssp-To must hold."),
        (
            "Directory of Services, endpoint address",
            f"ODS:{practice.ods_code}",
            "For 111: of the FHIR scheduling endpoint, with this prefix.",
        ),
        (
            "The same where the directory takes ASIDs",
            f"ASID:{asid}" if asid else "",
            "Ask the area’s DoS lead which of the two they enter.",
        ),
    ]


class RehearsalPage(RecordPage):
    """One rehearsal: what was done of it; POST ``do=seen`` or ``do=end``."""

    permission = "practice.view_rehearsal"
    model = Rehearsal
    template = "staff/going_live/rehearsal.html"
    title = "Rehearsal"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        given = live_trail(self.practice)
        rehearsal = self.rehearsal(pk)
        return self.render(
            title=f"Rehearsal with {rehearsal.name}",
            rehearsal=rehearsal,
            progress=self.progress(rehearsal),
            live=given,
            live_changes=reverse("admin:rehearsal_changes", args=[pk]),
            needed=needed(request, self.practice),
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm("practice.change_rehearsal"):
            raise PermissionDenied
        here, rehearsal = reverse("admin:rehearsal", args=[pk]), self.rehearsal(pk)
        if request.POST.get("do") == "end":
            ended = rehearsing.end_by_staff(rehearsal, actor=self.actor, now=self.now)
            return self.done(
                f"The rehearsal has ended: {ended.get_ending_display().lower()}.", here
            )
        try:
            rehearsing.see_booking(rehearsal, actor=self.actor, now=self.now)
        except RehearsalRefused as refusal:
            return self.refused(str(refusal), here)
        return self.done("The booking is as they say: ticked.", here)

    def rehearsal(self, pk: int) -> Rehearsal:
        return found_or_404(rehearsals.rehearsal_of(organisation=self.practice, pk=pk))

    def progress(self, rehearsal: Rehearsal) -> Part:
        """What changes while the page is open."""
        report = Report.of(rehearsal)
        context = {
            "practice": self.practice,
            "rehearsal": rehearsal,
            "report": report,
            "now": self.now,
            "is_over": rehearsal.ended_at is None and rehearsal.ends_at <= self.now,
            "what": in_words(report) if rehearsal.ended_at is None else {},
        }
        return Part(self.request, PROGRESS, "staff/going_live/progress.html", context)


class RehearsalChanges(RehearsalPage):
    """What has changed of it since a page showed it: for live.js, and nobody else."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        given = live_trail(self.practice)
        part = self.progress(self.rehearsal(pk))
        return JsonResponse(answer(given, changed_parts(request, [part])))


def in_words(report: Report) -> dict[str, Any]:
    """What each step asks of the other side."""
    test, not_registered = report.patients
    times = [each.start for each in report.offered]
    return {
        "day": report.day,
        "times": times,
        "restricted": report.restricted,
        "test": test,
        "test_number": nhs_number.spaced(test.nhs_number),
        "not_registered": not_registered,
        "not_registered_number": nhs_number.spaced(not_registered.nhs_number),
        "booked": report.booked,
    }
