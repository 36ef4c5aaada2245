"""The page of a template: a session from blocks, what comes of it, and what others will see of it.

Every button works without JavaScript: it sends the whole form, and the page comes back with the
blocks as they are now. With JavaScript the timeline follows each change.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from practice.exceptions import PracticeError
from practice.models import SessionTemplate
from practice.reads import directory, slot_types, templates
from practice.services.templates import end_template, remove_template, save_template
from practice.site.addresses import number
from practice.site.fields import WEEKDAYS, DayField
from practice.site.services import check_chosen
from practice.site.slot_types import suggested_types
from practice.site.widgets import datalist
from practice.staff.base import RecordPage, StaffPage, found_or_404
from practice.staff.block_edits import BlockEdits
from practice.staff.template_forms import (
    BLOCK_FIELDS,
    FIRST_BLOCK,
    SLOT_TYPES,
    template_forms,
)
from practice.staff.template_preview import TemplatePreview

WEEKDAY_NAMES = [day[:3] for day in WEEKDAYS]


class TemplateEditor(StaffPage):
    """What adding and changing a template have in common: the forms, their buttons, the preview."""

    template = "staff/template_editor/page.html"

    def edit(self, record: SessionTemplate) -> HttpResponse:
        """Do what a button of the form says: rearrange the blocks, save, or only show."""
        sent = self.request.POST
        what, _, row = sent.get("do", "show").partition("-")
        if what in {"add", "break", "copy", "up", "down", "remove"}:
            rearranged = BlockEdits(sent)
            focus = rearranged.do(what, number(row) if row else -1)
            return self.show(*template_forms(record, sent=rearranged.sent), focus=focus)
        form, formset = template_forms(record, sent=sent)
        valid = form.is_valid() & formset.is_valid()
        if valid:
            is_offered = any(block.gp_connect_bookable for block in formset.blocks)
            check_chosen(form, is_offered=is_offered, organisation=self.practice)
            valid = form.is_valid()
        if what not in {"save", "apply"}:
            return self.show(form, formset)
        if not valid:
            return self.show(form, formset, status=422)
        try:
            saved = save_template(
                template=form.instance,
                blocks=formset.blocks,
                actor=self.actor,
                now=self.now,
                cloned_from=self.origin,
            )
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
            return self.show(form, formset, status=422)
        return self.saved(saved, go_on=what == "apply")

    @property
    def origin(self) -> int | None:
        """The template that a new one is the copy of."""
        return None

    def may(self, verb: str) -> bool:
        return self.request.user.has_perm(f"practice.{verb}_sessiontemplate")

    def saved(self, template: SessionTemplate, *, go_on: bool) -> HttpResponse:
        back = self.back("")
        if not go_on:
            where = reverse("admin:practice_sessiontemplate_change", args=[template.pk])
            where += f"?{urlencode({'back': back})}" if back else ""
            return self.done("Saved. The diary follows when it is applied.", where)
        first = max(self.today, template.effective_from)
        plan = plan_of(template, first) + (f"&{urlencode({'back': back})}" if back else "")
        return self.done("Saved. This is what applying it would do.", plan)

    def show(
        self,
        form: Any,
        formset: Any,
        *,
        complain: bool = True,
        focus: int | None = None,
        status: int = 200,
    ) -> HttpResponse:
        if form.is_bound:
            form.is_valid()
            formset.is_valid()
        template = form.instance
        preview = TemplatePreview(template, formset, organisation=self.practice, now=self.now)
        live = self.request.headers.get("HX-Request") == "true"
        practice = self.practice
        return self.render(
            template="staff/template_editor/live.html" if live else "",
            status=200 if live else status,
            title=self.heading,
            form=form,
            formset=formset,
            preview=preview,
            calendar=preview.calendar(),
            complain=complain,
            focus=None if focus is None else f"blocks-{focus}",
            wrong=complain and bool(form.errors or formset.total_error_count()),
            changed=form.is_bound and status == 200,
            weekday_names=WEEKDAY_NAMES,
            slot_types="" if live else datalist(SLOT_TYPES, suggested_types(practice)),
            unmapped=0 if live else slot_types.number_unmapped(organisation=practice),
            may_save=self.may("change" if template.pk else "add"),
            may_apply=self.request.user.has_perm("practice.add_generationrun"),
            live=live,
            back=self.back(""),
        )

    @property
    def heading(self) -> str:
        return self.title


class AddTemplate(TemplateEditor):
    """A new template, or with ``?copy=`` the copy of another, ``&other_week=1`` a week later."""

    permission = "practice.add_sessiontemplate"
    title = "Add a template"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """The template that is copied."""
        return [(SessionTemplate, self.origin or 0)]

    @property
    def origin(self) -> int | None:
        return number(self.request.GET.get("copy", "")) or None

    def get(self, request: HttpRequest) -> HttpResponse:
        if self.origin:
            template, blocks = self.copy(self.origin)
        else:
            template, blocks = self.blank(), [FIRST_BLOCK]
        return self.show(*template_forms(template, first_blocks=blocks), complain=False)

    def post(self, request: HttpRequest) -> HttpResponse:
        if self.origin:
            found_or_404(templates.template_of(organisation=self.practice, pk=self.origin))
        return self.edit(SessionTemplate(organisation=self.practice))

    def blank(self) -> SessionTemplate:
        """A new template, at the practice's only place if it has one."""
        template = SessionTemplate(organisation=self.practice, effective_from=self.today)
        places = list(directory.locations(organisation=self.practice)[:2])
        if len(places) == 1:
            template.location = places[0]
        return template

    def copy(self, pk: int) -> tuple[SessionTemplate, list[dict[str, Any]]]:
        """The copy of a template, not saved, and of its blocks; maybe for the other week."""
        template = found_or_404(templates.template_of(organisation=self.practice, pk=pk))
        blocks = [
            {name: getattr(block, name) for name in BLOCK_FIELDS}
            for block in templates.blocks_in_order().filter(template=template)
        ]
        template.pk, template._state.adding = None, True
        template.organisation, template.effective_to = self.practice, None
        if self.request.GET.get("other_week"):
            template.effective_from += timedelta(weeks=1)
        elif template.every_n_weeks == 1:
            template.effective_from = max(self.today, template.effective_from)
        return template, blocks


