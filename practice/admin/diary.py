"""The lists of sessions and slots; actions on many slots call the same services as their pages."""

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
)
from unfold.decorators import display

from practice.admin.base import ListAdmin, OwnRelatedFilter, tones
from practice.admin.filters import RangeDateFilter, RangeDateTimeFilter, WhenFilter
from practice.models import Schedule, Slot
from practice.reads.slots import slot_count, who_has_each
from practice.site.people import actor_of, own_practices
from practice.site.slot_changes import CHANGES, MOST, report
from practice.site.states import state_in_words, state_of
from practice.site.words import day_in_words, times_in_words

# ---------------------------------------------------------------- sessions


@admin.register(Schedule)
class ScheduleAdmin(ListAdmin):
    list_display = [
        "day",
        "times",
        "session_name",
        "session_holder",
        "location",
        "practitioner_role",
        "free_slots",
        "outside",
        "state",
    ]
    list_display_links = ["day", "session_name"]
    list_fullwidth = True
    list_filter = [
        WhenFilter,
        ("date", RangeDateFilter),
        ("session_holder", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
        ("practitioner_role", ChoicesDropdownFilter),
        ("access_profile", OwnRelatedFilter),
        ("withdrawn", BooleanRadioFilter),
    ]
    list_select_related = ["session_holder", "location"]
    date_hierarchy = "date"
    search_fields = [
        "session_name",
        "session_holder__family_name",
        "session_holder__given_names",
        "location__name",
    ]
    search_help_text = "Session, session holder or location"
    ordering = ["start", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        queryset = super().get_queryset(request)
        return queryset.annotate(
            number_of_slots=slot_count(),
            number_free=slot_count(status=Slot.Status.FREE),
            number_outside=slot_count(gp_connect_bookable=True),
        )

    @display(description="Date", ordering="start")
    def day(self, session: Schedule) -> str:
        return day_in_words(session.start)

    @display(description="Time")
    def times(self, session: Schedule) -> str:
        return times_in_words(session.start, session.end)

    @display(description="Free")
    def free_slots(self, session: Any) -> str:
        return f"{session.number_free} of {session.number_of_slots}"

    @display(description="GP Connect")
    def outside(self, session: Any) -> int:
        return session.number_outside

    @display(description="State", label={"Withdrawn": "danger", "Planned": "success"})
    def state(self, session: Schedule) -> str:
        return "Withdrawn" if session.withdrawn else "Planned"


# ---------------------------------------------------------------- slots


@admin.register(Slot)
class SlotAdmin(ListAdmin):
    list_display = [
        "day",
        "time",
        "state",
        "slot_type",
        "delivery_channel",
        "holder",
        "place",
        "offered_to",
        "patient",
        "book",
    ]
    list_display_links = ["day", "time"]
    list_fullwidth = True
    list_filter = [
        WhenFilter,
        ("start", RangeDateTimeFilter),
        ("status", ChoicesDropdownFilter),
        ("schedule__session_holder", OwnRelatedFilter),
        ("schedule__location", OwnRelatedFilter),
        ("slot_type", FieldTextFilter),
        ("delivery_channel", ChoicesDropdownFilter),
        ("gp_connect_bookable", BooleanRadioFilter),
        ("access_profile", OwnRelatedFilter),
        ("withdrawn", BooleanRadioFilter),
        ("overbooked", BooleanRadioFilter),
    ]
    list_select_related = [
        "organisation",
        "schedule__session_holder",
        "schedule__location",
        "schedule__access_profile",
        "access_profile",
    ]
    date_hierarchy = "start"
    search_fields = [
        "slot_type",
        "note",
        "schedule__session_name",
        "schedule__session_holder__family_name",
        "schedule__session_holder__given_names",
        "schedule__location__name",
    ]
    search_help_text = "Slot type, session, session holder, location or note"
    ordering = ["start", "id"]
    actions = [
        "block",
        "unblock",
        "make_bookable",
        "make_not_bookable",
        "withdraw",
        "restore",
        "several",
    ]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Only those who may book are offered to."""
        columns = super().get_list_display(request)
        if request.user.has_perm("practice.add_appointment"):
            return columns
        return [column for column in columns if column != "book"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        return super().get_queryset(request).prefetch_related(who_has_each())

    def patients_in_row(self, record: Any) -> list[int]:
        return [held.appointment.patient_id for held in record.held_by]

    # Changing many at once.

    @admin.action(description="Block", permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "block")

    @admin.action(description="Unblock", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "unblock")

    @admin.action(description="Make GP Connect bookable", permissions=["change"])
    def make_bookable(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "offer")

    @admin.action(description="Make not GP Connect bookable", permissions=["change"])
    def make_not_bookable(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "withhold")

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "withdraw")

    @admin.action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, "restore")

    @admin.action(description="Block with a reason, or give to a profile…", permissions=["change"])
    def several(self, request: HttpRequest, queryset: QuerySet[Slot]) -> HttpResponse | None:
        """What needs words goes on to the page of several slots."""
        found = queryset.order_by("start", "pk").values_list("pk", "organisation_id")
        chosen = list(found[: MOST + 1])
        if len(chosen) > MOST:
            messages.error(request, f"Choose {MOST} slots at most for that.")
            return None
        if len({practice for _, practice in chosen}) > 1:
            messages.error(request, "Choose slots of one practice for that.")
            return None
        slots = ",".join(str(pk) for pk, _ in chosen)
        asked = urlencode({"slots": slots, "back": request.get_full_path()})
        return redirect(f"{reverse('admin:several_slots')}?{asked}")

    def _change_many(self, request: HttpRequest, queryset: QuerySet[Slot], do: str) -> None:
        change = CHANGES[do]
        ids: dict[int, list[int]] = defaultdict(list)
        for pk, practice in queryset.order_by().values_list("pk", "organisation_id"):
            ids[practice].append(pk)
        outcomes = [
            change.service(
                organisation=practice,
                slot_ids=ids[practice.pk],
                actor=actor_of(request, practice),
                now=timezone.now(),
            )
            for practice in own_practices(request).filter(pk__in=ids)
        ]
        report(request, outcomes, change.done)

    # What the list shows.

    @display(description="Day", ordering="start")
    def day(self, slot: Slot) -> str:
        return day_in_words(slot.start)

    @display(description="Time")
    def time(self, slot: Slot) -> str:
        return times_in_words(slot.start, slot.end)

    @display(
        description="State",
        ordering="status",
        label=tones(
            free="success",
            busy="info",
            busy_unavailable="warning",
            busy_tentative="warning",
            withdrawn="danger",
        ),
    )
    def state(self, slot: Slot) -> tuple[str, str]:
        now = timezone.now()
        return state_of(slot, now=now), state_in_words(slot, now=now)

    @display(description="With", ordering="schedule__session_holder__family_name")
    def holder(self, slot: Slot) -> str:
        return str(slot.schedule.session_holder or slot.schedule.session_name or "-")

    @display(description="Where", ordering="schedule__location__name")
    def place(self, slot: Slot) -> str:
        return str(slot.schedule.location)

    @display(
        description="GP Connect", ordering="gp_connect_bookable", label=tones(offered="primary")
    )
    def offered_to(self, slot: Slot) -> tuple[str, str]:
        if not slot.gp_connect_bookable:
            return "no", "No"
        profile = slot.access_profile or slot.schedule.access_profile
        return "offered", str(profile) if profile else "Everybody"

    @display(description="Patient")
    def patient(self, slot: Any) -> str:
        """Who has it, as a link to the appointment."""
        for held in slot.held_by:
            url = reverse("admin:practice_appointment_change", args=[held.appointment_id])
            name = held.appointment.patient
            return format_html('<a href="{}" class="text-link">{}</a>', url, name)
        return "-"

    @display(description="Book")
    def book(self, slot: Slot) -> str:
        if state_of(slot, now=timezone.now()) != Slot.Status.FREE:
            return ""
        url = reverse("admin:practice_appointment_add")
        return format_html('<a href="{}?slot={}" class="text-link">Book</a>', url, slot.pk)
