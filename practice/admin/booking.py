"""What has been taken: appointments, read here, and changed by the booking service alone."""

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from practice import nhs_number, terminology
from practice.admin.base import OwnRelatedFilter, OwnTabularInline, ReadOnlyAdmin, tones
from practice.admin.directory import parse_date
from practice.admin.filters import WhenFilter
from practice.admin.pages import PageForm, ask, done, found, textarea
from practice.models import Appointment, AppointmentSlot
from practice.services.appointments import booking, changing
from practice.site.people import actor_of
from practice.site.words import day_and_time, day_in_words, times_in_words


class HeldSlotInline(OwnTabularInline):
    """The slots that the appointment has, or had until it was cancelled."""

    model = AppointmentSlot
    readonly_fields = ["times", "slot_link", "held"]
    fields = [*readonly_fields]
    can_delete = False
    hide_title = True
    verbose_name_plural = "slots"
    ordering = ["slot__start"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppointmentSlot]:
        return super().get_queryset(request).select_related("slot")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.view_appointment")

    @display(description="Time")
    def times(self, held: AppointmentSlot) -> str:
        return day_and_time(held.slot.start, held.slot.end)

    @display(description="Slot")
    def slot_link(self, held: AppointmentSlot) -> str:
        url = reverse("admin:practice_slot_change", args=[held.slot_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, held.slot.slot_type)

    @display(description="Held")
    def held(self, held: AppointmentSlot) -> str:
        return "Given back" if held.released else "Yes"


class CancelForm(PageForm):
    reason = forms.CharField(
        label="Reason",
        max_length=300,
        widget=textarea(),
        help_text="Other organisations that retrieve the appointment can read it.",
    )


class AmendForm(PageForm):
    description = forms.CharField(
        label="Reason for the appointment",
        max_length=booking.DESCRIPTION_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="At most 100 characters. Other organisations can read it.",
    )
    comment = forms.CharField(
        label="Comment",
        max_length=booking.COMMENT_LENGTH,
        required=False,
        widget=textarea(),
        help_text="At most 500 characters.",
    )
    version = forms.CharField(widget=forms.HiddenInput())


class AttentionFilter(DropdownFilter):
    title = "needs somebody"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("orphaned", "Orphaned: no longer planned"), ("moved", "Moved from another time")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "orphaned":
                return queryset.filter(orphaned=True)
            case "moved":
                return queryset.filter(moved_from__isnull=False)
        return queryset


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    list_display = [
        "day",
        "time",
        "patient_name",
        "number",
        "state",
        "holder",
        "place",
        "slot_type",
        "door",
        "booked_for",
    ]
    list_display_links = ["day", "patient_name"]
    list_fullwidth = True
    list_filter = [
        WhenFilter,
        ("start", RangeDateTimeFilter),
        ("status", ChoicesDropdownFilter),
        AttentionFilter,
        ("booked_via", ChoicesDropdownFilter),
        ("schedule__session_holder", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
        ("delivery_channel", ChoicesDropdownFilter),
        ("orphaned", BooleanRadioFilter),
        ("access_profile", OwnRelatedFilter),
    ]
    list_select_related = ["organisation", "patient", "schedule__session_holder", "location"]
    date_hierarchy = "start"
    search_fields = [
        "patient__family_name__istartswith",
        "patient__given_names__icontains",
        "patient__nhs_number",
        "booking_organisation_name",
        "booking_organisation_ods_code",
        "schedule__session_holder__family_name",
        "description",
    ]
    search_help_text = (
        "Patient's name, NHS number or date of birth, booking organisation, session holder"
    )
    ordering = ["start", "id"]
    actions_detail = ["amend", "cancel"]
    inlines = [HeldSlotInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("when", "state_in_words"),
                    ("patient_in_words", "with_whom"),
                    ("location", "kind"),
                    "description",
                    "comment",
                    "cancellation_reason",
                ]
            },
        ),
        (
            "Who booked it",
            {"fields": [("booked_in_words", "created_in_words"), "booking_organisation"]},
        ),
        ("History", {"fields": ["history", ("version", "links")]}),
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a patient by a number however it is spaced, or by a date of birth."""
        if born := parse_date(search_term):
            return queryset.filter(patient__birth_date=born), False
        digits = search_term.replace(" ", "").replace("-", "")
        if digits.isdecimal():
            return queryset.filter(patient__nhs_number__startswith=digits), False
        return super().get_search_results(request, queryset, search_term.replace(",", " "))

    def patients_in_row(self, record: Appointment) -> list[int]:
        return [record.patient_id]

    # What people can do.

    def found(self, request: HttpRequest, object_id: str) -> Appointment:
        """Return the appointment that a page asks about; showing it counts as opening it."""
        appointment: Appointment = found(self, request, object_id)
        if request.method == "GET":
            self.audit_page(request, appointment)
        return appointment

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.change_appointment")

    @action(
        description="Cancel appointment",
        permissions=["cancel"],
        url_path="cancel",
        icon="event_busy",
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self.found(request, object_id)
        url = reverse("admin:practice_appointment_change", args=[appointment.pk])

        def act(form: CancelForm) -> HttpResponse:
            actor, now = actor_of(request, appointment.organisation), timezone.now()
            with transaction.atomic():
                locked = changing.appointment_for_change(
                    organisation=appointment.organisation,
                    appointment_id=appointment.pk,
                    actor=actor,
                    now=now,
                )
                changing.cancel_appointment(
                    appointment=locked, reason=form.cleaned_data["reason"], actor=actor, now=now
                )
            return done(request, "Cancelled. Its slots are free again.", url)

        cancelled = appointment.status == Appointment.Status.CANCELLED
        return ask(
            self,
            request,
            form_class=CancelForm,
            title="Cancel this appointment?",
            facts=facts_of(appointment),
            warning="It has already been cancelled." if cancelled else "",
            button="Cancel the appointment",
            danger=True,
            act=act,
            back=url,
        )

    @action(description="Amend", permissions=["cancel"], url_path="amend", icon="edit")
    def amend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self.found(request, object_id)
        url = reverse("admin:practice_appointment_change", args=[appointment.pk])

        def act(form: AmendForm) -> HttpResponse:
            actor, now = actor_of(request, appointment.organisation), timezone.now()
            with transaction.atomic():
                locked = changing.appointment_for_change(
                    organisation=appointment.organisation,
                    appointment_id=appointment.pk,
                    actor=actor,
                    now=now,
                    expected_version=form.cleaned_data["version"],
                )
                changing.amend_appointment(
                    appointment=locked,
                    description=form.cleaned_data["description"],
                    comment=form.cleaned_data["comment"],
                    actor=actor,
                    now=now,
                )
            return done(request, "Amended.", url)

        return ask(
            self,
            request,
            form_class=AmendForm,
            title="Amend this appointment",
            facts=facts_of(appointment),
            button="Save",
            act=act,
            back=url,
            initial={
                "description": appointment.description,
                "comment": appointment.comment,
                "version": appointment.version,
            },
        )

    # What the list shows.

    @display(description="Day", ordering="start")
    def day(self, appointment: Appointment) -> str:
        return day_in_words(appointment.start)

    @display(description="Time")
    def time(self, appointment: Appointment) -> str:
        return times_in_words(appointment.start, appointment.end)

    @display(description="When", ordering="start")
    def when(self, appointment: Appointment) -> str:
        return day_and_time(appointment.start, appointment.end)

    @display(description="Patient", ordering="patient__family_name")
    def patient_name(self, appointment: Appointment) -> str:
        return str(appointment.patient)

    @display(description="NHS number")
    def number(self, appointment: Appointment) -> str:
        return nhs_number.spaced(appointment.patient.nhs_number)

    @display(
        description="State",
        ordering="status",
        label=tones(
            booked="info",
            arrived="warning",
            fulfilled="success",
            noshow="danger",
            orphaned="danger",
        ),
    )
    def state(self, appointment: Appointment) -> tuple[str, str]:
        if appointment.orphaned:
            return "orphaned", "Orphaned"
        return appointment.status, appointment.get_status_display()

    @display(description="With", ordering="schedule__session_holder__family_name")
    def holder(self, appointment: Appointment) -> str:
        return str(appointment.schedule.session_holder or appointment.session_name or "-")

    @display(description="Where", ordering="location__name")
    def place(self, appointment: Appointment) -> str:
        return str(appointment.location)

    @display(description="Through", ordering="booked_via", label=tones(gp_connect="info"))
    def door(self, appointment: Appointment) -> tuple[str, str]:
        return appointment.booked_via, appointment.get_booked_via_display()

    @display(description="Booked by", ordering="booking_organisation_name")
    def booked_for(self, appointment: Appointment) -> str:
        code = appointment.booking_organisation_ods_code
        name = appointment.booking_organisation_name or code
        return f"{name} ({code})" if code else name or "The practice"

    # What one appointment shows.

    @display(description="State")
    def state_in_words(self, appointment: Appointment) -> str:
        state = str(appointment.get_status_display())
        return (
            f"{state}; orphaned: its session is no longer planned"
            if appointment.orphaned
            else state
        )

    @display(description="Patient")
    def patient_in_words(self, appointment: Appointment) -> str:
        patient = appointment.patient
        url = reverse("admin:practice_patient_change", args=[patient.pk])
        return format_html(
            '<a href="{}" class="text-link">{}</a><br>Born {}<br>NHS number {}{}',
            url,
            patient,
            f"{patient.birth_date:%d %b %Y}",
            nhs_number.spaced(patient.nhs_number),
            format_html_join(
                "", "<br>{}", ((telecom.value,) for telecom in patient.telecoms.all())
            ),
        )

    @display(description="With")
    def with_whom(self, appointment: Appointment) -> str:
        return "\n".join(
            filter(
                None,
                [
                    str(appointment.schedule.session_holder or "Nobody by name"),
                    appointment.get_practitioner_role_display(),
                    appointment.session_name,
                ],
            )
        )

    @display(description="Kind")
    def kind(self, appointment: Appointment) -> str:
        minutes = int((appointment.end - appointment.start).total_seconds() // 60)
        words = [appointment.slot_type, appointment.get_delivery_channel_display()]
        return ", ".join(filter(None, [*words, f"{minutes} minutes"]))

    @display(description="Booked")
    def booked_in_words(self, appointment: Appointment) -> str:
        through = appointment.get_booked_via_display()
        who = appointment.booked_by or ""
        return f"Through {through}, {who}" if who else f"Through {through}"

    @display(description="On")
    def created_in_words(self, appointment: Appointment) -> str:
        return day_and_time(appointment.created)

    @display(description="Booking organisation")
    def booking_organisation(self, appointment: Appointment) -> str:
        """Name, ODS code, type and how to reach it, as the organisation said (STAFF-042, -043)."""
        return rows(booking_organisation_facts(appointment)) or "The practice itself"

    @display(description="Entries")
    def history(self, appointment: Appointment) -> str:
        """Every change: when, what, who with which role, for which organisation, which door."""
        return format_html_join(
            "",
            '<div class="history-entry">{}</div>',
            ((history_entry(entry),) for entry in appointment.provenance),
        )

    @display(description="Related")
    def links(self, appointment: Appointment) -> str:
        trail = reverse("admin:audit_trail")
        entries = [
            (f"{trail}?from_date=&resource=Appointment/{appointment.pk}", "Audit trail"),
            (
                reverse("admin:practice_appointment_changelist")
                + f"?q={appointment.patient.nhs_number}",
                "All of the patient's appointments",
            ),
        ]
        if appointment.moved_from_id:
            old = reverse("admin:practice_appointment_change", args=[appointment.moved_from_id])
            entries.append((old, "Moved from"))
        for new in appointment.moved_to.all():
            entries.append(
                (reverse("admin:practice_appointment_change", args=[new.pk]), "Moved to")
            )
        return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', entries)


def facts_of(appointment: Appointment) -> list[tuple[str, Any]]:
    """Return what a person checks before changing an appointment."""
    facts = [
        ("When", day_and_time(appointment.start, appointment.end)),
        ("Patient", str(appointment.patient)),
        ("With", str(appointment.schedule.session_holder or appointment.session_name or "-")),
        ("Reason for it", appointment.description),
    ]
    if appointment.comment:
        facts.append(("Comment", appointment.comment))
    if appointment.booked_via == Appointment.Door.GP_CONNECT:
        named = appointment.booking_organisation_name
        facts.append(("Booked by", f"{named} ({appointment.booking_organisation_ods_code})"))
    return facts


def booking_organisation_facts(appointment: Appointment) -> list[tuple[str, str]]:
    """Return what the booking organisation said of itself: it is kept as it was sent."""
    try:
        sent = json.loads(appointment.booking_organisation_json or "{}")
    except ValueError:
        sent = {}
    types = [
        terminology.value_set("organisation_type").display(coding.get("code", ""))
        for concept in sent.get("type", [])
        for coding in concept.get("coding", [])
    ]
    facts = [
        ("Name", appointment.booking_organisation_name),
        ("ODS code", appointment.booking_organisation_ods_code),
        ("Type", ", ".join(filter(None, types))),
    ]
    for telecom in sent.get("telecom", []):
        kind = str(telecom.get("system", "contact")).capitalize()
        facts.append((kind, str(telecom.get("value", ""))))
    return [(name, value) for name, value in facts if value]


def rows(facts: list[tuple[str, Any]]) -> SafeString:
    return format_html_join("", "<div>{}: {}</div>", facts)


FIELD_WORDS = {"cancellation_reason": "reason", "status": "state"}


def history_entry(entry: dict[str, Any]) -> SafeString:
    """Return one entry of an appointment's provenance in words."""
    at = entry.get("at", "")
    when = day_and_time(datetime.fromisoformat(at)) if at else "At an unknown time"
    doors = {"gp-connect": "GP Connect", "staff": "practice staff", "command": "a command"}
    who = ", ".join(filter(None, [entry.get("name") or entry.get("user_id"), entry.get("role")]))
    through = doors.get(entry.get("door", ""), entry.get("door", ""))
    facts = [
        ("By", who),
        ("For", entry.get("organisation")),
        ("On behalf of", entry.get("on_authority_of")),
        ("Through", ", ".join(filter(None, [through, entry.get("interaction")]))),
        ("Device", entry.get("device")),
    ]
    changes = [
        (
            FIELD_WORDS.get(name, name.replace("_", " ")).capitalize(),
            f"“{change.get('from', '')}” became “{change.get('to', '')}”",
        )
        for name, change in entry.get("changes", {}).items()
        if isinstance(change, dict)
    ]
    return format_html(
        "<strong>{}, {}</strong>{}",
        str(entry.get("action", "changed")).capitalize(),
        when,
        rows([(name, value) for name, value in [*facts, *changes] if value]),
    )