class EditTemplate(RecordPage, TemplateEditor):
    """A stored template: whoever may see templates reads it, some change it."""

    permission = "practice.view_sessiontemplate"
    model = SessionTemplate
    name = ""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(*template_forms(self.record(pk)), complain=False)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.may("change"):
            raise PermissionDenied("Only some roles may plan sessions.")
        return self.edit(self.record(pk))

    def record(self, pk: int) -> SessionTemplate:
        found = found_or_404(templates.template_of(organisation=self.practice, pk=pk))
        found.organisation = self.practice
        self.name = str(found)  # as it is stored, whatever is typed
        return found

    @property
    def heading(self) -> str:
        return self.name


# ---------------------------------------------------------------- ending


class EndForm(forms.Form):
    """The last day on which a template runs."""

    last_date = DayField(
        label="Last date",
        help_text="Sessions until then stay. Those after it are withdrawn when this is applied.",
    )


class EndTemplate(RecordPage):
    """The last date of a template; one that no session was ever made from can be removed."""

    permission = "practice.change_sessiontemplate"
    template = "staff/template_editor/end.html"
    title = "End a template"
    model = SessionTemplate

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        template = self.record(pk)
        usual = template.effective_to or max(self.today, template.effective_from)
        return self.show(template, EndForm(initial={"last_date": usual}))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        template = self.record(pk)
        which: dict[str, Any] = {
            "organisation": self.practice,
            "template_id": template.pk,
            "actor": self.actor,
            "now": self.now,
        }
        if request.POST.get("do") == "remove":
            return self.remove(template, which)
        form = EndForm(request.POST)
        if not form.is_valid():
            return self.show(template, form, status=422)
        try:
            ended = end_template(**form.cleaned_data, **which)
        except PracticeError as refusal:
            form.add_error("last_date", str(refusal))
            return self.show(template, form, status=422)
        first = max(self.today, form.cleaned_data["last_date"] + timedelta(days=1))
        return self.done("Saved. This is what applying it would do.", plan_of(ended, first))

    def remove(self, template: SessionTemplate, which: dict[str, Any]) -> HttpResponse:
        if not self.request.user.has_perm("practice.delete_sessiontemplate"):
            raise PermissionDenied("Only some roles may remove templates.")
        try:
            remove_template(**which)
        except PracticeError as refusal:
            return self.refused(str(refusal), self.request.path)
        return self.done(
            f"Removed: {template}.", reverse("admin:practice_sessiontemplate_changelist")
        )

    def record(self, pk: int) -> SessionTemplate:
        return found_or_404(templates.template_of(organisation=self.practice, pk=pk))

    def show(self, template: SessionTemplate, form: EndForm, status: int = 200) -> HttpResponse:
        return self.render(
            status=status,
            record=template,
            form=form,
            has_sessions=templates.sessions_made_from(template).exists(),
        )


def plan_of(template: SessionTemplate, first: date) -> str:
    """Return the address of what applying a template from a day on would do."""
    return f"{reverse('admin:practice_generationrun_add')}?template={template.pk}&from={first}"
