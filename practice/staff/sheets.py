"""Spreadsheets: a practice's records out, and in after a look at what that would do.

A file is uploaded, shown with every difference and every fault, confirmed or cancelled. A process
of its own imports it; the page says how far it is, and who closes it stops nothing.
"""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import slugify

from practice.exceptions import PracticeError, SheetRefused, SheetUnreadable
from practice.models import SheetImport
from practice.reads.sheets import import_of, imports
from practice.services.sheets import process
from practice.services.sheets.exports import blank, export
from practice.services.sheets.imports import STALE, cancel, confirm, go_on, plan, upload
from practice.services.sheets.kinds import KINDS
from practice.sheet_files import CONTENT_TYPES, MOST_BYTES, MOST_ROWS
from practice.staff.base import RecordPage, StaffPage, found_or_404

PERMISSION = "practice.use_spreadsheets"
LATEST = 20
SHOWN = 100  # rows of each verdict; the rest is counted
# What becomes of rows, in the order in which a person wants to know.
VERDICTS = {
    "wrong": "Rows that are wrong",
    "changed": "Rows that change a record",
    "new": "Rows that make a new record",
}


class UploadForm(forms.Form):
    """A file, and what it is about."""

    kind = forms.ChoiceField(label="What is in it")
    file = forms.FileField(
        label="File",
        help_text=f"Excel (XLSX) or CSV: {MOST_BYTES // 2**20} MB and {MOST_ROWS:,} rows at most.",
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds: Any = self.fields["kind"]
        kinds.choices = [(kind, SheetImport.Kind(kind).label) for kind in KINDS]

    def clean_file(self) -> Any:
        sent = self.cleaned_data["file"]
        if sent.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file is too large: {MOST_BYTES // 2**20} MB at most. Divide it among several."
            )
        return sent


class Sheets(StaffPage):
    """Every kind of records to take out, a form to bring some in, and the latest imports."""

    permission = PERMISSION
    template = "staff/sheets/page.html"
    title = "Spreadsheets"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(UploadForm(initial={"kind": request.GET.get("kind")}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            sent = form.cleaned_data["file"]
            try:
                sheet = upload(
                    organisation=self.practice,
                    kind=form.cleaned_data["kind"],
                    file_name=sent.name,
                    content=sent.read(),
                    uploaded_by=self.reader,
                    actor=self.actor,
                    now=self.now,
                )
            except SheetUnreadable as refusal:
                form.add_error("file", str(refusal))
            else:
                return HttpResponse(status=303, headers={"Location": address_of(sheet)})
        return self.show(form, status=422)

    def show(self, form: UploadForm, status: int = 200) -> HttpResponse:
        kinds = [
            (kind, SheetImport.Kind(kind).label, records.columns) for kind, records in KINDS.items()
        ]
        latest = imports(organisation=self.practice)[:LATEST]
        return self.render(form=form, kinds=kinds, latest=latest, status=status)


class SheetFile(StaffPage):
    """A file of all records of a kind; ``?blank=1``: of the headings only."""

    permission = PERMISSION

    def get(self, request: HttpRequest, kind: str, format: str) -> HttpResponse:
        if kind not in KINDS or format not in CONTENT_TYPES:
            raise Http404("There is no such spreadsheet.")
        if request.GET.get("blank"):
            content, what = blank(kind=kind, format=format), "blank"
        else:
            content = export(
                organisation=self.practice,
                kind=kind,
                format=format,
                actor=self.actor,
                now=self.now,
            )
            what = str(self.today)
        called = slugify(f"{kind} {self.practice.ods_code} {what}")
        return HttpResponse(
            content,
            content_type=CONTENT_TYPES[format],
            headers={"Content-Disposition": f'attachment; filename="{called}.{format}"'},
        )


class SheetPage(RecordPage):
    """One import: what it would do, how far it is, or what became of it."""

    permission = PERMISSION
    template = "staff/sheets/import.html"
    model = SheetImport

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        sheet = self.find(pk)
        if sheet.status == SheetImport.Status.UPLOADED:
            return self.preview(sheet)
        return self.show(sheet)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        sheet = self.find(pk)
        asked: dict[str, Any] = {"organisation": self.practice, "sheet_id": pk}
        asked |= {"actor": self.actor, "now": self.now}
        do = request.POST.get("do")
        try:
            if do == "cancel":
                cancel(**asked)
                return self.done("Cancelled. The file is removed.", reverse("admin:sheets"))
            if do == "go_on":
                go_on(**asked)
            else:
                confirm(digest=request.POST.get("digest", ""), **asked)
        except SheetRefused as refusal:
            if self.find(pk).status == SheetImport.Status.UPLOADED:
                return self.preview(sheet, warning=str(refusal), status=409)
            return self.refused(str(refusal), address_of(sheet))
        except PracticeError as refusal:
            return self.refused(str(refusal), address_of(sheet))
        process.start(pk)
        return HttpResponse(status=303, headers={"Location": address_of(sheet)})

    def find(self, pk: int) -> SheetImport:
        return found_or_404(import_of(organisation=self.practice, pk=pk))

    def preview(self, sheet: SheetImport, *, warning: str = "", status: int = 200) -> HttpResponse:
        try:
            planned = plan(sheet, now=self.now)
        except SheetUnreadable as refusal:
            return self.show(sheet, warning=str(refusal), status=422)
        groups = []
        for verdict, heading in VERDICTS.items():
            rows = [row for row in planned.rows if row.verdict == verdict]
            groups.append((verdict, heading, rows[:SHOWN], len(rows) - SHOWN))
        shown = [row for _, _, rows, _ in groups for row in rows]
        if patients := [row.patient_id for row in shown if row.patient_id]:
            self.record_shown("spreadsheet.viewed", patients, spreadsheet=sheet.pk)
        counts = {
            verdict: planned.count(verdict) for verdict in ("new", "changed", "same", "wrong")
        }
        return self.show(
            sheet,
            warning=warning,
            status=status,
            groups=groups,
            counts=counts,
            digest=planned.digest,
            to_do=counts["new"] + counts["changed"],
        )

    def show(self, sheet: SheetImport, *, status: int = 200, **more: Any) -> HttpResponse:
        title = f"{sheet.get_kind_display()} from {sheet.file_name}"
        return self.render(title=title, status=status, **progress_of(sheet, self), **more)


class SheetProgress(RecordPage):
    """How far an import is: for the page that stays open, and nobody else."""

    permission = PERMISSION
    template = "staff/sheets/progress.html"
    model = SheetImport

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        sheet = found_or_404(import_of(organisation=self.practice, pk=pk))
        if sheet.status != SheetImport.Status.RUNNING:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return self.render(**progress_of(sheet, self))


def progress_of(sheet: SheetImport, page: StaffPage) -> dict[str, Any]:
    """What a page says of how far an import is."""
    is_running = sheet.status == SheetImport.Status.RUNNING
    return {
        "sheet": sheet,
        "is_running": is_running,
        "is_waiting": is_running and page.now - sheet.seen_at > STALE,
        "percent": 100 * sheet.rows_done // max(sheet.rows, 1),
    }


def address_of(sheet: SheetImport) -> str:
    return reverse("admin:sheet", args=[sheet.pk])
