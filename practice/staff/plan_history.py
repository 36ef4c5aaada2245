"""What happened to a template, a closure or a run, in words: out of the audit trail."""

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.models import Closure, GenerationRun, SessionTemplate
from practice.reads.closures import closure_of
from practice.reads.history import plan_history
from practice.reads.runs import run_of
from practice.reads.templates import template_of
from practice.services.audit.recording import resource_of
from practice.staff.base import found_or_404
from practice.staff.history import TrailHistory


class PlanHistory(TrailHistory):
    """The history of one record that is planned, the newest first."""

    def record(self, pk: int) -> Model | None:
        """Return the record, if it is the practice's."""
        raise NotImplementedError

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        record = found_or_404(self.record(pk))
        return self.show_trail(
            heading=str(record),
            found=plan_history(record, organisation=self.practice),
            resource=resource_of(record),
            back=reverse(f"admin:practice_{record._meta.model_name}_change", args=[pk]),
        )


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
