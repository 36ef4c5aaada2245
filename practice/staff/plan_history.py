"""What happened to a template, a closure or a run, in words: out of the audit trail."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.models import AuditEvent, Closure, GenerationRun, SessionTemplate
from practice.reads.closures import closure_of
from practice.reads.plan_history import events_of
from practice.reads.runs import run_of
from practice.reads.templates import template_of
from practice.services.audit.recording import record_done, resource_of
from practice.staff.base import RecordPage, found_or_404

EVENTS = {
    "sessiontemplate.add": "Added",
    "sessiontemplate.change": "Changed",
    "sessiontemplate.clone": "Copied from another",
    "closure.create": "Closed",
    "closure.change": "Changed",
    "diary.generate": "Applied to the diary",
}


class PlanHistory(RecordPage):
    """The history of one record, the newest first, for those who may read the audit trail."""

    template = "staff/plan_history/page.html"
    title = "History"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm("practice.view_auditevent"):
            raise PermissionDenied("Only some roles may read the audit trail.")
        return super().dispatch(request, *args, **kwargs)

    def record(self, pk: int) -> Model | None:
        """Return the record, if it is the practice's."""
        raise NotImplementedError

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        record = found_or_404(self.record(pk))
        events = list(events_of(record, organisation=self.practice))
        record_done(  # A look into the trail is in the trail too (AUD-014).
            "auditevent.searched",
            practice=self.practice,
            actor=self.actor,
            now=self.now,
            detail={"resource": resource_of(record)},
        )
        page = f"admin:practice_{record._meta.model_name}_change"
        return self.render(
            record=record,
            entries=[(event, what_happened(event), list(changes_in(event))) for event in events],
            back=reverse(page, args=[pk]),
        )


def what_happened(event: AuditEvent) -> str:
    """Return what was done, or the event's own name."""
    return EVENTS.get(event.event, event.event)


def changes_in(event: AuditEvent) -> Iterator[tuple[str, str, str]]:
    """Return what an event changed: which column of what, from what, to what."""
    detail = event.detail
    yield from _rows("", detail.get("changes", {}))
    for record in detail.get("records", []):
        for verb in ("added", "changed", "removed"):
            if what := record.get(verb):
                values = {name: {"from": value} for name, value in record.get("values", {}).items()}
                yield from _rows(f"{what} {verb}: ", record.get("changes", values))


def _rows(before: str, changes: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for name, change in changes.items():
        words = f"{before}{name.replace('_', ' ')}"
        yield (
            words[:1].upper() + words[1:],
            in_words(change.get("from")),
            in_words(change.get("to")),
        )


def in_words(value: Any) -> str:
    """Return a value of the trail as a person says it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


class TemplateHistory(PlanHistory):
    permission = "practice.view_sessiontemplate"
    title = "History of a template"
    model = SessionTemplate

    def record(self, pk: int) -> SessionTemplate | None:
        return template_of(organisation=self.practice, pk=pk)


class ClosureHistory(PlanHistory):
    permission = "practice.view_closure"
    title = "History of a closure"
    model = Closure

    def record(self, pk: int) -> Closure | None:
        return closure_of(organisation=self.practice, pk=pk)


class RunHistory(PlanHistory):
    permission = "practice.view_generationrun"
    title = "History of a run"
    model = GenerationRun

    def record(self, pk: int) -> GenerationRun | None:
        return run_of(organisation=self.practice, pk=pk)
