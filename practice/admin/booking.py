"""The list of appointments: who comes, when and to whom, and who booked it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
)
from unfold.decorators import display

from practice import nhs_number
from practice.admin.base import ListAdmin, OwnRelatedFilter, tones
from practice.admin.filters import RangeDateTimeFilter, WhenFilter
from practice.admin.patients import birth_date_in
from practice.models import Appointment
from practice.site.words import day_in_words, times_in_words

# As Django's own ``get_..._display`` says it, which looks for it anew for each row.
STATES: dict[str, str] = dict(Appointment.Status.choices)
DOORS: dict[str, str] = dict(Appointment.Door.choices)


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
class AppointmentAdmin(ListAdmin):
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
    list_select_related = ["patient", "schedule__session_holder", "location"]
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a patient by a number however it is spaced, or by a date of birth."""
        if born := birth_date_in(search_term):
            return queryset.filter(patient__birth_date=born), False
        digits = search_term.replace(" ", "").replace("-", "")
        if digits.isdecimal():
            return queryset.filter(patient__nhs_number__startswith=digits), False
        return super().get_search_results(request, queryset, search_term.replace(",", " "))

    def patients_in_row(self, record: Appointment) -> list[int]:
        return [record.patient_id]

    # What the list shows.

    @display(description="Day", ordering="start")
    def day(self, appointment: Appointment) -> str:
        return day_in_words(appointment.start)

    @display(description="Time")
    def time(self, appointment: Appointment) -> str:
        return times_in_words(appointment.start, appointment.end)

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
        return appointment.status, STATES[appointment.status]

    @display(description="With", ordering="schedule__session_holder__family_name")
    def holder(self, appointment: Appointment) -> str:
        return str(appointment.schedule.session_holder or appointment.session_name or "-")

    @display(description="Where", ordering="location__name")
    def place(self, appointment: Appointment) -> str:
        return str(appointment.location)

    @display(description="Through", ordering="booked_via", label=tones(gp_connect="info"))
    def door(self, appointment: Appointment) -> tuple[str, str]:
        return appointment.booked_via, DOORS[appointment.booked_via]

    @display(description="Booked by", ordering="booking_organisation_name")
    def booked_for(self, appointment: Appointment) -> str:
        code = appointment.booking_organisation_ods_code
        name = appointment.booking_organisation_name or code
        return f"{name} ({code})" if code else name or "The practice"
