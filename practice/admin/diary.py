"""Which time is on offer: sessions and their slots. Actions on them call the diary's services."""

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from practice import clock, terminology
from practice.admin.base import (
    OwnRelatedFilter,
    OwnTabularInline,
    PracticeAdmin,
    PracticeForm,
    tones,
)
from practice.admin.directory import OFFER_LIMITS
from practice.admin.filters import WhenFilter
from practice.admin.offer import obstacles
from practice.admin.pages import OwnRecordField, PageForm, ask, date_field, done, found, textarea
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    Location,
    Organisation,
    Schedule,
    Slot,
)
from practice.services import diary
from practice.services.appointments import booking
from practice.services.diary import Outcome
from practice.site.people import actor_of, own_practices, person, sole_practice
from practice.site.words import day_and_time, day_in_words, times_in_words

# ---------------------------------------------------------------- sessions


class ScheduleForm(PracticeForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        taken_away = not self.cleaned_data.get("practitioner_role")
        if "practitioner_role" in self.changed_data and taken_away:
            offered = self.instance.slots.filter(gp_connect_bookable=True, withdrawn=False).count()
            if offered:
                self.add_error(
                    "practitioner_role",
                    f"{offered} slots of this session are GP Connect bookable and need the role. "
                    "Make them not bookable first, in the list of slots.",
                )
        return cleaned


class SlotInline(OwnTabularInline):
    model = Slot
    readonly_fields = ["times", "state", "slot_type", "delivery_channel", "outside", "patient"]
    fields = [*readonly_fields]
    can_delete = False
    show_change_link = True
    hide_title = True
    verbose_name_plural = "slots"
    ordering = ["start", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        return super().get_queryset(request).prefetch_related(live_appointments())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Time")
    def times(self, slot: Slot) -> str:
        return times_in_words(slot.start, slot.end)

    @display(description="State")
    def state(self, slot: Slot) -> str:
        return state_in_words(slot)

    @display(description="GP Connect")
    def outside(self, slot: Slot) -> str:
        return "Yes" if slot.gp_connect_bookable else "No"

    @display(description="Patient")
    def patient(self, slot: Slot) -> str:
        return patient_link(slot)


class HolderForm(PageForm):
    practitioner = OwnRecordField(
        Schedule._meta.get_field("session_holder"),
        label="Session holder",
        required=False,
        help_text="Empty: nobody by name.",
    )

    def __init__(self, *args: Any, site: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["practitioner"].bind(
            self.request, site, roles__in=organisation.practitioner_roles.all()
        )


class ExtraSlotForm(PageForm):
    """An extra slot beside the session's own."""

    start = forms.TimeField(label="From", widget=UnfoldAdminSingleTimeWidget(format="%H:%M"))
    minutes = forms.IntegerField(
        label="Minutes", min_value=1, max_value=480, widget=UnfoldAdminIntegerFieldWidget()
    )
    slot_type = forms.CharField(
        label="Slot type", max_length=100, widget=UnfoldAdminTextInputWidget()
    )
    delivery_channel = forms.ChoiceField(
        label="Delivery channel",
        required=False,
        choices=lambda: [("", "Select value"), *terminology.delivery_channels()],
        widget=UnfoldAdminSelectWidget(),
    )
    reason = forms.CharField(
        label="Reason",
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Why the session is overbooked. For staff only.",
    )


class SessionForm(PageForm):
    """One session by hand, filled with slots of one kind."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="Practice",
        empty_label="Select value",
        widget=UnfoldAdminSelectWidget(),
    )
    session_name = forms.CharField(
        label="Session name",
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown to other organisations too.",
    )
    session_holder = OwnRecordField(
        Schedule._meta.get_field("session_holder"), label="Session holder", required=False
    )
    location = forms.ModelChoiceField(
        Location.objects.none(),
        label="Location",
        empty_label="Select value",
        widget=UnfoldAdminSelectWidget(),
    )
    practitioner_role = forms.ChoiceField(
        label="Role",
        required=False,
        choices=lambda: [("", "Select value"), *terminology.practitioner_roles()],
        widget=UnfoldAdminSelectWidget(),
        help_text="Needed before any slot of the session can be GP Connect bookable.",
    )
    date = date_field("Date")
    start = forms.TimeField(label="From", widget=UnfoldAdminSingleTimeWidget(format="%H:%M"))
    end = forms.TimeField(label="To", widget=UnfoldAdminSingleTimeWidget(format="%H:%M"))
    slot_minutes = forms.IntegerField(
        label="Slot length (minutes)",
        min_value=1,
        max_value=480,
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    slot_type = forms.CharField(
        label="Slot type",
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The practice's own words. Shown outside.",
    )
    delivery_channel = forms.ChoiceField(
        label="Delivery channel",
        required=False,
        choices=lambda: [("", "Select value"), *terminology.delivery_channels()],
        widget=UnfoldAdminSelectWidget(),
    )
    gp_connect_bookable = forms.BooleanField(
        label="GP Connect bookable", required=False, widget=UnfoldBooleanSwitchWidget()
    )
    access_profile = forms.ModelChoiceField(
        AccessProfile.objects.none(),
        label="Access profile",
        required=False,
        empty_label="Everybody",
        widget=UnfoldAdminSelectWidget(),
        help_text="Who outside may book.",
    )

    def __init__(self, *args: Any, site: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        practices = own_practices(self.request)
        self.fields["organisation"].queryset = practices
        if sole_practice(self.request):
            del self.fields["organisation"]
        self.fields["session_holder"].bind(self.request, site)
        self.fields["location"].queryset = Location.objects.filter(organisation__in=practices)
        self.fields["access_profile"].queryset = AccessProfile.objects.filter(
            organisation__in=practices
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        start, end = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        if start and end and end <= start:
            self.add_error("end", "The session ends before it begins.")
        practice = self.practice
        for name in ("location", "access_profile"):
            value = self.cleaned_data.get(name)
            if practice and value and value.organisation_id != practice.pk:
                self.add_error(name, f"{value} belongs to another practice.")
        return cleaned

    @property
    def practice(self) -> Any:
        return self.cleaned_data.get("organisation") or sole_practice(self.request)


def slot_count(**conditions: Any) -> Coalesce:
    """Count a session's slots beside the row, so that the row itself can still be locked."""
    slots = Slot.objects.filter(schedule=OuterRef("pk"), withdrawn=False, **conditions)
    counted = slots.order_by().values("schedule").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


@admin.register(Schedule)
class ScheduleAdmin(PracticeAdmin):
    form = ScheduleForm
    keeps_history = True
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
    empty_choices = {"access_profile": "Everybody"}
    list_filter = [
        WhenFilter,
        ("date", RangeDateFilter),
        ("session_holder", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
        ("practitioner_role", ChoicesDropdownFilter),
        ("access_profile", OwnRelatedFilter),
        ("withdrawn", BooleanRadioFilter),
    ]
    list_select_related = ["organisation", "session_holder", "location"]
    date_hierarchy = "date"
    search_fields = [
        "session_name",
        "session_holder__family_name",
        "session_holder__given_names",
        "location__name",
    ]
    search_help_text = "Session, session holder or location"
    ordering = ["start", "id"]
    readonly_fields = ["when", "session_holder", "template", "withdrawn", "version"]
    inlines = [SlotInline]
    actions_list = ["create_session"]
    actions_detail = ["change_holder", "add_extra_slot"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "when",
                    ("session_name", "session_holder"),
                    ("location", "practitioner_role"),
                    "access_profile",
                ]
            },
        ),
        (
            "When others may book",
            {
                "fields": [tuple(OFFER_LIMITS)],
                "classes": ["collapse"],
                "description": "For the whole session. A slot can say otherwise; what is empty "
                "here is as set for the practice.",
            },
        ),
        ("Record", {"fields": [("template", "version"), "withdrawn"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        queryset = super().get_queryset(request)
        return queryset.annotate(
            number_of_slots=slot_count(),
            number_free=slot_count(status=Slot.Status.FREE),
            number_outside=slot_count(gp_connect_bookable=True),
        )

    def patients_on_page(self, record: Schedule) -> Iterable[int]:
        held = AppointmentSlot.objects.filter(slot__schedule=record, released=False)
        return held.values_list("appointment__patient", flat=True)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A session is made with its slots: see create_session."""
        return False

    def has_create_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.add_schedule")

    def has_extra_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.add_slot")

    def derived_columns(self, obj: Schedule, changed: list[str]) -> list[str]:
        if not changed:
            return []
        obj.changed_by_hand = True
        return ["changed_by_hand"]

    @action(
        description="Add a session",
        permissions=["create"],
        url_path="create-session",
        icon="add",
        variant=ActionVariant.PRIMARY,
    )
    def create_session(self, request: HttpRequest) -> HttpResponse:
        def act(form: SessionForm) -> HttpResponse:
            values, practice = form.cleaned_data, form.practice
            holder, profile = values["session_holder"], values["access_profile"]
            session = diary.create_session(
                organisation=practice,
                location_id=values["location"].pk,
                start=clock.instant(values["date"], values["start"]),
                end=clock.instant(values["date"], values["end"]),
                slot_minutes=values["slot_minutes"],
                slot_type=values["slot_type"],
                actor=actor_of(request, practice),
                now=timezone.now(),
                session_holder_id=holder.pk if holder else None,
                session_name=values["session_name"],
                practitioner_role=values["practitioner_role"],
                delivery_channel=values["delivery_channel"],
                gp_connect_bookable=values["gp_connect_bookable"],
                access_profile_id=profile.pk if profile else None,
            )
            url = reverse("admin:practice_schedule_change", args=[session.pk])
            return done(request, f"{session}: {session.slots.count()} slots created.", url)

        return ask(
            self,
            request,
            form_class=SessionForm,
            site=self.admin_site,
            title="Add a session",
            facts=[("For one date", "What repeats belongs in a template.")],
            button="Create the session and its slots",
            act=act,
            back=reverse("admin:practice_schedule_changelist"),
            initial={"date": clock.today(timezone.now())},
        )

    @action(
        description="Change session holder",
        permissions=["change"],
        url_path="change-holder",
        icon="switch_account",
    )
    def change_holder(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = found(self, request, object_id)
        url = reverse("admin:practice_schedule_change", args=[session.pk])

        def act(form: HolderForm) -> HttpResponse:
            person = form.cleaned_data["practitioner"]
            diary.change_session_holder(
                organisation=session.organisation,
                schedule_id=session.pk,
                practitioner_id=person.pk if person else None,
                actor=actor_of(request, session.organisation),
                now=timezone.now(),
            )
            return done(request, f"{session} is now {holder_in_words(person)}.", url)

        booked = session.appointments.exclude(status=Appointment.Status.CANCELLED).count()
        return ask(
            self,
            request,
            form_class=HolderForm,
            site=self.admin_site,
            organisation=session.organisation,
            title="Change session holder",
            facts=[
                ("Session", f"{session}, {day_and_time(session.start, session.end)}"),
                ("Now", holder_in_words(session.session_holder)),
                ("Booked", f"{booked} appointments: they show the new session holder from then on"),
            ],
            button="Change session holder",
            act=act,
            back=url,
            initial={"practitioner": session.session_holder_id},
        )

    @action(
        description="Add an extra slot",
        permissions=["extra"],
        url_path="extra-slot",
        icon="more_time",
    )
    def add_extra_slot(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = found(self, request, object_id)
        url = reverse("admin:practice_schedule_change", args=[session.pk])

        def act(form: ExtraSlotForm) -> HttpResponse:
            values = form.cleaned_data
            start = clock.instant(session.date, values["start"])
            slot = diary.add_extra_slot(
                organisation=session.organisation,
                schedule_id=session.pk,
                start=start,
                end=start + timedelta(minutes=values["minutes"]),
                slot_type=values["slot_type"],
                reason=values["reason"],
                delivery_channel=values["delivery_channel"],
                actor=actor_of(request, session.organisation),
                now=timezone.now(),
            )
            return done(request, f"Extra slot added, {day_and_time(slot.start, slot.end)}.", url)

        return ask(
            self,
            request,
            form_class=ExtraSlotForm,
            title="Add an extra slot",
            facts=[
                ("Session", f"{session}, {day_and_time(session.start, session.end)}"),
                ("Offered", "Never to other organisations"),
            ],
            button="Add the slot",
            act=act,
            back=url,
            initial={"start": f"{clock.local(session.start):%H:%M}", "minutes": 10},
        )

    @display(description="Date", ordering="start")
    def day(self, session: Schedule) -> str:
        return day_in_words(session.start)

    @display(description="Time")
    def times(self, session: Schedule) -> str:
        return times_in_words(session.start, session.end)

    @display(description="When")
    def when(self, session: Schedule) -> str:
        return day_and_time(session.start, session.end)

    @display(description="Free")
    def free_slots(self, session: Any) -> str:
        return f"{session.number_free} of {session.number_of_slots}"

    @display(description="GP Connect")
    def outside(self, session: Any) -> int:
        return session.number_outside

    @display(description="State", label={"Withdrawn": "danger", "Planned": "success"})
    def state(self, session: Schedule) -> str:
        return "Withdrawn" if session.withdrawn else "Planned"


def holder_in_words(person: Any) -> str:
    return f"held by {person}" if person else "held by nobody by name"


# ---------------------------------------------------------------- slots


def live_appointments() -> Prefetch:
    """Bring along who has a slot now: one query for a whole list."""
    held = AppointmentSlot.objects.filter(released=False).select_related("appointment__patient")
    return Prefetch("appointment_slots", queryset=held, to_attr="held_by")


def patient_link(slot: Any) -> str:
    """Return the patient who has the slot, as a link to the appointment."""
    for held in slot.held_by:
        url = reverse("admin:practice_appointment_change", args=[held.appointment_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, held.appointment.patient)
    return "-"


def state_of(slot: Slot) -> str:
    """Return the key of a slot's state: its status, unless something counts for more."""
    if slot.withdrawn:
        return "withdrawn"
    if slot.status == Slot.Status.FREE and slot.end <= timezone.now():
        return "not-used"
    return slot.status


def state_in_words(slot: Slot) -> str:
    words = {"withdrawn": "Withdrawn", "not-used": "Not used"}
    return words.get(state_of(slot), str(slot.get_status_display()))


class SlotForm(PracticeForm):
    """What a slot is and whom it is offered to; that it can be seen at all is checked here."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.cleaned_data.get("gp_connect_bookable") or self.errors:
            return cleaned
        slot = copy.copy(self.instance)
        for name, value in self.cleaned_data.items():
            if name in {field.name for field in Slot._meta.fields}:
                setattr(slot, name, value)
        for reason in obstacles(slot):
            self.add_error("gp_connect_bookable", reason)
        return cleaned


class BlockSlotsForm(PageForm):
    note = forms.CharField(
        label="Note",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For staff only: tutorial, catch-up.",
    )


class BookForm(PageForm):
    """Who comes, and why."""

    patient = OwnRecordField(
        Appointment._meta.get_field("patient"),
        label="Patient",
        help_text="Name, NHS number (with or without spaces) or date of birth (29/02/1980).",
    )
    slots = forms.TypedChoiceField(label="Length", coerce=int, widget=UnfoldAdminSelectWidget())
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
        help_text="Access needs, an interpreter. At most 500 characters.",
    )

    def __init__(self, *args: Any, site: Any, row: list[Slot], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["patient"].bind(self.request, site, organisation=row[0].organisation_id)
        self.fields["slots"].choices = [
            (number, length_in_words(row[:number])) for number in range(1, len(row) + 1)
        ]


def length_in_words(slots: list[Slot]) -> str:
    minutes = int((slots[-1].end - slots[0].start).total_seconds() // 60)
    number = f"{len(slots)} slots" if len(slots) > 1 else "1 slot"
    return f"{minutes} minutes, until {clock.local(slots[-1].end):%H:%M} ({number})"


def bookable_row(slot: Slot, *, at_most: int = 6) -> list[Slot]:
    """Return a slot with the free ones that follow it at once and are like it."""
    row = [slot]
    following = slot.schedule.slots.filter(
        start__gt=slot.start,
        status=Slot.Status.FREE,
        withdrawn=False,
        slot_type=slot.slot_type,
        delivery_channel=slot.delivery_channel,
    ).order_by("start", "pk")
    for other in following[: at_most * 2]:
        if other.start == row[-1].end and len(row) < at_most:
            row.append(other)
    return row


@admin.register(Slot)
class SlotAdmin(PracticeAdmin):
    form = SlotForm
    keeps_history = True
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
    ]
    list_display_links = ["day", "time"]
    list_fullwidth = True
    empty_choices = {"access_profile": "As for the session"}
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
    readonly_fields = ["when", "schedule", "state_in_words", "patient", "version"]
    actions = ["block", "unblock", "make_bookable", "make_not_bookable", "withdraw", "restore"]
    actions_row = ["book"]
    actions_detail = [
        "book",
        {
            "title": "Change state",
            "icon": "edit_calendar",
            "items": [
                "block_one",
                "unblock_one",
                "make_bookable_one",
                "make_not_bookable_one",
                "withdraw_one",
                "restore_one",
            ],
        },
    ]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("when", "state_in_words"),
                    ("schedule", "patient"),
                    ("slot_type", "delivery_channel"),
                    "note",
                ]
            },
        ),
        (
            "Offered to other organisations",
            {"fields": [("gp_connect_bookable", "access_profile"), tuple(OFFER_LIMITS)]},
        ),
        ("Record", {"fields": [("version", "changed_by_hand")], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        return super().get_queryset(request).prefetch_related(live_appointments())

    def patients_in_row(self, record: Any) -> list[int]:
        return [held.appointment.patient_id for held in record.held_by]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Slots come from templates, with a session, or beside it: see ScheduleAdmin."""
        return False

    def has_book_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.add_appointment")

    def derived_columns(self, obj: Slot, changed: list[str]) -> list[str]:
        """What a person set stays as it is when the diary is generated again."""
        if not set(changed) - {"note", "changed_by_hand"} or "changed_by_hand" in changed:
            return []
        obj.changed_by_hand = True
        return ["changed_by_hand"]

    # Booking.

    @action(
        description="Book",
        permissions=["book"],
        url_path="book",
        icon="event_available",
        variant=ActionVariant.PRIMARY,
    )
    def book(self, request: HttpRequest, object_id: str) -> HttpResponse:
        slot = found(self, request, object_id)
        row = bookable_row(slot)

        def act(form: BookForm) -> HttpResponse:
            appointment = booking.book_appointment(
                organisation=slot.organisation,
                patient_id=form.cleaned_data["patient"].pk,
                slot_ids=[one.pk for one in row[: form.cleaned_data["slots"]]],
                description=form.cleaned_data["description"],
                comment=form.cleaned_data["comment"],
                actor=actor_of(request, slot.organisation),
                now=timezone.now(),
                booked_by=person(request).user,
            )
            when = day_and_time(appointment.start, appointment.end)
            url = reverse("admin:practice_appointment_change", args=[appointment.pk])
            return done(request, f"Booked: {appointment.patient}, {when}.", url)

        session = slot.schedule
        state = state_of(slot)
        return ask(
            self,
            request,
            form_class=BookForm,
            site=self.admin_site,
            row=row,
            title="Book an appointment",
            facts=[
                ("When", day_and_time(slot.start, slot.end)),
                ("With", str(session.session_holder or session.session_name or "-")),
                ("Where", str(session.location)),
                ("Slot", ", ".join(filter(None, [slot.slot_type, slot.delivery_channel]))),
            ],
            warning="" if state == "free" else f"This slot is not free: {state_in_words(slot)}.",
            button="Book",
            act=act,
            back=reverse("admin:practice_slot_changelist"),
        )

    # Changing many at once, or one.

    @admin.action(description="Block", permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, diary.block_slots, "blocked")

    @admin.action(description="Unblock", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, diary.unblock_slots, "unblocked")

    @admin.action(description="Make GP Connect bookable", permissions=["change"])
    def make_bookable(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, diary.make_bookable, "made GP Connect bookable")

    @admin.action(description="Make not GP Connect bookable", permissions=["change"])
    def make_not_bookable(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(
            request, queryset, diary.make_not_bookable, "made not GP Connect bookable"
        )

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, diary.withdraw_slots, "withdrawn")

    @admin.action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        self._change_many(request, queryset, diary.restore_slots, "restored")

    def _change_many(
        self,
        request: HttpRequest,
        queryset: QuerySet[Slot],
        service: Callable[..., Outcome],
        what: str,
    ) -> None:
        ids: dict[int, list[int]] = defaultdict(list)
        for pk, practice in queryset.order_by().values_list("pk", "organisation_id"):
            ids[practice].append(pk)
        outcomes = [
            service(
                organisation=practice,
                slot_ids=ids[practice.pk],
                actor=actor_of(request, practice),
                now=timezone.now(),
            )
            for practice in Organisation.objects.filter(pk__in=ids)
        ]
        report(request, outcomes, what)

    @action(description="Block", permissions=["change"], url_path="block", icon="block")
    def block_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(
            request, object_id, diary.block_slots, "blocked", "Block", form=BlockSlotsForm
        )

    @action(description="Unblock", permissions=["change"], url_path="unblock", icon="lock_open")
    def unblock_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(request, object_id, diary.unblock_slots, "unblocked", "Unblock")

    @action(
        description="Make GP Connect bookable",
        permissions=["change"],
        url_path="make-bookable",
        icon="public",
    )
    def make_bookable_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(
            request,
            object_id,
            diary.make_bookable,
            "made GP Connect bookable",
            "Make GP Connect bookable",
        )

    @action(
        description="Make not GP Connect bookable",
        permissions=["change"],
        url_path="make-not-bookable",
        icon="public_off",
    )
    def make_not_bookable_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(
            request,
            object_id,
            diary.make_not_bookable,
            "made not GP Connect bookable",
            "Make not GP Connect bookable",
        )

    @action(description="Withdraw", permissions=["change"], url_path="withdraw", icon="event_busy")
    def withdraw_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(request, object_id, diary.withdraw_slots, "withdrawn", "Withdraw")

    @action(description="Restore", permissions=["change"], url_path="restore", icon="restore")
    def restore_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change_one(request, object_id, diary.restore_slots, "restored", "Restore")

    def _change_one(
        self,
        request: HttpRequest,
        object_id: str,
        service: Callable[..., Outcome],
        what: str,
        button: str,
        form: type[PageForm] = PageForm,
    ) -> HttpResponse:
        slot = found(self, request, object_id)
        url = reverse("admin:practice_slot_change", args=[slot.pk])

        def act(answered: PageForm) -> HttpResponse:
            outcome = service(
                organisation=slot.organisation,
                slot_ids=[slot.pk],
                actor=actor_of(request, slot.organisation),
                now=timezone.now(),
                **answered.cleaned_data,
            )
            report(request, [outcome], what)
            return redirect(url)

        return ask(
            self,
            request,
            form_class=form,
            title=f"{button} this slot?",
            facts=[
                ("When", day_and_time(slot.start, slot.end)),
                ("Slot", ", ".join(filter(None, [slot.slot_type, slot.delivery_channel]))),
                ("With", str(slot.schedule.session_holder or "-")),
                ("State", state_in_words(slot)),
            ],
            button=button,
            act=act,
            back=url,
        )

    # What the list shows.

    @display(description="Day", ordering="start")
    def day(self, slot: Slot) -> str:
        return day_in_words(slot.start)

    @display(description="Time")
    def time(self, slot: Slot) -> str:
        return times_in_words(slot.start, slot.end)

    @display(description="When", ordering="start")
    def when(self, slot: Slot) -> str:
        return day_and_time(slot.start, slot.end)

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
        return state_of(slot), state_in_words(slot)

    @display(description="State")
    def state_in_words(self, slot: Slot) -> str:
        return state_in_words(slot)

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
    def patient(self, slot: Slot) -> str:
        return patient_link(slot)


def report(request: HttpRequest, outcomes: list[Outcome], what: str) -> None:
    """Say how many slots were changed, and how many were left as they are, for each reason."""
    changed = sum(len(outcome.changed) for outcome in outcomes)
    whys = Counter(refused.why for outcome in outcomes for refused in outcome.refused)
    if changed:
        messages.success(request, f"{counted(changed)} {what}.")
    if whys:
        reasons = " ".join(f"{number} × {why}" for why, number in whys.most_common())
        left = sum(whys.values())
        level = messages.WARNING if changed else messages.ERROR
        messages.add_message(request, level, f"{counted(left)} left as before: {reasons}")


def counted(number: int) -> str:
    return f"{number} slot" if number == 1 else f"{number} slots"
