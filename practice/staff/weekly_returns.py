"""Weekly returns: which were made, when, by whom, with which hash; and their files."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import reverse

from practice.models import WeeklyReturn
from practice.reads.weekly_return import (
    last_return,
    last_whole_week,
    name_of,
    return_of,
    returns_made,
)
from practice.services.audit.recording import record_done
from practice.services.weekly_return import is_as_made, path_of
from practice.staff.base import RecordPage, StaffPage, found_or_404

PER_PAGE = 20
PERMISSION = "practice.view_weeklyreturn"
FILES = {"csv": "CSV", "ndjson": "NDJSON", "manifest": "Manifest"}
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "manifest": "application/json",
}


class WeeklyReturns(StaffPage):
    """``?page=`` of the returns that were made, the latest week first."""

    permission = PERMISSION
    template = "staff/weekly_returns/page.html"
    title = "Weekly returns"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = returns_made(organisation=self.practice).select_related("organisation")
        shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        first_day = last_whole_week(self.today)
        there = last_return(organisation=self.practice, first_day=first_day)
        folder = Path(settings.RETURNS_FOLDER)
        return self.render(
            shown=shown,
            rows=[(each, path_of(each, "manifest", folder).exists()) for each in shown],
            files=FILES.items(),
            is_missing=there is None,
            first=first_day,
            last=first_day + timedelta(days=6),
        )


class WeeklyReturnFile(RecordPage):
    """A file of a return, as it was made; not where it is no longer that."""

    permission = PERMISSION
    title = "Weekly returns"
    model = WeeklyReturn

    def get(self, request: HttpRequest, pk: int, kind: str) -> FileResponse | HttpResponse:
        made = found_or_404(return_of(organisation=self.practice, pk=pk))
        if kind not in FILES:
            raise Http404("A return has no such file.")
        folder = Path(settings.RETURNS_FOLDER)
        if not is_as_made(made, kind, folder):
            return self.refused(
                "The file is not where returns are kept, or is not as it was made.",
                reverse("admin:weekly_returns"),
            )
        record_done(
            "weekly_return.downloaded",
            made,
            actor=self.actor,
            now=self.now,
            detail={"file": kind, "week": made.first_day.isoformat(), "number": made.number},
        )
        path = path_of(made, kind, folder)
        called = (
            f"{name_of(made)}-manifest.json" if kind == "manifest" else f"{name_of(made)}.{kind}"
        )
        return FileResponse(
            path.open("rb"), content_type=TYPES[kind], as_attachment=True, filename=called
        )
