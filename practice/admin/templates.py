"""The lists of what repeats and what does not: templates, closures, and generation runs.

Each row and the Add button lead to the page of the job, at the same addresses (practice.staff).
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from practice import clock
from practice.admin.base import ListAdmin, OwnRelatedFilter, tones
from practice.admin.filters import RangeDateFilter
from practice.models import Closure, GenerationRun, SessionTemplate
from practice.reads.templates import with_blocks
from practice.site.plan_words import closure_in_words, days_in_words, run_in_words, slots_in


class RunningFilter(DropdownFilter):
    title = "running"
    parameter_name = "running"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Running"), ("later", "Not yet"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = clock.today(timezone.now())
        match self.value():
            case "now":
                return queryset.filter(effective_from__lte=today).exclude(effective_to__lt=today)
            case "later":
                return queryset.filter(effective_from__gt=today)
            case "ended":
                return queryset.filter(effective_to__lt=today)
        return queryset


@admin.register(SessionTemplate)
class SessionTemplateAdmin(ListAdmin):
    list_display = [
        "session_name",
        "session_holder",
        "location",
        "on",
        "times",
        "contents",
        "dates",
        "state",
    ]
    list_filter = [
        RunningFilter,
        ("session_holder", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
        ("practitioner_role", ChoicesDropdownFilter),
        ("access_profile", OwnRelatedFilter),
    ]
    list_select_related = ["organisation", "session_holder", "location"]
    search_fields = [
        "session_name",
        "session_holder__family_name",
        "session_holder__given_names",
        "location__name",
        "blocks__slot_type",
    ]
    search_help_text = "Session, session holder, location or slot type"
    list_fullwidth = True
    actions = ["see_plan"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionTemplate]:
        return with_blocks(super().get_queryset(request))

    def has_generate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.add_generationrun")

    @admin.action(
        description="See what applying these templates would do", permissions=["generate"]
    )
    def see_plan(
        self, request: HttpRequest, queryset: QuerySet[SessionTemplate]
    ) -> HttpResponse | None:
        chosen = list(queryset.values_list("pk", "organisation"))
        if not chosen:  # somebody else has removed them meanwhile
            return None
        if len({practice for _, practice in chosen}) > 1:
            self.message_user(
                request, "Choose templates of one practice at a time.", messages.ERROR
            )
            return None
        asked = urlencode([("template", pk) for pk, _ in chosen])
        return redirect(f"{reverse('admin:practice_generationrun_add')}?{asked}")

    @display(description="On")
    def on(self, template: SessionTemplate) -> str:
        return days_in_words(template)

    @display(description="Times")
    def times(self, template: SessionTemplate) -> str:
        blocks = list(template.blocks.all())
        return f"{blocks[0].start:%H:%M} to {blocks[-1].end:%H:%M}" if blocks else "No blocks"

    @display(description="Slots")
    def contents(self, template: SessionTemplate) -> str:
        blocks = [block for block in template.blocks.all() if block.slot_minutes]
        total = sum(map(slots_in, blocks))
        outside = sum(slots_in(block) for block in blocks if block.gp_connect_bookable)
        return f"{total} ({outside} outside)" if outside else str(total)

    @display(description="Dates", ordering="effective_from")
    def dates(self, template: SessionTemplate) -> str:
        first, last = template.effective_from, template.effective_to
        return f"{first:%d %b %Y} to {last:%d %b %Y}" if last else f"from {first:%d %b %Y}"

    @display(description="State", label={"Running": "success", "Not yet": "info"})
    def state(self, template: SessionTemplate) -> str:
        today = clock.today(timezone.now())
        if template.effective_to and template.effective_to < today:
            return "Ended"
        return "Running" if template.effective_from <= today else "Not yet"


@admin.register(Closure)
class ClosureAdmin(ListAdmin):
    list_display = ["period_in_words", "what", "name", "where", "who", "time_left"]
    list_display_links = ["period_in_words", "name"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("start_date", RangeDateFilter),
        ("practitioner", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
    ]
    list_select_related = ["organisation", "location", "practitioner"]
    date_hierarchy = "start_date"
    search_fields = ["name", "practitioner__family_name", "location__name", "kind"]
    search_help_text = "Name, practitioner or location"

    @display(description="When", ordering="start_date")
    def period_in_words(self, closure: Closure) -> str:
        return closure_in_words(closure)

    @display(
        description="Kind",
        ordering="kind",
        label=tones(sick="danger", closed="warning", bank_holiday="info"),
    )
    def what(self, closure: Closure) -> tuple[str, str]:
        return closure.kind, closure.get_kind_display()

    @display(description="Where", ordering="location__name")
    def where(self, closure: Closure) -> str:
        return str(closure.location) if closure.location else "Everywhere"

    @display(description="Who", ordering="practitioner__family_name")
    def who(self, closure: Closure) -> str:
        return str(closure.practitioner) if closure.practitioner else "Everybody"

    @display(description="State", label={"Now": "warning", "To come": "info"})
    def time_left(self, closure: Closure) -> str:
        start, end = closure.period
        now = timezone.now()
        if end <= now:
            return "Over"
        return "Now" if start <= now else "To come"


@admin.register(GenerationRun)
class GenerationRunAdmin(ListAdmin):
    list_display = ["started_at", "dates", "result", "did", "started_by"]
    list_filter = [("status", ChoicesDropdownFilter), ("from_date", RangeDateFilter)]
    list_select_related = ["organisation", "started_by"]
    date_hierarchy = "started_at"
    search_fields = ["started_by__username", "error"]
    search_help_text = "Who started it"

    @display(description="Dates", ordering="from_date")
    def dates(self, run: GenerationRun) -> str:
        return f"{run.from_date:%d %b %Y} to {run.to_date:%d %b %Y}"

    @display(
        description="Result",
        ordering="status",
        label=tones(done="success", failed="danger", running="warning"),
    )
    def result(self, run: GenerationRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="What it did")
    def did(self, run: GenerationRun) -> str:
        return run_in_words(run)
