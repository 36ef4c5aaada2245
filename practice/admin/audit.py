"""Who saw and did what: for reading only (AUD-013, AUD-014).

The page that people search with is practice.staff.audit_trail; this has every column of an event.
"""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    TextFilter,
)
from unfold.decorators import display

from practice import clock
from practice.admin.base import ReadOnlyAdmin, tones
from practice.admin.filters import RangeDateTimeFilter
from practice.models import AuditEvent, Patient
from practice.reads.audit_trail import patients_named, patients_of
from practice.services.audit.recording import record_done
from practice.site.people import actor_of
from practice.site.trail_words import changed_fields, phrase


class ExactFilter(TextFilter):
    """Finds the events in which one column holds exactly what was typed."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(**{self.parameter_name: value}) if value else queryset


class PatientFilter(ExactFilter):
    title = "patient (its number in this site)"
    parameter_name = "patient_id"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        return queryset.filter(patient_id=int(value)) if value.isdecimal() else queryset.none()


class UserFilter(ExactFilter):
    title = "user ID"
    parameter_name = "user_id"


class UserOrganisationFilter(TextFilter):
    title = "the user's organisation"
    parameter_name = "user_organisation"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(user_organisation__icontains=value) if value else queryset


class TraceFilter(ExactFilter):
    title = "trace ID"
    parameter_name = "trace_id"


class EventFilter(TextFilter):
    title = "event"
    parameter_name = "event"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(event__icontains=value) if value else queryset


class OutcomeFilter(DropdownFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("done", "Done"), ("refused", "Refused"), ("failed", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "done":
                return queryset.filter(outcome__regex=r"^(ok|2\d\d)$")
            case "refused":
                return queryset.filter(outcome__regex=r"^(refused|[34]\d\d)$")
            case "failed":
                return queryset.exclude(outcome__regex=r"^(ok|refused|[234]\d\d)$")
        return queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = [
        "at",
        "through",
        "event",
        "result",
        "who",
        "user_organisation",
        "resource",
    ]
    list_display_links = ["at", "event"]
    list_fullwidth = True
    list_filter = [
        ("recorded_at", RangeDateTimeFilter),
        PatientFilter,
        UserFilter,
        UserOrganisationFilter,
        TraceFilter,
        EventFilter,
        OutcomeFilter,
        ("door", ChoicesDropdownFilter),
    ]
    list_select_related = ["organisation"]
    ordering = ["-recorded_at", "-id"]
    search_fields = ["user_id", "user_name", "user_organisation", "trace_id", "event", "resource"]
    search_help_text = "User, organisation, trace ID, event or record (Appointment/9)"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("at", "door"),
                    "in_words",
                    ("event", "outcome"),
                    ("spine_code", "trace_id"),
                    "diagnostics",
                ]
            },
        ),
        (
            "Who",
            {
                "fields": [
                    ("user_name", "user_id"),
                    ("user_role", "user_organisation"),
                    "on_authority_of",
                    ("device", "address"),
                ]
            },
        ),
        ("What", {"fields": ["patients", ("resource", "patient_id"), "detail_in_full"]}),
    ]

    def audit_list(self, request: HttpRequest, shown: ChangeList) -> None:
        """A look into the trail is in the trail."""
        asked = {name: values for name, values in request.GET.lists() if any(values)}
        for organisation in {event.organisation for event in shown.result_list}:
            record_done(
                "auditevent.searched",
                actor=actor_of(request, organisation),
                now=timezone.now(),
                practice=organisation,
                detail=asked,
            )

    def audit_page(self, request: HttpRequest, record: AuditEvent) -> None:
        """So is a look at one event, and at the patients whom it names."""
        shown = sorted(patient.pk for patient in self.patients_shown(record))
        self.audit(request, record, "viewed", {"patients": shown} if shown else {})

    def patients_shown(self, event: AuditEvent) -> list[Patient]:
        """Those whom an event names, in its order."""
        if event.organisation is None:
            return []
        found = patients_named(organisation=event.organisation, events=[event])
        return [found[pk] for pk in patients_of(event) if pk in found]

    @display(description="At", ordering="recorded_at")
    def at(self, event: AuditEvent) -> str:
        return f"{clock.local(event.recorded_at):%a %d %b %Y, %H:%M:%S}"

    @display(description="Through", ordering="door", label=tones(gp_connect="info"))
    def through(self, event: AuditEvent) -> tuple[str, str]:
        return event.door, event.get_door_display()

    @display(description="Outcome", label={"done": "success", "refused": "warning"})
    def result(self, event: AuditEvent) -> tuple[str, str]:
        code = f"{event.outcome} {event.spine_code}".strip()
        if event.outcome == "ok" or event.outcome.startswith("2"):
            return "done", "Done" if event.outcome == "ok" else code
        return "refused", "Refused" if code == "refused" else code

    @display(description="Who", ordering="user_name")
    def who(self, event: AuditEvent) -> str:
        role = f", {event.user_role}" if event.user_role else ""
        return f"{event.user_name or event.user_id or 'Unknown'}{role}"

    @display(description="In words")
    def in_words(self, event: AuditEvent) -> str:
        changed = changed_fields(event)
        return f"{self.who(event)}, {phrase(event)}{f': {changed}' if changed else ''}"

    @display(description="Patients")
    def patients(self, event: AuditEvent) -> str:
        links = (
            (reverse("admin:practice_patient_page", args=[patient.pk]), patient)
            for patient in self.patients_shown(event)
        )
        return format_html_join(", ", '<a href="{}" class="text-link">{}</a>', links) or "-"

    @display(description="Detail")
    def detail_in_full(self, event: AuditEvent) -> str:
        text = json.dumps(event.detail, indent=2, ensure_ascii=False)
        return format_html('<pre class="audit-detail">{}</pre>', text) if event.detail else "-"
